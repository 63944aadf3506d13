"""What is true of a vector: the value, the gradient, how far a sound evaluation may be off, and who passes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..cases.bits import decoded, encoded
from ..cases.case import DTYPES, Case
from ..cases.pinned import Vector, arrays, parameters
from ..truth.tolerance import allowed

__all__ = ["ORACLE", "accepts", "entry"]

ORACLE = "segloss_conformance.textbook, 60 decimal digits"
_COMMON = {"from_logits", "class_axis", "axis", "ignore_index", "num_classes"}


def _is_one_region(case: Case) -> bool:
    """Nothing but the arrays and the loss's or metric's own parameters matters."""
    given = {name: value for name, value in case.keywords.items() if value is not None and value is not False}
    reduction = given.get("reduction", "mean")
    plain = reduction == "mean" if case.is_loss else reduction != "weighted"
    own = {"weight", "class_weight", "pred_empty", "target_empty"} & set(given)
    return plain and not own and not (_COMMON - {"from_logits"}) & set(given)


def _tolerances(pairs: list[tuple[Any, Any]], case: Case, shape: tuple[int, ...], gradient: bool) -> dict[str, Any]:
    """The largest error that passes in float64, and in float32 where that holds every input exactly."""
    found: dict[str, Any] = {}
    for dtype in ("float64", "float32"):
        largest = float(np.finfo(dtype).max)
        numbers = [float(want) for want, _ in pairs]
        if dtype not in DTYPES[case.grid] or any(math.isfinite(one) and abs(one) > largest for one in numbers):
            continue
        limits = [
            # The truth is itself rounded to float64 in the file.
            allowed(want, bound, dtype, gradient=gradient) + 2.0**-53 * abs(number) if math.isfinite(number) else 0.0
            for (want, bound), number in zip(pairs, numbers, strict=True)
        ]
        found[dtype] = encoded(np.array(limits).reshape(shape), "float64")
    return found


def _gradient(case: Case) -> list[tuple[Any, Any]] | None:
    """The true gradient, where it is unique and finite."""
    pairs = case.answer.gradient
    if pairs is None or case.answer.kink or not all(math.isfinite(float(one)) for pair in pairs for one in pair):
        return None
    return pairs


def _plain(value: Any) -> Any:
    """As JSON has it: nan and infinities are words."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _bits(value: Any) -> Any:
    """The bits of a parameter's floats; None where it has none."""
    if isinstance(value, float):
        return encoded(value, "float64")["bits"]
    if isinstance(value, list | tuple) and any(isinstance(one, float) for one in value):
        return [encoded(float(one), "float64")["bits"] for one in value]
    return None


def _numbers(array: Any) -> Any:
    return _plain(array.tolist())


def entry(vector: Vector) -> dict[str, Any]:
    """The vector with its truth, as a line of JSON has it."""
    case = vector.case
    told = parameters(case)
    wants = [(number.v, number.e) for number in case.answer.value]
    value = np.array([float(want) for want, _ in wants]).reshape(case.answer.shape)
    pairs = _gradient(case) if case.is_loss else None
    gradient = None if pairs is None else np.array([float(want) for want, _ in pairs]).reshape(case.pred.shape)
    given = arrays(case)
    decimal = {name: _numbers(array) for name, array in given.items()} | {"value": _numbers(value)}
    return {
        "id": vector.id,
        "spec": case.name,
        "form": "region" if _is_one_region(case) else "general",
        "flags": list(vector.flags),
        "parameters": {name: _plain(one) for name, one in told.items() if name not in given},
        "parameter_bits": {name: bits for name, one in told.items() if (bits := _bits(one)) is not None},
        "arrays": {name: encoded(array, array.dtype.name) for name, array in given.items()},
        "value": encoded(value, "float64"),
        "value_tolerance": _tolerances(wants, case, case.answer.shape, False),
        "gradient": None if gradient is None else encoded(gradient, "float64"),
        "gradient_tolerance": None if pairs is None else _tolerances(pairs, case, case.pred.shape, True),
        "oracle": ORACLE,
        "decimal": decimal if gradient is None else {**decimal, "gradient": _numbers(gradient)},
    }


def _close(got: Any, want: Mapping[str, Any], tolerance: Mapping[str, Any]) -> bool:
    truth, limit = decoded(want), decoded(tolerance)
    if np.shape(got) != truth.shape:
        return False
    with np.errstate(invalid="ignore"):
        same = (got == truth) | (np.isnan(got) & np.isnan(truth)) | (np.abs(got - truth) <= limit)
    return bool(same.all())


def accepts(found: Mapping[str, Any], value: Any, gradient: Any = None, dtype: str = "float64") -> bool:
    """Whether an answer to the vector `found` (an `entry`) passes; a gradient is judged where there are two."""
    value = np.asarray(value, dtype=np.float64)
    if not _close(value, found["value"], found["value_tolerance"][dtype]):
        return False
    if gradient is None or found["gradient"] is None:
        return True
    return _close(np.asarray(gradient, dtype=np.float64), found["gradient"], found["gradient_tolerance"][dtype])
