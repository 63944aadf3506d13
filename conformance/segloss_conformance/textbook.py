"""The textbook: every loss and metric by loops over pixels, in 60-digit arithmetic, from the written definition.

Nothing here is shared with the library, neither a line nor a trick. What the library sums by axes is looped over here;
overlaps are 1 - a/b as printed; the Lovász extension is the integral over level sets that defines it; counts are counted.
An `Answer` holds the value and the gradient of the sum of the values, with the bounds that `numbers` computes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .numbers import (
    ONE,
    ULPS,
    ZERO,
    Number,
    constant,
    exact,
    exp,
    log,
    log1p,
    mp,
    power,
    sqrt,
    total,
    variable,
)

__all__ = ["Answer", "loss", "metric"]

TWO = exact(2)


class Answer(NamedTuple):
    """Values in C order of `shape`, the gradient in C order of pred's shape (None for metrics), and kinks."""

    shape: tuple[int, ...]
    value: list[Number]
    gradient: list[tuple[Any, float]] | None
    kink: bool
    """The gradient is not unique, or nearly so: two Lovász errors tie, or a hinge is at 0."""


@dataclass
class Pixel:
    """One pixel of one question: p, q = 1 - p, their logarithms, the target, 1 less the target, the weight, the logit."""

    p: Number
    q: Number
    log_p: Number
    log_q: Number
    y: Number
    x: Number  # 1 - y
    w: Number
    z: Number


Region = list[list[Pixel]]  # pixels, each of them with its classes (one when there are none)


# Probabilities. -------------------------------------------------------------------------------------------------------


def _given(number: Number) -> tuple[Number, Number, Number, Number]:
    q = ONE - number
    return number, q, log(number), log1p(-number)


def _logistic(z: Number) -> tuple[Number, Number, Number, Number]:
    """p = 1/(1 + e^-z), q = e^-z/(1 + e^-z); log p = -log(1 + e^-z) and log q = -z - log(1 + e^-z), by the sign of z."""
    small = exp(-z) if z.v >= 0 else exp(z)
    larger, smaller = ONE / (ONE + small), small / (ONE + small)
    near, far = -log1p(small), (-z if z.v >= 0 else z) - log1p(small)
    return (larger, smaller, near, far) if z.v >= 0 else (smaller, larger, far, near)


def _softmax(logits: Sequence[tuple[int, float]]) -> list[tuple[Number, Number, Number, Number]]:
    """Softmax of (index, logit) pairs. Its derivatives are written out, p_c (delta - p_k), so that none of them cancels.

    A sound evaluation may be off by a few roundoffs and by what a roundoff in each logit does, and a logarithm by a few
    roundoffs of 1: exp(z - max) is formed first, and 1 + tiny is 1.
    """
    values = [mp.mpf(z) for _, z in logits]
    size = 2 * mp.fsum(abs(z) for z in values) + 4 * ULPS + len(values)
    top = max(values)
    powers = [mp.exp(z - top) for z in values]
    whole = mp.fsum(powers)
    p = [one / whole for one in powers]
    q = [mp.fsum(other for k, other in enumerate(powers) if k != c) / whole for c in range(len(p))]
    result = []
    for c in range(len(p)):
        by_p, by_q, by_log_p, by_log_q = {}, {}, {}, {}
        for k, (index, _) in enumerate(logits):
            change = p[c] * q[c] if k == c else -p[c] * p[k]
            by_p[index] = change, abs(change) * size
            by_q[index] = -change, abs(change) * size
            in_log = q[c] if k == c else -p[k]
            by_log_p[index] = in_log, abs(in_log) * size
            out_log = -p[c] if k == c else (p[k] / q[c] * p[c] if q[c] else mp.mpf(0))
            by_log_q[index] = out_log, abs(out_log) * size
        log_p, log_q = mp.log(p[c]), mp.log(q[c]) if q[c] else -mp.inf
        result.append(
            (
                Number(p[c], p[c] * size, by_p),
                Number(q[c], q[c] * size, by_q),
                Number(log_p, abs(log_p) * ULPS + size, by_log_p),
                Number(log_q, abs(log_q) * ULPS + size, by_log_q),
            )
        )
    return result


