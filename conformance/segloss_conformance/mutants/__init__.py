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
from ..engine.matrix import hold
from ..engine.verdicts import Column, Finding

# vectors/manifest.json lists the mutants in the order of these imports; each module adds its own to MUTANTS and RIGHT.
# isort: off
from . import boundary, similarity, compound, cotangents, counts, entropies, lovasz, overlap, right, surfaces  # noqa: F401
from . import certain, decisions, memory, otherwise, published, scale, weighing  # noqa: F401

# isort: on
from .kit import MUTANTS, RIGHT, Mutant
from .usual import usual_test_notices

__all__ = ["AT_ONE", "CASE_WISE", "CASE_WISE_RIGHT", "MUTANTS", "RIGHT", "Judged", "Mutant", "reject", "survey"]


CASE_WISE = [one for one in MUTANTS if not one.form]
"""Those that single cases reject; the others are rejected, if at all, by `check`, in the form that each has."""

CASE_WISE_RIGHT = [one for one in RIGHT if not one.form]
"""Those that take any case."""

AT_ONE = [one for one in CASE_WISE if not one.scaled]
"""Those whose gradient is asked at a cotangent of 1, the only one that vectors know."""


def _record(name: str) -> Record:
    return registry.losses[name] if name in registry.losses else registry.metrics[name]


@cache
def _cases(name: str, examples: int, seed: int) -> list[Case]:
    """Drawn once for all mutants of a loss or metric, and so answered once."""
    return draw(_record(name), examples, seed)


@dataclass(frozen=True)
class Judged:
    """What the checks made of a mutant: the column of the cases drawn, and of the pinned ones where none of those tells."""

    drawn: Column
    pinned: Column | None

    @property
    def finding(self) -> Finding | None:
        """The failure; None for a survivor."""
        return self.drawn.finding or (None if self.pinned is None else self.pinned.finding)

    @property
    def after(self) -> str:
        """Which case tells: the number of the drawn one, ``pinned``, or ``-``."""
        return str(self.drawn.failed_after) if self.drawn.finding else "pinned" if self.finding else "-"


def reject(mutant: Mutant, examples: int = 300, seed: int = 0) -> Judged:
    """Hold a mutant against the checks. The drawn cases come first, to see whether they would do without the pinned ones."""
    record = _record(mutant.of)

    def held(cases: Sequence[Case]) -> Column:
        return hold(record, [mutant.implementation], given=cases, shrinking=False)[0]

    drawn = held(_cases(mutant.of, examples, seed))
    return Judged(drawn, None if drawn.finding else held(pinned(mutant.of)))


def survey(examples: int = 300, seeds: Sequence[int] = (0,)) -> int:
    """Print the kill matrix: which check rejects each mutant after how many cases, for every seed, and the usual test.

    1 where a mutant survives or a right implementation falls.
    """
    wrong, missed = 0, 0
    for mutant in CASE_WISE:
        found = [reject(mutant, examples, seed) for seed in seeds]
        noticed = usual_test_notices(mutant, _record(mutant.of))
        missed += not noticed
        alive = sum(judged.finding is None for judged in found)
        wrong += alive > 0
        checks = "/".join(dict.fromkeys(judged.finding.group for judged in found if judged.finding is not None))
        after = ", ".join(judged.after for judged in found)
        print(
            f"{'SURVIVES' if alive else 'rejected'}  {mutant.name:38} {mutant.of:28} {checks:14} case {after:5}  "
            f"usual test: {'notices' if noticed else 'passes':8} {mutant.why}"
        )
    for mutant in CASE_WISE_RIGHT:
        for judged in (reject(mutant, examples, seed) for seed in seeds):
            if judged.finding is not None:
                wrong += 1
                print(f"WRONGLY REJECTED  {mutant.name}: {judged.finding.message}", file=sys.stderr)
            else:
                print(f"accepted  {mutant.name:38} {mutant.of:28} {judged.drawn.cases} cases  {mutant.why}")
    print(
        f"\n{len(CASE_WISE)} mutants, {len(CASE_WISE_RIGHT)} right implementations, {len(seeds)} seeds: "
        f"{wrong} judged wrongly; the usual test (five random inputs, allclose) passes {missed} mutants"
    )
    return 1 if wrong else 0
