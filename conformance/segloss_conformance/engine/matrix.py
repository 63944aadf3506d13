"""The engine: the same cases for every subject, a column each; the first failure of each kind is made small.

`run` holds the library's own backends so, `check` a bound function, the kill matrix the mutants.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from segloss_ref.registry import Record

from ..adapters.call import CallProblem, Unsupported
from ..adapters.words import GROUPS, OWN_GROUPS
from ..cases.case import Case
from ..cases.draw import draw
from ..cases.pinned import pinned
from ..subjects.subject import Subject
from .judge import group_of, judge, judge_laws
from .shrink import Shrinker
from .verdicts import Column, Finding, Verdict

__all__ = ["PROFILES", "Matrix", "Profile", "hold"]


@dataclass(frozen=True)
class Profile:
    """How much is asked."""

    own: int
    """Cases drawn for each loss and metric of the library's own backends."""
    drawn: int
    """Cases drawn for a function that is bound."""
    seconds: float
    """For all columns of such a function together; a slow one is asked fewer drawn cases. Fixed cases are always asked."""
    shrinking: float
    """Seconds for making one failure of such a function small."""


PROFILES = {
    "quick": Profile(25, 40, 4.5, 0.4),
    "standard": Profile(100, 250, 40.0, 2.0),
    "deep": Profile(1000, 3000, math.inf, 20.0),
}


@dataclass
class Matrix:
    """Cases of one loss or metric, and the columns that they are asked of."""

    record: Record
    cases: Sequence[Case]
    shrinking: float = math.inf
    """Seconds for making one failure small."""
    shrinks: int = 400
    """Cases for making one failure small; 0 leaves it as it is."""
    clock: Callable[[], float] = time.process_time
    """Our own processor time, so that a busy machine does not mean fewer cases."""
    declare: Callable[[Finding, str], Finding] = lambda finding, dtype: finding
    """Marks a finding with the entry of the ledger that declares it, if one does."""
    adapt: Callable[[Subject, Case], Case | None] = lambda subject, case: subject.adapt(case)
    small: dict[str, Case] = field(default_factory=dict)
    """Small cases that failed in an earlier column, by group."""

    def ask(self, subject: Subject, column: Column, deadline: float = math.inf) -> None:
        """Ask a subject about all cases, in order; a strict one until its first failure, others until `deadline`."""
        start = time.perf_counter()
        for number, drawn in enumerate(self.cases):
            case = self.adapt(subject, drawn)
            if case is None:
                column.outside += 1
                continue
            column.cases += 1
            self._ask(subject, case, column, number)
            if subject.strict and column.finding is not None:
                column.failed_after = column.cases
                break
            if self.clock() > deadline:
                left = len(self.cases) - number - 1
                column.verdicts["value"].unjudged["the time is up"] += left
                break
        column.seconds += time.perf_counter() - start

    def _ask(self, subject: Subject, case: Case, column: Column, number: int) -> None:
        verdicts, group = column.verdicts, group_of(case)
        called = None
        if verdicts[group].is_open:
            finding, called = judge(subject, case, verdicts)
            self.keep(subject, finding, column)
            if finding is not None and subject.strict:
                return
        # A bound function is asked about every third plain case, the library's own code about all.
        if not (subject.strict or (number % 3 == 0 and group == "value" and verdicts["law"].is_open)):
            return
        if called is None and not subject.strict:
            with suppress(CallProblem, Unsupported):  # which the groups above say
                called = subject.ask(case, gradient=False)
        if called is not None:
            self.keep(subject, judge_laws(subject, case, called, verdicts["law"]), column)

    def again(self, subject: Subject, case: Case, group: str) -> Finding | None:
        """The failure of a case, if it is of this group and not declared."""
        counted = {name: Verdict(name) for name in (*OWN_GROUPS, "special cases", "purity")}
        if group == "law" and not subject.strict:  # a broken law is one, whatever the values are
            try:
                called = subject.ask(case, gradient=False)
            except (CallProblem, Unsupported):
                return None
            finding = judge_laws(subject, case, called, counted["law"])
        else:
            finding, answered = judge(subject, case, counted)
            if group == "law" and finding is None and answered is not None:
                finding = judge_laws(subject, case, answered, counted["law"])
        if finding is None or finding.group != group or self.declare(finding, subject.dtype).deviation is not None:
            return None
        return finding

    def keep(self, subject: Subject, finding: Finding | None, column: Column) -> None:
        """File a failure under its group: the first undeclared one, made small, and one of each declared kind."""
        if finding is None:
            return
        verdict = column.verdicts[finding.group]
        finding = self.declare(finding, subject.dtype)
        if finding.deviation is not None:
            if not any(known.deviation is finding.deviation for known in verdict.findings):
                verdict.findings.append(finding)
        elif verdict.is_open:
            verdict.findings.append(self._small(subject, finding))

    def _small(self, subject: Subject, finding: Finding) -> Finding:
        """The same failure on a small case: one that an earlier column was brought to, or one searched for."""
        group = finding.group
        if not self.shrinks or finding.case is None or group not in (*OWN_GROUPS, "special cases"):
            return finding
        known = self.small.get(group)
        known = self.adapt(subject, known) if known is not None and subject.strict else known
        found = None if known is None else self.again(subject, known, group)
        if found is None:
            search = Shrinker(
                self.record,
                lambda drawn: self.adapt(subject, drawn),
                lambda case: self.again(subject, case, group),
                self.clock,
                self.shrinking,
                self.shrinks,
            )
            found = search.smallest(finding)
        if found.case is not None:
            self.small.setdefault(group, found.case)
        return found


def hold(
    record: Record,
    subjects: Iterable[Subject],
    examples: int = 0,
    seed: int = 0,
    given: Sequence[Case] | None = None,
    shrinking: bool = True,
) -> list[Column]:
    """Every subject on the same cases: those `given`, else the pinned ones and `examples` drawn ones."""
    asked = (*pinned(record.name), *draw(record, examples, seed)) if given is None else given
    matrix = Matrix(record, asked, shrinks=400 if shrinking else 0)
    columns = []
    for subject in subjects:
        groups = {group: Verdict(group) for group in (OWN_GROUPS if subject.strict else GROUPS)}
        column = Column(subject.dtype, verdicts=groups, name=record.name, label=subject.label)
        matrix.ask(subject, column)
        for verdict in column.verdicts.values():
            verdict.settle()
        columns.append(column)
    return columns
