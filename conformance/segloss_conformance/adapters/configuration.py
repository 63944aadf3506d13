"""Read a ``conformance.toml``: the implementation, its bindings and its ledger of deviations."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .binding import Binding, bind
from .expression import ConfigurationError
from .ledger import Deviation, deviation_of
from .resolve import resolve

__all__ = ["Configuration", "read"]


@dataclass(frozen=True)
class Configuration:
    """What a file says."""

    name: str
    version: str
    source: str
    bindings: tuple[Binding, ...]
    deviations: tuple[Deviation, ...] = ()
    unmatched: tuple[str, ...] = field(default=())
    """Entries of the ledger that speak of what is not bound, a sentence each."""


def read(path: Path) -> Configuration:
    """The configuration in a file; modules are looked for beside it.

    Raises
    ------
    ConfigurationError
        with one line that begins with the file's name.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tables: dict[str, Any] = tomllib.loads(text)
    except OSError as problem:
        raise ConfigurationError(f"{path}: {problem.strerror or problem}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{path}: {problem}") from None
    try:
        return _configuration(tables, path.parent)
    except ConfigurationError as problem:
        raise ConfigurationError(f"{path}: {problem}") from None


def _configuration(tables: dict[str, Any], root: Path) -> Configuration:
    for name in tables:
        if name not in ("implementation", "bind", "deviation"):
            raise ConfigurationError(f"unknown table {name!r}, expected implementation, bind or deviation")
    about = tables.get("implementation", {})
    for name in about:
        if name not in ("name", "version", "source"):
            raise ConfigurationError(f"implementation: unknown key {name!r}, expected name, version or source")
    version = str(about.get("version", ""))
    if ":" in version:
        version = str(resolve(version, root))
    found = tables.get("bind", [])
    if not isinstance(found, list) or not found:
        raise ConfigurationError("there is no [[bind]] table")
    bindings = []
    for place, table in enumerate(found, 1):
        keys = dict(table)
        for name in ("spec", "call"):
            if name not in keys:
                raise ConfigurationError(f"bind {place}: {name} must be given")
        spec, call = keys.pop("spec"), keys.pop("call")
        try:
            bindings.append(bind(spec, call, root=root, **keys))
        except ConfigurationError as problem:
            raise ConfigurationError(f"bind {place}: {problem}") from None
    names = [one.name for one in bindings if one.name]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"bind: two tables have the name {name!r}")
    deviations = tuple(deviation_of(table, place) for place, table in enumerate(tables.get("deviation", []), 1))
    unmatched = tuple(
        f"{one.label}: {one.bind or one.spec} is not bound"
        for one in deviations
        if not any(one.speaks_of(binding) for binding in bindings)
    )
    return Configuration(
        str(about.get("name", root.resolve().name)), version, str(about.get("source", "")), tuple(bindings), deviations,
        unmatched,
    )  # fmt: skip
