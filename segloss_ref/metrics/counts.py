"""Counting metrics: numbers of the 2x2 table of two masks, for every region and class.

All take two masks, or one `Confusion` or `ClassConfusion` record in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, Unpack

from .. import _arguments as arguments
from .._arguments import library_of
from .._backend import backend_of
from ..domains import Choice, Interval
from ._counting import Counting, Outcome, check_own, check_pixels, class_axis_of_record, count_masks, finish
from ._metric import Metric, mask_section
from ._reading import MOST_COUNTS, Masks, normal_classes, read_masks
from ._records import ClassConfusion, Confusion
from ._tallies import class_table_on_device, class_table_on_host

__all__ = [
    "ClassConfusion",
    "Confusion",
    "accuracy",
    "balanced_accuracy",
    "class_confusion",
    "cohen_kappa",
    "confusion",
    "dice_score",
    "f_score",
    "jaccard_index",
    "matthews_correlation",
    "negative_predictive_value",
    "precision",
    "sensitivity",
    "specificity",
    "tversky_index",
    "volumetric_similarity",
]

_LOW = 1e-9
"""Sums of weights between this number and its inverse are taken as they are."""


class _Table:
    """The four counts in float64, and the quotients formed of them; `broken` is where one was 0/0."""

    def __init__(self, xp: Any, dtype: Any, record: Confusion) -> None:
        self.xp = xp
        cells = [xp.astype(cell, dtype, copy=False) for cell in (record.tp, record.fp, record.fn, record.tn)]
        self.found, self.truth = cells[0] + cells[1], cells[0] + cells[2]
        """How large the prediction is, and the target, in the unit of the record."""
        if arguments.is_real(xp, record.tp):
            # Every formula is homogeneous: sums of weights are brought near 1, so that no product leaves the dtype's range.
            largest = xp.maximum(xp.maximum(cells[0], cells[1]), xp.maximum(cells[2], cells[3]))
            usual = (largest > _LOW) & (largest < 1 / _LOW) | (largest == 0)
            seen = backend_of(usual).readable(usual)
            if seen is None or not seen.all():
                cells = [cell / xp.where(usual, 1.0, largest) for cell in cells]
        self.tp, self.fp, self.fn, self.tn = cells
        self.broken: Any = xp.zeros_like(self.tp, dtype=xp.bool)

    def over(self, numerator: Any, denominator: Any) -> Any:
        """numerator/denominator; x/0 is infinite."""
        empty = (numerator == 0) & (denominator == 0)
        self.broken = self.broken | empty
        return numerator / self.xp.where(empty, 1.0, denominator)


@dataclass(eq=False, kw_only=True, repr=False)
class _Count(Metric):
    """A formula on a `_Table`."""

    formula: Callable[..., Any]

    shared = mask_section(
        record="Confusion` or `ClassConfusion",
        axis="The axes that are counted together",
        weight="Pixel weights in [0, 1e30] that broadcast to the pixels; 0 leaves a pixel out.",
        ignored="The label in an integer `target` of pixels to leave out.",
        undefined="The value wherever a term of the formula is 0/0.",
        empty="TP + FP = 0, or TP + FN = 0, of the pixels that are counted",
        support="its pixels, or the sum of their weights",
        result=".",
        values="""; array values (integers other than 0 and 1, probabilities outside
    [0, 1], nan, labels out of range, weights outside [0, 1e30]) wherever the arrays lie in the host's memory and nothing
    compiles, traces or transforms the call, elsewhere through `segloss_ref.validate`.""",
    )

    def __call__(self, pred: Any, target: Any, counting: Counting, **own: Any) -> Any:
        name = self.name
        own = check_own(self, own)
        keywords, how = self.split(counting)
        home = None
        if isinstance(pred, Confusion | ClassConfusion):
            if target is not None or keywords:
                more = ", ".join(["target", *keywords] if target is not None else keywords)
                raise TypeError(f"{name}: a {type(pred).__name__} record takes the place of the masks and of {more}")
            record = pred.confusion() if isinstance(pred, ClassConfusion) else pred
        else:
            home = library_of(name, pred)
            with home.guard():
                record = count_masks(name, pred, target, keywords, home=False)
        backend = library_of(name, record.tp)
        xp = backend.namespace(record.tp)
        class_axis = record.class_axis
        if record is pred:  # perhaps made by hand
            class_axis = class_axis_of_record(name, class_axis, record.tp.ndim, how.reduction)
        with backend.guard():
            table = _Table(xp, backend.wide(record.tp)[0], record)
            value = self.formula(table, **own)
            found = Outcome(value, table.broken, table.found, table.truth, class_axis)
            if home is None or home is backend:
                return finish(xp, found, how)
        return self.finish_on_host(pred, found, how)  # what was counted there is cheapest to evaluate there

    def check_masks(self, pred: Any, target: Any, own: Mapping[str, Any], masks: Mapping[str, Any]) -> None:
        count_masks(self.name, pred, target, masks, check_values=True)


def _count(source: str, *, latex: str, symbols: Mapping[str, str] = MappingProxyType({})) -> Callable[[Any], _Count]:
    """Make a metric of a formula; used as the formula's decorator."""
    return lambda formula: _Count(family="counts", source=source, latex=latex, symbols=symbols, formula=formula)


