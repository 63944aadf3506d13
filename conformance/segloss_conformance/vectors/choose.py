"""Choose the inputs of the vectors: few small cases that together tell every mutant from the truth.

Vectors that are there already keep their names and inputs; what they do not show yet is added, and all are flagged anew. The
pool is drawn with Hypothesis, whose versions draw differently, which is why what was chosen is kept as data.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from segloss_ref import registry, validate

from ..cases.case import Case
from ..cases.draw import draw
from ..cases.fixed import closed_cases, edge_cases, plain_cases
from ..cases.pinned import SOURCE, Vector, canonical, read, save
from ..mutants import AT_ONE, Mutant
from .expected import accepts, entry

__all__ = ["choose", "flags_of"]

Record = registry.Record
_EXAMPLES, _SEEDS = 300, (0, 1)
_PIXELS = 40
_SHOWN = 2
"""How many vectors each mutant is to be shown by, where the pool has so many."""


def _pool(record: Record) -> Iterable[Case]:
    for seed in _SEEDS:
        yield from draw(record, _EXAMPLES, seed)


def _fixed(record: Record) -> Iterable[Case]:
    yield from (case for case, _ in closed_cases(record))
    yield from plain_cases(record)[:1]
    yield from (case for case in edge_cases(record) if np.abs(case.pred).max(initial=0) not in (20, 40))


def _usable(case: Case, record: Record) -> bool:
    """Small and without doubt; edge cases stand for all losses and metrics, some of which refuse them."""
    if any(one.required and name not in case.keywords for name, one in record.parameters.items()):
        return False
    try:
        validate(record.function, case.pred, case.target, **case.keywords)
    except ValueError:
        return False
    limit = _PIXELS if case.is_loss else 4 * _PIXELS  # masks take a byte a pixel
    return not case.answer.jump and case.pred.size <= limit


def flags_of(case: Case, found: dict[str, Any], mutants: Iterable[Mutant]) -> tuple[str, ...]:
    """The mutants whose answer to a case does not pass."""
    flags = []
    for mutant in mutants:
        try:
            answer = mutant.implementation.ask(case)
        except Exception:  # a mutant that raises here is for other vectors to show
            continue
        if not accepts(found, answer.value, answer.gradient):
            flags.append(mutant.name)
    return tuple(flags)


def _size(case: Case) -> int:
    return len(case.snippet())


def _chosen(record: Record, kept: list[Vector]) -> list[Vector]:
    """The vectors of one loss or metric: those kept, the fixed ones, and those that a greedy cover adds."""
    mutants = [one for one in AT_ONE if one.of == record.name]
    vectors: list[Vector] = []
    shown = dict.fromkeys([one.name for one in mutants], 0)

    def flagged(case: Case) -> Vector:
        plain = Vector("", case, ())
        return replace(plain, flags=flags_of(case, entry(plain), mutants))

    def add(one: Vector) -> None:
        vectors.append(replace(one, id=one.id or f"{record.name}-{len(vectors) + 1:03d}"))
        for flag in one.flags:
            shown[flag] += 1

    def new(found: Iterable[Case]) -> Iterator[Case]:
        known = {one.case.key for one in vectors}
        for case in map(canonical, found):
            if case.key not in known and _usable(case, record):
                known.add(case.key)
                yield case

    for one in kept:
        add(replace(flagged(one.case), id=one.id))
    if not kept:
        for case in new(_fixed(record)):
            add(flagged(case))
    pool = [flagged(case) for case in sorted(new(_pool(record)), key=_size)]
    while True:
        # Of those that show most of what is shown too little, the smallest, which comes first.
        gains = [sum(shown[flag] < _SHOWN for flag in one.flags) for one in pool]
        if not gains or max(gains) == 0:
            return vectors
        add(pool.pop(int(np.argmax(gains))))


def choose(only: Sequence[str] = ()) -> None:
    """Add what is missing to the inputs, of all losses and metrics or of those named, and say what no vector shows.

    What was chosen is kept after each of them, so that an interruption loses little.
    """
    chosen: dict[str, list[Vector]] = {}
    for vector in read() if SOURCE.is_file() else []:
        chosen.setdefault(vector.case.name, []).append(vector)
    for name, record in registry.records.items():
        if not only or name in only:
            chosen[name] = _chosen(record, chosen.get(name, []))
            print(f"{name}: {len(chosen[name])} vectors", file=sys.stderr)
            save(vector for vectors in chosen.values() for vector in vectors)
    shown = {flag for vectors in chosen.values() for vector in vectors for flag in vector.flags}
    for mutant in AT_ONE:
        if mutant.name not in shown and (not only or mutant.of in only):
            print(f"no vector shows {mutant.name} of {mutant.of}: {mutant.why}", file=sys.stderr)
