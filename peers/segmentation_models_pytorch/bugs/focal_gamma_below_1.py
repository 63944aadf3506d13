"""segmentation_models_pytorch's FocalLoss has nan gradients where gamma is below 1 and a probability rounds to 1.

The focal loss is -(1 - pt)^gamma log(pt); as pt goes to 1 its slope by the logit goes to 0, for every gamma >= 0.
"""

import sys

import segmentation_models_pytorch as smp
import torch

logits = torch.tensor([[[[40.0]]]], requires_grad=True)
loss = smp.losses.FocalLoss("binary", gamma=0.5)(logits, torch.ones(1, 1, 1, 1))
loss.backward()
print("loss", loss.item(), "gradient expected about 0, got", logits.grad.item())
sys.exit(0 if logits.grad.isnan().any() else 1)