# From arrays to regions. ----------------------------------------------------------------------------------------------


@dataclass
class Problem:
    """The regions of a case, in C order of the shape of the values with their axes kept as `regions_shape`."""

    regions: list[Region]
    regions_shape: tuple[int, ...]
    classes: int | None
    class_weight: list[Number]
    class_place: int
    """Where the class axis stands among the axes of the values."""


def _axes(axis: Any, class_axis: int | None, ndim: int) -> list[int]:
    if axis is None:
        return [one for one in range(ndim) if one != class_axis]
    return [one % ndim for one in (axis if isinstance(axis, tuple) else (axis,))]


def _without(index: tuple[int, ...], axis: int | None) -> tuple[int, ...]:
    return index if axis is None else index[:axis] + index[axis + 1 :]


def _problem(
    pred: Any, target: Any, *, from_logits: bool, class_axis: int | None, axis: Any, weight: Any, class_weight: Any,
    ignore_index: int | None, hinge: bool = False,
) -> Problem:  # fmt: skip
    ndim = pred.ndim
    class_axis = None if class_axis is None else class_axis % ndim
    axes = _axes(axis, class_axis, ndim)
    classes = None if class_axis is None else pred.shape[class_axis]
    pixel_shape = _without(pred.shape, class_axis)
    weights = None if weight is None else np.broadcast_to(weight, pixel_shape)
    is_map = class_axis is not None and target.ndim == ndim - 1
    kept = [one for one in range(ndim) if one not in axes and one != class_axis]
    regions: dict[tuple[int, ...], Region] = {
        key: [] for key in itertools.product(*(range(pred.shape[one]) for one in kept))
    }
    for place in np.ndindex(*pixel_shape):
        full = [
            place if class_axis is None else (*place[:class_axis], c, *place[class_axis:])
            for c in range(1 if classes is None else classes)
        ]
        w = 1.0 if weights is None else float(weights[place])
        label = target[place] if is_map or class_axis is None else None
        if ignore_index is not None and label == ignore_index:
            w = 0.0
        if w == 0:
            continue  # a pixel left out is left out of everything
        flat = [int(np.ravel_multi_index(index, pred.shape)) for index in full]
        values = [float(pred[index]) for index in full]
        if hinge or not from_logits:
            numbers = [variable(v, i) for v, i in zip(values, flat, strict=True)]
            views = [(n, ZERO, ZERO, ZERO) if hinge else _given(n) for n in numbers]
        elif class_axis is None:
            numbers = [variable(values[0], flat[0])]
            views = [_logistic(numbers[0])]
        else:
            numbers = [variable(v, i) for v, i in zip(values, flat, strict=True)]
            views = _softmax(list(zip(flat, values, strict=True)))
        pixel = []
        for c, index in enumerate(full):
            y = float(label == c) if is_map else float(target[index])
            pixel.append(Pixel(*views[c], exact(y), exact(1) - exact(y), exact(w), numbers[c]))
        key = tuple(full[0][one] for one in kept)
        regions[key].append(pixel)
    factors = [ONE] * (classes or 1) if class_weight is None else [constant(float(c)) for c in class_weight]
    shape = tuple(pred.shape[one] for one in kept)
    return Problem(
        list(regions.values()), shape, classes, factors,
        0 if class_axis is None else sum(one < class_axis for one in kept),
    )  # fmt: skip


# The losses: one region in, one value out. `c` picks a class where each class has a value of its own. ----------------


def _mean(region: Region, term: Callable[[list[Pixel]], Number]) -> Number:
    return total(pixel[0].w * term(pixel) for pixel in region) / total(pixel[0].w for pixel in region)


def _sum(region: Region, c: int, term: Callable[[Pixel], Number]) -> Number:
    return total(pixel[c].w * term(pixel[c]) for pixel in region)


def _categorical(region: Region, factors: Sequence[Number]) -> Number:
    return _mean(region, lambda pixel: -total(f * a.y * a.log_p for f, a in zip(factors, pixel, strict=True)))


