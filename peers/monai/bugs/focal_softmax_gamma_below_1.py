"""monai.losses.FocalLoss(use_softmax=True) has nan gradients where gamma is below 1 and a probability rounds to 1.

Its documentation gives FL(pt) = -alpha (1 - pt)^gamma log(pt). As pt goes to 1 the slope of that by the logit goes to 0,
for every gamma >= 0.
"""

import sys

import torch
from monai.losses import FocalLoss

logits = torch.tensor([[[[20.0]], [[0.0]]]], requires_grad=True)
target = torch.tensor([[[[1.0]], [[0.0]]]])
loss = FocalLoss(use_softmax=True, gamma=0.5)(logits, target)
loss.backward()
print("loss", loss.item(), "gradient expected about 0, got", logits.grad.flatten().tolist())
sys.exit(0 if logits.grad.isnan().any() else 1)
