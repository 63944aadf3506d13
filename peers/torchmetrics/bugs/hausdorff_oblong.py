"""hausdorff_distance is wrong on images that are not square.

Its documentation promises the Hausdorff distance. The masks are two pixels, neighbours in the second row: it is 1.
"""

import sys

import torch
from torchmetrics.functional.segmentation import hausdorff_distance

wrong = False
for rows, columns in ((5, 5), (2, 5), (5, 2)):
    pred, target = torch.zeros(2, 1, 1, rows, columns, dtype=torch.long)
    pred[0, 0, 1, 0] = 1
    target[0, 0, 1, 1] = 1
    try:
        found = hausdorff_distance(pred, target, num_classes=1, include_background=True).item()
    except IndexError as problem:
        found = f"IndexError: {problem}"
    print(f"{rows} x {columns}: expected 1.0, got {found}")
    wrong = wrong or found != 1.0
sys.exit(0 if wrong else 1)
