"""Gradients that are right at a cotangent of 1, and wrong where the loss is scaled or is one of several terms."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cases.bits import rounded
from ..cases.case import Case
from .kit import Answer, mutant, refer


def _right(case: Case, dtype: str = "float64", cotangent: Any = None) -> Answer:
    """The gradient multiplied in float64 and rounded once."""
    value, gradient = refer(case, cotangent=case.cotangent if cotangent is None else cotangent)
    return value, rounded(gradient, dtype)


@mutant(
    "binary_cross_entropy", "float16: multiplied after rounding, by a cotangent that is rounded too", "float16", True
)
def cross_entropy_scaled_in_half(case: Case) -> Answer:
    if case.answer.shape:
        return _right(case, "float16")
    value, gradient = refer(case)
    with np.errstate(all="ignore"):
        return value, rounded(rounded(gradient, "float16") * rounded(case.cotangent, "float16"), "float16")


@mutant("dice_loss", "float16: rounded before it is multiplied, so that small slopes are 0", "float16", True)
def dice_rounded_before_scaled(case: Case) -> Answer:
    if case.answer.shape:
        return _right(case, "float16")
    value, gradient = refer(case)
    return value, rounded(rounded(gradient, "float16") * case.cotangent, "float16")


@mutant(
    "focal_loss",
    "bfloat16: the cotangent is rounded to the dtype of pred first: 0.3 counts as 0.30078",
    "bfloat16",
    True,
)
def focal_cotangent_rounded(case: Case) -> Answer:
    return _right(case, "bfloat16", rounded(case.cotangent, "bfloat16"))


@mutant("generalized_dice_loss", "float16: a cotangent beyond 65504 is clipped", "float16", True)
def generalized_dice_cotangent_clipped(case: Case) -> Answer:
    return _right(case, "float16", np.clip(case.cotangent, -65504, 65504))


@mutant(
    "weighted_cross_entropy", "float16: what overflows becomes the largest number in place of infinity", "float16", True
)
def weighted_cross_entropy_saturates(case: Case) -> Answer:
    value, gradient = _right(case, "float16")
    return value, np.clip(gradient, -65504, 65504)


@mutant("jaccard_loss", "float16: subnormal slopes are 0", "float16", True)
def jaccard_flushes_to_zero(case: Case) -> Answer:
    value, gradient = _right(case, "float16")
    return value, np.where(np.abs(gradient) < 2.0**-14, 0.0, gradient)


@mutant("tversky_loss", "the cotangents of several values are ignored", scaled=True)
def tversky_ignores_cotangents(case: Case) -> Answer:
    return refer(case) if case.answer.shape else _right(case)


@mutant("focal_tversky_loss", "several values share the mean of their cotangents", scaled=True)
def focal_tversky_mean_of_cotangents(case: Case) -> Answer:
    return _right(case, cotangent=np.full_like(case.cotangent, case.cotangent.mean()))


@mutant("log_cosh_dice_loss", "multiplied by the cotangent twice", scaled=True)
def log_cosh_dice_scaled_twice(case: Case) -> Answer:
    return _right(case, cotangent=case.cotangent**2)
