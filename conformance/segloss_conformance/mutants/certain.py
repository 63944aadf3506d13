"""Wrong for pixels that are certain, and for classes that the target does not have."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from ..cases.case import Case
from .kit import parameter, refer, score, smooth_of, wrong


def _hot(case: Case) -> Any:
    """The label map as classes along axis 1."""
    return np.moveaxis(np.eye(case.pred.shape[1])[case.target], -1, 1)


# Certain and wrong. ---------------------------------------------------------------------------------------------------


@wrong("binary_cross_entropy", "probabilities of classes clipped at 1e-7", "simplex")
def simplex_clipped(case: Case) -> Any:
    return refer(case, pred=np.clip(case.pred, 1e-7, 1))[0]


@wrong("binary_cross_entropy", "log(p + 1e-10)", "simplex")
def simplex_shifted(case: Case) -> Any:
    return -(_hot(case) * np.log(case.pred + 1e-10)).sum(1).mean()


@wrong("focal_loss", "probabilities clipped at 1e-4", "simplex")
def focal_simplex_clipped(case: Case) -> Any:
    return refer(case, pred=np.clip(case.pred, 1e-4, 1))[0]


@wrong("binary_cross_entropy", "an infinite loss becomes the largest number", "pixels")
def cross_entropy_nan_to_num(case: Case) -> Any:
    return np.nan_to_num(refer(case)[0])


@wrong("binary_cross_entropy", "logarithms end at -100, as in torch's BCELoss", "pixels")
def cross_entropy_floored(case: Case) -> Any:
    with np.errstate(divide="ignore"):
        log_p, log_q = (np.maximum(np.log(one), -100) for one in (case.pred, 1 - case.pred))
    return -(case.target * log_p + (1 - case.target) * log_q).mean()


@wrong("weighted_cross_entropy", "pixels of infinite loss are left out of the mean", "pixels")
def weighted_skips_infinite(case: Case) -> Any:
    with np.errstate(all="ignore"):
        y, beta = case.target, parameter(case, "beta")
        loss = np.where(y > 0, -beta * np.log(case.pred), -np.log1p(-case.pred))
    kept = loss[np.isfinite(loss)]
    return kept.mean() if kept.size else 0.0


@wrong("exponential_logarithmic_loss", "p clipped to [1e-7, 1 - 1e-7]", "pixels")
def exponential_clipped(case: Case) -> Any:
    return refer(case, pred=np.clip(case.pred, 1e-7, 1 - 1e-7))[0]


@wrong("binary_cross_entropy", "logits clipped at 15", "logits")
def cross_entropy_logits_clipped(case: Case) -> Any:
    return refer(case, pred=np.clip(case.pred, -15, 15))[0]


@wrong("binary_cross_entropy", "softmax without its maximum taken off", "class logits")
def softmax_overflows(case: Case) -> Any:
    p = np.exp(case.pred)
    p = p / p.sum(axis=1, keepdims=True)
    return -np.log((p * _hot(case)).sum(1)).mean()


@wrong("focal_loss", "1/(1 + e^-z), then log(1 - p)", "logits")
def focal_of_sigmoid(case: Case) -> Any:
    p, y, gamma = 1 / (1 + np.exp(-case.pred)), case.target, parameter(case, "gamma")
    alpha = parameter(case, "alpha")
    a, b = (1, 1) if alpha is None else (alpha, 1 - alpha)
    hit = np.where(y > 0, a * y * (1 - p) ** gamma * np.log(p), 0)
    return -(hit + np.where(y < 1, b * (1 - y) * p**gamma * np.log(1 - p), 0)).mean()


@wrong("balanced_cross_entropy", "log1p(p) where log(1 - p) was meant", "pixels")
def balanced_log1p(case: Case) -> Any:
    beta = parameter(case, "beta")
    y = case.target
    with np.errstate(all="ignore"):
        loss = np.where(y > 0, -beta * np.log(case.pred), (1 - beta) * np.log1p(case.pred))
    return np.where(np.isnan(loss), 0, loss).mean()


@wrong("combo_loss", "logits clipped at 50", "logits")
def combo_logits_clipped(case: Case) -> Any:
    return refer(case, pred=np.clip(case.pred, -50, 50))[0]


@wrong("dice_loss", "the sigmoid of logits beyond 30 is exactly 0 or 1", "logits")
def dice_saturates(case: Case) -> Any:
    p = expit(case.pred)
    return refer(case, pred=np.where(case.pred > 30, 1.0, np.where(case.pred < -30, 0.0, p)), from_logits=None)[0]


@wrong("distance_map_loss", "p clipped at 1e-6", "pixels")
def distance_map_clipped(case: Case) -> Any:
    return refer(case, pred=np.clip(case.pred, 1e-6, 1 - 1e-6))[0]


# Absent classes. ------------------------------------------------------------------------------------------------------


def _generalized(case: Case, weigh: Any) -> Any:
    y = _hot(case)
    size = y.sum((0, 2, 3))
    power = {"square": 2, "simple": 1, "uniform": 0}[parameter(case, "weight_type")]
    w = weigh(size, power)
    above, below = smooth_of(parameter(case, "smooth"))
    hits, sizes = (case.pred * y).sum((0, 2, 3)), case.pred.sum((0, 2, 3)) + size
    return 1 - (2 * (w * hits).sum() + above) / ((w * sizes).sum() + below)


def _largest_is_1(size: Any, power: int) -> Any:
    least = size[size > 0].min()
    return np.where(size > 0, least / np.where(size > 0, size, 1), 1.0) ** power


@wrong("generalized_dice_loss", "w = 1/(Y + 1e-10)^2: an absent class drowns all others", "classes")
def generalized_dice_drowned(case: Case) -> Any:
    def weigh(size: Any, power: int) -> Any:
        w = 1 / (size + 1e-10) ** power
        return w / w[size > 0].max()

    return _generalized(case, weigh)


@wrong("generalized_dice_loss", "an absent class weighs as the heaviest but one present", "classes")
def generalized_dice_absent_second(case: Case) -> Any:
    def weigh(size: Any, power: int) -> Any:
        w = _largest_is_1(size, power)
        return np.where(size > 0, w, np.sort(w[size > 0])[-2:][0])

    return _generalized(case, weigh)


@wrong("generalized_dice_loss", "weights are not divided by the largest, so that smooth counts more", "classes")
def generalized_dice_unscaled(case: Case) -> Any:
    return _generalized(case, lambda size, power: 1 / np.maximum(size, 1.0) ** power)


def _class_values(case: Case) -> tuple[Any, Any]:
    """(the loss of each class, whether the target has it)."""
    return refer(case, reduction="none")[0], _hot(case).any((0, 2, 3))


@wrong("dice_loss", "absent classes are left out of the mean", "classes")
def dice_skips_absent(case: Case) -> Any:
    values, there = _class_values(case)
    return values[there].mean()


@wrong("jaccard_loss", "an absent class counts as 0", "classes")
def jaccard_absent_is_0(case: Case) -> Any:
    values, there = _class_values(case)
    return (values * there).mean()


@wrong("tversky_loss", "an absent class counts as 1", "classes")
def tversky_absent_is_1(case: Case) -> Any:
    values, there = _class_values(case)
    return np.where(there, values, 1.0).mean()


@wrong("focal_tversky_loss", "the classes are those up to the target's largest label", "classes")
def focal_tversky_to_largest_label(case: Case) -> Any:
    return _class_values(case)[0][: case.target.max() + 1].mean()


@wrong("log_cosh_dice_loss", "a class that is predicted and absent is left out", "classes")
def log_cosh_skips_false_classes(case: Case) -> Any:
    values, there = _class_values(case)
    return values[there | (case.pred.max((0, 2, 3)) < 0.5)].mean()


@wrong("sensitivity_specificity_loss", "a side that the target does not have adds its whole weight", "pixels")
def sensitivity_of_absent_is_1(case: Case) -> Any:
    w = parameter(case, "sensitivity_weight")
    value = refer(case)[0]
    return value + (0 if case.target.any() else w) + (0 if (case.target < 1).any() else 1 - w)


@wrong("lovasz_softmax_loss", "absent classes enter the mean as 0", "classes")
def lovasz_absent_as_0(case: Case) -> Any:
    if parameter(case, "classes") == "all":
        return refer(case)[0]
    return refer(case)[0] * _hot(case).any((0, 2, 3)).mean()


@wrong("dice_score", "the number of classes is guessed from the largest label", "labels")
def dice_score_guesses_classes(case: Case) -> Any:
    guessed = int(max(case.pred.max(), case.target.max())) + 1
    return score(case, num_classes=max(guessed, 1))


@wrong("jaccard_index", "the mean runs over the labels of the target", "labels")
def jaccard_of_target_labels(case: Case) -> Any:
    values = score(case, reduction="none")
    return values[np.unique(case.target)].mean()


@wrong("precision", "a class that is never predicted counts as 0", "labels")
def precision_of_unpredicted(case: Case) -> Any:
    return score(case, undefined=0.0)


@wrong("accuracy", "classes that neither mask has are left out", "labels")
def accuracy_of_occurring(case: Case) -> Any:
    values = score(case, reduction="none")
    return values[np.union1d(case.target, case.pred)].mean()
