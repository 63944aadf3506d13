"""The groups of checks that ask in a way of their own: laws, bad input, purity, dtypes and compiled modes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from segloss_ref import value_and_grad

from ..adapters.adapt import fitted_all
from ..adapters.binding import Binding
from ..adapters.bound_case import BoundCase, replaced
from ..adapters.callers import CallProblem, Unsupported, caller
from ..cases.fixed import plain_cases
from ..laws.law import Law
from ..laws.overlaps import LAWS
from .grading import coarse, unit_of
from .judge import Asked, cotangent_text, number_text
from .verdicts import Finding, Verdict

__all__ = ["ask_dtype", "ask_errors", "ask_laws", "ask_modes", "ask_purity", "ask_scaling"]

_SCALE = 2.0**16
"""Where torch's GradScaler starts, and the smallest power of 2 that float16 does not hold."""


def _partner(law: Law, case: BoundCase) -> BoundCase | None:
    """The law's other case, where the binding can express it."""
    other = law.partner(case)
    binding = case.binding
    if other is None or other.name != case.name or other.pred.ndim != case.pred.ndim:
        return None
    if not case.is_loss and other.target.dtype.kind == "f":
        return None  # probabilities that have changed places with the target, which is handed over as a mask
    changed = {
        name for name in other.keywords.keys() | case.keywords.keys()
        if name != "weight" and other.keywords.get(name) != case.keywords.get(name)
    }  # fmt: skip
    if ("weight" in other.keywords) != ("weight" in case.keywords):
        return None
    if changed and (
        binding.convention or not changed <= binding.parameters | (binding.placeholders & {"class_weight"})
    ):
        return None
    given = dict(case.given)
    for name in changed:
        value = other.keywords.get(name, getattr(binding.record.parameters.get(name), "default", None))
        if value is None or (isinstance(value, tuple) and f"{name}_numerator" not in binding.placeholders
                             and name != "class_weight"):  # fmt: skip
            return None
        given[name] = value
        if name == "smooth":
            given["smooth_numerator"], given["smooth_denominator"] = (
                value if isinstance(value, tuple) else (value, value)
            )
    if "C" in binding.layout:
        place = binding.layout.index("C")
        if other.pred.shape[place] != case.pred.shape[place]:
            return None
    return replaced(case, pred=other.pred, target=other.target, keywords=other.keywords, given=given)


def _near(a: float, b: float, allowed: float) -> bool:
    """Whether two answers are the same up to `allowed`; infinities and nan are the same as themselves."""
    return (
        a == b or (math.isnan(a) and math.isnan(b)) or (math.isfinite(a) and math.isfinite(b) and abs(a - b) <= allowed)
    )


def ask_laws(asked: Asked, case: BoundCase, verdict: Verdict) -> Finding | None:
    """Hold two of the implementation's own answers against each other."""
    for law in LAWS if not case.averaged else ():  # a law speaks of the reference's own values
        other = _partner(law, case)
        if other is None:
            continue
        try:
            answer = asked.value(case)
            here = answer.value
            there = np.asarray(law.relate(case, asked.value(other).value))
        except (CallProblem, Unsupported):
            continue  # the groups above say so
        if here.shape != there.shape:
            return Finding("law", f"{law.name}: shape {here.shape} against {there.shape}", case)
        for index, (a, b) in enumerate(zip(here.ravel(), there.ravel(), strict=True)):
            number = case.answer.value[index]
            allowed = 4 * coarse(case, asked.graded_in(answer), float(number.v), number.e)
            if not _near(a, b, allowed):
                return Finding("law", f"'{law.name}' does not hold: {number_text(a)} against {number_text(b)}", case)
        verdict.passed()
    return None


def ask_errors(asked: Asked, verdict: Verdict) -> Iterable[Finding]:
    """Bad input that the binding promises to refuse."""
    binding = asked.binding
    fitted = fitted_all(binding, plain_cases(binding.record)[:1], asked.dtype)
    for case in fitted:
        for words, bad in _bad(binding, case):
            try:
                value = asked.call(bad, asked.dtype).value
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


def ask_purity(asked: Asked, verdict: Verdict) -> Finding | None:
    """The same call twice, and other memory layouts of the same numbers."""
    for case in fitted_all(asked.binding, plain_cases(asked.binding.record), asked.dtype):
        try:
            answer = asked.value(case)
            first = answer.value
        except (CallProblem, Unsupported):
            return None  # told elsewhere
        allowed = [coarse(case, asked.graded_in(answer), float(number.v), number.e) for number in case.answer.value]
        for style, words in (
            ("plain", "the same call again"), ("read-only", "arrays that may not be written to"),
            ("strided", "arrays that are not contiguous"),
        ):  # fmt: skip
            try:
                again = asked.value(case, style).value
            except (CallProblem, Unsupported) as problem:
                return Finding("purity", f"{words}: {problem}", case)
            near = first.shape == again.shape and all(map(_near, first.ravel(), again.ravel(), allowed))
            if not near:
                return Finding(
                    "purity", f"{words}: {number_text(again.ravel()[0])} after {number_text(first.ravel()[0])}", case
                )
        verdict.passed()
    return None


