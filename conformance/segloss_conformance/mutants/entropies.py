"""Wrong cross-entropies and focal losses."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from segloss_ref.kit import Regions, Slope, Term

from ..cases.case import Case
from .kit import Answer, mutant, parameter, refer, with_formula


def _plain(case: Case) -> bool:
    """Binary, without weights or regions, on which the mutants below are written out."""
    return set(case.keywords) <= {"from_logits"} and case.is_loss


def _binary(case: Case, log_p: Any, log_q: Any, slope: Any) -> Answer:
    y = case.target.astype(float)
    loss = -(np.where(y == 0, 0, y * log_p) + np.where(y == 1, 0, (1 - y) * log_q))
    return loss.mean(), slope / y.size


@mutant("binary_cross_entropy", "log(sigmoid(z)) in two steps: infinite for saturated logits")
def cross_entropy_naive(case: Case) -> Answer:
    if not (_plain(case) and case.keywords):
        return refer(case)
    p = 1 / (1 + np.exp(-case.pred))
    return _binary(case, np.log(p), np.log(1 - p), p - case.target)


@mutant("binary_cross_entropy", "probabilities clipped to [1e-7, 1 - 1e-7]")
def cross_entropy_clipped(case: Case) -> Answer:
    p = expit(case.pred) if case.keywords.get("from_logits") else case.pred
    if not _plain(case):
        return refer(case)
    kept = (p > 1e-7) & (p < 1 - 1e-7)
    p = np.clip(p, 1e-7, 1 - 1e-7)
    y = case.target.astype(float)
    slope = kept * (p - y) * (1 if case.keywords.get("from_logits") else 1 / (p * (1 - p)))
    return _binary(case, np.log(p), np.log(1 - p), slope)


@mutant("binary_cross_entropy", "log(p + 1e-8)")
def cross_entropy_shifted(case: Case) -> Any:
    if not _plain(case):
        return refer(case)
    p = expit(case.pred) if case.keywords.get("from_logits") else case.pred
    return _binary(case, np.log(p + 1e-8), np.log(1 - p + 1e-8), 0 * p)[0]


@mutant("binary_cross_entropy", "the term of the background is missing")
def cross_entropy_of_foreground(case: Case) -> Answer:
    if case.keywords.get("class_axis") is not None:
        return refer(case)

    def formula(r: Regions) -> Term:
        return r.mean(-r.prob.times_log(r.y, r.prob.log_p), lambda: Slope(log_p=-r.y))

    return with_formula(case, formula)


@mutant("binary_cross_entropy", "summed over pixels")
def cross_entropy_summed(case: Case) -> Answer:
    def formula(r: Regions) -> Term:
        loss, slope = r.prob.binary_cross_entropy(r.y)
        return r.term(r.sum(loss), lambda factor: slope().scaled(factor))

    return refer(case) if case.keywords.get("class_axis") is not None else with_formula(case, formula)


@mutant("binary_cross_entropy", "the gradient forgets 1/N, the value does not")
def cross_entropy_gradient_not_averaged(case: Case) -> Answer:
    value, gradient = refer(case)
    return value, gradient * 2


@mutant("binary_cross_entropy", "ignored pixels count in the denominator")
def cross_entropy_ignored_in_mean(case: Case) -> Answer:
    ignored = case.keywords.get("ignore_index")
    share = float((case.target != ignored).mean())
    value, gradient = refer(case)
    return value * share, gradient * share


@mutant("binary_cross_entropy", "ignored pixels are learned as class 0")
def cross_entropy_ignored_as_0(case: Case) -> Answer:
    ignored = case.keywords.get("ignore_index")
    return refer(case, target=np.where(case.target == ignored, 0, case.target), ignore_index=None)


@mutant("binary_cross_entropy", "the gradient is not masked under ignored pixels")
def cross_entropy_gradient_unmasked(case: Case) -> Answer:
    value, gradient = refer(case)
    ignored = case.keywords.get("ignore_index")
    return value, gradient + (0.0 if ignored is None else 1e-3 * (gradient == 0))


@mutant("binary_cross_entropy", "divided by the summed class weights of the true classes")
def cross_entropy_class_weight_normalised(case: Case) -> Answer:
    factors = case.keywords.get("class_weight")
    if factors is None or sum(factors) == 0:
        return refer(case)
    return refer(case, class_weight=tuple(np.array(factors) * len(factors) / sum(factors)))


@mutant("binary_cross_entropy", "softmax over the last axis, whichever holds the classes")
def cross_entropy_wrong_axis(case: Case) -> Any:
    axis = case.keywords.get("class_axis")
    if axis is None or not case.keywords.get("from_logits"):
        return refer(case)
    p = np.exp(case.pred - case.pred.max(axis=-1, keepdims=True))
    return refer(case, pred=p / p.sum(axis=-1, keepdims=True), from_logits=None)[0]


@mutant("binary_cross_entropy", "log(softmax + 1e-12)")
def cross_entropy_softmax_shifted(case: Case) -> Any:
    axis = case.keywords.get("class_axis")
    if axis is None or not case.keywords.get("from_logits"):
        return refer(case)
    p = np.exp(case.pred - case.pred.max(axis=axis, keepdims=True))
    return refer(case, pred=np.minimum(p / p.sum(axis=axis, keepdims=True) + 1e-12, 1), from_logits=None)[0]


@mutant("binary_cross_entropy", "averaged in float32 inside a float64 path")
def cross_entropy_secretly_narrow(case: Case) -> Answer:
    value, gradient = refer(case)
    return np.asarray(value).astype(np.float32), gradient


@mutant("binary_cross_entropy", "the prediction is changed in place")
def cross_entropy_in_place(case: Case) -> Answer:
    answer = refer(case)
    case.pred[...] = 0.5
    return answer


@mutant("binary_cross_entropy", "the regions are mixed: reshaped instead of transposed")
def cross_entropy_reshaped(case: Case) -> Answer:
    value, gradient = refer(case)
    return np.asarray(value).reshape(np.shape(value)[::-1]), gradient.reshape(gradient.shape[::-1])


@mutant("weighted_cross_entropy", "beta on the background")
def weighted_on_background(case: Case) -> Answer:
    def formula(r: Regions, beta: float) -> Term:
        a, b = r.y, beta * (1 - r.y)
        loss = -(r.prob.times_log(a, r.prob.log_p) + r.prob.times_log(b, r.prob.log_q))
        return r.mean(loss, lambda: Slope(log_p=-a, log_q=-b))

    return with_formula(case, formula)


@mutant("balanced_cross_entropy", "beta is the foreground's share, not the background's")
def balanced_swapped(case: Case) -> Answer:
    if case.keywords.get("class_axis") is not None:
        return refer(case)
    if case.keywords.get("beta") is not None:
        return refer(case, beta=1 - case.keywords["beta"])

    def formula(r: Regions, beta: float | None) -> Term:
        share = r.per_pixel(r.sum(r.y))
        a, b = share * r.y, (1 - share) * (1 - r.y)
        loss = -(r.prob.times_log(a, r.prob.log_p) + r.prob.times_log(b, r.prob.log_q))
        return r.mean(loss, lambda: Slope(log_p=-a, log_q=-b))

    return with_formula(case, formula)


@mutant("balanced_cross_entropy", "beta of the whole batch, not of the region")
def balanced_over_batch(case: Case) -> Answer:
    if case.keywords.get("class_axis") is not None or "ignore_index" in case.keywords or "weight" in case.keywords:
        return refer(case)
    return refer(case, beta=case.keywords.get("beta", float(1 - case.target.mean())))


@mutant("focal_loss", "alpha on both sides")
def focal_alpha_both(case: Case) -> Answer:
    alpha = parameter(case, "alpha")
    value, gradient = refer(case, alpha=None)
    return (value, gradient) if alpha is None else (alpha * value, alpha * gradient)


@mutant("focal_loss", "alpha on the background")
def focal_alpha_swapped(case: Case) -> Answer:
    alpha = parameter(case, "alpha")
    return refer(case, alpha=None if alpha is None else 1 - alpha)


@mutant("focal_loss", "p^gamma where (1-p)^gamma belongs: hard pixels fade")
def focal_fades_hard_pixels(case: Case) -> Any:
    if case.keywords.get("class_axis") is not None:
        return refer(case)

    def formula(r: Regions, alpha: float | None, gamma: float) -> Term:
        m = r.prob
        hit = (1 if alpha is None else alpha) * r.y * m.p**gamma
        miss = (1 if alpha is None else 1 - alpha) * (1 - r.y) * m.q**gamma
        return r.mean(-(m.times_log(hit, m.log_p) + m.times_log(miss, m.log_q)), lambda: Slope(p=m.p))

    return with_formula(case, formula)[0]


@mutant("focal_loss", "the modulating factor is detached: the value is right, the gradient is not")
def focal_detached(case: Case) -> Answer:
    if case.keywords.get("class_axis") is not None:
        return refer(case)

    def formula(r: Regions, alpha: float | None, gamma: float) -> Term:
        m = r.prob
        hit = (1 if alpha is None else alpha) * r.y * m.q**gamma
        miss = (1 if alpha is None else 1 - alpha) * (1 - r.y) * m.p**gamma
        loss = -(m.times_log(hit, m.log_p) + m.times_log(miss, m.log_q))
        return r.mean(loss, lambda: Slope(log_p=-hit, log_q=-miss))

    return refer(case)[0], with_formula(case, formula)[1]


@mutant("focal_loss", "the power's slope at 0 is formed: nan for gamma below 1 at saturated logits")
def focal_nan(case: Case) -> Answer:
    value, gradient = refer(case)
    z, gamma = case.pred, parameter(case, "gamma")
    if not case.keywords.get("from_logits") or not 0 < gamma < 1:
        return value, gradient
    return value, np.where(expit(-np.abs(z)) < 1e-200, np.nan, gradient)


@mutant("focal_loss", "divided by the number of positives")
def focal_per_positive(case: Case) -> Answer:
    value, gradient = refer(case)
    positives = max(float((case.target == 1).sum()), 1.0)
    scale = case.target.size / positives
    return value * scale, gradient * scale
