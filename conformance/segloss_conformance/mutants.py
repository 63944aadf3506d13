"""Wrong implementations that people have really written, and right ones written otherwise.

The checks must reject every wrong one and accept every right one; else it is the suite that is wrong. Most mutants are the
library's own engine with a wrong formula or with altered arguments, so that value and gradient err together and only the
textbook can tell; some err in the gradient alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit, log_expit

import segloss_ref as ref
from segloss_ref import registry
from segloss_ref._engine import evaluate_gradient, kernel_of
from segloss_ref._overlap import overlap
from segloss_ref._probability import Slope
from segloss_ref._region import Region, Term

from .case import Case
from .implementations import Foreign
from .run import Cell, run_record

__all__ = ["MUTANTS", "RIGHT", "Mutant", "reject", "survey"]

Answer = tuple[Any, Any]


@dataclass(frozen=True)
class Mutant:
    """A function of a case that claims to be the loss or metric `of`."""

    name: str
    of: str
    why: str
    function: Callable[[Case], Any]

    @property
    def implementation(self) -> Foreign:
        """What the checks take."""
        return Foreign(self.name, self.function)


MUTANTS: list[Mutant] = []
RIGHT: list[Mutant] = []


def _mutant(of: str, why: str) -> Callable[[Callable[[Case], Any]], Callable[[Case], Any]]:
    def add(function: Callable[[Case], Any]) -> Callable[[Case], Any]:
        MUTANTS.append(Mutant(function.__name__, of, why, function))
        return function

    return add


def _ref(case: Case, name: str | None = None, pred: Any = None, target: Any = None, **changes: Any) -> Answer:
    """The library's answer to an altered case; a change to None drops the keyword."""
    keywords = {key: value for key, value in (case.keywords | changes).items() if value is not None}
    loss = registry.losses[name or case.name].function
    chosen = case.pred if pred is None else pred
    return ref.value_and_grad(loss)(chosen, case.target if target is None else target, **keywords)


def _score(case: Case, name: str | None = None, **changes: Any) -> Any:
    keywords = {key: value for key, value in (case.keywords | changes).items() if value is not None}
    return registry.metrics[name or case.name].function(case.pred, case.target, **keywords)


def _parameter(case: Case, name: str) -> Any:
    record = registry.losses[case.name] if case.is_loss else registry.metrics[case.name]
    return case.keywords.get(name, record.parameters[name].default)


def _with(case: Case, formula: Callable[..., Term]) -> Answer:
    """The engine with another formula."""
    kernel = replace(kernel_of(registry.losses[case.name].function), formula=formula)
    return evaluate_gradient(kernel, case.pred, case.target, case.keywords)


def _pair(smooth: Any) -> tuple[float, float]:
    return (smooth[0], smooth[1]) if isinstance(smooth, tuple) else (smooth, smooth)


# Overlap. -------------------------------------------------------------------------------------------------------------


@_mutant("tversky_loss", "false-positive and false-negative weights swapped, as Keras released it")
def tversky_swapped(case: Case) -> Answer:
    return _ref(case, fp_weight=_parameter(case, "fn_weight"), fn_weight=_parameter(case, "fp_weight"))


@_mutant("tversky_loss", "weights multiply P and T, not FP and FN")
def tversky_of_sizes(case: Case) -> Answer:
    a, b = _parameter(case, "fp_weight"), _parameter(case, "fn_weight")
    return _with(case, lambda r, **own: overlap(r, 1, a, b, own["smooth"]).loss if a + b == 0 else overlap(
        r, 1 / (a + b), a / (a + b), b / (a + b), own["smooth"]).loss)  # fmt: skip


@_mutant("focal_tversky_loss", "false-positive and false-negative weights swapped")
def focal_tversky_swapped(case: Case) -> Answer:
    return _ref(case, fp_weight=_parameter(case, "fn_weight"), fn_weight=_parameter(case, "fp_weight"))


@_mutant("focal_tversky_loss", "exponent 1/gamma, as the paper writes it, where gamma was promised")
def focal_tversky_inverse(case: Case) -> Answer:
    return _ref(case, gamma=1 / _parameter(case, "gamma"))


