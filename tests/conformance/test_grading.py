"""Grades: what is just within a bound has it, and one step beyond has it not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from segloss_conformance.adapters import bind
from segloss_conformance.adapters.adapt import adapt
from segloss_conformance.adapters.bound_case import BoundCase
from segloss_conformance.cases.case import Case
from segloss_conformance.engine.grading import coarse, graded, holds_cotangent
from segloss_conformance.truth.tolerance import allowed, wide_dtype
from segloss_ref import binary_cross_entropy

P, Y = np.array([0.75, 0.25, 0.5]), np.array([1.0, 0.0, 1.0])


def bound(dtype: str = "float64") -> BoundCase:
    case = adapt(bind("binary_cross_entropy", binary_cross_entropy), Case("binary_cross_entropy", P, Y), dtype)
    assert case is not None
    return case


def grade(case: Any, dtype: str, off: float, **how: Any) -> str:
    number = case.answer.value[0]
    found, _, _ = graded(case, dtype, [float(number.v) + off], [(number.v, number.e)], False, **how)
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_each_grade_ends_at_its_bound(dtype: str) -> None:
    case = bound(dtype)
    number = case.answer.value[0]
    a = allowed(number.v, number.e, wide_dtype(dtype), gradient=False)
    c = coarse(case, dtype, float(number.v), number.e)
    assert a < c
    assert grade(case, dtype, 0.0) == "A"
    assert grade(case, dtype, 0.98 * a) == "A"
    assert grade(case, dtype, 1.1 * a) in ("B", "C")
    assert grade(case, dtype, 0.98 * c) == "C"
    assert grade(case, dtype, 1.02 * c) == ""


def test_the_strict_know_one_grade() -> None:
    case = bound()
    number = case.answer.value[0]
    a = allowed(number.v, number.e, "float64", gradient=False)
    assert grade(case, "float64", 0.9 * a, strict=True) == "A"
    assert grade(case, "float64", 1.1 * a, strict=True) == ""
    assert grade(Case("binary_cross_entropy", P, Y), "float64", 1.1 * a) == ""  # only bound functions have other grades


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_wrong_where_the_truth_is(wrong: float) -> None:
    assert grade(bound(), "float64", wrong) == ""


def test_an_infinite_truth_needs_that_infinity() -> None:
    case = Case("binary_cross_entropy", np.array([0.0]), np.array([1.0]))
    number = case.answer.value[0]
    for got, found in ((math.inf, "A"), (-math.inf, ""), (1e308, ""), (math.nan, "")):
        assert graded(case, "float64", [got], [(number.v, number.e)], False)[0] == found


def test_the_worst_entry_is_named() -> None:
    case = Case(
        "dice_loss", np.array([[0.5, 0.25], [1.0, 0.5]]), np.array([[1, 0], [1, 1]]), {"axis": 1, "reduction": "none"}
    )
    wants = [(number.v, number.e) for number in case.answer.value]
    got = [float(want) for want, _ in wants]
    got[1] += 1e-3
    assert graded(case, "float64", got, wants, False)[:2] == ("", 1)


def test_float16_does_not_hold_every_cotangent() -> None:
    for number in range(40):
        case = bound("float16")
        case.__dict__["cotangent"] = np.array(2.0 ** (number - 10))
        assert holds_cotangent(case, "float16") == (2.0 ** (number - 10) >= 3 * 2.0**-14 and number < 22)
        assert holds_cotangent(case, "float32")
