"""docs/design.md shows the call as it is, and names rooms that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")


def test_the_traced_call_is_that_of_today() -> None:
    found = subprocess.run([sys.executable, ROOT / "docs" / "trace.py"], capture_output=True, text=True, check=True)
    assert found.stdout.strip() in PAGE, "python docs/trace.py prints it anew"
    assert len(found.stdout.splitlines()) > 10


def test_rooms_exist() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.M)
    rooms = [room for row in rows for room in re.findall(r"`(\w+)`", row)]
    house = ROOT / "conformance" / "segloss_conformance"
    assert len(rooms) > 10
    for room in rooms:
        assert (house / room).is_dir() or (house / f"{room}.py").is_file(), room
