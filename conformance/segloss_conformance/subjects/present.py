"""The backends, devices and dtypes that can be used here, and why others cannot; imports none of the suite's own packages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

import segloss_ref
from segloss_ref import kit

__all__ = ["Absent", "TestedBackend", "present"]


class TestedBackend(Protocol):
    """What the suite needs of a backend, beyond what the library needs of it."""

    name: str

    def devices(self) -> tuple[str, ...]:
        """The devices that can be used here."""
        ...

    def dtypes(self) -> tuple[str, ...]:
        """The floating dtypes, by name."""
        ...

    def from_numpy(self, array: Any, dtype: str, device: str) -> Any:
        """A NumPy array as one of the library."""
        ...

    def to_numpy(self, array: Any) -> Any:
        """An array of the library as NumPy's, exactly."""
        ...

    def device(self, array: Any) -> Any:
        """Where an array lies."""
        ...

    def vjp(self, function: Callable[..., Any], pred: Any) -> tuple[Any, kit.Pull] | None:
        """(value, its vector-Jacobian product) by the library's own autograd; None where it has none."""
        ...


@dataclass(frozen=True)
class Absent:
    """A column that cannot run here, and why."""

    label: str
    reason: str
    broken: bool = False
    """It is there and does not work, which is an error of its own."""


def present(
    names: list[str] | None = None, devices: list[str] | None = None, dtypes: list[str] | None = None
) -> list[tuple[TestedBackend, str, str] | Absent]:
    """(backend, device, dtype) of all that is registered and asked for; those that cannot run say why."""
    found: list[tuple[TestedBackend, str, str] | Absent] = []
    seen: set[str] = set()
    for name, load in sorted(segloss_ref.backends().items()):
        if names and name not in names:
            continue
        try:
            backend = load()
        except ImportError as problem:
            found.append(Absent(name, f"not installed ({problem})"))
            continue
        if backend.name in seen:
            continue
        seen.add(backend.name)
        try:
            usable = backend.devices()
            _try(backend, usable)
        except Exception as problem:
            found.append(Absent(name, f"broken backend: {type(problem).__name__}: {problem}", broken=True))
            continue
        wanted = usable if devices is None else [one for one in devices if one in usable]
        if not usable:
            found.append(Absent(name, "no device that it can use"))
        for missing in sorted(
            {*(devices or []), *(["cuda"] if name == "torch" and devices is None else [])} - set(usable)
        ):
            found.append(Absent(f"{name} {missing}", f"no {missing} device"))
        for device in wanted:
            for dtype in backend.dtypes():
                if dtypes is None or dtype in dtypes:
                    found.append((backend, device, dtype))
    return found


def _try(backend: TestedBackend, devices: Sequence[str]) -> None:
    """Bring an array of each dtype to each device and home again. Raises where the backend does not keep it."""
    numbers = np.array([[0.0, 1.0, -2.5]])
    for device in devices:
        for dtype in backend.dtypes():
            again = backend.to_numpy(backend.from_numpy(numbers, dtype, device))
            if not np.array_equal(np.asarray(again, dtype=np.float64), numbers):
                raise ValueError(f"from_numpy and to_numpy in {dtype} on {device} make {again!r} of {numbers!r}")
