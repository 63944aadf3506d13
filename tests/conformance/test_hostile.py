"""What a checked function, a terminal or a disk may do to the command: no false pass, no traceback, the exit codes as documented."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from segloss_conformance import cli

ROOT = Path(__file__).parents[2]
LIBRARY = """
import os, signal, sys, threading, time
import numpy as np

def dice(p, y):
    return 1 - (2 * (p * y).sum() + 1e-5) / (p.sum() + y.sum() + 1e-5)

def ends(p, y):
    os._exit(0)

def ends_late(p, y, asked=[]):
    asked.append(1)
    if len(asked) > 30:
        os._exit(0)
    return dice(p, y)

def crashes(p, y):
    os.kill(os.getpid(), signal.SIGSEGV)

def swallows(p, y):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass

def swallows_once(p, y):
    try:
        while True:
            pass
    except Exception:
        pass
    while True:
        pass

def leaves_a_thread(p, y, started=[]):
    if not started:
        started.append(threading.Thread(target=time.sleep, args=(1000,)))
        started[0].start()
    return dice(p, y)

def raises_oddly(p, y):
    raise GeneratorExit

class Mute(Exception):
    def __str__(self):
        raise RuntimeError

def raises_what_cannot_be_printed(p, y):
    raise Mute

class EndsWhenLookedAt(float):
    @property
    def dtype(self):
        sys.exit(0)

def ends_when_looked_at(p, y):
    return EndsWhenLookedAt(dice(p, y))

class EndsWhenPrinted(Exception):
    def __str__(self):
        sys.exit(0)

def ends_when_printed(p, y):
    raise EndsWhenPrinted

def closes_everything(p, y):
    os.closerange(3, 256)
    return dice(p, y)

def slow(p, y):
    time.sleep(30)

def never(p, y):
    while True:
        try:
            time.sleep(30)
        except BaseException:
            pass

def talks(p, y):
    print("epoch [/x]")
    return dice(p, y)
"""
TIMED_OUT = "a call takes longer than 0.3 s"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "hostile.py").write_text(LIBRARY)
    return tmp_path


def start(
    here: Path, *words: str, stdout: int = subprocess.PIPE, without: str = "", **environment: str
) -> subprocess.Popen[str]:
    path = os.pathsep.join(map(str, (ROOT, ROOT / "backends", ROOT / "conformance")))
    program = f"import sys; sys.modules.update({{{without!r}: None}}); " * bool(without)
    program += "import sys; from segloss_conformance.cli import supervised; sys.exit(supervised())"
    return subprocess.Popen(
        [sys.executable, "-c", program, *words], cwd=here, stdout=stdout, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )  # fmt: skip


def check(here: Path, name: str, *words: str) -> tuple[int, str]:
    process = start(
        here, "check", f"hostile:{name}", "--as", "dice_loss", "--profile", "quick", "--grad", "none", *words
    )
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in out + err
    return process.returncode, out + err


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("dice", "verdict: conforms", 0),
        ("ends", "no verdict: the function ends the process with exit code 0", 1),
        ("ends_late", "no verdict: the function ends the process with exit code 0", 1),
        ("crashes", "no verdict: the function is ended by SIGSEGV", 1),
        ("swallows", f"no verdict: {TIMED_OUT} and cannot be interrupted", 1),
        ("swallows_once", TIMED_OUT, 2),
        ("leaves_a_thread", "verdict: conforms", 0),
        ("ends_when_looked_at", "raises SystemExit", 2),
        ("ends_when_printed", "raises EndsWhenPrinted: (an exception that cannot be printed)", 2),
        ("closes_everything", "no verdict", 1),
        ("raises_oddly", "raises GeneratorExit", 2),
        ("raises_what_cannot_be_printed", "raises Mute: (an exception that cannot be printed)", 2),
        ("talks", "prints 'epoch [/x]'", 0),
    ],
)
def test_nothing_hostile_passes_or_outlives_the_command(here: Path, name: str, words: str, code: int) -> None:
    begun = time.monotonic()
    found, text = check(here, name, "--timeout", "0.3")
    assert words in text
    assert found == code
    assert time.monotonic() - begun < 100


def test_an_identified_function_may_not_end_the_process(here: Path) -> None:
    process = start(here, "identify", "hostile:ends", "--family", "dice_loss")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["slow", "never"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_is_one_line(here: Path, number: signal.Signals, code: int, name: str) -> None:
    process = start(here, "check", f"hostile:{name}", "--as", "dice_loss", "--timeout", "60")
    time.sleep(6)
    process.send_signal(number)
    try:
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == code
    assert err == "segloss-conformance: interrupted\n"


def test_a_closed_pipe_is_one_line(here: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start(here, "list", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == "segloss-conformance: nobody reads the output\n"


def test_a_terminal_of_ascii_lists_everything(here: Path) -> None:
    process = start(here, "list", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "lovasz_hinge_loss" in out


@pytest.mark.parametrize(
    "words",
    [
        ["check", "hostile:dice", "--as", "dice_loss", "--json"],
        ["identify", "hostile:dice", "--family", "dice_loss", "--json"],
        ["run", "--backend", "numpy", "--only", "dice_loss", "--json"],
        ["run", "--backend", "numpy", "--only", "dice_loss", "--html"],
    ],
)
def test_outputs_are_tried_before_the_work(
    here: Path, words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (here / "file").touch()
    for target in (here, here / "file" / "report"):
        begun = time.monotonic()
        assert cli.main([*words, str(target)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
        assert time.monotonic() - begun < 20
    assert {path.name for path in here.iterdir()} <= {"file", "hostile.py", "__pycache__"}


@pytest.mark.parametrize("command", ["check", "identify", "run"])
def test_no_command_that_is_left_by_an_exit_returns_0(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.COMMANDS[command], "execute", lambda _: sys.exit(0))
    assert (
        cli.main({"run": ["run"]}.get(command, [command, "a:b", *["--family", "dice"] * (command == "identify")])) == 1
    )
    assert "no verdict" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["mpmath", "rich", "hypothesis"])
def test_a_package_that_is_missing_is_named_with_its_extra(here: Path, package: str) -> None:
    process = start(here, "check", "hostile:dice", "--as", "dice_loss", "--profile", "quick", without=package)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert err == f"segloss-conformance: {package} is not installed: pip install 'segloss-ref[conformance]'\n"


def test_a_file_does_not_replace_a_module(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import types

    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (here / "types.py").write_text(LIBRARY)
    assert cli.main(["check", "types.py:dice", "--as", "dice_loss", "--profile", "quick"]) == 0, capsys.readouterr()
    assert sys.modules["types"] is types
