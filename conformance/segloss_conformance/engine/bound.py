"""A bound callable as an `Implementation`, so that `run` can hold it in its matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..adapters.adapt import fit
from ..adapters.binding import Binding
from ..adapters.bound_case import BoundCase
from ..adapters.callers import Caller, caller
from ..cases.case import Case
from ..subjects.subject import Result
from .judge import Asked

__all__ = ["BoundImplementation"]


@dataclass(frozen=True)
class BoundImplementation:
    """A binding in its first dtype on its first device."""

    binding: Binding

    @property
    def label(self) -> str:
        """The binding's."""
        return self.binding.label

    @property
    def dtype(self) -> str:
        """The dtype of the arrays that it is given."""
        return self.binding.dtypes[0]

    @property
    def metric_dtype(self) -> str:
        """The dtype in which it counts."""
        return self.dtype if self.dtype in ("float32", "float16", "bfloat16") else "float64"

    def fit(self, case: Case) -> BoundCase | None:
        """The like of a case in its own form and domain; None where there is none."""
        return fit(self.binding, case, self.dtype)

    def run(self, case: Case) -> Result:
        """Its answer to a case that `fit` has returned; raises what the call raises."""
        if not isinstance(case, BoundCase):
            raise TypeError(f"run: case must be one that fit has returned, got {type(case).__name__}")
        called = Asked(self.binding, self._caller, self.dtype).value(case, gradient=True)
        result = Result(called.value, {} if called.gradient is None else {"its own": called.gradient})
        for what, found, shape in (
            ("value", called.value, case.answer.shape),
            ("gradient", called.gradient, case.pred.shape),
        ):
            if found is not None and found.shape != shape:
                result.faults.append(f"the {what} has shape {found.shape}, expected {shape}")
        return result

    @cached_property
    def _caller(self) -> Caller:
        return caller(self.binding, self.binding.devices[0], "eager")

    def close(self) -> None:
        """End the process behind `run`, where there is one."""
        if "_caller" in self.__dict__:
            self._caller.close()
