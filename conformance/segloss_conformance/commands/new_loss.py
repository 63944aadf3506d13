"""``new-loss``: lay out the places of a loss in a clone of the repository, in the order of CONTRIBUTING.md."""

from __future__ import annotations

import argparse
import keyword
import re
from collections.abc import Iterator
from pathlib import Path

from . import Subparsers, UsageError

__all__ = ["add", "execute"]

_MUTANTS = {"distribution": "entropies", "region": "overlap", "boundary": "boundary", "compound": "compound"}


def add(subparsers: Subparsers) -> None:
    """Declare the options."""
    parser = subparsers.add_parser("new-loss", help="lay out the places of a new loss, in a clone of the repository")
    parser.add_argument("name", help="its name, such as poly_loss")
    parser.add_argument("--family", required=True, choices=[*_MUTANTS])
    parser.add_argument(
        "--source", required=True, help="the key of the paper in references.bib, such as leng2022polyloss"
    )
    parser.add_argument(
        "--per-class", action="store_true", help="a value for each class; without it, a mean over pixels of all classes"
    )


def execute(options: argparse.Namespace) -> int:
    """Write, and print what is left to do."""
    from segloss_ref import registry

    name, source, root = options.name, options.source, Path()
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UsageError(f"new-loss: the name must be lower case words with underscores, got {name!r}")
    if name in registry.records:
        raise UsageError(f"new-loss: {name} is there already")
    if not re.fullmatch(r"[a-z]+\d{4}[a-z]+", source):
        raise UsageError(
            f"--source must be a key (name, year, word of the title) such as leng2022polyloss, got {source!r}"
        )
    if not (root / "segloss_ref" / "references.bib").is_file():
        raise UsageError("new-loss: this folder is no clone of the repository")
    edits = [*_edits(name, options.family, source, options.per_class)]
    pages: dict[str, str] = {}
    for path, anchor, text in edits:
        if not (root / path).is_file():
            raise UsageError(f"new-loss: there is no {path}")
        old = pages.get(path) or (root / path).read_text(encoding="utf-8")
        pages[path] = _edited(path, old, anchor, text)
    for path, page in pages.items():  # nothing is written unless everything has found its place
        (root / path).write_text(page, encoding="utf-8")
    print(_LEFT.format(name=name, family=options.family, source=source, mutants=_MUTANTS[options.family]))
    return 0


def _edited(path: str, old: str, anchor: str, text: str) -> str:
    """A page with `text` after the first place that `anchor` matches, or at its end where that is ``$``."""
    if anchor == "$":
        return old.rstrip("\n") + text
    place = re.search(anchor, old, re.M | re.S)
    if place is None:
        raise UsageError(f"new-loss: found no place in {path}: {anchor}")
    return old[: place.end()] + text + old[place.end() :]


