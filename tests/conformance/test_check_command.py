"""``segloss-conformance check``: exit codes, messages of one line, conformance.toml, the ledger, pytest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from segloss_conformance import cli
from segloss_conformance.adapters.binding import bind
from segloss_conformance.adapters.configuration import read
from segloss_conformance.adapters.expression import ConfigurationError
from segloss_conformance.adapters.ledger import Pinned
from segloss_conformance.adapters.snippet import snippet
from segloss_conformance.check.items import Nonconformance, items, parametrize

LIBRARY = """
import numpy as np

__version__ = "1.2"

def dice(p, y, smooth=1e-5):
    return 1 - (2 * (p * y).sum() + smooth) / (p.sum() + y.sum() + smooth)

class Tversky:
    def __init__(self, alpha=0.5, beta=0.5):
        self.alpha, self.beta = alpha, beta
    def __call__(self, y_true, y_pred):
        tp = (y_pred * y_true).sum()
        fp, fn = (y_pred * (1 - y_true)).sum(), ((1 - y_pred) * y_true).sum()
        return 1 - (tp + 1e-5) / (tp + self.alpha * fn + self.beta * fp + 1e-5)   # swapped

def dice_nan(p, y, smooth=1e-5):
    return dice(p, y, smooth) if y.any() else float("nan")

def score(p, y):
    below = p.sum() + y.sum()
    return 2 * (p * y).sum() / below if below else 1.0

def noisy(p, y):
    print("hello")
    return dice(p, y)

def raises(p, y):
    raise KeyError("weights")

def halves(p, y, smooth=1e-5):
    value = dice(p, y, smooth)
    p *= 0.5
    return value
