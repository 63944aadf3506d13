"""What mutants are made of: the library with one thing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import segloss_ref as ref
from segloss_ref import registry
from segloss_ref.kit import Term, evaluate_gradient, loss_of

from ..cases.case import Case
from ..subjects.foreign import Foreign

__all__ = [
    "MUTANTS",
    "RIGHT",
    "Answer",
    "Mutant",
    "mutant",
    "parameter",
    "refer",
    "right",
    "score",
    "smooth_of",
    "with_formula",
]

Answer = tuple[Any, Any]


@dataclass(frozen=True)
class Mutant:
    """A function of a case that claims to be the loss or metric `of`."""

    name: str
    of: str
    why: str
    function: Callable[[Case], Any]
    dtype: str = "float64"
    """The dtype of the arrays that it is to be given, and in which its gradient comes back."""
    scaled: bool = False
    """It multiplies its gradient by the case's cotangent itself."""

    @property
    def implementation(self) -> Foreign:
        """What the checks take."""
        return Foreign(self.name, self.function, dtype=self.dtype, scales=self.scaled)


MUTANTS: list[Mutant] = []
RIGHT: list[Mutant] = []


def mutant(
    of: str, why: str, dtype: str = "float64", scaled: bool = False
) -> Callable[[Callable[[Case], Any]], Callable[[Case], Any]]:
    def add(function: Callable[[Case], Any]) -> Callable[[Case], Any]:
        MUTANTS.append(Mutant(function.__name__, of, why, function, dtype, scaled))
        return function

    return add


def refer(case: Case, name: str | None = None, pred: Any = None, target: Any = None, **changes: Any) -> Answer:
    """The library's answer to an altered case; a change to None drops the keyword."""
    keywords = {key: value for key, value in (case.keywords | changes).items() if value is not None}
    loss = registry.losses[name or case.name].function
    chosen = case.pred if pred is None else pred
    return ref.value_and_grad(loss)(chosen, case.target if target is None else target, **keywords)


def score(case: Case, name: str | None = None, **changes: Any) -> Any:
    keywords = {key: value for key, value in (case.keywords | changes).items() if value is not None}
    return registry.metrics[name or case.name].function(case.pred, case.target, **keywords)


def parameter(case: Case, name: str) -> Any:
    record = registry.losses[case.name] if case.is_loss else registry.metrics[case.name]
    return case.keywords.get(name, record.parameters[name].default)


def with_formula(case: Case, formula: Callable[..., Term]) -> Answer:
    """The engine with another formula."""
    altered = replace(loss_of(registry.losses[case.name].function), formula=formula)
    return evaluate_gradient(altered, case.pred, case.target, case.keywords)


def smooth_of(smooth: Any) -> tuple[float, float]:
    return (smooth[0], smooth[1]) if isinstance(smooth, tuple) else (smooth, smooth)


def right(
    of: str, why: str, dtype: str = "float64", scaled: bool = False
) -> Callable[[Callable[[Case], Any]], Callable[[Case], Any]]:
    def add(function: Callable[[Case], Any]) -> Callable[[Case], Any]:
        RIGHT.append(Mutant(function.__name__, of, why, function, dtype, scaled))
        return function

    return add
