"""How somebody's function is called: `Binding`, made by `bind` from Python or from a ``conformance.toml``.

A binding says which loss or metric a callable claims to be and in which form it takes its arguments. It holds no case and
calls nothing; `forms` brings cases into its form, `callers` makes the calls.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from segloss_ref import registry
from segloss_ref.domains import Smooth

from .expression import ConfigurationError, Expression
from .resolve import framework_of, resolve, signature_of
from .words import CHOICES, DTYPES, TAGS

__all__ = ["Binding", "bind"]


_COMMON = ("pred", "target", "weight", "class_weight", "ignore_index", "num_classes")


@dataclass(frozen=True, kw_only=True)
class Binding:
    """A callable, what it claims to be, and how it is called. Made by `bind`, which checks and completes it."""

    spec: str
    call: Any
    """The function, the class to construct, or the command of a process as a tuple of words."""
    name: str = ""
    """What messages and the ledger call it, where one file binds several functions to one loss or metric."""
    source: str = ""
    """How the callable is imported, ``module:name``; empty for one that was handed over in Python."""
    construct: Mapping[str, Any] | None = None
    """Keywords to construct a class (or call a factory) with; None where `call` is called as it is."""
    args: tuple[Any, ...] = ("$pred", "$target")
    """Positional arguments of the call."""
    keywords: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the call."""
    layout: str = "any"
    """Axis letters N (images), C (classes or one channel), D, H, W; ``"any"`` is one region of any shape."""
    pool: str = "batch"
    """What one region holds: all images of the batch, one image, or all images and classes."""
    target: str = "binary"
    takes: str = "probability"
    returns: str = "loss"
    framework: str = "numpy"
    dtypes: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    modes: tuple[str, ...] = ("eager",)
    grad: Any = "auto"
    """``"auto"``, ``"none"``, or a callable that takes what `call` takes and returns the gradient."""
    target_dtype: str | None = None
    domain: frozenset[str] = frozenset()
    """Kinds of cases, see `TAGS`: those of `OPT_IN` that are supported, and, after ``not ``, others that are not.
    ``"simplex"`` says that the classes' probabilities of a pixel sum to 1, ``"hard-prediction"`` that they are 0 and 1."""
    convention: Mapping[str, Any] = field(default_factory=dict)
    """Values of the reference's parameters that the callable has built in, or expressions in its own."""
    refuses: frozenset[str] = frozenset({"nan"})
    """Bad input that is promised to be refused, by an exception or, for ``"nan"``, by a result that is not finite."""
    timeout: float = 10.0
    """Seconds that one call may take."""

    @property
    def record(self) -> registry.Record:
        """The record of the loss or metric that `call` claims to be."""
        return registry.records[self.spec]

    @property
    def is_loss(self) -> bool:
        """Whether it claims to be a loss."""
        return self.spec in registry.losses

    @property
    def classes(self) -> str:
        """``"one"`` question a pixel, ``"exclusive"`` classes, or ``"independent"`` questions."""
        return {"binary": "one", "multilabel": "independent"}.get(self.target, "exclusive")

    @property
    def placeholders(self) -> frozenset[str]:
        """Everything that is handed over from a case."""
        sources = (*self.args, *self.keywords.values(), *(self.construct or {}).values())
        return frozenset().union(*(Expression(one).names for one in sources))

    @property
    def parameters(self) -> frozenset[str]:
        """The own parameters of the loss or metric that are handed over."""
        found = {"smooth" if name.startswith("smooth_") else name for name in self.placeholders}
        return frozenset(found & set(self.record.parameters))

    @property
    def label(self) -> str:
        """The name of the binding, or of the callable."""
        if self.name:
            return self.name
        if self.framework == "process":
            return shlex.join(self.call)
        name = getattr(self.call, "__qualname__", None) or type(self.call).__qualname__
        return self.source or str(name)

    def changed(self, **how: Any) -> Binding:
        """The binding with some of it replaced, unchecked."""
        return replace(self, **how)


