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

__all__ = ["SLACK", "Law", "Value", "axes_of", "broken", "changed", "is_surface"]


Value = Callable[[Case], Any]


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


def broken(law: Law, case: Case, value: Value, dtype: str) -> str | None:
    """What the law finds wrong with `value`, an implementation, on this case; None where it holds or does not speak."""
    partner = law.partner(case)
    if partner is None:
        return None
    here = np.asarray(law.view(case, np.asarray(value(case), dtype=np.float64)))
    there = np.asarray(law.relate(case, np.asarray(value(partner), dtype=np.float64)))
    if here.shape != there.shape:
        return f"law '{law.name}': shape {here.shape} against {there.shape}"
    bounds = [n.e for n in case.answer.value if mp.isfinite(n.e)]
    bound = SLACK * max(bounds, default=mp.mpf(0))
    for a, b in zip(here.ravel(), there.ravel(), strict=True):
        if law.at_most and (a <= b or np.isnan(b)):
            continue
        allowed = bound + 8 * abs(b) if np.isfinite(b) else bound
        if excess(float(a), mp.mpf(float(b)), allowed, dtype, gradient=False) > 1:
            return f"law '{law.name}': {float(a)!r} against {float(b)!r}"
    return None
