"""What values a parameter may take.

A parameter's domain is written once, in its annotation (``Annotated[float, Interval(0.0)]``). The same object checks the
argument at every call and brings it to a plain Python value, drives the strategies of the conformance suite and fills the
documentation.

Plain values matter: a NumPy scalar would change the dtype of a computation, and a fraction is unknown to most libraries.
Numbers end at 1e30 (`LARGEST`), so that no product of a few of them leaves float32; the distance between pixels lies in
[1e-60, 1e60].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np

from ._describe import describe, looks_like_array

__all__ = [
    "LARGEST",
    "LARGEST_DISTANCE",
    "SMALLEST_DISTANCE",
    "Choice",
    "Domain",
    "Flag",
    "Integer",
    "Interval",
    "LabelWeights",
    "Number",
    "OddInteger",
    "OnlyWith",
    "PixelMap",
    "Radii",
    "Smooth",
    "SmoothValue",
    "Spacing",
    "SpacingValue",
    "smooth_pair",
    "steps",
]

LARGEST = 1e30
"""The largest number that a parameter may be."""
LARGEST_DISTANCE = 1e60
SMALLEST_DISTANCE = 1e-60
"""The ends of the range of numbers that stand for a distance between pixels."""


class Domain(Protocol):
    """A set of values that an argument may have."""

    @property
    def text(self) -> str:
        """The values as documentation says them, such as "float > 0"; `str` says them in error messages."""
        ...

    def normal(self, owner: str, name: str, value: object) -> Any:
        """`value` as plain Python numbers, strings and tuples.

        Raises ``TypeError`` or ``ValueError`` where it lies outside; the message names `owner` and `name`.
        """


def _wrong_type(owner: str, name: str, expected: object, value: object) -> TypeError:
    return TypeError(f"{owner}: {name} must be {expected}, got {describe(value)}")


def _outside(owner: str, name: str, expected: object, value: object) -> ValueError:
    return ValueError(f"{owner}: {name} must be {expected}, got {describe(value)}")


def _is_real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _as_float(value: Any) -> float:
    """A real number as a float; infinite beyond the largest of them, which every domain refuses."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _numbers(value: object) -> list[float] | None:
    """A sequence, or NumPy array of one axis, of real numbers as floats; None where `value` is none."""
    if isinstance(value, np.ndarray):
        return [float(one) for one in value] if value.ndim == 1 and value.dtype.kind in "iuf" else None
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        return None
    return [_as_float(one) for one in value] if all(_is_real(one) for one in value) else None


def _shown(number: float) -> str:
    return f"{number:g}".replace("e+", "e")


@dataclass(frozen=True)
class Interval:
    """A real number between `low` and `high`; finite always, and None as well where `optional`."""

    low: float
    high: float = LARGEST
    low_open: bool = False
    high_open: bool = False
    optional: bool = False

    def __str__(self) -> str:
        left = "(" if self.low_open or math.isinf(self.low) else "["
        right = ")" if self.high_open or math.isinf(self.high) else "]"
        return f"{left}{_shown(self.low)}, {_shown(self.high)}{right}" + (" or None" if self.optional else "")

    @property
    def text(self) -> str:
        """See `Domain`."""
        none = " or None" if self.optional else ""
        if self.high >= LARGEST:
            return f"float {'>' if self.low_open else '>='} {_shown(self.low)}{none}"
        left, right = "(" if self.low_open else "[", ")" if self.high_open else "]"
        return f"float in {left}{_shown(self.low)}, {_shown(self.high)}{right}{none}"

    def normal(self, owner: str, name: str, value: object) -> float | None:
        """See `Domain`."""
        if value is None and self.optional:
            return None
        if not _is_real(value):
            raise _wrong_type(owner, name, f"a real number in {self}", value)
        number = _as_float(value)
        above = number > self.low or (number == self.low and not self.low_open)
        below = number < self.high or (number == self.high and not self.high_open)
        if not (above and below and math.isfinite(number)):
            raise ValueError(f"{owner}: {name} must lie in {self}, got {describe(value)}")
        return number


