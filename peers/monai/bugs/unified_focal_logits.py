"""monai.losses.AsymmetricUnifiedFocalLoss takes logits by its documentation, and clips them to [0, 1] like probabilities.

Its documentation: the input should be the original logits, since forward transforms them by a sigmoid. There is no
sigmoid in it: any logit of 1 or more, or below 0, has the gradient 0.
"""

import sys

import torch
from monai.losses import AsymmetricUnifiedFocalLoss

logits = torch.tensor([[[[1.0, -1.0]]]], requires_grad=True)
target = torch.tensor([[[[0.0, 1.0]]]])  # both are wrong
AsymmetricUnifiedFocalLoss()(logits, target).backward()
print("gradient expected not 0, got", logits.grad.flatten().tolist())
sys.exit(0 if not logits.grad.any() else 1)
