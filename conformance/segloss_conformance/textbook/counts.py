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

__all__ = ["MASKS", "METRICS", "counting_metric", "counts", "decisions", "reduced"]


def _decide(
    mask: Any, place: tuple[int, ...], class_axis: int | None, c: int, threshold: float, competes: bool
) -> bool:
    if class_axis is not None and competes:
        scores = [float(mask[(*place[:class_axis], k, *place[class_axis:])]) for k in range(mask.shape[class_axis])]
        return scores.index(max(scores)) == c
    value = mask[place] if class_axis is None else mask[(*place[:class_axis], c, *place[class_axis:])]
    return bool(value > threshold) if mask.dtype.kind == "f" else bool(value)


class Decision(NamedTuple):
    """One pixel of one class: its place in the whole array, whether it is foreground in pred and target, its weight."""

    place: tuple[int, ...]
    pred: bool
    target: bool
    weight: Fraction
    ignored: bool


def decisions(
    pred: Any, target: Any, *, threshold: float = 0.5, axis: Any = None, class_axis: int | None = None,
    num_classes: int | None = None, weight: Any = None, ignore_index: int | None = None,
) -> tuple[tuple[int, ...], list[int], list[Decision]]:  # fmt: skip
    """(shape of the masks, the axes of a region, all decisions)."""
    pred_map = class_axis is not None and (
        pred.ndim < target.ndim or (num_classes is not None and pred.ndim == target.ndim)
    )
    target_map = class_axis is not None and (
        target.ndim < pred.ndim or (num_classes is not None and pred.ndim == target.ndim)
    )
    ndim = max(pred.ndim + pred_map, target.ndim + target_map)
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
                else _decide(pred, place, class_axis, c, threshold, competes=pred.dtype.kind == "f")
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


MASKS = ("threshold", "axis", "class_axis", "num_classes", "weight", "ignore_index")
"""The keywords that say how masks are read."""


def counting_metric(
    name: str, pred: Any, target: Any, *, reduction: str = "none", undefined: float = math.nan, **keywords: Any
) -> Answer:
    """The true value of a counting metric."""
    own = {key: value for key, value in keywords.items() if key not in MASKS}
    shape, cells = counts(pred, target, **{key: value for key, value in keywords.items() if key in MASKS})
    values = [METRICS[name](*cell, **own) for cell in cells]
    grain = 8 + 2 * pred.size  # sums of weights, and the few operations on them
    floor = 1 if name in _DIFFERENCES else 0
    return reduced(shape, [(value, grain * (abs(value) + floor)) for value in values], reduction, undefined)


def reduced(shape: tuple[int, ...], values: list[tuple[Any, Any]], reduction: str, undefined: float) -> Answer:
    """The answer made of a (value, bound) a region, nan where it is undefined."""
    given = [(mp.mpf(undefined), mp.mpf(0)) if mp.isnan(value) else (value, bound) for value, bound in values]
    if reduction == "nanmean":
        given = [(value, bound) for value, bound in given if not mp.isnan(value)]
    if reduction != "none":
        shape = ()
        whole = mp.fsum(value for value, _ in given) if given else mp.nan
        # Sums in any order, and the division.
        bound = mp.fsum(bound + (len(values) + 2) * abs(value) for value, bound in given)
        parts = 1 if reduction == "sum" else max(len(given), 1)
        given = [(whole / parts, bound / parts)]
    return Answer(shape, [Number(v, mp.mpf(e)) if mp.isfinite(v) else Number(v) for v, e in given], None, False)