@_mutant("focal_tversky_loss", "the power is taken after the mean over classes and images")
def focal_tversky_power_after_mean(case: Case) -> Any:
    names = ("fp_weight", "fn_weight", "smooth")
    own = {name: _parameter(case, name) for name in names}
    value, _ = _ref(case, "tversky_loss", gamma=None, **own)
    return value ** _parameter(case, "gamma")


@_mutant("dice_loss", "smooth in the denominator alone")
def dice_smooth_below(case: Case) -> Answer:
    return _ref(case, smooth=(0.0, _pair(_parameter(case, "smooth"))[1]))


@_mutant("dice_loss", "smooth doubled with the intersection: 2 (I + s)")
def dice_smooth_doubled(case: Case) -> Answer:
    above, below = _pair(_parameter(case, "smooth"))
    return _ref(case, smooth=(min(2 * above, below + above), below + above))


@_mutant("dice_loss", "the factor 2 is missing")
def dice_without_2(case: Case) -> Answer:
    def formula(r: Region, smooth: Any, squared: bool) -> Term:
        return overlap(r, 0.5, 0.5, 0.5, smooth).loss if squared else overlap(r, 1, 1, 1, smooth).loss

    return _with(case, formula)


@_mutant("dice_loss", "squares where plain sums were promised")
def dice_squared(case: Case) -> Answer:
    return _ref(case, squared=not _parameter(case, "squared"))


@_mutant("dice_loss", "the score, not one less it")
def dice_score_returned(case: Case) -> Answer:
    value, gradient = _ref(case)
    return 1 - value, -gradient


@_mutant("dice_loss", "summed over images and classes, not averaged")
def dice_summed(case: Case) -> Answer:
    return _ref(
        case, reduction="sum" if case.keywords.get("reduction", "mean") == "mean" else case.keywords["reduction"]
    )


@_mutant("dice_loss", "pooled over the batch")
def dice_pooled(case: Case) -> Answer:
    return _ref(case, axis=None)


@_mutant("dice_loss", "thresholded inside: the gradient is that of a hard mask")
def dice_thresholded(case: Case) -> Answer:
    hard = case.pred > (0 if case.keywords.get("from_logits") else 0.5)
    return _ref(case, pred=hard.astype(float), from_logits=None)


@_mutant("dice_loss", "sigmoid of what is a probability already")
def dice_sigmoid_twice(case: Case) -> Answer:
    return _ref(case, pred=expit(case.pred), from_logits=None)


@_mutant("dice_loss", "the background class is dropped without a word")
def dice_without_background(case: Case) -> Answer:
    axis = case.keywords.get("class_axis")
    if axis is None:
        return _ref(case)
    factors = np.array(case.keywords.get("class_weight", np.ones(case.pred.shape[axis])), dtype=float)
    factors[0] = 0
    return _ref(case, class_weight=factors)


@_mutant("dice_loss", "means in place of sums, with the same smooth")
def dice_of_means(case: Case) -> Answer:
    def formula(r: Region, smooth: Any, squared: bool) -> Term:
        above, below = _pair(smooth)
        return overlap(r, 2, 1, 1, (above * r.pixels, below * r.pixels)).loss

    return _with(case, formula)


@_mutant("dice_loss", "pixel weights are not used")
def dice_unweighted(case: Case) -> Answer:
    return _ref(case, weight=None)


@_mutant("dice_loss", "log cosh left out")
def dice_is_not_log_cosh(case: Case) -> Answer:
    value, gradient = _ref(case, "log_cosh_dice_loss")
    return value, gradient


@_mutant("log_cosh_dice_loss", "the derivative with a plus sign, as the survey prints that of cosh")
def log_cosh_derivative(case: Case) -> Answer:
    def formula(r: Region, smooth: Any, squared: bool) -> Term:
        dice = overlap(r, 2, 1, 1, smooth).loss
        return dice.through(np.log(np.cosh(dice.value)), np.ones_like(dice.value))

    return _with(case, formula)


@_mutant("jaccard_loss", "the union counts the intersection twice")
def jaccard_union(case: Case) -> Answer:
    return _with(case, lambda r, smooth, squared: overlap(r, 1, 0.5, 0.5, smooth).loss)


