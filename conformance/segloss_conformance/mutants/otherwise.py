"""Right functions of arrays, written otherwise: by loops, einsum, bincount, sorting, and other libraries' functions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.special import log_softmax, logsumexp, softmax

from ..cases.case import Case
from .directed import distances
from .kit import parameter, right, score, smooth_of


def _hot(case: Case) -> Any:
    return case.target[:, None] == np.arange(case.pred.shape[1])[:, None, None]


@right("binary_cross_entropy", "logsumexp of SciPy", form="class logits")
def cross_entropy_by_logsumexp(case: Case) -> Any:
    chosen = np.take_along_axis(case.pred, case.target[:, None], 1)[:, 0]
    top = case.pred.max(1)
    return (logsumexp(case.pred - top[:, None], axis=1) - (chosen - top)).mean()


@right("binary_cross_entropy", "image by image, averaged by their sizes", form="class logits")
def cross_entropy_by_images(case: Case) -> Any:
    lost = [
        -np.take_along_axis(log_softmax(z, 0), y[None], 0).mean() for z, y in zip(case.pred, case.target, strict=True)
    ]
    return np.average(lost, weights=[y.size for y in case.target])


@right("binary_cross_entropy", "torch's cross_entropy", form="class logits", asks=("ignore_index",))
def cross_entropy_of_torch(case: Case) -> Any:
    import torch

    ignored = case.keywords["ignore_index"]
    if (case.target == ignored).all():
        return 0.0
    z, y = torch.from_numpy(case.pred.copy()), torch.from_numpy(case.target.copy())
    return float(torch.nn.functional.cross_entropy(z, y, ignore_index=ignored))


@right("binary_cross_entropy", "torch's binary_cross_entropy_with_logits", form="logits")
def binary_cross_entropy_of_torch(case: Case) -> Any:
    import torch

    z, y = torch.from_numpy(case.pred.copy()), torch.from_numpy(case.target.copy())
    return float(torch.nn.functional.binary_cross_entropy_with_logits(z, y))


@right("dice_loss", "einsum over the pixels of each class", form="classes")
def dice_by_einsum(case: Case) -> Any:
    y = _hot(case).astype(float)
    above, below = smooth_of(parameter(case, "smooth"))
    hits = np.einsum("nchw,nchw->c", case.pred, y)
    q = case.pred if parameter(case, "squared") else np.ones_like(case.pred)
    sizes = np.einsum("nchw,nchw->c", case.pred, q) + np.einsum("nchw->c", y)
    return np.mean(1 - (2 * hits + above) / (sizes + below))


@right("dice_loss", "class by class, image by image, in order of the labels", form="class images")
def dice_class_by_class(case: Case) -> Any:
    above, below = smooth_of(parameter(case, "smooth"))
    values = []
    for image, labels in zip(case.pred, case.target, strict=True):
        for c, p in enumerate(image):
            size = (p * p if parameter(case, "squared") else p).sum() + np.count_nonzero(labels == c)
            values.append(1 - (2 * p[labels == c].sum() + above) / (size + below))
    return sum(values) / len(values)


@right("tversky_loss", "bincount weighted by the prediction", form="classes")
def tversky_by_bincount(case: Case) -> Any:
    classes, labels = case.pred.shape[1], case.target.ravel()
    above, below = smooth_of(parameter(case, "smooth"))
    rows = np.moveaxis(case.pred, 1, 0).reshape(classes, -1)
    tp = np.array([np.bincount(labels, row, classes)[c] for c, row in enumerate(rows)])
    fp, fn = rows.sum(1) - tp, np.bincount(labels, minlength=classes) - tp
    weighted = parameter(case, "fp_weight") * fp + parameter(case, "fn_weight") * fn
    return (1 - (tp + above) / (tp + weighted + below)).mean()


@right("generalized_dice_loss", "two passes: sizes first, then pixels weighted one by one", form="classes")
def generalized_dice_in_two_passes(case: Case) -> Any:
    power = {"square": 2, "simple": 1, "uniform": 0}[parameter(case, "weight_type")]
    size = np.bincount(case.target.ravel(), minlength=case.pred.shape[1]).astype(float)
    w = np.array([(size[size > 0].min() / n) ** power if n else 1.0 for n in size])
    above, below = smooth_of(parameter(case, "smooth"))
    hits = (w[case.target] * np.take_along_axis(case.pred, case.target[:, None], 1)[:, 0]).sum()
    return 1 - (2 * hits + above) / ((w[:, None, None] * case.pred).sum() + (w * size).sum() + below)


@right("focal_loss", "softmax of SciPy, one pixel after the other", form="simplex")
def focal_pixel_by_pixel(case: Case) -> Any:
    gamma, lost = parameter(case, "gamma"), 0.0
    for place in np.ndindex(case.target.shape):
        p = float(case.pred[place[0], case.target[place], place[1], place[2]])
        others = float(case.pred[place[0], :, place[1], place[2]].sum()) - p
        rest = 1 - p if p < 0.5 else others
        lost += np.inf if p == 0 else rest**gamma * -np.log(p)
    return lost / case.target.size


@right("lovasz_softmax_loss", "sorted and summed as an integral over levels", form="pixels")
def lovasz_by_levels(case: Case) -> Any:
    y = case.target.ravel() > 0.5
    if not y.any() and parameter(case, "classes") == "present" and "class_axis" in case.keywords:
        return 0.0
    errors = np.abs(case.pred.ravel() - y)
    levels = np.unique(np.append(errors, 0.0))
    total = 0.0
    for low, high in itertools.pairwise(levels):
        wrong = errors >= high
        total += (high - low) * wrong.sum() / (y | wrong).sum()
    return total


@right("jaccard_index", "bincount of y C + p", form="labels", asks=("ignore_index",))
def jaccard_by_bincount(case: Case) -> Any:
    classes, kept = case.keywords["num_classes"], case.target != case.keywords["ignore_index"]
    table = np.bincount(case.target[kept] * classes + case.pred[kept], minlength=classes**2).reshape(classes, classes)
    hits = np.diag(table)
    with np.errstate(invalid="ignore"):
        return (hits / (table.sum(0) + table.sum(1) - hits)).mean()


@right("dice_score", "by sets of places", form="masks")
def dice_score_of_sets(case: Case) -> Any:
    a, b = (set(np.flatnonzero(mask > 0.5).tolist()) for mask in (case.pred, case.target))
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else np.nan


@right("accuracy", "one less the share of differing pixels", form="scores")
def accuracy_by_differences(case: Case) -> Any:
    return 1 - np.mean((case.pred > 0.5) ^ (case.target > 0.5))


@right("f_score", "harmonic mean of precision and sensitivity", form="masks")
def f_score_harmonic(case: Case) -> Any:
    a, b, beta = case.pred > 0.5, case.target > 0.5, parameter(case, "beta")
    hits = int((a & b).sum())
    if not hits:
        return 0.0 if a.any() or b.any() else np.nan
    precision, sensitivity = hits / a.sum(), hits / b.sum()
    return (1 + beta**2) / (beta**2 / sensitivity + 1 / precision)


@right("cohen_kappa", "2 (TP TN - FN FP) over its denominator, in Python integers", form="masks")
def kappa_in_integers(case: Case) -> Any:
    a, b = case.pred > 0.5, case.target > 0.5
    tp, fp, fn, tn = (int(one.sum()) for one in (a & b, a & ~b, ~a & b, ~a & ~b))
    below = (tp + fp) * (fp + tn) + (tp + fn) * (fn + tn)
    return 2 * (tp * tn - fn * fp) / below if below else np.nan


@right("boundary_loss", "the background's distances less the foreground's", form="images")
def boundary_of_two_maps(case: Case) -> Any:
    values = []
    for p, y in zip(case.pred, case.target > 0.5, strict=True):
        signed = np.zeros(p.shape)
        if y.any() and not y.all():
            steps: Any = parameter(case, "spacing")
            out: Any = ndimage.distance_transform_edt(~y, sampling=steps)
            within: Any = ndimage.distance_transform_edt(y, sampling=steps)
            signed = out - within
        values.append((p * signed).mean())
    return np.mean(values)


@right("hausdorff_distance", "the percentile by sorting and interpolating", form="masks")
def hausdorff_by_sorting(case: Case) -> Any:
    sets = distances(case)
    if sets is None or parameter(case, "interpolation") == "attained" or parameter(case, "combine") != "max":
        return score(case)
    found = []
    for one in map(np.sort, sets):
        place = parameter(case, "percentile") / 100 * (len(one) - 1)
        low = int(place)
        high = min(low + 1, len(one) - 1)
        found.append(one[low] + (place - low) * (one[high] - one[low]))
    return max(found)


@right("log_cosh_dice_loss", "by log1p of e^-2x", form="pixels")
def log_cosh_by_exponentials(case: Case) -> Any:
    above, below = smooth_of(parameter(case, "smooth"))
    power = 2 if parameter(case, "squared") else 1
    p, y = np.asfortranarray(case.pred), np.asfortranarray(case.target)
    x = 1 - (2 * np.vdot(p, y) + above) / ((p**power).sum() + (y**power).sum() + below)
    return np.log1p(2 * np.sinh(x / 2) ** 2)


@right("jaccard_loss", "softmax of SciPy, then sums of absolute differences", form="class logits")
def jaccard_by_differences(case: Case) -> Any:
    p, y = softmax(case.pred, 1), _hot(case).astype(float)
    above, below = smooth_of(parameter(case, "smooth"))
    size = ((p * p if parameter(case, "squared") else p) + y).sum((0, 2, 3))
    hits = ((p + y - np.abs(p - y)) / 2).sum((0, 2, 3))  # min(p, y), which is p y for a hard target
    return (1 - (hits + above) / (size - hits + below)).mean()
