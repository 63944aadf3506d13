"""What values a parameter may take.

A parameter's domain is written once, in its annotation (``Annotated[float, Interval(0.0, inf)]``). The same object
checks the argument at every call, drives the strategies of the conformance suite and fills the documentation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Protocol

import numpy as np

__all__ = [
    "Choice",
    "Domain",
    "Field",
    "Flag",
    "Integer",
    "Interval",
    "LabelWeights",
    "OddInteger",
    "OnlyWith",
    "Radii",
    "Smooth",
    "Spacing",
    "smooth_pair",
]


class Domain(Protocol):
    """A set of values that an argument may have."""

    def check(self, owner: str, name: str, value: object) -> None:
        """Raise ``TypeError`` or ``ValueError`` where `value` lies outside; the message names `owner` and `name`."""


def _is_real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _as_float(value: object) -> float:
    """A real number as a float; infinite beyond the largest of them, which every domain refuses."""
    try:
        return float(value)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    except OverflowError:
        return math.inf


@dataclass(frozen=True)
class Interval:
    """A real number between `low` and `high`; finite always, and None as well where `optional`."""

    low: float
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    optional: bool = False

    def __str__(self) -> str:
        left = "(" if self.low_open or math.isinf(self.low) else "["
        right = ")" if self.high_open or math.isinf(self.high) else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}" + (" or None" if self.optional else "")

    def check(self, owner: str, name: str, value: object) -> None:
        """See `Domain`."""
        if value is None and self.optional:
            return
        if not _is_real(value):
            raise TypeError(f"{owner}: {name} must be a real number in {self}, got {value!r}")
        number = _as_float(value)
        above = number > self.low or (number == self.low and not self.low_open)
        below = number < self.high or (number == self.high and not self.high_open)
        if not (above and below and math.isfinite(number)):
            raise ValueError(f"{owner}: {name} must lie in {self}, got {value!r}")


@dataclass(frozen=True)
class Integer:
    """A whole number between `low` and `high`, both included."""

    low: int
    high: float = math.inf
    optional: bool = False

    def __str__(self) -> str:
        return f"an integer from {self.low} to {self.high:g}" + (" or None" if self.optional else "")

    def check(self, owner: str, name: str, value: object) -> None:
        """See `Domain`."""
        if value is None and self.optional:
            return
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise TypeError(f"{owner}: {name} must be {self}, got {value!r}")
        if not self.low <= int(value) <= self.high:
            raise ValueError(f"{owner}: {name} must be {self}, got {value!r}")


@dataclass(frozen=True)
class OddInteger:
    """An odd whole number >= 1: the width of a window that has a middle."""

    def __str__(self) -> str:
        return "an odd integer >= 1"

    def check(self, owner: str, name: str, value: object) -> None:
        """See `Domain`."""
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise TypeError(f"{owner}: {name} must be {self}, got {value!r}")
        if int(value) < 1 or int(value) % 2 == 0:
            raise ValueError(f"{owner}: {name} must be {self}, got {value!r}")


@dataclass(frozen=True)
class Choice:
    """One of a few named values."""

    values: tuple[str | int, ...]

    def __str__(self) -> str:
        return "one of " + ", ".join(repr(value) for value in self.values)

    def check(self, owner: str, name: str, value: object) -> None:
        """See `Domain`."""
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise TypeError(f"{owner}: {name} must be {self}, got {value!r}")
        if value not in self.values:
            raise ValueError(f"{owner}: {name} must be {self}, got {value!r}")


@dataclass(frozen=True)
class Flag:
    """True or False."""

    def __str__(self) -> str:
        return "True or False"

    def check(self, owner: str, name: str, value: object) -> None:
        """See `Domain`."""
        if not isinstance(value, bool):
            raise TypeError(f"{owner}: {name} must be True or False, got {value!r}")


@dataclass(frozen=True)
class Smooth:
    """A smoothing constant >= 0, or a pair (numerator, denominator) with numerator <= denominator."""

    def __str__(self) -> str:
        return "a number >= 0, or a pair (numerator, denominator) of such with numerator <= denominator"

    def check(self, owner: str, name: str, value: object) -> None:
        """See `Domain`."""
        pair = value if isinstance(value, tuple | list) else (value, value)
        if len(pair) != 2 or not all(_is_real(part) for part in pair):
            raise TypeError(f"{owner}: {name} must be {self}, got {value!r}")
        numerator, denominator = (_as_float(part) for part in pair)
        if not 0 <= numerator <= denominator < math.inf:
            raise ValueError(f"{owner}: {name} must be {self}, got {value!r}")


def smooth_pair(smooth: float | tuple[float, float]) -> tuple[float, float]:
    """(numerator, denominator) of a checked `Smooth` value."""
    if isinstance(smooth, tuple | list):
        return float(smooth[0]), float(smooth[1])
    return float(smooth), float(smooth)


@dataclass(frozen=True)
class LabelWeights:
    """None, or one finite number >= 0 a label: (background, foreground), or one a class."""

    def __str__(self) -> str:
        return "None, or one number >= 0 a label"

    def check(self, owner: str, name: str, value: object) -> None:
        """See `Domain`."""
        if value is None:
            return
        if not isinstance(value, Sequence) or isinstance(value, str) or not all(_is_real(part) for part in value):
            raise TypeError(f"{owner}: {name} must be {self}, got {value!r}")
        if not all(0 <= _as_float(part) < math.inf for part in value):
            raise ValueError(f"{owner}: {name} must be {self}, got {value!r}")


def _check_positive(owner: str, name: str, values: object, expected: object) -> None:
    """Every one of some numbers must be finite and > 0."""
    if isinstance(values, str) or not isinstance(values, (Sequence, np.ndarray)):
        raise TypeError(f"{owner}: {name} must be {expected}, got {values!r}")
    if not all(_is_real(value) for value in values):
        raise TypeError(f"{owner}: {name} must be {expected}, got {values!r}")
    if not all(0 < float(value) < math.inf for value in values):
        raise ValueError(f"{owner}: {name} must be {expected}, got {values!r}")


@dataclass(frozen=True)
class Spacing:
    """None, or the distance between neighbours along each spatial axis, finite and > 0; one number stands for all axes."""

    def __str__(self) -> str:
        return "None, or one number > 0 a spatial axis"

    def check(self, owner: str, name: str, value: object) -> None:
        """See `Domain`; how many numbers there must be is known where the spatial axes are."""
        if value is not None:
            _check_positive(owner, name, [value] if _is_real(value) else value, self)


@dataclass(frozen=True)
class Radii:
    """One or more finite numbers > 0."""

    def __str__(self) -> str:
        return "one or more numbers > 0"

    def check(self, owner: str, name: str, value: object) -> None:
        """See `Domain`."""
        _check_positive(owner, name, value, self)
        if len(value) == 0:  # type: ignore[arg-type]
            raise ValueError(f"{owner}: {name} must be {self}, got {value!r}")


@dataclass(frozen=True)
class Field:
    """None, or an array of pred's library with a finite number for every element of `pred`, to whose shape it broadcasts."""

    def __str__(self) -> str:
        return "None, or an array of real numbers that broadcasts to pred"

    def check(self, owner: str, name: str, value: object) -> None:
        """See `Domain`; shape, dtype and device are checked where `pred` is."""
        if value is not None and not (hasattr(value, "shape") and hasattr(value, "dtype")):
            raise TypeError(f"{owner}: {name} must be {self}, got {value!r}")


@dataclass(frozen=True)
class OnlyWith:
    """Said beside a domain: the parameter has a meaning only where another one, `parameter`, has one of `values`."""

    parameter: str
    values: tuple[str, ...]
