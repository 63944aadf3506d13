"""Masks to counts: how every counting metric reads its two masks."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, TypedDict, get_args

from . import _arguments as arguments
from ._backend import Array, Backend
from .registry import MetricRecord

__all__ = [
    "Confusion",
    "Counting",
    "Finish",
    "Masks",
    "MetricReduction",
    "Outcome",
    "Reading",
    "check_own",
    "class_axis_of_record",
    "count_masks",
    "finish",
    "mask_keywords",
    "read_finish",
    "read_masks",
]

MetricReduction = Literal["none", "mean", "nanmean", "weighted", "sum"]


class Masks(TypedDict, total=False):
    """How two masks are read and counted."""

    threshold: float
    axis: int | tuple[int, ...] | None
    class_axis: int | None
    num_classes: int | None
    weight: Any
    ignore_index: int | None


class Counting(Masks, total=False):
    """The keywords of every metric of two masks."""

    reduction: MetricReduction
    undefined: float
    pred_empty: float | None
    target_empty: float | None


@dataclass(frozen=True)
class Confusion:
    """Counts of true and false positives and negatives, one each a region (and class).

    int64 counts, or float64 sums of weights. Records add up: ``confusion(a, b) + confusion(c, d)`` counts both pairs, so
    that batches, files and machines can be pooled; every counting metric takes the record in place of the two masks.
    """

    tp: Any
    fp: Any
    fn: Any
    tn: Any
    class_axis: int | None = None
    """The axis of the counts that runs over the classes; None: there is none."""

    def __add__(self, other: Confusion) -> Confusion:
        if not isinstance(other, Confusion):
            return NotImplemented
        if tuple(self.tp.shape) != tuple(other.tp.shape):
            raise ValueError(
                f"Confusion: records to be added must have one shape, got {tuple(self.tp.shape)} and "
                f"{tuple(other.tp.shape)}; count with the same axis and class_axis, over all batch axes"
            )
        if self.class_axis != other.class_axis:
            raise ValueError(
                f"Confusion: records to be added must have one class_axis, got {self.class_axis!r} and "
                f"{other.class_axis!r}"
            )
        cells = (self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)
        return Confusion(*cells, self.class_axis)

    def __radd__(self, other: object) -> Confusion:
        if isinstance(other, int) and other == 0:  # the start of sum()
            return self
        return NotImplemented


@dataclass(frozen=True)
class _Setting:
    """Checked keywords of a call."""

    threshold: float
    axis: int | tuple[int, ...] | None
    class_axis: int | None
    num_classes: int | None
    ignore_index: int | None


def _setting(owner: str, keywords: Mapping[str, Any]) -> _Setting:
    for name in keywords:
        if name not in Masks.__annotations__:
            raise TypeError(f"{owner}: unknown keyword {name!r}, expected one of {', '.join(Counting.__annotations__)}")
    threshold = keywords.get("threshold", 0.5)
    if not isinstance(threshold, Real) or isinstance(threshold, bool):
        raise TypeError(f"{owner}: threshold must be a real number in [0, 1], got {threshold!r}")
    if not 0 <= float(threshold) <= 1:
        raise ValueError(f"{owner}: threshold must lie in [0, 1], got {threshold!r}")
    num_classes = keywords.get("num_classes")
    if num_classes is not None:
        if not isinstance(num_classes, Integral) or isinstance(num_classes, bool):
            raise TypeError(f"{owner}: num_classes must be an integer, got {num_classes!r}")
        if num_classes < 1:
            raise ValueError(f"{owner}: num_classes must be at least 1, got {num_classes!r}")
        if keywords.get("class_axis") is None:
            raise ValueError(f"{owner}: num_classes needs class_axis, got class_axis None")
        num_classes = int(num_classes)
    return _Setting(
        float(threshold),
        keywords.get("axis"),
        keywords.get("class_axis"),
        num_classes,
        keywords.get("ignore_index"),
    )


def _reject_dtype(owner: str, name: str, xp: Any, array: Array) -> None:
    if not (array.dtype == xp.bool or arguments.is_integer(xp, array) or arguments.is_real(xp, array)):
        raise TypeError(f"{owner}: {name} must be bool, integer or real floating, got {arguments.describe(array)}")


def _check_values(owner: str, xp: Any, masks: Mapping[str, tuple[Array, int | None]], weight: Array) -> None:
    """Each mask comes with its number of classes when it is a label map, whose weight has the same shape."""
    for name, (mask, classes) in masks.items():
        if classes is not None:
            flat = None if weight is None else xp.reshape(weight, mask.shape)
            arguments.check_labels_values(owner, name, xp, mask, classes, flat)
        elif mask.dtype != xp.bool:
            arguments.check_unit_values(owner, name, xp, mask, weight, hard=not arguments.is_real(xp, mask))


@dataclass(frozen=True)
class Reading:
    """Two masks as read: bool arrays of the full shape, class axis included, and what is to be counted of them."""

    backend: Backend
    xp: Any
    pred: Array
    target: Array
    weight: Array
    """Wide, of the masks' shape save size 1 along the class axis; None: all 1."""
    kept: Array
    """False where `ignore_index` leaves a pixel out, shaped like `weight`; None: nowhere."""
    axes: tuple[int, ...]
    """The axes that make a region, in the order in which they were given."""
    class_axis: int | None

    @property
    def values_class_axis(self) -> int | None:
        """The axis of the regions' values that runs over the classes; None: there is none."""
        if self.class_axis is None or self.class_axis in self.axes:
            return None
        return sum(axis not in self.axes for axis in range(self.class_axis))


