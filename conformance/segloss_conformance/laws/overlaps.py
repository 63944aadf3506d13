"""Laws: relations between an implementation's own answers, which need no textbook to be believed.

A law turns a case into another one and says how the two values are related. It calls the implementation alone. Values may
differ by a multiple of the case's error bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from segloss_ref import registry

from ..cases.case import Case
from .law import Law, axes_of, changed, is_surface

__all__ = ["EMPTY", "LAWS", "by_support", "exchanged"]


LAWS: list[Law] = []

_PIXELWISE = {"binary_cross_entropy", "weighted_cross_entropy", "focal_loss"}
_SPATIAL = {name for name, record in registry.losses.items() if record.spatial}
_SMOOTH = {name for name, record in registry.losses.items() if "smooth" in record.parameters}


def _along(case: Case, change: Callable[[Any, int], Any]) -> Case | None:
    """Apply `change(array, axis)` to prediction, target and weight along the last region axis."""
    class_axis, axes, ndim = axes_of(case)
    if not axes:
        return None
    axis = axes[-1]

    def apply(array: Any) -> Any:
        without_classes = array.ndim == ndim - 1
        place = axis - 1 if without_classes and class_axis is not None and class_axis < axis else axis
        return change(array, place)

    weight = case.keywords.get("weight")
    if weight is not None:
        pixels = ndim - (class_axis is not None)
        shape = list(case.target.shape if case.target.ndim == pixels else case.pred.shape)
        if len(shape) > pixels and class_axis is not None:
            del shape[class_axis]
        weight = np.broadcast_to(weight, shape)
        place = axis - 1 if class_axis is not None and class_axis < axis else axis
        weight = change(weight, place)
    phi = case.keywords.get("phi")
    phi = None if phi is None else apply(np.broadcast_to(phi, case.pred.shape))
    return changed(case, pred=apply(case.pred), target=apply(case.target), weight=weight, phi=phi)


def _flipped(case: Case) -> Case | None:
    if case.name == "centerline_dice":
        return None  # thinning takes the directions in turn
    return _along(case, lambda array, axis: np.flip(array, axis).copy())


def _doubled(case: Case) -> Case | None:
    if case.name in _SPATIAL or is_surface(case):
        return None  # it matters where pixels lie
    doubled = _along(case, lambda array, axis: np.concatenate([array, array], axis))
    if doubled is None or case.name not in _SMOOTH:
        return doubled
    smooth = case.keywords.get("smooth", registry.losses[case.name].parameters["smooth"].default)
    if case.name == "generalized_dice_loss" and (case.keywords.get("weight_type") != "uniform"):
        return None  # its weights are relative to the smallest class, which the count of pixels does not change
    return changed(doubled, smooth=(2 * smooth[0], 2 * smooth[1]) if isinstance(smooth, tuple) else 2 * smooth)


def _padded(case: Case) -> Case | None:
    """One more pixel, of weight 0."""
    _, axes, _ = axes_of(case)
    if case.is_loss or is_surface(case) or not axes or "weight" in case.keywords:
        return None
    class_axis, axes, ndim = axes_of(case)
    shape = list(case.pred.shape if case.pred.ndim >= case.target.ndim else case.target.shape)
    if class_axis is not None and len(shape) == ndim:
        del shape[class_axis]
    weighted = changed(case, weight=np.ones(shape))
    more = _along(weighted, lambda array, axis: np.concatenate([array, np.take(array, [0], axis)], axis))
    assert more is not None
    place = axes[-1] - 1 if class_axis is not None and class_axis < axes[-1] else axes[-1]
    np.moveaxis(more.keywords["weight"], place, 0)[-1] = 0.0
    return more


def _heavier(case: Case) -> Case | None:
    """All weights doubled; smoothing with them."""
    if "weight" not in case.keywords or is_surface(case) or (case.is_loss and case.name not in _PIXELWISE):
        return None
    return changed(case, weight=2 * case.keywords["weight"])


def _relabelled(case: Case) -> Case | None:
    """Classes in reverse order."""
    class_axis, _, _ = axes_of(case)
    if class_axis is None or not case.is_loss or case.target.ndim < case.pred.ndim:
        return None
    keywords: dict[str, Any] = {}
    for name in ("class_weight", "label_weights"):
        if case.keywords.get(name) is not None:
            keywords[name] = tuple(reversed(case.keywords[name]))
    if case.keywords.get("phi") is not None:
        keywords["phi"] = np.flip(np.broadcast_to(case.keywords["phi"], case.pred.shape), class_axis).copy()
    flip = [np.flip(array, class_axis).copy() for array in (case.pred, case.target)]
    return changed(case, pred=flip[0], target=flip[1], **keywords)


def _unrelabelled(case: Case, value: Any) -> Any:
    class_axis, axes, _ = axes_of(case)
    if not registry.losses[case.name].per_class or case.keywords.get("reduction") != "none":
        return value
    place = sum(one not in axes for one in range(class_axis or 0))
    return np.flip(value, place)


def _inverted(case: Case) -> Case | None:
    """Foreground and background change places."""
    if not case.keywords.get("from_logits") or "class_axis" in case.keywords or "ignore_index" in case.keywords:
        return None
    if case.name not in ("binary_cross_entropy", "focal_loss") or case.target.dtype == bool:
        return None
    alpha = case.keywords.get("alpha")
    return changed(case, pred=-case.pred, target=1 - case.target, alpha=None if alpha is None else 1 - alpha)


def _shifted(case: Case) -> Case | None:
    """A constant on all classes' logits changes nothing."""
    if not case.keywords.get("from_logits") or "class_axis" not in case.keywords or case.grid != "narrow":
        return None
    return changed(case, pred=case.pred + 8.0)


