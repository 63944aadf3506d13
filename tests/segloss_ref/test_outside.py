"""Records and masks as they come from elsewhere."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from typing import Any

import array_api_strict
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import segloss_ref as ref
from segloss_ref import ClassConfusion, Confusion, SurfaceDistances, registry
from segloss_ref.presets import presets
from tests.segloss_ref.outside_devices import LIBRARIES

# One class. -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(registry.metrics))
def test_a_floating_prediction_of_one_class_is_refused(name: str) -> None:
    metric = registry.metrics[name]
    required = {one.name: 1 for one in metric.parameters.values() if one.required}
    scores, mask = torch.full((2, 1, 8, 8), -5.0), torch.ones(2, 1, 8, 8, dtype=torch.int64)
    sentence = (
        f"^{name}: class_axis must be an axis of at least two classes with a floating pred.* leave class_axis out"
    )
    for pred, target, keywords in (
        (scores, mask, {"from_logits": True}),
        (torch.sigmoid(scores), mask, {}),
        (torch.sigmoid(scores), mask[:, 0] - 1, {}),
        (scores, mask[:, 0] - 1, {"from_logits": True, "num_classes": 1}),
    ):
        with pytest.raises(ValueError, match=sentence):
            metric.function(pred, target, class_axis=1, axis=(2, 3), **required, **keywords)
        with pytest.raises(ValueError, match=sentence):
            ref.validate(metric.function, pred, target, class_axis=1, axis=(2, 3), **required, **keywords)


def test_one_class_of_masks_and_label_maps() -> None:
    mask, other = np.array([[1, 1, 0]], dtype=bool), np.array([[1, 0, 0]], dtype=bool)
    assert ref.dice_score(mask, other, class_axis=0).tolist() == [2 / 3]
    zeros = np.zeros(3, dtype=int)
    assert ref.dice_score(zeros, zeros, class_axis=0, num_classes=1).tolist() == [1]
    two = np.array([[0.1, 0.9, 0.2], [0.9, 0.1, 0.8]])
    assert ref.dice_score(two, np.array([1, 0, 0]), class_axis=0).tolist() == [2 / 3, 2 / 3]


# Narrow records. ------------------------------------------------------------------------------------------------------

NARROW = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "float16", "float32")


@pytest.mark.parametrize(
    ("library", "dtype"),
    [(one, dtype) for one in LIBRARIES for dtype in NARROW if (one, dtype) != ("strict", "float16")],  # it has none
)
def test_records_of_narrow_dtypes(library: str, dtype: str) -> None:
    convert = LIBRARIES[library]
    cells = [convert(np.array(number, dtype)) for number in (100, 25, 25, 0)]
    record = Confusion(*cells)
    assert float(ref.dice_score(record + record + record)) == pytest.approx(0.8)
    assert float(sum([record] * 10).tp) == 1000  # type: ignore[union-attr]
    largest = np.iinfo(dtype).max if dtype[0] in "iu" else 60000
    if library == "jax" and dtype in ("int32", "uint32"):
        largest //= 64  # the sums of a table fit int32
    table = ClassConfusion(convert(np.full((4, 4), largest, dtype)))
    # Of each class: 16 equal cells, 1 true positive and 9 true negatives among them.
    assert np.asarray(ref.accuracy(table)).tolist() == [0.625] * 4
    assert np.asarray(ref.dice_score(table + table)).tolist() == [0.25] * 4


def test_torch_dtypes_of_eight_bits() -> None:
    for dtype in (torch.float8_e4m3fn, torch.float8_e5m2, torch.bfloat16):
        record = Confusion(*(torch.tensor(n).to(dtype) for n in (4.0, 1.0, 1.0, 0.0)))
        assert float(ref.dice_score(record + record)) == 0.8
        assert record.to_dict()["tp"] == 4


@pytest.mark.parametrize("library", ["numpy", "torch", "strict"])
def test_sums_of_counts_are_exact_or_refused(library: str) -> None:
    convert = LIBRARIES[library]
    half, one = convert(np.array(2**62)), convert(np.array(1))
    record = Confusion(half, one, one, one)
    with pytest.raises(ValueError, match=f"^Confusion: the sum of tp must be at most {2**63 - 1}, got more$"):
        record + record
    rest = Confusion(convert(np.array(2**62 - 1)), one, one, one)
    assert int((record + rest).tp) == 2**63 - 1
    with pytest.raises(ValueError, match=r"^Confusion: the sum of tp must be at most"):
        sum([rest, record, Confusion(one, one, one, one)])
    tables = [[2**62, 2**62 - 1], [0, 0]], [[2**62, 2**61], [2**61, 0]], [[2**62] * 2] * 2
    assert ClassConfusion(convert(np.array(tables[0]))).confusion().tn[1] == 2**62
    for table in tables[1:]:
        for call in (ref.accuracy, ClassConfusion.confusion):
            with pytest.raises(ValueError, match=r"^ClassConfusion: the sum of all counts of a table must be at most"):
                call(ClassConfusion(convert(np.array(table))))
    with pytest.raises(ValueError, match=f"^Confusion: tn must be at most {2**63 - 1}, got {2**63}$"):
        Confusion(one, one, one, convert(np.array(2**63, dtype=np.uint64)))
    with pytest.raises(ValueError, match=r"^Confusion: the sum of tp must be at most 1.79"):
        Confusion(*[convert(np.array(1.7e308))] * 4) + Confusion(*[convert(np.array(1.7e308))] * 4)
    with pytest.raises(ValueError, match=r"^ClassConfusion: the sum of all counts"):
        ClassConfusion(convert(np.full((3, 3), 1e308))).confusion()


def test_long_doubles_that_float64_does_not_hold() -> None:
    huge = np.longdouble("1e400")
    if not np.isfinite(huge):
        pytest.skip("long double is float64 here")
    with pytest.raises(ValueError, match=r"^Confusion: fp must be finite and not negative, got inf"):
        Confusion(*np.array([1, huge, 1, 1], dtype=np.longdouble))


def test_counts_beside_sums_of_weights() -> None:
    for convert in LIBRARIES.values():
        whole, share = convert(np.array(1)), convert(np.array(0.5, dtype=np.float32))
        assert float(ref.accuracy(Confusion(whole, share, share, whole))) == pytest.approx(2 / 3)
        total = Confusion(whole, whole, whole, whole) + Confusion(share, share, share, share)
        assert float(total.tp) == 1.5


def of_32_bits(code: str) -> str:
    """What a program prints in a process where JAX has 32 bits."""
    run = [sys.executable, "-c", "import jax, jax.numpy as jnp, numpy as np\nimport segloss_ref as ref\n" + code]
    environment = {name: value for name, value in os.environ.items() if name != "JAX_ENABLE_X64"}
    done = subprocess.run(run, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_jax_of_32_bits() -> None:
    said = of_32_bits(
        """