def confusion(pred: Any, target: Any, **masks: Unpack[Masks]) -> Confusion:
    """Count true and false positives and negatives, for every region (and class).

    Returns
    -------
    Confusion, a record of `tp`, `fp`, `fn` and `tn`: int64 counts, or float64 sums of weights; its `class_axis` is the
    axis of the counts that runs over the classes. Records of one shape add up, and every counting metric takes the
    record in place of its masks. The arguments are those of `dice_score` save `reduction`, `undefined`, `pred_empty` and
    `target_empty`.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import confusion, dice_score
    >>> first = confusion(np.array([1, 1, 0, 0]), np.array([1, 0, 0, 0]))
    >>> second = confusion(np.array([1, 1]), np.array([1, 1]))
    >>> [int(n) for n in (first.tp, first.fp, first.fn, first.tn)]
    [1, 1, 0, 2]
    >>> round(float(dice_score(first + second)), 6)
    0.857143
    """
    with library_of("confusion", pred).guard():
        return count_masks("confusion", pred, target, masks)


def class_confusion(
    pred: Any,
    target: Any,
    num_classes: int,
    *,
    axis: int | tuple[int, ...] | None = None,
    weight: Any = None,
    ignore_index: int | None = None,
) -> ClassConfusion:
    """Count the pixels of every pair of classes of two label maps, in one pass.

    Parameters
    ----------
    pred, target
        Two integer label maps of one shape, library and device, with labels in [0, `num_classes`).
    num_classes : int
        In [1, 65536], and such that all tables together have at most 2^28 numbers (2 GiB).
    axis : int, tuple of int or None, default None
        The axes of the label maps that are counted together; None: all.
    weight : array or None, default None
        Pixel weights in [0, 1e30] that broadcast to the label maps; 0 leaves a pixel out.
    ignore_index : int or None, default None
        The label in `target` of pixels to leave out.

    Returns
    -------
    ClassConfusion, a record of ``counts[..., target, pred]``: int64, or float64 sums of weights, after the axes that are
    not counted together. Records of one shape add up; every counting metric takes the record in place of its masks, each
    class against the rest along the last axis, and ``record.confusion()`` is what `confusion` gives.

    Raises
    ------
    TypeError, ValueError
        For arguments outside what is said above; for labels out of range and weights outside [0, 1e30] wherever the arrays
        lie in the host's memory and nothing compiles, traces or transforms the call. Elsewhere a pixel with a label out of
        range is counted nowhere.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import class_confusion, dice_score
    >>> record = class_confusion(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2]), num_classes=3)
    >>> record.counts.tolist()
    [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    >>> [round(float(score), 6) for score in dice_score(record)]
    [1.0, 0.666667, 0.666667]
    """
    name = "class_confusion"
    backend = library_of(name, pred)
    xp = backend.namespace(pred)
    classes = normal_classes(name, num_classes)
    if target is None:
        raise TypeError(f"{name}: target must be an array like pred, got None")
    arguments.check_same_place(name, backend, pred, target=target)
    for which, labels in (("pred", pred), ("target", target)):
        if not arguments.is_integer(xp, labels):
            raise TypeError(f"{name}: {which} must be an integer label map, got {arguments.describe(labels)}")
    if tuple(pred.shape) != tuple(target.shape):
        raise ValueError(f"{name}: target must have shape {tuple(pred.shape)}, got {tuple(target.shape)}")
    axes = tuple(range(pred.ndim)) if axis is None else arguments.normal_axes(name, axis, pred.ndim)
    regions = arguments.size_of([size for place, size in enumerate(pred.shape) if place not in axes])
    if regions * classes**2 > MOST_COUNTS:
        raise ValueError(f"{name}: num_classes must leave at most {MOST_COUNTS} counts in all, which are "
                         f"{regions} x num_classes^2 here, got {classes}")  # fmt: skip
    masks: Masks = {
        "class_axis": -1,
        "num_classes": classes,
        "axis": axes,
        "weight": weight,
        "ignore_index": ignore_index,
    }
    with backend.guard():
        reading = read_masks(name, pred, target, masks)
        check_pixels(name, reading, pred)
        host = reading.on_host(False)
        if host is None:
            return ClassConfusion._trusted(counts=class_table_on_device(reading, classes))
        counts = backend.from_host(class_table_on_host(name, host, classes), pred)
        if weight is not None:
            counts = xp.astype(counts, backend.wide(pred)[0], copy=False)
        return ClassConfusion._trusted(counts=counts)


