"""Masks as they have been read, whole and in parts that stay in the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import array_api_compat.numpy
import numpy as np

from .. import _arguments as arguments
from .._backend import Array, Backend
from .._values import Look

__all__ = ["CHUNK", "Mask", "Reading", "check_weight", "chunks", "groups"]

CHUNK = 2**17
"""Pixels that are counted at a time: their temporary arrays stay in the cache."""


@dataclass(frozen=True)
class Mask:
    """One of the two masks: an array, and what makes a pixel of it foreground."""

    name: str
    array: Array
    form: Literal["bool", "integer", "probability", "score", "labels"]
    """"labels": one label a pixel, without the class axis, of the class that is meant. The other forms have that axis."""
    limit: float = 0.0
    """Floating values above it are foreground."""
    classes: int | None = None
    """The number of classes of labels."""

    def of(self, array: Array) -> Mask:
        """The same of another array."""
        return Mask(self.name, array, self.form, self.limit, self.classes)

    def foreground(self, part: Array, label: int | None) -> Array:
        """Where `part` of the array is foreground; `label` is the class that is asked for."""
        if self.form == "labels":
            return part == label
        if self.form == "bool":
            return part
        return part != 0 if self.form == "integer" else part > self.limit

    def check(self, owner: str, part: Any, relevant: Any) -> None:
        """Raise where a value of `part`, a NumPy array, is out of range; `relevant` is False where it does not matter."""
        if self.form == "bool":
            return
        look = Look(owner, lambda array: array, True, part.shape)
        if relevant is not None:
            look.set_aside(relevant)
        if self.form == "labels":
            look.labels(self.name, part, self.classes or 0)
        elif self.form != "score":
            look.unit(self.name, part)
        elif np.isnan(part.max()):
            look.no_nan(self.name, part)


@dataclass(frozen=True)
class Reading:
    """Two masks as read, nothing of them formed yet, and which of their pixels are counted."""

    backend: Backend
    xp: Any
    pred: Mask
    target: Mask
    weight: Array
    """Of the full shape save size 1 along the class axis, in its own dtype; None: all 1."""
    ignored: int | None
    """The label in `target` of pixels to leave out."""
    shape: tuple[int, ...]
    """The full shape, class axis included."""
    axes: tuple[int, ...]
    """The axes that make a region, in the order in which they were given."""
    class_axis: int | None

    @property
    def classes(self) -> int | None:
        """The number of classes; None without a class axis."""
        return None if self.class_axis is None else self.shape[self.class_axis]

    @property
    def by_label(self) -> bool:
        """At least one of the two is a label map, so that classes are found by comparing."""
        return self.pred.form == "labels" or self.target.form == "labels"

    @property
    def pixels(self) -> int:
        """The number of pixels of a region."""
        return arguments.size_of([self.shape[axis] for axis in self.axes])

    @property
    def pixel_axes(self) -> tuple[int, ...]:
        """`axes`, counted without the class axis."""
        class_axis = len(self.shape) if self.class_axis is None else self.class_axis
        return tuple([axis - (axis > class_axis) for axis in self.axes])

    @property
    def class_place(self) -> int:
        """Where the class axis stands among the axes that are not reduced."""
        return len([axis for axis in range(self.class_axis or 0) if axis not in self.axes])

    @property
    def values_class_axis(self) -> int | None:
        """The axis of the regions' values that runs over the classes; None: there is none."""
        return None if self.class_axis is None else self.class_place

    @property
    def pixel_weight(self) -> Array:
        """The weight without the class axis."""
        if self.weight is None or self.class_axis is None:
            return self.weight
        return self.xp.squeeze(self.weight, axis=self.class_axis)

    def of_class(self, mask: Mask, label: int) -> Array:
        """The array of one class, of the pixels' shape; a label map stays what it is."""
        if mask.form == "labels":
            return mask.array
        return mask.array[(*(slice(None),) * (self.class_axis or 0), label, ...)]

    def on_host(self, force: bool) -> Reading | None:
        """The same of NumPy arrays: where that costs no synchronisation, or `force`; else None."""

        def home(array: Array) -> Any:
            seen = self.backend.readable(array)
            return self.backend.to_numpy(array) if seen is None and force else seen

        p, t = home(self.pred.array), home(self.target.array)
        if p is self.pred.array and t is self.target.array:
            return self
        w = None if self.weight is None else home(self.weight)
        if p is None or t is None or (w is None and self.weight is not None):
            return None
        return Reading(self.backend, array_api_compat.numpy, self.pred.of(p), self.target.of(t), w, self.ignored, self.shape,
                       self.axes, self.class_axis)  # fmt: skip

    def relevant(self, target: Any, weight: Any) -> Any:
        """False where a part of the NumPy arrays is left out; None: nowhere."""
        kept = None
        if self.ignored is not None and np.iinfo(target.dtype).min <= self.ignored <= np.iinfo(target.dtype).max:
            kept = target != self.ignored
        if weight is None:
            return kept
        return weight > 0 if kept is None else kept & (weight > 0)

    def check(self, owner: str) -> None:
        """Look at all values of NumPy arrays."""
        if self.weight is not None:
            check_weight(owner, self.weight)
        whole = not self.by_label
        for label in (None,) if whole else range(self.classes or 0):
            p, t = ((mask.array if label is None else self.of_class(mask, label)) for mask in (self.pred, self.target))
            arrays = [p, t]
            if self.weight is not None:
                arrays.append(np.broadcast_to(self.weight if whole else self.pixel_weight, p.shape))
            for parts in chunks(arrays):
                relevant = self.relevant(parts[1], parts[2] if len(parts) > 2 else None)
                for mask, part in zip((self.pred, self.target), parts, strict=False):
                    if not label or mask.form != "labels":
                        mask.check(owner, part, relevant)
            if self.pred.form == self.target.form == "labels":
                return


