"""More pixels than float32 can count one by one: constant predictions, whose losses follow from the shares of the labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import segloss_ref as ref

BEYOND = 5 * 2**22  # 0.9 of them are more than 2^24, where a running sum of ones in float32 stands still
MANY = 2**22  # enough for a running sum of other numbers to have lost its last digits
ROUNDOFFS = 16 * 2.0**-23  # torch and XLA need up to 10 for equal terms, whose errors all go one way
LIBRARIES = ["numpy", "torch", "jax"]


@pytest.fixture(params=LIBRARIES)
def give(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """What turns a NumPy array into one of the library's."""
    if request.param == "torch":
        return pytest.importorskip("torch").from_numpy
    return pytest.importorskip("jax.numpy").asarray if request.param == "jax" else np.asarray


def constant(shape: tuple[int, ...], values: Any, dtype: Any = np.float32) -> Any:
    """`values` along the last axis, or one number everywhere, in memory of its own."""
    return np.ascontiguousarray(np.broadcast_to(np.asarray(values, dtype=dtype), shape))


def near(got: Any, want: Any) -> None:
    np.testing.assert_allclose(np.asarray(got, dtype=np.float64), want, rtol=ROUNDOFFS)


def tenths(n: int, background: int) -> Any:
    """Labels, of which this many tenths are background, mixed evenly."""
    return (np.arange(n, dtype=np.int32) % 10 >= background).astype(np.uint8)


# Lovász losses: the errors are two numbers. Down the sorted errors the Jaccard loss rises to b, the share of the background,
# over all false alarms, and to 1 over all misses; so the misses add 1 - b after the false alarms and 1 before them.


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_lovasz_hinge(library: str) -> None:
    y, z = tenths(BEYOND, 1), constant((BEYOND,), 0.5)
    if library == "torch":
        torch = pytest.importorskip("torch")
        y, z = torch.from_numpy(y), torch.from_numpy(z)
    near(ref.lovasz_hinge_loss(z, y), 1.5 * 0.1 + 0.5 * 0.9)


@pytest.mark.parametrize("weight", [None, 0.7])
def test_lovasz_softmax(weight: float | None) -> None:
    y, p = tenths(BEYOND, 1), constant((BEYOND,), 0.75)
    keywords = {} if weight is None else {"weight": constant((1,), weight)}
    near(ref.lovasz_softmax_loss(p, y, **keywords), 0.75 * 0.1 + 0.25 * 0.9)


def test_lovasz_gradient_sums_to_the_extension() -> None:
    """By the hinge errors the slopes sum to J of all pixels, which is 1: misses have 1 - b of it here, false alarms b."""
    y, z = tenths(BEYOND, 1), constant((BEYOND,), 0.5)
    _, gradient = ref.value_and_grad(ref.lovasz_hinge_loss)(z, y)
    near(gradient.sum(dtype=np.float64, where=y == 0), 0.1)
    near(gradient.sum(dtype=np.float64, where=y == 1), -0.9)


# Sums over regions that lie around other axes in memory.


def test_dice_of_channels_last(give: Callable[[Any], Any]) -> None:
    p, labels = np.float32([0.7, 0.3]).astype(np.float64), tenths(MANY, 4)[: MANY // 10 * 10]
    pred = constant((labels.size, 2), p)
    b = np.array([0.4, 0.6])
    want = 1 - 2 * p * b / (p + b)
    got = ref.dice_loss(give(pred), give(labels), class_axis=-1, smooth=0, reduction="none")
    near(got, want)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_dice_of_columns(give: Callable[[Any], Any], dtype: Any) -> None:
    p = np.array([0.7, 0.3], dtype=dtype).astype(np.float64)
    labels = tenths(MANY, 4)[: MANY // 10 * 10]
    pred, y = constant((labels.size, 2), p, dtype), np.stack([labels, 1 - labels], axis=1)
    f = np.array([0.6, 0.4])
    got = ref.dice_loss(give(pred), give(y), axis=0, smooth=0, reduction="none")
    near(got, 1 - 2 * p * f / (p + f))


def test_dice_of_classes_in_the_middle(give: Callable[[Any], Any]) -> None:
    p, pixels = np.float32([0.7, 0.3]).astype(np.float64), (MANY // 160 * 10, 16)
    labels = tenths(pixels[0], 4)[:, None] + np.zeros(pixels, dtype=np.uint8)
    pred = np.ascontiguousarray(np.swapaxes(constant((*pixels, 2), p), 1, 2))
    b = np.array([0.4, 0.6])
    got = ref.dice_loss(give(pred), give(labels), class_axis=1, smooth=0, reduction="none")
    near(got, 1 - 2 * p * b / (p + b))


@pytest.mark.parametrize("axis", [0, (0, 1)])
def test_weighted_cross_entropy_of_columns(give: Callable[[Any], Any], axis: Any) -> None:
    y, pred = np.zeros((MANY, 2), dtype=np.uint8), constant((MANY, 2), 0.7)
    weight = constant((MANY, 2), [0.1, 0.1])
    want = -math.log1p(-float(np.float32(0.7)))
    near(ref.binary_cross_entropy(give(pred), give(y), axis=axis, weight=give(weight), reduction="sum"),
         want * (2 if axis == 0 else 1))  # fmt: skip


def test_balance_of_columns(give: Callable[[Any], Any]) -> None:
    """The weights of balanced cross-entropy are themselves sums over the region."""
    labels = tenths(MANY, 2)[: MANY // 10 * 10]
    y, pred = np.stack([labels, labels], axis=1), constant((labels.size, 2), 0.0)
    got = ref.balanced_cross_entropy(give(pred), give(y), axis=0, from_logits=True, reduction="none")
    near(got, [2 * 0.8 * 0.2 * math.log(2)] * 2)


def test_shape_aware_counts_its_contour() -> None:
    """Lines whose every other pixel is predicted, all of them contour; the target's contour is the two ends of its half."""
    n, place = MANY, np.arange(0, MANY, 2)
    pred, y = constant((n, 2), 0.25), np.zeros((n, 2), dtype=np.uint8)
    pred[::2], y[: n // 2] = 0.75, 1
    apart = np.minimum(place, abs(place - (n // 2 - 1))).mean()
    cross = (math.log(4) + math.log(4 / 3)) / 2
    near(ref.shape_aware_loss(pred, y, axis=0, reduction="none"), [(1 + apart) * cross] * 2)


# Blocks.


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_blocks_add_up(library: str) -> None:
    """A float32 total of blocks drifts; with a prediction of 0.1 each block's sum rounds the same way."""
    p, y = constant((2**25,), 0.1), np.zeros(2**25, dtype=np.uint8)
    if library == "torch":
        torch = pytest.importorskip("torch")
        p, y = torch.from_numpy(p), torch.from_numpy(y)
    near(ref.binary_cross_entropy(p, y), -math.log1p(-float(np.float32(0.1))))


# Counts.


def test_counts_of_columns() -> None:
    target = np.repeat(tenths(BEYOND, 1)[:, None], 2, axis=1)
    counts = ref.confusion(np.ones_like(target), target, axis=0)
    assert counts.tp.tolist() == [BEYOND // 10 * 9] * 2
    assert counts.fp.tolist() == [BEYOND // 10] * 2


def test_weights_of_columns(give: Callable[[Any], Any]) -> None:
    labels = tenths(MANY, 4)[: MANY // 10 * 10]
    target = np.repeat(labels[:, None], 2, axis=1)
    weight = constant(target.shape, 0.1)
    near(ref.precision(give(np.ones_like(target)), give(target), axis=0, weight=give(weight)), [0.6, 0.6])
