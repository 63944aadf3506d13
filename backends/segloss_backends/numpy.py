"""NumPy: the ground truth. Every call checks array values, because looking at them costs nothing here."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import array_api_compat.numpy
import numpy as np
import scipy

from segloss_ref._backend import Array, Backend

from . import _host

__all__ = ["backend"]


class _NumPy(Backend):
    name = "numpy"
    reads_values = True

    def namespace(self, array: Array) -> Any:
        return array_api_compat.numpy

    def device(self, array: Array) -> Any:
        return "cpu"

    def readable(self, array: Array) -> Any:
        return np.asarray(array)

    def refusal(self, array: Array) -> str | None:
        if isinstance(array, np.ma.MaskedArray):  # its sums leave out the masked pixels and its sizes count them
            return "a plain array, with weight 0 where it is masked"
        # Its product is that of matrices, and it always has two axes.
        return "a plain array, as numpy.asarray makes of it" if isinstance(array, np.matrix) else None

    def guard(self) -> AbstractContextManager[Any]:
        return np.errstate(all="ignore")

    def from_host(self, array: Any, like: Array) -> Array:
        return array

    def sigmoid(self, x: Array) -> Array:
        return scipy.special.expit(x)

    def sum(self, x: Array, axes: tuple[int, ...]) -> Array:
        if x.dtype != np.float32:
            return np.sum(x, axis=axes, keepdims=True)
        # float32 adds up by halves along an axis that is contiguous, and one by one elsewhere.
        inside = _host.innermost(x.shape, x.strides, axes) if x.size > _host.WORTH_TWO_SUMS else []
        if len(inside) == 1 and x.strides[inside[0]] == x.itemsize and x.shape[inside[0]] >= 64:
            x = np.sum(x, axis=inside[0], keepdims=True)
        return np.sum(x, axis=axes, keepdims=True, dtype=np.float64).astype(np.float32)

    def ranking(self, x: Array) -> Array:
        return _host.ranking(x)

    def gather(self, x: Array, places: Array) -> Array:
        return np.take_along_axis(x, places, axis=-1)

    def scatter(self, x: Array, places: Array) -> Array:
        result = np.empty_like(x)
        np.put_along_axis(result, places, x, axis=-1)
        return result

    def squared_distance(self, sites: Array, axes: tuple[int, ...], spacing: tuple[float, ...]) -> Array:
        return _host.squared_distance(sites, axes, spacing)

    def squared_boundary_distance(self, mask: Array, axes: tuple[int, ...], spacing: tuple[float, ...]) -> Array:
        return _host.squared_distance(mask, axes, spacing, both=True)

    def block(self, array: Array) -> int | None:
        return 2**17

    def writable(self, array: Array) -> bool:
        return True

    def store(self, out: Array, place: Any, array: Array, factor: Array) -> None:
        np.multiply(array, factor, out=out[place])

    def dtypes(self) -> tuple[str, ...]:
        return ("float64", "float32", "float16")

    def from_numpy(self, array: Any, dtype: str, device: str) -> Array:
        return np.array(array, dtype=dtype)

    def to_numpy(self, array: Array) -> Any:
        return np.asarray(array)


backend = _NumPy()
