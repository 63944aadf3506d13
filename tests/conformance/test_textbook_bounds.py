"""The textbook's derivatives against differences, and its bounds against float32."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from segloss_conformance.truth import textbook
from segloss_conformance.truth.numbers import Number, exact, exp, log, log1p, mp, power, sqrt, total, variable
from tests.conformance.worked_examples import PARTIAL, U32, excess, frac

# Derivatives against differences of the textbook's own values. --------------------------------------------------------

# Sixth order: f' = sum of c_k (f(x + k h) - f(x - k h))/h, c = 3/4, -3/20, 1/60, with an error of h^6 f^(7)/140.
STENCIL = ((1, frac(3, 4)), (2, frac(-3, 20)), (3, frac(1, 60)))
STEP = 2.0**-28  # and inputs on a grid of 2^-10, so that x + 3h is a float


def variants() -> list[tuple[str, dict[str, Any]]]:
    extra: dict[str, list[dict[str, Any]]] = {
        "weighted_cross_entropy": [{"beta": 2.5}],
        "balanced_cross_entropy": [{}],
        "focal_loss": [{}, {"gamma": 0.5}, {"gamma": 0.0}],
        "dice_loss": [{}, {"squared": True, "smooth": (0.5, 2.0)}],
        "log_cosh_dice_loss": [{}, {"squared": True}],
        "tversky_loss": [{"fp_weight": 0.3, "fn_weight": 0.9}],
        "focal_tversky_loss": [{}, {"gamma": 2.0, "smooth": (0.0, 1.0)}],
        "sensitivity_specificity_loss": [{"sensitivity_weight": 0.3}, {"power": 2}],
        "jaccard_loss": [{}, {"squared": True}],
        "generalized_dice_loss": [{}, {"weight_type": "simple"}, {"weight_type": "uniform"}],
        "exponential_logarithmic_loss": [{}, {"dice_gamma": 1.0, "cross_gamma": 2.0}],
    }
    found: list[tuple[str, dict[str, Any]]] = []
    for name in textbook.LOSSES:
        for own in extra.get(name, [{}]):
            if name in PARTIAL:
                continue
            if name == "lovasz_hinge_loss":
                found.append((name, own))
                continue
            for class_axis in (None, 1):
                if (name, class_axis) in (("generalized_dice_loss", None), ("weighted_cross_entropy", 1)):
                    continue
                for from_logits in (False, True):
                    found.append((name, {**own, "class_axis": class_axis, "from_logits": from_logits}))
    return found


@pytest.mark.parametrize(("name", "keywords"), variants())
def test_derivatives_are_the_limits_of_differences(name: str, keywords: dict[str, Any]) -> None:
    rng = np.random.default_rng(11)
    logits = keywords.get("from_logits", name == "lovasz_hinge_loss")
    class_axis = keywords.get("class_axis")
    shape = (2, 3) if class_axis is None else (2, 3, 2)
    grid = rng.permutation(np.arange(1, 1024))[: math.prod(shape)].reshape(shape)
    pred = (grid - 512) / 128 if logits else grid / 1024
    if class_axis is None:
        target, weight = rng.integers(0, 2, shape), np.array([1.0, 2.0, 0.75])
    else:
        target, weight = rng.integers(0, 3, (2, 2)), np.array([1.0, 2.0])
        if name != "generalized_dice_loss":
            keywords = {**keywords, "class_weight": (1.0, 2.0, 0.5)}
    keywords = {**keywords, "weight": weight, "axis": (-1,), "reduction": "sum"}
    answer = textbook.loss(name, pred, target, **keywords)
    assert answer.gradient is not None
    assert not answer.kink
    assert any(value for value, _ in answer.gradient)
    for index in rng.choice(pred.size, 3, replace=False):
        slope = mp.mpf(0)
        for k, factor in STENCIL:
            for sign in (1, -1):
                moved = pred.copy()
                moved.flat[index] += sign * k * STEP
                assert moved.flat[index] - pred.flat[index] == sign * k * STEP
                slope += sign * factor * textbook.loss(name, moved, target, **keywords).value[0].v / STEP
        got = answer.gradient[index][0]
        assert abs(got - slope) <= mp.mpf(10) ** -32 * (1 + abs(slope)), (mp.nstr(got, 40), mp.nstr(slope, 40))


RULES: list[tuple[str, Callable[[Number, Number], Number], Callable[[Any, Any], Any]]] = [
    ("sum", lambda a, b: a + b, lambda a, b: a + b),
    ("difference", lambda a, b: a - b, lambda a, b: a - b),
    ("product", lambda a, b: a * b, lambda a, b: a * b),
    ("quotient", lambda a, b: a / b, lambda a, b: a / b),
    ("exp", lambda a, b: exp(a - b), lambda a, b: np.exp(a - b)),
    ("log", lambda a, b: log(a * b), lambda a, b: np.log(a * b)),
    ("log1p", lambda a, b: log1p(a / b), lambda a, b: np.log1p(a / b)),
    ("sqrt", lambda a, b: sqrt(a + b), lambda a, b: np.sqrt(a + b)),
    ("square", lambda a, b: power(a - b, 2), lambda a, b: (a - b) ** 2),
    ("power", lambda a, b: power(a * b, 0.75), lambda a, b: (a * b) ** np.float32(0.75)),
    ("nested", lambda a, b: log(exp(a) + b) / sqrt(a), lambda a, b: np.log(np.exp(a) + b) / np.sqrt(a)),
    ("cancels", lambda a, b: (a + b) - a, lambda a, b: (a + b) - a),
    ("chain", lambda a, b: exp(-log(a) * b) - exact(1), lambda a, b: np.exp(-np.log(a) * b) - np.float32(1)),
]


@pytest.mark.parametrize(("rule", "on_numbers", "on_floats"), RULES, ids=[one[0] for one in RULES])
def test_rules_bound_what_float32_does(rule: str, on_numbers: Any, on_floats: Any) -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        a, b = (np.float32(x) for x in 2.0 ** rng.uniform(-4, 3, 2))
        number = on_numbers(exact(float(a)), exact(float(b)))
        assert excess(on_floats(a, b), number) <= 1


def test_totals_are_bounded_in_every_order() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=64).astype(np.float32)
    number = total(exact(float(one)) for one in x)
    for order in (np.arange(64), np.argsort(x), np.argsort(-np.abs(x)), rng.permutation(64)):
        running = np.float32(0)
        for one in x[order]:
            running = np.float32(running + one)
        assert excess(running, number) <= 1
    assert excess(x.sum(), number) <= 1


def test_derivatives_have_bounds_of_their_own() -> None:
    # d/dx of x e^-x / (1 + x) in float32, by the quotient rule.
    rng = np.random.default_rng(6)
    for _ in range(100):
        x = np.float32(rng.uniform(0.1, 4))
        a = variable(float(x), 0)
        value, bound = (a * exp(-a) / (exact(1) + a)).d[0]
        one = np.float32(1)
        e, below = np.exp(-x), one + x
        got = (e - x * e) / below - x * e / (below * below)
        assert abs(mp.mpf(float(got)) - value) <= 4 * U32 * bound


def test_rules_of_the_contract() -> None:
    infinite = log(exact(0))
    assert infinite.v == -mp.inf
    assert (exact(0) * infinite).v == 0
    assert (exact(0.5) * infinite).v == -mp.inf
    assert power(exact(0), 0.0).v == 1
    assert power(variable(0.0, 0), 0.5).d[0][0] == 0
    assert power(variable(0.0, 0), 1.0).d[0][0] == 1
    assert power(variable(0.0, 0), 2.0).d[0][0] == 0


def f32_softplus(z: Any) -> Any:
    return np.maximum(z, np.float32(0)) + np.log1p(np.exp(-np.abs(z)))


# Sound float32 code, written from the printed formulas. p is the logistic of z, or given.
SOUND: dict[str, tuple[bool, dict[str, Any], Callable[[Any, Any, Any], Any]]] = {
    "binary_cross_entropy": (True, {}, lambda z, p, y: (y * f32_softplus(-z) + (1 - y) * f32_softplus(z)).mean()),
    "focal_loss": (
        True,
        {},
        lambda z, p, y: (
            y * (1 / (1 + np.exp(z))) ** 2 * f32_softplus(-z) + (1 - y) * p**2 * f32_softplus(z)
        ).mean(),
    ),
    "dice_loss": (False, {"smooth": 1.0}, lambda z, p, y: 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)),
    "jaccard_loss": (
        True, {"smooth": 1.0}, lambda z, p, y: 1 - ((p * y).sum() + 1) / (p.sum() + y.sum() - (p * y).sum() + 1),
    ),
    "tversky_loss": (
        False, {"smooth": 1.0, "fp_weight": 0.25, "fn_weight": 0.75},
        lambda z, p, y: 1 - ((p * y).sum() + 1) / ((p * y).sum() + (p * (1 - y)).sum() / 4 + ((1 - p) * y).sum() * 3 / 4 + 1),
    ),
    "sensitivity_specificity_loss": (
        False, {}, lambda z, p, y: (((1 - p) * y).sum() / y.sum() + (p * (1 - y)).sum() / (1 - y).sum()) / 2,
    ),
    "combo_loss": (
        True, {},
        lambda z, p, y: (y * f32_softplus(-z) + (1 - y) * f32_softplus(z)).mean() / 4
        - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1) / 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_sound_float32_code_is_within_the_bound(name: str) -> None:
    from_logits, keywords, formula = SOUND[name]
    rng = np.random.default_rng(8)
    for _ in range(30):
        n = int(rng.integers(2, 12))
        z = (rng.normal(size=n) * rng.choice([1, 5])).astype(np.float32)
        y = (np.arange(n) % 2).astype(np.float32)
        p = np.float32(1) / (np.float32(1) + np.exp(-z))
        pred = z if from_logits else p
        answer = textbook.loss(name, pred.astype(float), y, from_logits=from_logits, **keywords)
        got = formula(z, p, y)
        assert got.dtype == np.float32
        assert excess(got, answer.value[0]) <= 1


def test_unsound_float32_code_is_not() -> None:
    z = np.array([-16.0, 3.0], dtype=np.float32)
    y = np.array([0.0, 1.0], dtype=np.float32)
    truth = textbook.loss("binary_cross_entropy", z[:1].astype(float), y[:1], from_logits=True).value[0]
    p = np.float32(1) / (np.float32(1) + np.exp(-z[0]))
    assert excess(-np.log(np.float32(1) - p), truth) > 100
    # A constant that is off by 1e-5, an epsilon in a logarithm, a sum for a mean.
    truth = textbook.loss("binary_cross_entropy", z[1:].astype(float), y[1:], from_logits=True).value[0]
    p = np.float32(1) / (np.float32(1) + np.exp(-z[1]))
    assert excess(-np.log(p + np.float32(1e-5)), truth) > 10
    assert excess(f32_softplus(-z[1]), truth) <= 1
