"""pred_empty, target_empty and the mean weighted by support, for every metric of two masks, worked by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import array_api_strict
import numpy as np
import pytest

import segloss_ref as ref
from segloss_ref import registry

NAN, INF = math.nan, math.inf
COUNTS = sorted(name for name, record in registry.metrics.items() if record.family == "counts")
NEEDED: dict[str, dict[str, Any]] = {"surface_dice": {"tolerance": 0}, "boundary_iou": {"width": 1}}


def torch_array(array: Any) -> Any:
    return pytest.importorskip("torch").asarray(array)


def jax_array(array: Any) -> Any:
    return pytest.importorskip("jax").numpy.asarray(array)


LIBRARIES: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "torch": torch_array,
    "jax": jax_array,
    "strict": array_api_strict.asarray,
}
every_library = pytest.mark.parametrize("array", LIBRARIES.values(), ids=LIBRARIES.keys())
every_metric = pytest.mark.parametrize("name", sorted(registry.metrics))


def score(name: str, *masks: Any, **keywords: Any) -> Any:
    return registry.metrics[name].function(*masks, **NEEDED.get(name, {}), **keywords)


def agree(got: Any, want: Any) -> None:
    # JAX computes in float32 here.
    np.testing.assert_allclose(np.asarray(got, dtype=float), np.asarray(want, dtype=float), rtol=1e-6)


# Empty masks. ---------------------------------------------------------------------------------------------------------

# Three of twelve pixels, in a line.
SOME, NONE = np.array([[0, 0, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]]), np.zeros((3, 4), dtype=int)
PRED, TARGET = np.stack([NONE, SOME, NONE, SOME]), np.stack([SOME, NONE, NONE, SOME])
# FN 3 and TN 9; FP 3 and TN 9; TN 12; TP 3 and TN 9. What the formula gives for the prediction empty, the target empty, both
# empty, and both the same. nan is 0/0.
FORMULA: dict[str, tuple[float, float, float, float]] = {
    "accuracy": (9 / 12, 9 / 12, 1, 1),
    "balanced_accuracy": (1 / 2, NAN, NAN, 1),  # 0/3 and 9/9; 0/0
    "cohen_kappa": (0, 0, NAN, 1),
    "dice_score": (0, 0, NAN, 1),
    "f_score": (0, 0, NAN, 1),
    "jaccard_index": (0, 0, NAN, 1),
    "matthews_correlation": (NAN, NAN, NAN, 1),
    "negative_predictive_value": (9 / 12, 9 / 9, 1, 1),
    "precision": (NAN, 0, NAN, 1),
    "sensitivity": (0, NAN, NAN, 1),
    "specificity": (9 / 9, 9 / 12, 1, 1),
    "tversky_index": (0, 0, NAN, 1),
    "volumetric_similarity": (0, 0, NAN, 1),
    "hausdorff_distance": (INF, INF, NAN, 0),
    "average_surface_distance": (INF, INF, NAN, 0),
    "surface_dice": (0, 0, NAN, 1),
    "boundary_iou": (0, 0, NAN, 1),
    "centerline_dice": (0, 0, NAN, 1),
}


def test_every_metric_is_in_the_table() -> None:
    assert FORMULA.keys() == registry.metrics.keys()


@every_library
@every_metric
def test_what_is_said_of_one_empty_mask(name: str, array: Any) -> None:
    masks = array(PRED), array(TARGET)
    _, _, both, same = FORMULA[name]
    nothing = 7.0 if math.isnan(both) else both
    axes: dict[str, Any] = {"axis": (1, 2)}
    # Both win over the formula's value and over `undefined`, which keeps what is left of it.
    agree(score(name, *masks, pred_empty=-2, target_empty=0.25, undefined=7, **axes), [-2, 0.25, nothing, same])
    agree(score(name, *masks, pred_empty=INF, target_empty=NAN, undefined=7, **axes), [INF, NAN, nothing, same])


@pytest.mark.parametrize("name", sorted(registry.metrics.keys() - {"centerline_dice"}))
def test_none_is_the_value_without(name: str) -> None:
    on_pred, on_target, both, same = FORMULA[name]
    agree(score(name, PRED, TARGET, axis=(1, 2)), FORMULA[name])
    agree(score(name, PRED, TARGET, axis=(1, 2), pred_empty=None, target_empty=None), FORMULA[name])
    agree(score(name, PRED, TARGET, axis=(1, 2), pred_empty=5.0), [5, on_target, both, same])
    agree(score(name, PRED, TARGET, axis=(1, 2), target_empty=5.0), [on_pred, 5, both, same])


@every_metric
def test_what_is_left_out_does_not_make_a_mask_any_fuller(name: str) -> None:
    said: dict[str, Any] = {"pred_empty": -2.0, "target_empty": 0.25}
    # The prediction's pixels are left out, and beside them the target has one more.
    more = SOME.copy()
    more[1, 3] = 1
    weight = 1.0 - SOME
    agree(score(name, SOME, more, weight=weight, **said), -2)
    agree(score(name, more, SOME, weight=weight, **said), 0.25)
    ignored = np.where(SOME == 1, 255, 0)
    ignored[1, 3] = 1
    agree(score(name, SOME, ignored, ignore_index=255, **said), -2)


def test_one_empty_class_of_several() -> None:
    # Class 1 is predicted where class 2 is.
    pred, target = np.array([0, 1]), np.array([0, 2])
    keywords: dict[str, Any] = {"class_axis": 0, "num_classes": 4, "pred_empty": 0.5, "target_empty": 0.25}
    agree(ref.dice_score(pred, target, undefined=7, **keywords), [1, 0.25, 0.5, 7])
    agree(ref.dice_score(pred, target, reduction="nanmean", **keywords), (1 + 0.25 + 0.5) / 3)
    agree(ref.dice_score(pred, target, reduction="mean", **keywords), NAN)
    agree(ref.dice_score(pred, target, reduction="sum", undefined=0, **keywords), 1.75)


def test_a_mask_with_pixels_and_no_surface_is_not_empty() -> None:
    full = np.ones((3, 4), dtype=bool)
    said: dict[str, Any] = {"border": "ignore", "pred_empty": 1.0, "target_empty": 2.0, "undefined": 7.0}
    for name in ("hausdorff_distance", "average_surface_distance", "surface_dice"):
        agree(score(name, full, SOME, **said), 7)
        agree(score(name, NONE, full, **said), 1)
        agree(score(name, full, NONE, **said), 2)


@pytest.mark.parametrize("number", [Fraction(1, 4), np.float32(0.25), np.float16(0.25), 0.25])
def test_numbers_of_every_sort(number: Any) -> None:
    value = ref.dice_score(NONE, SOME, pred_empty=number)
    assert value.dtype == np.float64
    assert value == 0.25
    assert ref.dice_score(NONE, NONE, undefined=number) == 0.25


def test_nanmean_makes_no_number_of_nothing() -> None:
    said: dict[str, Any] = {"axis": (1, 2), "reduction": "nanmean", "pred_empty": NAN, "target_empty": NAN}
    for name in ("dice_score", "surface_dice", "boundary_iou"):
        agree(score(name, PRED[:3], TARGET[:3], **said), NAN)
        agree(score(name, PRED, TARGET, **said), 1)


# The mean weighted by support. ----------------------------------------------------------------------------------------

# Class 0: TP 2, FN 1, TN 1. Class 1: TP 1, FP 1, TN 2. Class 2 is nowhere. Supports 3, 1 and 0.
LABELS = np.array([[0, 0, 1, 1]]), np.array([[0, 0, 0, 1]])
CLASSES: dict[str, Any] = {"class_axis": 0, "num_classes": 3}
# (class 0, class 1). In an image of one row all pixels are surface, band and skeleton.
BY_CLASS: dict[str, tuple[float, float]] = {
    "accuracy": (3 / 4, 3 / 4),
    "balanced_accuracy": (5 / 6, 5 / 6),
    "cohen_kappa": (1 / 2, 1 / 2),
    "dice_score": (4 / 5, 2 / 3),
    "f_score": (4 / 5, 2 / 3),
    "jaccard_index": (2 / 3, 1 / 2),
    "matthews_correlation": (3**-0.5, 3**-0.5),
    "negative_predictive_value": (1 / 2, 1),
    "precision": (1, 1 / 2),
    "sensitivity": (2 / 3, 1),
    "specificity": (1, 2 / 3),
    "tversky_index": (4 / 5, 2 / 3),
    "volumetric_similarity": (4 / 5, 2 / 3),
    "hausdorff_distance": (1, 1),
    "average_surface_distance": (1 / 5, 1 / 3),  # 0 0 and 0 0 1; 1 0 and 0
    "surface_dice": (4 / 5, 2 / 3),
    "boundary_iou": (2 / 3, 1 / 2),
    "centerline_dice": (4 / 5, 2 / 3),  # of 1 and 2/3; of 1/2 and 1
}
WEIGHTED = {name: (3 * a + b) / 4 for name, (a, b) in BY_CLASS.items()}


def test_every_metric_has_a_weighted_mean() -> None:
    assert BY_CLASS.keys() == registry.metrics.keys()
    assert WEIGHTED["sensitivity"] == 3 / 4  # the share of right pixels


@every_library
@every_metric
def test_classes_are_weighted_by_their_support_in_the_target(name: str, array: Any) -> None:
    masks = [array(mask) for mask in LABELS]
    agree(score(name, *masks, reduction="weighted", **CLASSES), WEIGHTED[name])
    # A class without support is left out, whatever its value is.
    for undefined in (0.0, 7.0, INF):
        agree(score(name, *masks, reduction="weighted", undefined=undefined, **CLASSES), WEIGHTED[name])


# Class 0: TP 2, FN 1. Class 1: FP 1, FN 1. Class 2: FP 1, without support. 3/4 of class 0 and 1/4 of class 1.
WITH_A_FALSE_CLASS = {
    "dice_score": 3 / 4 * 4 / 5,
    "jaccard_index": 3 / 4 * 2 / 3,
    "sensitivity": 3 / 4 * 2 / 3,
    "precision": 3 / 4,
    "hausdorff_distance": 1,
    "average_surface_distance": 3 / 4 * 1 / 5 + 1 / 4,
    "surface_dice": 3 / 4 * 4 / 5,
    "boundary_iou": 3 / 4 * 2 / 3,
    "centerline_dice": 3 / 4 * 4 / 5,
}


@pytest.mark.parametrize("name", WITH_A_FALSE_CLASS)
def test_a_predicted_class_without_support_is_left_out(name: str) -> None:
    pred = np.array([[0, 0, 1, 2]])
    for said in ({}, {"target_empty": INF}, {"target_empty": NAN}, {"target_empty": -3.0}):
        got = score(name, pred, LABELS[1], reduction="weighted", **said, **CLASSES)
        agree(got, WITH_A_FALSE_CLASS[name])


@every_library
@every_metric
def test_regions_count_alike(name: str, array: Any) -> None:
    # The first image as above, the second all of class 2 and right; the third is left out, and no class has support there.
    pred, target = (np.stack([mask, np.full((1, 4), 2), mask]) for mask in LABELS)
    weight = np.ones((3, 1, 4))
    weight[2] = 0
    same = FORMULA[name][3]
    if name in ("balanced_accuracy", "matthews_correlation", "cohen_kappa", "negative_predictive_value", "specificity"):
        same = NAN  # 0/0 for a mask that is full, whose class has support all the same
    keywords: dict[str, Any] = {"axis": (1, 2), "num_classes": 3, "weight": array(weight), "reduction": "weighted"}
    masks = array(pred), array(target)
    for place in (0, 1):  # the classes before the images, and after them
        keywords |= {"class_axis": place, "axis": (2, 3)}
        agree(score(name, *masks, **keywords), NAN)
        both = 0.5 if math.isnan(same) else same
        agree(score(name, *masks, undefined=0.5, **keywords), (WEIGHTED[name] + both + 0.5) / 3)
    two: dict[str, Any] = {**keywords, "weight": array(weight[:2])}
    agree(score(name, *(mask[:2, ...] for mask in masks), **two), (WEIGHTED[name] + same) / 2)


@every_library
@pytest.mark.parametrize("name", COUNTS)
def test_support_is_weighted_as_pixels_are(name: str, array: Any) -> None:
    # Pixel 1 twice, pixel 0 not at all: the counts are those above, and class 1 has twice its support with pixel 3 doubled.
    pred, target = (array(mask) for mask in LABELS)
    weight = array(np.array([[0.0, 2.0, 1.0, 1.0]]))
    agree(score(name, pred, target, weight=weight, reduction="weighted", **CLASSES), WEIGHTED[name])
    # Sizes: class 0 TP 1, FN 1/2; class 1 TP 6, FP 1/2.
    weight = array(np.array([[0.5, 0.5, 0.5, 6.0]]))
    if name == "sensitivity":
        agree(score(name, pred, target, weight=weight, reduction="weighted", **CLASSES), (1.5 * (2 / 3) + 6) / 7.5)
    if name == "precision":
        agree(score(name, pred, target, weight=weight, reduction="weighted", **CLASSES), (1.5 + 6 * (6 / 6.5)) / 7.5)


@every_metric
def test_without_classes_a_region_is_one(name: str) -> None:
    keywords: dict[str, Any] = {"axis": (1, 2), "reduction": "weighted", "target_empty": 3.0}
    on_pred = 0.25
    # The first and the last image have support.
    want = (on_pred + 2 * 0.5 + FORMULA[name][3]) / 4
    agree(score(name, PRED, TARGET, undefined=0.5, pred_empty=on_pred, **keywords), want)
    agree(score(name, PRED, TARGET, pred_empty=on_pred, **keywords), NAN)
    agree(score(name, PRED[3], TARGET[3], reduction="weighted"), FORMULA[name][3])


# Records. -------------------------------------------------------------------------------------------------------------


@every_library
@pytest.mark.parametrize("name", sorted(registry.metrics.keys() - {"boundary_iou", "centerline_dice"}))
def test_records_know_their_classes(name: str, array: Any) -> None:
    record = (ref.confusion if name in COUNTS else ref.surface_distances)(*(array(mask) for mask in LABELS), **CLASSES)
    assert record.class_axis == 0
    agree(score(name, record, reduction="weighted"), WEIGHTED[name])
    said: dict[str, Any] = {"pred_empty": 0.5, "target_empty": 0.25, "undefined": 7}
    pair = [array(np.array([[0, 0, 1]])), array(np.array([[0, 0, 2]]))]
    record = (ref.confusion if name in COUNTS else ref.surface_distances)(*pair, class_axis=0, num_classes=3)
    agree(score(name, record, **said)[1:], [0.25, 0.5])


def test_the_place_of_the_classes() -> None:
    pred, target = np.zeros((2, 3, 4), dtype=int), np.zeros((2, 3, 4), dtype=int)
    for measure in (ref.confusion, ref.surface_distances):
        for class_axis, axis, place in ((0, (2, 3), 0), (1, (2, 3), 1), (3, (1, 2), 1), (-1, (2,), 2), (2, (0, 1), 0)):
            record: Any = measure(pred, target, class_axis=class_axis, axis=axis, num_classes=5)
            assert record.class_axis == place
        assert measure(pred, target, axis=1).class_axis is None  # type: ignore[attr-defined]


def test_records_add_up_with_their_classes() -> None:
    first = ref.confusion(LABELS[0][:, :2], LABELS[1][:, :2], **CLASSES)
    second = ref.confusion(LABELS[0][:, 2:], LABELS[1][:, 2:], **CLASSES)
    whole = sum([first, second])
    assert isinstance(whole, ref.Confusion)
    assert whole.class_axis == 0
    agree(ref.jaccard_index(whole, reduction="weighted"), WEIGHTED["jaccard_index"])
    other = ref.Confusion(first.tp, first.fp, first.fn, first.tn)
    with pytest.raises(ValueError, match="Confusion: records to be added must have one class_axis, got 0 and None"):
        first + other


def test_records_that_do_not_know_their_classes() -> None:
    cells = [np.array(cell) for cell in ([2, 1, 0], [0, 1, 0], [1, 0, 0], [1, 2, 4])]
    message = "dice_score: reduction 'weighted' must know which axis of the record holds the classes, got a record of 1"
    with pytest.raises(ValueError, match=message):
        ref.dice_score(ref.Confusion(*cells), reduction="weighted")
    agree(ref.dice_score(ref.Confusion(*cells, class_axis=-1), reduction="weighted"), WEIGHTED["dice_score"])
    agree(ref.dice_score(ref.Confusion(*cells), reduction="nanmean"), (4 / 5 + 2 / 3) / 2)
    agree(ref.dice_score(ref.Confusion(*(cell[0] for cell in cells)), reduction="weighted"), 4 / 5)
    with pytest.raises(ValueError, match=r"class_axis must lie in \[-1, 1\) for 1 dimensions, got 1"):
        ref.dice_score(ref.Confusion(*cells, class_axis=1))
    with pytest.raises(TypeError, match="class_axis must be an integer or None, got 'C'"):
        ref.dice_score(ref.Confusion(*cells, class_axis="C"))  # type: ignore[arg-type]
    record = ref.surface_distances(PRED, TARGET, axis=(1, 2))
    with pytest.raises(ValueError, match="surface_dice: reduction 'weighted' must know which axis"):
        ref.surface_dice(record, tolerance=1, reduction="weighted")


def test_a_surface_record_counts_pixels() -> None:
    block = np.zeros((5, 5), dtype=bool)
    block[1:4, 1:4] = True
    weight = np.ones((5, 5))
    weight[2, 2] = 0
    record = ref.surface_distances(np.stack([block, block]), np.stack([block, ~block]), axis=(1, 2), weight=weight)
    assert record.pred_pixels.tolist() == [8, 8]
    assert record.target_pixels.tolist() == [8, 16]
    assert not record.pred_empty.any()
    assert ref.surface_distances(PRED, TARGET, axis=(1, 2)).target_empty.tolist() == [False, True, True, False]


# Compiled. ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COUNTS)
def test_counting_metrics_compile(name: str) -> None:
    jax = pytest.importorskip("jax")

    @jax.jit
    def weighted(pred: Any, target: Any) -> Any:
        return score(name, pred, target, reduction="weighted", **CLASSES)

    @jax.jit
    def said(pred: Any, target: Any) -> Any:
        return score(name, pred, target, axis=(1, 2), pred_empty=-2, target_empty=0.25, undefined=7)

    agree(weighted(*map(jax_array, LABELS)), WEIGHTED[name])
    _, _, both, same = FORMULA[name]
    agree(said(jax_array(PRED), jax_array(TARGET)), [-2, 0.25, 7 if math.isnan(both) else both, same])


def test_bad_values_are_refused_before_masks_are_read() -> None:
    with pytest.raises(TypeError, match="hausdorff_distance: pred_empty must be a real number"):
        ref.hausdorff_distance(None, None, pred_empty="x")  # type: ignore[typeddict-item]
    with pytest.raises(TypeError, match="dice_score: target_empty must be a real number"):
        ref.dice_score(None, None, target_empty=np.zeros(1))  # type: ignore[typeddict-item]
    with pytest.raises(TypeError) as caught:
        ref.dice_score(SOME, SOME, pred_empty=np.zeros((512, 512)).tolist())  # type: ignore[typeddict-item]
    assert "dice_score: pred_empty must be" in str(caught.value)
