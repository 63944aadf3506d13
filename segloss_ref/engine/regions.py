"""What a formula sees of its arguments: one array of everything, summed region by region.

A formula returns a `Term`: the value of every region, and the slope of that value, formed on demand. Terms add and
pass through outer functions, so that a compound loss reads as its formula and its derivative follows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from .._roles import Array, Namespace, PerClass, PerPixel, PerRegion
from ..domains import smooth_pair
from .probability import Place, Probability, Slope, cut, places_of, times

__all__ = ["PixelLoss", "Regions", "Term", "WholeImages"]

PixelLoss = tuple[PerPixel, Callable[[], Slope]]
"""The loss of each pixel, and its slope on demand."""


@dataclass(frozen=True)
class Term:
    """A value for every region, with the derivative of each region's value by its pixels.

    `slope(factor)` gives that derivative times `factor`, which is a number or one number a region. `Regions.term` makes one
    of a weighted sum. `present` marks the regions over which the mean runs, all of them when None; such a term stands by
    itself.
    """

    value: PerRegion
    slope: Callable[[PerRegion], Slope]
    present: PerRegion = None

    def __add__(self, other: Term) -> Term:
        if self.present is not None or other.present is not None:
            raise ValueError("a term whose mean runs over some regions alone cannot be added to another")
        return Term(self.value + other.value, lambda factor: self.slope(factor) + other.slope(factor))

    def through(self, value: PerRegion, derivative: PerRegion) -> Term:
        """An outer function of this term, given by its value and its derivative there."""
        return Term(value, lambda factor: self.slope(factor * derivative), self.present)


@dataclass(frozen=True)
class WholeImages:
    """What contours, distances and neighbourhoods are taken of: prediction and target whatever the weights are.

    Ignored pixels are background in the target, and so is nan wherever it may stand.
    """

    prob: Probability
    y: PerPixel


@dataclass(frozen=True)
class Regions:
    """Prediction, target and weights of every region. Arrays have `pred`'s number of dimensions throughout."""

    xp: Namespace
    prob: Probability
    y: PerPixel
    weight: PerPixel
    """Pixel weights, of size 1 along `class_axis`; None when all are 1."""
    class_weight: PerClass
    """One factor a class along `class_axis`; 1 when none is given."""
    axes: tuple[int, ...]
    class_axis: int | None
    pixels: int
    """The number of pixels of a region."""
    images: WholeImages
    """Prediction and target of the whole image, the pixels of weight 0 among them."""
    weight_exponent: PerRegion = None
    """The power of 2 by which the pixel weights of each region were multiplied, which `smoothing` makes good; None: 0."""
    wanted: bool = False
    """The gradient is wanted, not the value alone."""

    def smoothing(self, smooth: float | tuple[float, float]) -> tuple[PerRegion, PerRegion, PerRegion]:
        """(numerator, denominator) of a `Smooth` value in a unit of its own, and what brings weighted sums to that unit.

        The unit is that of the scaled weights, or a larger one where smoothing would be huge in it.
        """
        above, below = smooth_pair(smooth)
        if self.weight_exponent is None or below == 0:
            return above, below, 1.0
        xp, scaled = self.xp, self.weight_exponent
        least = float(xp.finfo(self.y.dtype).smallest_normal)
        unit = xp.clip(scaled, max=float(-math.frexp(below)[1]))
        two = xp.full_like(unit, 2.0)

        def in_unit(x: float) -> PerRegion:
            mantissa, exponent = math.frexp(x)
            return xp.clip(mantissa * two ** (unit + exponent), min=least) if x else 0.0

        return in_unit(above), in_unit(below), two ** (unit - scaled)

    def bounded(self, x: Array) -> Array:
        """`x` held where it overflows, with room for sums over classes, in which infinite slopes would make nan."""
        limit = self.xp.finfo(self.y.dtype).max / 2**20
        return self.xp.clip(x, min=-limit, max=limit)

    def sum(self, x: PerPixel) -> PerRegion:
        """Weighted sum over each region, for every class."""
        if self.weight is not None:
            x = self.prob.times_log(self.weight, x)
        return self.prob.backend.sum(x, self.axes)

    def sums(self, formula: Callable[[Regions], tuple[PerPixel, ...]]) -> tuple[PerRegion, ...]:
        """The weighted sums over each region, for every class, of the arrays that `formula` gives, formed block by block."""
        places = self._places_of_classes()
        if not places:
            return tuple(self.sum(x) for x in formula(self))
        totals: list[PerRegion] = []
        for place in places:
            part = self.at(place)
            found = formula(part)
            totals = totals or [self._zeros(self.axes) for _ in found]
            for total, x in zip(totals, found, strict=True):
                _add_at(total, place, part.sum(x))
        return tuple(self.xp.astype(total, self.y.dtype, copy=False) for total in totals)

    @property
    def count(self) -> PerRegion:
        """N: the number of pixels of a region, or the sum of their weights."""
        if self.weight is None:
            return self.pixels
        return self.prob.backend.sum(self.weight, self.axes)

    def term(self, value: PerRegion, slope: Callable[[PerRegion], Slope]) -> Term:
        """A term of weighted sums: `slope` is written without the pixel weights, which multiply it here."""
        if self.weight is None:
            return Term(value, slope)
        return Term(value, lambda factor: self.weigh(slope(factor)))

    def ratio(self, numerator: Array, denominator: Array) -> Array:
        """numerator/denominator, 0 where both are 0."""
        empty = (denominator == 0) & (numerator == 0)
        return numerator / self.xp.where(empty, 1.0, denominator)

    def divisor(self, total: PerRegion) -> PerRegion:
        """`total`, and 1 in place of a 0 that only 0 is divided by."""
        return self.xp.where(total == 0, 1.0, total)

    def present(self, size: PerRegion) -> PerRegion:
        """1 where `size` is above 0, else 0."""
        return self.xp.astype(size > 0, size.dtype)

    def log_sum(self, factor: PerPixel, log: PerPixel) -> tuple[PerRegion, PerPixel]:
        """(the logarithm of the region's sum of factor * e^log, which may underflow, each pixel's share of that sum).

        The logarithm is -inf where the sum is 0, and no pixel has a share there. Shares do not come from the logarithm of the
        sum, whose rounding a large one would carry into all of them.
        """
        xp = self.xp
        largest = xp.max(xp.where(factor == 0, -xp.inf, log), axis=self.axes, keepdims=True)
        shift = xp.where(largest == -xp.inf, 0.0, largest)
        parts = factor * xp.exp(xp.where(factor == 0, 0.0, log - shift))
        total = self.sum(parts)
        return shift + xp.log(total), self.ratio(parts, total)

    def per_pixel(self, total: PerRegion) -> PerRegion:
        """total/N; a region without weight has nothing to divide."""
        count = self.count
        return total / (count if self.weight is None else self.xp.where(count == 0, 1.0, count))

    def mean(self, loss: PerPixel, slope: Callable[[], Slope]) -> Term:
        """The weighted mean of a pixel-wise loss, whose classes are summed; `slope` is that of each pixel's loss."""
        if self.class_axis is not None:
            loss = self.xp.sum(loss, axis=self.class_axis, keepdims=True)
        return self.class_wise_mean(loss, slope)

    def class_wise_mean(self, loss: PerPixel, slope: Callable[[], Slope]) -> Term:
        """The weighted mean of a pixel-wise loss, of each class by itself."""
        return self.term(self.per_pixel(self.sum(loss)), lambda factor: slope().scaled(self.per_pixel(factor)))

    def largest(self, x: PerPixel) -> PerRegion:
        """The maximum over each region, for every class, of pixels of weight above 0; 0 where that leaves none above 0."""
        counted = x if self.weight is None else self.xp.where(self.weight == 0, 0.0, x)
        return self.xp.max(counted, axis=self.axes, keepdims=True)

    def pull(self, slope: Slope) -> PerPixel:
        """The derivative by `pred`, for classes block by block."""
        carried = slope.p is None and slope.log_p is None and slope.log_q is None
        places = [] if carried else self._places_of_classes()
        if not places:
            return self.prob.pull(slope)
        gradient = self.xp.empty_like(self.prob.given)
        for place in places:
            self.prob.backend.store(gradient, place, self.prob.cut(place).pull(slope.cut(place)), 1)
        return gradient

    def weigh(self, slope: Slope) -> Slope:
        """`slope` times the pixel weights."""
        x, backend = slope.pred, self.prob.backend
        carried = slope.p is None and slope.log_p is None and slope.log_q is None
        if not carried or x is None or not backend.writable(x) or tuple(x.shape) != tuple(self.y.shape):
            return slope.scaled(self.weight)
        backend.store(x, (...,), x, self.weight)
        return slope

    def formed(self, formula: Callable[..., PerPixel], *numbers: Array) -> PerPixel:
        """The array of `pred`'s shape that ``formula(region, *numbers)`` gives, formed block by block.

        `numbers` are as in `mean_of`, or arrays of `pred`'s shape.
        """
        places = self._places_of_classes()
        if not places:
            return formula(self, *numbers)
        result = self.xp.empty_like(self.prob.given)
        for place in places:
            part = formula(self.at(place), *(cut(number, place) for number in numbers))
            self.prob.backend.store(result, place, part, 1)
        return result

    def _places(self) -> list[Place]:
        """The blocks that the library likes to work on; none where it has no such wish or one is enough."""
        return places_of(self.prob.given, self.prob.backend, self.class_axis)

    def _places_of_classes(self) -> list[Place]:
        """The same where classes make many and large temporary arrays, else none."""
        return [] if self.class_axis is None else self._places()

    def at(self, place: Place) -> Regions:
        """The part of it that lies at `place`."""
        prob, y = self.prob.cut(place), self.y[place]
        weight, class_weight = cut(self.weight, place), cut(self.class_weight, place)
        return replace(self, prob=prob, y=y, weight=weight, class_weight=class_weight)

    def mean_of(self, formula: Callable[..., PixelLoss], *numbers: Array) -> Term:
        """The weighted mean of the pixel-wise loss that ``formula(region, *numbers)`` gives, formed part by part.

        `numbers` are what the formula takes besides pixels: Python numbers, or arrays of one number a region or class. A
        part's loss and gradient are formed together, so that its logarithms need not be kept.
        """
        places = self._places()
        if not places:
            return self.mean(*formula(self, *numbers))
        xp, pred, store = self.xp, self.prob.given, self.prob.backend.store
        gradient = xp.empty_like(pred) if self.wanted else None
        share = self.per_pixel(1.0)
        total = self._zeros((*self.axes, self.class_axis))
        for place in places:
            part = self.at(place)
            loss, slope = formula(part, *(cut(number, place) for number in numbers))
            if self.class_axis is not None:
                loss = xp.sum(loss, axis=self.class_axis, keepdims=True)
            _add_at(total, place, part.sum(loss))
            if gradient is not None:
                store(gradient, place, part.prob.pull(slope()), cut(share, place))
        total = xp.astype(total, pred.dtype, copy=False)
        return self.term(self.per_pixel(total), lambda factor: Slope(pred=times(factor, gradient)))

    def _zeros(self, summed: tuple[int | None, ...]) -> PerRegion:
        """0 with size 1 along the `summed` axes, in a dtype in which the sums of many blocks can be added up."""
        pred, backend = self.prob.given, self.prob.backend
        shape = tuple(1 if axis in summed else n for axis, n in enumerate(pred.shape))
        dtype = backend.wide(pred)[0] if pred.dtype == self.xp.float32 else pred.dtype
        return self.xp.zeros(shape, dtype=dtype, device=backend.device(pred))

    def part(self, share: float, term: Term) -> Term:
        """share * term; a share of exactly 0 leaves out even an infinite term."""
        if share == 0:
            return Term(self.xp.zeros_like(term.value), lambda factor: Slope(), term.present)
        # A share that the dtype would round to 0 is rounded up instead: of an infinite term it leaves an infinite one.
        share = math.copysign(max(abs(share), float(self.xp.finfo(self.y.dtype).smallest_normal)), share)
        if abs(share) > 2**40:  # last, since the slopes within may be as large, and what they are divided by too
            return Term(share * term.value, lambda factor: term.slope(factor).scaled(share), term.present)
        return Term(share * term.value, lambda factor: term.slope(share * factor), term.present)

    def class_mean(self, term: Term) -> Term:
        """The mean over classes of a value a class; the term itself when there are no classes."""
        if self.class_axis is None:
            return term
        if term.present is not None:
            raise ValueError("a term whose mean runs over some classes alone has no mean over all of them")
        classes = self.y.shape[self.class_axis]
        value = self.xp.sum(term.value, axis=self.class_axis, keepdims=True) / classes
        return Term(value, lambda factor: term.slope(factor / classes))


def _add_at(total: PerRegion, place: Place, x: PerRegion) -> None:
    """Add to what of `total` belongs to `place`."""
    part = cut(total, place)
    part += x
