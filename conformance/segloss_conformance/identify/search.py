"""The search: ask what splits the remaining candidates best, until nothing does; then confirm on generated cases."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from .probes import RAISES, Answer, Ask, Precision, Probe, Refused, Setting, same
from .rank import undetermined

__all__ = ["Candidate", "Constants", "Disagreement", "Family", "Finding", "Told", "search"]

Constants = dict[str, Any]
"""Numbers by name; for what is said of empty masks also `RAISES`."""
M = TypeVar("M")

POOL = 160
"""Probes to choose from."""
FEW = 24
"""Probes to choose from while there are still many candidates: almost any splits them."""
PATIENCE = 8.0
"""Seconds after which no more cases are asked for confirmation than `LEAST`: some libraries compile for every shape."""
LEAST = 20
ENOUGH = 12.0
"""Seconds after which nothing more is asked at all."""
NEAR = 2
"""Differences from the reference beyond which a convention is not near to it."""


@dataclass(frozen=True, eq=False)
class Candidate(Generic[M]):
    """A member of a family with its constants."""

    member: M
    constants: Constants


@dataclass(frozen=True)
class Told:
    """What a callable answered to the calibrating probes."""

    probes: Sequence[Probe]
    answers: Sequence[Answer | str]
    precision: Precision
    setting: Setting
    others: Sequence[tuple[Probe, Answer | str]] = ()
    """Answers to input of another kind, which the callable may refuse or change first."""


class Family(ABC):
    """The conventions of one loss or metric: every choice that implementations make, and an evaluator of all of them."""

    raising = False
    """Whether an exception is an answer."""

    name: str
    """The reference that it is measured against."""

    @abstractmethod
    def members(self, setting: Setting) -> Iterable[Any]:
        """Every combination of choices: frozen dataclasses whose fields are the axes."""

    @abstractmethod
    def reference(self, setting: Setting) -> Candidate[Any]:
        """What `segloss_ref` does."""

    @abstractmethod
    def value(self, candidate: Candidate[Any], found: Probe, takes: str) -> Answer | str:
        """What a candidate answers."""

    @abstractmethod
    def calibrations(self, setting: Setting) -> list[Probe]:
        """What is asked first, to solve for the constants."""

    @abstractmethod
    def fit(self, member: Any, told: Told) -> list[Candidate[Any]]:
        """The member with the constants that may have given the answers to `calibrations`; none where it cannot have."""

    @abstractmethod
    def pool(self, setting: Setting, seed: int, count: int) -> list[Probe]:
        """What may be asked next."""

    @abstractmethod
    def differences(self, candidate: Candidate[Any], setting: Setting) -> list[str]:
        """How a candidate differs from the reference, one phrase each, without a verb for a subject."""

    @abstractmethod
    def words(self, axis: str, option: str) -> str:
        """An option of an axis, in words."""

    def call(self, candidate: Candidate[Any], setting: Setting) -> str | None:
        """The call of `segloss_ref` that is the same, where there is one."""
        return None

    def others(self, setting: Setting, seed: int) -> list[Probe]:
        """Input of another kind than the pool's, by which only what the pool leaves open is settled."""
        return []

    def solved(self, candidate: Candidate[Any]) -> Mapping[str, str]:
        """The constants that are solved for, in words."""
        return {}


@dataclass(frozen=True)
class Disagreement:
    """A probe on which the nearest convention and the callable part."""

    probe: Probe
    got: Answer | str
    expected: Answer | str


@dataclass
class Finding:
    """What a callable turned out to be."""

    family: Family
    setting: Setting
    precision: Precision
    candidates: list[Candidate[Any]]
    """The simplest first, then those that no probe tells from it; empty where the callable is none of the family."""
    probes: int
    confirmed: int = 0
    nearest: Candidate[Any] | None = None
    disagreement: Disagreement | None = None
    shapes: set[tuple[int, ...]] = field(default_factory=set)
    seconds: float = 0.0
    unknown: list[str] = field(default_factory=list)
    """The constants that no answer fixes, by name."""
    notes: list[str] = field(default_factory=list)
    """What else there is to say, in words."""

    @property
    def differences(self) -> list[str]:
        """How it differs from the reference; empty where it does not."""
        return self.family.differences(self.candidates[0], self.setting) if self.candidates else []

    @property
    def call(self) -> str | None:
        """The call of `segloss_ref` that means the same, where there is one."""
        return self.family.call(self.candidates[0], self.setting) if self.candidates else None

    @property
    def ambiguous(self) -> dict[str, list[str]]:
        """For every axis that could not be settled, the options that remain, in words."""
        first = self.candidates[0].member if self.candidates else None
        found: dict[str, list[str]] = {}
        for axis in (one.name for one in dataclasses.fields(first)) if first is not None else ():
            options = [*dict.fromkeys(getattr(one.member, axis) for one in self.candidates)]
            if len(options) > 1:
                found[axis] = [self.family.words(axis, option) for option in options]
        if not self.candidates:
            return found
        names = self.family.solved(self.candidates[0])
        alike = [one.constants for one in self.candidates if one.member == first]
        for name, words in names.items():
            several = [*dict.fromkeys(one[name] for one in alike)]
            if len(several) > 1:
                found[name] = [f"{words} {value:g}" for value in several]
        if self.unknown:
            told = [f"{names[name]} {alike[0][name]:g}" for name in self.unknown]
            found["constants"] = [", ".join(told), "other values that answer alike"]
        return found


