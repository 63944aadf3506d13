"""Conventions of distances that are not the one asked for, and bugs of published code in our own words."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cases.case import Case
from .directed import combined
from .kit import parameter, refer, score, smooth_of, wrong

# Distances. -----------------------------------------------------------------------------------------------------------


def _truncated(d: Any, percentile: float) -> Any:
    return np.sort(d)[min(int(percentile / 100 * d.size), d.size - 1)]


@wrong("hausdorff_distance", "the percentile is the element at int(q n)", "masks")
def hausdorff_truncated_index(case: Case) -> Any:
    return combined(case, percentile=_truncated)


@wrong("hausdorff_distance", "the percentile lies midway between two ranks", "masks")
def hausdorff_midpoint(case: Case) -> Any:
    return combined(case, percentile=lambda d, q: np.percentile(d, q, method="midpoint"))


@wrong("hausdorff_distance", "the percentile is the next rank above", "masks")
def hausdorff_higher_rank(case: Case) -> Any:
    return combined(case, percentile=lambda d, q: np.percentile(d, q, method="higher"))


@wrong("hausdorff_distance", "the percentile of distances above 0", "masks")
def hausdorff_of_nonzero(case: Case) -> Any:
    return combined(case, percentile=lambda d, q: np.percentile(d[d > 0], q) if (d > 0).any() else 0.0)


@wrong("hausdorff_distance", "the percentile counts from 0 to n, not to n - 1", "masks")
def hausdorff_percentile_of_n(case: Case) -> Any:
    return combined(case, percentile=lambda d, q: np.percentile(d, q, method="interpolated_inverted_cdf"))


@wrong("average_surface_distance", "distances of 0 are left out", "masks")
def average_of_nonzero(case: Case) -> Any:
    return combined(case, mean=lambda d: d[d > 0].mean() if (d > 0).any() else 0.0)


@wrong("average_surface_distance", "two sets are pooled by the mean of their means", "masks")
def average_pools_means(case: Case) -> Any:
    return combined(case, pooled=lambda a, b: (a.mean() + b.mean()) / 2)


@wrong("average_surface_distance", "the median", "masks")
def average_is_median(case: Case) -> Any:
    return combined(case, mean=np.median)


@wrong("surface_dice", "two sets are pooled by the mean of their shares", "masks")
def surface_dice_pools_shares(case: Case) -> Any:
    t = case.keywords["tolerance"]
    return combined(case, pooled=lambda a, b: ((a <= t).mean() + (b <= t).mean()) / 2)


@wrong("hausdorff_distance", "steps are squared spacings", "masks")
def hausdorff_squared_spacing(case: Case) -> Any:
    return score(case, spacing=tuple(float(x) ** 2 for x in case.keywords["spacing"]))


@wrong("hausdorff_distance", "the smallest step for all axes", "masks")
def hausdorff_smallest_step(case: Case) -> Any:
    spacing = case.keywords["spacing"]
    return score(case, spacing=(min(spacing),) * len(spacing))


@wrong("boundary_loss", "the spacing is not used where it differs along the axes", "pixels")
def boundary_isotropic_alone(case: Case) -> Any:
    spacing = case.keywords["spacing"]
    return refer(case, spacing=spacing if len(set(spacing)) == 1 else None)[0]


@wrong("surface_dice", "the first two steps change places", "masks")
def surface_dice_steps_swapped(case: Case) -> Any:
    s = case.keywords["spacing"]
    return score(case, spacing=(s[1], s[0], *s[2:]) if len(s) > 1 else s)


@wrong("hausdorff_distance", "one empty mask gives the image's diagonal", "masks")
def hausdorff_empty_is_diagonal(case: Case) -> Any:
    value = score(case)
    return float(np.linalg.norm(case.pred.shape)) if np.isinf(value) else value


# Published. -----------------------------------------------------------------------------------------------------------


def _cross(case: Case) -> Any:
    """Each pixel's cross-entropy."""
    with np.errstate(all="ignore"):
        return np.where(case.target > 0, -np.log(case.pred), -np.log1p(-case.pred))


@wrong("focal_loss", "the factor of the mean cross-entropy, alpha on both sides", "pixels")
def focal_of_mean(case: Case) -> Any:
    mean, alpha = _cross(case).mean(), parameter(case, "alpha")
    return (1 if alpha is None else alpha) * (1 - np.exp(-mean)) ** parameter(case, "gamma") * mean


@wrong("focal_loss", "an epsilon inside the logarithm", "pixels")
def focal_epsilon(case: Case) -> Any:
    p = np.where(case.target > 0, case.pred, 1 - case.pred)
    alpha, y = parameter(case, "alpha"), case.target
    factor = 1 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    return (-factor * (1 - p) ** parameter(case, "gamma") * np.log(p + 1e-5)).mean()


@wrong("focal_loss", "summed along the first axis, averaged along the rest", "images")
def focal_sum_of_axis(case: Case) -> Any:
    return refer(case)[0] * case.pred.shape[0]


