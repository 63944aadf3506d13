"""scikit-learn on labels in a row, which takes the target first and wants every label named."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import metrics


def of_labels(pred: Any, target: Any, num_classes: int, of: str, **options: Any) -> Any:
    """A multi-class score of two rows of labels."""
    return getattr(metrics, of)(target, pred, labels=range(num_classes), **options)


def micro(pred: Any, target: Any, of: str, **options: Any) -> Any:
    """The same of one-hot arrays (classes, pixels), pooled over classes."""
    return of_labels(pred.argmax(0), target.argmax(0), len(pred), of, average="micro", **options)


def of_samples(pred: Any, target: Any, of: str, **options: Any) -> Any:
    """The mean over samples (samples, labels), with one more label that nobody has, since a single one is refused."""
    pred, target = (np.pad(one, ((0, 0), (0, 1))) for one in (pred, target))
    return getattr(metrics, of)(target, pred, average="samples", **options)


def log_loss_of_classes(pred: Any, target: Any, **options: Any) -> Any:
    """log_loss of probabilities (pixels, classes)."""
    return metrics.log_loss(target, pred, labels=range(pred.shape[1]), **options)