@dataclass(frozen=True)
class Number:
    """Any real number, nan and infinities among them."""

    def __str__(self) -> str:
        return "a real number, nan or inf"

    @property
    def text(self) -> str:
        """See `Domain`."""
        return "float"

    def normal(self, owner: str, name: str, value: object) -> float:
        """See `Domain`."""
        if not _is_real(value):
            raise _wrong_type(owner, name, self, value)
        try:
            return float(value)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        except OverflowError:
            raise _outside(owner, name, f"{self}, in the range of float64", value) from None


@dataclass(frozen=True)
class Integer:
    """A whole number between `low` and `high`, both included."""

    low: int
    high: float = math.inf
    optional: bool = False

    def __str__(self) -> str:
        upper = "" if math.isinf(self.high) else f" to {self.high}"
        return f"an integer from {self.low}{upper or ' on'}" + (" or None" if self.optional else "")

    @property
    def text(self) -> str:
        """See `Domain`."""
        upper = f">= {self.low}" if math.isinf(self.high) else f"from {self.low} to {self.high:g}"
        return f"int {upper}" + (" or None" if self.optional else "")

    def normal(self, owner: str, name: str, value: Any) -> int | None:
        """See `Domain`."""
        if value is None and self.optional:
            return None
        if not _is_integer(value):
            raise _wrong_type(owner, name, self, value)
        number = int(value)  # pyright: ignore[reportArgumentType]
        if not self.low <= number <= self.high:
            raise _outside(owner, name, self, value)
        return number


@dataclass(frozen=True)
class OddInteger:
    """An odd whole number from 1 to `high`: the width of a window that has a middle."""

    high: int = 1001

    def __str__(self) -> str:
        return f"an odd integer from 1 to {self.high}"

    @property
    def text(self) -> str:
        """See `Domain`."""
        return f"odd int from 1 to {self.high}"

    def normal(self, owner: str, name: str, value: Any) -> int:
        """See `Domain`."""
        if not _is_integer(value):
            raise _wrong_type(owner, name, self, value)
        if not 1 <= int(value) <= self.high or int(value) % 2 == 0:
            raise _outside(owner, name, self, value)
        return int(value)


@dataclass(frozen=True)
class Choice:
    """One of a few named values."""

    values: tuple[str | int, ...]

    def __str__(self) -> str:
        return "one of " + ", ".join(repr(value) for value in self.values)

    @property
    def text(self) -> str:
        """See `Domain`."""
        words = [f'"{value}"' if isinstance(value, str) else str(value) for value in self.values]
        return ", ".join(words[:-1]) + f" or {words[-1]}"

    def normal(self, owner: str, name: str, value: object) -> str | int:
        """See `Domain`."""
        if not (isinstance(value, str) or _is_integer(value)):
            raise _wrong_type(owner, name, self, value)
        if value not in self.values:
            raise _outside(owner, name, self, value)
        return self.values[self.values.index(value)]


@dataclass(frozen=True)
class Flag:
    """True or False."""

    def __str__(self) -> str:
        return "True or False"

    @property
    def text(self) -> str:
        """See `Domain`."""
        return "bool"

    def normal(self, owner: str, name: str, value: object) -> bool:
        """See `Domain`."""
        if not isinstance(value, bool | np.bool_):
            raise _wrong_type(owner, name, self, value)
        return bool(value)


@dataclass(frozen=True)
class Smooth:
    """A smoothing constant in [0, 1e30], or a pair (numerator, denominator) of such with numerator <= denominator."""

    def __str__(self) -> str:
        return "a number in [0, 1e30], or a pair (numerator, denominator) of such with numerator <= denominator"

    @property
    def text(self) -> str:
        """See `Domain`."""
        return "float or pair (numerator, denominator)"

    def normal(self, owner: str, name: str, value: object) -> float | tuple[float, float]:
        """See `Domain`."""
        pair = value if isinstance(value, tuple | list) else (value, value)
        if len(pair) != 2 or not all(_is_real(part) for part in pair):
            raise _wrong_type(owner, name, self, value)
        numerator, denominator = (_as_float(part) for part in pair)
        if not 0 <= numerator <= denominator <= LARGEST:
            raise _outside(owner, name, self, value)
        return (numerator, denominator) if isinstance(value, tuple | list) else numerator


