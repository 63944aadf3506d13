"""torch's losses where a table cannot say the call: tensors made of numbers, and reductions that are left to the caller."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def with_pos_weight(logits: Tensor, target: Tensor, beta: float) -> Tensor:
    """`pos_weight` has to be a tensor."""
    return F.binary_cross_entropy_with_logits(logits, target, pos_weight=torch.tensor(beta, dtype=logits.dtype))


def probabilities_sum(probability: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The sum of the weighted losses over the sum of the weights."""
    return F.binary_cross_entropy(probability, target, weight=weight, reduction="sum") / weight.sum()


def logits_sum(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The sum of the weighted losses over the sum of the weights."""
    return F.binary_cross_entropy_with_logits(logits, target, weight=weight, reduction="sum") / weight.sum()


def logits_none(logits: Tensor, target: Tensor) -> Tensor:
    """The map of losses, averaged over each image by the caller."""
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1).mean(1)


def classes_sum(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The sum over the pixels of weighted losses, over the number of pixels."""
    return F.cross_entropy(logits, target, weight=weight, reduction="sum") / target.numel()


def classes_none(logits: Tensor, target: Tensor) -> Tensor:
    """The map of losses, averaged over each image by the caller."""
    return F.cross_entropy(logits, target, reduction="none").flatten(1).mean(1)


def nll_sum(log_probability: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The sum over the pixels of weighted losses, over the number of pixels."""
    return F.nll_loss(log_probability, target, weight=weight, reduction="sum") / target.numel()


def nll_of_channels_last(log_probability: Tensor, target: Tensor) -> Tensor:
    """A view of (N, H, W, C) as (N, C, H, W), which is what a permuted array or one in channels_last memory is."""
    return F.nll_loss(log_probability.movedim(-1, 1), target)


def soft_margin(logits: Tensor, target: Tensor) -> Tensor:
    """Its labels are -1 and 1."""
    return F.soft_margin_loss(logits, 2 * target - 1)
