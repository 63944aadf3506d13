"""A loss with its keywords fixed, as a function of arrays: reads them into `Regions` and forms value and gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, NamedTuple

from .. import _arguments as arguments
from .._backend import Backend, Constants
from .._roles import Array, Namespace, PerPixel
from .._values import Look
from ..domains import Number
from ..registry import LossRecord
from .probability import Probabilities, Probability, Sigmoid, Softmax
from .regions import Regions, Term, WholeImages

__all__ = ["BoundLoss"]


class _Target(NamedTuple):
    """The target in the dtype of the computation, and what its labels leave out."""

    y: PerPixel
    is_map: bool
    weight: PerPixel
    kept: PerPixel
    """False at ignored pixels; None where `ignore_index` is not given."""


@dataclass(slots=True)
class _Places:
    """Where a call finds its pixels, regions and classes."""

    shape: tuple[int, ...]
    class_axis: int | None
    axes: tuple[int, ...]

    @property
    def classes(self) -> int:
        """The number of classes; there is a class axis."""
        assert self.class_axis is not None
        return self.shape[self.class_axis]

    @property
    def pixels(self) -> tuple[int, ...]:
        """The shape of the pixels."""
        return arguments.shape_of_pixels(self.shape, self.class_axis)

    def without_classes(self, xp: Namespace, array: Array) -> Array:
        """An array of size 1 along the class axis, without that axis."""
        return array if self.class_axis is None else xp.squeeze(array, axis=self.class_axis)


@dataclass(frozen=True)
class BoundLoss:
    """A loss with its keywords fixed: a function of arrays. This is what a backend makes differentiable."""

    record: LossRecord
    formula: Callable[..., Term] = field(hash=False)
    backend: Backend
    own: Mapping[str, Any] = field(hash=False)
    pixel_map: str | None
    from_logits: bool
    class_axis: int | None
    axis: int | tuple[int, ...] | None
    ignore_index: int | None
    reduction: str
    class_weights: Sequence[float] | None = field(default=None, hash=False)
    """Class weights that are no array."""
    check_values: bool = False

    @property
    def name(self) -> str:
        """The name of the loss, which messages begin with."""
        return self.record.name

    @property
    def couples(self) -> bool:
        """See `segloss_ref._backend.Differentiable`."""
        return self.record.per_class and self.class_axis is not None and self.from_logits and self.reduction == "none"

    def __call__(
        self, pred: Array, constants: Constants, gradient: bool, cotangent: Array = None
    ) -> tuple[Array, Array | None]:
        """(value, gradient by `pred` of the sum of the values times `cotangent`); no gradient (None) unless asked.

        The gradient comes in the dtype of the computation, so that whoever scales it further rounds it once, last.
        """
        xp = self.backend.namespace(pred)
        regions, own = self._read(xp, pred, constants, gradient)
        term = self.formula(regions, **own)
        value, per_region = term.value, 1.0
        if self.record.per_class and self.class_axis is not None:
            per_region = regions.class_weight
            value = regions.prob.times_log(per_region, value) if hasattr(per_region, "shape") else value
        if regions.weight is not None:
            value = xp.where(regions.count == 0, 0.0, value)
        dropped = self._dropped(regions.axes, regions.class_axis)
        result = xp.squeeze(value, axis=dropped) if dropped else value
        if self.reduction != "none":
            result = xp.sum(result)
        if self.reduction == "mean":
            count = arguments.size_of(value.shape) if term.present is None else _count(xp, term.present)
            result, per_region = result / count, per_region / count
        if not gradient:
            return result, None
        scale = None
        if cotangent is not None:
            scale = self.spread(xp, self._cotangent(xp, result, cotangent), value.shape)
        if scale is not None and self.couples:
            # Brought to at most 1, lest one value's share overflow before it meets the others'.
            largest = _largest(xp, scale)
            per_region, scale = per_region * (scale / largest), largest
        total = regions.pull(term.slope(per_region))
        if total is None:
            total = xp.zeros_like(regions.prob.given)
        return result, total if scale is None else self.scaled(xp, total, scale)

    def scaled(self, xp: Namespace, gradient: Array, scale: Array) -> Array:
        """See `segloss_ref._backend.Differentiable`."""
        if self.from_logits:
            return gradient * scale
        return xp.where(scale == 0, 0.0, gradient * scale)

    def spread(self, xp: Namespace, cotangent: Array, shape: tuple[int, ...]) -> Array:
        """See `segloss_ref._backend.Differentiable`."""
        if self.reduction != "none":
            return cotangent
        class_axis, axes = self._axes(len(shape))
        dropped = self._dropped(axes, class_axis)
        return xp.reshape(cotangent, tuple(1 if axis in dropped else size for axis, size in enumerate(shape)))

    def _dropped(self, axes: tuple[int, ...], class_axis: int | None) -> tuple[int, ...]:
        """The axes of `pred` that the returned values do not have."""
        return axes if class_axis is None or self.record.per_class else (*axes, class_axis)

    def _axes(self, ndim: int) -> tuple[int | None, tuple[int, ...]]:
        """(class axis, axes of a region), counted from the first of `ndim` axes."""
        class_axis = arguments.normal_class_axis(self.name, self.class_axis, ndim)
        return class_axis, arguments.region_axes(self.name, self.axis, class_axis, ndim)

    def _cotangent(self, xp: Namespace, result: Array, cotangent: Any) -> Array:
        """A factor for every returned value, in its dtype."""
        name = self.name
        if isinstance(cotangent, Real) and not isinstance(cotangent, bool):
            return xp.full_like(result, Number().normal(name, "cotangent", cotangent))
        arguments.check_same_place(name, self.backend, result, cotangent=cotangent)
        if tuple(cotangent.shape) != tuple(result.shape):
            raise ValueError(
                f"{name}: cotangent must be a number or have the shape of the value {tuple(result.shape)}, got "
                f"{arguments.describe(cotangent)}"
            )
        if not (arguments.is_real(xp, cotangent) or arguments.is_integer(xp, cotangent)):
            raise TypeError(f"{name}: cotangent must be real, got {arguments.describe(cotangent)}")
        return xp.astype(cotangent, result.dtype, copy=False)

    # From the caller's arrays to `Regions`, a paragraph each.

    def _read(
        self, xp: Namespace, pred: Array, constants: Constants, wanted: bool
    ) -> tuple[Regions, Mapping[str, Any]]:
        """(the arguments in normal form: wide dtype, one-hot target, weights with the ignored pixels at 0; own parameters)."""
        places = self._places(xp, pred)
        class_weights = self._class_weights(xp, places, constants.class_weight)
        labels = self._check_target(xp, pred, constants.target, places)
        dtype = computing_dtype(xp, pred.dtype)
        look = self._look(places)
        weight, exponent = self._read_weight(xp, constants.weight, places, dtype, look)
        target = self._read_target(xp, constants.target, weight, labels, places, dtype, look)
        self._look_at_pred(pred, constants.target, target.is_map, look)
        given = xp.astype(pred, dtype, copy=False)  # nothing below writes into an array
        weight, y = target.weight, target.y
        if not target.is_map or self.record.spatial:
            y = arguments.without_weight(xp, y, weight, 0.0)
        probability = self._probability(given, places.class_axis, weight)
        regions = Regions(
            xp=xp,
            prob=probability,
            y=y,
            weight=weight,
            class_weight=self._class_factors(xp, pred, class_weights, constants.class_weight, places, dtype, look),
            axes=places.axes,
            class_axis=places.class_axis,
            pixels=arguments.size_of(tuple(places.shape[axis] for axis in places.axes)),
            images=self._whole_images(xp, given, target, places)
            if self.record.spatial and weight is not None
            else WholeImages(probability, y),
            weight_exponent=exponent,
            wanted=wanted,
        )
        if constants.pixel_map is None:
            return regions, self.own
        read = self._read_pixel_map(xp, constants.pixel_map, regions, places)
        return regions, {**self.own, str(self.pixel_map): read}

    def _places(self, xp: Namespace, pred: Array) -> _Places:
        name, shape = self.name, tuple(pred.shape)
        if not arguments.is_real(xp, pred):
            raise TypeError(f"{name}: pred must have a real floating dtype, got {arguments.describe(pred)}")
        if arguments.size_of(shape) == 0:
            raise ValueError(f"{name}: pred must hold at least one pixel, got shape {shape}")
        places = _Places(shape, *self._axes(pred.ndim))
        if places.class_axis is not None and places.classes == 1 and self.from_logits:
            raise ValueError(
                f"{name}: class_axis must be an axis of at least two classes with from_logits, since a softmax over one class "
                f"is always 1, got pred of shape {shape} and class_axis {self.class_axis}; leave class_axis out for a binary "
                "mask"
            )
        return places

    def _class_weights(self, xp: Namespace, places: _Places, array: Array) -> Any:
        """The class weights, numbers or an array, of which there must be one a class."""
        weights = self.class_weights if array is None else array
        arguments.check_class_weight(self.name, weights, None if places.class_axis is None else places.classes)
        if array is not None and not (arguments.is_real(xp, array) or arguments.is_integer(xp, array)):
            raise TypeError(f"{self.name}: class_weight must be real, got {arguments.describe(array)}")
        return weights

    def _check_target(self, xp: Namespace, pred: Array, target: Array, places: _Places) -> tuple[bool, int | None]:
        """(whether the target is a map of labels, the label to ignore)."""
        name, class_axis = self.name, places.class_axis
        is_integer = arguments.is_integer(xp, target)
        if not (target.dtype == xp.bool or is_integer or arguments.is_real(xp, target)):
            raise TypeError(f"{name}: target must be bool, integer or real, got {arguments.describe(target)}")
        is_map = class_axis is not None and target.ndim == pred.ndim - 1
        expected = places.pixels if is_map else places.shape
        if tuple(target.shape) != expected:
            also = "" if class_axis is None else f", or {places.pixels} for a label map"
            raise ValueError(f"{name}: target must have pred's shape {places.shape}{also}, got {tuple(target.shape)}")
        if is_map and not is_integer:
            raise TypeError(
                f"{name}: target without class_axis must be an integer label map, got {arguments.describe(target)}"
            )
        has_labels = is_integer and (is_map or class_axis is None)
        return is_map, arguments.normal_ignore_index(name, self.ignore_index, has_labels, target)

    def _look(self, places: _Places) -> Look:
        """A look at the values, at all of them for `validate`."""
        show = self.backend.to_numpy if self.check_values else self.backend.readable
        every = self.check_values or self.backend.reads_values
        return Look(self.name, show, every, places.pixels, places.class_axis)

    def _read_weight(
        self, xp: Namespace, weight: Array, places: _Places, dtype: Any, look: Look
    ) -> tuple[Array, Array]:
        """(pixel weights in the dtype of the computation, the power of 2 that they were multiplied by), or None of both."""
        if weight is None:
            return None, None
        weight = arguments.wide_weight(self.name, xp, weight, places.shape, places.class_axis)
        look.weight("weight", places.without_classes(xp, weight))
        return _scaled_weight(self.backend, xp, weight, places.axes, dtype)

    def _read_target(
        self,
        xp: Namespace,
        target: Array,
        weight: Array,
        labels: tuple[bool, int | None],
        places: _Places,
        dtype: Any,
        look: Look,
    ) -> _Target:
        """The target, one-hot where it is a map of labels, and the pixel weights with those of ignored pixels at 0."""
        is_map, ignore = labels
        kept: Array = None
        if ignore is not None:
            look.ignored(target, ignore)
            kept = arguments.is_not(self.backend, xp, target, ignore)
            if is_map:
                kept = xp.expand_dims(kept, axis=places.class_axis)
            weight = xp.astype(kept, dtype) if weight is None else xp.where(kept, weight, 0.0)
        if not is_map:
            look.unit("target", target, hard=self.record.hard_target, strict=True)
            return _Target(xp.astype(target, dtype, copy=False), False, weight, kept)
        assert places.class_axis is not None
        expanded = xp.expand_dims(target, axis=places.class_axis)
        look.labels("target", target, places.classes)
        if weight is not None and not self.record.spatial:
            # No class holds the label -1; so the one-hot target need not be copied to leave out pixels of weight 0.
            integer = self.backend.wide(expanded)[1]
            expanded = xp.where(weight == 0, -1, xp.astype(expanded, integer, copy=False))
        y = self.backend.one_hot(expanded, places.classes, places.class_axis, dtype)
        return _Target(y, True, weight, kept)

    def _look_at_pred(self, pred: Array, target: Array, is_map: bool, look: Look) -> None:
        if not self.from_logits:
            look.unit("pred", pred)
        elif self.class_axis is not None:
            look.class_logits(pred, target, is_map)
        elif look.strict:
            look.finite("pred", pred)

    def _probability(self, pred: Array, class_axis: int | None, weight: Array = None) -> Probability:
        if not self.from_logits:
            return Probabilities(pred, self.backend, weight)
        if class_axis is None:
            return Sigmoid(pred, self.backend, weight)
        return Softmax(pred, self.backend, class_axis, weight)

    def _whole_images(self, xp: Namespace, pred: Array, target: _Target, places: _Places) -> WholeImages:
        """Prediction and target as they stand, whatever the weights; nan and ignored pixels are background."""
        nothing = -xp.inf if self.from_logits and places.class_axis is None else 0.0
        outside = xp.isnan(target.y) if target.kept is None else ~target.kept | xp.isnan(target.y)
        pred = xp.where(xp.isnan(pred), nothing, pred)
        return WholeImages(self._probability(pred, places.class_axis), xp.where(outside, 0.0, target.y))

    def _class_factors(
        self, xp: Namespace, pred: Array, weights: Any, array: Array, places: _Places, dtype: Any, look: Look
    ) -> Array:
        """One factor a class along the class axis, or 1."""
        if weights is None:
            return 1.0
        if array is not None:
            look.class_weight("class_weight", array)
        row = xp.asarray(weights, dtype=dtype, device=self.backend.device(pred))
        return xp.reshape(row, tuple(-1 if axis == places.class_axis else 1 for axis in range(len(places.shape))))

    def _read_pixel_map(self, xp: Namespace, array: Array, regions: Regions, places: _Places) -> Array:
        """An array parameter in the dtype of the computation, of the shape of `pred`."""
        name, parameter, shape = self.name, str(self.pixel_map), places.shape
        if not (arguments.is_real(xp, array) or arguments.is_integer(xp, array)):
            raise TypeError(f"{name}: {parameter} must be real, got {arguments.describe(array)}")
        if not arguments.broadcasts(tuple(array.shape), shape):
            raise ValueError(f"{name}: {parameter} must broadcast to pred's shape {shape}, got {tuple(array.shape)}")
        wide = xp.broadcast_to(xp.astype(array, regions.y.dtype), shape)
        look = self._look(places)
        if regions.weight is not None:
            look.set_aside(places.without_classes(xp, regions.weight))
        look.finite(parameter, array)
        return arguments.without_weight(xp, wide, regions.weight, 0.0)


def _scaled_weight(
    backend: Backend, xp: Namespace, weight: Array, axes: tuple[int, ...], dtype: Any
) -> tuple[Array, Array]:
    """(pixel weights in `dtype`, the power of 2 by which those of each region were multiplied; None for 0).

    No mean changes with it, and `Regions.smoothing` follows it. It is other than 0 only where the weights of a region are so
    large or small that their sums, or the reciprocals of these, might leave the range of the computation.
    """
    if not xp.isdtype(weight.dtype, "real floating"):
        return xp.astype(weight, dtype), None
    weight = xp.astype(weight, computing_dtype(xp, weight.dtype), copy=False)
    largest = xp.max(weight, axis=axes, keepdims=True)

    def is_usual(size: Array) -> Array:
        return (size == 0) | ((size >= 2.0**-40) & (size <= 2.0**40))

    seen = backend.readable(largest)
    if seen is not None and is_usual(seen).all():
        return xp.astype(weight, dtype, copy=False), None
    usual = is_usual(largest) | ~(largest > 0)
    exponent = xp.where(usual, 0.0, -xp.floor(xp.log2(xp.where(usual, 1.0, largest))))
    half = xp.floor(exponent / 2)  # in two steps, since 2 to the 1074th is more than float64 holds
    two = xp.full_like(exponent, 2.0)
    scaled = weight * two**half * two ** (exponent - half)
    return xp.astype(scaled, dtype, copy=False), xp.astype(exponent, dtype, copy=False)


def _largest(xp: Namespace, x: Array) -> Array:
    """The largest absolute value, or 1 in place of 0 so that it can divide."""
    found = xp.max(xp.abs(x))
    return xp.where(found == 0, 1.0, found)


def _count(xp: Namespace, present: Array) -> Array:
    """How many regions are present, at least 1 so that it can divide."""
    found = xp.sum(present)
    return xp.where(found == 0, 1.0, found)


def computing_dtype(xp: Namespace, dtype: Any) -> Any:
    """The dtype of the computation: `dtype` itself from float32 upwards, float32 below."""
    if dtype == xp.float64 or dtype == xp.float32:
        return dtype
    size = getattr(dtype, "itemsize", 0)
    # NumPy's float64 of the other byte order equals neither, and extended precision stays what it is.
    return dtype if size > 8 else xp.float64 if size == 8 else xp.float32
