"""Numbers of 60 digits that know their derivatives and how far any sound floating-point evaluation may be off.

A `Number` carries its value v, a first-order bound e of the rounding error in units of the unit roundoff, and its partial
derivatives by the inputs, each with a bound of its own. Running a formula once on such numbers gives the true value and
gradient and, after multiplication by the roundoff of a dtype, the tolerance that this input deserves in that dtype.

The rules are the standard model of floating-point arithmetic to first order: a op b is exact times (1 + one roundoff), a
function of the mathematical library is good to `ULPS` units, and a sum of n terms may be taken in any order, which costs
(n - 1) roundoffs of the sum of magnitudes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import mpmath

__all__ = [
    "ONE",
    "ULPS",
    "ZERO",
    "Number",
    "constant",
    "exact",
    "exp",
    "log",
    "log1p",
    "power",
    "sqrt",
    "total",
    "variable",
]

mp = mpmath.MPContext()
mp.dps = 60
ULPS = 4
"""Units in the last place that exp, log and powers are granted."""

_Real = Any
"""mpmath's mpf, which has no type stubs."""
_ZERO = mp.mpf(0)


@dataclass(frozen=True, slots=True)
class Number:
    """v, its error bound e in roundoffs, and partial derivatives by the index of the input, as (value, bound)."""

    v: _Real
    e: _Real = _ZERO
    d: Mapping[int, tuple[_Real, _Real]] = field(default_factory=dict)

    def __add__(self, other: Number) -> Number:
        return total((self, other))

    def __neg__(self) -> Number:
        return Number(-self.v, self.e, {key: (-dv, de) for key, (dv, de) in self.d.items()})

    def __sub__(self, other: Number) -> Number:
        return total((self, -other))

    def __mul__(self, other: Number) -> Number:
        a, b = self, other
        if (a.v == 0 and not a.d) or (b.v == 0 and not b.d):
            return ZERO  # a factor of exactly 0 wins, over an infinite logarithm too
        av, bv = abs(a.v), abs(b.v)
        partials: dict[int, tuple[_Real, _Real]] = {}
        for mine, m, m_size in ((a, b, bv), (b, a, av)):
            for key, (dv, de) in mine.d.items():
                size = abs(dv)
                part = dv * m.v if dv != 0 and m.v != 0 else _ZERO
                bound = size * m.e + m_size * de + size * m_size
                if key in partials:
                    before, before_bound = partials[key]
                    both = before + part
                    partials[key] = both, before_bound + bound + abs(both)
                else:
                    partials[key] = part, bound
        return Number(a.v * b.v, av * b.e + bv * a.e + av * bv, partials)

    def __truediv__(self, other: Number) -> Number:
        inverse = 1 / other.v if other.v != 0 else mp.inf
        return self * _function(other, inverse, -(inverse**2), 2 * inverse**3, 1)


def exact(value: float) -> Number:
    """A number that every dtype in question holds exactly, an integer or an element of an input array."""
    return Number(mp.mpf(value))


def constant(value: float | _Real) -> Number:
    """A parameter such as 0.3, which the dtype may have to round."""
    number = mp.mpf(value)
    return Number(number, abs(number) if number != int(number) else _ZERO)


def variable(value: float, index: int) -> Number:
    """The `index`-th input by which derivatives are taken."""
    return Number(mp.mpf(value), _ZERO, {index: (mp.mpf(1), _ZERO)})


ZERO, ONE = exact(0), exact(1)


def total(terms: Iterable[Number]) -> Number:
    """A sum, in whatever order."""
    terms = [term for term in terms if term.v != 0 or term.d or term.e]
    if len(terms) < 2:
        return terms[0] if terms else ZERO
    lists: dict[int, list[tuple[_Real, _Real]]] = {}
    for term in terms:
        for key, partial in term.d.items():
            lists.setdefault(key, []).append(partial)
    partials = {}
    for key, found in lists.items():
        steps = len(found) - 1
        size = sum((abs(dv) for dv, _ in found), _ZERO)
        partials[key] = sum((dv for dv, _ in found), _ZERO), sum((de for _, de in found), _ZERO) + steps * size
    value = sum((term.v for term in terms), _ZERO)
    size = sum((abs(term.v) for term in terms), _ZERO)
    bound = sum((term.e for term in terms), _ZERO) + (len(terms) - 1) * size
    return Number(value, bound, partials)


def _function(x: Number, f: _Real, df: _Real, d2f: _Real, ulps: Any = ULPS) -> Number:
    """f(x), given f, f' and f'' at x.v."""
    slope, curve = abs(df), abs(d2f)
    slope_bound = (curve * x.e if x.e else _ZERO) + ulps * slope
    partials = {}
    for key, (dv, de) in x.d.items():
        size = abs(dv)
        partials[key] = (df * dv if dv != 0 else _ZERO, size * slope_bound + slope * de + size * slope)
    return Number(f, (slope * x.e if x.e else _ZERO) + ulps * abs(f), partials)


def exp(x: Number) -> Number:
    """e^x."""
    f = mp.exp(x.v)
    return _function(x, f, f, f)


def log(x: Number) -> Number:
    """log x; minus infinity at 0."""
    if x.v == 0:
        return _function(x, -mp.inf, mp.inf, -mp.inf)
    return _function(x, mp.log(x.v), 1 / x.v, -1 / x.v**2)


def log1p(x: Number) -> Number:
    """log(1 + x)."""
    one = 1 + x.v
    if one == 0:
        return _function(x, -mp.inf, mp.inf, -mp.inf)
    return _function(x, mp.log1p(x.v), 1 / one, -1 / one**2)


def sqrt(x: Number) -> Number:
    """The square root."""
    root = mp.sqrt(x.v)
    if root == 0:
        return Number(root)
    return _function(x, root, 1 / (2 * root), -1 / (4 * root**3), 1)


def power(x: Number, exponent: float) -> Number:
    """x^exponent for x >= 0; 0^0 is 1, and where an exponent below 1 has an infinite slope at 0 it is taken as 0.

    An infinite x is the logarithm of a probability of 0, steeper than any power of it is flat: its slope keeps its sign.
    """
    g = mp.mpf(exponent)
    if g == 0:
        return Number(mp.mpf(1))
    if g == 1:
        return x
    if x.v == 0:
        return Number(_ZERO, _ZERO if g < 1 else x.e, dict.fromkeys(x.d, (_ZERO, _ZERO)))
    if mp.isinf(x.v):
        return _function(x, mp.inf, mp.mpf(1), _ZERO)
    # An exponent such as 0.3 may have to be rounded, which a tiny x magnifies.
    rounded = 0 if g * 1024 == int(g * 1024) else abs(g * mp.log(x.v))
    return _function(x, x.v**g, g * x.v ** (g - 1), g * (g - 1) * x.v ** (g - 2), ULPS + rounded + _lost(x.v, g))


def _lost(x: _Real, exponent: _Real) -> Any:
    """Roundoffs that a root of x may be off by where x has underflowed: all its digits, of float64 or of float32."""
    if exponent >= 1 or x >= mp.mpf(2) ** -126:
        return 0
    return 2**53 if x < mp.mpf(2) ** -1022 else 2**24