def read_masks(
    owner: str, pred: Array, target: Array, keywords: Mapping[str, Any], check_values: bool = False
) -> Reading:
    """Check two masks and their keywords, and decide every pixel."""
    setting = _setting(owner, keywords)
    backend = arguments.library_of(owner, pred)
    xp = backend.namespace(pred)
    weight = keywords.get("weight")
    if target is None:
        raise TypeError(f"{owner}: target must be an array like pred, got None")
    arguments.check_same_place(owner, backend, pred, target=target, weight=weight)
    _reject_dtype(owner, "pred", xp, pred)
    _reject_dtype(owner, "target", xp, target)

    labels = setting.num_classes is not None or (setting.class_axis is not None and pred.ndim != target.ndim)
    pred_is_map = labels and (setting.num_classes is not None or pred.ndim < target.ndim)
    target_is_map = labels and (setting.num_classes is not None or target.ndim < pred.ndim)
    if setting.num_classes is not None and pred.ndim != target.ndim:
        # One of the two has the class axis after all, and it must agree with num_classes.
        pred_is_map, target_is_map = pred.ndim < target.ndim, target.ndim < pred.ndim
    ndim = max(pred.ndim + pred_is_map, target.ndim + target_is_map)
    class_axis = arguments.normal_class_axis(owner, setting.class_axis, ndim)
    whole = target if pred_is_map else pred
    shape: tuple[int, ...]
    classes: int | None
    if pred_is_map and target_is_map:
        classes = setting.num_classes or 0
        pixels: tuple[int, ...] = tuple(pred.shape)
        shape = (*pixels[:class_axis], classes, *pixels[class_axis:])
    else:
        shape = tuple(whole.shape)
        classes = None if class_axis is None else shape[class_axis]
        pixels = arguments.shape_of_pixels(shape, class_axis)
        if setting.num_classes is not None and classes != setting.num_classes:
            raise ValueError(f"{owner}: num_classes must be {classes}, as class_axis has, got {setting.num_classes}")
    for name, mask, is_map in (("pred", pred, pred_is_map), ("target", target, target_is_map)):
        expected = pixels if is_map else shape
        if tuple(mask.shape) != expected:
            raise ValueError(f"{owner}: {name} must have shape {expected}, got {tuple(mask.shape)}")
        if is_map and not arguments.is_integer(xp, mask):
            raise TypeError(f"{owner}: {name} without class_axis must be an integer label map, got "
                            f"{arguments.describe(mask)}")  # fmt: skip
    if 0 in shape:
        raise ValueError(f"{owner}: pred must hold at least one pixel, got shape {tuple(pred.shape)}")
    axes = arguments.region_axes(owner, setting.axis, class_axis, ndim)

    is_labels = arguments.is_integer(xp, target) and (target_is_map or class_axis is None)
    ignore = arguments.normal_ignore_index(owner, setting.ignore_index, is_labels, target)
    checked = check_values or backend.reads_values
    if weight is not None:
        if checked:
            arguments.check_weight_values(owner, "weight", xp, weight)
        weight = arguments.wide_weight(owner, xp, weight, shape, class_axis, backend.wide(xp)[0])
    kept = None
    if ignore is not None:
        kept = arguments.is_not(backend, xp, target, ignore)
        if target_is_map:
            kept = xp.expand_dims(kept, axis=class_axis)
    relevant = kept if weight is None else weight > 0 if kept is None else kept & (weight > 0)
    if checked:
        _check_values(
            owner,
            xp,
            {
                "pred": (pred, classes if pred_is_map else None),
                "target": (target, classes if target_is_map else None),
            },
            None if relevant is None else xp.astype(relevant, xp.int8),
        )

    def decide(mask: Array, is_map: bool, competing: bool) -> Array:
        if is_map:
            mask = xp.expand_dims(mask, axis=class_axis)
            return backend.one_hot(mask, int(classes or 0), int(class_axis or 0), xp.bool)
        if not arguments.is_real(xp, mask):
            return mask if mask.dtype == xp.bool else mask != 0
        if competing:
            winner = xp.argmax(mask, axis=class_axis, keepdims=True)
            return backend.one_hot(winner, int(classes or 0), int(class_axis or 0), xp.bool)
        return mask > setting.threshold

    p = decide(pred, pred_is_map, competing=class_axis is not None)
    t = decide(target, target_is_map, competing=False)

    return Reading(backend, xp, p, t, weight, kept, axes, class_axis)


