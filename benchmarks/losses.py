"""Forward and backward of the losses on torch, side by side with torch's own, in one run.

    python benchmarks/losses.py [--json PATH] [--threads N] [--device cpu|cuda] [--repeats N]

Each round times every loss once, in random order, and torch's own loss right before it; a figure is the median over rounds of
the ratio of the two, so that a slow spell of the machine hits both alike.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional

import segloss_ref as ref

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
BASE = "torch binary_cross_entropy_with_logits"
AIMS = {"dice_loss": 0.6, "tversky_loss": 0.6, "focal_loss": 2.2, "binary_cross_entropy": 1.25}


def _own(name: str) -> Loss:
    record = ref.registry.losses[name]
    keywords = {"from_logits": True} if "from_logits" in record.keywords else {}
    return lambda pred, target: record.function(pred, target, **keywords)


def _seconds(loss: Loss, pred: torch.Tensor, target: torch.Tensor, calls: int) -> float:
    """Seconds a call, over `calls` of them: processor time of a single thread on the host, which others on the machine disturb
    least, else time on the clock."""
    clock = time.perf_counter if pred.is_cuda or torch.get_num_threads() > 1 else time.process_time
    synchronise = torch.cuda.synchronize if pred.is_cuda else lambda: None
    leaves = [pred.detach().requires_grad_() for _ in range(calls)]
    synchronise()
    start = clock()
    for leaf in leaves:
        loss(leaf, target).backward()
    synchronise()
    return (clock() - start) / calls


def _versus(
    losses: dict[str, Loss], base: str, pred: torch.Tensor, target: torch.Tensor, repeats: int, calls: int = 1
) -> dict[str, float]:
    """Median ratio to `base` of each loss, and the median milliseconds of `base` under "ms"."""
    ratios: dict[str, list[float]] = {name: [] for name in losses}
    milliseconds = []
    for round_ in range(repeats + 3):
        names = list(losses)
        random.Random(round_).shuffle(names)
        for name in names:
            before, seconds = (_seconds(losses[one], pred, target, calls) for one in (base, name))
            if round_ >= 3:  # the first ones warm up
                milliseconds.append(1e3 * before)
                ratios[name].append(seconds / before)
    return {
        "ms": statistics.median(milliseconds),
        **{name: statistics.median(r) for name, r in ratios.items()},
    }


def measure(device: str, threads: int, repeats: int) -> dict[str, dict[str, float]]:
    """Ratios on float32 logits: binary of 4x1x512x512, small of 1x1x32x32 (what a call itself costs), 21 classes of
    4x21x128x128."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    binary = torch.randn(4, 1, 512, 512, device=device)
    mask = (torch.rand(4, 1, 512, 512, device=device) > 0.7).float()
    losses: dict[str, Loss] = {BASE: functional.binary_cross_entropy_with_logits}
    losses |= {name: _own(name) for name, record in ref.registry.losses.items() if not record.needs_class_axis}
    classes = torch.randn(4, 21, 128, 128, device=device)
    labels = torch.randint(0, 21, (4, 128, 128), device=device)
    several: dict[str, Loss] = {"torch cross_entropy": functional.cross_entropy}
    for name in ("binary_cross_entropy", "focal_loss", "dice_loss", "generalized_dice_loss"):
        function = ref.registry.losses[name].function
        several[name] = lambda p, t, f=function: f(p, t, from_logits=True, class_axis=1)  # type: ignore[misc]
    corner = binary[:1, :, :32, :32].clone(), mask[:1, :, :32, :32].clone()
    return {
        "binary": _versus(losses, BASE, binary, mask, repeats),
        "small": _versus(losses, BASE, *corner, repeats, calls=20),
        "classes": _versus(several, "torch cross_entropy", classes, labels, repeats),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=21)
    options = parser.parse_args()
    figures = measure(options.device, options.threads, options.repeats)
    for case, ratios in figures.items():
        print(
            f"\n{case}: base {ratios['ms']:.3f} ms, {options.threads} threads, {options.device}, torch {torch.__version__}"
        )
        for name, ratio in sorted(ratios.items(), key=lambda pair: pair[1]):
            aim = f"  (aim {AIMS[name]})" if case == "binary" and name in AIMS else ""
            if name != "ms":
                print(f"  {ratio:8.2f}  {name}{aim}")
    if options.json is not None:
        facts = {
            "torch": torch.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        }
        settings = {"device": options.device, "threads": options.threads, "repeats": options.repeats}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({**facts, **settings, "ratios": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
