"""Counting: against loops over pixels, on every library, eagerly, compiled and transformed."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import segloss_ref as ref
from segloss_backends.jax import backend as jax_backend
from segloss_backends.strict import backend as strict_backend
from segloss_backends.torch import backend as torch_backend
from segloss_ref import ClassConfusion, Confusion
from segloss_ref.metrics import _reading, _tallies

CELLS = ("tp", "fp", "fn", "tn")
RNG = np.random.default_rng(20)


def by_hand(
    pred: Any, target: Any, *, class_axis: int | None = None, classes: int | None = None, axis: Any = None,
    threshold: float = 0.5, weight: Any = None, ignore_index: int | None = None, from_logits: bool = False,
) -> list[Any]:  # fmt: skip
    """tp, fp, fn and tn by a loop over all pixels and classes, as exact fractions and then as float64 arrays."""
    if class_axis is None:
        shape, pixels = pred.shape, pred.shape
    else:
        pixels = min(pred.shape, target.shape, key=len)
        if len(pred.shape) == len(target.shape) and pred.dtype.kind not in "iu":
            pixels = tuple(n for k, n in enumerate(pred.shape) if k != class_axis)
        shape = (*pixels[:class_axis], classes, *pixels[class_axis:])
    axes = [k for k in range(len(shape)) if k != class_axis] if axis is None else [k % len(shape) for k in axis]
    kept = [k for k in range(len(shape)) if k not in axes]
    cells = {cell: np.full([shape[k] for k in kept], Fraction(0), dtype=object) for cell in CELLS}
    weights = np.broadcast_to(1 if weight is None else weight, pixels)

    def holds(mask: Any, place: tuple[int, ...], pixel: tuple[int, ...], competing: bool) -> bool:
        if class_axis is not None and mask.shape == pixels:
            return bool(int(mask[pixel]) == place[class_axis])
        if class_axis is not None and competing and mask.dtype.kind == "f":
            scores = [float(mask[(*pixel[:class_axis], c, *pixel[class_axis:])]) for c in range(shape[class_axis])]
            return scores.index(max(scores)) == place[class_axis]
        if mask.dtype.kind == "f":
            return bool(mask[place] > (0 if competing and from_logits else threshold))
        return bool(mask[place])

    for place in np.ndindex(*shape):
        pixel = tuple(n for k, n in enumerate(place) if k != class_axis)
        if ignore_index is not None and int(target[pixel]) == ignore_index:
            continue
        p, t = holds(pred, place, pixel, True), holds(target, place, pixel, False)
        cell = ("tp" if t else "fp") if p else ("fn" if t else "tn")
        region = tuple(place[k] for k in kept)
        cells[cell][region] += Fraction(float(weights[pixel]))
    return [cells[cell].astype(float) for cell in CELLS]


def arguments_of(form: str, seed: int, classes: int = 4, pixels: tuple[int, ...] = (3, 2, 5)) -> Any:
    """(pred, target, the keywords that say how they are to be read)."""
    rng = np.random.default_rng(seed)
    at = int(rng.integers(0, len(pixels) + 1))
    full = (*pixels[:at], classes, *pixels[at:])
    labels = rng.integers(0, classes, (2, *pixels)).astype(
        rng.choice([np.uint8, np.int8, np.int32, np.int64, np.uint16])
    )
    if form == "maps":
        return labels[0], labels[1], {"class_axis": at, "num_classes": classes}
    if form == "scores and map":
        return rng.normal(size=full), labels[1], {"class_axis": at}
    if form == "logits and map":
        return rng.normal(size=full) * 9, labels[1], {"class_axis": at, "from_logits": True}
    if form == "bools and map":
        return rng.random(full) > 0.5, labels[1], {"class_axis": at}
    if form == "map and soft":
        return labels[0], rng.random(full), {"class_axis": at, "threshold": 0.25}
    if form == "bools":
        return rng.random(full) > 0.5, rng.random(full) > 0.5, {"class_axis": at}
    if form == "scores and bools":
        return rng.random(full), rng.random(full) > 0.5, {"class_axis": at}
    if form == "masks":
        return rng.random(pixels) > 0.5, rng.integers(0, 2, pixels).astype(np.uint8), {}
    if form == "logits":
        return rng.normal(size=pixels) * 5, rng.integers(0, 2, pixels), {"from_logits": True}
    return rng.random(pixels), rng.random(pixels).astype(np.float32), {"threshold": 0.75}


FORMS = ("maps", "scores and map", "logits and map", "bools and map", "map and soft", "bools", "scores and bools", "masks",
         "logits", "probabilities")  # fmt: skip
EXTRAS = ("plain", "axis", "pixels", "weight", "ignore", "all")


def with_extras(extra: str, pred: Any, target: Any, keywords: dict[str, Any], seed: int) -> Any:
    """The arguments with regions, weights and ignored pixels, where these have a meaning."""
    rng = np.random.default_rng(seed)
    class_axis = keywords.get("class_axis")
    ndim = 3 if class_axis is None else 4
    free = [k for k in range(ndim) if k != class_axis]
    pixels = [3, 2, 5]
    ignorable = target.dtype.kind in "iu" and target.ndim == 3
    if extra in ("axis", "all"):
        chosen = rng.permutation(free)[: int(rng.integers(1, 3))]
        keywords["axis"] = tuple(int(k) - ndim * int(rng.integers(0, 2)) for k in chosen)
    if extra == "pixels":
        keywords["axis"] = ()
    if extra in ("weight", "all"):
        shape = pixels if rng.integers(0, 2) else pixels[-1:]
        keywords["weight"] = rng.choice([0.0, 0.5, 1.0, 3.0, 0.1], shape)
    if extra in ("ignore", "all") and ignorable:
        keywords["ignore_index"] = 100
        target = np.where(rng.random(target.shape) < 0.3, 100, target).astype(target.dtype)
    return pred, target, keywords


def to_torch(array: Any) -> Any:
    return torch.from_numpy(array.copy())


def to_strict(array: Any) -> Any:
    return array_api_strict.asarray(array.copy())


def to_foreign(array: Any) -> Any:
    return array_api_strict.asarray(array.copy(), device=array_api_strict.Device("device1"))


def back(array: Any) -> Any:
    if isinstance(array, torch.Tensor):
        return array.numpy()
    return strict_backend.to_numpy(array) if hasattr(array, "__array_namespace__") and not isinstance(array, np.ndarray | jax.Array) else np.asarray(array)  # fmt: skip


LIBRARIES: dict[str, Callable[[Any], Any]] = {
    "numpy": np.array, "torch": to_torch, "jax": jnp.asarray, "strict": to_strict, "strict device": to_foreign,
}  # fmt: skip


@pytest.fixture
def values_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """No library's values can be looked at, as on a device."""
    for backend in (torch_backend, jax_backend, strict_backend):
        monkeypatch.setattr(type(backend), "readable", lambda self, array: None)


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
    for module, name in ((_reading, "CHUNK"), (_tallies, "CHUNK")):
        monkeypatch.setattr(module, name, 4)
    monkeypatch.setattr(_reading.chunks, "__defaults__", (4,))
    monkeypatch.setattr(_reading.groups, "__defaults__", (4,))
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


