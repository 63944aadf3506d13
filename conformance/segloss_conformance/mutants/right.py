"""Right implementations, written otherwise: the checks must accept them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, log_expit

from ..cases.bits import rounded
from ..cases.case import Case
from .kit import parameter, refer, right, score, smooth_of


@right("binary_cross_entropy", "softplus and one pixel after the other")
def cross_entropy_in_a_loop(case: Case) -> Any:
    if set(case.keywords) != {"from_logits"}:
        return refer(case)
    sum_ = 0.0
    for z, y in zip(case.pred.ravel(), case.target.astype(float).ravel(), strict=True):
        sum_ += y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)
    return sum_ / case.pred.size


@right(
    "binary_cross_entropy", "float16 logits: computed and scaled in float32, rounded once", dtype="float16", scaled=True
)
def cross_entropy_scaled_in_float32(case: Case) -> Any:
    if set(case.keywords) != {"from_logits"}:
        value, gradient = refer(case, cotangent=case.cotangent)
        return value, rounded(gradient, "float16")
    z, y = case.pred.astype(np.float32), case.target.astype(np.float32)
    losses = -y * log_expit(z) - (1 - y) * log_expit(-z)
    slopes = ((1 - y) * expit(z) - y * expit(-z)) * (np.float32(case.cotangent) / np.float32(z.size))
    return losses.mean(), rounded(slopes, "float16")


@right("dice_loss", "as printed, summed one pixel after the other")
def dice_in_a_loop(case: Case) -> Any:
    if set(case.keywords) - {"smooth"}:
        return refer(case)
    above, below = smooth_of(parameter(case, "smooth"))
    if below == 0:
        return refer(case)
    overlap_ = sizes = 0.0
    for p, y in zip(case.pred.ravel(), case.target.astype(float).ravel(), strict=True):
        overlap_, sizes = overlap_ + p * y, sizes + p + y
    return 1 - (2 * overlap_ + above) / (sizes + below)


@right("tversky_loss", "as a generalised Dice: 1 - TP/(TP + a FP + b FN) from P and Y")
def tversky_from_sizes(case: Case) -> Any:
    if set(case.keywords) - {"fp_weight", "fn_weight"}:
        return refer(case)
    p, y = case.pred, case.target.astype(float)
    tp = (p * y).sum()
    rest = parameter(case, "fp_weight") * (p.sum() - tp) + parameter(case, "fn_weight") * (y.sum() - tp)
    return 1 - (tp + 1e-5) / (tp + rest + 1e-5)


@right("focal_loss", "from log_expit and exponentials")
def focal_from_logarithms(case: Case) -> Any:
    if set(case.keywords) - {"from_logits", "gamma"} or not case.keywords.get("from_logits"):
        return refer(case)
    log_p, log_q, y = log_expit(case.pred), log_expit(-case.pred), case.target.astype(float)
    gamma = parameter(case, "gamma")
    return -(y * np.exp(gamma * log_q) * log_p + (1 - y) * np.exp(gamma * log_p) * log_q).mean()


@right("matthews_correlation", "as the correlation coefficient of two columns")
def matthews_as_correlation(case: Case) -> Any:
    if set(case.keywords) - {"reduction", "undefined"}:
        return score(case)
    a, b = (case.pred > 0.5).ravel(), (case.target > 0.5).ravel()
    if a.all() or b.all() or not a.any() or not b.any():
        return score(case)
    return np.corrcoef(a, b)[0, 1]