"""
TVERSKY = """
[[bind]]
spec = "tversky_loss"
call = "mylib_of_the_tests:Tversky"
construct = { alpha = "$fp_weight", beta = "$fn_weight" }
args = { y_true = "$target", y_pred = "$pred" }
"""
SWAP = """
[[deviation]]
spec = "tversky_loss"
kind = "convention"
convention = { fp_weight = "$fn_weight", fn_weight = "$fp_weight" }
reason = "alpha is the weight of the false negatives, as in the paper that we follow"
"""
PINNED = "pinned = { pred = [0.0], target = [1.0], parameters = { fp_weight = 0.25, fn_weight = 0.75 } }\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mylib_of_the_tests.py").write_text(LIBRARY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "mylib_of_the_tests", raising=False)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["check", "--profile", "quick", *words])
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


def test_a_function_that_conforms(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "mylib_of_the_tests:dice", "--as", "dice_loss", "--json", "out/report.json")
    assert code == 0
    assert "verdict: conforms; accuracy A" in out
    report = json.loads((here / "out" / "report.json").read_text())
    assert report["format"] == "segloss-conformance-check/1"
    (spec,) = report["specs"]
    assert [column["dtype"] for column in spec["columns"]] == ["float32", "float64"]
    verdicts = {group["group"]: group["verdict"] for group in spec["columns"][1]["groups"]}
    assert verdicts["value"] == verdicts["law"] == "conforms"
    assert verdicts["gradient"] == "unsupported"
    assert spec["columns"][1]["right_bits"] > 45


def test_a_function_that_fails(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, "mylib_of_the_tests.py:Tversky", "--as", "tversky_loss", "--construct", "alpha=$fp_weight", "--construct",
        "beta=$fn_weight", "--arg", "y_true=$target", "--arg", "y_pred=$pred", "--dtype", "float64", "--ledger",
    )  # fmt: skip
    assert code == 1
    assert "verdict: fails" in out
    assert "want " in out
    assert "Tversky(alpha=" in out
    assert 'kind = "bug"' in out


def test_swapping_the_placeholders_is_an_adapter_of_its_own(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, "mylib_of_the_tests:Tversky", "--as", "tversky_loss", "--construct", "alpha=$fn_weight", "--construct",
        "beta=$fp_weight", "--arg", "y_true=$target", "--arg", "y_pred=$pred",
    )  # fmt: skip
    assert code == 0, out


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("--as must be given", ["mylib_of_the_tests:dice"]),
        ("spec must be one of", ["mylib_of_the_tests:dice", "--as", "dise"]),
        ("cannot import mylib2", ["mylib2:dice", "--as", "dice_loss"]),
        ("has no 'dyce'", ["mylib_of_the_tests:dyce", "--as", "dice_loss"]),
        ("layout must be", ["mylib_of_the_tests:dice", "--as", "dice_loss", "--layout", "NXY"]),
        ("NAME=VALUE", ["mylib_of_the_tests:dice", "--as", "dice_loss", "--construct", "alpha"]),
        ("raises KeyError", ["mylib_of_the_tests:raises", "--as", "dice_loss"]),
        ("unexpected keyword", ["mylib_of_the_tests:dice", "--as", "dice_loss", "--arg", "$pred", "--arg", "$target",
                                "--arg", "beta=1"]),
        ("no such file", ["nothing.toml"]),
        ("cannot start ./no_such_program", ["./no_such_program", "--as", "dice_loss", "--framework", "process"]),
        ("has no device 'cuda:7'", ["mylib_of_the_tests:dice", "--as", "dice_loss", "--device", "cuda:7"]),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_in_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], words: str, arguments: list[str]
) -> None:
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert words.lower() in err.lower()
    assert err.count("\n") == 1


def test_what_a_function_prints_is_noted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "mylib_of_the_tests:noisy", "--as", "dice_loss")
    assert code == 0
    assert "prints 'hello'" in out


def configure(here: Path, text: str) -> Path:
    path = here / "conformance.toml"
    path.write_text('[implementation]\nname = "mylib"\nversion = "mylib_of_the_tests:__version__"\n' + text)
    return path


def test_a_declared_convention_is_tested_in_that_convention(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(here, TVERSKY + SWAP + PINNED)
    code, out, _ = run(capsys)
    assert code == 0, out
    assert "verdict: deviates" in out
    assert "fp_weight = $fn_weight" in out


def test_a_convention_mutes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = SWAP.replace('"$fn_weight", fn_weight = "$fp_weight"', '"2*$fn_weight", fn_weight = "$fp_weight"')
    configure(here, TVERSKY + wrong + PINNED)
    code, out, _ = run(capsys)
    assert code == 1
    assert "verdict: fails" in out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("has no pinned case", TVERSKY + SWAP),
        ("no longer holds: its pinned case conforms", TVERSKY.replace('"$fp_weight", beta = "$fn_weight"',
         '"$fn_weight", beta = "$fp_weight"') + SWAP.replace("fn_weight = ", "smooth = 1e-5, fn_weight = ").replace(
         'fp_weight = "$fn_weight", smooth', 'fp_weight = "$fp_weight", smooth').replace('fn_weight = "$fp_weight"',
         'fn_weight = "$fn_weight"') + PINNED),
        ("dice_loss is not bound", TVERSKY.replace('"$fp_weight", beta = "$fn_weight"', '"$fn_weight", beta = "$fp_weight"')
         + SWAP.replace("tversky_loss", "dice_loss") + PINNED),
    ],
)  # fmt: skip
def test_entries_that_do_not_hold_fail_the_run(
    here: Path, capsys: pytest.CaptureFixture[str], words: str, text: str
) -> None:
    configure(here, text)
    code, out, _ = run(capsys)
    assert code == 1
    assert "stale" in out
    assert words in " ".join(out.split())


BUG = """
[[bind]]
spec = "dice_loss"
call = "mylib_of_the_tests:dice_nan"