def say(call):
    try:
        print(call())
    except ValueError as refused:
        print(refused)

many = ref.Confusion(*[jnp.array(2**28)] * 4)
say(lambda: sum([many] * 7).tn)
say(lambda: sum([many] * 10).tn)
say(lambda: ref.accuracy(ref.ClassConfusion(jnp.full((3, 3), 2**30))))
say(lambda: ref.ClassConfusion(jnp.array([[2**32 - 1, 0], [0, 0]], dtype=jnp.uint32)))
say(lambda: ref.accuracy(ref.ClassConfusion(jnp.full((2, 2), 2**29 - 1))))
for apart, tolerance, spacing in ((1, 0.1, 0.1), (3, 0.9, 0.3), (1, 0.7, 0.7), (1, 1e60, 1.0), (2, 0.2, 0.1)):
    pred, target = np.zeros(6, int), np.zeros(6, int)
    pred[0] = target[apart] = 1
    record = ref.surface_distances(jnp.array(pred), jnp.array(target), spacing=spacing)
    print(record.pred_to_target.dtype, float(ref.surface_dice(record, tolerance=tolerance)),
          float(ref.surface_dice(record, tolerance=0.99 * apart * spacing)))
"""
    ).splitlines()
    advice = "; counts have 32 bits here: on JAX enable jax_enable_x64, or make the records of NumPy arrays"
    assert said[:5] == [
        str(7 * 2**28),
        f"Confusion: the sum of tp must be at most {2**31 - 1}, got more{advice}",
        f"ClassConfusion: the sum of all counts of a table must be at most {2**31 - 1}, got more{advice}",
        f"ClassConfusion: counts must be at most {2**31 - 1}, got {2**32 - 1}{advice}",
        "[0.5 0.5]",
    ]
    assert said[5:] == ["float32 1.0 0.0"] * 5


# Records of elsewhere. ------------------------------------------------------------------------------------------------


def test_records_of_several_libraries_and_devices() -> None:
    strict = array_api_strict.asarray
    made = {
        "numpy ndarray": Confusion(*[np.ones(2)] * 4),
        "torch Tensor": Confusion(*[torch.ones(2)] * 4),
        "jaxlib ArrayImpl": Confusion(*[jnp.ones(2)] * 4),
        "array_api_strict Array": Confusion(*[strict([1.0, 1.0])] * 4),
    }
    for first, a in made.items():
        for second, b in made.items():
            if a is not b:
                expected = f"^Confusion: records to be added must be of one library, got {first} of .* and {second} of"
                with pytest.raises(TypeError, match=expected):
                    a + b
    there = strict([1.0, 1.0], device=array_api_strict.Device("device1"))
    with pytest.raises(
        ValueError, match=r"^Confusion: records to be added must be on one device, got .* and .*device1"
    ):
        made["array_api_strict Array"] + Confusion(*[there] * 4)
    with pytest.raises(
        ValueError, match=r"^Confusion: fn must be on the device of tp, got .*CPU_DEVICE.* and .*device1"
    ):
        Confusion(strict([1.0, 1.0]), strict([1.0, 1.0]), there, there)
    with pytest.raises(
        ValueError, match=r"^ClassConfusion: records to be added must be on one device, got cpu and meta"
    ):
        ClassConfusion(torch.eye(2)) + ClassConfusion(torch.eye(2, device="meta"))
    with pytest.raises(TypeError, match="'Confusion' and 'ClassConfusion'"):
        made["numpy ndarray"] + ClassConfusion(np.eye(2))  # type: ignore[operator]
    with pytest.raises(TypeError, match="'Confusion' and 'float'"):
        made["numpy ndarray"] + 1.0  # type: ignore[operator]


def test_records_are_equal_to_themselves_alone() -> None:
    for make in (
        lambda: Confusion(*[np.ones(2)] * 4),
        lambda: ClassConfusion(torch.eye(3)),
        lambda: ref.confusion(jnp.ones(3), jnp.ones(3)),
        lambda: ref.surface_distances(np.eye(3), np.eye(3)),
    ):
        one, other = make(), make()
        assert one == one
        assert one != other
        assert other not in [one]
        assert len({one, other, one}) == 2


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_records_without_a_region_go_through_json(shape: tuple[int, ...], dtype: Any) -> None:
    for record in (
        Confusion(*[np.zeros(shape, dtype)] * 4, class_axis=len(shape) - 1),
        ClassConfusion(np.zeros((*shape, 2, 2), dtype)),
    ):
        found = type(record).from_dict(json.loads(json.dumps(record.to_dict())))
        for name in record._names:
            assert getattr(found, name).shape == getattr(record, name).shape
            assert getattr(found, name).dtype == dtype


def test_the_shape_of_a_dictionary_must_be_that_of_its_lists() -> None:
    good = Confusion(*[np.array([[1, 2]])] * 4).to_dict()
    assert good["shape"] == [1, 2]
    assert Confusion.from_dict({name: one for name, one in good.items() if name != "shape"}).tp.tolist() == [[1, 2]]
    for shape in ([2], [0, 2], [2, 1]):
        with pytest.raises(ValueError, match=r"^Confusion: tp must have shape"):
            Confusion.from_dict({**good, "shape": shape})
    for bad in ("12", [1.0, 2], [-1, 2], 2, [True, 2]):
        with pytest.raises(TypeError, match=r"^Confusion: shape must be a list of integers >= 0"):
            Confusion.from_dict({**good, "shape": bad})


# Surfaces. ------------------------------------------------------------------------------------------------------------

PRED, TARGET = np.array([[1, 1, 0, 0], [0, 0, 0, 1]]), np.array([[1, 0, 0, 0], [0, 0, 1, 1]])


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("axes", [2, 3])
def test_a_mask_without_a_skeleton_is_its_own(size: int, axes: int) -> None:
    """Lee's thinning leaves nothing of cubes of 2 pixels, among others."""
    pytest.importorskip("skimage")
    mask = np.zeros((20,) * axes, dtype=bool)
    mask[(slice(1, 1 + size),) * axes] = True
    away = np.roll(mask, 10, axis=0)
    assert float(ref.centerline_dice(mask, mask, method="lee", undefined=7)) == 1
    assert float(ref.centerline_dice(mask, away, method="lee", undefined=7)) == 0
    assert float(ref.centerline_dice(mask, ~mask, method="lee", undefined=7)) == 0
    assert float(ref.centerline_dice(mask, mask & False, method="lee", undefined=7)) == 0
    assert float(ref.centerline_dice(mask & False, mask & False, method="lee", undefined=7)) == 7


