"""Masks to distances: how every surface metric reads its two masks and measures between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import scipy

from .._arguments import describe
from .._backend import Array
from ._contours import Box, Elements, bounding_box, elements
from ._masks import Mask, Reading
from ._nearest import nearest
from ._reading import read_masks

__all__ = ["Host", "Pair", "Side", "measure", "read_on_host"]


class Side(NamedTuple):
    """The elements of one surface: the distance of each to the other surface, and its size (None: 1 each)."""

    distances: Any
    sizes: Any


class Pair(NamedTuple):
    """What is measured between the two masks of one region."""

    pred: Side
    target: Side
    pred_pixels: int
    """The number of pixels of the mask. One that has some may still be without a surface."""
    target_pixels: int

    @property
    def undefined(self) -> bool:
        """Both masks are empty, or one has pixels but no surface."""
        bare = any(
            side.distances.size == 0 and pixels > 0
            for side, pixels in ((self.pred, self.pred_pixels), (self.target, self.target_pixels))
        )
        return bare or self.pred_pixels == self.target_pixels == 0

    @property
    def one_empty(self) -> bool:
        """One mask is empty and the other has a surface."""
        return not self.undefined and 0 in (self.pred_pixels, self.target_pixels)


@dataclass(frozen=True)
class Host:
    """Two masks as read, in host memory, with the spatial axes last, in the order in which `axis` names them."""

    like: Array
    """An array of the caller's library and device."""
    reading: Reading
    """Of NumPy arrays."""
    pred: Any
    target: Any
    weight: Any
    """Label maps and weights have the axes that are no spatial ones, masks the class axis as well."""
    shape: tuple[int, ...]
    """The shape of the regions (and classes)."""
    boxes: dict[tuple[str, tuple[int, ...]], list[Box | None]] = field(default_factory=dict)
    """Of each label map and region, the boxes of labels 1, 2, ..., once they were asked for."""

    @property
    def axes(self) -> tuple[int, ...]:
        """The spatial axes of the full shape."""
        return self.reading.axes

    def region(self, place: tuple[int, ...], margin: Sequence[int]) -> tuple[Any, Any, Any]:
        """(pred, target, kept) of one region, bool; `kept` is None where no pixel is left out.

        Left-out pixels belong to neither mask. A class of label maps comes cut to its box: all its pixels in either mask, and
        `margin` more along each spatial axis where the image has them.
        """
        reading = self.reading
        label, pixel_place = None, place
        if reading.by_label:
            label = place[reading.class_place]
            pixel_place = (*place[: reading.class_place], *place[reading.class_place + 1 :])
        p, t = (
            array[pixel_place if mask.form == "labels" else place]
            for mask, array in ((reading.pred, self.pred), (reading.target, self.target))
        )
        weight = None if self.weight is None else self.weight[pixel_place]
        if label is not None:
            boxes = [
                self._box(mask, image, pixel_place, label) for mask, image in ((reading.pred, p), (reading.target, t))
            ]
            box = _around([one for one in boxes if one is not None], margin, p.shape)
            p, t, weight = p[box], t[box], None if weight is None else weight[box]
        kept = reading.relevant(t, weight)
        p, t = reading.pred.foreground(p, label), reading.target.foreground(t, label)
        return (p, t, None) if kept is None else (p & kept, t & kept, kept)

    def _box(self, mask: Mask, image: Any, pixel_place: tuple[int, ...], label: int) -> Box | None:
        if mask.form != "labels":
            return bounding_box(mask.foreground(image, None))
        if label == 0:  # `find_objects` leaves it out; it is mostly the background, which is everywhere
            return tuple(slice(0, size) for size in image.shape)
        key = mask.name, pixel_place
        if key not in self.boxes:
            self.boxes[key] = scipy.ndimage.find_objects(image, self.reading.classes or 0)
        return self.boxes[key][label - 1]


