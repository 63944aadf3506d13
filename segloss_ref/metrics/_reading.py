"""How every metric reads its two masks: what they must look like, and what is foreground in them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict, cast

import array_api_compat.numpy
import numpy as np

from .. import _arguments as arguments
from .. import registry
from .._backend import Array, Backend
from .._values import Look
from ..domains import Flag, Integer, Interval

__all__ = [
    "MAX_CLASSES",
    "MOST_COUNTS",
    "Mask",
    "Masks",
    "Reading",
    "check_weight",
    "chunks",
    "groups",
    "normal_classes",
    "read_masks",
    "size_of",
]

MAX_CLASSES = 2**16
"""The most classes that `num_classes` may ask for: those that labels of 16 bits have."""
MOST_COUNTS = 2**28
"""The most counts of one call on two label maps: 2 GiB."""
CHUNK = 2**17
"""Pixels that are counted at a time: their temporary arrays stay in the cache."""


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


@dataclass(frozen=True)
class Mask:
    """One of the two masks: an array, and what makes a pixel of it foreground."""

    name: str
    array: Array
    form: Literal["bool", "integer", "probability", "score", "labels"]
    """"labels": one label a pixel, without the class axis, of the class that is meant. The other forms have that axis."""
    limit: float = 0.0
    """Floating values above it are foreground."""
    classes: int | None = None
    """The number of classes of labels."""

    def of(self, array: Array) -> Mask:
        """The same of another array."""
        return Mask(self.name, array, self.form, self.limit, self.classes)

    def foreground(self, part: Array, label: int | None) -> Array:
        """Where `part` of the array is foreground; `label` is the class that is asked for."""
        if self.form == "labels":
            return part == label
        if self.form == "bool":
            return part
        return part != 0 if self.form == "integer" else part > self.limit

    def check(self, owner: str, part: Any, relevant: Any) -> None:
        """Raise where a value of `part`, a NumPy array, is out of range; `relevant` is False where it does not matter."""
        if self.form == "bool":
            return
        look = Look(owner, lambda array: array, True, part.shape)
        if relevant is not None:
            look.set_aside(relevant)
        if self.form == "labels":
            look.labels(self.name, part, self.classes or 0)
        elif self.form != "score":
            look.unit(self.name, part)
        elif np.isnan(part.max()):
            look.no_nan(self.name, part)


@dataclass(frozen=True)
class Reading:
    """Two masks as read, nothing of them formed yet, and which of their pixels are counted."""

    backend: Backend
    xp: Any
    pred: Mask
    target: Mask
    weight: Array
    """Of the full shape save size 1 along the class axis, in its own dtype; None: all 1."""
    ignored: int | None
    """The label in `target` of pixels to leave out."""
    shape: tuple[int, ...]
    """The full shape, class axis included."""
    axes: tuple[int, ...]
    """The axes that make a region, in the order in which they were given."""
    class_axis: int | None

    @property
    def classes(self) -> int | None:
        """The number of classes; None without a class axis."""
        return None if self.class_axis is None else self.shape[self.class_axis]

    @property
    def by_label(self) -> bool:
        """At least one of the two is a label map, so that classes are found by comparing."""
        return self.pred.form == "labels" or self.target.form == "labels"

    @property
    def pixels(self) -> int:
        """The number of pixels of a region."""
        return size_of([self.shape[axis] for axis in self.axes])

    @property
    def pixel_axes(self) -> tuple[int, ...]:
        """`axes`, counted without the class axis."""
        class_axis = len(self.shape) if self.class_axis is None else self.class_axis
        return tuple([axis - (axis > class_axis) for axis in self.axes])

    @property
    def class_place(self) -> int:
        """Where the class axis stands among the axes that are not reduced."""
        return len([axis for axis in range(self.class_axis or 0) if axis not in self.axes])

    @property
    def values_class_axis(self) -> int | None:
        """The axis of the regions' values that runs over the classes; None: there is none."""
        return None if self.class_axis is None else self.class_place

    @property
    def pixel_weight(self) -> Array:
        """The weight without the class axis."""
        if self.weight is None or self.class_axis is None:
            return self.weight
        return self.xp.squeeze(self.weight, axis=self.class_axis)

    def of_class(self, mask: Mask, label: int) -> Array:
        """The array of one class, of the pixels' shape; a label map stays what it is."""
        if mask.form == "labels":
            return mask.array
        return mask.array[(*(slice(None),) * (self.class_axis or 0), label, ...)]

    def on_host(self, force: bool) -> Reading | None:
        """The same of NumPy arrays: where that costs no synchronisation, or `force`; else None."""

        def home(array: Array) -> Any:
            seen = self.backend.readable(array)
            return self.backend.to_numpy(array) if seen is None and force else seen

        p, t = home(self.pred.array), home(self.target.array)
        if p is self.pred.array and t is self.target.array:
            return self
        w = None if self.weight is None else home(self.weight)
        if p is None or t is None or (w is None and self.weight is not None):
            return None
        return Reading(self.backend, array_api_compat.numpy, self.pred.of(p), self.target.of(t), w, self.ignored, self.shape,
                       self.axes, self.class_axis)  # fmt: skip

    def relevant(self, target: Any, weight: Any) -> Any:
        """False where a part of the NumPy arrays is left out; None: nowhere."""
        kept = None
        if self.ignored is not None and np.iinfo(target.dtype).min <= self.ignored <= np.iinfo(target.dtype).max:
            kept = target != self.ignored
        if weight is None:
            return kept
        return weight > 0 if kept is None else kept & (weight > 0)

    def check(self, owner: str) -> None:
        """Look at all values of NumPy arrays."""
        if self.weight is not None:
            check_weight(owner, self.weight)
        whole = not self.by_label
        for label in (None,) if whole else range(self.classes or 0):
            p, t = ((mask.array if label is None else self.of_class(mask, label)) for mask in (self.pred, self.target))
            arrays = [p, t]
            if self.weight is not None:
                arrays.append(np.broadcast_to(self.weight if whole else self.pixel_weight, p.shape))
            for parts in chunks(arrays):
                relevant = self.relevant(parts[1], parts[2] if len(parts) > 2 else None)
                for mask, part in zip((self.pred, self.target), parts, strict=False):
                    if not label or mask.form != "labels":
                        mask.check(owner, part, relevant)
            if self.pred.form == self.target.form == "labels":
                return


