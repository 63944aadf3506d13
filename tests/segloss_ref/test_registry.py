"""Nothing public without a record, a docstring with formula, source and example, and a place in ``__all__``."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import segloss_ref as ref
from segloss_ref import domains, registry

ROOT = Path(__file__).parents[2]
RECORDS = [*registry.records.values()]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_records(record: registry.Record) -> None:
    assert getattr(ref, record.name) is record.function
    assert record.name in ref.__all__
    assert len(record.citation) > 10
    signature = inspect.signature(record.function)
    own = [p.name for p in signature.parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY]
    assert list(record.parameters) == own  # each own parameter has a domain
    for parameter in record.parameters.values():
        if not parameter.required:
            parameter.domain.normal(record.name, parameter.name, parameter.default)
        assert str(parameter.domain)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_docstrings(record: registry.Record) -> None:
    text = inspect.getdoc(record.function) or ""
    for word in [*record.parameters, "Returns", "Raises", "Source", "reduction", "weight"]:
        assert word in text, f"{word} is not in the docstring of {record.name}"
    if isinstance(record, registry.LossRecord):
        for keyword in record.keywords:
            assert f"{keyword} :" in text
        assert ">>>" in text


def test_everything_exported_is_documented() -> None:
    for name in ref.__all__:
        assert inspect.getdoc(getattr(ref, name)), name


def test_families() -> None:
    families = {record.family for record in registry.losses.values()}
    assert families <= set(typing.get_args(registry.Family))
    assert len(registry.losses) == len({record.function for record in registry.losses.values()})


@pytest.fixture
def records() -> Iterator[dict[str, Any]]:
    """What the registry holds, which must be the same after the test."""
    before = dict(registry.records)
    yield before
    assert dict(registry.records) == before


def renamed(name: str, to: typing.Callable[..., Any]) -> typing.Callable[..., Any]:
    to.__name__ = to.__qualname__ = name
    return to


@pytest.mark.parametrize("name", ["dice_loss", "hausdorff_loss", "dice_score", "surface_dice"])
def test_a_name_is_given_once(records: dict[str, Any], name: str) -> None:
    """By a loss or a metric, to a loss or a metric: the registry keeps what it has."""
    known = f"registry: {name} is registered already, by {records[name].function.__module__}.{name}"
    for other in ("dice_loss", "dice_score"):
        mine = renamed(name, lambda pred, target=None: None)
        with pytest.raises(ValueError, match=known):
            dataclasses.replace(records[other], name="").completed_by(mine, "")


@pytest.mark.parametrize("name", ["dice_loss", "dice_score", "my_los"])
def test_a_record_bears_the_name_of_its_function(records: dict[str, Any], name: str) -> None:
    def my_loss(pred: Any, target: Any = None) -> None:
        """Mine."""

    for other in ("dice_loss", "dice_score"):
        with pytest.raises(ValueError, match=rf"must be its function's, 'my_loss', got '{name}'"):
            dataclasses.replace(records[other], name=name).completed_by(my_loss, "")


@pytest.mark.parametrize("text", ["Mine.", "gamma : float > 0, default 2", "gamma : {alpha}", "`gamma` : {gamma}"])
def test_a_parameter_is_documented_by_its_domain_and_default_alone(records: dict[str, Any], text: str) -> None:
    def my_loss(pred: Any, target: Any, *, gamma: typing.Annotated[float, domains.Interval(0)] = 2.0) -> None: ...

    my_loss.__doc__ = f"Mine.\n\n{text}\n    The exponent.\n"
    with pytest.raises(ValueError, match=r"the docstring of my_loss must have a line 'gamma : \{gamma\}'"):
        dataclasses.replace(records["dice_loss"], name="").completed_by(my_loss, "")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_documentation_says_domains_and_defaults(record: registry.Record) -> None:
    text = inspect.getdoc(record.function) or ""
    assert not re.findall(r"\{\w+\}", text.partition("Examples")[0])
    for parameter in record.parameters.values():
        (said,) = re.findall(rf"^{parameter.name} : (.*)$", text, re.M)
        domain, _, default = said.partition(", default ")
        assert domain == parameter.domain.text
        if not parameter.required:
            assert eval(default, {}) == parameter.default


def test_domains_in_words() -> None:
    assert [domain.text for domain in (
        domains.Interval(0), domains.Interval(0, low_open=True), domains.Interval(0, 1, optional=True), domains.Interval(0, 1, high_open=True),
        domains.Integer(1, 9), domains.Integer(2, optional=True), domains.OddInteger(), domains.Choice(("a", "b", 3)),
        domains.Radii(), domains.LabelWeights("class"),
    )] == [
        "float >= 0", "float > 0", "float in [0, 1] or None", "float in [0, 1)",
        "int from 1 to 9", "int >= 2 or None", "odd int from 1 to 1001", '"a", "b" or 3',
        "one or more numbers in (0, 128]", "one number a class, or None",
    ]  # fmt: skip


def unbalanced(latex: str) -> bool:
    depth = 0
    for sign in re.findall(r"\\[{}]|[{}]", latex):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if depth < 0:
            return True
    return depth != 0 or latex.count(r"\left") != latex.count(r"\right")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_formulas_in_latex(record: registry.Record) -> None:
    mathtext = pytest.importorskip("matplotlib.mathtext")
    both = record.latex + record.derivative
    assert record.latex
    assert bool(record.derivative) == record.is_loss
    for formula in filter(None, (record.latex, record.derivative)):
        assert not unbalanced(formula)
        mathtext.MathTextParser("path").parse(f"${formula}$")
    for symbols, meaning in record.symbols.items():
        for symbol in symbols.split(", ") if "(" not in symbols else [symbols]:
            assert symbol in both, symbol
        assert meaning


def test_broken_latex_is_found() -> None:
    assert all(map(unbalanced, [r"\frac{1}{N", r"}{", r"\left( x )"]))
    assert not unbalanced(r"\{\frac{1}{2}\left(x\right)")


@pytest.mark.parametrize(
    ("family", "module"), [("losses", "region"), ("losses", "lovasz"), ("metrics", "counts"), ("metrics", "surfaces")]
)
def test_a_module_may_be_executed_anew(family: str, module: str) -> None:
    program = f"""
