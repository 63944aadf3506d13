"""Devices without 64 bits, views and modes of torch, narrow dtypes, labels to ignore."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch._subclasses import FakeTensorMode

import segloss_ref as ref
from segloss_ref import Confusion, registry
from tests.segloss_ref.outside_devices import LIBRARIES

# Devices without 64 bits. ---------------------------------------------------------------------------------------------

rng = np.random.default_rng(5)
P, Y = rng.random((2, 3, 6, 7)).astype(np.float32), rng.integers(0, 2, (2, 3, 6, 7), dtype=np.int32)
Z, L = 4 * P - 2, rng.integers(0, 3, (2, 6, 7), dtype=np.int32)
W = rng.random((2, 1, 6, 7)).astype(np.float32)
DEVICES = ("no_float64", "no_x64")


def on_device(device: str) -> Callable[[Any], Any]:
    """How arguments get there: arrays as they are, all else unchanged."""
    there = array_api_strict.Device(device)
    return lambda one: array_api_strict.asarray(one, device=there) if isinstance(one, np.ndarray) else one


def back(array: Any) -> Any:
    return np.asarray(array_api_strict.asarray(array, device=array_api_strict.Device("CPU_DEVICE")))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", sorted(registry.losses))
def test_losses_on_devices_without_64_bits(device: str, name: str) -> None:
    record, to = registry.losses[name], on_device(device)
    calls: list[tuple[Any, Any, dict[str, Any]]] = []
    classes = {"class_axis": 1} if record.needs_class_axis else {}
    logits = {"from_logits": True} if "from_logits" in record.keywords else {}
    weight = W if classes else np.ascontiguousarray(np.broadcast_to(W, P.shape))
    calls.append((Z, Y, {**classes, **logits, "weight": weight}))
    if logits:
        calls.append((P, Y, dict(classes)))
    if "class_axis" in record.keywords and record.categorical:
        calls.append((Z, L, {**logits, "class_axis": 1, "weight": W, "ignore_index": 1}))
        calls.append((Z, L, {**logits, "class_axis": 1}))
    own: list[dict[str, Any]] = [{}]
    if name == "hausdorff_loss":
        own += [{"method": "erosion"}, {"method": "convolution", "radii": (1, 2)}]
    elif "scope" in record.parameters:
        own.append({"scope": "pixel"})
    for pred, target, keywords in calls:
        for more in own:
            given = {**keywords, **more, "axis": (2, 3)}
            there = {key: to(one) for key, one in given.items()}
            value, gradient = ref.value_and_grad(record.function)(to(pred), to(target), **there)
            expected = ref.value_and_grad(record.function)(pred, target, **given)
            assert value.dtype == gradient.dtype == array_api_strict.float32
            assert value.device == gradient.device == array_api_strict.Device(device)
            np.testing.assert_allclose(back(value), expected[0], rtol=2e-5)
            np.testing.assert_allclose(back(gradient), expected[1], rtol=1e-3, atol=1e-6)
            np.testing.assert_allclose(back(record.function(to(pred), to(target), **there)), expected[0], rtol=2e-5)
            ref.validate(record.function, to(pred), to(target), **there)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", sorted(registry.metrics))
def test_metrics_on_devices_without_64_bits(device: str, name: str) -> None:
    if name == "centerline_dice":
        pytest.importorskip("skimage")
    metric, to = registry.metrics[name], on_device(device)
    required = {one.name: 1 for one in metric.parameters.values() if one.required}
    weight = {"weight": (W > 0.3)[:, 0]} if metric.family == "surface" else {"weight": W[:, 0]}
    maps = {"class_axis": 1, "num_classes": 3, "axis": (2, 3)}
    for pred, target, keywords in (
        (L, L[::-1].copy(), maps),
        (L, L[::-1].copy(), {**maps, **weight, "ignore_index": 1, "reduction": "nanmean"}),
        (L, L[::-1].copy(), {**maps, "reduction": "weighted", "undefined": 0.0}),
        (P, L, {"class_axis": 1, "axis": (2, 3)}),
        (Z, L, {"class_axis": 1, "axis": (2, 3), "from_logits": True}),
        (P > 0.5, Y, {"axis": (2, 3)}),
        (P, P, {"axis": (2, 3), "pred_empty": math.inf}),
    ):
        there = {key: to(one) for key, one in {**keywords, **required}.items()}
        found = metric.function(to(pred), to(target), **there)
        assert found.dtype == array_api_strict.float32
        assert found.device == array_api_strict.Device(device)
        np.testing.assert_allclose(
            back(found), metric.function(pred, target, **keywords, **required), rtol=2e-6, atol=1e-6
        )
        ref.validate(metric.function, to(pred), to(target), **there)


@pytest.mark.parametrize("device", DEVICES)
def test_records_on_devices_without_64_bits(device: str) -> None:
    to, other = on_device(device), L[::-1].copy()
    for keywords in ({}, {"weight": W[:, 0]}, {"ignore_index": 2}):
        there = {key: to(one) for key, one in keywords.items()}
        for counted in (
            lambda to, more: ref.class_confusion(to(L), to(other), 3, **more),
            lambda to, more: ref.confusion(to(L), to(other), class_axis=0, num_classes=3, **more),
        ):
            record, expected = counted(to, there), counted(lambda one: one, keywords)
            scores = ref.f_score(record + record, beta=2)
            assert scores.dtype == array_api_strict.float32
            np.testing.assert_allclose(back(scores), ref.f_score(expected, beta=2), rtol=1e-6)
            assert type(record).from_dict(record.to_dict()).to_dict()["shape"] == expected.to_dict()["shape"]
    maps: Any = {"class_axis": 1, "num_classes": 3, "axis": (2, 3), "spacing": 0.1}
    record = ref.surface_distances(to(L), to(other), **maps)
    assert record.pred_to_target.dtype == array_api_strict.float32
    for tolerance in (0.1, 0.2):
        expected = ref.surface_dice(L, other, tolerance=tolerance, **maps)
        np.testing.assert_allclose(back(ref.surface_dice(record, tolerance=tolerance)), expected, rtol=1e-6)
    most = array_api_strict.asarray(2**30 if device == "no_x64" else 2**62, device=array_api_strict.Device(device))
    one = Confusion(most, most, most, most)
    with pytest.raises(ValueError, match=r"^Confusion: the sum of tp must be at most"):
        one + one


# Views and modes of torch. --------------------------------------------------------------------------------------------


def test_noted_negation_and_conjugation() -> None:
    view = torch.tensor([1 - 1j, 0j, 1 - 1j, 1 - 0j]).conj().imag
    assert view.is_neg()
    plain = view.clone().resolve_neg()
    assert plain.tolist() == [1, 0, 1, 0]
    other = torch.tensor([1, 1, 0, 0])
    assert float(ref.dice_score(view, other)) == 0.5
    assert float(ref.dice_score(other, view)) == 0.5
    assert float(ref.dice_score(other, other, weight=view)) == 1
    assert float(ref.hausdorff_distance(view, other)) == 1
    assert float(ref.dice_loss(view, other, smooth=0)) == 0.5
    assert float(ref.dice_loss(other.float(), view, smooth=0)) == 0.5
    assert float(ref.boundary_loss(view, other)) == float(ref.boundary_loss(plain, other))
    assert Confusion(view, view, view, view).to_dict()["tp"] == [1, 0, 1, 0]
    with pytest.raises(ValueError, match=r"^dice_score: pred must be in \[0, 1\], got -1\.0"):
        ref.dice_score(-view, other)


@pytest.mark.parametrize(
    "dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.bfloat16]
)
def test_floating_dtypes_that_numpy_lacks(dtype: torch.dtype) -> None:
    mask = torch.tensor([1.0, 0.25, 0.75, 0.0]).to(dtype)
    other = torch.tensor([1, 1, 0, 0])
    assert float(ref.dice_score(mask, other)) == 0.5
    assert float(ref.dice_score(other, mask)) == 0.5
    assert float(ref.hausdorff_distance(mask, other)) == 1
    assert float(ref.dice_loss(mask, other, smooth=0)) == 1 - 2 * 1.25 / 4
    scores = torch.tensor([[0.25, 0.5, 0.75], [0.5, 0.25, 0.0]]).to(dtype)
    assert ref.dice_score(scores, torch.tensor([1, 0, 1]), class_axis=0).tolist() == pytest.approx([2 / 3, 2 / 3])
    found = torch.func.vmap(ref.dice_score)(mask.reshape(2, 2), other.reshape(2, 2))
    assert found.tolist() == pytest.approx([2 / 3, 0])
    with pytest.raises(ValueError, match=r"^dice_score: target must be in \[0, 1\], got 2\.0"):
        ref.dice_score(other, (2 * mask.float()).to(dtype))


@pytest.mark.parametrize("name", sorted(name for name, one in registry.metrics.items() if one.family == "surface"))
def test_geometry_needs_values(name: str) -> None:
    metric = registry.metrics[name]
    required = {one.name: 1 for one in metric.parameters.values() if one.required}
    masks = torch.ones(2, 3, 3)

    def measured(pred: Any, target: Any, **more: Any) -> Any:
        return metric.function(pred, target, **required, **more)

    calls = {
        "pred": lambda: torch.func.vmap(measured)(masks, masks),
        "target": lambda: torch.func.vmap(lambda one: measured(masks[0], one))(masks),
        "weight": lambda: torch.func.vmap(lambda one: measured(masks[0], masks[0], weight=one))(masks),
    }
    for argument, call in calls.items():
        with pytest.raises(TypeError, match=f"^{name}: {argument} must hold values, which are looked at here"):
            call()
    with pytest.raises(TypeError, match=f"^{name}: pred must hold values"):
        torch.func.grad(lambda one: measured(one, masks[0]).sum())(masks[0])
    real = masks[0]
    with FakeTensorMode():
        fake = torch.ones(3, 3)
        for pred in (fake, real):  # under the mode, operations on real tensors give fake ones
            with pytest.raises(TypeError, match=f"^{name}: pred must hold values"):
                measured(pred, pred)
    with pytest.raises(TypeError, match=f"^{name}: pred must hold values"):
        measured(fake, fake)


def test_two_numbers_an_element() -> None:
    packed = torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    for function in (ref.dice_score, ref.hausdorff_distance, ref.dice_loss):
        with pytest.raises(
            TypeError, match="pred must be a tensor of one number an element, got torch Tensor of float4"
        ):
            function(packed, packed)


# Narrow dtypes of JAX, and large calls. -------------------------------------------------------------------------------


def test_values_of_narrow_jax_dtypes_are_looked_at() -> None:
    for dtype in (jnp.int4, jnp.float8_e4m3fn, jnp.bfloat16):
        mask, other = jnp.array([1, 0, 1, 0], dtype), jnp.array([1, 1, 0, 0])
        assert float(ref.dice_score(mask, other)) == 0.5
        assert float(ref.hausdorff_distance(mask, other)) == 1
        for call in (ref.dice_score, ref.hausdorff_distance):
            with pytest.raises(ValueError, match="pred must be"):
                call(jnp.array([2, 0, 1, 0], dtype), other)
    with pytest.raises(ValueError, match="target must be a label"):
        ref.class_confusion(jnp.array([1]), jnp.array([3], jnp.int4), 2)


@pytest.mark.parametrize("library", LIBRARIES)
def test_more_counts_than_memory(library: str) -> None:
    labels = LIBRARIES[library](np.zeros((64, 64), dtype=np.int32))
    for function in (ref.dice_score, ref.confusion, ref.hausdorff_distance, ref.boundary_iou):
        more = {"width": 1} if function is ref.boundary_iou else {}
        said = f"^{function.__name__}: num_classes must leave at most {2**28} counts in all, which are 4 x 4096 x num_classes"
        with pytest.raises(ValueError, match=said):
            function(labels, labels, class_axis=2, num_classes=65536, axis=(), **more)  # type: ignore[operator]
    small = labels[:1, :3]
    assert tuple(ref.dice_score(small, small, class_axis=2, num_classes=40000, axis=()).shape) == (1, 3, 40000)


# Labels to ignore. ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64", "int64"])
def test_fill_values_are_ignored_exactly(library: str, dtype: str) -> None:
    with jax.enable_x64(dtype.endswith("64")):
        check_fill_values(library, dtype)


def check_fill_values(library: str, dtype: str) -> None:
    convert, fill = LIBRARIES[library], int(np.iinfo(dtype).max)
    target = convert(np.array([0, 1, fill, 1], dtype))
    pred, scores = convert(np.array([0, 1, 1, 0])), convert(np.array([0.25, 0.75, 0.5, 0.5], dtype=np.float32))
    maps: Any = {"class_axis": 0, "num_classes": 2, "ignore_index": fill}
    # Class 0: one pixel in both, one in pred alone. Class 1: one in both, one in target alone.
    assert np.asarray(ref.dice_score(pred, target, **maps)).tolist() == pytest.approx([2 / 3, 2 / 3])
    assert np.asarray(ref.class_confusion(pred, target, 2, ignore_index=fill).counts).tolist() == [[1, 0], [1, 1]]
    assert int(ref.confusion(pred, target, ignore_index=fill).fp) == 0
    far = convert(np.array([1, 0, 0, 0, 0])), convert(np.array([0, 0, 1, 0, fill], dtype))
    assert float(ref.hausdorff_distance(*far, ignore_index=fill)) == 2
    assert float(ref.dice_loss(scores, target, ignore_index=fill, smooth=0)) == pytest.approx(1 - 2.5 / 3.5)
    logits = convert(np.zeros((2, 4), dtype=np.float32))
    found = ref.binary_cross_entropy(logits, target, from_logits=True, class_axis=0, ignore_index=fill)
    assert float(found) == pytest.approx(math.log(2))
    for near in (fill - 1, -1, 2**64 - 1 if fill < 2**63 else 2**63):
        with pytest.raises(ValueError, match="target must be"):
            ref.dice_score(pred, target, **{**maps, "ignore_index": near})
        with pytest.raises(ValueError, match="target must be"):
            ref.dice_loss(scores, target, ignore_index=near)


def test_fill_values_under_transforms() -> None:
    fill = 2**64 - 1
    target, pred = torch.tensor(np.array([[0, 1, fill, 1]] * 2, dtype=np.uint64)), torch.tensor([[0, 1, 1, 0]] * 2)
    counted = torch.func.vmap(lambda p, t: ref.confusion(p, t, class_axis=0, num_classes=2, ignore_index=fill).tp)
    assert counted(pred, target).tolist() == [[1, 1]] * 2
    top = 2**32 - 1
    labels = jnp.array([0, 1, top, 1], dtype=jnp.uint32)
    counts = jax.jit(lambda p, t: ref.class_confusion(p, t, 2, ignore_index=top).counts)
    assert counts(jnp.array([0, 1, 1, 0]), labels).tolist() == [[1, 0], [1, 1]]