@_mutant("jaccard_loss", "-log of the index")
def jaccard_log(case: Case) -> Any:
    value, _ = _ref(case)
    return -np.log1p(-value)


@_mutant("generalized_dice_loss", "weights 1/Y where 1/Y^2 was promised")
def generalized_dice_linear(case: Case) -> Answer:
    kind = {"square": "simple", "simple": "square", "uniform": "uniform"}
    return _ref(case, weight_type=kind[_parameter(case, "weight_type")])


@_mutant("generalized_dice_loss", "a class absent from the target weighs nothing")
def generalized_dice_absent(case: Case) -> Answer:
    def formula(r: Region, weight_type: str, smooth: Any) -> Term:
        size = r.sum(r.y)
        least = np.where(size > 0, size, np.inf).min(axis=r.class_axis, keepdims=True)
        power = {"square": 2, "simple": 1, "uniform": 0}[weight_type]
        w = np.where(size > 0, (least / np.where(size > 0, size, 1)) ** power, 0.0)
        return overlap(r, 2 * w, w, w, smooth, pool=True).loss

    return _with(case, formula)


@_mutant("generalized_dice_loss", "the weights cancel: divided before summing over classes")
def generalized_dice_cancelled(case: Case) -> Answer:
    return _with(case, lambda r, weight_type, smooth: r.class_mean(overlap(r, 2, 1, 1, smooth).loss))


@_mutant("sensitivity_specificity_loss", "sensitivity and specificity change weights")
def sensitivity_swapped(case: Case) -> Answer:
    return _ref(case, sensitivity_weight=1 - _parameter(case, "sensitivity_weight"))


@_mutant("sensitivity_specificity_loss", "the weighted sum itself, as the survey prints it")
def sensitivity_not_complemented(case: Case) -> Answer:
    value, gradient = _ref(case)
    return 1 - value, -gradient


# Cross-entropies. -----------------------------------------------------------------------------------------------------


def _plain(case: Case) -> bool:
    """Binary, without weights or regions, on which the mutants below are written out."""
    return set(case.keywords) <= {"from_logits"} and case.is_loss


def _binary(case: Case, log_p: Any, log_q: Any, slope: Any) -> Answer:
    y = case.target.astype(float)
    loss = -(np.where(y == 0, 0, y * log_p) + np.where(y == 1, 0, (1 - y) * log_q))
    return loss.mean(), slope / y.size


@_mutant("binary_cross_entropy", "log(sigmoid(z)) in two steps: infinite for saturated logits")
def cross_entropy_naive(case: Case) -> Answer:
    if not (_plain(case) and case.keywords):
        return _ref(case)
    p = 1 / (1 + np.exp(-case.pred))
    return _binary(case, np.log(p), np.log(1 - p), p - case.target)


@_mutant("binary_cross_entropy", "probabilities clipped to [1e-7, 1 - 1e-7]")
def cross_entropy_clipped(case: Case) -> Answer:
    p = expit(case.pred) if case.keywords.get("from_logits") else case.pred
    if not _plain(case):
        return _ref(case)
    kept = (p > 1e-7) & (p < 1 - 1e-7)
    p = np.clip(p, 1e-7, 1 - 1e-7)
    y = case.target.astype(float)
    slope = kept * (p - y) * (1 if case.keywords.get("from_logits") else 1 / (p * (1 - p)))
    return _binary(case, np.log(p), np.log(1 - p), slope)


@_mutant("binary_cross_entropy", "log(p + 1e-8)")
def cross_entropy_shifted(case: Case) -> Any:
    if not _plain(case):
        return _ref(case)
    p = expit(case.pred) if case.keywords.get("from_logits") else case.pred
    return _binary(case, np.log(p + 1e-8), np.log(1 - p + 1e-8), 0 * p)[0]


@_mutant("binary_cross_entropy", "the term of the background is missing")
def cross_entropy_of_foreground(case: Case) -> Answer:
    if case.keywords.get("class_axis") is not None:
        return _ref(case)

    def formula(r: Region) -> Term:
        return r.mean(-r.prob.times_log(r.y, r.prob.log_p), lambda: Slope(log_p=-r.y))

    return _with(case, formula)


