"""A dozen small questions to an array library that is met for the first time: does it compute as the standard says?

A library can have a namespace of the standard and answer wrongly all the same, in silence. What is asked here is what the
formulas of this package are made of. What a library does not have, or refuses, it cannot compute wrongly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

__all__ = ["outdated", "widest", "wrong_answer"]

_OLDEST = "2024.12"
"""The version of the array API standard that the formulas are written in."""

_QUESTIONS: list[tuple[str, Callable[[Any, Any], Any], Any]] = [
    ("sum", lambda xp, x: xp.sum(x, axis=(0,), keepdims=True), [[3.0, 6.0, 6.0]]),
    ("max", lambda xp, x: xp.max(x, axis=1, keepdims=True), [[3.0], [5.0]]),
    ("min", lambda xp, x: xp.min(x, axis=1), [1.0, 0.0]),
    ("argmax", lambda xp, x: xp.argmax(x, axis=1, keepdims=True), [[0], [1]]),
    ("where", lambda xp, x: xp.where(x > 2.0, x, 0.0), [[3.0, 0.0, 0.0], [0.0, 5.0, 4.0]]),
    ("broadcasting", lambda xp, x: x * x[:, :1] + x[:1, :], [[12.0, 4.0, 8.0], [3.0, 1.0, 2.0]]),
    ("broadcast_to", lambda xp, x: xp.broadcast_to(x[1, :], (2, 3)), [[0.0, 5.0, 4.0], [0.0, 5.0, 4.0]]),
    ("permute_dims", lambda xp, x: xp.permute_dims(x, (1, 0)), [[3.0, 0.0], [1.0, 5.0], [2.0, 4.0]]),
    ("reshape", lambda xp, x: xp.reshape(x, (3, 2)), [[3.0, 1.0], [2.0, 0.0], [5.0, 4.0]]),
    ("concat", lambda xp, x: xp.concat([x[:, 1:], x[:, :1]], axis=1), [[1.0, 2.0, 3.0], [5.0, 4.0, 0.0]]),
    ("take", lambda xp, x: xp.take(x, xp.asarray([2, 0, 0]), axis=1), [[2.0, 3.0, 3.0], [4.0, 0.0, 0.0]]),
    (
        "argsort",
        lambda xp, x: xp.argsort(xp.astype(x > 1.0, xp.int64), axis=1, descending=True, stable=True),
        [[0, 2, 1], [1, 2, 0]],
    ),
    (
        "take_along_axis",
        lambda xp, x: xp.take_along_axis(x, xp.asarray([[2, 1, 0], [0, 2, 1]]), axis=-1),
        [[2.0, 1.0, 3.0], [0.0, 4.0, 5.0]],
    ),
    ("cumulative_sum", lambda xp, x: xp.cumulative_sum(x, axis=-1), [[3.0, 4.0, 6.0], [0.0, 5.0, 9.0]]),
    ("moveaxis", lambda xp, x: xp.moveaxis(x, 0, -1), [[3.0, 0.0], [1.0, 5.0], [2.0, 4.0]]),
    ("clip", lambda xp, x: xp.clip(x, min=1.0, max=4.0), [[3.0, 1.0, 2.0], [1.0, 4.0, 4.0]]),
]


def widest(xp: Any, device: Any) -> tuple[Any, Any]:
    """The widest real dtypes, of at most 64 bits, that the namespace `xp` says a device has: (floating, integer)."""
    try:
        return _widest(xp, device)
    except TypeError:  # devices need not be hashable
        return _widest.__wrapped__(xp, device)


@lru_cache(maxsize=64)
def _widest(xp: Any, device: Any) -> tuple[Any, Any]:
    ask = getattr(xp, "__array_namespace_info__", None)
    if ask is None:
        return xp.float64, xp.int64
    known = ask().dtypes(device=device)
    return known.get("float64", xp.float32), known.get("int64", xp.int32)


def outdated(xp: Any) -> str | None:
    """What to pass instead of an array whose namespace `xp` states an older version of the standard than is needed.

    None where the version will do, or where `xp` says none: then `wrong_answer` decides alone.
    """
    version = getattr(xp, "__array_api_version__", None)
    if not isinstance(version, str) or version >= _OLDEST:  # year.month, which sorts as text
        return None
    return f"an array of a library of the array API standard {_OLDEST} or later, where this one says {version}"


@lru_cache(maxsize=16)
def wrong_answer(xp: Any) -> str | None:
    """The name of the first operation of the namespace `xp` that gives a wrong result; None where there is none."""
    for name, question, right in _QUESTIONS:
        try:
            found = question(xp, xp.asarray([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]], dtype=widest(xp, None)[0]))
            expected = xp.asarray(right)
            if tuple(found.shape) != tuple(expected.shape) or not bool(xp.all(found == expected)):
                return name
        except Exception:  # what is not there or fails is no wrong number
            continue
    return None
