"""The textbook against worked examples, its derivatives against differences, its bounds against float32.

Expected numbers are derived in the comments by hand, with inputs that binary fractions hold exactly, so agreement is
asked to 50 digits. Nothing here calls the library.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from segloss_conformance.truth import textbook
from segloss_conformance.truth.numbers import Number, exact, exp, log, log1p, mp, power, sqrt, total, variable
from segloss_conformance.truth.textbook.boundary import MERGED_SPATIAL, PER_CLASS_SPATIAL
from segloss_conformance.truth.textbook.counts import METRICS as COUNTING

NAN, INF = math.nan, math.inf
LN2, LN3 = mp.log(2), mp.log(3)
# Pixels left out are still part of the geometry of these.
SPATIAL = {*PER_CLASS_SPATIAL, *MERGED_SPATIAL}
# What moves with the prediction is partly a constant for the gradient of this one.
PARTIAL = {"structural_similarity_loss"}


def frac(above: int, below: int) -> Any:
    return mp.mpf(above) / below


def same(got: Any, want: Any) -> bool:
    want = mp.mpf(want)
    if mp.isnan(want):
        return bool(mp.isnan(got))
    if mp.isinf(want):
        return bool(got == want)
    return bool(abs(got - want) <= mp.mpf(10) ** -50 * max(1, abs(want)))


def values(name: str, pred: Any, target: Any, **keywords: Any) -> list[Any]:
    answer = textbook.loss(name, np.asarray(pred, dtype=float), np.asarray(target), **keywords)
    return [number.v for number in answer.value]


def slopes(name: str, pred: Any, target: Any, **keywords: Any) -> list[Any]:
    answer = textbook.loss(name, np.asarray(pred, dtype=float), np.asarray(target), **keywords)
    assert answer.gradient is not None
    return [value for value, _ in answer.gradient]


def agree(got: list[Any], want: list[Any]) -> None:
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        assert same(one, other), (mp.nstr(one, 20), mp.nstr(mp.mpf(other), 20))


# Binary worked examples. ----------------------------------------------------------------------------------------------

# P, Y: TP = 3/4 + 1/4 = 1, FP = 1/2 + 1/4 = 3/4, FN = 1/4 + 3/4 = 1, sum p = 7/4, sum y = 2,
# sum p^2 = (9 + 1 + 4 + 1)/16 = 15/16. Logarithms: ln 3/4 = LN3 - 2 LN2, ln 1/4 = -2 LN2, ln 1/2 = -LN2.
P, Y = [0.75, 0.25, 0.5, 0.25], [1, 1, 0, 0]
# One pixel in four is foreground.
RARE = [1, 0, 0, 0]
# Distinct errors 1/8 (foreground), 3/4 (foreground), 1/2, 3/8.
D, V = [0.875, 0.25, 0.5, 0.375], [1, 1, 0, 0]

# (-ln p)^0.3 and so on with the decimal parameters that a float holds.
G3 = mp.mpf(0.3)
SOFT_CROSS = (2 * (2 * LN2 - LN3) ** G3 + (2 * LN2) ** G3 + LN2**G3) / 4

# Foreground {0, 1} of four pixels: the other class is 2, 1, 1, 2 away. P's mask is {0}, and 1, 1, 2, 3.
FAR = [0.25, 0.25, 0.25, 0.75]  # its mask is {3}, 2 away from the nearest point of the contour {0, 1}
# Two pixels, each with the other on both sides (the image is mirrored): a window has the share c of its middle, and
# 1 - c of the other. mu_0 = c and sd^2 = c (1 - c) for y = (1, 0); p = (1/4, 3/4) has minus half the deviations.
C = 1 / (1 + 2 * mp.exp(-2 / mp.mpf(9)))
SD, C4 = mp.sqrt(C * (1 - C)), mp.mpf(0.01)
E0 = abs((1 - C + C4) / (SD + C4) - (-(1 - C) / 2 + C4) / (SD / 2 + C4))
E1 = abs((C - 1 + C4) / (SD + C4) - ((1 - C) / 2 + C4) / (SD / 2 + C4))

BINARY: list[tuple[str, list[float], list[float], dict[str, Any], Any]] = [
    # phi = 0, 1/2, 1/2, 0: (LN4/3 + 3/2 LN4 + 3/2 LN2 + LN4/3)/4
    ("distance_map_loss", P, Y, {}, (17 * LN2 - 4 * LN3) / 8),
    ("distance_map_loss", P, Y, {"spacing": 0.5}, (17 * LN2 - 4 * LN3) / 8),  # phi is a ratio
    # d = 1, 1, 2, 3; phi = 2/3, 2/3, 1/3, 0
    ("distance_map_loss", P, RARE, {}, (30 * LN2 - 13 * LN3) / 12),
    ("distance_map_loss", P, Y, {"phi": np.array([0, 1, 2, 0.5])}, (24 * LN2 - 5 * LN3) / 8),
    ("distance_map_loss", P, [1, 1, 1, 1], {}, (8 * LN2 - LN3 - LN2) / 4),  # no boundary: the cross-entropy
    # One contour point 2 away, E = 2, or 1 with half the spacing; CE = (8 LN2 - LN3)/4
    ("shape_aware_loss", FAR, Y, {}, 3 * (8 * LN2 - LN3) / 4),
    ("shape_aware_loss", FAR, Y, {"spacing": (0.5,)}, 2 * (8 * LN2 - LN3) / 4),
    # The masks differ at 0, 1 and 3, which are 0, 0 and 2 away.
    ("shape_aware_loss", FAR, Y, {"scope": "pixel"}, (12 * LN2 - LN3) / 4),
    ("shape_aware_loss", [0.25] * 4, Y, {}, (8 * LN2 - 2 * LN3) / 4),  # no contour, E = 0
    # D = -2, -1, 1, 2
    ("boundary_loss", P, Y, {}, frac(-3, 16)),
    ("boundary_loss", P, Y, {"spacing": 0.5}, frac(-3, 32)),
    ("boundary_loss", P, [1, 1, 1, 1], {}, 0),
    # (p - y)^2 = 1/16, 9/16, 4/16, 1/16; d_p^2 + d_y^2 = 5, 2, 5, 13; d_p + d_y = 3, 2, 3, 5
    ("hausdorff_loss", P, Y, {}, frac(7, 8)),
    ("hausdorff_loss", P, Y, {"alpha": 1.0}, frac(19, 32)),
    ("hausdorff_loss", P, Y, {"spacing": 2.0}, frac(7, 2)),
    # e_1 = 1/3, 1, 1, 1/3; e_2 = 0, 5/9, 5/9, 0: (8/3 + 4 * 10/9)/4
    ("hausdorff_loss", [1] * 4, [0] * 4, {"method": "erosion", "erosions": 2}, frac(16, 9)),
    # e_1 = 1/6, 1/2, 1/2, 1/6, and nothing after
    ("hausdorff_loss", [1] * 4, [0] * 4, {"method": "erosion", "erosions": 2, "rescale": "none"}, frac(1, 3)),
    # e_1 = e_2 = 0, 1, 1, 0
    ("hausdorff_loss", [1] * 4, [0] * 4, {"method": "erosion", "erosions": 2, "rescale": "minmax"}, frac(5, 2)),
    # a = 1, 1, 0, 0; f(1 - Y) = 1/2; B * p = 1, 2/3: 1 + 2/3
    ("hausdorff_loss", [1, 1, 0, 0], [0] * 4, {"method": "convolution", "radii": (1,)}, frac(5, 12)),
    # b = 1, 0, 0, 0; f(1 - P) = 1/2; B_1 * y = 2/3, B_2 * y = 3/5: 2/3 + 4 * 3/5
    ("hausdorff_loss", [0] * 4, RARE, {"method": "convolution", "radii": (1, 2)}, frac(23, 30)),
    ("structural_similarity_loss", [0.25, 0.75], [1, 0], {}, LN2 * (E0 + E1)),
    ("structural_similarity_loss", [0.25, 0.75], [1, 0], {"beta": 1.0}, 0),
    ("structural_similarity_loss", [0.25] * 4, [1] * 4, {}, 0),  # both flat
    # -(ln 3/4 + ln 1/4 + ln 1/2 + ln 3/4)/4 = -(2 LN3 - 7 LN2)/4
    ("binary_cross_entropy", P, Y, {}, (7 * LN2 - 2 * LN3) / 4),
    # y = 1/4 at p = 1/2: both logarithms are -LN2, whatever y is.
    ("binary_cross_entropy", [0.5], [0.25], {}, LN2),
    # y = 1/4 at p = 3/4: -(1/4 ln 3/4 + 3/4 ln 1/4) = -(LN3/4 - LN2/2 - 3/2 LN2)
    ("binary_cross_entropy", [0.75], [0.25], {}, 2 * LN2 - LN3 / 4),
    # Foreground ln 3/4 + ln 1/4 = LN3 - 4 LN2 counts 3 times, background ln 1/2 + ln 3/4 = LN3 - 3 LN2 once.
    ("weighted_cross_entropy", P, Y, {"beta": 3.0}, (15 * LN2 - 4 * LN3) / 4),
    # beta = 1 - 1/4; -(3/4 (LN3 - 2 LN2) + 1/4 (2 LN3 - 5 LN2))/4
    ("balanced_cross_entropy", P, RARE, {}, (11 * LN2 - 5 * LN3) / 16),
    ("balanced_cross_entropy", P, RARE, {"beta": 0.25}, (17 * LN2 - 7 * LN3) / 16),
    # q^2 ln p: 1/16 (LN3 - 2 LN2), 9/16 (-2 LN2); p^2 ln q: 1/4 (-LN2), 1/16 (LN3 - 2 LN2); sum (2 LN3 - 26 LN2)/16.
    ("focal_loss", P, Y, {}, (13 * LN2 - LN3) / 32),
    # Foreground (LN3 - 20 LN2)/16 once, background (LN3 - 6 LN2)/16 three times, all by 1/4 and 1/4.
    ("focal_loss", P, Y, {"alpha": 0.25}, (19 * LN2 - 2 * LN3) / 128),
    ("focal_loss", P, Y, {"gamma": 0.0}, (7 * LN2 - 2 * LN3) / 4),
    ("dice_loss", P, Y, {"smooth": 1.0}, frac(7, 19)),  # 1 - (2 + 1)/(7/4 + 2 + 1)
    ("dice_loss", P, Y, {"smooth": (0.0, 1.0)}, frac(11, 19)),  # 1 - 2/(19/4)
    ("dice_loss", P, Y, {"smooth": 1.0, "squared": True}, frac(5, 21)),  # 1 - 3/(15/16 + 2 + 1)
    ("dice_loss", P, Y, {}, 1 - (2 + mp.mpf(1e-5)) / (frac(15, 4) + mp.mpf(1e-5))),
    ("log_cosh_dice_loss", P, Y, {"smooth": 1.0}, mp.log(mp.cosh(frac(7, 19)))),
    ("log_cosh_dice_loss", P, Y, {"smooth": 1.0, "squared": True}, mp.log(mp.cosh(frac(5, 21)))),
    # 1 - 2/(1 + 3/16 + 3/4 + 1): a quarter of FP, three quarters of FN; the other way round 1 - 2/(1 + 9/16 + 1/4 + 1).
    ("tversky_loss", P, Y, {"smooth": 1.0, "fp_weight": 0.25, "fn_weight": 0.75}, frac(15, 47)),
    ("tversky_loss", P, Y, {"smooth": 1.0, "fp_weight": 0.75, "fn_weight": 0.25}, frac(13, 45)),
    ("tversky_loss", P, Y, {"smooth": 1.0}, frac(7, 23)),  # 1 - 2/(1 + 3/8 + 1/2 + 1)
    (
        "focal_tversky_loss", P, Y, {"smooth": 1.0, "fp_weight": 0.25, "fn_weight": 0.75, "gamma": 2.0},
        frac(15, 47) ** 2,
    ),
    (
        "focal_tversky_loss", P, Y, {"smooth": 1.0, "fp_weight": 0.25, "fn_weight": 0.75, "gamma": 0.5},
        mp.sqrt(frac(15, 47)),
    ),
    # (0, 1): 1 - 1/(1 + 3/16 + 3/4 + 1)
    (
        "focal_tversky_loss", P, Y,
        {"smooth": (0.0, 1.0), "fp_weight": 0.25, "fn_weight": 0.75, "gamma": 1.0}, frac(31, 47),
    ),
    # The defaults are 0.3 for FP and 0.7 for FN, power 3/4.
    (
        "focal_tversky_loss", P, Y, {"smooth": 0.0},
        (1 - 1 / (1 + mp.mpf(0.3) * frac(3, 4) + mp.mpf(0.7))) ** frac(3, 4),
    ),
    # Missed (1/4 + 3/4)/2 = 1/2, false alarms (1/2 + 1/4)/2 = 3/8; a quarter of the first, three of the second.
    ("sensitivity_specificity_loss", P, Y, {"sensitivity_weight": 0.25}, frac(13, 32)),
    # Squares: (1/16 + 9/16)/2 = 5/16 and (1/4 + 1/16)/2 = 5/32.
    ("sensitivity_specificity_loss", P, Y, {"sensitivity_weight": 0.25, "power": 2}, frac(25, 128)),
    ("sensitivity_specificity_loss", P, [1, 1, 1, 1], {}, frac(9, 32)),  # (1/4 + 3/4 + 1/2 + 3/4)/4/2, no background
    ("sensitivity_specificity_loss", P, [0, 0, 0, 0], {}, frac(7, 32)),
    ("jaccard_loss", P, Y, {"smooth": 1.0}, frac(7, 15)),  # 1 - 2/(15/4 - 1 + 1)
    ("jaccard_loss", P, Y, {"smooth": 1.0, "squared": True}, frac(15, 47)),  # 1 - 2/(47/16 - 1 + 1)
    ("jaccard_loss", P, Y, {"smooth": (0.5, 2.0)}, frac(13, 19)),  # 1 - (3/2)/(19/4)
    # Errors in falling order 3/4 (fg), 1/2 (bg), 3/8 (bg), 1/8 (fg). Mistaken sets have J = 1 - 1/2, 1 - 1/3, 1 - 1/4, 1;
    # the integral over levels is 1/4 * 1/2 + 1/8 * 2/3 + 1/4 * 3/4 + 1/8 * 1.
    ("lovasz_softmax_loss", D, V, {}, frac(25, 48)),
    # Weights 1, 2, 1, 1, so |G| = 3: J = 1 - 1/3, 1 - 1/4, 1 - 1/5, 1.
    ("lovasz_softmax_loss", D, V, {"weight": np.array([1.0, 2.0, 1.0, 1.0])}, frac(281, 480)),
    # Empty target: every mistake gives J = 1, which leaves the largest error. The classes are not asked for here.
    ("lovasz_softmax_loss", D, [0, 0, 0, 0], {}, frac(7, 8)),
    # Hinges 0 (margin -1), 1 (fg), 0, 3/2 (bg). J = 1 - 2/3, then 1 - 1/3: 1/2 * 1/3 + 1 * 2/3.
    ("lovasz_hinge_loss", [2.0, 0.0, -3.0, 0.5], V, {}, frac(5, 6)),
    # Cross-entropy with 3/4 and 1/4: -(3/4 (LN3 - 4 LN2) + 1/4 (LN3 - 3 LN2))/4 = (15 LN2 - 4 LN3)/16; DC = 3/(19/4).
    ("combo_loss", P, Y, {"alpha": 0.25, "beta": 0.75}, (15 * LN2 - 4 * LN3) / 64 - frac(3, 4) * frac(12, 19)),
    ("combo_loss", P, Y, {}, (7 * LN2 - 2 * LN3) / 16 - frac(6, 19)),
    ("combo_loss", [1.0, 0.0], [1, 0], {"alpha": 0.25}, frac(-3, 4)),
    # Either label occurs in half of the pixels: sqrt(2) both.
    (
        "exponential_logarithmic_loss", P, Y, {},
        mp.mpf(0.8) * mp.log(frac(19, 12)) ** G3 + mp.mpf(0.2) * mp.sqrt(2) * SOFT_CROSS,
    ),
    # A quarter is foreground: sqrt 4 = 2 there, sqrt(4/3) elsewhere. Powers of 1, DC = (3/2 + 1)/(7/4 + 1 + 1) = 2/3.
    (
        "exponential_logarithmic_loss", P, RARE,
        {"dice_weight": 0.5, "cross_weight": 0.25, "dice_gamma": 1.0, "cross_gamma": 1.0},
        mp.log(frac(3, 2)) / 2 + (2 * (2 * LN2 - LN3) + 2 / mp.sqrt(3) * (5 * LN2 - 2 * LN3)) / 16,
    ),
    # (background, foreground) = (2, 5): (5 (4 LN2 - LN3) + 2 (3 LN2 - LN3))/4
    (
        "exponential_logarithmic_loss", P, Y,
        {"dice_weight": 0.0, "cross_weight": 1.0, "cross_gamma": 1.0, "label_weights": (2.0, 5.0)},
        (26 * LN2 - 7 * LN3) / 4,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "pred", "target", "keywords", "want"), BINARY)
def test_binary(name: str, pred: list[float], target: list[float], keywords: dict[str, Any], want: Any) -> None:
    agree(values(name, pred, target, **keywords), [want])


def test_binary_covers_every_loss() -> None:
    assert {one[0] for one in BINARY} | {"generalized_dice_loss"} == set(textbook.LOSSES)


@pytest.mark.parametrize(
    "name",
    [name for name in textbook.LOSSES if name not in {"lovasz_hinge_loss", "generalized_dice_loss", *PARTIAL}],
)
def test_logits_are_probabilities_through_the_logistic(name: str) -> None:
    # A logit of ln 3 would be 3/4 exactly; the nearest float is off by 2^-53, which the first derivative repairs.
    z = math.log(3)
    rest = LN3 - mp.mpf(z)
    y = [1, 0, 1]
    got = textbook.loss(name, np.array([z, -z, 0.0]), np.array(y), from_logits=True)
    want = values(name, [0.75, 0.25, 0.5], y)
    assert got.gradient is not None
    first = got.value[0].v + rest * (got.gradient[0][0] - got.gradient[1][0])
    # (the second order is 1e-33)
    assert abs(first - want[0]) < 1e-31


GRADIENTS: list[tuple[str, list[float], list[float], dict[str, Any], list[Any]]] = [
    ("boundary_loss", P, Y, {}, [frac(-1, 2), frac(-1, 4), frac(1, 4), frac(1, 2)]),
    # 2 (p - y)(d_p^2 + d_y^2)/4
    ("hausdorff_loss", P, Y, {}, [frac(-5, 8), frac(-3, 4), frac(5, 4), frac(13, 8)]),
    ("shape_aware_loss", FAR, Y, {}, [-3, -3, 1, 3]),
    # e is a constant: e_i/2 times -1/p and 1/q
    ("structural_similarity_loss", [0.25, 0.75], [1, 0], {}, [-2 * E0, 2 * E1]),
    # -1/p and 1/q over N
    ("binary_cross_entropy", P, Y, {}, [frac(-1, 3), -1, frac(1, 2), frac(1, 3)]),
    # At p = y the derivative is -1/N or +1/N, not 0.
    ("binary_cross_entropy", [1.0, 0.0], [1, 0], {}, [frac(-1, 2), frac(1, 2)]),
    # p - y over N
    ("binary_cross_entropy", [0.0, 0.0], [1, 0], {"from_logits": True}, [frac(-1, 4), frac(1, 4)]),
    ("weighted_cross_entropy", P, Y, {"beta": 3.0}, [-1, -3, frac(1, 2), frac(1, 3)]),
    ("balanced_cross_entropy", P, RARE, {}, [frac(-1, 4), frac(1, 12), frac(1, 8), frac(1, 12)]),
    # 1 - a/b: (a - 2 b y)/b^2 with a = 3, b = 19/4: 3 * 16/361, less 2 * 4/19 where y = 1.
    ("dice_loss", P, Y, {"smooth": 1.0}, [frac(-104, 361), frac(-104, 361), frac(48, 361), frac(48, 361)]),
    # Tversky: a = 2, b = 47/16; db/dp = 1 - fn_weight = 1/4 where y = 1, fp_weight = 1/4 elsewhere:
    # (a db - b da)/b^2 = (1/2 - 47/16) * 256/2209 and 1/2 * 256/2209.
    (
        "tversky_loss", P, Y, {"smooth": 1.0, "fp_weight": 0.25, "fn_weight": 0.75},
        [frac(-624, 2209), frac(-624, 2209), frac(128, 2209), frac(128, 2209)],
    ),
    # Jaccard: a = 2, b = 15/4; db/dp = 0 where y = 1, 1 elsewhere.
    ("jaccard_loss", P, Y, {"smooth": 1.0}, [frac(-4, 15), frac(-4, 15), frac(32, 225), frac(32, 225)]),
    ("sensitivity_specificity_loss", P, Y, {"sensitivity_weight": 0.25}, [frac(-1, 8), frac(-1, 8), frac(3, 8), frac(3, 8)]),
    # J's steps in the order of the errors: 1/2, 1/6, 1/12, 1/4; minus where y = 1.
    ("lovasz_softmax_loss", D, V, {}, [frac(-1, 4), frac(-1, 2), frac(1, 6), frac(1, 12)]),
    ("lovasz_hinge_loss", [2.0, 0.0, -3.0, 0.5], V, {}, [0, frac(-1, 3), 0, frac(1, 3)]),
    # An exponent below 1 at a perfect prediction.
    ("focal_tversky_loss", [1.0, 0.0], [1, 0], {}, [0, 0]),
    ("exponential_logarithmic_loss", [1.0, 0.0], [1, 0], {}, [0, 0]),
    ("focal_loss", [1.0, 0.0], [1, 0], {"gamma": 0.5}, [0, 0]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "pred", "target", "keywords", "want"), GRADIENTS)
def test_gradient(name: str, pred: list[float], target: list[float], keywords: dict[str, Any], want: list[Any]) -> None:
    agree(slopes(name, pred, target, **keywords), want)


def test_log_cosh_gradient_is_tanh_times_dice_gradient() -> None:
    inner = slopes("dice_loss", P, Y, smooth=1.0)
    agree(slopes("log_cosh_dice_loss", P, Y, smooth=1.0), [mp.tanh(frac(7, 19)) * one for one in inner])


# Classes. -------------------------------------------------------------------------------------------------------------

# Class 0 has 3/4, 1/2, 1/2 and class 1 the rest; labels 0, 0, 1. I = (5/4, 1/2), P = (7/4, 5/4), Y = (2, 1).
CP = [[0.75, 0.5, 0.5], [0.25, 0.5, 0.5]]
CL = [0, 0, 1]

CLASSES: list[tuple[str, Any, Any, dict[str, Any], list[Any]]] = [
    # -(ln 3/4 + ln 1/2 + ln 1/2)/3
    ("binary_cross_entropy", CP, CL, {}, [(4 * LN2 - LN3) / 3]),
    ("binary_cross_entropy", CP, [[1, 1, 0], [0, 0, 1]], {}, [(4 * LN2 - LN3) / 3]),
    # A soft target: (1/2, 1/2) at the first pixel: -(ln 3/4 + ln 1/4)/2 = 2 LN2 - LN3/2.
    ("binary_cross_entropy", [[0.75], [0.25]], [[0.5], [0.5]], {}, [2 * LN2 - LN3 / 2]),
    # The factor is the true class's, and the divisor stays 3.
    ("binary_cross_entropy", CP, CL, {"class_weight": (3.0, 1.0)}, [(10 * LN2 - 3 * LN3) / 3]),
    ("binary_cross_entropy", CP, CL, {"ignore_index": 0}, [LN2]),
    ("binary_cross_entropy", CP, CL, {"weight": np.array([2.0, 1.0, 1.0])}, [(6 * LN2 - 2 * LN3) / 4]),
    # beta = (1 - 2/3, 1 - 1/3): -(1/3 (LN3 - 2 LN2) - 1/3 LN2 - 2/3 LN2)/3
    ("balanced_cross_entropy", CP, CL, {}, [(5 * LN2 - LN3) / 9]),
    # -(1/16 (LN3 - 2 LN2) - 1/4 LN2 - 1/4 LN2)/3
    ("focal_loss", CP, CL, {}, [(10 * LN2 - LN3) / 48]),
    ("focal_loss", CP, CL, {"class_weight": (0.0, 2.0)}, [LN2 / 6]),
    # A value a class: 1 - (5/2 + 1)/(7/4 + 2 + 1) and 1 - (1 + 1)/(5/4 + 1 + 1).
    ("dice_loss", CP, CL, {"smooth": 1.0, "reduction": "none"}, [frac(5, 19), frac(5, 13)]),
    ("dice_loss", CP, CL, {"smooth": 1.0}, [(frac(5, 19) + frac(5, 13)) / 2]),
    ("dice_loss", CP, CL, {"smooth": 1.0, "class_weight": (3.0, 0.0)}, [frac(15, 38)]),
    ("log_cosh_dice_loss", CP, CL, {"smooth": 1.0, "reduction": "sum"},
     [mp.log(mp.cosh(frac(5, 19))) + mp.log(mp.cosh(frac(5, 13)))]),
    # FP = (1/2, 3/4), FN = (3/4, 1/2): 1 - (9/4)/(9/4 + 1/2 FP + 1/4 FN) = 1 - (9/4)/(43/16), 1 - (3/2)/(3/2 + 3/8 + 1/8)
    ("tversky_loss", CP, CL, {"smooth": 1.0, "fp_weight": 0.5, "fn_weight": 0.25, "reduction": "none"},
     [frac(7, 43), frac(1, 4)]),
    ("focal_tversky_loss", CP, CL,
     {"smooth": 1.0, "fp_weight": 0.5, "fn_weight": 0.25, "gamma": 2.0, "reduction": "none"},
     [frac(49, 1849), frac(1, 16)]),
    # 1 - (5/4)/(15/4 - 5/4), 1 - (1/2)/(9/4 - 1/2)
    ("jaccard_loss", CP, CL, {"smooth": 0.0, "reduction": "none"}, [frac(1, 2), frac(5, 7)]),
    # (3/4)/2/2 + (1/2)/1/2 and (1/2)/1/2 + (3/4)/2/2
    ("sensitivity_specificity_loss", CP, CL, {"reduction": "none"}, [frac(7, 16), frac(7, 16)]),
    # 1/4 and 1, divided by 1: 1 - (2 (5/16 + 1/2) + 1)/(1/4 * 15/4 + 9/4 + 1) = 1 - (21/8)/(67/16)
    ("generalized_dice_loss", CP, CL, {"smooth": 1.0}, [frac(25, 67)]),
    # 1/2 and 1: 1 - (13/4)/(41/8)
    ("generalized_dice_loss", CP, CL, {"smooth": 1.0, "weight_type": "simple"}, [frac(15, 41)]),
    # 1 and 1: 1 - (9/2)/7
    ("generalized_dice_loss", CP, CL, {"smooth": 1.0, "weight_type": "uniform"}, [frac(5, 14)]),
    # Class 1 is absent: it gets 1, and so does class 0, 1/9 over the largest finite weight 1/9. I_0 = 7/4, Y_0 = 3.
    ("generalized_dice_loss", CP, [0, 0, 0], {"smooth": 1.0}, [frac(5, 14)]),
    # Errors of class 0: 1/4, 1/2 (fg), 1/2 (bg), a tie that the value does not mind: fg first J = 1/2, both 2/3, all 1;
    # 1/4 * 2/3 + 1/4 * 1. Class 1, with 1 foreground pixel: 1/2 fg and 1/2 bg: J = 1; 1/4 more bg: 1. So 1/2 * 1.
    ("lovasz_softmax_loss", CP, CL, {"reduction": "none"}, [frac(5, 12), frac(1, 2)]),
    # Class 1 is absent. Class 0 alone: errors 1/2, 1/2, 1/4, J = 2/3 at 1/2 and 1 at 1/4: 1/4 * 2/3 + 1/4.
    ("lovasz_softmax_loss", CP, [0, 0, 0], {}, [frac(5, 12)]),
    ("lovasz_softmax_loss", CP, [0, 0, 0], {"reduction": "none"}, [frac(5, 12), 0]),
    # "all": class 1's largest error is 1/2.
    ("lovasz_softmax_loss", CP, [0, 0, 0], {"classes": "all"}, [frac(11, 24)]),
    # DC = (14/19, 8/13); categorical cross-entropy; the class weights are for the latter alone.
    ("combo_loss", CP, CL, {"alpha": 0.25}, [(4 * LN2 - LN3) / 12 - frac(3, 8) * (frac(14, 19) + frac(8, 13))]),
    ("combo_loss", CP, CL, {"alpha": 0.25, "class_weight": (0.0, 3.0)},
     [LN2 / 4 - frac(3, 8) * (frac(14, 19) + frac(8, 13))]),
    # Powers of 1; w = (sqrt(3/2), sqrt 3).
    ("exponential_logarithmic_loss", CP, CL,
     {"dice_weight": 0.5, "cross_weight": 0.25, "dice_gamma": 1.0, "cross_gamma": 1.0},
     [(mp.log(frac(19, 14)) + mp.log(frac(13, 8))) / 4 + (mp.sqrt(frac(3, 2)) * (3 * LN2 - LN3) + mp.sqrt(3) * LN2) / 12]),
    ("exponential_logarithmic_loss", CP, CL,
     {"dice_weight": 0.0, "cross_weight": 1.0, "cross_gamma": 2.0, "label_weights": (1.0, 4.0), "class_weight": (2.0, 1.0)},
     [(2 * (2 * LN2 - LN3) ** 2 + 2 * LN2**2 + 4 * LN2**2) / 3]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "pred", "target", "keywords", "want"), CLASSES)
def test_classes(name: str, pred: Any, target: Any, keywords: dict[str, Any], want: list[Any]) -> None:
    agree(values(name, pred, target, class_axis=0, **keywords), want)


@pytest.mark.parametrize(("name", "pred", "target", "keywords", "want"), CLASSES)
def test_classes_may_stand_last(name: str, pred: Any, target: Any, keywords: dict[str, Any], want: list[Any]) -> None:
    turned = np.asarray(target).T
    agree(values(name, np.asarray(pred).T, turned, class_axis=-1, **keywords), want)


def test_softmax_of_three_classes() -> None:
    # Logits 0, 0, 1 at a pixel of class 2: ln(2 + e) - 1; gradient p - onehot.
    whole = 2 + mp.e
    z = [[0.0], [0.0], [1.0]]
    agree(values("binary_cross_entropy", z, [2], class_axis=0, from_logits=True), [mp.log(whole) - 1])
    want = [1 / whole, 1 / whole, mp.e / whole - 1]
    agree(slopes("binary_cross_entropy", z, [2], class_axis=0, from_logits=True), want)
    # Sensitivity of class 2 alone: q = 2/(2 + e), dq/dz = p q for its own logit and -p p_k for another's... with a minus.
    keywords: dict[str, Any] = {"class_axis": 0, "from_logits": True, "sensitivity_weight": 1.0}
    agree(values("sensitivity_specificity_loss", z, [2], **keywords, reduction="none"), [0, 0, 2 / whole])
    down = mp.e * 2 / whole**2
    agree(slopes("sensitivity_specificity_loss", z, [2], **keywords, reduction="sum"), [down / 2, down / 2, -down])


# Regions, weights, ignored pixels, reductions. ------------------------------------------------------------------------


def test_axis_makes_regions() -> None:
    p, y = [[0.5, 0.25], [0.75, 1.0]], [[1, 0], [1, 1]]
    # Rows: 1 - (1 + 1)/(3/4 + 1 + 1) = 3/11, 1 - (7/2 + 1)/(7/4 + 2 + 1) = 1/19
    rows = [frac(3, 11), frac(1, 19)]
    keywords: dict[str, Any] = {"smooth": 1.0}
    for axis in (1, -1, (1,), (-1,)):
        agree(values("dice_loss", p, y, axis=axis, reduction="none", **keywords), rows)
    agree(values("dice_loss", p, y, axis=1, **keywords), [sum(rows) / 2])
    agree(values("dice_loss", p, y, axis=1, reduction="sum", **keywords), [sum(rows)])
    # Columns: 1 - (5/2 + 1)/(5/4 + 2 + 1) = 3/17, 1 - (2 + 1)/(5/4 + 1 + 1) = 1/13
    agree(values("dice_loss", p, y, axis=0, reduction="none", **keywords), [frac(3, 17), frac(1, 13)])
    answer = textbook.loss("binary_cross_entropy", np.array(p), np.array(y), axis=(), reduction="none")
    assert answer.shape == (2, 2)
    agree([one.v for one in answer.value], [LN2, 2 * LN2 - LN3, 2 * LN2 - LN3, 0])


def test_class_axis_keeps_its_place_in_the_values() -> None:
    # Two images, three classes, two rows of one column: mean errors tell the places apart.
    p = np.arange(12).reshape(2, 3, 2, 1) / 16
    y = np.zeros_like(p)
    for place, axis, shape in (
        (1, 3, (2, 3, 2)),
        (1, (2, 3), (2, 3)),
        (1, (0, 3), (3, 2)),
        (2, 3, (2, 3, 2)),
        (2, 1, (2, 2, 1)),
    ):
        answer = textbook.loss(
            "sensitivity_specificity_loss", p, y, class_axis=place, axis=axis, reduction="none", sensitivity_weight=0.0
        )
        assert answer.shape == shape
        agree([one.v for one in answer.value], list(p.mean(axis=axis).ravel()))
    assert textbook.loss("binary_cross_entropy", p, y, class_axis=1, axis=3, reduction="none").shape == (2, 2)


def test_weights() -> None:
    w = np.array([2.0, 0.0, 1.0, 1.0])
    # -(2 ln 3/4 + ln 1/2 + ln 3/4)/4
    agree(values("binary_cross_entropy", P, Y, weight=w), [(7 * LN2 - 3 * LN3) / 4])
    # TP = 3/2, sum p = 3/2 + 3/4, sum y = 2: 1 - (3 + 1)/(17/4 + 1)
    agree(values("dice_loss", P, Y, weight=w, smooth=1.0), [frac(5, 21)])
    # beta = 1 - 2/4
    agree(values("balanced_cross_entropy", P, Y, weight=w), [(7 * LN2 - 3 * LN3) / 8])
    # Broadcast: the second column counts three times. (ln 2 + 3 * 2 LN2 + 2 LN2 - LN3 + 3 LN2)/8
    p, y = [[0.5, 0.25], [0.75, 0.5]], [[1, 1], [1, 1]]
    agree(values("binary_cross_entropy", p, y, weight=np.array([1.0, 3.0])), [(12 * LN2 - LN3) / 8])
    # sqrt(N/n) with N = 4, n = 2 both.
    got = values("exponential_logarithmic_loss", P, Y, weight=w, dice_weight=0.0, cross_weight=1.0, cross_gamma=1.0)
    agree(got, [mp.sqrt(2) * (7 * LN2 - 3 * LN3) / 4])


LEFT_OUT: list[dict[str, Any]] = [
    {"target": [1, 9, 0, 9], "ignore_index": 9},
    {"target": [1, 0, 0, 1], "weight": np.array([1.0, 0.0, 1.0, 0.0])},
]


@pytest.mark.parametrize("name", [name for name in textbook.LOSSES if name not in {"generalized_dice_loss", *SPATIAL}])
@pytest.mark.parametrize("how", LEFT_OUT)
def test_left_out_pixels_are_left_out_of_everything(name: str, how: dict[str, Any]) -> None:
    keywords = {key: value for key, value in how.items() if key != "target"}
    got = textbook.loss(name, np.array([0.75, NAN, 0.5, NAN]), np.array(how["target"]), **keywords)
    want = textbook.loss(name, np.array([0.75, 0.5]), np.array([1, 0]))
    assert got.gradient is not None
    assert want.gradient is not None
    agree([got.value[0].v], [want.value[0].v])
    agree([one for one, _ in got.gradient], [want.gradient[0][0], 0, want.gradient[1][0], 0])


@pytest.mark.parametrize(
    "name",
    [name for name in textbook.LOSSES if name not in {"lovasz_hinge_loss", "weighted_cross_entropy", *SPATIAL}],
)
def test_ignored_labels_are_left_out_of_everything(name: str) -> None:
    pred = np.array([[0.75, NAN, 0.25], [0.25, NAN, 0.75]])
    got = textbook.loss(name, pred, np.array([0, 255, 0]), class_axis=0, ignore_index=255)
    want = textbook.loss(name, pred[:, [0, 2]], np.array([0, 0]), class_axis=0)
    agree([got.value[0].v], [want.value[0].v])


@pytest.mark.parametrize("name", [name for name in textbook.LOSSES if name != "generalized_dice_loss"])
def test_a_region_of_no_weight_is_a_zero_in_the_mean(name: str) -> None:
    p, y = np.array([[0.75, 0.5], [0.5, 0.25]]), np.array([[1, 0], [0, 1]])
    w = np.array([[1.0, 1.0], [0.0, 0.0]])
    got = textbook.loss(name, p, y, axis=1, weight=w, reduction="none")
    agree([got.value[1].v], [0])
    assert got.gradient is not None
    agree([one for one, _ in got.gradient[2:]], [0, 0])
    agree(values(name, p, y, axis=1, weight=w), [got.value[0].v / 2])


def test_no_present_class_gives_zero() -> None:
    keywords: dict[str, Any] = {"class_axis": 0, "ignore_index": 0}
    agree(values("lovasz_softmax_loss", [[0.5], [0.5]], [0], **keywords), [0])
    # Two regions, of which the second is left out: the mean is that of the first's one present class.
    pred = [[[0.75], [0.5]], [[0.25], [0.5]]]
    got = values("lovasz_softmax_loss", pred, [[1], [0]], class_axis=0, axis=2, ignore_index=0)
    agree(got, [frac(3, 4)])


# Values at the edges. -------------------------------------------------------------------------------------------------

EDGES: list[tuple[str, list[float], list[float], dict[str, Any], Any]] = [
    ("binary_cross_entropy", [0.0, 0.5], [0, 1], {}, LN2 / 2),
    ("binary_cross_entropy", [1.0, 0.5], [1, 1], {}, LN2 / 2),
    ("binary_cross_entropy", [0.0, 0.5], [1, 1], {}, INF),
    ("binary_cross_entropy", [1.0, 0.5], [0, 1], {}, INF),
    ("binary_cross_entropy", [0.0], [0.5], {}, INF),
    ("focal_loss", [0.0], [1], {}, INF),
    ("focal_loss", [0.0], [1], {"alpha": 0.0}, 0),
    ("balanced_cross_entropy", [0.0, 0.5], [1, 0], {"beta": 0.0}, LN2 / 2),
    # All foreground: beta = 0 leaves nothing.
    ("balanced_cross_entropy", [0.0, 0.5], [1, 1], {}, 0),
    ("combo_loss", [0.0], [1], {"alpha": 0.0}, frac(-1, 2)),
    ("combo_loss", [0.0], [1], {}, INF),
    ("exponential_logarithmic_loss", [0.0], [1], {"label_weights": (1.0, 0.0), "dice_weight": 0.0}, 0),
    ("exponential_logarithmic_loss", [0.0], [1], {}, INF),
    # Nothing where nothing is.
    ("dice_loss", [0.0, 0.0], [0, 0], {}, 0),
    ("dice_loss", [0.0, 0.0], [0, 0], {"smooth": (0.5, 2.0)}, frac(3, 4)),
    ("tversky_loss", [0.0, 0.0], [0, 0], {"smooth": (0.5, 2.0)}, frac(3, 4)),
    ("jaccard_loss", [0.0, 0.0], [0, 0], {"smooth": (0.5, 2.0)}, frac(3, 4)),
    ("jaccard_loss", [0.0, 0.0], [0, 0], {"smooth": (0.0, 1e-5)}, 1),
    ("focal_tversky_loss", [0.0, 0.0], [0, 0], {"smooth": (0.0, 1.0)}, 1),
    ("dice_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0}, 0),
    ("dice_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0, "squared": True}, 0),
    ("log_cosh_dice_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0}, 0),
    ("tversky_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0}, 0),
    ("focal_tversky_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0}, 0),
    ("jaccard_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0}, 0),
    ("combo_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0, "alpha": 0.25}, frac(-3, 4)),
    ("exponential_logarithmic_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0}, 0),
    # Something where nothing is, and the other way round.
    ("dice_loss", [1.0, 1.0], [0, 0], {"smooth": 1.0}, frac(2, 3)),
    ("dice_loss", [0.0, 0.0], [1, 1], {"smooth": 0.0}, 1),
    ("jaccard_loss", [1.0, 1.0], [0, 0], {"smooth": 1.0}, frac(2, 3)),
    ("tversky_loss", [1.0, 1.0], [0, 0], {"smooth": 1.0}, frac(1, 2)),
    ("tversky_loss", [1.0, 1.0], [0, 0], {"smooth": 0.0, "fp_weight": 0.0}, 0),
    ("exponential_logarithmic_loss", [1.0], [0], {"smooth": 0.0, "cross_weight": 0.0}, INF),
    # A perfect full mask.
    ("dice_loss", [1.0, 1.0], [1, 1], {}, 0),
    ("jaccard_loss", [1.0, 1.0], [1, 1], {}, 0),
    ("focal_tversky_loss", [1.0, 1.0], [1, 1], {}, 0),
    ("exponential_logarithmic_loss", [1.0, 1.0], [1, 1], {}, 0),
    ("sensitivity_specificity_loss", [1.0, 1.0], [1, 1], {}, 0),
    ("lovasz_softmax_loss", [1.0, 0.0], [1, 0], {}, 0),
    ("lovasz_hinge_loss", [1.0, -5.0], [1, 0], {}, 0),
]


@pytest.mark.parametrize(("name", "pred", "target", "keywords", "want"), EDGES)
def test_edges(name: str, pred: list[float], target: list[float], keywords: dict[str, Any], want: Any) -> None:
    agree(values(name, pred, target, **keywords), [want])


@pytest.mark.parametrize(
    "name", ["dice_loss", "log_cosh_dice_loss", "tversky_loss", "focal_tversky_loss", "jaccard_loss"]
)
def test_nothing_over_nothing_has_no_gradient(name: str) -> None:
    agree(slopes(name, [0.0, 0.0], [0, 0], smooth=0.0), [0, 0])


def close(got: Any, want: Any) -> bool:
    return bool(abs(got - want) <= mp.mpf(10) ** -50 * abs(want))


@pytest.mark.parametrize("size", [40.0, 1e4, 1e30])
def test_saturated_logits_keep_their_digits(size: float) -> None:
    z = mp.mpf(size)
    tail = mp.log1p(mp.exp(-z))
    keywords: dict[str, Any] = {"from_logits": True}
    assert close(values("binary_cross_entropy", [size], [1], **keywords)[0], tail)
    assert close(values("binary_cross_entropy", [size], [0], **keywords)[0], z + tail)
    assert close(slopes("binary_cross_entropy", [size], [1], **keywords)[0], -mp.exp(-z) / (1 + mp.exp(-z)))
    # q^2 ln p
    assert close(values("focal_loss", [size], [1], **keywords)[0], tail * (mp.exp(-z) / (1 + mp.exp(-z))) ** 2)
    # 1 - p, the missed share, from logits.
    got = values("sensitivity_specificity_loss", [size], [1], sensitivity_weight=1.0, **keywords)
    assert close(got[0], mp.exp(-z) / (1 + mp.exp(-z)))
    # With two classes as with one logit: q of the true class is the other's p.
    got = values("sensitivity_specificity_loss", [[size], [0.0]], [0], class_axis=0, reduction="none", **keywords)
    assert close(got[0], mp.exp(-z) / (1 + mp.exp(-z)) / 2)


def test_one_class_is_certain() -> None:
    for z in (0.0, -1e4, 1e30):
        keywords: dict[str, Any] = {"class_axis": 0, "from_logits": True}
        agree(values("binary_cross_entropy", [[z]], [0], **keywords), [0])
        agree(slopes("binary_cross_entropy", [[z]], [0], **keywords), [0])
        agree(slopes("dice_loss", [[z]], [0], **keywords), [0])


# Lovász: the vertices, and ties. --------------------------------------------------------------------------------------


def test_lovasz_is_the_jaccard_loss_at_the_vertices() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        p, y = rng.integers(0, 2, 6), rng.integers(0, 2, 6)
        both, either = int((p & y).sum()), int((p | y).sum())
        want = frac(either - both, either) if either else mp.mpf(0)
        agree(values("lovasz_softmax_loss", p, y), [want])
        # A hinge of 2 at every mistake and of 0 elsewhere.
        agree(values("lovasz_hinge_loss", 2 * p - 1, y), [2 * want])


def test_ties_are_reported() -> None:
    def kink(name: str, pred: list[float], target: list[int]) -> bool:
        return textbook.loss(name, np.array(pred), np.array(target)).kink

    assert not kink("lovasz_softmax_loss", D, V)
    assert kink("lovasz_softmax_loss", [0.25, 0.75], [0, 1])
    assert kink("lovasz_softmax_loss", [0.25, 0.25 + 1e-8], [0, 0])
    assert not kink("lovasz_hinge_loss", [2.0, 0.0, 0.5], [1, 1, 0])
    assert kink("lovasz_hinge_loss", [1.0, 0.0], [1, 1])
    assert kink("lovasz_hinge_loss", [0.25, -0.25], [0, 1])
    assert not kink("dice_loss", [0.25, 0.25], [0, 1])


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


# Bounds: float32 stays inside them. -----------------------------------------------------------------------------------

U32 = mp.mpf(2) ** -24


def excess(got: Any, number: Number) -> float:
    """|float32 - exact| over 2 u e."""
    error = abs(mp.mpf(float(got)) - number.v)
    return 0.0 if error == 0 else float(error / (2 * U32 * number.e)) if number.e else INF


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


# Metrics. -------------------------------------------------------------------------------------------------------------

# Ten pixels: tp 3, fp 1, fn 2, tn 4, so P = 4 and T = 5.
MP = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
MT = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0])

METRICS: list[tuple[str, dict[str, Any], Any]] = [
    ("dice_score", {}, frac(2, 3)),  # 6/9
    ("jaccard_index", {}, frac(1, 2)),  # 3/6
    ("sensitivity", {}, frac(3, 5)),
    ("specificity", {}, frac(4, 5)),
    ("precision", {}, frac(3, 4)),
    ("negative_predictive_value", {}, frac(2, 3)),  # 4/6
    ("accuracy", {}, frac(7, 10)),
    ("balanced_accuracy", {}, frac(7, 10)),  # (3/5 + 4/5)/2
    ("f_score", {}, frac(2, 3)),
    ("f_score", {"beta": 2.0}, frac(5, 8)),  # 15/(15 + 8 + 1)
    ("f_score", {"beta": 0.5}, frac(5, 7)),  # 15/4 over 15/4 + 1/2 + 1
    ("f_score", {"beta": 0.0}, frac(3, 4)),
    ("matthews_correlation", {}, 1 / mp.sqrt(6)),  # (12 - 2)/sqrt(4 * 5 * 5 * 6)
    ("cohen_kappa", {}, frac(2, 5)),  # observed 7/10, by chance (4 * 5 + 6 * 5)/100
    ("tversky_index", {}, frac(2, 3)),
    ("tversky_index", {"fp_weight": 0.25, "fn_weight": 0.75}, frac(12, 19)),  # 3/(3 + 1/4 + 3/2)
    ("volumetric_similarity", {}, frac(8, 9)),
    ("volumetric_similarity", {"kind": "signed"}, frac(-2, 9)),
    ("volumetric_similarity", {"kind": "relative"}, frac(-1, 5)),
    ("volumetric_similarity", {"kind": "absolute_relative"}, frac(1, 5)),
]


def scores(name: str, pred: Any, target: Any, **keywords: Any) -> list[Any]:
    return [number.v for number in textbook.metric(name, np.asarray(pred), np.asarray(target), **keywords).value]


@pytest.mark.parametrize(("name", "keywords", "want"), METRICS)
def test_metric(name: str, keywords: dict[str, Any], want: Any) -> None:
    agree(scores(name, MP, MT, **keywords), [want])
    agree(scores(name, MP.astype(bool), MT.astype(float), **keywords), [want])


def test_metrics_cover_every_metric() -> None:
    assert {one[0] for one in METRICS} == set(COUNTING)


# (metric, keywords, prediction, target, value): u stands for undefined.
U = "undefined"
EMPTY, FULL = [0, 0], [1, 1]
METRIC_EDGES: list[tuple[str, dict[str, Any], list[int], list[int], Any]] = [
    *[(name, {}, EMPTY, EMPTY, U) for name in ("dice_score", "jaccard_index", "f_score", "tversky_index")],
    *[(name, {}, EMPTY, EMPTY, U) for name in ("sensitivity", "precision", "balanced_accuracy")],
    *[(name, {}, EMPTY, EMPTY, U) for name in ("matthews_correlation", "cohen_kappa")],
    *[(name, {}, FULL, FULL, U) for name in ("specificity", "negative_predictive_value", "balanced_accuracy")],
    *[(name, {}, FULL, FULL, U) for name in ("matthews_correlation", "cohen_kappa")],
    *[(name, {}, FULL, FULL, 1) for name in ("dice_score", "jaccard_index", "sensitivity", "precision", "accuracy")],
    *[(name, {}, EMPTY, EMPTY, 1) for name in ("specificity", "negative_predictive_value", "accuracy")],
    *[(name, {}, EMPTY, FULL, 0) for name in ("dice_score", "jaccard_index", "sensitivity", "accuracy", "cohen_kappa")],
    ("precision", {}, EMPTY, FULL, U),
    ("matthews_correlation", {}, EMPTY, [1, 0], U),
    ("cohen_kappa", {}, EMPTY, [1, 0], 0),  # observed 1/2, by chance 1/2
    ("matthews_correlation", {}, [0, 1], [1, 0], -1),
    ("cohen_kappa", {}, [0, 1], [1, 0], -1),
    *[("volumetric_similarity", {"kind": kind}, EMPTY, EMPTY, U)
      for kind in ("unsigned", "signed", "relative", "absolute_relative")],
    ("volumetric_similarity", {}, FULL, EMPTY, 0),
    ("volumetric_similarity", {"kind": "signed"}, EMPTY, FULL, -2),
    ("volumetric_similarity", {"kind": "relative"}, FULL, EMPTY, INF),
    ("volumetric_similarity", {"kind": "absolute_relative"}, FULL, EMPTY, INF),
    ("volumetric_similarity", {"kind": "relative"}, EMPTY, FULL, -1),
    ("tversky_index", {"fp_weight": 0.0}, FULL, EMPTY, U),
]  # fmt: skip


@pytest.mark.parametrize(("name", "keywords", "pred", "target", "want"), METRIC_EDGES)
def test_metric_edges(name: str, keywords: dict[str, Any], pred: list[int], target: list[int], want: Any) -> None:
    agree(scores(name, pred, target, **keywords), [NAN if want is U else want])
    agree(scores(name, pred, target, undefined=7.0, **keywords), [7 if want is U else want])


def test_metric_reductions() -> None:
    # Rows: 2/3, undefined, 1.
    p, t = [[1, 1], [0, 0], [1, 0]], [[1, 0], [0, 0], [1, 0]]
    rows = [frac(2, 3), NAN, 1]
    agree(scores("dice_score", p, t, axis=1), rows)
    agree(scores("dice_score", p, t, axis=1, reduction="mean"), [NAN])
    agree(scores("dice_score", p, t, axis=1, reduction="nanmean"), [frac(5, 6)])
    agree(scores("dice_score", p, t, axis=1, reduction="sum", undefined=0.0), [frac(5, 3)])
    agree(scores("dice_score", p, t, axis=1, reduction="mean", undefined=1.0), [frac(8, 9)])
    agree(scores("dice_score", EMPTY, EMPTY, reduction="nanmean"), [NAN])


# Counts (TP, FP, FN, TN) of two pixels: the prediction empty, the target empty, both empty.
ONE_EMPTY = [(EMPTY, [1, 0]), ([1, 0], EMPTY), (EMPTY, EMPTY)]


@pytest.mark.parametrize(
    ("name", "wants"),
    [
        ("dice_score", (3, 4, 5)),
        ("precision", (3, 4, 5)),  # 0/0 where the prediction is empty
        ("sensitivity", (3, 4, 5)),  # 0/0 where the target is
        ("accuracy", (3, 4, 1)),
        ("specificity", (3, 4, 1)),
    ],
)
def test_metrics_of_one_empty_mask(name: str, wants: tuple[int, ...]) -> None:
    for (p, t), want in zip(ONE_EMPTY, wants, strict=True):
        agree(scores(name, p, t, pred_empty=3.0, target_empty=4.0, undefined=5.0), [want])
    agree(scores(name, EMPTY, [1, 0], pred_empty=INF, target_empty=4.0), [INF])
    agree(scores(name, [1, 0], EMPTY, target_empty=NAN, undefined=5.0), [NAN])
    agree(scores("accuracy", [1, 0], EMPTY, pred_empty=3.0), [frac(1, 2)])
    agree(scores("precision", EMPTY, [1, 0], target_empty=4.0), [NAN])


def test_empty_is_what_is_counted() -> None:
    weight = np.array([0.0, 1.0])
    agree(scores("dice_score", [1, 0], [1, 1], weight=weight, pred_empty=3.0), [3])
    agree(scores("dice_score", [1, 0], [9, 1], ignore_index=9, pred_empty=3.0), [3])


def test_metrics_weighted_by_support() -> None:
    # Class 0: TP 2, FN 1. Class 1: TP 1, FP 1. Class 2 is nowhere. Supports 3, 1, 0.
    p, t = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])
    maps: dict[str, Any] = {"class_axis": 0, "num_classes": 3}
    for undefined in (NAN, 0.0, INF):
        agree(scores("dice_score", p, t, reduction="weighted", undefined=undefined, **maps), [frac(23, 30)])
        agree(scores("precision", p, t, reduction="weighted", undefined=undefined, **maps), [frac(7, 8)])
    # A class that is predicted alone has no support either.
    agree(scores("precision", np.array([0, 0, 1, 2]), t, reduction="weighted", **maps), [frac(3, 4)])
    # Supports 6 and 2: class 0 TP 5, FN 1; class 1 TP 2, FP 1.
    weight = np.array([2.0, 3.0, 1.0, 2.0])
    want = (6 * frac(10, 11) + 2 * frac(4, 5)) / 8
    agree(scores("dice_score", p, t, reduction="weighted", weight=weight, **maps), [want])
    # A class with support and without a value: that of no predicted negative.
    full = np.zeros(4, dtype=int)
    agree(scores("specificity", full, full, reduction="weighted", **maps), [NAN])
    # The mean over images, of which one is all left out; classes before the images and after them.
    batch: dict[str, Any] = {"num_classes": 3, "weight": np.array([[1.0], [0.0]]), "reduction": "weighted"}
    pair = np.stack([p, p]), np.stack([t, t])
    for place, axis in ((0, 2), (1, 2), (2, 1)):
        agree(scores("dice_score", *pair, class_axis=place, axis=axis, **batch), [NAN])
        got = scores("dice_score", *pair, class_axis=place, axis=axis, undefined=0.5, **batch)
        agree(got, [(frac(23, 30) + frac(1, 2)) / 2])
    # Without classes a region is one.
    rows = np.array([[1, 1], [1, 0]]), np.array([[1, 0], [0, 0]])
    agree(scores("dice_score", *rows, axis=1, reduction="weighted"), [NAN])
    agree(scores("dice_score", *rows, axis=1, reduction="weighted", undefined=0.0), [frac(1, 3)])


def test_threshold_is_strict() -> None:
    assert textbook.counts(np.array([0.5, 0.75]), np.array([1, 1]))[1] == [(1, 0, 1, 0)]
    assert textbook.counts(np.array([0.5, 0.75]), np.array([1, 1]), threshold=0.75)[1] == [(0, 0, 2, 0)]
    assert textbook.counts(np.array([0.0, 0.75]), np.array([0.5, 0.75]), threshold=0.0)[1] == [(1, 0, 1, 0)]


def test_metric_weights_and_ignored_pixels() -> None:
    # tp 2, fp 3, fn 1/2, tn 1
    w = np.array([2.0, 3.0, 0.5, 1.0])
    assert textbook.counts(np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0]), weight=w)[1] == [(2, 3, 0.5, 1)]
    agree(scores("jaccard_index", [1, 1, 0, 0], [1, 0, 1, 0], weight=w), [frac(4, 11)])
    assert textbook.counts(np.array([1, 1, 0, 0]), np.array([1, 9, 1, 9]), ignore_index=9)[1] == [(1, 0, 1, 0)]


def test_metric_classes() -> None:
    # Class 1 wins pixel 0; pixel 1 is a tie between 0 and 2, which the first takes.
    p = np.array([[0.25, 0.375], [0.5, 0.25], [0.25, 0.375]])
    target = np.array([1, 2])
    # Class 0: predicted at pixel 1, never true. Class 1: right. Class 2: missed.
    want = [(0, 1, 0, 1), (1, 0, 0, 1), (0, 0, 1, 1)]
    assert textbook.counts(p, target, class_axis=0) == ((3,), want)
    hot = (np.arange(3)[:, None] == target).astype(int)
    assert textbook.counts(p, hot, class_axis=0) == ((3,), want)
    assert textbook.counts(np.array([1, 0]), target, class_axis=0, num_classes=3) == ((3,), want)
    assert textbook.counts(np.array([1, 0]), target, class_axis=-1, num_classes=3) == ((3,), want)
    agree(scores("jaccard_index", p, target, class_axis=0), [0, 1, 0])
    # Pixel 1 left out: nothing of classes 0 and 2 remains.
    agree(scores("jaccard_index", p, target, class_axis=0, ignore_index=2), [NAN, 1, NAN])
    agree(scores("jaccard_index", p, target, class_axis=0, ignore_index=2, reduction="nanmean"), [1])
    # The class axis stands where it is said to stand.
    maps = np.array([[0, 1], [1, 1], [2, 0]])
    shape, cells = textbook.counts(maps, maps, class_axis=0, num_classes=3, axis=2)
    assert shape == (3, 3)
    assert [cell[0] for cell in cells] == [1, 0, 1, 1, 2, 0, 0, 0, 1]
    shape, cells = textbook.counts(maps, maps, class_axis=1, num_classes=3, axis=2)
    assert shape == (3, 3)
    assert [cell[0] for cell in cells] == [1, 1, 0, 0, 2, 0, 1, 0, 1]


def test_pairs_of_classes() -> None:
    pred, target = np.array([[0, 1, 2], [2, 2, 1]]), np.array([[0, 1, 1], [2, 0, 9]])
    # Down the columns: (0, 0) and (0, 2), (target, pred); (1, 1) and (0, 2) in the second; (1, 2) and, left out, (9, 1).
    found = textbook.class_counts(pred, target, num_classes=3, axis=0, ignore_index=9)
    assert found[(0,)] == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert found[(1,)] == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert found[(2,)] == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    whole = textbook.class_counts(pred, target, num_classes=3, ignore_index=9, weight=np.array([1, 0.5, 0.25]))
    assert whole == {(): [[1, 0, 0.5], [0, 0.5, 0.25], [0, 0, 1]]}


def test_logits_are_decided_at_0() -> None:
    logits = np.array([[-3.0, 0.0, 2.0], [5.0, -1.0, 1.0]])
    assert textbook.counts(logits, np.array([[0, 0, 1], [1, 1, 0]]), from_logits=True)[1] == [(2, 1, 1, 2)]
    # With classes the larger score wins, whatever its size: class 1, 0, 0.
    assert textbook.counts(logits, np.array([1, 0, 1]), class_axis=0, from_logits=True)[1] == [
        (1, 1, 0, 1),
        (1, 0, 1, 1),
    ]


def test_metric_bounds_hold_in_float32() -> None:
    answer = textbook.metric("matthews_correlation", MP, MT)
    counts = [np.float32(x) for x in (3, 1, 2, 4)]
    tp, fp, fn, tn = counts
    got = (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    assert excess(got, answer.value[0]) <= 1
    answer = textbook.metric("dice_score", MP, MT)
    assert excess(2 * tp / (2 * tp + fp + fn), answer.value[0]) <= 1
    assert excess(2 * tp / (2 * tp + fp + fn) + np.float32(1e-4), answer.value[0]) > 1


# Geometry in two dimensions. ------------------------------------------------------------------------------------------


def test_distances_go_straight_and_in_physical_units() -> None:
    y = [[1, 0], [0, 0]]
    agree(values("boundary_loss", [[0, 0], [0, 1]], y, spacing=(3.0, 4.0)), [frac(5, 4)])
    agree(values("boundary_loss", [[0, 0], [1, 0]], y, spacing=(3.0, 4.0)), [frac(3, 4)])
    agree(values("boundary_loss", [[1, 0], [0, 0]], y, spacing=(3.0, 4.0)), [frac(-3, 4)])
    # Numbers of spacing go with the axes in the order given.
    agree(values("boundary_loss", [[0, 0], [1, 0]], y, spacing=(3.0, 4.0), axis=(1, 0)), [1])


def test_contours_have_face_neighbours_and_the_image_has_an_edge() -> None:
    # A full 3x3 target has its eight outer pixels for a contour; the prediction's single pixel is the middle, 1 away.
    p = np.full((3, 3), 0.25)
    p[1, 1] = 0.75
    cross = (8 * 2 * LN2 + (2 * LN2 - LN3)) / 9
    agree(values("shape_aware_loss", p, np.ones((3, 3))), [2 * cross])
    agree(values("shape_aware_loss", p, np.ones((3, 3)), spacing=(4.0, 2.0)), [3 * cross])
    # A corner missing: the middle touches it by a corner only, and is still no contour pixel.
    y = np.ones((3, 3))
    y[0, 0] = 0
    cross = (7 * 2 * LN2 + 2 * (2 * LN2 - LN3)) / 9
    agree(values("shape_aware_loss", p, y), [2 * cross])


def test_weights_leave_the_geometry_alone() -> None:
    y, w = np.array([1, 1, 0, 0]), np.array([1.0, 0.0, 1.0, 1.0])
    # D = -2, -1, 1, 2 as without weights
    agree(values("boundary_loss", P, y, weight=w), [frac(-1, 6)])
    # the largest distance that counts is 1: phi = 0
    agree(values("distance_map_loss", P, y, weight=np.array([0.0, 1.0, 1.0, 0.0])), [3 * LN2 / 2])
    # An ignored pixel is background: the mask is {0}, D = -1, 1, 2, 3
    agree(values("boundary_loss", P, np.array([1, 255, 0, 0]), ignore_index=255), [frac(1, 3)])


def test_values_at_a_threshold_are_marked() -> None:
    equal = textbook.loss("boundary_loss", np.zeros((2, 3)), np.array([0, 1, 0]), class_axis=0, from_logits=True)
    assert not equal.jump  # the prediction's mask does not enter
    equal = textbook.loss("hausdorff_loss", np.zeros((2, 3)), np.array([0, 1, 0]), class_axis=0, from_logits=True)
    assert equal.jump  # p = 1/2 for either class
    assert not textbook.loss("hausdorff_loss", np.array([0.5, 0.5]), np.array([0, 1])).jump
    even = textbook.loss("hausdorff_loss", np.ones(2), np.zeros(2), method="erosion", rescale="minmax")
    assert even.jump  # e_1 is constant, and rounding decides whether it is stretched
