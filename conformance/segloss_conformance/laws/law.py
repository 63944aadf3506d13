"""What a law is, and how two answers are held against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from segloss_ref import registry

from ..cases.case import Case
from ..truth.numbers import mp
from ..truth.tolerance import excess

__all__ = ["SLACK", "Law", "axes_of", "changed", "compare", "is_surface", "nearly_exact"]


SLACK = 16
"""The partner may have twice the pixels and logits shifted by 8, and both values err."""


@dataclass(frozen=True)
class Law:
    """`partner(case)` is the related case, or None where the law does not speak; `relate` maps its value to case's.

    `view` is what the law looks at of the case's own value; with `at_most`, that may also be less than the partner's.
    """

    name: str
    partner: Callable[[Case], Case | None]
    relate: Callable[[Case, Any], Any] = lambda case, value: value
    view: Callable[[Case, Any], Any] = lambda case, value: value
    at_most: bool = False


def is_surface(case: Case) -> bool:
    """Whether the case is one of a surface metric, where counts of pixels mean nothing."""
    return not case.is_loss and registry.metrics[case.name].family == "surface"


def changed(case: Case, name: str | None = None, pred: Any = None, target: Any = None, **keywords: Any) -> Case:
    """The case with some of it replaced; a keyword of None is dropped."""
    kept = {key: value for key, value in (case.keywords | keywords).items() if value is not None}
    return Case(
        name or case.name,
        case.pred if pred is None else pred,
        case.target if target is None else target,
        kept,
        case.grid,
        case.is_loss,
    )


def axes_of(case: Case) -> tuple[int | None, list[int], int]:
    """(Class axis, region axes, number of dimensions with the class axis)."""
    both_maps = "num_classes" in case.keywords
    ndim = max(case.pred.ndim, case.target.ndim) + both_maps
    class_axis = case.keywords.get("class_axis")
    class_axis = None if class_axis is None else class_axis % ndim
    axis = case.keywords.get("axis")
    if axis is None:
        return class_axis, [one for one in range(ndim) if one != class_axis], ndim
    return class_axis, [one % ndim for one in (axis if isinstance(axis, tuple) else (axis,))], ndim


def compare(law: Law, case: Case, here: Any, there: Any, near: Callable[[int, float, float], bool]) -> str | None:
    """What a law finds wrong with the value of a case and that of its partner; None where it holds.

    `near(index, a, b)` says whether two numbers are the same up to what both values may err.
    """
    own = np.asarray(law.view(case, np.asarray(here, dtype=np.float64)))
    other = np.asarray(law.relate(case, np.asarray(there, dtype=np.float64)))
    if own.shape != other.shape:
        return f"'{law.name}': shape {own.shape} against {other.shape}"
    for index, (a, b) in enumerate(zip(own.ravel(), other.ravel(), strict=True)):
        if law.at_most and (a <= b or np.isnan(b)):
            continue
        if not near(index, float(a), float(b)):
            return f"'{law.name}' does not hold: {float(a)!r} against {float(b)!r}"
    return None


def nearly_exact(case: Case, dtype: str) -> Callable[[int, float, float], bool]:
    """Numbers are near where they differ by no more than `SLACK` times the textbook's bound for the case, and roundoffs."""
    bounds = [number.e for number in case.answer.value if mp.isfinite(number.e)]
    bound = SLACK * max(bounds, default=mp.mpf(0))

    def near(index: int, a: float, b: float) -> bool:
        allowed = bound + 8 * abs(b) if np.isfinite(b) else bound
        return excess(a, mp.mpf(b), allowed, dtype, gradient=False) <= 1

    return near
