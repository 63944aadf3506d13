"""Imports, those inside functions included, form no circle and run downwards only; files stay short."""

from __future__ import annotations

import ast
import graphlib
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("house", ROOT / "docs" / "house.py")
assert _spec is not None
assert _spec.loader is not None
house = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(house)

# From the ground up. Rooms of one floor do not import each other.
FLOORS = {
    "segloss_ref": [
        "_describe _distance _probe _references _roles", "domains _backend", "registry _values _arguments", "engine metrics",
        "losses presets", "gradient kit", "segloss_ref",
    ],
    "segloss_backends": ["_host", "numpy strict torch cupy jax", "segloss_backends"],
    "segloss_conformance": [
        "truth watcher", "cases", "laws adapters", "subjects identify", "engine", "check mutants report", "vectors plugin",
        "commands", "cli", "segloss_conformance",
    ],
}  # fmt: skip


@pytest.mark.parametrize("package", FLOORS)
def test_no_module_imports_itself_by_way_of_others(package: str) -> None:
    graphlib.TopologicalSorter(house.imports(package)).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("package", FLOORS)
def test_no_import_runs_upwards(package: str) -> None:
    assert [*house.upward(house.imports(package), FLOORS[package])] == []


def test_circles_and_upward_imports_are_found() -> None:
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
    links = {"h.low.a": {"h.high.b"}, "h.high.b": set()}
    assert [*house.upward(links, ["low", "high"])] == ["h.low.a imports h.high.b"]


def private(path: Path) -> set[str]:
    """The private modules of the library that a file imports."""
    public = {"", "registry", "domains", "presets", "kit"}
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module == "segloss_ref":
            modules += [f"segloss_ref.{alias.name}" for alias in node.names if alias.name.startswith("_")]
        for module in modules:
            package, _, rest = module.partition(".")
            if package == "segloss_ref" and rest.split(".")[0] not in public:
                found.add(module)
    return found


@pytest.mark.parametrize("folder", ["conformance", "peers", "examples"])
def test_the_library_is_reached_by_its_public_modules(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        assert private(path) == set(), path


def test_private_modules_are_found(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "import segloss_ref._x\nfrom segloss_ref.engine.loss import loss\nfrom segloss_ref import kit, _y\n"
    )
    assert private(path) == {"segloss_ref._x", "segloss_ref.engine.loss", "segloss_ref._y"}


def test_the_suite_has_at_most_nine_floors() -> None:
    for package in FLOORS:
        assert max(house.floors(house.rooms(house.imports(package))).values()) < 9


def test_arrows_that_others_imply_are_left_out() -> None:
    assert house.direct({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_imports_inside_functions_count(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("import h.x\ndef f():\n    from ..high import b\n    from . import c\n")
    known = {"h.x": 0, "h.high": 0, "h.high.b": 0, "h.low.c": 0}
    assert house.imported(path, ("h", "low"), known) == {"h.x", "h.high.b", "h.low.c"}


def test_the_picture_is_that_of_today() -> None:
    assert house.picture() == (ROOT / "docs" / "house.svg").read_text(), "python docs/house.py draws it anew"


RIDDLES = re.compile(r"\b(who|whoever|told|the like of|its like|held to)\b", re.I)


def riddles(source: str) -> list[str]:
    """First sentences of docstrings that only their author understands."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            first = re.split(r"(?<=[.:])\s", (ast.get_docstring(node) or "").replace("\n", " "))[0]
            found += [first] if RIDDLES.search(first) else []
    return found


@pytest.mark.parametrize("folder", ["segloss_ref", "backends", "conformance"])
def test_first_sentences_are_no_riddles(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        assert riddles(path.read_text()) == [], path
    assert riddles('def f():\n    """The like of it, told to whoever asks. More."""\n') != []


@pytest.mark.parametrize("path", sorted(ROOT.glob("[!.]*/**/*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_450_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450
