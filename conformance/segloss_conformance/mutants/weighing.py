"""Wrong gradients, pixel weights, class weights, ignored labels and reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from ..cases.bits import rounded
from ..cases.case import Case
from .kit import Answer, mutant, parameter, refer, score, smooth_of, wrong

# Gradients. -----------------------------------------------------------------------------------------------------------


@wrong("dice_loss", "half the gradient", "pixels", slopes=True)
def dice_half_gradient(case: Case) -> Answer:
    value, gradient = refer(case)
    return value, gradient / 2


@wrong("jaccard_loss", "straight through: the gradient of a hard mask is used", "pixels", slopes=True)
def jaccard_straight_through(case: Case) -> Answer:
    return refer(case)[0], refer(case, pred=(case.pred > 0.5).astype(float))[1]


@wrong("tversky_loss", "the denominator is detached", "pixels", slopes=True)
def tversky_detached(case: Case) -> Answer:
    p, y = case.pred, case.target
    tp, a, b = (p * y).sum(), parameter(case, "fp_weight"), parameter(case, "fn_weight")
    below = tp + a * (p * (1 - y)).sum() + b * ((1 - p) * y).sum() + smooth_of(parameter(case, "smooth"))[1]
    return refer(case)[0], -y / (below if below else 1.0)


@wrong("binary_cross_entropy", "pixels that a clip at 1e-3 holds have no gradient", "pixels", slopes=True)
def cross_entropy_gradient_clipped(case: Case) -> Answer:
    value, gradient = refer(case)
    return value, np.where((case.pred > 1e-3) & (case.pred < 1 - 1e-3), gradient, 0.0)


@wrong("combo_loss", "the Dice part is a constant, by .item()", "pixels", slopes=True)
def combo_item(case: Case) -> Answer:
    alpha = parameter(case, "alpha")
    return refer(case)[0], alpha * refer(case, alpha=1.0)[1]


@wrong("focal_loss", "the gradient by the probability is returned for logits", "logits", slopes=True)
def focal_gradient_by_probability(case: Case) -> Answer:
    p = np.clip(expit(case.pred), 1e-9, 1 - 1e-9)
    return refer(case)[0], refer(case, pred=p, from_logits=None)[1]


@wrong("log_cosh_dice_loss", "gradients are clipped to a norm of 1/10", "pixels", slopes=True)
def log_cosh_clipped_gradient(case: Case) -> Answer:
    value, gradient = refer(case)
    return value, gradient * min(1.0, 0.1 / max(float(np.linalg.norm(gradient)), 1e-30))


@wrong("boundary_loss", "pixels of the target have no gradient", "pixels", slopes=True)
def boundary_gradient_outside_alone(case: Case) -> Answer:
    value, gradient = refer(case)
    return value, gradient * (1 - case.target)


@wrong("binary_cross_entropy", "pixels that are right already have no gradient", "logits", slopes=True)
def cross_entropy_gradient_of_mistakes(case: Case) -> Answer:
    value, gradient = refer(case)
    return value, gradient * ((case.pred > 0) != (case.target > 0.5))


@wrong("sensitivity_specificity_loss", "gradients below 1e-3 are 0", "pixels", slopes=True)
def sensitivity_small_gradients(case: Case) -> Answer:
    value, gradient = refer(case)
    return value, np.where(np.abs(gradient) < 1e-3, 0, gradient)


def _at(case: Case, cotangent: Any, dtype: str = "float64") -> Answer:
    value, gradient = refer(case, cotangent=cotangent)
    return value, rounded(gradient, dtype)


@mutant("sensitivity_specificity_loss", "only the cotangent's sign is used", scaled=True)
def sensitivity_sign_of_cotangent(case: Case) -> Answer:
    return _at(case, np.sign(case.cotangent))


@mutant("weighted_cross_entropy", "negative cotangents are 0", scaled=True)
def weighted_negative_cotangents(case: Case) -> Answer:
    return _at(case, np.maximum(case.cotangent, 0))


@mutant("balanced_cross_entropy", "float16: rounded to float16 before a loss scale in float32", "float16", True)
def balanced_rounded_before_scaled(case: Case) -> Answer:
    value, gradient = refer(case)
    return _at(case, case.cotangent, "float16") if case.answer.shape else (
        value, rounded(rounded(gradient, "float16") * case.cotangent, "float16"))  # fmt: skip


@mutant("combo_loss", "bfloat16: the gradient is rounded twice, by float16", "bfloat16", True)
def combo_by_way_of_half(case: Case) -> Answer:
    value, gradient = _at(case, case.cotangent, "float16")
    return value, rounded(gradient, "bfloat16")


@mutant("jaccard_loss", "cotangents above 2^16 are cut, as by a cap of the loss scale", scaled=True)
def jaccard_capped_cotangent(case: Case) -> Answer:
    return _at(case, np.clip(case.cotangent, -(2.0**16), 2.0**16))


@mutant("lovasz_softmax_loss", "float16: 1/N is applied in float16, after the cotangent", "float16", True)
def lovasz_scaled_first(case: Case) -> Answer:
    value, gradient = _at(case, case.cotangent * case.pred.size, "float16")
    return value, rounded(gradient / case.pred.size, "float16")


# Weights and ignored labels. ------------------------------------------------------------------------------------------


@wrong("binary_cross_entropy", "the mean counts ignored pixels", "class logits", "ignore_index")
def mean_of_ignored(case: Case) -> Any:
    return refer(case)[0] * (case.target != case.keywords["ignore_index"]).mean()


@wrong("focal_loss", "ignored labels are compared after a cast to int8", "classes", "ignore_index")
def focal_ignored_in_int8(case: Case) -> Any:
    kept = np.where(case.target == case.keywords["ignore_index"], 255, case.target).astype(np.int8)
    target = np.where(kept == 255, 255, np.maximum(kept, 0)).astype(np.int64)
    return refer(case, target=target, ignore_index=255)[0]


@wrong("dice_loss", "ignored pixels are taken from the target, not from P", "classes", "ignore_index")
def dice_ignored_in_p(case: Case) -> Any:
    left = case.target == case.keywords["ignore_index"]
    y = np.moveaxis(np.eye(case.pred.shape[1])[np.where(left, 0, case.target)], -1, 1) * ~left[:, None]
    return refer(case, target=y, ignore_index=None)[0]


@wrong("jaccard_loss", "ignored pixels are class 0", "classes", "ignore_index")
def jaccard_ignored_as_0(case: Case) -> Any:
    target = np.where(case.target == case.keywords["ignore_index"], 0, case.target)
    return refer(case, target=target, ignore_index=None)[0]


@wrong("accuracy", "ignored where the prediction has the label", "labels", "ignore_index")
def accuracy_ignores_predictions(case: Case) -> Any:
    ignored = case.keywords["ignore_index"]
    target = np.where(case.target == ignored, case.pred, case.target)
    return score(Case(case.name, case.pred, target, case.keywords | {"ignore_index": None}, is_loss=False))


@wrong("balanced_cross_entropy", "beta is scaled by the share of pixels that count", "pixels", "ignore_index")
def balanced_scaled_by_share(case: Case) -> Any:
    beta = parameter(case, "beta")
    share = (case.target == case.keywords["ignore_index"]).mean()
    return refer(case, beta=beta if beta is None else beta * (1 - share))[0]


@wrong("tversky_loss", "weights are normalised by their mean", "pixels", "weight")
def tversky_weights_normalised(case: Case) -> Any:
    weight = case.keywords["weight"]
    mean = weight.mean()
    return refer(case, weight=weight / mean if mean else weight)[0]


@wrong("binary_cross_entropy", "weights are squared", "pixels", "weight")
def cross_entropy_weights_squared(case: Case) -> Any:
    return refer(case, weight=case.keywords["weight"] ** 2)[0]


@wrong("focal_loss", "the weighted sum is divided by the number of pixels", "pixels", "weight")
def focal_weighted_by_pixels(case: Case) -> Any:
    return refer(case)[0] * case.keywords["weight"].mean()


@wrong("dice_loss", "weights enter the intersection alone", "pixels", "weight")
def dice_weighs_intersection(case: Case) -> Any:
    above, below = smooth_of(parameter(case, "smooth"))
    power = 2 if parameter(case, "squared") else 1
    hits = (case.keywords["weight"] * case.pred * case.target).sum()
    return 1 - (2 * hits + above) / ((case.pred**power).sum() + (case.target**power).sum() + below)


@wrong("sensitivity", "weights are cut to integers", "masks", "weight")
def sensitivity_whole_weights(case: Case) -> Any:
    return score(case, weight=np.floor(case.keywords["weight"]))


@wrong("binary_cross_entropy", "the weight of the predicted class", "classes", "class_weight")
def cross_entropy_weighs_predicted(case: Case) -> Any:
    weight = np.asarray(case.keywords["class_weight"])[case.pred.argmax(1)]
    return refer(case, class_weight=None, reduction="none", axis=())[0].__mul__(weight).mean()


@wrong("focal_loss", "divided by the summed weights of the true classes", "classes", "class_weight")
def focal_class_weights_normalised(case: Case) -> Any:
    mean = np.asarray(case.keywords["class_weight"])[case.target].mean()
    return refer(case)[0] / mean if mean else 0.0


@wrong("tversky_loss", "class weights are divided by their sum", "classes", "class_weight")
def tversky_class_weights_normalised(case: Case) -> Any:
    whole = np.sum(case.keywords["class_weight"])
    return refer(case)[0] / whole if whole else 0.0


@wrong("jaccard_loss", "class weights are squared", "classes", "class_weight")
def jaccard_class_weights_squared(case: Case) -> Any:
    return refer(case, class_weight=tuple(np.asarray(case.keywords["class_weight"]) ** 2))[0]


# Reductions. ----------------------------------------------------------------------------------------------------------


@wrong("dice_loss", "all images are one region", "images")
def dice_of_batch(case: Case) -> Any:
    return refer(case, axis=None)[0]


@wrong("tversky_loss", "the mean over classes is divided by their number again", "classes")
def tversky_divided_twice(case: Case) -> Any:
    return refer(case)[0] / case.pred.shape[1]


@wrong("jaccard_loss", "the median of images and classes", "class images")
def jaccard_median(case: Case) -> Any:
    return np.median(refer(case, reduction="none")[0])


@wrong("focal_tversky_loss", "the power of the mean over images", "images")
def focal_tversky_power_last(case: Case) -> Any:
    gamma = parameter(case, "gamma")
    own = {name: parameter(case, name) for name in ("fp_weight", "fn_weight", "smooth")}
    return refer(case, "tversky_loss", gamma=None, **own)[0] ** gamma


@wrong("f_score", "one table for all images", "mask images")
def f_score_pooled(case: Case) -> Any:
    return score(case, axis=None)


@wrong("jaccard_index", "images are weighted by their foreground", "mask images")
def jaccard_by_size(case: Case) -> Any:
    values, sizes = score(case, reduction="none"), (case.target > 0.5).sum((1, 2))
    return np.average(values, weights=sizes) if sizes.any() else np.nan


@wrong("dice_score", "values of images come back sorted", "mask scores")
def dice_score_sorted(case: Case) -> Any:
    return np.sort(score(case))


@wrong("precision", "the mean leaves out images of value 0", "mask images")
def precision_of_nonzero(case: Case) -> Any:
    values = score(case, reduction="none")
    return values[values > 0].mean() if (values > 0).any() else values.mean()


@wrong("dice_score", "2 PR/(P + R) of mean precision and mean sensitivity", "labels")
def dice_score_of_means(case: Case) -> Any:
    p, r = score(case, "precision"), score(case, "sensitivity")
    return 2 * p * r / (p + r)
