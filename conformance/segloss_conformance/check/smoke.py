"""The smoke test: does the adapter work at all, or does it give the function what it does not take?"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np

from ..adapters.adapt import adapt, fitted_all
from ..adapters.binding import Binding
from ..adapters.bound_case import BoundCase
from ..adapters.callers import Called, CallProblem, Unsupported, caller
from ..cases.fixed import plain_cases
from ..engine.judge import number_text
from ..engine.verdicts import Finding, Verdict
from ..subjects.bound import BoundFunction

__all__ = ["smoke"]


def _rough(subject: BoundFunction, fitted: list[BoundCase]) -> tuple[list[Called], str | None, bool]:
    """(answers, what is wrong with them as answers, whether the numbers are roughly right)."""
    answers: list[Called] = []
    right = bool(fitted)
    for case in fitted:
        try:
            answers.append(subject.ask(case, gradient=False))
        except CallProblem as problem:
            return answers, str(problem), False
        value, want = answers[-1].value, case.answer
        if value.shape != want.shape:
            return answers, _wrong_shape(case, value.shape), False
        truth = np.array([float(number.v) for number in want.value])
        if not np.isfinite(value).all() and np.isfinite(truth).all():
            return answers, f"returns {value.ravel()[~np.isfinite(value.ravel())][0]} for an ordinary input", False
        near = 2e-2 if subject.dtype in ("float16", "bfloat16") else 1e-4
        right = right and bool(np.allclose(value.ravel(), truth, rtol=near, atol=near / 10))
    if len(answers) > 1 and all(np.array_equal(one.value, answers[0].value) for one in answers):
        truths = {tuple(float(number.v) for number in case.answer.value) for case in fitted}
        if len(truths) > 1:
            return answers, f"returns {number_text(answers[0].value.ravel()[0])} for every input", False
    return answers, None, right


def _wrong_shape(case: BoundCase, shape: tuple[int, ...]) -> str:
    """The sentence, with the value of `returns` or `pool` that has this shape, if one does."""
    sentence = f"returns shape {shape}, expected {case.answer.shape} for returns = {case.binding.returns!r}"
    for returns, pool in (("loss", "batch"), ("per-image", "image"), ("per-class", "batch"), ("per-class", "image"),
                          ("per-image-and-class", "image")):  # fmt: skip
        if returns == case.binding.returns or (pool == "image" and "N" not in case.binding.layout):
            continue
        other = adapt(case.binding.changed(returns=returns, pool=pool), plain_cases(case.binding.record)[0], "float64")
        if other is not None and other.answer.shape == shape and shape != case.answer.shape:
            return f"{sentence}; this is the shape for returns = {returns!r}, pool = {pool!r}"
    return sentence


def _swapped(binding: Binding) -> Binding:
    names = {"$pred": "$target", "$target": "$pred"}

    def swap(value: Any) -> Any:
        return names.get(value, value) if isinstance(value, str) else value

    return binding.changed(
        args=tuple(swap(one) for one in binding.args), keywords={k: swap(v) for k, v in binding.keywords.items()}
    )


def _alternatives(binding: Binding) -> list[tuple[str, Binding]]:
    """Adapters that differ in the array library, the order of arguments or the layout alone."""
    found = []
    if binding.framework == "numpy" and "torch" in sys.modules:
        found.append(("with framework = 'torch'", binding.changed(framework="torch")))
    if binding.framework == "torch":
        found.append(("with framework = 'numpy'", binding.changed(framework="numpy")))
    if binding.framework != "process":
        found.append(("with pred and target swapped in args", _swapped(binding)))
    if "C" in binding.layout and binding.classes != "one":
        rest = binding.layout.replace("C", "")
        for place in range(len(rest) + 1):
            layout = rest[:place] + "C" + rest[place:]
            if layout != binding.layout:
                found.append((f"with layout = {layout!r}", binding.changed(layout=layout)))
    return found


def _suspicions(binding: Binding) -> list[tuple[str, Binding]]:
    """Bindings to try; one that fits names the wrong promise."""
    found = []
    if binding.is_loss and not binding.record.logits_only:
        other = {"probability": "logit", "logit": "probability"}.get(binding.takes)
        if other is not None and not (binding.pool == "all" and other == "logit" and binding.classes == "exclusive"):
            found.append((f"takes = {other!r}", binding.changed(takes=other)))
    if binding.returns in ("loss", "score"):
        other = {"loss": "score", "score": "loss"}[binding.returns]
        found.append((f"returns = {other!r}", binding.changed(returns=other)))
    if "N" in binding.layout and binding.returns in ("loss", "score"):
        other = {"batch": "image", "image": "batch", "all": "image"}[binding.pool]
        found.append((f"pool = {other!r}", binding.changed(pool=other)))
    if (
        binding.classes == "exclusive"
        and binding.target == "onehot"
        and binding.pool != "all"
        and binding.takes != "logit"
    ):
        found.append(("pool = 'all'", binding.changed(pool="all")))
    return found


def smoke(subject: BoundFunction, verdicts: dict[str, Verdict]) -> str | None:
    """Whether the adapter works; the verdict says where it does not. Returns a reading that would be right, if any."""
    binding, verdict = subject.binding, verdicts["smoke"]
    drawn = plain_cases(binding.record)
    fitted = fitted_all(binding, drawn, subject.dtype)
    if not fitted:
        return None
    try:
        _, complaint, right = _rough(subject, fitted)
    except Unsupported as why:
        verdict.note = subject.declined = str(why)
        return None
    if right:
        for _ in fitted:
            verdict.passed()
        return None

    def fits(other: Binding) -> bool:
        cases_ = fitted_all(other, drawn, subject.dtype)
        call = subject.call
        try:
            if binding.framework != "process":
                call = caller(other, subject.device, "eager")
            return bool(cases_) and _rough(replace(subject, binding=other, call=call), cases_)[2]
        except (CallProblem, Unsupported, ValueError):
            return False

    for words, other in _alternatives(binding):
        if fits(other):
            complaint = f"{complaint or 'the numbers are wrong'}; {words} they are right"
            break
    if complaint is not None:
        verdict.status = "broken adapter"
        verdict.findings.append(Finding("smoke", complaint, fitted[0]))
        return None
    for _ in fitted:
        verdict.passed()
    readings = [words for words, other in _suspicions(binding) if fits(other)]
    return f"the plain cases are right with {' or '.join(readings)}" if readings else None
