"""The losses that see pixels and sums, from the written definition: one region in, one value out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from ..numbers import ONE, ZERO, Number, constant, exact, exp, log1p, mp, power, sqrt, total
from .regions import Doubts, Pixel, Problem, Region, mean_of, sum_of

__all__ = ["MERGED", "PER_CLASS", "categorical", "lovasz_hinge_region", "lovasz_softmax_region", "two_sided"]

TWO = exact(2)

# `c` picks a class where each class has a value of its own.


def categorical(region: Region, factors: Sequence[Number]) -> Number:
    """-(sum over c) factor_c y_c log p_c, averaged."""
    return mean_of(region, lambda pixel: -total(f * a.y * a.log_p for f, a in zip(factors, pixel, strict=True)))


def two_sided(region: Region, positive: Number, negative: Number) -> Number:
    """-[positive y log p + negative (1-y) log q], averaged."""
    return mean_of(
        region, lambda pixel: -(positive * pixel[0].y * pixel[0].log_p + negative * pixel[0].x * pixel[0].log_q)
    )


def _binary_cross_entropy(region: Region, k: Problem) -> Number:
    return two_sided(region, ONE, ONE) if k.classes is None else categorical(region, k.class_weight)


def _weighted_cross_entropy(region: Region, k: Problem, beta: float = 1.0) -> Number:
    return two_sided(region, constant(beta), ONE)


def _share(region: Region, c: int) -> tuple[Number, Number]:
    """(background's share, foreground's share) of a region."""
    everything = total(pixel[c].w for pixel in region)
    return sum_of(region, c, lambda a: a.x) / everything, sum_of(region, c, lambda a: a.y) / everything


def _balanced_cross_entropy(region: Region, k: Problem, beta: float | None = None) -> Number:
    if k.classes is not None:
        rare = [_share(region, c)[0] * k.class_weight[c] for c in range(k.classes)]
        return categorical(region, rare)
    if beta is None:
        return two_sided(region, *_share(region, 0))
    return two_sided(region, constant(beta), constant(1 - mp.mpf(beta)))


def _focal_loss(region: Region, k: Problem, alpha: float | None = None, gamma: float = 2.0) -> Number:
    if k.classes is not None:
        return mean_of(
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

    return mean_of(region, term)


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
    overlap = sum_of(region, c, lambda a: a.p * a.y)
    sizes = sum_of(region, c, lambda a: power(a.p, k)) + sum_of(region, c, lambda a: power(a.y, k))
    return _one_less(TWO * overlap + s_n, sizes + s_d)


def _log_cosh_dice_loss(region: Region, c: int, smooth: Any = 1e-5, squared: bool = False) -> Number:
    dice = _dice_loss(region, c, smooth, squared)
    # cosh x - 1 = (e^x - 1)^2/(2 e^x), in place of a logarithm of a number near 1.
    grown = exp(dice) - ONE
    return log1p(grown * grown / (TWO * exp(dice)))


def _tversky_loss(region: Region, c: int, fp_weight: float = 0.5, fn_weight: float = 0.5, smooth: Any = 1e-5) -> Number:
    s_n, s_d = _smooth(smooth)
    tp = sum_of(region, c, lambda a: a.p * a.y)
    fp = sum_of(region, c, lambda a: a.p * a.x)
    fn = sum_of(region, c, lambda a: a.q * a.y)
    return _one_less(tp + s_n, tp + constant(fp_weight) * fp + constant(fn_weight) * fn + s_d)


def _focal_tversky_loss(
    region: Region, c: int, fp_weight: float = 0.3, fn_weight: float = 0.7, gamma: float = 0.75, smooth: Any = 1e-5
) -> Number:
    _, s_d = _smooth(smooth)
    tp = sum_of(region, c, lambda a: a.p * a.y)
    miss = constant(fp_weight) * sum_of(region, c, lambda a: a.p * a.x) + constant(fn_weight) * sum_of(
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
    overlap = sum_of(region, c, lambda a: a.p * a.y)
    sizes = sum_of(region, c, lambda a: power(a.p, k)) + sum_of(region, c, lambda a: power(a.y, k))
    return _one_less(overlap + s_n, sizes - overlap + s_d)


def _sensitivity_specificity_loss(region: Region, c: int, sensitivity_weight: float = 0.5, power_: int = 1) -> Number:
    w = constant(sensitivity_weight)
    missed, alarms = ZERO, ZERO
    foreground, background = sum_of(region, c, lambda a: a.y), sum_of(region, c, lambda a: a.x)
    if foreground.v != 0:
        missed = sum_of(region, c, lambda a: a.y * power(a.q, power_)) / foreground
    if background.v != 0:
        alarms = sum_of(region, c, lambda a: a.x * power(a.p, power_)) / background
    return w * missed + constant(1 - mp.mpf(sensitivity_weight)) * alarms


def _generalized_dice_loss(region: Region, k: Problem, weight_type: str = "square", smooth: Any = 1e-5) -> Number:
    s_n, s_d = _smooth(smooth)
    classes = range(k.classes or 1)
    sizes = [sum_of(region, c, lambda a: a.y) for c in classes]
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
    overlap = total(weights[c] * sum_of(region, c, lambda a: a.p * a.y) for c in classes)
    extent = total(weights[c] * (sum_of(region, c, lambda a: a.p) + sizes[c]) for c in classes)
    return _one_less(TWO * overlap + s_n, extent + s_d)


def _dice_coefficient(region: Region, c: int, smooth: Any) -> Number:
    s_n, s_d = _smooth(smooth)
    above = TWO * sum_of(region, c, lambda a: a.p * a.y) + s_n
    below = sum_of(region, c, lambda a: a.p) + sum_of(region, c, lambda a: a.y) + s_d
    return ONE if below.v == 0 else above / below


def _combo_loss(region: Region, k: Problem, alpha: float = 0.5, beta: float | None = None, smooth: Any = 1.0) -> Number:
    if k.classes is None:
        positive = 0.5 if beta is None else beta
        cross = two_sided(region, constant(positive), constant(1 - mp.mpf(positive)))
    else:
        cross = categorical(region, k.class_weight)
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
        tp = sum_of(region, c, lambda a: a.p * a.y)
        errors = sum_of(region, c, lambda a: a.p * a.x) + sum_of(region, c, lambda a: a.q * a.y)
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
        size = sum_of(region, c, lambda a: a.y if k.classes is not None or label == 1 else a.x)
        return ZERO if size.v == 0 else sqrt(everything / size)

    if k.classes is None:
        w1, w0 = label_weight(0, 1), label_weight(0, 0)
        cross = mean_of(
            region,
            lambda pixel: (
                w1 * pixel[0].y * power(-pixel[0].log_p, cross_gamma)
                + w0 * pixel[0].x * power(-pixel[0].log_q, cross_gamma)
            ),
        )
    else:
        w = [label_weight(c, c) * k.class_weight[c] for c in classes]
        cross = mean_of(
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


def _lovasz(errors: list[tuple[Number, float, float]], doubts: Doubts) -> Number:
    """The Lovász extension: the integral over t >= 0 of J({pixels whose error exceeds t}) dt, errors being >= 0.

    Between two successive levels the set does not change, so the integral is the sum over levels of the set's J times the
    height of the step.
    """
    everything = [(w, y) for _, w, y in errors]
    levels = sorted((e for e in errors), key=lambda e: e[0].v, reverse=True)
    for (upper, _, _), (lower, _, _) in itertools.pairwise(levels):
        if upper.v - lower.v < 1e-6 * max(mp.mpf(1), upper.v):
            doubts.kinks = True
    steps = []
    for i, (level, _, _) in enumerate(levels):
        next_level = levels[i + 1][0] if i + 1 < len(levels) else ZERO
        above = _jaccard_of_mistakes([(w, y) for _, w, y in levels[: i + 1]], everything)
        j = Number(mp.mpf(above.numerator) / above.denominator, mp.mpf(4 * len(levels)))
        steps.append(j * (level - next_level))
    return total(steps)


def lovasz_softmax_region(region: Region, c: int, doubts: Doubts) -> Number:
    """The extension at the errors abs(y - p) of one class."""
    return _lovasz([(a[c].q if a[c].y.v == 1 else a[c].p, float(a[c].w.v), float(a[c].y.v)) for a in region], doubts)


def lovasz_hinge_region(region: Region, doubts: Doubts) -> Number:
    """The extension at the hinge errors."""
    errors = []
    for (a,) in region:
        margin = ONE - a.z if a.y.v == 1 else ONE + a.z
        if abs(margin.v) < 1e-6:
            doubts.kinks = True
        errors.append((margin if margin.v > 0 else ZERO, float(a.w.v), float(a.y.v)))
    return _lovasz(errors, doubts)


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
