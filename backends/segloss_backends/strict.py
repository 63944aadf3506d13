"""array-api-strict: the portable operations, on a library that refuses whatever the array standard does not promise."""

from __future__ import annotations

from typing import Any

import array_api_strict
import numpy as np

from segloss_ref._backend import Array, Backend
from segloss_ref._probe import outdated

__all__ = ["backend"]


class _Strict(Backend):
    name = "array_api_strict"

    def guard(self) -> Any:
        return np.errstate(all="ignore")  # its arrays are NumPy's inside

    def refusal(self, array: Array) -> str | None:
        return outdated(array_api_strict)

    def readable(self, array: Array) -> Any:
        return self.to_numpy(array)

    # Its device without 64 bits refuses the integers that its own functions give as places; others take them from the CPU too.

    def ranking(self, x: Array) -> Array:
        return self._back(super().ranking(self._near(x)), x)

    def argmax(self, x: Array, axis: int) -> Array:
        return self._back(super().argmax(self._near(x), axis), x)

    def scatter(self, x: Array, places: Array) -> Array:
        return self.gather(x, self._back(array_api_strict.argsort(self._near(places), axis=-1), places))

    def _near(self, array: Array) -> Array:
        return array_api_strict.asarray(array, device=array_api_strict.Device("CPU_DEVICE"))

    def _back(self, array: Array, like: Array) -> Array:
        return self.from_host(self.to_numpy(array), like)

    def devices(self) -> tuple[str, ...]:
        return ("CPU_DEVICE", "device1")

    def from_numpy(self, array: Any, dtype: str, device: str) -> Array:
        kind = getattr(array_api_strict, dtype)
        return array_api_strict.asarray(np.asarray(array), dtype=kind, device=array_api_strict.Device(device))

    def to_numpy(self, array: Array) -> Any:
        return np.from_dlpack(self._near(array))


backend = _Strict()
