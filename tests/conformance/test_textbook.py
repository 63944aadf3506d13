"""The textbook against examples worked by hand, without and with classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from segloss_conformance.truth import textbook
from segloss_conformance.truth.numbers import mp
from tests.conformance.worked_examples import LN2, LN3, PARTIAL, D, P, V, Y, agree, frac, slopes, values

# One pixel in four is foreground.
RARE = [1, 0, 0, 0]

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
