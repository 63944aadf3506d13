"""What a run found: a matrix on the terminal, JSON for machines, one HTML page for people."""

from __future__ import annotations

import html
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..engine.matrix import Cell
from ..subjects.subject import Absent

__all__ = ["Report", "print_matrix", "versions", "write_html", "write_json"]

_PACKAGES = ("segloss-ref", "numpy", "scipy", "array-api-compat", "array-api-strict", "torch", "jax", "cupy-cuda13x",
             "hypothesis", "mpmath", "scikit-learn")  # fmt: skip
_SIGNS = {"conforms": "ok", "fails": "FAIL", "not run": "-"}


def versions() -> dict[str, str]:
    """The versions of the packages that matter."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


@dataclass
class Report:
    """The cells of one run and the circumstances."""

    profile: str
    examples: int
    seed: int
    cells: list[Cell] = field(default_factory=list)
    others: list[Cell] = field(default_factory=list)
    """Third parties' functions."""
    absent: list[Absent] = field(default_factory=list)
    seconds: float = 0.0
    notes: dict[str, str] = field(default_factory=dict)
    """What is to be known of a third party's function, by label."""

    @property
    def failures(self) -> list[Cell]:
        """The cells that fail."""
        return [cell for cell in (*self.cells, *self.others) if cell.minimal is not None]

    def as_dict(self) -> dict[str, Any]:
        """Everything, in plain types."""

        def plain(cell: Cell) -> dict[str, Any]:
            facts: dict[str, Any] = {
                "name": cell.name,
                "implementation": cell.label,
                "verdict": cell.verdict,
                "examples": cell.examples,
                "outside_domain": cell.skipped,
                "worst_value_error_of_allowed": round(cell.value_excess, 6),
                "worst_gradient_error_of_allowed": round(cell.gradient_excess, 6),
                "seconds": round(cell.seconds, 3),
            }
            if cell.minimal is not None:
                failure = cell.minimal.failure
                facts |= {"check": failure.check, "message": failure.message, "after": cell.failed_after}
                facts["snippet"] = cell.minimal.snippet
            return facts

        return {
            "format": "segloss-conformance-report/1",
            "versions": versions(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "profile": self.profile,
            "examples": self.examples,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "not_run": [{"implementation": one.label, "reason": one.reason} for one in self.absent],
            "cells": [plain(cell) for cell in self.cells],
            "third_parties": [plain(cell) | {"note": self.notes.get(cell.label, "")} for cell in self.others],
        }


def _rows(cells: Sequence[Cell]) -> tuple[list[str], list[str], dict[tuple[str, str], Cell]]:
    return (
        list(dict.fromkeys(cell.name for cell in cells)),
        list(dict.fromkeys(cell.label for cell in cells)),
        {(cell.name, cell.label): cell for cell in cells},
    )


def print_matrix(report: Report, console: Console) -> None:
    """Rows are losses and metrics, columns backend, device and dtype; then third parties, then what failed."""
    names, labels, found = _rows(report.cells)
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
        for cell in report.others:
            table.add_row(cell.label, cell.name, _sign(cell), str(cell.examples), str(cell.skipped))
        console.print(table)
    for one in report.absent:
        console.print(f"not run: {one.label}: {one.reason}")
    shown = set()
    for cell in report.failures:
        if cell.minimal is None:
            continue
        failure, snippet = cell.minimal.failure, cell.minimal.snippet
        console.print(f"\n[bold red]{cell.name} on {cell.label} fails '{failure.check}'[/]", highlight=False)
        console.print(f"  {failure.message}", highlight=False, markup=False)
        if snippet not in shown:
            console.print(snippet, highlight=False, markup=False, soft_wrap=True)
        shown.add(snippet)
    good = sum(cell.verdict == "conforms" for cell in (*report.cells, *report.others))
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


def _sign(cell: Cell) -> str:
    colour = {"conforms": "green", "fails": "bold red", "not run": "dim"}[cell.verdict]
    return f"[{colour}]{_SIGNS[cell.verdict]}[/]"


def write_json(report: Report, path: Path) -> None:
    """The report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report.as_dict(), indent=1) + "\n")


_STYLE = """
:root { color-scheme: light dark; --line: #8886; --good: #1a7f37; --bad: #cf222e; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } .wide { overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .2rem .5rem; text-align: center; font-size: 13px; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; }
.conforms { color: var(--good); } .fails { color: #fff; background: var(--bad); } .not { opacity: .5; }
pre { background: #8881; padding: .7rem; overflow-x: auto; } small { opacity: .7; }
"""


def write_html(report: Report, path: Path) -> None:
    """The report as one page that needs no other file."""
    esc = html.escape
    names, labels, found = _rows(report.cells)
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>segloss conformance</title>",
        f"<style>{_STYLE}</style></head><body><h1>segloss conformance</h1>",
        f"<p>Profile {esc(report.profile)}: {report.examples} cases a row, seed {report.seed}, {report.seconds:.0f} s, "
        f"Python {platform.python_version()} on {esc(platform.platform())}. "
        + esc(", ".join(f"{name} {found_}" for name, found_ in versions().items()))
        + ".</p><p>Each cell: the worst error of a value / of a gradient, as a share of what the textbook's error bound "
        "allows for that case; at most 1 conforms. The number of cases is in the tooltip.</p>",
        "<div class='wide'><table><tr><th></th>",
        *(f"<th>{esc(label).replace(' ', '<br>')}</th>" for label in labels),
        *(f"<th>{esc(one.label).replace(' ', '<br>')}</th>" for one in report.absent),
        "</tr>",
    ]
    for name in names:
        parts.append(f"<tr><td>{esc(name)}</td>")
        parts += [_cell(found[name, label]) for label in labels]
        parts += [f"<td class='not' title='{esc(one.reason, quote=True)}'>not run</td>" for one in report.absent]
        parts.append("</tr>")
    parts.append("</table></div>")
    if report.absent:
        parts.append("<h2>Not run</h2><ul>")
        parts += [f"<li>{esc(one.label)}: {esc(one.reason)}</li>" for one in report.absent]
        parts.append("</ul>")
    if report.others:
        parts.append("<h2>Third parties</h2><table><tr><th>function</th><th>held against</th><th>value / gradient</th>"
                     "<th>cases</th><th>outside its domain</th><th>note</th></tr>")  # fmt: skip
        for cell in report.others:
            parts.append(
                f"<tr><td>{esc(cell.label)}</td><td>{esc(cell.name)}</td>{_cell(cell)}<td>{cell.examples}</td>"
                f"<td>{cell.skipped}</td><td>{esc(report.notes.get(cell.label, ''))}</td></tr>"
            )
        parts.append("</table>")
    parts.append("<h2>Failures</h2>" if report.failures else "<h2>No failures</h2>")
    for cell in report.failures:
        if cell.minimal is not None:
            parts.append(
                f"<h3>{esc(cell.name)} on {esc(cell.label)}</h3><p><b>{esc(cell.minimal.failure.check)}</b>: "
                f"{esc(cell.minimal.failure.message)}</p><pre>{esc(cell.minimal.snippet)}</pre>"
            )
    parts.append("</body></html>\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(parts))


def _cell(cell: Cell) -> str:
    if cell.verdict == "not run":
        return "<td class='not'>not run</td>"
    text = f"{cell.value_excess:.2f} / {cell.gradient_excess:.2f}" if cell.verdict == "conforms" else "fails"
    return f"<td class='{cell.verdict}' title='{cell.examples} cases, {cell.seconds:.1f} s'>{text}</td>"


def console() -> Console:
    """The terminal, or plain text of a fixed width where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=160, force_terminal=False)