def count_masks(
    owner: str, pred: Array, target: Array, keywords: Mapping[str, Any], check_values: bool = False
) -> Confusion:
    """The confusion record of two masks."""
    reading = read_masks(owner, pred, target, keywords, check_values)
    xp, weight, kept = reading.xp, reading.weight, reading.kept

    def count(cell: Array) -> Array:
        if weight is None:
            members = xp.astype(cell if kept is None else cell & kept, reading.backend.wide(xp)[1])
        else:
            members = xp.where(cell if kept is None else cell & kept, weight, 0.0)
        return xp.sum(members, axis=reading.axes)

    p, t = reading.pred, reading.target
    return Confusion(
        tp=count(p & t), fp=count(p & ~t), fn=count(~p & t), tn=count(~p & ~t), class_axis=reading.values_class_axis
    )


def class_axis_of_record(owner: str, class_axis: object, ndim: int, reduction: object) -> int | None:
    """The class axis of a record of `ndim` axes, counted from the front."""
    if class_axis is None and ndim > 0 and reduction == "weighted":
        raise ValueError(
            f"{owner}: reduction 'weighted' must know which axis of the record holds the classes, got a record of {ndim} "
            "axes with class_axis None; make it with class_axis"
        )
    return arguments.normal_class_axis(owner, class_axis, ndim)


