"""Arrays as text: dtype, shape, and the bits of the elements in hexadecimal digits, for every language to read exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["decoded", "encoded"]

_BITS = {"float64": 64, "float32": 32, "float16": 16, "bfloat16": 16, "int64": 64, "uint8": 8, "bool": 8}


def encoded(array: Any, dtype: str) -> dict[str, Any]:
    """An array as dtype, shape and the bits of its elements, most significant digit first, in C order."""
    array = np.asarray(array)
    if dtype == "bfloat16":
        words = array.astype(np.float32).view(np.uint32) >> 16
    else:
        words = np.ascontiguousarray(array.astype(dtype)).view(f"u{_BITS[dtype] // 8}")
    digits = _BITS[dtype] // 4
    return {
        "dtype": dtype,
        "shape": list(array.shape),
        "bits": "".join(f"{int(word):0{digits}x}" for word in words.ravel()),
    }


def decoded(message: Mapping[str, Any]) -> Any:
    """The float64 array of such a message.

    Raises
    ------
    ValueError
        where dtype, shape and bits do not fit together.
    """
    try:
        dtype, shape, bits = message["dtype"], [int(n) for n in message["shape"]], message["bits"]
        digits = _BITS[dtype] // 4
        size = int(np.prod(shape, dtype=np.int64))
        if not isinstance(bits, str) or len(bits) != size * digits or any(n < 0 for n in shape):
            raise ValueError(f"{size} elements of {dtype} need {size * digits} hexadecimal digits, got {len(bits)}")
        words = np.array([int(bits[i : i + digits], 16) for i in range(0, len(bits), digits)], dtype=np.uint64)
    except (KeyError, TypeError) as problem:
        raise ValueError(f"an array needs dtype, shape and bits, got {str(message)[:80]} ({problem!r})") from None
    if dtype == "bfloat16":
        return (words.astype(np.uint32) << 16).view(np.float32).astype(np.float64).reshape(shape)
    narrow = words.astype(f"u{_BITS[dtype] // 8}")
    return narrow.view(dtype).astype(np.float64).reshape(shape)


def rounded(array: Any, dtype: str) -> Any:
    """A float64 array that holds numbers of `dtype` alone."""
    array = np.asarray(array, dtype=np.float64)
    if dtype == "bfloat16":
        bits = array.astype(np.float32).view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32).astype(np.float64)
    if dtype in ("float16", "float32"):
        with np.errstate(over="ignore"):
            return array.astype(dtype).astype(np.float64)
    return array