def _as_dice(case: Case) -> Case | None:
    """Tversky with both weights 1/2 is Dice with twice the smoothing."""
    if case.name != "tversky_loss" or {case.keywords.get(k, 0.5) for k in ("fp_weight", "fn_weight")} != {0.5}:
        return None
    smooth = case.keywords.get("smooth", 1e-5)
    doubled = tuple(2 * part for part in smooth) if isinstance(smooth, tuple) else 2 * smooth
    return changed(case, "dice_loss", fp_weight=None, fn_weight=None, smooth=doubled)


def _as_jaccard(case: Case) -> Case | None:
    """Tversky with both weights 1 is Jaccard, asked from either side."""
    if case.name == "jaccard_loss" and "squared" not in case.keywords:
        return changed(case, "tversky_loss", fp_weight=1.0, fn_weight=1.0)
    if case.name != "tversky_loss" or {case.keywords.get(k, 0.5) for k in ("fp_weight", "fn_weight")} != {1.0}:
        return None
    return changed(case, "jaccard_loss", fp_weight=None, fn_weight=None)


def _as_tversky(case: Case) -> Case | None:
    """Focal Tversky with exponent 1 is Tversky."""
    if case.name != "focal_tversky_loss" or case.keywords.get("gamma") != 1.0:
        return None
    weights = {"fp_weight": 0.3, "fn_weight": 0.7} | {
        k: case.keywords[k] for k in case.keywords if k.endswith("_weight")
    }
    weights.pop("class_weight", None)
    return changed(case, "tversky_loss", gamma=None, **weights)


def _as_cross_entropy(case: Case) -> Case | None:
    """Focal with exponent 0 and no alpha is cross-entropy."""
    if case.name != "focal_loss" or case.keywords.get("gamma") != 0.0 or case.keywords.get("alpha") is not None:
        return None
    return changed(case, "binary_cross_entropy", gamma=None, alpha=None)


EMPTY = ("pred_empty", "target_empty")
"""The keywords that say what one empty mask gives."""


def exchanged(case: Case) -> dict[str, Any]:
    """What is said of an empty prediction is said of an empty target, and the other way round."""
    return {name: case.keywords.get(other) for name, other in zip(EMPTY, reversed(EMPTY), strict=True)}


def by_support(case: Case) -> bool:
    """Whether classes are weighted by the target, so that the two masks do not enter alike."""
    return case.keywords.get("reduction") == "weighted"


_SYMMETRIC = {"dice_score", "jaccard_index", "accuracy", "matthews_correlation", "cohen_kappa"}
_MIRROR = {"sensitivity": "precision", "precision": "sensitivity"}


