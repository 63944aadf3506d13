"""The groups of checks of a bound function that ask in a way of their own: input, purity, dtype, scaling, modes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from segloss_ref import value_and_grad

from ..adapters.adapt import fitted_all
from ..adapters.binding import Binding
from ..adapters.bound_case import BoundCase, replaced
from ..adapters.call import STYLES
from ..adapters.callers import CallProblem, Unsupported, caller
from ..cases.fixed import plain_cases
from ..subjects.bound import BoundFunction
from .grading import coarse, unit_of
from .judge import cotangent_text, judge, near, number_text
from .sizes import check_sizes, grown
from .verdicts import Finding, Verdict

__all__ = ["CHECKS"]

Verdicts = dict[str, Verdict]

_SCALE = 2.0**16
"""Where torch's GradScaler starts, and the smallest power of 2 that float16 does not hold."""


def check_errors(subject: BoundFunction, verdicts: Verdicts) -> Iterator[Finding]:
    """Bad input that the binding promises to refuse."""
    verdict = verdicts["errors"]
    binding = subject.binding
    fitted = fitted_all(binding, plain_cases(binding.record)[:1], subject.dtype)
    for case in fitted:
        for words, bad in _bad(binding, case):
            try:
                value = subject.call(bad, subject.dtype).value
            except CallProblem as problem:
                if not str(problem).startswith(("raises", "reports")):
                    yield Finding("errors", f"{words}: {problem}", bad)
                    continue
            except Unsupported:
                pass
            else:
                if not (words.startswith("nan") and not np.isfinite(value).all()):
                    yield Finding("errors", f"{words} is not refused: got {number_text(value.ravel()[0])}", bad)
                    continue
            verdict.passed()


def _bad(binding: Binding, case: BoundCase) -> Iterable[tuple[str, BoundCase]]:
    floating = binding.takes not in ("mask", "label")
    if "nan" in binding.refuses and floating:
        pred = case.pred.copy()
        pred.flat[0] = np.nan
        yield "nan in pred", replaced(case, pred=pred)
    if "shape" in binding.refuses:
        axis = case.target.ndim - 1 if binding.layout == "any" else binding.layout.replace(
            "C", "" if case.target.ndim < case.pred.ndim else "C").index("W")  # fmt: skip
        yield "a target with another shape than pred", replaced(case, target=np.delete(case.target, 0, axis))
    if "range" in binding.refuses and binding.takes == "probability":
        pred = case.pred.copy()
        pred.flat[0] = 1.5
        yield "a probability of 1.5", replaced(case, pred=pred)
    if "label" in binding.refuses and binding.target == "index":
        target = case.target.copy()
        target.flat[0] = case.given["num_classes"]
        yield "a label as large as the number of classes", replaced(case, target=target)
    if "parameter" in binding.refuses:
        for name in sorted(binding.parameters):
            low = getattr(binding.record.parameters[name].domain, "low", 0.0)
            if math.isfinite(low):
                wrong = {name: low - 1.0} | (
                    {"smooth_numerator": -1.0, "smooth_denominator": -1.0} if name == "smooth" else {}
                )
                yield f"{name} = {low - 1.0}", replaced(case, given={**case.given, **wrong})


def check_purity(subject: BoundFunction, verdicts: Verdicts) -> Iterator[Finding]:
    """The same call twice, and other memory layouts of the same numbers."""
    verdict = verdicts["purity"]
    for case in fitted_all(subject.binding, plain_cases(subject.binding.record), subject.dtype):
        try:
            answer = subject.ask(case, gradient=False)
            first = answer.value
        except (CallProblem, Unsupported):
            return  # told elsewhere
        allowed = [coarse(case, subject.counted_in(answer), float(number.v), number.e) for number in case.answer.value]
        for style, words in STYLES.items():
            try:
                again = subject.ask(case, gradient=False, style=style).value
            except (CallProblem, Unsupported) as problem:
                yield Finding("purity", f"{words}: {problem}", case)
                return
            if first.shape != again.shape or not all(map(near, first.ravel(), again.ravel(), allowed)):
                yield Finding(
                    "purity", f"{words}: {number_text(again.ravel()[0])} after {number_text(first.ravel()[0])}", case
                )
                return
        verdict.passed()


