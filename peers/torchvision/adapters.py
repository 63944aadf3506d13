"""torchvision's focal loss, which is importable where the wheel's compiled operators are not."""

from __future__ import annotations

import torch

try:
    import torchvision
except RuntimeError:
    # A wheel built for CUDA does not load its operators beside a CPU torch, and its import asks for these names.
    for name in ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"):
        for backward in ("", "_backward"):
            torch.library.define(f"torchvision::{'_' * bool(backward)}{name}{backward}", "(Tensor unused) -> Tensor")
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