def _swapped(case: Case) -> Case | None:
    """Two masks change places."""
    if case.is_loss or case.keywords.keys() & {"class_axis", "ignore_index", "threshold"}:
        return None
    if (case.name not in _SYMMETRIC and case.name not in _MIRROR) or by_support(case):
        return None
    pred, target = case.pred > 0.5, case.target > 0.5  # as masks: a target is not handed over as probabilities
    return changed(case, _MIRROR.get(case.name, case.name), pred=target, target=pred, **exchanged(case))


def _negative(case: Case) -> Case | None:
    """Both masks inverted: what held of the foreground holds of the background."""
    names = {"sensitivity": "specificity", "specificity": "sensitivity", "precision": "negative_predictive_value"}
    names |= {name: name for name in ("accuracy", "balanced_accuracy", "matthews_correlation", "cohen_kappa")}
    names["negative_predictive_value"] = "precision"
    if case.name not in names or case.keywords.keys() & {"class_axis", "ignore_index", "threshold", *EMPTY}:
        return None
    if by_support(case):
        return None
    pred, target = case.pred > 0.5, case.target > 0.5
    return changed(case, names[case.name], pred=~pred, target=~target)


def _unreduced(case: Case) -> Case | None:
    """The sum is that of the values."""
    return changed(case, reduction="none") if case.keywords.get("reduction") == "sum" else None


def _dice_of(case: Case) -> Case | None:
    """Intersection over union is D/(2 - D)."""
    if case.name != "jaccard_index" or case.keywords.get("reduction", "none") != "none":
        return None
    return None if case.keywords.keys() & {"undefined", *EMPTY} else changed(case, "dice_score")


def _one_class_more(case: Case) -> Case | None:
    """A class that no pixel has: it has no support."""
    if case.is_loss or not by_support(case) or "num_classes" not in case.keywords:
        return None
    return changed(case, num_classes=case.keywords["num_classes"] + 1)


def _right_pixels(case: Case) -> Case | None:
    """The mean accuracy of the classes from sensitivity weighted by support, which is the share of pixels that are right."""
    class_axis, _, ndim = axes_of(case)
    if case.name != "accuracy" or case.keywords.get("reduction") != "mean" or class_axis is None:
        return None
    if case.keywords.keys() & {"undefined", *EMPTY}:
        return None
    if case.target.ndim == ndim or (case.pred.ndim == ndim and case.pred.dtype.kind != "f"):
        return None  # masks of classes may overlap
    return changed(case, "sensitivity", reduction="weighted")


def _one_against_rest(case: Case, value: Any) -> Any:
    """Against the rest, a pixel with a wrong label is an error of two classes."""
    class_axis, _, _ = axes_of(case)
    classes = case.keywords.get("num_classes") or max(case.pred.shape, case.target.shape, key=len)[class_axis or 0]
    return 1 - 2 * (1 - value) / classes


LAWS += [
    Law("flipping a region changes nothing", _flipped),
    Law("every pixel twice (and smoothing twice) changes nothing", _doubled),
    Law("a pixel of weight 0 changes nothing", _padded),
    Law("weights twice as heavy change nothing", _heavier),
    Law("classes may be renamed", _relabelled, _unrelabelled),
    Law("foreground and background are alike", _inverted),
    Law("a constant on all logits changes nothing", _shifted),
    Law("Tversky(1/2, 1/2, s) is Dice(2 s)", _as_dice),
    Law("Tversky(1, 1) is Jaccard", _as_jaccard),
    Law("focal Tversky(1) is Tversky", _as_tversky),
    Law("focal(0) is the cross-entropy", _as_cross_entropy),
    Law("masks may change places", _swapped),
    Law("inverted masks score alike", _negative),
    Law("the sum is the sum of the values", _unreduced, lambda case, value: np.sum(value)),
    Law("IoU is D/(2 - D)", _dice_of, lambda case, value: value / (2 - value)),
    Law("a class without support counts for nothing", _one_class_more),
    Law("sensitivity weighted by support is the share of right pixels", _right_pixels, _one_against_rest),
]
