"""Masks to counts: how every counting metric reads its two masks."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, TypedDict, get_args

from . import _arguments as arguments
from ._backend import Array, Backend
from .registry import MetricRecord

__all__ = [
    "Confusion",
    "Counting",
    "Masks",
    "MetricReduction",
    "Reading",
    "check_own",
    "count_masks",
    "finish",
    "mask_keywords",
    "read_masks",
]

MetricReduction = Literal["none", "mean", "nanmean", "sum"]


class Masks(TypedDict, total=False):
    """How two masks are read and counted."""

    threshold: float
    axis: int | tuple[int, ...] | None
    class_axis: int | None
    num_classes: int | None
    weight: Any
    ignore_index: int | None


class Counting(Masks, total=False):
    """The keywords of every counting metric."""

    reduction: MetricReduction
    undefined: float


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

    def __add__(self, other: Confusion) -> Confusion:
        if not isinstance(other, Confusion):
            return NotImplemented
        if tuple(self.tp.shape) != tuple(other.tp.shape):
            raise ValueError(
                f"Confusion: records to be added must have one shape, got {tuple(self.tp.shape)} and "
                f"{tuple(other.tp.shape)}; count with the same axis and class_axis, over all batch axes"
            )
        return Confusion(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

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
    return Confusion(tp=count(p & t), fp=count(p & ~t), fn=count(~p & t), tn=count(~p & ~t))


def _check_finish(owner: str, reduction: object, undefined: object) -> None:
    """What a metric does with its values, as far as it can be checked without them."""
    if not isinstance(undefined, Real) or isinstance(undefined, bool):
        raise TypeError(f"{owner}: undefined must be a real number or nan, got {undefined!r}")
    if reduction not in get_args(MetricReduction):
        raise ValueError(f"{owner}: reduction must be 'none', 'mean', 'nanmean' or 'sum', got {reduction!r}")


def finish(owner: str, xp: Any, value: Array, broken: Array, reduction: object, undefined: Any) -> Any:
    """`value` with `undefined` wherever a term is 0/0 (`broken`), reduced over regions and classes."""
    _check_finish(owner, reduction, undefined)
    value = xp.where(broken, float(undefined), value)
    if reduction == "none":
        return value
    if reduction == "sum":
        return xp.sum(value)
    if reduction == "mean":
        return xp.mean(value)
    known = ~xp.isnan(value)
    count = xp.sum(xp.astype(known, value.dtype))
    return xp.sum(xp.where(known, value, 0.0)) / xp.where(count == 0, xp.nan, count)


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
    _check_finish(metric.name, keywords.get("reduction", "none"), keywords.get("undefined", float("nan")))
    return {name: value for name, value in keywords.items() if name in Masks.__annotations__}
