"""The ledger of deviations that an implementer declares, in the ``[[deviation]]`` tables of a ``conformance.toml``.

A deviation of kind ``"convention"`` says how the reference's parameters have to be read; the textbook is then asked in that
convention, so that everything is still tested. One of kind ``"bug"`` mutes failures, of the named groups alone and inside
`when` alone. Both keep a pinned case on which the plain reference is not met; on the day it is, the entry is stale, and fails.
Entries for groups that no single answer shows (smoke, laws, dtypes, errors, purity, modes) hold while such a check fails.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segloss_ref import registry

from .adapt import assemble
from .binding import Binding
from .bound_case import BoundCase
from .expression import ConfigurationError
from .words import GROUPS, TAGS

__all__ = ["Deviation", "Pinned", "deviation_of"]

_SHOWN_BY_A_VALUE = frozenset({"closed form", "value", "gradient", "special cases"})
_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "!=": operator.ne, "==": operator.eq,
}  # fmt: skip


@dataclass(frozen=True)
class Pinned:
    """A case as the ledger keeps it: arrays in the binding's layout and the parameters that the callable is given."""

    pred: Any
    target: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float64"
    weight: Any = None

    @classmethod
    def of(cls, case: BoundCase, dtype: str) -> Pinned:
        """Pin a case."""
        names = {*case.binding.parameters, *(case.binding.placeholders & {"class_weight", "ignore_index"})}
        own = {name: value for name, value in case.given.items() if name in names}
        weight = case.keywords.get("weight")
        return cls(case.pred.tolist(), case.target.tolist(), own, dtype, None if weight is None else weight.tolist())

    def case(self, binding: Binding) -> BoundCase | None:
        """The case in a binding's form."""
        pred, target = np.array(self.pred), np.array(self.target)
        if binding.is_loss or binding.takes in ("probability", "logit"):
            pred = pred.astype(float)
        elif binding.takes == "mask":
            pred = pred > 0
        own = {name: one.default for name, one in binding.record.parameters.items()}
        common: dict[str, Any] = {}
        for name, value in self.parameters.items():
            value = tuple(value) if isinstance(value, list) else value
            (own if name in own else common)[name] = value
        if self.weight is not None:
            common["weight"] = np.array(self.weight, dtype=float)
        if "ignore_index" in binding.placeholders:
            common.setdefault("ignore_index", 255)
        if "class_weight" in binding.placeholders and "C" in binding.layout:
            common.setdefault("class_weight", (1.0,) * pred.shape[binding.layout.index("C")])
        if binding.takes == "label":
            labels = target[target != common["ignore_index"]] if "ignore_index" in common else target
            common["num_classes"] = int(max(pred.max(), labels.max(initial=0))) + 1
        return assemble(binding, pred, target, own, common, dtype=self.dtype)

    def toml(self) -> str:
        """An inline table."""
        parts = [f"pred = {_toml(self.pred)}", f"target = {_toml(self.target)}", f'dtype = "{self.dtype}"']
        if self.parameters:
            inside = ", ".join(
                f"{name} = {_toml(value)}" for name, value in self.parameters.items() if value is not None
            )
            parts.append(f"parameters = {{ {inside} }}")
        if self.weight is not None:
            parts.append(f"weight = {_toml(self.weight)}")
        return "{ " + ", ".join(parts) + " }"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return repr(value)


