"""Values that can be worked out on paper, so that nobody needs to believe the textbook before they believe a failure.

Each is one region of a binary question with all parameters as given; `why` is the derivation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import cosh, log, sqrt
from typing import Any

__all__ = ["CLOSED_FORMS", "ClosedForm"]


@dataclass(frozen=True)
class ClosedForm:
    """pred (probabilities, logits for the hinge, or a mask), target, own parameters, the value, and how it comes about."""

    spec: str
    pred: Sequence[float]
    target: Sequence[int]
    value: float
    why: str
    parameters: dict[str, Any] = field(default_factory=dict)


_HALF, _MIXED = (0.5, 0.5, 0.5, 0.5), (1, 0, 0, 0)
_SOFT, _HARD = (0.75, 0.5, 0.25, 0.0), (1, 1, 0, 0)
_PLAIN = {"smooth": 1.0, "squared": False}
# One hit, one false alarm, two misses, one true negative.
_GUESS, _TRUTH = (1, 1, 0, 0, 0), (1, 0, 1, 1, 0)

CLOSED_FORMS = [
    ClosedForm("binary_cross_entropy", _HALF, _MIXED, log(2), "every pixel costs -log(1/2)"),
    ClosedForm("binary_cross_entropy", (0.75, 0.25), (1, 0), -log(0.75), "both pixels cost -log(3/4)"),
    ClosedForm("weighted_cross_entropy", _HALF, _MIXED, 1.5 * log(2), "(3 + 1 + 1 + 1)/4 log 2", {"beta": 3.0}),
    ClosedForm("balanced_cross_entropy", _HALF, _MIXED, 0.375 * log(2), "(3/4 + 3 (1/4))/4 log 2"),
    ClosedForm("focal_loss", _HALF, _MIXED, log(2) / 4, "(1/2)^2 log 2", {"alpha": None, "gamma": 2.0}),
    ClosedForm("focal_loss", (0.75,), (1,), -log(0.75) / 64, "1/4 (1/4)^2 (-log 3/4)", {"alpha": 0.25, "gamma": 2.0}),
    ClosedForm("focal_loss", (0.75,), (0,), 27 / 64 * log(4), "(1 - 1/4)(3/4)^2 log 4", {"alpha": 0.25, "gamma": 2.0}),
    ClosedForm("dice_loss", _SOFT, _HARD, 1 - 3.5 / 4.5, "1 - (2 (5/4) + 1)/(3/2 + 2 + 1)", _PLAIN),
    ClosedForm("dice_loss", _SOFT, _HARD, 1 - 3.5 / 3.875, "1 - 7/2 / (7/8 + 2 + 1)", {"smooth": 1.0, "squared": True}),
    ClosedForm("log_cosh_dice_loss", _SOFT, _HARD, log(cosh(1 - 3.5 / 4.5)), "log cosh (2/9)", _PLAIN),
    ClosedForm("jaccard_loss", _SOFT, _HARD, 1 - 2.25 / 3.25, "1 - (5/4 + 1)/(3/2 + 2 - 5/4 + 1)", _PLAIN),
    ClosedForm("tversky_loss", _SOFT, _HARD, 1 - 2.25 / (2.25 + 0.25 * 0.25 + 0.75 * 0.75), "TP 5/4, FP 1/4, FN 3/4",
               {"fp_weight": 0.25, "fn_weight": 0.75, "smooth": 1.0}),
    ClosedForm("focal_tversky_loss", _SOFT, _HARD, sqrt(1 - 2.25 / (2.25 + 0.0625 + 0.5625)), "the root of that",
               {"fp_weight": 0.25, "fn_weight": 0.75, "gamma": 0.5, "smooth": 1.0}),
    ClosedForm("sensitivity_specificity_loss", _SOFT, _HARD, 0.75 * 0.375 + 0.25 * 0.125, "3/4 of 3/8 and 1/4 of 1/8",
               {"sensitivity_weight": 0.75, "power": 1}),
    ClosedForm("combo_loss", (0.5, 0.5), (1, 0), 0.25 * log(2) - 0.5 * 2 / 3, "1/2 (1/2 log 2) - 1/2 (1 + 1)/(1 + 1 + 1)",
               {"alpha": 0.5, "beta": None, "smooth": 1.0}),
    ClosedForm("lovasz_softmax_loss", (0.75, 0.25), (1, 0), 0.25, "equal errors e give e J(all) = 1/4"),
    ClosedForm("lovasz_hinge_loss", (0.5, -0.5), (1, 0), 0.5, "equal hinge errors 1/2 give 1/2"),
    ClosedForm("dice_score", _GUESS, _TRUTH, 0.4, "2 (1)/(2 + 3)"),
    ClosedForm("jaccard_index", _GUESS, _TRUTH, 0.25, "1/4"),
    ClosedForm("sensitivity", _GUESS, _TRUTH, 1 / 3, "1 of 3 found"),
    ClosedForm("specificity", _GUESS, _TRUTH, 0.5, "1 of 2 left alone"),
    ClosedForm("precision", _GUESS, _TRUTH, 0.5, "1 of 2 right"),
    ClosedForm("negative_predictive_value", _GUESS, _TRUTH, 1 / 3, "1 of 3 right"),
    ClosedForm("accuracy", _GUESS, _TRUTH, 0.4, "2 of 5 right"),
    ClosedForm("balanced_accuracy", _GUESS, _TRUTH, 5 / 12, "(1/3 + 1/2)/2"),
    ClosedForm("f_score", _GUESS, _TRUTH, 5 / (5 + 8 + 1), "5 TP/(5 TP + 4 FN + FP)", {"beta": 2.0}),
    ClosedForm("matthews_correlation", _GUESS, _TRUTH, -1 / 6, "(1 - 2)/sqrt(2 3 2 3)"),
    ClosedForm("cohen_kappa", _GUESS, _TRUTH, -2 / 13, "(2/5 - 12/25)/(1 - 12/25)"),
    ClosedForm("tversky_index", _GUESS, _TRUTH, 1 / 2.75, "1/(1 + 1/4 + 2 (3/4))", {"fp_weight": 0.25, "fn_weight": 0.75}),
    ClosedForm("volumetric_similarity", _GUESS, _TRUTH, 0.8, "1 - 1/5", {"kind": "unsigned"}),
    ClosedForm("exponential_logarithmic_loss", (0.5, 0.5), (1, 0), log(1.5) + sqrt(2) * log(2),
               "DC 2/3; both labels weigh sqrt 2, so the mean is sqrt 2 log 2",
               {"dice_weight": 1.0, "cross_weight": 1.0, "dice_gamma": 1.0, "cross_gamma": 1.0, "smooth": 1.0}),
]  # fmt: skip
