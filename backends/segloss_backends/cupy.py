"""CuPy: everything stays on the device, through `cupyx.scipy.special` where it has a kernel of its own."""

from __future__ import annotations

from typing import Any

import array_api_compat.cupy
import cupy
from cupyx.scipy.special import expit, log_expit

from segloss_ref._backend import Array, Backend

__all__ = ["backend"]


class _CuPy(Backend):
    name = "cupy"

    def namespace(self, array: Array) -> Any:
        return array_api_compat.cupy

    def device(self, array: Array) -> Any:
        return array.device

    def sigmoid(self, x: Array) -> Array:
        return expit(x)

    def log_sigmoid(self, x: Array) -> Array:
        return log_expit(x)

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
