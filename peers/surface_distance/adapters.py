"""surface-distance in one call: its metrics take the distances that another function has computed, target first."""

from __future__ import annotations

from typing import Any

import surface_distance as sd


def robust_hausdorff(pred: Any, target: Any, spacing: Any, percent: float) -> Any:
    """The robust Hausdorff distance."""
    return sd.compute_robust_hausdorff(sd.compute_surface_distances(target, pred, spacing), percent)


def average_gt_to_pred(pred: Any, target: Any, spacing: Any) -> Any:
    """The first of the two average distances."""
    return sd.compute_average_surface_distance(sd.compute_surface_distances(target, pred, spacing))[0]


def average_pred_to_gt(pred: Any, target: Any, spacing: Any) -> Any:
    """The second of the two average distances."""
    return sd.compute_average_surface_distance(sd.compute_surface_distances(target, pred, spacing))[1]


def overlap_gt(pred: Any, target: Any, spacing: Any, tolerance: float) -> Any:
    """The share of the target's surface near the prediction's."""
    return sd.compute_surface_overlap_at_tolerance(sd.compute_surface_distances(target, pred, spacing), tolerance)[0]


def overlap_pred(pred: Any, target: Any, spacing: Any, tolerance: float) -> Any:
    """The share of the prediction's surface near the target's."""
    return sd.compute_surface_overlap_at_tolerance(sd.compute_surface_distances(target, pred, spacing), tolerance)[1]


def surface_dice(pred: Any, target: Any, spacing: Any, tolerance: float) -> Any:
    """The surface Dice coefficient."""
    return sd.compute_surface_dice_at_tolerance(sd.compute_surface_distances(target, pred, spacing), tolerance)
