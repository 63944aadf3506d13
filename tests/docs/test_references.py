"""docs/references.bib has an entry for every work that a record cites, and none that nothing cites.

A record names its sources as people do, "First, Second: Title, venue 2017, eq. 4 (original not read)", several of them parted
by semicolons. The first author's name and the year find the entry.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from segloss_ref import registry

FILE = (Path(__file__).parents[2] / "docs" / "references.bib").read_text(encoding="utf-8")
RECORDS = [*registry.losses.values(), *registry.metrics.values()]
NO_SOURCE = "Common usage; no single source"
NOT_READ = "original not read"


class Cited(NamedTuple):
    author: str
    year: str
    title: str


def entries(text: str) -> dict[str, dict[str, str]]:
    """The fields of every entry, by key."""
    found = {}
    for kind, key, body in re.findall(r"^@(\w+)\{(\w+),\n(.*?)^\}$", text, re.M | re.S):
        fields = dict(re.findall(r"^  (\w+) = \{(.*)\},$", body, re.M))
        assert len(fields) == body.count("\n"), f"{key}: one field a line, `name = {{value}},`"
        assert key not in found, f"{key} is there twice"
        found[key] = {"kind": kind, **fields}
    assert len(found) == len(re.findall("^@", text, re.M))
    return found


ENTRIES = entries(FILE)


def cited(citation: str) -> list[Cited]:
    """The works that a citation names; the title is empty where it gives none."""
    found = []
    for part in re.sub(r"\([^()]*\)", "", citation).split(";"):
        years = re.findall(r"\b(?:1[89]|20)\d\d\b", part)
        assert years, f"{citation}: no year"
        before = part[: part.index(years[0])]
        authors, colon, rest = before.partition(": ")
        author = re.split(r", | et al\.| and |:", authors.strip())[0].strip()
        found.append(Cited(author.removesuffix(f" {years[0]}"), years[0], rest.rpartition(",")[0] if colon else ""))
    return found


def author_of(entry: dict[str, str]) -> str:
    return entry["author"].split(",")[0]


def find(work: Cited) -> list[str]:
    return [key for key, one in ENTRIES.items() if (author_of(one), one["year"]) == (work.author, work.year)]


def works(record: Any) -> list[Cited]:
    return [] if record.citation == NO_SOURCE else cited(record.citation)


def not_read(record: Any) -> bool:
    return NOT_READ in record.citation or NOT_READ in (inspect.getdoc(record.function) or "")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_every_source_of_a_record_has_one_entry(record: Any) -> None:
    for work in works(record):
        keys = find(work)
        assert len(keys) == 1, f"docs/references.bib must have one entry of {work.author} {work.year}, has {keys}"
        assert work.title.casefold() in ENTRIES[keys[0]]["title"].casefold()


def test_every_entry_is_cited() -> None:
    """By a record, or by the documentation of a loss or metric (the methods of `centerline_dice`)."""
    of_records = {key for record in RECORDS for work in works(record) for key in find(work)}
    documentation = "\n".join(inspect.getdoc(record.function) or "" for record in RECORDS)
    for key in ENTRIES.keys() - of_records:
        author, year = author_of(ENTRIES[key]), ENTRIES[key]["year"]
        assert re.search(rf"{author}[^.;()]* {year}", documentation), f"nothing cites {key}"


def test_what_was_not_read_is_said() -> None:
    """An entry has the note where a record of the work has it, and nowhere else."""
    unread = {key for record in RECORDS if not_read(record) for work in works(record) for key in find(work)}
    assert {key for key, one in ENTRIES.items() if "note" in one} == unread
    assert {one.get("note", NOT_READ) for one in ENTRIES.values()} == {NOT_READ}


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_is_complete(key: str) -> None:
    one = ENTRIES[key]
    assert re.fullmatch(re.sub(r"[^a-z]", "", author_of(one).lower()) + one["year"] + "[a-z]+", key)
    assert {"author", "title", "year"} <= one.keys()
    place = {"article": "journal", "inproceedings": "booktitle", "book": "publisher", "misc": "eprint"}[one["kind"]]
    assert place in one
    assert re.fullmatch(r"10\.\d{4,}/\S+", one.get("doi", "10.0000/none"))
    assert one.keys() <= {
        "kind", "author", "title", "year", "journal", "booktitle", "publisher", "edition", "volume", "number", "pages", "doi",
        "eprint", "eprinttype", "note",
    }  # fmt: skip


def test_entries_are_in_order() -> None:
    assert list(ENTRIES) == sorted(ENTRIES)


def test_a_citation_is_read() -> None:
    assert cited("Salehi, Erdogmus: Tversky loss, in networks, MLMI 2017, eq. 3 (original not read)") == [
        Cited("Salehi", "2017", "Tversky loss, in networks")
    ]
    assert cited("Yu, Blaschko: The Lovász hinge, ICML 2015; Berman, Rannen Triki 2018, eq. 7") == [
        Cited("Yu", "2015", "The Lovász hinge"),
        Cited("Berman", "2018", ""),
    ]
    assert cited("Ma et al.: Images, 2004 (as cited; original not read)") == [Cited("Ma", "2004", "Images")]
    assert cited("van Rijsbergen: Information Retrieval, 1979, chapter 7")[0].author == "van Rijsbergen"
    assert find(Cited("Nobody", "2017", "")) == []
    with pytest.raises(AssertionError, match="no year"):
        cited("Somebody: something")


def test_a_broken_file_is_noticed() -> None:
    good = "@misc{a2000b,\n  title = {T},\n}\n"
    assert entries(good) == {"a2000b": {"kind": "misc", "title": "T"}}
    for bad in (good + good, "@misc{a2000b,\n  title = {T}\n}\n", good + "@misc{c,\n title = {T},\n"):
        with pytest.raises(AssertionError):
            entries(bad)
