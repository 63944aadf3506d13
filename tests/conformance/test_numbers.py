"""The numbers carry true derivatives and honest bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segloss_conformance.truth.numbers import (
    ONE,
    Number,
    constant,
    exact,
    exp,
    log,
    log1p,
    mp,
    power,
    sqrt,
    total,
    variable,
)

FORMULAS = {
    "sum": (lambda a, b: a + b + a, lambda a, b: a + b + a),
    "difference": (lambda a, b: a - b, lambda a, b: a - b),
    "product": (lambda a, b: a * b * a, lambda a, b: a * b * a),
    "quotient": (lambda a, b: a / b, lambda a, b: a / b),
    "exp": (lambda a, b: exp(a - b), lambda a, b: np.exp(a - b)),
    "log": (lambda a, b: log(a) * b, lambda a, b: np.log(a) * b),
    "log1p": (lambda a, b: log1p(a * b), lambda a, b: np.log1p(a * b)),
    "power": (lambda a, b: power(a, 0.75) * b, lambda a, b: a ** np.float32(0.75) * b),
    "sqrt": (lambda a, b: sqrt(a / b), lambda a, b: np.sqrt(a / b)),
    "dice": (
        lambda a, b: ONE - exact(2) * a * b / (a + b + constant(0.1)),
        lambda a, b: np.float32(1) - np.float32(2) * a * b / (a + b + np.float32(0.1)),
    ),
}


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_derivatives_and_bounds(name: str) -> None:
    formula, in_float32 = FORMULAS[name]
    rng = np.random.default_rng(0)
    step = mp.mpf(10) ** -20
    for a, b in rng.uniform(0.1, 2, (50, 2)).astype(np.float32):
        x, y = variable(float(a), 0), variable(float(b), 1)
        number = formula(x, y)
        for key, (da, db) in enumerate([(step, 0), (0, step)]):
            up = formula(Number(x.v + da), Number(y.v + db)).v
            down = formula(Number(x.v - da), Number(y.v - db)).v
            difference = (up - down) / (2 * step)
            assert abs(number.d.get(key, (mp.mpf(0), 0))[0] - difference) < 1e-30
        with np.errstate(all="ignore"):
            error = abs(float(in_float32(a, b)) - number.v)
        assert error <= 2.0**-24 * number.e


def test_the_bound_is_no_blank_cheque() -> None:
    """The error that it allows is of the size of the rounding, not of the value."""
    number = total(variable(1.0, i) for i in range(10))
    assert number.e == 9 * 10
    assert (exp(variable(1.0, 0)).e) < 16


def test_zero_times_infinity() -> None:
    assert (exact(0) * log(exact(0))).v == 0
    assert (ONE * log(exact(0))).v == -mp.inf
    assert power(exact(0), 0).v == 1
    slope = power(variable(0.0, 0), 0.5)
    assert slope.v == 0
    assert slope.d[0][0] == 0
    assert math.isinf(float(log(variable(0.0, 0)).d[0][0]))


def test_powers_of_infinite_and_of_lost_numbers() -> None:
    """(-log p)^0.3 falls infinitely fast at p = 0; and a root of what underflows may be off by all that it is."""
    steep = power(-log(variable(0.0, 0)), 0.3)
    assert steep.v == mp.inf
    assert steep.d[0][0] == -mp.inf
    for tiny, unit in ((mp.mpf(10) ** -310, 2.0**-53), (mp.mpf(10) ** -39, 2.0**-24)):
        root = power(Number(tiny), 0.25)
        assert unit * root.e >= root.v
    assert 2.0**-53 * power(Number(mp.mpf(10) ** -300), 0.25).e < 1e-6 * mp.mpf(10) ** -75
    assert 2.0**-53 * power(Number(mp.mpf(10) ** -310), 2.0).e < mp.mpf(10) ** -630
