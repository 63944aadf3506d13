"""Distribution-based losses: cross-entropies between the label distribution and the predicted one.

With `class_axis` the pixels' classes compete and the loss keeps the true class's logarithm alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar, Unpack

from ..domains import Interval, PixelMap, Spacing, SpacingValue, steps
from ..engine.loss import Common, loss
from ..engine.probability import Slope, times
from ..engine.regions import PixelLoss, Regions, Term
from ._geometry import boundary_distance, target_mask, unit_of

__all__ = [
    "balanced_cross_entropy",
    "binary_cross_entropy",
    "distance_map_loss",
    "focal_loss",
    "weighted_cross_entropy",
]

A = TypeVar("A")


def categorical_cross_entropy(r: Regions, factor: Any = 1.0) -> PixelLoss:
    """-(sum over c) factor_c y_c log p_c of each pixel."""
    y = -times(factor, times(r.class_weight, r.y))
    return r.prob.times_log(y, r.prob.log_p), lambda: Slope(log_p=y)


def two_sided_cross_entropy(r: Regions, positive: Any, negative: Any) -> PixelLoss:
    """-[positive y log p + negative (1-y) log q] of each pixel."""
    m, y1, y0 = r.prob, -positive * r.y, negative * (r.y - 1)
    return m.times_log(y1, m.log_p) + m.times_log(y0, m.log_q), lambda: Slope(log_p=y1, log_q=y0)


def _cross_entropy(r: Regions) -> PixelLoss:
    return r.prob.binary_cross_entropy(r.y) if r.class_axis is None else categorical_cross_entropy(r)


@loss(
    "distribution",
    "@ma2004automated, as cited by the survey",
    latex=r"-\frac{1}{N} \sum_i \left[ y_i \log p_i + (1 - y_i) \log q_i \right]",
    derivative=r"\frac{1}{N} \frac{p_i - y_i}{p_i q_i}",
)
def _binary_cross_entropy(r: Regions) -> Term:
    return r.mean_of(_cross_entropy)


@_binary_cross_entropy.public
def binary_cross_entropy(pred: A, target: Any, **common: Unpack[Common]) -> A:
    """Cross-entropy of yes/no questions or, with `class_axis`, of classes.

    (1/N) sum of -[y log p + (1-y) log q]; with `class_axis` (1/N) sum of -(sum over c) y_c log p_c.

    Source: {source}.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import binary_cross_entropy
    >>> round(float(binary_cross_entropy(np.array([0.9, 0.2]), np.array([1, 0]))), 6)
    0.164252
    >>> float(binary_cross_entropy(np.array([1e4]), np.array([0]), from_logits=True))
    10000.0
    """
    return _binary_cross_entropy(pred, target, common)


@loss(
    "distribution",
    "@pihur2007weighted, as cited by the survey",
    categorical=False,
    latex=r"-\frac{1}{N} \sum_i \left[ \beta y_i \log p_i + (1 - y_i) \log q_i \right]",
    derivative=r"\frac{1}{N} \left( \frac{1 - y_i}{q_i} - \beta \frac{y_i}{p_i} \right)",
    symbols={r"\beta": "beta"},
)
def _weighted_cross_entropy(r: Regions, *, beta: float) -> Term:
    return r.mean_of(two_sided_cross_entropy, beta, 1.0)


@_weighted_cross_entropy.public
def weighted_cross_entropy(
    pred: A,
    target: Any,
    *,
    beta: Annotated[float, Interval(0, low_open=True)] = 1.0,
    **common: Unpack[Common],
) -> A:
    """Binary cross-entropy with the foreground's term weighted.

    (1/N) sum of -[beta y log p + (1-y) log q]. `class_axis` is refused: classes are weighed by `binary_cross_entropy`
    with `class_weight`.

    Source: {source}.

    Parameters
    ----------
    beta : {beta}
        Above 1 it punishes misses, below 1 false alarms.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import weighted_cross_entropy
    >>> round(float(weighted_cross_entropy(np.array([0.5, 0.5]), np.array([1, 0]), beta=3)), 6)
    1.386294
    """
    return _weighted_cross_entropy(pred, target, common, beta=beta)


@loss(
    "distribution",
    "@xie2015holistically, eq. 2",
    class_axis_refuses=frozenset({"beta"}),
    latex=(
        r"-\frac{1}{N} \sum_i \left[ \beta y_i \log p_i + (1 - \beta) (1 - y_i) \log q_i \right], \quad \beta "
        r"= 1 - \frac{1}{N} \sum_i y_i"
    ),
    derivative=r"\frac{1}{N} \left( (1 - \beta) \frac{1 - y_i}{q_i} - \beta \frac{y_i}{p_i} \right)",
    symbols={r"\beta": "beta"},
)
def _balanced_cross_entropy(r: Regions, *, beta: float | None) -> Term:
    share = r.per_pixel(r.sum(r.y)) if beta is None else 1 - beta
    rest = r.per_pixel(r.sum(1 - r.y)) if beta is None else beta
    if r.class_axis is not None:
        return r.mean_of(categorical_cross_entropy, rest)
    return r.mean_of(two_sided_cross_entropy, rest, share)


@_balanced_cross_entropy.public
def balanced_cross_entropy(
    pred: A,
    target: Any,
    *,
    beta: Annotated[float | None, Interval(0, 1, optional=True)] = None,
    **common: Unpack[Common],
) -> A:
    """Cross-entropy whose sides are weighted by each other's frequency.

    (1/N) sum of -[beta y log p + (1-beta)(1-y) log q], beta = 1 - (sum y)/N of the region unless given. With
    `class_axis` (1/N) sum of -(sum over c) beta_c y_c log p_c, beta_c = 1 - n_c/N, and a given beta is refused.

    Source: {source}.

    Parameters
    ----------
    beta : {beta}
        The foreground's weight; None: the background's share of the region.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import balanced_cross_entropy
    >>> round(float(balanced_cross_entropy(np.full(4, 0.5), np.array([1, 0, 0, 0]))), 6)
    0.25993
    """
    return _balanced_cross_entropy(pred, target, common, beta=beta)


def _focal_pixels(r: Regions, alpha: float | None, gamma: float) -> PixelLoss:
    xp, m = r.xp, r.prob

    def fading(log: Any) -> Any:
        """-gamma * log, held where it would overflow: the probability that it is going to be multiplied with is 0 there."""
        if gamma < 1e-30:  # no part of a sum with -hit, and 0 times an infinite logarithm is nan
            return xp.zeros_like(log)
        return -gamma * (log if gamma <= 2 else xp.clip(log, min=-xp.finfo(log.dtype).max / 2**20 / gamma))

    def power(x: Any, log: Callable[[], Any]) -> Any:
        """x^gamma, by the logarithm where gamma would magnify the rounding of x near 1."""
        return x**gamma if gamma <= 16 else xp.exp(gamma * xp.clip(log(), min=-xp.finfo(r.y.dtype).max / 2 / gamma))

    hit = times(1 if alpha is None else alpha, times(r.class_weight, r.y)) * power(m.q, lambda: m.log_q)
    hit_log = m.times_log(hit, m.log_p)
    if r.class_axis is not None:
        return -hit_log, lambda: Slope(log_p=-hit, log_q=fading(hit_log))
    miss = times(1 if alpha is None else 1 - alpha, 1 - r.y) * power(m.p, lambda: m.log_p)
    miss_log = m.times_log(miss, m.log_q)
    return -(hit_log + miss_log), lambda: Slope(log_p=fading(miss_log) - hit, log_q=fading(hit_log) - miss)


@loss(
    "distribution",
    "@lin2017focal, eq. 4 and 5",
    class_axis_refuses=frozenset({"alpha"}),
    latex=(
        r"-\frac{1}{N} \sum_i \left[ \alpha y_i q_i^\gamma \log p_i + (1 - \alpha) (1 - y_i) p_i^\gamma \log "
        r"q_i \right]"
    ),
    derivative=(
        r"\frac{1}{N} \left[ \alpha y_i \left( \gamma q_i^{\gamma - 1} \log p_i - \frac{q_i^\gamma}{p_i} "
        r"\right) - (1 - \alpha) (1 - y_i) \left( \gamma p_i^{\gamma - 1} \log q_i - \frac{p_i^\gamma}{q_i} "
        r"\right) \right]"
    ),
    symbols={r"\alpha": "alpha", r"\gamma": "gamma"},
)
def _focal(r: Regions, *, alpha: float | None, gamma: float) -> Term:
    return r.mean_of(_focal_pixels, alpha, gamma)


@_focal.public
def focal_loss(
    pred: A,
    target: Any,
    *,
    alpha: Annotated[float | None, Interval(0, 1, optional=True)] = None,
    gamma: Annotated[float, Interval(0)] = 2.0,
    **common: Unpack[Common],
) -> A:
    """Cross-entropy that fades as a pixel is got right.

    (1/N) sum of -[alpha y q^gamma log p + (1-alpha)(1-y) p^gamma log q]; with `alpha` None both factors are 1. With
    `class_axis` (1/N) sum of -(sum over c) y_c q_c^gamma log p_c, where `alpha` is refused in favour of `class_weight`.

    Source: {source}.

    Parameters
    ----------
    alpha : {alpha}
        The foreground's weight (RetinaNet's is 0.25); None: no weights.
    gamma : {gamma}
        How fast easy pixels fade; 0 gives the cross-entropy.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import focal_loss
    >>> round(float(focal_loss(np.array([0.9, 0.5]), np.array([1, 0]))), 6)
    0.08717
    """
    return _focal(pred, target, common, alpha=alpha, gamma=gamma)


@loss(
    "distribution",
    "@caliva2019distance",
    spatial=True,
    latex=r"\frac{1}{N} \sum_i (1 + \phi_i) CE_i, \quad \phi_i = 1 - \frac{d_i}{\max_j d_j}",
    derivative=r"\frac{1 + \phi_i}{N} \frac{p_i - y_i}{p_i q_i}",
    symbols={
        r"\phi_i": "phi",
        "d_i": "the distance to the nearest pixel of the other class of the target",
        "CE_i": "the binary cross-entropy of a pixel",
    },
)
def _distance_map(r: Regions, *, phi: Any, spacing: SpacingValue) -> Term:
    factor = 1 + (_closeness(r, spacing) if phi is None else phi)
    return r.mean_of(_mapped_cross_entropy, factor)


@_distance_map.public
def distance_map_loss(
    pred: A,
    target: Any,
    *,
    phi: Annotated[Any, PixelMap()] = None,
    spacing: Annotated[SpacingValue, Spacing()] = None,
    **common: Unpack[Common],
) -> A:
    """Cross-entropy that weighs more near the target's boundary.

    (1/N) sum of (1 + phi) CE, phi = 1 - d/d_max: d is the distance of a pixel to the nearest pixel of the other class of the
    target, d_max its maximum in the region (over pixels of weight above 0); phi = 0 where the target is empty or full. So the
    weight is just below 2 at the boundary and 1 farthest from it. With `class_axis`: (1/N) sum of
    -(sum over c) (1 + phi_c) y_c log p_c, phi_c that of class c against the rest. The target is taken for a mask, y > 1/2, in
    the distance, and as it is in the cross-entropy. The one public code forms a weight like this and never uses it.

    Source: {source}.

    Parameters
    ----------
    phi : {phi}
        A map of your own, finite, that broadcasts to `pred`; no distance is taken then.
    spacing : {spacing}
        Distance between neighbours, in the order of `axis`, which names the spatial axes; None: all (save `class_axis`).

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import distance_map_loss
    >>> round(float(distance_map_loss(np.full(4, 0.5), np.array([1, 1, 0, 0]))), 6)  # phi = 0, 1/2, 1/2, 0
    0.866434
    """
    return _distance_map(pred, target, common, phi=phi, spacing=spacing)


def _mapped_cross_entropy(r: Regions, factor: Any) -> PixelLoss:
    if r.class_axis is not None:
        return categorical_cross_entropy(r, factor)
    cross, slope = r.prob.binary_cross_entropy(r.y)
    return r.prob.times_log(factor, cross), lambda: slope().scaled(factor)


def _closeness(r: Regions, spacing: SpacingValue) -> Any:
    """1 - d/d_max: near 1 at the target's boundary, 0 farthest from it and where there is none."""
    step = steps("distance_map_loss", spacing, r.axes)
    d = boundary_distance(r, target_mask(r), step, unit_of(step))  # the unit drops out of the quotient
    largest = r.largest(d)
    return r.xp.where(largest == 0, 0.0, 1 - r.ratio(d, largest))
