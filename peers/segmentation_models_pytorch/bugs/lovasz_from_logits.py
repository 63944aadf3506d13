"""segmentation_models_pytorch's LovaszLoss accepts from_logits and does not look at it.

In the other losses of the package from_logits=False says that the prediction holds probabilities. Here they
go through a softmax like logits, and a perfect prediction costs.
"""

import sys

import segmentation_models_pytorch as smp
import torch

probabilities = torch.tensor([[[[1.0]], [[0.0]]]])
label = torch.tensor([[[0]]])
loss = smp.losses.LovaszLoss("multiclass", from_logits=False)(probabilities, label).item()
print("expected 0.0, got", loss)
sys.exit(0 if loss > 0.2 else 1)
