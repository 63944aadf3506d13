"""Overlap of what is drawn from two masks: their inner bands, and their centre lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Unpack

import numpy as np
import scipy

from .._arguments import describe, library_of
from ..domains import LARGEST_DISTANCE, Choice, Interval, Spacing, SpacingValue, steps
from ._contours import Box, bounding_box
from ._counting import Counting, Outcome, check_own
from ._measuring import Host, read_on_host
from ._metric import Metric, mask_section

__all__ = ["boundary_iou", "centerline_dice"]


@dataclass(eq=False, kw_only=True, repr=False)
class _OutlineMetric(Metric):
    """A formula on two masks and the pixels that are kept of one region; nan where it is 0/0."""

    formula: Callable[..., float]
    prepare: Callable[..., Mapping[str, Any]]
    """``prepare(axes, **own)``: the formula's own keywords; raises where they do not fit together or the spatial axes."""
    margin: Callable[..., Sequence[int]]
    """``margin(axes, **ready)``: how far around a class the formula looks, in pixels along each spatial axis."""

    shared = mask_section(
        record=None,
        axis="The spatial axes of a region",
        weight="0 or 1 a pixel, broadcast to the pixels. Pixels of weight 0 belong to neither mask and are not counted.",
        ignored="The label in an integer `target` of pixels that are left out likewise.",
        undefined="The value wherever a term of the formula is 0/0.",
        empty="it holds no pixel, of those that are not left out",
        support="its pixels",
        result=""". The geometry runs on the host: arrays on
another device are copied there and the values back.""",
        values=", array values included on every library.",
    )

    def _read(self, pred: Any, target: Any, own: Mapping[str, Any], masks: Any) -> tuple[Host, Mapping[str, Any]]:
        host = read_on_host(self.name, pred, target, masks)
        return host, self.prepare(host.axes, **own)

    def __call__(self, pred: Any, target: Any, counting: Counting, **own: Any) -> Any:
        own = check_own(self, own)
        keywords, how = self.split(counting)
        with library_of(self.name, pred).guard():
            host, ready = self._read(pred, target, own, keywords)
        margin = self.margin(len(host.axes), **ready)
        rows = []
        for place in np.ndindex(host.shape):
            p, t, kept = host.region(place, margin)
            rows.append((self.formula(p, t, kept, **ready), np.count_nonzero(p), np.count_nonzero(t)))
        value, pred_size, target_size = (np.array(column).reshape(host.shape) for column in zip(*rows, strict=True))
        found = Outcome(value, np.isnan(value), pred_size, target_size, host.reading.values_class_axis)
        return self.finish_on_host(pred, found, how)

    def check_masks(self, pred: Any, target: Any, own: Mapping[str, Any], masks: Mapping[str, Any]) -> None:
        self._read(pred, target, own, masks)


# Inner bands. ---------------------------------------------------------------------------------------------------------


def _band(mask: Any, kept: Any, box: Box, width: float, spacing: Sequence[float] | None) -> Any:
    """The pixels of `mask` in `box` that lie near its outside, by a square (no spacing) or by their distance to it."""
    # Left-out pixels are no outside. What lies past the box is, in the image or beyond it.
    solid = mask[box] if kept is None else mask[box] | ~kept[box]
    if spacing is None:
        size = 2 * min(int(width), max(solid.shape)) + 1  # a wider band holds no more
        return mask[box] & ~scipy.ndimage.minimum_filter(solid.view(np.uint8), size=size, mode="constant", cval=0).view(
            bool
        )
    depth: Any = scipy.ndimage.distance_transform_edt(np.pad(solid, 1), sampling=spacing)
    return mask[box] & (depth[(slice(1, -1),) * mask.ndim] <= width)


def _boundary_iou_formula(p: Any, t: Any, kept: Any, *, width: float, spacing: Sequence[float] | None) -> float:
    box = bounding_box(p | t)
    if box is None:
        return math.nan
    if kept is not None:
        box = (slice(None),) * p.ndim  # what is left out may lie past the box
    a, b = (_band(mask, kept, box, width, spacing) for mask in (p, t))
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else math.nan


def _boundary_iou_prepare(axes: Sequence[int], *, width: float, definition: str, spacing: Any) -> Mapping[str, Any]:
    if definition == "distance":
        return {"width": float(width), "spacing": steps("boundary_iou", spacing, axes)}
    if spacing is not None:
        raise ValueError(
            f"boundary_iou: spacing must be None with definition 'erosion', which counts pixels, got {describe(spacing)}"
        )
    if width != int(width):
        raise ValueError(
            f"boundary_iou: width must be a whole number of pixels with definition 'erosion', got {width:g}"
        )
    return {"width": width, "spacing": None}


def _boundary_iou_margin(axes: int, *, width: float, spacing: Sequence[float] | None) -> Sequence[int]:
    return [int(min(width / step, 2.0**31)) + 1 for step in (spacing or (1.0,) * axes)]


_boundary_iou = _OutlineMetric(
    family="surface",
    source="@cheng2021boundary",
    latex=r"\frac{|G_d \cap P_d|}{|G_d \cup P_d|}",
    symbols={"G_d, P_d": "the pixels of the target and of the prediction within a distance of their boundary"},
    formula=_boundary_iou_formula,
    prepare=_boundary_iou_prepare,
    margin=_boundary_iou_margin,
)


