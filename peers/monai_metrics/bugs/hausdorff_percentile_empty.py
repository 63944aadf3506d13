"""compute_hausdorff_distance(percentile=95) is nan where one mask is empty.

All distances are infinite there, and the maximum, percentile 100, is given as inf. nan stands for two empty masks and is
left out of averages, so that a missed structure improves the mean.
"""

import sys

import torch
from monai.metrics import compute_hausdorff_distance

pred, target = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
greatest = compute_hausdorff_distance(pred, target, include_background=True).item()
percentile = compute_hausdorff_distance(pred, target, include_background=True, percentile=95).item()
print(f"greatest distance {greatest}; 95th percentile: expected inf, got {percentile}")
sys.exit(0 if percentile != percentile else 1)
