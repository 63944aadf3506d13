"""Masks to counts, and values to what a metric returns: what all counting metrics share."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from .. import _arguments as arguments
from .._backend import Array
from ..domains import Choice, Number
from ..registry import MetricRecord
from ._masks import Reading
from ._reading import Masks, read_masks
from ._records import Confusion
from ._tallies import count_on_device, count_on_host

__all__ = [
    "Counting",
    "Finish",
    "MetricReduction",
    "Outcome",
    "check_own",
    "check_pixels",
    "class_axis_of_record",
    "count_masks",
    "finish",
    "mask_keywords",
    "read_finish",
]

MetricReduction = Literal["none", "mean", "nanmean", "weighted", "sum"]
_CELLS = ("tp", "fp", "fn", "tn")


class Counting(Masks, total=False):
    """The keywords of every metric of two masks."""

    reduction: MetricReduction
    undefined: float
    pred_empty: float | None
    target_empty: float | None


_REDUCTION = Choice(get_args(MetricReduction))
_NUMBER = Number()


def count_masks(
    owner: str, pred: Array, target: Array, keywords: Mapping[str, Any], check_values: bool = False, home: bool = True
) -> Confusion:
    """The confusion record of two masks; label maps are counted by pairs and never spread over classes.

    Without `home`, what was counted on the host stays in NumPy arrays.
    """
    reading = read_masks(owner, pred, target, keywords, check_values)
    check_pixels(owner, reading, pred)
    host = reading.on_host(check_values)
    if host is None:
        counted = dict(zip(_CELLS, count_on_device(reading), strict=True))
        return Confusion._trusted(**counted, class_axis=reading.values_class_axis)
    cells = count_on_host(owner, host)
    if home:
        cells = reading.backend.from_host(cells, pred)
    if home and reading.weight is not None:
        cells = reading.xp.astype(cells, reading.backend.wide(pred)[0], copy=False)
    counted = {name: cells[place, ...] for place, name in enumerate(_CELLS)}
    return Confusion._trusted(**counted, class_axis=reading.values_class_axis)


def check_pixels(owner: str, reading: Reading, pred: Array) -> None:
    """The pixels of a region can be counted in the integers of the device."""
    integer = reading.backend.wide(pred)[1]
    if reading.pixels >= 2**31 and reading.pixels > reading.xp.iinfo(integer).max:
        raise ValueError(f"{owner}: a region must hold fewer pixels than {integer} counts, got {reading.pixels}")


def class_axis_of_record(owner: str, class_axis: object, ndim: int, reduction: object) -> int | None:
    """The class axis of a record of `ndim` axes, counted from the front."""
    if class_axis is None and ndim > 0 and reduction == "weighted":
        raise ValueError(
            f"{owner}: reduction 'weighted' must know which axis of the record holds the classes, got a record of {ndim} "
            "axes with class_axis None; make it with class_axis"
        )
    return arguments.normal_class_axis(owner, class_axis, ndim)


@dataclass(frozen=True)
class Finish:
    """What becomes of a metric's values: checked keywords."""

    reduction: str
    undefined: float
    pred_empty: float | None
    target_empty: float | None


def read_finish(owner: str, keywords: Mapping[str, Any]) -> Finish:
    """Check those of `keywords` that say what becomes of a metric's values."""
    empty = (
        None if keywords.get(name) is None else _NUMBER.normal(owner, name, keywords[name])
        for name in ("pred_empty", "target_empty")
    )
    reduction = str(_REDUCTION.normal(owner, "reduction", keywords.get("reduction", "none")))
    return Finish(reduction, _NUMBER.normal(owner, "undefined", keywords.get("undefined", math.nan)), *empty)


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
        own[name] = parameter.domain.normal(metric.name, name, own[name])
    return own


def mask_keywords(metric: MetricRecord, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `keywords` that say how masks are read; the others must be known and right."""
    for name in keywords:
        if name not in Counting.__annotations__ and name not in metric.parameters:
            raise arguments.unknown_keyword(metric.name, name, [*metric.parameters, *Counting.__annotations__])
    read_finish(metric.name, keywords)
    return {name: value for name, value in keywords.items() if name in Masks.__annotations__}
