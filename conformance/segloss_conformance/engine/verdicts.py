"""What is found out about an implementation: failures, and a verdict for each group of checks."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..adapters.binding import Binding
from ..adapters.bound_case import BoundCase
from ..adapters.ledger import Deviation

__all__ = ["Column", "Finding", "SpecReport", "Verdict"]


@dataclass
class Finding:
    """One thing that is wrong."""

    group: str
    message: str
    case: BoundCase | None = None
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

    @property
    def finding(self) -> Finding | None:
        """The failure to show."""
        return next(
            (one for one in self.findings if one.deviation is None), self.findings[0] if self.findings else None
        )

    def passed(self, grade: str = "", worst: float = 0.0) -> None:
        """Count a case that conforms."""
        self.examples += 1
        self.grade = max(self.grade, grade)
        self.worst = max(self.worst, worst)

    def settle(self, note: str = "") -> None:
        """Turn what was counted into a status."""
        if any(one.deviation is None for one in self.findings):
            self.status = "fails"
        elif self.findings:
            self.status = "deviates"
        elif self.examples:
            self.status = "conforms"
        else:
            self.status, self.note = "unsupported", self.note or note


@dataclass
class Column:
    """One dtype and device of a binding."""

    dtype: str
    device: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    bits: float | None = None
    """Right bits of the worst value that is well conditioned."""

    @property
    def label(self) -> str:
        """dtype and device."""
        return f"{self.dtype} {self.device}"

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
        if "deviates" in found or any(one.kind == "convention" for one in self.deviations):
            return "deviates" if found <= {"deviates", "conforms"} else "unsupported"
        return "conforms" if found == {"conforms"} else "unsupported"
