"""A loss: its record, and the way from keywords to a value and a gradient, once for all losses."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar

from .. import _arguments as arguments
from .. import registry
from .._arguments import Reduction
from .._backend import Array, Backend, Constants
from ..domains import PixelMap
from .bound import BoundLoss
from .docs import shared_section
from .regions import Term

__all__ = ["Classes", "Common", "Loss", "Pixels", "Reduction", "evaluate_gradient", "loss", "loss_of"]

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


@dataclass(eq=False, kw_only=True, repr=False)
class Loss(registry.LossRecord):
    """A loss: a formula with all that is to be known of it. Calling it evaluates the loss; see `loss`."""

    formula: Callable[..., Term]
    """A function of `Regions` and the loss's own parameters that returns a `Term`."""
    pixel_map: str | None = None
    """The own parameter that is an array with a number for every pixel, if there is one."""

    def public(self, function: _Public) -> _Public:
        """Make `function` the public face of this loss; used as its decorator.

        Name, own parameters and common keywords are those of the function; its docstring is completed by what all losses share.
        """
        if self.name == self.formula.__name__:  # by which messages have called it so far
            self.name = ""
        common = typing.get_args(typing.get_type_hints(function)["common"])[0]
        self.keywords = frozenset(common.__annotations__)
        shared = shared_section(self.keywords, self.per_class, self.logits_only, self.hard_target)
        self.completed_by(function, shared)
        self.pixel_map = next((p.name for p in self.parameters.values() if isinstance(p.domain, PixelMap)), None)
        return function

    def __call__(self, pred: _Array, target: Array, common: Mapping[str, Any], **own: Any) -> _Array:
        """The loss of `pred` against `target`."""
        bound, constants = self.bind(pred, target, common, own)
        value: _Array = bound.backend.apply(bound, pred, constants)
        return value

    def bind(
        self, pred: Array, target: Array, common: Mapping[str, Any], own: Mapping[str, Any]
    ) -> tuple[BoundLoss, Constants]:
        """The loss with all keywords fixed, and the arrays that it takes beside `pred`, of its library and device."""
        plain, shared = self.checked(common, own)
        backend = arguments.library_of(self.name, pred)
        constants = self._constants(backend, pred, target, common, own)
        if constants.class_weight is not None:
            shared["class_weights"] = None
        return BoundLoss(self, self.formula, backend, plain, self.pixel_map, **shared), constants

    def checked(self, common: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """(own parameters, common keywords without the pixel weights), checked as far as that needs no array."""
        for name in common:
            if name not in self.keywords:
                raise arguments.unknown_keyword(self.name, name, [*self.parameters, *self._known_keywords()])
        plain = {name: one.domain.normal(self.name, name, own[name]) for name, one in self.parameters.items()}
        if self.pixel_map is not None:
            arguments.check_array(self.name, self.pixel_map, plain[self.pixel_map])
        self._check_meaning(plain, own)
        shared = arguments.normal_common(self.name, common, self.logits_only)
        self._check_classes(shared["class_axis"], plain, own)
        shared["class_weights"] = shared.pop("class_weight")
        return plain, shared

    def _known_keywords(self) -> list[str]:
        """The common keywords in the order in which messages name them."""
        return [name for name in Common.__annotations__ if name in self.keywords]

    def _check_meaning(self, plain: Mapping[str, Any], own: Mapping[str, Any]) -> None:
        """Parameters that mean nothing beside the value of another one must stay at their default."""
        for name, parameter in self.parameters.items():
            rule = parameter.only_with
            if rule is not None and plain[rule.parameter] not in rule.values and plain[name] != parameter.default:
                raise ValueError(
                    f"{self.name}: {name} must stay at its default with {rule.parameter} {plain[rule.parameter]!r}, got "
                    f"{arguments.describe(own[name])}; it goes with {rule.parameter} "
                    f"{' or '.join(map(repr, rule.values))}"
                )

    def _check_classes(self, class_axis: int | None, plain: Mapping[str, Any], own: Mapping[str, Any]) -> None:
        """Classes must be given where they are needed, and only where they have a meaning."""
        if class_axis is None:
            if self.needs_class_axis:
                raise ValueError(f"{self.name}: class_axis must be given, got None")
            return
        if not self.categorical:
            raise ValueError(
                f"{self.name}: class_axis must be None, got {arguments.describe(class_axis)}; classes are weighed by "
                "binary_cross_entropy with class_weight"
            )
        for name in self.class_axis_refuses:
            if plain[name] is not None:
                raise ValueError(
                    f"{self.name}: {name} must be None with class_axis, got {arguments.describe(own[name])}; use class_weight"
                )

    def _constants(
        self, backend: Backend, pred: Array, target: Array, common: Mapping[str, Any], own: Mapping[str, Any]
    ) -> Constants:
        if target is None:
            raise TypeError(f"{self.name}: target must be an array like pred ({arguments.describe(pred)}), got None")
        weight, class_weight = common.get("weight"), common.get("class_weight")
        class_weight = class_weight if arguments.looks_like_array(class_weight) else None
        pixel_map = None if self.pixel_map is None else own[self.pixel_map]
        arguments.check_same_place(
            self.name, backend, pred, target=target, weight=weight, class_weight=class_weight,
            **({} if self.pixel_map is None else {self.pixel_map: pixel_map}),
        )  # fmt: skip
        return Constants(target, weight, class_weight, pixel_map)

    def split(self, keywords: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """(common keywords, own parameters with their defaults filled in)."""
        own = {name: keywords.get(name, parameter.default) for name, parameter in self.parameters.items()}
        return {name: value for name, value in keywords.items() if name not in own}, own


def loss(family: registry.Family, source: str, **facts: Any) -> Callable[[Callable[..., Term]], Loss]:
    """Make a `Loss` of a formula; used as the formula's decorator, with the fields of `registry.Record` as `facts`.

    The public function follows, decorated by the loss's `public`, and calls it:

    >>> from segloss_ref.engine.loss import loss
    >>> @loss("region", "@dice1945measures", latex=r"1 - \\textstyle\\sum_i p_i y_i")
    ... def _missed(r):
    ...     return r.term(1 - r.sum(r.prob.p * r.y), lambda factor: ...)
    >>> _missed.family, _missed.per_class
    ('region', False)
    """
    facts = {"per_class": False, **facts}
    return lambda formula: Loss(family=family, source=source, formula=formula, **{"name": formula.__name__, **facts})


def loss_of(
    function: Callable[..., Any], expected: str = "value_and_grad: loss must be one of segloss_ref's losses"
) -> Loss:
    """The loss behind a public function; `expected` is said where it is none."""
    record = registry.losses.get(getattr(function, "__name__", ""))
    if not isinstance(record, Loss) or record.function is not function:
        raise TypeError(f"{expected}, got {arguments.describe(function)}")
    return record


def evaluate_gradient(
    loss: Loss, pred: Array, target: Array, keywords: Mapping[str, Any], cotangent: Any = None
) -> tuple[Any, Any]:
    """(value, gradient of the sum of the values times `cotangent`) of a loss in closed form."""
    bound, constants = loss.bind(pred, target, *loss.split(keywords))
    with bound.backend.guard():
        pred = bound.backend.detach(pred)
        value, gradient = bound(pred, constants, gradient=True, cotangent=cotangent)
        return value, bound.backend.namespace(pred).astype(gradient, pred.dtype, copy=False)
