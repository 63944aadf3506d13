"""`segloss_ref` itself on one backend, device and dtype."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import segloss_ref
from segloss_ref import kit, registry

from ..adapters.call import Called, CallProblem
from ..cases.case import COTANGENTS, DTYPES, Case
from ..laws import Law
from ..truth.tolerance import wide_dtype
from .present import Absent, TestedBackend, present

__all__ = ["Library", "libraries", "problem_of"]


def problem_of(problem: Exception) -> CallProblem:
    """An exception of a function under test, in a line that says where it was raised."""
    frame = traceback.extract_tb(problem.__traceback__)[-1]
    return CallProblem(f"{type(problem).__name__}: {problem} ({frame.name}, line {frame.lineno})")


@dataclass(frozen=True)
class Library:
    """`segloss_ref` on arrays of one library, device and dtype."""

    backend: TestedBackend
    device: str
    dtype: str
    stride: int = 1
    """Only every `stride`-th case is run, where a library is slow on many small shapes."""
    strict: bool = True
    scales: bool = True

    @property
    def label(self) -> str:
        """backend device dtype."""
        return f"{self.backend.name} {self.device} {self.dtype}"

    def adapt(self, case: Case) -> Case | None:
        """The case itself, if the dtype holds its numbers exactly."""
        fits = self.dtype in DTYPES[case.grid] and (self.stride == 1 or int(case.key, 16) % self.stride == 0)
        return case if fits else None

    def _array(self, array: Any) -> Any:
        dtype = self.dtype if array.dtype.kind == "f" else array.dtype.name
        return self.backend.from_numpy(array, dtype, self.device)

    def _check(self, what: str, found: Any, like: Any, dtype: str, shape: tuple[int, ...]) -> list[str]:
        faults = []
        if kit.backend_of(found) is not self.backend:
            return [f"{what} is {type(found).__name__}, an array of another library than pred"]
        if self.backend.device(found) != self.backend.device(like):
            faults.append(f"{what} is on {self.backend.device(found)}, pred on {self.backend.device(like)}")
        if not str(found.dtype).endswith(dtype):
            faults.append(f"{what} has dtype {found.dtype}, expected {dtype}")
        if tuple(found.shape) != shape:
            faults.append(f"{what} has shape {tuple(found.shape)}, expected {shape}")
        return faults

    def partner(self, law: Law, case: Case) -> Case | None:
        """The law's other case, in float64 of libraries that are asked about every case."""
        return law.partner(case) if self.dtype == "float64" and self.stride == 1 else None

    def counted_in(self, called: Called) -> str:
        """The dtype of the arrays, or that of exact counts."""
        return called.dtype

    def ask(self, case: Case, *, gradient: bool = True, style: str = "plain", cotangent: Any = None) -> Called:
        """Call the function on fresh arrays, look at all but the numbers, and bring the numbers home."""
        try:
            return self._asked(case, gradient, cotangent)
        except Exception as problem:  # whatever it raises is its failure
            raise problem_of(problem) from problem

    def _asked(self, case: Case, gradient: bool, cotangent: Any) -> Called:
        pred, target = self._array(case.pred), self._array(case.target)
        keywords = {k: self._array(v) if isinstance(v, np.ndarray) else v for k, v in case.keywords.items()}
        home = self.backend.to_numpy
        inputs = {"pred": pred, "target": target, **{k: v for k, v in keywords.items() if hasattr(v, "shape")}}
        before = {name: home(array).copy() for name, array in inputs.items()}
        shape, function = case.answer.shape, registry.records[case.name].function
        value = function(pred, target, **keywords)
        counted = self.dtype if case.is_loss else self.metric_dtype
        called = Called(home(value), {}, counted, cotangent=cotangent)
        called.faults += self._check("the value", value, pred, wide_dtype(counted), shape)
        if case.is_loss and gradient:
            seed = self.backend.from_numpy(case.cotangent, wide_dtype(self.dtype), self.device)
            asked_at = {} if (case.cotangent == 1).all() else {"cotangent": seed if shape else float(seed)}
            again, slope = segloss_ref.value_and_grad(function)(pred, target, **asked_at, **keywords)
            called.faults += self._check("value_and_grad's value", again, pred, wide_dtype(self.dtype), shape)
            if not np.array_equal(home(again), called.value, equal_nan=True):
                called.faults.append("value_and_grad returns another value than the function itself")
            for name, found in (
                ("closed form", slope),
                *self._by_autograd(case, function, pred, target, keywords, seed),
            ):
                called.gradients[name] = home(found)
                called.faults += self._check(f"the gradient ({name})", found, pred, self.dtype, tuple(pred.shape))
        for name, array in inputs.items():
            if not np.array_equal(home(array), before[name], equal_nan=array.dtype != bool):
                called.changed.append(name)
        return called

    def _by_autograd(
        self, case: Case, loss: Callable[..., Any], pred: Any, target: Any, keywords: dict[str, Any], cotangent: Any
    ) -> Iterator[tuple[str, Any]]:
        """The gradient by the library's own autograd, if it has one, and on every fourth case a second one of the graph."""
        automatic = self.backend.vjp(lambda z: loss(z, target, **keywords), pred)
        if automatic is None:
            return
        _, pull = automatic
        kind = int(case.key, 16) // len(COTANGENTS) % 8
        yield "autograd", pull(cotangent, retain_graph=kind < 2)
        if kind == 0:
            yield "autograd, again", pull(cotangent)
        elif kind == 1:
            yield "autograd with create_graph", pull(cotangent, create_graph=True)

    @property
    def metric_dtype(self) -> str:
        """float64 wherever the library has it."""
        return "float64" if "float64" in self.backend.dtypes() else "float32"


def libraries(
    names: list[str] | None = None, devices: list[str] | None = None, dtypes: list[str] | None = None
) -> list[Library | Absent]:
    """One column a backend, device and dtype that is registered and asked for; those that cannot run say why."""
    return [
        # JAX compiles every operation anew for every shape.
        one if isinstance(one, Absent) else Library(*one, stride=8 if one[0].name == "jax" else 1)
        for one in present(names, devices, dtypes)
    ]
