"""Solve for what is no choice but a number, and guess how it was written down."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from scipy.optimize import brentq

__all__ = ["nice", "roots"]


def nice(x: float, uncertainty: float) -> float:
    """The number of fewest decimal digits within the uncertainty: what somebody would have written down."""
    if not math.isfinite(x) or not math.isfinite(uncertainty):
        return x
    if abs(x) <= uncertainty or x == 0:
        return 0.0
    power = 10.0 ** round(math.log10(abs(x)))
    tidy = [math.copysign(float(f"{power:e}"), x), *(float(f"{x:.{digits}e}") for digits in range(7))]
    return next((one for one in tidy if abs(one - x) <= uncertainty), x)


def roots(function: Callable[[float], float], grid: Any) -> list[float]:
    """Where a function of one number is 0: between points of the grid that differ in sign, and at the points themselves."""
    values = [function(float(x)) for x in grid]
    found = [float(x) for x, value in zip(grid, values, strict=True) if abs(value) < 1e-13]
    for left, right, low, high in zip(grid, grid[1:], values, values[1:], strict=False):
        if low * high < 0 and min(abs(low), abs(high)) >= 1e-13:
            with suppress(ValueError):  # it may be undefined in between
                root: Any = brentq(function, left, right, xtol=1e-15)
                found.append(float(root))
    return found
