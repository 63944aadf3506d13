"""FBetaScore raises for tensors that are not contiguous, such as transposed ones.

Its documentation asks for binarized (B, C, H, W); ConfusionMatrixMetric takes the same tensors.
"""

import sys

import torch
from monai.metrics import ConfusionMatrixMetric, FBetaScore

hot = torch.ones(2, 3, 4, 5).transpose(2, 3)
ConfusionMatrixMetric(metric_name="f1 score")(hot, hot)
try:
    FBetaScore()(hot, hot)
except RuntimeError as problem:
    print("expected counts, got RuntimeError:", problem)
    sys.exit(0)
sys.exit(1)
