"""torchmetrics: labels from one-hot, one image as a batch, scores as losses, metric classes after one update."""

from __future__ import annotations

from typing import Any

import torch
from torchmetrics import segmentation as classes
from torchmetrics.functional import classification, segmentation


def micro(pred: Any, target: Any, of: str, **options: Any) -> Any:
    """A multi-class function of label maps, from one-hot tensors (images, classes, rows, columns)."""
    return getattr(classification, of)(pred.argmax(1), target.argmax(1), num_classes=pred.shape[1], **options)


def of_labels(pred: Any, target: Any, of: str, **options: Any) -> Any:
    """A function of segmentation of label maps."""
    return getattr(segmentation, of)(pred, target, input_format="index", **options)


def number_of_batch(pred: Any, target: Any, of: str, **options: Any) -> Any:
    """A function of segmentation whose only value comes in an array of one."""
    return getattr(segmentation, of)(pred, target, num_classes=pred.shape[1], **options)[0]


def of_image(pred: Any, target: Any, of: str, **options: Any) -> Any:
    """A function of segmentation of one image (classes, rows, columns)."""
    return number_of_batch(pred[None], target[None], of, **options)


def of_hot(pred: Any, target: Any, of: str, **options: Any) -> Any:
    """A function of segmentation of one-hot tensors."""
    return getattr(segmentation, of)(pred, target, num_classes=pred.shape[1], **options)


def after_one_batch(pred: Any, target: Any, of: str, **options: Any) -> Any:
    """A metric class of segmentation, after one update."""
    found = getattr(classes, of)(num_classes=pred.shape[1], **options)
    found.update(pred, target)
    return found.compute()


def generalized_dice(pred: Any, target: Any, weight_type: str) -> Any:
    """generalized_dice_score as a loss, one value an image."""
    pred, target = pred.long(), target.long()
    return 1 - segmentation.generalized_dice_score(pred, target, num_classes=pred.shape[1], weight_type=weight_type)


def hausdorff(pred: Any, target: Any, spacing: Any, directed: bool = False) -> Any:
    """hausdorff_distance of masks (images, classes, rows, columns)."""
    return segmentation.hausdorff_distance(
        pred, target, pred.shape[1], include_background=True, spacing=list(spacing), directed=directed
    )


def hausdorff_of_square(pred: Any, target: Any, spacing: Any, directed: bool = False) -> Any:
    """The same of images to which background is added until they are square; that changes no distance."""
    rows, columns = pred.shape[-2:]
    size = max(rows, columns)
    pred, target = (torch.nn.functional.pad(one, (0, size - columns, 0, size - rows)) for one in (pred, target))
    return hausdorff(pred, target, spacing, directed)
