"""Surface metrics on large masks, side by side with the packages that are installed, in one run.

    python benchmarks/surfaces.py [--json PATH] [--repeats N] [--only CASE ...] [--no-memory]

What is timed of `segloss_ref` is one `surface_distances` and the four values read off its record: Hausdorff distance, HD95,
average symmetric surface distance and surface Dice. Each other package computes its HD95 alone. Every round times all of
them once, in random order; a figure is the median over rounds of the ratio to the fastest package of the same round. Peak
memory is that of one more call in a process of its own, above what the masks and imports take.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import random
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

import segloss_ref as ref

Masks = tuple[Any, Any]
Run = Callable[[Any, Any], Any]
OURS = "segloss_ref, four metrics"
WARM_UP = 1


def _cut(field: Any, share: float) -> Any:
    return field > np.quantile(field, 1 - share)


def _blobs(shape: tuple[int, ...], seed: int, width: float) -> Any:
    return ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), width)


def _ball(size: int, centre: tuple[int, int, int], radius: int) -> Any:
    grids = np.ogrid[:size, :size, :size]
    return sum((grid - c) ** 2 for grid, c in zip(grids, centre, strict=True)) <= radius**2


def _apart(shape: tuple[int, ...], width: float) -> Masks:
    """The same blobs with parts cut out of one and added to the other: some surface shared, some far away."""
    first = _cut(_blobs(shape, 0, width), 0.15)
    return first, first & ~_cut(_blobs(shape, 5, width), 0.2) | _cut(_blobs(shape, 3, width), 0.04)


def _near(size: int) -> Masks:
    """The same blobs cut at two levels: surfaces a pixel or two apart nearly everywhere."""
    field = _blobs((size,) * 3, 0, 8)
    return _cut(field, 0.15), _cut(field, 0.17)


def _small(size: int) -> Masks:
    masks = np.zeros((2, size, size, size), dtype=bool)
    for mask, parts in zip(masks, _apart((56, 56, 56), 4), strict=True):
        mask[100:156, 100:156, 100:156] = parts
    return masks[0], masks[1]


def _planes() -> Masks:
    pairs = [_apart_planes(seed) for seed in range(16)]
    return np.stack([pred for pred, _ in pairs]), np.stack([target for _, target in pairs])


def _apart_planes(seed: int) -> Masks:
    first = _cut(_blobs((256, 256), seed, 10), 0.1)
    return first, first & ~_cut(_blobs((256, 256), seed + 50, 10), 0.2) | _cut(_blobs((256, 256), seed + 90, 8), 0.02)


CASES: dict[str, Callable[[], Masks]] = {
    "16 x 256^2": _planes,
    "128^3 near match": lambda: _near(128),
    "128^3 partly apart": lambda: _apart((128,) * 3, 8),
    "128^3 far apart": lambda: (_ball(128, (24, 24, 24), 20), _ball(128, (104, 104, 100), 20)),
    "256^3": lambda: _apart((256,) * 3, 16),
    "small in 256^3": lambda: _small(256),
    "128^3 noise": lambda: tuple(np.random.default_rng(seed).random((128,) * 3) < 0.3 for seed in (0, 1)),  # type: ignore[return-value]
    "128^3 full against ball": lambda: (np.ones((128,) * 3, dtype=bool), _ball(128, (64, 64, 64), 12)),
}
"""The first six are what the project set itself; the last two are what a k-d tree is bad at."""


def ours(pred: Any, target: Any) -> dict[str, float]:
    """The four metrics in one pass, averaged over a batch."""
    record = ref.surface_distances(pred, target, axis=(1, 2) if pred.shape[0] == 16 else None)
    return {
        "hd": float(ref.hausdorff_distance(record, reduction="mean")),
        "hd95": float(ref.hausdorff_distance(record, percentile=95, reduction="mean")),
        "assd": float(ref.average_surface_distance(record, reduction="mean")),
        "nsd": float(ref.surface_dice(record, tolerance=1, reduction="mean")),
    }


def peers() -> dict[str, Run]:
    """HD95 of every package that is installed."""

    def one_by_one(function: Run) -> Run:
        def run(pred: Any, target: Any) -> float:
            pairs = zip(pred, target, strict=True) if pred.shape[0] == 16 else [(pred, target)]
            return float(np.mean([function(p, t) for p, t in pairs]))

        return run

    found: dict[str, Run] = {}
    try:
        import torch
        from monai.metrics import compute_hausdorff_distance
    except ImportError:
        pass
    else:

        def monai(pred: Any, target: Any) -> float:
            batch = pred.shape[0] == 16
            masks = (
                torch.from_numpy(mask)[:, None] if batch else torch.from_numpy(mask)[None, None]
                for mask in (pred, target)
            )
            pair = [mask.float() for mask in masks]
            return float(compute_hausdorff_distance(*pair, include_background=True, percentile=95).mean())

        found["MONAI"] = monai
    try:
        from medpy.metric import binary
    except ImportError:
        pass
    else:
        found["medpy"] = one_by_one(binary.hd95)
    try:
        import surface_distance
    except ImportError:
        pass
    else:
        found["surface-distance"] = one_by_one(
            lambda p, t: surface_distance.compute_robust_hausdorff(
                surface_distance.compute_surface_distances(t, p, (1,) * p.ndim), 95
            )
        )
    return found


def _seconds(run: Run, masks: Masks) -> float:
    start = time.perf_counter()
    run(*masks)
    return time.perf_counter() - start


def measure(case: str, repeats: int) -> dict[str, Any]:
    """Milliseconds and ratios of one case."""
    masks = CASES[case]()
    runs: dict[str, Run] = {OURS: ours, **peers()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for round_ in range(repeats + WARM_UP):
        names = list(runs)
        random.Random(round_).shuffle(names)
        for name in names:
            spent = _seconds(runs[name], masks)
            if round_ >= WARM_UP:
                times[name].append(spent)
    medians = {name: statistics.median(spent) for name, spent in times.items()}
    others = [name for name in runs if name != OURS]
    ratios = {name: statistics.median(a / b for a, b in zip(times[OURS], times[name], strict=True)) for name in others}
    return {
        "milliseconds": {name: round(1e3 * spent, 2) for name, spent in medians.items()},
        "ours over": {name: round(ratio, 3) for name, ratio in ratios.items()},
        "fastest": min(others, key=medians.__getitem__) if others else None,
        "values": ours(*masks),
    }


def _peak(case: str, name: str) -> None:
    """Print the bytes that one call takes above what was there; run in a process of its own."""
    masks = CASES[case]()
    run = {OURS: ours, **peers()}[name]
    tiny = np.zeros((4, 4), dtype=bool)
    tiny[1, 1] = True
    run(tiny, tiny)  # imports and tables
    # The greatest size so far may be that of making the masks: the kernel can be told to forget it.
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    run(*masks)
    print(_resident("VmHWM") - before)


def _resident(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def peaks(case: str) -> dict[str, float]:
    """Megabytes of each package; empty where the system does not say."""
    found = {}
    for name in (OURS, *peers()):
        told = subprocess.run(
            [sys.executable, "-W", "ignore", __file__, "--peak", case, name],
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode == 0:
            found[name] = round(int(told.stdout.split()[-1]) / 1e6, 1)
    return found


def _voxels(case: str) -> int:
    """The size of the bounding box of both masks."""
    places = np.nonzero(np.logical_or(*CASES[case]()))
    return int(np.prod([int(along.max()) - int(along.min()) + 1 for along in places]))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=CASES, nargs="*", default=list(CASES))
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--peak", nargs=2, metavar=("CASE", "NAME"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.peak:
        _peak(*options.peak)
        return
    results = {}
    for case in options.only:
        figures = measure(case, options.repeats)
        if not options.no_memory:
            figures["peak megabytes"] = peaks(case)
            figures["voxels of the bounding box"] = _voxels(case)
        results[case] = figures
        print(f"\n{case}")
        for name, spent in sorted(figures["milliseconds"].items(), key=lambda pair: pair[1]):
            ratio = figures["ours over"].get(name)
            memory = figures.get("peak megabytes", {}).get(name)
            print(
                f"  {spent:10.1f} ms  {name:28}"
                + ("" if memory is None else f" {memory:8.1f} MB")
                + ("" if ratio is None else f"   ours takes {ratio:.2f} of it"),
                flush=True,
            )
    if options.json is not None:
        names = ("numpy", "scipy", "monai", "medpy", "surface-distance", "torch")
        versions = {}
        for name in names:
            try:
                versions[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        facts = {"python": platform.python_version(), "machine": platform.machine(), "repeats": options.repeats}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({**facts, "versions": versions, "cases": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
