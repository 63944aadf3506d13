"""The action and the hook for other repositories do what docs/checking.md shows, on examples/conformance."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="not run: PyYAML is not installed; `make test` installs it")
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "checking.md").read_text()
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
STEP, CONFIG = (yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.M | re.S))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Somebody's repository, and programs in place of those that an installation would bring."""
    shutil.copytree(ROOT / "examples" / "conformance", tmp_path / "repository")
    programs = tmp_path / "bin"
    programs.mkdir()
    command = f"#!/bin/sh\nexec {sys.executable} -m segloss_conformance.cli"
    (programs / "segloss-conformance").write_text(f'{command} "$@"\n')
    (programs / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$ASKED"\n')  # pip: what it is asked for
    for one in programs.iterdir():
        one.chmod(0o755)
    return tmp_path / "repository"


def run(repository: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A step, as a runner runs it: bash with -e and -o pipefail."""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "backends", ROOT / "conformance")))
    own = {
        "PATH": f"{repository.parent / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": path,
        "GITHUB_ACTION_PATH": str(ROOT), "ASKED": str(repository.parent / "asked"), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command], cwd=repository, env={**own, **environment},
        capture_output=True, text=True,
    )  # fmt: skip


def act(repository: Path, **given: str) -> dict[str, subprocess.CompletedProcess[str]]:
    """The action's own commands with these inputs and the defaults of the rest."""
    inputs = {name: given.get(name, facts["default"]) for name, facts in ACTION["inputs"].items()}
    assert given.keys() <= inputs.keys()
    found = {}
    for step in ACTION["runs"]["steps"]:
        if "run" in step:
            assert step["shell"] == "bash"
            assert "${{" not in step["run"]  # words of others come as environment, never as code
            told = {
                name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda one: inputs[one[1]], word)
                for name, word in step["env"].items()
            }
            found[step["name"]] = run(repository, step["run"], **told)
    return found


def test_the_action_checks_and_reports(repository: Path) -> None:
    (step,) = STEP
    found = act(repository, **step["with"], profile="quick")
    asked = (repository.parent / "asked").read_text().splitlines()
    assert asked[-4:] == [f"{ROOT}[conformance]", "-e", ".", "torch"]
    assert found["Check"].returncode == 0, found["Check"].stdout + found["Check"].stderr
    report = json.loads((repository / "conformance-report" / "report.json").read_text())
    assert (report["name"], report["version"], report["verdict"]) == ("mylib", "1.0", "conforms")
    assert [one["kind"] for one in report["specs"]] == ["loss", "metric"]
    assert json.loads((repository / "conformance-report" / "badge.json").read_text())["color"] == "brightgreen"


def test_the_action_fails_where_something_fails(repository: Path) -> None:
    library = repository / "mylib.py"
    library.write_text(library.read_text().replace("2 * (pred * target)", "(pred * target)"))
    assert act(repository, profile="quick", report="out")["Check"].returncode == 1
    assert json.loads((repository / "out" / "badge.json").read_text())["color"] == "red"


def test_the_hook_is_what_the_page_shows(repository: Path) -> None:
    (shown,) = CONFIG["repos"][0]["hooks"]
    assert shown["id"] == HOOK["id"]
    assert shown["additional_dependencies"][0] == HOOK["additional_dependencies"][0]
    assert not HOOK["pass_filenames"]
    assert re.search(HOOK["files"], "src/losses.py")
    assert re.search(HOOK["files"], "conformance.toml")
    found = run(repository, shlex.join(shlex.split(HOOK["entry"])))
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_command_of_the_page(repository: Path) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, flags=re.M | re.S)
    found = run(repository, block.strip() + " --profile quick")
    assert found.returncode == 0, found.stdout + found.stderr
    assert (repository / "conformance-report" / "badge.json").is_file()
