"""From a kernel to a public loss: keywords, dtypes, classes, weights, reductions and gradients, once for all losses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, TypedDict, TypeVar, cast

from .. import _arguments as arguments
from .. import registry
from .._backend import Array, Backend
from .._values import Look
from ..domains import Field, Number
from .docs import shared_section
from .probability import Given, Probability, Sigmoid, Softmax
from .regions import Image, Region, Term

__all__ = ["Classes", "Common", "Kernel", "Pixels", "Reduction", "evaluate_gradient", "kernel_of"]

Reduction = Literal["mean", "sum", "none"]
_Array = TypeVar("_Array")
_Public = TypeVar("_Public", bound=Callable[..., Any])


class Pixels(TypedDict, total=False):
    """The keywords of every loss."""

    axis: int | tuple[int, ...] | None
    weight: Any
    ignore_index: int | None
    reduction: Reduction


class Classes(Pixels, total=False):
    """The keywords of a loss that takes probabilities or logits, of one question or of classes."""

    from_logits: bool
    class_axis: int | None


class Common(Classes, total=False):
    """All common keywords."""

    class_weight: Any


@dataclass(frozen=True)
class Kernel:
    """A formula with what the engine must know of it. Calling it evaluates the loss.

    `formula` takes a `Region` and the loss's own parameters and returns a `Term`; it is written once, and everything in
    this module is the same for all of them.
    """

    name: str
    family: registry.Family
    citation: str
    formula: Callable[..., Term]
    per_class: bool = False
    keywords: type[Pixels] = Common
    needs_class_axis: bool = False
    categorical: bool = True
    class_axis_refuses: frozenset[str] = frozenset()
    logits_only: bool = False
    hard_target: bool = False
    smooth: bool = True
    partial: bool = False
    spatial: bool = False

    def public(self, function: _Public) -> _Public:
        """Register `function` as the public face of this kernel; used as its decorator."""
        registry.add_loss(
            registry.LossRecord(
                name=self.name,
                family=self.family,
                function=function,
                kernel=self,
                parameters=registry.parameters_of(function),
                keywords=frozenset(self.keywords.__annotations__),
                citation=self.citation,
                per_class=self.per_class,
                needs_class_axis=self.needs_class_axis,
                categorical=self.categorical,
                class_axis_refuses=self.class_axis_refuses,
                logits_only=self.logits_only,
                hard_target=self.hard_target,
                smooth=self.smooth,
                partial=self.partial,
                spatial=self.spatial,
            )
        )
        shared = shared_section(self.keywords.__annotations__, self.per_class, self.logits_only, self.hard_target)
        function.__doc__ = inspect.cleandoc(function.__doc__ or "") + shared
        return function

    def bind(self, common: Mapping[str, Any], own: Mapping[str, Any]) -> Call:
        """Check every keyword that is not an array and fix them all for one call."""
        parameters = registry.losses[self.name].parameters
        for name in common:
            if name not in self.keywords.__annotations__:
                raise arguments.unknown_keyword(self.name, name, [*parameters, *self.keywords.__annotations__])
        plain = {name: one.domain.normal(self.name, name, own[name]) for name, one in parameters.items()}
        if self.field is not None:
            arguments.check_array(self.name, self.field, plain[self.field])
        for name, parameter in parameters.items():
            rule = parameter.only_with
            if rule is not None and plain[rule.parameter] not in rule.values and plain[name] != parameter.default:
                raise ValueError(
                    f"{self.name}: {name} must stay at its default with {rule.parameter} {plain[rule.parameter]!r}, got "
                    f"{arguments.describe(own[name])}; it goes with {rule.parameter} "
                    f"{' or '.join(map(repr, rule.values))}"
                )
        shared = arguments.normal_common(self.name, common, self.logits_only)
        if shared["class_axis"] is None:
            if self.needs_class_axis:
                raise ValueError(f"{self.name}: class_axis must be given, got None")
        else:
            if not self.categorical:
                raise ValueError(
                    f"{self.name}: class_axis must be None, got {arguments.describe(shared['class_axis'])}; classes are "
                    "weighed by binary_cross_entropy with class_weight"
                )
            for name in self.class_axis_refuses:
                if plain[name] is not None:
                    raise ValueError(
                        f"{self.name}: {name} must be None with class_axis, got {arguments.describe(own[name])}; "
                        "use class_weight"
                    )
        class_weight = shared.pop("class_weight")
        return Call(self, plain, **shared, class_weights=None if hasattr(class_weight, "shape") else class_weight)

    def __call__(self, pred: _Array, target: Array, common: Mapping[str, Any], **own: Any) -> _Array:
        """The loss of `pred` against `target`."""
        call = self.bind(common, own)
        backend = arguments.library_of(self.name, pred)
        value: _Array = backend.apply(call, pred, *self.arrays_beside(backend, pred, target, common, own))
        return value

    def arrays_beside(
        self, backend: Backend, pred: Array, target: Array, common: Mapping[str, Any], own: Mapping[str, Any]
    ) -> tuple[Array, Array, Array, Array]:
        """What a call takes beside `pred`, of its library and device: target, weight, class weights, the field.

        Class weights are None here where they are no array.
        """
        if target is None:
            raise TypeError(f"{self.name}: target must be an array like pred ({arguments.describe(pred)}), got None")
        weight, class_weight = common.get("weight"), common.get("class_weight")
        class_weight = class_weight if arguments.looks_like_array(class_weight) else None
        arguments.check_same_place(
            self.name, backend, pred, target=target, weight=weight, class_weight=class_weight,
            **({} if self.field is None else {self.field: own[self.field]}),
        )  # fmt: skip
        return target, weight, class_weight, None if self.field is None else own[self.field]

    @property
    def field(self) -> str | None:
        """The own parameter that is an array with a number for every pixel, if there is one."""
        parameters = registry.losses[self.name].parameters.values()
        return next((one.name for one in parameters if isinstance(one.domain, Field)), None)


@dataclass(frozen=True)
class Call:
    """A kernel with its keywords fixed: a function of arrays. This is what a backend makes differentiable."""

    kernel: Kernel
    own: Mapping[str, Any] = field(hash=False)
    from_logits: bool
    class_axis: int | None
    axis: int | tuple[int, ...] | None
    ignore_index: int | None
    reduction: Reduction
    class_weights: Sequence[float] | None = field(default=None, hash=False)
    """Class weights that are no array."""
    check_values: bool = False

    @property
    def couples(self) -> bool:
        """A pixel of `pred` reaches several returned values, so that a gradient of their sum cannot be rescaled."""
        return self.kernel.per_class and self.class_axis is not None and self.from_logits and self.reduction == "none"

    def __call__(
        self,
        pred: Array,
        target: Array,
        weight: Array,
        class_weight: Array,
        field: Array,
        gradient: bool,
        cotangent: Array = None,
    ) -> tuple[Array, Array]:
        """(value, gradient by `pred` of the sum of the values times `cotangent`); no gradient (None) unless asked.

        The gradient comes in the dtype of the computation, so that whoever scales it further rounds it once, last.
        """
        backend = arguments.library_of(self.kernel.name, pred)
        xp = backend.namespace(pred)
        region = self._region(backend, xp, pred, target, weight, class_weight, gradient)
        own = (
            self.own
            if field is None
            else {**self.own, str(self.kernel.field): self._field(backend, xp, pred, field, region)}
        )
        term = self.kernel.formula(region, **own)
        value, per_region = term.value, 1.0
        if self.kernel.per_class and self.class_axis is not None:
            per_region = region.class_weight
            value = region.prob.times_log(per_region, value) if hasattr(per_region, "shape") else value
        if region.weight is not None:
            value = xp.where(region.count == 0, 0.0, value)
        dropped = self._dropped(pred.ndim)
        result = xp.squeeze(value, axis=dropped) if dropped else value
        if self.reduction != "none":
            result = xp.sum(result)
        if self.reduction == "mean":
            regions = _size(value.shape) if term.present is None else _count(xp, term.present)
            result, per_region = result / regions, per_region / regions
        if not gradient:
            return result, None
        scale = None
        if cotangent is not None:
            scale = self.spread(xp, self._cotangent(backend, xp, result, cotangent), value.shape)
        if scale is not None and self.couples:
            # Brought to at most 1, lest one value's share overflow before it meets the others'.
            largest = _largest(xp, scale)
            per_region, scale = per_region * (scale / largest), largest
        total = region.pull(term.slope(per_region))
        if total is None:
            total = xp.zeros_like(region.prob.given)
        return result, total if scale is None else self.scaled(xp, total, scale)

    def _cotangent(self, backend: Backend, xp: Any, result: Array, cotangent: Any) -> Array:
        """A factor for every returned value, in its dtype."""
        name = self.kernel.name
        if isinstance(cotangent, Real) and not isinstance(cotangent, bool):
            return xp.full_like(result, Number().normal(name, "cotangent", cotangent))
        arguments.check_same_place(name, backend, result, cotangent=cotangent)
        if tuple(cotangent.shape) != tuple(result.shape):
            raise ValueError(
                f"{name}: cotangent must be a number or have the shape of the value {tuple(result.shape)}, got "
                f"{arguments.describe(cotangent)}"
            )
        if not (arguments.is_real(xp, cotangent) or arguments.is_integer(xp, cotangent)):
            raise TypeError(f"{name}: cotangent must be real, got {arguments.describe(cotangent)}")
        return xp.astype(cotangent, result.dtype, copy=False)

    def scaled(self, xp: Any, gradient: Array, scale: Array) -> Array:
        """gradient * scale, where a scale of 0 wins over the infinite slope that a probability of 0 or 1 may have."""
        if self.from_logits:
            return gradient * scale
        return xp.where(scale == 0, 0.0, gradient * scale)

    def spread(self, xp: Any, cotangent: Array, shape: tuple[int, ...]) -> Array:
        """A number for every returned value, reshaped so that it broadcasts to the pixels it stands for."""
        if self.reduction != "none":
            return cotangent
        dropped = self._dropped(len(shape))
        return xp.reshape(cotangent, tuple(1 if axis in dropped else size for axis, size in enumerate(shape)))

    def _dropped(self, ndim: int) -> tuple[int, ...]:
        """The axes of `pred` that the returned values do not have."""
        name = self.kernel.name
        class_axis = arguments.normal_class_axis(name, self.class_axis, ndim)
        axes = arguments.region_axes(name, self.axis, class_axis, ndim)
        return axes if class_axis is None or self.kernel.per_class else (*axes, class_axis)

    def _region(
        self, backend: Backend, xp: Any, pred: Array, target: Array, weight: Array, class_weight: Array, wanted: bool
    ) -> Region:
        """The arguments in normal form: wide dtype, one-hot target, weights with the ignored pixels at 0."""
        name = self.kernel.name
        if not arguments.is_real(xp, pred):
            raise TypeError(f"{name}: pred must have a real floating dtype, got {arguments.describe(pred)}")
        shape = tuple(pred.shape)
        if _size(shape) == 0:
            raise ValueError(f"{name}: pred must hold at least one pixel, got shape {shape}")
        class_axis = arguments.normal_class_axis(name, self.class_axis, pred.ndim)
        axes = arguments.region_axes(name, self.axis, class_axis, pred.ndim)
        classes = None if class_axis is None else shape[class_axis]
        if classes == 1 and self.from_logits:
            raise ValueError(
                f"{name}: class_axis must be an axis of at least two classes with from_logits, since a softmax over one class "
                f"is always 1, got pred of shape {shape} and class_axis {self.class_axis}; leave class_axis out for a binary "
                "mask"
            )
        weights = self.class_weights if class_weight is None else class_weight
        arguments.check_class_weight(name, weights, classes)
        if class_weight is not None and not (
            arguments.is_real(xp, class_weight) or arguments.is_integer(xp, class_weight)
        ):
            raise TypeError(f"{name}: class_weight must be real, got {arguments.describe(class_weight)}")

        if not (target.dtype == xp.bool or arguments.is_integer(xp, target) or arguments.is_real(xp, target)):
            raise TypeError(f"{name}: target must be bool, integer or real, got {arguments.describe(target)}")
        pixels = arguments.shape_of_pixels(shape, class_axis)
        map_given = class_axis is not None and target.ndim == pred.ndim - 1
        expected = pixels if map_given else shape
        if tuple(target.shape) != expected:
            also = "" if class_axis is None else f", or {pixels} for a label map"
            raise ValueError(f"{name}: target must have pred's shape {shape}{also}, got {tuple(target.shape)}")
        if map_given and not arguments.is_integer(xp, target):
            raise TypeError(f"{name}: target without class_axis must be an integer label map, got "
                            f"{arguments.describe(target)}")  # fmt: skip
        is_labels = arguments.is_integer(xp, target) and (map_given or class_axis is None)
        ignore = arguments.normal_ignore_index(name, self.ignore_index, is_labels, target)

        dtype = _wide(xp, pred.dtype)
        look = self._look(backend, pixels, class_axis)
        exponent: Array = None
        if weight is not None:
            weight = arguments.wide_weight(name, xp, weight, shape, class_axis)
            look.weight("weight", weight if class_axis is None else xp.squeeze(weight, axis=class_axis))
            weight, exponent = _scaled_weight(backend, xp, weight, axes, dtype)
        kept: Array = None
        if ignore is not None:
            look.ignored(target, ignore)
            kept = arguments.is_not(backend, xp, target, ignore)
            if map_given:
                kept = xp.expand_dims(kept, axis=class_axis)
            weight = xp.astype(kept, dtype) if weight is None else xp.where(kept, weight, 0.0)

        if map_given:
            labels = xp.expand_dims(target, axis=class_axis)
            look.labels("target", target, cast(int, classes))
            if weight is not None and not self.kernel.spatial:
                # No class holds the label -1; so the one-hot target need not be copied to leave out pixels of weight 0.
                labels = xp.where(weight == 0, -1, xp.astype(labels, backend.wide(labels)[1], copy=False))
            y = backend.one_hot(labels, cast(int, classes), cast(int, class_axis), dtype)
        else:
            look.unit("target", target, hard=self.kernel.hard_target, strict=True)
            y = xp.astype(target, dtype, copy=False)
        if not self.from_logits:
            look.unit("pred", pred)
        elif class_axis is not None:
            look.class_logits(pred, target, map_given)
        elif look.strict:
            look.finite("pred", pred)
        wide = xp.astype(pred, dtype, copy=False)  # nothing below writes into an array
        whole = wide, y
        if not map_given or self.kernel.spatial:
            y = arguments.without_weight(xp, y, weight, 0.0)

        probability = self._probability(wide, backend, class_axis, weight)
        image = Image(probability, y)
        if self.kernel.spatial and weight is not None:
            image = self._image(backend, xp, *whole, kept, class_axis)
        factors: Array = 1.0
        if weights is not None:
            if class_weight is not None:
                look.class_weight("class_weight", class_weight)
            row = xp.asarray(weights, dtype=dtype, device=backend.device(pred))
            factors = xp.reshape(row, tuple(-1 if one == class_axis else 1 for one in range(pred.ndim)))
        return Region(
            xp=xp,
            prob=probability,
            y=y,
            weight=weight,
            class_weight=factors,
            axes=axes,
            class_axis=class_axis,
            pixels=_size(tuple(shape[one] for one in axes)),
            image=image,
            weight_exponent=exponent,
            wanted=wanted,
        )

    def _look(self, backend: Backend, pixels: tuple[int, ...], class_axis: int | None) -> Look:
        """A look at the values, at all of them for `validate`."""
        show = backend.to_numpy if self.check_values else backend.readable
        return Look(self.kernel.name, show, self.check_values or backend.reads_values, pixels, class_axis)

    def _image(self, backend: Backend, xp: Any, pred: Array, y: Array, kept: Array, class_axis: int | None) -> Image:
        """Prediction and target as they stand, whatever the weights; nan and ignored pixels are background."""
        nothing = -xp.inf if self.from_logits and class_axis is None else 0.0
        pred = xp.where(xp.isnan(pred), nothing, pred)
        outside = xp.isnan(y) if kept is None else ~kept | xp.isnan(y)
        return Image(self._probability(pred, backend, class_axis), xp.where(outside, 0.0, y))

    def _field(self, backend: Backend, xp: Any, pred: Array, field: Array, region: Region) -> Array:
        """An array parameter in the dtype of the computation, of the shape of `pred`."""
        name = self.kernel.name
        parameter = str(self.kernel.field)
        if not (arguments.is_real(xp, field) or arguments.is_integer(xp, field)):
            raise TypeError(f"{name}: {parameter} must be real, got {arguments.describe(field)}")
        if not arguments.broadcasts(tuple(field.shape), tuple(pred.shape)):
            raise ValueError(
                f"{name}: {parameter} must broadcast to pred's shape {tuple(pred.shape)}, got {tuple(field.shape)}"
            )
        wide = xp.broadcast_to(xp.astype(field, region.y.dtype), tuple(pred.shape))
        class_axis, pixel_weight = region.class_axis, region.weight
        look = self._look(backend, arguments.shape_of_pixels(tuple(pred.shape), class_axis), class_axis)
        if pixel_weight is not None:
            look.set_aside(pixel_weight if class_axis is None else xp.squeeze(pixel_weight, axis=class_axis))
        look.finite(parameter, field)
        return arguments.without_weight(xp, wide, region.weight, 0.0)

    def _probability(self, pred: Array, backend: Backend, class_axis: int | None, weight: Array = None) -> Probability:
        if not self.from_logits:
            return Given(pred, backend, weight)
        return Sigmoid(pred, backend, weight) if class_axis is None else Softmax(pred, backend, class_axis, weight)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _scaled_weight(backend: Backend, xp: Any, weight: Array, axes: tuple[int, ...], dtype: Any) -> tuple[Array, Array]:
    """(pixel weights in `dtype`, the power of 2 by which those of each region were multiplied; None for 0).

    No mean changes with it, and `Region.smoothing` follows it. It is other than 0 only where the weights of a region are so
    large or small that their sums, or the reciprocals of these, might leave the range of the computation.
    """
    if not xp.isdtype(weight.dtype, "real floating"):
        return xp.astype(weight, dtype), None
    weight = xp.astype(weight, _wide(xp, weight.dtype), copy=False)
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


def _largest(xp: Any, x: Array) -> Array:
    """The largest absolute value, or 1 in place of 0 so that it can divide."""
    found = xp.max(xp.abs(x))
    return xp.where(found == 0, 1.0, found)


def _count(xp: Any, present: Array) -> Array:
    """How many regions are present, at least 1 so that it can divide."""
    found = xp.sum(present)
    return xp.where(found == 0, 1.0, found)


def _wide(xp: Any, dtype: Any) -> Any:
    """The dtype of the computation: `dtype` itself from float32 upwards, float32 below."""
    if dtype == xp.float64 or dtype == xp.float32:
        return dtype
    size = getattr(dtype, "itemsize", 0)
    # NumPy's float64 of the other byte order equals neither, and extended precision stays what it is.
    return dtype if size > 8 else xp.float64 if size == 8 else xp.float32


def kernel_of(
    loss: Callable[..., Any], expected: str = "value_and_grad: loss must be one of segloss_ref's losses"
) -> Kernel:
    """The kernel behind a public loss; `expected` is said where it is none."""
    record = registry.losses.get(getattr(loss, "__name__", ""))
    if record is None or record.function is not loss:
        raise TypeError(f"{expected}, got {arguments.describe(loss)}")
    return cast(Kernel, record.kernel)


def split_keywords(kernel: Kernel, keywords: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(common keywords, own parameters with their defaults filled in)."""
    parameters = registry.losses[kernel.name].parameters
    own = {name: keywords.get(name, parameter.default) for name, parameter in parameters.items()}
    return {name: value for name, value in keywords.items() if name not in own}, own


def evaluate_gradient(
    kernel: Kernel, pred: Array, target: Array, keywords: Mapping[str, Any], cotangent: Any = None
) -> tuple[Any, Any]:
    """(value, gradient of the sum of the values times `cotangent`) of a loss in closed form."""
    common, own = split_keywords(kernel, keywords)
    call = kernel.bind(common, own)
    backend = arguments.library_of(kernel.name, pred)
    arrays = kernel.arrays_beside(backend, pred, target, common, own)
    with backend.guard():
        pred = backend.detach(pred)
        value, gradient = call(pred, *arrays, gradient=True, cotangent=cotangent)
        return value, backend.namespace(pred).astype(gradient, pred.dtype, copy=False)
