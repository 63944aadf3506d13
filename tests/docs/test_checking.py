"""docs/checking.md does what it says, from the page alone."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from segloss_conformance import cli
from segloss_conformance.adapters.words import CHOICES, OPT_IN
from segloss_ref import tversky_loss

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "checking.md").read_text()


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.M | re.S)
    return [text for name, text in found if name == language]


def commands() -> list[list[str]]:
    text = "\n".join(blocks("")).replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line.startswith(("segloss-conformance", "cc "))]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("torch")
    package = tmp_path / "mylib"
    package.mkdir()
    (package / "__init__.py").write_text('__version__ = "1.0"\n')
    (package / "losses.py").write_text(blocks("python")[0])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("mylib", "mylib.losses"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_the_first_example_fails(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = next(words for words in commands() if "tversky_loss" in words)
    assert cli.main([*command[1:], "--profile", "quick"]) == 1
    assert "value, float32 cpu: want " in capsys.readouterr().out
    swap = {"alpha=$fp_weight": "alpha=$fn_weight", "beta=$fn_weight": "beta=$fp_weight"}
    assert cli.main([*(swap.get(word, word) for word in command[1:]), "--profile", "quick"]) == 0


def test_the_printed_failure_is_true(library: Path) -> None:
    shown = next(block for block in blocks("") if block.startswith("value, "))
    sentence, _, code = shown.partition("\n")
    want, got = (float(number) for number in re.findall(r"(?:want|got) (\S+?),?(?=\s|$)", sentence))
    names: dict[str, Any] = {"print": lambda value: names.update(value=float(value))}
    exec(code, names)
    assert names["value"] == got
    truth = tversky_loss(names["pred"].double(), names["target"], from_logits=True, fp_weight=0.0, fn_weight=0.5)
    assert float(truth) == pytest.approx(want, rel=1e-15)


def test_the_configuration_holds(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (library / "conformance.toml").write_text(blocks("toml")[0])
    assert cli.main(["check", "--profile", "quick"]) == 0, capsys.readouterr().out
    assert "deviates" in capsys.readouterr().out


def test_the_example_in_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("not run: no C compiler")
    shutil.copy(ROOT / "examples" / "harness" / "harness.c", tmp_path)
    monkeypatch.chdir(tmp_path)
    build = next(words for words in commands() if words[0] == "cc")
    subprocess.run([compiler, *build[1:]], check=True)
    run = next(words for words in commands() if "./harness" in words)
    assert cli.main([*run[1:], "--profile", "quick"]) == 0


def test_every_choice_is_on_the_page() -> None:
    for name, values in CHOICES.items():
        for value in values:
            assert value in PAGE, (name, value)
    for tag in OPT_IN:
        assert f"`{tag}`" in PAGE
