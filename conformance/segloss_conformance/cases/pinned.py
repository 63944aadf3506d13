"""The inputs of the vectors, as they are kept."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from segloss_ref import registry
from segloss_ref.domains import Smooth, smooth_pair

from .bits import decoded, encoded
from .case import Case

__all__ = ["SOURCE", "Vector", "arrays", "canonical", "parameters", "pinned", "read", "save"]

SOURCE = Path(__file__).with_name("cases.jsonl")
_DEFAULTS: dict[str, Any] = {
    "from_logits": False, "class_axis": None, "axis": None, "weight": None, "class_weight": None, "ignore_index": None,
    "reduction": "mean",
}  # fmt: skip
_METRIC_DEFAULTS: dict[str, Any] = {
    "class_axis": None, "num_classes": None, "axis": None, "weight": None, "ignore_index": None, "threshold": 0.5,
    "reduction": "none", "undefined": math.nan, "pred_empty": None, "target_empty": None,
}  # fmt: skip


@dataclass(frozen=True)
class Vector:
    """A case, its name for good, and the names of the mutants that it tells from the truth."""

    id: str
    case: Case
    flags: tuple[str, ...]


def _record(case: Case) -> registry.Record:
    return registry.records[case.name]


def parameters(case: Case) -> dict[str, Any]:
    """Every keyword that is no array, with its default where the case does not give it."""
    record = _record(case)
    found = {name: one.default for name, one in record.parameters.items()}
    if isinstance(record, registry.LossRecord):
        found |= {name: default for name, default in _DEFAULTS.items() if name in record.keywords}
    else:
        found |= _METRIC_DEFAULTS
    found |= {name: value for name, value in case.keywords.items() if not isinstance(value, np.ndarray)}
    for name, parameter in record.parameters.items():
        if isinstance(parameter.domain, Smooth):
            found[name] = smooth_pair(found[name])
    return found


def _narrow(array: Any) -> Any:
    """Integers and masks as uint8 where they fit, else as int64; numbers between as float64."""
    whole = array.dtype.kind in "biu" or bool((array == np.floor(array)).all())
    if not whole:
        return array.astype(np.float64)
    fits = array.size == 0 or (array.min() >= 0 and array.max() <= 255)
    return array.astype(np.uint8 if fits else np.int64)


def canonical(case: Case) -> Case:
    """The same case with one way to write it: axes counted from the front, smoothing a pair, spacing a number an axis."""
    keywords = dict(case.keywords)
    ndim = case.pred.ndim + ("num_classes" in keywords)
    if keywords.get("class_axis") is not None:
        keywords["class_axis"] %= ndim
    if keywords.get("axis") is not None:
        axes = keywords["axis"] if isinstance(keywords["axis"], tuple) else (keywords["axis"],)
        keywords["axis"] = tuple(one % ndim for one in axes)
    if isinstance(keywords.get("spacing"), float | int):
        free = ndim - (keywords.get("class_axis") is not None)
        keywords["spacing"] = (keywords["spacing"],) * len(keywords.get("axis") or range(free))
    if "smooth" in keywords:
        keywords["smooth"] = smooth_pair(keywords["smooth"])
    scores = case.is_loss or case.pred.dtype.kind == "f"
    pred = case.pred.astype(np.float64) if scores else _narrow(case.pred)
    target = _narrow(case.target)
    return Case(case.name, pred, target, keywords, case.grid, case.is_loss)


def arrays(case: Case) -> dict[str, Any]:
    """All arrays of a case by name."""
    more = {name: value for name, value in case.keywords.items() if isinstance(value, np.ndarray)}
    return {"pred": case.pred, "target": case.target, **more}


def save(vectors: Iterable[Vector], path: Path = SOURCE) -> None:
    """Keep the inputs."""
    lines = []
    for one in vectors:
        case = one.case
        given = {name: value for name, value in case.keywords.items() if not isinstance(value, np.ndarray)}
        lines.append(
            json.dumps(
                {
                    "id": one.id, "spec": case.name, "grid": case.grid, "flags": one.flags, "parameters": given,
                    "arrays": {name: encoded(array, array.dtype.name) for name, array in arrays(case).items()},
                },
                separators=(",", ":"),
            )
        )  # fmt: skip
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _array(message: Mapping[str, Any]) -> Any:
    return decoded(message).astype(message["dtype"])


@cache
def pinned(name: str) -> tuple[Case, ...]:
    """The cases of a loss or metric, which every run begins with, whatever its seed."""
    return tuple(one.case for one in read() if one.case.name == name)


def read(path: Path = SOURCE) -> list[Vector]:
    """The vectors in their order."""
    found = []
    for line in path.read_text(encoding="ascii").splitlines():
        entry = json.loads(line)
        given = {name: _array(message) for name, message in entry["arrays"].items()}
        pred, target = given.pop("pred"), given.pop("target")
        keywords = {name: _tuples(value) for name, value in entry["parameters"].items()} | given
        case = Case(entry["spec"], pred, target, keywords, entry["grid"], entry["spec"] in registry.losses)
        found.append(Vector(entry["id"], case, tuple(entry["flags"])))
    return found
