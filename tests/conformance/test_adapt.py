"""A case in a binding's form, by hand on two rows of three pixels; the words for kinds of cases; calls and their limits."""

from __future__ import annotations

import ast
import time
from typing import Any

import numpy as np
import pytest

from segloss_conformance.adapters import ConfigurationError, bind
from segloss_conformance.adapters import expression as expressions
from segloss_conformance.adapters.adapt import adapt
from segloss_conformance.adapters.bound_case import BoundCase, in_domain
from segloss_conformance.adapters.call import CallProblem, limited
from segloss_conformance.adapters.expression import Expression
from segloss_conformance.adapters.words import TAGS
from segloss_conformance.cases.case import Case
from segloss_conformance.check.smoke import smoke
from segloss_conformance.engine.verdicts import Column
from segloss_conformance.subjects.bound import BoundFunction

P = np.array([[0.75, 0.25, 0.5], [0.0, 1.0, 0.25]])
Y = np.array([[1, 0, 1], [0, 1, 0]])


def dice(pred: Any, target: Any, **ignored: Any) -> Any:
    return 1 - (2 * (pred * target).sum() + 1e-5) / (pred.sum() + target.sum() + 1e-5)


def adapted(pred: Any = P, mask: Any = Y, keywords: Any = None, name: str = "dice_loss", **how: Any) -> BoundCase:
    case = adapt(
        bind(name, dice, framework="numpy", **how),
        Case(name, pred, mask, keywords or {}, "narrow", name != "dice_score"),
        "float64",
    )
    assert case is not None
    return case


def test_a_region_of_any_shape_stays_as_it_is() -> None:
    case = adapted()
    np.testing.assert_array_equal(case.pred, P)
    np.testing.assert_array_equal(case.target, Y)
    assert case.keywords == {}


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        ("flat", (6,)),
        ("HW", (2, 3)),
        ("NHW", (2, 1, 3)),
        ("DHW", (1, 2, 3)),
        ("CHW", (1, 2, 3)),
        ("NCHW", (2, 1, 1, 3)),
    ],
)
def test_layouts_keep_the_pixels_in_order(layout: str, shape: tuple[int, ...]) -> None:
    case = adapted(layout=layout)
    assert case.pred.size == 6
    assert case.pred.ndim == len(shape)
    np.testing.assert_array_equal(case.pred.ravel(), P.ravel())
    np.testing.assert_array_equal(case.target.ravel(), Y.ravel())


def test_two_classes_are_made_of_a_mask() -> None:
    case = adapted(layout="HWC", target="onehot")
    np.testing.assert_array_equal(case.pred, np.stack([1 - P, P], axis=-1))
    np.testing.assert_array_equal(case.target, np.stack([1 - Y, Y], axis=-1))
    assert case.keywords["class_axis"] == 2


def test_labels_lack_the_class_axis() -> None:
    case = adapted(layout="CHW", target="index")
    np.testing.assert_array_equal(case.target, Y)
    assert case.pred.shape == (2, 2, 3)


def test_what_a_prediction_may_be() -> None:
    logits = adapted(takes="logit")
    assert logits.keywords == {"from_logits": True}
    np.testing.assert_array_equal(logits.pred, np.round((P - 0.5) * 1024) / 64)
    logs = adapted(takes="log-probability")
    np.testing.assert_allclose(logs.passed, np.log(np.clip(P, 2.0**-7, 1 - 2.0**-7)))
    mask = adapted(name="dice_score", takes="mask")
    np.testing.assert_array_equal(mask.passed, P > 0.5)
    label = adapted(name="dice_score", layout="HW", target="index", takes="label")
    np.testing.assert_array_equal(label.passed, P > 0.5)


def test_hard_targets_are_made_where_no_soft_ones_are_taken() -> None:
    soft = np.array([[0.75, 0.25, 0.5], [0.0, 1.0, 0.25]])
    case = adapt(bind("dice_loss", dice, framework="numpy"), Case("dice_loss", P, soft), "float64")
    assert case is not None
    np.testing.assert_array_equal(case.target, soft > 0.5)
    case = adapt(
        bind("dice_loss", dice, framework="numpy", domain=["soft-target"]), Case("dice_loss", P, soft), "float64"
    )
    assert case is not None
    np.testing.assert_array_equal(case.target, soft)


