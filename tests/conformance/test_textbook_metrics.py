"""The textbook's metrics against examples worked by hand, and its geometry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segloss_conformance.truth import textbook
from segloss_conformance.truth.numbers import mp
from segloss_conformance.truth.textbook.counts import METRICS as COUNTING
from tests.conformance.worked_examples import INF, LN2, LN3, NAN, P, agree, excess, frac, values

# Metrics. -------------------------------------------------------------------------------------------------------------

# Ten pixels: tp 3, fp 1, fn 2, tn 4, so P = 4 and T = 5.
MP = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
MT = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0])

METRICS: list[tuple[str, dict[str, Any], Any]] = [
    ("dice_score", {}, frac(2, 3)),  # 6/9
    ("jaccard_index", {}, frac(1, 2)),  # 3/6
    ("sensitivity", {}, frac(3, 5)),
    ("specificity", {}, frac(4, 5)),
    ("precision", {}, frac(3, 4)),
    ("negative_predictive_value", {}, frac(2, 3)),  # 4/6
    ("accuracy", {}, frac(7, 10)),
    ("balanced_accuracy", {}, frac(7, 10)),  # (3/5 + 4/5)/2
    ("f_score", {}, frac(2, 3)),
    ("f_score", {"beta": 2.0}, frac(5, 8)),  # 15/(15 + 8 + 1)
    ("f_score", {"beta": 0.5}, frac(5, 7)),  # 15/4 over 15/4 + 1/2 + 1
    ("f_score", {"beta": 0.0}, frac(3, 4)),
    ("matthews_correlation", {}, 1 / mp.sqrt(6)),  # (12 - 2)/sqrt(4 * 5 * 5 * 6)
    ("cohen_kappa", {}, frac(2, 5)),  # observed 7/10, by chance (4 * 5 + 6 * 5)/100
    ("tversky_index", {}, frac(2, 3)),
    ("tversky_index", {"fp_weight": 0.25, "fn_weight": 0.75}, frac(12, 19)),  # 3/(3 + 1/4 + 3/2)
    ("volumetric_similarity", {}, frac(8, 9)),
    ("volumetric_similarity", {"kind": "signed"}, frac(-2, 9)),
    ("volumetric_similarity", {"kind": "relative"}, frac(-1, 5)),
    ("volumetric_similarity", {"kind": "absolute_relative"}, frac(1, 5)),
]


def scores(name: str, pred: Any, target: Any, **keywords: Any) -> list[Any]:
    return [number.v for number in textbook.metric(name, np.asarray(pred), np.asarray(target), **keywords).value]


@pytest.mark.parametrize(("name", "keywords", "want"), METRICS)
def test_metric(name: str, keywords: dict[str, Any], want: Any) -> None:
    agree(scores(name, MP, MT, **keywords), [want])
    agree(scores(name, MP.astype(bool), MT.astype(float), **keywords), [want])


def test_metrics_cover_every_metric() -> None:
    assert {one[0] for one in METRICS} == set(COUNTING)


# (metric, keywords, prediction, target, value): u stands for undefined.
U = "undefined"
EMPTY, FULL = [0, 0], [1, 1]
METRIC_EDGES: list[tuple[str, dict[str, Any], list[int], list[int], Any]] = [
    *[(name, {}, EMPTY, EMPTY, U) for name in ("dice_score", "jaccard_index", "f_score", "tversky_index")],
    *[(name, {}, EMPTY, EMPTY, U) for name in ("sensitivity", "precision", "balanced_accuracy")],
    *[(name, {}, EMPTY, EMPTY, U) for name in ("matthews_correlation", "cohen_kappa")],
    *[(name, {}, FULL, FULL, U) for name in ("specificity", "negative_predictive_value", "balanced_accuracy")],
    *[(name, {}, FULL, FULL, U) for name in ("matthews_correlation", "cohen_kappa")],
    *[(name, {}, FULL, FULL, 1) for name in ("dice_score", "jaccard_index", "sensitivity", "precision", "accuracy")],
    *[(name, {}, EMPTY, EMPTY, 1) for name in ("specificity", "negative_predictive_value", "accuracy")],
    *[(name, {}, EMPTY, FULL, 0) for name in ("dice_score", "jaccard_index", "sensitivity", "accuracy", "cohen_kappa")],
    ("precision", {}, EMPTY, FULL, U),
    ("matthews_correlation", {}, EMPTY, [1, 0], U),
    ("cohen_kappa", {}, EMPTY, [1, 0], 0),  # observed 1/2, by chance 1/2
    ("matthews_correlation", {}, [0, 1], [1, 0], -1),
    ("cohen_kappa", {}, [0, 1], [1, 0], -1),
    *[("volumetric_similarity", {"kind": kind}, EMPTY, EMPTY, U)
      for kind in ("unsigned", "signed", "relative", "absolute_relative")],
    ("volumetric_similarity", {}, FULL, EMPTY, 0),
    ("volumetric_similarity", {"kind": "signed"}, EMPTY, FULL, -2),
    ("volumetric_similarity", {"kind": "relative"}, FULL, EMPTY, INF),
    ("volumetric_similarity", {"kind": "absolute_relative"}, FULL, EMPTY, INF),
    ("volumetric_similarity", {"kind": "relative"}, EMPTY, FULL, -1),
    ("tversky_index", {"fp_weight": 0.0}, FULL, EMPTY, U),
]  # fmt: skip


@pytest.mark.parametrize(("name", "keywords", "pred", "target", "want"), METRIC_EDGES)
def test_metric_edges(name: str, keywords: dict[str, Any], pred: list[int], target: list[int], want: Any) -> None:
    agree(scores(name, pred, target, **keywords), [NAN if want is U else want])
    agree(scores(name, pred, target, undefined=7.0, **keywords), [7 if want is U else want])


def test_metric_reductions() -> None:
    # Rows: 2/3, undefined, 1.
    p, t = [[1, 1], [0, 0], [1, 0]], [[1, 0], [0, 0], [1, 0]]
    rows = [frac(2, 3), NAN, 1]
    agree(scores("dice_score", p, t, axis=1), rows)
    agree(scores("dice_score", p, t, axis=1, reduction="mean"), [NAN])
    agree(scores("dice_score", p, t, axis=1, reduction="nanmean"), [frac(5, 6)])
    agree(scores("dice_score", p, t, axis=1, reduction="sum", undefined=0.0), [frac(5, 3)])
    agree(scores("dice_score", p, t, axis=1, reduction="mean", undefined=1.0), [frac(8, 9)])
    agree(scores("dice_score", EMPTY, EMPTY, reduction="nanmean"), [NAN])


# Counts (TP, FP, FN, TN) of two pixels: the prediction empty, the target empty, both empty.
ONE_EMPTY = [(EMPTY, [1, 0]), ([1, 0], EMPTY), (EMPTY, EMPTY)]


@pytest.mark.parametrize(
    ("name", "wants"),
    [
        ("dice_score", (3, 4, 5)),
        ("precision", (3, 4, 5)),  # 0/0 where the prediction is empty
        ("sensitivity", (3, 4, 5)),  # 0/0 where the target is
        ("accuracy", (3, 4, 1)),
        ("specificity", (3, 4, 1)),
    ],
)
def test_metrics_of_one_empty_mask(name: str, wants: tuple[int, ...]) -> None:
    for (p, t), want in zip(ONE_EMPTY, wants, strict=True):
        agree(scores(name, p, t, pred_empty=3.0, target_empty=4.0, undefined=5.0), [want])
    agree(scores(name, EMPTY, [1, 0], pred_empty=INF, target_empty=4.0), [INF])
    agree(scores(name, [1, 0], EMPTY, target_empty=NAN, undefined=5.0), [NAN])
    agree(scores("accuracy", [1, 0], EMPTY, pred_empty=3.0), [frac(1, 2)])
    agree(scores("precision", EMPTY, [1, 0], target_empty=4.0), [NAN])


def test_empty_is_what_is_counted() -> None:
    weight = np.array([0.0, 1.0])
    agree(scores("dice_score", [1, 0], [1, 1], weight=weight, pred_empty=3.0), [3])
    agree(scores("dice_score", [1, 0], [9, 1], ignore_index=9, pred_empty=3.0), [3])


def test_metrics_weighted_by_support() -> None:
    # Class 0: TP 2, FN 1. Class 1: TP 1, FP 1. Class 2 is nowhere. Supports 3, 1, 0.
    p, t = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])
    maps: dict[str, Any] = {"class_axis": 0, "num_classes": 3}
    for undefined in (NAN, 0.0, INF):
        agree(scores("dice_score", p, t, reduction="weighted", undefined=undefined, **maps), [frac(23, 30)])
        agree(scores("precision", p, t, reduction="weighted", undefined=undefined, **maps), [frac(7, 8)])
    # A class that is predicted alone has no support either.
    agree(scores("precision", np.array([0, 0, 1, 2]), t, reduction="weighted", **maps), [frac(3, 4)])
    # Supports 6 and 2: class 0 TP 5, FN 1; class 1 TP 2, FP 1.
    weight = np.array([2.0, 3.0, 1.0, 2.0])
    want = (6 * frac(10, 11) + 2 * frac(4, 5)) / 8
    agree(scores("dice_score", p, t, reduction="weighted", weight=weight, **maps), [want])
    # A class with support and without a value: that of no predicted negative.
    full = np.zeros(4, dtype=int)
    agree(scores("specificity", full, full, reduction="weighted", **maps), [NAN])
    # The mean over images, of which one is all left out; classes before the images and after them.
    batch: dict[str, Any] = {"num_classes": 3, "weight": np.array([[1.0], [0.0]]), "reduction": "weighted"}
    pair = np.stack([p, p]), np.stack([t, t])
    for place, axis in ((0, 2), (1, 2), (2, 1)):
        agree(scores("dice_score", *pair, class_axis=place, axis=axis, **batch), [NAN])
        got = scores("dice_score", *pair, class_axis=place, axis=axis, undefined=0.5, **batch)
        agree(got, [(frac(23, 30) + frac(1, 2)) / 2])
    # Without classes a region is one.
    rows = np.array([[1, 1], [1, 0]]), np.array([[1, 0], [0, 0]])
    agree(scores("dice_score", *rows, axis=1, reduction="weighted"), [NAN])
    agree(scores("dice_score", *rows, axis=1, reduction="weighted", undefined=0.0), [frac(1, 3)])


def test_threshold_is_strict() -> None:
    assert textbook.counts(np.array([0.5, 0.75]), np.array([1, 1]))[1] == [(1, 0, 1, 0)]
    assert textbook.counts(np.array([0.5, 0.75]), np.array([1, 1]), threshold=0.75)[1] == [(0, 0, 2, 0)]
    assert textbook.counts(np.array([0.0, 0.75]), np.array([0.5, 0.75]), threshold=0.0)[1] == [(1, 0, 1, 0)]


def test_metric_weights_and_ignored_pixels() -> None:
    # tp 2, fp 3, fn 1/2, tn 1
    w = np.array([2.0, 3.0, 0.5, 1.0])
    assert textbook.counts(np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0]), weight=w)[1] == [(2, 3, 0.5, 1)]
    agree(scores("jaccard_index", [1, 1, 0, 0], [1, 0, 1, 0], weight=w), [frac(4, 11)])
    assert textbook.counts(np.array([1, 1, 0, 0]), np.array([1, 9, 1, 9]), ignore_index=9)[1] == [(1, 0, 1, 0)]


def test_metric_classes() -> None:
    # Class 1 wins pixel 0; pixel 1 is a tie between 0 and 2, which the first takes.
    p = np.array([[0.25, 0.375], [0.5, 0.25], [0.25, 0.375]])
    target = np.array([1, 2])
    # Class 0: predicted at pixel 1, never true. Class 1: right. Class 2: missed.
    want = [(0, 1, 0, 1), (1, 0, 0, 1), (0, 0, 1, 1)]
    assert textbook.counts(p, target, class_axis=0) == ((3,), want)
    hot = (np.arange(3)[:, None] == target).astype(int)
    assert textbook.counts(p, hot, class_axis=0) == ((3,), want)
    assert textbook.counts(np.array([1, 0]), target, class_axis=0, num_classes=3) == ((3,), want)
    assert textbook.counts(np.array([1, 0]), target, class_axis=-1, num_classes=3) == ((3,), want)
    agree(scores("jaccard_index", p, target, class_axis=0), [0, 1, 0])
    # Pixel 1 left out: nothing of classes 0 and 2 remains.
    agree(scores("jaccard_index", p, target, class_axis=0, ignore_index=2), [NAN, 1, NAN])
    agree(scores("jaccard_index", p, target, class_axis=0, ignore_index=2, reduction="nanmean"), [1])
    # The class axis stands where it is said to stand.
    maps = np.array([[0, 1], [1, 1], [2, 0]])
    shape, cells = textbook.counts(maps, maps, class_axis=0, num_classes=3, axis=2)
    assert shape == (3, 3)
    assert [cell[0] for cell in cells] == [1, 0, 1, 1, 2, 0, 0, 0, 1]
    shape, cells = textbook.counts(maps, maps, class_axis=1, num_classes=3, axis=2)
    assert shape == (3, 3)
    assert [cell[0] for cell in cells] == [1, 1, 0, 0, 2, 0, 1, 0, 1]


def test_pairs_of_classes() -> None:
    pred, target = np.array([[0, 1, 2], [2, 2, 1]]), np.array([[0, 1, 1], [2, 0, 9]])
    # Down the columns: (0, 0) and (0, 2), (target, pred); (1, 1) and (0, 2) in the second; (1, 2) and, left out, (9, 1).
    found = textbook.class_counts(pred, target, num_classes=3, axis=0, ignore_index=9)
    assert found[(0,)] == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert found[(1,)] == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert found[(2,)] == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    whole = textbook.class_counts(pred, target, num_classes=3, ignore_index=9, weight=np.array([1, 0.5, 0.25]))
    assert whole == {(): [[1, 0, 0.5], [0, 0.5, 0.25], [0, 0, 1]]}


def test_logits_are_decided_at_0() -> None:
    logits = np.array([[-3.0, 0.0, 2.0], [5.0, -1.0, 1.0]])
    assert textbook.counts(logits, np.array([[0, 0, 1], [1, 1, 0]]), from_logits=True)[1] == [(2, 1, 1, 2)]
    # With classes the larger score wins, whatever its size: class 1, 0, 0.
    assert textbook.counts(logits, np.array([1, 0, 1]), class_axis=0, from_logits=True)[1] == [
        (1, 1, 0, 1),
        (1, 0, 1, 1),
    ]


def test_metric_bounds_hold_in_float32() -> None:
    answer = textbook.metric("matthews_correlation", MP, MT)
    counts = [np.float32(x) for x in (3, 1, 2, 4)]
    tp, fp, fn, tn = counts
    got = (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    assert excess(got, answer.value[0]) <= 1
    answer = textbook.metric("dice_score", MP, MT)
    assert excess(2 * tp / (2 * tp + fp + fn), answer.value[0]) <= 1
    assert excess(2 * tp / (2 * tp + fp + fn) + np.float32(1e-4), answer.value[0]) > 1


# Geometry in two dimensions. ------------------------------------------------------------------------------------------


def test_distances_go_straight_and_in_physical_units() -> None:
    y = [[1, 0], [0, 0]]
    agree(values("boundary_loss", [[0, 0], [0, 1]], y, spacing=(3.0, 4.0)), [frac(5, 4)])
    agree(values("boundary_loss", [[0, 0], [1, 0]], y, spacing=(3.0, 4.0)), [frac(3, 4)])
    agree(values("boundary_loss", [[1, 0], [0, 0]], y, spacing=(3.0, 4.0)), [frac(-3, 4)])
    # Numbers of spacing go with the axes in the order given.
    agree(values("boundary_loss", [[0, 0], [1, 0]], y, spacing=(3.0, 4.0), axis=(1, 0)), [1])


def test_contours_have_face_neighbours_and_the_image_has_an_edge() -> None:
    # A full 3x3 target has its eight outer pixels for a contour; the prediction's single pixel is the middle, 1 away.
    p = np.full((3, 3), 0.25)
    p[1, 1] = 0.75
    cross = (8 * 2 * LN2 + (2 * LN2 - LN3)) / 9
    agree(values("shape_aware_loss", p, np.ones((3, 3))), [2 * cross])
    agree(values("shape_aware_loss", p, np.ones((3, 3)), spacing=(4.0, 2.0)), [3 * cross])
    # A corner missing: the middle touches it by a corner only, and is still no contour pixel.
    y = np.ones((3, 3))
    y[0, 0] = 0
    cross = (7 * 2 * LN2 + 2 * (2 * LN2 - LN3)) / 9
    agree(values("shape_aware_loss", p, y), [2 * cross])


def test_weights_leave_the_geometry_alone() -> None:
    y, w = np.array([1, 1, 0, 0]), np.array([1.0, 0.0, 1.0, 1.0])
    # D = -2, -1, 1, 2 as without weights
    agree(values("boundary_loss", P, y, weight=w), [frac(-1, 6)])
    # the largest distance that counts is 1: phi = 0
    agree(values("distance_map_loss", P, y, weight=np.array([0.0, 1.0, 1.0, 0.0])), [3 * LN2 / 2])
    # An ignored pixel is background: the mask is {0}, D = -1, 1, 2, 3
    agree(values("boundary_loss", P, np.array([1, 255, 0, 0]), ignore_index=255), [frac(1, 3)])


def test_values_at_a_threshold_are_marked() -> None:
    equal = textbook.loss("boundary_loss", np.zeros((2, 3)), np.array([0, 1, 0]), class_axis=0, from_logits=True)
    assert not equal.jump  # the prediction's mask does not enter
    equal = textbook.loss("hausdorff_loss", np.zeros((2, 3)), np.array([0, 1, 0]), class_axis=0, from_logits=True)
    assert equal.jump  # p = 1/2 for either class
    assert not textbook.loss("hausdorff_loss", np.array([0.5, 0.5]), np.array([0, 1])).jump
    even = textbook.loss("hausdorff_loss", np.ones(2), np.zeros(2), method="erosion", rescale="minmax")
    assert even.jump  # e_1 is constant, and rounding decides whether it is stretched
