"""What `identify` cannot know it says; answers in float32 are modelled in float32."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from segloss_conformance.identify import identify, text

# What cannot be told apart


def pooled_tversky(p: Any, y: Any) -> float:
    """One region an image: where predictions sum to 1 there are as many false positives as false negatives."""
    hits, fp, fn = ((a * b).sum((1, 2, 3)) for a, b in ((p, y), (p, 1 - y), (1 - p, y)))
    return float(np.mean(1 - (hits + 1e-5) / (hits + 0.3 * fp + 0.7 * fn + 1e-5)))


def test_weights_that_only_predictions_that_do_not_sum_to_1_tell() -> None:
    finding = identify(pooled_tversky, "tversky")
    assert "weight 0.3 on false positives and 0.7 on false negatives" in finding.differences
    assert not finding.ambiguous


def test_weights_that_nothing_tells_are_said_to_be_unknown() -> None:
    def of_softmax(z: Any, y: Any) -> float:
        e = np.exp(z - z.max(1, keepdims=True))
        return pooled_tversky(e / e.sum(1, keepdims=True), y)

    def normalised(p: Any, y: Any) -> float:
        return pooled_tversky(p / p.sum(1, keepdims=True), y)

    def refusing(p: Any, y: Any) -> float:
        if not np.allclose(p.sum(1), 1):
            raise ValueError("no probabilities")
        return pooled_tversky(p, y)

    for function, takes in ((of_softmax, "logit"), (normalised, "probability"), (refusing, "probability")):
        finding = identify(function, "tversky", takes=takes)
        assert finding.unknown == ["fp_weight", "fn_weight"]
        assert "cannot be told apart (constants): weight on false positives" in text(finding)


def test_smoothing_in_the_numerator_alone() -> None:
    finding = identify(lambda p, y: 1 - np.mean((2 * (p * y).sum((2, 3)) + 1) / (p + y).sum((2, 3))), "dice")
    assert finding.differences == ["smooth 1 in the numerator alone"]
    assert not finding.ambiguous


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("chessboard", [False, True])
def test_tolerances_tell_metrics_and_comparisons_apart(strict: bool, chessboard: bool) -> None:
    from scipy.ndimage import binary_erosion

    def nsd(a: Any, b: Any, spacing: Any, tolerance: float) -> float:
        places = [np.argwhere(m & ~binary_erosion(m)) * np.array(spacing) for m in (a.astype(bool), b.astype(bool))]
        if not (len(places[0]) and len(places[1])):
            return 0.0 if len(places[0]) + len(places[1]) else math.nan
        gaps = places[0][:, None] - places[1][None]
        far = np.abs(gaps).max(-1) if chessboard else np.sqrt((gaps**2).sum(-1))
        nearest = np.concatenate([far.min(1), far.min(0)])
        return float(np.mean(nearest < tolerance - 1e-9 if strict else nearest <= tolerance + 1e-9))

    finding = identify(nsd, "surface_dice")
    wanted = ["chessboard distances"] * chessboard + ["distances below the tolerance, without it"] * strict
    assert finding.differences == wanted
    assert not finding.ambiguous


# Functions in float32, as the survey's author wrote them for Keras


def weighted_32(p: Any, y: Any) -> Any:
    p = np.clip(p, np.float32(1e-7), np.float32(1) - np.float32(1e-7))
    z, w = np.log(p / (1 - p)), np.float32(1 / 3)
    return np.mean((1 - y) * z + (1 + (w - 1) * y) * (np.log1p(np.exp(-np.abs(z))) + np.maximum(-z, 0)))


def focal_32(p: Any, y: Any) -> Any:
    p = np.clip(p, np.float32(1e-7), np.float32(1) - np.float32(1e-7))
    z = np.log(p / (1 - p))
    a, b = np.float32(0.25) * (1 - p) ** 2 * y, np.float32(0.75) * p**2 * (1 - y)
    return np.mean((np.log1p(np.exp(-np.abs(z))) + np.maximum(-z, 0)) * (a + b) + z * b)


def tversky_32(p: Any, y: Any) -> Any:
    hits, fp, fn = ((a * b).sum() for a, b in ((p, y), (p, 1 - y), (1 - p, y)))
    return 1 - (hits + np.float32(1)) / (hits + np.float32(0.7) * fn + np.float32(0.3) * fp + np.float32(1))


def focal_tversky_32(p: Any, y: Any) -> Any:
    return tversky_32(p, y) ** np.float32(0.75)


def log_cosh_32(p: Any, y: Any) -> Any:
    x = 1 - (2 * (p * y).sum() + np.float32(1)) / (p.sum() + y.sum() + np.float32(1))
    return np.log((np.exp(x) + np.exp(-x)) / np.float32(2))


CLIPPED = ["probabilities clipped to [epsilon, 1 - epsilon]", "epsilon 1e-07"]
NARROW = [
    (weighted_32, "weighted_cross_entropy", {"beta": 1 / 3}, CLIPPED),
    (focal_32, "focal", {"alpha": 0.25}, CLIPPED),
    (tversky_32, "tversky", {"smooth": 1.0, "fp_weight": 0.3, "fn_weight": 0.7}, []),
    (focal_tversky_32, "focal_tversky", {"smooth": 1.0}, []),
    (log_cosh_32, "log_cosh_dice", {"smooth": 1.0}, []),
]


@pytest.mark.parametrize(
    ("function", "family", "declared", "wanted"), NARROW, ids=lambda one: getattr(one, "__name__", "")
)
def test_functions_of_the_survey_in_float32(function: Any, family: str, declared: Any, wanted: list[str]) -> None:
    def narrow(p: Any, y: Any) -> Any:
        return function(p.astype(np.float32), y.astype(np.float32))

    finding = identify(narrow, family, classes=1, pool="all", declared=declared)
    assert finding.precision.name == "float32"
    assert finding.candidates, text(finding)
    assert finding.differences == wanted
    assert not finding.ambiguous


def test_the_precision_is_that_of_the_dtype_that_comes_back() -> None:
    for dtype in ("float16", "float32", "float64"):
        halves = identify(lambda p, y, d=dtype: np.array(1 - 2 * (p * y).sum() / (p + y).sum()).astype(d), "dice")
        assert halves.precision.name == dtype
        assert "pooled over batch and classes" in text(halves)
        assert (dtype == "float16") == ("constants" in halves.ambiguous)  # smoothing of 1e-5 is lost in it


def test_the_factor_of_the_mean_cross_entropy_is_a_focal_loss() -> None:
    def copied(p: Any, y: Any) -> Any:
        mean = np.mean(-np.log(np.where(y == 1, p, 1 - p)))
        return 0.8 * (1 - np.exp(-mean)) ** 2 * mean

    found = identify(copied, "focal", classes=1).differences
    assert found == [
        "the factor of the mean cross-entropy M, (1 - exp(-M))^gamma M, not of every pixel", "alpha 0.8 on both sides"
    ]  # fmt: skip


def test_division_by_the_sum_of_the_weights() -> None:
    def weighted(p: Any, y: Any) -> Any:
        w = np.where(y == 1, 4.0, 1.0)
        return -(w * np.log(np.where(y == 1, p, 1 - p))).sum() / w.sum()

    found = identify(weighted, "weighted_cross_entropy", classes=1, declared={"beta": 4.0})
    assert "divided by the sum of the weights" in found.differences
    assert "weight 1 on the foreground and 0.25 on the background" in found.differences
