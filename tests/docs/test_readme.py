"""The README's code runs, in order, as a reader would paste it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

import segloss_ref
from segloss_conformance.mutants import CASE_WISE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 4
    names: dict[str, Any] = {}
    for block in blocks:
        if "import torch" in block and importlib.util.find_spec("torch") is None:
            continue
        exec(block, names)
    printed = capsys.readouterr().out
    assert printed
    assert "nan" not in printed
    assert f"{(2 * 1 + 2 * 4 / 5 + 4 * 6 / 7) / 8:.6f}" in printed  # the weighted Dice of the label maps, by hand


def test_what_it_names_exists() -> None:
    for name in [*segloss_ref.registry.losses, *segloss_ref.registry.metrics]:
        assert f"`{name}`" in README, name
    for target in re.findall(r"\]\(([\w/.]+)\)", README):
        assert (ROOT / target).exists(), target
    assert "more than two hundred wrong implementations" in README
    assert 200 < len(CASE_WISE) < 300


def test_versions_agree() -> None:
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.M)
    assert version is not None
    assert version[1] == segloss_ref.__version__
    assert f"version: {version[1]}" in (ROOT / "CITATION.cff").read_text()


def test_typed_packages() -> None:
    for package in ("segloss_ref", "backends/segloss_backends", "conformance/segloss_conformance"):
        assert (ROOT / package / "py.typed").exists()
