"""Overlap of a soft mask with its target: the ratio behind Dice, Jaccard and Tversky, and its derivative.

With agreement a and disagreement d, a loss 1 - a/(a + d) is d/(a + d). Written so it keeps all its digits near a perfect
prediction, where the subtraction from 1 would lose them, and its derivative (a d' - d a')/(a + d)^2 does too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._roles import PerRegion
from ..domains import smooth_pair
from ..engine.probability import Slope, times
from ..engine.regions import Regions, Term

__all__ = ["Overlap", "affine", "overlap", "raised", "squared_overlap"]


class Overlap(NamedTuple):
    """The loss d/(a + d) with its parts. 0/0 is a perfect match: loss 0, gradient 0."""

    loss: Term
    agreement: Any
    disagreement: Any
    empty: Any
    """Where that 0/0 is."""
    unit: Any
    """What weighted sums are multiplied by before smoothing is added."""


def overlap(
    r: Regions,
    hits: Any,
    fp_weight: Any,
    fn_weight: Any,
    smooth: float | tuple[float, float],
    *,
    pool: bool = False,
    relative: bool = False,
) -> Overlap:
    """a = hits TP + s_n, d = fp_weight FP + fn_weight FN + s_d - s_n; with `pool` both are summed over the classes.

    TP = sum py, FP = sum p(1-y), FN = sum qy. The latter two are formed as sum p - TP and sum y - TP, good to a few
    roundoffs of the sizes of the masks and so of a loss whose largest value is 1; a function that magnifies a loss near 0,
    as a power below 1 does, needs all their digits (`relative`), which takes one pass more for each.
    """
    above, below, unit = r.smoothing(smooth)
    _ = r.prob.p  # kept for the slope, and found there by every block

    def overlaps(part: Regions) -> tuple[Any, Any, Any]:
        p, y = part.prob.p, part.y
        return (p * y, p * (1 - y), part.prob.times_q(y)) if relative else (p * y, p, y)

    hit, false, missed = (times(unit, total) for total in r.sums(overlaps))
    if not relative:
        false, missed = false - hit, missed - hit
    agreement = hits * hit
    disagreement = fp_weight * false + fn_weight * missed
    if pool:
        agreement = r.xp.sum(agreement, axis=r.class_axis, keepdims=True)
        disagreement = r.xp.sum(disagreement, axis=r.class_axis, keepdims=True)
    agreement, disagreement = agreement + above, disagreement + (below - above)
    value, total, empty = _quotient(r, agreement, disagreement, smooth, pool or fp_weight > 0)

    def slope(factor: PerRegion) -> Slope:
        factor = times(unit, factor)
        by_false, by_hit = r.bounded(factor * fp_weight / total), r.bounded(factor * hits / total)
        by_missed = by_false if fn_weight is fp_weight else r.bounded(factor * fn_weight / total)
        a, d = agreement / total, disagreement / total
        return affine(r, by_false * a, -(by_missed * a + by_hit * d))

    return Overlap(r.term(value, slope), agreement, disagreement, empty, unit)


def _quotient(
    r: Regions, agreement: Any, disagreement: Any, smooth: float | tuple[float, float], costly: bool
) -> tuple[Any, Any, Any]:
    """(d/(a + d), a + d with 1 in place of 0, where 0/0 is a perfect match).

    It is none where p has merely underflowed: p of a finite logit is above 0, so that an empty target is missed if false
    positives are `costly`.
    """
    xp, total = r.xp, agreement + disagreement
    empty, divisor = total == 0, r.divisor(total)
    value = disagreement / divisor
    if costly and smooth_pair(smooth)[1] == 0 and r.prob.finite_logs:
        regions = tuple(axis for axis, size in enumerate(total.shape) if size == 1)
        counted = r.prob.pred if r.weight is None else xp.where(r.weight == 0, -xp.inf, r.prob.pred)
        predicted = xp.max(counted, axis=regions, keepdims=True) > -xp.inf
        missed = empty & predicted & (xp.max(r.y, axis=regions, keepdims=True) == 0)
        value, empty = xp.where(missed, 1.0, value), empty & ~missed
    return value, divisor, empty


def squared_overlap(r: Regions, hits: float, smooth: float | tuple[float, float]) -> Term:
    """a = hits TP + s_n, d = sum (p-y)^2 + s_d - s_n: what squares in the denominator of Dice and Jaccard come to."""
    above, below, unit = r.smoothing(smooth)
    _ = r.prob.p  # kept for the slope, and found there by every block

    def squares(part: Regions) -> tuple[Any, Any]:
        error = _error(part)
        return part.prob.p * part.y, error * error

    hit, off = (times(unit, total) for total in r.sums(squares))
    agreement, disagreement = hits * hit + above, off + (below - above)
    value, total, _ = _quotient(r, agreement, disagreement, smooth, True)

    def slope(factor: PerRegion) -> Slope:
        share = r.bounded(times(unit, factor) / total)
        by_d, by_a = share * (agreement / total), share * (disagreement / total)
        return Slope(pred=r.formed(_squared, 2 * by_d, hits * by_a))

    return r.term(value, slope)


def _error(r: Regions) -> Any:
    """p - y."""
    return r.prob.backend.blend(r.prob.p, -r.prob.q, r.y)


def _squared(r: Regions, by_error: Any, by_hit: Any) -> Any:
    return r.prob.pull(Slope(p=by_error * _error(r) - by_hit * r.y))


def affine(r: Regions, outside: Any, inside: Any) -> Slope:
    """The slope by p that is `outside` where y is 0, `inside` where it is 1, and straight between."""
    return Slope(pred=r.formed(_affine, outside, inside))


def _affine(r: Regions, outside: Any, inside: Any) -> Any:
    return r.prob.pull(Slope(p=r.prob.backend.blend(outside, inside, r.y)))


def raised(xp: Any, x: Any, exponent: float) -> tuple[Any, Any]:
    """(x^g, its derivative) for x >= 0; the infinite slope of g < 1 at 0 is taken as 0.

    At an infinite x the derivative is 1: what matters is its sign, as x is a logarithm whose own slope is infinite there.
    """
    if exponent == 1:
        return x, xp.ones_like(x)
    value = x**exponent
    # x^g/x rather than x^(g-1), since g - 1 is rounded and a tiny x magnifies that.
    slope = exponent * value / xp.where(x == 0, xp.inf, x)
    if exponent > 1:
        # Room for weights and sums over classes, in which infinite slopes would make nan.
        slope = xp.clip(slope, max=xp.finfo(slope.dtype).max / 2**20)
    return value, xp.where(x == xp.inf, 1.0, slope)
