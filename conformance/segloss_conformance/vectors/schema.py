"""The JSON Schema of a vector, a line of ``losses.jsonl`` or ``metrics.jsonl``."""

from __future__ import annotations

from typing import Any

__all__ = ["SCHEMA"]

_WIDTHS = {"float64": 16, "int64": 16, "uint8": 2}
_SHAPE = {"type": "array", "items": {"type": "integer", "minimum": 0}}


def _array(dtype: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["dtype", "shape", "bits"],
        "additionalProperties": False,
        "properties": {
            "dtype": {"const": dtype},
            "shape": _SHAPE,
            "bits": {"type": "string", "pattern": f"^([0-9a-f]{{{_WIDTHS[dtype]}}})*$"},
        },
    }


_FLOATS = _array("float64")
_TOLERANCE = {
    "type": "object",
    "required": ["float64"],
    "additionalProperties": False,
    "properties": {"float64": _FLOATS, "float32": _FLOATS},
    "description": "Largest error that passes. float32 is missing where an input or the truth is no float32.",
}
_BITS = {"type": "string", "pattern": "^[0-9a-f]{16}$"}

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A test vector of a segmentation loss or metric",
    "type": "object",
    "required": [
        "id", "spec", "form", "flags", "parameters", "parameter_bits", "arrays", "value", "value_tolerance", "gradient",
        "gradient_tolerance", "oracle", "decimal",
    ],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^[a-z0-9_]+-[0-9]{3}$"},
        "spec": {"type": "string"},
        "form": {
            "enum": ["region", "general"],
            "description": "region: one region, so that only the arrays and the spec's own parameters matter.",
        },
        "flags": {
            "type": "array",
            "items": {"type": "string", "pattern": "^[a-z0-9_]+$"},
            "description": "The bugs that give another answer here; the manifest says what each of them is.",
        },
        "parameters": {"type": "object", "description": "Every keyword, defaults included."},
        "parameter_bits": {"type": "object", "additionalProperties": {"anyOf": [_BITS, {"type": "array", "items": _BITS}]}},
        "arrays": {
            "type": "object",
            "required": ["pred", "target"],
            "additionalProperties": {"anyOf": [_array(dtype) for dtype in _WIDTHS]},
        },
        "value": _FLOATS,
        "value_tolerance": _TOLERANCE,
        "gradient": {"anyOf": [_FLOATS, {"type": "null"}], "description": "Of the sum of the values; null where not unique."},
        "gradient_tolerance": {"anyOf": [_TOLERANCE, {"type": "null"}]},
        "oracle": {"type": "string"},
        "decimal": {"type": "object", "description": "Arrays, value and gradient for human readers."},
    },
}  # fmt: skip
