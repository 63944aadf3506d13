"""Somebody else's function of a case, on NumPy arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cases.case import DTYPES, Case
from .subject import Result

__all__ = ["Foreign"]


@dataclass(frozen=True)
class Foreign:
    """Somebody else's function of a case: its value, or (value, gradient)."""

    label: str
    function: Callable[[Case], Any]
    domain: Callable[[Case], Case | None] = lambda case: case
    dtype: str = "float64"
    metric_dtype: str = "float64"
    scaled: bool = False
    """Its gradient is asked at the case's cotangent in place of 1."""

    def fit(self, case: Case) -> Case | None:
        """The case brought into the function's own domain."""
        return self.domain(case) if self.dtype in DTYPES[case.grid] else None

    def run(self, case: Case) -> Result:
        """Call the function, and look at the shapes of what it returns and at its arguments afterwards."""
        before = case.pred.copy(), case.target.copy()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            answer = self.function(case)
        value, gradient = answer if isinstance(answer, tuple) else (answer, None)
        value = np.asarray(value, dtype=np.float64)
        result = Result(
            value,
            {} if gradient is None else {"its own": np.asarray(gradient)},
            cotangent=case.cotangent if self.scaled else None,
        )
        for name, now, then in zip(("pred", "target"), (case.pred, case.target), before, strict=True):
            if not np.array_equal(now, then, equal_nan=True):
                now[...] = then
                result.faults.append(f"the call changed its argument {name}")
        if value.shape != case.answer.shape:
            result.faults.append(f"the value has shape {value.shape}, expected {case.answer.shape}")
        if gradient is not None and result.gradients["its own"].shape != case.pred.shape:
            result.faults.append(
                f"the gradient has shape {result.gradients['its own'].shape}, expected {case.pred.shape}"
            )
        return result
