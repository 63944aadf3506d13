"""The engine: draw cases once, ask every implementation, shrink what fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from hypothesis import find, settings
from hypothesis.errors import NoSuchExample

from segloss_ref.registry import Record

from ..cases.case import Case
from ..cases.draw import ALL_HEALTH_CHECKS, draw
from ..cases.pinned import pinned
from ..cases.strategies import cases
from ..subjects.subject import Implementation
from .examine import Failure, Outcome, examine

__all__ = ["PROFILES", "Cell", "Minimal", "run_record", "shrink"]

PROFILES = {"quick": 25, "standard": 100, "deep": 1000}
"""Cases drawn for each loss and metric."""


@dataclass
class Minimal:
    """A failure on the smallest case that shows it."""

    failure: Failure
    case: Case

    @property
    def snippet(self) -> str:
        """The call as code."""
        return self.case.snippet(cotangent=self.failure.cotangent)


@dataclass
class Cell:
    """One implementation on one loss or metric."""

    name: str
    label: str
    examples: int = 0
    skipped: int = 0
    value_excess: float = 0.0
    gradient_excess: float = 0.0
    failed_after: int | None = None
    minimal: Minimal | None = None
    seconds: float = 0.0
    worst: Case | None = field(default=None, repr=False)

    @property
    def verdict(self) -> str:
        """conforms, fails, or not run where no case lay in the domain."""
        if self.minimal is not None:
            return "fails"
        return "conforms" if self.examples else "not run"


def shrink(record: Record, implementation: Implementation, first: Case, failure: Failure, budget: int = 400) -> Minimal:
    """The simplest case on which the implementation fails the same check; the first one where none simpler is found."""
    best = Minimal(failure, first)

    def fails(drawn: Case) -> bool:
        case = implementation.fit(drawn)
        if case is None:
            return False
        outcome = examine(implementation, case)
        if outcome.failure is None or outcome.failure.check != failure.check:
            return False
        if len(case.snippet()) <= len(best.case.snippet()):
            best.failure, best.case = outcome.failure, case
        return True

    with_budget = settings(
        max_examples=budget, database=None, deadline=None, derandomize=True, suppress_health_check=ALL_HEALTH_CHECKS
    )
    with suppress(NoSuchExample):
        find(cases(record), fails, settings=with_budget)
    return best


@contextmanager
def _timed(cell: Cell) -> Iterator[None]:
    start = time.perf_counter()
    yield
    cell.seconds += time.perf_counter() - start


def _known(cells: Sequence[Cell], implementation: Implementation, failure: Failure) -> Minimal | None:
    """A minimal case that another column was shrunk to, if this one fails it alike."""
    for cell in cells:
        case = None if cell.minimal is None else implementation.fit(cell.minimal.case)
        if case is not None:
            outcome = examine(implementation, case)
            if outcome.failure is not None and outcome.failure.check == failure.check:
                return Minimal(outcome.failure, case)
    return None


def run_record(
    record: Record,
    implementations: Sequence[Implementation],
    examples: int,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
    shrinking: bool = True,
    given: Sequence[Case] | None = None,
) -> list[Cell]:
    """Every implementation on the same cases: those `given`, else the pinned ones and `examples` drawn ones."""
    cells = [Cell(record.name, implementation.label) for implementation in implementations]
    for drawn in (*pinned(record.name), *draw(record, examples, seed)) if given is None else given:
        for cell, implementation in zip(cells, implementations, strict=True):
            if cell.minimal is not None:
                continue
            case = implementation.fit(drawn)
            if case is None:
                cell.skipped += 1
                continue
            with _timed(cell):
                outcome: Outcome = examine(implementation, case)
            cell.examples += 1
            if outcome.failure is not None:
                cell.failed_after = cell.examples
                cell.minimal = Minimal(outcome.failure, case)
                if shrinking:
                    cell.minimal = _known(cells, implementation, outcome.failure) or shrink(
                        record, implementation, case, outcome.failure
                    )
            if outcome.value_excess + outcome.gradient_excess > cell.value_excess + cell.gradient_excess:
                cell.worst = case
            cell.value_excess = max(cell.value_excess, outcome.value_excess)
            cell.gradient_excess = max(cell.gradient_excess, outcome.gradient_excess)
        tick()
    return cells
