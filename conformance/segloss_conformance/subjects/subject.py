"""What is under test: something that takes a case and gives a value and, for losses, a gradient.

`Library` is `segloss_ref` itself on one backend, device and dtype. `Foreign` is any other function on NumPy arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from ..cases.case import Case

__all__ = ["Absent", "Implementation", "Result"]


@dataclass
class Result:
    """What an implementation made of a case. Gradients by name, since a library may offer more than one way to them."""

    value: Any
    gradients: dict[str, Any] = field(default_factory=dict)
    cotangent: Any = None
    """What the gradients are asked at: the case's own cotangent, or None for 1."""
    faults: list[str] = field(default_factory=list)
    """What is wrong before any number is looked at: library, device, dtype, shape, changed inputs."""


class Implementation(Protocol):
    """An implementation under test."""

    @property
    def label(self) -> str:
        """The name of its column."""
        ...

    @property
    def dtype(self) -> str:
        """The dtype of the arrays that it is given."""
        ...

    @property
    def metric_dtype(self) -> str:
        """The dtype in which it counts."""
        ...

    def fit(self, case: Case) -> Case | None:
        """The case, or its like in the implementation's own domain; None where there is none."""
        ...

    def run(self, case: Case) -> Result:
        """Its answer."""
        ...


@dataclass(frozen=True)
class Absent:
    """A column that cannot run here, and why."""

    label: str
    reason: str
