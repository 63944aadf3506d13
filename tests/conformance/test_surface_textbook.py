"""The textbook's surface metrics against examples worked by hand. Nothing here calls the library."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from segloss_conformance.truth import textbook
from segloss_conformance.truth.numbers import mp
from segloss_conformance.truth.textbook.surfaces import METRICS, surfel_size

NAN, INF = math.nan, math.inf


def image(*rows: str) -> Any:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


BLOCK = image(  # 3x3: its surface is the ring of 8
    ".....",
    ".###.",
    ".###.",
    ".###.",
    ".....",
)
WIDE = image(  # 3x4: its surface is the ring of 10
    ".....",
    ".####",
    ".####",
    ".####",
    ".....",
)
DOT = image(
    ".....",
    ".....",
    "..#..",
    ".....",
    ".....",
)
NONE = image(".....", ".....", ".....", ".....", ".....")
FULL = ~NONE
CORNER = image("#....", ".....", ".....", ".....", ".....")

HD, ASD, NSD, BIOU, CL = METRICS
# Ring of BLOCK to DOT: 4 faces at 1, 4 corners at sqrt 2; DOT to the ring: 1.
CASES: list[tuple[str, Any, Any, dict[str, Any], Any]] = [
    (HD, BLOCK, DOT, {}, mp.sqrt(2)),
    (HD, BLOCK, DOT, {"combine": "target_to_pred"}, 1),
    (HD, BLOCK, DOT, {"combine": "mean"}, (mp.sqrt(2) + 1) / 2),
    (HD, BLOCK, DOT, {"percentile": 0.0}, 1),
    # Sorted 1 1 1 1 r r r r: the median lies half way between the fourth and the fifth.
    (HD, BLOCK, DOT, {"percentile": 50.0}, (1 + mp.sqrt(2)) / 2),
    (HD, BLOCK, DOT, {"percentile": 50.0, "interpolation": "attained"}, 1),
    # Pooled, five of nine are 1: rank 0.5 * 8 = 4 is the last 1.
    (HD, BLOCK, DOT, {"percentile": 50.0, "combine": "pooled"}, 1),
    # Rank 0.95 * 8 = 7.6, between r and r; rank 0.5625 * 8 = 4.5, half way between 1 and r.
    (HD, BLOCK, DOT, {"percentile": 56.25, "combine": "pooled"}, (1 + mp.sqrt(2)) / 2),
    (HD, BLOCK, DOT, {"spacing": (3, 4)}, 5),
    (HD, CORNER, DOT, {"spacing": (1.5, 2)}, 5),
    (HD, BLOCK, BLOCK, {}, 0),
    (HD, NONE, DOT, {}, INF),
    (HD, NONE, NONE, {}, NAN),
    (HD, NONE, NONE, {"undefined": 0.0}, 0),
    (HD, FULL, DOT, {"border": "ignore"}, NAN),  # no pixel of a full mask has a neighbour outside it within the image
    (HD, FULL, NONE, {"border": "ignore"}, NAN),
    (HD, FULL, DOT, {}, mp.sqrt(8)),  # from a corner of the image
    (HD, CORNER, CORNER, {"border": "ignore"}, 0),
    (ASD, BLOCK, DOT, {}, (4 + 4 * mp.sqrt(2) + 1) / 9),
    (ASD, BLOCK, DOT, {"combine": "mean"}, ((1 + mp.sqrt(2)) / 2 + 1) / 2),
    (ASD, BLOCK, DOT, {"combine": "max"}, (1 + mp.sqrt(2)) / 2),
    # Three of WIDE's ring (its right side) lie 1 beyond BLOCK's; of BLOCK's ring (2, 3) alone is inside WIDE, 1 from its ring.
    (ASD, WIDE, BLOCK, {}, mp.mpf(3 + 1) / 18),
    # The image ends at WIDE's right side, which without it is no surface but at its ends: 8 elements, two of them at 1. BLOCK's
    # (2, 3) is 1 from (1, 3).
    (ASD, WIDE, BLOCK, {"border": "ignore"}, mp.mpf(2 + 1) / 17),
    (NSD, BLOCK, DOT, {"tolerance": 1.0}, mp.mpf(5) / 9),
    (NSD, BLOCK, DOT, {"tolerance": 0.5}, 0),
    (NSD, BLOCK, DOT, {"tolerance": 1.5}, 1),
    (NSD, BLOCK, DOT, {"tolerance": 1.0, "combine": "mean"}, mp.mpf(3) / 4),
    (NSD, BLOCK, DOT, {"tolerance": math.sqrt(2)}, 1),  # a float64 is within itself, on whichever side of the root it lies
    (NSD, NONE, DOT, {"tolerance": 9.0}, 0),
    (NSD, NONE, NONE, {"tolerance": 9.0}, NAN),
    # Erosion by a square of 3 leaves DOT of BLOCK: rings of 8 and 10 (WIDE less 1x2) that share 8 less (2, 3).
    (BIOU, BLOCK, WIDE, {"width": 1}, mp.mpf(7) / 11),
    (BIOU, BLOCK, WIDE, {"width": 2}, mp.mpf(9) / 12),
    (BIOU, FULL, BLOCK, {"width": 1}, mp.mpf(0)),  # the outermost ring of the image, and BLOCK's inside it
    (BIOU, FULL, BLOCK, {"width": 2}, mp.mpf(8) / 25),  # all but the middle, and all of BLOCK
    (BIOU, NONE, NONE, {"width": 2}, NAN),
    # Rows 2 apart and columns 1: within 1 of the outside are the left and right columns alone.
    (BIOU, BLOCK, WIDE, {"width": 1.0, "definition": "distance", "spacing": (2, 1)}, mp.mpf(3) / 9),
    (BIOU, BLOCK, WIDE, {"width": 1.0, "definition": "distance"}, mp.mpf(7) / 11),
    (CL, image(".....", ".###.", "....."), image(".....", ".##..", "....."), {}, mp.mpf(4) / 5),
    (CL, image(".....", ".###.", "....."), image(".###.", ".....", "....."), {}, 0),
    (CL, image(".....", ".###.", "....."), image(".....", ".....", "....."), {}, 0),
    (CL, image(".....", ".....", "....."), image(".....", ".###.", "....."), {"undefined": 1.0}, 0),
    (CL, image(".....", ".....", "....."), image(".....", ".....", "....."), {}, NAN),
]  # fmt: skip


def values(name: str, pred: Any, target: Any, **keywords: Any) -> list[Any]:
    return [number.v for number in textbook.metric(name, pred, target, **keywords).value]


@pytest.mark.parametrize(("name", "pred", "target", "keywords", "want"), CASES)
def test_worked(name: str, pred: Any, target: Any, keywords: dict[str, Any], want: Any) -> None:
    (got,) = values(name, pred, target, **keywords)
    want = mp.mpf(want)
    assert got == want or (mp.isnan(got) and mp.isnan(want)) or abs(got - want) < mp.mpf(10) ** -50


@pytest.mark.parametrize("name", METRICS)
def test_one_empty_mask(name: str) -> None:
    own: dict[str, Any] = {NSD: {"tolerance": 1.0}, BIOU: {"width": 1}}.get(name, {})
    said: dict[str, Any] = {"pred_empty": 3.0, "target_empty": 4.0, "undefined": 5.0}
    for pred, target, want in ((NONE, DOT, 3), (DOT, NONE, 4), (NONE, NONE, 5), (BLOCK, ~DOT, None)):
        (got,) = values(name, pred, target, **own, **said)
        assert got == want if want is not None else got not in (3, 4, 5)
    assert values(name, DOT, NONE, target_empty=INF, **own) == [INF]
    # The only pixel is left out; the target has others.
    assert values(name, DOT, BLOCK, weight=1.0 - DOT, **own, **said) == [3]


def test_a_mask_without_a_surface_is_not_empty() -> None:
    said: dict[str, Any] = {"border": "ignore", "pred_empty": 3.0, "target_empty": 4.0, "undefined": 5.0}
    assert values(HD, FULL, DOT, **said) == [5]
    assert values(HD, FULL, NONE, **said) == [4]
    assert values(HD, NONE, FULL, **said) == [3]


def test_weighted_by_support() -> None:
    # One row: class 0 at 0 0 of the prediction and 0 0 1 of the target, class 1 at 1 0 and 0, class 2 nowhere.
    p, t = np.array([[0, 0, 1, 1]]), np.array([[0, 0, 0, 1]])
    maps: dict[str, Any] = {"class_axis": 0, "num_classes": 3, "reduction": "weighted"}
    (got,) = values(ASD, p, t, **maps)
    assert abs(got - mp.mpf(7) / 30) < mp.mpf(10) ** -50  # (3 * 1/5 + 1 * 1/3)/4
    assert values(HD, p, t, undefined=INF, **maps) == [1]
    assert values(HD, np.array([[0, 0, 1, 2]]), t, **maps) == [1]  # class 2, at infinity, has no support


def test_every_surface_metric_has_examples() -> None:
    assert {one[0] for one in CASES} == set(METRICS)


def test_left_out_pixels_make_no_edges() -> None:
    """BLOCK and a copy without its middle column: left out, the column is in neither, and nobody's edge."""
    weight = np.ones((5, 5))
    weight[:, 2] = 0
    cut = BLOCK & (weight > 0)
    assert not cut[:, 2].any()
    # Left: two columns of three. Those beside the left-out column are all dropped, and so nothing is left.
    assert mp.isnan(values(HD, BLOCK, cut, weight=weight)[0])
    weight[:, 2] = 1
    weight[1, 1] = 0  # a corner of BLOCK: its two face neighbours are dropped, 5 elements are left
    assert values(NSD, BLOCK, BLOCK, tolerance=0.0, weight=weight) == [1]
    # From the ring less three of BLOCK to DOT: (1, 3), (3, 1), (3, 3) at sqrt 2 and (2, 3), (3, 2) at 1.
    assert values(ASD, BLOCK, DOT, weight=weight, combine="pred_to_target") == [(3 * mp.sqrt(2) + 2) / 5]


