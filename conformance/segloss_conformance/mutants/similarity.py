"""Wrong structural similarity losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from segloss_ref import kit
from segloss_ref.kit import Regions, Term

from ..cases.case import Case
from .kit import Answer, mutant, parameter, refer, with_formula


def _similar(case: Case, structure: Any = None, choose: Any = None, divide: Any = None, weigh: bool = True) -> Answer:
    """The structural similarity loss with one of its steps altered."""

    def formula(r: Regions, *, window: int, sigma: float, c4: float, beta: float) -> Term:
        y, p = r.images.y, r.images.prob.p
        found = [(x, *kit.gaussian_statistics(r.prob.backend, x, r.axes, window, sigma)) for x in (y, p)]
        e = abs((structure or _as_it_is)(r, found, c4))
        f = ((choose or (lambda e, beta, largest: e > beta * largest))(e, beta, r.largest(e))).astype(float)
        m = r.sum(f) if divide is None else divide(r, f)
        cross, slope = r.prob.binary_cross_entropy(r.y)
        factor = e * f if weigh else f
        total = r.sum(r.prob.times_log(factor, cross))
        return r.term(r.ratio(total, m), lambda g: slope().scaled(factor * r.ratio(g * r.present(m), m)))

    return with_formula(case, formula)


def _as_it_is(r: Regions, found: Any, c4: float) -> Any:
    (y, mean_y, sd_y), (p, mean_p, sd_p) = found
    return (y - mean_y + c4) / (sd_y + c4) - (p - mean_p + c4) / (sd_p + c4)


def _mean_below(r: Regions, found: Any, c4: float) -> Any:
    (y, mean_y, sd_y), (p, mean_p, _) = found
    return (y - mean_y + c4) / (sd_y + c4) - (p - mean_p + c4) / (mean_p + c4)


def _crossed(r: Regions, found: Any, c4: float) -> Any:
    (y, mean_y, sd_y), (p, mean_p, sd_p) = found
    return (y - mean_p + c4) / (sd_y + c4) - (p - mean_y + c4) / (sd_p + c4)


def _global(r: Regions, found: Any, c4: float) -> Any:
    def structure(x: Any) -> Any:
        return (x - x.mean(axis=r.axes, keepdims=True) + c4) / (x.std(axis=r.axes, keepdims=True) + c4)

    return structure(found[0][0]) - structure(found[1][0])


@mutant("structural_similarity_loss", "a mean in the second denominator, as the survey prints it")
def similarity_mean_below(case: Case) -> Answer:
    return _similar(case, _mean_below)


@mutant("structural_similarity_loss", "the means change places")
def similarity_means_crossed(case: Case) -> Answer:
    return _similar(case, _crossed)


@mutant("structural_similarity_loss", "mean and deviation of the whole image in place of a window's")
def similarity_global(case: Case) -> Answer:
    return _similar(case, _global)


@mutant("structural_similarity_loss", "a fixed threshold in place of a share of the largest")
def similarity_fixed_threshold(case: Case) -> Answer:
    return _similar(case, choose=lambda e, beta, largest: e > beta)


@mutant("structural_similarity_loss", "divided by all pixels in place of the chosen ones")
def similarity_over_all(case: Case) -> Answer:
    return _similar(case, divide=lambda r, f: r.sum(np.ones_like(f)))


@mutant("structural_similarity_loss", "the chosen pixels count alike, e only chooses")
def similarity_unweighted(case: Case) -> Answer:
    return _similar(case, weigh=False)


@mutant("structural_similarity_loss", "sigma is ignored")
def similarity_without_sigma(case: Case) -> Answer:
    return refer(case, sigma=1.5)


@mutant("structural_similarity_loss", "the window is one step wider on either side")
def similarity_wider(case: Case) -> Answer:
    return refer(case, window=parameter(case, "window") + 2)


@mutant("structural_similarity_loss", "the constant C is left out of the numerators")
def similarity_without_c4_above(case: Case) -> Answer:
    return _similar(
        case,
        lambda r, found, c4: (
            (found[0][0] - found[0][1]) / (found[0][2] + c4) - (found[1][0] - found[1][1]) / (found[1][2] + c4)
        ),
    )
