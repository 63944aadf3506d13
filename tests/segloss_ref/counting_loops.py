"""Counts by loops, and arrays of every library."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import torch

from segloss_backends.strict import backend as strict_backend

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
