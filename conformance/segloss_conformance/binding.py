"""How somebody's function is called: `Binding`, made by `bind` from Python or from a ``conformance.toml``.

A binding says which loss or metric a callable claims to be and in which form it takes its arguments. It holds no case and
calls nothing; `forms` brings cases into its form, `callers` makes the calls.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import operator
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segloss_ref import registry
from segloss_ref.domains import Smooth

if TYPE_CHECKING:
    from .callers import Caller
    from .case import Case
    from .forms import BoundCase
    from .implementations import Result

__all__ = ["CHOICES", "OPT_IN", "TAGS", "Binding", "ConfigurationError", "Expression", "bind", "resolve"]


class ConfigurationError(ValueError):
    """A binding or a configuration file that makes no sense; the message is one line."""


CHOICES: dict[str, tuple[str, ...]] = {
    "pool": ("batch", "image", "all"),
    "target": ("binary", "multilabel", "onehot", "index"),
    "takes": ("probability", "logit", "log-probability", "mask", "label"),
    "returns": ("loss", "score", "per-image", "per-class", "per-image-and-class"),
    "framework": ("numpy", "torch", "jax", "cupy", "tensorflow", "process"),
    "modes": ("eager", "compile"),
    "refuses": ("nan", "shape", "range", "label", "parameter"),
}
"""What the keys with named values may hold."""

TAGS = (
    "hard-target", "soft-target", "binary", "multiclass", "simplex", "empty-target", "full-target", "absent-class",
    "empty-prediction", "hard-prediction", "non-square", "one-image", "saturated", "certain", "ignored", "weighted",
    "zero-weight", "zero-over-zero", "infinite-slope", "large-image",
)  # fmt: skip
"""Words for kinds of cases, which `domain` and the ledger's `when` speak in."""

OPT_IN = frozenset({"soft-target", "zero-weight", "zero-over-zero", "infinite-slope", "large-image"})
"""Kinds of cases that nobody is held to who does not name them in `domain`."""

DTYPES = ("float64", "float32", "float16", "bfloat16", "bool", "uint8", "int64")
_COMMON = ("pred", "target", "weight", "class_weight", "ignore_index", "num_classes")
_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.USub: operator.neg,
}  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """A value with placeholders, such as ``"$gamma"``, ``"1/$gamma"`` or ``(0.0, "$smooth")``; or any plain value."""

    source: Any

    @property
    def names(self) -> frozenset[str]:
        """The placeholders in it, without the dollar."""
        if isinstance(self.source, list | tuple):
            return frozenset().union(*(Expression(one).names for one in self.source))
        if not isinstance(self.source, str) or "$" not in self.source:
            return frozenset()
        return frozenset(node.id for node in ast.walk(self._tree()) if isinstance(node, ast.Name))

    def _tree(self) -> ast.expr:
        try:
            tree: ast.expr = ast.parse(self.source.replace("$", ""), mode="eval").body
        except SyntaxError:
            raise ConfigurationError(f"{self.source!r} is not a placeholder or arithmetic on placeholders") from None
        allowed = (ast.BinOp, ast.UnaryOp, ast.Name, ast.Constant, ast.Load, *_OPERATORS)
        if not all(isinstance(node, allowed) for node in ast.walk(tree)):
            raise ConfigurationError(f"{self.source!r} is not a placeholder or arithmetic on placeholders")
        return tree

    def value(self, values: Mapping[str, Any]) -> Any:
        """The value where the placeholders stand for `values`."""
        if isinstance(self.source, list | tuple):
            return tuple(Expression(one).value(values) for one in self.source)
        if not isinstance(self.source, str) or "$" not in self.source:
            return self.source

        def walk(node: ast.expr) -> Any:
            if isinstance(node, ast.Name):
                return values[node.id]
            if isinstance(node, ast.Constant):
                return node.value
            if isinstance(node, ast.UnaryOp):
                return _OPERATORS[type(node.op)](walk(node.operand))
            assert isinstance(node, ast.BinOp)
            return _OPERATORS[type(node.op)](walk(node.left), walk(node.right))

        return walk(self._tree())


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
    def record(self) -> registry.LossRecord | registry.MetricRecord:
        """The record of the loss or metric that `call` claims to be."""
        return registry.losses[self.spec] if self.spec in registry.losses else registry.metrics[self.spec]

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

    # A binding is an `Implementation` too, in its first dtype on its first device.

    @property
    def dtype(self) -> str:
        """The dtype of the arrays that it is given."""
        return self.dtypes[0]

    @property
    def metric_dtype(self) -> str:
        """The dtype in which it counts."""
        return self.dtype if self.dtype in ("float32", "float16", "bfloat16") else "float64"

    def fit(self, case: Case) -> BoundCase | None:
        """The like of a case in its own form and domain; None where there is none."""
        from .forms import fit

        return fit(self, case, self.dtype)

    def run(self, case: Case) -> Result:
        """Its answer to a case that `fit` has returned; raises what the call raises."""
        from .asking import Asked
        from .forms import BoundCase
        from .implementations import Result

        if not isinstance(case, BoundCase):
            raise TypeError(f"run: case must be one that fit has returned, got {type(case).__name__}")
        called = Asked(self, self._caller, self.dtype).value(case, gradient=True)
        result = Result(called.value, {} if called.gradient is None else {"its own": called.gradient})
        for what, found, shape in (
            ("value", called.value, case.answer.shape),
            ("gradient", called.gradient, case.pred.shape),
        ):
            if found is not None and found.shape != shape:
                result.faults.append(f"the {what} has shape {found.shape}, expected {shape}")
        return result

    @cached_property
    def _caller(self) -> Caller:
        from .callers import caller

        return caller(self, self.devices[0], "eager")

    def close(self) -> None:
        """End the process behind `run`, where there is one."""
        if "_caller" in self.__dict__:
            self._caller.close()

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


