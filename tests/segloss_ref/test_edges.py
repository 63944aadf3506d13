"""Worked values at the edges that the contract names: empty, full and perfect masks, saturated logits, weights of 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import segloss_ref as ref
from segloss_ref import registry

LOSSES = sorted(registry.losses)


def keywords(name: str, logits: bool = True) -> dict[str, Any]:
    """Keywords under which the loss takes classes of axis 1 or none, and logits if it can."""
    record = registry.losses[name]
    chosen: dict[str, Any] = {"class_axis": 1} if record.needs_class_axis else {}
    if logits and "from_logits" in record.keywords:
        chosen["from_logits"] = True
    return chosen


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", [0.0, 20.0, 100.0, 1e4])
@pytest.mark.parametrize("target", ["empty", "full", "right", "wrong", "half"])
def test_finite_logits_give_finite_numbers(name: str, dtype: Any, size: float, target: str) -> None:
    sign = np.array([[[1, 1, -1], [1, -1, -1]], [[-1, 1, 1], [1, 1, 1]]])
    logits = (size * sign).astype(dtype)
    truth = {
        "empty": np.zeros_like(sign),
        "full": np.ones_like(sign),
        "right": (sign > 0).astype(int),
        "wrong": (sign < 0).astype(int),
        "half": np.array([[[1, 0, 1], [0, 1, 0]], [[0, 0, 0], [1, 1, 1]]]),
    }[target]
    loss = registry.losses[name].function
    parameters = registry.losses[name].parameters
    for smooth in [{}, {"smooth": 0}] if "smooth" in parameters else [{}]:
        if target == "empty" and smooth and name == "exponential_logarithmic_loss":
            continue  # DC is exactly 0 there for every p > 0, and -ln 0 is infinite by the formula
        value, gradient = ref.value_and_grad(loss)(logits, truth, **keywords(name), **smooth)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
        assert gradient.dtype == dtype
        assert value.dtype == np.result_type(dtype, np.float32)


@pytest.mark.parametrize("name", LOSSES)
def test_logits_near_the_largest_number(name: str) -> None:
    """Up to a quarter of the dtype's largest number divided by N."""
    record = registry.losses[name]
    for dtype in (np.float32, np.float64):
        huge = np.finfo(dtype).max / 4 / 8
        logits = np.array([[[huge, -huge], [-huge, huge]], [[huge, huge], [0, -huge]]], dtype=dtype)
        for target in (
            np.ones((2, 2, 2)),
            np.zeros((2, 2, 2)),
            (logits > 0).astype(dtype),
            (logits < 0).astype(dtype),
        ):
            extra = {"smooth": 1.0} if "smooth" in record.parameters else {}
            value, gradient = ref.value_and_grad(record.function)(logits, target, **keywords(name), **extra)
            assert np.isfinite(value)
            assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_finite_logit_gives_a_nan(name: str, dtype: Any) -> None:
    """Twice the largest number is infinite, and so are a power above 1 of a large logarithm and gamma times it."""
    record = registry.losses[name]
    scores = {"from_logits": True} if "from_logits" in record.keywords else {}
    readings = [] if record.needs_class_axis else [scores]
    if record.categorical and "class_axis" in record.keywords:
        readings.append({**scores, "class_axis": 1})
    top = float(np.finfo(dtype).max)
    rng = np.random.default_rng(0)
    for _ in range(40):
        logits = rng.choice([top, -top, top / 3, -top / 4, top**0.5, -(top**0.5), 2.0], size=(2, 2, 2)).astype(dtype)
        target = rng.integers(0, 2, size=(2, 2, 2))
        target[:, 1] = 1 - target[:, 0]
        for exponent in (0.5, 3.0):
            extra = {own: exponent for own in record.parameters if own.endswith("gamma")}
            for reading in readings:
                value, gradient = ref.value_and_grad(record.function)(logits, target, **reading, **extra)
                assert not np.isnan(value)
                assert not np.isnan(gradient).any()