def _edits(name: str, family: str, source: str, per_class: bool) -> Iterator[tuple[str, str, str]]:
    """(file, what it is inserted after, text) of every place."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    short = "_" + name.removesuffix("_loss")
    title = f"### {family.capitalize()}\n.*?\n\\|---\\|---\\|---\\|\n(?:\\|[^\n]*\n)*"
    yield "docs/contract.md", title, f"| `{name}` | TODO the value of a region | |\n"
    bib = Path("segloss_ref/references.bib")
    known = bib.is_file() and f"{{{source}," in bib.read_text(encoding="utf-8")
    yield str(bib), _before(source), "" if known else _ENTRY.format(source=source, year=re.sub(r"\D", "", source)[:4])
    yield (
        "tests/conformance/test_textbook.py",
        r"^BINARY: [^\n]*\n",
        f'    ("{name}", P, Y, {{}}, frac(0, 1)),  # TODO on paper\n',
    )
    book = "boundary" if family == "boundary" else "losses"
    table = ("PER_CLASS" if per_class else "MERGED") + ("_SPATIAL" if family == "boundary" else "")
    textbook = f"conformance/segloss_conformance/truth/textbook/{book}.py"
    yield textbook, rf"^{table}: [^\n]*\n", f'    "{name}": _{name},\n'
    yield textbook, r"^__all__ = [^\n]*\n", _TEXTBOOK.format(name=name, second="c: int" if per_class else "k: Problem")
    facts = ("\n    per_class=True," if per_class else "") + ("\n    spatial=True," if family == "boundary" else "")
    formula = _FORMULA.format(name=name, short=short, family=family, source=source, facts=facts)
    yield f"segloss_ref/losses/{family}.py", "$", formula
    yield f"segloss_ref/losses/{family}.py", r"^__all__ = \[", f'"{name}", '
    yield "segloss_ref/__init__.py", rf"^from \.losses\.{family} import \(?", f"{name}, "
    yield "segloss_ref/__init__.py", r"^__all__ = \[\n", f'    "{name}",\n'
    yield "backends/segloss_backends/torch/nn.py", r"^__all__ = \[\n", f'    "{camel}",\n'
    yield "backends/segloss_backends/torch/nn.py", "$", f"\n{camel} = _module(segloss_ref.{name})\n"
    yield f"conformance/segloss_conformance/mutants/{_MUTANTS[family]}.py", "$", _MUTANT.format(name=name)
    yield "README.md", rf"^\| {family} \|[^\n]*\n(?:\| \|[^\n]*\n)*", f"| | `{name}` | TODO what it serves |\n"
    yield "CHANGELOG.md", r"^### Added\n", f"- `{name}`: TODO in a line.\n"


def _before(key: str) -> str:
    """Where an entry of the bibliography goes: after the last entry with a smaller key."""
    bib = Path("segloss_ref/references.bib")
    keys = re.findall(r"^@\w+\{(\w+),", bib.read_text(encoding="utf-8"), re.M) if bib.is_file() else []
    smaller = [known for known in keys if known < key]
    return rf"^@\w+\{{{smaller[-1]},\n.*?^\}}\n\n?" if smaller else r"\A.*?\n\n"


_ENTRY = """@article{{{source},
  author = {{TODO, Family and Others, Name}},
  title = {{TODO}},
  journal = {{TODO}},
  year = {{{year}}},
}}

"""
_TEXTBOOK = '''

def _{name}(region: Region, {second}) -> Number:
    """TODO the definition, by loops over `Number`s, without a look at the library."""
    raise NotImplementedError
'''
_FORMULA = '''

@loss(
    "{family}",
    "@{source}",{facts}
    latex=r"TODO",
    derivative=r"TODO",
)
def {short}(r: Regions) -> Term:
    raise NotImplementedError


@{short}.public
def {name}(pred: A, target: Any, **common: Unpack[Common]) -> A:
    """TODO what it is, in a line.

    TODO formula and special cases.

    Source: {{source}}.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import {name}
    >>> float({name}(np.array([0.5]), np.array([1])))  # TODO
    """
    return {short}(pred, target, common)
'''
_MUTANT = """

@mutant("{name}", "TODO how people get it wrong")
def {name}_todo(case: Case) -> Answer:
    raise NotImplementedError
"""
_LEFT = """{name} has its places, each with TODO or NotImplementedError (git diff shows them). In the order of CONTRIBUTING.md:
 1. docs/contract.md: its row; segloss_ref/references.bib: {source}
 2. tests/conformance/test_textbook.py: a case worked out on paper, with its gradient
 3. conformance/segloss_conformance/truth/textbook: the definition
 4. segloss_ref/losses/{family}.py: formula, slope, LaTeX
 5. below it: parameters with their domains, documentation, example
 6. backends/segloss_backends/torch/nn.py: nothing is left to do
 7. segloss-conformance run --only {name}
 8. conformance/segloss_conformance/mutants/{mutants}.py: how people get it wrong
 9. segloss-conformance vectors --choose --only {name}
10. README.md, CHANGELOG.md: its lines
then: ruff check --fix . && ruff format . && make test-fast; tests/test_steps.py names what is missing"""
