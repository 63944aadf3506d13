"""Hold one binding against the textbook: the groups of checks in order, a verdict for each, and the smallest failure.

A broken adapter ends the check, because nothing that follows would say anything about the function.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from hypothesis import Phase, find, settings
from hypothesis.errors import Flaky, NoSuchExample

from ..adapters.adapt import fit
from ..adapters.binding import Binding
from ..adapters.bound_case import BoundCase, in_domain, replaced
from ..adapters.callers import Caller, CallProblem, caller
from ..adapters.ledger import Deviation
from ..adapters.words import GROUPS
from ..cases.case import Case
from ..cases.draw import ALL_HEALTH_CHECKS, draw
from ..cases.fixed import closed_cases, edge_cases, plain_cases
from ..cases.pinned import pinned
from ..cases.strategies import cases
from ..engine.checks import ask_dtype, ask_errors, ask_laws, ask_modes, ask_purity, ask_scaling
from ..engine.judge import Asked, group_of
from ..engine.verdicts import Column, Finding, SpecReport, Verdict
from ..identify import hint
from .smoke import smoke

__all__ = ["PROFILES", "Profile", "check"]


@dataclass(frozen=True)
class Profile:
    """How much is asked of one binding."""

    examples: int
    seconds: float
    """For all columns together; whoever is slow is asked less. Fixed cases are always asked."""
    shrinking: float
    """Seconds for making one failure small."""


PROFILES = {"quick": Profile(40, 4.5, 0.4), "standard": Profile(250, 40.0, 2.0), "deep": Profile(3000, math.inf, 20.0)}


class _TimeIsUp(BaseException):
    """Ends a search; no `Exception`, which Hypothesis would take for a failing example."""


@dataclass
class _Search:
    """A binding's check in progress."""

    binding: Binding
    profile: Profile
    seed: int
    deviations: list[Deviation]
    clock: Callable[[], float] = time.process_time
    """Our own processor time, so that a busy machine does not mean fewer cases."""
    deadline: float = math.inf
    known: dict[str, BoundCase] = field(default_factory=dict)
    """Small cases that failed in an earlier column, by group."""
    shared: dict[str, BoundCase] = field(default_factory=dict)
    hint: str | None = None
    """What `identify` has said of the function; asked once."""

    def fitted(self, drawn: Case, dtype: str) -> BoundCase | None:
        """The like of a case, in the convention that the ledger declares for it; alike ones of other dtypes are shared."""
        case = fit(self.binding, drawn, dtype)
        for one in self.deviations:
            if case is not None and one.kind == "convention" and one.holds_for(case, dtype):
                case = fit(one.applied(self.binding), drawn, dtype)
        return None if case is None else self.shared.setdefault(case.key, case)

    def declared(self, finding: Finding, dtype: str) -> Finding:
        """The finding, with the entry that declares it, if one does."""
        for one in self.deviations:
            if one.kind == "bug" and one.covers(finding.group, finding.case, dtype):
                finding.deviation = one
        return finding

    def shrunk(self, asked: Asked, finding: Finding) -> Finding:
        """The same failure on a smaller case."""
        best, end = finding, self.clock() + self.profile.shrinking

        def fails(drawn: Case) -> bool:
            nonlocal best
            if self.clock() > end:
                raise _TimeIsUp
            case = self.fitted(drawn, asked.dtype)
            if case is None:
                return False
            found = self._again(asked, case, finding.group)
            if found is None or self.declared(found, asked.dtype).deviation is not None:
                return False
            if best.case is None or _size(case) <= _size(best.case):
                best = found
            return True

        limits = settings(max_examples=10000, database=None, deadline=None, derandomize=True,
                          suppress_health_check=ALL_HEALTH_CHECKS, phases=[Phase.generate, Phase.shrink])  # fmt: skip
        with suppress(NoSuchExample, Flaky, _TimeIsUp):
            find(cases(self.binding.record), fails, settings=limits)
        return best

    def simplified(self, asked: Asked, finding: Finding) -> Finding:
        """The same failure with rounder numbers."""
        best, end = finding, self.clock() + self.profile.shrinking
        case = finding.case
        if case is None or not case.is_loss or case.pred.size > 16:
            return finding
        round_numbers = (0.0, 1.0, -1.0, 2.0, -2.0) if case.binding.takes == "logit" else (0.0, 1.0, 0.5, 0.25, 0.75)
        for place in np.ndindex(case.pred.shape):
            for number in round_numbers:
                current = best.case
                if current is None or current.pred[place] == number or self.clock() > end:
                    break
                pred = current.pred.copy()
                pred[place] = number
                other = replaced(current, pred=pred)
                found = self._again(asked, other, finding.group) if in_domain(other) else None
                if found is not None and self.declared(found, asked.dtype).deviation is None:
                    best = found
                    break
        return best

    def _again(self, asked: Asked, case: BoundCase, group: str) -> Finding | None:
        """The failure of a case, if it is of this group."""
        if group == "law":
            return ask_laws(asked, case, Verdict("law"))
        counted = {name: Verdict(name) for name in GROUPS}
        found = asked.judge(case, counted)
        return found if found is not None and found.group == group else None

    def column(self, dtype: str, device: str, call: Caller) -> Column:
        """All groups in one dtype on one device."""
        column = Column(dtype, device, {name: Verdict(name) for name in GROUPS})
        verdicts, asked = column.verdicts, Asked(self.binding, call, dtype)
        suspicion = smoke(asked, verdicts)
        if verdicts["smoke"].status == "broken adapter":
            if self.declared(verdicts["smoke"].findings[0], dtype).deviation is not None:
                verdicts["smoke"].status = "deviates"
            column.verdicts = {"smoke": verdicts["smoke"]}
            return column
        for drawn, why in closed_cases(self.binding.record):
            case = self.fitted(drawn, dtype)
            if case is None or not _as_on_paper(case, drawn):
                continue
            self._take(asked, case, verdicts, "closed form", note=f" (on paper: {why})")
        for number, drawn in enumerate(self._cases()):
            case = self.fitted(drawn, dtype)
            if case is not None and self._open(verdicts, group_of(case)):
                self._take(asked, case, verdicts)
            if case is not None and number % 3 == 0 and self._open(verdicts, "law") and group_of(case) == "value":
                self._keep(asked, ask_laws(asked, case, verdicts["law"]), verdicts)
            if self.clock() > self.deadline:
                break
        for finding in (ask_dtype(asked, verdicts["dtype"]), ask_scaling(asked, verdicts["gradient"]),
                        ask_purity(asked, verdicts["purity"]),
                        *ask_errors(asked, verdicts["errors"])):  # fmt: skip
            self._keep(asked, finding, verdicts)
        if "compile" in self.binding.modes:
            self._keep(asked, ask_modes(asked, device, verdicts["modes"]), verdicts)
        column.bits = asked.bits
        self._settle(asked, verdicts, suspicion)
        return column

    def _cases(self) -> Iterable[Case]:
        """Edges, plain and pinned cases, then drawn ones, small ones first."""
        yield from plain_cases(self.binding.record)
        yield from edge_cases(self.binding.record)
        yield from pinned(self.binding.spec)
        yield from self.drawn

    drawn: list[Case] = field(default_factory=list)

    def _open(self, verdicts: dict[str, Verdict], group: str) -> bool:
        """Whether a group is still looking for its first undeclared failure."""
        return all(one.deviation is not None for one in verdicts[group].findings)

    def _take(
        self, asked: Asked, case: BoundCase, verdicts: dict[str, Verdict], into: str | None = None, note: str = ""
    ) -> None:
        finding = asked.judge(case, verdicts, into)
        if finding is not None:
            finding.message += note
            self._keep(asked, finding, verdicts)

    def _keep(self, asked: Asked, finding: Finding | None, verdicts: dict[str, Verdict]) -> None:
        """File a failure under its group: the first undeclared one, made small, and one of each declared kind."""
        if finding is None:
            return
        group = finding.group
        finding = self.declared(finding, asked.dtype)
        if finding.deviation is not None:
            if not any(one.deviation is finding.deviation for one in verdicts[group].findings):
                verdicts[group].findings.append(finding)
            return
        if not self._open(verdicts, group):
            return
        if group in ("value", "gradient", "special cases", "law"):
            known = self.known.get(group)
            again = None if known is None else self._again(asked, known, group)
            finding = again or self.simplified(asked, self.shrunk(asked, finding))
            if finding.case is not None:
                self.known.setdefault(group, finding.case)
        verdicts[group].findings.append(finding)

    def _settle(self, asked: Asked, verdicts: dict[str, Verdict], suspicion: str | None) -> None:
        binding = self.binding
        reasons = {
            "closed form": "no worked example has this form",
            "gradient": "a metric has none" if not binding.is_loss else f"grad = {binding.grad!r}" if binding.grad == "none"
            else f"{binding.framework} has no autograd; name a function with grad" if not asked.gradients
            else "no case had a gradient",
            "errors": "nothing is promised: refuses = []",
            "modes": "modes = ['eager']",
            "dtype": f"{asked.dtype} has no accuracy",
        }  # fmt: skip
        for name, verdict in verdicts.items():
            verdict.settle(reasons.get(name, asked.declined or "no case lies in the domain"))
        for verdict in verdicts.values():
            if verdict.status == "fails" and verdict.finding is not None:
                if suspicion is None and self.hint is None:
                    self.hint = hint(binding, binding.record, verdict.finding.case) or ""
                verdict.finding.hint = suspicion or self.hint or None
        dtype = verdicts["dtype"]
        if dtype.status == "conforms":
            dtype.grade = max(verdicts[name].grade for name in ("value", "closed form", "special cases"))
            bits = [] if asked.bits is None else [f"{asked.bits:.0f} bits"]
            dtype.note = "; ".join([*bits, *filter(None, [dtype.note])])


