"""Surface metrics against numbers worked by hand and brute force of another kind."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import segloss_ref as ref
from segloss_ref.metrics import _nearest
from segloss_ref.metrics._contours import bounding_box, elements
from segloss_ref.metrics._nearest import nearest
from segloss_ref.metrics._surfels import surfel_sizes
from tests.segloss_ref.surface_masks import BLOCK, DOT, R2

NONE, FULL = np.zeros((5, 5), dtype=bool), np.ones((5, 5), dtype=bool)


def test_the_record_holds_both_directed_sets() -> None:
    record = ref.surface_distances(BLOCK, DOT, spacing=(3, 4))
    # The ring in C order: corners at 5, above and below at 3, beside at 4; DOT is 3 from the nearest.
    assert record.pred_to_target.tolist() == [5, 3, 5, 4, 4, 5, 3, 5]
    assert record.target_to_pred.tolist() == [3]
    assert record.pred_sizes.tolist() == [1] * 8
    assert record.target_sizes.tolist() == [1]
    assert record.shape == ()
    assert float(ref.hausdorff_distance(record)) == 5
    assert float(ref.average_surface_distance(record)) == (4 * 5 + 2 * 3 + 2 * 4 + 3) / 9
    assert float(ref.surface_dice(record, tolerance=4)) == 5 / 9
    assert float(ref.surface_dice(record, tolerance=math.nextafter(4, 0))) == 3 / 9


def test_one_pass_gives_what_the_masks_give() -> None:
    rng = np.random.default_rng(0)
    pred, target = rng.random((2, 3, 7, 8)), rng.integers(0, 3, (2, 7, 8))
    masks: dict[str, Any] = {"class_axis": 1, "axis": (2, 3)}
    for surface, border in itertools.product(("voxel", "voxel_full", "surfel"), ("background", "ignore")):
        chosen: dict[str, Any] = {"surface": surface, "border": border, "spacing": (1, 2.5)}
        record = ref.surface_distances(pred, target, **masks, **chosen)
        assert record.shape == (2, 3)
        assert int(record.pred_counts.sum()) == record.pred_to_target.shape[0]
        for metric, own in (
            (ref.hausdorff_distance, {"percentile": 95, "interpolation": "attained"}),
            (ref.average_surface_distance, {"combine": "max"}),
            (ref.surface_dice, {"tolerance": 1.1}),
        ):
            for reduction in ("none", "mean", "nanmean", "sum"):
                np.testing.assert_array_equal(
                    metric(record, reduction=reduction, **own),
                    metric(pred, target, reduction=reduction, **masks, **chosen, **own),
                )


def test_percentiles() -> None:
    line = np.zeros((1, 21), dtype=bool)
    line[0, :] = True
    start = np.zeros((1, 21), dtype=bool)
    start[0, 0] = True  # distances 0, 1, ..., 20 one way, and 0 the other
    for percentile, linear, attained in (
        (0, 0, 0),
        (5, 1, 1),
        (95, 19, 19),
        (96, 19.2, 20),
        (2, 0.4, 0),
        (100, 20, 20),
    ):
        assert float(ref.hausdorff_distance(line, start, percentile=percentile)) == pytest.approx(linear, rel=1e-15)
        # Of 21 elements ceil(0.05 * 21) = 2 lie at or below 1, ceil(0.95 * 21) = 20 below 19, ceil(0.96 * 21) = 21.
        assert float(ref.hausdorff_distance(line, start, percentile=percentile, interpolation="attained")) == attained
    # Pooled: 0 twice. Rank 0.5 * 21 = 10.5 of 0, 0, 1, ..., 20.
    assert float(ref.hausdorff_distance(line, start, percentile=50, combine="pooled")) == 9.5
    assert float(ref.hausdorff_distance(line, start, percentile=50, combine="mean")) == 5


@pytest.mark.parametrize("count", [20, 40, 100, 1000])
def test_a_share_that_is_met_exactly_is_attained(count: int) -> None:
    """95 % of 20 is 19 elements, whatever 0.95 is in binary; and so with weights that are all alike."""
    distances = np.arange(count, dtype=float)
    from segloss_ref.metrics._measuring import Side
    from segloss_ref.metrics.surfaces import _percentile

    for sizes in (None, np.full(count, 0.1), np.full(count, math.sqrt(3) / 8)):
        for percentile in (5, 7, 35, 55, 95):
            want = percentile * count // 100 - (0 if percentile * count % 100 else 1)
            assert _percentile(Side(distances, sizes), percentile, "attained") == want


@pytest.mark.parametrize(
    ("pred", "target", "keywords", "distance", "share"),
    [
        (NONE, DOT, {}, math.inf, 0),
        (DOT, NONE, {}, math.inf, 0),
        (DOT, NONE, {"combine": "target_to_pred"}, math.inf, 0),
        (NONE, NONE, {}, math.nan, math.nan),
        (NONE, NONE, {"undefined": 7}, 7, 7),
        (FULL, FULL, {}, 0, 1),
        (FULL, FULL, {"border": "ignore"}, math.nan, math.nan),
        (FULL, DOT, {"border": "ignore"}, math.nan, math.nan),
        (FULL, NONE, {"border": "ignore"}, math.nan, math.nan),
        (FULL, NONE, {}, math.inf, 0),
        (DOT, DOT, {}, 0, 1),
        (DOT, DOT, {"weight": 1.0 - DOT}, math.nan, math.nan),  # the only pixel is left out
    ],
)
@pytest.mark.parametrize("surface", ["voxel", "voxel_full", "surfel"])
def test_edges(pred: Any, target: Any, keywords: Any, distance: float, share: float, surface: str) -> None:
    for metric, more, want in (
        (ref.hausdorff_distance, {}, distance),
        (ref.average_surface_distance, {}, distance),
        (ref.surface_dice, {"tolerance": 9}, share),
    ):
        got = float(metric(pred, target, surface=surface, **more, **keywords))
        assert got == want or (math.isnan(got) and math.isnan(want)), metric


def test_leaving_out_can_empty_a_mask_or_take_its_surface() -> None:
    weight = 1.0 - DOT  # of BLOCK the ring is left, whose pixels all have DOT among their 8 neighbours, and 4 among 4
    assert float(ref.hausdorff_distance(BLOCK, DOT, weight=weight)) == math.inf
    assert math.isnan(ref.hausdorff_distance(BLOCK, DOT, weight=weight, surface="voxel_full"))
    assert ref.surface_distances(BLOCK, DOT, weight=weight).pred_to_target.tolist() == [math.inf] * 4


def test_reductions_over_undefined_regions() -> None:
    pred, target = np.stack([BLOCK, NONE, NONE]), np.stack([DOT, NONE, DOT])
    axes: dict[str, Any] = {"axis": (1, 2)}
    np.testing.assert_array_equal(ref.hausdorff_distance(pred, target, **axes), [R2, np.nan, np.inf])
    assert math.isnan(ref.surface_dice(pred, target, tolerance=1, reduction="mean", **axes))
    assert float(ref.surface_dice(pred, target, tolerance=1, reduction="nanmean", **axes)) == 5 / 9 / 2
    assert float(ref.hausdorff_distance(pred[:2], target[:2], reduction="nanmean", **axes)) == R2
    assert math.isnan(ref.hausdorff_distance(pred[1:2], target[1:2], reduction="nanmean", **axes))


def test_leaving_out_makes_no_edges() -> None:
    """A mask that is left out along a stripe is no further from itself, nor from its like beyond the stripe."""
    square = np.zeros((9, 9), dtype=bool)
    square[1:8, 1:8] = True
    weight = np.ones((9, 9))
    weight[:, 4] = 0
    other = square.copy()
    other[:, 4] = False
    for surface in ("voxel", "voxel_full", "surfel"):
        assert float(ref.hausdorff_distance(square, other, weight=weight, surface=surface)) == 0
        record = ref.surface_distances(square, square, weight=weight, surface=surface)
        # The square's ring less three columns: 2 sides of 7 and 4 pieces of 2; the surfels' of 8, less 4 columns.
        want = 2 * 7 + 4 * 1 if surface != "surfel" else 2 * 8 + 4 * 2
        assert record.pred_to_target.shape[0] == want
    labels = square.astype(int)
    labels[:, 4] = 3
    assert float(ref.average_surface_distance(square, labels, ignore_index=3)) == 0


def test_axes_order_spacing_and_classes() -> None:
    one, two = np.zeros((2, 4, 6)), np.zeros((2, 4, 6))
    one[:, 0, 0] = two[:, 3, 4] = 1
    assert ref.hausdorff_distance(one, two, axis=(1, 2), spacing=(1, 1)).tolist() == [5, 5]
    assert ref.hausdorff_distance(one, two, axis=(1, 2), spacing=(4, 1.25)).tolist() == [13, 13]
    assert ref.hausdorff_distance(one, two, axis=(2, 1), spacing=(1.25, 4)).tolist() == [13, 13]
    assert ref.hausdorff_distance(one, two, axis=(-1, -2), spacing=(1.25, 4)).tolist() == [13, 13]
    assert ref.hausdorff_distance(one, two, axis=(1, 2), spacing=2).tolist() == [10, 10]
    labels = {"class_axis": -1, "num_classes": 2, "axis": (1, 2)}
    assert ref.hausdorff_distance(one.astype(int), two.astype(int), **labels)[:, 1].tolist() == [5, 5]  # type: ignore[call-overload]


def all_pairs(a: Any, b: Any, spacing: Any) -> tuple[Any, Any]:
    from scipy.spatial.distance import cdist

    between = np.sqrt(cdist(np.argwhere(a) * spacing, np.argwhere(b) * spacing, "sqeuclidean"))
    return between.min(axis=1), between.min(axis=0)


@pytest.mark.parametrize("share", [0.0, math.inf], ids=["by transform", "by tree"])
@pytest.mark.parametrize("seed", range(12))
def test_every_way_to_the_neighbour_is_exact(share: float, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit for dyadic spacing, whichever way is chosen."""
    monkeypatch.setattr(_nearest, "TRANSFORM_SHARE", share)
    rng = np.random.default_rng(seed)
    shape = tuple(int(size) for size in rng.integers(5, 14, size=int(rng.integers(1, 4))))
    spacing = tuple(float(size) for size in rng.choice([0.25, 1.0, 1.5, 4.0], size=len(shape)))
    pred, target = rng.random(shape) < 0.02, ndimage.binary_dilation(rng.random(shape) < 0.02)
    pred.flat[0] = target.flat[-1] = True  # far apart, so that looking around is not enough
    record = ref.surface_distances(pred, target, spacing=spacing)
    a, b = (mask & ~ndimage.binary_erosion(mask) for mask in (pred, target))
    there, back = all_pairs(a, b, spacing)
    np.testing.assert_array_equal(record.pred_to_target, there)
    np.testing.assert_array_equal(record.target_to_pred, back)


