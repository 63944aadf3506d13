"""kornia's losses in the forms of the bindings: axes of 1 for channels, tensors for weights, a mean where maps come back."""

from __future__ import annotations

from typing import Any

import torch
from kornia import losses


def hinge(pred: Any, target: Any) -> Any:
    """One channel of logits."""
    return losses.lovasz_hinge_loss(pred[:, None], target)


def hausdorff(pred: Any, target: Any, alpha: float, erosions: int) -> Any:
    """The label map as one channel."""
    return losses.HausdorffERLoss(alpha=alpha, k=erosions)(pred, target[:, None])


def hausdorff_3d(pred: Any, target: Any, alpha: float, erosions: int) -> Any:
    """The same of volumes."""
    return losses.HausdorffERLoss3D(alpha=alpha, k=erosions)(pred, target[:, None])


def focal_of_pixels(pred: Any, target: Any, gamma: float, weight: Any = None) -> Any:
    """The map of all classes summed over them, and its mean over the pixels."""
    return losses.focal_loss(pred, target, alpha=None, gamma=gamma, weight=weight, reduction="none").sum(1).mean()


def positives_weighted(pred: Any, target: Any, beta: float) -> Any:
    """One weight for the positives of every channel."""
    weight = torch.full((pred.shape[1],), beta, dtype=pred.dtype)
    return losses.binary_focal_loss_with_logits(
        pred, target, alpha=None, gamma=0.0, pos_weight=weight, reduction="mean"
    )
