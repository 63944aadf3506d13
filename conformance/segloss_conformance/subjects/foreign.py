"""Somebody else's function of a case, on NumPy arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..adapters.call import Called
from ..cases.case import DTYPES, Case
from ..laws import Law
from .library import problem_of

__all__ = ["Foreign"]


@dataclass(frozen=True)
class Foreign:
    """Somebody else's function of a case: its value, or (value, gradient)."""

    label: str
    function: Callable[[Case], Any]
    domain: Callable[[Case], Case | None] = lambda case: case
    dtype: str = "float64"
    metric_dtype: str = "float64"
    scales: bool = False
    strict: bool = True

    def adapt(self, case: Case) -> Case | None:
        """The case brought into the function's own domain."""
        return self.domain(case) if self.dtype in DTYPES[case.grid] else None

    def partner(self, law: Law, case: Case) -> Case | None:
        """None: it is held against the textbook alone."""
        return None

    def counted_in(self, called: Called) -> str:
        """That of its arrays, or the one in which it counts."""
        return called.dtype

    def ask(self, case: Case, *, gradient: bool = True, style: str = "plain", cotangent: Any = None) -> Called:
        """Call the function, and look at the shapes of what it returns and at its arguments afterwards."""
        before = case.pred.copy(), case.target.copy()
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                answer = self.function(case)
        except Exception as problem:
            raise problem_of(problem) from problem
        value, slope = answer if isinstance(answer, tuple) else (answer, None)
        gradients = {} if slope is None else {"its own": np.asarray(slope)}
        counted = self.dtype if case.is_loss else self.metric_dtype
        called = Called(np.asarray(value, dtype=np.float64), gradients, counted, cotangent=cotangent)
        for name, now, then in zip(("pred", "target"), (case.pred, case.target), before, strict=True):
            if not np.array_equal(now, then, equal_nan=True):
                now[...] = then
                called.changed.append(name)
        return called
