"""What a check says: a status and a grade for each group, what was not judged and why, and the failures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..adapters.binding import Binding
from ..adapters.ledger import Deviation
from ..adapters.words import GROUPS
from ..cases.case import Case

__all__ = ["Column", "Finding", "SpecReport", "Verdict"]


@dataclass
class Finding:
    """One thing that is wrong."""

    group: str
    message: str
    case: Case | None = None
    cotangent: Any = None
    """What the gradient was asked at, where that is what failed."""
    hint: str | None = None
    deviation: Deviation | None = None
    """The entry of the ledger that declares it."""


@dataclass
class Verdict:
    """What became of one group of checks."""

    group: str
    status: str = "unsupported"
    """conforms, deviates, fails, unsupported, broken adapter."""
    grade: str = ""
    examples: int = 0
    worst: float = 0.0
    """The largest error as a share of what grade A allows."""
    note: str = ""
    findings: list[Finding] = field(default_factory=list)
    unjudged: Counter[str] = field(default_factory=Counter)
    """How many cases were not judged, by reason."""
    bits: float | None = None
    """Right bits of the worst value that is well conditioned."""

    @property
    def finding(self) -> Finding | None:
        """The failure to show: the first that is not declared, else the first."""
        undeclared = (finding for finding in self.findings if finding.deviation is None)
        return next(undeclared, self.findings[0] if self.findings else None)

    @property
    def is_open(self) -> bool:
        """No failure was found that the ledger does not declare."""
        return all(finding.deviation is not None for finding in self.findings)

    def passed(self, grade: str = "", worst: float = 0.0) -> None:
        """Count a case that conforms."""
        self.examples += 1
        self.grade = max(self.grade, grade)
        self.worst = max(self.worst, worst)

    def left(self, reason: str) -> None:
        """Count a case that was not judged."""
        self.unjudged[reason] += 1

    def settle(self, note: str = "") -> None:
        """Turn what was counted into a status."""
        if not self.is_open:
            self.status = "fails"
        elif self.findings:
            self.status = "deviates"
        elif self.examples:
            self.status = "conforms"
        else:
            self.status, self.note = "unsupported", self.note or note


def _verdicts() -> dict[str, Verdict]:
    return {group: Verdict(group) for group in GROUPS}


@dataclass
class Column:
    """One subject, in one dtype on one device, on one loss or metric."""

    dtype: str
    device: str = ""
    verdicts: dict[str, Verdict] = field(default_factory=_verdicts)
    name: str = ""
    """The loss or metric."""
    label: str = ""
    """The subject; dtype and device where it is not given."""
    cases: int = 0
    outside: int = 0
    """Cases outside the subject's domain."""
    failed_after: int | None = None
    """How many cases were asked up to the first failure."""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.label = self.label or f"{self.dtype} {self.device}"

    @property
    def finding(self) -> Finding | None:
        """The first failure that is not declared."""
        findings = (finding for verdict in self.verdicts.values() for finding in verdict.findings)
        return next((finding for finding in findings if finding.deviation is None), None)

    @property
    def unjudged(self) -> Counter[str]:
        """How many judgements were left out, by group and reason."""
        counted: Counter[str] = Counter()
        for group, verdict in self.verdicts.items():
            for reason, times in verdict.unjudged.items():
                counted[f"{group}: {reason}"] += times
        return counted

    @property
    def bits(self) -> float | None:
        """Right bits of the worst value that is well conditioned."""
        return min((verdict.bits for verdict in self.verdicts.values() if verdict.bits is not None), default=None)

    @property
    def verdict(self) -> str:
        """Of a strict subject: conforms, fails, or not run where no case lay in the domain."""
        if self.finding is not None:
            return "fails"
        return "conforms" if self.cases else "not run"

    @property
    def status(self) -> str:
        """The worst of the groups."""
        found = {verdict.status for verdict in self.verdicts.values()}
        for status in ("broken adapter", "fails", "deviates"):
            if status in found:
                return status
        return "conforms" if self.verdicts.get("value", Verdict("value")).status == "conforms" else "unsupported"

    @property
    def grade(self) -> str:
        """The worst grade of value, special cases and gradient."""
        return max((verdict.grade for verdict in self.verdicts.values()), default="")


@dataclass
class SpecReport:
    """Everything about one binding."""

    binding: Binding
    columns: list[Column] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    """What is wrong with the ledger, a sentence an entry."""
    deviations: list[Deviation] = field(default_factory=list)
    seconds: float = 0.0
    seed: int = 0

    @property
    def status(self) -> str:
        """broken adapter, fails, stale, deviates, conforms or unsupported."""
        found = {column.status for column in self.columns}
        for status in ("broken adapter", "fails"):
            if status in found:
                return status
        if self.stale:
            return "stale"
        if "deviates" in found or any(entry.kind == "convention" for entry in self.deviations):
            return "deviates" if found <= {"deviates", "conforms"} else "unsupported"
        return "conforms" if found == {"conforms"} else "unsupported"
