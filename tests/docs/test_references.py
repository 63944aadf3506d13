"""references.bib has an entry for every work that a record names by its key, and none that nothing names."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import segloss_ref
from segloss_ref import registry
from segloss_ref._references import NOT_READ, citation, keys_of, references, short_citation

FILE = (Path(segloss_ref.__file__).parent / "references.bib").read_text(encoding="utf-8")
RECORDS = [*registry.records.values()]
NO_SOURCE = "Common usage; no single source"
ENTRIES = references()


def entries(text: str) -> dict[str, dict[str, str]]:
    """The fields of every entry, by key, where each stands as it should."""
    found = {}
    for kind, key, body in re.findall(r"^@(\w+)\{(\w+),\n(.*?)^\}$", text, re.M | re.S):
        fields = dict(re.findall(r"^  (\w+) = \{(.*)\},$", body, re.M))
        assert len(fields) == body.count("\n"), f"{key}: one field a line, `name = {{value}},`"
        assert key not in found, f"{key} is there twice"
        found[key] = {"kind": kind, **fields}
    assert len(found) == len(re.findall("^@", text, re.M))
    return found


def author_of(entry: Any) -> str:
    return str(entry["author"].split(",")[0])


def test_the_library_reads_what_is_there() -> None:
    assert entries(FILE) == {key: dict(entry) for key, entry in ENTRIES.items()}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_record_names_its_sources_by_key(record: registry.Record) -> None:
    assert keys_of(record.source) or record.source == NO_SOURCE
    for key in keys_of(record.source):
        assert key in ENTRIES, f"references.bib must have an entry {key}"
    assert "@" not in record.citation
    assert NOT_READ not in record.source, "references.bib says what was not read"
    assert not re.search(r"\d{4}", re.sub(r"@\w+", "", record.source)), "a work is named by its key alone"


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_documentation_says_what_was_not_read(record: registry.Record) -> None:
    text = inspect.getdoc(record.function) or ""
    assert f"Source: {record.citation}" in text or f"Source: {short_citation(record.source)}" in text
    assert (NOT_READ in text) == bool(record.not_read)


def test_every_entry_is_cited() -> None:
    """By a record, or by the documentation of a loss or metric (the methods of `centerline_dice`)."""
    of_records = {key for record in RECORDS for key in keys_of(record.source)}
    documentation = "\n".join(inspect.getdoc(record.function) or "" for record in RECORDS)
    for key in ENTRIES.keys() - of_records:
        author, year = author_of(ENTRIES[key]), ENTRIES[key]["year"]
        assert re.search(rf"{author}[^.;()]* {year}", documentation), f"nothing cites {key}"


def test_what_was_not_read_can_be_listed() -> None:
    unread = {key for record in RECORDS for key in record.not_read}
    assert unread == {key for key, entry in ENTRIES.items() if "note" in entry}
    assert {entry.get("note", NOT_READ) for entry in ENTRIES.values()} == {NOT_READ}
    assert registry.losses["tversky_loss"].not_read == ("salehi2017tversky",)
    assert registry.losses["focal_loss"].not_read == ()


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_is_complete(key: str) -> None:
    entry = ENTRIES[key]
    assert re.fullmatch(re.sub(r"[^a-z]", "", author_of(entry).lower()) + entry["year"] + "[a-z]+", key)
    assert {"author", "title", "year"} <= entry.keys()
    place = {"article": "journal", "inproceedings": "booktitle", "book": "publisher", "misc": "eprint"}[entry["kind"]]
    assert place in entry
    assert re.fullmatch(r"10\.\d{4,}/\S+", entry.get("doi", "10.0000/none"))
    assert entry.keys() <= {
        "kind", "author", "title", "year", "journal", "booktitle", "publisher", "edition", "volume", "number", "pages", "doi",
        "eprint", "eprinttype", "note",
    }  # fmt: skip


def test_entries_are_in_order() -> None:
    assert list(ENTRIES) == sorted(ENTRIES)


def test_sources_in_words() -> None:
    source = "@yu2015learning; @berman2018lovasz, eq. 7; @caliva2019distance"
    assert keys_of(source) == ("yu2015learning", "berman2018lovasz", "caliva2019distance")
    assert short_citation(source) == (
        "Yu, Blaschko 2015; Berman, Rannen Triki, Blaschko 2018, eq. 7; Caliva et al. 2019 (original not read)"
    )
    assert citation("@xie2015holistically, eq. 2") == "Xie, Tu: Holistically-nested edge detection, ICCV 2015, eq. 2"
    assert citation(NO_SOURCE) == NO_SOURCE
    with pytest.raises(KeyError):
        citation("@nobody2017nothing")


def test_a_broken_file_is_noticed() -> None:
    good = "@misc{a2000b,\n  title = {T},\n}\n"
    assert entries(good) == {"a2000b": {"kind": "misc", "title": "T"}}
    for bad in (good + good, "@misc{a2000b,\n  title = {T}\n}\n", good + "@misc{c,\n title = {T},\n"):
        with pytest.raises(AssertionError):
            entries(bad)
