"""The suite itself: its cases reach everything, its tolerance can fail, and its command says what it found."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from segloss_conformance import cli
from segloss_conformance.adapters.words import OWN_GROUPS
from segloss_conformance.cases.case import COTANGENTS, DTYPES, Case
from segloss_conformance.cases.draw import draw
from segloss_conformance.engine.judge import judge
from segloss_conformance.engine.matrix import hold
from segloss_conformance.engine.verdicts import Finding, Verdict
from segloss_conformance.laws import ALL, compare, nearly_exact
from segloss_conformance.mutants import CASE_WISE, CASE_WISE_RIGHT, MUTANTS, Mutant, reject
from segloss_conformance.report.files import shown
from segloss_conformance.subjects.foreign import Foreign
from segloss_conformance.subjects.library import Library, libraries
from segloss_conformance.subjects.subject import Subject
from segloss_conformance.subjects.third_party import third_parties
from segloss_conformance.truth import textbook
from segloss_conformance.truth.numbers import mp
from segloss_conformance.truth.tolerance import excess
from segloss_ref import class_confusion, registry, validate, value_and_grad

RECORDS = {**registry.losses, **registry.metrics}


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_cases_lie_in_the_domain_and_on_their_grid(name: str) -> None:
    cases = draw(RECORDS[name], 40, seed=1)
    assert len(cases) > 25
    for case in cases:
        validate(RECORDS[name].function, case.pred, case.target, **case.keywords)
        for array in (case.pred, case.target, case.keywords.get("weight")):
            if array is not None and array.dtype.kind == "f":
                for dtype in set(DTYPES[case.grid]) - {"bfloat16"}:
                    assert (array.astype(dtype).astype(float) == array).all()
                if case.grid == "narrow":  # bfloat16: 8 significant bits
                    mantissa, _ = np.frexp(array)
                    assert (mantissa * 256 == np.round(mantissa * 256)).all()


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
def test_pairs_of_classes_are_the_textbook_s(convert: Any) -> None:
    cases = [case for case in draw(registry.metrics["dice_score"], 150, seed=7) if "num_classes" in case.keywords]
    assert len(cases) > 30
    for case in cases:
        keywords = {name: case.keywords.get(name) for name in ("num_classes", "ignore_index", "weight")}
        for axis in (None, (), 0, (-1,)):
            tables = textbook.class_counts(case.pred, case.target, axis=axis, **keywords)
            given = keywords if keywords["weight"] is None else {**keywords, "weight": convert(keywords["weight"])}
            found = np.asarray(class_confusion(convert(case.pred), convert(case.target), axis=axis, **given).counts)
            for region, table in tables.items():
                np.testing.assert_allclose(found[region], np.array(table, dtype=float), rtol=1e-14, atol=0)


def test_cases_reach_every_keyword() -> None:
    cases = draw(registry.losses["dice_loss"], 300, seed=2)
    used = {name for case in cases for name in case.keywords}
    assert used == registry.losses["dice_loss"].keywords | {"smooth", "squared"}
    assert any(case.target.ndim < case.pred.ndim for case in cases)
    assert any(case.target.dtype.kind == "f" and ((case.target > 0) & (case.target < 1)).any() for case in cases)
    assert any(not case.target.any() for case in cases)
    assert any((case.keywords.get("weight") is not None) and (case.keywords["weight"] == 0).any() for case in cases)
    assert any(case.keywords.get("axis") == () for case in cases)
    assert any(np.abs(case.pred).max() > 9000 for case in cases)
    assert {case.keywords.get("reduction", "mean") for case in cases} == {"mean", "sum", "none"}


def test_the_same_seed_gives_the_same_cases() -> None:
    record = registry.losses["focal_loss"]
    keys = [[case.key for case in draw(record, 20, seed)] for seed in (3, 3, 4)]
    assert keys[0] == keys[1] != keys[2]


def test_tolerance() -> None:
    one = mp.mpf(1)
    assert excess(1.0, one, mp.mpf(1), "float64", gradient=False) == 0
    assert excess(1 + 2.0**-52, one, mp.mpf(1), "float64", gradient=False) == 1
    assert excess(1 + 2.0**-51, one, mp.mpf(1), "float64", gradient=False) > 1
    assert excess(1 + 2.0**-51, one, mp.mpf(1), "float64", gradient=True) <= 1
    assert excess(1 + 2.0**-51, one, mp.mpf(1), "float32", gradient=False) < 1e-8
    assert excess(1 + 2.0**-11, one, mp.mpf(1), "float16", gradient=True) <= 1
    assert excess(1 + 2.0**-10, one, mp.mpf(1), "float16", gradient=True) > 1
    assert excess(math.inf, mp.inf, mp.nan, "float64", gradient=False) == 0
    assert excess(-math.inf, mp.inf, mp.nan, "float64", gradient=False) > 1
    assert excess(1e308, mp.inf, mp.nan, "float64", gradient=False) > 1
    assert excess(math.nan, one, mp.mpf(1), "float64", gradient=False) > 1
    assert excess(math.nan, mp.nan, mp.mpf(0), "float64", gradient=False) == 0
    assert excess(0.0, mp.nan, mp.mpf(0), "float64", gradient=False) > 1
    assert excess(math.inf, mp.mpf(1e6), mp.mpf(1), "float16", gradient=True) == 0  # beyond float16's largest


def test_tolerance_of_gradients_that_are_rounded_to_16_bits() -> None:
    def share(got: float, want: float, dtype: str = "float16", bound: float = 0.0, factor: float = 1.0) -> float:
        return excess(got, mp.mpf(want), mp.mpf(bound), dtype, gradient=True, factor=factor)

    # The largest number of float16 is 65504, and 65520 is half way to what would be the next one.
    assert share(65504.0, 65519.0) <= 1
    assert share(math.inf, 65519.0) > 1
    assert share(math.inf, 65521.0) == 0
    assert share(65504.0, 65521.0) > 1
    assert share(-math.inf, 1e9) > 1
    assert share(math.inf, 65519.99, bound=65536.0) == 0  # too near to tell
    assert share(65504.0, 65520.01, bound=65536.0) <= 1
    assert share(3.4e38, 1e39, "bfloat16") > 1
    # Subnormal numbers are whole multiples of 2^-24; half of one may go either way, and what is exactly 0 stays 0.
    assert share(2.0**-24, 0.5 * 2.0**-24) <= 1
    assert share(0.0, 0.5 * 2.0**-24) <= 1
    assert share(2.0**-24, 0.4 * 2.0**-24) > 1
    assert share(0.0, 0.6 * 2.0**-24) > 1
    assert share(2.0**-24, 0.0) > 1
    # What underflows in float32 before a large cotangent is multiplied by it.
    assert share(0.0, 1e-30, "float32") > 1
    assert share(0.0, 1e-30, "float32", factor=2.0**24) <= 1


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_true_gradient_under_a_cotangent(reduction: str) -> None:
    """Cross-entropy of probabilities on paper: (p - y)/(p (1 - p)) times the pixel's cotangent."""
    pred, target = np.array([[0.5, 0.25], [0.125, 0.75]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    case = Case("binary_cross_entropy", pred, target, {"reduction": reduction, "axis": (1,)})
    cotangent = np.broadcast_to(case.cotangent, 2)[:, None]
    share = {"mean": 1 / 4, "sum": 1 / 2, "none": 1 / 2}[reduction]
    want = cotangent * (pred - target) / (pred * (1 - pred)) * share
    assert case.pulled is not None
    np.testing.assert_allclose([float(slope) for slope, _ in case.pulled], want.ravel(), rtol=1e-15)
    assert all(bound > 0 for (_, bound), slope in zip(case.pulled, want.ravel(), strict=True) if slope)
    np.testing.assert_array_equal(case.cotangent, case.cotangent.astype(np.float32))
    assert case.cotangent.shape == case.answer.shape


def test_cases_reach_every_cotangent() -> None:
    cases = draw(registry.losses["dice_loss"], 150, seed=3)
    single = {float(case.cotangent) for case in cases if case.answer.shape == ()}
    assert single == set(COTANGENTS)
    several = [case.cotangent.ravel() for case in cases if case.answer.shape != ()]
    assert len(several) > 5
    assert any((one == 0).any() for one in several)
    assert all(len(set(one[one != 0])) == (one != 0).sum() for one in several)


def examined(subject: Subject, case: Case) -> Finding | None:
    finding, _ = judge(subject, case, {group: Verdict(group) for group in OWN_GROUPS})
    return finding


def column(**names: str) -> Library:
    (found,) = [
        one for one in libraries([names["backend"]], [names["device"]], [names["dtype"]]) if isinstance(one, Library)
    ]
    return found


@pytest.mark.parametrize("name", sorted(RECORDS))
@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_numpy_conforms(name: str, dtype: str) -> None:
    (cell,) = hold(RECORDS[name], [column(backend="numpy", device="cpu", dtype=dtype)], 40, seed=5)
    assert cell.verdict == "conforms", cell.finding


@pytest.mark.parametrize(
    ("words", "slip"),
    [
        ("(autograd", lambda gradient, number, differentiable: gradient.half().to(gradient.dtype)),
        ("(autograd, again", lambda gradient, number, differentiable: gradient * 2 if number == 1 else gradient),
        (
            "(autograd with create_graph",
            lambda gradient, number, differentiable: -gradient if differentiable else gradient,
        ),
    ],
)
def test_every_way_to_a_gradient_of_torch_is_looked_at(
    words: str, slip: Callable[[Any, int, bool], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    torch32 = column(backend="torch", device="cpu", dtype="float32")
    right = torch32.backend.vjp

    def vjp(function: Any, pred: Any) -> Any:
        found = right(function, pred)
        assert found is not None
        value, pull = found
        calls = count()

        def slipping(*args: Any, create_graph: bool = False, **keywords: Any) -> Any:
            gradient = pull(*args, create_graph=create_graph, **keywords)
            number = next(calls)
            return slip(gradient, number if not create_graph else 0, create_graph)

        return value, slipping

    monkeypatch.setattr(torch32.backend, "vjp", vjp)
    (cell,) = hold(registry.losses["dice_loss"], [torch32], 40, seed=5, shrinking=False)
    assert cell.finding is not None
    assert cell.finding.group == "gradient"
    assert words in cell.finding.message
    assert ("cotangent=" in shown(cell.finding, "float32")) == (cell.finding.case.cotangent != 1).any()


@pytest.mark.parametrize("name", ["dice_loss", "binary_cross_entropy", "lovasz_softmax_loss", "dice_score"])
@pytest.mark.parametrize("device", ["CPU_DEVICE", "device1"])
def test_strict_conforms(name: str, device: str) -> None:
    (cell,) = hold(RECORDS[name], [column(backend="array_api_strict", device=device, dtype="float32")], 25, seed=6)
    assert cell.verdict == "conforms", cell.finding


@pytest.mark.parametrize("mutant", CASE_WISE, ids=lambda mutant: mutant.name)
def test_every_mutant_is_rejected(mutant: Mutant) -> None:
    finding = reject(mutant).finding
    assert finding is not None, mutant.why
    assert finding.group != "runs", f"it raises, which tells nothing of the checks: {finding.message}"


@pytest.mark.parametrize("right", CASE_WISE_RIGHT, ids=lambda mutant: mutant.name)
def test_no_right_implementation_is_rejected(right: Mutant) -> None:
    judged = reject(right)
    assert judged.finding is None, judged.finding
    assert judged.drawn.verdict == "conforms"


def test_there_are_enough_mutants() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 40
    assert len({mutant.of for mutant in MUTANTS}) >= 20


def test_facts_are_checked_before_values() -> None:
    case = Case("dice_loss", np.array([0.5, 0.25]), np.array([1, 0]))

    def outcome(function: Any) -> str:
        finding = examined(Foreign("x", function), case)
        return "" if finding is None else finding.group

    value, gradient = value_and_grad(registry.losses["dice_loss"].function)(case.pred, case.target)
    assert outcome(lambda case: (value, gradient)) == ""
    assert outcome(lambda case: (np.full(2, value), gradient)) == "facts"
    assert outcome(lambda case: (value, gradient[:1])) == "gradient"
    assert outcome(lambda case: (value * (1 + 1e-12), gradient)) == "value"
    assert outcome(lambda case: (value, gradient * (1 + 1e-12))) == "gradient"
    assert outcome(lambda case: (value, gradient * np.nan)) == "gradient"
    assert outcome(lambda case: 1 / 0) == "runs"

    def careless(case: Case) -> Any:
        case.pred[0] = 0
        return value, gradient

    assert outcome(careless) == "facts"
    assert case.pred[0] == 0.5


def test_slopes_that_an_infinite_value_leaves_undefined_are_not_judged_and_the_others_are() -> None:
    # Without class weights nothing but -ln DC counts, which is infinite where p y = 0.
    case = Case(
        "exponential_logarithmic_loss", np.array([[[[9984.0, -4.0]], [[-9984.0, 4.0]]], [[[-0.125, 9984.0]], [[0.5, -9984.0]]]]),
        np.array([[[[0.0, 0.5]], [[1.0, 0.5]]], [[[1.0, 0.75]], [[0.0, 0.25]]]]),
        {"from_logits": True, "class_axis": 1, "axis": (), "weight": np.array([[[0.5, 3.0]], [[3.0, 1.0]]]),
         "smooth": (0.0, 1.0), "dice_weight": 0.5, "label_weights": (0.0, 0.0)},
    )  # fmt: skip
    numpy64 = column(backend="numpy", device="cpu", dtype="float64")
    assert np.isinf(numpy64.ask(case).value)
    assert examined(numpy64, case) is None
    value, gradient = value_and_grad(registry.losses[case.name].function)(case.pred, case.target, **case.keywords)
    finding = examined(Foreign("x", lambda case: (value, gradient + 1)), case)
    assert finding is not None
    assert finding.group == "gradient"


def test_shrinking_gives_a_small_case_that_runs() -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "tversky_swapped")
    record = registry.losses["tversky_loss"]
    (found,) = hold(record, [mutant.implementation], 100)
    minimal = found.finding
    assert minimal is not None
    assert minimal.case is not None
    assert minimal.case.pred.size <= 4
    printed: list[Any] = []
    exec(minimal.case.snippet(), {"print": printed.append})
    expected = value_and_grad(record.function)(minimal.case.pred, minimal.case.target, **minimal.case.keywords)
    np.testing.assert_array_equal(printed[0][1], expected[1])
    assert "got" in minimal.message
    assert "want" in minimal.message


def test_third_parties_conform_in_their_domain() -> None:
    everyone = third_parties()
    assert {"sklearn log_loss", "sklearn jaccard_score", "sklearn cohen_kappa_score"} <= {one.label for one in everyone}
    for name in dict.fromkeys(one.name for one in everyone):
        for cell in hold(RECORDS[name], [one for one in everyone if one.name == name], 60, seed=7):
            assert cell.verdict == "conforms", (cell.label, cell.finding)
            assert cell.cases >= 3, cell.label


def test_command_writes_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(
        ["run", "--backend", "numpy", "--only", "dice_loss", "--only", "dice_score", "--examples", "10",
         "--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html")]
    )  # fmt: skip
    assert code == 0
    out = capsys.readouterr().out
    assert "dice_loss" in out
    assert "6 conform, 0 fail" in out
    report = json.loads((tmp_path / "r.json").read_text())
    assert {cell["verdict"] for cell in report["cells"]} == {"conforms"}
    assert report["versions"]["numpy"] == np.__version__
    page = (tmp_path / "r.html").read_text()
    HTMLParser().feed(page)
    assert "dice_score" in page
    assert "http" not in page.replace("http-equiv", "")


def test_processes_find_what_one_finds(tmp_path: Path) -> None:
    words = ["run", "--backend", "numpy", "--only", "dice_loss", "--only", "accuracy", "--only", "jaccard_index"]
    words += ["--examples", "5"]
    found = []
    for jobs in ("1", "2"):
        assert cli.main([*words, "--jobs", jobs, "--json", str(tmp_path / jobs)]) == 0
        cells = json.loads((tmp_path / jobs).read_text())["cells"]
        found.append([{name: value for name, value in cell.items() if name != "seconds"} for cell in cells])
    assert found[0] == found[1]
    assert cli.main([*words, "--jobs", "0"]) == 2


def test_command_fails_where_something_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(self: Library, case: Case, **how: Any) -> Any:
        called = ask(self, case, **how)
        called.value = called.value + 1e-3
        return called

    ask = Library.ask
    monkeypatch.setattr(Library, "ask", wrong)
    assert cli.main(["run", "--backend", "numpy", "--dtype", "float64", "--only", "dice_loss", "--examples", "5"]) == 1
    out = capsys.readouterr().out
    assert "fails 'value'" in out
    assert "from segloss_ref import dice_loss" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--backend", "tensorflow"], "--backend must be one of array_api_strict, cupy, jax"),
        (["run", "--only", "dise_loss"], "--only must be one of"),
        (["run", "--backend", "numpy", "--device", "tpu"], "asked for but not to be had: numpy tpu: no tpu device"),
        (["run", "--backend", "numpy", "--dtype", "int8"], "no column has dtype int8"),
        (["run", "--examples", "0"], "--examples must be at least 1"),
        (["run", "--profile", "huge"], "invalid choice"),
        (["dance"], "invalid choice"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_what_cannot_run_says_so() -> None:
    absent = {one.label: one.reason for one in libraries() if not isinstance(one, Library)}
    import importlib.util

    if importlib.util.find_spec("torch") is not None:
        import torch

        if not torch.cuda.is_available():
            assert absent["torch cuda"] == "no cuda device"
            assert "cupy" in absent


def test_a_backend_asked_for_by_name_need_not_have_a_gpu() -> None:
    assert cli.main(["run", "--backend", "torch", "--dtype", "float64", "--only", "dice_score", "--examples", "2"]) == 0
    assert cli.main(["run", "--backend", "torch", "--device", "cuda:99"]) == 2


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    out = capsys.readouterr().out
    for name in RECORDS:
        assert name in out


def test_laws_hold_move_their_cases_and_can_be_broken() -> None:
    """The library keeps every law; something that depends on the order of pixels, on names and on scale breaks each."""
    numpy64 = column(backend="numpy", device="cpu", dtype="float64")

    def crooked(case: Case) -> Any:
        """A value that depends on everything that the laws say is of no matter."""
        order = np.arange(1, case.pred.size + 1) * 0.37
        bias = float((case.pred.ravel() * order).sum() + sum(map(ord, case.name + case.keywords.get("reduction", ""))))
        numbers = ("spacing", "percentile", "tolerance", "num_classes")
        bias += sum(float(np.sum(case.keywords.get(name) or 0.0)) for name in numbers)
        axes = case.keywords.get("axis")
        bias += sum(place * axis for place, axis in enumerate(axes)) if isinstance(axes, tuple) else 0
        weight = case.keywords.get("weight")
        return np.asarray(numpy64.ask(case, gradient=False).value) + 2 * np.sin(
            bias + (0 if weight is None else np.sum(weight))
        )

    spoken = dict.fromkeys((law.name for law in ALL), 0)
    moved, caught = dict(spoken), dict(spoken)
    for record in RECORDS.values():
        for case in draw(record, 120, seed=13):
            is_near = nearly_exact(case, "float64")
            for law in ALL:
                partner = law.partner(case)
                if partner is None:
                    continue
                spoken[law.name] += 1
                moved[law.name] += partner.key != case.key
                if spoken[law.name] <= 40:
                    here, there = (numpy64.ask(one, gradient=False).value for one in (case, partner))
                    assert compare(law, case, here, there, is_near) is None
                    caught[law.name] += compare(law, case, crooked(case), crooked(partner), is_near) is not None
    for law in ALL:
        assert spoken[law.name] > 0, law.name
        assert moved[law.name] >= 0.2 * spoken[law.name], law.name
        assert caught[law.name] > 0, law.name