@dataclass(frozen=True, eq=False)
class Deviation:
    """One entry."""

    spec: str
    kind: str
    reason: str
    bind: str = ""
    """The name of the one binding that it is for; empty: all of the specification."""
    groups: tuple[str, ...] = GROUPS
    when: Mapping[str, Any] = field(default_factory=dict)
    convention: Mapping[str, Any] = field(default_factory=dict)
    pinned: Pinned | None = None
    link: str = ""
    snippet: str = ""
    """A program that shows the bug without this suite."""
    place: int = 0
    """Its number in the file, from 1."""

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"deviation {self.place} ({self.spec}, {self.kind}: {self.reason})"

    @property
    def pinnable(self) -> bool:
        """Whether one case can show it: what is wrong with laws, errors, purity or modes takes more than one call."""
        return self.kind == "convention" or bool(_SHOWN_BY_A_VALUE & set(self.groups))

    def speaks_of(self, binding: Binding) -> bool:
        """Whether it is an entry for this binding."""
        return self.spec == binding.spec and self.bind in ("", binding.name)

    def applied(self, binding: Binding) -> Binding:
        """The binding in this convention."""
        return binding.changed(convention={**binding.convention, **self.convention})

    def holds_for(self, case: BoundCase | None, dtype: str) -> bool:
        """Whether `when` holds for a case."""
        for name, wanted in self.when.items():
            if name == "dtype":
                if dtype not in ([wanted] if isinstance(wanted, str) else wanted):
                    return False
            elif case is None:
                return False
            elif name == "tags":
                words = [wanted] if isinstance(wanted, str) else wanted
                if not all((word.removeprefix("not ") in case.tags) != word.startswith("not ") for word in words):
                    return False
            elif not _compare(case.given.get(name), wanted):
                return False
        return True

    def covers(self, group: str, case: BoundCase | None, dtype: str) -> bool:
        """Whether a failure of a group on a case is declared; a value that is wrong is wrong at every size."""
        groups = {*self.groups, "sizes"} if "value" in self.groups else self.groups
        return group in groups and self.holds_for(case, dtype)


def _compare(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, str):
        for sign, relation in _RELATIONS.items():
            if wanted.startswith(sign):
                return value is not None and relation(float(value), float(wanted[len(sign) :]))
    return bool(value == wanted)


def deviation_of(table: Mapping[str, Any], place: int) -> Deviation:
    """The entry that a table describes.

    Raises
    ------
    ConfigurationError
        where a key is unknown or its value makes no sense. An entry whose specification is not bound or that has no pinned
        case is not an error here: it is stale, and fails the run.
    """
    label = f"deviation {place}"
    known = {"spec", "bind", "kind", "group", "when", "convention", "reason", "link", "snippet", "pinned", "since"}
    for name in table:
        if name not in known:
            raise ConfigurationError(f"{label}: unknown key {name!r}, expected one of {', '.join(sorted(known))}")
    for name in ("spec", "kind", "reason"):
        if not isinstance(table.get(name), str) or not table[name]:
            raise ConfigurationError(f"{label}: {name} must be given")
    kind = table["kind"]
    if kind not in ("convention", "bug"):
        raise ConfigurationError(f"{label}: kind must be 'convention' or 'bug', got {kind!r}")
    if (kind == "convention") != ("convention" in table):
        raise ConfigurationError(f"{label}: a table 'convention' belongs to kind = 'convention', and to it alone")
    groups = table.get("group", GROUPS)
    groups = (groups,) if isinstance(groups, str) else tuple(groups)
    for group in groups:
        if group not in GROUPS:
            raise ConfigurationError(f"{label}: group must be one of {', '.join(GROUPS)}, got {group!r}")
    if kind == "bug" and "group" not in table:
        raise ConfigurationError(f"{label}: a bug mutes the groups that 'group' names; it must be given")
    when = table.get("when", {})
    record = registry.losses.get(table["spec"]) or registry.metrics.get(table["spec"])
    if record is not None:
        for name, wanted in when.items():
            if name not in ("dtype", "tags", *record.parameters):
                raise ConfigurationError(
                    f"{label}: when may name dtype, tags and parameters of {record.name}, got {name!r}"
                )
            for word in [wanted] if isinstance(wanted, str) else wanted if name == "tags" else []:
                if name == "tags" and word.removeprefix("not ") not in TAGS:
                    raise ConfigurationError(f"{label}: tags must be among {', '.join(TAGS)}, got {word!r}")
    pinned = None
    if "pinned" in table:
        try:
            pinned = Pinned(**table["pinned"])
        except TypeError as problem:
            raise ConfigurationError(f"{label}: pinned needs pred and target ({problem})") from None
    return Deviation(
        table["spec"],
        kind,
        table["reason"],
        bind=table.get("bind", ""),
        groups=groups,
        when=when,
        convention=table.get("convention", {}),
        pinned=pinned,
        link=table.get("link", ""),
        snippet=table.get("snippet", ""),
        place=place,
    )
