"""One judge: what it calls wrong and in which group, what it leaves unjudged and why, laws between two answers, shrinking."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import segloss_ref
from segloss_conformance import cli
from segloss_conformance.adapters import bind
from segloss_conformance.adapters.call import Unsupported
from segloss_conformance.adapters.words import GROUPS
from segloss_conformance.cases.case import Case
from segloss_conformance.cases.pinned import pinned
from segloss_conformance.engine.judge import judge, judge_laws, sentence
from segloss_conformance.engine.matrix import hold
from segloss_conformance.engine.verdicts import Column, Finding, Verdict
from segloss_conformance.laws import ALL, Law, compare
from segloss_conformance.report.files import Report
from segloss_conformance.subjects.bound import BoundFunction
from segloss_conformance.subjects.foreign import Foreign
from segloss_conformance.subjects.library import libraries
from segloss_conformance.subjects.present import Absent
from segloss_ref import dice_loss, registry

P, Y = np.array([0.5, 0.25, 1.0]), np.array([1, 0, 1])


def dice(pred: Any, target: Any) -> Any:
    return 1 - (2 * (pred * target).sum() + 1e-5) / (pred.sum() + target.sum() + 1e-5)


def judged(function: Any, drawn: Case, **how: Any) -> tuple[Finding | None, dict[str, Verdict]]:
    subject = BoundFunction.of(bind(drawn.name, function, **{"args": ["$pred", "$target"], **how}))
    case = subject.adapt(drawn)
    assert case is not None
    verdicts = {name: Verdict(name) for name in GROUPS}
    return judge(subject, case, verdicts)[0], verdicts


def test_a_right_answer_counts() -> None:
    finding, verdicts = judged(dice, Case("dice_loss", P, Y))
    assert finding is None
    assert verdicts["value"].examples == 1
    assert verdicts["value"].bits is not None


@pytest.mark.parametrize(
    ("function", "group", "words"),
    [
        (lambda p, y: dice(p, y) + 0.1, "value", "want "),
        (lambda p, y: np.full(2, dice(p, y)), "value", "returns shape (2,), expected ()"),
        (lambda p, y: 1 / 0, "value", "ZeroDivisionError"),
        (lambda p, y: float(p.__setitem__(0, 0.0) or 0) + dice(P, y), "purity", "changes its argument pred"),
    ],
)
def test_a_wrong_answer_is_found_in_its_group(function: Any, group: str, words: str) -> None:
    finding, _ = judged(function, Case("dice_loss", P, Y))
    assert finding is not None
    assert (finding.group, words in finding.message) == (group, True)


def test_what_is_declined_is_left_with_its_reason() -> None:
    def declines(case: Any, dtype: str, **how: Any) -> Any:
        raise Unsupported("no such dtype here")

    binding = bind("dice_loss", dice, args=["$pred", "$target"])
    subject = BoundFunction(binding, "float64", "cpu", declines)  # type: ignore[arg-type]
    verdicts = {name: Verdict(name) for name in GROUPS}
    case = subject.adapt(Case("dice_loss", P, Y))
    assert case is not None
    assert judge(subject, case, verdicts) == (None, None)
    assert verdicts["value"].unjudged == {"no such dtype here": 1}
    assert subject.declined == "no such dtype here"


@pytest.mark.parametrize(
    ("name", "pred", "target", "reason"),
    [
        ("lovasz_hinge_loss", np.array([1.0, -3.0]), np.array([1, 0]), "the value has a kink there"),
        (
            "lovasz_softmax_loss",
            np.array([1.0, 0.25]),
            np.array([1, 0]),
            "the value has a kink where an error is exactly 0",
        ),
        ("binary_cross_entropy", np.array([0.0, 0.5]), np.array([1, 0]), "the value is infinite"),
    ],
)
def test_gradients_are_left_for_a_reason(name: str, pred: Any, target: Any, reason: str) -> None:
    torch = pytest.importorskip("torch")
    function = registry.records[name].function
    case = Case(name, pred, target)
    _, verdicts = judged(lambda p, y: function(p, y), case, framework="torch")
    assert torch is not None
    assert reason in verdicts["gradient"].unjudged or verdicts["gradient"].examples == 0


def test_reports_show_what_was_not_judged() -> None:
    column = Column("float64", name="dice_loss", label="mine", cases=3)
    column.verdicts["gradient"].left("the value has a kink there")
    assert column.unjudged == {"gradient: the value has a kink there": 1}
    (cell,) = Report("quick", 3, 0, columns=[column]).as_dict()["cells"]
    assert cell["unjudged"] == {"gradient: the value has a kink there": 1}


def test_sentences() -> None:
    wants = [(1.0, 0.0), (2.0, 0.0)]
    assert sentence("the value", np.array([1.0, 2.5]), wants, 1, (2,)) == "the value at [1]: want 2.0, got 2.5"
    assert sentence("", np.array(math.inf), wants, 0, ()) == "want 1.0, got inf"
    assert sentence("x", np.array([1.5]), wants, 0, (1,), 7.0).endswith("got 1.5, 7 times what is allowed")


def test_laws_compare_what_they_look_at() -> None:
    case = Case("dice_loss", P, Y)
    plain = Law("same", lambda case: case)
    assert compare(plain, case, 1.0, 1.0, lambda i, a, b: a == b) is None
    assert compare(plain, case, 1.0, 2.0, lambda i, a, b: a == b) == "'same' does not hold: 1.0 against 2.0"
    assert compare(plain, case, [1.0, 2.0], 1.0, lambda i, a, b: True) == "'same': shape (2,) against ()"
    viewed = Law("the first", lambda case: case, view=lambda case, value: value[0])
    assert compare(viewed, case, [1.0, 5.0], 1.0, lambda i, a, b: a == b) is None
    below = Law("at most", lambda case: case, at_most=True)
    assert compare(below, case, 0.5, 1.0, lambda i, a, b: False) is None
    assert compare(below, case, 1.0, math.nan, lambda i, a, b: False) is None
    assert compare(below, case, 1.5, 1.0, lambda i, a, b: False) is not None


def test_a_law_needs_no_textbook_to_catch_a_function() -> None:
    subject = BoundFunction.of(
        bind("dice_loss", lambda p, y: dice(p, y) + 1e-3 * p.ravel()[0], args=["$pred", "$target"])
    )
    verdict = Verdict("law")
    for drawn in pinned("dice_loss"):
        case = subject.adapt(drawn)
        if case is not None and judge_laws(subject, case, subject.ask(case, gradient=False), verdict) is not None:
            return
    raise AssertionError("no law has caught it")


def test_every_law_that_can_be_asked_is_asked() -> None:
    subject = BoundFunction.of(bind("hausdorff_distance", segloss_ref.hausdorff_distance, framework="numpy"))
    cases = [case for drawn in pinned("hausdorff_distance") if (case := subject.adapt(drawn)) is not None]
    asked = {law.name for law in ALL for case in cases if subject.partner(law, case)}
    assert len(asked) >= 4


def test_failures_are_made_small() -> None:
    def wrong(case: Case) -> Any:
        return dice_loss(case.pred, case.target, **case.keywords) + (1e-3 if case.pred.size > 1 else 0)

    (column,) = hold(registry.losses["dice_loss"], [Foreign("off", wrong)], 30)
    assert column.finding is not None
    assert column.finding.case is not None
    assert column.finding.case.pred.size <= 4
    (same,) = hold(registry.losses["dice_loss"], [Foreign("off", wrong)], 30, shrinking=False)
    assert same.finding is not None
    assert same.finding.case is not None
    assert same.finding.case.pred.size > 2
    assert same.failed_after == column.failed_after


class Broken(segloss_ref.Backend):
    name = "own"


class Careless(Broken):
    def devices(self) -> tuple[str, ...]:
        return ("cpu",)

    def dtypes(self) -> tuple[str, ...]:
        return ("float64",)

    def from_numpy(self, array: Any, dtype: str, device: str) -> Any:
        return np.asarray(array, dtype=np.int64)

    def to_numpy(self, array: Any) -> Any:
        return array


@pytest.mark.parametrize("backend", [Broken, Careless])
def test_a_broken_backend_is_told_from_a_broken_loss(
    backend: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(segloss_ref, "backends", lambda: {"own": backend})
    (absent,) = libraries()
    assert isinstance(absent, Absent)
    assert absent.broken
    assert absent.reason.startswith("broken backend: ")
    assert cli.main(["run", "--backend", "own", "--only", "dice_loss", "--examples", "1"]) == 2
    assert "own: broken backend: " in capsys.readouterr().err
