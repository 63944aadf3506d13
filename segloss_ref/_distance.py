"""Exact squared Euclidean distances to the nearest pixel of a set, on any array library.

Along one axis after the other, d2[i] = min over j of f[j] + ((i - j) s)^2 (Felzenszwalb, Huttenlocher 2012, eq. 3): f is 0 on
the set and infinite elsewhere at first, then the result of the axis before. Squares of dyadic spacings stay exact in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["squared_distance"]

Array = Any

BLOCK = 1 << 22
"""Numbers that one step may hold, so that memory stays bounded whatever the size of the image."""


def squared_distance(
    xp: Any, sites: Array, axes: Sequence[int], spacing: Sequence[float], dtype: Any, device: Any
) -> Array:
    """The squared distance of every position to the nearest True one along `axes`; inf where there is none."""
    d2 = xp.where(sites, xp.zeros_like(sites, dtype=dtype), xp.inf)
    for axis, step in zip(axes, spacing, strict=True):
        d2 = xp.moveaxis(_along_last(xp, xp.moveaxis(d2, axis, -1), step, device), -1, axis)
    return d2


def _along_last(xp: Any, f: Array, step: float, device: Any) -> Array:
    """min over j of f[..., j] + ((i - j) step)^2, for blocks of i."""
    length = f.shape[-1]
    if length == 1:
        return f
    place = xp.astype(xp.arange(length, device=device), f.dtype)
    block = max(1, BLOCK // max(1, _size(f.shape)))
    parts = []
    for start in range(0, length, block):
        apart = xp.expand_dims(place[start : min(start + block, length)], axis=1) - xp.expand_dims(place, axis=0)
        apart = apart * step  # after the difference, which is exact
        parts.append(xp.min(xp.expand_dims(f, axis=-2) + apart * apart, axis=-1))
    return parts[0] if len(parts) == 1 else xp.concat(parts, axis=-1)


def _size(shape: Sequence[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
