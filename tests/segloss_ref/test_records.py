"""Records: what they refuse, and the way through JSON and back."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from typing import Any

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import segloss_ref as ref
from segloss_ref import ClassConfusion, Confusion, SurfaceDistances

ONE = np.array([3, 1])
LIBRARIES = (np.asarray, torch.tensor, jnp.asarray, array_api_strict.asarray)


def test_plain_numbers_are_counts() -> None:
    record = Confusion(1, 2, 3, 4)
    assert all(getattr(record, cell).dtype == np.int64 for cell in ("tp", "fp", "fn", "tn"))
    assert record.tp.shape == ()
    assert float(ref.dice_score(record)) == 2 / 7
    assert float(ref.dice_score(record + ref.confusion(np.array([1]), np.array([1])))) == 4 / 9
    assert float(ref.accuracy(Confusion(0.5, 0.25, 0.0, 0.25))) == 0.75
    assert float(ref.accuracy(Confusion(tp=np.int64(1), fp=1, fn=0, tn=np.float32(2)))) == 0.75


BAD_COUNTS = [
    ((ONE, ONE, -ONE, ONE), ValueError, "Confusion: fn must be finite and not negative, got -3"),
    ((1, 2, 3, -4), ValueError, "Confusion: tn must be finite and not negative, got -4"),
    ((1, math.nan, 3, 4), ValueError, "Confusion: fp must be finite and not negative, got nan"),
    ((1, math.inf, 3, 4), ValueError, "Confusion: fp must be finite and not negative, got inf"),
    ((10**30, 2, 3, 4), ValueError, "Confusion: tp must be a number that 64 bits hold"),
    ((ONE * 1j, ONE, ONE, ONE), TypeError, "Confusion: tp must be integer or real floating, got complex128 array"),
    ((1, 2, 3j, 4), TypeError, "Confusion: fn must be an array or a number, got complex"),
    ((ONE > 2, ONE, ONE, ONE), TypeError, "Confusion: tp must be integer or real floating, got bool array"),
    ((True, 2, 3, 4), TypeError, "Confusion: tp must be an array or a number, got bool"),
    (([1], [2], [3], [4]), TypeError, "Confusion: tp must be an array or a number, got list"),
    ((ONE, ONE[:1], ONE, ONE), ValueError, r"Confusion: fp must have the shape of tp \(2,\), got \(1,\)"),
    ((ONE, ONE, 1, ONE), ValueError, r"Confusion: fn must have the shape of tp \(2,\), got \(\)"),
    ((ONE, torch.tensor([3, 1]), ONE, ONE), TypeError, "Confusion: fp must be of the library of tp"),
    ((np.ma.array(ONE), ONE, ONE, ONE), TypeError, "Confusion: tp must be a plain array"),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "error", "message"), BAD_COUNTS)
def test_confusion_refuses(cells: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        Confusion(*cells)


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        (np.zeros((2, 3)), ValueError, r"counts must have shape \(..., classes, classes\), got \(2, 3\)"),
        (np.zeros(3), ValueError, r"counts must have shape \(..., classes, classes\), got \(3,\)"),
        (3, ValueError, r"counts must have shape \(..., classes, classes\), got \(\)"),
        (np.zeros((0, 0)), ValueError, "counts must have shape"),
        (np.full((2, 2), -1), ValueError, "counts must be finite and not negative, got -1"),
        (np.full((2, 2), np.nan), ValueError, "counts must be finite and not negative, got nan"),
        (np.zeros((2, 2), dtype=bool), TypeError, "counts must be integer or real floating"),
        ("abc", TypeError, "counts must be an array or a number, got str"),
    ],
)
def test_class_confusion_refuses(counts: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^ClassConfusion: {message}"):
        ClassConfusion(counts)


@pytest.mark.parametrize("convert", LIBRARIES)
def test_records_of_every_library_are_looked_at(convert: Any) -> None:
    good = convert([3, 1])
    assert Confusion(good, good, good, good).tp is good
    with pytest.raises(ValueError, match="Confusion: tn must be finite and not negative, got -1"):
        Confusion(good, good, good, convert([3, -1]))
    with pytest.raises(
        ValueError, match=r"SurfaceDistances: pred_to_target must be neither negative nor nan, got -1\.0"
    ):
        dataclasses.replace(
            surfaces(), **{name: convert([-1.0] if name == "pred_to_target" else [1.0]) for name in SETS}
        )


def test_inside_jit_no_value_is_looked_at() -> None:
    @jax.jit
    def score(tp: Any, counts: Any) -> Any:
        return ref.dice_score(Confusion(tp, tp, tp, tp) + Confusion(tp, tp, tp, tp)), ref.dice_score(
            ClassConfusion(counts)
        )

    one, several = score(jnp.asarray([2, 5]), jnp.eye(3, dtype=jnp.int32))
    assert (one.tolist(), several.tolist()) == ([0.5, 0.5], [1, 1, 1])
    found = torch.func.vmap(lambda tp: Confusion(tp, tp, tp, tp).fp + 1)(torch.tensor([1, 2]))
    assert found.tolist() == [2, 3]


def test_records_of_different_kinds_do_not_add_up() -> None:
    pairs = ClassConfusion(np.eye(2, dtype=int))
    with pytest.raises(TypeError, match="unsupported operand"):
        pairs + Confusion(1, 1, 1, 1)  # type: ignore[operator]
    with pytest.raises(
        ValueError, match=r"ClassConfusion: records to be added must have one shape, got \(2, 2\) and \(3, 3\)"
    ):
        pairs + ClassConfusion(np.eye(3, dtype=int))
    assert sum([pairs, pairs]).counts.tolist() == [[2, 0], [0, 2]]  # type: ignore[union-attr]


# Through JSON. --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("convert", LIBRARIES)
@pytest.mark.parametrize("weight", [None, [0.1, 1.0, 0.3]])
def test_counts_go_through_json(convert: Any, weight: Any) -> None:
    pred, target = convert([[0, 1, 2], [2, 2, 1]]), convert([[0, 1, 1], [2, 0, 1]])
    more: Any = {} if weight is None else {"weight": convert(weight)}
    for record in (
        ref.confusion(pred, target, class_axis=1, num_classes=3, **more),
        ref.confusion(pred, target, class_axis=1, num_classes=3, axis=(0, 2), **more),
        ref.class_confusion(pred, target, num_classes=3, axis=1, **more),
        ref.confusion(pred > 0, target > 0, **more),
    ):
        text = json.dumps(record.to_dict(), allow_nan=False)
        found = type(record).from_dict(json.loads(text))
        for name, array in vars(record).items():
            back = getattr(found, name)
            if name == "class_axis":
                assert back == array
                continue
            assert isinstance(back, np.ndarray)
            assert back.dtype == ("int64" if weight is None else "float64")
            assert back.tolist() == np.asarray(array).tolist()
        np.testing.assert_allclose(ref.dice_score(found), np.asarray(ref.dice_score(record)), rtol=1e-6)


def test_a_number_beyond_2_to_the_53() -> None:
    record = Confusion(2**53 + 1, 0, 0, 1)
    assert int(Confusion.from_dict(json.loads(json.dumps(record.to_dict()))).tp) == 2**53 + 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tp": None}, TypeError, "tp must hold numbers of dtype int64, got object"),
        ({"tp": [1, [2]]}, ValueError, "tp must be nested lists of one shape"),
        ({"tp": [1.5, 2]}, TypeError, "tp must hold numbers of dtype int64, got float64"),
        ({"tp": ["1", "2"]}, TypeError, "tp must hold numbers of dtype int64"),
        ({"tp": [1, -2]}, ValueError, "tp must be finite and not negative, got -2"),
        ({"tp": [1, 2, 3]}, ValueError, "fp must have the shape of tp"),
        ({"dtype": "int65"}, ValueError, "tp must be nested lists of one shape, and dtype the name of one"),
        ({"dtype": "complex128"}, TypeError, "tp must be integer or real floating"),
        ({"dtype": "object"}, TypeError, "tp must be integer or real floating"),
        ({"dtype": "int8", "tp": [1, 300]}, ValueError, "tp must hold numbers that int8 holds"),
        ({"class_axis": 1}, ValueError, r"class_axis must lie in \[-1, 1\)"),
        ({"more": 1}, ValueError, "from_dict needs the keys tp, fp, fn, tn, class_axis, shape, dtype, got"),
    ],
)
def test_what_is_no_record_is_refused(change: dict[str, Any], error: type[Exception], message: str) -> None:
    good = {"tp": [1, 2], "fp": [0, 0], "fn": [3, 4], "tn": [5, 6], "class_axis": 0, "dtype": "int64"}
    assert Confusion.from_dict(good).fn.tolist() == [3, 4]
    with pytest.raises(error, match=f"^Confusion: {message}"):
        Confusion.from_dict({**good, **change})


def test_what_is_no_mapping_is_refused() -> None:
    for record in (Confusion, ClassConfusion, SurfaceDistances):
        with pytest.raises(
            TypeError, match=f"^{record.__name__}: from_dict needs a mapping, as to_dict gives it, got list"
        ):
            record.from_dict([1, 2, 3, 4])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=f"^{record.__name__}: from_dict needs the keys"):
            record.from_dict({})


# Surfaces. ------------------------------------------------------------------------------------------------------------

SETS = ("pred_to_target", "target_to_pred", "pred_sizes", "target_sizes")


def surfaces(**changes: Any) -> SurfaceDistances:
    """One element on either side."""
    one = np.array([1.0])
    fields: dict[str, Any] = dict(
        pred_to_target=one, target_to_pred=one, pred_sizes=one, target_sizes=one, surface="voxel", shape=(),
        pred_counts=np.array(1), target_counts=np.array(1), pred_pixels=np.array(1), target_pixels=np.array(2),
    )  # fmt: skip
    return SurfaceDistances(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"pred_to_target": np.array([-1.0])}, ValueError, "pred_to_target must be neither negative nor nan, got -1.0"),
        (
            {"target_to_pred": np.array([np.nan])},
            ValueError,
            "target_to_pred must be neither negative nor nan, got nan",
        ),
        ({"pred_sizes": np.array([np.inf])}, ValueError, "pred_sizes must be finite and not negative, got inf"),
        (
            {"pred_sizes": np.array([1.0, 1.0])},
            ValueError,
            "pred_sizes must have one number for each of the 1 distances, got 2",
        ),
        ({"pred_to_target": np.array([1])}, TypeError, "pred_to_target must be floating with one axis"),
        ({"pred_to_target": np.array([[1.0]])}, TypeError, "pred_to_target must be floating with one axis"),
        ({"target_sizes": torch.ones(1)}, TypeError, "target_sizes must be floating with one axis and of the library"),
        ({"pred_to_target": [1.0]}, TypeError, "pred_to_target must be an array or a number, got list"),
        ({"surface": "pixel"}, ValueError, "surface must be one of"),
        ({"shape": [1]}, TypeError, "shape must be a tuple of integers >= 0, got list"),
        ({"shape": (-1,)}, TypeError, "shape must be a tuple of integers >= 0"),
        ({"shape": (1,)}, ValueError, r"pred_counts must have shape \(1,\), got \(\)"),
        ({"pred_counts": np.array(2)}, ValueError, "pred_counts must be 0 where pred_pixels is, and 1 in all"),
        ({"target_pixels": np.array(0)}, ValueError, "target_counts must be 0 where target_pixels is"),
        ({"target_pixels": np.array(-2)}, ValueError, "target_pixels must not be negative, got -2"),
        ({"class_axis": 0}, ValueError, r"class_axis must lie in \[0, 0\)"),
        ({"target_pixels": np.array(True)}, TypeError, "target_pixels must be a NumPy array of integers"),
        ({"pred_counts": 1}, TypeError, "pred_counts must be a NumPy array of integers, got int"),
    ],
)
def test_surface_distances_refuse(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    assert float(ref.hausdorff_distance(surfaces())) == 1
    with pytest.raises(error, match=f"^SurfaceDistances: {message}"):
        surfaces(**changes)


@pytest.mark.parametrize("convert", [np.asarray, torch.tensor, array_api_strict.asarray])
@pytest.mark.parametrize("surface", ["voxel", "surfel"])
def test_distances_go_through_json(convert: Any, surface: Any) -> None:
    pred = np.array([[[0, 1, 1, 0], [0, 2, 2, 0], [0, 0, 3, 3]], [[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 2, 2]]])
    target = np.roll(pred, 1, axis=2)
    target[target == 3] = 0  # one mask empty: infinite distances
    keywords: Any = {"class_axis": 1, "num_classes": 5, "axis": (2, 3), "surface": surface}
    record = ref.surface_distances(convert(pred.tolist()), convert(target.tolist()), **keywords)
    text = json.dumps(record.to_dict(), allow_nan=False)
    assert '"inf"' in text
    found = SurfaceDistances.from_dict(json.loads(text))
    direct = ref.surface_distances(pred, target, **keywords)
    for field in dataclasses.fields(SurfaceDistances):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(direct, field.name))
    np.testing.assert_array_equal(ref.hausdorff_distance(found), ref.hausdorff_distance(pred, target, **keywords))
    wrong = {**json.loads(text), "pred_to_target": ["far"]}
    with pytest.raises(
        TypeError, match=re.escape("SurfaceDistances: pred_to_target must hold numbers of dtype float64")
    ):
        SurfaceDistances.from_dict(wrong)
    with pytest.raises(TypeError, match="SurfaceDistances: shape must be a list, got int"):
        SurfaceDistances.from_dict({**json.loads(text), "shape": 3})