@_mutant("binary_cross_entropy", "summed over pixels")
def cross_entropy_summed(case: Case) -> Answer:
    def formula(r: Region) -> Term:
        loss, slope = r.prob.binary_cross_entropy(r.y)
        return Term(r.sum(loss), lambda factor: slope().scaled(factor))

    return _ref(case) if case.keywords.get("class_axis") is not None else _with(case, formula)


@_mutant("binary_cross_entropy", "the gradient forgets 1/N, the value does not")
def cross_entropy_gradient_not_averaged(case: Case) -> Answer:
    value, gradient = _ref(case)
    return value, gradient * 2


@_mutant("binary_cross_entropy", "ignored pixels count in the denominator")
def cross_entropy_ignored_in_mean(case: Case) -> Answer:
    ignored = case.keywords.get("ignore_index")
    share = float((case.target != ignored).mean())
    value, gradient = _ref(case)
    return value * share, gradient * share


@_mutant("binary_cross_entropy", "ignored pixels are learned as class 0")
def cross_entropy_ignored_as_0(case: Case) -> Answer:
    ignored = case.keywords.get("ignore_index")
    return _ref(case, target=np.where(case.target == ignored, 0, case.target), ignore_index=None)


@_mutant("binary_cross_entropy", "the gradient is not masked under ignored pixels")
def cross_entropy_gradient_unmasked(case: Case) -> Answer:
    value, gradient = _ref(case)
    ignored = case.keywords.get("ignore_index")
    return value, gradient + (0.0 if ignored is None else 1e-3 * (gradient == 0))


@_mutant("binary_cross_entropy", "divided by the summed class weights of the true classes")
def cross_entropy_class_weight_normalised(case: Case) -> Answer:
    factors = case.keywords.get("class_weight")
    if factors is None or sum(factors) == 0:
        return _ref(case)
    return _ref(case, class_weight=tuple(np.array(factors) * len(factors) / sum(factors)))


@_mutant("binary_cross_entropy", "softmax over the last axis, whichever holds the classes")
def cross_entropy_wrong_axis(case: Case) -> Any:
    axis = case.keywords.get("class_axis")
    if axis is None or not case.keywords.get("from_logits"):
        return _ref(case)
    p = np.exp(case.pred - case.pred.max(axis=-1, keepdims=True))
    return _ref(case, pred=p / p.sum(axis=-1, keepdims=True), from_logits=None)[0]


@_mutant("binary_cross_entropy", "log(softmax + 1e-12)")
def cross_entropy_softmax_shifted(case: Case) -> Any:
    axis = case.keywords.get("class_axis")
    if axis is None or not case.keywords.get("from_logits"):
        return _ref(case)
    p = np.exp(case.pred - case.pred.max(axis=axis, keepdims=True))
    return _ref(case, pred=np.minimum(p / p.sum(axis=axis, keepdims=True) + 1e-12, 1), from_logits=None)[0]


@_mutant("binary_cross_entropy", "averaged in float32 inside a float64 path")
def cross_entropy_secretly_narrow(case: Case) -> Answer:
    value, gradient = _ref(case)
    return np.asarray(value).astype(np.float32), gradient


@_mutant("binary_cross_entropy", "the prediction is changed in place")
def cross_entropy_in_place(case: Case) -> Answer:
    answer = _ref(case)
    case.pred[...] = 0.5
    return answer


@_mutant("binary_cross_entropy", "the regions are mixed: reshaped instead of transposed")
def cross_entropy_reshaped(case: Case) -> Answer:
    value, gradient = _ref(case)
    return np.asarray(value).reshape(np.shape(value)[::-1]), gradient.reshape(gradient.shape[::-1])


@_mutant("weighted_cross_entropy", "beta on the background")
def weighted_on_background(case: Case) -> Answer:
    def formula(r: Region, beta: float) -> Term:
        a, b = r.y, beta * (1 - r.y)
        loss = -(r.prob.times_log(a, r.prob.log_p) + r.prob.times_log(b, r.prob.log_q))
        return r.mean(loss, lambda: Slope(log_p=-a, log_q=-b))

    return _with(case, formula)


