"""Surface metrics: what is refused, foreign devices, label maps class after class."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import array_api_strict
import numpy as np
import pytest

import segloss_ref as ref
from tests.segloss_ref.surface_masks import BLOCK, DOT, R2

METRICS = {
    ref.hausdorff_distance: {},
    ref.average_surface_distance: {},
    ref.surface_dice: {"tolerance": 1},
    ref.boundary_iou: {"width": 1},
    ref.centerline_dice: {},
}


REFUSED: list[tuple[str, Any, dict[str, Any], type[Exception], str]] = [
    ("hausdorff_distance", None, {"percentile": -1}, ValueError, r"percentile must lie in \[0, 100\], got -1"),
    ("hausdorff_distance", None, {"percentile": 100.5}, ValueError, r"percentile must lie in \[0, 100\]"),
    ("hausdorff_distance", None, {"percentile": math.nan}, ValueError, "percentile must lie in"),
    ("hausdorff_distance", None, {"percentile": "95"}, TypeError, "percentile must be a real number"),
    ("hausdorff_distance", None, {"interpolation": "nearest"}, ValueError, "interpolation must be one of"),
    ("hausdorff_distance", None, {"combine": "min"}, ValueError, "combine must be one of"),
    ("hausdorff_distance", None, {"surface": "mesh"}, ValueError, "surface must be one of"),
    ("hausdorff_distance", None, {"border": "replicate"}, ValueError, "border must be one of"),
    ("hausdorff_distance", None, {"spacing": (1, 2, 3)}, ValueError, "spacing must hold one number for each of the 2"),
    ("hausdorff_distance", None, {"spacing": (1, 0)}, ValueError, "spacing must be"),
    ("hausdorff_distance", None, {"spacing": (1, -2)}, ValueError, "spacing must be"),
    ("hausdorff_distance", None, {"spacing": (1, math.inf)}, ValueError, "spacing must be"),
    ("hausdorff_distance", None, {"spacing": (1, math.nan)}, ValueError, "spacing must be"),
    ("hausdorff_distance", None, {"spacing": "11"}, TypeError, "spacing must be"),
    (
        "hausdorff_distance",
        None,
        {"surface": "surfel", "percentile": 95},
        ValueError,
        "interpolation must be 'attained'",
    ),
    ("hausdorff_distance", None, {"axis": ()}, ValueError, "axis must name at least one spatial axis"),
    ("hausdorff_distance", None, {"weight": np.full((5, 5), 0.5)}, ValueError, "weight must be 0 or 1"),
    (
        "hausdorff_distance",
        np.ones(4, dtype=bool),
        {"surface": "surfel"},
        ValueError,
        "needs 2 or 3 spatial axes, got 1",
    ),
    ("average_surface_distance", np.ones((1, 2, 2, 2), dtype=bool), {"surface": "surfel"}, ValueError, "got 4"),
    ("surface_dice", None, {"tolerance": -0.1}, ValueError, r"tolerance must lie in \[0, 1e60\]"),
    ("surface_dice", None, {"tolerance": math.inf}, ValueError, "tolerance must lie in"),
    ("surface_dice", None, {"tolerance": None}, TypeError, "tolerance must be a real number"),
    ("boundary_iou", None, {"width": 0}, ValueError, r"width must lie in \(0, 1e60\]"),
    ("boundary_iou", None, {"width": 1.5}, ValueError, "width must be a whole number of pixels"),
    (
        "boundary_iou",
        None,
        {"width": 1, "spacing": (1, 1)},
        ValueError,
        "spacing must be None with definition 'erosion'",
    ),
    ("boundary_iou", None, {"width": 1, "definition": "mesh"}, ValueError, "definition must be one of"),
    ("centerline_dice", None, {"method": "thin"}, ValueError, "method must be one of"),
    ("centerline_dice", np.ones((3, 3, 3), dtype=bool), {}, ValueError, "method 'zhang' needs 2 spatial axes, got 3"),
]


@pytest.mark.parametrize(("name", "mask", "keywords", "error", "message"), REFUSED)
def test_refuses(name: str, mask: Any, keywords: dict[str, Any], error: type[Exception], message: str) -> None:
    metric = ref.registry.metrics[name].function
    mask = BLOCK if mask is None else mask
    with pytest.raises(error, match=message) as caught:
        metric(mask, mask, **keywords)
    assert str(caught.value).startswith(f"{name}: ")
    with pytest.raises(error, match=message):
        ref.validate(metric, mask, mask, **keywords)


def test_required_parameters() -> None:
    for name, missing in (("surface_dice", "tolerance"), ("boundary_iou", "width")):
        function: Any = ref.registry.metrics[name].function
        with pytest.raises(TypeError, match=missing):
            function(BLOCK, DOT)
        with pytest.raises(TypeError, match=f"{missing} must be given"):
            ref.validate(function, BLOCK, DOT)


def test_a_record_takes_the_place_of_the_masks() -> None:
    record = ref.surface_distances(BLOCK, DOT)
    for keywords in ({"target": DOT}, {"spacing": (1, 1)}, {"axis": 0}):
        with pytest.raises(TypeError, match=f"takes the place of the masks and of {next(iter(keywords))}"):
            ref.hausdorff_distance(record, **keywords)
    with pytest.raises(TypeError, match="target must be an array"):
        ref.hausdorff_distance(BLOCK)
    surfels = ref.surface_distances(BLOCK, DOT, surface="surfel")
    with pytest.raises(ValueError, match="interpolation must be 'attained'"):
        ref.hausdorff_distance(surfels, percentile=95)
    assert float(ref.hausdorff_distance(surfels)) == float(ref.hausdorff_distance(surfels, interpolation="attained"))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_arguments_stay_as_they_are_and_the_library_too(metric: Any) -> None:
    pred, target = BLOCK.astype(float), np.roll(BLOCK, 1, axis=1).astype(np.int64)
    before = pred.copy(), target.copy()
    pred.setflags(write=False)
    target.setflags(write=False)
    want = metric(pred, target, **METRICS[metric])
    assert isinstance(want, np.ndarray)
    assert (want.dtype, want.shape) == (np.float64, ())
    np.testing.assert_array_equal(pred, before[0])
    np.testing.assert_array_equal(target, before[1])
    for device in ("CPU_DEVICE", "device1"):
        there = [array_api_strict.asarray(one, device=array_api_strict.Device(device)) for one in before]
        got = metric(*there, **METRICS[metric])
        assert got.device == there[0].device
        assert got.dtype == array_api_strict.float64
        assert float(array_api_strict.asarray(got, device=array_api_strict.Device("CPU_DEVICE"))) == float(want)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_classes_and_left_out_pixels_on_a_foreign_device(metric: Any) -> None:
    rng = np.random.default_rng(3)
    scores, labels, weight = rng.random((3, 6, 7)), rng.integers(0, 3, (6, 7)), rng.integers(0, 2, (6, 7)).astype(float)
    device = array_api_strict.Device("device1")

    def move(array: Any) -> Any:
        return array_api_strict.asarray(array, device=device)

    for left_out in ({}, {"weight": weight}, {"ignore_index": 0}):
        keywords: dict[str, Any] = {"class_axis": 0, "reduction": "nanmean", **METRICS[metric]}
        want = metric(scores, labels, **keywords, **left_out)
        there = {name: move(value) if hasattr(value, "shape") else value for name, value in left_out.items()}
        got = metric(move(scores), move(labels), **keywords, **there)
        assert got.device == device
        home = array_api_strict.asarray(got, device=array_api_strict.Device("CPU_DEVICE"))
        np.testing.assert_array_equal(float(home), float(want))


def test_torch_gives_torch() -> None:
    torch = pytest.importorskip("torch")
    for metric, own in METRICS.items():
        logits = torch.tensor(BLOCK.astype(np.float32), requires_grad=True)
        got = metric(logits, torch.tensor(DOT), **own)
        assert got.dtype == torch.float64
        assert float(got) == float(metric(BLOCK, DOT, **own))
    record = ref.surface_distances(torch.tensor(BLOCK), torch.tensor(DOT))
    assert record.pred_to_target.dtype == record.pred_sizes.dtype == torch.float64
    assert float(ref.hausdorff_distance(record)) == R2


def test_centre_lines_of_arrays_that_cannot_be_written_to() -> None:
    pytest.importorskip("skimage")
    mask = np.zeros((5, 7), dtype=bool)
    mask[1:4, 1:6] = True
    mask.setflags(write=False)
    assert float(ref.centerline_dice(mask, mask)) == 1.0


# Label maps, class after class. ---------------------------------------------------------------------------------------


def _label_maps(seed: int, shape: tuple[int, ...] = (2, 13, 17)) -> Any:
    """Two maps of five labels, one of which neither has: blobs, some at the edges, on a background of 0 or of 3."""
    rng = np.random.default_rng(seed)
    maps = np.full((2, *shape), rng.choice([0, 3]), dtype=rng.choice([np.uint8, np.int64, np.int16]))
    for one in maps:
        for label in (1, 2, 3, 0):
            low = [int(rng.integers(0, n - 2)) for n in shape[1:]]
            one[int(rng.integers(0, 2)), low[0] : low[0] + 6, low[1] : low[1] + 5][
                rng.random((6, 5))[: shape[1] - low[0], : shape[2] - low[1]] < 0.8
            ] = label
    return maps[0], maps[1]


_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("hausdorff_distance", {"spacing": (1.5, 0.75)}),
    ("hausdorff_distance", {"border": "ignore", "surface": "voxel_full"}),
    ("average_surface_distance", {"border": "ignore"}),
    ("average_surface_distance", {"surface": "surfel"}),
    ("surface_dice", {"surface": "surfel", "border": "ignore", "tolerance": 1.0, "spacing": (1, 2)}),
    ("boundary_iou", {"width": 2}),
    ("boundary_iou", {"width": 1.8, "definition": "distance", "spacing": (0.7, 1.3)}),
    ("centerline_dice", {"method": "zhang"}),
    ("centerline_dice", {"method": "lee"}),
]


@pytest.mark.parametrize(("name", "own"), _CALLS)
@pytest.mark.parametrize("leave_out", ["nothing", "label", "weight", "both"])
def test_a_class_in_its_box_is_that_class_in_the_image(name: str, own: dict[str, Any], leave_out: str) -> None:
    if name == "centerline_dice":
        pytest.importorskip("skimage")
    metric = ref.registry.metrics[name].function
    for seed in range(6):
        pred, target = _label_maps(seed)
        rng = np.random.default_rng(seed)
        keywords: dict[str, Any] = {}
        kept = np.ones(target.shape, dtype=bool)
        if leave_out in ("label", "both"):
            keywords["ignore_index"] = 100
            target = np.where(rng.random(target.shape) < 0.05, 100, target).astype(target.dtype)
            kept &= target != 100
        if leave_out in ("weight", "both"):
            keywords["weight"] = (rng.random(target.shape[1:]) > 0.05).astype(np.float32)
            kept &= keywords["weight"] > 0
        found = metric(pred, target, class_axis=0, num_classes=5, axis=(2, 3), **own, **keywords)
        assert found.shape == (5, 2)
        hot = np.stack([pred == label for label in range(5)], axis=-1)
        one_sided = metric(hot, target, class_axis=3, axis=(1, 2), **own, **keywords)
        for label, image in np.ndindex(5, 2):
            alone = metric(
                pred[image] == label, target[image] == label, **own,
                weight=None if leave_out == "nothing" else kept[image],
            )  # fmt: skip
            np.testing.assert_array_equal(found[label, image], alone)
            np.testing.assert_array_equal(one_sided[image, label], alone)


def test_surfaces_of_many_classes_take_little_memory() -> None:
    labels = np.zeros((64, 64, 64), dtype=np.uint8)
    for label in range(1, 100):
        x, y = divmod(label, 10)
        labels[6 * x : 6 * x + 5, 6 * y : 6 * y + 5, label % 50 : label % 50 + 5] = label
    tracemalloc.start()
    found = ref.hausdorff_distance(labels, np.roll(labels, 1, axis=2), class_axis=0, num_classes=105)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * labels.size  # an eighth of the background is surface here, at some 60 bytes an element
    assert (found[1:100] == 1).all()
    assert np.isnan(found[100:]).all()
