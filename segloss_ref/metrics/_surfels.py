"""Sizes of the marching-squares and marching-cubes elements that sit between 2x2 and 2x2x2 pixel centres.

The corners of such a cell are coded as bits, corner (i, j, k) as bit 4i + 2j + k. Its elements have their vertices at the
midpoints of the edges that a surface crosses. Where a face is ambiguous, the corners of the smaller side stay apart (of
four, the foreground's), as in Lorensen and Cline, Marching cubes, 1987; and of all triangulations of a polygon the one with
the largest area at unit spacing is meant. Both choices are those of the tables in use, whose values the tests hold this to.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

__all__ = ["surfel_sizes"]

Point = tuple[int, ...]
"""A corner or a midpoint of an edge, in halves of the cell."""


def surfel_sizes(spacing: Sequence[float]) -> Any:
    """Length (2 axes) or area (3 axes) of the elements of each code, float64 of shape (2^axes,)."""
    lengths = np.asarray(spacing, dtype=np.float64)
    if len(lengths) == 2:
        return _segments(lengths)
    # The component of a triangle's normal along an axis is the area of its shadow, which the two other spacings scale.
    scale = np.array([lengths[1] * lengths[2], lengths[0] * lengths[2], lengths[0] * lengths[1]])
    return np.array([sum(math.hypot(*(scale * normal)) for normal in normals) for normals in _normals()])


def _segments(spacing: Any) -> Any:
    half = math.hypot(*spacing) / 2  # cuts one corner off
    sizes = np.zeros(16)
    for code in range(1, 15):
        count = code.bit_count()
        along = {0b0011: 1, 0b1100: 1, 0b0101: 0, 0b1010: 0}.get(code)
        sizes[code] = half if count != 2 else 2 * half if along is None else spacing[along]
    return sizes


@cache
def _normals() -> tuple[tuple[tuple[float, ...], ...], ...]:
    """The normals of the triangles of each code of 2x2x2 corners, as long as their areas at unit spacing."""
    corners: list[Point] = list(itertools.product((0, 2), repeat=3))
    table = []
    for code in range(256):
        inside = {corner for bit, corner in enumerate(corners) if code >> bit & 1}
        apart = inside if len(inside) <= 4 else set(corners) - inside
        table.append(tuple(normal for piece in _pieces(apart) for normal in _widest(_outline(piece))))
    return tuple(table)


def _pieces(corners: set[Point]) -> list[set[Point]]:
    """`corners` parted into those that edges connect."""
    left, pieces = set(corners), []
    while left:
        piece, front = set(), {min(left)}
        while front:
            piece |= front
            front = {c for c in left - piece if any(math.dist(c, one) == 2 for one in front)}
        pieces.append(piece)
        left -= piece
    return pieces


def _outline(piece: set[Point]) -> list[Point]:
    """The closed polygon of edge midpoints that cuts one connected piece off the cell; empty where nothing is left of it."""
    neighbours: dict[Point, list[Point]] = {}
    for axis, side in itertools.product(range(3), (0, 2)):
        ring = [(*c[:axis], side, *c[axis:]) for c in ((0, 0), (0, 2), (2, 2), (2, 0))]
        middle = [_midpoint(ring[i - 1], ring[i]) for i in range(4)]
        # Going round the face, what enters the piece at one midpoint leaves it at the next.
        for i, j in itertools.product(range(4), (1, 2, 3)):
            run = [ring[(i + k) % 4] for k in range(j)]
            if ring[i - 1] not in piece and set(run) <= piece and ring[(i + j) % 4] not in piece:
                a, b = middle[i], middle[(i + j) % 4]
                neighbours.setdefault(a, []).append(b)
                neighbours.setdefault(b, []).append(a)
    if not neighbours:
        return []
    polygon = [min(neighbours)]
    while len(polygon) < len(neighbours):
        polygon.append(next(point for point in neighbours[polygon[-1]] if point not in polygon))
    return polygon


def _midpoint(a: Point, b: Point) -> Point:
    return tuple((i + j) // 2 for i, j in zip(a, b, strict=True))


def _widest(polygon: list[Point]) -> list[tuple[float, ...]]:
    """The triangles' normals in the triangulation of the largest area."""
    if len(polygon) < 3:
        return []
    choices = []
    for k in range(1, len(polygon) - 1):
        a, b, c = (np.array(polygon[i]) / 2 for i in (0, k, -1))
        normal = tuple(float(x) for x in np.cross(b - a, c - a) / 2)
        choices.append([normal, *_widest(polygon[: k + 1]), *_widest(polygon[k:])])
    return max(choices, key=lambda normals: sum(math.hypot(*normal) for normal in normals))
