"""monai.losses.FocalLoss(use_softmax=True, include_background=False) is 0 with gradient 0 for two classes.

Its documentation: without background, channel 0 is excluded from the calculation of the loss. The channel is removed
before the softmax,
so that the probability of the one channel that is left is always 1. DiceLoss takes the softmax of all channels first.
"""

import sys

import torch
from monai.losses import FocalLoss

logits = torch.tensor([[[[5.0]], [[-5.0]]]], requires_grad=True)  # sure of the background
foreground = torch.tensor([[[[1]]]])
loss = FocalLoss(to_onehot_y=True, use_softmax=True, include_background=False)(logits, foreground)
loss.backward()
print("loss expected about 10, got", loss.item(), "gradient", logits.grad.flatten().tolist())
sys.exit(0 if loss.item() == 0 and not logits.grad.any() else 1)