@_count("@dice1945measures", latex=r"\frac{2 TP}{2 TP + FP + FN}")
def _dice_score(t: _Table) -> Any:
    return t.over(2 * t.tp, 2 * t.tp + t.fp + t.fn)


@_dice_score.public
def dice_score(pred: Any, target: Any = None, **counting: Unpack[Counting]) -> Any:
    """Dice coefficient: 2 TP/(2 TP + FP + FN)."""
    return _dice_score(pred, target, counting)


@_count("@jaccard1912distribution", latex=r"\frac{TP}{TP + FP + FN}")
def _jaccard_index(t: _Table) -> Any:
    return t.over(t.tp, t.tp + t.fp + t.fn)


@_jaccard_index.public
def jaccard_index(pred: Any, target: Any = None, **counting: Unpack[Counting]) -> Any:
    """Jaccard index, intersection over union: TP/(TP + FP + FN)."""
    return _jaccard_index(pred, target, counting)


@_count("@yerushalmy1947statistical", latex=r"\frac{TP}{TP + FN}")
def _sensitivity(t: _Table) -> Any:
    return t.over(t.tp, t.tp + t.fn)


@_sensitivity.public
def sensitivity(pred: Any, target: Any = None, **counting: Unpack[Counting]) -> Any:
    """Sensitivity, recall, true positive rate: TP/(TP + FN)."""
    return _sensitivity(pred, target, counting)


@_count("@yerushalmy1947statistical", latex=r"\frac{TN}{TN + FP}")
def _specificity(t: _Table) -> Any:
    return t.over(t.tn, t.tn + t.fp)


@_specificity.public
def specificity(pred: Any, target: Any = None, **counting: Unpack[Counting]) -> Any:
    """Specificity, true negative rate: TN/(TN + FP)."""
    return _specificity(pred, target, counting)


@_count("@vanrijsbergen1979information, chapter 7", latex=r"\frac{TP}{TP + FP}")
def _precision(t: _Table) -> Any:
    return t.over(t.tp, t.tp + t.fp)