def _two_sided(region: Region, positive: Number, negative: Number) -> Number:
    return _mean(
        region, lambda pixel: -(positive * pixel[0].y * pixel[0].log_p + negative * pixel[0].x * pixel[0].log_q)
    )


def _binary_cross_entropy(region: Region, k: Problem) -> Number:
    return _two_sided(region, ONE, ONE) if k.classes is None else _categorical(region, k.class_weight)


def _weighted_cross_entropy(region: Region, k: Problem, beta: float = 1.0) -> Number:
    return _two_sided(region, constant(beta), ONE)


def _share(region: Region, c: int) -> tuple[Number, Number]:
    """(background's share, foreground's share) of a region."""
    everything = total(pixel[c].w for pixel in region)
    return _sum(region, c, lambda a: a.x) / everything, _sum(region, c, lambda a: a.y) / everything


def _balanced_cross_entropy(region: Region, k: Problem, beta: float | None = None) -> Number:
    if k.classes is not None:
        rare = [_share(region, c)[0] * k.class_weight[c] for c in range(k.classes)]
        return _categorical(region, rare)
    if beta is None:
        return _two_sided(region, *_share(region, 0))
    return _two_sided(region, constant(beta), constant(1 - mp.mpf(beta)))


def _focal_loss(region: Region, k: Problem, alpha: float | None = None, gamma: float = 2.0) -> Number:
    if k.classes is not None:
        return _mean(
            region,
            lambda pixel: (
                -total(f * a.y * power(a.q, gamma) * a.log_p for f, a in zip(k.class_weight, pixel, strict=True))
            ),
        )
    one = ONE if alpha is None else constant(alpha)
    other = ONE if alpha is None else constant(1 - mp.mpf(alpha))

    def term(pixel: list[Pixel]) -> Number:
        a = pixel[0]
        return -(one * a.y * power(a.q, gamma) * a.log_p + other * a.x * power(a.p, gamma) * a.log_q)

    return _mean(region, term)


def _smooth(smooth: Any) -> tuple[Number, Number]:
    pair = smooth if isinstance(smooth, tuple | list) else (smooth, smooth)
    return constant(pair[0]), constant(pair[1])


def _one_less(above: Number, below: Number) -> Number:
    """1 - above/below, with 0/0 a perfect match; written so that a difference of 0 is 0."""
    if below.v == 0:
        return ZERO
    return ONE - above / below


def _dice_loss(region: Region, c: int, smooth: Any = 1e-5, squared: bool = False) -> Number:
    s_n, s_d = _smooth(smooth)
    k = 2.0 if squared else 1.0
    overlap = _sum(region, c, lambda a: a.p * a.y)
    sizes = _sum(region, c, lambda a: power(a.p, k)) + _sum(region, c, lambda a: power(a.y, k))
    return _one_less(TWO * overlap + s_n, sizes + s_d)


def _log_cosh_dice_loss(region: Region, c: int, smooth: Any = 1e-5, squared: bool = False) -> Number:
    dice = _dice_loss(region, c, smooth, squared)
    # cosh x - 1 = (e^x - 1)^2/(2 e^x), in place of a logarithm of a number near 1.
    grown = exp(dice) - ONE
    return log1p(grown * grown / (TWO * exp(dice)))


def _tversky_loss(region: Region, c: int, fp_weight: float = 0.5, fn_weight: float = 0.5, smooth: Any = 1e-5) -> Number:
    s_n, s_d = _smooth(smooth)
    tp = _sum(region, c, lambda a: a.p * a.y)
    fp = _sum(region, c, lambda a: a.p * a.x)
    fn = _sum(region, c, lambda a: a.q * a.y)
    return _one_less(tp + s_n, tp + constant(fp_weight) * fp + constant(fn_weight) * fn + s_d)


