"""What `identify` says: of mutants and right functions, in pages and in the command."""

from __future__ import annotations

import contextlib
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segloss_conformance import cli
from segloss_conformance.cases.case import Case
from segloss_conformance.identify import FAMILIES, hint
from segloss_conformance.identify.probes import Precision
from segloss_conformance.identify.solving import nice, roots
from segloss_conformance.mutants import CASE_WISE_RIGHT, MUTANTS
from segloss_ref import registry

# Hints

NAMED = {
    "tversky_swapped": "the two weights swapped",
    "focal_tversky_swapped": "the two weights swapped",
    "focal_tversky_inverse": "exponent 1/gamma",
    "dice_smooth_below": "smooth 1 in the denominator alone",
    "dice_smooth_doubled": "smooth counts double",
    "dice_squared": "squares in the denominator",
    "dice_score_returned": "the score is returned",
    "dice_summed": "summed over regions",
    "dice_pooled": "pooled over the batch",
    "dice_thresholded": "thresholded inside",
    "dice_of_means": "means over pixels",
    "dice_sigmoid_twice": "sigmoid of the prediction",
    "dice_without_2": "the Jaccard form",
    "jaccard_log": "-log of the mean score",
    "cross_entropy_of_foreground": "the background's term is missing",
    "cross_entropy_summed": "summed, not averaged",
    "cross_entropy_clipped": "clipped",
    "cross_entropy_shifted": "log(p + epsilon)",
    "focal_alpha_both": "alpha 0.3 on both sides",
    "focal_alpha_swapped": "alpha on the negatives",
    "focal_fades_hard_pixels": "hard pixels fade",
    "focal_per_positive": "divided by the number of foreground pixels",
    "balanced_swapped": "each class weighs its own frequency",
    "balanced_over_batch": "in the batch",
    "weighted_on_background": "the two weights swapped",
}


@pytest.mark.parametrize("name", NAMED)
def test_a_mutant_that_is_a_convention_is_named(name: str) -> None:
    mutant = next(one for one in MUTANTS if one.name == name)
    case = Case(mutant.of, np.array([0.5, 0.25]), np.array([1, 0]))
    told = hint(mutant.implementation, registry.losses[mutant.of], case)
    assert told is not None
    assert told.startswith(f"your {mutant.of} is ours, except: ")
    assert NAMED[name] in told


@pytest.mark.parametrize("right", [one for one in CASE_WISE_RIGHT if one.of in FAMILIES], ids=lambda one: one.name)
def test_nothing_is_said_of_a_right_function(right: Any) -> None:
    case = Case(right.of, np.array([0.5, 0.25]), np.array([1, 0]))
    record: Any = registry.losses.get(right.of) or registry.metrics[right.of]
    assert hint(right.implementation, record, case) is None


def test_no_hint_where_there_is_nothing_to_go_by() -> None:
    assert hint(object(), registry.losses["lovasz_hinge_loss"], None) is None
    assert hint(object(), registry.losses["dice_loss"], None) is None
    assert hint(object(), registry.losses["dice_loss"], Case("dice_loss", np.zeros(1), np.zeros(1))) is None


# The page


def test_the_page_does_what_it_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "identify.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {})
    printed = page.split("--family dice\n")[1].split("\n(")[0]
    assert printed in out.getvalue()
    assert all(f"`{name}`" in page or name.endswith("cross_entropy") for name in FAMILIES)


# Small parts


def test_numbers_as_somebody_would_write_them() -> None:
    assert nice(0.99999e-5, 1e-8) == 1e-5
    assert nice(0.70000001, 1e-6) == 0.7
    assert nice(0.6549, 1e-3) == 0.655
    assert nice(3e-9, 1e-8) == 0.0
    assert nice(1 / 3, 1e-15) == 1 / 3
    assert roots(lambda x: x * x - 2, np.linspace(0, 3, 4)) == [pytest.approx(math.sqrt(2))]


def test_precision_is_told_from_the_numbers() -> None:
    assert Precision.of([0.5, 1 / 3]).name == "float64"
    assert Precision.of([0.5, float(np.float32(1 / 3))]).name == "float32"
    assert Precision.of([0.5, 0.25, math.nan, math.inf]).name == "float64"


# The command


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lib.py").write_text(
        "import numpy as np\n"
        "def dice(p, y):\n    return 1 - 2 * (p * y).sum() / (p.sum() + y.sum() + 1e-7)\n"
        "def largest(p, y):\n    return float(abs(p - y).max())\n"
        "def raises(p, y):\n    raise RuntimeError('two\\nlines')\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(["identify", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_names_a_convention(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "lib.py:dice", "--family", "dice", "--json", "found.json")
    assert (code, err) == (0, "")
    assert "pooled over batch and classes; smooth 1e-07 in the denominator alone" in out
    found = json.loads((library / "found.json").read_text())
    assert found["found"] is True
    assert found["constants"]["d"] == 1e-7
    assert found["probes"] <= 10


def test_the_command_says_that_it_is_none(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "lib.py:largest", "--family", "dice", "--json", "found.json")
    assert code == 1
    assert "nothing near" in out
    assert json.loads((library / "found.json").read_text())["found"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lib.py:raises", "--family", "dice"], "raises RuntimeError: two lines"),
        (["lib.py:nothing", "--family", "dice"], "no 'nothing'"),
        (["lib.py:dice", "--family", "mice"], "--family must be one of"),
        (["lib.py:dice", "--family", "dice", "--classes", "0"], "--classes must be at least 1"),
        (["lib.py:dice", "--family", "dice", "--takes", "log-probability"], "takes = 'log-probability'"),
        (["lib.py:dice", "--family", "dice", "--declared", "smooth"], "--declared must be NAME=VALUE"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    library: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
