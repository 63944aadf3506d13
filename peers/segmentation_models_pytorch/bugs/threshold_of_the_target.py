"""segmentation_models_pytorch.metrics.get_stats applies the threshold of the output to the target as well.

Its documentation: threshold is the binarization threshold of the output. With logits, whose threshold is 0, every
pixel of the target becomes foreground.
"""

import sys

import segmentation_models_pytorch as smp
import torch

logits = torch.tensor([[[[3.0, -3.0]]]])
target = torch.tensor([[[[1, 0]]]])
tp, fp, fn, tn = (n.item() for n in smp.metrics.get_stats(logits, target, mode="binary", threshold=0.0))
print("tp, fp, fn, tn: expected 1, 0, 0, 1, got", tp, fp, fn, tn)
sys.exit(0 if fn == 1 else 1)
