"""The sdist holds the whole project, and the wheel works where nothing else of the project is."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("segloss_ref", "segloss_backends", "segloss_conformance")
PROGRAM = """
import sys
from importlib.metadata import entry_points, version
import numpy as np
import segloss_ref, segloss_backends, segloss_conformance
for package in (segloss_ref, segloss_backends, segloss_conformance):
    assert package.__file__.startswith(sys.argv[1]), package.__file__
assert version("segloss-ref") == segloss_ref.__version__
# 2 * 0.9/(0.9 + 0.1 + 1) = 0.9
assert abs(float(segloss_ref.dice_loss(np.array([0.9, 0.1]), np.array([1, 0]), smooth=0)) - 0.1) < 1e-15
assert segloss_ref.backends()["numpy"]().name == "numpy"
scripts = {one.name: one for one in entry_points(group="console_scripts")}
main = scripts["segloss-conformance"].load()
sys.exit(main(["run", "--backend", "numpy", "--dtype", "float64", "--only", "dice_loss", "--examples", "2"]))
"""


@pytest.fixture(scope="module")
def hatchling() -> Any:
    return pytest.importorskip("hatchling.build", reason="not run: hatchling is not installed; `make test` installs it")


@pytest.fixture(scope="module")
def sdist(hatchling: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as the sdist unpacks."""
    folder = tmp_path_factory.mktemp("sdist")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        name = hatchling.build_sdist(str(folder))
    with tarfile.open(folder / name) as archive:
        archive.extractall(folder, filter="data")
    return folder / name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(hatchling: Any, sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel, built from the sdist, installs."""
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(sdist)
        name = hatchling.build_wheel(str(folder))
    with zipfile.ZipFile(folder / name) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def files(folder: Path) -> set[str]:
    found = (one.relative_to(folder) for one in folder.rglob("*") if one.is_file())
    return {one.as_posix() for one in found if "__pycache__" not in one.parts}


def test_the_sdist_holds_what_the_repository_holds(sdist: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not run: this is no git repository")
    tracked = {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}
    assert len(tracked) > 200
    assert tracked - files(sdist) == set()


def test_the_tests_of_the_sdist_are_collected(sdist: Path) -> None:
    """From the sdist alone: what they read at import (vectors, pages, examples, peers) is there."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider", "tests"]
    run = subprocess.run(command, cwd=sdist, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-2000:]


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    found = files(wheel)
    sources = [ROOT / "segloss_ref", ROOT / "backends/segloss_backends", ROOT / "conformance/segloss_conformance"]
    expected = {f"{source.name}/{name}" for source in sources for name in files(source)}
    assert {name for name in found if not name.startswith("segloss_ref-")} == expected
    assert {name.partition("/")[0] for name in expected} == set(PACKAGES)
    assert any(name.endswith("cases.jsonl") for name in found)


def test_the_wheel_works_alone(wheel: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(wheel)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(wheel), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]


def test_the_tools_are_pinned() -> None:
    """Every tool of the dependency groups has a version in constraints.txt, which is not below its bound."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pinned = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
    )
    extras = project["project"]["optional-dependencies"]
    requirements = [*project["project"]["dependencies"], *extras["conformance"], *extras["examples"]]
    requirements += [*project["dependency-groups"]["test"], *project["dependency-groups"]["lint"]]
    for requirement in requirements:
        name, _, bound = requirement.partition(">=")
        version = pinned.get(name, pinned.get(name.replace("-", "_")))
        assert version is not None, f"constraints.txt has no version of {name}"
        assert [int(one) for one in version.split(".")[:3]] >= [int(one) for one in bound.split(".")], requirement
