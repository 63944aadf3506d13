"""How far a result may be from the truth: computed from the case and the dtype, never picked.

A value passes where |got - want| <= 2 u e + eta and a gradient where |got - want| <= 4 u e + eta: u the unit roundoff of
the dtype of the computation (float32 for narrower arrays), e the bound that the textbook carries through the formula, eta
for underflow, `STEPS` operations each off by the smallest normal number, because devices may flush to zero. A gradient that
comes back in a narrower dtype may be off by that dtype's rounding on top.
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


def allowed(want: Any, bound: Any, dtype: str, *, gradient: bool) -> float:
    """The largest error that passes, for a finite truth."""
    wide = wide_dtype(dtype)
    unit, tiny, _, _ = _FACTS[wide]
    found = (4 if gradient else 2) * unit * float(bound) + STEPS * tiny
    if gradient and dtype != wide:
        narrow_unit, _, narrow_step, _ = _FACTS[dtype]
        found += narrow_unit * abs(float(want)) * (1 + 1e-3) + narrow_step
    return found


def excess(got: float, want: Any, bound: Any, dtype: str, *, gradient: bool) -> float:
    """|got - want| over what is allowed: at most 1 passes. An infinite truth needs the same infinity, nan needs nan."""
    truth = float(want)
    if math.isnan(truth):
        return 0.0 if math.isnan(got) else math.inf
    largest = _FACTS[dtype if gradient else wide_dtype(dtype)][3]
    if math.isinf(truth) or abs(truth) > largest:
        return 0.0 if math.isinf(got) and (got > 0) == (truth > 0) else math.inf
    if not math.isfinite(got):
        return math.inf
    limit = allowed(want, bound, dtype, gradient=gradient)
    if not math.isfinite(limit):
        return math.inf
    # want holds more digits than a float: subtract before rounding.
    error = abs(float(type(want)(got) - want))
    return 0.0 if error == 0 else error / limit
