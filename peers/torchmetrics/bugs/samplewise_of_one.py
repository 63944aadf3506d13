"""multidim_average="samplewise" loses the axis of a batch of one sample.

Documentation of binary_accuracy: "If `multidim_average` is set to `samplewise`, the metric returns `(N,)` vector consisting
of a scalar value per sample."
"""

import sys

import torch
from torchmetrics.functional.classification import binary_accuracy

for samples in (2, 1):
    mask = torch.ones(samples, 4, dtype=torch.long)
    shape = tuple(binary_accuracy(mask, mask, multidim_average="samplewise").shape)
    print(f"{samples} samples: expected shape ({samples},), got {shape}")
sys.exit(0 if shape != (1,) else 1)
