"""MONAI's losses in the forms of the bindings: a channel for label maps, a mask for ignored pixels, fewer axes that are 1."""

from __future__ import annotations

from typing import Any

from monai import losses


def _with_channel(loss: Any) -> Any:
    """The loss on label maps, which MONAI takes as one channel."""
    return lambda pred, target: loss(pred, target[:, None])


def dice_of_labels(**options: Any) -> Any:
    """DiceLoss(to_onehot_y=True)."""
    return _with_channel(losses.DiceLoss(to_onehot_y=True, **options))


def tversky_of_labels(**options: Any) -> Any:
    """TverskyLoss(to_onehot_y=True)."""
    return _with_channel(losses.TverskyLoss(to_onehot_y=True, **options))


def focal_of_labels(gamma: float, **options: Any) -> Any:
    """FocalLoss(to_onehot_y=True)."""
    return _with_channel(losses.FocalLoss(to_onehot_y=True, gamma=gamma, **options))


def dice_each(**options: Any) -> Any:
    """(images, classes): what comes back has axes of 1 for the pixels."""
    loss = losses.DiceLoss(reduction="none", **options)
    return lambda pred, target: loss(pred, target).flatten(1)


def masked_dice(pred: Any, target: Any, ignore_index: int, smooth_nr: float, smooth_dr: float) -> Any:
    """Pixels that are ignored are those that the mask leaves out."""
    kept = target != ignore_index
    loss = losses.MaskedDiceLoss(sigmoid=True, smooth_nr=smooth_nr, smooth_dr=smooth_dr)
    return loss(pred, (target * kept).to(pred.dtype), mask=kept[:, :1].to(pred.dtype))


def focal_of_pixels(gamma: float, **options: Any) -> Any:
    """The map of all classes summed over them, and its mean over the pixels."""
    loss = losses.FocalLoss(gamma=gamma, reduction="none", **options)
    return lambda pred, target: loss(pred, target).sum(1).mean()


def dice_and_binary_cross_entropy(pred: Any, target: Any, alpha: float, smooth: float) -> Any:
    """beta = 1/2 halves the cross-entropy; a Dice loss is 1 minus the coefficient."""
    loss = losses.DiceCELoss(
        sigmoid=True, lambda_ce=alpha / 2, lambda_dice=1 - alpha, smooth_nr=smooth, smooth_dr=smooth
    )
    return loss(pred, target) - (1 - alpha)


def dice_and_cross_entropy(pred: Any, target: Any, alpha: float, smooth: float) -> Any:
    """The same for classes, without a beta."""
    loss = losses.DiceCELoss(softmax=True, lambda_ce=alpha, lambda_dice=1 - alpha, smooth_nr=smooth, smooth_dr=smooth)
    return loss(pred, target) - (1 - alpha)
