"""Counts against loops over pixels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import segloss_ref as ref
from segloss_ref import ClassConfusion
from segloss_ref.metrics import _masks, _tallies
from tests.segloss_ref.counting_loops import CELLS, LIBRARIES, RNG, arguments_of, back, by_hand, with_extras

FORMS = ("maps", "scores and map", "logits and map", "bools and map", "map and soft", "bools", "scores and bools", "masks",
         "logits", "probabilities")  # fmt: skip
EXTRAS = ("plain", "axis", "pixels", "weight", "ignore", "all")


def check_against_loops(
    form: str, extra: str, seed: int, convert: Callable[[Any], Any], confusion: Any = ref.confusion
) -> None:
    pred, target, keywords = with_extras(extra, *arguments_of(form, seed), seed)
    own = {name: value for name, value in keywords.items() if name != "num_classes"}
    expected = by_hand(pred, target, classes=4, **own)
    if "weight" in keywords:
        keywords["weight"] = convert(keywords["weight"])
    record = confusion(convert(pred), convert(target), **keywords)
    for cell, right in zip(CELLS, expected, strict=True):
        found = back(getattr(record, cell))
        assert found.dtype == (np.float64 if "weight" in keywords else np.int64)
        np.testing.assert_allclose(found, right, rtol=1e-13, atol=0)
        if "weight" not in keywords:
            np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("form", "extra"), [*itertools.product(FORMS, EXTRAS)])
def test_counts_are_those_of_a_loop(form: str, extra: str, library: str) -> None:
    with jax.enable_x64(True):
        for seed in range(3):
            check_against_loops(form, extra, seed, LIBRARIES[library])


@pytest.mark.parametrize("library", ["torch", "jax", "strict"])
@pytest.mark.parametrize(("form", "extra"), [*itertools.product(FORMS, ("plain", "pixels", "all"))])
@pytest.mark.usefixtures("values_hidden")
def test_and_without_a_look_at_values(form: str, extra: str, library: str) -> None:
    with jax.enable_x64(True):
        for seed in range(2):
            check_against_loops(form, extra, seed, LIBRARIES[library])


@pytest.mark.parametrize("extra", EXTRAS)
def test_parts_of_any_size_add_up(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((_masks, "CHUNK"), (_tallies, "CHUNK")):
        monkeypatch.setattr(module, name, 4)
    monkeypatch.setattr(_masks.chunks, "__defaults__", (4,))
    monkeypatch.setattr(_masks.groups, "__defaults__", (4,))
    for form, seed in itertools.product(FORMS, range(3)):
        check_against_loops(form, extra, seed, np.array)
        check_against_loops(form, extra, seed, np.asfortranarray)


@pytest.mark.parametrize("extra", ["plain", "axis", "weight", "all"])
@pytest.mark.parametrize("places", [2**24, 1])
def test_tables_and_single_classes_agree_with_a_loop(extra: str, places: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tallies, "PLACES", places)
    for seed in range(4):
        pred, target, keywords = arguments_of("maps", seed, classes=3, pixels=(6, 9, 7))
        rng = np.random.default_rng(seed)
        if extra in ("axis", "all"):
            keywords["axis"] = tuple(k for k in (0, 1, 2, 3) if k != keywords["class_axis"])[1:]
        if extra in ("weight", "all"):
            keywords["weight"] = rng.random((6, 9, 7))
        own = {name: value for name, value in keywords.items() if name != "num_classes"}
        for classes in (3, 5):  # two that nothing has
            expected = by_hand(pred, target, classes=classes, **own)
            record = ref.confusion(pred, target, **{**keywords, "num_classes": classes})
            for cell, right in zip(CELLS, expected, strict=True):
                np.testing.assert_allclose(getattr(record, cell), right, rtol=1e-13, atol=0)


def test_strange_memory() -> None:
    pred, target = RNG.integers(0, 3, (2, 40, 50)).astype(">i4")
    record = ref.confusion(pred[::-2, ::3], target.T[::3, ::-2].T, class_axis=0, num_classes=3)
    right = by_hand(pred[::-2, ::3].astype(int), target.T[::3, ::-2].T.astype(int), class_axis=0, classes=3)
    for cell, expected in zip(CELLS, right, strict=True):
        np.testing.assert_array_equal(getattr(record, cell), expected)
    frozen = np.broadcast_to(np.array([True, False, True]), (200000, 3))
    assert int(ref.confusion(frozen, ~frozen).fp) == 400000


def test_more_pixels_than_small_integers_count() -> None:
    pred = np.zeros((600, 600), dtype=np.uint8)
    target = pred.copy()
    target[:, 300:] = 2
    record = ref.confusion(pred, target, class_axis=0, num_classes=3)
    assert [np.asarray(getattr(record, cell)).tolist() for cell in CELLS] == [
        [180000, 0, 0], [180000, 0, 0], [0, 0, 180000], [0, 360000, 180000]]  # fmt: skip
    both = ref.confusion(np.ones((600, 600), dtype=bool), np.ones((600, 600), dtype=np.int8))
    assert (int(both.tp), int(both.tn)) == (360000, 0)


# Pairs of classes. ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("extra", ["plain", "axis", "negative", "weight", "ignore", "all"])
def test_pairs_are_those_of_a_loop(extra: str, library: str) -> None:
    convert = LIBRARIES[library]
    with jax.enable_x64(True):
        for seed in range(3):
            rng = np.random.default_rng(seed)
            pred, target = rng.integers(0, 3, (2, 4, 2, 6))
            keywords: dict[str, Any] = {}
            axes = (0, 1, 2)
            if extra in ("axis", "negative", "all"):
                axes = (0, 2)
                keywords["axis"] = (-1, 0) if extra == "negative" else axes
            weight = rng.choice([0.0, 0.5, 1.0, 0.1], (4, 2, 6)) if extra in ("weight", "all") else None
            if extra in ("ignore", "all"):
                target[rng.random(target.shape) < 0.3] = keywords["ignore_index"] = -1
            expected = np.zeros((*(target.shape[k] for k in range(3) if k not in axes), 3, 3))
            for place in np.ndindex(*target.shape):
                if target[place] >= 0:
                    region = tuple(place[k] for k in range(3) if k not in axes)
                    expected[(*region, target[place], pred[place])] += 1 if weight is None else weight[place]
            if weight is not None:
                keywords["weight"] = convert(weight)
            record = ref.class_confusion(convert(pred), convert(target), num_classes=3, **keywords)
            counts = back(record.counts)
            assert counts.dtype == (np.int64 if weight is None else np.float64)
            np.testing.assert_allclose(counts, expected, rtol=1e-13, atol=0)


def test_the_pairs_hold_every_count_of_single_classes() -> None:
    pred, target = RNG.integers(0, 5, (2, 3, 30, 20))
    record = ref.class_confusion(pred, target, num_classes=5, axis=(1, 2))
    expected = by_hand(pred, target, class_axis=1, classes=5, axis=(2, 3))
    derived = record.confusion()
    for cell, right in zip(CELLS, expected, strict=True):
        np.testing.assert_array_equal(getattr(derived, cell), right)
        assert getattr(derived, cell).dtype == np.int64
    for name, metric in ref.registry.metrics.items():
        if metric.family == "counts":
            np.testing.assert_array_equal(
                metric.function(record), metric.function(pred, target, class_axis=1, num_classes=5, axis=(2, 3)), name
            )
    with pytest.raises(TypeError, match="dice_score: a ClassConfusion record takes the place of the masks and of axis"):
        ref.dice_score(record, axis=0)
    whole = sum(ref.class_confusion(p, t, num_classes=5) for p, t in zip(pred, target, strict=True))
    assert isinstance(whole, ClassConfusion)
    np.testing.assert_array_equal(whole.counts, record.counts.sum(axis=0))
    assert whole.num_classes == 5


def test_small_weights_beside_large_ones_keep_their_digits() -> None:
    """1e20 of class 0, 1e-20 of the others: differences of sums would leave 0 for all else."""
    pred, target = np.array([0, 1, 1, 2, 2]), np.array([0, 1, 2, 2, 1])
    weight = np.array([1e20, 1e-20, 3e-20, 5e-20, 7e-20])
    right = by_hand(pred, target, class_axis=0, classes=3, weight=weight)
    derived = ref.class_confusion(pred, target, num_classes=3, weight=weight).confusion()
    direct = ref.confusion(pred, target, class_axis=0, num_classes=3, weight=weight)
    scattered = ref.confusion(
        *(jnp.asarray(one) for one in (pred, target)), class_axis=0, num_classes=3, weight=jnp.asarray([1, 1, 3, 5, 7])
    )
    np.testing.assert_array_equal(np.asarray(scattered.tn), [16, 6, 2])
    for record in (derived, direct):
        for cell, expected in zip(CELLS, right, strict=True):
            np.testing.assert_allclose(getattr(record, cell), expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("size", [1e30, 1e-30, 5e-324])
def test_formulas_do_not_leave_the_range(size: float) -> None:
    pred, target = np.array([1, 1, 0, 0, 1]), np.array([1, 0, 1, 0, 1])
    for name, metric in ref.registry.metrics.items():
        if metric.family == "counts":
            plain = metric.function(pred, target)
            found = metric.function(pred, target, weight=np.full(5, size))
            assert float(found) == pytest.approx(float(plain), rel=1e-12), name
    if size < 1:  # tp = 2, fp = fn = 1, tn = 1e30: (2e30 - 1)/(3 (1e30 + 1))
        mixed = ref.matthews_correlation(pred, target, weight=np.array([1, 1, 1, 1e30, 1]) * size)
        assert float(mixed) == pytest.approx(2 / 3, rel=1e-12)


def test_a_score_of_one_empty_mask_is_0_for_any_beta() -> None:
    nothing, some = np.zeros(4, dtype=bool), np.array([True, False, True, False])
    for beta in (1e-200, 1e-3, 1.0, 1e3, 1e29):
        assert float(ref.f_score(nothing, some, beta=beta)) == float(ref.f_score(some, nothing, beta=beta)) == 0
        assert math.isnan(ref.f_score(nothing, nothing, beta=beta))
    # beta -> 0 is precision, beta -> infinity sensitivity
    assert float(ref.f_score(some, np.array([True, True, True, True]), beta=1e-20)) == 1
    assert float(ref.f_score(some, np.array([True, True, True, True]), beta=1e20)) == 0.5
    assert float(ref.tversky_index(some, nothing, fp_weight=1e-300)) == 0
    assert math.isnan(ref.tversky_index(some, nothing, fp_weight=0))


# Scores of any size. --------------------------------------------------------------------------------------------------


def test_logits_and_scores_of_any_size() -> None:
    logits = np.array([[-3.0, 0.0, 2.0], [5.0, -np.inf, 1.0]])
    mask = np.array([[0, 0, 1], [1, 1, 0]])
    record = ref.confusion(logits, mask, from_logits=True)
    assert [int(getattr(record, cell)) for cell in CELLS] == [2, 1, 1, 2]
    # class 1 wins in the first column alone
    classes = ref.confusion(logits, np.array([1, 0, 1]), class_axis=0)
    assert classes.tp.tolist() == [1, 1]
    assert ref.confusion(logits, np.array([1, 0, 1]), class_axis=0, from_logits=True).fn.tolist() == [0, 1]
    square, line = logits > 0, np.zeros((2, 3), dtype=bool)
    line[0, 2] = True
    for name, metric in ref.registry.metrics.items():
        own: Any = {key: 1 for key, parameter in metric.parameters.items() if parameter.required}
        if name == "centerline_dice":
            pytest.importorskip("skimage")
        found, right = (
            metric.function(one, line, **own, **more) for one, more in ((logits, {"from_logits": True}), (square, {}))
        )
        np.testing.assert_array_equal(found, right, name)
        with pytest.raises(ValueError, match=f"{name}: threshold must not be given with from_logits.*got 0.5"):
            metric.function(logits, line, **own, from_logits=True, threshold=0.5)
        with pytest.raises(TypeError, match=f"{name}: pred must be floating with from_logits"):
            metric.function(square, line, **own, from_logits=True)
        with pytest.raises(TypeError, match=f"{name}: from_logits must be True or False, got 1"):
            metric.function(logits, line, **own, from_logits=1)
        with pytest.raises(ValueError, match=f"{name}: pred must be no nan, got nan"):
            metric.function(np.where(square, logits, np.nan), line, **own, from_logits=True)
        with pytest.raises(ValueError, match=f"{name}: pred must be no nan, got nan"):
            metric.function(np.stack([logits, logits * np.nan]), line.astype(int), **own, class_axis=0)
    ignored = ref.confusion(np.array([[np.nan, 2.0], [1.0, 9.0]]), np.array([7, 1]), class_axis=0, ignore_index=7)
    assert (ignored.tp.tolist(), ignored.tn.tolist()) == ([0, 1], [1, 0])
