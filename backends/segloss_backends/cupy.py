"""CuPy: everything stays on the device, through `cupyx` where it has a kernel of its own."""

from __future__ import annotations

import itertools
from typing import Any

import array_api_compat.cupy
import cupy
from cupyx.scipy.ndimage import distance_transform_edt
from cupyx.scipy.special import expit

from segloss_ref._backend import Array, Backend

__all__ = ["backend"]


class _CuPy(Backend):
    name = "cupy"

    def namespace(self, array: Array) -> Any:
        return array_api_compat.cupy

    def device(self, array: Array) -> Any:
        return array.device

    scatters = True

    def tally(self, places: Array, size: int, weight: Array) -> Array:
        rows = places.shape[0]
        place = cupy.where((places >= 0) & (places < size), places, size)  # the last place is cut off again
        # Of 64-bit integers, CuPy adds at places the unsigned alone.
        counted = cupy.zeros((rows, size + 1), dtype=cupy.uint64 if weight is None else weight.dtype)
        cupy.add.at(counted, (cupy.arange(rows)[:, None], place), cupy.uint64(1) if weight is None else weight)
        return counted[:, :size].astype(cupy.int64 if weight is None else weight.dtype)

    def sigmoid(self, x: Array) -> Array:
        return expit(x)

    def gather(self, x: Array, places: Array) -> Array:
        return cupy.take_along_axis(x, places, axis=-1)

    def scatter(self, x: Array, places: Array) -> Array:
        rows = places.reshape(-1, places.shape[-1])
        result = cupy.empty_like(x).reshape(rows.shape)
        result[cupy.arange(rows.shape[0])[:, None], rows] = x.reshape(rows.shape)
        return result.reshape(x.shape)

    def writable(self, array: Array) -> bool:
        return True

    def squared_distance(self, sites: Array, axes: tuple[int, ...], spacing: tuple[float, ...]) -> Array:
        """By CuPy's parallel banding where an image has two or three axes; its nearest places give exact squares."""
        if len(axes) not in (2, 3):
            return super().squared_distance(sites, axes, spacing)
        kept = [axis for axis in range(sites.ndim) if axis not in axes]
        order = (*kept, *axes)
        images = cupy.transpose(sites, order)
        result = cupy.empty(images.shape, dtype=cupy.float64)
        for place in itertools.product(*(range(sites.shape[axis]) for axis in kept)):
            image = images[place]
            nearest = distance_transform_edt(~image, sampling=spacing, return_distances=False, return_indices=True)
            total = cupy.zeros(image.shape, dtype=cupy.float64)
            for axis, step in enumerate(spacing):
                shape = tuple(-1 if one == axis else 1 for one in range(image.ndim))
                apart = (nearest[axis] - cupy.arange(image.shape[axis]).reshape(shape)) * step
                total += apart * apart
            # Without a site the nearest place is any; this needs no look at the values.
            result[place] = cupy.where(image.any(), total, cupy.inf)
        return cupy.transpose(result, [order.index(axis) for axis in range(sites.ndim)])

    def devices(self) -> tuple[str, ...]:
        try:
            count = cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError:
            return ()
        return ("cuda",) if count else ()

    def dtypes(self) -> tuple[str, ...]:
        return ("float64", "float32", "float16")

    def from_numpy(self, array: Any, dtype: str, device: str) -> Array:
        return cupy.asarray(array, dtype=dtype)

    def to_numpy(self, array: Array) -> Any:
        return cupy.asnumpy(array)


backend = _CuPy()
