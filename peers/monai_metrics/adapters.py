"""MONAI's metrics: counts before the metric, tolerances in a list, the metric classes after one batch."""

from __future__ import annotations

from typing import Any

import torch
from monai import metrics


def confusion(pred: Any, target: Any, name: str) -> Any:
    """A metric of the confusion matrix, one value an image and class."""
    return metrics.compute_confusion_matrix_metric(name, metrics.get_confusion_matrix(pred, target))


def confusion_of_mask(pred: Any, target: Any, name: str) -> Any:
    """The same of one mask, as one image of one class."""
    return confusion(pred[None, None], target[None, None], name)[0, 0]


def after_one_batch(pred: Any, target: Any, of: str, **options: Any) -> Any:
    """The aggregate of a metric class."""
    found = getattr(metrics, of)(**options)
    found(pred, target)
    value = found.aggregate()
    return value[0] if isinstance(value, list) else value


def number_after_one_batch(pred: Any, target: Any, of: str, **options: Any) -> Any:
    """The aggregate of a metric class that is one number, which comes in an array of one."""
    return after_one_batch(pred, target, of, **options)[0]


def mean_hausdorff(pred: Any, target: Any) -> Any:
    """HausdorffDistanceMetric of masks of one channel."""
    pred, target = pred[:, None], target[:, None]
    return number_after_one_batch(pred, target, "HausdorffDistanceMetric", include_background=True, reduction="mean")


def _hot(pred: Any, target: Any, classes: int, ignored: int) -> tuple[Any, Any]:
    """Label maps as one-hot tensors in which the ignored label is the last class."""
    target = torch.where(target == ignored, classes, target)
    found = [torch.nn.functional.one_hot(one, classes + 1).movedim(-1, 1) for one in (pred, target)]
    return found[0], found[1]


def one_hot_ignoring(pred: Any, target: Any, of: str, classes: int, ignored: int) -> Any:
    """A function of one-hot tensors that ignores the last class, without that class in the answer."""
    hot = _hot(pred, target, classes, ignored)
    return getattr(metrics, of)(*hot, ignore_empty=False, ignore_index=classes)[:, :classes]


def surface_dice_ignoring(pred: Any, target: Any, classes: int, ignored: int, tolerance: float, spacing: Any) -> Any:
    """The same of compute_surface_dice."""
    hot = _hot(pred, target, classes, ignored)
    return surface_dice(*hot, tolerance, spacing=spacing, ignore_index=classes)[:, :classes]


def dice_of_labels(pred: Any, target: Any, **options: Any) -> Any:
    """compute_dice on label maps with one channel."""
    return metrics.compute_dice(pred[:, None], target[:, None], **options)


def surface_dice(pred: Any, target: Any, tolerance: float, **options: Any) -> Any:
    """compute_surface_dice with the same tolerance for every class."""
    return metrics.compute_surface_dice(pred, target, [tolerance] * pred.shape[1], include_background=True, **options)


def generalized_dice(pred: Any, target: Any, **options: Any) -> Any:
    """compute_generalized_dice as a loss, one value an image."""
    return 1 - metrics.compute_generalized_dice(pred, target, sum_over_classes=True, **options)[:, 0]


def generalized_dice_score(pred: Any, target: Any, **options: Any) -> Any:
    """GeneralizedDiceScore as a loss, after one batch."""
    return 1 - number_after_one_batch(pred, target, "GeneralizedDiceScore", **options)
