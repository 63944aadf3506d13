"""Counting pixels: on the host in small parts, elsewhere in operations that read no value.

Two label maps make one table a region, of the pairs (label in target, label in pred): one pass and no array a class. Where the
table would be larger than its pixels are worth, and where one side has the class axis, classes are counted one after the other.
Counts are integers. Sums of weights are added up cell by cell: no sum is formed as a difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import array_api_compat.numpy
import numpy as np

from .. import _arguments as arguments
from .._backend import Array
from ._masks import CHUNK, Mask, Reading, check_weight, chunks, groups
from ._records import one_against_rest

__all__ = ["class_table_on_device", "class_table_on_host", "count_on_device", "count_on_host"]

Cells = tuple[Any, Any, Any, Any]
"""True and false positives, false and true negatives."""
PLACES = 2**24
"""The most places of tables of pairs for the counts of single classes: 128 MiB."""


# On the host. ---------------------------------------------------------------------------------------------------------


def count_on_host(owner: str, reading: Reading) -> Any:
    """The four counts of a reading of NumPy arrays, all values looked at: one array [cell, region (and class)]."""
    if reading.weight is not None:
        check_weight(owner, reading.weight)
    p, t = reading.pred, reading.target
    classes = reading.classes
    if classes is None or not reading.by_label:
        arrays = [p.array, t.array]
        if reading.weight is not None:
            arrays.append(np.broadcast_to(reading.weight, reading.shape))
        return _count_class(owner, reading, arrays, reading.axes, None)
    if p.form == t.form == "labels" and classes**2 <= PLACES and reading.pixels >= 8 * classes:
        cells = _count_pairs(owner, reading, classes)
    else:
        labels: Sequence[int] = range(classes)
        if p.form == t.form == "labels":
            reading.check(owner)
            labels = _present(reading, classes)
        cells = _count_classes(owner, reading, classes, labels)
    place = reading.class_place + 1
    return cells if place == cells.ndim - 1 else np.moveaxis(cells, -1, place)


def class_table_on_host(owner: str, reading: Reading, classes: int) -> Any:
    """The counts [..., target, pred] of two label maps, all values looked at."""
    if reading.weight is not None:
        check_weight(owner, reading.weight)
    arrays, axes = _label_arrays(reading), reading.pixel_axes
    tables = _zeros(reading, arrays[0].shape, axes, (), (classes, classes))
    for place, parts in _small_groups(arrays, axes, classes):
        tables[place] = _table(owner, reading, parts, classes).reshape(tables[place].shape)
    return tables


def _label_arrays(reading: Reading) -> list[Any]:
    """The two label maps and the weights, all of one shape."""
    arrays = [reading.pred.array, reading.target.array]
    if reading.weight is not None:
        arrays.append(np.broadcast_to(reading.pixel_weight, arrays[0].shape))
    return arrays


def _zeros(
    reading: Reading, shape: tuple[int, ...], axes: tuple[int, ...], first: tuple[int, ...], last: tuple[int, ...] = ()
) -> Any:
    """Counts of 0 for each region along `axes` of an array of `shape`, with more axes before and behind."""
    kept = [] if len(axes) == len(shape) else [size for axis, size in enumerate(shape) if axis not in axes]
    return np.zeros((*first, *kept, *last), dtype=np.int64 if reading.weight is None else np.float64)


def _small_groups(arrays: list[Any], axes: tuple[int, ...], classes: int) -> Any:
    """Groups of regions whose tables of pairs are not larger than what is looked at beside them."""
    return groups(arrays, axes, max(1, CHUNK // classes**2), max(CHUNK, classes**2))


def _count_pairs(owner: str, reading: Reading, classes: int) -> Any:
    arrays, axes = _label_arrays(reading), reading.pixel_axes
    cells = _zeros(reading, arrays[0].shape, axes, (4,), (classes,))
    for place, parts in _small_groups(arrays, axes, classes):
        found = one_against_rest(array_api_compat.numpy, _table(owner, reading, parts, classes), classes)
        for cell, one in zip(cells, found, strict=True):
            cell[place] = one.reshape(cell[place].shape)
    return cells


def _table(owner: str, reading: Reading, parts: Any, classes: int) -> Any:
    """The tables [region, target, pred] of the parts of a group of regions."""
    total: Any = None
    for part in parts:
        p, t, *weights = part
        weight = weights[0] if weights else None
        relevant = reading.relevant(t, weight)
        if relevant is not None:
            p, t = p[relevant], t[relevant]
            weight = None if weight is None else weight[relevant].astype(np.float64, copy=False)
        if p.size:
            reading.pred.check(owner, p, None)
            reading.target.check(owner, t, None)
        place = np.multiply(t, classes, dtype=np.intp, casting="unsafe")
        np.add(place, p, out=place, dtype=np.intp, casting="unsafe")
        regions = len(part[0])
        if regions > 1:
            first = np.arange(0, regions * classes**2, classes**2)[:, np.newaxis]
            place += first if relevant is None else np.broadcast_to(first, part[0].shape)[relevant]
        counted = np.bincount(place.ravel(), weight, regions * classes**2)
        del place  # before the next one is made
        total = counted if total is None else np.add(total, counted, out=total)
    return total.reshape(-1, classes, classes)


def _present(reading: Reading, classes: int) -> list[int]:
    """The labels that occur, and one that does not, if there is any, in place of all these."""
    present = np.zeros(classes, dtype=bool)
    for parts in chunks(_label_arrays(reading)):
        relevant = reading.relevant(parts[1], parts[2] if len(parts) > 2 else None)
        for part in parts[:2]:
            present[part if relevant is None else part[relevant]] = True
    absent = np.flatnonzero(~present)[:1]
    return [*map(int, np.flatnonzero(present)), *map(int, absent)]


def _count_classes(owner: str, reading: Reading, classes: int, labels: Sequence[int]) -> Any:
    """Class after class: those of `labels`; all others are as the last one is."""
    cells: Any = None
    for label in labels:
        arrays = [reading.of_class(reading.pred, label), reading.of_class(reading.target, label)]
        if reading.weight is not None:
            arrays.append(np.broadcast_to(reading.pixel_weight, arrays[0].shape))
        found = _count_class(owner, reading, arrays, reading.pixel_axes, label)
        if cells is None:
            cells = np.empty((*found.shape, classes), dtype=found.dtype)
        cells[..., label] = found
    if len(labels) < classes:
        others = np.ones(classes, dtype=bool)
        others[labels] = False
        cells[..., others] = cells[..., labels[-1:]]
    return cells


def _count_class(owner: str, reading: Reading, arrays: list[Any], axes: tuple[int, ...], label: int | None) -> Any:
    """The four counts of one class against the rest, or of two masks (`label` None): one array [cell, region]."""
    cells = _zeros(reading, arrays[0].shape, axes, (4,))
    for place, parts in groups(arrays, axes, CHUNK):
        out = cells[(slice(None), *place)]
        for part in parts:
            weight = part[2] if len(part) > 2 else None
            relevant = reading.relevant(part[1], weight)
            for mask, values in zip((reading.pred, reading.target), part, strict=False):
                if not label or mask.form != "labels":
                    mask.check(owner, values, relevant)
            p, t = reading.pred.foreground(part[0], label), reading.target.foreground(part[1], label)
            out += np.array(_count_part(p, t, relevant, weight)).reshape(out.shape)
    return cells


def _count_part(p: Any, t: Any, kept: Any, weight: Any) -> Cells:
    """The four counts of each row of two bool arrays."""
    if weight is not None:
        heavy = weight.astype(np.float64, copy=False)  # finite, so that 0 times it is 0

        def total(mask: Any) -> Any:
            return np.add.reduce(heavy * (mask if kept is None else mask & kept), axis=1)

        return total(p & t), total(p & ~t), total(~p & t), total(~(p | t))
    if kept is not None:
        p, t = p & kept, t & kept
    both, found, truth = _number(p & t), _number(p), _number(t)
    size = p.shape[1] if kept is None else _number(kept)
    return both, found - both, truth - both, size - found - truth + both


def _number(mask: Any) -> Any:
    """How many are True in each row; a plain number for one row, which is by far the faster way."""
    return np.count_nonzero(mask) if len(mask) == 1 else np.add.reduce(mask, axis=1, dtype=np.int64)


# Without a look at values. --------------------------------------------------------------------------------------------


def count_on_device(reading: Reading) -> Cells:
    """The four counts of a reading, one a region (and class), in operations that read no value."""
    xp, backend = reading.xp, reading.backend
    p, t, classes = reading.pred, reading.target, reading.classes
    weight = reading.weight
    if weight is not None:
        weight = xp.astype(weight, backend.wide(p.array)[0], copy=False)
    kept = None
    if reading.ignored is not None:
        kept = arguments.is_not(backend, xp, t.array, reading.ignored)
    if classes is None or not reading.by_label:
        return _cells(reading, p.foreground(p.array, None), t.foreground(t.array, None), kept, weight, reading.axes)
    weight = reading.pixel_weight if weight is None else xp.squeeze(weight, axis=reading.class_axis)
    size = classes + 1  # the last row and column hold what is no class
    regions = arguments.size_of(reading.shape) // classes // reading.pixels
    if p.form == t.form == "labels" and backend.scatters and regions * size**2 <= PLACES:
        cells = one_against_rest(xp, _scattered(reading, kept, weight, size), classes)
        order = [*range(cells[0].ndim - 1)]
        order.insert(reading.class_place, cells[0].ndim - 1)
        return tuple(xp.permute_dims(cell, tuple(order)) for cell in cells)
    integer = backend.wide(p.array)[1]

    def of_class(mask: Mask, label: int) -> Array:
        array = reading.of_class(mask, label)
        return mask.foreground(xp.astype(array, integer, copy=False) if mask.form == "labels" else array, label)

    each = [
        _cells(reading, of_class(p, label), of_class(t, label), kept, weight, reading.pixel_axes)
        for label in range(classes)
    ]
    return tuple(xp.stack(cell, axis=reading.class_place) for cell in zip(*each, strict=True))


def class_table_on_device(reading: Reading, classes: int) -> Array:
    """The counts [..., target, pred] of two label maps; a pixel with a label out of range counts nowhere."""
    xp, backend = reading.xp, reading.backend
    kept = None
    if reading.ignored is not None:
        kept = arguments.is_not(backend, xp, reading.target.array, reading.ignored)
    weight = reading.pixel_weight
    if weight is not None:
        weight = xp.astype(weight, backend.wide(reading.pred.array)[0], copy=False)
    return _scattered(reading, kept, weight, classes)


def _scattered(reading: Reading, kept: Array, weight: Array, size: int) -> Array:
    """The tables [..., target, pred] of labels in [0, size). Of labels out of range, those pairs count nowhere whose label the
    table has no place for; where it has a class more than there are, its last row and column hold them."""
    xp, backend = reading.xp, reading.backend
    integer = backend.wide(reading.pred.array)[1]
    spare = size - 1 if size > (reading.classes or 0) else -1

    def places(mask: Mask) -> Array:
        labels = xp.astype(mask.array, integer, copy=False)
        return xp.where((labels >= 0) & (labels < (reading.classes or size)), labels, spare)

    p, t = places(reading.pred), places(reading.target)
    place = t * size + p
    counted = (p >= 0) & (t >= 0)
    counted = counted if kept is None else counted & kept
    place = xp.where(counted, place, -1)
    axes = reading.pixel_axes
    rest = [axis for axis in range(place.ndim) if axis not in axes]
    shape = tuple(place.shape[axis] for axis in rest)

    def rows(array: Array) -> Array:
        return xp.reshape(xp.permute_dims(array, (*rest, *axes)), (-1, reading.pixels))

    table = backend.tally(rows(place), size**2, None if weight is None else rows(weight))
    return xp.reshape(table, (*shape, size, size))


def _cells(reading: Reading, p: Array, t: Array, kept: Array, weight: Array, axes: tuple[int, ...]) -> Cells:
    xp, backend = reading.xp, reading.backend

    def count(cell: Array) -> Array:
        cell = cell if kept is None else cell & kept
        return backend.count(cell, axes) if weight is None else xp.sum(xp.where(cell, weight, 0.0), axis=axes)

    return count(p & t), count(p & ~t), count(~p & t), count(~p & ~t)