[[deviation]]
spec = "dice_loss"
kind = "bug"
group = ["special cases"]
when = { tags = ["empty-target"] }
reason = "nan where the target is empty"
pinned = { pred = [0.5], target = [0.0] }
"""


def test_a_declared_bug_is_muted_where_it_is_declared(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(here, BUG)
    code, out, _ = run(capsys)
    assert code == 0, out
    assert "deviates" in out
    configure(here, BUG.replace('["empty-target"]', '["full-target"]'))
    code, out, _ = run(capsys)
    assert code == 1
    assert "does not cover" in " ".join(out.split())
    configure(here, BUG.replace("dice_nan", "dice"))  # the bug has been mended
    code, out, _ = run(capsys)
    assert code == 1
    assert "no longer holds" in " ".join(out.split())


def test_a_declared_bug_mutes_no_other_group(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(here, BUG.replace('["special cases"]', '["law"]'))
    assert run(capsys)[0] == 1


RAISES = """
[[bind]]
spec = "dice_loss"
call = "mylib_of_the_tests:raises"

[[deviation]]
spec = "dice_loss"
kind = "bug"
group = "smoke"
reason = "raises, whatever it is given"
"""
IMPURE = """
[[bind]]
spec = "dice_loss"
call = "mylib_of_the_tests:halves"

[[deviation]]
spec = "dice_loss"
kind = "bug"
group = "purity"
reason = "changes its argument"
"""


@pytest.mark.parametrize(("wrong", "text"), [("raises", RAISES), ("halves", IMPURE)])
def test_bugs_that_no_single_answer_shows_need_no_pinned_case(
    here: Path, capsys: pytest.CaptureFixture[str], wrong: str, text: str
) -> None:
    configure(here, text)
    code, out, err = run(capsys)
    assert code == 0, out + err
    assert "verdict: deviates" in out
    configure(here, text.replace(f":{wrong}", ":dice"))  # the bug has been mended
    code, out, _ = run(capsys)
    assert code == 1
    assert "no longer holds" in " ".join(out.split())
    configure(here, text.partition("[[deviation]]")[0])  # nothing is declared
    assert run(capsys)[0] != 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("unknown table 'bindings'", "[bindings]\n"),
        ("there is no [[bind]]", ""),
        ("bind 1: call must be given", '[[bind]]\nspec = "dice_loss"\n'),
        ("bind 1: unknown key 'shape'", '[[bind]]\nspec = "dice_loss"\ncall = "mylib_of_the_tests:dice"\nshape = 1\n'),
        ("deviation 1: kind must be", TVERSKY + '[[deviation]]\nspec = "tversky_loss"\nkind = "quirk"\nreason = "x"\n'),
        ("deviation 1: reason must be given", TVERSKY + '[[deviation]]\nspec = "tversky_loss"\nkind = "bug"\n'),
        ("deviation 1: when may name", BUG.replace("tags", "colour")),
        ("deviation 1: tags must be among", BUG.replace("empty-target", "empty")),
        ("deviation 1: pinned needs", BUG.replace("target = [0.0]", "y = [0.0]")),
        ("Invalid value", "[implementation\n"),
    ],
)
def test_a_file_that_makes_no_sense_is_told_in_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], words: str, text: str
) -> None:
    path = here / "conformance.toml"
    path.write_text(text)
    if words != "Invalid value":
        with pytest.raises(ConfigurationError) as caught:
            read(path)
        assert words in str(caught.value)
    code, _, err = run(capsys)
    assert code == 2
    assert "conformance.toml" in err
    assert err.count("\n") == 1


def test_metrics_and_selection(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score = '[[bind]]\nspec = "dice_score"\ncall = "mylib_of_the_tests:score"\n'
    configure(here, TVERSKY + score)
    code, out, _ = run(capsys, "--only", "dice_score")
    assert code == 1
    assert "want nan, got 1.0" in out
    assert "tversky" not in out
    configure(here, TVERSKY + score + "convention = { undefined = 1.0 }\n")
    assert run(capsys, "--only", "dice_score")[0] == 0
    assert run(capsys, "--only", "accuracy")[0] == 2
    assert run(capsys, "conformance.toml", "--layout", "NCHW")[0] == 2


NAMED = """
[[bind]]
name = "right Dice"
spec = "dice_loss"
call = "mylib_of_the_tests:dice"

