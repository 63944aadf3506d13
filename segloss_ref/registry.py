"""The register of all losses and metrics: one record each, which code, strategies, documentation and torch modules read.

>>> from segloss_ref import registry
>>> registry.losses["dice_loss"].family
'region'
>>> registry.losses["dice_loss"].parameters["smooth"].default
1e-05
>>> sorted(record.name for record in registry.losses.values() if record.family == "boundary")
['boundary_loss', 'hausdorff_loss', 'shape_aware_loss']
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args, get_type_hints

from .domains import Domain, OnlyWith

__all__ = ["Family", "LossRecord", "MetricFamily", "MetricRecord", "Parameter", "losses", "metrics"]

Family = Literal["distribution", "region", "boundary", "compound"]
MetricFamily = Literal["counts", "surface"]


@dataclass(frozen=True)
class Parameter:
    """One own parameter of a loss or metric."""

    name: str
    default: Any
    domain: Domain
    only_with: OnlyWith | None = None
    """Where it has a meaning; elsewhere it must stay at its default."""

    @property
    def required(self) -> bool:
        """There is no default: every call must give it."""
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True)
class LossRecord:
    """Everything that is to be known of a loss besides its formula."""

    name: str
    family: Family
    function: Callable[..., Any]
    kernel: Callable[..., Any]
    parameters: Mapping[str, Parameter]
    keywords: frozenset[str]
    citation: str
    per_class: bool
    """With `class_axis`, "none" keeps one value a class."""
    needs_class_axis: bool = False
    categorical: bool = True
    """`class_axis` is accepted."""
    class_axis_refuses: frozenset[str] = frozenset()
    """Own parameters that must stay at their default when `class_axis` is given."""
    logits_only: bool = False
    hard_target: bool = False
    smooth: bool = True
    """The value is differentiable wherever it is finite."""
    partial: bool = False
    """Parts of the value that move with `pred` are constants for the gradient, which is not its whole derivative then."""
    spatial: bool = False
    """`axis` names the spatial axes of an image: contours, distances or neighbourhoods along them enter the value."""


@dataclass(frozen=True)
class MetricRecord:
    """Everything that is to be known of a metric besides its formula."""

    name: str
    family: MetricFamily
    function: Callable[..., Any]
    parameters: Mapping[str, Parameter]
    citation: str
    check: Callable[[Any, Any, Mapping[str, Any]], None]
    """``check(pred, target, keywords)`` raises whatever a call would, array values included, and computes nothing."""


_losses: dict[str, LossRecord] = {}
_metrics: dict[str, MetricRecord] = {}

losses: Mapping[str, LossRecord] = MappingProxyType(_losses)
"""Every loss by name."""
metrics: Mapping[str, MetricRecord] = MappingProxyType(_metrics)
"""Every metric by name."""


def add_loss(record: LossRecord) -> None:
    """Put a loss into the register. ValueError where its name is not its function's, or is another function's already."""
    _check_name(record)
    _losses[record.name] = record


def add_metric(record: MetricRecord) -> None:
    """Put a metric into the register. ValueError where its name is not its function's, or is another function's already."""
    _check_name(record)
    _metrics[record.name] = record


def _check_name(record: LossRecord | MetricRecord) -> None:
    """A module that is executed anew may register its functions again: they stand where they stood."""
    if record.name != record.function.__name__:
        raise ValueError(
            f"registry: the name of a record must be its function's, {record.function.__name__!r}, got {record.name!r}"
        )
    known = _losses.get(record.name) or _metrics.get(record.name)
    if known is not None and _place(known.function) != _place(record.function):
        raise ValueError(f"registry: {record.name} is registered already, by {_place(known.function)}")


def _place(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def parameters_of(function: Callable[..., Any]) -> Mapping[str, Parameter]:
    """The keyword-only parameters of `function` whose annotation carries a domain."""
    hints = get_type_hints(function, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        extras = get_args(hints[name])[1:]
        domains = [extra for extra in extras if hasattr(extra, "normal")]
        only_with = next((extra for extra in extras if isinstance(extra, OnlyWith)), None)
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and domains:
            found[name] = Parameter(name, parameter.default, domains[0], only_with)
    return MappingProxyType(found)
