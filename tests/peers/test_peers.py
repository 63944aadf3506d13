"""The table of peers: its files are complete, its programs stand alone, and its verdicts come out as they should.

The packages themselves are held by ``make peers``, in an environment of their own.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segloss_conformance.adapters.binding import bind
from segloss_conformance.adapters.ledger import deviation_of
from segloss_conformance.check.checking import check

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "peers"
PACKAGES = sorted(path.parent for path in PEERS.glob("*/conformance.toml"))
TABLE = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def peers() -> Any:
    sys.path.insert(0, str(PEERS))
    try:
        import render
        import run
    finally:
        sys.path.remove(str(PEERS))
    return {"run": run, "render": render}


# The files. -----------------------------------------------------------------------------------------------------------


def tables(package: Path) -> dict[str, Any]:
    return tomllib.loads((package / "conformance.toml").read_text(encoding="utf-8"))


def test_there_are_enough_rows() -> None:
    assert len(PACKAGES) >= 12
    assert sum(len(tables(package)["bind"]) for package in PACKAGES) >= 80


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_row_is_in_the_table(package: Path) -> None:
    found = tables(package)
    section = TABLE.partition(f"## [{found['implementation']['name']} ")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert [row.split(" | ")[0] for row in rows] == [f"| `{one['name']}`".replace("|", "|") for one in found["bind"]]
    verdicts = {row.split(" | ")[2].split(" ")[0] for row in rows}
    assert verdicts <= {"conforms", "convention", "differs", "bug"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_bug_has_a_program_of_its_own(package: Path) -> None:
    entries = tables(package).get("deviation", [])
    named = {one["snippet"] for one in entries if "snippet" in one}
    assert named == {f"bugs/{path.name}" for path in package.glob("bugs/*.py")}
    for name in named:
        text = (package / name).read_text(encoding="utf-8")
        assert "segloss" not in text, name
        assert text.startswith('"""'), name
        assert "exit" in text.lower(), name
        assert f"peers/{package.name}/{name}" in TABLE
    for one in entries:
        assert one.get("link", "https://github.com/").startswith("https://github.com/"), one


def test_versions_are_those_of_the_requirements() -> None:
    wanted = dict(re.findall(r"^([\w-]+)==(\S+)$", (PEERS / "requirements.txt").read_text(), re.M))
    told = dict(re.findall(r"^## \[([\w-]+) (\S+)\]", TABLE, re.M))
    same = {name.lower().replace("_", "-"): version for name, version in wanted.items()}
    for name, version in told.items():
        key = name.lower().replace("_", "-").removesuffix("-metrics")
        if key != "torch":  # which comes from constraints.txt
            assert same[key] == version.partition("+")[0], name


# The verdicts. --------------------------------------------------------------------------------------------------------


def dice(p: Any, y: Any, smooth: float = 1e-5) -> Any:
    return 1 - (2 * (p * y).sum() + smooth) / (p.sum() + y.sum() + smooth)


def dice_below(p: Any, y: Any) -> Any:
    return 1 - 2 * (p * y).sum() / (p.sum() + y.sum() + 1e-7)


def dice_nan(p: Any, y: Any, smooth: float = 1e-5) -> Any:
    return dice(p, y, smooth) if y.any() else np.nan


def nonsense(p: Any, y: Any) -> Any:
    return 0.3 + 0.1 * np.sin(37 * (p * y).sum() + 11 * p.sum())


NAN = {
    "spec": "dice_loss", "kind": "bug", "group": "special cases", "when": {"tags": ["empty-target"]},
    "reason": "nan where the target is empty", "pinned": {"pred": [0.5], "target": [0.0]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("function", "entry", "verdict", "words"),
    [
        (dice, None, "conforms", ""),
        (dice_below, None, "convention", "smooth 1e-07 in the denominator alone"),
        (dice_nan, NAN, "differs", "nan where the target is empty"),
        (dice_nan, {**NAN, "snippet": "bugs/nan.py"}, "bug", "peers/mine/bugs/nan.py"),
        (dice, NAN, "stale", "no longer holds"),
        (nonsense, None, "broken adapter", ""),
    ],
    ids=["conforms", "convention", "differs", "bug", "stale", "nonsense"],
)
def test_verdicts(peers: Any, function: Any, entry: Any, verdict: str, words: str) -> None:
    binding = bind("dice_loss", function, framework="numpy", dtypes="float64")
    entries = [] if entry is None else [deviation_of(entry, 1)]
    row = peers["run"].row_of(check(binding, "quick", 0, entries), "mine")
    assert row["verdict"] == verdict or (verdict == "broken adapter" and row["verdict"] == "fails"), row
    package = {"package": "mine", "version": "1", "source": "https://github.com/", "rows": [row], "stale": []}
    text = peers["render"].markdown([package], "quick")
    assert words in text
    assert f"<td class='{verdict if verdict in ('conforms', 'convention', 'differs', 'bug') else 'other'}'" in peers[
        "render"
    ].html([package], "quick")
    good = verdict in ("conforms", "convention", "differs", "bug")
    assert (peers["render"].complaints([package]) == []) == good
    if verdict in ("differs", "bug"):
        assert "want 1.0, got nan: `pred [0.5], target [0.0]`" in text or "got nan" in text


def test_programs_that_show_nothing_are_complained_of(
    peers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers["run"], "ROOT", tmp_path)
    shows, shows_none = tmp_path / "shows.py", tmp_path / "shows_none.py"
    shows.write_text("raise SystemExit(0)\n")
    shows_none.write_text("print('expected 1 got 1')\nraise SystemExit(1)\n")
    assert peers["run"].complaint(shows) == ""
    assert peers["run"].complaint(shows_none) == "shows_none.py shows no bug (exit code 1): expected 1 got 1"
