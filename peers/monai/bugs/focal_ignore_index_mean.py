"""monai.losses.FocalLoss grows by the number of classes as soon as ignore_index is given, although nothing is ignored.

Its documentation on reduction="mean": the sum of the output is divided by the number of elements in the output. With
ignore_index it is divided by the number of pixels, whatever the number of channels.
"""

import sys

import torch
from monai.losses import FocalLoss

logits = torch.zeros(1, 3, 1, 2)
labels = torch.tensor([[[[0, 1]]]])  # no label is 255
plain = FocalLoss(to_onehot_y=True, use_softmax=True)(logits, labels).item()
ignoring = FocalLoss(to_onehot_y=True, use_softmax=True, ignore_index=255)(logits, labels).item()
print("expected", plain, "got", ignoring)
sys.exit(0 if abs(ignoring - 3 * plain) < 1e-6 else 1)
