"""compute_hausdorff_distance(percentile=0) is the greatest distance.

Its documentation: "an optional float number between 0 and 100. If specified, the corresponding percentile of the Hausdorff
Distance rather than the maximum result will be achieved". The distances here are 0 and 1, both ways: 0 and 0, 1.
"""

import sys

import torch
from monai.metrics import compute_hausdorff_distance

pred, target = torch.tensor([[[[1, 1, 0]]]]), torch.tensor([[[[0, 1, 0]]]])
found = {q: compute_hausdorff_distance(pred, target, include_background=True, percentile=q).item() for q in (1e-6, 0)}
print(found, "expected about 0 for both")
sys.exit(0 if found[0] > 0.5 else 1)
