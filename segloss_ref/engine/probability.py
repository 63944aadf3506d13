"""Foreground probability p and q = 1 - p with their logarithms, exact from logits and from probabilities alike.

A loss is written on (p, q, log p, log q); its derivative by these is a `Slope`, and `pull` carries a slope back to what
the caller gave. Nothing is clipped, and q is never formed as 1 - p where logits are at hand.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, Self

from .._arguments import without_weight
from .._backend import Array, Backend

__all__ = [
    "Place",
    "Probabilities",
    "Probability",
    "Sigmoid",
    "Slope",
    "Softmax",
    "blocks",
    "cut",
    "places_of",
    "times",
]


Place = tuple[slice, ...]
"""Where a block of pixels lies in an array."""


@dataclass(frozen=True)
class Slope:
    """Derivative of a value by p, log p and log q, each held as a variable of its own, and by `pred` itself.

    None stands for 0. `pred` holds what has been carried back to the caller's argument already. The arrays are the slope's
    own: whoever consumes it may overwrite them.
    """

    p: Array = None
    log_p: Array = None
    log_q: Array = None
    pred: Array = None

    def __add__(self, other: Slope) -> Slope:
        return Slope(
            _add(self.p, other.p),
            _add(self.log_p, other.log_p),
            _add(self.log_q, other.log_q),
            _add(self.pred, other.pred),
        )

    def scaled(self, factor: Array) -> Slope:
        """Every part times `factor`."""
        return Slope(
            _times(self.p, factor),
            _times(self.log_p, factor),
            _times(self.log_q, factor),
            _times(self.pred, factor),
        )

    def cut(self, place: Place) -> Slope:
        """The part of it that belongs to `place`."""
        return Slope(*(None if one is None else cut(one, place) for one in (self.p, self.log_p, self.log_q, self.pred)))


def places_of(x: Array, backend: Backend, whole: int | None) -> list[Place]:
    """The blocks of `x` that its library likes to work on; none where it has no such wish or one is enough."""
    block = backend.block(x)
    places = [] if block is None else blocks(tuple(x.shape), block, whole)
    return places if len(places) > 1 else []


def blocks(shape: tuple[int, ...], block: int, whole: int | None) -> list[Place]:
    """Places that cover an array of `shape`, of about `block` elements each and with all of the axis `whole`."""
    steps = list(shape)
    for axis in range(len(shape)):
        if axis != whole and math.prod(steps) > block:
            steps[axis] = max(1, block * steps[axis] // math.prod(steps))
    return list(
        itertools.product(
            *(
                [slice(start, start + step) for start in range(0, length, step)]
                for length, step in zip(shape, steps, strict=True)
            )
        )
    )


def cut(x: Array, place: Place) -> Array:
    """What of `x` belongs to `place`: all of it along an axis of size 1, and a number as it is."""
    shape = getattr(x, "shape", ())
    if all(n == 1 for n in shape):
        return x
    return x[tuple(slice(None) if n == 1 else one for n, one in zip(shape, place, strict=True))]


def _add(a: Array, b: Array) -> Array:
    return a if b is None else b if a is None else a + b


def _times(a: Array, factor: Array) -> Array:
    return None if a is None else a * factor


def times(factor: Array, x: Array) -> Array:
    """factor * x; `x` itself for a factor of 1 that is no array."""
    return x if isinstance(factor, int | float) and factor == 1 else factor * x


class Probability:
    """What `pred` says. Subclasses compute p, q, log_p and log_q on first use and keep them."""

    finite_logs = True
    """log p and log q are finite for every finite `pred`."""
    filler = 0.0
    """What stands in `pred` wherever the weight is 0."""

    def __init__(self, given: Array, backend: Backend, weight: Array = None) -> None:
        self.given = given
        """`pred` as it came, in the dtype of the computation."""
        self.weight = weight
        self.backend = backend
        self.xp: Any = backend.namespace(given)
        self._pred: Array = given if weight is None else None
        self._p: Array = None
        self._q: Array = None
        self._log_p: Array = None
        self._log_q: Array = None

    @property
    def pred(self) -> Array:
        """`given` without what stands at pixels of weight 0, so that nothing of it can reach a sum.

        That is a copy, and made for a block alone where no more is looked at.
        """
        if self._pred is None:
            self._pred = without_weight(self.xp, self.given, self.weight, self.filler)
        return self._pred

    @property
    def p(self) -> Array:
        """Probability of the foreground, or of each class."""
        if self._p is None:
            self._p = self._make_p()
        return self._p

    @property
    def q(self) -> Array:
        """1 - p."""
        if self._q is None:
            self._q = self._make_q()
        return self._q

    @property
    def log_p(self) -> Array:
        """log p."""
        if self._log_p is None:
            self._log_p = self._make_log_p()
        return self._log_p

    @property
    def log_q(self) -> Array:
        """log(1 - p)."""
        if self._log_q is None:
            self._log_q = self._make_log_q()
        return self._log_q

    @property
    def foreground(self) -> Array:
        """Where p > 1/2."""
        return self.p > 0.5

    def _make_p(self) -> Array:
        raise NotImplementedError

    def _make_q(self) -> Array:
        raise NotImplementedError

    def _make_log_p(self) -> Array:
        raise NotImplementedError

    def _make_log_q(self) -> Array:
        raise NotImplementedError

    def cut(self, place: Place) -> Self:
        """The part of it that lies at `place`."""
        part = copy(self)
        part.given, part.weight = self.given[place], cut(self.weight, place)
        part._pred, part._p, part._q, part._log_p, part._log_q = (
            None if one is None else one[place] for one in (self._pred, self._p, self._q, self._log_p, self._log_q)
        )
        return part

    def times_q(self, factor: Array) -> Array:
        """factor * q."""
        return factor * self.q

    def times_log(self, factor: Array, log: Array) -> Array:
        """factor * log, where a factor of exactly 0 wins over an infinite logarithm."""
        return factor * log

    def pull(self, slope: Slope) -> Array:
        """The derivative by `pred`."""
        raise NotImplementedError

    def slope_near_certainty(self, a: Array) -> Slope:
        """The slope of a value that has the derivative `a` by log p, which may be without bound where p nears 1."""
        return Slope(log_p=a)

    def binary_cross_entropy(self, y: Array) -> tuple[Array, Callable[[], Slope]]:
        """-[y log p + (1-y) log q] of each position, and its slope."""
        loss = -(self.times_log(y, self.log_p) + self.times_log(1 - y, self.log_q))
        return loss, lambda: Slope(log_p=-y, log_q=y - 1)


class Probabilities(Probability):
    """`pred` holds the probabilities; each of them is a variable of its own."""

    finite_logs = False
    filler = 0.5

    def _make_p(self) -> Array:
        return self.pred

    def _make_q(self) -> Array:
        return 1 - self.pred

    def _make_log_p(self) -> Array:
        return self.xp.log(self.pred)

    def _make_log_q(self) -> Array:
        return self.xp.log1p(-self.pred)

    def times_log(self, factor: Array, log: Array) -> Array:
        """See `Probability.times_log`."""
        return factor * self.xp.where(factor == 0, 0.0, log)

    def _over(self, slope: Array, divisor: Array) -> Array:
        nothing = slope == 0
        return slope / self.xp.where(nothing, 1.0, divisor)

    def pull(self, slope: Slope) -> Array:
        """d/dp: dlog p = dp/p, dlog q = -dp/q; where a slope is 0 its quotient is 0 too."""
        total = _add(slope.pred, slope.p)
        if slope.log_p is not None:
            total = _add(total, self._over(slope.log_p, self.p))
        if slope.log_q is not None:
            total = _add(total, -self._over(slope.log_q, self.q))
        return total


class Sigmoid(Probability):
    """`pred` holds logits z of yes/no questions."""

    def __init__(self, given: Array, backend: Backend, weight: Array = None) -> None:
        super().__init__(given, backend, weight)
        self._zero: Array = None
        self._log_larger: Array = None
        self._above_0: Array = None

    @property
    def foreground(self) -> Array:
        """Where z > 0, which is where p > 1/2 before any rounding."""
        return self.pred > 0

    def _make_p(self) -> Array:
        return self.backend.sigmoid(self.pred)

    @property
    def zero(self) -> Array:
        """0 as an array without axes."""
        if self._zero is None:
            self._zero = self.xp.zeros_like(self.given[(0,) * self.given.ndim])
        return self._zero

    def cut(self, place: Place) -> Self:
        """See `Probability.cut`."""
        part = super().cut(place)
        part._zero = self.zero
        part._log_larger, part._above_0 = (
            None if one is None else one[place] for one in (self._log_larger, self._above_0)
        )
        return part

    @property
    def log_larger(self) -> Array:
        """The logarithm of the larger of p and q, -log(1 + e^-|z|)."""
        if self._log_larger is None:
            self._log_larger = self.xp.log1p(-self.xp.minimum(self.p, self.q))
        return self._log_larger

    @property
    def above_0(self) -> Array:
        """max(z, 0)."""
        if self._above_0 is None:
            self._above_0 = self.xp.maximum(self.pred, self.zero)
        return self._above_0

    def _make_q(self) -> Array:
        return self.backend.times_complement(self.zero + 1, self.pred)

    def _make_log_p(self) -> Array:
        return self.log_larger - (self.above_0 - self.pred)

    def _make_log_q(self) -> Array:
        return self.log_larger - self.above_0

    def times_q(self, factor: Array) -> Array:
        """See `Probability.times_q`."""
        return self.backend.times_complement(factor, self.pred) if self._q is None else factor * self._q

    def pull(self, slope: Slope) -> Array:
        """d/dz: dp = pq dz, dlog p = q dz, dlog q = -p dz."""
        total = slope.pred
        if slope.p is not None:
            total = _add(total, self.backend.through_sigmoid(self.p, self.pred, slope.p))
        if slope.log_p is not None:
            total = _add(total, self.times_q(slope.log_p))
        if slope.log_q is not None:
            total = -self.p * slope.log_q if total is None else total - self.p * slope.log_q
        return total

    def binary_cross_entropy(self, y: Array) -> tuple[Array, Callable[[], Slope]]:
        """(1-y) max(z, 0) + y max(-z, 0) + log(1 + e^-|z|), and its slope (1-y) p - y q.

        Neither cancels, so a confident right answer keeps its gradient; and it takes one logarithm where the sum of y log p
        and (1-y) log q takes two.
        """
        above, blend = self.above_0, self.backend.blend
        loss = blend(above, above - self.pred, y) - self.log_larger
        return loss, lambda: Slope(pred=blend(self.p, -self.q, y))


class Softmax(Probability):
    """`pred` holds logits of classes that compete along `axis`."""

    def __init__(self, given: Array, backend: Backend, axis: int, weight: Array = None) -> None:
        super().__init__(given, backend, weight)
        self.axis = axis
        self._rough: Array = None
        self._top: Array = None
        self._lost: Array = None

    def cut(self, place: Place) -> Self:
        """See `Probability.cut`."""
        part = super().cut(place)
        part._rough, part._top, part._lost = (
            None if one is None else cut(one, place) for one in (self._rough, self._top, self._lost)
        )
        return part

    def _sum(self, x: Array) -> Array:
        return self.xp.sum(x, axis=self.axis, keepdims=True)

    def times_log(self, factor: Array, log: Array) -> Array:
        """See `Probability.times_log`; only a class without a rival has an infinite logarithm, of q = 0."""
        if self.given.shape[self.axis] > 1:
            return factor * log
        return factor * self.xp.where(factor == 0, 0.0, log)

    @property
    def uncorrected_log_p(self) -> Array:
        """log p with an absolute error of a rounding: near p = 1, where log p is small, most of its digits are lost."""
        if self._rough is None:
            rough = self.backend.log_softmax(self.pred, self.axis)
            # The difference of two logits may overflow, and 0 times an infinite logarithm is nan.
            self._rough = self.xp.clip(rough, min=-self.xp.finfo(rough.dtype).max)
        return self._rough

    @property
    def lost(self) -> Array:
        """q of the top class, of size 1 along the class axis; without such a class it means nothing."""
        if self._lost is None:
            self._lost = self._sum(self.xp.where(self.top, 0.0, self.p))
        return self._lost

    @property
    def top(self) -> Array:
        """Where p > 3/4: at most one class of a pixel, and the only one whose q has to be summed from the others."""
        if self._top is None:
            self._top = self.p > 0.75
        return self._top

    def _rest(self) -> tuple[Array, Array]:
        """(log p of every class but the top one, their log-sum-exp): both -inf where there is no other class."""
        xp = self.xp
        others = xp.where(self.top, -xp.inf, self.uncorrected_log_p)
        largest = xp.max(others, axis=self.axis, keepdims=True)
        shift = xp.where(largest == -xp.inf, 0.0, largest)
        return others, shift + xp.log(self._sum(xp.exp(others - shift)))

    def _make_p(self) -> Array:
        places = places_of(self.given, self.backend, self.axis) if self._rough is None else []
        if not places:
            return self.xp.exp(self.uncorrected_log_p)
        p = self.xp.empty_like(self.given)  # its logarithm is not kept
        for place in places:
            self.backend.store(p, place, self.xp.exp(self.cut(place).uncorrected_log_p), 1)
        return p

    def _make_q(self) -> Array:
        return self.xp.where(self.top, self.lost, 1 - self.p)

    def _make_log_p(self) -> Array:
        xp = self.xp
        return xp.where(self.top, xp.log1p(-xp.where(self.lost < 0.5, self.lost, 0.0)), self.uncorrected_log_p)

    def _make_log_q(self) -> Array:
        xp = self.xp
        return xp.where(self.top, self._rest()[1], xp.log1p(-xp.where(self.top, 0.0, self.p)))

    def slope_near_certainty(self, a: Array) -> Slope:
        """See `Probability`: the other classes are summed without the top one, which would swallow them."""
        xp, top = self.xp, self.top
        others = xp.where(top, self._sum(xp.where(top, 0.0, a)), self._sum(a) - a)
        return Slope(pred=self.q * a - self.p * others)

    def pull(self, slope: Slope) -> Array:
        """d/dz_k, with each part arranged so that a class of p near 1 loses no digits.

        From p: p_k (g_k - sum_c p_c g_c), where g may be shifted by any constant and is shifted by the top class's.
        From log p: q_k a_k - p_k (sum of the other a). From log q: -p_k b_k + sum over c != k of b_c p_c p_k/q_c.
        """
        xp, total = self.xp, slope.pred
        if slope.p is not None:
            largest = self.pred == xp.max(self.pred, axis=self.axis, keepdims=True)
            lead = xp.astype(largest, self.pred.dtype)
            g = slope.p - self._sum(lead * slope.p) / self._sum(lead)
            total = _add(total, self.p * (g - self._sum(self.p * g)))
        if slope.log_p is not None:
            a = slope.log_p
            total = _add(total, self.q * a - self.p * (self._sum(a) - a))
        if slope.log_q is not None:
            b, top = slope.log_q, self.top
            low = xp.where(top, 0.0, b * self.p / xp.where(top, 1.0, self.q))
            others, rest = self._rest()
            share = xp.exp(others - xp.where(rest == -xp.inf, 0.0, rest))
            high = self._sum(xp.where(top, b * self.p, 0.0))
            total = _add(total, self.p * (self._sum(low) - low - b) + high * share)
        return total