def _focal_tversky_loss(
    region: Region, c: int, fp_weight: float = 0.3, fn_weight: float = 0.7, gamma: float = 0.75, smooth: Any = 1e-5
) -> Number:
    _, s_d = _smooth(smooth)
    tp = _sum(region, c, lambda a: a.p * a.y)
    miss = constant(fp_weight) * _sum(region, c, lambda a: a.p * a.x) + constant(fn_weight) * _sum(
        region, c, lambda a: a.q * a.y
    )
    below = tp + miss + s_d
    if below.v == 0:
        return ZERO
    # The Tversky loss over its common denominator: a power below 1 would magnify what 1 - a/b loses near 0.
    return power((miss + _difference(smooth)) / below, gamma)


def _difference(smooth: Any) -> Number:
    pair = smooth if isinstance(smooth, tuple | list) else (smooth, smooth)
    return constant(mp.mpf(pair[1]) - mp.mpf(pair[0]))


def _jaccard_loss(region: Region, c: int, smooth: Any = 1e-5, squared: bool = False) -> Number:
    s_n, s_d = _smooth(smooth)
    k = 2.0 if squared else 1.0
    overlap = _sum(region, c, lambda a: a.p * a.y)
    sizes = _sum(region, c, lambda a: power(a.p, k)) + _sum(region, c, lambda a: power(a.y, k))
    return _one_less(overlap + s_n, sizes - overlap + s_d)


def _sensitivity_specificity_loss(region: Region, c: int, sensitivity_weight: float = 0.5, power_: int = 1) -> Number:
    w = constant(sensitivity_weight)
    missed, alarms = ZERO, ZERO
    foreground, background = _sum(region, c, lambda a: a.y), _sum(region, c, lambda a: a.x)
    if foreground.v != 0:
        missed = _sum(region, c, lambda a: a.y * power(a.q, power_)) / foreground
    if background.v != 0:
        alarms = _sum(region, c, lambda a: a.x * power(a.p, power_)) / background
    return w * missed + constant(1 - mp.mpf(sensitivity_weight)) * alarms


def _generalized_dice_loss(region: Region, k: Problem, weight_type: str = "square", smooth: Any = 1e-5) -> Number:
    s_n, s_d = _smooth(smooth)
    classes = range(k.classes or 1)
    sizes = [_sum(region, c, lambda a: a.y) for c in classes]
    raw: list[Number | None] = []
    for size in sizes:
        if weight_type == "uniform":
            raw.append(ONE)
        elif size.v == 0:
            raw.append(None)
        else:
            raw.append(ONE / (size * size) if weight_type == "square" else ONE / size)
    finite = [one for one in raw if one is not None]
    largest = max(finite, key=lambda one: one.v) if finite else ONE
    weights = [ONE if one is None else one / largest for one in raw]
    overlap = total(weights[c] * _sum(region, c, lambda a: a.p * a.y) for c in classes)
    extent = total(weights[c] * (_sum(region, c, lambda a: a.p) + sizes[c]) for c in classes)
    return _one_less(TWO * overlap + s_n, extent + s_d)


def _dice_coefficient(region: Region, c: int, smooth: Any) -> Number:
    s_n, s_d = _smooth(smooth)
    above = TWO * _sum(region, c, lambda a: a.p * a.y) + s_n
    below = _sum(region, c, lambda a: a.p) + _sum(region, c, lambda a: a.y) + s_d
    return ONE if below.v == 0 else above / below


def _combo_loss(region: Region, k: Problem, alpha: float = 0.5, beta: float | None = None, smooth: Any = 1.0) -> Number:
    if k.classes is None:
        positive = 0.5 if beta is None else beta
        cross = _two_sided(region, constant(positive), constant(1 - mp.mpf(positive)))
    else:
        cross = _categorical(region, k.class_weight)
    classes = range(k.classes or 1)
    overlap = total(_dice_coefficient(region, c, smooth) for c in classes) / exact(len(classes))
    return constant(alpha) * cross - constant(1 - mp.mpf(alpha)) * overlap