# What is refused. -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.usefixtures("values_hidden")
def test_two_label_maps_need_their_number_of_classes(library: str) -> None:
    convert = LIBRARIES[library]
    for dtype in (np.uint8, np.int64):
        pred, target = (convert(one.astype(dtype)) for one in RNG.integers(0, 2, (2, 4, 4)))
        for name, metric in ref.registry.metrics.items():
            own: Any = {key: 1 for key, parameter in metric.parameters.items() if parameter.required}
            with pytest.raises(
                ValueError, match=f"^{name}: num_classes must be given with two integer label maps, and one-hot"
            ):
                metric.function(pred, target, class_axis=0, **own)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax", "strict"])
def test_values_are_looked_at_on_the_host(library: str) -> None:
    convert = LIBRARIES[library]
    labels = RNG.integers(0, 3, (2, 5, 4))
    mask = labels[0] > 1
    for bad in (-1, 3, 255):
        wrong = labels[1].copy()
        wrong[2, 1] = bad
        for pair in ((labels[0], wrong), (wrong, labels[0])):
            for function in (ref.confusion, ref.dice_score, ref.class_confusion):
                more: Any = {} if function is ref.class_confusion else {"class_axis": 0}
                with pytest.raises(ValueError, match=rf"must be a label in \[0, 3\), got {bad}"):
                    function(*map(convert, pair), num_classes=3, **more)
        good = ref.confusion(convert(labels[0]), convert(wrong), num_classes=3, class_axis=0, ignore_index=bad)
        assert int(back(good.tp).sum() + back(good.fn).sum()) == 19
        light = np.where(wrong == bad, 0.0, 1.0)
        ref.confusion(convert(wrong), convert(labels[0]), num_classes=3, class_axis=0, weight=convert(light))
    with pytest.raises(ValueError, match="dice_score: target must be 0 or 1, got 255"):
        ref.dice_score(convert(mask), convert(mask.astype(np.uint8) * 255))
    with pytest.raises(ValueError, match=r"dice_score: pred must be in \[0, 1\], got 1.5"):
        ref.dice_score(convert(mask * 1.5), convert(mask))
    with pytest.raises(ValueError, match=r"dice_score: weight must be in \[0, 1e30\], got -1"):
        ref.dice_score(convert(mask), convert(mask), weight=convert(mask * -1.0))
    with pytest.raises(ValueError, match="hausdorff_distance: target must be a label"):
        ref.hausdorff_distance(convert(labels[0]), convert(labels[1] + 1), class_axis=0, num_classes=3)


