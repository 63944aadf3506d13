"""The textbook against numbers worked out by hand, and its derivatives against differences of its values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from segloss_conformance import textbook
from segloss_conformance.numbers import mp
from segloss_ref import registry

P = np.array([0.5, 0.25, 1.0])
Y = np.array([1, 0, 1])
LN2 = math.log(2)

# P against Y: TP = 1.5, FP = 0.25, FN = 0.5; sum p = 1.75, sum y = 2.
WORKED: list[tuple[str, dict[str, Any], float]] = [
    ("binary_cross_entropy", {}, (LN2 - math.log(0.75) + 0) / 3),
    ("weighted_cross_entropy", {"beta": 3.0}, (3 * LN2 - math.log(0.75)) / 3),
    ("balanced_cross_entropy", {}, (LN2 / 3 - 2 / 3 * math.log(0.75)) / 3),
    ("balanced_cross_entropy", {"beta": 0.25}, (0.25 * LN2 - 0.75 * math.log(0.75)) / 3),
    ("focal_loss", {}, (0.25 * LN2 - 0.0625 * math.log(0.75)) / 3),
    ("focal_loss", {"alpha": 0.25, "gamma": 1.0}, (0.25 * 0.5 * LN2 - 0.75 * 0.25 * math.log(0.75)) / 3),
    ("dice_loss", {"smooth": 0}, 1 - 3 / 3.75),
    ("dice_loss", {"smooth": (1, 2)}, 1 - 4 / 5.75),
    ("dice_loss", {"smooth": 0, "squared": True}, 1 - 3 / (0.25 + 0.0625 + 1 + 2)),
    ("log_cosh_dice_loss", {"smooth": 0}, math.log(math.cosh(0.2))),
    ("tversky_loss", {"smooth": 0, "fp_weight": 1, "fn_weight": 2}, 1 - 1.5 / 2.75),
    ("focal_tversky_loss", {"smooth": 0, "fp_weight": 1, "fn_weight": 2, "gamma": 0.5}, math.sqrt(1.25 / 2.75)),
    ("jaccard_loss", {"smooth": 0}, 1 - 1.5 / 2.25),
    ("sensitivity_specificity_loss", {"sensitivity_weight": 0.25}, 0.25 * 0.5 / 2 + 0.75 * 0.25),
    ("sensitivity_specificity_loss", {"power": 2}, 0.5 * 0.25 / 2 + 0.5 * 0.0625),
    ("combo_loss", {"alpha": 0.5}, 0.5 * 0.5 * (LN2 - math.log(0.75)) / 3 - 0.5 * 4 / 4.75),
    (
        "exponential_logarithmic_loss",
        {"dice_gamma": 1.0, "cross_gamma": 1.0, "smooth": 0},
        0.8 * math.log(1.25) + 0.2 * (math.sqrt(1.5) * LN2 + math.sqrt(3) * -math.log(0.75)) / 3,
    ),
    # Errors .5 (missed), .25 (false), 0: J of the first set 1/2, of both 1 - 1/3, so .5 * 1/2 + .25 * (2/3 - 1/2).
    ("lovasz_softmax_loss", {}, 0.25 + 0.25 / 6),
]


@pytest.mark.parametrize(("name", "keywords", "expected"), WORKED)
def test_worked_examples(name: str, keywords: dict[str, Any], expected: float) -> None:
    answer = textbook.loss(name, P, Y, **keywords)
    assert answer.shape == ()
    assert float(answer.value[0].v) == pytest.approx(expected, rel=1e-14)


def test_lovasz_hinge_by_hand() -> None:
    """Margins 1.5 (false alarm) and 0.5 (missed): J({first}) = 1 - 1/2, J(both) = 1."""
    answer = textbook.loss("lovasz_hinge_loss", np.array([0.5, 0.5]), np.array([0, 1]))
    assert float(answer.value[0].v) == pytest.approx(1.5 * 0.5 + 0.5 * 0.5)
    assert [float(d) for d, _ in answer.gradient or []] == pytest.approx([0.5, -0.5])


def test_classes_by_hand() -> None:
    p = np.array([[0.5, 1.0, 1.0], [0.5, 0.0, 0.0]])
    labels = np.array([1, 0, 0])
    answer = textbook.loss("generalized_dice_loss", p, labels, class_axis=0, smooth=0)
    assert float(answer.value[0].v) == pytest.approx(1 - 2 / 2.625)  # weights (1/2)^2 and 1
    answer = textbook.loss("dice_loss", p, labels, class_axis=0, smooth=0, reduction="none", class_weight=(1.0, 2.0))
    assert [float(n.v) for n in answer.value] == pytest.approx([1 - 4 / 4.5, 2 * (1 - 1 / 1.5)])
    answer = textbook.loss("binary_cross_entropy", p, labels, class_axis=0, weight=np.array([1.0, 3.0, 0.0]))
    assert float(answer.value[0].v) == pytest.approx(LN2 / 4)


def test_softmax_by_hand() -> None:
    z = np.array([[math.log(3.0), 800.0], [0.0, 0.0]])
    answer = textbook.loss(
        "binary_cross_entropy", z, np.array([0, 1]), class_axis=0, from_logits=True, reduction="none"
    )
    assert float(answer.value[0].v) == pytest.approx((math.log(4 / 3) + 800) / 2)


def test_metrics_by_hand() -> None:
    pred, target = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0]), np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0])
    for name, expected in {
        "dice_score": 6 / 9,
        "jaccard_index": 3 / 6,
        "sensitivity": 3 / 5,
        "specificity": 4 / 5,
        "precision": 3 / 4,
        "negative_predictive_value": 4 / 6,
        "accuracy": 0.7,
        "balanced_accuracy": 0.7,
        "f_score": 6 / 9,
        "matthews_correlation": 10 / math.sqrt(600),
        "cohen_kappa": 0.4,
        "tversky_index": 3 / 4.5,
        "volumetric_similarity": 1 - 1 / 9,
    }.items():
        assert float(textbook.metric(name, pred, target).value[0].v) == pytest.approx(expected, rel=1e-15), name
    assert set(textbook.METRICS) == set(registry.metrics)
    assert set(textbook.LOSSES) == set(registry.losses)


@pytest.mark.parametrize("name", sorted(textbook.LOSSES))
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("classes", [False, True])
def test_derivatives_are_those_of_the_values(name: str, from_logits: bool, classes: bool) -> None:
    """Central differences of the value at 60 digits; the inputs are replaced inside the textbook's own variables."""
    record = registry.losses[name]
    if (classes and not ("class_axis" in record.keywords and record.categorical)) or (
        not classes and record.needs_class_axis
    ):
        pytest.skip("the loss has no such form")
    if from_logits and "from_logits" not in record.keywords:
        pytest.skip("the loss has no such form")
    rng = np.random.default_rng(3)
    pred = rng.normal(size=(2, 3)) if from_logits or record.logits_only else rng.uniform(0.1, 0.9, (2, 3))
    target = np.array([0, 1, 1]) if classes else np.array([[1, 0, 1], [0, 0, 1]])
    keywords: dict[str, Any] = {"class_axis": 0} if classes else {}
    if from_logits:
        keywords["from_logits"] = True
    answer = textbook.loss(name, pred, target, weight=np.array([1.0, 0.5, 2.0]), **keywords)
    # Differences in float64 inputs: exact powers of two, so that pred +- step is exact.
    step = 2.0**-26
    for index in range(pred.size):
        up, down = pred.copy(), pred.copy()
        up.flat[index] += step
        down.flat[index] -= step
        values = [
            textbook.loss(name, moved, target, weight=np.array([1.0, 0.5, 2.0]), **keywords).value[0].v
            for moved in (up, down)
        ]
        width = mp.mpf(up.flat[index]) - mp.mpf(down.flat[index])
        assert answer.gradient is not None
        assert float(answer.gradient[index][0]) == pytest.approx(
            float((values[0] - values[1]) / width), rel=1e-9, abs=1e-12
        )
