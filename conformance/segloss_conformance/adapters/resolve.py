"""From ``module:name`` to the object, and what a callable shows without being called."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .expression import ConfigurationError

__all__ = ["framework_of", "resolve", "signature_of"]


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
            # Under a name that no module has: a file types.py, or torch.py, would stand in for that module.
            alias = f"_checked_{path.stem}"
            description = importlib.util.spec_from_file_location(alias, path)
            if description is None or description.loader is None or not path.is_file():
                raise ConfigurationError(f"there is no file {module_name}")
            module = importlib.util.module_from_spec(description)
            sys.modules[alias] = module
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


def framework_of(call: Any) -> str:
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


def signature_of(call: Any) -> tuple[str, ...]:
    """The names of a callable's parameters; none where it does not tell them."""
    try:
        return tuple(inspect.signature(call).parameters)
    except (TypeError, ValueError):  # builtins have none
        return ()