def _number(answer: Any, shapes: set[tuple[int, ...]], dtypes: set[str]) -> Answer:
    """One number; the mean of several, whose shape is remembered, as the dtype is of what is none of Python's numbers."""
    array = np.asarray(answer)
    if type(answer) not in (float, int, bool, list, tuple):
        dtypes.add(array.dtype.name)
    array = array.astype(np.float64)
    if array.size == 0:
        raise Refused("it returns an empty array")
    if array.size > 1:
        shapes.add(tuple(array.shape))
    return float(array.mean()) if array.size > 1 else float(array.ravel()[0])


class _Asker:
    """Asks, counts, and keeps what was answered."""

    def __init__(self, ask: Ask, family: Family) -> None:
        self.ask, self.family = ask, family
        self.probes: list[Probe] = []
        self.answers: list[Answer | str] = []
        self.refusals: list[Exception] = []
        self.shapes: set[tuple[int, ...]] = set()
        self.dtypes: set[str] = set()

    def one(self, found: Probe) -> Answer | str | None:
        """The answer, None where the callable refuses such input."""
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                answer: Answer | str = _number(self.ask(found), self.shapes, self.dtypes)
        except Exception as problem:
            if not self.family.raising:
                self.refusals.append(problem)
                return None
            answer = RAISES
            self.refusals.append(problem)
        self.probes.append(found)
        self.answers.append(answer)
        return answer


def _largest_group(values: Sequence[Answer | str], precision: Precision) -> int:
    """How many of these answers are one and the same, at most."""
    groups: dict[str, int] = {}
    finite: list[float] = []
    for value in values:
        if isinstance(value, str) or not math.isfinite(value):
            groups[str(value)] = groups.get(str(value), 0) + 1
        else:
            finite.append(value)
    finite.sort()
    largest, size = max(groups.values(), default=0), 0
    for i, value in enumerate(finite):
        apart = i > 0 and value - finite[i - 1] > 4 * (precision.absolute + precision.relative * abs(value))
        size = 1 if apart or i == 0 else size + 1
        largest = max(largest, size)
    return largest


def _fitting(
    family: Family, candidates: Sequence[Candidate[Any]], found: Probe, answer: Answer | str, precision: Precision, takes: str
) -> list[Candidate[Any]]:  # fmt: skip
    return [one for one in candidates if same(family.value(one, found, takes), answer, precision)]


def _plainness(family: Family, reference: Candidate[Any], candidate: Candidate[Any]) -> tuple[int, int]:
    """How far from the reference: axes and constants that differ, and constants that are no round numbers."""
    axes = [one.name for one in dataclasses.fields(reference.member)]
    choices = sum(getattr(candidate.member, one) != getattr(reference.member, one) for one in axes)
    constants = sum(candidate.constants.get(name) != value for name, value in reference.constants.items())
    return choices + constants + 2 * _awkward(candidate), constants


def _nearest(
    family: Family, asker: _Asker, setting: Setting, fitted: Sequence[Candidate[Any]], precision: Precision
) -> Candidate[Any] | None:
    """The candidate of fewest differences from the reference that gives half of the answers or more; None beyond `NEAR`."""
    reference = family.reference(setting)
    ranked: list[tuple[int, int, Candidate[Any]]] = []
    for candidate in [reference, *fitted]:
        if _plainness(family, reference, candidate)[0] > 2 * NEAR or _awkward(candidate):
            continue
        count = len(family.differences(candidate, setting))
        values = [family.value(candidate, found, setting.takes) for found in asker.probes]
        agreed = sum(same(a, b, precision) for a, b in zip(values, asker.answers, strict=True))
        if count <= NEAR and 2 * agreed >= len(values):
            ranked.append((count, -agreed, candidate))
    return min(ranked, key=lambda one: one[:2])[2] if ranked else None


def _awkward(candidate: Candidate[Any]) -> int:
    """How many constants are no round numbers: nobody writes 0.08333 where 0.25 of another divisor says the same."""
    return sum(
        isinstance(value, float) and math.isfinite(value) and float(f"{value:.4g}") != value
        for value in candidate.constants.values()
    )


