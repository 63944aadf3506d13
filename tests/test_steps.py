"""Whoever adds a loss or metric is told which step of CONTRIBUTING.md is missing, by its number."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from segloss_conformance.cases.pinned import read
from segloss_conformance.mutants import MUTANTS
from segloss_conformance.truth import textbook
from segloss_ref import registry

ROOT = Path(__file__).parents[1]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


WORKED = "".join(path.read_text() for path in sorted((ROOT / "tests").glob("*/*textbook*.py")))
WORKED += "".join(path.read_text() for path in sorted((ROOT / "tests").glob("*/test_surfaces*.py")))
MODULES = page("backends/segloss_backends/torch/nn.py")
SPECS = {vector.case.name for vector in read()}
STEPS: dict[int, tuple[str, Callable[[str], bool]]] = {
    1: ("a row in docs/contract.md", lambda name: f"`{name}`" in page("docs/contract.md")),
    2: ("an example worked on paper, in tests/conformance", lambda name: re.search(rf"\b{name}\b", WORKED) is not None),
    3: ("a definition in the textbook", lambda name: name in (*textbook.LOSSES, *textbook.METRICS)),
    5: ("a place in segloss_ref.__all__", lambda name: f'"{name}"' in page("segloss_ref/__init__.py")),
    6: ("a torch module", lambda name: name in registry.metrics or f"_module(segloss_ref.{name})" in MODULES),
    8: ("a mutant", lambda name: any(mutant.of == name for mutant in MUTANTS)),
    9: ("vectors", lambda name: name in SPECS),
    10: (
        "rows in README.md and CHANGELOG.md",
        lambda name: all(f"`{name}`" in page(f"{p}.md") for p in ("README", "CHANGELOG")),
    ),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", registry.records)
def test_no_step_is_missing(name: str, step: int) -> None:
    what, is_there = STEPS[step]
    assert is_there(name), f"{name} has not {what}: step {step} of CONTRIBUTING.md"


@pytest.mark.parametrize("step", STEPS)
def test_a_missing_step_is_noticed(step: int) -> None:
    _, is_there = STEPS[step]
    assert not is_there("nobodys_loss")


def test_the_steps_are_those_of_the_page() -> None:
    section = page("CONTRIBUTING.md").split("## How to add a loss")[1].split("\n## ")[0]
    titles = dict(re.findall(r"^(\d+)\. \*\*(\w+)\.\*\*", section, re.M))
    assert {step: titles[str(step)] for step in STEPS} == {
        1: "Contract", 2: "Example", 3: "Textbook", 5: "Function", 6: "Module", 8: "Mutants", 9: "Vectors", 10: "Pages",
    }  # fmt: skip


def test_counts_of_what_grows_are_not_typed_by_hand() -> None:
    numbers = r"\b(?:\d{2,}|twenty|thirty|forty|fifteen|thirteen|a hundred|two hundred)[\w-]* (?:mutants|losses|metrics|laws|vectors)\b"
    for name in ("README.md", "CONTRIBUTING.md", "docs/design.md", "docs/checking.md"):
        assert re.findall(numbers, page(name)) == [], name
