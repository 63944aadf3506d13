"""A Dice loss and score of somebody's library, on NumPy."""

from __future__ import annotations

from typing import Any

__version__ = "1.0"


def dice_loss(pred: Any, target: Any, smooth: float = 1.0) -> Any:
    """One minus the smoothed Dice of all pixels."""
    return 1 - (2 * (pred * target).sum() + smooth) / (pred.sum() + target.sum() + smooth)


def dice_score(pred: Any, target: Any) -> float:
    """Twice the common pixels over all, 1 where both masks are empty."""
    total = pred.sum() + target.sum()
    return float(2 * (pred * target).sum() / total) if total else 1.0
