"""A case as the textbook sees it: regions of pixels, each with its probabilities as numbers that carry derivatives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..numbers import ONE, ULPS, ZERO, Number, constant, exact, exp, log, log1p, mp, total, variable

__all__ = ["Answer", "Doubts", "Pixel", "Problem", "Region", "axes_of", "mean_of", "problem_of", "sum_of", "without"]


class Answer(NamedTuple):
    """Values in C order of `shape`, the gradient in C order of pred's shape (None for metrics), and kinks."""

    shape: tuple[int, ...]
    value: list[Number]
    gradient: list[tuple[Any, float]] | None
    kink: bool
    """The gradient is not unique, or nearly so: two Lovász errors tie, or a hinge is at 0."""
    jump: bool = False
    """The value is not either: a mask or an indicator is at its threshold, and rounding decides."""


@dataclass
class Doubts:
    """Where an answer may rightly differ: `kinks` (the gradient is not unique) and `jumps` (nor is the value)."""

    kinks: bool = False
    jumps: bool = False
    logits_of_classes: bool = False


@dataclass
class Pixel:
    """One pixel of one question: p, q = 1 - p, their logarithms, the target, 1 less the target, the weight, the logit."""

    p: Number
    q: Number
    log_p: Number
    log_q: Number
    y: Number
    x: Number  # 1 - y
    w: Number
    z: Number
    index: tuple[int, ...] = ()
    """Where it stands in `pred`."""
    place: tuple[int, ...] = ()
    """Where it stands in its region, along the axes in the order given."""


Region = list[list[Pixel]]  # pixels, each of them with its classes (one when there are none)


# Probabilities. -------------------------------------------------------------------------------------------------------


def _given(number: Number) -> tuple[Number, Number, Number, Number]:
    q = ONE - number
    return number, q, log(number), log1p(-number)


def _logistic(z: Number) -> tuple[Number, Number, Number, Number]:
    """p = 1/(1 + e^-z), q = e^-z/(1 + e^-z); log p = -log(1 + e^-z) and log q = -z - log(1 + e^-z), by the sign of z."""
    small = exp(-z) if z.v >= 0 else exp(z)
    larger, smaller = ONE / (ONE + small), small / (ONE + small)
    near, far = -log1p(small), (-z if z.v >= 0 else z) - log1p(small)
    return (larger, smaller, near, far) if z.v >= 0 else (smaller, larger, far, near)


def _softmax(logits: Sequence[tuple[int, float]]) -> list[tuple[Number, Number, Number, Number]]:
    """Softmax of (index, logit) pairs. Its derivatives are written out, p_c (delta - p_k), so that none of them cancels.

    A sound evaluation may be off by a few roundoffs and by what a roundoff in each logit does. The logarithm of a number near
    1 is taken of what is missing to 1, which 60 digits hold however little it is, and so must a sound evaluation.
    """
    values = [mp.mpf(z) for _, z in logits]
    size = 2 * mp.fsum(abs(z) for z in values) + 4 * ULPS + len(values)
    top = max(values)
    powers = [mp.exp(z - top) for z in values]
    whole = mp.fsum(powers)
    p = [one / whole for one in powers]
    q = [mp.fsum(other for k, other in enumerate(powers) if k != c) / whole for c in range(len(p))]
    result = []
    for c in range(len(p)):
        by_p, by_q, by_log_p, by_log_q = {}, {}, {}, {}
        for k, (index, _) in enumerate(logits):
            change = p[c] * q[c] if k == c else -p[c] * p[k]
            by_p[index] = change, abs(change) * size
            by_q[index] = -change, abs(change) * size
            in_log = q[c] if k == c else -p[k]
            by_log_p[index] = in_log, abs(in_log) * size
            out_log = -p[c] if k == c else (p[k] / q[c] * p[c] if q[c] else mp.mpf(0))
            by_log_q[index] = out_log, abs(out_log) * size
        log_p = mp.log(p[c]) if q[c] > 0.5 else mp.log1p(-q[c])
        log_q = mp.log1p(-p[c]) if q[c] > 0.5 else mp.log(q[c]) if q[c] else -mp.inf
        result.append(
            (
                Number(p[c], p[c] * size, by_p),
                Number(q[c], q[c] * size, by_q),
                Number(log_p, abs(log_p) * size, by_log_p),
                Number(log_q, abs(log_q) * size, by_log_q),
            )
        )
    return result