def search(
    family: Family, ask: Ask, setting: Setting, *, seed: int = 0, confirm: int = 100, limit: int = 16
) -> Finding:
    """Which convention of `family` the callable follows."""
    start = time.perf_counter()
    asker = _Asker(ask, family)
    for found in family.calibrations(setting):
        if asker.one(found) is None:
            problem = asker.refusals[-1]
            raise Refused(f"{type(problem).__name__}: {problem}") from problem
    narrow = {setting.dtype} - {"float64"}
    precision = Precision.of(asker.answers, asker.dtypes | narrow)
    takes = setting.takes
    others = _Asker(ask, family)
    for found in family.others(setting, seed):
        if others.one(found) is None:
            break
    told = Told(
        [*asker.probes], [*asker.answers], precision, setting, [*zip(others.probes, others.answers, strict=True)]
    )
    fitted: list[Candidate[Any]] = []
    for member in family.members(setting):
        fitted += family.fit(member, told)
    candidates = fitted
    for found, answer in zip(asker.probes, asker.answers, strict=True):
        candidates = _fitting(family, candidates, found, answer, precision, takes)
    fitted = candidates
    pool = family.pool(setting, seed, POOL)
    while len(candidates) > 1 and len(asker.probes) < limit and len(asker.refusals) < limit + len(asker.probes):
        if time.perf_counter() - start > ENOUGH:
            break
        choice = pool if len(candidates) <= 200 else pool[:FEW]
        tables = [[family.value(one, found, takes) for one in candidates] for found in choice]
        sizes = [_largest_group(table, precision) for table in tables]
        best = min(range(len(sizes)), key=lambda i: (sizes[i], choice[i].size), default=None)
        if best is None:
            break
        if sizes[best] == len(candidates):
            if len(choice) == len(pool):
                break
            pool = pool[FEW:]
            continue
        found = pool.pop(best)
        reply = asker.one(found)
        if reply is None:
            continue
        candidates = [one for one, value in zip(candidates, tables[best], strict=True) if same(value, reply, precision)]
    probes = len(asker.probes)
    reference = family.reference(setting)
    candidates.sort(key=lambda one: _plainness(family, reference, one))
    confirmed, disagreement, last = 0, None, candidates[0] if candidates else None
    for found in family.pool(setting, seed + 1, confirm):
        spent = time.perf_counter() - start
        if not candidates or spent > ENOUGH or (confirmed >= LEAST and spent > PATIENCE):
            break
        reply = asker.one(found)
        if reply is None:
            continue
        kept = _fitting(family, candidates, found, reply, precision, takes)
        if not kept:
            disagreement = Disagreement(found, reply, family.value(candidates[0], found, takes))
            last = candidates[0]
        else:
            confirmed += 1
        candidates = kept
    finding = Finding(family, setting, precision, candidates, probes, confirmed, shapes=asker.shapes)
    if candidates:
        _settle(finding, asker, others)
    else:
        _look_around(finding, asker, fitted, start, seed, last if disagreement is not None else None)
        if finding.nearest is not None:
            finding.disagreement = (last is finding.nearest and disagreement) or _first_disagreement(
                family, asker, finding.nearest, precision, takes
            )
    finding.seconds = time.perf_counter() - start
    return finding


def _settle(finding: Finding, asker: _Asker, others: _Asker) -> None:
    """Choose among what is left by input of another kind, and find the constants that no answer fixes."""
    family, takes, precision = finding.family, finding.setting.takes, finding.precision
    kept = finding.candidates
    for found, answer in zip(others.probes, others.answers, strict=True):
        kept = _fitting(family, kept, found, answer, precision, takes)
    asked = asker.probes
    if kept:
        finding.candidates, asked = kept, asker.probes + others.probes
    elif others.probes:
        finding.candidates = [*{one.member: one for one in reversed(finding.candidates)}.values()][::-1]
        finding.notes.append("predictions that do not sum to 1 over the classes give something else")
    first = finding.candidates[0]

    def values(constants: Constants) -> list[Answer | str]:
        return [family.value(Candidate(first.member, constants), found, takes) for found in asked]

    finding.unknown = undetermined(values, first.constants, [*family.solved(first)], precision.unit)


def _look_around(
    finding: Finding,
    asker: _Asker,
    fitted: Sequence[Candidate[Any]],
    start: float,
    seed: int,
    last: Candidate[Any] | None,
) -> None:
    """Find the nearest convention: that which was refuted last, where it is near; else by a few questions more."""
    family, setting = finding.family, finding.setting
    if last is not None and len(family.differences(last, setting)) <= NEAR and not _awkward(last):
        finding.nearest = last
        return
    for found in family.pool(setting, seed + 2, 2 * FEW)[:FEW]:
        if time.perf_counter() - start > ENOUGH:
            break
        asker.one(found)
    finding.nearest = _nearest(family, asker, setting, fitted, finding.precision)


def _first_disagreement(
    family: Family, asker: _Asker, nearest: Candidate[Any], precision: Precision, takes: str
) -> Disagreement | None:
    for found, answer in zip(asker.probes, asker.answers, strict=True):
        value = family.value(nearest, found, takes)
        if not same(value, answer, precision):
            return Disagreement(found, answer, value)
    return None
