"""The search: ask what splits the remaining candidates best, until nothing does; then confirm on generated cases."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from .probes import RAISES, Answer, Ask, Precision, Probe, Refused, Setting, same

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
        return found


def _number(answer: Any, shapes: set[tuple[int, ...]]) -> Answer:
    """One number; the mean of several, whose shape is remembered."""
    array = np.asarray(answer, dtype=np.float64)
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

    def one(self, found: Probe) -> Answer | str | None:
        """The answer, None where the callable refuses such input."""
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                answer: Answer | str = _number(self.ask(found), self.shapes)
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
    awkward = sum(
        isinstance(value, float) and math.isfinite(value) and float(f"{value:.4g}") != value
        for value in candidate.constants.values()
    )  # nobody writes 0.08333 where 0.25 of another divisor says the same
    choices = sum(getattr(candidate.member, one) != getattr(reference.member, one) for one in axes)
    constants = sum(candidate.constants.get(name) != value for name, value in reference.constants.items())
    return choices + constants + 2 * awkward, constants


def _nearest(family: Family, asker: _Asker, setting: Setting, fitted: Sequence[Candidate[Any]]) -> Candidate[Any]:
    """The candidate with the least sum of (bounded) errors; of several the one nearest to the reference."""
    reference = family.reference(setting)

    def error(candidate: Candidate[Any]) -> tuple[float, tuple[int, int]]:
        total = 0.0
        for found, answer in zip(asker.probes, asker.answers, strict=True):
            value = family.value(candidate, found, setting.takes)
            if isinstance(value, str) or isinstance(answer, str):
                total += value != answer
            elif not (math.isfinite(value) and math.isfinite(answer)):
                total += not same(value, answer, _COARSE)
            else:
                total += min(1.0, abs(value - answer))
        return round(total, 9), _plainness(family, reference, candidate)

    return min([reference, *fitted], key=error)


_COARSE = Precision("coarse", 1e-6, 1e-6, 1e-6)


def search(
    family: Family, ask: Ask, setting: Setting, *, seed: int = 0, confirm: int = 100, limit: int = 16
) -> Finding:
    """Which convention of `family` the callable follows."""
    start = time.perf_counter()
    asker = _Asker(ask, family)
    calibrations = family.calibrations(setting)
    for found in calibrations:
        if asker.one(found) is None:
            problem = asker.refusals[-1]
            raise Refused(f"{type(problem).__name__}: {problem}") from problem
    precision = Precision.of(asker.answers)
    takes = setting.takes
    told = Told([*asker.probes], [*asker.answers], precision, setting)
    fitted: list[Candidate[Any]] = []
    for member in family.members(setting):
        fitted += family.fit(member, told)
    candidates = fitted
    for found, answer in zip(asker.probes, asker.answers, strict=True):
        candidates = _fitting(family, candidates, found, answer, precision, takes)
    pool = family.pool(setting, seed, POOL)
    while len(candidates) > 1 and len(asker.probes) < limit and len(asker.refusals) < limit + len(asker.probes):
        choice = pool if len(candidates) <= 200 else pool[:FEW]
        tables = [[family.value(one, found, takes) for one in candidates] for found in choice]
        sizes = [_largest_group(table, precision) for table in tables]
        best = min(range(len(sizes)), key=lambda i: (sizes[i], choice[i].size))
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
        if not candidates or (confirmed >= LEAST and time.perf_counter() - start > PATIENCE):
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
    if not candidates:
        finding.nearest = last if disagreement is not None else _nearest(family, asker, setting, fitted)
        assert finding.nearest is not None
        finding.disagreement = disagreement or _first_disagreement(family, asker, finding.nearest, precision, takes)
    finding.seconds = time.perf_counter() - start
    return finding


def _first_disagreement(
    family: Family, asker: _Asker, nearest: Candidate[Any], precision: Precision, takes: str
) -> Disagreement | None:
    for found, answer in zip(asker.probes, asker.answers, strict=True):
        value = family.value(nearest, found, takes)
        if not same(value, answer, precision):
            return Disagreement(found, answer, value)
    return None
