"""Hold one binding against the textbook: the groups of checks in order, a verdict for each, and the smallest failure.

A broken adapter ends the check, because nothing that follows would say anything about the function.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ..adapters.adapt import adapt
from ..adapters.binding import Binding
from ..adapters.bound_case import BoundCase
from ..adapters.callers import Caller, CallProblem, caller
from ..adapters.ledger import Deviation
from ..adapters.words import GROUPS
from ..cases.case import Case
from ..cases.draw import draw
from ..cases.fixed import closed_cases, edge_cases, plain_cases
from ..cases.pinned import pinned
from ..engine.checks import CHECKS
from ..engine.judge import judge
from ..engine.matrix import PROFILES, Matrix, Profile
from ..engine.verdicts import Column, Finding, SpecReport, Verdict
from ..identify import hint
from ..subjects.bound import BoundFunction
from ..subjects.subject import Subject
from .smoke import smoke

__all__ = ["check"]


@dataclass
class _Check:
    """A binding's check in progress."""

    binding: Binding
    profile: Profile
    deviations: list[Deviation]
    drawn: list[Case]
    shared: dict[str, BoundCase] = field(default_factory=dict)
    """Adapted cases by key: alike ones of several dtypes are answered once."""
    hint: str | None = None
    """What `identify` has said of the function; asked once."""
    matrix: Matrix = field(init=False)

    def __post_init__(self) -> None:
        self.matrix = Matrix(
            self.binding.record, [*self._cases()], self.profile.shrinking, shrinks=10000,
            clock=time.monotonic if self.binding.framework == "process" else time.process_time,
            declare=self.declared, adapt=self.adapted,
        )  # fmt: skip

    def _cases(self) -> Iterator[Case]:
        """Plain, edge and pinned cases, then drawn ones, small ones first."""
        yield from plain_cases(self.binding.record)
        yield from edge_cases(self.binding.record)
        yield from pinned(self.binding.spec)
        yield from sorted(self.drawn, key=lambda case: case.pred.size)

    def adapted(self, subject: Subject, drawn: Case) -> BoundCase | None:
        """The case in the binding's form, in the convention that the ledger declares for it."""
        case = adapt(self.binding, drawn, subject.dtype)
        for deviation in self.deviations:
            if case is not None and deviation.kind == "convention" and deviation.holds_for(case, subject.dtype):
                case = adapt(deviation.applied(self.binding), drawn, subject.dtype)
        return None if case is None else self.shared.setdefault(case.key, case)

    def declared(self, finding: Finding, dtype: str) -> Finding:
        """The finding, with the entry that declares it, if one does."""
        case = finding.case if isinstance(finding.case, BoundCase) else None
        for deviation in self.deviations:
            if deviation.kind == "bug" and deviation.covers(finding.group, case, dtype):
                finding.deviation = deviation
        return finding

    def column(self, dtype: str, device: str, call: Caller, deadline: float) -> Column:
        """All groups in one dtype on one device."""
        subject = BoundFunction(self.binding, dtype, device, call)
        subject.fit = partial(self.adapted, subject)
        column = Column(dtype, device, name=self.binding.spec)
        verdicts = column.verdicts
        suspicion = smoke(subject, verdicts)
        if verdicts["smoke"].status == "broken adapter":
            if self.declared(verdicts["smoke"].findings[0], dtype).deviation is not None:
                verdicts["smoke"].status = "deviates"
            column.verdicts = {"smoke": verdicts["smoke"]}
            return column
        self._ask_worked_examples(subject, column)
        self.matrix.ask(subject, column, deadline)
        for one_check in CHECKS:
            for finding in one_check(subject, verdicts):
                self.matrix.keep(subject, finding, column)
        self._settle(subject, column, suspicion)
        return column

    def _ask_worked_examples(self, subject: BoundFunction, column: Column) -> None:
        for drawn, why in closed_cases(self.binding.record):
            case = self.adapted(subject, drawn)
            if case is None or not _as_on_paper(case, drawn):
                continue
            finding, _ = judge(subject, case, column.verdicts, "closed form")
            if finding is not None:
                finding.message += f" (on paper: {why})"
                self.matrix.keep(subject, finding, column)

    def _settle(self, subject: BoundFunction, column: Column, suspicion: str | None) -> None:
        """From counts to statuses, with the reason where a group was not asked, and a hint where it fails."""
        binding, verdicts = self.binding, column.verdicts
        reasons = {
            "closed form": "no worked example has this form",
            "gradient": _why_no_gradient(subject),
            "sizes": "16 bits: see dtype" if "16" in subject.dtype else None,
            "errors": "nothing is promised: refuses = []",
            "modes": "modes = ['eager']",
            "dtype": f"{subject.dtype} has no accuracy",
        }
        for name, verdict in verdicts.items():
            verdict.settle(reasons.get(name) or subject.declined or "no case lies in the domain")
        heard = getattr(subject.call, "heard", "")
        if heard:
            verdicts["purity"].note = "; ".join(filter(None, [verdicts["purity"].note, f"prints {heard!r}"]))
        for verdict in verdicts.values():
            if verdict.status == "fails" and verdict.finding is not None:
                if suspicion is None and self.hint is None:
                    case = verdict.finding.case
                    self.hint = hint(binding, binding.record, case if isinstance(case, BoundCase) else None) or ""
                verdict.finding.hint = suspicion or self.hint or None
        dtype = verdicts["dtype"]
        if dtype.status == "conforms":
            dtype.grade = max(verdicts[name].grade for name in ("value", "closed form", "special cases"))
            bits = [] if column.bits is None else [f"{column.bits:.0f} bits"]
            dtype.note = "; ".join([*bits, *filter(None, [dtype.note])])