def test_label_and_weight_leave_out_alike() -> None:
    labels = BLOCK.astype(int)
    labels[1, 1] = 7
    weight = np.ones((5, 5))
    weight[1, 1] = 0
    by_label = values(ASD, WIDE, labels, ignore_index=7)
    assert by_label == values(ASD, WIDE, BLOCK, weight=weight)
    assert by_label != values(ASD, WIDE, BLOCK)


def test_regions_and_classes() -> None:
    pred, target = np.stack([BLOCK, NONE]), np.stack([DOT, DOT])
    assert values(HD, pred, target, axis=(1, 2)) == [mp.sqrt(2), mp.inf]
    # As classes of label maps: the background's surface of DOT's complement is the 4 neighbours of DOT and the frame of 16.
    assert values(HD, BLOCK.astype(int), DOT.astype(int), class_axis=0, num_classes=2, combine="target_to_pred")[1] == 1
    assert values(HD, pred.transpose(0, 2, 1), target, axis=(2, 1), spacing=(3, 4))[0] == 5


SQUARES = [
    frozenset(one) for size in (1, 2, 3) for one in itertools.combinations(itertools.product((0, 1), repeat=2), size)
]


@pytest.mark.parametrize("inside", SQUARES, ids=str)
def test_lengths_of_segments(inside: frozenset[tuple[int, ...]]) -> None:
    """With sides 3 and 4: a corner costs half the diagonal, 5/2; a row of two one side, a diagonal pair two corners."""
    rows = {len({c[axis] for c in inside}) for axis in (0, 1)}
    if len(inside) != 2:
        want = Fraction(5, 2)
    elif rows == {2}:
        want = Fraction(5)
    else:
        want = Fraction(4) if len({c[0] for c in inside}) == 1 else Fraction(3)
    assert surfel_size(inside, (Fraction(3), Fraction(4))) == mp.mpf(want.numerator) / want.denominator


