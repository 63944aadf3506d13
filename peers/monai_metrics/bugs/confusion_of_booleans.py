"""get_confusion_matrix finds no true positive in boolean masks.

Its documentation asks for binarized values. It counts where y_pred + y == 2, and True + True is True.
"""

import sys

import torch
from monai.metrics import get_confusion_matrix

mask = torch.tensor([[[[True, False]]]])
numbers = get_confusion_matrix(mask.float(), mask.float()).tolist()
booleans = get_confusion_matrix(mask, mask).tolist()
print("TP, FP, TN, FN of a mask and itself, as float:", numbers)
print("as bool: expected the same, got", booleans)
sys.exit(0 if booleans != numbers else 1)
