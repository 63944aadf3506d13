"""The table of peers as Markdown and as a page."""

from __future__ import annotations

import html as escaping
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

__all__ = ["complaints", "html", "markdown", "summary"]

Package = dict[str, Any]
_GOOD = ("conforms", "convention", "differs", "bug")
_MEANING = {
    "conforms": "means what the reference means, in the convention named beside it, on everything that was asked",
    "convention": "follows another convention, which is named and was tested",
    "differs": "a choice that no parameter of the reference has; the rest was tested",
    "bug": "contradicts its own documentation or formula, or gives nan or a dead gradient; a program shows it",
}
_HEADINGS = ("function", "held against", "verdict", "convention, or what is wrong", "smallest counterexample")


def _rows(found: Sequence[Package]) -> list[dict[str, Any]]:
    return [row for package in found for row in package["rows"]]


def summary(found: Sequence[Package]) -> str:
    """How many rows there are of each verdict."""
    counts = Counter(row["verdict"] for row in _rows(found))
    rest = [f"{count} {verdict}" for verdict, count in counts.items() if verdict not in _GOOD]
    words = [f"{counts[verdict]} {verdict}" for verdict in _GOOD if counts[verdict]]
    return f"{len(_rows(found))} rows of {len({one['source'] for one in found})} packages: " + ", ".join(
        [*words, *rest]
    )


def complaints(found: Sequence[Package]) -> list[str]:
    """Rows that nobody has explained, and entries that speak of nothing."""
    words = [
        f"{package['package']}: {row['name']} ({row['spec']}): {row['verdict']}"
        + "".join(f"\n    {note['text']}" for note in row["notes"])
        for package in found for row in package["rows"] if row["verdict"] not in _GOOD
    ]  # fmt: skip
    return words + [f"{package['package']}: {sentence}" for package in found for sentence in package["stale"]]


def _what(row: dict[str, Any], link: Any) -> str:
    words = ["; ".join(row["convention"])] if row["convention"] else []
    for note in row["notes"]:
        more = [link("program", note["snippet"])] if note["snippet"] else []
        more += [link("issue", note["link"])] if note["link"] else []
        text = "" if note["text"] in row["convention"] else note["text"]
        words.append(" ".join(filter(None, [text, f"({', '.join(more)})" if more else ""])))
    return ". ".join(filter(None, words)).replace(". (", " (")


def _arrays(code: str) -> str:
    """The arrays of a counterexample, where they are short enough for a cell."""
    found = re.findall(r"^(pred|target|weight) = [\w.]+\((\[.*?\])(?:, dtype=[^)]*)?\)$", code, re.M)
    text = ", ".join(f"{name} {values}" for name, values in found)
    return text if found and len(text) <= 90 else ""