def test_half_of_a_mask_that_is_its_own_skeleton() -> None:
    skimage = pytest.importorskip("skimage.morphology")
    cube = np.zeros((6, 6, 6), dtype=bool)
    cube[2:4, 2:4, 2:4] = True
    assert not skimage.skeletonize(cube, method="lee").any()  # else this tests nothing
    line = np.zeros_like(cube)
    line[2, 2, 2:6] = (
        True  # its own skeleton, of which two of four pixels lie in the cube; two of the cube's eight in it
    )
    assert float(ref.centerline_dice(line, cube, method="lee")) == pytest.approx(2 * 0.5 * 0.25 / 0.75)


def test_given_choices_are_compared_with_those_of_the_record() -> None:
    voxels, surfels = (ref.surface_distances(PRED, TARGET, surface=kind) for kind in ("voxel", "surfel"))
    edges = ref.surface_distances(PRED, TARGET, surface="voxel_full", border="ignore")
    assert (voxels.border, edges.border, edges.surface) == ("background", "ignore", "voxel_full")
    for record in (voxels, surfels, edges):
        direct = ref.average_surface_distance(PRED, TARGET, surface=record.surface, border=record.border)
        for keywords in ({}, {"surface": record.surface}, {"border": record.border}):
            found = ref.average_surface_distance(record, **keywords)
            assert float(found) == float(direct) or (math.isnan(found) and math.isnan(direct))
    for record, keywords, said in (
        (surfels, {"surface": "voxel"}, "surface must be that of the record, 'surfel', got 'voxel'"),
        (voxels, {"surface": "surfel"}, "surface must be that of the record, 'voxel', got 'surfel'"),
        (edges, {"border": "background"}, "border must be that of the record, 'ignore', got 'background'"),
        (voxels, {"border": "ignore"}, "border must be that of the record, 'background', got 'ignore'"),
        (voxels, {"surface": "pixel"}, "surface must be one of"),
    ):
        for metric, more in (
            (ref.hausdorff_distance, {}), (ref.average_surface_distance, {}), (ref.surface_dice, {"tolerance": 1})
        ):  # fmt: skip
            with pytest.raises(ValueError, match=f"^{metric.__name__}: {said}"):
                metric(record, **keywords, **more)  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"^hausdorff_distance: surface must be that of the record"):
        ref.hausdorff_distance(pred=surfels, surface="voxel")
    with pytest.raises(TypeError, match="takes the place of the masks and of spacing"):
        ref.hausdorff_distance(voxels, spacing=2.0)


