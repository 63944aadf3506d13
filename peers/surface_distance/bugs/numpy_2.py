"""Empty masks raise with NumPy 2, which has no np.Inf and no np.NaN.

compute_surface_distances: "If one of the masks is empty, the corresponding lists are empty and all distances in the other
list are `inf`." compute_dice_coefficient: "If both masks are empty, the result is NaN."
"""

import sys

import numpy as np
import surface_distance as sd

full, empty = np.ones((2, 2), bool), np.zeros((2, 2), bool)
broken = 0
for expected, call in (
    ("distances of inf", lambda: sd.compute_surface_distances(full, empty, [1, 1])["distances_gt_to_pred"]),
    ("nan", lambda: sd.compute_dice_coefficient(empty, empty)),
):
    try:
        print(f"expected {expected}, got {call()}")
    except AttributeError as problem:
        print(f"expected {expected}, got AttributeError: {problem}")
        broken += 1
sys.exit(0 if broken else 1)
