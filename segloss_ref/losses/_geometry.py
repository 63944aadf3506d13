"""Masks of an image, their contours, and distances to either: all of it constant for the gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .._roles import Array
from ..engine.regions import Regions
from ._filters import cross_mean

__all__ = [
    "boundary_distance",
    "check_power",
    "contour",
    "contour_distance",
    "diagonal",
    "predicted_mask",
    "squared_boundary_distance",
    "target_mask",
    "unit_of",
]


def unit_of(spacing: Sequence[float]) -> float:
    """The unit to measure in: a power of two near the largest step, and 1 where that is ordinary.

    Squares of distances in this unit leave no dtype that the distances themselves would not leave; a power of two adds no
    rounding.
    """
    largest = max(spacing, default=1.0)
    return 1.0 if 2.0**-8 <= largest <= 2.0**8 else 2.0 ** math.floor(math.log2(largest))


def check_power(owner: str, name: str, r: Regions, base: float, exponent: float) -> None:
    """base^exponent, which `name` sets, must lie well within the dtype of the computation, so that sums of it do too."""
    limits = r.xp.finfo(r.y.dtype)
    eps = float(limits.eps)
    low, high = math.log2(float(limits.smallest_normal) / eps), math.log2(float(limits.max) * eps)
    if base > 0 and not low <= exponent * math.log2(base) <= high:
        raise ValueError(
            f"{owner}: {name} must keep the largest distance to its power within [2^{low:.0f}, 2^{high:.0f}] in this dtype, "
            f"got {base:g} to the power {exponent:g}"
        )


def diagonal(r: Regions, spacing: Sequence[float]) -> float:
    """The largest distance between two pixels of a region."""
    return math.hypot(*((r.y.shape[axis] - 1) * step for axis, step in zip(r.axes, spacing, strict=True)))


def predicted_mask(r: Regions) -> Array:
    """Where the prediction is foreground: p > 0.5, of each class where classes compete."""
    return r.images.prob.foreground


def target_mask(r: Regions) -> Array:
    """Where the target is foreground: y > 0.5."""
    return r.images.y > 0.5


def contour(r: Regions, mask: Array) -> Array:
    """The pixels of a mask that have a face neighbour outside it; beyond the image's edge all is outside."""
    inner = cross_mean(r.prob.backend, r.xp.astype(mask, r.y.dtype), r.axes) == 1
    return mask & ~inner


def _measured_in(unit: float, spacing: Sequence[float]) -> tuple[float, ...]:
    return tuple(step / unit for step in spacing)


def squared_boundary_distance(r: Regions, mask: Array, spacing: Sequence[float], unit: float = 1.0) -> Array:
    """The squared distance of every pixel to the nearest pixel of the other class, in `unit`; 0 for an empty or a full mask.

    In the widest dtype, which holds squares of distances that the dtype of the computation does not.
    """
    d2 = r.images.prob.backend.squared_boundary_distance(mask, r.axes, _measured_in(unit, spacing))
    return r.xp.where(d2 == r.xp.inf, 0.0, d2)


def boundary_distance(r: Regions, mask: Array, spacing: Sequence[float], unit: float = 1.0) -> Array:
    """The distance of every pixel to the nearest pixel of the other class, in `unit`; 0 for an empty or a full mask."""
    d2 = squared_boundary_distance(r, mask, spacing, unit)
    return r.xp.astype(r.xp.sqrt(d2), r.y.dtype, copy=False)


def contour_distance(r: Regions, mask: Array, spacing: Sequence[float], unit: float = 1.0) -> Array:
    """The distance of every pixel to the nearest pixel of the mask's contour, in `unit`; 0 where the mask is empty."""
    d2 = r.images.prob.backend.squared_distance(contour(r, mask), r.axes, _measured_in(unit, spacing))
    return r.xp.astype(r.xp.sqrt(r.xp.where(d2 == r.xp.inf, 0.0, d2)), r.y.dtype, copy=False)
