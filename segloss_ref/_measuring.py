"""Masks to distances: how every surface metric reads its two masks and measures between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._backend import Array
from ._contours import bounding_box, elements
from ._counting import Reading, read_masks
from ._nearest import nearest

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

    reading: Reading
    pred: Any
    target: Any
    kept: Any
    """False at pixels that are left out; None: there are none."""
    axes: int
    """The number of spatial axes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the regions."""
        return tuple(self.pred.shape[: -self.axes])

    def regions(self) -> Iterator[tuple[Any, Any, Any]]:
        """(pred, target, kept) of each region in C order. Left-out pixels belong to neither mask."""
        for place in np.ndindex(self.shape):
            kept = None if self.kept is None else self.kept[place]
            p, t = self.pred[place], self.target[place]
            yield (p, t, None) if kept is None else (p & kept, t & kept, kept)


def read_on_host(owner: str, pred: Array, target: Array, masks: Mapping[str, Any]) -> Host:
    """Read two masks, with weights of 0 and 1, and bring them into host memory.

    Geometry needs the values in any case, so that all of them are checked on every library.
    """
    reading = read_masks(owner, pred, target, masks, check_values=True)
    xp, backend = reading.xp, reading.backend
    if not reading.axes:
        raise ValueError(f"{owner}: axis must name at least one spatial axis, got {masks.get('axis')!r}")
    kept = reading.kept
    if reading.weight is not None:
        if not bool(xp.all((reading.weight == 0) | (reading.weight == 1))):
            raise ValueError(f"{owner}: weight must be 0 or 1 at every pixel, since surfaces have no other, got others")
        kept = reading.weight != 0 if kept is None else kept & (reading.weight != 0)

    last = range(-len(reading.axes), 0)

    def home(array: Array) -> Any:
        return np.moveaxis(backend.to_numpy(array), reading.axes, last)

    p, t = home(reading.pred), home(reading.target)
    kept = None if kept is None else np.broadcast_to(home(kept), p.shape)
    return Host(reading, p, t, kept, len(reading.axes))


def check_surface(owner: str, surface: str, axes: int) -> None:
    """Surfels are known for squares and cubes alone."""
    if surface == "surfel" and axes not in (2, 3):
        raise ValueError(f"{owner}: surface 'surfel' needs 2 or 3 spatial axes, got {axes}")


def measure(host: Host, spacing: Sequence[float], surface: str, border: str) -> list[Pair]:
    """The distances between the surfaces of the two masks, of every region in C order."""
    return [_measure_region(p, t, kept, spacing, surface, border) for p, t, kept in host.regions()]


def _measure_region(p: Any, t: Any, kept: Any, spacing: Sequence[float], surface: str, border: str) -> Pair:
    boxes = bounding_box(p), bounding_box(t)
    found = [box for box in boxes if box is not None]
    if not found:
        return Pair(_nothing(surface), _nothing(surface), 0, 0)
    frame = tuple(slice(min(b.start for b in along), max(b.stop for b in along)) for along in zip(*found, strict=True))
    both = [
        None if box is None else elements(mask, kept, box, frame, surface, border, spacing)
        for mask, box in zip((p, t), boxes, strict=True)
    ]
    counts = [0 if one is None else int(np.count_nonzero(one.where)) for one in both]
    sides = []
    for mine, other, count in ((both[0], both[1], counts), (both[1], both[0], counts[::-1])):
        if mine is None:
            sides.append(_nothing(surface))
        elif other is None or not all(count):
            sides.append(Side(np.full(count[0], np.inf), mine.sizes))
        else:
            sides.append(Side(nearest(mine.where, other.where, spacing), mine.sizes))
    return Pair(sides[0], sides[1], int(np.count_nonzero(p)), int(np.count_nonzero(t)))


def _nothing(surface: str) -> Side:
    return Side(np.empty(0), np.empty(0) if surface == "surfel" else None)