def _exponential_logarithmic_loss(
    region: Region, k: Problem, dice_weight: float = 0.8, cross_weight: float = 0.2, dice_gamma: float = 0.3,
    cross_gamma: float = 0.3, label_weights: Sequence[float] | None = None, smooth: Any = 1.0,
) -> Number:  # fmt: skip
    classes = range(k.classes or 1)

    def minus_log_dice(c: int) -> Number:
        s_n, _ = _smooth(smooth)
        tp = _sum(region, c, lambda a: a.p * a.y)
        errors = _sum(region, c, lambda a: a.p * a.x) + _sum(region, c, lambda a: a.q * a.y)
        above = TWO * tp + s_n
        below = above + errors + _difference(smooth)
        if below.v == 0:
            return ZERO
        # -ln(above/below) as ln(1 + (below - above)/above), which keeps its digits at a perfect match.
        return log1p((errors + _difference(smooth)) / above)

    dice = total(power(minus_log_dice(c), dice_gamma) for c in classes) / exact(len(classes))
    everything = total(pixel[0].w for pixel in region)

    def label_weight(c: int, label: int) -> Number:
        if label_weights is not None:
            return constant(label_weights[label])
        size = _sum(region, c, lambda a: a.y if k.classes is not None or label == 1 else a.x)
        return ZERO if size.v == 0 else sqrt(everything / size)

    if k.classes is None:
        w1, w0 = label_weight(0, 1), label_weight(0, 0)
        cross = _mean(
            region,
            lambda pixel: (
                w1 * pixel[0].y * power(-pixel[0].log_p, cross_gamma)
                + w0 * pixel[0].x * power(-pixel[0].log_q, cross_gamma)
            ),
        )
    else:
        w = [label_weight(c, c) * k.class_weight[c] for c in classes]
        cross = _mean(
            region, lambda pixel: total(w[c] * pixel[c].y * power(-pixel[c].log_p, cross_gamma) for c in classes)
        )
    return constant(dice_weight) * dice + constant(cross_weight) * cross


def _jaccard_of_mistakes(members: Sequence[tuple[float, float]], everything: Sequence[tuple[float, float]]) -> Fraction:
    """J(M) = 1 - |G without M| / |G with M| of a set of wrong pixels, each (weight, truth), G the ground truth."""
    ground = sum((Fraction(w) for w, y in everything if y == 1), Fraction(0))
    missed = sum((Fraction(w) for w, y in members if y == 1), Fraction(0))
    false = sum((Fraction(w) for w, y in members if y == 0), Fraction(0))
    union = ground + false
    return Fraction(0) if union == 0 else 1 - (ground - missed) / union


def _lovasz(errors: list[tuple[Number, float, float]], kinks: list[bool]) -> Number:
    """The Lovász extension: the integral over t >= 0 of J({pixels whose error exceeds t}) dt, errors being >= 0.

    Between two successive levels the set does not change, so the integral is the sum over levels of the set's J times the
    height of the step.
    """
    everything = [(w, y) for _, w, y in errors]
    levels = sorted((e for e in errors), key=lambda e: e[0].v, reverse=True)
    for (upper, _, _), (lower, _, _) in itertools.pairwise(levels):
        if upper.v - lower.v < 1e-6 * max(mp.mpf(1), upper.v):
            kinks.append(True)
    steps = []
    for i, (level, _, _) in enumerate(levels):
        next_level = levels[i + 1][0] if i + 1 < len(levels) else ZERO
        above = _jaccard_of_mistakes([(w, y) for _, w, y in levels[: i + 1]], everything)
        j = Number(mp.mpf(above.numerator) / above.denominator, mp.mpf(4 * len(levels)))
        steps.append(j * (level - next_level))
    return total(steps)


def _lovasz_softmax_region(region: Region, c: int, kinks: list[bool]) -> Number:
    return _lovasz([(a[c].q if a[c].y.v == 1 else a[c].p, float(a[c].w.v), float(a[c].y.v)) for a in region], kinks)


def _lovasz_hinge_region(region: Region, kinks: list[bool]) -> Number:
    errors = []
    for (a,) in region:
        margin = ONE - a.z if a.y.v == 1 else ONE + a.z
        if abs(margin.v) < 1e-6:
            kinks.append(True)
        errors.append((margin if margin.v > 0 else ZERO, float(a.w.v), float(a.y.v)))
    return _lovasz(errors, kinks)