@pytest.mark.parametrize("function", [ref.dice_score, ref.confusion, ref.class_confusion, ref.surface_distances])
def test_numbers_of_classes_beyond_any_table(function: Any) -> None:
    labels = np.zeros((4, 4), dtype=int)
    more: Any = {} if function is ref.class_confusion else {"class_axis": 0}
    for bad in (2**40, 2**16 + 1, 0, 10**400):
        with pytest.raises(ValueError, match=r"num_classes must be an integer from 1 to 65536") as caught:
            function(labels, labels, num_classes=bad, **more)
        assert len(str(caught.value)) < 500
    for bad in (2.0, True, "3"):
        with pytest.raises(TypeError, match="num_classes must be an integer from"):
            function(labels, labels, num_classes=bad, **more)


def test_pairs_refuse_what_is_no_label_map() -> None:
    labels = np.zeros((4, 4), dtype=int)
    for pred, target, keywords, error, message in [
        (labels * 1.0, labels, {}, TypeError, "pred must be an integer label map, got float64 array"),
        (labels, labels > 0, {}, TypeError, "target must be an integer label map"),
        (labels, labels[1:], {}, ValueError, r"target must have shape \(4, 4\), got \(3, 4\)"),
        (labels, labels[None], {}, ValueError, r"target must have shape \(4, 4\), got \(1, 4, 4\)"),
        (labels, None, {}, TypeError, "target must be an array like pred, got None"),
        (labels, to_torch(labels), {}, TypeError, "target must be of the library of pred"),
        (labels, labels, {"axis": 2}, ValueError, r"axis must lie in \[-2, 2\)"),
        (labels, labels, {"axis": (), "num_classes": 2**13}, ValueError, "num_classes must leave at most 268435456 counts"),
        (labels, labels, {"ignore_index": 1.0}, TypeError, "ignore_index must be an integer"),
        (labels, labels, {"weight": -np.ones(4)}, ValueError, r"weight must be in \[0, 1e30\]"),
        (labels[:0], labels[:0], {}, ValueError, "pred must hold at least one pixel"),
    ]:  # fmt: skip
        with pytest.raises(error, match=f"^class_confusion: {message}"):
            ref.class_confusion(pred, target, **{"num_classes": 2, **keywords})


