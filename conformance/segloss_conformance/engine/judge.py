"""Hold the answer of a subject to one case against the textbook, and two of its answers against each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..adapters.bound_case import BoundCase
from ..adapters.call import Called, CallProblem, Unsupported
from ..cases.case import Case
from ..laws import ALL, compare, nearly_exact
from ..subjects.subject import Subject
from .grading import coarse, exponents, graded, holds_cotangent
from .verdicts import Finding, Verdict

__all__ = ["cotangent_text", "group_of", "judge", "judge_laws", "near", "number_text", "sentence"]

_SPECIAL = {
    "saturated", "empty-target", "full-target", "absent-class", "empty-prediction", "ignored", "zero-weight",
    "zero-over-zero",
}  # fmt: skip
_FINE = {"float16": 2.0**-6, "bfloat16": 2.0**-6}
"""Values below lose bits to underflow, which is no fault of anybody."""


def group_of(case: Case) -> str:
    """``"special cases"`` at the edges of a binding's domain, else ``"value"``."""
    if not isinstance(case, BoundCase):
        return "value"
    special = case.tags & _SPECIAL or ("certain" in case.tags and case.binding.record.family != "region")
    return "special cases" if special else "value"


def judge(
    subject: Subject, case: Case, verdicts: dict[str, Verdict], into: str | None = None
) -> tuple[Finding | None, Called | None]:
    """Ask about a case, compare, and count in the groups concerned: (the failure if there is one, the answer)."""
    group = into or group_of(case)
    if case.answer.jump and not subject.strict:
        verdicts[group].left("a roundoff decides on which side of a threshold a pixel lies")
        return None, None
    try:
        called = subject.ask(case, cotangent=_cotangent(subject, case))
    except Unsupported as why:
        verdicts[group].left(str(why))
        return None, None
    except CallProblem as problem:
        return Finding("runs" if subject.strict else group, str(problem), case), None
    return _facts(subject, case, called, group) or _judged(subject, case, called, verdicts, group), called


def _cotangent(subject: Subject, case: Case) -> Any:
    """What to ask the case's gradient at; None for 1, also where the function's own dtype may not hold the rest."""
    if not subject.scales:
        return None
    if isinstance(case, BoundCase) and ((case.cotangent == 1).all() or not holds_cotangent(case, subject.dtype)):
        return None
    return case.cotangent


def _facts(subject: Subject, case: Case, called: Called, group: str) -> Finding | None:
    """What is wrong before any number is looked at."""
    if called.faults:
        return Finding("facts", "; ".join(called.faults), case)
    if called.value.shape != case.answer.shape:
        message = f"returns shape {called.value.shape}, expected {case.answer.shape}"
        return Finding("facts" if subject.strict else group, message, case)
    if called.changed:
        message = f"the call changes its argument {called.changed[0]}"
        return Finding("facts" if subject.strict else "purity", message, case)
    return None


def _judged(subject: Subject, case: Case, called: Called, verdicts: dict[str, Verdict], group: str) -> Finding | None:
    wants = [(number.v, number.e) for number in case.answer.value]
    dtype = subject.counted_in(called)
    grade, place, share = graded(case, dtype, called.value.ravel(), wants, False, strict=subject.strict)
    if not grade:
        words = sentence("", called.value, wants, place, case.answer.shape, share if subject.strict else None)
        return Finding(group, words + _as_if_narrow(dtype, called.value.ravel()[place], wants[place][0]), case)
    if grade == "A" or (grade == "B" and subject.dtype in _FINE):
        _count_bits(verdicts[group], subject.dtype, called.value.ravel(), wants)
    verdicts[group].passed(grade, share)
    if not called.gradients or case.answer.gradient is None:
        return None
    for name, gradient in called.gradients.items():
        finding = _judge_gradient(subject, case, called, verdicts["gradient"], name, gradient)
        if finding is not None:
            return finding
    return None


def _judge_gradient(
    subject: Subject, case: Case, called: Called, verdict: Verdict, name: str, gradient: Any
) -> Finding | None:
    truth, factor = case.answer.gradient, 1.0
    if called.cotangent is not None:
        truth, factor = case.pulled, float(np.abs(called.cotangent).max(initial=0))
    assert truth is not None
    what = "the gradient" if name == "its own" else f"the gradient ({name})"

    def wrong(message: str) -> Finding:
        return Finding("gradient", message, case, called.cotangent)

    is_nan_of_logits = (
        subject.strict
        and case.keywords.get("from_logits")
        and np.isfinite(case.pred).all()
        and np.isnan(gradient).any()
    )
    if is_nan_of_logits:
        return wrong(f"{what}{cotangent_text(called.cotangent)} is nan for finite logits")
    reason = _no_gradient(subject, case, gradient)
    if reason is not None:
        verdict.left(reason)
        return None
    if gradient.shape != case.pred.shape:
        return wrong(f"{what} has shape {gradient.shape}, expected {case.pred.shape}")
    flat = gradient.ravel()
    kept = _defined(case, truth)
    if len(kept) < len(truth):
        verdict.left("entries beside an infinite value")
    chosen = [truth[i] for i in kept]
    grade, place, share = graded(case, subject.dtype, flat[kept], chosen, True, factor, strict=subject.strict)
    if not grade:
        times = share if subject.strict else None
        what += cotangent_text(called.cotangent)
        return wrong(sentence(what, gradient, truth, kept[place], case.pred.shape, times))
    verdict.passed(grade, share)
    return None