def _size(case: BoundCase) -> tuple[int, int]:
    """What makes a case small: few pixels, then few digits."""
    return case.pred.size, len(repr(case.pred.tolist())) + len(repr(case.target.tolist())) + len(repr(case.keywords))


def _as_on_paper(case: BoundCase, drawn: Case) -> bool:
    """Whether fitting has kept the case as it stands in `closed_forms`."""
    if case.binding.classes != "one" or case.answer.shape != () or case.binding.convention:
        return False
    defaults = {name: one.default for name, one in case.binding.record.parameters.items()}
    told = {name: case.keywords.get(name, default) for name, default in defaults.items()}
    kept = all(told[name] == value for name, value in drawn.keywords.items() if name in told)
    numbers = np.asarray(case.pred, dtype=float).ravel()
    takes = case.binding.takes == "logit" and case.is_loss and not case.binding.record.logits_only
    return (
        kept
        and not takes
        and numbers.size == drawn.pred.size
        and bool((numbers == drawn.pred.ravel().astype(float)).all())
    )


def check(
    binding: Binding,
    profile: str = "standard",
    seed: int = 0,
    deviations: Iterable[Deviation] = (),
    examples: int | None = None,
) -> SpecReport:
    """Hold one binding against the textbook.

    Parameters
    ----------
    binding
        Made by `bind`.
    profile
        ``"quick"``, ``"standard"`` or ``"deep"``; how many cases and seconds, see `PROFILES`.
    seed
        Of the drawn cases.
    deviations
        Entries of the ledger; those that speak of other bindings are left alone.
    examples
        Drawn cases, in place of the profile's number.
    """
    start = time.monotonic()
    chosen = PROFILES[profile]
    mine = [one for one in deviations if one.speaks_of(binding)]
    report = SpecReport(binding, deviations=mine, seed=seed)
    search = _Search(binding, chosen, seed, mine)
    if binding.framework == "process":
        search.clock = time.monotonic
    began = search.clock()
    search.drawn = sorted(draw(binding.record, examples or chosen.examples, seed), key=lambda case: case.pred.size)
    pairs = [(dtype, device) for device in binding.devices for dtype in binding.dtypes]
    for device in binding.devices:
        try:
            call = caller(binding, device, "eager")
        except CallProblem as problem:  # a process that does not even start
            broken = Verdict("smoke", "broken adapter", findings=[Finding("smoke", str(problem))])
            report.columns += [Column(dtype, device, {"smoke": broken}) for dtype in binding.dtypes]
            continue
        try:
            for dtype in binding.dtypes:
                left = len(pairs) - len(report.columns)
                spent = search.clock() - began
                search.deadline = search.clock() + max(1.0, (chosen.seconds - spent) / left)
                report.columns.append(search.column(dtype, device, call))
            if report.columns[-1].status != "broken adapter":
                asked = Asked(binding, call, binding.dtypes[0])
                seen = [finding.deviation for column in report.columns for verdict in column.verdicts.values()
                        for finding in verdict.findings]  # fmt: skip
                report.stale += [sentence for one in mine if (sentence := _stale(one, asked, one in seen)) is not None]
        finally:
            call.close()
    report.seconds = time.monotonic() - start
    return report


def _stale(deviation: Deviation, asked: Asked, seen: bool) -> str | None:
    """Why an entry of the ledger no longer holds; None where its pinned case still fails.

    Where no single value can show what it declares, it holds as long as that was `seen` in this run.
    """
    if not deviation.pinnable:
        return None if seen else f"{deviation.label} no longer holds: nothing fails that it declares"
    if deviation.pinned is None:
        return f"{deviation.label} has no pinned case"
    case = deviation.pinned.case(asked.binding)
    if case is None:
        return f"{deviation.label}: its pinned case lies outside the domain"
    pinned = Asked(asked.binding, asked.call, deviation.pinned.dtype)
    found = pinned.judge(case, {name: Verdict(name) for name in GROUPS})
    if found is None:
        return f"{deviation.label} no longer holds: its pinned case conforms"
    if deviation.kind == "bug" and not deviation.covers(found.group, case, pinned.dtype):
        return f"{deviation.label}: its pinned case fails {found.group!r}, which the entry does not cover"
    return None