PER_CLASS: dict[str, Callable[..., Number]] = {
    "dice_loss": _dice_loss,
    "log_cosh_dice_loss": _log_cosh_dice_loss,
    "tversky_loss": _tversky_loss,
    "focal_tversky_loss": _focal_tversky_loss,
    "jaccard_loss": _jaccard_loss,
    "sensitivity_specificity_loss": _sensitivity_specificity_loss,
}
MERGED: dict[str, Callable[..., Number]] = {
    "binary_cross_entropy": _binary_cross_entropy,
    "weighted_cross_entropy": _weighted_cross_entropy,
    "balanced_cross_entropy": _balanced_cross_entropy,
    "focal_loss": _focal_loss,
    "generalized_dice_loss": _generalized_dice_loss,
    "combo_loss": _combo_loss,
    "exponential_logarithmic_loss": _exponential_logarithmic_loss,
}
LOSSES = (*PER_CLASS, *MERGED, "lovasz_softmax_loss", "lovasz_hinge_loss")


def loss(
    name: str, pred: Any, target: Any, *, from_logits: bool = False, class_axis: int | None = None, axis: Any = None,
    weight: Any = None, class_weight: Any = None, ignore_index: int | None = None, reduction: str = "mean", **own: Any,
) -> Answer:  # fmt: skip
    """The true value and gradient of a loss; `pred` and `target` are NumPy arrays, keywords as the contract has them."""
    hinge = name == "lovasz_hinge_loss"
    k = _problem(
        pred, target, from_logits=from_logits, class_axis=class_axis, axis=axis, weight=weight,
        class_weight=class_weight, ignore_index=ignore_index, hinge=hinge,
    )  # fmt: skip
    kinks: list[bool] = []
    if "power" in own:
        own["power_"] = own.pop("power")
    shape = k.regions_shape
    present = None
    if name in MERGED or hinge:
        function = MERGED.get(name)
        values = [
            ZERO if not region else _lovasz_hinge_region(region, kinks) if function is None else function(region, k, **own)
            for region in k.regions
        ]  # fmt: skip
    else:
        classes = range(k.classes or 1)
        rows = []
        present = (
            0 if name == "lovasz_softmax_loss" and k.classes and own.get("classes", "present") == "present" else None
        )
        for region in k.regions:
            row = []
            for c in classes:
                if not region:
                    row.append(ZERO)
                elif name != "lovasz_softmax_loss":
                    row.append(PER_CLASS[name](region, c, **own) * k.class_weight[c])
                elif present is not None and not any(pixel[c].y.v for pixel in region):
                    row.append(ZERO)
                else:
                    row.append(_lovasz_softmax_region(region, c, kinks) * k.class_weight[c])
                    present = None if present is None else present + 1
            rows.append(row)
        if k.classes is None:
            values = [row[0] for row in rows]
        else:
            # The class axis among the others, as in pred: kept axes before it vary slower, those after it faster.
            outer = math.prod(shape[: k.class_place])
            inner = math.prod(shape[k.class_place :])
            values = [rows[o * inner + i][c] for o in range(outer) for c in classes for i in range(inner)]
            shape = (*shape[: k.class_place], k.classes, *shape[k.class_place :])
    whole = total(values)
    if reduction == "none":
        result = values
    else:
        shape = ()
        if reduction == "mean":
            whole = whole / exact(len(values) if present is None else max(present, 1))
        result = [whole]
    nothing = (mp.mpf(0), mp.mpf(0))
    gradient = [whole.d.get(i, nothing) for i in range(pred.size)]
    return Answer(shape, result, gradient, bool(kinks))


# Metrics. -------------------------------------------------------------------------------------------------------------


def _decide(
    mask: Any, place: tuple[int, ...], class_axis: int | None, c: int, threshold: float, competes: bool
) -> bool:
    if class_axis is not None and competes:
        scores = [float(mask[(*place[:class_axis], k, *place[class_axis:])]) for k in range(mask.shape[class_axis])]
        return scores.index(max(scores)) == c
    value = mask[place] if class_axis is None else mask[(*place[:class_axis], c, *place[class_axis:])]
    return bool(value > threshold) if mask.dtype.kind == "f" else bool(value)


