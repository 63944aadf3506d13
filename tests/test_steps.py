"""Whoever adds a loss or metric is told which step of CONTRIBUTING.md is missing, by its number."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from segloss_conformance.cases.pinned import read
from segloss_conformance.mutants import MUTANTS
from segloss_conformance.truth import textbook
from segloss_conformance.truth.textbook.losses import MERGED, PER_CLASS
from segloss_ref import registry

ROOT = Path(__file__).parents[1]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def finished_lines(text: str, name: str) -> bool:
    """Lines name it, and in none of them is something to do."""
    lines = [line for line in text.splitlines() if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line)]
    return lines != [] and not any("TODO" in line for line in lines)


def finished(path: str, name: str) -> bool:
    return finished_lines(page(path), name)


def transcribed(name: str) -> bool:
    if name not in (*textbook.LOSSES, *textbook.METRICS):
        return False
    function = {**MERGED, **PER_CLASS}.get(name)
    return function is None or "NotImplementedError" not in inspect.getsource(function)


def formed(name: str) -> bool:
    record = registry.records.get(name)
    return record is not None and all("TODO" not in text for text in (record.latex, record.derivative or ""))


WORKED = "".join(path.read_text() for path in sorted((ROOT / "tests").glob("*/*textbook*.py")))
WORKED += "".join(path.read_text() for path in sorted((ROOT / "tests").glob("*/test_surfaces*.py")))
MODULES = page("backends/segloss_backends/torch/nn.py")
SPECS = {vector.case.name for vector in read()}
STEPS: dict[int, tuple[str, Callable[[str], bool]]] = {
    1: (
        "a finished row in docs/contract.md, and its source in references.bib",
        lambda name: finished("docs/contract.md", f"`{name}`") and "TODO" not in registry.records[name].citation,
    ),
    2: ("an example worked on paper, in tests/conformance", lambda name: finished_lines(WORKED, name)),
    3: ("a definition in the textbook", transcribed),
    4: ("formula, derivative and LaTeX", formed),
    5: (
        "a place in segloss_ref.__all__ and a finished docstring",
        lambda name: (
            finished("segloss_ref/__init__.py", f'"{name}"')
            and "TODO" not in (registry.records[name].function.__doc__ or "")
        ),
    ),
    6: ("a torch module", lambda name: name in registry.metrics or f"_module(segloss_ref.{name})" in MODULES),
    8: ("a mutant", lambda name: any(mutant.of == name and "TODO" not in mutant.why for mutant in MUTANTS)),
    9: ("vectors", lambda name: name in SPECS),
    10: (
        "rows in README.md and CHANGELOG.md",
        lambda name: finished("README.md", f"`{name}`") and finished("CHANGELOG.md", f"`{name}`"),
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
        1: "Contract", 2: "Example", 3: "Textbook", 4: "Formula", 5: "Function", 6: "Module", 8: "Mutants", 9: "Vectors", 10: "Pages",
    }  # fmt: skip


def test_counts_of_what_grows_are_not_typed_by_hand() -> None:
    numbers = r"\b(?:\d{2,}|twenty|thirty|forty|fifteen|thirteen|a hundred|two hundred)[\w-]* (?:mutants|losses|metrics|laws|vectors)\b"
    for name in ("README.md", "CONTRIBUTING.md", "docs/design.md", "docs/checking.md"):
        assert re.findall(numbers, page(name)) == [], name
