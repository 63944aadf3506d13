"""Numbers of the worked examples, and how they are compared."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from segloss_conformance.truth import textbook
from segloss_conformance.truth.numbers import Number, mp

NAN, INF = math.nan, math.inf
LN2, LN3 = mp.log(2), mp.log(3)
# What moves with the prediction is partly a constant for the gradient of this one.
PARTIAL = {"structural_similarity_loss"}


def frac(above: int, below: int) -> Any:
    return mp.mpf(above) / below


def same(got: Any, want: Any) -> bool:
    want = mp.mpf(want)
    if mp.isnan(want):
        return bool(mp.isnan(got))
    if mp.isinf(want):
        return bool(got == want)
    return bool(abs(got - want) <= mp.mpf(10) ** -50 * max(1, abs(want)))


def values(name: str, pred: Any, target: Any, **keywords: Any) -> list[Any]:
    answer = textbook.loss(name, np.asarray(pred, dtype=float), np.asarray(target), **keywords)
    return [number.v for number in answer.value]


def slopes(name: str, pred: Any, target: Any, **keywords: Any) -> list[Any]:
    answer = textbook.loss(name, np.asarray(pred, dtype=float), np.asarray(target), **keywords)
    assert answer.gradient is not None
    return [value for value, _ in answer.gradient]


def agree(got: list[Any], want: list[Any]) -> None:
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        assert same(one, other), (mp.nstr(one, 20), mp.nstr(mp.mpf(other), 20))


# Binary worked examples. ----------------------------------------------------------------------------------------------

# P, Y: TP = 3/4 + 1/4 = 1, FP = 1/2 + 1/4 = 3/4, FN = 1/4 + 3/4 = 1, sum p = 7/4, sum y = 2,
# sum p^2 = (9 + 1 + 4 + 1)/16 = 15/16. Logarithms: ln 3/4 = LN3 - 2 LN2, ln 1/4 = -2 LN2, ln 1/2 = -LN2.
P, Y = [0.75, 0.25, 0.5, 0.25], [1, 1, 0, 0]
# Distinct errors 1/8 (foreground), 3/4 (foreground), 1/2, 3/8.
D, V = [0.875, 0.25, 0.5, 0.375], [1, 1, 0, 0]


# Bounds: float32 stays inside them. -----------------------------------------------------------------------------------

U32 = mp.mpf(2) ** -24


def excess(got: Any, number: Number) -> float:
    """|float32 - exact| over 2 u e."""
    error = abs(mp.mpf(float(got)) - number.v)
    return 0.0 if error == 0 else float(error / (2 * U32 * number.e)) if number.e else INF
