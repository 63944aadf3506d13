"""What is found out about an implementation: failures, and a verdict for each group of checks."""

from __future__ import annotations

from dataclasses import dataclass, field

from .forms import BoundCase
from .ledger import Deviation

__all__ = ["GROUPS", "Finding", "Verdict"]

GROUPS = ("smoke", "closed form", "value", "dtype", "gradient", "law", "special cases", "errors", "purity", "modes")
"""The groups of checks, in the order in which they run."""


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