def test_a_sure_pixel_adds_nothing_under_any_power() -> None:
    """(1e16)^3 is infinite in float32, but the target has no share in it."""
    z, y = np.array([-1e16, 1e16], dtype=np.float32), np.array([0, 1])
    value, gradient = ref.value_and_grad(ref.exponential_logarithmic_loss)(
        z, y, from_logits=True, cross_gamma=3.0, dice_gamma=1.0
    )
    assert value == 0
    assert gradient.tolist() == [0, 0]
    value, gradient = ref.value_and_grad(ref.focal_loss)(-z * 1e22, y, from_logits=True, gamma=5.0)
    assert value == pytest.approx(1e38)
    assert gradient.tolist() == [0.5, -0.5]  # q^5 is 1, so that each term is the logit itself


def test_float64_of_the_other_byte_order_stays_float64() -> None:
    p = np.array([0.1, 0.7]).astype(np.dtype(np.float64).newbyteorder("S"))
    value, gradient = ref.value_and_grad(ref.dice_loss)(p, np.array([0, 1]), smooth=0)
    assert value.dtype == np.float64
    assert float(value) == pytest.approx(1 - 1.4 / 1.8, rel=1e-15)
    assert gradient.dtype == p.dtype
    assert gradient.tolist() == pytest.approx([1.4 / 1.8**2, -2.2 / 1.8**2], rel=1e-15)


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_does_not_overflow(name: str) -> None:
    ones = np.ones((1, 2, 1024, 1024), dtype=np.float16)
    value = registry.losses[name].function(ones, ones.astype(bool), **keywords(name))
    assert np.isfinite(value)
    assert value.dtype == np.float32


def test_the_issue_s_half_precision_case() -> None:
    ones = np.ones((2048, 2048), dtype=np.float16)
    assert float(ref.dice_loss(ones, ones)) == 0
    assert float(ref.binary_cross_entropy(ones, ones)) == 0


