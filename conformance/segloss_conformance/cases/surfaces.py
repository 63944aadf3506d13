"""Hypothesis strategies for cases of the surface metrics.

Values of these jump: a pixel more or less, a distance at the tolerance, a share at the percentile. Where they do, the true
side must be clear to every sound evaluation in floating point, so that distances at a tolerance come with dyadic spacing,
and percentiles of areas are such that no share of them is met exactly.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from segloss_ref.registry import MetricRecord

from .case import Case
from .drawing import Draw, edited, masks, said_of_nothing, solids

__all__ = ["surface_cases"]

_ROOMY: list[tuple[int, ...]] = [(8, 7), (9, 10), (7, 11), (10, 8), (6, 5, 7), (5, 6, 6), (12, 9)]
_SMALL: list[tuple[int, ...]] = [
    (1,),
    (12,),
    (1, 1),
    (2, 3),
    (4, 5),
    (1, 9),
    (7, 2),
    (2, 1, 7),
    (3, 4, 3),
    (2, 2, 3, 2),
]
_DYADIC = [1.0, 1.0, 0.5, 2.0, 4.0, 0.75, 3.0]
_OTHER = [0.7, 0.9, 1.3, 3.1, 0.1]


@st.composite
def _spacing(draw: Draw, axes: int) -> tuple[Any, bool]:
    """(spacing or None, whether sums of squared steps are exact)."""
    kind = draw(st.sampled_from(["none", "none", "dyadic", "dyadic", "other"]))
    if kind == "none":
        return None, True
    sizes = draw(st.lists(st.sampled_from(_DYADIC if kind == "dyadic" else _OTHER), min_size=axes, max_size=axes))
    return tuple(sizes), kind == "dyadic"


@st.composite
def _own(draw: Draw, record: MetricRecord, axes: int) -> dict[str, Any]:
    """The metric's own parameters."""
    if record.name == "centerline_dice":
        return {"method": "lee"} if axes == 3 or draw(st.booleans()) else {}
    keywords: dict[str, Any] = {}
    spacing, exact = draw(_spacing(axes))
    lengths = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0] if exact else [0.913, 1.777, 2.613]
    if record.name == "boundary_iou":
        if draw(st.booleans()):
            return {"width": draw(st.sampled_from([1, 2, 3]))}
        keywords |= {"width": draw(st.sampled_from(lengths)), "definition": "distance"}
    elif record.name == "surface_dice":
        keywords["tolerance"] = draw(st.sampled_from([0.0, *lengths]))
    if spacing is not None:
        keywords["spacing"] = spacing
    if record.name == "boundary_iou":
        return keywords
    kinds = ["voxel", "voxel", "voxel_full", *(["surfel"] if axes in (2, 3) else [])]
    surface = draw(st.sampled_from(kinds))
    if surface != "voxel":
        keywords["surface"] = surface
    if draw(st.sampled_from([False, False, True])):
        keywords["border"] = "ignore"
    if draw(st.booleans()):
        keywords["combine"] = draw(st.sampled_from(record.parameters["combine"].domain.values))  # type: ignore[attr-defined]
    if record.name == "hausdorff_distance" and draw(st.sampled_from([True, True, False])):
        if surface == "surfel":
            keywords |= {
                "percentile": draw(st.sampled_from([95.0, 95.0, 80.7, 61.8, 0.0])),
                "interpolation": "attained",
            }
        else:
            keywords["percentile"] = draw(st.sampled_from([95.0, 95.0, 75.0, 90.0, 50.0, 0.0]))
            if draw(st.booleans()):
                keywords["interpolation"] = "attained"
    return keywords


@st.composite
def _pair(draw: Draw, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """(pred, target): often solids, often nearly alike."""
    kind = solids if draw(st.sampled_from([True, True, False])) else masks
    target = draw(kind(shape))
    return draw(edited(target) if draw(st.sampled_from([False, False, True])) else kind(shape)), target


@st.composite
def surface_cases(draw: Draw, record: MetricRecord) -> Case:
    """Cases of a surface metric: one image, batches of them, classes, and pixels that are left out."""
    pixels = draw(st.sampled_from(draw(st.sampled_from([_ROOMY, _ROOMY, _ROOMY, _SMALL]))))
    if record.name == "centerline_dice" and len(pixels) not in (2, 3):
        pixels = (5, 9)
    axes = len(pixels)
    keywords = draw(_own(record, axes))
    form = draw(st.sampled_from(["masks", "masks", "masks", "masks", "batch", "label maps", "scores and labels"]))
    pred: Any
    target: Any
    if form in ("masks", "batch"):
        kinds = st.sampled_from([bool, np.int64, np.float64])
        images = [draw(_pair(pixels)) for _ in range(1 if form == "masks" else 2)]
        pred, target = (np.stack(one) for one in zip(*images, strict=True))
        blank = draw(st.sampled_from([*["neither"] * 9, "pred", "target", "both"]))
        if blank in ("pred", "both"):
            pred[-1] = False
        if blank in ("target", "both"):
            target[-1] = False
        if form == "masks":
            pred, target = pred[0], target[0]
        else:
            keywords["axis"] = tuple(range(1, axes + 1))
        pred, target = pred.astype(draw(kinds)), target.astype(draw(kinds))
    else:
        classes = draw(st.sampled_from([2, 3]))
        class_axis = draw(st.sampled_from([0, axes]))
        keywords["class_axis"] = class_axis
        pred, target = (first + (classes - 1) * (second & ~first) for first, second in zip(
            draw(_pair(pixels)), draw(_pair(pixels)), strict=True
        ))  # fmt: skip
        if form == "label maps":
            keywords["num_classes"] = classes
        else:
            pred = np.stack([np.where(pred == c, 0.75, 0.125) for c in range(classes)], axis=class_axis)
    left_out = draw(st.sampled_from(["none", "none", "none", "weight", "weight", "label"]))
    if left_out == "weight":
        size = math.prod(pixels)
        weight = np.array(draw(st.lists(st.sampled_from([1.0, 1.0, 1.0, 0.0]), min_size=size, max_size=size)))
        keywords["weight"] = weight.reshape(pixels)
    elif left_out == "label" and target.dtype.kind == "i":
        flags = draw(st.lists(st.integers(0, target.size - 1), max_size=3))
        target.flat[flags] = 200
        keywords["ignore_index"] = 200
    reduction = draw(st.sampled_from(["none", "none", "none", "mean", "nanmean", "sum", "weighted"]))
    if reduction != "none":
        keywords["reduction"] = reduction
    keywords |= draw(said_of_nothing())
    return Case(record.name, pred, target, keywords, "narrow", is_loss=False)