def test_far_from_the_origin_distances_keep_their_digits() -> None:
    """Coordinates of 1e5 steps of 0.1 are rounded; the difference of one step is not."""
    pred, target = np.zeros((1, 100_008), dtype=bool), np.zeros((1, 100_008), dtype=bool)
    pred[0, [0, 100_000]] = target[0, [0, 100_007]] = True
    record = ref.surface_distances(pred, target, spacing=(1, 0.1))
    assert record.pred_to_target.tolist() == [0, 7 * 0.1]


def test_a_tie_at_the_tolerance_is_within() -> None:
    a, b = np.zeros((9, 9), dtype=bool), np.zeros((9, 9), dtype=bool)
    a[2:6, 2:6] = b[2:6, 5:9] = True
    assert float(ref.surface_dice(a, b, tolerance=1.5, spacing=(0.5, 0.5))) == 1
    assert float(ref.surface_dice(a, b, tolerance=math.nextafter(1.5, 0), spacing=(0.5, 0.5))) < 1
    for steps in itertools.product(range(4), repeat=2):
        moved = np.roll(a, steps, axis=(0, 1))
        distance = float(ref.hausdorff_distance(a, moved))
        assert float(ref.surface_dice(a, moved, tolerance=distance)) == 1
        if distance:
            assert float(ref.surface_dice(a, moved, tolerance=math.nextafter(distance, 0))) < 1


