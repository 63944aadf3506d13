"""The report of a run as one HTML page that needs no other file."""

from __future__ import annotations

import html
import platform
from pathlib import Path

from ..engine.verdicts import Column
from .files import Report, shown, versions, worst, write_text
from .terminal import rows

__all__ = ["write_html"]

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
    names, labels, found = rows(report.columns)
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
        for column in report.others:
            parts.append(
                f"<tr><td>{esc(column.label)}</td><td>{esc(column.name)}</td>{_cell(column)}<td>{column.cases}</td>"
                f"<td>{column.outside}</td><td>{esc(report.notes.get(column.label, ''))}</td></tr>"
            )
        parts.append("</table>")
    parts.append("<h2>Failures</h2>" if report.failures else "<h2>No failures</h2>")
    for column in report.failures:
        if column.finding is not None:
            parts.append(
                f"<h3>{esc(column.name)} on {esc(column.label)}</h3><p><b>{esc(column.finding.group)}</b>: "
                f"{esc(column.finding.message)}</p><pre>{esc(shown(column.finding, column.dtype))}</pre>"
            )
    parts.append("</body></html>\n")
    write_text("".join(parts), path)


def _cell(column: Column) -> str:
    if column.verdict == "not run":
        return "<td class='not'>not run</td>"
    text = (
        f"{worst(column, 'value'):.2f} / {worst(column, 'gradient'):.2f}" if column.verdict == "conforms" else "fails"
    )
    return f"<td class='{column.verdict}' title='{column.cases} cases, {column.seconds:.1f} s'>{text}</td>"
