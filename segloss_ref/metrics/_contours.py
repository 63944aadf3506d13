"""Where the surface elements of a mask are: its contour pixels, or the cells between pixels that its boundary crosses."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ._surfels import surfel_sizes

__all__ = ["MARGIN", "Box", "Elements", "bounding_box", "elements"]

Box = tuple[slice, ...]
MARGIN = 2
"""Empty places around every lattice of elements, so that a look at a neighbour that near needs no check of bounds."""


class Elements(NamedTuple):
    """The elements of one surface."""

    where: Any
    """bool, True at an element, with `MARGIN` places on each side."""
    sizes: Any
    """Length or area of each element in C order; None: all 1."""


def bounding_box(mask: Any) -> Box | None:
    """The smallest box of pixels that holds all of `mask`; None where there is none."""
    box: list[slice] = []
    rest = mask
    for axis in range(mask.ndim):
        # Each axis is cut before the next is looked at, and the pixels before it are folded away.
        flat = rest.reshape(rest.shape[0], -1).any(axis=1)
        found = np.flatnonzero(flat)
        if found.size == 0:
            return None
        box.append(slice(int(found[0]), int(found[-1]) + 1))
        if axis + 1 < mask.ndim:
            rest = rest[box[-1]].any(axis=0)
    return tuple(box)


def _grown(box: Box, shape: Sequence[int]) -> Box:
    return tuple(slice(max(b.start - 1, 0), min(b.stop + 1, size)) for b, size in zip(box, shape, strict=True))


def _slices(ndim: int, axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """(all but the last, all but the first) along `axis`."""
    whole = [slice(None)] * ndim
    low, high = list(whole), list(whole)
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return tuple(low), tuple(high)


def _shrink(mask: Any, surface: str, edge: bool, inner: Any) -> Any:
    """`mask` eroded by one pixel, by its face neighbours or all neighbours, written into `inner`; `edge` is what lies beyond
    the image."""
    inner[...] = mask
    for axis in range(mask.ndim):
        low, high = _slices(mask.ndim, axis)
        source = mask if surface == "voxel" else inner.copy()
        inner[low] &= source[high]
        inner[high] &= source[low]
        if not edge:
            ends = [slice(None)] * mask.ndim
            for end in (0, -1):
                ends[axis] = slice(end, end + 1 or None)
                inner[tuple(ends)] = False
    return inner


def _contour(mask: Any, kept: Any, surface: str, border: str, contour: Any) -> None:
    """Pixels of `mask` beside one outside it, and not beside an ignored one, written into `contour`."""
    # Pixels beyond the image are outside the mask ("background"), or like the mask ("ignore").
    _shrink(mask, surface, border == "ignore", contour)
    np.logical_xor(mask, contour, out=contour)
    if kept is not None:
        contour &= _shrink(kept, surface, True, np.empty_like(kept))


def _codes(mask: Any) -> Any:
    """The code of each cell of 2x2 or 2x2x2 pixels, as `_surfels` has them, uint8."""
    codes = np.zeros([size - 1 for size in mask.shape], dtype=np.uint8)
    bits = mask.view(np.uint8)
    for bit, corner in enumerate(itertools.product((0, 1), repeat=mask.ndim)):
        part = bits[tuple(slice(i, size - 1 + i) for i, size in zip(corner, mask.shape, strict=True))]
        codes |= part << np.uint8(bit)
    return codes


def _cells(mask: Any, kept: Any) -> tuple[Any, Any]:
    """(True at the cells that the boundary crosses and that hold no ignored pixel, the codes of all cells)."""
    codes = _codes(mask)
    full = (1 << (1 << mask.ndim)) - 1
    crossed = (codes != 0) & (codes != full)
    if kept is not None:
        crossed &= _codes(kept) == full
    return crossed, codes


def elements(
    mask: Any, kept: Any, box: Box, frame: Box, surface: str, border: str, spacing: Sequence[float]
) -> Elements:
    """The elements of `mask`, which lies within `box`, on the lattice of `frame`, a box around it.

    `kept` is False at ignored pixels, which are not in `mask`; None: there are none. Voxel elements lie at pixels, and
    place p of the lattice, past its margin, is pixel frame.start + p. Surfels lie between pixels, and place p is the cell
    from pixel frame.start + p - 1 to the next.
    """
    surfels = surface == "surfel"
    where = np.zeros([f.stop - f.start + surfels + 2 * MARGIN for f in frame], dtype=bool)
    inside = tuple(
        slice(b.start - f.start + MARGIN, b.stop - f.start + MARGIN + surfels) for b, f in zip(box, frame, strict=True)
    )
    around = _grown(box, mask.shape)
    if not surfels:
        near = None if kept is None else kept[around]
        # The margin of the lattice has room for the pixels around the box, none of which is in the mask.
        there = tuple(
            slice(a.start - f.start + MARGIN, a.stop - f.start + MARGIN) for a, f in zip(around, frame, strict=True)
        )
        _contour(np.ascontiguousarray(mask[around]), near, surface, border, where[there])
        return Elements(where, None)
    # One more pixel all around the box: one of the image, or one beyond it, which "ignore" takes as ignored.
    pads = [(int(a.start == b.start), int(a.stop == b.stop)) for b, a in zip(box, around, strict=True)]
    near = None if kept is None else kept[around]
    if border == "ignore" and near is None:
        near = np.ones([a.stop - a.start for a in around], dtype=bool)
    if near is not None:
        near = np.pad(near, pads, constant_values=border == "background")
    crossed, codes = _cells(np.pad(mask[around], pads), near)
    where[inside] = crossed
    return Elements(where, surfel_sizes(spacing)[codes[crossed]])
