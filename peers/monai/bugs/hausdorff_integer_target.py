"""monai.losses.HausdorffDTLoss gives another value for the same one-hot target where its dtype is an integer one.

The distances of Karimi's formula, (p - y)^2 (d_p^alpha + d_y^alpha), are written into an array of the target's dtype: the
square root of 2 becomes 1.
"""

import sys

import torch
from monai.losses import HausdorffDTLoss

target = torch.tensor([[[[1, 0], [0, 0]]]])
pred = torch.full((1, 1, 2, 2), 0.25)
floating = HausdorffDTLoss()(pred, target.float()).item()
integer = HausdorffDTLoss()(pred, target).item()
print("expected", floating, "got", integer)
sys.exit(0 if integer < floating else 1)