@pytest.mark.parametrize("name", [name for name in LOSSES if not registry.losses[name].spatial])
def test_weight_of_0_leaves_pixels_out(name: str) -> None:
    """Whatever stands there, nan included, the result is that of the array without these pixels."""
    rng = np.random.default_rng(0)
    record = registry.losses[name]
    shape = (3, 4, 6)
    pred = rng.random(shape)
    target = (rng.random(shape) > 0.5).astype(float)
    given = keywords(name, logits=False)
    weight = np.ones((3, 6) if "class_axis" in given else shape)
    weight[..., 4:] = 0
    broken_pred, broken_target = pred.copy(), target.copy()
    broken_pred[..., 4:] = np.nan
    broken_target[..., 4:] = np.nan
    both = ref.value_and_grad(record.function)
    value, gradient = both(broken_pred, broken_target, weight=weight, **given)
    expected, expected_gradient = both(pred[..., :4], target[..., :4], **given)
    assert value == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(gradient[..., :4], expected_gradient, rtol=1e-13)
    assert (gradient[..., 4:] == 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_region_without_weight_is_0(name: str) -> None:
    rng = np.random.default_rng(1)
    record = registry.losses[name]
    pred, target = rng.random((2, 3, 4)), (rng.random((2, 3, 4)) > 0.5).astype(int)
    given = keywords(name, logits=False)
    weight = np.ones((2, 4) if "class_axis" in given else (2, 3, 4))
    weight[1] = 0
    axis = (2,) if "class_axis" in given else (1, 2)
    both = ref.value_and_grad(record.function)
    value, gradient = both(pred, target, weight=weight, axis=axis, reduction="none", **given)
    assert value[1] == 0
    assert value[0] != 0
    assert (gradient[1] == 0).all()
    mean = record.function(pred, target, weight=weight, axis=axis, **given)
    assert mean == pytest.approx(value[0] / 2, rel=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_ignore_index_is_a_weight_of_0(name: str) -> None:
    rng = np.random.default_rng(2)
    record = registry.losses[name]
    both = ref.value_and_grad(record.function)
    if "class_axis" in record.keywords and record.categorical:
        pred = rng.random((2, 3, 5))
        labels = rng.integers(0, 3, (2, 5))
        marked = np.where(labels == 2, 255, labels)
        given = {"class_axis": 1}
    else:
        pred = rng.random((2, 3, 5))
        labels = rng.integers(0, 2, (2, 3, 5))
        marked = np.where(rng.random((2, 3, 5)) < 0.3, 255, labels)
        given = {}
    value, gradient = both(pred, marked, ignore_index=255, **given)
    safe: Any = np.where(marked == 255, 0, marked)
    if given:  # a pixel of no class, which is what an ignored one is in the geometry of the boundary losses
        safe = np.stack([marked == c for c in range(3)], axis=1)
    expected, expected_gradient = both(pred, safe, weight=(marked != 255).astype(float), **given)
    assert value == expected
    np.testing.assert_array_equal(gradient, expected_gradient)


def test_ignore_index_outside_the_target_s_dtype() -> None:
    """-100 is no uint8, and 156, to which it would wrap, is an ordinary pixel of a wrong label."""
    pred, target = np.array([0.5, 0.25, 0.75]), np.array([1, 0, 1], dtype=np.uint8)
    assert ref.dice_loss(pred, target, ignore_index=-100) == ref.dice_loss(pred, target)
    with pytest.raises(ValueError, match="target must be 0 or 1, got 156"):
        ref.dice_loss(pred, np.array([1, 156, 1], dtype=np.uint8), ignore_index=-100)
    torch = pytest.importorskip("torch")
    found = ref.confusion(torch.tensor([1, 1]), torch.tensor([1, 0], dtype=torch.uint8), ignore_index=-256)
    assert (int(found.tp), int(found.fp)) == (1, 1)


EMPTY = np.zeros(4)
OVERLAP = [ref.dice_loss, ref.jaccard_loss, ref.tversky_loss]


@pytest.mark.parametrize("loss", OVERLAP)
def test_both_empty(loss: Any) -> None:
    assert loss(EMPTY, EMPTY) == 0
    assert loss(EMPTY, EMPTY, smooth=(1, 4)) == 0.75
    value, gradient = ref.value_and_grad(loss)(EMPTY, EMPTY, smooth=0)
    assert value == 0
    assert (gradient == 0).all()
    assert ref.combo_loss(EMPTY, EMPTY, smooth=0, alpha=0.0) == -1
    assert ref.exponential_logarithmic_loss(EMPTY, EMPTY, smooth=0) == 0


def test_logarithms_at_exactly_0_and_1() -> None:
    p, y = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    value, gradient = ref.value_and_grad(ref.binary_cross_entropy)(p, y)
    assert value == 0
    assert gradient.tolist() == [0.5, -0.5]  # 1/N and -1/N, the plain derivative
    for loss in (ref.binary_cross_entropy, ref.focal_loss, ref.weighted_cross_entropy):
        assert loss(p, 1 - y) == math.inf
        assert ref.grad(loss)(p, 1 - y).tolist() == [-math.inf, math.inf]
    for gamma in (0.3, 1.0, 2.0):  # (-log p)^gamma is infinitely steep at 0 as well
        assert ref.grad(ref.exponential_logarithmic_loss)(p, 1 - y, cross_gamma=gamma).tolist() == [-math.inf, math.inf]


@pytest.mark.parametrize("gamma", [0.25, 0.5, 1.0, 2.0])
def test_infinite_slopes_at_a_perfect_prediction_are_0(gamma: float) -> None:
    y = np.array([1.0, 0.0, 1.0])
    value, gradient = ref.value_and_grad(ref.focal_tversky_loss)(y, y, gamma=gamma)
    assert value == 0
    assert np.isfinite(gradient).all()
    assert ((gradient == 0).all()) == (gamma != 1.0)
    value, gradient = ref.value_and_grad(ref.exponential_logarithmic_loss)(y, y, dice_gamma=gamma, cross_gamma=gamma)
    assert value == 0
    assert np.isfinite(gradient).all()
    value, gradient = ref.value_and_grad(ref.focal_loss)(y, y, gamma=gamma)
    assert value == 0
    assert (gradient == 0).all()


def test_confident_right_answers_keep_their_gradient() -> None:
    """p q of a logit of 60 is e^-60, which 1 - p would have lost."""
    z, y = np.array([60.0, -60.0]), np.array([1, 0])
    tiny = math.exp(-60)
    for loss, extra in ((ref.binary_cross_entropy, {}), (ref.dice_loss, {"smooth": 0})):
        gradient = ref.grad(loss)(z, y, from_logits=True, **extra)
        assert gradient == pytest.approx([-tiny / 2, tiny / 2], rel=1e-12, abs=0)
    two = np.array([[60.0], [0.0]])
    assert ref.grad(ref.dice_loss)(two, np.array([0]), from_logits=True, class_axis=0, smooth=0)[0, 0] < 0
    # One class against the other: each side's loss is e^-60 to first order.
    value = ref.binary_cross_entropy(two, np.array([0]), from_logits=True, class_axis=0)
    assert value == pytest.approx(tiny, rel=1e-12, abs=0)


@pytest.mark.parametrize(("dtype", "margin"), [(np.float64, 40), (np.float32, 20)])
def test_confident_classes_keep_their_logarithm(dtype: Any, margin: int) -> None:
    """-log p of the sure class is e^-margin; log(1 + e^-margin) would be 0, and a power of 1/4 shows it."""
    z = np.array([[margin], [0]], dtype=dtype)
    power = math.exp(-margin / 4)
    keywords = {"from_logits": True, "class_axis": 0, "dice_weight": 0, "cross_weight": 1, "cross_gamma": 0.25}
    both = ref.value_and_grad(ref.exponential_logarithmic_loss)
    exact = {"rel": 64 * float(np.finfo(dtype).eps), "abs": 0}
    value, gradient = both(z, np.array([0]), **keywords)
    assert value == pytest.approx(power, **exact)
    assert gradient[:, 0] == pytest.approx([-power / 4, power / 4], **exact)
    # Half of each class, so both weigh sqrt(2): the other one adds margin^(1/4), whose slope has nothing to cancel with.
    value, gradient = both(z, np.array([[0.5], [0.5]], dtype=dtype), **keywords)
    slope = math.sqrt(0.5) / 4 * (margin**-0.75 - power)
    assert value == pytest.approx(math.sqrt(0.5) * (power + margin**0.25), **exact)
    assert gradient[:, 0] == pytest.approx([slope, -slope], **exact)


def test_sensitivity_specificity_with_a_side_missing() -> None:
    p = np.array([0.25, 0.75])
    assert ref.sensitivity_specificity_loss(p, np.zeros(2), sensitivity_weight=0.25) == 0.75 * 0.5
    assert ref.sensitivity_specificity_loss(p, np.ones(2), sensitivity_weight=0.25) == 0.25 * 0.5


def test_generalized_dice_weight_of_an_absent_class() -> None:
    """Two classes of 2 pixels, the second absent: weights (2/2)^2 = 1 and 1."""
    p = np.array([[0.5, 1.0], [0.5, 0.0]])
    value = ref.generalized_dice_loss(p, np.array([0, 0]), class_axis=0, smooth=0)
    assert value == 1 - 2 * 1.5 / (1.5 + 2 + 0.5)


def test_lovasz_softmax_present() -> None:
    p = np.array([[0.75, 0.5], [0.25, 0.5], [0.0, 0.0]])
    labels = np.array([0, 1])
    per_class = ref.lovasz_softmax_loss(p, labels, class_axis=0, classes="all", reduction="none")
    assert per_class.shape == (3,)
    mean = ref.lovasz_softmax_loss(p, labels, class_axis=0)
    assert mean == pytest.approx(per_class[:2].sum() / 2)
    assert ref.lovasz_softmax_loss(p, labels, class_axis=0, weight=np.zeros(2)) == 0
    assert ref.lovasz_softmax_loss(p, labels, class_axis=0, reduction="none")[2] == 0


@pytest.mark.parametrize("name", LOSSES)
def test_inputs_are_left_as_they_were(name: str) -> None:
    rng = np.random.default_rng(3)
    record = registry.losses[name]
    arrays = {"pred": rng.random((2, 3, 4)), "target": (rng.random((2, 3, 4)) > 0.5).astype(int)}
    weight = rng.random((2, 4) if record.needs_class_axis else (2, 3, 4))
    before = {key: value.copy() for key, value in arrays.items()} | {"weight": weight.copy()}
    for array in (*arrays.values(), weight):
        array.flags.writeable = False
    ref.value_and_grad(record.function)(*arrays.values(), weight=weight, **keywords(name, logits=False))
    for key, value in (arrays | {"weight": weight}).items():
        np.testing.assert_array_equal(value, before[key])


METRIC = {
    # name: value for tp, fp, fn, tn = 3, 1, 2, 4
    "dice_score": 6 / 9,
    "jaccard_index": 3 / 6,
    "sensitivity": 3 / 5,
    "specificity": 4 / 5,
    "precision": 3 / 4,
    "negative_predictive_value": 4 / 6,
    "accuracy": 7 / 10,
    "balanced_accuracy": (3 / 5 + 4 / 5) / 2,
    "f_score": 6 / 9,
    "matthews_correlation": (12 - 2) / math.sqrt(4 * 5 * 5 * 6),
    "cohen_kappa": (0.7 - 0.5) / (1 - 0.5),  # chance: (4*5 + 6*5)/100
    "tversky_index": 3 / (3 + 0.5 + 1),
    "volumetric_similarity": 1 - 1 / 9,
}
TABLE = (
    np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0]),
    np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0]),
)