def test_surfels_lie_between_pixels_with_their_lengths() -> None:
    record = ref.surface_distances(DOT, BLOCK, surface="surfel", spacing=(3, 4))
    assert record.pred_sizes.tolist() == [2.5] * 4
    assert record.target_sizes.tolist() == [2.5, 4, 4, 2.5, 3, 3, 3, 3, 2.5, 4, 4, 2.5]
    # From each corner of DOT the ring of surfels around BLOCK is one row (3) away.
    assert record.pred_to_target.tolist() == [3] * 4
    # And from that ring: corners (3, 4) -> 5, rows 3, columns 4.
    assert record.target_to_pred.tolist() == [5, 3, 3, 5, 4, 4, 4, 4, 5, 3, 3, 5]
    total = 4 * 2.5 * 5 + 4 * 4 * 3 + 4 * 3 * 4 + 4 * 2.5 * 3
    assert float(ref.average_surface_distance(record)) == total / (4 * 2.5 + 4 * 4 + 4 * 3 + 4 * 2.5)
    # 5 is a share of 10/38 of BLOCK's ring, 4 and 3 the rest.
    for percentile, want in ((42, 3), (43, 4), (73, 4), (74, 5)):  # 16/38 = .4211, 28/38 = .7368
        got = ref.hausdorff_distance(record, percentile=percentile, interpolation="attained", combine="target_to_pred")
        assert float(got) == want


