"""Forward and backward of the boundary losses on torch, side by side with MONAI's and kornia's, in one run.

    python benchmarks/boundary.py [--json PATH] [--threads N] [--repeats N]

Float32 logits of 4x1x256x256 whose masks are smooth blobs. Each round times every loss once, in random order; a figure is the
median over rounds of the ratio to the package's loss of the same round. What is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import random
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

import segloss_ref as ref
from segloss_backends import _host

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
IMAGES: dict[str, Any] = {"from_logits": True, "axis": (2, 3)}


def _own() -> dict[str, Loss]:
    forms: dict[str, tuple[Any, dict[str, Any]]] = {
        "hausdorff_loss": (ref.hausdorff_loss, {}),
        "hausdorff_loss, SciPy alone": (ref.hausdorff_loss, {}),
        "hausdorff_loss erosion": (ref.hausdorff_loss, {"method": "erosion"}),
        "hausdorff_loss erosion, minmax": (ref.hausdorff_loss, {"method": "erosion", "rescale": "minmax"}),
        "hausdorff_loss convolution": (ref.hausdorff_loss, {"method": "convolution"}),
        "boundary_loss": (ref.boundary_loss, {}),
        "distance_map_loss": (ref.distance_map_loss, {}),
        "shape_aware_loss": (ref.shape_aware_loss, {}),
        "structural_similarity_loss": (ref.structural_similarity_loss, {}),
    }
    return {
        name: lambda pred, target, f=function, k=keywords: f(pred, target, **IMAGES, **k)  # type: ignore[misc]
        for name, (function, keywords) in forms.items()
    }


def _peers() -> tuple[dict[str, Loss], list[str]]:
    """(losses of the packages that are installed, those that are not)."""
    found: dict[str, Loss] = {}
    absent = []
    for name, module in {"MONAI": "monai.losses", "kornia": "kornia.losses"}.items():
        try:
            losses = importlib.import_module(module)
        except ImportError:
            absent.append(name)
            continue
        if name == "MONAI":
            found["MONAI HausdorffDTLoss"] = losses.HausdorffDTLoss(sigmoid=True)
        else:
            eroding = losses.HausdorffERLoss(k=10)
            found["kornia HausdorffERLoss"] = lambda pred, target, f=eroding: f(  # type: ignore[misc]
                torch.cat([1 - pred.sigmoid(), pred.sigmoid()], 1), target.long()
            )
    return found, absent


def _blobs(seed: int) -> torch.Tensor:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((4, 1, 256, 256)), (0, 0, 8, 8))
    return torch.from_numpy(2 * smooth / smooth.std()).float()


def measure(repeats: int) -> tuple[dict[str, float], dict[str, float], list[str]]:
    """(median milliseconds, values, packages left out)."""
    pred, target = _blobs(0), (_blobs(1) > 0).float()
    peers, absent = _peers()
    losses = {**_own(), **peers}
    has_edt = _host._HAS_EDT
    seconds: dict[str, list[float]] = {name: [] for name in losses}
    values = {}
    for round_ in range(repeats + 2):
        names = list(losses)
        random.Random(round_).shuffle(names)
        for name in names:
            _host._HAS_EDT = has_edt and not name.endswith("SciPy alone")
            leaf = pred.clone().requires_grad_()
            start = time.perf_counter()
            value = losses[name](leaf, target)
            value.backward()  # type: ignore[no-untyped-call]
            if round_ >= 2:
                seconds[name].append(time.perf_counter() - start)
            values[name] = float(value.detach())
    _host._HAS_EDT = has_edt
    figures = {name: 1e3 * statistics.median(times) for name, times in seconds.items()}
    for base in peers:
        for name in (one for one in losses if one.startswith("hausdorff_loss")):
            pairs = zip(seconds[name], seconds[base], strict=True)
            figures[f"{name} / {base}"] = statistics.median(mine / theirs for mine, theirs in pairs)
    return figures, values, absent


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")  # of the packages, about themselves
    figures, values, absent = measure(options.repeats)
    print(f"forward and backward, 4x1x256x256, {options.threads} threads, edt {'used' if _host._HAS_EDT else 'absent'}")
    for name, figure in figures.items():
        print(f"  {figure:9.2f}  {name}" if " / " in name else f"  {figure:9.1f} ms  {name} ({values[name]:.6g})")
    print("".join(f"not run: {name}: not installed\n" for name in absent), end="")
    if options.json is not None:
        facts = {"torch": torch.__version__, "python": platform.python_version(), "machine": platform.machine()}
        settings = {"threads": options.threads, "repeats": options.repeats, "edt": _host._HAS_EDT, "not_run": absent}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(
            json.dumps({**facts, **settings, "figures": figures, "values": values}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