@pytest.mark.parametrize("name", sorted(name for name, record in registry.metrics.items() if record.family == "counts"))
def test_metrics_by_hand(name: str) -> None:
    metric = registry.metrics[name].function
    assert float(metric(*TABLE)) == pytest.approx(METRIC[name], rel=1e-15)
    assert float(metric(ref.confusion(*TABLE))) == pytest.approx(METRIC[name], rel=1e-15)
    halves = ref.confusion(TABLE[0][:4], TABLE[1][:4]) + ref.confusion(TABLE[0][4:], TABLE[1][4:])
    assert float(metric(halves)) == float(metric(*TABLE))


def test_own_parameters_of_metrics() -> None:
    assert float(ref.f_score(*TABLE, beta=2)) == pytest.approx(5 * 3 / (5 * 3 + 4 * 2 + 1))
    assert float(ref.tversky_index(*TABLE, fp_weight=1, fn_weight=0)) == 3 / 4
    assert float(ref.volumetric_similarity(*TABLE, kind="signed")) == pytest.approx(-2 / 9)
    assert float(ref.volumetric_similarity(*TABLE, kind="relative")) == pytest.approx(-1 / 5)
    assert float(ref.volumetric_similarity(*TABLE, kind="absolute_relative")) == pytest.approx(1 / 5)