@pytest.mark.parametrize(
    ("corners", "area"),
    [
        # With sides 1 the triangle that cuts off a corner has sides sqrt(1/2), and the area sqrt(3)/8.
        (["000"], mp.sqrt(3) / 8),
        (["000", "001"], mp.sqrt(2) / 2),
        (["000", "011"], mp.sqrt(3) / 4),
        (["000", "111"], mp.sqrt(3) / 4),
        (["000", "001", "010", "011"], 1),
        (["000", "011", "101", "110"], mp.sqrt(3) / 2),
        # A regular hexagon of side sqrt(1/2): 3 sqrt(3)/2 * 1/2.
        (["000", "001", "010", "100"], 3 * mp.sqrt(3) / 4),
        (["000", "001", "110", "111"], mp.sqrt(2)),
        # Published for three corners of a face: 1.150.
        (["000", "001", "010"], mp.mpf(1) / 2 + 3 * mp.sqrt(3) / 8),
    ],
)
def test_areas_of_surfels(corners: list[str], area: Any) -> None:
    inside = frozenset(tuple(int(i) for i in corner) for corner in corners)
    one = (Fraction(1),) * 3
    assert abs(surfel_size(inside, one) - area) < mp.mpf(10) ** -50
    if len(inside) != 4:  # of four and four, those inside stay apart
        rest = frozenset(itertools.product((0, 1), repeat=3)) - inside
        assert abs(surfel_size(rest, one) - area) < mp.mpf(10) ** -50


def test_surfels_of_one_pixel() -> None:
    """Four corners of half a diagonal each; DOT from CORNER, two down and two right."""
    assert (
        values(ASD, DOT, CORNER, surface="surfel", spacing=(3, 4), combine="pred_to_target")[0]
        == (
            # From the corner of DOT nearest to CORNER's: (1, 1) pixels, hence (3, 4); others a pixel further.
            mp.sqrt(9 + 16) + mp.sqrt(36 + 16) + mp.sqrt(9 + 64) + mp.sqrt(36 + 64)
        )
        / 4
    )
    # At the image's edge "ignore" leaves CORNER one surfel of four; from DOT's furthest it is (2, 2).
    assert values(HD, DOT, CORNER, surface="surfel", border="ignore") == [mp.sqrt(8)]
    assert values(NSD, DOT, DOT, surface="surfel", tolerance=0.0) == [1]
