"""What `check` leaves for pages and badges, what a memory limit does, and what an interruption shows."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from segloss_conformance import cli

ROOT = Path(__file__).parents[2]
LIBRARY = """
import os, time
import numpy as np

def dice(p, y, smooth=1e-5):
    return 1 - (2 * (p * y).sum() + smooth) / (p.sum() + y.sum() + smooth)

def wrong(p, y, smooth=1e-5):
    return dice(p, y, smooth) + 1e-3

def ends(p, y):
    os._exit(0)

def large(p, y):
    np.ones(2 ** 29)
    return dice(p, y)

def slow(p, y):
    time.sleep(30)

def raises(p, y):
    raise KeyError
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "reported.py").write_text(LIBRARY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "reported", raising=False)
    return tmp_path


def start(here: Path, *words: str, without: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    path = os.pathsep.join(map(str, (ROOT, ROOT / "backends", ROOT / "conformance")))
    program = f"import sys; sys.modules.update(dict.fromkeys({without!r})); "
    program += "from segloss_conformance.cli import supervised; sys.exit(supervised())"
    return subprocess.Popen(
        [sys.executable, "-c", program, *words], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in out + err
    return process.returncode, out, err


def words(name: str) -> list[str]:
    return ["check", f"reported:{name}", "--as", "dice_loss", "--profile", "quick", "--grad", "none", "--json", "r/r.json",
            "--badge", "b/b.json"]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "code", "verdict", "message", "colour"),
    [
        ("dice", 0, "conforms", "conforms A", "brightgreen"),
        ("wrong", 1, "fails", "1 of 1 fails", "red"),
        ("raises", 2, "no verdict", "no verdict", "lightgrey"),
        ("ends", 1, "no verdict", "no verdict", "lightgrey"),
        ("missing", 2, "no verdict", "no verdict", "lightgrey"),
    ],
)
def test_a_badge_is_green_only_where_everything_conforms(
    here: Path, name: str, code: int, verdict: str, message: str, colour: str
) -> None:
    (here / "b").mkdir()
    (here / "b" / "b.json").write_text('{"color": "brightgreen"}')  # of an older run
    found, _, err = ended(start(here, *words(name)))
    assert found == code, err
    badge = json.loads((here / "b" / "b.json").read_text())
    assert badge == {"schemaVersion": 1, "label": "segloss conformance", "message": message, "color": colour}
    assert json.loads((here / "r" / "r.json").read_text())["verdict"] == verdict


def test_the_report_has_the_keys_that_the_page_names(here: Path) -> None:
    assert cli.main(words("wrong")) == 1
    report: dict[str, Any] = json.loads((here / "r" / "r.json").read_text())
    page = (ROOT / "docs" / "checking.md").read_text().partition("`--json` writes one object")[2]
    (spec,) = report["specs"]
    column = spec["columns"][0]
    group = next(one for one in column["groups"] if one["finding"])
    for table in (report, spec, column, group, group["finding"], group["finding"]["case"]):
        for key in table:
            assert f"`{key}`" in page, key
    assert spec["kind"] == "loss"
    assert spec["called"]["keywords"] == {"smooth": "$smooth"}
    assert report["budget"]["examples"] == 40
    assert column["examples"] > 0
    case = group["finding"]["case"]
    assert len(case["pred"]) == len(case["target"])
    assert cli.main(words("dice")) == 0
    spec = json.loads((here / "r" / "r.json").read_text())["specs"][0]
    assert spec["columns"][0]["largest_pixels"] >= 60000


def test_a_function_that_needs_more_memory_has_no_verdict(here: Path) -> None:
    code, _, err = ended(start(here, *words("large"), "--memory", "2"))
    assert code == 1
    assert re.fullmatch(r"segloss-conformance: no verdict: .*MemoryError.*\n", err)
    code, _, err = ended(start(here, *words("dice"), "--memory", "2"))
    assert code == 0, err
    for command in (words("dice"), ["identify", "reported:dice", "--family", "dice"]):
        code, _, err = ended(start(here, *command, "--memory", "-1"))
        assert (code, err) == (2, "segloss-conformance: --memory must be above 0, got -1\n")


def test_an_interrupted_check_shows_what_it_has_found(here: Path) -> None:
    binds = [f'[[bind]]\nspec = "dice_loss"\nname = "{name}"\ncall = "reported:{name}"\ngrad = "none"\n' for name in
             ("wrong", "slow")]  # fmt: skip
    (here / "conformance.toml").write_text("\n".join(binds) + "timeout = 60\n")
    process = start(here, "check", "--profile", "quick", "--badge", "b.json")
    time.sleep(25)
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert (code, err) == (130, "segloss-conformance: interrupted\n")
    assert "dice_loss: wrong" in out
    assert "verdict: fails" in out
    assert json.loads((here / "b.json").read_text())["color"] == "lightgrey"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_run_shows_the_finished_rows(here: Path, jobs: str) -> None:
    process = start(here, "run", "--backend", "numpy", "--dtype", "float64", "--profile", "deep", "--jobs", jobs,
                    "--examples", "20")  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert (code, err) == (130, "segloss-conformance: interrupted\n")
    assert first.partition(":")[0] in out
    assert "1 conform, 0 fail" in out


EXTRAS = ("mpmath", "rich", "hypothesis", "torch", "array_api_strict", "sklearn", "skimage", "jax", "jaxlib", "edt")
COMMANDS = {
    "run": ["--backend", "numpy"], "check": ["reported:dice", "--as", "dice_loss"], "mutants": [], "vectors": [],
    "identify": ["reported:dice", "--family", "dice"],
    "new-loss": ["a_loss", "--family", "region", "--source", "leng2022polyloss"], "list": [],
}  # fmt: skip


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_a_bare_install_lists_and_names_the_extra_for_the_rest(here: Path, command: str) -> None:
    code, out, err = ended(start(here, command, *COMMANDS[command], without=EXTRAS))
    if command == "list":
        assert (code, err) == (0, "")
        assert "numpy cpu float64" in out
    else:
        words = "this folder is no clone" if command == "new-loss" else "pip install 'segloss-ref[conformance]'"
        assert code == 2
        assert words in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        ["check", '"x'],
        ["check", '"x', "--as", "dice_loss"],
        ["check", '"x', "--as", "dice_loss", "--framework", "process"],
        ["identify", '"x', "--family", "dice", "--framework", "process"],
        ["mutants", "--examples", "-1"],
        ["identify", "reported:dice", "--family", "dice", "--declared", "frob=1"],
        ["check", "deep.toml"],
    ],
)
def test_odd_words_are_refused_in_one_line(here: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (here / "deep.toml").write_text("a = " + "[" * 9999)
    assert cli.main(command) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_deep_json_is_no_traceback(here: Path) -> None:
    (here / "deep.py").write_text("input()\nprint('[' * 99999, flush=True)\n")
    code, _, err = ended(
        start(here, "check", f"{sys.executable} deep.py", "--framework", "process", "--as", "dice_loss")
    )
    assert code in (1, 2)
    assert err.count("\n") == 1
