"""Show what a check found: a table and the failures on the terminal, JSON for machines."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..adapters.ledger import Pinned
from ..adapters.snippet import snippet
from ..adapters.words import GROUPS
from ..engine.verdicts import Column, Finding, SpecReport, Verdict
from .matrix import versions

__all__ = ["as_dict", "declaration", "print_reports", "write_json"]

_COLOURS = {"conforms": "green", "deviates": "yellow", "unsupported": "dim", "fails": "bold red", "stale": "bold red",
            "broken adapter": "bold red"}  # fmt: skip
_GRADES = {
    "A": "as accurate as the formula can be",
    "B": "as accurate as its inputs, or as 16 bits",
    "C": "right to a few roundoffs of 1, so small values keep few digits",
}


def declaration(finding: Finding, dtype: str) -> str:
    """The ``[[deviation]]`` table that would declare a failure as a known bug; the reason is the implementer's to give."""
    case = finding.case
    lines = [
        "[[deviation]]",
        f'spec = "{case.binding.spec if case else ""}"',
        'kind = "bug"',
        f'group = "{finding.group}"',
    ]
    lines.append('reason = ""')
    if case is not None:
        lines.append(f"pinned = {Pinned.of(case, dtype).toml()}")
    return "\n".join(lines)


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    words = verdict.status + (f" {verdict.grade}" if verdict.grade and verdict.status == "conforms" else "")
    count = f" ({verdict.examples})" if verdict.examples and verdict.status == "conforms" else ""
    return f"[{_COLOURS[verdict.status]}]{words}[/]{count}"


def _headline(report: SpecReport) -> str:
    grades = sorted({column.grade for column in report.columns if column.grade})
    words = [f"[{_COLOURS[report.status]}]{report.status}[/]"]
    if report.status in ("conforms", "deviates") and grades:
        words.append(f"accuracy {grades[-1]}: {_GRADES[grades[-1]]}")
    conventions = {**report.binding.convention}
    for one in report.deviations:
        conventions.update(one.convention)
    if conventions:
        words.append("where " + ", ".join(f"{name} = {value}" for name, value in conventions.items()))
    return "; ".join(words)


def print_reports(reports: Sequence[SpecReport], console: Console, ledger: bool = False) -> None:
    """A table for each binding, then what failed and how to see it."""
    for report in reports:
        binding = report.binding
        console.print(
            f"[bold]{binding.spec}[/]: {escape(binding.label)} "
            f"({binding.framework}, {report.seconds:.1f} s, seed {report.seed})",
            highlight=False,
        )
        table = Table(show_header=True, padding=(0, 1), box=None)
        table.add_column("")
        for column in report.columns:
            table.add_column(column.label)
        table.add_column("", overflow="fold", style="dim")
        for group in GROUPS:
            found = [column.verdicts.get(group) for column in report.columns]
            if any(found):
                notes = dict.fromkeys(one.note for one in found if one is not None and one.note)
                table.add_row(group, *(_cell(one) for one in found), ", ".join(notes))
        console.print(table)
        console.print(f"verdict: {_headline(report)}\n", highlight=False)
        for sentence in report.stale:
            console.print(f"[bold red]stale[/]: {escape(sentence)}\n", highlight=False)
        shown: set[str] = set()
        for column in report.columns:
            for verdict in column.verdicts.values():
                _print_finding(verdict, column, shown, console, ledger)


def _print_finding(verdict: Verdict, column: Column, shown: set[str], console: Console, ledger: bool) -> None:
    finding = verdict.finding
    if finding is None or verdict.status not in ("fails", "broken adapter"):
        return
    key = f"{verdict.group}{finding.case.key if finding.case else finding.message}"
    if key in shown:
        return
    shown.add(key)
    console.print(f"[bold red]{verdict.group}[/], {column.label}: ", end="", highlight=False)
    console.print(finding.message, highlight=False, markup=False, soft_wrap=True)
    if finding.hint:
        console.print(f"hint: {finding.hint}", highlight=False, markup=False, soft_wrap=True)
    if finding.case is not None and verdict.group != "smoke":
        console.print(snippet(finding.case, column.dtype), highlight=False, markup=False, soft_wrap=True)
        if ledger:
            console.print("\n" + declaration(finding, column.dtype), highlight=False, markup=False, soft_wrap=True)
    console.print()


def as_dict(reports: Sequence[SpecReport], **header: Any) -> dict[str, Any]:
    """Everything, in plain types."""

    def finding(one: Finding | None, dtype: str) -> dict[str, Any] | None:
        if one is None:
            return None
        found = {
            "message": one.message,
            "hint": one.hint,
            "declared": None if one.deviation is None else one.deviation.label,
        }
        if one.case is not None:
            found["snippet"] = snippet(one.case, dtype)
            found["declaration"] = declaration(one, dtype)
        return found

    def group(verdict: Verdict, dtype: str) -> dict[str, Any]:
        return {
            "group": verdict.group,
            "verdict": verdict.status,
            "grade": verdict.grade,
            "examples": verdict.examples,
            "worst_error_of_grade_A": verdict.worst if verdict.worst < 1e300 else None,
            "note": verdict.note,
            "finding": finding(verdict.finding, dtype),
        }

    return {
        "format": "segloss-conformance-check/1",
        **header,
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "specs": [
            {
                "spec": report.binding.spec,
                "call": report.binding.label,
                "framework": report.binding.framework,
                "convention": dict(report.binding.convention),
                "verdict": report.status,
                "seed": report.seed,
                "seconds": round(report.seconds, 2),
                "stale": report.stale,
                "columns": [
                    {
                        "dtype": column.dtype,
                        "device": column.device,
                        "verdict": column.status,
                        "grade": column.grade,
                        "right_bits": None if column.bits is None else round(column.bits, 1),
                        "groups": [group(verdict, column.dtype) for verdict in column.verdicts.values()],
                    }
                    for column in report.columns
                ],
            }
            for report in reports
        ],
    }


def write_json(reports: Sequence[SpecReport], path: Path, **header: Any) -> None:
    """The report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(as_dict(reports, **header), indent=1, default=str) + "\n")