def check_weight(owner: str, weight: Any) -> None:
    """Weights must lie in [0, 1e30]."""
    stored = np.asarray(
        weight[tuple(slice(None) if step else slice(1) for step in weight.strides)]
    )  # what repeats, once
    Look(owner, lambda array: array, True, weight.shape).class_weight("weight", stored)


def chunks(arrays: Sequence[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """Parts of NumPy arrays of one shape, of at most `size` elements each, in an order that suits their memory.

    They have the shape (1, n), the machine's byte order, and must not be kept: the next ones may overwrite them.
    """
    if arrays[0].size <= size:
        yield [_native(array.reshape(1, -1)) for array in arrays]
        return
    native = [array.dtype.newbyteorder("=") for array in arrays]
    walk: Any = np.nditer(arrays, flags=["external_loop", "buffered"], order="K", op_dtypes=native, buffersize=size)
    for parts in walk:
        yield [part[np.newaxis] for part in (parts if len(arrays) > 1 else (parts,))]


def groups(
    arrays: Sequence[Any], axes: Sequence[int], most: int, size: int = CHUNK
) -> Iterator[tuple[tuple[Any, ...], Iterator[list[Any]]]]:
    """NumPy arrays of one shape, by regions along `axes`: (their place among the regions, parts of shape (regions, n)).

    Small regions come at most `most` at a time, each whole; large ones by themselves and in several parts.
    """
    if len(axes) == arrays[0].ndim:
        yield (), chunks(arrays, size)
        return
    kept = [axis for axis in range(arrays[0].ndim) if axis not in axes]
    moved = [array.transpose(*kept, *axes) for array in arrays]
    shape = moved[0].shape[: len(kept)]
    pixels = math.prod(moved[0].shape[len(kept) :])
    for place in _places(shape, max(1, min(most, size // pixels))):
        cut = [array[place] for array in moved]
        regions = cut[0].size // pixels
        if regions == 1:
            yield place, chunks(cut, size)
        else:
            yield place, iter([[_native(part.reshape(regions, pixels)) for part in cut]])


def _native(array: Any) -> Any:
    """The array in the machine's byte order."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _places(shape: tuple[int, ...], most: int) -> Iterator[tuple[Any, ...]]:
    """Indices that cut an array of `shape` into pieces of at most `most` elements."""
    whole, axis = 1, len(shape)
    while axis and whole * shape[axis - 1] <= most:
        axis -= 1
        whole *= shape[axis]
    if axis == 0:
        yield ()
        return
    step = most // whole
    for lead in np.ndindex(*shape[: axis - 1]):
        for start in range(0, shape[axis - 1], step):
            yield (*lead, slice(start, start + step))