def test_images_have_a_value_each() -> None:
    case = adapted(np.stack([P, P]), np.stack([Y, 1 - Y]), layout="NHW", pool="image", returns="per-image")
    assert case.keywords == {"axis": (1, 2), "reduction": "none"}
    assert case.answer.shape == (2,)


@pytest.mark.parametrize(
    ("tag", "has", "lacks"),
    [
        ("hard-target", {}, {"target": Y / 2, "domain": ["soft-target"]}),
        ("soft-target", {"target": Y / 2, "domain": ["soft-target"]}, {}),
        ("binary", {}, {"layout": "CHW", "target": "onehot"}),
        ("multiclass", {"layout": "CHW", "target": "onehot"}, {}),
        ("empty-target", {"target": 0 * Y}, {}),
        ("full-target", {"target": 0 * Y + 1}, {}),
        ("hard-prediction", {"pred": 1.0 * Y}, {}),
        ("certain", {}, {"pred": np.full((2, 3), 0.5)}),
        ("non-square", {}, {"pred": P[:, :2], "target": Y[:, :2]}),
    ],
)
def test_words_for_kinds_of_cases(tag: str, has: dict[str, Any], lacks: dict[str, Any]) -> None:
    assert tag in TAGS

    def tags(given: dict[str, Any]) -> frozenset[str]:
        form = dict(given)
        pred, target = form.pop("pred", P), form.pop("target", Y)
        if isinstance(target, str):
            form["target"], target = target, Y
        case = adapt(
            bind("dice_loss", dice, framework="numpy", **{"layout": "HW", **form}),
            Case("dice_loss", pred, target),
            "float64",
        )
        return frozenset() if case is None else case.tags

    assert tag in tags(has)
    assert tag not in tags(lacks)


def test_a_case_outside_the_domain_is_none() -> None:
    assert (
        adapt(
            bind("dice_loss", dice, framework="numpy", domain=["not empty-target"]),
            Case("dice_loss", P, 0 * Y),
            "float64",
        )
        is None
    )
    case = adapted()
    assert in_domain(case)


def test_expressions_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    parse = ast.parse
    monkeypatch.setattr(expressions.ast, "parse", lambda *args, **how: parsed.append(args) or parse(*args, **how))
    for _ in range(5):
        assert Expression("1/$gamma_of_this_test").names == {"gamma_of_this_test"}
        assert Expression("1/$gamma_of_this_test").value({"gamma_of_this_test": 4.0}) == 0.25
    assert len(parsed) == 1
    with pytest.raises(ConfigurationError, match="not a placeholder"):
        Expression("f($gamma)").value({"gamma": 1.0})


def test_a_call_that_takes_too_long_ends() -> None:
    with pytest.raises(CallProblem, match=r"takes longer than 0\.05 s"), limited(0.05):
        time.sleep(1)
    with limited(10):
        pass


@pytest.mark.parametrize(
    ("function", "how", "words"),
    [
        (lambda pred, target: 1 / 0, {}, "ZeroDivisionError"),
        (lambda pred, target: np.zeros(3), {}, "returns shape (3,)"),
        (lambda pred, target: 0.25, {}, "returns 0.25 for every input"),
        (lambda pred, target: float("nan"), {}, "returns nan for an ordinary input"),
        (lambda pred, target: 1 - dice(pred, target), {}, "right with returns = 'score'"),
        (lambda pred, target: dice(1 / (1 + np.exp(-pred)), target), {}, ""),
    ],
)
def test_smoke_tells_a_wrong_adapter(function: Any, how: dict[str, Any], words: str) -> None:
    subject = BoundFunction.of(bind("dice_loss", function, args=["$pred", "$target"], framework="numpy", **how))
    column = Column("float64", "cpu")
    suspicion = smoke(subject, column.verdicts)
    finding = column.verdicts["smoke"].finding
    said = f"{suspicion or ''} {finding.message if finding else ''}"
    assert words in said
    assert (
        smoke(
            BoundFunction.of(bind("dice_loss", dice, args=["$pred", "$target"], framework="numpy")),
            Column("float64").verdicts,
        )
        is None
    )
