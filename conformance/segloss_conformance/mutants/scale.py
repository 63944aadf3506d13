"""Wrong at sizes that small cases do not have: narrow counters, lost tails, running sums, distances that are cut."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cases.case import Case
from .directed import combined, distances
from .kit import parameter, refer, smooth_of, wrong


def _cells(case: Case, dtype: Any) -> tuple[Any, Any, Any, Any]:
    """TP, FP, FN and TN of two masks, in the dtype."""
    a, b = case.pred > 0.5, case.target > 0.5
    return tuple(np.sum(one, dtype=dtype) for one in (a & b, a & ~b, ~a & b, ~a & ~b))


def _dice(case: Case, p: Any, y: Any) -> Any:
    above, below = smooth_of(parameter(case, "smooth"))
    i, sizes = (p * y).sum(), p.sum() + y.sum()
    if parameter(case, "squared"):
        sizes = (p * p).sum() + (y * y).sum()
    return 1 - (2 * i + above) / (sizes + below)


@wrong("dice_score", "the intersection is counted in uint8", "masks")
def dice_in_bytes(case: Case) -> Any:
    tp = int(_cells(case, np.uint8)[0])
    return 2 * tp / ((case.pred > 0.5).sum() + (case.target > 0.5).sum())


@wrong("jaccard_index", "counts are int16", "masks")
def jaccard_in_int16(case: Case) -> Any:
    tp, fp, fn, _ = map(int, _cells(case, np.int16))
    return tp / (tp + fp + fn) if tp + fp + fn else np.nan


@wrong("matthews_correlation", "products of counts are int32", "masks")
def matthews_in_int32(case: Case) -> Any:
    tp, fp, fn, tn = _cells(case, np.int32)
    return (tp * tn - fp * fn) / np.sqrt(float((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


@wrong("cohen_kappa", "counts are uint16", "masks")
def kappa_in_uint16(case: Case) -> Any:
    tp, fp, fn, tn = (one.astype(float) for one in _cells(case, np.uint16))
    n = tp + fp + fn + tn
    chance = ((tp + fp) * (tp + fn) + (tn + fp) * (tn + fn)) / n**2
    return ((tp + tn) / n - chance) / (1 - chance)


@wrong("accuracy", "hits are counted in float16, which is exact to 2048", "masks")
def accuracy_in_half(case: Case) -> Any:
    tp, _, _, tn = _cells(case, np.float16)
    return float(tp + tn) / case.pred.size


@wrong("specificity", "a running float32 sum, which stops at 2^24", "masks")
def specificity_in_a_running_sum(case: Case) -> Any:
    a, b = case.pred > 0.5, case.target > 0.5
    right, negatives = (np.cumsum((one & ~b).ravel(), dtype=np.float32)[-1] for one in (~a, np.ones_like(a)))
    return right / negatives


@wrong("precision", "images of more than 65536 pixels are sub-sampled", "masks")
def precision_of_every_second(case: Case) -> Any:
    step = 2 if case.pred.size > 65536 else 1
    a, b = case.pred.ravel()[::step] > 0.5, case.target.ravel()[::step] > 0.5
    return (a & b).sum() / a.sum()


@wrong("jaccard_index", "the index y C + p is int8", "labels")
def jaccard_index_in_int8(case: Case) -> Any:
    classes = case.keywords["num_classes"]
    with np.errstate(all="ignore"):
        index = (case.target * classes + case.pred).astype(np.int8).astype(int) % classes**2
    table = np.bincount(index.ravel(), minlength=classes**2).reshape(classes, classes)
    tp = np.diag(table)
    return (tp / (table.sum(0) + table.sum(1) - tp)).mean()


@wrong("sensitivity", "classes from the 20th on are dropped", "labels")
def sensitivity_of_twenty(case: Case) -> Any:
    classes = range(min(case.keywords["num_classes"], 19))
    return np.mean([(case.pred[case.target == c] == c).mean() for c in classes])


@wrong("dice_loss", "the tail beyond 64 pixels is lost", "pixels")
def dice_of_64(case: Case) -> Any:
    return _dice(case, case.pred.ravel()[:64], case.target.ravel()[:64])


@wrong("binary_cross_entropy", "the last block of 128, if not full, is lost", "pixels")
def cross_entropy_of_full_blocks(case: Case) -> Any:
    size = case.pred.size
    kept = size // 128 * 128 or size
    return refer(case, pred=case.pred.ravel()[:kept], target=case.target.ravel()[:kept])[0]


@wrong("dice_loss", "sums are float16", "pixels")
def dice_in_half(case: Case) -> Any:
    with np.errstate(over="ignore"):
        return float(_dice(case, case.pred.astype(np.float16), case.target.astype(np.float16)))


@wrong("tversky_loss", "sums are running float32 sums", "pixels")
def tversky_in_a_running_sum(case: Case) -> Any:
    p, y = case.pred.ravel().astype(np.float32), case.target.ravel().astype(np.float32)
    tp, fp, fn = (float(np.cumsum(one)[-1]) for one in (p * y, p * (1 - y), (1 - p) * y))
    above, below = smooth_of(parameter(case, "smooth"))
    return 1 - (tp + above) / (tp + parameter(case, "fp_weight") * fp + parameter(case, "fn_weight") * fn + below)


@wrong("dice_loss", "the fifth class and those after it are dropped", "classes")
def dice_of_four_classes(case: Case) -> Any:
    return refer(case, reduction="none")[0][:4].mean()


@wrong("jaccard_loss", "the third image and those after it are dropped", "images")
def jaccard_of_two_images(case: Case) -> Any:
    return refer(case, pred=case.pred[:2], target=case.target[:2])[0]


@wrong("focal_loss", "batches of more than eight images are cut to eight", "images")
def focal_of_eight_images(case: Case) -> Any:
    return refer(case, pred=case.pred[:8], target=case.target[:8])[0]


@wrong("lovasz_softmax_loss", "cumulated labels are int8", "pixels")
def lovasz_in_bytes(case: Case) -> Any:
    errors = np.abs(case.pred - case.target).ravel()
    order = np.argsort(-errors, kind="stable")
    y = (case.target.ravel()[order] > 0.5).astype(np.int8)
    hits, alarms = (np.cumsum(one, dtype=np.int8).astype(float) for one in (y, 1 - y))
    if not y.any() and case.keywords.get("classes", "present") == "present":
        return 0.0 if "class_axis" in case.keywords else refer(case)[0]
    jaccard = 1 - (y.sum() - hits) / np.maximum(y.sum() + alarms, 1)
    return (np.diff(jaccard, prepend=0) * errors[order]).sum()


@wrong("generalized_dice_loss", "1/Y^2 of an int16 square", "classes")
def generalized_dice_in_int16(case: Case) -> Any:
    if parameter(case, "weight_type") != "square":
        return refer(case)[0]
    y = np.moveaxis(case.target[None] == np.arange(case.pred.shape[1])[:, None, None, None], 0, 1)
    size = y.sum((0, 2, 3))
    square = (size * size).astype(np.int16).astype(float)
    square = np.where(square > 0, square, np.inf)
    w = np.where(size > 0, square.min() / square, 1.0)
    above, below = smooth_of(parameter(case, "smooth"))
    hits, sizes = (case.pred * y).sum((0, 2, 3)), case.pred.sum((0, 2, 3)) + size
    return 1 - (2 * (w * hits).sum() + above) / ((w * sizes).sum() + below)


@wrong("hausdorff_distance", "squared distances are int16", "masks")
def hausdorff_in_int16(case: Case) -> Any:
    def wrapped(d: Any) -> Any:
        square = np.rint(d * d)
        return np.where(square == d * d, np.sqrt(np.abs(square.astype(np.int64).astype(np.int16).astype(float))), d)

    return combined(case, wrapped)


@wrong("hausdorff_distance", "distances end at 255", "masks")
def hausdorff_to_255(case: Case) -> Any:
    return combined(case, lambda d: np.minimum(d, 255))


@wrong("average_surface_distance", "squared distances are uint16", "masks")
def average_in_uint16(case: Case) -> Any:
    return combined(case, lambda d: np.sqrt(d * d - np.floor(d * d / 65536) * 65536))


@wrong("average_surface_distance", "surface elements more than 100 away are dropped as outliers", "masks")
def average_of_near_ones(case: Case) -> Any:
    return combined(case, lambda d: d[d <= 100] if (d <= 100).any() else d)


@wrong("surface_dice", "one surface element in sixteen of a surface of more than 64 is looked at", "masks")
def surface_dice_of_some(case: Case) -> Any:
    if distances(case) is None:
        return combined(case)
    return combined(case, lambda d: d[::16] if d.size > 64 else d)
