"""Directed distances between surfaces, for mutants of the surface metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

import segloss_ref as ref

from ..cases.case import Case
from .kit import parameter, score

__all__ = ["combined", "distances", "masked"]


def masked(case: Case, change: Callable[[Any], Any]) -> Any:
    """The metric of masks that were changed first."""
    pred, target = (np.asarray(change(mask > 0.5), bool) for mask in (case.pred, case.target))
    return score(Case(case.name, pred, target, case.keywords, is_loss=False))


def distances(case: Case) -> list[Any] | None:
    """[prediction to target, target to prediction]; None where surfels are asked for or a mask is empty."""
    if parameter(case, "surface") == "surfel" or not case.pred.any() or not case.target.any():
        return None
    kept = {key: case.keywords[key] for key in ("spacing", "surface", "border") if key in case.keywords}
    record = ref.surface_distances(case.pred, case.target, **kept)
    found = [np.asarray(record.pred_to_target).ravel(), np.asarray(record.target_to_pred).ravel()]
    sizes = [np.asarray(record.pred_sizes).ravel(), np.asarray(record.target_sizes).ravel()]
    found = [one[size > 0] for one, size in zip(found, sizes, strict=True)]
    return found if all(one.size and np.isfinite(one).all() for one in found) else None


def _linear(d: Any, percentile: float) -> Any:
    return np.percentile(d, percentile)


def combined(
    case: Case,
    change: Callable[[Any], Any] = lambda d: d,
    mean: Callable[[Any], Any] = np.mean,
    percentile: Callable[[Any, float], Any] = _linear,
    pooled: Callable[[Any, Any], Any] | None = None,
) -> Any:
    """The metric of distances that were changed first, or with another mean, percentile or way to pool two sets."""
    sets = distances(case)
    if sets is None:
        return score(case)
    sets = [change(one) for one in sets]

    def statistic(d: Any) -> Any:
        if case.name == "hausdorff_distance":
            if parameter(case, "interpolation") == "attained":
                return np.percentile(d, parameter(case, "percentile"), method="inverted_cdf")
            return percentile(d, parameter(case, "percentile"))
        return mean(d) if case.name == "average_surface_distance" else (d <= case.keywords["tolerance"]).mean()

    combine = parameter(case, "combine")
    if combine == "pooled":
        return statistic(np.concatenate(sets)) if pooled is None else pooled(*sets)
    values = [statistic(one) for one in sets]
    if combine == "mean":
        return np.mean(values)
    if combine == "max":
        return max(values)
    return values[combine == "target_to_pred"]


def components(mask: Any) -> tuple[Any, int]:
    """(labels, number) of the components by faces."""
    found: Any = ndimage.label(mask)
    return found[0], int(found[1])
