"""The generalized Dice score of a sample depends on the other samples of its batch.

Its documentation gives one score a sample. The weight of a class that a sample lacks is made of the largest weights that
classes have in the batch, in an order that mixes classes and samples.
"""

import sys

import torch
from torchmetrics.functional.segmentation import generalized_dice_score

labels = torch.tensor([[[0, 0, 1, 2]], [[0, 0, 1, 1]], [[0, 1, 2, 2]]])
pred, target, other = torch.nn.functional.one_hot(labels, 3).movedim(-1, 2)
alone = generalized_dice_score(pred, target, num_classes=3)[0].item()
both = generalized_dice_score(torch.cat([pred, other]), torch.cat([target, other]), num_classes=3)[0].item()
print(f"a sample alone: {alone:.6f}; beside another: expected the same, got {both:.6f}")
sys.exit(0 if abs(alone - both) > 1e-6 else 1)