def _case(row: dict[str, Any]) -> tuple[str, str]:
    """(the sentence, the arrays) of the shortest counterexample."""
    if not row["cases"]:
        return "", ""
    shortest = min(row["cases"], key=lambda case: len(case["code"]))
    return shortest["message"], _arrays(shortest["code"])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def markdown(found: Sequence[Package], profile: str) -> str:
    """``docs/peers.md``."""
    counts = Counter(row["verdict"] for row in _rows(found))
    lines = [
        "# Peers: what released packages mean", "",
        "Written by `make peers`, which installs the packages in an environment of their own and holds every loss and metric",
        f"of theirs that the reference knows against it (profile {profile}). {summary(found)}.", "",
        "| verdict | rows | meaning |", "|---|---|---|",
        *(f"| {verdict} | {counts[verdict]} | {_MEANING[verdict]} |" for verdict in _GOOD), "",
        "How each function is called, and what its entry in the ledger is, stands in `peers/*/conformance.toml`, which",
        "`segloss-conformance check` reads. A bug is called one only where a program beside them shows it without this",
        "project. Most differences are no bugs: the field has no agreed conventions, which is why they are named here.", "",
        "Versions are those of `peers/requirements.txt`. torchvision, and segmentation_models_pytorch on it, may be built for",
        "another torch than the one installed here; `peers/operators.py` then declares the names of the compiled operators",
        "that their import asks for, none of which a loss or metric calls.", "",
    ]  # fmt: skip

    def link(word: str, target: str) -> str:
        return f"[{word}]({target if target.startswith('http') else '../' + target})"

    for package in found:
        lines += [f"## [{package['package']} {package['version']}]({package['source']})", ""]
        lines += [f"| {' | '.join(_HEADINGS)} |", "|---|---|---|---|---|"]
        for row in package["rows"]:
            message, arrays = _case(row)
            cell = f"{message}: `{arrays}`" if arrays else message
            verdict = row["verdict"] + (f" {row['grade']}" if row["verdict"] == "conforms" else "")
            cells = (f"`{row['name']}`", f"`{row['spec']}`", verdict, _what(row, link), cell)
            lines.append("| " + " | ".join(_cell(one) for one in cells) + " |")
        lines.append("")
    lines += [
        "A, B and C after *conforms* are grades of accuracy, see [checking.md](checking.md). A counterexample whose arrays are",
        "too long for a cell stands as code in `report/peers.html`.", "",
    ]  # fmt: skip
    return "\n".join(lines)


_STYLE = """
:root { color-scheme: light dark; --line: #8886; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1rem 0; width: 100%; }
th, td { border: 1px solid var(--line); padding: .3rem .5rem; text-align: left; vertical-align: top; font-size: 13px; }
.conforms { color: #1a7f37; } .convention { color: #9a6700; } .differs { color: #8250df; }
.bug { color: #fff; background: #cf222e; } .other { background: #888; color: #fff; }
pre { background: #8881; padding: .5rem; overflow-x: auto; max-width: 40rem; } summary { cursor: pointer; }
"""


def html(found: Sequence[Package], profile: str) -> str:
    """The same as one page that needs no other file, with every counterexample as code."""
    esc = escaping.escape

    def link(word: str, target: str) -> str:
        return f"<a href='{esc(target if target.startswith('http') else '../' + target, quote=True)}'>{word}</a>"

    def what(row: dict[str, Any]) -> str:
        safe = {**row, "convention": [esc(one) for one in row["convention"]],
                "notes": [{**note, "text": esc(note["text"])} for note in row["notes"]]}  # fmt: skip
        return _what(safe, link)

    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Peers of segloss-ref</title>",
        f"<style>{_STYLE}</style></head><body><h1>What released packages mean</h1>",
        f"<p>{esc(summary(found))}; profile {esc(profile)}.</p><ul>",
        *(f"<li><b class='{verdict}'>{verdict}</b>: {esc(words)}</li>" for verdict, words in _MEANING.items()),
        "</ul>",
    ]
    for package in found:
        title = f"{package['package']} {package['version']}"
        parts.append(
            f"<h2><a href='{esc(package['source'], quote=True)}'>{esc(title)}</a></h2><div class='wide'><table><tr>"
        )
        parts += [f"<th>{heading}</th>" for heading in _HEADINGS] + ["</tr>"]
        for row in package["rows"]:
            colour = row["verdict"] if row["verdict"] in _GOOD else "other"
            cases = "".join(
                f"<details><summary>{esc(case['message'])}</summary><pre>{esc(case['code'])}</pre></details>"
                for case in row["cases"]
            )
            parts.append(
                f"<tr><td><code>{esc(row['name'])}</code></td><td><code>{esc(row['spec'])}</code></td>"
                f"<td class='{colour}'>{esc(row['verdict'])} {esc(row['grade']) if colour == 'conforms' else ''}</td>"
                f"<td>{what(row)}</td><td>{cases}</td></tr>"
            )
        parts.append("</table></div>")
    parts.append("</body></html>\n")
    return "".join(parts)
