"""The process protocol: its arrays, its faults, and the harnesses in C and JavaScript."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segloss_conformance.adapters.binding import Binding, bind
from segloss_conformance.cases.bits import decoded, encoded
from segloss_conformance.check.checking import check

HARNESSES = Path(__file__).parents[2] / "examples" / "harness"
BITS = [(0.0, "0000000000000000"), (-0.0, "8000000000000000"), (1.0, "3ff0000000000000"), (0.1, "3fb999999999999a")]


def test_arrays_travel_as_the_bits_of_ieee_754() -> None:
    for number, bits in BITS:
        assert encoded(number, "float64") == {"dtype": "float64", "shape": [], "bits": bits}
    assert encoded([[1.0, 0.5]], "float32") == {"dtype": "float32", "shape": [1, 2], "bits": "3f8000003f000000"}
    assert encoded([1.0, -2.0], "float16")["bits"] == "3c00c000"
    assert encoded([1.0, -2.0], "bfloat16")["bits"] == "3f80c000"
    assert encoded(np.array([-1, 2]), "int64")["bits"] == "ffffffffffffffff0000000000000002"
    assert encoded(np.array([True, False]), "bool")["bits"] == "0100"


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "int64", "uint8", "bool"])
def test_arrays_come_back_as_they_went(dtype: str) -> None:
    array = np.array([[0, 1, 1], [1, 0, 1]]) if dtype in ("uint8", "bool") else np.array([[0.0, -1, 2], [96, 5, -7]])
    np.testing.assert_array_equal(decoded(encoded(array, dtype)), array)


@pytest.mark.parametrize(
    "message",
    [
        {"dtype": "float64", "shape": [2], "bits": "0000000000000000"},
        {"dtype": "float128", "shape": [], "bits": "00"},
        {"dtype": "float64", "shape": [], "bits": "zzzzzzzzzzzzzzzz"},
        {"dtype": "float64", "shape": []},
        {"dtype": "float64", "shape": [-1, -1], "bits": "0000000000000000"},
        3,
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(message: Any) -> None:
    with pytest.raises(ValueError, match=r"need|invalid"):
        decoded(message)


# Faults. --------------------------------------------------------------------------------------------------------------

HARNESS = """
import json, struct, sys, time
mode = sys.argv[1]
for line in sys.stdin:
    request = json.loads(line)
    if request["cmd"] == "start":
        if mode == "mute":
            time.sleep(60)
        print(json.dumps({"version": 7 if mode == "version" else 1}), flush=True)
        continue
    if request["cmd"] == "stop" or mode == "ends":
        sys.exit(3)
    seq = request["seq"]
    def read(name):
        bits = request["arrays"][name]["bits"]
        return [struct.unpack(">d", bytes.fromhex(bits[i:i + 16]))[0] for i in range(0, len(bits), 16)]
    p, y = read("pred"), read("target")
    s = request["parameters"].get("smooth", 1e-5)
    value = 1 - (2 * sum(a * b for a, b in zip(p, y)) + s) / (sum(p) + sum(y) + s)
    answer = {"seq": seq, "value": {"dtype": "float64", "shape": [], "bits": struct.pack(">d", value).hex()}}
    if request["cmd"] == "grad":
        answer = {"seq": seq, "unsupported": "no gradients"}
    if mode == "slow":
        time.sleep(60)
    if mode == "prints":
        print("computing ...")
    if mode == "seq":
        answer["seq"] = seq + 1
    if mode == "error":
        answer = {"seq": seq, "error": "out of memory"}
    if mode == "bits":
        answer["value"]["bits"] = "00"
    if mode == "declines":
        answer = {"seq": seq, "unsupported": "no Dice here"}
    if mode == "empty":
        answer = {"seq": seq}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def harness(tmp_path: Path) -> Any:
    path = tmp_path / "harness.py"
    path.write_text(HARNESS)

    def bound(mode: str, **how: Any) -> Binding:
        return bind("dice_loss", [sys.executable, str(path), mode], framework="process", timeout=5.0, **how)

    return bound


