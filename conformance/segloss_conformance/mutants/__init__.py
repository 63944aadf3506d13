"""Wrong implementations that people have really written, and right ones written otherwise.

The checks must reject every wrong one and accept every right one; else it is the suite that is wrong. Most mutants are the
library's own engine with a wrong formula or with altered arguments, so that value and gradient err together and only the
textbook can tell; some err in the gradient alone.
"""

from __future__ import annotations

import sys
from functools import cache

from segloss_ref import registry
from segloss_ref.registry import LossRecord, MetricRecord

from ..case import Case
from ..run import Cell, draw, run_record
from . import (  # noqa: F401  each adds its own to MUTANTS and RIGHT
    boundary,
    compound,
    counts,
    entropies,
    lovasz,
    overlap,
    right,
    surfaces,
)
from .kit import MUTANTS, RIGHT, Mutant

__all__ = ["MUTANTS", "RIGHT", "Mutant", "reject", "survey"]


def _record(name: str) -> LossRecord | MetricRecord:
    return registry.losses[name] if name in registry.losses else registry.metrics[name]


@cache
def _cases(name: str, examples: int, seed: int) -> list[Case]:
    """Drawn once for all mutants of a loss or metric, and so answered once."""
    return draw(_record(name), examples, seed)


def reject(mutant: Mutant, examples: int = 300, seed: int = 0) -> Cell:
    """Hold a mutant against the checks; a rejected one has a `minimal` failure."""
    cases = _cases(mutant.of, examples, seed)
    return run_record(_record(mutant.of), [mutant.implementation], examples, seed, shrinking=False, drawn_before=cases)[
        0
    ]


def survey(examples: int = 300, seed: int = 0) -> int:
    """Print which check rejects each mutant, and after how many cases; 1 where one survives or a right one falls."""
    wrong = 0
    for mutant in MUTANTS:
        cell = reject(mutant, examples, seed)
        if cell.minimal is None:
            wrong += 1
            print(f"SURVIVES  {mutant.name:38} {mutant.of:30} {mutant.why}")
        else:
            print(f"rejected  {mutant.name:38} {cell.minimal.failure.check:9} case {cell.failed_after:4}  {mutant.why}")
    for mutant in RIGHT:
        cell = reject(mutant, examples, seed)
        if cell.minimal is not None:
            wrong += 1
            print(f"WRONGLY REJECTED  {mutant.name}: {cell.minimal.failure.message}", file=sys.stderr)
        else:
            print(f"accepted  {mutant.name:38} {cell.examples:4} cases       {mutant.why}")
    print(f"\n{len(MUTANTS)} mutants, {len(RIGHT)} right implementations, {wrong} judged wrongly")
    return 1 if wrong else 0