def _number(owner: str, name: str, value: object) -> float:
    """The value that stands for something without one: any real number, nan and inf included."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{owner}: {name} must be a real number, nan or inf, got {arguments.describe(value)}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(
            f"{owner}: {name} must be a number that float64 holds, got {arguments.describe(value)}"
        ) from None


@dataclass(frozen=True)
class Finish:
    """What becomes of a metric's values: checked keywords."""

    reduction: str
    undefined: float
    pred_empty: float | None
    target_empty: float | None


def read_finish(owner: str, keywords: Mapping[str, Any]) -> Finish:
    """Check those of `keywords` that say what becomes of a metric's values."""
    reduction = keywords.get("reduction", "none")
    if not isinstance(reduction, str) or reduction not in get_args(MetricReduction):
        names = ", ".join(map(repr, get_args(MetricReduction)))
        raise ValueError(f"{owner}: reduction must be one of {names}, got {arguments.describe(reduction)}")
    pred_empty, target_empty = (
        None if keywords.get(name) is None else _number(owner, name, keywords[name])
        for name in ("pred_empty", "target_empty")
    )
    return Finish(reduction, _number(owner, "undefined", keywords.get("undefined", math.nan)), pred_empty, target_empty)


class Outcome(NamedTuple):
    """What a metric has found: arrays with one element a region (and class)."""

    value: Array
    undefined: Array
    """Where the value is 0/0."""
    pred_size: Array
    """The foreground of the prediction: its pixels, or the sum of their weights."""
    target_size: Array
    """The same of the target; of a class it is the support."""
    class_axis: int | None
    """The axis of these arrays that runs over the classes; None: there is none."""


def finish(xp: Any, found: Outcome, how: Finish) -> Any:
    """The values with what stands for undefined ones and for empty masks, reduced over regions and classes."""
    value = xp.where(found.undefined, how.undefined, found.value)
    no_pred, no_target = found.pred_size == 0, found.target_size == 0
    if how.pred_empty is not None:
        value = xp.where(no_pred & ~no_target, how.pred_empty, value)
    if how.target_empty is not None:
        value = xp.where(no_target & ~no_pred, how.target_empty, value)
    if how.reduction == "none":
        return value
    if how.reduction == "sum":
        return xp.sum(value)
    if how.reduction == "nanmean":
        known = ~xp.isnan(value)
        count = xp.sum(xp.astype(known, value.dtype))
        return xp.sum(xp.where(known, value, 0.0)) / xp.where(count == 0, xp.nan, count)
    if how.reduction == "weighted":
        value = _weighted_by_support(xp, value, found.target_size, found.class_axis, how.undefined)
    return xp.mean(value)


def _weighted_by_support(xp: Any, value: Array, support: Array, class_axis: int | None, undefined: float) -> Array:
    """The mean over the classes of each region, weighted by `support`; `undefined` where no class has any."""
    if class_axis is None:
        return xp.where(support > 0, value, undefined)
    whole = xp.sum(support, axis=class_axis, keepdims=True)
    share = support / xp.where(whole > 0, whole, 1.0)
    # Classes of no support are left out before the product, which inf and nan would survive.
    mean = xp.sum(xp.where(support > 0, value, 0.0) * share, axis=class_axis)
    return xp.where(xp.squeeze(whole, axis=class_axis) > 0, mean, undefined)


def check_own(metric: MetricRecord, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `metric`'s own parameters, checked."""
    own = {}
    for name, parameter in metric.parameters.items():
        own[name] = keywords.get(name, parameter.default)
        if own[name] is inspect.Parameter.empty:
            raise TypeError(f"{metric.name}: {name} must be given, {parameter.domain}")
        parameter.domain.check(metric.name, name, own[name])
    return own


def mask_keywords(metric: MetricRecord, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `keywords` that say how masks are read; the others must be known and right."""
    for name in keywords:
        if name not in Counting.__annotations__ and name not in metric.parameters:
            raise TypeError(f"{metric.name}: unknown keyword {name!r}")
    read_finish(metric.name, keywords)
    return {name: value for name, value in keywords.items() if name in Masks.__annotations__}
