"""The losses that see where pixels lie: masks, contours and distances by comparing every pixel with every other.

A distance is the square root of an exact fraction. Window means are sums over the pixels that a window's places fall on, each
with the number of places or the weight that falls on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from ..numbers import ONE, ULPS, ZERO, Number, constant, exact, mp, power, sqrt, total
from .regions import Doubts, Pixel, Problem, Region, mean_of

__all__ = ["MERGED_SPATIAL", "PER_CLASS_SPATIAL"]

TWO, HALF = exact(2), exact(0.5)
CLOSE = mp.mpf(10) ** -6
NOTHING = mp.mpf(10) ** -40


class Image:
    """One class of an image: all its pixels by place, those of weight 0 among them."""

    def __init__(self, pixels: Region, c: int, spacing: Any) -> None:
        self.pixels = [pixel[c] for pixel in pixels]
        self.places = [pixel.place for pixel in self.pixels]
        self.dimensions = len(self.places[0])
        self.extent = [1 + max(place[a] for place in self.places) for a in range(self.dimensions)]
        self.at = {place: i for i, place in enumerate(self.places)}
        if spacing is None:
            spacing = [1.0] * self.dimensions
        elif isinstance(spacing, int | float):
            spacing = [spacing] * self.dimensions
        self.spacing = [Fraction(float(step)) for step in spacing]

    def predicted(self, doubts: Doubts) -> list[bool]:
        """p > 1/2. Softmax may round to either side of it."""
        if doubts.logits_of_classes and any(abs(a.p.v - HALF.v) < 1e-3 for a in self.pixels):
            doubts.jumps = True
        return [bool(a.p.v > HALF.v) for a in self.pixels]

    def true(self) -> list[bool]:
        """y > 1/2."""
        return [bool(a.y.v > HALF.v) for a in self.pixels]

    def contour(self, mask: Sequence[bool]) -> list[bool]:
        """The pixels of a mask with a face neighbour that is outside it, or outside the image."""

        def inside(place: tuple[int, ...]) -> bool:
            return place in self.at and mask[self.at[place]]

        found = []
        for place, member in zip(self.places, mask, strict=True):
            faces = [
                (*place[:axis], place[axis] + by, *place[axis + 1 :])
                for axis in range(self.dimensions)
                for by in (-1, 1)
            ]
            found.append(member and not all(inside(face) for face in faces))
        return found

    def nearest(self, i: int, to: Sequence[bool]) -> Number | None:
        """The distance of pixel i to the nearest pixel of a set; None where the set is empty."""
        squares = [
            sum(((a - b) * step) ** 2 for a, b, step in zip(self.places[i], self.places[j], self.spacing, strict=True))
            for j, member in enumerate(to)
            if member
        ]
        if not squares:
            return None
        least = Fraction(min(squares))
        root = mp.sqrt(mp.mpf(least.numerator) / least.denominator)
        return Number(root, (self.dimensions + 3) * root)

    def to_other_class(self, mask: Sequence[bool]) -> list[Number]:
        """The boundary distance of every pixel; 0 for an empty or full mask."""
        return [self.nearest(i, [other != member for other in mask]) or ZERO for i, member in enumerate(mask)]

    def windows(self, offsets: Any, weights: Any, mode: Literal["edge", "reflect"]) -> list[dict[int, Any]]:
        """For every pixel, the pixels that a window around it falls on, each with its share of the offsets' weights.

        Beyond the image lies what `numpy.pad` puts there.
        """
        reach = int(np.abs(offsets).max(initial=0))
        padded = np.pad(np.arange(len(self.pixels)).reshape(self.extent), reach, mode=mode)
        numbers = [self.at[tuple(map(int, place))] for place in np.ndindex(*self.extent)]
        found = []
        for place in self.places:
            there = (
                padded[tuple(np.transpose(offsets + place + reach).astype(int))] if place else np.zeros(1, dtype=int)
            )
            found.append({numbers[one]: sum(weights[there == one]) for one in np.unique(there)})
        return found


def _counted(image: Image) -> list[int]:
    return [i for i, a in enumerate(image.pixels) if a.w.v != 0]


def _binary(a: Pixel) -> Number:
    return -(a.y * a.log_p + a.x * a.log_q)


def _mean(image: Image, terms: Sequence[Number]) -> Number:
    weights = [image.pixels[i].w for i in _counted(image)]
    return total(image.pixels[i].w * terms[i] for i in _counted(image)) / total(weights)


def _distance_map_loss(pixels: Region, k: Problem, doubts: Doubts, phi: Any = None, spacing: Any = None) -> Number:
    factors: dict[tuple[int, ...], Number] = {}
    for c in range(k.classes or 1):
        image = Image(pixels, c, spacing)
        if phi is None:
            d = image.to_other_class(image.true())
            largest = max((d[i] for i in _counted(image)), key=lambda one: one.v)
            closeness = [ZERO if largest.v == 0 else ONE - one / largest for one in d]
        else:
            closeness = [exact(float(phi[a.index])) for a in image.pixels]
        for a, one in zip(image.pixels, closeness, strict=True):
            factors[a.index] = ONE + one
    counted = [pixel for pixel in pixels if pixel[0].w.v != 0]
    if k.classes is None:
        return mean_of(counted, lambda pixel: factors[pixel[0].index] * _binary(pixel[0]))
    return mean_of(
        counted,
        lambda pixel: -total(f * factors[a.index] * a.y * a.log_p for f, a in zip(k.class_weight, pixel, strict=True)),
    )


def _shape_aware_loss(pixels: Region, c: int, doubts: Doubts, scope: str = "region", spacing: Any = None) -> Number:
    image = Image(pixels, c, spacing)
    p, y = image.predicted(doubts), image.true()
    curve, own = image.contour(y), image.contour(p)
    apart = [image.nearest(i, curve) or ZERO for i in range(len(y))]
    if scope == "region":
        found = [apart[i] for i, member in enumerate(own) if member]
        e = total(found) / exact(len(found)) if found else ZERO
        errors = [e] * len(y)
    else:
        errors = [one if a != b else ZERO for one, a, b in zip(apart, p, y, strict=True)]
    return _mean(image, [(ONE + e) * _binary(a) for e, a in zip(errors, image.pixels, strict=True)])


def _error(a: Pixel) -> Number:
    """p - y, as y q less x p, which does not cancel for a hard target."""
    return a.x * a.p - a.y * a.q


def _hausdorff_loss(pixels: Region, c: int, doubts: Doubts, method: str = "distance", **own: Any) -> Number:
    methods: dict[str, Callable[..., Number]] = {
        "distance": _by_distance, "erosion": _by_erosion, "convolution": _by_convolution
    }  # fmt: skip
    return methods[method](pixels, c, doubts, **own)


def _by_distance(pixels: Region, c: int, doubts: Doubts, alpha: float = 2.0, spacing: Any = None) -> Number:
    image = Image(pixels, c, spacing)
    far_p, far_y = image.to_other_class(image.predicted(doubts)), image.to_other_class(image.true())
    return _mean(
        image,
        [
            _error(a) * _error(a) * (power(d_p, alpha) + power(d_y, alpha))
            for a, d_p, d_y in zip(image.pixels, far_p, far_y, strict=True)
        ],
    )


def _positive(x: Number, doubts: Doubts) -> Number:
    if abs(x.v) < CLOSE:
        doubts.kinks = True
    return x if x.v > 0 else Number(mp.mpf(0), x.e if abs(x.v) < CLOSE else mp.mpf(0))


def _by_erosion(
    pixels: Region, c: int, doubts: Doubts, alpha: float = 2.0, erosions: int = 10, rescale: str = "unit"
) -> Number:
    image = Image(pixels, c, None)
    neighbours = []
    for place in image.places:
        faces = [
            (*place[:axis], place[axis] + by, *place[axis + 1 :]) for axis in range(image.dimensions) for by in (-1, 1)
        ]
        neighbours.append([image.at[one] for one in (place, *faces) if one in image.at])
    e = [_error(a) * _error(a) for a in image.pixels]
    sums = [ZERO] * len(e)
    for k in range(1, erosions + 1):
        means = [total(e[j] for j in near) / exact(2 * image.dimensions + 1) for near in neighbours]
        close = any(abs(m.v - HALF.v) < CLOSE for m in means)
        e = [_positive(m - HALF, doubts) for m in means]
        if rescale == "unit":
            e = [TWO * one for one in e]
        elif rescale == "minmax":
            e = _stretched(e, _counted(image), close, doubts)
        sums = [s + power(exact(k), alpha) * one for s, one in zip(sums, e, strict=True)]
    return _mean(image, sums)


def _stretched(e: list[Number], counted: list[int], close: bool, doubts: Doubts) -> list[Number]:
    """(e - min)/(max - min); e itself where it is constant. Tied extremes that move apart are a kink."""
    chosen = [e[i] for i in counted]
    low, high = min(chosen, key=lambda one: one.v), max(chosen, key=lambda one: one.v)
    for extreme in (low, high):
        ties = [one for one in chosen if abs(one.v - extreme.v) < CLOSE]
        if len(ties) > 1 and any(part != 0 for one in ties for part, _ in one.d.values()):
            doubts.kinks = True
    if high.v - low.v < CLOSE:
        if close or high.v > 0:
            doubts.jumps = True
        return e
    return [(one - low) / (high - low) for one in e]


def _box(reach: int, dimensions: int) -> Any:
    """All offsets of up to `reach` along each axis, one a row."""
    steps = np.arange(-reach, reach + 1)
    grids = np.meshgrid(*[steps] * dimensions, indexing="ij") if dimensions else []
    return np.stack([grid.ravel() for grid in grids], axis=1) if grids else np.zeros((1, 0), dtype=int)


def _by_convolution(
    pixels: Region, c: int, doubts: Doubts, alpha: float = 2.0, radii: Sequence[float] = (3, 6, 9, 12, 15, 18)
) -> Number:
    image = Image(pixels, c, None)
    a = [_error(one) * _error(one) * one.p for one in image.pixels]
    b = [_error(one) * _error(one) * one.y for one in image.pixels]
    sums = [ZERO] * len(a)
    for radius in radii:
        disc = _box(math.floor(radius), image.dimensions)
        disc = disc[(disc**2).sum(axis=1) <= radius * radius]
        windows = image.windows(disc, np.ones(len(disc), dtype=int), "edge")
        for i, shares in enumerate(windows):

            def share_of(
                of: Callable[[Pixel], Number], shares: dict[int, Any] = shares, size: int = len(disc)
            ) -> Number:
                found = total(exact(int(n)) * of(image.pixels[j]) for j, n in shares.items())
                # The library may add one pixel after the other.
                more = {key: (v, e + size * abs(v)) for key, (v, e) in found.d.items()}
                return Number(found.v, found.e + size * abs(found.v), more) / exact(size)

            in_y, out_y = share_of(lambda one: one.y), share_of(lambda one: one.x)
            in_p, out_p = share_of(lambda one: one.p), share_of(lambda one: one.q)
            by_a = _positive(out_y - HALF, doubts) + _positive(in_p - HALF, doubts)
            by_b = _positive(in_y - HALF, doubts) + _positive(out_p - HALF, doubts)
            sums[i] = sums[i] + power(constant(radius), alpha) * (a[i] * by_a + b[i] * by_b)
    return _mean(image, sums)


def _boundary_loss(pixels: Region, c: int, doubts: Doubts, spacing: Any = None) -> Number:
    image = Image(pixels, c, spacing)
    y = image.true()
    d = image.to_other_class(y)
    return _mean(image, [a.p * (-one if inside else one) for a, one, inside in zip(image.pixels, d, y, strict=True)])


def _structural_similarity_loss(
    pixels: Region, c: int, doubts: Doubts, window: int = 3, sigma: float = 1.5, c4: float = 0.01, beta: float = 0.1
) -> Number:
    image = Image(pixels, c, None)
    offsets = _box(window // 2, image.dimensions)
    weights = np.array([mp.exp(-mp.mpf(int((one**2).sum())) / (2 * mp.mpf(sigma) ** 2)) for one in offsets])

    windows = image.windows(offsets, weights / mp.fsum(weights), "reflect")

    def structure(of: Callable[[Pixel], Number]) -> list[Number]:
        found = []
        x = [Number(of(a).v, of(a).e) for a in image.pixels]  # a constant for the gradient
        for i, shares in enumerate(windows):
            grain = image.dimensions * (ULPS + window)
            weights = {j: Number(w, grain * w) for j, w in shares.items()}
            mean = total(w * x[j] for j, w in weights.items())
            spread = total(w * (x[j] - mean) * (x[j] - mean) for j, w in weights.items())
            found.append((x[i] - mean + constant(c4)) / (sqrt(spread) + constant(c4)))
        return found

    e = []
    for a, b in zip(structure(lambda a: a.y), structure(lambda a: a.p), strict=True):
        apart = a - b
        size = abs(apart.v)
        e.append(Number(size if size > NOTHING else mp.mpf(0), apart.e))
    counted = _counted(image)
    largest = max(e[i].v for i in counted)
    threshold = mp.mpf(beta) * largest
    chosen = []
    for i in counted:
        margin = e[i].v - threshold
        if beta != 1 and margin != 0 and abs(margin) < 1e-3 * max(1, largest):
            doubts.jumps = True
        if margin > 0:
            chosen.append(i)
    if not chosen:
        return ZERO
    size = total(image.pixels[i].w for i in chosen)
    return total(image.pixels[i].w * e[i] * _binary(image.pixels[i]) for i in chosen) / size


MERGED_SPATIAL: dict[str, Callable[..., Number]] = {"distance_map_loss": _distance_map_loss}
PER_CLASS_SPATIAL: dict[str, Callable[..., Number]] = {
    "shape_aware_loss": _shape_aware_loss,
    "hausdorff_loss": _hausdorff_loss,
    "boundary_loss": _boundary_loss,
    "structural_similarity_loss": _structural_similarity_loss,
}