@_precision.public
def precision(pred: Any, target: Any = None, **counting: Unpack[Counting]) -> Any:
    """Precision, positive predictive value: TP/(TP + FP)."""
    return _precision(pred, target, counting)


@_count("@altman1994diagnostic", latex=r"\frac{TN}{TN + FN}")
def _negative_predictive_value(t: _Table) -> Any:
    return t.over(t.tn, t.tn + t.fn)


@_negative_predictive_value.public
def negative_predictive_value(pred: Any, target: Any = None, **counting: Unpack[Counting]) -> Any:
    """Negative predictive value: TN/(TN + FN)."""
    return _negative_predictive_value(pred, target, counting)


@_count("Common usage; no single source", latex=r"\frac{TP + TN}{TP + FP + FN + TN}")
def _accuracy(t: _Table) -> Any:
    return t.over(t.tp + t.tn, t.tp + t.fp + t.fn + t.tn)


@_accuracy.public
def accuracy(pred: Any, target: Any = None, **counting: Unpack[Counting]) -> Any:
    """Accuracy: (TP + TN)/(TP + FP + FN + TN)."""
    return _accuracy(pred, target, counting)


@_count("@brodersen2010balanced", latex=r"\frac{1}{2} \left( \frac{TP}{TP + FN} + \frac{TN}{TN + FP} \right)")
def _balanced_accuracy(t: _Table) -> Any:
    return (_sensitivity.formula(t) + _specificity.formula(t)) / 2


@_balanced_accuracy.public
def balanced_accuracy(pred: Any, target: Any = None, **counting: Unpack[Counting]) -> Any:
    """Balanced accuracy: the mean of sensitivity and specificity, undefined where either is."""
    return _balanced_accuracy(pred, target, counting)


@_count(
    "@vanrijsbergen1979information, chapter 7",
    latex=r"\frac{(1 + \beta^2) TP}{(1 + \beta^2) TP + \beta^2 FN + FP}",
    symbols={r"\beta": "beta"},
)
def _f_score(t: _Table, *, beta: float) -> Any:
    # (1 + beta^2) is divided out, so that no beta is too large or too small for the dtype.
    ratio = min(beta, 1 / beta) ** 2
    shares = ratio / (1 + ratio), 1 / (1 + ratio)
    a, b = shares if beta < 1 else shares[::-1]
    return t.over(t.tp, t.xp.where(t.tp == 0, t.fn + t.fp, t.tp + a * t.fn + b * t.fp))


@_f_score.public
def f_score(
    pred: Any,
    target: Any = None,
    *,
    beta: Annotated[float, Interval(0, low_open=True)] = 1.0,
    **counting: Unpack[Counting],
) -> Any:
    """F-score: (1 + beta^2) TP/((1 + beta^2) TP + beta^2 FN + FP).

    Parameters
    ----------
    beta : {beta}
        How many times as important sensitivity is as precision; 1 gives the Dice coefficient.
    """
    return _f_score(pred, target, counting, beta=beta)


@_count("@matthews1975comparison", latex=r"\frac{TP \, TN - FP \, FN}{\sqrt{(TP + FP) (TP + FN) (TN + FP) (TN + FN)}}")
def _matthews_correlation(t: _Table) -> Any:
    def middle(a: Any, b: Any) -> Any:
        """The geometric mean, of equal numbers that number, so that a perfect match gives 1 to the last digit."""
        return t.xp.where(a == b, a, t.xp.sqrt(a) * t.xp.sqrt(b))

    return t.over(t.tp * t.tn - t.fp * t.fn, middle(t.tp + t.fp, t.tp + t.fn) * middle(t.tn + t.fp, t.tn + t.fn))