def check_dtype(subject: BoundFunction, verdicts: Verdicts) -> Iterator[Finding]:
    """The dtype that comes back, and, for 16 bits, sums over an image that is no toy."""
    verdict = verdicts["dtype"]
    binding, dtype = subject.binding, subject.dtype
    fitted = fitted_all(binding, plain_cases(binding.record)[:1], dtype)
    if dtype not in ("float64", "float32", "float16", "bfloat16") or not fitted:
        return
    case = fitted[0]
    try:
        called = subject.ask(case, gradient=False)
    except (CallProblem, Unsupported):
        return
    sizes = {"bfloat16": 16, "float16": 16, "float32": 32, "float64": 64}
    returned = sizes.get(called.dtype)
    if binding.is_loss and returned is not None and returned < sizes[dtype]:
        yield Finding("dtype", f"returns {called.dtype} for {dtype} arrays", case)
        return
    verdict.passed()
    if sizes[dtype] == 16 and binding.is_loss:
        complaint = _on_a_large_image(subject, case)
        if complaint and "large-image" in binding.domain:
            yield Finding("dtype", complaint)
            return
        verdict.note = complaint or ""


def _on_a_large_image(subject: BoundFunction, case: BoundCase) -> str | None:
    """What goes wrong where 16 bits cannot count the pixels."""
    try:
        value = subject.call(_large(case), subject.dtype).value
    except CallProblem as problem:
        return f"an image of 512 x 512 pixels: {problem}"
    if np.isfinite(value).all():
        return None
    return f"an image of 512 x 512 pixels gives {number_text(value.ravel()[0])}, because sums overflow in 16 bits"


def check_scaling(subject: BoundFunction, verdicts: Verdicts) -> Iterator[Finding]:
    """A 16-bit gradient on an image that is no toy, at a scale of mixed precision, without which it would be 0 or nearly so.

    Asked of functions that compute in float32 or more, as their value there shows; others are not made for such sums. The
    gradient is held against the reference in float64, by what grade C allows.
    """
    verdict = verdicts["gradient"]
    binding, dtype = subject.binding, subject.dtype
    fitted = fitted_all(binding, plain_cases(binding.record)[:1], dtype)
    if dtype not in ("float16", "bfloat16") or not subject.scales or not fitted or fitted[0].averaged:
        return
    large = _large(fitted[0])
    try:
        if subject.ask(fitted[0], gradient=False).dtype not in ("float32", "float64"):
            return
        want, slope = value_and_grad(binding.record.function)(large.pred, large.target, **large.keywords)
        called = subject.ask(large, gradient=True, cotangent=np.full(np.shape(want), _SCALE))
    except (CallProblem, Unsupported):
        return  # told elsewhere
    if called.gradient is None or called.gradient.shape != slope.shape or called.value.shape != np.shape(want):
        return
    slack = unit_of(large, "float32") * math.log2(large.pred.size) * np.maximum(1, np.abs(want))
    if not (np.isfinite(slope).all() and (np.abs(called.value - want) <= slack).all()):
        return
    slope = _SCALE * slope
    off = np.abs(called.gradient.astype(np.float64) - slope)
    place = int(np.where(np.isfinite(off), off, np.inf).argmax())
    if off.flat[place] <= unit_of(large, dtype) * np.abs(slope).max() + 2.0**-24:
        verdict.passed()
        return
    what = f"the gradient of 512 x 512 equal pixels{cotangent_text(called.cotangent)}"
    yield Finding(
        "gradient", f"{what}: want {number_text(slope.flat[place])}, got {number_text(called.gradient.flat[place])}"
    )


def _large(case: BoundCase) -> BoundCase:
    """The case's first pixel, 512 x 512 times."""
    large = grown(case, 512, 512, beyond={}, own=False)
    return large if case.binding.classes == "exclusive" else replaced(large, target=np.ones_like(large.target))


def check_modes(subject: BoundFunction, verdicts: Verdicts) -> Iterator[Finding]:
    """Compiled answers to the plain cases."""
    if "compile" not in subject.binding.modes:
        return
    compiled = replace(subject, call=caller(subject.binding, subject.device, "compile"))
    for case in fitted_all(subject.binding, plain_cases(subject.binding.record), subject.dtype):
        counted = {name: Verdict(name) for name in ("value", "special cases", "gradient")}
        finding, _ = judge(compiled, case, counted, "value")
        if finding is not None:
            yield Finding("modes", f"compiled: {finding.message}", case)
            return
        verdicts["modes"].passed(max(verdict.grade for verdict in counted.values()))


CHECKS: tuple[Callable[[BoundFunction, Verdicts], Iterable[Finding]], ...] = (
    check_dtype, check_scaling, check_sizes, check_purity, check_errors, check_modes,
)  # fmt: skip
"""Each yields what it finds wrong, and counts what it finds right."""
