"""Neighbourhoods of pixels on any array library: the cross, the disc, the Gaussian window, each along chosen axes.

Sums are formed by adding shifted copies, never as differences of running sums, so that they are as accurate as a plain sum.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from .._backend import Array, Backend

__all__ = ["cross_mean", "disc_mean", "disc_mean_transposed", "gaussian_statistics"]


def _slice(x: Array, axis: int, start: int, stop: int) -> Array:
    return x[tuple(slice(start, stop) if one == axis else slice(None) for one in range(x.ndim))]


def _shifted(xp: Any, x: Array, axis: int, by: int) -> Array:
    """y[i] = x[i - by] along `axis`, 0 where that lies outside; `by` is 1 or -1."""
    length = x.shape[axis]
    nothing = xp.zeros_like(_slice(x, axis, 0, 1))
    if by > 0:
        return xp.concat([nothing, _slice(x, axis, 0, length - 1)], axis=axis)
    return xp.concat([_slice(x, axis, 1, length), nothing], axis=axis)


def cross_mean(backend: Backend, x: Array, axes: Sequence[int]) -> Array:
    """The mean over a pixel and its face neighbours, those outside counting as 0. It is its own transpose."""
    xp, total = backend.namespace(x), x
    for axis in axes:
        total = total + _shifted(xp, x, axis, 1) + _shifted(xp, x, axis, -1)
    return total / (2 * len(axes) + 1)


def _gathered(backend: Backend, x: Array, axis: int, places: Sequence[int]) -> Array:
    xp = backend.namespace(x)
    return xp.take(x, xp.asarray(list(places), device=backend.device(x)), axis=axis)


def _disc_rows(radius: float, dimensions: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """(offset along all axes but the last, half-width along the last) of every row of the ball of offsets <= radius."""
    reach = math.floor(radius)
    for offset in itertools.product(range(-reach, reach + 1), repeat=dimensions - 1):
        rest = radius * radius - sum(step * step for step in offset)
        if rest >= 0:
            yield offset, math.isqrt(math.floor(rest))


def disc_size(radius: float, dimensions: int) -> int:
    """The number of pixels in the disc or ball."""
    return sum(2 * half + 1 for _, half in _disc_rows(radius, dimensions)) if dimensions else 1


def _disc_sum(padded: Array, axes: Sequence[int], radius: float, margin: int) -> Array:
    """Sums over discs whose middle runs through `padded` less `margin` on either side of each axis."""
    *outer, last = axes
    halves: dict[int, list[tuple[int, ...]]] = {}
    for offset, half in _disc_rows(radius, len(axes)):
        halves.setdefault(half, []).append(offset)

    def window(x: Array, axis: int, by: int) -> Array:
        return _slice(x, axis, margin + by, x.shape[axis] - margin + by)

    row = window(padded, last, 0)
    total: Array = None
    for half in range(math.floor(radius) + 1):
        if half:
            row = row + (window(padded, last, half) + window(padded, last, -half))
        for offset in halves.get(half, ()):
            part = row
            for axis, by in zip(outer, offset, strict=True):
                part = window(part, axis, by)
            total = part if total is None else total + part
    return total


def disc_mean(backend: Backend, x: Array, axes: Sequence[int], radius: float) -> Array:
    """The mean over all pixels at a distance <= radius, the image continued by its edge pixels."""
    if not axes:
        return x
    margin = math.floor(radius)
    padded = x
    for axis in axes:
        length = x.shape[axis]
        padded = _gathered(backend, padded, axis, [min(max(i, 0), length - 1) for i in range(-margin, length + margin)])
    return _disc_sum(padded, axes, radius, margin) / disc_size(radius, len(axes))


def disc_mean_transposed(backend: Backend, x: Array, axes: Sequence[int], radius: float) -> Array:
    """The transpose of `disc_mean`, which carries a derivative by the means back to one by the pixels."""
    if not axes:
        return x
    xp, margin, spread = backend.namespace(x), math.floor(radius), x
    for axis in axes:
        shape = list(spread.shape)
        shape[axis] = 2 * margin
        nothing = xp.zeros_like(_slice(spread, axis, 0, 1))
        nothing = xp.broadcast_to(nothing, tuple(shape))
        spread = xp.concat([nothing, spread, nothing], axis=axis)
    spread = _disc_sum(spread, axes, radius, margin) / disc_size(radius, len(axes))
    for axis in axes:
        length = spread.shape[axis]
        if length == 2 * margin + 1:
            spread = xp.sum(spread, axis=axis, keepdims=True)
            continue
        first = xp.sum(_slice(spread, axis, 0, margin + 1), axis=axis, keepdims=True)
        last = xp.sum(_slice(spread, axis, length - margin - 1, length), axis=axis, keepdims=True)
        spread = xp.concat([first, _slice(spread, axis, margin + 1, length - margin - 1), last], axis=axis)
    return spread


def _reflected(place: int, length: int) -> int:
    """The pixel that stands at `place` when the image is mirrored at its edge pixels, which are not repeated."""
    if length == 1:
        return 0
    place %= 2 * (length - 1)
    return min(place, 2 * (length - 1) - place)


def gaussian_statistics(
    backend: Backend, x: Array, axes: Sequence[int], window: int, sigma: float
) -> tuple[Array, Array]:
    """Mean and standard deviation (population form) of every pixel's window, with Gaussian weights of sum 1.

    The variance along several axes is the mean of the variances along one plus the variance of the means, so that nothing
    cancels and nothing comes out negative.
    """
    reach = window // 2
    raw = [math.exp(-0.5 * (k / sigma) * (k / sigma)) for k in range(-reach, reach + 1)]
    weights = [one / math.fsum(raw) for one in raw]
    xp = backend.namespace(x)
    mean, variance = x, xp.zeros_like(x)
    for axis in axes:
        length = x.shape[axis]
        places = [[_reflected(i + k, length) for i in range(length)] for k in range(-reach, reach + 1)]
        means = [_gathered(backend, mean, axis, one) for one in places]
        variances = [_gathered(backend, variance, axis, one) for one in places]
        # Deviations from the middle pixel, so that the mean of equal numbers is that number.
        mean = mean + sum(w * (m - mean) for w, m in zip(weights, means, strict=True))
        variance = sum(w * (v + (m - mean) ** 2) for w, m, v in zip(weights, means, variances, strict=True))
    return mean, xp.sqrt(variance)
