"""Hypothesis strategies for masks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

__all__ = ["Draw", "edited", "masks", "said_of_nothing", "solids"]

Draw = Any


def _disc(shape: tuple[int, ...]) -> Any:
    grids = np.indices(shape)
    middle = [(size - 1) / 2 for size in shape]
    radius = max(0.5, max(shape) / 3)
    distance = sum((grid - centre) ** 2 for grid, centre in zip(grids, middle, strict=True))
    return distance <= radius**2


@st.composite
def masks(draw: Draw, shape: tuple[int, ...]) -> Any:
    """Empty and full masks, single pixels, thin lines, discs, half planes, and anything."""
    size = math.prod(shape)
    kind = draw(st.sampled_from(["any", "any", "empty", "full", "pixel", "line", "disc", "half", "hole"]))
    mask = np.zeros(shape, dtype=bool)
    if kind == "any":
        mask = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size))).reshape(shape)
    elif kind == "full":
        mask[...] = True
    elif kind in ("pixel", "hole"):
        mask.flat[draw(st.integers(0, size - 1))] = True
        mask = ~mask if kind == "hole" else mask
    elif kind == "line":
        mask[draw(st.integers(0, shape[0] - 1))] = True
    elif kind == "disc":
        mask = _disc(shape)
    elif kind == "half":
        mask.flat[: size // 2] = True
    return mask


@st.composite
def solids(draw: Draw, shape: tuple[int, ...]) -> Any:
    """A box that covers the middle, with others added or cut out: masks that have an inside, and holes."""
    mask = np.zeros(shape, dtype=bool)
    middle = [(draw(st.integers(0, size // 2)), draw(st.integers(size // 2, size - 1))) for size in shape]
    mask[tuple(slice(low, high + 1) for low, high in middle)] = True
    for filled in draw(st.sampled_from([(), (False,), (True,), (True, False)])):
        corner = [draw(st.integers(0, size - 1)) for size in shape]
        mask[tuple(slice(low, low + draw(st.integers(1, 3))) for low in corner)] = filled
    return mask


@st.composite
def edited(draw: Draw, mask: Any) -> Any:
    """The mask itself, or with one pixel flipped, or shifted by one."""
    kind = draw(st.sampled_from(["same", "flip", "shift", "inverse"]))
    if kind == "flip":
        mask = mask.copy()
        place = draw(st.integers(0, mask.size - 1))
        mask.flat[place] = ~mask.flat[place]
    elif kind == "shift":
        mask = np.roll(mask, 1, axis=-1)
    return ~mask if kind == "inverse" else mask


@st.composite
def said_of_nothing(draw: Draw) -> dict[str, float]:
    """What a metric is to give for 0/0 and for one empty mask; mostly nothing is said of either."""
    said: dict[str, float] = {}
    if draw(st.sampled_from([False, False, True])):
        said["undefined"] = draw(st.sampled_from([0.0, 1.0]))
    if draw(st.sampled_from([False, False, True])):
        names = draw(st.sampled_from([("pred_empty", "target_empty"), ("pred_empty",), ("target_empty",)]))
        said |= {name: draw(st.sampled_from([0.0, 1.0, 0.25, -2.0, math.inf, math.nan])) for name in names}
    return said
