"""Reports on the terminal: the matrix of a run, and what a check found."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..adapters.bound_case import BoundCase
from ..adapters.words import GROUPS
from ..engine.verdicts import Column, SpecReport, Verdict
from .checked import declaration
from .files import Report, shown

__all__ = ["console", "print_matrix", "print_reports", "rows"]

_SIGNS = {"conforms": "ok", "fails": "FAIL", "not run": "-"}
_COLOURS = {"conforms": "green", "deviates": "yellow", "unsupported": "dim", "fails": "bold red", "stale": "bold red",
            "broken adapter": "bold red"}  # fmt: skip
_GRADES = {
    "A": "as accurate as the formula can be",
    "B": "as accurate as its inputs, or as 16 bits",
    "C": "right to a few roundoffs of 1, so small values keep few digits",
}


def rows(columns: Sequence[Column]) -> tuple[list[str], list[str], dict[tuple[str, str], Column]]:
    """(losses and metrics, subjects, the column of each pair)."""
    return (
        list(dict.fromkeys(column.name for column in columns)),
        list(dict.fromkeys(column.label for column in columns)),
        {(column.name, column.label): column for column in columns},
    )


def print_matrix(report: Report, console: Console) -> None:
    """Rows are losses and metrics, columns backend, device and dtype; then third parties, then what failed."""
    names, labels, found = rows(report.columns)
    if names:
        table = Table(title=f"segloss conformance, {report.examples} cases a row, seed {report.seed}", padding=(0, 0))
        table.add_column("", no_wrap=True)
        for label in labels:
            table.add_column(_short(label), justify="center", no_wrap=True)
        for name in names:
            table.add_row(name, *(_sign(found[name, label]) for label in labels))
        console.print(table)
    if report.others:
        table = Table(title="third parties against the textbook")
        for heading in ("function", "as", "verdict", "cases", "outside its domain"):
            table.add_column(heading)
        for column in report.others:
            table.add_row(column.label, column.name, _sign(column), str(column.cases), str(column.outside))
        console.print(table)
    for one in report.absent:
        console.print(f"not run: {one.label}: {one.reason}")
    printed = set()
    for column in report.failures:
        if column.finding is None:
            continue
        finding, snippet = column.finding, shown(column.finding, column.dtype)
        console.print(f"\n[bold red]{column.name} on {column.label} fails '{finding.group}'[/]", highlight=False)
        console.print(f"  {finding.message}", highlight=False, markup=False)
        if snippet not in printed:
            console.print(snippet, highlight=False, markup=False, soft_wrap=True)
        printed.add(snippet)
    left = Counter[str]()
    for column in (*report.columns, *report.others):
        left += column.unjudged
    for reason, times in left.most_common():
        console.print(f"not judged: {reason} ({times})", highlight=False, markup=False)
    good = sum(column.verdict == "conforms" for column in (*report.columns, *report.others))
    console.print(f"\n{good} conform, {len(report.failures)} fail, {len(report.absent)} columns not run "
                  f"({report.seconds:.0f} s)")  # fmt: skip


def _short(label: str) -> str:
    """A column's label in three short lines."""
    for long, short in {
        "array_api_strict": "strict",
        "CPU_DEVICE": "cpu",
        "device1": "dev1",
        "bfloat": "bf",
        "float": "f",
    }.items():
        label = label.replace(long, short)
    return label.replace(" ", "\n")


def _sign(column: Column) -> str:
    colour = {"conforms": "green", "fails": "bold red", "not run": "dim"}[column.verdict]
    return f"[{colour}]{_SIGNS[column.verdict]}[/]"


def _status(verdict: Verdict | None) -> str:
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
                table.add_row(group, *(_status(one) for one in found), escape(", ".join(notes)))
        console.print(table)
        left = sum((column.unjudged for column in report.columns), Counter[str]())
        for reason, times in left.most_common():
            console.print(f"not judged: {reason} ({times})", highlight=False, markup=False, style="dim")
        console.print(f"verdict: {_headline(report)}\n", highlight=False)
        for sentence in report.stale:
            console.print(f"[bold red]stale[/]: {escape(sentence)}\n", highlight=False)
        printed: set[str] = set()
        for column in report.columns:
            for verdict in column.verdicts.values():
                _print_finding(verdict, column, printed, console, ledger)


def _print_finding(verdict: Verdict, column: Column, printed: set[str], console: Console, ledger: bool) -> None:
    finding = verdict.finding
    if finding is None or verdict.status not in ("fails", "broken adapter"):
        return
    key = f"{verdict.group}{finding.case.key if finding.case else finding.message}"
    if key in printed:
        return
    printed.add(key)
    console.print(f"[bold red]{verdict.group}[/], {column.label}: ", end="", highlight=False)
    console.print(finding.message, highlight=False, markup=False, soft_wrap=True)
    if finding.hint:
        console.print(f"hint: {finding.hint}", highlight=False, markup=False, soft_wrap=True)
    if isinstance(finding.case, BoundCase) and verdict.group != "smoke":
        console.print(shown(finding, column.dtype), highlight=False, markup=False, soft_wrap=True)
        if ledger:
            console.print("\n" + declaration(finding, column.dtype), highlight=False, markup=False, soft_wrap=True)
    console.print()


def console() -> Console:
    """The terminal, or plain text of a fixed width where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=160, force_terminal=False)
