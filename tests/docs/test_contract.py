"""docs/contract.md against the registry: what the page names exists as written, and what exists is on the page."""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segloss_ref as ref
from segloss_ref import domains, presets, registry

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "contract.md").read_text(encoding="utf-8")
PRESENT, PLANNED = PAGE.split("\n## Planned\n")
RECORDS: dict[str, Any] = {**registry.losses, **registry.metrics}

OTHER_WORDS = {
    "CHANGELOG.md", "docs/errata.md", "docs/peers.md", "tests/docs/test_contract.py",  # files
    "ValueError", "TypeError", "pred", "target", "cotangent", "segloss_ref", "rtol",
    "mode", "jax.grad", "jit", "vmap", ".backward()", "DiceLoss", "BinaryCrossEntropy",
}  # fmt: skip


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every table, its first row the head."""
    found: list[list[list[str]]] = []
    before = ""
    for line in text.splitlines():
        if line.startswith("| "):
            cells = [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]
            if before.startswith("|"):
                found[-1].append(cells)
            else:
                found.append([cells])
        before = line
    return found


def rows(text: str, *heads: str) -> list[list[str]]:
    """The rows of all tables whose first head is one of `heads`, under a name in backticks."""
    return [
        row
        for table in tables(text)
        if table[0][0] in heads
        for row in table[1:]
        if re.fullmatch(r"`\w+`", row[0])
    ]  # fmt: skip


def parameters(cell: str) -> dict[str, Any]:
    """``name=default, ...`` as a dict; a parameter without a default is `inspect.Parameter.empty`."""
    call = ast.parse(f"f({cell.strip('`')})", mode="eval").body
    assert isinstance(call, ast.Call)
    found: dict[str, Any] = {}
    for one in call.args:
        assert isinstance(one, ast.Name)
        found[one.id] = inspect.Parameter.empty
    return found | {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}


def common_defaults(functions: list[Any]) -> dict[str, Any]:
    """The keywords that docstrings document with a default, and that are no own parameter."""
    found: dict[str, Any] = {}
    for function in functions:
        own = registry.parameters_of(function)
        for names, default in re.findall(r"^([\w, ]+) : .*, default (\S+)$", inspect.getdoc(function) or "", re.M):
            for name in names.split(", "):
                if name not in own:
                    value = math.nan if default == "nan" else ast.literal_eval(default)
                    assert repr(found.setdefault(name, value)) == repr(value), name
    return found


LOSS_ROWS = {row[0].strip("`"): row for row in rows(PRESENT, "loss")}
METRIC_ROWS = {row[0].strip("`"): row for row in rows(PRESENT, "metric")}


def test_every_loss_and_metric_is_on_the_page_once() -> None:
    assert sorted(row[0].strip("`") for row in rows(PRESENT, "loss")) == sorted(registry.losses)
    assert sorted(row[0].strip("`") for row in rows(PRESENT, "metric")) == sorted(registry.metrics)


@pytest.mark.parametrize("name", RECORDS)
def test_own_parameters(name: str) -> None:
    """Names, order and defaults; one that must be given stands without a default."""
    row = {**LOSS_ROWS, **METRIC_ROWS}[name]
    assert len(row) == 3
    expected = {one.name: one.default for one in RECORDS[name].parameters.values()}
    assert list(parameters(row[2]).items()) == list(expected.items())


@pytest.mark.parametrize("name", RECORDS)
def test_named_choices(name: str) -> None:
    for parameter in RECORDS[name].parameters.values():
        if isinstance(parameter.domain, domains.Choice):
            for value in parameter.domain.values:
                written = f'`"{value}"`' if isinstance(value, str) else str(value)
                assert written in PRESENT, (parameter.name, value)


def test_ranges() -> None:
    """Every own parameter that is a number, or several, with its range."""
    told = {}
    for row in rows(PRESENT, "parameter"):
        for name in RECORDS if row[1] == "all" else re.findall(r"`(\w+)`", row[1]):
            told[name, row[0].strip("`")] = row[2]
    numbers = {
        (record.name, one.name): str(one.domain)
        for record in RECORDS.values()
        for one in record.parameters.values()
        if not isinstance(one.domain, domains.Choice | domains.Flag)
    }
    assert numbers.items() <= told.items()
    assert {name for _, name in told} == {name for _, name in numbers}


def test_families() -> None:
    """Each loss stands in the table of its family, save the one that is an image's and a distribution's."""
    for family in ("Distribution", "Region", "Boundary", "Compound"):
        section = re.split(r"^##+ ", PRESENT.split(f"\n### {family}\n")[1], flags=re.M)[0]
        expected = {record.name for record in registry.losses.values() if record.family == family.lower()}
        assert {row[0].strip("`") for row in rows(section, "loss")} == expected


@pytest.mark.parametrize(
    ("kind", "place"),
    [(registry.losses, "Keywords of every loss"), (registry.metrics, "Metrics")],
    ids=["loss", "metric"],
)
def test_common_keywords(kind: Any, place: str) -> None:
    section = PRESENT.split(f"\n## {place}\n")[1].split("\n## ")[0]
    told = {row[0].strip("`"): row[1].strip("`") for row in rows(section, "keyword")}
    there = common_defaults([record.function for record in kind.values()])
    assert {name: math.nan if value == "nan" else ast.literal_eval(value) for name, value in told.items()} == (
        pytest.approx(there, nan_ok=True)
    )
    if kind is registry.losses:
        assert told.keys() == set().union(*(record.keywords for record in registry.losses.values()))


def words(text: str) -> set[str]:
    """What stands in single backticks and is a name, with the names of calls and arguments."""
    found = set()
    for quoted in re.findall(r"`([^`\n]+)`", text):
        if re.fullmatch(r"[A-Za-z_.][\w./]*(\(\))?", quoted):
            found.add(quoted)
        else:
            found |= set(re.findall(r"^[a-z_][\w.]*(?=\()|\b[a-z_]\w*(?==)", quoted))
    return found - {"None", "True", "False", "nan", "inf"}


def known_names() -> set[str]:
    """Public names, keywords, parameters, fields of records, and presets."""
    found = {*ref.__all__, *presets.presets, *(name for record in RECORDS.values() for name in record.parameters)}
    for kind in (registry.losses, registry.metrics):
        found |= common_defaults([record.function for record in kind.values()]).keys()
    for record in (ref.Confusion, ref.ClassConfusion, ref.SurfaceDistances, registry.LossRecord):
        found |= {*inspect.signature(record).parameters, *(name for name in dir(record) if not name.startswith("_"))}
    return found


KNOWN = known_names()


def exists(word: str) -> bool:
    """It is known, alone or as ``module.name``."""
    if "." in word:
        first, _, rest = word.removeprefix("segloss_ref.").partition(".")
        holder: Any = {"registry": registry, "presets": presets, "kit": ref.kit, "numpy": np}.get(first)
        return (hasattr(holder, rest) if rest else holder is not None) or word == "segloss_backends.torch.nn"
    return word in KNOWN


def test_what_the_page_names_exists() -> None:
    missing = {word for word in words(PRESENT) - OTHER_WORDS if not exists(word)}
    assert not missing, f"docs/contract.md names {missing} outside of Planned"


def test_what_is_planned_does_not_exist() -> None:
    """A name that stands under Planned alone."""
    new = words(PLANNED) - words(PRESENT)
    assert len(new) > 50
    there = {word for word in new if exists(word) or hasattr(ref, word)}
    assert not there, f"{there} exists: move it out of Planned in docs/contract.md"
    for row in rows(PLANNED, "keyword"):
        name = row[0].strip("`")
        assert all(name not in record.keywords for record in registry.losses.values()), name


def refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except (TypeError, ValueError):
        return True
    return False


P, Y, HALF = np.full((2, 3, 4), 1 / 3), np.zeros((2, 4), dtype=int), np.full(3, 0.5)
RULES: dict[str, Callable[[], bool]] = {
    "`axis` may name `class_axis` too": lambda: not refused(lambda: ref.dice_loss(P, Y, class_axis=1, axis=(1, 2))),
    "A class axis of size 1": lambda: refused(
        lambda: ref.binary_cross_entropy(P[:, :1], Y, from_logits=True, class_axis=1)
    ),
    "A `weight` of shape (N, 1, H, W)": lambda: (
        not refused(lambda: ref.dice_loss(P, Y, class_axis=1, weight=np.ones((2, 1, 4))))
    ),
    "Scalar parameters": lambda: refused(lambda: ref.weighted_cross_entropy(HALF, HALF, beta=1e31)),
    "Metrics take `from_logits=True`": lambda: not refused(lambda: ref.dice_score(HALF, HALF, from_logits=True)),  # type: ignore[call-arg]
    "`centerline_dice` of one empty mask": lambda: float(ref.centerline_dice(np.zeros((5, 5)), np.ones((5, 5)))) == 0,
    "Metrics, too, look at array values": lambda: _torch_metric_looks(),
}


def _torch_metric_looks() -> bool:
    torch = pytest.importorskip("torch")
    return refused(lambda: ref.dice_score(torch.tensor([255, 0]), torch.tensor([1, 0])))


PLANNED_RULES = re.findall(r"^\* (.*)", PLANNED.partition("### Rules\n")[2].partition("\n### ")[0], re.M)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_planned_until_it_holds(rule: str) -> None:
    if "centerline" in rule:
        pytest.importorskip("skimage")
    planned = any(one.startswith(rule) for one in PLANNED_RULES)
    holds = RULES[rule]()
    assert planned != holds, (
        f"docs/contract.md: {rule!r} {'holds: move it out of Planned' if holds else 'is not built'}"
    )


def test_every_planned_rule_is_asked() -> None:
    for rule in PLANNED_RULES:
        assert any(rule.startswith(known) for known in RULES), rule


def test_links() -> None:
    heads = {re.sub(r"[^\w\- ]", "", head).lower().replace(" ", "-") for head in re.findall(r"^#+ (.*)", PAGE, re.M)}
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert target[1:] in heads if target.startswith("#") else (DOCS / target).exists(), target


def test_the_reading_of_tables() -> None:
    text = "| loss | value | own parameters |\n|---|---|---|\n| `a` | x | |\n| `b` | y | `k, s=(0, 1)` |\n\n| word | b |\n|---|---|\n| `c` | d |\n"
    assert rows(text, "loss") == [["`a`", "x", ""], ["`b`", "y", "`k, s=(0, 1)`"]]
    assert parameters("") == {}
    assert parameters("`k, s=(0, 1)`") == {"k": inspect.Parameter.empty, "s": (0, 1)}
    assert words("`dice_loss` and `f(x)`, `a=1`, `(2, 3)`, `None`, ``code``") >= {"dice_loss", "f", "a"}
    assert not exists("no_such_loss")
    assert not exists("registry.lossses")