def test_a_process_conforms(harness: Any) -> None:
    report = check(harness("well", args={"smooth": "$smooth"}), "quick")
    assert report.status == "conforms"
    verdicts = report.columns[0].verdicts
    assert verdicts["value"].examples > 15
    assert verdicts["gradient"].status == "unsupported"


def test_a_process_fails_where_its_function_is_wrong(harness: Any) -> None:
    report = check(harness("well", args={"smooth": "2*$smooth"}), "quick")
    assert report.status == "fails"


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("prints", "prints 'computing ...' where a line of JSON is expected"),
        ("seq", "answers request 2 where 1 was asked"),
        ("error", "reports the error 'out of memory'"),
        ("bits", "with a bad array: 1 elements of float64 need 16"),
        ("ends", "ends with exit code 3 at run"),
        ("empty", "answers run without 'value'"),
        ("version", "version 7, expected 1"),
    ],
)
def test_a_process_that_breaks_the_protocol_is_a_broken_adapter(harness: Any, mode: str, words: str) -> None:
    report = check(harness(mode), "quick")
    assert report.status == "broken adapter"
    finding = report.columns[0].verdicts["smoke"].finding
    assert finding is not None
    assert words in finding.message


@pytest.mark.parametrize(("mode", "command"), [("slow", "run"), ("mute", "start")])
def test_a_process_that_hangs_is_ended(harness: Any, mode: str, command: str) -> None:
    report = check(harness(mode).changed(timeout=0.5), "quick")
    assert report.status == "broken adapter"
    assert report.seconds < 10
    finding = report.columns[0].verdicts["smoke"].finding
    assert finding is not None
    assert f"does not answer {command} within 0.5 s" in finding.message


def test_a_process_that_declines_is_unsupported_and_has_not_passed(harness: Any) -> None:
    report = check(harness("declines"), "quick")
    assert report.status == "unsupported"
    assert report.columns[0].verdicts["smoke"].note == "no Dice here"


# Harnesses in other languages. ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("not run: no C compiler")
    program = tmp_path_factory.mktemp("harness") / "harness"
    subprocess.run(
        [compiler, "-O2", "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", program, HARNESSES / "harness.c", "-lm"],
        check=True,
    )
    return str(program)


@pytest.mark.parametrize(
    ("spec", "how"),
    [("dice_loss", {"args": {"smooth": "$smooth"}}), ("binary_cross_entropy", {"takes": "logit"})],
)
def test_the_harness_in_c_conforms(compiled: str, spec: str, how: dict[str, Any]) -> None:
    report = check(bind(spec, [compiled], framework="process", **how), "quick")
    assert report.status == "conforms"
    assert report.columns[0].grade == "A"
    assert report.columns[0].verdicts["gradient"].examples > 20


def test_the_harness_in_c_declines_what_it_does_not_have(compiled: str) -> None:
    report = check(bind("jaccard_loss", [compiled], framework="process"), "quick")
    assert report.status == "unsupported"
    narrow = check(bind("dice_loss", [compiled], framework="process", dtypes=["float32"]), "quick")
    assert narrow.status == "unsupported"


def test_the_harness_in_c_is_held_to_its_formula(compiled: str) -> None:
    report = check(bind("dice_loss", [compiled], framework="process", convention={"smooth": 1.0}), "quick")
    assert report.status == "fails"


def test_the_harness_in_javascript_conforms() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("not run: no Node")
    binding = bind("tversky_loss", [node, str(HARNESSES / "harness.js")], framework="process",
                   args={"alpha": "$fp_weight", "beta": "$fn_weight"}, dtypes=["float64", "float32"])  # fmt: skip
    assert check(binding, "quick").status == "conforms"
    swapped = bind("tversky_loss", [node, str(HARNESSES / "harness.js")], framework="process",
                   args={"alpha": "$fn_weight", "beta": "$fp_weight"})  # fmt: skip
    assert check(swapped, "quick").status == "fails"