def test_undefined_values() -> None:
    empty = np.zeros((2, 3), dtype=bool)
    assert math.isnan(ref.dice_score(empty, empty))
    assert ref.dice_score(empty, empty, undefined=1.0) == 1
    some = np.array([[1, 0, 0], [0, 0, 0]])
    per_image = ref.dice_score(some, some, axis=1)
    assert per_image[0] == 1
    assert math.isnan(per_image[1])
    assert math.isnan(ref.dice_score(some, some, axis=1, reduction="mean"))
    assert ref.dice_score(some, some, axis=1, reduction="nanmean") == 1
    assert math.isnan(ref.dice_score(empty, empty, axis=1, reduction="nanmean"))
    assert ref.volumetric_similarity(some, empty.astype(int), kind="relative") == math.inf
    assert math.isnan(ref.balanced_accuracy(some[0], np.ones(3, dtype=int)))


def test_masks_of_every_sort() -> None:
    rng = np.random.default_rng(4)
    scores = rng.random((2, 3, 8))
    labels = rng.integers(0, 3, (2, 8))
    winner = scores.argmax(axis=1)
    one_hot = np.stack([winner == c for c in range(3)], axis=1)
    truth = np.stack([labels == c for c in range(3)], axis=1)
    expected = ref.confusion(one_hot, truth, axis=(0, 2))
    assert expected.tp.shape == (3,)
    for pred, target, more in [
        (scores, labels, {}),
        (scores, truth, {}),
        (one_hot.astype(int), labels, {}),
        (winner, labels, {"num_classes": 3}),
        (winner, labels, {"num_classes": np.int64(3)}),
        (winner, truth, {}),
        (one_hot, truth.astype(float), {}),
    ]:
        found = ref.confusion(pred, target, class_axis=1, **more)
        for field in ("tp", "fp", "fn", "tn"):
            np.testing.assert_array_equal(getattr(found, field), getattr(expected, field), err_msg=field)
    assert found.tp.dtype == np.int64
    ignored = ref.confusion(scores, np.where(labels == 1, 9, labels), class_axis=1, ignore_index=9)
    weighted = ref.confusion(scores, labels, class_axis=1, weight=(labels != 1).astype(float))
    np.testing.assert_array_equal(ignored.fp, weighted.fp)
    assert weighted.fp.dtype == np.float64


def test_threshold_is_strict() -> None:
    assert ref.sensitivity(np.array([0.5, 0.75]), np.array([1, 1])) == 0.5
    assert ref.sensitivity(np.array([0.5, 0.75]), np.array([1, 1]), threshold=0.25) == 1
