"""compute_iou(ignore_index=c) does not exclude the voxels of class c.

Its documentation: "single integer class index (or sentinel value) to ignore from the metric computation. Voxels with this
label are excluded from the score". Here the second voxel is of class 2, predicted as class 1. Without it there is one voxel,
which is right, and nothing of class 1; with it class 1 has a false positive. compute_dice excludes it.
"""

import sys

import torch
from monai.metrics import compute_dice, compute_iou

pred = torch.nn.functional.one_hot(torch.tensor([[0, 1, 1]]), 3).movedim(-1, 1)
target = torch.nn.functional.one_hot(torch.tensor([[0, 2, 1]]), 3).movedim(-1, 1)
iou = compute_iou(pred, target, ignore_index=2)[0, 1].item()
print("Dice of class 1:", compute_dice(pred, target, ignore_index=2)[0, 1].item())
print("IoU of class 1: expected 1.0, got", iou)
sys.exit(0 if iou != 1.0 else 1)