def resolve(source: str, root: Path | None = None) -> Any:
    """The object that ``module:name`` or ``file.py:name`` stands for; `root` is where modules are looked for first."""
    module_name, colon, name = source.rpartition(":")
    if not colon or not name or not module_name:
        raise ConfigurationError(f"{source!r} is not of the form module:name")
    where = str((root or Path()).resolve())
    if where not in sys.path:
        sys.path.insert(0, where)
    try:
        if module_name.endswith(".py"):
            path = (root or Path()) / module_name
            description = importlib.util.spec_from_file_location(path.stem, path)
            if description is None or description.loader is None or not path.is_file():
                raise ConfigurationError(f"there is no file {module_name}")
            module = importlib.util.module_from_spec(description)
            sys.modules[path.stem] = module
            description.loader.exec_module(module)
        else:
            module = importlib.import_module(module_name)
    except ConfigurationError:
        raise
    except BaseException as problem:  # a module may do anything when it is imported, sys.exit included
        if isinstance(problem, KeyboardInterrupt):
            raise
        raise ConfigurationError(
            f"cannot import {module_name}: {type(problem).__name__}: {_line(problem)}"
        ) from problem
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise ConfigurationError(f"{module_name} has no {name!r}")
        found = getattr(found, part)
    return found


def _line(problem: BaseException) -> str:
    return " ".join(str(problem).split())[:300]


_PACKAGES = ("torch", "jax", "cupy", "tensorflow", "keras")


def _framework_of(call: Any) -> str:
    """The array library that a callable works on: that of its bases, of what its code names, or the only one imported."""
    kind = call if inspect.isclass(call) else type(call)
    module = sys.modules.get(getattr(call, "__module__", None) or "")
    names = vars(module) if module is not None else {}
    codes = [getattr(one, "__code__", None) for one in (call, *vars(kind).values())]
    used = {name for code in codes if code is not None for name in code.co_names}

    def packages(objects: Iterable[Any]) -> set[str]:
        homes = (one.__name__ if inspect.ismodule(one) else getattr(one, "__module__", None) or "" for one in objects)
        found = {home for home in (home.partition(".")[0] for home in homes) if home in _PACKAGES}
        return {sys.modules["keras"].backend.backend() if home == "keras" else home for home in found}

    modules = [one for one in names.values() if inspect.ismodule(one)]
    arrays = packages(names.values()) | {"numpy" for one in modules if one.__name__ == "numpy"}
    for found in (packages(kind.__mro__), packages([call]), packages(names[name] for name in used if name in names)):
        if len(found) == 1:
            return found.pop()
    return arrays.pop() if len(arrays) == 1 else "numpy"


