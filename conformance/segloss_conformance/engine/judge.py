"""Ask an implementation about a case, and judge the answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..adapters.binding import Binding
from ..adapters.bound_case import BoundCase
from ..adapters.callers import Called, Caller, CallProblem, Unsupported
from .grading import exponents, graded, holds_cotangent
from .verdicts import Finding, Verdict

__all__ = ["Asked", "cotangent_text", "group_of", "number_text", "sentence"]

_SPECIAL = {
    "saturated", "empty-target", "full-target", "absent-class", "empty-prediction", "ignored", "zero-weight",
    "zero-over-zero",
}  # fmt: skip
_FINE = {"float16": 2.0**-6, "bfloat16": 2.0**-6}
"""Values below lose bits to underflow, which is no fault of anybody."""


def group_of(case: BoundCase) -> str:
    """``"special cases"`` at the edges of the domain, else ``"value"``."""
    special = case.tags & _SPECIAL or ("certain" in case.tags and case.binding.record.family != "region")
    return "special cases" if special else "value"


class Asked:
    """A caller with a dtype: asks it about cases and judges the answers."""

    def __init__(self, binding: Binding, call: Caller, dtype: str) -> None:
        self.binding, self.call, self.dtype = binding, call, dtype
        self.gradients = (
            binding.is_loss
            and binding.grad != "none"
            and (callable(binding.grad) or binding.framework not in ("numpy", "cupy"))
        )
        self.numbers = dtype
        """The floating dtype that the answers are graded in."""
        self.bits: float | None = None
        self.declined: str | None = None

    @property
    def by_autograd(self) -> bool:
        """Gradients come from the framework, which takes a cotangent."""
        return self.gradients and not callable(self.binding.grad) and self.binding.framework != "process"

    def value(self, case: BoundCase, style: str = "plain", gradient: bool = False, cotangent: Any = None) -> Called:
        """The answer, with a score turned into the loss that it is one less of, or the other way round."""
        called = self.call(case, self.dtype, gradient=gradient and self.gradients, style=style, cotangent=cotangent)
        if self.binding.returns == ("score" if self.binding.is_loss else "loss"):
            called.value = 1 - called.value
            called.gradient = None if called.gradient is None else -called.gradient
        if self.binding.takes == "log-probability" and called.gradient is not None:
            called.gradient = called.gradient / case.pred
        return called

    def graded_in(self, called: Called) -> str:
        """The dtype that an answer is graded in: masks of integers are counted in whatever floating dtype comes back."""
        if self.dtype.startswith(("float", "bfloat")):
            return self.dtype
        return "float32" if called.dtype == "float32" else "float64"

    def judge(self, case: BoundCase, verdicts: dict[str, Verdict], into: str | None = None) -> Finding | None:
        """Ask, compare, and count in the groups concerned; the failure if there is one."""
        group = into or group_of(case)
        if case.answer.jump:
            return None  # a roundoff decides on which side of a threshold a pixel lies
        try:
            called = self.value(case, gradient=True, cotangent=self._cotangent(case))
        except Unsupported as why:
            self.declined = str(why)
            return None
        except CallProblem as problem:
            return Finding(group, str(problem), case)
        if called.value.shape != case.answer.shape:
            return Finding(group, f"returns shape {called.value.shape}, expected {case.answer.shape}", case)
        if called.inputs is not None and "purity" in verdicts:
            for name, now, then in zip(("pred", "target"), called.inputs, (case.passed, case.target), strict=True):
                if not _same(now, then):
                    return Finding("purity", f"the call changes its argument {name}", case)
        wants = [(number.v, number.e) for number in case.answer.value]
        self.numbers = self.graded_in(called)
        grade, place, share = graded(case, self.numbers, called.value.ravel(), wants, False)
        if not grade:
            words = sentence("", called.value, wants, place, case.answer.shape)
            return Finding(group, words + self._as_if_narrow(called.value.ravel()[place], wants[place][0]), case)
        if grade == "A" or (grade == "B" and self.dtype in _FINE):
            self._count_bits(called.value.ravel(), wants)
        verdicts[group].passed(grade, share)
        return self._judge_gradient(case, called, verdicts)

    def _cotangent(self, case: BoundCase) -> Any:
        """What to ask the case's gradient at; None for 1, also where the function's own dtype may not hold the rest."""
        if not self.by_autograd or (case.cotangent == 1).all() or not holds_cotangent(case, self.dtype):
            return None
        return case.cotangent

    def _judge_gradient(self, case: BoundCase, called: Called, verdicts: dict[str, Verdict]) -> Finding | None:
        truth, factor = case.answer.gradient, 1.0
        if called.cotangent is not None:
            truth, factor = case.pulled, float(np.abs(called.cotangent).max(initial=0))
        if called.gradient is None or truth is None or case.answer.kink:
            return None
        if not self.binding.record.smooth and "certain" in case.tags:
            return None  # an error of exactly 0 is a kink, too
        if called.gradient.shape != case.pred.shape:
            message = f"the gradient has shape {called.gradient.shape}, expected {case.pred.shape}"
            return Finding("gradient", message, case)
        if not all(math.isfinite(float(number.v)) for number in case.answer.value):
            return None
        slope = "infinite-slope" in self.binding.domain
        if exponents(case) and not slope and not np.isfinite(called.gradient).all():
            return None  # 0 times infinity at a perfect prediction, which docs/contract.md sets to 0
        grade, place, share = graded(case, self.dtype, called.gradient.ravel(), truth, True, factor)
        if not grade:
            what = "the gradient" + cotangent_text(called.cotangent)
            return Finding("gradient", sentence(what, called.gradient, truth, place, case.pred.shape), case)
        verdicts["gradient"].passed(grade, share)
        return None

    def _as_if_narrow(self, got: float, want: Any) -> str:
        """The remark that a float64 result has the bits of a float32 one."""
        truth = float(want)
        if self.numbers != "float64" or truth == 0 or not math.isfinite(truth) or not math.isfinite(got):
            return ""
        error = abs(float(type(want)(float(got)) - want) / truth)
        bits = -math.log2(error) if error else 53.0
        return f" ({bits:.0f} right bits of 53, as if computed in float32)" if 20 < bits < 34 else ""

    def _count_bits(self, got: Any, wants: list[tuple[Any, Any]]) -> None:
        for number, (want, bound) in zip(got, wants, strict=True):
            truth = float(want)
            if not math.isfinite(truth) or abs(truth) < _FINE.get(self.dtype, 1e-30) or float(bound) > 64 * abs(truth):
                continue
            error = abs(float(type(want)(float(number)) - want) / truth)
            bits = 53.0 if error == 0 else min(53.0, -math.log2(error))
            self.bits = bits if self.bits is None else min(self.bits, bits)


def _same(now: Any, then: Any) -> bool:
    return bool(
        np.allclose(now.astype(float), np.asarray(then).astype(float), rtol=2.0**-7, atol=2.0**-24, equal_nan=True)
    )


def number_text(value: float) -> str:
    """A float as it is printed: the digits that tell it from its neighbours."""
    return repr(float(value)) if math.isfinite(value) else str(float(value))


def cotangent_text(cotangent: Any) -> str:
    """Words for what a gradient was asked at, where that is not 1."""
    return "" if cotangent is None else f" under the cotangent {np.asarray(cotangent).tolist()!r}"


def sentence(what: str, got: Any, wants: list[tuple[Any, Any]], place: int, shape: tuple[int, ...]) -> str:
    """What is wanted and got at a place."""
    where = f" at [{', '.join(str(int(i)) for i in np.unravel_index(place, shape))}]" if shape else ""
    start = f"{what}{where}: " if what or where else ""
    return f"{start.lstrip()}want {number_text(float(wants[place][0]))}, got {number_text(float(got.ravel()[place]))}"