import importlib, segloss_ref
from segloss_ref import registry
from segloss_ref.{family} import {module}
before = dict(registry.records)
importlib.reload({module})
after = dict(registry.records)
assert before.keys() == after.keys()
replaced = [name for name in before if before[name].function is not after[name].function]
assert replaced
assert all(after[name].function is getattr({module}, name) for name in replaced)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_results_do_not_depend_on_the_order_of_files() -> None:
    """A module whose doctests come first must not be executed beside the package's own: see the root's conftest.py."""
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "-k", "test_records"]
    files = ["segloss_ref/losses/region.py", "tests/segloss_ref/test_registry.py"]
    subprocess.run([sys.executable, "-m", "pytest", *options, *files], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def test_domains_reject_their_neighbours() -> None:
    for domain, good, bad in [
        (domains.Interval(0, 1), [0, 0.5, 1], [-1e-9, 1.1, float("nan"), float("inf"), "0", None, True]),
        (domains.Interval(0, low_open=True), [1e-300, 5], [0, -1, float("inf")]),
        (domains.Interval(0, 1, optional=True), [None, 0.3], ["x", 2]),
        (domains.Integer(1, 3), [1, 3], [0, 4, 1.0, True, None]),
        (domains.Choice(("a", 2)), ["a", 2], ["b", 3, 2.0, None, True]),
        (domains.Flag(), [True, False], [0, 1, None]),
        (domains.Smooth(), [0, 1e-5, (0, 1), [1, 1]], [-1, (1, 0), (1,), "1", float("inf"), (0, "1")]),
        (domains.LabelWeights(), [None, (1, 2), [0.0, 3]], [(1, -1), 3, "ab", (float("nan"), 1), (None, 1)]),
    ]:  # fmt: skip
        for value in good:
            domain.normal("f", "x", value)
        for value in bad:
            with pytest.raises((TypeError, ValueError), match="f: x must"):
                domain.normal("f", "x", value)


def test_the_import_waits_for_no_part_of_scipy() -> None:
    """SciPy loads its parts when they are asked for, which takes longer than all of this package."""
    parts = "sorted(name for name in sys.modules if name in ('scipy.ndimage', 'scipy.spatial', 'scipy.special'))"
    program = f"import sys, segloss_ref; print({parts}); import scipy; scipy.ndimage; print({parts})"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    assert found[0] == "[]"
    assert "scipy.ndimage" in found[1]  # the look can fail