@_mutant("balanced_cross_entropy", "beta is the foreground's share, not the background's")
def balanced_swapped(case: Case) -> Answer:
    if case.keywords.get("class_axis") is not None:
        return _ref(case)
    if case.keywords.get("beta") is not None:
        return _ref(case, beta=1 - case.keywords["beta"])

    def formula(r: Region, beta: float | None) -> Term:
        share = r.per_pixel(r.sum(r.y))
        a, b = share * r.y, (1 - share) * (1 - r.y)
        loss = -(r.prob.times_log(a, r.prob.log_p) + r.prob.times_log(b, r.prob.log_q))
        return r.mean(loss, lambda: Slope(log_p=-a, log_q=-b))

    return _with(case, formula)


@_mutant("balanced_cross_entropy", "beta of the whole batch, not of the region")
def balanced_over_batch(case: Case) -> Answer:
    if case.keywords.get("class_axis") is not None or "ignore_index" in case.keywords or "weight" in case.keywords:
        return _ref(case)
    return _ref(case, beta=case.keywords.get("beta", float(1 - case.target.mean())))


@_mutant("focal_loss", "alpha on both sides")
def focal_alpha_both(case: Case) -> Answer:
    alpha = _parameter(case, "alpha")
    value, gradient = _ref(case, alpha=None)
    return (value, gradient) if alpha is None else (alpha * value, alpha * gradient)


@_mutant("focal_loss", "alpha on the background")
def focal_alpha_swapped(case: Case) -> Answer:
    alpha = _parameter(case, "alpha")
    return _ref(case, alpha=None if alpha is None else 1 - alpha)


@_mutant("focal_loss", "p^gamma where (1-p)^gamma belongs: hard pixels fade")
def focal_fades_hard_pixels(case: Case) -> Any:
    if case.keywords.get("class_axis") is not None:
        return _ref(case)

    def formula(r: Region, alpha: float | None, gamma: float) -> Term:
        m = r.prob
        hit = (1 if alpha is None else alpha) * r.y * m.p**gamma
        miss = (1 if alpha is None else 1 - alpha) * (1 - r.y) * m.q**gamma
        return r.mean(-(m.times_log(hit, m.log_p) + m.times_log(miss, m.log_q)), lambda: Slope(p=m.p))

    return _with(case, formula)[0]


@_mutant("focal_loss", "the modulating factor is detached: the value is right, the gradient is not")
def focal_detached(case: Case) -> Answer:
    if case.keywords.get("class_axis") is not None:
        return _ref(case)

    def formula(r: Region, alpha: float | None, gamma: float) -> Term:
        m = r.prob
        hit = (1 if alpha is None else alpha) * r.y * m.q**gamma
        miss = (1 if alpha is None else 1 - alpha) * (1 - r.y) * m.p**gamma
        loss = -(m.times_log(hit, m.log_p) + m.times_log(miss, m.log_q))
        return r.mean(loss, lambda: Slope(log_p=-hit, log_q=-miss))

    return _ref(case)[0], _with(case, formula)[1]


@_mutant("focal_loss", "the power's slope at 0 is formed: nan for gamma below 1 at saturated logits")
def focal_nan(case: Case) -> Answer:
    value, gradient = _ref(case)
    z, gamma = case.pred, _parameter(case, "gamma")
    if not case.keywords.get("from_logits") or not 0 < gamma < 1:
        return value, gradient
    return value, np.where(expit(-np.abs(z)) < 1e-200, np.nan, gradient)


@_mutant("focal_loss", "divided by the number of positives")
def focal_per_positive(case: Case) -> Answer:
    value, gradient = _ref(case)
    positives = max(float((case.target == 1).sum()), 1.0)
    scale = case.target.size / positives
    return value * scale, gradient * scale


# Lovász. --------------------------------------------------------------------------------------------------------------


def _sorted_jaccard(errors: Any, y: Any, ascending: bool = False, differences: bool = True) -> float:
    order = np.argsort(errors if ascending else -errors, kind="stable")
    y = y[order]
    fn, fp = np.cumsum(y), np.cumsum(1 - y)
    jaccard = 1 - (y.sum() - fn) / (y.sum() + fp)
    steps = np.diff(jaccard, prepend=0) if differences else jaccard
    return float((steps * errors[order]).sum())


