"""`segloss_ref` itself on one backend, device and dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import segloss_ref
from segloss_ref import registry
from segloss_ref._backend import Backend, backend_of

from ..cases.case import COTANGENTS, DTYPES, Case
from ..truth.tolerance import wide_dtype
from .subject import Absent, Result

__all__ = ["Library", "libraries"]


@dataclass(frozen=True)
class Library:
    """`segloss_ref` on arrays of one library, device and dtype."""

    backend: Backend
    device: str
    dtype: str
    stride: int = 1
    """Only every `stride`-th case is run, where a library is slow on many small shapes."""

    @property
    def label(self) -> str:
        """backend device dtype."""
        return f"{self.backend.name} {self.device} {self.dtype}"

    def fit(self, case: Case) -> Case | None:
        """The case itself, if the dtype holds its numbers exactly."""
        fits = self.dtype in DTYPES[case.grid] and (self.stride == 1 or int(case.key, 16) % self.stride == 0)
        return case if fits else None

    def _array(self, array: Any) -> Any:
        dtype = self.dtype if array.dtype.kind == "f" else array.dtype.name
        return self.backend.from_numpy(array, dtype, self.device)

    def _check(self, what: str, found: Any, like: Any, dtype: str, shape: tuple[int, ...]) -> list[str]:
        faults = []
        if backend_of(found) is not self.backend:
            return [f"{what} is {type(found).__name__}, an array of another library than pred"]
        if self.backend.device(found) != self.backend.device(like):
            faults.append(f"{what} is on {self.backend.device(found)}, pred on {self.backend.device(like)}")
        if not str(found.dtype).endswith(dtype):
            faults.append(f"{what} has dtype {found.dtype}, expected {dtype}")
        if tuple(found.shape) != shape:
            faults.append(f"{what} has shape {tuple(found.shape)}, expected {shape}")
        return faults

    def run(self, case: Case) -> Result:
        """Call the function on fresh arrays, look at all but the numbers, and bring the numbers home."""
        pred, target = self._array(case.pred), self._array(case.target)
        keywords = {k: self._array(v) if isinstance(v, np.ndarray) else v for k, v in case.keywords.items()}
        home = self.backend.to_numpy
        inputs = {"pred": pred, "target": target, **{k: v for k, v in keywords.items() if hasattr(v, "shape")}}
        before = {name: home(array).copy() for name, array in inputs.items()}
        shape = case.answer.shape
        if not case.is_loss:
            value = registry.metrics[case.name].function(pred, target, **keywords)
            result = Result(home(value), faults=self._check("the value", value, pred, self.metric_dtype, shape))
        else:
            loss = registry.losses[case.name].function
            value = loss(pred, target, **keywords)
            result = Result(home(value), cotangent=case.cotangent)
            result.faults += self._check("the value", value, pred, wide_dtype(self.dtype), shape)
            cotangent = self.backend.from_numpy(case.cotangent, wide_dtype(self.dtype), self.device)
            asked_at = {} if (case.cotangent == 1).all() else {"cotangent": cotangent if shape else float(cotangent)}
            again, gradient = segloss_ref.value_and_grad(loss)(pred, target, **asked_at, **keywords)
            result.faults += self._check("value_and_grad's value", again, pred, wide_dtype(self.dtype), shape)
            if not np.array_equal(home(again), result.value, equal_nan=True):
                result.faults.append("value_and_grad returns another value than the function itself")
            for name, found in (
                ("closed form", gradient),
                *self._by_autograd(case, loss, pred, target, keywords, cotangent),
            ):
                result.gradients[name] = home(found)
                result.faults += self._check(f"the gradient ({name})", found, pred, self.dtype, tuple(pred.shape))
        for name, array in inputs.items():
            if not np.array_equal(home(array), before[name], equal_nan=array.dtype != bool):
                result.faults.append(f"the call changed its argument {name}")
        return result

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

    def value(self, case: Case) -> Any:
        """The value alone."""
        keywords = {k: self._array(v) if isinstance(v, np.ndarray) else v for k, v in case.keywords.items()}
        function = registry.records[case.name].function
        return self.backend.to_numpy(function(self._array(case.pred), self._array(case.target), **keywords))

    @property
    def metric_dtype(self) -> str:
        """float64 wherever the library has it."""
        return "float64" if "float64" in self.backend.dtypes() else "float32"


def libraries(
    names: list[str] | None = None, devices: list[str] | None = None, dtypes: list[str] | None = None
) -> list[Library | Absent]:
    """One column a backend, device and dtype that is registered and asked for; those that cannot run say why."""
    found: list[Library | Absent] = []
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
        usable = backend.devices()
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
                    # JAX compiles every operation anew for every shape.
                    found.append(Library(backend, device, dtype, stride=8 if backend.name == "jax" else 1))
    return found