@_matthews_correlation.public
def matthews_correlation(pred: Any, target: Any = None, **counting: Unpack[Counting]) -> Any:
    """Matthews correlation: (TP TN - FP FN)/sqrt((TP + FP)(TP + FN)(TN + FP)(TN + FN)).

    Undefined where one mask is empty or full. With `class_axis` it is that of each class against the rest, not the
    correlation of several classes at once that other packages have under this name."""
    return _matthews_correlation(pred, target, counting)


@_count("@cohen1960coefficient", latex=r"\frac{2 (TP \, TN - FP \, FN)}{(TP + FP) (FP + TN) + (TP + FN) (FN + TN)}")
def _cohen_kappa(t: _Table) -> Any:
    chance = (t.tp + t.fp) * (t.fp + t.tn) + (t.tp + t.fn) * (t.fn + t.tn)
    return t.over(2 * (t.tp * t.tn - t.fp * t.fn), chance)


@_cohen_kappa.public
def cohen_kappa(pred: Any, target: Any = None, **counting: Unpack[Counting]) -> Any:
    """Cohen's kappa: 2 (TP TN - FP FN)/((TP + FP)(FP + TN) + (TP + FN)(FN + TN)).

    That is (observed agreement - chance agreement)/(1 - chance agreement) of two raters and two labels. With `class_axis` it
    is that of each class against the rest, not the kappa of several labels at once that other packages have under this
    name."""
    return _cohen_kappa(pred, target, counting)


@_count("@tversky1977features", latex=r"\frac{TP}{TP + a FP + b FN}", symbols={"a": "fp_weight", "b": "fn_weight"})
def _tversky_index(t: _Table, *, fp_weight: float, fn_weight: float) -> Any:
    # Without a true positive it matters alone whether there is an error that weighs anything, be it ever so little.
    errors = (t.fp if fp_weight else 0.0) + (t.fn if fn_weight else 0.0) + 0.0 * t.tp
    return t.over(t.tp, t.xp.where(t.tp == 0, errors, t.tp + fp_weight * t.fp + fn_weight * t.fn))


@_tversky_index.public
def tversky_index(
    pred: Any,
    target: Any = None,
    *,
    fp_weight: Annotated[float, Interval(0)] = 0.5,
    fn_weight: Annotated[float, Interval(0)] = 0.5,
    **counting: Unpack[Counting],
) -> Any:
    """Tversky index: TP/(TP + fp_weight FP + fn_weight FN).

    Parameters
    ----------
    fp_weight : {fp_weight}
        How much a false positive weighs.
    fn_weight : {fn_weight}
        How much a miss weighs.
    """
    return _tversky_index(pred, target, counting, fp_weight=fp_weight, fn_weight=fn_weight)


@_count("@taha2015metrics", latex=r"1 - \frac{|FP - FN|}{2 TP + FP + FN}")
def _volumetric_similarity(t: _Table, *, kind: str) -> Any:
    excess = t.fp - t.fn  # P - T, the predicted size less the true one
    if kind == "unsigned":
        return 1 - t.over(t.xp.abs(excess), 2 * t.tp + t.fp + t.fn)
    if kind == "signed":
        return t.over(2 * excess, 2 * t.tp + t.fp + t.fn)
    return t.over(excess if kind == "relative" else t.xp.abs(excess), t.tp + t.fn)


@_volumetric_similarity.public
def volumetric_similarity(
    pred: Any,
    target: Any = None,
    *,
    kind: Annotated[
        Literal["unsigned", "signed", "relative", "absolute_relative"],
        Choice(("unsigned", "signed", "relative", "absolute_relative")),
    ] = "unsigned",
    **counting: Unpack[Counting],
) -> Any:
    """How well the sizes P of the prediction and T of the target agree, wherever the pixels lie.

    Parameters
    ----------
    kind : {kind}
        The definition: "unsigned" 1 - abs(P - T)/(P + T), "signed" 2 (P - T)/(P + T), "relative" (P - T)/T,
        "absolute_relative" abs(P - T)/T.
    """
    return _volumetric_similarity(pred, target, counting, kind=kind)