def _hinges(case: Case, relu: bool = True) -> tuple[Any, Any]:
    y = case.target.astype(float).ravel()
    margin = 1 - (2 * y - 1) * case.pred.ravel()
    return (np.maximum(margin, 0) if relu else margin), y


@_mutant("lovasz_hinge_loss", "sorted ascending")
def lovasz_ascending(case: Case) -> Any:
    return _ref(case)[0] if case.keywords else _sorted_jaccard(*_hinges(case), ascending=True)


@_mutant("lovasz_hinge_loss", "Jaccard values in place of their differences")
def lovasz_without_differences(case: Case) -> Any:
    return _ref(case)[0] if case.keywords else _sorted_jaccard(*_hinges(case), differences=False)


@_mutant("lovasz_hinge_loss", "negative margins are not cut off")
def lovasz_without_relu(case: Case) -> Any:
    return _ref(case)[0] if case.keywords else _sorted_jaccard(*_hinges(case, relu=False))


@_mutant("lovasz_hinge_loss", "elu + 1 in place of relu")
def lovasz_elu(case: Case) -> Any:
    if case.keywords:
        return _ref(case)[0]
    margin, y = _hinges(case, relu=False)
    return _sorted_jaccard(np.where(margin > 0, margin, np.expm1(np.minimum(margin, 0))) + 1, y)


@_mutant("lovasz_hinge_loss", "all images are sorted together")
def lovasz_pooled(case: Case) -> Answer:
    value, gradient = _ref(case, axis=None)
    return np.broadcast_to(value, case.answer.shape), gradient


@_mutant("lovasz_softmax_loss", "absent classes are averaged in")
def lovasz_absent(case: Case) -> Answer:
    return _ref(case, classes="all")


@_mutant("lovasz_softmax_loss", "pixel weights multiply errors, not sets")
def lovasz_weighted_errors(case: Case) -> Any:
    weight = case.keywords.get("weight")
    if weight is None or case.keywords.get("class_axis") is not None or case.keywords.get("from_logits"):
        return _ref(case)
    y = case.target.astype(float)
    return _ref(case, pred=np.clip(y + (case.pred - y) * np.minimum(weight, 1), 0, 1), weight=None)[0]


# Compound. ------------------------------------------------------------------------------------------------------------


@_mutant("combo_loss", "the Dice loss is subtracted, as the survey prints it")
def combo_subtracts_loss(case: Case) -> Answer:
    alpha = _parameter(case, "alpha")
    whole, gradient = _ref(case)
    cross, cross_gradient = _ref(case, alpha=1.0)
    overlap_, overlap_gradient = _ref(case, alpha=0.0)
    return (
        alpha * cross - (1 - alpha) * (1 + overlap_) + 0 * whole,
        alpha * cross_gradient - (1 - alpha) * overlap_gradient + 0 * gradient,
    )


@_mutant("combo_loss", "beta on the background")
def combo_beta_swapped(case: Case) -> Answer:
    beta = _parameter(case, "beta")
    return _ref(case, beta=None if beta is None else 1 - beta)


@_mutant("combo_loss", "class weights multiply the Dice part too")
def combo_weighs_dice(case: Case) -> Answer:
    factors = case.keywords.get("class_weight")
    value, gradient = _ref(case)
    scale = 1 if factors is None else float(np.mean(factors))
    return value * scale, gradient * scale


@_mutant("exponential_logarithmic_loss", "-ln(DC^gamma), as the survey prints it")
def exponential_inside(case: Case) -> Answer:
    gamma = _parameter(case, "dice_gamma")
    weight = _parameter(case, "dice_weight")
    return _ref(case, dice_gamma=1.0, dice_weight=weight * gamma)


@_mutant("exponential_logarithmic_loss", "label weights without the square root")
def exponential_label_weights(case: Case) -> Answer:
    if "class_axis" in case.keywords or case.keywords.get("label_weights") is not None or "weight" in case.keywords:
        return _ref(case)
    share = float(case.target.mean())
    if not 0 < share < 1 or "axis" in case.keywords or "ignore_index" in case.keywords:
        return _ref(case)
    return _ref(case, label_weights=(1 / (1 - share), 1 / share))


