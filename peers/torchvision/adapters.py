"""torchvision's focal loss with its other reductions."""

from __future__ import annotations

import torchvision
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

version = torchvision.__version__


def none(logits: Tensor, target: Tensor, alpha: float, gamma: float) -> Tensor:
    """The map of losses, averaged over each image by the caller."""
    return sigmoid_focal_loss(logits, target, alpha=alpha, gamma=gamma, reduction="none").flatten(1).mean(1)


def sum_of(logits: Tensor, target: Tensor, alpha: float, gamma: float) -> Tensor:
    """The sum of the losses over the number of pixels."""
    return sigmoid_focal_loss(logits, target, alpha=alpha, gamma=gamma, reduction="sum") / logits.numel()
