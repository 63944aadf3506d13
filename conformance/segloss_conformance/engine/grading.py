"""How accurate an answer is: the grade of the tightest bound that it keeps, computed from the case.

====== =================================================================================================================
grade  the error is at most
====== =================================================================================================================
A      what any sound evaluation of the formula promises (the textbook's bound e), in at least float32
B      that and what a roundoff in each input does, |x| |df/dx| (backward stable); 16-bit dtypes: in the dtype's own roundoff
C      a few roundoffs of the largest number on the way (1, or the largest logit): right, but a small loss or gradient keeps
       few digits, because it is a difference of large numbers
====== =================================================================================================================

The factors are those of `tolerance`: 2 roundoffs for values, 4 for gradients. A bug of 1e-8 is outside all three in float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..adapters.bound_case import BoundCase
from ..cases.case import Case
from ..truth.numbers import mp
from ..truth.tolerance import excess, wide_dtype

__all__ = ["GRADES", "coarse", "exponents", "graded", "holds_cotangent", "unit_of"]

GRADES = ("A", "B", "C")
_UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
_LARGEST = {"float64": 1.7976931348623157e308, "float32": 3.4028234663852886e38, "float16": 65504.0,
            "bfloat16": 3.3895313892515355e38}  # fmt: skip
_STEP = {"float64": 2.0**-1074, "float32": 2.0**-149, "float16": 2.0**-24, "bfloat16": 2.0**-133}


_NO_FACTOR = ("axis", "index", "classes", "spacing", "undefined", "_empty")
"""Ends of the names of keywords that no term is multiplied by."""


def _scale(case: BoundCase) -> float:
    """The size of the largest number on the way to the result, generously: weights and parameters multiply."""
    factors = [1.0]
    for name, value in case.keywords.items():
        if name.endswith(_NO_FACTOR) or value is None or isinstance(value, str | bool):
            continue
        factors.append(float(np.max(np.abs(np.asarray(value, dtype=float)), initial=0)))
    scale = math.prod(max(1.0, factor) for factor in factors)
    if case.binding.takes == "logit" and case.is_loss:
        scale *= max(1.0, float(np.abs(case.pred).max(initial=0)))
    if case.keywords.get("reduction") == "sum":
        scale *= case.pred.size
    return scale


def exponents(case: BoundCase) -> list[float]:
    """Exponents below 1, which magnify errors near 0."""
    own = {name: one.default for name, one in case.binding.record.parameters.items()}
    values = {name: case.keywords.get(name, default) for name, default in own.items()}
    return [float(v) for name, v in values.items() if name.endswith("gamma") and v is not None and 0 < v < 1]


def _absolute(case: BoundCase, want: float, unit: float, powers: bool = True) -> float:
    """What an error of a few roundoffs of the largest number does to a value."""
    error = 8 * unit * _scale(case) * (1 + math.log2(1 + case.pred.size))
    small = exponents(case) if powers else []
    if len(small) == 1 and abs(want) < 2:
        base = abs(want) ** (1 / small[0])
        return float(error + (base + error) ** small[0] - abs(want))
    return float(error + sum(error**g for g in small))


def graded(
    case: Case,
    dtype: str,
    got: Any,
    wants: list[tuple[Any, Any]],
    gradient: bool,
    factor: float = 1.0,
    strict: bool = False,
) -> tuple[str, int, float]:
    """(grade of the worst entry, or "" where one is wrong; its place; its error as a share of what grade A allows).

    `wants` are (truth, bound in roundoffs), of a gradient times a cotangent whose largest number is `factor`. Entries of a
    gradient whose truth is not finite are not held against anybody. Where `strict`, what is not of grade A is wrong.
    """
    worst, place, share = "A", 0, 0.0
    for index, (number, (want, bound)) in enumerate(zip(got, wants, strict=True)):
        truth = float(want)
        if gradient and not math.isfinite(truth):
            continue
        kind = dtype if gradient else wide_dtype(dtype)
        ratio = excess(float(number), want, bound, kind, gradient=gradient, factor=factor)
        grade = "A" if ratio <= 1 else ""
        if not grade and not strict and isinstance(case, BoundCase):
            grade = _lower(case, dtype, float(number), want, bound, index, gradient, factor)
        if (grade == "", grade, ratio) > (worst == "", worst, share):
            worst, place, share = grade, index, ratio
    return worst, place, share


def _lower(
    case: BoundCase, dtype: str, got: float, want: Any, bound: Any, index: int, gradient: bool, scale: float
) -> str:
    truth = float(want)
    if math.isnan(truth) or not mp.isfinite(bound):
        return ""
    overflows = abs(truth) * (1 + 4 * _UNIT[dtype]) >= _LARGEST[dtype]
    if math.isinf(truth) or (overflows and math.isinf(got)):
        return "B" if math.isinf(got) and (got > 0) == (truth > 0) else ""
    if not math.isfinite(got):
        return ""
    error, factor, unit = abs(float(type(want)(got) - want)), 4 if gradient else 2, _UNIT[dtype]
    more = 0.0
    number = case.answer.value[index] if not gradient else None
    if number is not None and number.d:
        inputs = case.pred.ravel()
        more = float(sum(abs(value * inputs[i]) for i, (value, _) in number.d.items() if mp.isfinite(value)))
    if case.binding.takes == "log-probability":
        size = np.abs(np.log(case.pred)) + 2
        more += float(abs(want) * size.ravel()[index] * 8) if gradient else float((np.abs(case.pred) * size).sum() * 4)
    steps = (64 + 16 * case.pred.size) * _STEP[dtype] * max(1.0, scale)
    own = unit if dtype != wide_dtype(dtype) else 0.0  # a narrow result is rounded once more
    if error <= factor * unit * (float(bound) + more) + own * abs(truth) + steps:
        return "B"
    if not gradient:
        return "C" if error <= coarse(case, dtype, truth, bound) else ""
    largest = max((abs(float(g)) for g, _ in case.answer.gradient or () if mp.isfinite(g)), default=0.0)
    slope = 0.0
    for g in exponents(case):  # a power below 1 near 0, whose slope a roundoff in the base changes without limit
        base = min(abs(float(n.v)) for n in case.answer.value) ** (1 / g)
        error_there = _absolute(case, 0.0, unit, powers=False)
        slope += math.inf if base <= error_there else largest * error_there / base
    allowed = scale * (8 * unit * _scale(case) * max(1.0, largest) + slope) + factor * unit * float(bound) + steps
    return "C" if error <= allowed else ""


def holds_cotangent(case: BoundCase, dtype: str) -> bool:
    """Whether a backward pass that computes in `dtype` all along stays within its range under the case's cotangent.

    Of the 16-bit dtypes float16 alone has a narrow one: a pixel's share of a sum must be a normal number, and the gradient
    times the largest numbers on the way, with four bits to spare, must not overflow.
    """
    sizes = np.abs(case.cotangent[case.cotangent != 0])
    if dtype != "float16" or not sizes.size:
        return True
    steepest = max((abs(float(g)) for g, _ in case.answer.gradient or () if mp.isfinite(g)), default=0.0)
    largest = 16 * sizes.max() * _scale(case) * max(1.0, steepest)
    return bool(sizes.min() / case.pred.size >= 2.0**-14 and largest <= _LARGEST[dtype])


def unit_of(case: BoundCase, dtype: str) -> float:
    """A few roundoffs of the largest number on the way to the result: what grade C allows, relative to it."""
    return 8 * _UNIT[dtype] * _scale(case)


def coarse(case: BoundCase, dtype: str, want: float, bound: Any) -> float:
    """What grade C allows a value to be off."""
    unit = _UNIT.get(dtype, _UNIT["float64"])
    if not math.isfinite(want):
        return 0.0
    steps = (64 + 16 * case.pred.size) * _STEP.get(dtype, 0.0)
    return float(_absolute(case, want, unit) + 2 * unit * float(bound) + steps)
