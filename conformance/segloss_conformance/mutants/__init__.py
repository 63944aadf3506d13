"""Wrong implementations that people have really written, and right ones written otherwise.

The checks must reject every wrong one and accept every right one; else it is the suite that is wrong. Most mutants are the
library's own engine with a wrong formula or with altered arguments, so that value and gradient err together and only the
textbook can tell; some err in the gradient alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from segloss_ref import registry
from segloss_ref.registry import Record

from ..cases.case import Case
from ..cases.draw import draw
from ..cases.pinned import pinned
from ..engine.matrix import Cell, Minimal, run_record
from . import (  # noqa: F401  each adds its own to MUTANTS and RIGHT
    boundary,
    compound,
    cotangents,
    counts,
    entropies,
    lovasz,
    overlap,
    right,
    surfaces,
)
from .kit import MUTANTS, RIGHT, Mutant
from .usual import usual_test_notices

__all__ = ["AT_ONE", "MUTANTS", "RIGHT", "Judged", "Mutant", "reject", "survey"]


AT_ONE = [one for one in MUTANTS if not one.scaled]
"""Those whose gradient is asked at a cotangent of 1, the only one that vectors know."""


def _record(name: str) -> Record:
    return registry.losses[name] if name in registry.losses else registry.metrics[name]


@cache
def _cases(name: str, examples: int, seed: int) -> list[Case]:
    """Drawn once for all mutants of a loss or metric, and so answered once."""
    return draw(_record(name), examples, seed)


@dataclass(frozen=True)
class Judged:
    """What the checks made of a mutant: the cell of the cases drawn, and of the pinned ones where none of those tells."""

    drawn: Cell
    pinned: Cell | None

    @property
    def minimal(self) -> Minimal | None:
        """The failure; None for a survivor."""
        return self.drawn.minimal or (None if self.pinned is None else self.pinned.minimal)

    @property
    def after(self) -> str:
        """Which case tells: the number of the drawn one, ``pinned``, or ``-``."""
        return str(self.drawn.failed_after) if self.drawn.minimal else "pinned" if self.minimal else "-"


def reject(mutant: Mutant, examples: int = 300, seed: int = 0) -> Judged:
    """Hold a mutant against the checks. The drawn cases come first, to see whether they would do without the pinned ones."""
    record = _record(mutant.of)

    def held(cases: Sequence[Case]) -> Cell:
        return run_record(record, [mutant.implementation], examples, seed, shrinking=False, given=cases)[0]

    drawn = held(_cases(mutant.of, examples, seed))
    return Judged(drawn, None if drawn.minimal else held(pinned(mutant.of)))


def survey(examples: int = 300, seeds: Sequence[int] = (0,)) -> int:
    """Print the kill matrix: which check rejects each mutant after how many cases, for every seed, and the usual test.

    1 where a mutant survives or a right implementation falls.
    """
    wrong, missed = 0, 0
    for mutant in MUTANTS:
        cells = [reject(mutant, examples, seed) for seed in seeds]
        noticed = usual_test_notices(mutant, _record(mutant.of))
        missed += not noticed
        alive = sum(cell.minimal is None for cell in cells)
        wrong += alive > 0
        checks = "/".join(dict.fromkeys(cell.minimal.failure.check for cell in cells if cell.minimal is not None))
        after = ", ".join(cell.after for cell in cells)
        print(
            f"{'SURVIVES' if alive else 'rejected'}  {mutant.name:38} {mutant.of:28} {checks:14} case {after:5}  "
            f"usual test: {'notices' if noticed else 'passes':8} {mutant.why}"
        )
    for mutant in RIGHT:
        for cell in (reject(mutant, examples, seed) for seed in seeds):
            if cell.minimal is not None:
                wrong += 1
                print(f"WRONGLY REJECTED  {mutant.name}: {cell.minimal.failure.message}", file=sys.stderr)
            else:
                print(f"accepted  {mutant.name:38} {mutant.of:28} {cell.drawn.examples} cases  {mutant.why}")
    print(
        f"\n{len(MUTANTS)} mutants, {len(RIGHT)} right implementations, {len(seeds)} seeds: {wrong} judged wrongly; "
        f"the usual test (five random inputs, allclose) passes {missed} mutants"
    )
    return 1 if wrong else 0
