"""The works that records cite, read from ``references.bib`` beside this file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

__all__ = ["NOT_READ", "citation", "keys_of", "references", "short_citation"]

NOT_READ = "original not read"


@cache
def references() -> Mapping[str, Mapping[str, str]]:
    """The fields of every entry, by key."""
    text = Path(__file__).with_name("references.bib").read_text(encoding="utf-8")
    entries = re.findall(r"^@(\w+)\{(\w+),\n(.*?)^\}$", text, re.M | re.S)
    return {
        key: {"kind": kind, **dict(re.findall(r"^  (\w+) = \{(.*)\},$", body, re.M))} for kind, key, body in entries
    }


def keys_of(source: str) -> tuple[str, ...]:
    """The works that a source such as ``"@yu2015lovasz; @berman2018lovasz, eq. 7"`` names."""
    return tuple(re.findall(r"@(\w+)", source))


def citation(source: str) -> str:
    """A source in words, with titles: "Xie, Tu: Holistically-nested edge detection, ICCV 2015, eq. 2"."""
    return _in_words(source, _long)


def short_citation(source: str) -> str:
    """A source in words, authors and year alone: "Xie, Tu 2015, eq. 2"."""
    return _in_words(source, _short)


def _in_words(source: str, words: Callable[[Mapping[str, str]], str]) -> str:
    parts = []
    for part in source.split("; "):
        unread = any(references()[key].get("note") == NOT_READ for key in keys_of(part))
        text = re.sub(r"@(\w+)", lambda match: words(references()[match[1]]), part)
        parts.append(f"{text} ({NOT_READ})" if unread else text)
    return "; ".join(parts)


def _authors(entry: Mapping[str, str]) -> str:
    families = [author.partition(",")[0] for author in entry["author"].split(" and ")]
    if families[-1] == "others":
        return ", ".join(families[:-1]) + " et al."
    return ", ".join(families) if len(families) < 6 else f"{families[0]} et al."


def _long(entry: Mapping[str, str]) -> str:
    place = entry.get("booktitle") or entry.get("journal") or entry.get("publisher") or f"arXiv {entry['eprint']},"
    short = re.search(r"\((\w+)\)", place)
    return f"{_authors(entry)}: {entry['title']}, {short[1] if short else place} {entry['year']}"


def _short(entry: Mapping[str, str]) -> str:
    return f"{_authors(entry)} {entry['year']}"
