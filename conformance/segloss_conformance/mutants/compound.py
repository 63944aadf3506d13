"""Wrong compound losses."""

from __future__ import annotations

import numpy as np

from ..cases.case import Case
from .kit import Answer, mutant, parameter, refer


@mutant("combo_loss", "the Dice loss is subtracted, as the survey prints it")
def combo_subtracts_loss(case: Case) -> Answer:
    alpha = parameter(case, "alpha")
    whole, gradient = refer(case)
    cross, cross_gradient = refer(case, alpha=1.0)
    overlap_, overlap_gradient = refer(case, alpha=0.0)
    return (
        alpha * cross - (1 - alpha) * (1 + overlap_) + 0 * whole,
        alpha * cross_gradient - (1 - alpha) * overlap_gradient + 0 * gradient,
    )


@mutant("combo_loss", "beta on the background")
def combo_beta_swapped(case: Case) -> Answer:
    beta = parameter(case, "beta")
    return refer(case, beta=None if beta is None else 1 - beta)


@mutant("combo_loss", "class weights multiply the Dice part too")
def combo_weighs_dice(case: Case) -> Answer:
    factors = case.keywords.get("class_weight")
    value, gradient = refer(case)
    scale = 1 if factors is None else float(np.mean(factors))
    return value * scale, gradient * scale


@mutant("exponential_logarithmic_loss", "-ln(DC^gamma), as the survey prints it")
def exponential_inside(case: Case) -> Answer:
    gamma = parameter(case, "dice_gamma")
    weight = parameter(case, "dice_weight")
    return refer(case, dice_gamma=1.0, dice_weight=weight * gamma)


@mutant("exponential_logarithmic_loss", "label weights without the square root")
def exponential_label_weights(case: Case) -> Answer:
    if "class_axis" in case.keywords or case.keywords.get("label_weights") is not None or "weight" in case.keywords:
        return refer(case)
    share = float(case.target.mean())
    if not 0 < share < 1 or "axis" in case.keywords or "ignore_index" in case.keywords:
        return refer(case)
    return refer(case, label_weights=(1 / (1 - share), 1 / share))


@mutant("exponential_logarithmic_loss", "one exponent for both parts")
def exponential_one_gamma(case: Case) -> Answer:
    return refer(case, cross_gamma=parameter(case, "dice_gamma"))
