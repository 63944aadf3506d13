"""Imports, those inside functions included, form no circle and run downwards only."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSES = {"segloss_ref": ROOT, "segloss_conformance": ROOT / "conformance"}
# From the ground up. What stands on one floor does not import each other.
FLOORS = {
    "segloss_ref": [
        "_describe _distance _probe", "domains _backend", "registry _values _arguments", "engine metrics",
        "losses presets", "gradient", "__init__",
    ],
    "segloss_conformance": [
        "truth", "cases", "laws adapters", "subjects identify", "engine", "check mutants report", "vectors plugin",
        "commands", "cli",
    ],
}  # fmt: skip


def modules(house: str) -> dict[str, Path]:
    base = HOUSES[house]
    return {
        ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (base / house).rglob("*.py")
    }


def imported(path: Path, base: Path, known: dict[str, Path]) -> set[str]:
    found = set()
    package = path.relative_to(base).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            for one in node.names:
                found.add(next((name for name in (f"{module}.{one.name}", module) if name in known), ""))
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names if one.name in known}
    return found - {""}


def graph(house: str) -> dict[str, set[str]]:
    known = modules(house)
    return {name: imported(path, HOUSES[house], known) - {name} for name, path in known.items()}


def upwards(links: dict[str, set[str]], floors: list[str]) -> list[str]:
    floor = {name: height for height, names in enumerate(floors) for name in names.split()}

    def part(module: str) -> str:
        return (*module.split("."), "__init__")[1]

    return [
        f"{module} imports {other}"
        for module, others in links.items()
        for other in others
        if part(module) != part(other) and floor[part(other)] >= floor[part(module)]
    ]


@pytest.mark.parametrize("house", HOUSES)
def test_no_module_imports_itself_by_way_of_others(house: str) -> None:
    graphlib.TopologicalSorter(graph(house)).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("house", HOUSES)
def test_no_import_runs_upwards(house: str) -> None:
    assert upwards(graph(house), FLOORS[house]) == []


def test_circles_and_upward_imports_are_found() -> None:
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
    assert upwards({"h.low.a": {"h.high.b"}, "h.high.b": set()}, ["low", "high"]) == ["h.low.a imports h.high.b"]


@pytest.mark.parametrize("path", sorted(ROOT.glob("[!.]*/**/*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_450_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450
