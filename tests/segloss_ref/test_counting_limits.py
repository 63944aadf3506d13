"""Counting: what is refused, memory, compiled and transformed calls."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import segloss_ref as ref
from segloss_backends.torch import backend as torch_backend
from segloss_ref import Confusion
from tests.segloss_ref.counting_loops import CELLS, LIBRARIES, RNG, arguments_of, back, by_hand, to_torch, with_extras

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