@_mutant("exponential_logarithmic_loss", "one exponent for both parts")
def exponential_one_gamma(case: Case) -> Answer:
    return _ref(case, cross_gamma=_parameter(case, "dice_gamma"))


# Counts. --------------------------------------------------------------------------------------------------------------


def _as(of: str, why: str, name: str, **changes: Any) -> None:
    """A metric that is really another one, or the same with another keyword."""
    label = f"{of}_is_{name}" + "".join(f"_{key}" for key in changes)
    MUTANTS.append(Mutant(label, of, why, lambda case: _score(case, name, **changes)))


_as("dice_score", "intersection over union is returned", "jaccard_index")
_as("jaccard_index", "Dice is returned", "dice_score")
_as("sensitivity", "precision is returned", "precision")
_as("precision", "sensitivity is returned", "sensitivity")
_as("specificity", "negative predictive value is returned", "negative_predictive_value")
_as("negative_predictive_value", "specificity is returned", "specificity")
_as("balanced_accuracy", "plain accuracy is returned", "accuracy")
_as("cohen_kappa", "Matthews correlation is returned", "matthews_correlation")
_as("dice_score", "0/0 is silently 0", "dice_score", undefined=0.0)
_as("jaccard_index", "0/0 is silently 1", "jaccard_index", undefined=1.0)
_as("jaccard_index", "weights are not used", "jaccard_index", weight=None)
_as("accuracy", "the mean over regions is pooled", "accuracy", axis=None)


@_mutant("sensitivity", "ignored pixels count as predictions of the background")
def sensitivity_with_ignored(case: Case) -> Any:
    ignored = case.keywords.get("ignore_index")
    if ignored is None:
        return _score(case)
    target = np.where(case.target == ignored, 0, case.target)
    kept = Case(case.name, case.pred, target, case.keywords | {"ignore_index": None}, case.grid, False)
    return _score(kept)


@_mutant("f_score", "beta is not squared")
def f_score_beta(case: Case) -> Any:
    return _score(case, beta=float(np.sqrt(_parameter(case, "beta"))))


@_mutant("tversky_index", "weights swapped")
def tversky_index_swapped(case: Case) -> Any:
    return _score(case, fp_weight=_parameter(case, "fn_weight"), fn_weight=_parameter(case, "fp_weight"))


@_mutant("volumetric_similarity", "the difference is not subtracted from 1")
def volumetric_difference(case: Case) -> Any:
    return _score(case, kind="signed" if _parameter(case, "kind") == "unsigned" else _parameter(case, "kind"))


@_mutant("volumetric_similarity", "prediction and target change places")
def volumetric_swapped(case: Case) -> Any:
    value = _score(case)
    return -value if _parameter(case, "kind") in ("signed", "relative") else value


@_mutant("matthews_correlation", "the square root is missing")
def matthews_without_root(case: Case) -> Any:
    value = _score(case)
    return value * np.abs(value)


@_mutant("cohen_kappa", "chance agreement is left out")
def kappa_without_chance(case: Case) -> Any:
    return 2 * _score(case, "accuracy") - 1


@_mutant("accuracy", "the index y C + p is formed in uint8 and wraps")
def accuracy_wraps(case: Case) -> Any:
    if case.keywords.get("num_classes", 0) < 17 or case.target.dtype != np.uint8:
        return _score(case)
    wrapped = (case.target * np.uint8(case.keywords["num_classes"]) + case.pred) // case.keywords["num_classes"]
    return _score(Case(case.name, case.pred, wrapped.astype(np.uint8), case.keywords, case.grid, False))


@_mutant("dice_score", "nan is skipped by a plain mean")
def dice_score_nanmean(case: Case) -> Any:
    return _score(case, reduction="nanmean" if case.keywords["reduction"] == "mean" else case.keywords["reduction"])


# Right ones, written otherwise. ---------------------------------------------------------------------------------------