def _why_no_gradient(subject: BoundFunction) -> str:
    binding = subject.binding
    if not binding.is_loss:
        return "a metric has none"
    if binding.grad == "none":
        return f"grad = {binding.grad!r}"
    if not subject.has_gradients:
        return f"{binding.framework} has no autograd; name a function with grad"
    return "no case had a gradient"


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
        ``"quick"``, ``"standard"`` or ``"deep"``; how many cases and seconds, see `engine.matrix.PROFILES`.
    seed
        Of the drawn cases.
    deviations
        Entries of the ledger; those that speak of other bindings are left alone.
    examples
        Drawn cases, in place of the profile's number.
    """
    start = time.monotonic()
    chosen = PROFILES[profile]
    entries = [entry for entry in deviations if entry.speaks_of(binding)]
    report = SpecReport(binding, deviations=entries, seed=seed)
    clock = time.monotonic if binding.framework == "process" else time.process_time
    began = clock()
    search = _Check(binding, chosen, entries, draw(binding.record, examples or chosen.drawn, seed))
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
                deadline = clock() + max(1.0, (chosen.seconds - (clock() - began)) / left)
                report.columns.append(search.column(dtype, device, call, deadline))
            if report.columns[-1].status != "broken adapter":
                subject = BoundFunction(binding, binding.dtypes[0], device, call)
                seen = [finding.deviation for column in report.columns for verdict in column.verdicts.values()
                        for finding in verdict.findings]  # fmt: skip
                stale = (_stale(entry, subject, entry in seen) for entry in entries)
                report.stale += [sentence for sentence in stale if sentence is not None]
        finally:
            call.close()
    report.seconds = time.monotonic() - start
    return report


def _stale(deviation: Deviation, subject: BoundFunction, seen: bool) -> str | None:
    """Why an entry of the ledger no longer holds; None where its pinned case still fails.

    Where no single value can show what it declares, it holds as long as that was `seen` in this run.
    """
    if not deviation.pinnable:
        return None if seen else f"{deviation.label} no longer holds: nothing fails that it declares"
    if deviation.pinned is None:
        return f"{deviation.label} has no pinned case"
    case = deviation.pinned.case(subject.binding)
    if case is None:
        return f"{deviation.label}: its pinned case lies outside the domain"
    dtype = deviation.pinned.dtype
    found, _ = judge(replace(subject, dtype=dtype), case, {name: Verdict(name) for name in GROUPS})
    if found is None:
        return f"{deviation.label} no longer holds: its pinned case conforms"
    if deviation.kind == "bug" and not deviation.covers(found.group, case, dtype):
        return f"{deviation.label}: its pinned case fails {found.group!r}, which the entry does not cover"
    return None