def test_unit_areas_are_the_published_ones() -> None:
    """One code of each class and its complement; and the number of codes of each area among the 256."""
    sizes = surfel_sizes((1.0, 1.0, 1.0))
    r2, r3 = R2, math.sqrt(3)
    published = {
        0.0: 2, r3 / 8: 16, r3 / 4: 32, 3 * r3 / 8: 16, r3 / 2: 2, r2 / 2: 24, r2 / 2 + r3 / 8: 48, 1.0: 6,
        0.5 + 3 * r3 / 8: 48, 0.5 + r3 / 2: 24, r2: 6, 3 * r3 / 4: 8, r2 / 2 + r3 / 2: 24,
    }  # fmt: skip
    assert sum(published.values()) == 256
    for area, count in published.items():
        assert int(np.isclose(sizes, area, rtol=1e-14, atol=0).sum()) == count, area
    np.testing.assert_allclose(sizes, sizes[::-1], rtol=1e-14)
    plane = sizes[0b00001111]
    assert plane == 1
    assert surfel_sizes((2.0, 3.0, 5.0))[0b00001111] == 15  # rows along axes 1 and 2


def test_boundary_iou() -> None:
    wide = BLOCK.copy()
    wide[1:4, 4] = True
    # Rings of 8 and 10 that share 7.
    assert float(ref.boundary_iou(BLOCK, wide, width=1)) == 7 / 11
    assert float(ref.boundary_iou(BLOCK, wide, width=1, definition="distance")) == 7 / 11
    assert float(ref.boundary_iou(BLOCK, wide, width=2.0)) == 9 / 12
    # DOT is sqrt(4) from BLOCK's outside, and R2 is not enough; its diagonal neighbours are 1 away.
    assert float(ref.boundary_iou(BLOCK, FULL, width=1.9, definition="distance")) == 0
    assert float(ref.boundary_iou(BLOCK, FULL, width=2, definition="distance")) == 8 / 25
    assert float(ref.boundary_iou(FULL, FULL, width=1)) == 1
    assert float(ref.boundary_iou(DOT, NONE, width=1)) == 0
    assert math.isnan(ref.boundary_iou(NONE, NONE, width=1))
    # A left-out column makes no band: of FULL and its like with a hole there, the frame is shared.
    hole = FULL.copy()
    hole[2, 2] = False
    assert float(ref.boundary_iou(FULL, hole, width=1)) == 16 / 24
    assert float(ref.boundary_iou(FULL, hole, width=1, weight=1.0 - DOT)) == 1


def test_centerline_dice() -> None:
    a, b = np.zeros((5, 9), dtype=bool), np.zeros((5, 9), dtype=bool)
    a[2, 1:8] = b[2, 1:6] = True  # lines are their own skeletons
    for method in ("zhang", "lee"):
        assert float(ref.centerline_dice(a, b, method=method)) == pytest.approx(2 * 5 / 7 / (1 + 5 / 7))
        assert float(ref.centerline_dice(a, np.roll(a, 1, 0), method=method)) == 0
        assert float(ref.centerline_dice(a, b & False, method=method)) == 0  # a complete miss
        assert float(ref.centerline_dice(b & False, a, method=method, undefined=1.0)) == 0
        assert math.isnan(ref.centerline_dice(a & False, b & False, method=method))


def test_without_scikit_image_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['skimage'] = sys.modules['skimage.morphology'] = None\n"
        "import numpy as np, segloss_ref\n"
        "try: segloss_ref.centerline_dice(np.eye(4), np.eye(4))\n"
        "except ImportError as problem: print(problem)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "segloss-ref[skeleton]" in said


def test_bounding_box_and_lattice() -> None:
    assert bounding_box(NONE) is None
    assert bounding_box(BLOCK) == (slice(1, 4), slice(1, 4))
    mask = np.zeros((3, 4, 5), dtype=bool)
    mask[1, 2, 3] = mask[2, 0, 3] = True
    assert bounding_box(mask) == (slice(1, 3), slice(0, 3), slice(3, 4))
    box = bounding_box(BLOCK)
    assert box is not None
    lattice = elements(BLOCK, None, box, (slice(0, 5), slice(0, 5)), "voxel", "background", (1.0, 1.0))
    assert np.argwhere(lattice.where).min() == 3  # two of margin, and one of the frame
    assert nearest(lattice.where, lattice.where, (1.0, 1.0)).tolist() == [0] * 8
