"""segmentation_models_pytorch's FocalLoss("multiclass", from_logits=False) takes a perfect prediction for a probability of 1/2.

Its documentation: from_logits=True assumes raw logits; with False it takes probabilities. Their logarithm is then
handed to a sigmoid, which makes p/(1 + p) of p.
"""

import sys

import segmentation_models_pytorch as smp
import torch

probabilities = torch.tensor([[[[1.0]], [[0.0]]]])
label = torch.tensor([[[0]]])
loss = smp.losses.FocalLoss("multiclass", from_logits=False)(probabilities, label).item()
print("expected about 0, got", loss)  # 1/2 (1/2)^2 log 2
sys.exit(0 if loss > 0.05 else 1)
