"""`check` rejects mutants in the form that each has, and no right function; what still gets by is listed."""

from __future__ import annotations

import pytest

from segloss_conformance.check import check
from segloss_conformance.mutants import MUTANTS, RIGHT, Mutant

GETS_BY: dict[str, str] = {}
"""Mutants that the quick profile does not reject, each with the question that would show it."""

FORMED = [one for one in MUTANTS if one.form]


def test_what_gets_by_exists() -> None:
    assert set(GETS_BY) <= {one.name for one in FORMED}


@pytest.mark.slow
@pytest.mark.parametrize("mutant", [one for one in FORMED if one.name not in GETS_BY], ids=lambda one: one.name)
def test_it_is_rejected(mutant: Mutant) -> None:
    assert check(mutant.binding, "quick").status in ("fails", "broken adapter"), mutant.why


@pytest.mark.parametrize("right", [one for one in RIGHT if one.form], ids=lambda one: one.name)
def test_no_right_function_is_rejected(right: Mutant) -> None:
    assert check(right.binding, "quick").status == "conforms"
