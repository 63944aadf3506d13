"""Compound losses: a cross-entropy and an overlap together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, Unpack

from .._roles import PerRegion
from ..domains import Interval, LabelWeights, OddInteger, Smooth, SmoothValue, smooth_pair
from ..engine.loss import Common, loss
from ..engine.probability import Slope, times
from ..engine.regions import PixelLoss, Regions, Term
from ._filters import gaussian_statistics
from ._overlap import affine, overlap, raised
from .distribution import categorical_cross_entropy, two_sided_cross_entropy

__all__ = ["combo_loss", "exponential_logarithmic_loss", "structural_similarity_loss"]

A = TypeVar("A")


@loss(
    "compound",
    "@taghanaki2019combo, eq. 3",
    class_axis_refuses=frozenset({"beta"}),
    latex=(
        r"-\frac{\alpha}{N} \sum_i \left[ \beta y_i \log p_i + (1 - \beta) (1 - y_i) \log q_i \right] - (1 - "
        r"\alpha) \frac{2 I + s_n}{P + Y + s_d}"
    ),
    derivative=(
        r"\frac{\alpha}{N} \left( (1 - \beta) \frac{1 - y_i}{q_i} - \beta \frac{y_i}{p_i} \right) - (1 - "
        r"\alpha) \left( \frac{2 y_i}{P + Y + s_d} - \frac{2 I + s_n}{(P + Y + s_d)^2} \right)"
    ),
    symbols={
        r"\alpha": "alpha",
        r"\beta": "beta",
        "I": "the sum of p_i y_i",
        "P": "the sum of p_i",
        "Y": "the sum of y_i",
        "s_n, s_d": "smooth",
    },
)
def _combo(r: Regions, *, alpha: float, beta: float | None, smooth: SmoothValue) -> Term:
    dice = overlap(r, 2, 1, 1, smooth)
    # Not 1 less the loss, which near 1 has none of the digits of a tiny coefficient.
    value = r.xp.where(dice.empty, 1.0, dice.agreement / r.divisor(dice.agreement + dice.disagreement))
    coefficient = r.class_mean(dice.loss.through(value, -1.0))
    if r.class_axis is None:
        positive = 0.5 if beta is None else beta
        cross = r.mean_of(two_sided_cross_entropy, positive, 1 - positive)
    else:
        cross = r.mean_of(categorical_cross_entropy)
    return r.part(alpha, cross) + r.part(alpha - 1, coefficient)


@_combo.public
def combo_loss(
    pred: A,
    target: Any,
    *,
    alpha: Annotated[float, Interval(0, 1)] = 0.5,
    beta: Annotated[float | None, Interval(0, 1, optional=True)] = None,
    smooth: Annotated[SmoothValue, Smooth()] = 1.0,
    **common: Unpack[Common],
) -> A:
    """A weighted cross-entropy less the Dice coefficient.

    alpha (1/N) sum of -[beta y log p + (1-beta)(1-y) log q] - (1-alpha) DC, DC = (2 sum py + s)/(sum p + sum y + s). Its
    lowest value is -(1-alpha). With `class_axis`: categorical cross-entropy without beta, and the mean of the classes'
    DC; `class_weight` weighs the cross-entropy alone.

    Source: {source}. The survey subtracts the Dice loss, whose optimum is the worst
    mask; see ``docs/errata.md``.

    Parameters
    ----------
    alpha : {alpha}
        The cross-entropy's share.
    beta : {beta}
        The foreground's weight in it; None: 0.5. Refused with `class_axis`.
    smooth : {smooth}
        Added above and below, numerator <= denominator. With 0, 0/0 is a perfect match: DC 1, gradient 0.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import combo_loss
    >>> float(combo_loss(np.array([1.0, 0.0]), np.array([1, 0])))
    -0.5
    """
    return _combo(pred, target, common, alpha=alpha, beta=beta, smooth=smooth)


def _log_dice(r: Regions, smooth: SmoothValue) -> Term:
    """-ln DC = ln(sum p + sum y + s_d) - ln(2 sum py + s_n), and 0 where both sums are 0.

    Near 1 the logarithm is taken of the loss. Without smoothing the second sum may underflow for finite logits, so there
    it is summed in log space.
    """
    xp, y = r.xp, r.y
    dice = overlap(r, 2, 1, 1, smooth, relative=True)
    total = dice.agreement + dice.disagreement
    total = xp.where(total == 0, xp.inf, total)
    in_log_space = smooth_pair(smooth)[0] == 0 and r.prob.finite_logs
    if in_log_space:
        log_agreement, share = r.log_sum(2 * y, r.prob.log_p)
        if not isinstance(dice.unit, float):
            log_agreement = log_agreement + xp.log(dice.unit)
    else:
        log_agreement, share = xp.log(dice.agreement), None
    close = dice.loss.value < 0.5
    value = xp.where(
        close,
        -xp.log1p(-xp.where(close, dice.loss.value, 0.0)),
        xp.log(xp.where(close, 1.0, total)) - log_agreement,
    )

    def slope(factor: PerRegion) -> Slope:
        factor = xp.where(value == xp.inf, 0.0, factor)
        if in_log_space:
            return Slope(p=xp.zeros_like(y) + r.bounded(dice.unit * factor / total), log_p=-factor * share)
        by_size = r.bounded(dice.unit * factor / total)
        by_hit = r.bounded(2 * dice.unit * factor / xp.where(dice.agreement == 0, xp.inf, dice.agreement))
        return affine(r, by_size, by_size - by_hit)

    return r.term(value, slope)


def _label_weight(r: Regions, weights: Sequence[float], label: int) -> Any:
    """The given weight of the background (0) or foreground (1), or the weights of all classes along `class_axis`."""
    labels = 2 if r.class_axis is None else r.y.shape[r.class_axis]
    if len(weights) != labels:
        raise ValueError(f"exponential_logarithmic_loss: label_weights must hold {labels} numbers, got {len(weights)}")
    if r.class_axis is None:
        return weights[label]
    row = r.xp.asarray(list(weights), dtype=r.y.dtype, device=r.prob.backend.device(r.y))
    return r.xp.reshape(row, tuple(-1 if axis == r.class_axis else 1 for axis in range(r.y.ndim)))


@loss(
    "compound",
    "@wong2018segmentation",
    latex=(
        r"w_D (-\log DC)^{\gamma_D} + \frac{w_C}{N} \sum_i \left[ w_1 y_i (-\log p_i)^{\gamma_C} + w_0 (1 - "
        r"y_i) (-\log q_i)^{\gamma_C} \right], \quad DC = \frac{2 I + s_n}{P + Y + s_d}"
    ),
    derivative=(
        r"w_D \gamma_D (-\log DC)^{\gamma_D - 1} \left( \frac{1}{P + Y + s_d} - \frac{2 y_i}{2 I + s_n} "
        r"\right) + \frac{w_C \gamma_C}{N} \left[ w_0 (1 - y_i) \frac{(-\log q_i)^{\gamma_C - 1}}{q_i} - w_1 "
        r"y_i \frac{(-\log p_i)^{\gamma_C - 1}}{p_i} \right]"
    ),
    symbols={
        "w_D": "dice_weight",
        "w_C": "cross_weight",
        r"\gamma_D": "dice_gamma",
        r"\gamma_C": "cross_gamma",
        "w_0, w_1": "label_weights",
        "I": "the sum of p_i y_i",
        "P": "the sum of p_i",
        "Y": "the sum of y_i",
        "s_n, s_d": "smooth",
    },
)
def _exponential_logarithmic(
    r: Regions,
    *,
    dice_weight: float,
    cross_weight: float,
    dice_gamma: float,
    cross_gamma: float,
    label_weights: Sequence[float] | None,
    smooth: SmoothValue,
) -> Term:
    xp, y = r.xp, r.y
    log_dice = _log_dice(r, smooth)
    dice = r.class_mean(log_dice.through(*raised(xp, log_dice.value, dice_gamma)))

    def rarity(label: Any, which: int) -> Any:
        if label_weights is not None:
            return _label_weight(r, label_weights, which)
        size = r.sum(label)
        return r.present(size) * (r.count / xp.where(size > 0, size, 1.0)) ** 0.5

    background = None if r.class_axis is not None else rarity(1 - y, 0)
    cross = r.mean_of(_powered_cross_entropy, cross_gamma, rarity(y, 1), background)
    return r.part(dice_weight, dice) + r.part(cross_weight, cross)


@_exponential_logarithmic.public
def exponential_logarithmic_loss(
    pred: A,
    target: Any,
    *,
    dice_weight: Annotated[float, Interval(0)] = 0.8,
    cross_weight: Annotated[float, Interval(0)] = 0.2,
    dice_gamma: Annotated[float, Interval(0, low_open=True)] = 0.3,
    cross_gamma: Annotated[float, Interval(0, low_open=True)] = 0.3,
    label_weights: Annotated[Sequence[float] | None, LabelWeights()] = None,
    smooth: Annotated[SmoothValue, Smooth()] = 1.0,
    **common: Unpack[Common],
) -> A:
    """Powers of the logarithms of the Dice coefficient and of the probabilities.

    dice_weight (-ln DC)^dice_gamma + cross_weight (1/N) sum of [w_1 y (-ln p)^cross_gamma + w_0 (1-y) (-ln q)^cross_gamma],
    w_l = sqrt(N/n_l), n_l the count of label l in the region; a label that does not occur adds 0. With `class_axis`: the
    mean of the classes' Dice parts, and the true class's cross part. Where an exponent below 1 has an infinite slope, at
    DC = 1 or p = y, the slope is taken as 0; and where DC is 0 (an empty target without smoothing) the value is infinite
    and the Dice part's gradient is taken as 0.

    Source: {source}. The survey prints -ln(DC)^gamma for
    (-ln DC)^gamma; see ``docs/errata.md``.

    Parameters
    ----------
    dice_weight : {dice_weight}
        The share of the Dice part.
    cross_weight : {cross_weight}
        The share of the cross part.
    dice_gamma : {dice_gamma}
        The exponent of the Dice part.
    cross_gamma : {cross_gamma}
        The exponent of the cross part.
    label_weights : {label_weights}
        w_l >= 0; None: from the counts.
    smooth : {smooth}
        Added above and below, numerator <= denominator. With 0, 0/0 is a perfect match: DC 1, gradient 0.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import exponential_logarithmic_loss
    >>> round(float(exponential_logarithmic_loss(np.array([1.0, 0.5]), np.array([1, 0]))), 6)
    0.58323
    """
    return _exponential_logarithmic(
        pred,
        target,
        common,
        dice_weight=dice_weight,
        cross_weight=cross_weight,
        dice_gamma=dice_gamma,
        cross_gamma=cross_gamma,
        label_weights=label_weights,
        smooth=smooth,
    )


def _powered_cross_entropy(r: Regions, gamma: float, foreground: Any, background: Any) -> PixelLoss:
    """foreground y (-ln p)^gamma + background (1-y) (-ln q)^gamma of each pixel; without a background, the first term."""
    m = r.prob

    def weighed(weight: Any, power: Any) -> Any:
        """weight * power, 0 where the weight is; a power above 1 of a finite logarithm may be infinite."""
        return m.times_log(weight, power) if gamma <= 1 else weight * r.xp.where(weight == 0, 0.0, power)

    w1 = times(r.class_weight, foreground * r.y)
    hit, hit_slope = raised(r.xp, -m.log_p, gamma)
    if background is None:
        return weighed(w1, hit), lambda: m.slope_near_certainty(-weighed(w1, hit_slope))
    w0 = background * (1 - r.y)
    miss, miss_slope = raised(r.xp, -m.log_q, gamma)
    return weighed(w1, hit) + weighed(w0, miss), lambda: Slope(
        log_p=-weighed(w1, hit_slope), log_q=-weighed(w0, miss_slope)
    )


@loss(
    "compound",
    "@zhao2019correlation",
    per_class=True,
    spatial=True,
    partial=True,
    latex=(
        r"\frac{1}{M} \sum_i e_i f_i CE_i, \quad e_i = \left| \frac{y_i - \mu_y + C}{\sigma_y + C} - "
        r"\frac{p_i - \mu_p + C}{\sigma_p + C} \right|"
    ),
    derivative=r"\frac{e_i f_i}{M} \frac{p_i - y_i}{p_i q_i}",
    symbols={
        "f_i": "1 where e_i is above the share beta of its maximum, else 0; M is their sum",
        "C": "c4",
        r"\mu_y, \sigma_y": "mean and standard deviation of y in the pixel's window; of p likewise",
        "CE_i": "the binary cross-entropy of a pixel",
    },
)
def _structural_similarity(r: Regions, *, window: int, sigma: float, c4: float, beta: float) -> Term:
    def structure(x: Any) -> Any:
        mean, deviation = gaussian_statistics(r.prob.backend, x, r.axes, window, sigma)
        return (x - mean + c4) / (deviation + c4)

    e = r.xp.abs(structure(r.images.y) - structure(r.prob.backend.detach(r.images.prob.p)))
    f = r.present(e - beta * r.largest(e))
    m = r.sum(f)
    cross, slope = r.prob.binary_cross_entropy(r.y)
    total = r.sum(r.prob.times_log(e * f, cross))
    return r.term(r.ratio(total, m), lambda factor: slope().scaled(e * f * r.ratio(factor * r.present(m), m)))


@_structural_similarity.public
def structural_similarity_loss(
    pred: A,
    target: Any,
    *,
    window: Annotated[int, OddInteger()] = 3,
    sigma: Annotated[float, Interval(0, low_open=True)] = 1.5,
    c4: Annotated[float, Interval(1e-30)] = 0.01,
    beta: Annotated[float, Interval(0, 1)] = 0.1,
    **common: Unpack[Common],
) -> A:
    """Cross-entropy of the pixels whose surroundings look unlike the target's.

    (1/M) sum of e f CE: e = abs((y - mu_y + C)/(sd_y + C) - (p - mu_p + C)/(sd_p + C)), f = 1 where e > beta e_max, else 0,
    M = sum f, e_max the maximum of e in the region (over pixels of weight above 0); M = 0 gives 0. mu and sd are the mean and
    standard deviation of a pixel's window under Gaussian weights of sum 1, the image mirrored at its edge pixels. CE is the
    binary cross-entropy, of each class against the rest. e and f are constants for the gradient. `axis` names the spatial axes;
    None: all (save `class_axis`). The windows are those of the whole image, whatever the weights.

    No public library has this loss, and codes found differ: here the window is 3 pixels wide, both denominators hold a
    standard deviation (the survey prints a mean in the second), and f's threshold is a share of e_max.

    Source: {source}; see ``docs/errata.md``.

    Parameters
    ----------
    window : {window}
        Width of the window in pixels, along every spatial axis.
    sigma : {sigma}
        Standard deviation of the Gaussian weights, in pixels.
    c4 : {c4}
        C, which keeps flat surroundings from dividing by 0.
    beta : {beta}
        The share of e_max that counts as unlike.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import structural_similarity_loss
    >>> p, y = np.array([0.75, 0.75, 0.25, 0.25]), np.array([1, 0, 0, 0])
    >>> round(float(structural_similarity_loss(p, y)), 4)
    0.7845
    """
    return _structural_similarity(pred, target, common, window=window, sigma=sigma, c4=c4, beta=beta)