@pytest.mark.parametrize("name", [name for name, one in presets.items() if one.metric != "volumetric_similarity"])
def test_a_preset_takes_the_record_of_what_it_measures(name: str) -> None:
    preset = presets[name]
    more = {"tolerance": 1.0} if preset.metric == "surface_dice" else {}
    wanted = {"surface": "voxel", "border": "background", **preset.keywords}
    accepted = 0
    for surface in ("voxel", "voxel_full", "surfel"):
        for border in ("background", "ignore"):
            record = ref.surface_distances(PRED, TARGET, surface=surface, border=border)  # type: ignore[arg-type]
            if (surface, border) == (wanted["surface"], wanted["border"]):
                assert float(preset(record, **more)) == float(preset(PRED, TARGET, **more))
                accepted += 1
            else:
                with pytest.raises(ValueError, match=f"^{preset.metric}: (surface|border) must be that of the record"):
                    preset(record, **more)
    assert accepted == 1


def test_the_border_goes_through_json() -> None:
    record = ref.surface_distances(PRED, TARGET, border="ignore")
    found = json.loads(json.dumps(record.to_dict()))
    assert SurfaceDistances.from_dict(found).border == "ignore"
    del found["border"]  # as older versions wrote it
    assert SurfaceDistances.from_dict(found).border == "background"
    with pytest.raises(ValueError, match=r"^SurfaceDistances: border must be one of"):
        SurfaceDistances.from_dict({**found, "border": "edge"})


def test_more_elements_than_pixels() -> None:
    good = ref.surface_distances(PRED, TARGET).to_dict()
    for kind in ("voxel", "voxel_full"):
        with pytest.raises(
            ValueError, match=r"^SurfaceDistances: pred_counts must be at most pred_pixels with surface"
        ):
            SurfaceDistances.from_dict({**good, "surface": kind, "pred_pixels": 2})
    assert SurfaceDistances.from_dict({**good, "surface": "surfel", "pred_pixels": 2}).pred_pixels == 2