def _computable(backend: Backend, xp: Any, mask: Array) -> Array:
    """`mask` in a dtype that its library computes with."""
    if arguments.is_integer(xp, mask):
        return backend.integers(mask)
    return backend.floats(mask) if arguments.is_real(xp, mask) else mask


def size_of(shape: Sequence[int]) -> int:
    """How many elements an array of `shape` has; sizes that a compiler left open may be among its own."""
    size = 1
    for length in shape:
        size *= length
    return size


def check_weight(owner: str, weight: Any) -> None:
    """Weights must lie in [0, 1e30]."""
    stored = np.asarray(
        weight[tuple(slice(None) if step else slice(1) for step in weight.strides)]
    )  # what repeats, once
    Look(owner, lambda array: array, True, weight.shape).class_weight("weight", stored)


def chunks(arrays: Sequence[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """Parts of NumPy arrays of one shape, of at most `size` elements each, in an order that suits their memory.

    They have the shape (1, n), the machine's byte order, and must not be kept: the next ones may overwrite them.
    """
    if arrays[0].size <= size:
        yield [_native(array.reshape(1, -1)) for array in arrays]
        return
    native = [array.dtype.newbyteorder("=") for array in arrays]
    walk: Any = np.nditer(arrays, flags=["external_loop", "buffered"], order="K", op_dtypes=native, buffersize=size)
    for parts in walk:
        yield [part[np.newaxis] for part in (parts if len(arrays) > 1 else (parts,))]


def groups(
    arrays: Sequence[Any], axes: Sequence[int], most: int, size: int = CHUNK
) -> Iterator[tuple[tuple[Any, ...], Iterator[list[Any]]]]:
    """NumPy arrays of one shape, by regions along `axes`: (their place among the regions, parts of shape (regions, n)).

    Small regions come at most `most` at a time, each whole; large ones by themselves and in several parts.
    """
    if len(axes) == arrays[0].ndim:
        yield (), chunks(arrays, size)
        return
    kept = [axis for axis in range(arrays[0].ndim) if axis not in axes]
    moved = [array.transpose(*kept, *axes) for array in arrays]
    shape = moved[0].shape[: len(kept)]
    pixels = math.prod(moved[0].shape[len(kept) :])
    for place in _places(shape, max(1, min(most, size // pixels))):
        cut = [array[place] for array in moved]
        regions = cut[0].size // pixels
        if regions == 1:
            yield place, chunks(cut, size)
        else:
            yield place, iter([[_native(part.reshape(regions, pixels)) for part in cut]])


def _native(array: Any) -> Any:
    """The array in the machine's byte order."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _places(shape: tuple[int, ...], most: int) -> Iterator[tuple[Any, ...]]:
    """Indices that cut an array of `shape` into pieces of at most `most` elements."""
    whole, axis = 1, len(shape)
    while axis and whole * shape[axis - 1] <= most:
        axis -= 1
        whole *= shape[axis]
    if axis == 0:
        yield ()
        return
    step = most // whole
    for lead in np.ndindex(*shape[: axis - 1]):
        for start in range(0, shape[axis - 1], step):
            yield (*lead, slice(start, start + step))


def read_masks(
    owner: str, pred: Array, target: Array, keywords: Mapping[str, Any], check_values: bool = False
) -> Reading:
    """Check two masks and their keywords, and let competing scores decide; values are looked at where they are counted."""
    setting = _setting(owner, keywords)
    backend = arguments.library_of(owner, pred)
    xp = backend.namespace(pred)
    weight = keywords.get("weight")
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

    labels = setting.num_classes is not None or (setting.class_axis is not None and pred.ndim != target.ndim)
    if (
        setting.class_axis is not None
        and not labels
        and arguments.is_integer(xp, pred)
        and arguments.is_integer(xp, target)
    ):
        raise ValueError(
            f"{owner}: num_classes must be given with two integer label maps, and one-hot masks must be bool to be told from "
            f"them, got {arguments.describe(pred)} as pred and {arguments.describe(target)} as target"
        )
    pred_is_map = labels and (setting.num_classes is not None or pred.ndim < target.ndim)
    target_is_map = labels and (setting.num_classes is not None or target.ndim < pred.ndim)
    if setting.num_classes is not None and pred.ndim != target.ndim:
        # One of the two has the class axis after all, and it must agree with num_classes.
        pred_is_map, target_is_map = pred.ndim < target.ndim, target.ndim < pred.ndim
    ndim = max(pred.ndim + pred_is_map, target.ndim + target_is_map)
    class_axis = arguments.normal_class_axis(owner, setting.class_axis, ndim)
    whole = target if pred_is_map else pred
    shape: tuple[int, ...]
    if pred_is_map and target_is_map:
        pixels: tuple[int, ...] = tuple(pred.shape)
        shape = (*pixels[:class_axis], setting.num_classes or 0, *pixels[class_axis:])
    else:
        shape = tuple(whole.shape)
        pixels = arguments.shape_of_pixels(shape, class_axis)
        if setting.num_classes is not None and shape[class_axis or 0] != setting.num_classes:
            raise ValueError(f"{owner}: num_classes must be {shape[class_axis or 0]}, as class_axis has, got "
                             f"{setting.num_classes}")  # fmt: skip
    for name, mask, is_map in (("pred", pred, pred_is_map), ("target", target, target_is_map)):
        expected = pixels if is_map else shape
        if tuple(mask.shape) != expected:
            raise ValueError(f"{owner}: {name} must have shape {expected}, got {tuple(mask.shape)}")
        if is_map and not arguments.is_integer(xp, mask):
            raise TypeError(f"{owner}: {name} without class_axis must be an integer label map, got "
                            f"{arguments.describe(mask)}")  # fmt: skip
    competing = class_axis is not None and not pred_is_map and arguments.is_real(xp, pred)
    if competing and shape[class_axis or 0] == 1:
        raise ValueError(
            f"{owner}: class_axis must be an axis of at least two classes with a floating pred, since argmax over one class "
            f"is always that class, got pred of shape {shape} and class_axis {setting.class_axis}; leave class_axis out for "
            "a binary mask"
        )
    if 0 in shape:
        raise ValueError(f"{owner}: pred must hold at least one pixel, got shape {tuple(pred.shape)}")
    axes = arguments.region_axes(owner, setting.axis, class_axis, ndim)
    if pred_is_map and target_is_map:
        regions = size_of([size for axis, size in enumerate(shape) if axis not in axes and axis != class_axis])
        if 4 * regions * (setting.num_classes or 0) > MOST_COUNTS:
            raise ValueError(f"{owner}: num_classes must leave at most {MOST_COUNTS} counts in all, which are "
                             f"4 x {regions} x num_classes here, got {setting.num_classes}")  # fmt: skip
    is_labels = arguments.is_integer(xp, target) and (target_is_map or class_axis is None)
    ignored = arguments.normal_ignore_index(owner, setting.ignore_index, is_labels, target)
    if weight is not None:
        weight = arguments.wide_weight(owner, xp, weight, shape, class_axis)
    if ignored is not None and not xp.iinfo(target.dtype).min <= ignored <= xp.iinfo(target.dtype).max:
        ignored = None  # no pixel has it, nor may one after a change of dtype
    pred, target = (_computable(backend, xp, mask) for mask in (pred, target))
    if ignored is not None:
        ignored = arguments.in_dtype(xp, ignored, target.dtype)

    classes = None if class_axis is None else shape[class_axis]

    def form(name: str, array: Array, is_map: bool) -> Mask:
        if is_map:
            return Mask(name, array, "labels", classes=classes)
        if not arguments.is_real(xp, array):
            return Mask(name, array, "bool" if array.dtype == xp.bool else "integer")
        if name == "pred" and setting.from_logits:
            return Mask(name, array, "score")
        return Mask(name, array, "probability", setting.threshold)

    p, t = form("pred", pred, pred_is_map), form("target", target, target_is_map)
    if competing:
        p = Mask("pred", pred, "score")
    reading = Reading(backend, xp, p, t, weight, ignored, shape, axes, class_axis)
    if not competing:
        return reading
    host = reading.on_host(check_values)
    if host is not None and np.isnan(host.pred.array.max()):
        host.check(owner)
    winners = backend.argmax(pred, class_axis or 0)
    return replace(reading, pred=Mask("pred", winners, "labels", classes=classes))