def counts(
    pred: Any, target: Any, *, threshold: float = 0.5, axis: Any = None, class_axis: int | None = None,
    num_classes: int | None = None, weight: Any = None, ignore_index: int | None = None,
) -> tuple[tuple[int, ...], list[tuple[Fraction, Fraction, Fraction, Fraction]]]:  # fmt: skip
    """(shape, [(tp, fp, fn, tn), ...]) by counting."""
    pred_map = class_axis is not None and (
        pred.ndim < target.ndim or (num_classes is not None and pred.ndim == target.ndim)
    )
    target_map = class_axis is not None and (
        target.ndim < pred.ndim or (num_classes is not None and pred.ndim == target.ndim)
    )
    ndim = max(pred.ndim + pred_map, target.ndim + target_map)
    class_axis = None if class_axis is None else class_axis % ndim
    axes = _axes(axis, class_axis, ndim)
    if class_axis is None:
        shape, classes = pred.shape, 1
    elif pred_map and target_map:
        classes = int(num_classes or 0)
        shape = (*pred.shape[:class_axis], classes, *pred.shape[class_axis:])
    else:
        shape = target.shape if pred_map else pred.shape
        classes = shape[class_axis]
    pixels = _without(shape, class_axis)
    weights = None if weight is None else np.broadcast_to(weight, pixels)
    kept = [one for one in range(ndim) if one not in axes]
    cells = {key: [Fraction(0)] * 4 for key in itertools.product(*(range(shape[one]) for one in kept))}
    for place in np.ndindex(*pixels):
        w = Fraction(1) if weights is None else Fraction(float(weights[place]))
        if ignore_index is not None and target[place] == ignore_index:
            continue
        for c in range(classes):
            full = place if class_axis is None else (*place[:class_axis], c, *place[class_axis:])
            a = (
                int(pred[place]) == c
                if pred_map
                else _decide(pred, place, class_axis, c, threshold, competes=pred.dtype.kind == "f")
            )
            b = int(target[place]) == c if target_map else _decide(target, place, class_axis, c, threshold, False)
            cell = cells[tuple(full[one] for one in kept)]
            cell[0 if a and b else 1 if a else 2 if b else 3] += w
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


def metric(
    name: str, pred: Any, target: Any, *, reduction: str = "none", undefined: float = math.nan, **keywords: Any
) -> Answer:
    """The true value of a counting metric."""
    masks = ("threshold", "axis", "class_axis", "num_classes", "weight", "ignore_index")
    own = {key: value for key, value in keywords.items() if key not in masks}
    shape, cells = counts(pred, target, **{key: value for key, value in keywords.items() if key in masks})
    values = [METRICS[name](*cell, **own) for cell in cells]
    values = [mp.mpf(undefined) if mp.isnan(value) else value for value in values]
    grain = 8.0 + 2 * pred.size  # sums of weights, and the few operations on them
    if reduction == "nanmean":
        values = [value for value in values if not mp.isnan(value)]
    if reduction in ("mean", "nanmean"):
        size = sum((abs(value) for value in values), mp.mpf(0))
        values = [mp.fsum(values) / len(values) if values else mp.nan]
        grain = (grain + len(cells)) * (1 + float(size) if mp.isfinite(size) else 1.0)
    elif reduction == "sum":
        size = sum((abs(value) for value in values), mp.mpf(0))
        values = [mp.fsum(values)]
        grain = (grain + len(cells)) * (1 + float(size) if mp.isfinite(size) else 1.0)
    if reduction != "none":
        shape = ()
    numbers = [
        Number(value, mp.mpf(grain) * (abs(value) + (1 if name in _DIFFERENCES or reduction != "none" else 0)))
        if mp.isfinite(value)
        else Number(value)
        for value in values
    ]
    return Answer(shape, numbers, None, False)
