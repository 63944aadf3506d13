"""segmentation_models_pytorch.metrics with reduction="micro" does not look at zero_division.

Its documentation: zero_division is the value to return when there is a zero division, 1 by default.
"""

import math
import sys

import segmentation_models_pytorch as smp
import torch

nothing = torch.zeros(1, 1, 2, 2, dtype=torch.long)
counts = smp.metrics.get_stats(nothing, nothing, mode="binary")
macro = smp.metrics.iou_score(*counts, reduction="macro", zero_division=1.0).item()
micro = smp.metrics.iou_score(*counts, reduction="micro", zero_division=1.0).item()
print("expected", macro, "as with macro (one class, so the two are the same), got", micro)
sys.exit(0 if math.isnan(micro) else 1)
