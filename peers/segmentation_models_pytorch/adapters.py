"""segmentation_models_pytorch in the forms of the bindings: the metrics from masks to a number, tensors for numbers."""

from __future__ import annotations

from typing import Any

import segmentation_models_pytorch as smp
import torch

__version__ = smp.__version__


class Score:
    """A metric of the counts that `get_stats` takes; options of either go to it."""

    def __init__(self, metric: str, mode: str, threshold: float | None = None, **options: Any) -> None:
        self.metric = getattr(smp.metrics, metric)
        self.mode, self.threshold, self.options = mode, threshold, options

    def __call__(self, pred: Any, target: Any, num_classes: int | None = None, ignore_index: int | None = None) -> Any:
        # get_stats views its masks, and raises where they are not contiguous
        counts = smp.metrics.get_stats(
            pred.contiguous(),
            target.contiguous(),
            mode=self.mode,
            ignore_index=ignore_index,
            threshold=self.threshold,
            num_classes=num_classes,
        )
        return self.metric(*counts, **self.options)


class EvenlyWeightedScore(Score):
    """The same with one weight for all classes."""

    def __call__(self, pred: Any, target: Any, num_classes: int | None = None, ignore_index: int | None = None) -> Any:
        self.options["class_weights"] = [1.0] * (num_classes or 1)
        return super().__call__(pred, target, num_classes, ignore_index)


def weighted_bce(beta: float) -> Any:
    """The weight of the positives as the tensor that it has to be."""
    return smp.losses.SoftBCEWithLogitsLoss(pos_weight=torch.tensor(beta, dtype=torch.float64))
