"""segmentation_models_pytorch.metrics with reduction="weighted-imagewise" divides by the number of classes once too often.

Its documentation: the weighted average of an image's scores over the labels, averaged over images. The weights are made
to sum to 1, and their products are then averaged rather than summed ("weighted" sums them).
"""

import sys

import segmentation_models_pytorch as smp
import torch

labels = torch.tensor([[[0, 1, 2]]])
counts = smp.metrics.get_stats(labels, labels, mode="multiclass", num_classes=3)
options = {"class_weights": [1.0, 1.0, 1.0]}
weighted = smp.metrics.iou_score(*counts, reduction="weighted", **options).item()
imagewise = smp.metrics.iou_score(*counts, reduction="weighted-imagewise", **options).item()
print("a perfect prediction: expected", weighted, "got", imagewise)
sys.exit(0 if imagewise < 0.5 else 1)
