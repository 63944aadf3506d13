"""Region-based losses: how much of two masks overlaps."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar, Unpack

from .._roles import PerRegion
from ..domains import Choice, Flag, Interval, Smooth, SmoothValue
from ..engine.loss import Classes, Common, loss
from ..engine.probability import Slope
from ..engine.regions import Regions, Term
from ._overlap import affine, overlap, raised, squared_overlap

__all__ = [
    "dice_loss",
    "focal_tversky_loss",
    "generalized_dice_loss",
    "jaccard_loss",
    "log_cosh_dice_loss",
    "sensitivity_specificity_loss",
    "tversky_loss",
]

A = TypeVar("A")


@loss(
    "region",
    "@milletari2016vnet (squared denominator); @sudre2017generalised (plain denominator)",
    per_class=True,
    latex=r"1 - \frac{2 I + s_n}{P + Y + s_d}",
    derivative=r"\frac{2 I + s_n}{(P + Y + s_d)^2} - \frac{2 y_i}{P + Y + s_d}",
    symbols={"I": "the sum of p_i y_i", "P": "the sum of p_i", "Y": "the sum of y_i", "s_n, s_d": "smooth"},
)
def _dice(r: Regions, *, smooth: SmoothValue, squared: bool) -> Term:
    return squared_overlap(r, 2, smooth) if squared else overlap(r, 2, 1, 1, smooth).loss


@_dice.public
def dice_loss(
    pred: A,
    target: Any,
    *,
    smooth: Annotated[SmoothValue, Smooth()] = 1e-5,
    squared: Annotated[bool, Flag()] = False,
    **common: Unpack[Common],
) -> A:
    """One less the Dice coefficient of a soft mask.

    1 - (2 sum(py) + s_n)/(sum p + sum y + s_d) of each region (and class).

    With soft targets this is not least at p = y: for y = 0.5 it is 0.5 at p = 0.5 and 1/3 at p = 1. `squared` with s_n = s_d
    is. See "Soft targets" in ``docs/errata.md``.

    Source: {source}.

    Parameters
    ----------
    smooth : {smooth}
        Added above and below, numerator <= denominator. With 0, 0/0 is a perfect match: loss 0, gradient 0.
    squared : {squared}
        Put squares in the denominator, sum p^2 + sum y^2, in place of sum p + sum y.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import dice_loss
    >>> float(dice_loss(np.array([1.0, 0.5, 0.0]), np.array([1, 0, 0]), smooth=0))
    0.2
    >>> float(dice_loss(np.zeros(3), np.zeros(3)))  # both empty
    0.0
    >>> half = np.array([0.5])
    >>> [round(float(dice_loss(p, half, smooth=0)), 6) for p in (half, np.ones(1))]  # a soft target
    [0.5, 0.333333]
    """
    return _dice(pred, target, common, smooth=smooth, squared=squared)


@loss(
    "region",
    "@jadon2020survey, section on log-cosh Dice",
    per_class=True,
    latex=r"\log \cosh D, \quad D = 1 - \frac{2 I + s_n}{P + Y + s_d}",
    derivative=r"\tanh(D) \left( \frac{2 I + s_n}{(P + Y + s_d)^2} - \frac{2 y_i}{P + Y + s_d} \right)",
    symbols={"I": "the sum of p_i y_i", "P": "the sum of p_i", "Y": "the sum of y_i", "s_n, s_d": "smooth"},
)
def _log_cosh_dice(r: Regions, *, smooth: SmoothValue, squared: bool) -> Term:
    dice = squared_overlap(r, 2, smooth) if squared else overlap(r, 2, 1, 1, smooth, relative=True).loss
    half = r.xp.sinh(dice.value / 2)
    return dice.through(r.xp.log1p(2 * half * half), r.xp.tanh(dice.value))


@_log_cosh_dice.public
def log_cosh_dice_loss(
    pred: A,
    target: Any,
    *,
    smooth: Annotated[SmoothValue, Smooth()] = 1e-5,
    squared: Annotated[bool, Flag()] = False,
    **common: Unpack[Common],
) -> A:
    """log cosh of the Dice loss.

    log(cosh(dice_loss)) of each region (and class); the derivative is tanh(dice_loss) times that of the Dice loss. With soft
    targets it is least where the Dice loss is, which is not p = y unless `squared`: for y = 0.5 it is 0.120115 at p = 0.5
    and 0.054556 at p = 1.

    Source: {source}. The survey prints the derivative of cosh with a plus sign; see ``docs/errata.md``.

    Parameters
    ----------
    smooth : {smooth}
        Added above and below, numerator <= denominator. With 0, 0/0 is a perfect match: loss 0, gradient 0.
    squared : {squared}
        Put squares in the denominator, sum p^2 + sum y^2, in place of sum p + sum y.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import log_cosh_dice_loss
    >>> round(float(log_cosh_dice_loss(np.array([1.0, 0.0]), np.array([0, 1]), smooth=0)), 6)
    0.433781
    """
    return _log_cosh_dice(pred, target, common, smooth=smooth, squared=squared)


@loss(
    "region",
    "@salehi2017tversky",
    per_class=True,
    latex=r"1 - \frac{TP + s_n}{T}, \quad T = TP + a FP + b FN + s_d",
    derivative=r"\frac{(TP + s_n) (y_i + a (1 - y_i) - b y_i)}{T^2} - \frac{y_i}{T}",
    symbols={"a": "fp_weight", "b": "fn_weight", "s_n, s_d": "smooth"},
)
def _tversky(r: Regions, *, fp_weight: float, fn_weight: float, smooth: SmoothValue) -> Term:
    return overlap(r, 1, fp_weight, fn_weight, smooth, relative=max(fp_weight, fn_weight) > 4).loss


@_tversky.public
def tversky_loss(
    pred: A,
    target: Any,
    *,
    fp_weight: Annotated[float, Interval(0)] = 0.5,
    fn_weight: Annotated[float, Interval(0)] = 0.5,
    smooth: Annotated[SmoothValue, Smooth()] = 1e-5,
    **common: Unpack[Common],
) -> A:
    """Overlap in which false positives and false negatives weigh differently.

    1 - (TP + s_n)/(TP + fp_weight FP + fn_weight FN + s_d) with TP = sum py, FP = sum p(1-y), FN = sum qy. With soft targets
    it is not least at p = y: for y = 0.5 it is 0.5 at p = 0.5 and 1/3 at p = 1.

    Source: {source}, who write alpha for `fp_weight` and beta for
    `fn_weight`; others have it the other way round, so these are named for what they do.

    Parameters
    ----------
    fp_weight : {fp_weight}
        How much a false positive weighs.
    fn_weight : {fn_weight}
        How much a miss weighs. 1/2 and 1/2 give the Dice loss (with twice its `smooth`), 1 and 1 the Jaccard loss.
    smooth : {smooth}
        Added above and below, numerator <= denominator. With 0, 0/0 is a perfect match: loss 0, gradient 0.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import tversky_loss
    >>> round(float(tversky_loss(np.array([0.0, 1.0]), np.array([1, 1]), fp_weight=0.3, fn_weight=0.7, smooth=0)), 6)
    0.411765
    """
    return _tversky(pred, target, common, fp_weight=fp_weight, fn_weight=fn_weight, smooth=smooth)


@loss(
    "region",
    "@abraham2019focal",
    per_class=True,
    latex=r"L^\gamma, \quad L = 1 - \frac{TP + s_n}{T}, \quad T = TP + a FP + b FN + s_d",
    derivative=(
        r"\gamma L^{\gamma - 1} \left( \frac{(TP + s_n) (y_i + a (1 - y_i) - b y_i)}{T^2} - \frac{y_i}{T} "
        r"\right)"
    ),
    symbols={r"\gamma": "gamma", "a": "fp_weight", "b": "fn_weight", "s_n, s_d": "smooth"},
)
def _focal_tversky(r: Regions, *, fp_weight: float, fn_weight: float, gamma: float, smooth: SmoothValue) -> Term:
    tversky = overlap(r, 1, fp_weight, fn_weight, smooth, relative=True).loss
    return tversky.through(*raised(r.xp, tversky.value, gamma))


@_focal_tversky.public
def focal_tversky_loss(
    pred: A,
    target: Any,
    *,
    fp_weight: Annotated[float, Interval(0)] = 0.3,
    fn_weight: Annotated[float, Interval(0)] = 0.7,
    gamma: Annotated[float, Interval(0, low_open=True)] = 0.75,
    smooth: Annotated[SmoothValue, Smooth()] = 1e-5,
    **common: Unpack[Common],
) -> A:
    """A power of the Tversky loss.

    tversky_loss^gamma of each region (and class), before any reduction. Where the loss is 0 and gamma < 1 the slope is
    infinite, and taken as 0. With soft targets it is not least at p = y: for y = 0.5 it is 0.594604 at p = 0.5 and 0.332953
    at p = 1.

    Source: {source}, whose gamma is the reciprocal of this one: their 4/3 is 0.75 here.

    Parameters
    ----------
    fp_weight : {fp_weight}
        How much a false positive weighs, as in `tversky_loss`.
    fn_weight : {fn_weight}
        How much a miss weighs.
    gamma : {gamma}
        The exponent itself.
    smooth : {smooth}
        Added above and below, numerator <= denominator. With 0, 0/0 is a perfect match: loss 0, gradient 0.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import focal_tversky_loss
    >>> p, y = np.array([0.0, 1.0]), np.array([1, 1])
    >>> round(float(focal_tversky_loss(p, y, smooth=0, gamma=2)), 6)
    0.16955
    """
    return _focal_tversky(pred, target, common, fp_weight=fp_weight, fn_weight=fn_weight, gamma=gamma, smooth=smooth)


@loss(
    "region",
    "@rahman2016optimizing",
    per_class=True,
    latex=r"1 - \frac{I + s_n}{U}, \quad U = P + Y - I + s_d",
    derivative=r"\frac{(I + s_n) (1 - y_i)}{U^2} - \frac{y_i}{U}",
    symbols={"I": "the sum of p_i y_i", "P": "the sum of p_i", "Y": "the sum of y_i", "s_n, s_d": "smooth"},
)
def _jaccard(r: Regions, *, smooth: SmoothValue, squared: bool) -> Term:
    return squared_overlap(r, 1, smooth) if squared else overlap(r, 1, 1, 1, smooth).loss


@_jaccard.public
def jaccard_loss(
    pred: A,
    target: Any,
    *,
    smooth: Annotated[SmoothValue, Smooth()] = 1e-5,
    squared: Annotated[bool, Flag()] = False,
    **common: Unpack[Common],
) -> A:
    """One less the Jaccard index (intersection over union) of a soft mask.

    1 - (I + s_n)/(sum p + sum y - I + s_d), I = sum py, of each region (and class).

    With soft targets this is not least at p = y: for y = 0.5 it is 2/3 at p = 0.5 and 1/2 at p = 1. `squared` with s_n = s_d
    is.

    Source: {source}.

    Parameters
    ----------
    smooth : {smooth}
        Added above and below, numerator <= denominator. With 0, 0/0 is a perfect match: loss 0, gradient 0.
    squared : {squared}
        Put squares in the denominator, sum p^2 + sum y^2, in place of sum p + sum y.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import jaccard_loss
    >>> float(jaccard_loss(np.array([1.0, 1.0]), np.array([1, 0]), smooth=0))
    0.5
    """
    return _jaccard(pred, target, common, smooth=smooth, squared=squared)


@loss(
    "region",
    "@brosch2015deep",
    per_class=True,
    latex=r"w \frac{\sum_i y_i q_i^k}{\sum_i y_i} + (1 - w) \frac{\sum_i (1 - y_i) p_i^k}{\sum_i (1 - y_i)}",
    derivative=r"(1 - w) \frac{k (1 - y_i) p_i^{k - 1}}{\sum_j (1 - y_j)} - w \frac{k y_i q_i^{k - 1}}{\sum_j y_j}",
    symbols={"w": "sensitivity_weight", "k": "power"},
)
def _sensitivity_specificity(r: Regions, *, sensitivity_weight: float, power: int) -> Term:
    w, k, m, y = sensitivity_weight, power, r.prob, r.y
    foreground, background = r.sum(y), r.sum(1 - y)
    missed = r.ratio(r.sum(m.times_q(y) if k == 1 else y * m.q**k), foreground)
    false_alarms = r.ratio(r.sum((1 - y) * (m.p if k == 1 else m.p**k)), background)

    def slope(factor: PerRegion) -> Slope:
        up = r.ratio((1 - w) * k * factor * r.present(background), background)
        down = r.ratio(w * k * factor * r.present(foreground), foreground)
        if k == 1:
            return affine(r, up, -down)
        return Slope(p=m.backend.blend(up * m.p ** (k - 1), -down * m.q ** (k - 1), y))

    return r.term(w * missed + (1 - w) * false_alarms, slope)


@_sensitivity_specificity.public
def sensitivity_specificity_loss(
    pred: A,
    target: Any,
    *,
    sensitivity_weight: Annotated[float, Interval(0, 1)] = 0.5,
    power: Annotated[Literal[1, 2], Choice((1, 2))] = 1,
    **common: Unpack[Common],
) -> A:
    """The shares of foreground missed and of background taken for foreground, weighted.

    w sum(y q^k)/sum y + (1-w) sum((1-y) p^k)/sum(1-y); a side that the target does not have adds 0. The survey prints
    the weighted sum of sensitivity and specificity itself, which rises as the masks agree; this is its complement.

    With soft targets this is not least at p = y: for y = (0.75, 0.25) it is 0.375 at p = y and 0.25 at p = (1, 0). With
    `power` 2 it is where sum y to sum(1-y) is as w to 1 - w, and not elsewhere.

    Source: {source}, with squared errors (`power` 2, meant for hard targets).

    Parameters
    ----------
    sensitivity_weight : {sensitivity_weight}
        w, the weight of missed foreground.
    power : {power}
        k.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import sensitivity_specificity_loss
    >>> p, y = np.array([0.5, 0.25, 0.25]), np.array([1, 0, 0])
    >>> float(sensitivity_specificity_loss(p, y, sensitivity_weight=0.5))
    0.375
    """
    return _sensitivity_specificity(pred, target, common, sensitivity_weight=sensitivity_weight, power=power)


@loss(
    "region",
    "@sudre2017generalised",
    needs_class_axis=True,
    latex=r"1 - \frac{2 \sum_c w_c I_c + s_n}{U}, \quad U = \sum_c w_c (P_c + Y_c) + s_d",
    derivative=r"w_c \left( \frac{2 \sum_c w_c I_c + s_n}{U^2} - \frac{2 y_{ic}}{U} \right)",
    symbols={
        "w_c": "weight_type",
        "I_c, P_c, Y_c": "the sums of p_ic y_ic, p_ic and y_ic over the pixels",
        "s_n, s_d": "smooth",
    },
)
def _generalized_dice(r: Regions, *, weight_type: Literal["square", "simple", "uniform"], smooth: SmoothValue) -> Term:
    exponent = {"square": 2, "simple": 1, "uniform": 0}[weight_type]
    size = r.sum(r.y)
    present = size > 0
    smallest = r.xp.min(r.xp.where(present, size, r.xp.inf), axis=r.class_axis, keepdims=True)
    weight = r.xp.where(present, smallest / r.xp.where(present, size, 1.0), 1.0) ** exponent
    return overlap(r, 2 * weight, weight, weight, smooth, pool=True).loss


@_generalized_dice.public
def generalized_dice_loss(
    pred: A,
    target: Any,
    *,
    weight_type: Annotated[Literal["square", "simple", "uniform"], Choice(("square", "simple", "uniform"))] = "square",
    smooth: Annotated[SmoothValue, Smooth()] = 1e-5,
    **common: Unpack[Classes],
) -> A:
    """Dice over all classes at once, small classes weighing more.

    1 - (2 sum_c w_c I_c + s_n)/(sum_c w_c (P_c + Y_c) + s_d) with I_c = sum p_c y_c, P_c = sum p_c, Y_c = sum y_c: one
    value a region for all classes. `class_axis` is needed; there is no `class_weight`. With soft targets it is not least at
    p = y: see "Soft targets" in ``docs/errata.md``.

    Source: {source}.

    Parameters
    ----------
    weight_type : {weight_type}
        w_c = 1/Y_c^2, 1/Y_c or 1, then divided by the largest finite one of the region, so that `smooth` counts pixels
        at every image size. A class absent from the target gets 1.
    smooth : {smooth}
        Added above and below, numerator <= denominator. With 0, 0/0 is a perfect match: loss 0, gradient 0.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import generalized_dice_loss
    >>> p = np.array([[0.5, 1.0, 1.0], [0.5, 0.0, 0.0]])
    >>> round(float(generalized_dice_loss(p, np.array([1, 0, 0]), class_axis=0, smooth=0)), 6)
    0.238095
    """
    return _generalized_dice(pred, target, common, weight_type=weight_type, smooth=smooth)