@_boundary_iou.public
def boundary_iou(
    pred: Any,
    target: Any,
    *,
    width: Annotated[float, Interval(0, LARGEST_DISTANCE, low_open=True)],
    definition: Annotated[Literal["erosion", "distance"], Choice(("erosion", "distance"))] = "erosion",
    spacing: Annotated[SpacingValue, Spacing()] = None,
    **counting: Unpack[Counting],
) -> Any:
    """Boundary IoU: intersection over union of the inner bands of two masks.

    What lies beyond the image is outside; what is left out is not, so that it makes no band of its own.

    Parameters
    ----------
    width : {width}
        How wide a band is: a whole number of pixels ("erosion"), or a distance in the unit of `spacing` ("distance").
    definition : {definition}
        What the band is. "erosion", Cheng's: the mask less its erosion by a square (cube) of 2 `width` + 1 pixels.
        "distance": the pixels of the mask within `width` (<=) of the nearest pixel outside it.
    spacing : {spacing}
        The size of a pixel, in the order of `axis` ("distance"); None: 1 each.

    Source: {citation}.

    {shared}

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import boundary_iou
    >>> pred, target = np.zeros((7, 7)), np.zeros((7, 7))
    >>> pred[1:6, 1:6] = target[1:6, 1:5] = 1
    >>> round(float(boundary_iou(pred, target, width=1)), 6)  # rings of 16 and 14 pixels that share 11
    0.578947
    """
    return _boundary_iou(pred, target, counting, width=width, definition=definition, spacing=spacing)


# Centre lines. --------------------------------------------------------------------------------------------------------


def _skeleton(mask: Any, method: str) -> Any:
    """The centre line of a mask that has pixels: the mask itself where thinning leaves none of it."""
    try:
        from skimage.morphology import skeletonize
    except ImportError as problem:
        raise ImportError(
            "centerline_dice: skeletons are scikit-image's, which is not installed: pip install 'segloss-ref[skeleton]'"
        ) from problem
    thin: Any = skeletonize  # it has no types
    line = thin(np.array(mask), method=method) != 0  # a copy, since it refuses arrays that cannot be written to
    return line if line.any() else mask


def _centerline_formula(p: Any, t: Any, kept: Any, *, method: str) -> float:
    if not p.any() or not t.any():
        return 0.0 if p.any() or t.any() else math.nan
    lines = _skeleton(p, method), _skeleton(t, method)
    precision, sensitivity = (
        int(np.count_nonzero(line & other)) / int(np.count_nonzero(line))
        for line, other in zip(lines, (t, p), strict=True)
    )
    if precision + sensitivity == 0:
        return 0.0
    return 2 * precision * sensitivity / (precision + sensitivity)


def _centerline_prepare(axes: Sequence[int], *, method: str) -> Mapping[str, Any]:
    if len(axes) not in ((2,) if method == "zhang" else (2, 3)):
        raise ValueError(
            f"centerline_dice: method {method!r} needs {'2' if method == 'zhang' else '2 or 3'} spatial axes, got {len(axes)}"
        )
    return {"method": method}


_centerline = _OutlineMetric(
    family="surface",
    source="@shit2021cldice",
    latex=r"\frac{2 T_p T_s}{T_p + T_s}, \quad T_p = \frac{|S_P \cap V_L|}{|S_P|}, \quad T_s = \frac{|S_L \cap V_P|}{|S_L|}",
    symbols={"V_P, V_L": "the masks of the prediction and of the target", "S_P, S_L": "their centre lines"},
    formula=_centerline_formula,
    prepare=_centerline_prepare,
    margin=lambda axes, method: (1,) * axes,
)


@_centerline.public
def centerline_dice(
    pred: Any,
    target: Any,
    *,
    method: Annotated[Literal["zhang", "lee"], Choice(("zhang", "lee"))] = "zhang",
    **counting: Unpack[Counting],
) -> Any:
    """Centre-line Dice: the harmonic mean of the share of each mask's skeleton that lies inside the other mask.

    Where thinning leaves nothing of a mask that has pixels, as "lee" does of small cubes, the mask stands for its own
    skeleton. scikit-image is the extra ``skeleton``; without it, ImportError. Two shares of 0 have the mean 0, and so has one
    empty mask beside one that is not; the value is `undefined` where both are empty.

    Parameters
    ----------
    method : {method}
        Of `skimage.morphology.skeletonize`: "zhang" (Zhang and Suen 1984; 2 spatial axes) or "lee" (Lee, Kashyap and Chu
        1994; 2 or 3). The two differ, and so does the value.

    Source: {citation}.

    {shared}

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import centerline_dice
    >>> pred, target = np.zeros((5, 9)), np.zeros((5, 9))
    >>> pred[2, 1:8] = target[2, 1:6] = 1
    >>> round(float(centerline_dice(pred, target)), 6)  # shares 5/7 and 1
    0.833333
    """
    return _centerline(pred, target, counting, method=method)
