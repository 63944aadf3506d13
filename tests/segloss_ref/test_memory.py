"""Peak memory of losses of many classes, in arrays of the size of `pred`, the gradient among them, on NumPy."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import segloss_ref as ref

SHAPE = (1, 60, 256, 256)


def peak(function: Callable[[], Any]) -> float:
    """What `function` allocates at most at a time."""
    tracemalloc.start()
    try:
        kept = function()
        return tracemalloc.get_traced_memory()[1] / (4 * np.prod(SHAPE, dtype=float)) if kept is not None else 0.0
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ignore_index", [None, 255])
@pytest.mark.parametrize(
    ("loss", "arrays"),
    [
        (ref.binary_cross_entropy, 2),  # one-hot target, gradient
        (ref.focal_loss, 2),
        (ref.dice_loss, 3),  # and probabilities
        (ref.tversky_loss, 3),
        (ref.generalized_dice_loss, 3),
        (ref.lovasz_softmax_loss, 3),  # and errors
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_losses_of_classes(loss: Callable[..., Any], arrays: int, ignore_index: int | None) -> None:
    rng = np.random.default_rng(0)
    pred = rng.standard_normal(SHAPE, dtype=np.float32)
    labels = rng.integers(0, SHAPE[1], (SHAPE[0], *SHAPE[2:]))
    if ignore_index is not None:
        labels[:, :40] = ignore_index
    used = peak(
        lambda: ref.value_and_grad(loss)(pred, labels, from_logits=True, class_axis=1, ignore_index=ignore_index)
    )
    assert arrays <= used < arrays + 0.75


def test_a_copy_shows() -> None:
    """The figure above counts what is there."""
    assert peak(lambda: [np.ones(SHAPE, dtype=np.float32), np.ones(SHAPE, dtype=np.float32)]) == pytest.approx(2, 0.01)