def _around(boxes: Sequence[Box], margin: Sequence[int], shape: Sequence[int]) -> Box:
    """The box of all `boxes` and a margin; one pixel where there are none."""
    if not boxes:
        return tuple(slice(0, 1) for _ in shape)
    return tuple(
        slice(max(min(b.start for b in along) - more, 0), min(max(b.stop for b in along) + more, size))
        for along, more, size in zip(zip(*boxes, strict=True), margin, shape, strict=True)
    )


def read_on_host(owner: str, pred: Array, target: Array, masks: Mapping[str, Any]) -> Host:
    """Read two masks, with weights of 0 and 1, and bring them into host memory.

    Geometry needs the values in any case, so that all of them are checked on every library.
    """
    reading = read_masks(owner, pred, target, masks, check_values=True)
    if not reading.axes:
        raise ValueError(f"{owner}: axis must name at least one spatial axis, got {describe(masks.get('axis'))}")
    host = reading.on_host(True)
    assert host is not None  # since it was forced
    host.check(owner)
    weight = None
    if host.weight is not None:
        if not np.all((host.weight == 0) | (host.weight == 1)):
            raise ValueError(f"{owner}: weight must be 0 or 1 at every pixel, since surfaces have no other, got others")
        if host.by_label:
            weight = _spatial_last(host.pixel_weight, host.pixel_axes)
        else:
            weight = _spatial_last(np.broadcast_to(host.weight, host.shape), host.axes)
    p, t = (
        _spatial_last(mask.array, host.pixel_axes if mask.form == "labels" else host.axes)
        for mask in (host.pred, host.target)
    )
    shape = tuple(size for axis, size in enumerate(host.shape) if axis not in host.axes)
    return Host(pred, host, p, t, weight, shape)


def _spatial_last(array: Any, axes: Sequence[int]) -> Any:
    return np.moveaxis(array, axes, range(-len(axes), 0))


def check_surface(owner: str, surface: str, axes: int) -> None:
    """Surfels are known for squares and cubes alone."""
    if surface == "surfel" and axes not in (2, 3):
        raise ValueError(f"{owner}: surface 'surfel' needs 2 or 3 spatial axes, got {axes}")


def measure(host: Host, spacing: Sequence[float], surface: str, border: str) -> list[Pair]:
    """The distances between the surfaces of the two masks, of every region in C order."""
    return [_measure_region(host, place, spacing, surface, border) for place in np.ndindex(host.shape)]


def _surfaces(
    host: Host, place: tuple[int, ...], spacing: Sequence[float], surface: str, border: str
) -> tuple[list[Elements | None], list[int]]:
    """(the surfaces of the two masks of a region, None of an empty one; their numbers of pixels)."""
    *masks, kept = host.region(place, (1,) * len(host.axes))
    boxes = [bounding_box(mask) for mask in masks]
    found = [box for box in boxes if box is not None]
    if not found:
        return [None, None], [0, 0]
    pixels = [int(np.count_nonzero(mask)) for mask in masks]
    frame = tuple(slice(min(b.start for b in along), max(b.stop for b in along)) for along in zip(*found, strict=True))
    # A mask is let go once its surface is known: with the background among the classes it is as large as the image.
    surfaces: list[Elements | None] = []
    for box in boxes:
        mask = masks.pop(0)
        surfaces.append(None if box is None else elements(mask, kept, box, frame, surface, border, spacing))
        del mask
    return surfaces, pixels


def _measure_region(host: Host, place: tuple[int, ...], spacing: Sequence[float], surface: str, border: str) -> Pair:
    both, pixels = _surfaces(host, place, spacing, surface, border)
    counts = [0 if one is None else int(np.count_nonzero(one.where)) for one in both]
    sides = []
    for mine, other, count in ((both[0], both[1], counts), (both[1], both[0], counts[::-1])):
        if mine is None:
            sides.append(_nothing(surface))
        elif other is None or not all(count):
            sides.append(Side(np.full(count[0], np.inf), mine.sizes))
        else:
            sides.append(Side(nearest(mine.where, other.where, spacing), mine.sizes))
    return Pair(sides[0], sides[1], *pixels)


def _nothing(surface: str) -> Side:
    return Side(np.empty(0), np.empty(0) if surface == "surfel" else None)
