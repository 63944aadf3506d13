"""The register of all losses and metrics: one record each, which code, strategies, documentation and torch modules read.

>>> from segloss_ref import registry
>>> registry.losses["dice_loss"].family
'region'
>>> registry.losses["dice_loss"].parameters["smooth"].default
1e-05
>>> sorted(record.name for record in registry.losses.values() if record.family == "boundary")
['boundary_loss', 'hausdorff_loss', 'shape_aware_loss']
>>> registry.losses["tversky_loss"].citation[:27]
'Salehi, Erdogmus, Gholipour'
"""

from __future__ import annotations

import inspect
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from ._references import citation, keys_of, references, short_citation
from .domains import Domain, OnlyWith

__all__ = [
    "Family",
    "LossRecord",
    "MetricFamily",
    "MetricRecord",
    "Parameter",
    "Record",
    "losses",
    "metrics",
    "records",
]

Family = Literal["distribution", "region", "boundary", "compound"]
MetricFamily = Literal["counts", "surface"]
_Public = TypeVar("_Public", bound=Callable[..., Any])


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

    @property
    def text(self) -> str:
        """Its domain and default as documentation says them: "float > 0, default 0.75"."""
        return self.domain.text if self.required else f"{self.domain.text}, default {_shown(self.default)}"


def _shown(default: Any) -> str:
    if isinstance(default, str):
        return f'"{default}"'
    return f"{default:g}".replace("e-0", "e-") if isinstance(default, float) else repr(default)


@dataclass(eq=False, kw_only=True, repr=False)
class Record:
    """Everything that is to be known of a loss or metric. `public` completes it, once, from the public function."""

    family: Family | MetricFamily
    source: str
    """The works that define it, by their keys in ``references.bib``: ``"@yu2015learning; @berman2018lovasz, eq. 7"``."""
    latex: str = ""
    """The formula, of one region, in LaTeX."""
    derivative: str = ""
    """Of a loss: the formula's derivative by the probability p of one pixel (by its logit z where there is no p)."""
    symbols: Mapping[str, str] = field(default_factory=dict)
    """What the letters of `latex` and `derivative` mean beyond `SYMBOLS`; a parameter stands by its name."""

    name: str = ""
    function: Callable[..., Any] = field(default=lambda: None)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    keywords: frozenset[str] = frozenset()
    """The common keywords of a loss."""

    per_class: bool = True
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
    """The gradient treats some parts that depend on `pred` as constants."""
    spatial: bool = False
    """`axis` names the spatial axes of an image: contours, distances or neighbourhoods along them enter the value."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def is_loss(self) -> bool:
        """A loss, not a metric."""
        return self.family in get_args(Family)

    @property
    def citation(self) -> str:
        """The source in words."""
        return citation(self.source)

    @property
    def not_read(self) -> tuple[str, ...]:
        """The keys of those sources that are known here only by what others write of them."""
        return tuple(key for key in keys_of(self.source) if "note" in references()[key])

    def completed_by(self, function: _Public, shared: str) -> _Public:
        """Take name and parameters from the public function, fill in its docstring, and register the record.

        In the docstring ``{source}`` and ``{citation}`` become the source in words, short and with titles, ``{shared}`` (or
        the end) what all functions of its kind share, and ``{gamma}`` domain and default of the parameter gamma. ValueError
        where a parameter is not documented so, or where the record has another function's name.
        """
        if self.name not in ("", function.__name__):
            raise ValueError(
                f"registry: the name of a record must be its function's, {function.__name__!r}, got {self.name!r}"
            )
        self.name, self.function = function.__name__, function
        self.parameters = parameters_of(function)
        function.__doc__ = self._documentation(inspect.cleandoc(function.__doc__ or ""), shared)
        _register(self)
        return function

    def _documentation(self, text: str, shared: str) -> str:
        for name, parameter in self.parameters.items():
            entry, filled = f"{name} : {{{name}}}\n", f"{name} : {parameter.text}\n"
            if entry not in text:
                raise ValueError(f"registry: the docstring of {self.name} must have a line {entry.strip()!r}")
            text = text.replace(entry, filled)
        text = text.replace("{source}", short_citation(self.source)).replace("{citation}", self.citation)
        return text.replace("{shared}", shared) if "{shared}" in text else text + shared


@dataclass(eq=False, kw_only=True, repr=False)
class LossRecord(Record):
    """The record of a loss."""


@dataclass(eq=False, kw_only=True, repr=False)
class MetricRecord(Record):
    """The record of a metric."""

    def check(self, pred: Any, target: Any, keywords: Mapping[str, Any]) -> None:
        """Raise whatever a call would, array values included, and compute nothing."""
        raise NotImplementedError


SYMBOLS: Mapping[str, str] = MappingProxyType({
    "p": "the predicted probability of a pixel, p_c that of class c",
    "q": "1 - p",
    "y": "the target of a pixel, in [0, 1]; y_c that of class c",
    "z": "the logit of a pixel",
    "i": "a pixel; sums run over the pixels of a region, each times its weight",
    "c": "a class",
    "N": "the number of pixels of a region, or the sum of their weights",
    "TP, FP, FN, TN": "true and false positives and negatives of a region, or the sums of their weights",
})  # fmt: skip
"""What letters mean in the formulas of all records."""

_losses: dict[str, LossRecord] = {}
_metrics: dict[str, MetricRecord] = {}

losses: Mapping[str, LossRecord] = MappingProxyType(_losses)
"""Every loss by name."""
metrics: Mapping[str, MetricRecord] = MappingProxyType(_metrics)
"""Every metric by name."""
records: Mapping[str, Record] = MappingProxyType(ChainMap[str, Any](_metrics, _losses))
"""Every loss and metric by name, losses first."""


def _register(record: Record) -> None:
    """Add a record. ValueError where another function has its name; a module that is executed anew replaces its own."""
    known = records.get(record.name)
    if known is not None and _place(known.function) != _place(record.function):
        raise ValueError(f"registry: {record.name} is registered already, by {_place(known.function)}")
    if isinstance(record, LossRecord):
        _losses[record.name] = record
    elif isinstance(record, MetricRecord):
        _metrics[record.name] = record


def _place(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def parameters_of(function: Callable[..., Any]) -> Mapping[str, Parameter]:
    """The keyword-only parameters of `function` whose annotation carries a domain."""
    hints = get_type_hints(function, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        extras = get_args(hints.get(name))[1:]
        domains = [extra for extra in extras if hasattr(extra, "normal")]
        only_with = next((extra for extra in extras if isinstance(extra, OnlyWith)), None)
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and domains:
            found[name] = Parameter(name, parameter.default, domains[0], only_with)
    return MappingProxyType(found)
