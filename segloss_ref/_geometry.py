"""Masks of an image, their contours, and distances to either: all of it constant for the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

from ._filters import cross_mean
from ._region import Region

__all__ = ["SpacingValue", "boundary_distance", "contour", "contour_distance", "predicted_mask", "squared_boundary_distance",
           "steps", "target_mask"]  # fmt: skip

Array = Any
SpacingValue = float | Sequence[float] | None


def steps(owner: str, spacing: SpacingValue, axes: Sequence[int]) -> tuple[float, ...]:
    """`spacing`, one number for each of the spatial `axes` in their order."""
    if spacing is None:
        return (1.0,) * len(axes)
    if isinstance(spacing, int | float | Real):
        return (float(spacing),) * len(axes)
    if len(spacing) != len(axes):
        raise ValueError(
            f"{owner}: spacing must hold one number for each of the {len(axes)} spatial axes {tuple(axes)}, got {spacing!r}"
        )
    return tuple(float(step) for step in spacing)


def predicted_mask(r: Region) -> Array:
    """Where the prediction is foreground: p > 0.5, of each class where classes compete."""
    return r.image.prob.foreground


def target_mask(r: Region) -> Array:
    """Where the target is foreground: y > 0.5."""
    return r.image.y > 0.5


def contour(r: Region, mask: Array) -> Array:
    """The pixels of a mask that have a face neighbour outside it; beyond the image's edge all is outside."""
    inner = cross_mean(r.prob.backend, r.xp.astype(mask, r.y.dtype), r.axes) == 1
    return mask & ~inner


def _squared(r: Region, sites: Array, spacing: tuple[float, ...]) -> Array:
    return r.xp.astype(r.image.prob.backend.squared_distance(sites, r.axes, spacing), r.y.dtype, copy=False)


def squared_boundary_distance(r: Region, mask: Array, spacing: tuple[float, ...]) -> Array:
    """The squared distance of every pixel to the nearest pixel of the other class; 0 for an empty or a full mask."""
    d2 = r.image.prob.backend.squared_boundary_distance(mask, r.axes, spacing)
    d2 = r.xp.astype(d2, r.y.dtype, copy=False)
    return r.xp.where(d2 == r.xp.inf, 0.0, d2)


def boundary_distance(r: Region, mask: Array, spacing: tuple[float, ...]) -> Array:
    """The distance of every pixel to the nearest pixel of the other class; 0 for an empty or a full mask."""
    return r.xp.sqrt(squared_boundary_distance(r, mask, spacing))


def contour_distance(r: Region, mask: Array, spacing: tuple[float, ...]) -> Array:
    """The distance of every pixel to the nearest pixel of the mask's contour; 0 where the mask is empty."""
    d2 = _squared(r, contour(r, mask), spacing)
    return r.xp.sqrt(r.xp.where(d2 == r.xp.inf, 0.0, d2))
