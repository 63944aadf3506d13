"""Values and slopes where sums underflow, weights magnify a roundoff, or powers magnify the rounding of a probability."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import segloss_ref as ref
from segloss_ref import registry, value_and_grad

RATIOS = ["dice_loss", "log_cosh_dice_loss", "tversky_loss", "focal_tversky_loss", "jaccard_loss", "combo_loss"]
DTYPES = [np.float32, np.float64]
NOTHING = {
    "dice_loss": 1.0,
    "log_cosh_dice_loss": math.log(math.cosh(1.0)),
    "tversky_loss": 1.0,
    "focal_tversky_loss": 1.0,
    "jaccard_loss": 1.0,
}
"""The loss of a region that the target does not have and the prediction has, without smoothing."""


@pytest.mark.parametrize("z", [-5.0, -88.0, -95.0, -103.0, -104.0, -110.0, -720.0, -740.0, -745.0, -750.0, -1e30])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RATIOS)
def test_an_absent_class_whose_probability_underflows(name: str, dtype: Any, z: float) -> None:
    """p of a finite logit is above 0: no perfect match of two empty masks, and no class spoils the others' slopes."""
    loss = registry.losses[name].function
    pred, target = np.array([[z], [0.0]], dtype=dtype), np.array([[0], [1]])
    value, gradient = value_and_grad(loss)(pred, target, from_logits=True, class_axis=0, smooth=0)
    assert np.isfinite(gradient).all()
    assert abs(gradient).max() <= 0.3 * math.exp(max(z, -700.0) / 2)
    q = 1 / (1 + math.exp(max(z, -700.0)))  # of class 1, whose coefficient is 2q/(1 + q)
    assert math.isfinite(value)
    if name == "dice_loss":
        assert float(value) == pytest.approx((1 + 1 - 2 * q / (1 + q)) / 2, rel=1e-6)
    if name in NOTHING:
        each = loss(pred, target, from_logits=True, class_axis=0, smooth=0, reduction="none")
        assert float(each[0]) == pytest.approx(NOTHING[name], rel=1e-6)


@pytest.mark.parametrize("squared", [False, True])
def test_empty_masks_without_smoothing(squared: bool) -> None:
    """Only p of exactly 0 makes them a perfect match: given as such, or by a logit of -inf."""
    nothing, none = np.zeros(3), torch.full((3,), -torch.inf)
    keywords: dict[str, Any] = {"smooth": 0, "squared": squared}
    assert ref.dice_loss(nothing, nothing, **keywords) == 0
    assert ref.dice_loss(none, torch.zeros(3), from_logits=True, **keywords) == 0
    assert ref.dice_loss(np.full(3, -1e4), nothing, from_logits=True, **keywords) == 1
    weight = np.array([1.0, 1.0, 0.0])
    assert ref.dice_loss(np.array([0.0, 0.0, 1.0]), nothing, weight=weight, **keywords) == 0
    assert ref.combo_loss(np.full(3, -1e4), nothing, from_logits=True, smooth=0) == pytest.approx(0.0, abs=1e-12)
    assert ref.combo_loss(nothing, nothing, smooth=0) == -0.5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("squared", [False, True])
