"""For pytest: one test for each specification, group of checks and dtype of a binding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..adapters.binding import Binding
from ..adapters.bound_case import BoundCase
from ..adapters.ledger import Deviation
from ..adapters.snippet import snippet
from ..adapters.words import GROUPS
from ..engine.verdicts import SpecReport, Verdict
from .checking import check

__all__ = ["Checked", "Item", "Nonconformance", "items", "parametrize"]


class Nonconformance(AssertionError):
    """A group of checks that fails; the message holds the sentence, the hint and the code to paste."""


@dataclass(eq=False)
class Checked:
    """A binding that is checked when it is first asked for."""

    binding: Binding
    profile: str = "quick"
    seed: int = 0
    deviations: tuple[Deviation, ...] = ()

    @cached_property
    def report(self) -> SpecReport:
        """What the check found."""
        return check(self.binding, self.profile, self.seed, self.deviations)


@dataclass(frozen=True, eq=False)
class Item:
    """One group of checks in one dtype on one device. Calling it raises where the group fails."""

    checked: Checked
    group: str
    dtype: str
    device: str

    @property
    def label(self) -> str:
        """Such as ``tversky_loss::value[float32-cpu]``."""
        return f"{self.checked.binding.name or self.checked.binding.spec}::{self.group}[{self.dtype}-{self.device}]"

    @property
    def verdict(self) -> Verdict:
        """The verdict of the group; that of the smoke test where the adapter is broken."""
        report = self.checked.report
        column = next(one for one in report.columns if (one.dtype, one.device) == (self.dtype, self.device))
        return column.verdicts.get(self.group, column.verdicts["smoke"])

    def __call__(self) -> None:
        """Raise `Nonconformance` where the group fails, or pytest's skip where it is unsupported."""
        import pytest

        verdict, stale = self.verdict, self.checked.report.stale
        if self.group == "smoke" and stale:
            raise Nonconformance("stale: " + "; ".join(stale))
        if verdict.status == "unsupported":
            pytest.skip(f"unsupported: {verdict.note}")
        finding = verdict.finding
        if verdict.status not in ("conforms", "deviates"):
            lines = [f"{verdict.status}: {finding.message if finding else verdict.note}"]
            if finding is not None and finding.hint:
                lines.append(f"hint: {finding.hint}")
            if finding is not None and isinstance(finding.case, BoundCase):
                lines.append(snippet(finding.case, self.dtype))
            raise Nonconformance("\n".join(lines))


def items(
    bindings: Iterable[Binding], profile: str = "quick", seed: int = 0, deviations: Iterable[Deviation] = ()
) -> list[Item]:
    """One item for each binding, group, dtype and device."""
    found = []
    known = tuple(deviations)
    for binding in bindings:
        checked = Checked(binding, profile, seed, known)
        found += [
            Item(checked, group, dtype, device)
            for device in binding.devices for dtype in binding.dtypes for group in GROUPS
        ]  # fmt: skip
    return found


def parametrize(*bindings: Binding, profile: str = "quick", seed: int = 0, deviations: Iterable[Deviation] = ()) -> Any:
    """A decorator that gives a test function one `check` to call for each specification, group and dtype.

    Examples
    --------
    ::

        @parametrize(bind("dice_loss", my_dice, takes="logit"))
        def test_conformance(check):
            check()
    """
    import pytest

    return pytest.mark.parametrize(
        "check", [pytest.param(one, id=one.label) for one in items(bindings, profile, seed, deviations)]
    )
