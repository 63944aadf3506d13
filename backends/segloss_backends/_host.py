"""Squared distances on the host, for every library whose arrays lie in its memory: SciPy, or `edt` where that is as exact.

SciPy's transform measures to a phantom point outside the image where there is nothing to measure to; that is caught here. The
package `edt` is several times faster and computes in float32, so it is asked only for squared distances that float32 holds
exactly; which of the two is installed never shows in a result.
"""

from __future__ import annotations

import importlib.util
import itertools
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy

__all__ = ["WORTH_TWO_SUMS", "innermost", "ranking", "squared_distance"]

WORTH_TWO_SUMS = 2**12
"""Fewer float32 elements may be added up one by one."""
_HAS_EDT = importlib.util.find_spec("edt") is not None
_EXACT_IN_FLOAT32 = 2**24
_WORTH_A_THREAD = 2**15
_WORTH_A_RADIX = 2**10  # elements
_SMALL = 2**14  # its square times 2^24 still has fewer than 53 binary digits


def innermost(shape: Sequence[int], strides: Sequence[int], axes: Sequence[int]) -> list[int]:
    """Those of the summed `axes` that lie innermost in memory with no other axis between: some 64 elements, or all there are.

    Libraries add up such a run by halves, but one by one what lies outside of another axis.
    """
    run: list[int] = []
    for axis in sorted((axis for axis in range(len(shape)) if shape[axis] > 1), key=lambda axis: abs(strides[axis])):
        if axis in axes and math.prod(shape[one] for one in run) < 64:
            run.append(axis)
        elif run:
            break
    return run


def ranking(x: Any) -> Any:
    """Where the elements of each row (the last axis), all of them >= 0, stand from the largest to the smallest.

    Equal ones keep their order.
    """
    bits = {np.dtype(np.float32): np.uint32, np.dtype(np.float64): np.uint64}.get(x.dtype)
    if bits is None or x.shape[-1] < _WORTH_A_RADIX:
        return np.argsort(-x, axis=-1, kind="stable")
    orders = [_radix_ranking(row, bits) for row in x.reshape(-1, x.shape[-1])]
    return (orders[0] if len(orders) == 1 else np.stack(orders)).reshape(x.shape)


def _radix_ranking(row: Any, bits: Any) -> Any:
    """The bits of numbers >= 0 order as the numbers do, and NumPy's stable sort of 16-bit integers takes linear time.

    Sorting by the 16 lowest bits, then by the next ones, leaves all in order.
    """
    keys = ~(row + 0.0).view(bits)  # the largest first; the sum turns -0 into 0
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    for shift in range(16, 8 * keys.itemsize, 16):
        order = order.take(np.argsort((keys >> shift).astype(np.uint16).take(order), kind="stable"))
    return order


def squared_distance(sites: Any, axes: Sequence[int], spacing: Sequence[float], both: bool = False) -> Any:
    """float64 squared distances of every position to the nearest True one along `axes`; inf where there is none.

    With `both`, those of a True position are to the nearest False one.
    """
    if not axes:
        return np.where(sites & (not both), 0.0, math.inf)
    kept = [axis for axis in range(sites.ndim) if axis not in axes]
    images = np.transpose(sites, (*kept, *axes))
    result = np.zeros(images.shape)
    units = (
        _dyadic_units(spacing, [sites.shape[axis] for axis in axes]) if _HAS_EDT and len(axes) in (1, 2, 3) else None
    )

    def measure(place: tuple[int, ...]) -> None:
        _image(images[place], spacing, units, both, result[place])

    places = list(itertools.product(*(range(sites.shape[axis]) for axis in kept)))
    threads = min(
        len(places), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    if units is None and threads > 1 and sites.size >= _WORTH_A_THREAD:
        with ThreadPoolExecutor(threads) as pool:  # SciPy lets go of the interpreter, edt does not
            list(pool.map(measure, places))
    else:
        for place in places:
            measure(place)
    order = (*kept, *axes)
    return np.transpose(result, [order.index(axis) for axis in range(sites.ndim)])


def _image(
    sites: Any, spacing: Sequence[float], units: tuple[float, list[int]] | None, both: bool, result: Any
) -> None:
    """Write the squared distances of one image into `result`, which is 0."""
    if both:
        if units is None:
            other = np.zeros_like(result)
            _image(sites, spacing, units, False, result)
            _image(~sites, spacing, units, False, other)
            result += other  # one of them is 0 everywhere
        else:
            _by_edt(sites.astype(np.uint8) + 1, units, result)  # two labels, each measured to where it ends
        return
    if not sites.any():
        result[...] = math.inf
        return
    # Only the box around what is no site needs a look: every pixel outside it is one, and no nearest site lies beyond its rim.
    box = []
    for axis in range(sites.ndim):
        lines = np.flatnonzero(~sites.all(axis=tuple(one for one in range(sites.ndim) if one != axis)))
        if not lines.size:
            return
        box.append(slice(max(lines[0] - 1, 0), lines[-1] + 2))
    others = ~sites[tuple(box)]
    if units is not None:
        _by_edt(others.astype(np.uint8), units, result[tuple(box)])
        return
    nearest: Any = scipy.ndimage.distance_transform_edt(
        others, sampling=spacing, return_distances=False, return_indices=True
    )
    target = result[tuple(box)]
    for axis, step in enumerate(spacing):
        shape = tuple(-1 if one == axis else 1 for one in range(sites.ndim))
        apart = nearest[axis] - np.arange(others.shape[axis], dtype=nearest.dtype).reshape(shape)
        squares = np.multiply(apart, step, dtype=np.float64)
        target += np.multiply(squares, squares, out=squares)


def _by_edt(labels: Any, units: tuple[float, list[int]], result: Any) -> None:
    import edt

    scale, steps = units
    found = edt.edtsq(np.ascontiguousarray(labels), anisotropy=tuple(steps) if len(steps) > 1 else steps[0])
    np.multiply(found, scale, out=result, dtype=np.float64)


def _dyadic_units(spacing: Sequence[float], lengths: Sequence[int]) -> tuple[float, list[int]] | None:
    """(u^2, multiples) when every spacing is a whole multiple of one u, float32 holds all squares of multiples, and float64 all
    of distances, so that no order of the operations could round; else None."""
    halvings = max(step.as_integer_ratio()[1] for step in spacing)  # a power of two, as every float's denominator is
    whole = [int(step * halvings) for step in spacing]
    common = math.gcd(*whole)
    multiples = [one // common for one in whole]
    largest = sum((one * length) ** 2 for one, length in zip(multiples, lengths, strict=True))
    if largest > _EXACT_IN_FLOAT32 or common > _SMALL:
        return None
    unit = common / halvings
    return unit * unit, multiples