def _one_of(name: str, value: Any, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise ConfigurationError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def _words(name: str, value: Any, allowed: Iterable[str]) -> tuple[str, ...]:
    words = (value,) if isinstance(value, str) else tuple(value)
    for word in words:
        _one_of(name, word.removeprefix("not ") if name == "domain" else word, allowed)
    return words


def _checked_layout(layout: str) -> str:
    layout = {"flat": "W"}.get(layout, layout)
    letters = layout.replace("N", "").replace("C", "")
    if layout != "any" and (len(set(layout)) < len(layout) or letters not in ("W", "HW", "DHW")):
        raise ConfigurationError(
            f"layout must be 'any', 'flat' or axis letters such as NCHW, NHWC, NHW or HW, got {layout!r}"
        )
    return layout


def bind(
    spec: str, call: Any, *, args: Mapping[str, Any] | Sequence[Any] | None = None, root: Path | None = None, **how: Any
) -> Binding:
    """A binding of `call` to the loss or metric `spec`.

    Parameters
    ----------
    spec
        Name of a loss or metric, such as ``"dice_loss"``.
    call
        A function, a class to construct, or ``"module:name"``; for ``framework="process"`` the command.
    args
        The arguments of the call: a list of positional ones or a table of keywords, with placeholders ``"$pred"``,
        ``"$target"``, ``"$weight"``, ``"$class_weight"``, ``"$ignore_index"``, ``"$num_classes"`` and ``"$NAME"`` for the
        parameters of `spec`. By default ``["$pred", "$target"]``; parameters that the callable names as `spec` does are
        handed over in any case.
    root
        Directory in which modules and files are looked for first.
    **how
        Any other field of `Binding`.

    Raises
    ------
    ConfigurationError
        (a ``ValueError``) with one line that names the key, what was given and what was expected.
    """
    records = dict(registry.records)
    if spec not in records:
        raise ConfigurationError(f"spec must be one of {', '.join(records)}, got {spec!r}")
    record = records[spec]
    is_loss = spec in registry.losses
    known = {one.name for one in fields(Binding)} - {"spec", "call", "source", "args"}
    for name in how:
        if name not in known:
            raise ConfigurationError(f"unknown key {name!r}, expected one of {', '.join(sorted({*known, 'args'}))}")
    if how.get("framework") == "process":
        call = tuple(shlex.split(call)) if isinstance(call, str) else tuple(call)
        if not call:
            raise ConfigurationError("call must be the command of a process, got nothing")
    elif isinstance(call, str):
        how["source"], call = call, resolve(call, root)
    if how.get("framework") != "process" and not callable(call):
        raise ConfigurationError(f"call must be callable, got {type(call).__name__}")
    how.setdefault("framework", None)
    if how["framework"] in (None, "auto"):
        how["framework"] = framework_of(call)

    needs = record.needs_class_axis
    _complete_layout(how, needs)
    _complete_words(how, record, is_loss)
    _complete_dtypes(how)
    if isinstance(how.get("grad"), str) and how["grad"] not in ("auto", "none"):
        how["grad"] = resolve(how["grad"], root)
    _check_form(spec, how, needs, is_loss)

    positional, keywords = _arguments(args, how["framework"])
    construct = how.pop("construct", None)
    constructs = construct is not None or inspect.isclass(call)
    convention = dict(how.pop("convention", {}))
    binding = Binding(
        spec=spec, call=call, args=positional, keywords=keywords, construct=dict(construct or {}) if constructs else None,
        convention=convention, **how,
    )  # fmt: skip
    return _complete(binding)


def _complete_layout(how: dict[str, Any], needs_classes: bool) -> None:
    """Target and layout, where one of them follows from the other or from the loss."""
    categorical = how.get("layout", "").replace("any", "") or needs_classes
    how.setdefault("target", "onehot" if needs_classes else "binary")
    how.setdefault("layout", "NCHW" if categorical and how["target"] != "binary" else "any")
    if how["target"] != "binary" and how["layout"] == "any":
        how["layout"] = "NCHW"
    how["layout"] = _checked_layout(how["layout"])
    if how.get("takes") == "label" and "C" not in how["layout"]:
        # Label maps lack the axis; C says where it would stand.
        how["layout"] = how["layout"].replace("N", "NC") if "N" in how["layout"] else "C" + how["layout"]


def _complete_words(how: dict[str, Any], record: registry.Record, is_loss: bool) -> None:
    """The keys with named values: their defaults, and no other words than there are."""
    how.setdefault("takes", ("logit" if record.logits_only else "probability") if is_loss else "mask")
    how.setdefault("returns", "loss" if is_loss else "score")
    for name in ("pool", "target", "takes", "returns", "framework"):
        if name in how:
            _one_of(name, how[name], CHOICES[name])
    for name in ("modes", "refuses"):
        if name in how:
            how[name] = _words(name, how[name], CHOICES[name])
    how["refuses"] = frozenset(how.get("refuses", {"nan"} if is_loss else ()))
    how["domain"] = frozenset(_words("domain", how.get("domain", ()), TAGS))


def _complete_dtypes(how: dict[str, Any]) -> None:
    """The dtypes that the framework has and that what is taken can have, and the devices."""
    floating = how["takes"] not in ("mask", "label")
    default = {"jax": ("float32",), "tensorflow": ("float32",), "process": ("float64",)}
    usual = default.get(how["framework"], ("float32", "float64")) if floating else ("int64",)
    how["dtypes"] = _words("dtypes", how.get("dtypes", usual), DTYPES[:4] if floating else DTYPES)
    how["devices"] = tuple([how["devices"]] if isinstance(how.get("devices"), str) else how.get("devices", ("cpu",)))
    if how["framework"] == "numpy" and "bfloat16" in how["dtypes"]:
        raise ConfigurationError("dtypes must be dtypes of NumPy, which has no bfloat16")


def _arguments(
    args: Mapping[str, Any] | Sequence[Any] | None, framework: str
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """(positional arguments, keywords) of the call; in a mapping, numbers are places."""
    if args is None:
        return ("$pred", "$target"), {}
    if not isinstance(args, Mapping):
        return tuple(args), {}
    keywords = dict(args)
    places = sorted(int(name) for name in args if str(name).isdigit())
    positional = tuple(keywords.pop(str(place)) for place in places)
    # In a request to a process arrays have their own place.
    return ("$pred", "$target") if framework == "process" else positional, keywords


def _check_form(spec: str, how: Mapping[str, Any], needs: bool, is_loss: bool) -> None:
    """Refuse forms that contradict each other, or that the loss or metric does not have."""
    record = registry.losses.get(spec)
    takes, target, layout = how["takes"], how["target"], how["layout"]
    if is_loss and takes in ("mask", "label"):
        raise ConfigurationError(
            f"{spec} is a loss: takes must be probability, logit or log-probability, got {takes!r}"
        )
    if not is_loss and takes == "log-probability":
        raise ConfigurationError(f"{spec} is a metric: takes must be mask, label, probability or logit, got {takes!r}")
    if record is not None and record.logits_only and takes != "logit":
        raise ConfigurationError(f"{spec} takes logits alone, got takes = {takes!r}")
    if target in ("onehot", "multilabel") and "C" not in layout:
        raise ConfigurationError(f"target = {target!r} needs a layout with C, got {layout!r}")
    if target == "index" and "C" not in layout:
        raise ConfigurationError(f"target = 'index' needs a layout with C, got {layout!r}")
    if takes == "label" and target != "index":
        raise ConfigurationError(f"takes = 'label' needs target = 'index', got {target!r}")
    exclusive = target in ("onehot", "index")
    if needs and not exclusive:
        raise ConfigurationError(f"{spec} needs classes: target must be onehot or index, got {target!r}")
    if record is not None and exclusive and not (record.categorical and "class_axis" in record.keywords):
        raise ConfigurationError(f"{spec} has no classes: target must be binary or multilabel, got {target!r}")
    if how.get("pool") == "all" and (target == "index" or (exclusive and takes == "logit")):
        raise ConfigurationError("pool = 'all' needs a one-hot target and no softmax over the classes")
    if how.get("returns") in ("per-image", "per-image-and-class") and how.get("pool", "batch") != "image":
        raise ConfigurationError(f"returns = {how['returns']!r} needs pool = 'image', got {how.get('pool', 'batch')!r}")
    if how.get("pool") == "image" and "N" not in layout:
        raise ConfigurationError(f"pool = 'image' needs a layout with N, got {layout!r}")
    if not isinstance(how.get("timeout", 1.0), int | float) or how.get("timeout", 1.0) <= 0:
        raise ConfigurationError(f"timeout must be a number of seconds above 0, got {how['timeout']!r}")


def _complete(binding: Binding) -> Binding:
    """Check all placeholders, and hand over parameters that go without saying."""
    parameters = binding.record.parameters
    known = {*_COMMON, *parameters}
    for name, parameter in parameters.items():
        if isinstance(parameter.domain, Smooth):
            known |= {f"{name}_numerator", f"{name}_denominator"}
    common = {"class_weight", "undefined", "pred_empty", "target_empty", "reduction", "threshold"}
    for name, value in binding.convention.items():
        if name not in parameters and name not in common:
            raise ConfigurationError(f"convention: {binding.spec} has no parameter {name!r}")
        if not Expression(value).names <= set(parameters):
            raise ConfigurationError(f"convention: {name} = {value!r} names what is no parameter of {binding.spec}")
        if not Expression(value).names and name in parameters:
            try:
                parameters[name].domain.normal(binding.spec, name, Expression(value).value({}))
            except (TypeError, ValueError) as problem:
                raise ConfigurationError(f"convention: {problem}") from None
    used = binding.placeholders
    if not used <= known:
        raise ConfigurationError(
            f"${min(used - known)} is no placeholder of {binding.spec}; there are {', '.join('$' + n for n in sorted(known))}"
        )
    if not {"pred", "target"} <= used:
        raise ConfigurationError("args must hand over both $pred and $target")
    binding = binding if binding.framework == "process" else _with_own_names(binding)
    for name, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in binding.parameters | binding.convention.keys():
            raise ConfigurationError(f"{binding.spec} needs {name}: hand over ${name} or say its value in convention")
    return binding


def _with_own_names(binding: Binding) -> Binding:
    """The binding with the parameters handed over that the callable names as the specification does."""
    parameters = binding.record.parameters
    told = binding.parameters | binding.convention.keys()
    names = signature_of(binding.call)
    taken = {*binding.keywords, *(binding.construct or {})}
    more = {name: f"${name}" for name in parameters if name in names and name not in told | taken}
    if not more:
        return binding
    if binding.construct is not None:
        return replace(binding, construct={**binding.construct, **more})
    return replace(binding, keywords={**binding.keywords, **more})
