"""How far a result may be from the truth: computed from the case and the dtype, never picked.

A value passes where |got - want| <= 2 u e + eta and a gradient where |got - want| <= 4 u e + eta: u the unit roundoff of
the dtype of the computation (float32 for narrower arrays), e the bound that the textbook carries through the formula, eta
for underflow, `STEPS` operations each off by the smallest normal number, because devices may flush to zero. A gradient that
comes back in a narrower dtype is rounded to it once, at the end: by its unit roundoff, or half its smallest subnormal number.
Under a cotangent the truth and e are those of the multiplied gradient, and eta is multiplied too where that makes it larger:
what has underflowed may be multiplied afterwards.
"""

from __future__ import annotations

import math
from typing import Any

__all__ = ["allowed", "excess", "wide_dtype"]

STEPS = 1e4
# (unit roundoff, smallest normal, smallest subnormal, largest)
_FACTS = {
    "float64": (2.0**-53, 2.0**-1022, 2.0**-1074, 1.7976931348623157e308),
    "float32": (2.0**-24, 2.0**-126, 2.0**-149, 3.4028234663852886e38),
    "float16": (2.0**-11, 2.0**-14, 2.0**-24, 65504.0),
    "bfloat16": (2.0**-8, 2.0**-126, 2.0**-133, 3.3895313892515355e38),
}


def wide_dtype(dtype: str) -> str:
    """The dtype in which arrays of `dtype` are computed."""
    return dtype if dtype in ("float64", "float32") else "float32"


def _computed(bound: Any, dtype: str, gradient: bool, factor: float) -> float:
    """How far a number may be off before it is rounded to the dtype that comes back."""
    unit, tiny, _, _ = _FACTS[wide_dtype(dtype)]
    return (4 if gradient else 2) * unit * float(bound) + STEPS * tiny * max(1.0, factor)


def allowed(want: Any, bound: Any, dtype: str, *, gradient: bool, factor: float = 1.0) -> float:
    """The largest error that passes, for a finite truth; `factor` is the largest cotangent that a gradient was asked at."""
    return _and_rounded(
        _computed(bound, dtype, gradient, factor), float(want), dtype if gradient else wide_dtype(dtype)
    )


def _and_rounded(error: float, truth: float, dtype: str) -> float:
    """The error of a number that is off by at most `error` once it has been rounded to a 16-bit dtype."""
    if dtype in ("float64", "float32"):
        return error
    unit, _, step, _ = _FACTS[dtype]
    return error + max(unit * (abs(truth) + error), step / 2)


# The smallest number that is rounded to infinity: half a unit in the last place above the largest one.
_OVERFLOW = {dtype: largest * (2 - unit) / (2 - 2 * unit) for dtype, (unit, _, _, largest) in _FACTS.items()}


def excess(got: float, want: Any, bound: Any, dtype: str, *, gradient: bool, factor: float = 1.0) -> float:
    """|got - want| over what is allowed: at most 1 passes. An infinite truth needs the same infinity, nan needs nan.

    A finite truth that overflows in the dtype that comes back needs that infinity, too; one so near to the edge that the
    error allowed reaches across may go either way.
    """
    truth = float(want)
    if math.isnan(truth):
        return 0.0 if math.isnan(got) else math.inf
    kind = dtype if gradient else wide_dtype(dtype)
    edge, error = _OVERFLOW[kind], _computed(bound, dtype, gradient, factor)
    doubt = error if math.isfinite(error) else 0.0
    if math.isinf(truth) or abs(truth) - doubt >= edge:
        return 0.0 if math.isinf(got) and (got > 0) == (truth > 0) else math.inf
    if math.isinf(got) and (got > 0) == (truth > 0) and abs(truth) + doubt >= edge:
        return 0.0
    if not math.isfinite(got):
        return math.inf
    limit = _and_rounded(error, truth, kind)
    if not math.isfinite(limit):
        return math.inf
    # want holds more digits than a float: subtract before rounding.
    off = abs(float(type(want)(got) - want))
    return 0.0 if off == 0 else off / limit
