"""The test vectors: what is published is true, complete, reproducible, and readable by others."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from math import inf, isnan, log, nan
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from segloss_conformance import cli
from segloss_conformance.cases.pinned import canonical
from segloss_conformance.mutants import AT_ONE
from segloss_conformance.vectors import FILES, Vector, accepts, differences, entry, read
from segloss_conformance.vectors.choose import flags_of
from segloss_ref import registry, value_and_grad

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "vectors"
PROGRAMS = ROOT / "examples" / "vectors"


def lines(kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{kind}.jsonl").read_text("ascii").splitlines()]


EVERY = [*lines("losses"), *lines("metrics")]


def unpacked(message: dict[str, Any], dtype: str | None = None) -> Any:
    """An array read without the suite's help."""
    letter = {"float64": "d", "int64": "q", "uint8": "B"}[message["dtype"]]
    data = bytes.fromhex(message["bits"])
    numbers = struct.unpack(f">{len(data) // struct.calcsize(letter)}{letter}", data)
    floating = message["dtype"] == "float64"
    return np.array(numbers, dtype=dtype if dtype and floating else message["dtype"]).reshape(message["shape"])


def answer(found: dict[str, Any], dtype: str) -> tuple[Any, Any]:
    """The library's value and gradient of a published vector."""
    arrays = {name: unpacked(message, dtype) for name, message in found["arrays"].items()}
    words = {"nan": nan, "inf": inf, "-inf": -inf}
    keywords = {
        name: tuple(value) if isinstance(value, list) else words.get(value, value) if isinstance(value, str) else value
        for name, value in found["parameters"].items()
    }
    pred, target = arrays.pop("pred"), arrays.pop("target")
    if found["spec"] in registry.losses:
        return value_and_grad(registry.losses[found["spec"]].function)(pred, target, **keywords, **arrays)
    return registry.metrics[found["spec"]].function(pred, target, **keywords, **arrays), None


# What is published. ---------------------------------------------------------------------------------------------------


def test_the_files_are_what_is_written_anew() -> None:
    assert differences(FOLDER) == []


def test_they_are_small_and_complete() -> None:
    assert sum((FOLDER / name).stat().st_size for name in FILES) <= 2_000_000
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)
    assert {one["spec"] for one in EVERY} == {*registry.losses, *registry.metrics}
    ids = [one["id"] for one in EVERY]
    assert len(set(ids)) == len(ids) >= 500


def test_a_change_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["vectors", "--out", str(tmp_path / "none"), "--check"]) == 2
    folder = tmp_path / "vectors"
    shutil.copytree(FOLDER, folder)
    assert cli.main(["vectors", "--out", str(folder), "--check"]) == 0
    path = folder / "metrics.tsv"
    text = path.read_text()
    path.write_text(text[:-100] + ("1" if text[-100] != "1" else "2") + text[-99:])
    (folder / "schema.json").unlink()
    capsys.readouterr()
    assert cli.main(["vectors", "--out", str(folder), "--check"]) == 1
    said = capsys.readouterr().err
    assert "schema.json is missing" in said
    assert f"metrics.tsv differs from line {len(text.splitlines())} on" in said