def _signature(call: Any) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(call).parameters)
    except (TypeError, ValueError):  # builtins have none
        return ()


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
    records = {**registry.losses, **registry.metrics}
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
        how["framework"] = _framework_of(call)

    categorical = how.get("layout", "").replace("any", "") or getattr(record, "needs_class_axis", False)
    needs = getattr(record, "needs_class_axis", False)
    how.setdefault("target", "onehot" if needs else "binary")
    how.setdefault("layout", "NCHW" if categorical and how["target"] != "binary" else "any")
    if how["target"] != "binary" and how["layout"] == "any":
        how["layout"] = "NCHW"
    how["layout"] = _checked_layout(how["layout"])
    if (
        how.get("takes") == "label" and "C" not in how["layout"]
    ):  # label maps lack the axis; C says where it would stand
        how["layout"] = how["layout"].replace("N", "NC") if "N" in how["layout"] else "C" + how["layout"]
    how.setdefault(
        "takes", ("logit" if getattr(record, "logits_only", False) else "probability") if is_loss else "mask"
    )
    how.setdefault("returns", "loss" if is_loss else "score")
    for name in ("pool", "target", "takes", "returns", "framework"):
        if name in how:
            _one_of(name, how[name], CHOICES[name])
    for name in ("modes", "refuses"):
        if name in how:
            how[name] = _words(name, how[name], CHOICES[name])
    how["refuses"] = frozenset(how.get("refuses", {"nan"} if is_loss else ()))
    how["domain"] = frozenset(_words("domain", how.get("domain", ()), TAGS))
    floating = how["takes"] not in ("mask", "label")
    default = {"jax": ("float32",), "tensorflow": ("float32",), "process": ("float64",)}
    usual = default.get(how["framework"], ("float32", "float64")) if floating else ("int64",)
    how["dtypes"] = _words("dtypes", how.get("dtypes", usual), DTYPES[:4] if floating else DTYPES)
    how["devices"] = tuple([how["devices"]] if isinstance(how.get("devices"), str) else how.get("devices", ("cpu",)))
    if isinstance(how.get("grad"), str) and how["grad"] not in ("auto", "none"):
        how["grad"] = resolve(how["grad"], root)
    if how["framework"] == "numpy" and "bfloat16" in how["dtypes"]:
        raise ConfigurationError("dtypes must be dtypes of NumPy, which has no bfloat16")
    _check_form(spec, how, needs, is_loss)

    positional: tuple[Any, ...] = ("$pred", "$target")
    keywords: dict[str, Any] = {}
    if isinstance(args, Mapping):
        positional, keywords = (), dict(args)
        places = sorted(int(name) for name in args if str(name).isdigit())
        positional = tuple(keywords.pop(str(place)) for place in places)
        if how["framework"] == "process":
            positional = ("$pred", "$target")  # arrays have their own place in a request
    elif args is not None:
        positional = tuple(args)
    construct = how.pop("construct", None)
    constructs = construct is not None or inspect.isclass(call)
    convention = dict(how.pop("convention", {}))
    binding = Binding(
        spec=spec, call=call, args=positional, keywords=keywords, construct=dict(construct or {}) if constructs else None,
        convention=convention, **how,
    )  # fmt: skip
    return _complete(binding)


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
    names = _signature(binding.call)
    taken = {*binding.keywords, *(binding.construct or {})}
    more = {name: f"${name}" for name in parameters if name in names and name not in told | taken}
    if not more:
        return binding
    if binding.construct is not None:
        return replace(binding, construct={**binding.construct, **more})
    return replace(binding, keywords={**binding.keywords, **more})
