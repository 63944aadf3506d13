"""The verdict of `check` as an endpoint of shields.io, which draws a badge of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.verdicts import SpecReport
from .checked import summary

__all__ = ["NO_VERDICT", "badge"]

_COLOURS = {"conforms": "brightgreen", "deviates": "yellowgreen", "fails": "red", "stale": "red"}


def _drawn(message: str, colour: str) -> dict[str, Any]:
    return {"schemaVersion": 1, "label": "segloss conformance", "message": message, "color": colour}


NO_VERDICT = _drawn("no verdict", "lightgrey")
"""What stands there until a run has ended, and after one that says nothing of one of the functions."""


def badge(reports: Sequence[SpecReport], unmatched: Sequence[str] = ()) -> dict[str, Any]:
    """Green where everything conforms, yellow green where some deviates as declared, red where something fails."""
    verdict = summary(reports, unmatched)
    if verdict not in _COLOURS:
        return NO_VERDICT
    counts = {status: sum(report.status == status for report in reports) for status in ("fails", "deviates")}
    grade = max((column.grade for report in reports for column in report.columns), default="")
    words = {
        "conforms": f"conforms {grade}".strip(),
        "deviates": f"conforms {grade}, {counts['deviates']} of {len(reports)} as declared",
        "fails": f"{counts['fails']} of {len(reports)} fail" + "s" * (counts["fails"] == 1),
        "stale": "stale declaration",
    }
    return _drawn(words[verdict], _COLOURS[verdict])
