"""What CONTRIBUTING.md names exists: files, tests, and every method of a backend."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import segloss_ref

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"`([^`\n]+)`", PAGE)


@pytest.mark.parametrize("name", sorted({one for one in QUOTED if re.fullmatch(r"[.\w]+/[\w./:]*", one)}))
def test_files_and_tests(name: str) -> None:
    path, _, test = name.partition("::")
    found = [where / path for where in (ROOT, ROOT / "conformance" / "segloss_conformance") if (where / path).exists()]
    assert found
    assert not test or f"\ndef {test}(" in found[0].read_text(encoding="utf-8")


def test_every_method_of_a_backend_is_there() -> None:
    section = PAGE.split("## How to add a backend")[1].split("\n## ")[0]
    public = {name for name, _ in inspect.getmembers(segloss_ref.Backend) if not name.startswith("_")}
    rows = {word for line in section.splitlines() if line.startswith("|") for word in re.findall(r"`(\w+)`", line)}
    assert rows == public


def test_links() -> None:
    for target in re.findall(r"\]\(([\w/.]+)\)", PAGE):
        assert (ROOT / target).exists(), target
