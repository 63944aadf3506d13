"""One input of a loss or metric, as plain NumPy arrays, that every implementation is given."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from .textbook import Answer
from .textbook import loss as true_loss
from .textbook import metric as true_metric

__all__ = ["DTYPES", "Case", "Grid"]

Grid = Literal["narrow", "float32", "float64"]
DTYPES: dict[Grid, tuple[str, ...]] = {
    "narrow": ("float64", "float32", "float16", "bfloat16"),
    "float32": ("float64", "float32"),
    "float64": ("float64",),
}
"""The dtypes that hold every number of a case exactly, by the grid its numbers are drawn from."""


@dataclass(eq=False)
class Case:
    """Arguments of a loss or metric. Floating arrays are float64 and hold numbers of `grid` only."""

    name: str
    pred: Any
    target: Any
    keywords: dict[str, Any] = field(default_factory=dict)
    grid: Grid = "narrow"
    is_loss: bool = True

    @cached_property
    def answer(self) -> Answer:
        """What the textbook says, computed once for all implementations."""
        truth = true_loss if self.is_loss else true_metric
        return truth(self.name, self.pred, self.target, **self.keywords)

    @cached_property
    def key(self) -> str:
        """A digest of the contents."""
        return hashlib.sha256(self.snippet().encode()).hexdigest()[:16]

    def snippet(self, module: str = "segloss_ref") -> str:
        """The call as code that can be pasted; needs NumPy and `module` alone."""

        def literal(value: Any) -> str:
            if isinstance(value, np.ndarray):
                return f"np.array({value.tolist()!r}, dtype={value.dtype.name!r})"
            return repr(value)

        keywords = "".join(f",\n    {name}={literal(value)}" for name, value in self.keywords.items())
        call = f"value_and_grad({self.name})" if self.is_loss else self.name
        names = f"{self.name}, value_and_grad" if self.is_loss else self.name
        return (
            f"import numpy as np\nfrom {module} import {names}\nnan, inf = np.nan, np.inf\n"
            f"print({call}(\n    {literal(self.pred)},\n    {literal(self.target)}{keywords},\n))"
        )