def _right(of: str, why: str) -> Callable[[Callable[[Case], Any]], Callable[[Case], Any]]:
    def add(function: Callable[[Case], Any]) -> Callable[[Case], Any]:
        RIGHT.append(Mutant(function.__name__, of, why, function))
        return function

    return add


@_right("binary_cross_entropy", "softplus and one pixel after the other")
def cross_entropy_in_a_loop(case: Case) -> Any:
    if not (_plain(case) and case.keywords):
        return _ref(case)
    sum_ = 0.0
    for z, y in zip(case.pred.ravel(), case.target.astype(float).ravel(), strict=True):
        sum_ += y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)
    return sum_ / case.pred.size


@_right("dice_loss", "as printed, summed one pixel after the other")
def dice_in_a_loop(case: Case) -> Any:
    if set(case.keywords) - {"smooth"}:
        return _ref(case)
    above, below = _pair(_parameter(case, "smooth"))
    if below == 0:
        return _ref(case)
    overlap_ = sizes = 0.0
    for p, y in zip(case.pred.ravel(), case.target.astype(float).ravel(), strict=True):
        overlap_, sizes = overlap_ + p * y, sizes + p + y
    return 1 - (2 * overlap_ + above) / (sizes + below)


@_right("tversky_loss", "as a generalised Dice: 1 - TP/(TP + a FP + b FN) from P and Y")
def tversky_from_sizes(case: Case) -> Any:
    if set(case.keywords) - {"fp_weight", "fn_weight"}:
        return _ref(case)
    p, y = case.pred, case.target.astype(float)
    tp = (p * y).sum()
    rest = _parameter(case, "fp_weight") * (p.sum() - tp) + _parameter(case, "fn_weight") * (y.sum() - tp)
    return 1 - (tp + 1e-5) / (tp + rest + 1e-5)


@_right("focal_loss", "from log_expit and exponentials")
def focal_from_logarithms(case: Case) -> Any:
    if set(case.keywords) - {"from_logits", "gamma"} or not case.keywords.get("from_logits"):
        return _ref(case)
    log_p, log_q, y = log_expit(case.pred), log_expit(-case.pred), case.target.astype(float)
    gamma = _parameter(case, "gamma")
    return -(y * np.exp(gamma * log_q) * log_p + (1 - y) * np.exp(gamma * log_p) * log_q).mean()


@_right("matthews_correlation", "as the correlation coefficient of two columns")
def matthews_as_correlation(case: Case) -> Any:
    if set(case.keywords) - {"reduction", "undefined"}:
        return _score(case)
    a, b = (case.pred > 0.5).ravel(), (case.target > 0.5).ravel()
    if a.all() or b.all() or not a.any() or not b.any():
        return _score(case)
    return np.corrcoef(a, b)[0, 1]


def reject(mutant: Mutant, examples: int = 300, seed: int = 0) -> Cell:
    """Hold a mutant against the checks; a rejected one has a `minimal` failure."""
    record = registry.losses[mutant.of] if mutant.of in registry.losses else registry.metrics[mutant.of]
    return run_record(record, [mutant.implementation], examples, seed, shrinking=False)[0]


def survey(examples: int = 300, seed: int = 0) -> int:
    """Print which check rejects each mutant, and after how many cases; 1 where one survives or a right one falls."""
    wrong = 0
    for mutant in MUTANTS:
        cell = reject(mutant, examples, seed)
        if cell.minimal is None:
            wrong += 1
            print(f"SURVIVES  {mutant.name:38} {mutant.of:30} {mutant.why}")
        else:
            print(f"rejected  {mutant.name:38} {cell.minimal.failure.check:9} case {cell.failed_after:4}  {mutant.why}")
    for mutant in RIGHT:
        cell = reject(mutant, examples, seed)
        if cell.minimal is not None:
            wrong += 1
            print(f"WRONGLY REJECTED  {mutant.name}: {cell.minimal.failure.message}", file=sys.stderr)
        else:
            print(f"accepted  {mutant.name:38} {cell.examples:4} cases       {mutant.why}")
    print(f"\n{len(MUTANTS)} mutants, {len(RIGHT)} right implementations, {wrong} judged wrongly")
    return 1 if wrong else 0