def test_subnormal_probabilities_of_an_absent_class(dtype: Any, squared: bool) -> None:
    p = np.array([np.finfo(dtype).smallest_subnormal * 8], dtype=dtype)
    for loss in (ref.dice_loss, ref.jaccard_loss):
        value, gradient = value_and_grad(loss)(p, np.array([0]), smooth=0, squared=squared)
        if not squared:  # the square of p underflows to an empty prediction
            assert float(value) == 1
        assert gradient.tolist() == [0.0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("smooth", [1e-38, 1e-30, 1e-20, 1e-12, 1e-5, 1.0, 1e30])
@pytest.mark.parametrize("weight", [1e-39, 1e-30, 1e-13, 1e13, 1e30])
def test_smoothing_beside_weights_of_another_size(weight: float, smooth: float, dtype: Any) -> None:
    """p = (1/2, 1/4), y = (1, 0): a = 2 w/2 + s, d = w/2 + w/4, value d/(a + d); the slopes follow by hand."""
    p, y = np.array([0.5, 0.25], dtype=dtype), np.array([1, 0])
    value, gradient = value_and_grad(ref.dice_loss)(p, y, weight=np.full(2, weight), smooth=smooth)
    a, d = weight + smooth, 0.75 * weight
    close = {"rel": 3e-6 if dtype is np.float32 else 1e-13, "abs": 1e-44 if dtype is np.float32 else 0}
    assert float(value) == pytest.approx(d / (a + d), **close)
    slopes = -weight * (a / (a + d) + 2 * d / (a + d)) / (a + d), weight * a / (a + d) / (a + d)
    assert gradient.tolist() == [pytest.approx(slope, **close) for slope in slopes]


def test_smoothing_that_dwarfs_the_weights_is_not_replaced() -> None:
    value = ref.focal_tversky_loss(
        np.array([0.5, 0.25]), np.array([1, 0]), weight=np.full(2, 1e-300), smooth=1.0, gamma=0.01
    )
    assert float(value) == pytest.approx((0.3 * 0.25e-300 + 0.7 * 0.5e-300) ** 0.01, rel=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_weights_of_misses_keep_their_digits(dtype: Any) -> None:
    """TP = 1e8, FN = 1, and 1e8 FN weighs as much; 1 - TP/(...) of rounded sums would be 0."""
    given: dict[str, Any] = {"weight": np.array([1e8, 1.0]), "fp_weight": 0, "smooth": 0}
    p, y = np.array([1, 0], dtype=dtype), np.array([1, 1])
    assert float(ref.tversky_loss(p, y, fn_weight=1e8, **given)) == pytest.approx(0.5, rel=1e-6)
    assert float(ref.tversky_loss(p, y, fn_weight=1e5, **given)) == pytest.approx(1e5 / (1e8 + 1e5), rel=1e-6)


@pytest.mark.parametrize(
    ("dtype", "given"),
    [
        (np.float64, {"fp_weight": 0, "fn_weight": 1e10, "smooth": 1e-300}),
        (np.float32, {"fp_weight": 0, "fn_weight": 100.0, "smooth": 1e-37}),
        (np.float32, {"fp_weight": 0, "fn_weight": 1e30, "smooth": 1e-30}),
        (np.float64, {"fp_weight": 0, "fn_weight": 1e30, "smooth": 5e-324}),
    ],
)
def test_an_empty_target_and_no_price_for_false_alarms(dtype: Any, given: dict[str, Any]) -> None:
    value, gradient = value_and_grad(ref.tversky_loss)(np.array([0.5], dtype=dtype), np.array([0]), **given)
    assert float(value) == 0
    assert gradient.tolist() == [0.0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("p", "gamma"), [(1e-9, 1e9), (1e-6, 1e6), (1e-3, 1e3), (0.25, 20.0)])
def test_focal_powers_of_probabilities_near_1(dtype: Any, p: float, gamma: float) -> None:
    """q^gamma = e^(gamma log1p(-p)), where q itself is rounded to 1."""
    p = float(dtype(p))
    right = -math.exp(gamma * math.log1p(-p)) * math.log(p)
    close = 1e-4 if dtype is np.float32 else 1e-12
    assert float(ref.focal_loss(np.array([p], dtype=dtype), np.array([1]), gamma=gamma)) == pytest.approx(
        right, rel=close
    )
    z = np.array([math.log(p) - math.log1p(-p)], dtype=dtype)
    p = 1 / (1 + math.exp(-float(z[0])))
    right = -math.exp(gamma * math.log1p(-p)) * math.log(p)
    found = ref.focal_loss(z, np.array([1]), gamma=gamma, from_logits=True)
    assert float(found) == pytest.approx(right, rel=close)
    both = np.stack([z, np.zeros_like(z)])
    found = ref.focal_loss(both, np.array([0]), gamma=gamma, from_logits=True, class_axis=0)
    assert float(found) == pytest.approx(right, rel=close)


@pytest.mark.parametrize("gamma", [2.0, 20.0, 1e10, 1e30])
@pytest.mark.parametrize("dtype", DTYPES)
def test_focal_slopes_of_huge_logits_and_powers(dtype: Any, gamma: float) -> None:
    value, gradient = value_and_grad(ref.focal_loss)(
        np.array([1e30], dtype=dtype), np.array([0]), from_logits=True, gamma=gamma
    )
    assert float(value) == pytest.approx(1e30, rel=1e-6)
    assert gradient.tolist() == [1.0]


def test_balls_of_many_dimensions_are_refused_at_once() -> None:
    cube = np.full((2,) * 5, 0.5)
    with pytest.raises(ValueError, match="hausdorff_loss: radii must make balls of at most 131072 rows of pixels, got"):
        ref.hausdorff_loss(cube, cube > 0, method="convolution")
    small = ref.hausdorff_loss(cube, cube > 0, method="convolution", radii=(1,))
    assert math.isfinite(float(small))


def test_nothing_to_find_and_no_price_for_false_alarms_is_a_perfect_match() -> None:
    """TP = FN = 0 and FP costs nothing: 0/0 itself, whatever p is."""
    for loss in (ref.tversky_loss, ref.focal_tversky_loss):
        found = loss(np.zeros(3), np.zeros(3), from_logits=True, fp_weight=0, smooth=0)
        assert float(found) == 0
