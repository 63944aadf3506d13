"""MONAI's metrics: matrices of counts made before the metric, thresholds in a list, reductions of the metric classes."""

from __future__ import annotations

from typing import Any

import torch
from monai import metrics


def confusion(pred: Any, target: Any, name: str) -> Any:
    """A metric of the confusion matrix, one value an image and class."""
    return metrics.compute_confusion_matrix_metric(name, metrics.get_confusion_matrix(pred, target))


def confusion_metric(pred: Any, target: Any, name: str, compute_sample: bool, reduction: str) -> Any:
    """ConfusionMatrixMetric, after one batch."""
    found = metrics.ConfusionMatrixMetric(metric_name=name, compute_sample=compute_sample, reduction=reduction)
    found(pred, target)
    return found.aggregate()[0]


def f_beta(pred: Any, target: Any, beta: float) -> Any:
    """FBetaScore, one value an image and class."""
    found = metrics.FBetaScore(beta=beta, reduction="none")
    found(pred, target)
    return found.aggregate()[0]


def mean_dice(pred: Any, target: Any, reduction: str, ignore_empty: bool) -> Any:
    """DiceMetric, after one batch."""
    found = metrics.DiceMetric(reduction=reduction, ignore_empty=ignore_empty)
    found(pred, target)
    return found.aggregate()


def mean_iou(pred: Any, target: Any, reduction: str, ignore_empty: bool) -> Any:
    """MeanIoU, after one batch."""
    found = metrics.MeanIoU(reduction=reduction, ignore_empty=ignore_empty)
    found(pred, target)
    return found.aggregate()


def dice_of_labels(pred: Any, target: Any, num_classes: int, **options: Any) -> Any:
    """compute_dice on label maps with one channel."""
    return metrics.compute_dice(pred[:, None], target[:, None], num_classes=num_classes, **options)


def hausdorff(pred: Any, target: Any, spacing: Any, percentile: float | None = None, directed: bool = False) -> Any:
    """compute_hausdorff_distance; 100 is asked for as None, its documented word for the maximum."""
    return metrics.compute_hausdorff_distance(
        pred, target, include_background=True, spacing=spacing, directed=directed,
        percentile=None if percentile == 100 else percentile,
    )  # fmt: skip


def mean_hausdorff(pred: Any, target: Any) -> Any:
    """HausdorffDistanceMetric, after one batch."""
    found = metrics.HausdorffDistanceMetric(include_background=True, reduction="mean")
    found(pred, target)
    return found.aggregate()


def surface_dice(pred: Any, target: Any, spacing: Any, tolerance: float, use_subvoxels: bool) -> Any:
    """compute_surface_dice with the same tolerance for every class."""
    return metrics.compute_surface_dice(
        pred, target, [tolerance] * pred.shape[1], include_background=True, spacing=spacing, use_subvoxels=use_subvoxels
    )


def volume_difference(pred: Any, target: Any) -> Any:
    """compute_absolute_volume_difference over the volume of the target."""
    return metrics.compute_absolute_volume_difference(pred, target) / target.sum((2, 3))


__all__ = ["torch"]
