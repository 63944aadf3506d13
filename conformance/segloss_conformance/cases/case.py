"""One input of a loss or metric, as plain NumPy arrays, that every implementation is given."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ..truth.numbers import mp
from ..truth.textbook import Answer
from ..truth.textbook import loss as true_loss
from ..truth.textbook import metric as true_metric

__all__ = ["COTANGENTS", "DTYPES", "Case", "Grid"]

Grid = Literal["narrow", "float32", "float64"]
DTYPES: dict[Grid, tuple[str, ...]] = {
    "narrow": ("float64", "float32", "float16", "bfloat16"),
    "float32": ("float64", "float32"),
    "float64": ("float64",),
}
"""The dtypes that hold every number of a case exactly, by the grid its numbers are drawn from."""

COTANGENTS = (1.0, 2.0**-20, float(np.float32(0.3)), 2.0**15, 2.0**16, 2.0**24)
"""What gradients are multiplied by, in turn: 1, a weight in a sum of losses that no 16 bits hold, and scales of mixed precision
from where float16 still holds them to where it holds neither them nor most gradients. float32 holds all exactly."""


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
    def cotangent(self) -> Any:
        """What this case asks its gradient at: a float64 array of the shape of the value, of numbers that float32 holds.

        One of `COTANGENTS` for a single value; random numbers of that size for several ones, some of them 0, as they are
        where a caller picks values. The case's digest chooses, so that the same case is always asked alike.
        """
        number = int(self.key, 16)
        scale = COTANGENTS[number % len(COTANGENTS)]
        shape = self.answer.shape
        if shape == ():
            return np.array(scale)
        rng = np.random.default_rng(number)
        signed = rng.uniform(0.25, 1, shape) * rng.choice([-1, -1, -1, 0, 1, 1, 1], shape)
        return signed.astype(np.float32).astype(np.float64) * (2.0 ** np.floor(np.log2(scale)))

    @cached_property
    def pulled(self) -> list[tuple[Any, Any]] | None:
        """The true gradient of the values times `cotangent`, with bounds, as `Answer.gradient` has it; None for metrics."""
        gradient = self.answer.gradient
        if gradient is None or (self.cotangent == 1).all():
            return gradient
        parts: list[list[tuple[Any, Any]]] = [[] for _ in gradient]
        for value, factor in zip(self.answer.value, map(mp.mpf, self.cotangent.ravel().tolist()), strict=True):
            for index, (slope, bound) in value.d.items() if factor else ():
                product = slope * factor
                parts[index].append((product, abs(factor) * bound + abs(product)))
        pairs = []
        for terms in parts:  # a sum of n terms costs n - 1 roundoffs of their sizes, as in `numbers`
            extra = (len(terms) - 1) * sum(abs(product) for product, _ in terms) if len(terms) > 1 else 0
            pairs.append((mp.fsum(product for product, _ in terms), mp.fsum(bound for _, bound in terms) + extra))
        return pairs

    @cached_property
    def key(self) -> str:
        """A digest of the contents."""
        return hashlib.sha256(self.snippet().encode()).hexdigest()[:16]

    def snippet(self, module: str = "segloss_ref", cotangent: Any = None) -> str:
        """The call as code that can be pasted; needs NumPy and `module` alone."""

        def literal(value: Any) -> str:
            if isinstance(value, np.ndarray):
                return f"np.array({value.tolist()!r}, dtype={value.dtype.name!r})"
            return repr(value)

        told = self.keywords
        if cotangent is not None and (cotangent != 1).any():
            told = told | {"cotangent": cotangent if cotangent.shape else float(cotangent)}
        keywords = "".join(f",\n    {name}={literal(value)}" for name, value in told.items())
        call = f"value_and_grad({self.name})" if self.is_loss else self.name
        names = f"{self.name}, value_and_grad" if self.is_loss else self.name
        return (
            f"import numpy as np\nfrom {module} import {names}\nnan, inf = np.nan, np.inf\n"
            f"print({call}(\n    {literal(self.pred)},\n    {literal(self.target)}{keywords},\n))"
        )
