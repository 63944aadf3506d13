"""Score two segmentations of a real photograph against each other, and see where a loss would push.

    python examples/quickstart.py [--output PATH]

The coins of scikit-image, segmented once by Otsu's threshold and once by a watershed, need no network. It prints the scores
and losses, and draws the image, both masks and the gradient of the focal loss by every pixel.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage
from skimage import data, filters, segmentation

import segloss_ref as ref

SCORES = ("dice_score", "jaccard_index", "sensitivity", "specificity", "matthews_correlation")
LOSSES = ("binary_cross_entropy", "focal_loss", "dice_loss", "tversky_loss", "combo_loss")


def segment() -> tuple[Any, Any, Any, Any]:
    """(image, soft Otsu prediction, Otsu mask, watershed mask)."""
    coins = data.coins().astype(float)
    threshold = filters.threshold_otsu(coins)
    otsu = coins > threshold
    # A probability from the distance to the threshold, as a network would give one.
    soft = 1 / (1 + np.exp(-(coins - threshold) / 12))
    markers = np.zeros(coins.shape, dtype=int)
    markers[coins < 30], markers[coins > 150] = 1, 2
    regions = segmentation.watershed(filters.sobel(coins), markers)
    return coins, soft, otsu, ndimage.binary_fill_holes(regions == 2)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Print the numbers, write the picture, and return the numbers."""
    parser = argparse.ArgumentParser(description="Otsu against watershed on a photograph of coins.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output" / "quickstart.png")
    options = parser.parse_args(arguments)
    coins, soft, otsu, watershed = segment()

    counts = ref.confusion(otsu, watershed)
    numbers = {name: float(ref.registry.metrics[name].function(counts)) for name in SCORES}
    print("Otsu's mask, the watershed's taken as truth")
    print("\n".join(f"  {name:24} {numbers[name]:.4f}" for name in SCORES))
    print("Otsu's soft prediction, the same truth")
    for name in LOSSES:
        numbers[name] = float(ref.registry.losses[name].function(soft, watershed))
        print(f"  {name:24} {numbers[name]:.4f}")

    gradient = ref.grad(ref.focal_loss)(soft, watershed)
    panels = {"image": coins, "Otsu": otsu, "watershed (truth)": watershed, "gradient of the focal loss": gradient}
    figure, axes = plt.subplots(1, 4, figsize=(16, 3.6), layout="constrained")
    for axis, (title, picture) in zip(axes, panels.items(), strict=True):
        limit = float(np.percentile(np.abs(gradient), 99))
        style: dict[str, Any] = {"cmap": "gray"} if picture is not gradient else {
            "cmap": "RdBu", "vmin": -limit, "vmax": limit
        }  # fmt: skip
        shown = axis.imshow(picture, **style)
        axis.set_title(title)
        axis.set_axis_off()
    figure.colorbar(shown, ax=axes[-1], shrink=0.8)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.output, dpi=110)
    plt.close(figure)
    print(f"picture: {options.output}")
    return numbers


if __name__ == "__main__":
    main()
