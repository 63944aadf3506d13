"""One implementation, one case: does it mean the same? The facts first, then the value, the gradient, the laws."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cases.case import Case
from ..laws import ALL
from ..laws.law import broken
from ..subjects.library import Library
from ..subjects.subject import Implementation
from ..truth.tolerance import excess, wide_dtype

__all__ = ["CHECKS", "Failure", "Outcome", "examine"]

CHECKS = ("runs", "facts", "value", "gradient", "laws")


@dataclass(frozen=True)
class Failure:
    """What a check found wrong."""

    check: str
    message: str
    cotangent: Any = None
    """What the gradient was asked at, where that is what failed."""


@dataclass(frozen=True)
class Outcome:
    """The failure, if any, and the worst errors as shares of what was allowed."""

    failure: Failure | None
    value_excess: float = 0.0
    gradient_excess: float = 0.0


def _worst(
    got: Any, wants: list[tuple[Any, Any]], dtype: str, gradient: bool, factor: float = 1.0
) -> tuple[float, int]:
    worst, where = 0.0, 0
    for index, (number, (want, bound)) in enumerate(zip(got, wants, strict=True)):
        share = excess(float(number), want, bound, dtype, gradient=gradient, factor=factor)
        if share > worst:
            worst, where = share, index
    return worst, where


def _sentence(what: str, got: Any, wants: list[tuple[Any, float]], where: int, share: float, shape: Any) -> str:
    place = f"[{', '.join(str(int(i)) for i in np.unravel_index(where, shape))}]" if shape else ""
    times = "" if share == float("inf") else f", {share:.3g} times what is allowed"
    return f"{what}{place}: got {float(got[where])!r}, want {float(wants[where][0])!r}{times}"


def _asked_at(cotangent: Any) -> str:
    """Words for a gradient's message."""
    if cotangent is None or (cotangent == 1).all():
        return ""
    return f" under the cotangent {cotangent.tolist()!r}" if cotangent.size < 5 else " under random cotangents"


def examine(implementation: Implementation, case: Case) -> Outcome:
    """Hold an implementation's answer to a case against the textbook's."""
    answer = case.answer
    try:
        result = implementation.run(case)
    except Exception as problem:  # whatever it raises is its failure, and its last line says where
        frame = traceback.extract_tb(problem.__traceback__)[-1]
        return Outcome(
            Failure("runs", f"{type(problem).__name__}: {problem} ({frame.name}, line {frame.lineno})"), 9e99
        )
    if result.faults:
        return Outcome(Failure("facts", "; ".join(result.faults)))
    dtype = implementation.dtype if case.is_loss else implementation.metric_dtype
    wants = [(number.v, number.e) for number in answer.value]
    got = np.asarray(result.value, dtype=np.float64).ravel()
    share, where = _worst(got, wants, wide_dtype(dtype), False)
    if share > 1:
        return Outcome(Failure("value", _sentence("value", got, wants, where, share, answer.shape)), share)
    worst = 0.0
    truth = answer.gradient if result.cotangent is None else case.pulled
    factor = 1.0 if result.cotangent is None else float(np.abs(result.cotangent).max(initial=0))

    def wrong(message: str, share_there: float) -> Outcome:
        return Outcome(Failure("gradient", message, result.cotangent), share, share_there)

    if truth is not None and not answer.kink:
        # Where the value is infinite or a derivative is 0 times infinity, docs/contract.md does not say what it is.
        finite = all(np.isfinite(float(want)) for want, _ in wants)
        known = [
            (want, bound) if np.isfinite(float(want)) and (finite or np.isfinite(float(bound))) else None
            for want, bound in truth
        ]
        for name, gradient in result.gradients.items():
            flat = np.asarray(gradient, dtype=np.float64).ravel()
            keep = [i for i, pair in enumerate(known) if pair is not None]
            pairs = [truth[i] for i in keep]
            chosen = flat[keep]
            worst_here, where = _worst(chosen, pairs, dtype, True, factor)
            worst = max(worst, worst_here)
            if worst_here > 1:
                place = keep[where]
                what = f"gradient ({name}{_asked_at(result.cotangent)})"
                return wrong(_sentence(what, flat, truth, place, worst_here, case.pred.shape), worst_here)
    if answer.gradient is not None and np.isfinite(case.pred).all() and case.keywords.get("from_logits"):
        for name, gradient in result.gradients.items():
            if np.isnan(np.asarray(gradient, dtype=np.float64)).any():
                return wrong(f"gradient ({name}{_asked_at(result.cotangent)}) is nan for finite logits", 9e99)
    if isinstance(implementation, Library) and dtype == "float64" and implementation.stride == 1:
        for law in ALL:
            complaint = broken(law, case, implementation.value, dtype)
            if complaint is not None:
                return Outcome(Failure("laws", complaint), share, worst)
    return Outcome(None, share, worst)
