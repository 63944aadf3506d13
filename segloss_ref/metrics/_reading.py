"""How every metric reads its two masks: what they must look like, and what is foreground in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypedDict, cast

import numpy as np

from .. import _arguments as arguments
from .. import registry
from .._backend import Array, Backend
from ..domains import Flag, Integer, Interval
from ._masks import Mask, Reading

__all__ = ["MAX_CLASSES", "MOST_COUNTS", "Masks", "normal_classes", "read_masks"]

MAX_CLASSES = 2**16
"""The most classes that `num_classes` may ask for: those that labels of 16 bits have."""
MOST_COUNTS = 2**28
"""The most counts of one call on two label maps: 2 GiB."""


class Masks(TypedDict, total=False):
    """How two masks are read and counted."""

    from_logits: bool
    threshold: float
    axis: int | tuple[int, ...] | None
    class_axis: int | None
    num_classes: int | None
    weight: Any
    ignore_index: int | None


@dataclass(frozen=True)
class _Setting:
    """Checked keywords of a call."""

    from_logits: bool
    threshold: float
    axis: int | tuple[int, ...] | None
    class_axis: int | None
    num_classes: int | None
    ignore_index: int | None


_CLASSES = Integer(1, MAX_CLASSES)
_THRESHOLD = Interval(0, 1)


def normal_classes(owner: str, num_classes: object) -> int:
    """`num_classes` as an integer in its range."""
    return cast(int, _CLASSES.normal(owner, "num_classes", num_classes))


def _setting(owner: str, keywords: Mapping[str, Any]) -> _Setting:
    for name in keywords:
        if name not in Masks.__annotations__:
            own = registry.metrics[owner].parameters if owner in registry.metrics else ()
            known = (*own, *Masks.__annotations__, "reduction", "undefined", "pred_empty", "target_empty")
            raise arguments.unknown_keyword(owner, name, known)
    from_logits = Flag().normal(owner, "from_logits", keywords.get("from_logits", False))
    if from_logits and "threshold" in keywords:
        raise ValueError(f"{owner}: threshold must not be given with from_logits, where the foreground is pred > 0, got "
                        f"{arguments.describe(keywords['threshold'])}")  # fmt: skip
    num_classes = keywords.get("num_classes")
    class_axis = arguments.plain_class_axis(owner, keywords.get("class_axis"))
    if num_classes is not None:
        num_classes = normal_classes(owner, num_classes)
        if class_axis is None:
            raise ValueError(f"{owner}: num_classes needs class_axis, the place that the axis of the classes would have among "
                             "those of the label maps (0: first), got class_axis None")  # fmt: skip
    return _Setting(
        from_logits,
        cast(float, _THRESHOLD.normal(owner, "threshold", keywords.get("threshold", 0.5))),
        arguments.plain_axes(owner, keywords.get("axis")),
        class_axis,
        num_classes,
        arguments.plain_ignore_index(owner, keywords.get("ignore_index")),
    )


def _computable(backend: Backend, xp: Any, mask: Array) -> Array:
    """`mask` in a dtype that its library computes with."""
    if arguments.is_integer(xp, mask):
        return backend.integers(mask)
    return backend.floats(mask) if arguments.is_real(xp, mask) else mask


def read_masks(
    owner: str, pred: Array, target: Array, keywords: Mapping[str, Any], check_values: bool = False
) -> Reading:
    """Check two masks and their keywords, and let competing scores decide; values are looked at where they are counted."""
    setting = _setting(owner, keywords)
    backend = arguments.library_of(owner, pred)
    xp = backend.namespace(pred)
    weight = keywords.get("weight")
    _check_kinds(owner, backend, xp, pred, target, weight, setting, check_values)
    layout = _layout(owner, xp, pred, target, setting)
    shape, class_axis = layout.shape, layout.class_axis
    is_competing = class_axis is not None and not layout.pred_is_map and arguments.is_real(xp, pred)
    _check_size(owner, pred, setting, layout, is_competing)
    axes = arguments.region_axes(owner, setting.axis, class_axis, layout.ndim)
    if layout.pred_is_map and layout.target_is_map:
        _check_counts(owner, setting, layout, axes)
    ignored = _ignored(owner, xp, target, setting, layout)
    if weight is not None:
        weight = arguments.wide_weight(owner, xp, weight, shape, class_axis)
    pred, target = (_computable(backend, xp, mask) for mask in (pred, target))
    if ignored is not None:
        ignored = arguments.in_dtype(xp, ignored, target.dtype)

    classes = None if class_axis is None else shape[class_axis]
    masks = (
        _mask(xp, "pred", pred, layout.pred_is_map, classes, setting),
        _mask(xp, "target", target, layout.target_is_map, classes, setting),
    )
    if not is_competing:
        return Reading(backend, xp, *masks, weight, ignored, shape, axes, class_axis)
    scores = Mask("pred", pred, "score")
    reading = Reading(backend, xp, scores, masks[1], weight, ignored, shape, axes, class_axis)
    host = reading.on_host(check_values)
    if host is not None and np.isnan(host.pred.array.max()):
        host.check(owner)
    winners = backend.argmax(pred, class_axis or 0)
    return replace(reading, pred=Mask("pred", winners, "labels", classes=classes))


class _Layout(NamedTuple):
    """Which of two masks are label maps, and the shape that both have once they are not."""

    pred_is_map: bool
    target_is_map: bool
    ndim: int
    class_axis: int | None
    shape: tuple[int, ...]


def _check_kinds(
    owner: str,
    backend: Backend,
    xp: Any,
    pred: Array,
    target: Array,
    weight: Array,
    setting: _Setting,
    check_values: bool,
) -> None:
    """Two arrays of one library and device, of dtypes that masks can have."""
    if target is None:
        raise TypeError(f"{owner}: target must be an array like pred ({arguments.describe(pred)}), got None")
    arguments.check_same_place(owner, backend, pred, target=target, weight=weight)
    if check_values:
        arguments.check_values_at_hand(owner, backend, pred=pred, target=target, weight=weight)
    for name, mask in (("pred", pred), ("target", target)):
        if not (mask.dtype == xp.bool or arguments.is_integer(xp, mask) or arguments.is_real(xp, mask)):
            raise TypeError(f"{owner}: {name} must be bool, integer or real floating, got {arguments.describe(mask)}")
    if setting.from_logits and not arguments.is_real(xp, pred):
        raise TypeError(f"{owner}: pred must be floating with from_logits, got {arguments.describe(pred)}")


def _layout(owner: str, xp: Any, pred: Array, target: Array, setting: _Setting) -> _Layout:
    """Tell label maps from masks of every class by the number of axes and by `num_classes`."""
    has_classes, given = setting.class_axis is not None, setting.num_classes
    labels = given is not None or (has_classes and pred.ndim != target.ndim)
    if has_classes and not labels and arguments.is_integer(xp, pred) and arguments.is_integer(xp, target):
        raise ValueError(
            f"{owner}: num_classes must be given with two integer label maps, and one-hot masks must be bool to be told from "
            f"them, got {arguments.describe(pred)} as pred and {arguments.describe(target)} as target"
        )
    pred_is_map = labels and (given is not None or pred.ndim < target.ndim)
    target_is_map = labels and (given is not None or target.ndim < pred.ndim)
    if given is not None and pred.ndim != target.ndim:
        # One of the two has the class axis after all, and it must agree with num_classes.
        pred_is_map, target_is_map = pred.ndim < target.ndim, target.ndim < pred.ndim
    ndim = max(pred.ndim + pred_is_map, target.ndim + target_is_map)
    class_axis = arguments.normal_class_axis(owner, setting.class_axis, ndim)
    if pred_is_map and target_is_map:
        pixels = tuple(pred.shape)
        shape = (*pixels[:class_axis], given or 0, *pixels[class_axis:])
    else:
        shape = tuple((target if pred_is_map else pred).shape)
        pixels = arguments.shape_of_pixels(shape, class_axis)
        if given is not None and shape[class_axis or 0] != given:
            raise ValueError(f"{owner}: num_classes must be {shape[class_axis or 0]}, as class_axis has, got {given}")
    for name, mask, is_map in (("pred", pred, pred_is_map), ("target", target, target_is_map)):
        expected = pixels if is_map else shape
        if tuple(mask.shape) != expected:
            raise ValueError(f"{owner}: {name} must have shape {expected}, got {tuple(mask.shape)}")
        if is_map and not arguments.is_integer(xp, mask):
            raise TypeError(f"{owner}: {name} without class_axis must be an integer label map, got "
                            f"{arguments.describe(mask)}")  # fmt: skip
    return _Layout(pred_is_map, target_is_map, ndim, class_axis, shape)


def _check_size(owner: str, pred: Array, setting: _Setting, layout: _Layout, is_competing: bool) -> None:
    """At least one pixel, and at least two classes where scores compete."""
    shape = layout.shape
    if is_competing and shape[layout.class_axis or 0] == 1:
        raise ValueError(
            f"{owner}: class_axis must be an axis of at least two classes with a floating pred, since argmax over one class "
            f"is always that class, got pred of shape {shape} and class_axis {setting.class_axis}; leave class_axis out for "
            "a binary mask"
        )
    if 0 in shape:
        raise ValueError(f"{owner}: pred must hold at least one pixel, got shape {tuple(pred.shape)}")


def _check_counts(owner: str, setting: _Setting, layout: _Layout, axes: tuple[int, ...]) -> None:
    """The counts of all regions and classes must fit into memory."""
    kept = [size for axis, size in enumerate(layout.shape) if axis not in axes and axis != layout.class_axis]
    regions = arguments.size_of(kept)
    if 4 * regions * (setting.num_classes or 0) > MOST_COUNTS:
        raise ValueError(f"{owner}: num_classes must leave at most {MOST_COUNTS} counts in all, which are "
                         f"4 x {regions} x num_classes here, got {setting.num_classes}")  # fmt: skip


def _ignored(owner: str, xp: Any, target: Array, setting: _Setting, layout: _Layout) -> int | None:
    """The label to ignore; None where no pixel can have it, which must not change with a dtype."""
    is_labels = arguments.is_integer(xp, target) and (layout.target_is_map or layout.class_axis is None)
    ignored = arguments.normal_ignore_index(owner, setting.ignore_index, is_labels, target)
    if ignored is None or xp.iinfo(target.dtype).min <= ignored <= xp.iinfo(target.dtype).max:
        return ignored
    return None


def _mask(xp: Any, name: str, array: Array, is_map: bool, classes: int | None, setting: _Setting) -> Mask:
    """An array with what its numbers mean."""
    if is_map:
        return Mask(name, array, "labels", classes=classes)
    if not arguments.is_real(xp, array):
        return Mask(name, array, "bool" if array.dtype == xp.bool else "integer")
    if name == "pred" and setting.from_logits:
        return Mask(name, array, "score")
    return Mask(name, array, "probability", setting.threshold)
