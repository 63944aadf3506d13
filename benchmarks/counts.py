"""Time and memory of the counting metrics and of surfaces with many classes, beside the plainest code for the same, in one run.

    python benchmarks/counts.py [--json PATH] [--repeats N]

Each round times every pair of candidates once, in random order, the plain code right before ours; a figure is the median over
rounds of the ratio of the two. Memory is the peak of what NumPy allocates beyond the masks, in bytes a voxel. One thread.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

import segloss_ref as ref

Call = Callable[[], Any]


def _labels(shape: tuple[int, ...], classes: int, dtype: Any = np.uint8) -> tuple[Any, Any]:
    """A map of random labels and one that agrees with it on four pixels of five."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, classes, shape).astype(dtype)
    return np.where(rng.random(shape) < 0.8, target, rng.integers(0, classes, shape)).astype(dtype), target


def _organs(shape: tuple[int, ...], classes: int) -> tuple[Any, Any]:
    """A volume with a ball for every class but the background, and the same moved by a voxel."""
    rng = np.random.default_rng(0)
    target = np.zeros(shape, dtype=np.uint8)
    grid = np.ogrid[tuple(slice(0, 41) for _ in shape)]
    for label in range(1, classes):
        radius = rng.integers(8, 21)
        ball = sum((axis - 20) ** 2 for axis in grid) <= radius**2
        corner = [rng.integers(0, size - 41) for size in shape]
        target[tuple(slice(low, low + 41) for low in corner)][ball] = label
    return np.roll(target, 1, axis=0), target


def _one_bincount(pred: Any, target: Any, classes: int) -> Any:
    return np.bincount((target.astype(np.intp) * classes + pred).ravel(), minlength=classes**2)


def _three_counts(pred: Any, target: Any) -> Any:
    return np.count_nonzero(pred & target), np.count_nonzero(pred), np.count_nonzero(target)


def _loop_over_boxes(pred: Any, target: Any, classes: int, spacing: Any) -> list[Any]:
    """Surfaces label after label in the box of both masks, as one would write it by hand; the background in the whole image."""
    boxes = [ndimage.find_objects(one, classes) for one in (pred, target)]
    found = []
    for label in range(classes):
        box = tuple(slice(0, size) for size in pred.shape)
        here = [one[label - 1] for one in boxes if label and one[label - 1] is not None]
        if here:
            box = tuple(
                slice(max(min(b.start for b in along) - 1, 0), max(b.stop for b in along) + 1)
                for along in zip(*here, strict=True)
            )
        found.append(ref.surface_distances(pred[box] == label, target[box] == label, spacing=spacing))
    return found


def _versus(pairs: dict[str, tuple[Call, Call]], repeats: int, calls: int = 1) -> dict[str, list[float]]:
    """Of each pair (plain, ours): the milliseconds of ours, the median ratio to the plain one."""

    def seconds(call: Call) -> float:
        start = time.process_time()
        for _ in range(calls):
            call()
        return (time.process_time() - start) / calls

    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in pairs}
    for round_ in range(repeats + 2):
        names = list(pairs)
        random.Random(round_).shuffle(names)
        for name in names:
            plain, ours = (seconds(call) for call in pairs[name])
            if round_ >= 2:  # the first ones warm up
                figures[name].append((1e3 * ours, ours / plain))
    return {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in figures.items()}


def _bytes(call: Call, voxels: int) -> float:
    """The peak of what NumPy allocates during a call, in bytes a voxel."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / voxels


def measure(repeats: int) -> dict[str, dict[str, Any]]:
    """All figures by name."""
    torch.set_num_threads(1)
    pairs: dict[str, tuple[Call, Call]] = {}
    memory: dict[str, float] = {}
    for classes in (2, 21, 150):
        for dtype in (np.int64, np.uint8):
            p, t = _labels((4, 512, 512), classes, dtype)
            tp, tt = torch.from_numpy(p), torch.from_numpy(t)
            keys: Any = {"num_classes": classes, "class_axis": 0}
            plain = lambda p=p, t=t, c=classes: _one_bincount(p, t, c)  # noqa: E731
            name = f"{np.dtype(dtype).name}, {classes} classes, of one bincount"
            pairs[f"NumPy {name}"] = plain, lambda p=p, t=t, keys=keys: ref.dice_score(p, t, **keys)
            pairs[f"torch {name}"] = plain, lambda p=tp, t=tt, keys=keys: ref.dice_score(p, t, **keys)
    a, b = np.random.default_rng(0).random((2, 64, 512, 512)) > 0.5
    pairs["NumPy bool, of count_nonzero"] = lambda: _three_counts(a, b), lambda: ref.dice_score(a, b)
    ta, tb = torch.from_numpy(a), torch.from_numpy(b)
    pairs["torch bool, of NumPy's count_nonzero"] = lambda: _three_counts(a, b), lambda: ref.dice_score(ta, tb)
    memory["bool, 64x512x512"] = _bytes(lambda: ref.dice_score(a, b), a.size)
    for size in (96, 256):
        p, t = _labels((size,) * 3, 105)
        for dtype in (np.uint8, np.int64):
            q, u = p.astype(dtype), t.astype(dtype)
            call = lambda q=q, u=u: ref.dice_score(q, u, num_classes=105, class_axis=0)  # noqa: E731
            memory[f"{np.dtype(dtype).name}, 105 classes, {size}^3"] = _bytes(call, p.size)
    figures = _versus(pairs, repeats)

    p, t = _organs((256, 256, 200), 21)
    spacing = (0.8, 0.8, 1.5)

    def ours() -> Any:
        return ref.surface_distances(p, t, num_classes=21, class_axis=0, spacing=spacing)

    surfaces = {"surfaces of 20 labels and background, of a loop": (lambda: _loop_over_boxes(p, t, 21, spacing), ours)}
    figures |= _versus(surfaces, max(3, repeats // 4))
    memory["surfaces of 20 labels and background, 256x256x200"] = _bytes(ours, p.size)

    p, t = _labels((16, 16), 5)
    small: dict[str, tuple[Call, Call]] = {
        "16x16 bool, of count_nonzero": (lambda: _three_counts(p > 2, t > 2), lambda: ref.dice_score(p > 2, t > 2)),
        "16x16 of 5 labels, of one bincount": (
            lambda: _one_bincount(p, t, 5),
            lambda: ref.dice_score(p, t, num_classes=5, class_axis=0),
        ),
    }
    figures |= _versus(small, repeats, calls=200)
    return {"ms, ratio": figures, "bytes a voxel": memory}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--repeats", type=int, default=21)
    options = parser.parse_args()
    figures = measure(options.repeats)
    for name, (ms, ratio) in figures["ms, ratio"].items():
        print(f"{ms:10.3f} ms {ratio:8.2f}  {name}")
    for name, size in figures["bytes a voxel"].items():
        print(f"{size:10.3f} bytes a voxel  {name}")
    if options.json is not None:
        facts = {"numpy": np.__version__, "torch": torch.__version__, "python": platform.python_version()}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({**facts, "machine": platform.machine(), **figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