def test_every_line_obeys_the_schema_and_a_broken_one_does_not() -> None:
    schema = json.loads((FOLDER / "schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for one in EVERY:
        validator.validate(one)
    first = EVERY[0]
    for broken in (
        {**first, "value": {**first["value"], "bits": "3FF0000000000000"}},
        {**first, "value": {**first["value"], "bits": "3ff"}},
        {**first, "id": "Dice 1"},
        {**first, "colour": "red"},
        {name: value for name, value in first.items() if name != "oracle"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(broken)


def test_the_manifest_tells_the_truth() -> None:
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    for name, facts in manifest["files"].items():
        data = (FOLDER / name).read_bytes()
        assert facts == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "lines": data.count(b"\n")}
    assert set(manifest["files"]) == set(FILES) - {"manifest.json"}
    used = [flag for one in EVERY for flag in one["flags"]]
    assert set(manifest["flags"]) == set(used)
    assert all(facts["vectors"] == used.count(flag) for flag, facts in manifest["flags"].items())
    assert {*manifest["flags"], *manifest["not_shown"]} == {mutant.name for mutant in AT_ONE}
    # Changing an argument leaves no mark on the answer.
    assert set(manifest["not_shown"]) == {"cross_entropy_in_place"}


@pytest.mark.parametrize("kind", ["losses", "metrics"])
def test_the_tables_say_the_same(kind: str) -> None:
    header, *rows = [line.split("\t") for line in (FOLDER / f"{kind}.tsv").read_text("ascii").splitlines()]

    def array(text: str) -> tuple[str, list[int], str]:
        dtype, shape, bits = text.split(":")
        return dtype, [int(n) for n in shape.split("x")] if shape else [], bits

    def same(cell: str, message: dict[str, Any] | None) -> bool:
        return cell == "-" if message is None else array(cell) == tuple(message.values())

    assert len(rows) == len(lines(kind))
    for row, one in zip(rows, lines(kind), strict=True):
        cells = dict(zip(header, row, strict=True))
        assert [cells["id"], cells["spec"], cells["form"]] == [one["id"], one["spec"], one["form"]]
        assert (cells["flags"] == "-" and not one["flags"]) or cells["flags"].split(",") == one["flags"]
        assert same(cells["value"], one["value"])
        assert same(cells["gradient"], one["gradient"])
        for column, message, dtype in (
            ("tolerance64", one["value_tolerance"], "float64"), ("tolerance32", one["value_tolerance"], "float32"),
            ("gradient_tolerance64", one["gradient_tolerance"], "float64"),
            ("gradient_tolerance32", one["gradient_tolerance"], "float32"),
        ):  # fmt: skip
            assert same(cells[column], (message or {}).get(dtype))
        arrays = dict(cell.split("=") for cell in cells["arrays"].split(" "))
        assert {name: array(cell) for name, cell in arrays.items()} == {
            name: tuple(message.values()) for name, message in one["arrays"].items()
        }
        told = dict(cell.split("=") for cell in cells["parameters"].split(";"))
        assert set(told) == set(one["parameters"])
        for name, value in one["parameters"].items():
            bits = one["parameter_bits"].get(name)
            if bits is not None:
                assert told[name] == (bits if isinstance(bits, str) else ",".join(bits))
            elif isinstance(value, list):
                assert told[name] == ",".join(map(str, value))
            else:
                assert told[name].capitalize() == str(value).capitalize()


def test_decimals_and_bits_are_the_same_numbers() -> None:
    def floats(value: Any) -> Iterator[float]:
        if isinstance(value, list):
            for one in value:
                yield from floats(one)
        else:
            yield float(value)

    for one in EVERY:
        messages = {**one["arrays"], "value": one["value"], "gradient": one["gradient"]}
        for name, message in messages.items():
            if message is not None:
                np.testing.assert_array_equal(list(floats(one["decimal"][name])), unpacked(message).ravel())
        for name, bits in one["parameter_bits"].items():
            digits = [bits] if isinstance(bits, str) else bits
            (np.testing.assert_array_equal)(
                list(floats(one["parameters"][name])), [struct.unpack(">d", bytes.fromhex(one))[0] for one in digits]
            )


# What is true. --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "pred", "target", "value"),
    [
        ("binary_cross_entropy", [0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0], log(2)),
        ("binary_cross_entropy", [0.75, 0.25], [1, 0], log(4 / 3)),
        ("dice_score", [1, 1, 0, 0, 0], [1, 0, 1, 1, 0], 2 / 5),
        ("jaccard_index", [1, 1, 0, 0, 0], [1, 0, 1, 1, 0], 1 / 4),
    ],
)
def test_worked_examples_are_among_them(spec: str, pred: Any, target: Any, value: float) -> None:
    found = [
        one for one in EVERY
        if one["spec"] == spec and one["decimal"]["pred"] == pred and one["decimal"]["target"] == target
    ]  # fmt: skip
    assert found
    assert unpacked(found[0]["value"]) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_library_passes_all(dtype: str) -> None:
    asked = 0
    for one in EVERY:
        if dtype in one["value_tolerance"]:
            assert accepts(one, *answer(one, dtype), dtype=dtype), one["id"]
            asked += 1
    assert asked > 0.8 * len(EVERY)


def test_what_is_a_little_off_does_not_pass() -> None:
    one = next(one for one in EVERY if one["gradient"] is not None and unpacked(one["value"]).shape == ())
    value, gradient = answer(one, "float64")
    assert accepts(one, value, gradient)
    assert accepts(one, value)
    assert not accepts(one, value * (1 + 1e-12), gradient)
    assert not accepts(one, value, gradient * (1 + 1e-12))
    assert not accepts(one, value * np.nan, gradient)
    assert not accepts(one, np.full(2, value), gradient)
    undefined = next(one for one in EVERY if isnan(unpacked(one["value"]).ravel()[0]) and not one["value"]["shape"])
    assert accepts(undefined, nan)
    assert not accepts(undefined, 0.0)


@pytest.mark.parametrize("spec", [*registry.losses, *registry.metrics])
def test_flags_name_the_bugs_that_go_wrong(spec: str) -> None:
    mutants = [mutant for mutant in AT_ONE if mutant.of == spec]
    for vector in (one for one in read() if one.case.name == spec):
        assert flags_of(vector.case, entry(vector), mutants) == vector.flags, vector.id


def test_inputs_are_kept_in_their_canonical_form() -> None:
    for vector in read():
        assert entry(Vector(vector.id, canonical(vector.case), vector.flags)) == entry(vector), vector.id


# Programs in other languages. -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def c_program(tmp_path_factory: pytest.TempPathFactory) -> Any:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("not run: there is no C compiler")
    folder = tmp_path_factory.mktemp("c")

    def run(source: str) -> subprocess.CompletedProcess[str]:
        (folder / "vectors.c").write_text(source)
        flags = ["-O2", "-std=c99", "-Wall", "-Wextra", "-Werror"]
        subprocess.run([compiler, *flags, "-o", "vectors", "vectors.c", "-lm"], cwd=folder, check=True)
        return subprocess.run(
            [str(folder / "vectors"), str(FOLDER / "losses.tsv")], capture_output=True, text=True, check=False
        )

    return run


def test_the_c_program_passes(c_program: Any) -> None:
    result = c_program((PROGRAMS / "vectors.c").read_text())
    assert result.returncode == 0, result.stdout
    assert " 0 failed" in result.stdout
    assert int(result.stdout.split()[0]) >= 15


@pytest.mark.parametrize(
    ("right", "wrong", "flag"),
    [
        ('a = number(parameter("fp_weight"), 16), b = number(parameter("fn_weight")',
         'a = number(parameter("fn_weight"), 16), b = number(parameter("fp_weight")', "tversky_swapped"),
        ("- lost * y[i]", "+ lost * y[i]", "wrong gradient"),
    ],
)  # fmt: skip
def test_the_c_program_rejects(c_program: Any, right: str, wrong: str, flag: str) -> None:
    source = (PROGRAMS / "vectors.c").read_text()
    assert right in source
    result = c_program(source.replace(right, wrong))
    assert result.returncode == 1
    assert flag in result.stdout


def node(source: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("node")
    if program is None:
        pytest.skip("not run: there is no Node")
    (folder / "vectors.js").write_text(source)
    files = [str(FOLDER / f"{kind}.jsonl") for kind in ("losses", "metrics")]
    return subprocess.run([program, "vectors.js", *files], cwd=folder, capture_output=True, text=True, check=False)


def test_the_javascript_program_passes(tmp_path: Path) -> None:
    result = node((PROGRAMS / "vectors.js").read_text(), tmp_path)
    assert result.returncode == 0, result.stdout
    assert " 0 failed" in result.stdout


@pytest.mark.parametrize(
    ("right", "wrong", "flag"),
    [
        ("fp_weight * fp + fn_weight * fn", "fn_weight * fp + fp_weight * fn", "tversky_swapped"),
        ("part(y, -Math.log(x)) + part(1 - y, -Math.log1p(-x))", "part(y, -Math.log(x))", ""),
    ],
)
def test_the_javascript_program_rejects(tmp_path: Path, right: str, wrong: str, flag: str) -> None:
    source = (PROGRAMS / "vectors.js").read_text()
    assert right in source
    result = node(source.replace(right, wrong), tmp_path)
    assert result.returncode == 1
    assert "FAIL" in result.stdout
    assert f"the same vectors fail for: {flag}" in result.stdout or not flag