def _no_gradient(subject: Subject, case: Case, gradient: Any) -> str | None:
    """Why a gradient is not judged."""
    if case.answer.kink:
        return "the value has a kink there"
    if subject.strict:
        return None
    assert isinstance(case, BoundCase)
    binding = case.binding
    if not binding.record.smooth and "certain" in case.tags:
        return "the value has a kink where an error is exactly 0"
    if not all(math.isfinite(float(number.v)) for number in case.answer.value):
        return "the value is infinite"
    if exponents(case) and "infinite-slope" not in binding.domain and not np.isfinite(gradient).all():
        return "the slope is 0 times infinity, which docs/contract.md sets to 0"
    return None


def _defined(case: Case, truth: list[tuple[Any, Any]]) -> list[int]:
    """The entries of a gradient that docs/contract.md defines: not those beside an infinite value that are unbounded."""
    if all(math.isfinite(float(number.v)) for number in case.answer.value):
        return list(range(len(truth)))
    return [i for i, (want, bound) in enumerate(truth) if math.isfinite(float(want)) and math.isfinite(float(bound))]


def judge_laws(subject: Subject, case: Case, called: Called, verdict: Verdict) -> Finding | None:
    """Hold the answer to a case against the subject's answers to the partners that the laws name."""
    dtype = subject.counted_in(called)
    for law in ALL:
        other = subject.partner(law, case)
        if other is None:
            continue
        try:
            there = subject.ask(other, gradient=False).value
        except (CallProblem, Unsupported) as problem:
            verdict.left(f"no answer to the law's other case: {problem}")
            continue
        is_near = nearly_exact(case, dtype) if subject.strict else _roughly(case, dtype)
        complaint = compare(law, case, called.value, there, is_near)
        if complaint is not None:
            return Finding("law", complaint, case)
        verdict.passed()
    return None


def _roughly(case: Case, dtype: str) -> Callable[[int, float, float], bool]:
    """Numbers are near where they differ by no more than four times what grade C allows."""
    assert isinstance(case, BoundCase)
    allowed = [4 * coarse(case, dtype, float(number.v), number.e) for number in case.answer.value]

    def is_near(index: int, a: float, b: float) -> bool:
        return near(a, b, allowed[index] if index < len(allowed) else max(allowed))

    return is_near


def near(a: float, b: float, allowed: float) -> bool:
    """Whether two answers are the same up to `allowed`; infinities and nan are the same as themselves."""
    return (
        a == b or (math.isnan(a) and math.isnan(b)) or (math.isfinite(a) and math.isfinite(b) and abs(a - b) <= allowed)
    )


def _as_if_narrow(dtype: str, got: float, want: Any) -> str:
    """The remark that a float64 result has the bits of a float32 one."""
    truth = float(want)
    if dtype != "float64" or truth == 0 or not math.isfinite(truth) or not math.isfinite(got):
        return ""
    error = abs(float(type(want)(float(got)) - want) / truth)
    bits = -math.log2(error) if error else 53.0
    return f" ({bits:.0f} right bits of 53, as if computed in float32)" if 20 < bits < 34 else ""


def _count_bits(verdict: Verdict, dtype: str, got: Any, wants: list[tuple[Any, Any]]) -> None:
    for number, (want, bound) in zip(got, wants, strict=True):
        truth = float(want)
        if not math.isfinite(truth) or abs(truth) < _FINE.get(dtype, 1e-30) or float(bound) > 64 * abs(truth):
            continue
        error = abs(float(type(want)(float(number)) - want) / truth)
        bits = 53.0 if error == 0 else min(53.0, -math.log2(error))
        verdict.bits = bits if verdict.bits is None else min(verdict.bits, bits)


def number_text(value: float) -> str:
    """A float as it is printed: the digits that tell it from its neighbours."""
    return repr(float(value)) if math.isfinite(value) else str(float(value))


def cotangent_text(cotangent: Any) -> str:
    """Words for what a gradient was asked at, where that is not 1."""
    if cotangent is None or (np.asarray(cotangent) == 1).all():
        return ""
    return f" under the cotangent {np.asarray(cotangent).tolist()!r}"


def sentence(
    what: str, got: Any, wants: list[tuple[Any, Any]], place: int, shape: tuple[int, ...], share: float | None = None
) -> str:
    """What is wanted and got at a place, and how many times as far apart they are as is allowed."""
    where = f" at [{', '.join(str(int(i)) for i in np.unravel_index(place, shape))}]" if shape else ""
    start = f"{what}{where}: " if what or where else ""
    times = "" if share is None or math.isinf(share) else f", {share:.3g} times what is allowed"
    got_there = number_text(float(np.asarray(got).ravel()[place]))
    return f"{start.lstrip()}want {number_text(float(wants[place][0]))}, got {got_there}{times}"