@wrong("combo_loss", "errors of the background are rewarded", "pixels")
def combo_rewards(case: Case) -> Any:
    alpha, beta = parameter(case, "alpha"), parameter(case, "beta")
    beta = 0.5 if beta is None else beta
    dice = -refer(case, alpha=0.0, beta=None)[0]
    with np.errstate(all="ignore"):
        y = case.target
        cross = np.where(y > 0, -beta * np.log(case.pred), (1 - beta) * np.log1p(-case.pred)).mean()
    return alpha * cross - (1 - alpha) * dice


@wrong("combo_loss", "a bracket: alpha multiplies both terms", "pixels")
def combo_bracket(case: Case) -> Any:
    alpha = parameter(case, "alpha")
    whole, dice = refer(case)[0], -refer(case, alpha=0.0)[0]
    cross = whole + (1 - alpha) * dice
    return alpha * (cross - (1 - alpha) * dice)


@wrong("dice_loss", "the factor 2 is missing above", "pixels")
def dice_without_factor(case: Case) -> Any:
    above, below = smooth_of(parameter(case, "smooth"))
    power = 2 if parameter(case, "squared") else 1
    p, y = case.pred, case.target
    return 1 - ((p * y).sum() + above) / ((p**power).sum() + (y**power).sum() + below)


@wrong("dice_loss", "TP, FP and FN are squared pixel by pixel", "pixels")
def dice_squares_products(case: Case) -> Any:
    if not parameter(case, "squared"):
        return refer(case)[0]
    above, below = smooth_of(parameter(case, "smooth"))
    p, y = case.pred, case.target
    tp, fp, fn = ((one * one).sum() for one in (p * y, p * (1 - y), (1 - p) * y))
    return 1 - (2 * tp + above) / (2 * tp + fp + fn + below)


@wrong("dice_loss", "the epsilon stands twice below", "pixels")
def dice_two_epsilons(case: Case) -> Any:
    above, below = smooth_of(parameter(case, "smooth"))
    return refer(case, smooth=(above, 2 * below))[0]


@wrong("distance_map_loss", "the mean without weights is returned", "pixels")
def distance_map_unweighted(case: Case) -> Any:
    return _cross(case).mean()


@wrong("binary_cross_entropy", "the slope of relu makes the gradient 1 at a logit of 0", "logits", slopes=True)
def cross_entropy_kink_at_zero(case: Case) -> Any:
    value, gradient = refer(case)
    return value, np.where(case.pred == 0, np.sign(gradient) / case.pred.size, gradient)


@wrong("binary_cross_entropy", "the sum over classes and pixels is divided by the pixels of one image", "classes")
def cross_entropy_per_image(case: Case) -> Any:
    return refer(case)[0] * case.pred.shape[0]


@wrong("boundary_loss", "inside, 1 is taken off the distance", "pixels")
def boundary_less_one(case: Case) -> Any:
    inside = refer(case, pred=case.pred * case.target)[0]
    full = (case.target > 0.5).all()
    return refer(case)[0] + (0 if full or not inside else (case.pred * case.target).mean())


@wrong("jaccard_loss", "classes are weighted by w^2 where weights are given", "classes", "class_weight")
def jaccard_weights_above_and_below(case: Case) -> Any:
    w = np.asarray(case.keywords["class_weight"])
    values = refer(case, class_weight=None, reduction="none")[0]
    return (w * w * values).mean() / w.mean() if w.any() else 0.0


@wrong("matthews_correlation", "1e-5 is added to each of the four counts", "masks")
def matthews_shifted(case: Case) -> Any:
    a, b = case.pred > 0.5, case.target > 0.5
    tp, fp, fn, tn = (one.sum() + 1e-5 for one in (a & b, a & ~b, ~a & b, ~a & ~b))
    return (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


@wrong("f_score", "computed in float32", "masks")
def f_score_in_float32(case: Case) -> Any:
    return float(np.float32(score(case)))


@wrong("centerline_dice", "skeletons that do not meet give nan", "masks")
def centerline_disjoint_nan(case: Case) -> Any:
    value = score(case)
    return np.nan if value == 0 else value


@wrong("surface_dice", "masks of the plane are a slab one pixel thick", "masks")
def surface_dice_of_slab(case: Case) -> Any:
    if case.pred.ndim != 2 or parameter(case, "surface") == "surfel" or parameter(case, "border") == "ignore":
        return score(case)
    spacing = (1.0, *case.keywords["spacing"])
    return score(
        Case(case.name, case.pred[None], case.target[None], case.keywords | {"spacing": spacing}, is_loss=False)
    )


@wrong("lovasz_hinge_loss", "one pixel alone gives 0", "margins")
def lovasz_of_one_pixel(case: Case) -> Any:
    return refer(case)[0] if case.pred.size > 1 else 0.0


@wrong("volumetric_similarity", "0/0 is 0, as a floor of the denominator makes it", "masks")
def volumetric_floor(case: Case) -> Any:
    return score(case, undefined=0.0)