def test_many_classes_of_which_few_occur() -> None:
    pred, target = RNG.integers(0, 3, (2, 50, 40)).astype(np.uint16) * 20000 + 7
    record = ref.confusion(pred, target, class_axis=0, num_classes=65536)
    weighted = ref.confusion(pred, target, class_axis=0, num_classes=65536, weight=np.full((50, 40), 0.5))
    right = by_hand(pred // 20000, target // 20000, class_axis=0, classes=3)
    for cell, expected in zip(CELLS, right, strict=True):
        found = getattr(record, cell)
        np.testing.assert_array_equal(found[7:60000:20000], expected)
        np.testing.assert_array_equal(getattr(weighted, cell), found / 2)
        assert (np.delete(found, [7, 20007, 40007]) == (2000 if cell == "tn" else 0)).all()


# Memory. --------------------------------------------------------------------------------------------------------------


def _peak(call: Callable[[], Any]) -> int:
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("convert", [np.array, to_torch])
def test_no_array_grows_with_the_number_of_classes(convert: Any) -> None:
    size = 96**3
    maps = [convert(one.astype(np.uint8)) for one in RNG.integers(0, 21, (2, size))]
    for classes in (21, 105):
        assert _peak(lambda c=classes: ref.dice_score(*maps, class_axis=0, num_classes=c)) < 2 * size  # type: ignore[misc]
    masks = [convert(RNG.random(size) > 0.5) for _ in range(2)]
    assert _peak(lambda: ref.dice_score(*masks)) < 1.5 * size
    assert (
        _peak(lambda: np.equal(np.arange(21)[:, None], np.zeros(size, dtype=int))) > 20 * size
    )  # a check that can fail


# Compiled and transformed. --------------------------------------------------------------------------------------------


def _stacked(*arrays: Any, **keywords: Any) -> Any:
    record = ref.confusion(*arrays, **keywords)
    return torch.stack([getattr(record, cell) for cell in CELLS])


@pytest.mark.parametrize(
    ("form", "extra"), [*itertools.product(("maps", "scores and map", "bools and map", "masks"), ("plain", "ignore"))]
)
def test_torch_transforms(form: str, extra: str) -> None:
    examples = [with_extras(extra, *arguments_of(form, 5), seed) for seed in range(3)]
    keywords = examples[0][2]
    pred = torch.stack([to_torch(one[0]) for one in examples])
    target = torch.stack([to_torch(one[1]) for one in examples])
    found = torch.func.vmap(lambda p, t: _stacked(p, t, **keywords))(pred, target)
    own = {name: value for name, value in keywords.items() if name != "num_classes"}
    for one, example in zip(found, examples, strict=True):
        np.testing.assert_array_equal(one.numpy(), np.stack(by_hand(*example[:2], classes=4, **own)))


@pytest.mark.parametrize("form", ["maps", "masks"])
def test_torch_compile(form: str) -> None:
    torch._dynamo.reset()
    pred, target, keywords = with_extras("ignore", *arguments_of(form, 5), 1)
    own = {name: value for name, value in keywords.items() if name != "num_classes"}
    compiled: Any = torch.compile(lambda p, t: _stacked(p, t, **keywords), backend="eager", fullgraph=True)
    found = compiled(to_torch(pred), to_torch(target))
    np.testing.assert_array_equal(found.numpy(), np.stack(by_hand(pred, target, classes=4, **own)))


_WHOLE: dict[str, Callable[..., Any]] = {
    "regions and weights": lambda p, t, w: ref.dice_score(p, t, class_axis=1, num_classes=3, weight=w, axis=(2, 3)),
    "masks": lambda p, t, w: ref.matthews_correlation(p > 1, t > 1, weight=w),
    "pairs": lambda p, t, w: ref.f_score(ref.class_confusion(p, t, num_classes=3), beta=2.0),
    "logits": lambda p, t, w: ref.accuracy(
        w.unsqueeze(-1) * p.unsqueeze(-1) - torch.arange(3.0), t, class_axis=3, from_logits=True
    ),
}


@pytest.mark.parametrize("name", _WHOLE)
@pytest.mark.parametrize("dynamic", [None, True])
@pytest.mark.filterwarnings(
    "ignore:Dynamo detected a call"
)  # array-api-compat's `cumulative_sum` looks up its namespace
def test_torch_compiles_whole_metrics(name: str, dynamic: bool | None) -> None:
    torch._dynamo.reset()
    torch.manual_seed(0)
    pred, target = torch.randint(0, 3, (2, 4, 20, 20))
    weight = torch.rand(4, 20, 20)
    compiled = torch.compile(_WHOLE[name], backend="aot_eager", fullgraph=True, dynamic=dynamic)
    torch.testing.assert_close(compiled(pred, target, weight), _WHOLE[name](pred, target, weight))


@pytest.mark.parametrize(
    ("form", "extra"), [*itertools.product(("maps", "scores and map", "bools", "masks"), ("plain", "all"))]
)
def test_jax_transforms(form: str, extra: str) -> None:
    with jax.enable_x64(True):
        pred, target, keywords = with_extras(extra, *arguments_of(form, 5), 1)
        expected = by_hand(pred, target, classes=4, **{k: v for k, v in keywords.items() if k != "num_classes"})
        weight = keywords.pop("weight", None)
        arrays = [jnp.asarray(one) for one in (pred, target, *(() if weight is None else (weight,)))]

        def cells(p: Any, t: Any, *weights: Any) -> Any:
            record = ref.confusion(p, t, **keywords, **({"weight": weights[0]} if weights else {}))
            doubled = record + Confusion(record.tp, record.fp, record.fn, record.tn, record.class_axis)
            return record.tp, record.fp, record.fn, record.tn, doubled.tp

        for found in (
            jax.jit(cells)(*arrays),
            [one[1] for one in jax.vmap(cells)(*(jnp.stack([a, a]) for a in arrays))],
        ):
            for one, right in zip(found, [*expected, 2 * expected[0]], strict=True):
                np.testing.assert_allclose(np.asarray(one), right, rtol=1e-13, atol=0)
        if form == "maps":
            table = jax.jit(lambda p, t: ref.class_confusion(p, t, num_classes=4).confusion().tp)(*arrays[:2])
            assert table.shape == (4,)


def test_labels_out_of_range_where_no_value_is_read() -> None:
    pred, target = torch.tensor([0, 1, 5, -1]), torch.tensor([0, 4, 1, 1])
    record = torch.func.vmap(lambda p, t: _stacked(p, t, class_axis=0, num_classes=2))(pred[None], target[None])[0]
    assert record.tolist() == [[1, 0], [0, 1], [0, 2], [3, 1]]
    table = torch.func.vmap(lambda p, t: ref.class_confusion(p, t, num_classes=2).counts)(pred[None], target[None])[0]
    assert table.tolist() == [[1, 0], [0, 0]]


def test_gradients_recording_does_not_matter() -> None:
    logits = torch.randn(3, 4, requires_grad=True)
    record = ref.confusion(logits, torch.zeros(4, dtype=torch.int64), class_axis=0)
    assert not record.tp.requires_grad
    assert int(record.tp.sum() + record.fn.sum()) == 4
    assert not ref.dice_score(torch.sigmoid(logits), torch.ones(3, 4)).requires_grad


def test_half_precision_on_the_host() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        p = torch.tensor([0.25, 0.75, 1.0], dtype=dtype)
        assert float(ref.dice_score(p, torch.tensor([0, 1, 0]))) == pytest.approx(2 / 3)
        with pytest.raises(ValueError, match=r"pred must be in \[0, 1\], got 1.5"):
            ref.dice_score(p + (p == 1) * 0.5, torch.tensor([0, 1, 0]))


def test_an_accelerator_without_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend whose device has no float64: nothing that wide is asked for."""
    monkeypatch.setattr(type(torch_backend), "wide", lambda self, array: (torch.float32, torch.int64))
    monkeypatch.setattr(type(torch_backend), "readable", lambda self, array: None)
    labels = torch.from_numpy(RNG.integers(0, 3, (2, 40)))
    value = ref.dice_score(labels[0], labels[1], class_axis=0, num_classes=3, weight=torch.ones(40))
    assert value.dtype == torch.float32
    assert ref.hausdorff_distance(labels[0] > 1, labels[1] > 1).dtype == torch.float32
    assert torch_backend.from_host(np.zeros(2), labels).dtype == torch.float32
    assert ref.surface_distances(labels[0] > 1, labels[1] > 1).pred_sizes.dtype == torch.float32
    monkeypatch.undo()

    class Device:
        type = "mps"

    class Tensor:
        device = Device()

    assert torch_backend.wide(Tensor()) == (torch.float32, torch.int64)
    assert torch_backend.wide(labels) == (torch.float64, torch.int64)
