"""Counting metrics: counts by counting, as fractions, and the formulas on them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..numbers import Number, mp
from .regions import Answer, axes_of, without

__all__ = [
    "FINISH",
    "MASKS",
    "METRICS",
    "Found",
    "class_counts",
    "class_place",
    "counting_metric",
    "counts",
    "decisions",
    "reduced",
    "sorted_out",
]


def _decide(
    mask: Any, place: tuple[int, ...], class_axis: int | None, c: int, threshold: float, competes: bool
) -> bool:
    if class_axis is not None and competes:
        scores = [float(mask[(*place[:class_axis], k, *place[class_axis:])]) for k in range(mask.shape[class_axis])]
        return scores.index(max(scores)) == c
    value = mask[place] if class_axis is None else mask[(*place[:class_axis], c, *place[class_axis:])]
    return bool(value > threshold) if mask.dtype.kind == "f" else bool(value)


def _maps(pred: Any, target: Any, class_axis: int | None, num_classes: int | None) -> tuple[bool, bool, int]:
    """Whether pred is a label map, whether target is, and the number of dimensions with the class axis."""
    pred_map = class_axis is not None and (
        pred.ndim < target.ndim or (num_classes is not None and pred.ndim == target.ndim)
    )
    target_map = class_axis is not None and (
        target.ndim < pred.ndim or (num_classes is not None and pred.ndim == target.ndim)
    )
    return pred_map, target_map, max(pred.ndim + pred_map, target.ndim + target_map)


def class_place(
    pred: Any, target: Any, *, axis: Any = None, class_axis: int | None = None, num_classes: int | None = None, **_: Any
) -> int | None:
    """Which axis of the values the classes lie along; None without classes."""
    if class_axis is None:
        return None
    ndim = _maps(pred, target, class_axis, num_classes)[2]
    inside = axes_of(axis, class_axis % ndim, ndim)
    if class_axis % ndim in inside:
        return None
    return [one for one in range(ndim) if one not in inside].index(class_axis % ndim)


class Decision(NamedTuple):
    """One pixel of one class: its place in the whole array, whether it is foreground in pred and target, its weight."""

    place: tuple[int, ...]
    pred: bool
    target: bool
    weight: Fraction
    ignored: bool


def decisions(
    pred: Any, target: Any, *, threshold: float = 0.5, axis: Any = None, class_axis: int | None = None,
    num_classes: int | None = None, weight: Any = None, ignore_index: int | None = None, from_logits: bool = False,
) -> tuple[tuple[int, ...], list[int], list[Decision]]:  # fmt: skip
    """(shape of the masks, the axes of a region, all decisions)."""
    pred_map, target_map, ndim = _maps(pred, target, class_axis, num_classes)
    class_axis = None if class_axis is None else class_axis % ndim
    axes = axes_of(axis, class_axis, ndim)
    if class_axis is None:
        shape, classes = pred.shape, 1
    elif pred_map and target_map:
        classes = int(num_classes or 0)
        shape = (*pred.shape[:class_axis], classes, *pred.shape[class_axis:])
    else:
        shape = target.shape if pred_map else pred.shape
        classes = shape[class_axis]
    pixels = without(shape, class_axis)
    weights = None if weight is None else np.broadcast_to(weight, pixels)
    found = []
    for place in np.ndindex(*pixels):
        w = Fraction(1) if weights is None else Fraction(float(weights[place]))
        ignored = ignore_index is not None and bool(target[place] == ignore_index)
        for c in range(classes):
            full = place if class_axis is None else (*place[:class_axis], c, *place[class_axis:])
            a = (
                int(pred[place]) == c
                if pred_map
                else _decide(pred, place, class_axis, c, 0.0 if from_logits else threshold, pred.dtype.kind == "f")
            )
            b = int(target[place]) == c if target_map else _decide(target, place, class_axis, c, threshold, False)
            found.append(Decision(full, a, b, w, ignored))
    return shape, axes, found


def counts(
    pred: Any, target: Any, **keywords: Any
) -> tuple[tuple[int, ...], list[tuple[Fraction, Fraction, Fraction, Fraction]]]:
    """(shape, [(tp, fp, fn, tn), ...]) by counting."""
    shape, axes, found = decisions(pred, target, **keywords)
    kept = [one for one in range(len(shape)) if one not in axes]
    cells = {key: [Fraction(0)] * 4 for key in itertools.product(*(range(shape[one]) for one in kept))}
    for index, a, b, w, ignored in found:
        if not ignored:
            cells[tuple(index[one] for one in kept)][0 if a and b else 1 if a else 2 if b else 3] += w
    return tuple(shape[one] for one in kept), [(c[0], c[1], c[2], c[3]) for c in cells.values()]


def class_counts(
    pred: Any, target: Any, *, num_classes: int, axis: Any = None, weight: Any = None, ignore_index: int | None = None
) -> dict[tuple[int, ...], list[list[Fraction]]]:
    """The counts [target][pred] of two label maps for every region, by its place among the axes that are kept."""
    axes = axes_of(axis, None, target.ndim)
    kept = [one for one in range(target.ndim) if one not in axes]
    tables = {
        key: [[Fraction(0)] * num_classes for _ in range(num_classes)]
        for key in itertools.product(*(range(target.shape[one]) for one in kept))
    }
    weights = None if weight is None else np.broadcast_to(weight, target.shape)
    for place in np.ndindex(*target.shape):
        t, p = int(target[place]), int(pred[place])
        if t != ignore_index:
            share = Fraction(1) if weights is None else Fraction(float(weights[place]))
            tables[tuple(place[one] for one in kept)][t][p] += share
    return tables


Counts = tuple[Fraction, Fraction, Fraction, Fraction]


def _over(above: Any, below: Any) -> Any:
    if below == 0:
        return mp.nan if above == 0 else mp.inf * (1 if above > 0 else -1)
    if isinstance(above, Fraction) and isinstance(below, Fraction):
        value = above / below
        return mp.mpf(value.numerator) / value.denominator
    return _real(above) / _real(below)


def _real(value: Any) -> Any:
    return mp.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else mp.mpf(value)


def _matthews(tp: Fraction, fp: Fraction, fn: Fraction, tn: Fraction) -> Any:
    below = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return _over(tp * tn - fp * fn, Fraction(0)) if below == 0 else _real(tp * tn - fp * fn) / mp.sqrt(_real(below))


def _kappa(tp: Fraction, fp: Fraction, fn: Fraction, tn: Fraction) -> Any:
    """From the agreement observed and the agreement by chance, as Cohen writes it."""
    n = tp + fp + fn + tn
    if n == 0:
        return mp.nan
    observed = (tp + tn) / n
    chance = ((tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)) / n**2
    return _over(observed - chance, 1 - chance)


def _f_score(tp: Fraction, fp: Fraction, fn: Fraction, beta: float = 1.0) -> Any:
    b2 = Fraction(beta) ** 2
    return _over((1 + b2) * tp, (1 + b2) * tp + b2 * fn + fp)


def _volume(tp: Fraction, fp: Fraction, fn: Fraction, kind: str = "unsigned") -> Any:
    p, t = tp + fp, tp + fn
    return {
        "unsigned": lambda: 1 - _over(abs(p - t), p + t),
        "signed": lambda: _over(2 * (p - t), p + t),
        "relative": lambda: _over(p - t, t),
        "absolute_relative": lambda: _over(abs(p - t), t),
    }[kind]()


METRICS: dict[str, Callable[..., Any]] = {
    "dice_score": lambda tp, fp, fn, tn: _over(2 * tp, (tp + fp) + (tp + fn)),
    "jaccard_index": lambda tp, fp, fn, tn: _over(tp, tp + fp + fn),
    "sensitivity": lambda tp, fp, fn, tn: _over(tp, tp + fn),
    "specificity": lambda tp, fp, fn, tn: _over(tn, tn + fp),
    "precision": lambda tp, fp, fn, tn: _over(tp, tp + fp),
    "negative_predictive_value": lambda tp, fp, fn, tn: _over(tn, tn + fn),
    "accuracy": lambda tp, fp, fn, tn: _over(tp + tn, tp + fp + fn + tn),
    "balanced_accuracy": lambda tp, fp, fn, tn: (_over(tp, tp + fn) + _over(tn, tn + fp)) / 2,
    "f_score": lambda tp, fp, fn, tn, **own: _f_score(tp, fp, fn, **own),
    "matthews_correlation": _matthews,
    "cohen_kappa": _kappa,
    "tversky_index": lambda tp, fp, fn, tn, fp_weight=0.5, fn_weight=0.5: _over(
        tp, tp + Fraction(fp_weight) * fp + Fraction(fn_weight) * fn
    ),
    "volumetric_similarity": lambda tp, fp, fn, tn, **own: _volume(tp, fp, fn, **own),
}
# Terms of these are differences, so that a sound evaluation is good to a few roundoffs of 1 rather than of the result.
_DIFFERENCES = ("matthews_correlation", "cohen_kappa", "volumetric_similarity", "balanced_accuracy")


MASKS = ("from_logits", "threshold", "axis", "class_axis", "num_classes", "weight", "ignore_index")
"""The keywords that say how masks are read."""
FINISH = ("reduction", "undefined", "pred_empty", "target_empty")
"""The keywords that say what becomes of the values."""


class Found(NamedTuple):
    """The value of one region (and class), nan where it is 0/0, the bound of its error, and how large both masks are."""

    value: Any
    bound: Any
    pred: Any
    target: Any


def counting_metric(name: str, pred: Any, target: Any, **keywords: Any) -> Answer:
    """The true value of a counting metric."""
    masks, own, finishing = sorted_out(keywords)
    shape, cells = counts(pred, target, **masks)
    grain = 8 + 2 * pred.size  # sums of weights, and the few operations on them
    floor = 1 if name in _DIFFERENCES else 0
    found = []
    for tp, fp, fn, tn in cells:
        value = METRICS[name](tp, fp, fn, tn, **own)
        found.append(Found(value, grain * (abs(value) + floor), tp + fp, tp + fn))
    return reduced(shape, found, class_place(pred, target, **masks), grain, **finishing)


def sorted_out(keywords: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """(keywords that say how masks are read, the metric's own, what becomes of the values)."""
    parts: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = ({}, {}, {})
    for key, value in keywords.items():
        parts[0 if key in MASKS else 2 if key in FINISH else 1][key] = value
    return parts


def reduced(
    shape: tuple[int, ...], found: list[Found], place: int | None, grain: int, *, reduction: str = "none",
    undefined: float = math.nan, pred_empty: float | None = None, target_empty: float | None = None,
) -> Answer:  # fmt: skip
    """The answer made of what was found in every region (and class, along axis `place`); sizes err by `grain` roundoffs."""
    given = [_spoken_for(one, undefined, pred_empty, target_empty) for one in found]
    if reduction == "none":
        return _answer(shape, given)
    if reduction == "weighted":
        regions: dict[tuple[int, ...], list[int]] = {}
        for index, where in enumerate(np.ndindex(*shape)):
            region = where if place is None else where[:place] + where[place + 1 :]
            regions.setdefault(region, []).append(index)
        given = [_by_support([(*given[i], found[i].target) for i in row], grain, undefined) for row in regions.values()]
    if reduction == "nanmean":
        given = [(value, bound) for value, bound in given if not mp.isnan(value)]
    if not given:
        return _answer((), [(mp.nan, mp.mpf(0))])
    whole = mp.fsum(value for value, _ in given)
    # Sums in any order, and the division.
    bound = mp.fsum(bound + (len(found) + 2) * abs(value) for value, bound in given)
    parts = 1 if reduction == "sum" else len(given)
    return _answer((), [(whole / parts, bound / parts)])


def _answer(shape: tuple[int, ...], given: list[tuple[Any, Any]]) -> Answer:
    return Answer(shape, [Number(v, mp.mpf(e)) if mp.isfinite(v) else Number(v) for v, e in given], None, False)


def _spoken_for(one: Found, undefined: float, pred_empty: float | None, target_empty: float | None) -> tuple[Any, Any]:
    """(value, bound), with what was said of a mask that is empty beside one that is not, or else of 0/0."""
    instead: float | None = None
    if one.pred == 0 and one.target > 0:
        instead = pred_empty
    elif one.target == 0 and one.pred > 0:
        instead = target_empty
    if instead is None and mp.isnan(one.value):
        instead = undefined
    return (one.value, one.bound) if instead is None else (mp.mpf(instead), mp.mpf(0))


def _by_support(classes: list[tuple[Any, Any, Any]], grain: int, undefined: float) -> tuple[Any, Any]:
    """The mean of (value, bound, support) over the classes that the target has."""
    there = [(value, bound, _real(Fraction(size))) for value, bound, size in classes if size > 0]
    if not there:
        return mp.mpf(undefined), mp.mpf(0)
    whole = mp.fsum(size for _, _, size in there)
    value = mp.fsum(value * size for value, _, size in there) / whole
    # Both sizes of a share, the product and the sum.
    steps = 2 * grain + len(there) + 4
    return value, mp.fsum((bound + steps * abs(value)) * size for value, bound, size in there) / whole
