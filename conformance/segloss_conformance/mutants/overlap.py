"""Wrong overlap losses."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from segloss_ref.kit import Regions, Term, overlap

from ..cases.case import Case
from .kit import Answer, mutant, parameter, refer, smooth_of, with_formula


@mutant("tversky_loss", "false-positive and false-negative weights swapped, as Keras released it")
def tversky_swapped(case: Case) -> Answer:
    return refer(case, fp_weight=parameter(case, "fn_weight"), fn_weight=parameter(case, "fp_weight"))


@mutant("tversky_loss", "weights multiply P and T, not FP and FN")
def tversky_of_sizes(case: Case) -> Answer:
    a, b = parameter(case, "fp_weight"), parameter(case, "fn_weight")
    return with_formula(case, lambda r, **own: overlap(r, 1, a, b, own["smooth"]).loss if a + b == 0 else overlap(
        r, 1 / (a + b), a / (a + b), b / (a + b), own["smooth"]).loss)  # fmt: skip


@mutant("focal_tversky_loss", "false-positive and false-negative weights swapped")
def focal_tversky_swapped(case: Case) -> Answer:
    return refer(case, fp_weight=parameter(case, "fn_weight"), fn_weight=parameter(case, "fp_weight"))


@mutant("focal_tversky_loss", "exponent 1/gamma, as the paper writes it, where gamma was promised")
def focal_tversky_inverse(case: Case) -> Answer:
    return refer(case, gamma=1 / parameter(case, "gamma"))


@mutant("focal_tversky_loss", "the power is taken after the mean over classes and images")
def focal_tversky_power_after_mean(case: Case) -> Any:
    names = ("fp_weight", "fn_weight", "smooth")
    own = {name: parameter(case, name) for name in names}
    value, _ = refer(case, "tversky_loss", gamma=None, **own)
    return value ** parameter(case, "gamma")


@mutant("dice_loss", "smooth in the denominator alone")
def dice_smooth_below(case: Case) -> Answer:
    return refer(case, smooth=(0.0, smooth_of(parameter(case, "smooth"))[1]))


@mutant("dice_loss", "smooth doubled with the intersection: 2 (I + s)")
def dice_smooth_doubled(case: Case) -> Answer:
    above, below = smooth_of(parameter(case, "smooth"))
    return refer(case, smooth=(min(2 * above, below + above), below + above))


@mutant("dice_loss", "the factor 2 is missing")
def dice_without_2(case: Case) -> Answer:
    def formula(r: Regions, smooth: Any, squared: bool) -> Term:
        return overlap(r, 0.5, 0.5, 0.5, smooth).loss if squared else overlap(r, 1, 1, 1, smooth).loss

    return with_formula(case, formula)


@mutant("dice_loss", "squares where plain sums were promised")
def dice_squared(case: Case) -> Answer:
    return refer(case, squared=not parameter(case, "squared"))


@mutant("dice_loss", "the score, not one less it")
def dice_score_returned(case: Case) -> Answer:
    value, gradient = refer(case)
    return 1 - value, -gradient


@mutant("dice_loss", "summed over images and classes, not averaged")
def dice_summed(case: Case) -> Answer:
    return refer(
        case, reduction="sum" if case.keywords.get("reduction", "mean") == "mean" else case.keywords["reduction"]
    )


@mutant("dice_loss", "pooled over the batch")
def dice_pooled(case: Case) -> Answer:
    return refer(case, axis=None)


@mutant("dice_loss", "thresholded inside: the gradient is that of a hard mask")
def dice_thresholded(case: Case) -> Answer:
    hard = case.pred > (0 if case.keywords.get("from_logits") else 0.5)
    return refer(case, pred=hard.astype(float), from_logits=None)


@mutant("dice_loss", "sigmoid of what is a probability already")
def dice_sigmoid_twice(case: Case) -> Answer:
    return refer(case, pred=expit(case.pred), from_logits=None)


@mutant("dice_loss", "the background class is dropped without a word")
def dice_without_background(case: Case) -> Answer:
    axis = case.keywords.get("class_axis")
    if axis is None:
        return refer(case)
    factors = np.array(case.keywords.get("class_weight", np.ones(case.pred.shape[axis])), dtype=float)
    factors[0] = 0
    return refer(case, class_weight=factors)


@mutant("dice_loss", "means in place of sums, with the same smooth")
def dice_of_means(case: Case) -> Answer:
    def formula(r: Regions, smooth: Any, squared: bool) -> Term:
        above, below = smooth_of(smooth)
        return overlap(r, 2, 1, 1, (above * r.pixels, below * r.pixels)).loss

    return with_formula(case, formula)


@mutant("dice_loss", "pixel weights are not used")
def dice_unweighted(case: Case) -> Answer:
    return refer(case, weight=None)


@mutant("dice_loss", "log cosh left out")
def dice_is_not_log_cosh(case: Case) -> Answer:
    value, gradient = refer(case, "log_cosh_dice_loss")
    return value, gradient


@mutant("log_cosh_dice_loss", "the derivative with a plus sign, as the survey prints that of cosh")
def log_cosh_derivative(case: Case) -> Answer:
    def formula(r: Regions, smooth: Any, squared: bool) -> Term:
        dice = overlap(r, 2, 1, 1, smooth).loss
        return dice.through(np.log(np.cosh(dice.value)), np.ones_like(dice.value))

    return with_formula(case, formula)


@mutant("jaccard_loss", "the union counts the intersection twice")
def jaccard_union(case: Case) -> Answer:
    return with_formula(case, lambda r, smooth, squared: overlap(r, 1, 0.5, 0.5, smooth).loss)


@mutant("jaccard_loss", "-log of the index")
def jaccard_log(case: Case) -> Any:
    value, _ = refer(case)
    return -np.log1p(-value)


@mutant("generalized_dice_loss", "weights 1/Y where 1/Y^2 was promised")
def generalized_dice_linear(case: Case) -> Answer:
    kind = {"square": "simple", "simple": "square", "uniform": "uniform"}
    return refer(case, weight_type=kind[parameter(case, "weight_type")])


@mutant("generalized_dice_loss", "a class absent from the target weighs nothing")
def generalized_dice_absent(case: Case) -> Answer:
    def formula(r: Regions, weight_type: str, smooth: Any) -> Term:
        size = r.sum(r.y)
        least = np.where(size > 0, size, np.inf).min(axis=r.class_axis, keepdims=True)
        power = {"square": 2, "simple": 1, "uniform": 0}[weight_type]
        w = np.where(size > 0, (least / np.where(size > 0, size, 1)) ** power, 0.0)
        return overlap(r, 2 * w, w, w, smooth, pool=True).loss

    return with_formula(case, formula)


@mutant("generalized_dice_loss", "the weights cancel: divided before summing over classes")
def generalized_dice_cancelled(case: Case) -> Answer:
    return with_formula(case, lambda r, weight_type, smooth: r.class_mean(overlap(r, 2, 1, 1, smooth).loss))


@mutant("sensitivity_specificity_loss", "sensitivity and specificity change weights")
def sensitivity_swapped(case: Case) -> Answer:
    return refer(case, sensitivity_weight=1 - parameter(case, "sensitivity_weight"))


@mutant("sensitivity_specificity_loss", "the weighted sum itself, as the survey prints it")
def sensitivity_not_complemented(case: Case) -> Answer:
    value, gradient = refer(case)
    return 1 - value, -gradient
