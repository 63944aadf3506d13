"""What an argument is, in the words of error messages: its kind and size, never the data in it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["describe", "describe_kind", "looks_like_array"]

_LONGEST = 60
_FEW = 4
_CONTAINERS = (tuple, list, dict, set, frozenset)
_SCALARS = (bool, int, float, complex, str, bytes, Fraction, Decimal, type(None))


def describe(value: object) -> str:
    """An argument as error messages show it, alike on every library; a few numbers are shown, data never is."""
    if isinstance(value, np.generic) and value.dtype.kind in "biufcSU":
        value = value.item()
    if isinstance(value, _SCALARS):
        return _scalar(value)
    if isinstance(value, tuple | list) and 0 < len(value) <= _FEW and all(isinstance(one, _SCALARS) for one in value):
        inside = ", ".join(_scalar(one) for one in value)
        if len(inside) <= _LONGEST:
            comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
            return f"({inside}{comma})" if isinstance(value, tuple) else f"[{inside}]"
    if isinstance(value, _CONTAINERS):
        return describe_kind(value)
    if looks_like_array(value):
        return _cut(f"{_dtype_name(_attribute(value, 'dtype'))} array of shape {tuple(_attribute(value, 'shape'))}")
    return describe_kind(value)


def describe_kind(value: object) -> str:
    """The same by library and type, where these are what is wrong."""
    if isinstance(value, _SCALARS):
        return describe(value)
    if isinstance(value, _CONTAINERS):
        return f"{type(value).__name__} of {len(value)}"
    kind = value if isinstance(value, type) else type(value)
    package = kind.__module__.partition(".")[0]
    text = kind.__name__ if package == "builtins" else f"{package} {kind.__name__}"
    if isinstance(value, type):
        return _cut(f"the type {text}")
    shape, dtype, name = (_attribute(value, one) for one in ("shape", "dtype", "__name__"))
    if dtype is not None and not callable(dtype):
        text += f" of {_dtype_name(dtype)}"
    if isinstance(shape, tuple):
        text += f" of shape {tuple(shape)}" if dtype is None else f" and shape {tuple(shape)}"
    return _cut(f"{text} {name}" if shape is None and isinstance(name, str) else text)


def looks_like_array(value: object) -> bool:
    """`value` has a shape and a dtype, whatever library it is of."""
    if isinstance(value, type):
        return False
    return _attribute(value, "shape") is not None and _attribute(value, "dtype") is not None


def _scalar(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 64:
        # Python refuses to print the longest integers at all.
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, Fraction) and max(value.numerator.bit_length(), value.denominator.bit_length()) > 64:
        return "a Fraction of large integers"
    if isinstance(value, str | bytes) and len(value) > _LONGEST:
        return f"{value[: _LONGEST - 3]!r}..."
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 2 * _LONGEST else text[: 2 * _LONGEST - 3] + "..."


def _attribute(value: object, name: str) -> Any:
    """An attribute; None where there is none or asking for it fails, as the shape of a nested tensor does."""
    try:
        return getattr(value, name, None)
    except Exception:
        return None


def _dtype_name(dtype: Any) -> str:
    """float32 for NumPy's "<f4", "torch.float32" and "array_api_strict.float32"."""
    name = getattr(dtype, "name", None)
    return name if isinstance(name, str) else str(dtype).rpartition(".")[2]
