"""The textbook: every loss and metric by loops over pixels, in 60-digit arithmetic, from the written definition.

Nothing here is shared with the library, neither a line nor a trick. What the library sums by axes is looped over here;
overlaps are 1 - a/b as printed; the Lovász extension is the integral over level sets that defines it; counts are counted.
An `Answer` holds the value and the gradient of the sum of the values, with the bounds that `numbers` computes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..numbers import ZERO, exact, mp, total
from .boundary import MERGED_SPATIAL, PER_CLASS_SPATIAL
from .counts import METRICS as COUNTING
from .counts import class_counts, counting_metric, counts
from .losses import MERGED, PER_CLASS, lovasz_hinge_region, lovasz_softmax_region
from .regions import Answer, problem_of
from .surfaces import METRICS as SURFACE
from .surfaces import surface_metric

__all__ = ["LOSSES", "METRICS", "Answer", "class_counts", "counts", "loss", "metric"]

METRICS = (*COUNTING, *SURFACE)
LOSSES = (*PER_CLASS, *MERGED, *PER_CLASS_SPATIAL, *MERGED_SPATIAL, "lovasz_softmax_loss", "lovasz_hinge_loss")


def _check_known(name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise LookupError(
            f"the textbook has no {name}: transcribe it and name it in a table of its module (CONTRIBUTING, step 3)"
        )


def loss(
    name: str, pred: Any, target: Any, *, from_logits: bool = False, class_axis: int | None = None, axis: Any = None,
    weight: Any = None, class_weight: Any = None, ignore_index: int | None = None, reduction: str = "mean", **own: Any,
) -> Answer:  # fmt: skip
    """The true value and gradient of a loss; `pred` and `target` are NumPy arrays, keywords as docs/contract.md has them."""
    _check_known(name, LOSSES)
    hinge = name == "lovasz_hinge_loss"
    k = problem_of(
        pred, target, from_logits=from_logits, class_axis=class_axis, axis=axis, weight=weight,
        class_weight=class_weight, ignore_index=ignore_index, hinge=hinge,
    )  # fmt: skip
    if "power" in own:
        own["power_"] = own.pop("power")
    shape, doubts = k.regions_shape, k.doubts
    present = None
    if own.get("phi") is not None:
        own["phi"] = np.broadcast_to(own["phi"], pred.shape)
    if name in MERGED_SPATIAL:
        values = [
            MERGED_SPATIAL[name](image, k, doubts, **own) if region else ZERO
            for image, region in zip(k.images, k.regions, strict=True)
        ]
    elif name in MERGED or hinge:
        function = MERGED.get(name)
        values = [
            ZERO if not region else lovasz_hinge_region(region, doubts) if function is None else function(region, k, **own)
            for region in k.regions
        ]  # fmt: skip
    else:
        classes = range(k.classes or 1)
        rows = []
        present = (
            0 if name == "lovasz_softmax_loss" and k.classes and own.get("classes", "present") == "present" else None
        )
        for image, region in zip(k.images, k.regions, strict=True):
            row = []
            for c in classes:
                if not region:
                    row.append(ZERO)
                elif name in PER_CLASS_SPATIAL:
                    row.append(PER_CLASS_SPATIAL[name](image, c, doubts, **own) * k.class_weight[c])
                elif name != "lovasz_softmax_loss":
                    row.append(PER_CLASS[name](region, c, **own) * k.class_weight[c])
                elif present is not None and not any(pixel[c].y.v for pixel in region):
                    row.append(ZERO)
                else:
                    row.append(lovasz_softmax_region(region, c, doubts) * k.class_weight[c])
                    present = None if present is None else present + 1
            rows.append(row)
        if k.classes is None:
            values = [row[0] for row in rows]
        else:
            # The class axis among the others, as in pred: kept axes before it vary slower, those after it faster.
            outer = math.prod(shape[: k.class_place])
            inner = math.prod(shape[k.class_place :])
            values = [rows[o * inner + i][c] for o in range(outer) for c in classes for i in range(inner)]
            shape = (*shape[: k.class_place], k.classes, *shape[k.class_place :])
    whole = total(values)
    if reduction == "none":
        result = values
    else:
        shape = ()
        if reduction == "mean":
            whole = whole / exact(len(values) if present is None else max(present, 1))
        result = [whole]
    nothing = (mp.mpf(0), mp.mpf(0))
    gradient = [whole.d.get(i, nothing) for i in range(pred.size)]
    return Answer(shape, result, gradient, doubts.kinks, doubts.jumps)


def metric(name: str, pred: Any, target: Any, **keywords: Any) -> Answer:
    """The true value of a metric; `pred` and `target` are NumPy arrays, keywords as docs/contract.md has them."""
    _check_known(name, METRICS)
    return (surface_metric if name in SURFACE else counting_metric)(name, pred, target, **keywords)