def smooth_pair(smooth: float | tuple[float, float]) -> tuple[float, float]:
    """(numerator, denominator) of a checked `Smooth` value."""
    if isinstance(smooth, tuple | list):
        return float(smooth[0]), float(smooth[1])
    return float(smooth), float(smooth)


@dataclass(frozen=True)
class LabelWeights:
    """None, or one number in [0, 1e30] a label: (background, foreground), or one a class."""

    each: str = "label"

    def __str__(self) -> str:
        return f"None, or one number in [0, 1e30] a {self.each}"

    @property
    def text(self) -> str:
        """See `Domain`."""
        first = "(background, foreground), or one number a class, or None"
        return first if self.each == "label" else f"one number a {self.each}, or None"

    def normal(self, owner: str, name: str, value: object) -> tuple[float, ...] | None:
        """See `Domain`; how many numbers there must be is known where the classes are."""
        if value is None:
            return None
        numbers = _numbers(value)
        if numbers is None:
            raise _wrong_type(owner, name, self, value)
        if not all(0 <= one <= LARGEST for one in numbers):
            raise _outside(owner, name, self, value)
        return tuple(numbers)


@dataclass(frozen=True)
class Spacing:
    """None, or the distance between neighbours along each spatial axis, in [1e-60, 1e60]; one number stands for all axes."""

    def __str__(self) -> str:
        return "None, or one number in [1e-60, 1e60] a spatial axis"

    @property
    def text(self) -> str:
        """See `Domain`."""
        return "None, or one number in [1e-60, 1e60] a spatial axis"

    def normal(self, owner: str, name: str, value: object) -> float | tuple[float, ...] | None:
        """See `Domain`; how many numbers there must be is known where the spatial axes are."""
        if value is None:
            return None
        numbers = [_as_float(value)] if _is_real(value) else _numbers(value)
        if numbers is None:
            raise _wrong_type(owner, name, self, value)
        if not all(SMALLEST_DISTANCE <= one <= LARGEST_DISTANCE for one in numbers):
            raise _outside(owner, name, self, value)
        return numbers[0] if _is_real(value) else tuple(numbers)


@dataclass(frozen=True)
class Radii:
    """One or more numbers of pixels in (0, `high`]."""

    high: float = 128

    def __str__(self) -> str:
        return f"one or more numbers in (0, {_shown(self.high)}]"

    @property
    def text(self) -> str:
        """See `Domain`."""
        return f"one or more numbers in (0, {_shown(self.high)}]"

    def normal(self, owner: str, name: str, value: object) -> tuple[float, ...]:
        """See `Domain`."""
        numbers = _numbers(value)
        if numbers is None:
            raise _wrong_type(owner, name, self, value)
        if not numbers or not all(0 < one <= self.high for one in numbers):
            raise _outside(owner, name, self, value)
        return tuple(numbers)


@dataclass(frozen=True)
class PixelMap:
    """None, or an array of pred's library with a finite number for every element of `pred`, to whose shape it broadcasts."""

    def __str__(self) -> str:
        return "None, or an array of real numbers that broadcasts to pred"

    @property
    def text(self) -> str:
        """See `Domain`."""
        return "array or None"

    def normal(self, owner: str, name: str, value: object) -> Any:
        """See `Domain`; shape, dtype and device are checked where `pred` is."""
        if value is not None and not looks_like_array(value):
            raise _wrong_type(owner, name, self, value)
        return value


@dataclass(frozen=True)
class OnlyWith:
    """Said beside a domain: the parameter has a meaning only where another one, `parameter`, has one of `values`."""

    parameter: str
    values: tuple[str, ...]


SpacingValue = float | Sequence[float] | None
"""What `Spacing` lets pass."""
SmoothValue = float | tuple[float, float]
"""What `Smooth` lets pass."""


def steps(owner: str, spacing: SpacingValue, axes: Sequence[int]) -> tuple[float, ...]:
    """`spacing`, one number for each of the spatial `axes` in their order."""
    if spacing is None:
        return (1.0,) * len(axes)
    if isinstance(spacing, int | float):
        return (float(spacing),) * len(axes)
    if len(spacing) != len(axes):
        raise ValueError(
            f"{owner}: spacing must hold one number for each of the {len(axes)} spatial axes {tuple(axes)}, got "
            f"{describe(spacing)}"
        )
    return tuple(float(step) for step in spacing)