def ask_dtype(asked: Asked, verdict: Verdict) -> Finding | None:
    """The dtype that comes back, and, for 16 bits, sums over an image that is no toy."""
    binding, dtype = asked.binding, asked.dtype
    fitted = fitted_all(binding, plain_cases(binding.record)[:1], dtype)
    if dtype not in ("float64", "float32", "float16", "bfloat16") or not fitted:
        return None
    case = fitted[0]
    try:
        called = asked.value(case)
    except (CallProblem, Unsupported):
        return None
    sizes = {"bfloat16": 16, "float16": 16, "float32": 32, "float64": 64}
    returned = sizes.get(called.dtype)
    if binding.is_loss and returned is not None and returned < sizes[dtype]:
        return Finding("dtype", f"returns {called.dtype} for {dtype} arrays", case)
    verdict.passed()
    if sizes[dtype] == 16 and binding.is_loss:
        complaint = _on_a_large_image(asked, case)
        if complaint and "large-image" in binding.domain:
            return Finding("dtype", complaint)
        verdict.note = complaint or ""
    return None


def _on_a_large_image(asked: Asked, case: BoundCase) -> str | None:
    """What goes wrong where 16 bits cannot count the pixels."""
    try:
        value = asked.call(_large(case), asked.dtype).value
    except CallProblem as problem:
        return f"an image of 512 x 512 pixels: {problem}"
    if np.isfinite(value).all():
        return None
    return f"an image of 512 x 512 pixels gives {number_text(value.ravel()[0])}, because sums overflow in 16 bits"


def ask_scaling(asked: Asked, verdict: Verdict) -> Finding | None:
    """A 16-bit gradient on an image that is no toy, at a scale of mixed precision, without which it would be 0 or nearly so.

    Asked of functions that compute in float32 or more, as their value there shows; others are not made for such sums. The
    gradient is held against the reference in float64, by what grade C allows.
    """
    binding, dtype = asked.binding, asked.dtype
    fitted = fitted_all(binding, plain_cases(binding.record)[:1], dtype)
    if dtype not in ("float16", "bfloat16") or not asked.by_autograd or not fitted or fitted[0].averaged:
        return None
    large = _large(fitted[0])
    try:
        if asked.value(fitted[0]).dtype not in ("float32", "float64"):
            return None
        want, slope = value_and_grad(binding.record.function)(large.pred, large.target, **large.keywords)
        called = asked.value(large, gradient=True, cotangent=np.full(np.shape(want), _SCALE))
    except (CallProblem, Unsupported):
        return None  # told elsewhere
    if called.gradient is None or called.gradient.shape != slope.shape or called.value.shape != np.shape(want):
        return None
    near = unit_of(large, "float32") * math.log2(large.pred.size) * np.maximum(1, np.abs(want))
    if not (np.isfinite(slope).all() and (np.abs(called.value - want) <= near).all()):
        return None
    slope = _SCALE * slope
    off = np.abs(called.gradient.astype(np.float64) - slope)
    place = int(np.where(np.isfinite(off), off, np.inf).argmax())
    if off.flat[place] <= unit_of(large, dtype) * np.abs(slope).max() + 2.0**-24:
        verdict.passed()
        return None
    what = f"the gradient of 512 x 512 equal pixels{cotangent_text(called.cotangent)}"
    return Finding(
        "gradient", f"{what}: want {number_text(slope.flat[place])}, got {number_text(called.gradient.flat[place])}"
    )


def _large(case: BoundCase) -> BoundCase:
    """The case's first pixel, 512 x 512 times."""
    letters = case.binding.layout

    def grow(array: Any) -> Any:
        if letters == "any":
            return np.full((512, 512), 1, dtype=array.dtype) * array.flat[0]
        axes = letters if array.ndim == len(letters) else letters.replace("C", "")
        corner = array[tuple(slice(None) if one == "C" else slice(0, 1) for one in axes)]
        size = 512 if "H" in axes else 512 * 512
        return np.broadcast_to(corner, tuple(n if one == "C" else size if one in "HW" else 1
                                             for one, n in zip(axes, corner.shape, strict=True))).copy()  # fmt: skip

    target = grow(case.target)
    if case.binding.classes != "exclusive":
        target = np.ones_like(target)
    return replaced(case, pred=grow(case.pred), target=target)


def ask_modes(asked: Asked, device: str, verdict: Verdict) -> Finding | None:
    """Compiled answers to the plain cases."""
    compiled = Asked(asked.binding, caller(asked.binding, device, "compile"), asked.dtype)
    for case in fitted_all(asked.binding, plain_cases(asked.binding.record), asked.dtype):
        counted = {name: Verdict(name) for name in ("value", "special cases", "gradient")}
        finding = compiled.judge(case, counted, "value")
        if finding is not None:
            return Finding("modes", f"compiled: {finding.message}", case)
        verdict.passed(max(one.grade for one in counted.values()))
    return None