[[bind]]
name = "Dice that gives nan"
spec = "dice_loss"
call = "mylib_of_the_tests:dice_nan"
"""


def test_two_functions_for_one_loss_are_told_apart_by_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = "[[deviation]]" + BUG.partition("[[deviation]]")[2]
    configure(here, NAMED + entry.replace('spec = "dice_loss"', 'spec = "dice_loss"\nbind = "Dice that gives nan"'))
    code, out, _ = run(capsys)
    assert code == 0, out
    assert "dice_loss: right Dice" in out
    assert run(capsys, "--only", "right Dice")[1].count("verdict: conforms") == 1
    configure(here, NAMED + entry)
    assert "no longer holds" in run(capsys)[1].replace("\n", " ")  # for the right one it does not
    configure(here, NAMED + entry.replace('spec = "dice_loss"', 'spec = "dice_loss"\nbind = "no such"'))
    code, out, _ = run(capsys)
    assert code == 1
    assert "no such is not bound" in out
    configure(here, NAMED.replace("right Dice", "Dice that gives nan"))
    assert "two tables have the name" in run(capsys)[2]


def test_a_pinned_case_has_what_the_callable_is_handed() -> None:
    def function(p: Any, y: Any, weights: Any, ignored: int) -> Any:
        raise AssertionError

    how = bind(
        "binary_cross_entropy", function, args=["$pred", "$target", "$class_weight", "$ignore_index"], target="index"
    )
    case = Pinned([[[[0.5]], [[0.5]]]], [[[1]]]).case(how)
    assert case is not None
    assert (case.given["class_weight"], case.given["ignore_index"]) == ((1.0, 1.0), 255)
    assert "function(pred, target, class_weight, 255)" in snippet(case, "float64")


# pytest. --------------------------------------------------------------------------------------------------------------


def test_items_are_one_for_each_specification_group_and_dtype(here: Path) -> None:
    found = items([bind("dice_loss", "mylib_of_the_tests:dice_nan", root=here)])
    assert len(found) == 22
    assert found[2].label == "dice_loss::value[float32-cpu]"
    by_label = {one.label: one for one in found}
    by_label["dice_loss::value[float64-cpu]"]()
    with pytest.raises(Nonconformance, match="got nan"):
        by_label["dice_loss::special cases[float64-cpu]"]()
    with pytest.raises(pytest.skip.Exception, match="no autograd"):
        by_label["dice_loss::gradient[float64-cpu]"]()


def test_parametrize(here: Path) -> None:
    mark = parametrize(bind("dice_loss", "mylib_of_the_tests:dice", root=here, dtypes="float64"))
    names, cases = mark.mark.args
    assert names == "check"
    assert [case.id for case in cases][:2] == ["dice_loss::smoke[float64-cpu]", "dice_loss::closed form[float64-cpu]"]


def test_the_plugin_collects_the_configuration(here: Path) -> None:
    configure(here, TVERSKY + SWAP + PINNED + BUG.partition("[[deviation]]")[0])
    environment = {**os.environ, "PYTEST_ADDOPTS": "", "PYTHONPATH": os.pathsep.join(sys.path)}

    def pytest_says(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "segloss_conformance.plugin", "-p", "no:cacheprovider", *words],
            capture_output=True, text=True, cwd=here, env=environment, check=False,
        )  # fmt: skip

    result = pytest_says("--conformance", "conformance.toml", "-rA")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "tversky_loss::value[float64-cpu]" in result.stdout
    assert "FAILED conformance.toml::dice_loss::special cases[float64-cpu]" in result.stdout
    assert "dice_nan(pred, target" in result.stdout
    assert "PASSED conformance.toml::dice_loss::value[float64-cpu]" in result.stdout
    assert "Traceback" not in result.stdout
    missing = pytest_says("--conformance", "no.toml")
    assert missing.returncode == 4
    assert "there is no file no.toml" in missing.stderr


def test_the_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--help"]) == 0
    assert "Exit code 0" in capsys.readouterr().out