# From arrays to regions. ----------------------------------------------------------------------------------------------


@dataclass
class Problem:
    """The regions of a case, in C order of the shape of the values with their axes kept as `regions_shape`."""

    regions: list[Region]
    regions_shape: tuple[int, ...]
    classes: int | None
    class_weight: list[Number]
    class_place: int
    """Where the class axis stands among the axes of the values."""
    images: list[Region]
    """The regions with their pixels of weight 0; an ignored one is background."""
    doubts: Doubts
    """What a transcription sets where the gradient is not unique, or nearly so (within 1e-6)."""


def axes_of(axis: Any, class_axis: int | None, ndim: int) -> list[int]:
    """The axes of a region, counted from the front."""
    if axis is None:
        return [one for one in range(ndim) if one != class_axis]
    return [one % ndim for one in (axis if isinstance(axis, tuple) else (axis,))]


def without(index: tuple[int, ...], axis: int | None) -> tuple[int, ...]:
    """An index with the entry of one axis left out."""
    return index if axis is None else index[:axis] + index[axis + 1 :]


def problem_of(
    pred: Any, target: Any, *, from_logits: bool, class_axis: int | None, axis: Any, weight: Any, class_weight: Any,
    ignore_index: int | None, hinge: bool = False,
) -> Problem:  # fmt: skip
    """The regions of a case; a pixel of weight 0 is in none of them, but in the image that it belongs to."""
    ndim = pred.ndim
    class_axis = None if class_axis is None else class_axis % ndim
    axes = axes_of(axis, class_axis, ndim)
    classes = None if class_axis is None else pred.shape[class_axis]
    pixel_shape = without(pred.shape, class_axis)
    weights = None if weight is None else np.broadcast_to(weight, pixel_shape)
    is_map = class_axis is not None and target.ndim == ndim - 1
    kept = [one for one in range(ndim) if one not in axes and one != class_axis]
    images: dict[tuple[int, ...], Region] = {
        key: [] for key in itertools.product(*(range(pred.shape[one]) for one in kept))
    }
    for place in np.ndindex(*pixel_shape):
        full = [
            place if class_axis is None else (*place[:class_axis], c, *place[class_axis:])
            for c in range(1 if classes is None else classes)
        ]
        w = 1.0 if weights is None else float(weights[place])
        label = target[place] if is_map or class_axis is None else None
        ignored = ignore_index is not None and label == ignore_index
        if ignored:
            w = 0.0
        flat = [int(np.ravel_multi_index(index, pred.shape)) for index in full]
        values = [float(pred[index]) for index in full]
        if hinge or not from_logits:
            numbers = [variable(v, i) for v, i in zip(values, flat, strict=True)]
            views = [(n, ZERO, ZERO, ZERO) if hinge else _given(n) for n in numbers]
        elif class_axis is None:
            numbers = [variable(values[0], flat[0])]
            views = [_logistic(numbers[0])]
        else:
            numbers = [variable(v, i) for v, i in zip(values, flat, strict=True)]
            views = _softmax(list(zip(flat, values, strict=True)))
        pixel = []
        for c, index in enumerate(full):
            y = 0.0 if ignored else float(label == c) if is_map else float(target[index])
            region_place = tuple(index[one] for one in axes)
            pixel.append(Pixel(*views[c], exact(y), exact(1) - exact(y), exact(w), numbers[c], index, region_place))
        key = tuple(full[0][one] for one in kept)
        images[key].append(pixel)
    factors = [ONE] * (classes or 1) if class_weight is None else [constant(float(c)) for c in class_weight]
    shape = tuple(pred.shape[one] for one in kept)
    regions = [[pixel for pixel in image if pixel[0].w.v != 0] for image in images.values()]
    class_place = 0 if class_axis is None else sum(one < class_axis for one in kept)
    doubts = Doubts(logits_of_classes=from_logits and class_axis is not None)
    return Problem(regions, shape, classes, factors, class_place, list(images.values()), doubts)


def mean_of(region: Region, term: Callable[[list[Pixel]], Number]) -> Number:
    """The weighted mean over the pixels of a region."""
    return total(pixel[0].w * term(pixel) for pixel in region) / total(pixel[0].w for pixel in region)


def sum_of(region: Region, c: int, term: Callable[[Pixel], Number]) -> Number:
    """The weighted sum of one class over the pixels of a region."""
    return total(pixel[c].w * term(pixel[c]) for pixel in region)
