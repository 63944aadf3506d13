"""The distance from every element of one surface to the nearest element of another, exactly.

Three ways, each where it is the cheapest. Elements near the other surface find it by looking at the places around them,
nearest first. The rest ask a k-d tree of the other surface or, where they are many for the volume, a distance transform.
Whichever finds the neighbour, the distance is the rounded root of the sum of (steps x spacing)^2 along the axes: one
roundoff from the truth where the spacing is dyadic, a few where it is not, however far from the origin the elements lie.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import scipy

from ._contours import MARGIN

__all__ = ["nearest"]

TRANSFORM_SHARE = 1 / 12
"""A transform costs about as much a place of the lattice as this share of a query of the tree (measured)."""


def nearest(a: Any, b: Any, spacing: Sequence[float]) -> Any:
    """Distances from the elements of `a` in C order to the nearest of `b`, float64; neither is without elements.

    Both are bool lattices of one shape with `MARGIN` empty places on each side.
    """
    places = np.flatnonzero(a)
    distances = np.empty(places.size)
    rest = _look_around(places, b, tuple(spacing), distances)
    if rest.size:
        # A C-contiguous table of the coordinates, one column an axis.
        steps = np.stack(np.unravel_index(places[rest], a.shape), axis=1)
        far = _by_transform if rest.size > TRANSFORM_SHARE * b.size else _by_tree
        steps -= far(steps, b, spacing)
        distances[rest] = _lengths(steps, spacing)
    return distances


def _lengths(steps: Any, spacing: Sequence[float]) -> Any:
    """The lengths of vectors of whole steps, one a row."""
    squares = 0.0
    for axis, size in enumerate(spacing):
        along = steps[:, axis] * float(size)
        squares = squares + along * along
    return np.sqrt(squares)


@lru_cache(maxsize=64)
def _shells(spacing: tuple[float, ...]) -> list[tuple[float, list[tuple[int, ...]]]]:
    """Every vector of steps shorter than `MARGIN` + 1 of the smallest spacing, by length: (length, vectors), shortest first.

    No other vector is shorter than these, since a step beyond the margin alone is longer.
    """
    reach = (MARGIN + 1) * min(spacing)
    ranges = [range(-min(MARGIN, int(reach / size)), min(MARGIN, int(reach / size)) + 1) for size in spacing]
    shells: dict[float, list[tuple[int, ...]]] = {}
    for vector in itertools.product(*ranges):
        length = float(_lengths(np.array([vector]), spacing)[0])
        if length < reach:
            shells.setdefault(length, []).append(vector)
    return sorted(shells.items())


def _look_around(places: Any, b: Any, spacing: tuple[float, ...], distances: Any) -> Any:
    """Fill in the distances of those of `places` that have an element of `b` around them; the indices of the others."""
    flat = b.reshape(-1)
    strides = [math.prod(b.shape[axis + 1 :]) for axis in range(b.ndim)]
    # Views of `flat` that start later spare adding a shift to every index; the margin keeps them inside.
    furthest = MARGIN * sum(strides)
    rest = np.arange(places.size)
    left = places - furthest
    for length, vectors in _shells(spacing):
        hit = np.zeros(left.size, dtype=bool)
        for vector in vectors:
            shift = sum(step * stride for step, stride in zip(vector, strides, strict=True))
            hit |= flat[furthest + shift :].take(left)
        if hit.any():
            distances[rest[hit]] = length
            np.logical_not(hit, out=hit)
            rest, left = rest[hit], left[hit]
            if not left.size:
                break
    return rest


def _by_tree(steps: Any, b: Any, spacing: Sequence[float]) -> Any:
    """The element of `b` nearest to each row of `steps`, by its coordinates."""
    others = np.stack(np.nonzero(b), axis=1)
    tree = scipy.spatial.KDTree(others * np.asarray(spacing), leafsize=32, balanced_tree=False, compact_nodes=False)
    return others[tree.query(steps * np.asarray(spacing))[1]]


def _by_transform(steps: Any, b: Any, spacing: Sequence[float]) -> Any:
    """The same by the feature transform of the whole lattice."""
    inside = tuple(slice(MARGIN, size - MARGIN) for size in b.shape)
    features: Any = scipy.ndimage.distance_transform_edt(
        ~b[inside], sampling=spacing, return_distances=False, return_indices=True
    )
    columns = tuple(steps[:, axis] - MARGIN for axis in range(b.ndim))
    return np.stack([feature[columns] for feature in features], axis=1) + MARGIN
