"""Laws of the surface metrics: what moving, turning, scaling and comparing masks must do to a distance."""

from __future__ import annotations

from typing import Any

import numpy as np

from segloss_ref import registry

from ..cases.case import Case
from .law import Law, axes_of, changed
from .overlaps import EMPTY, by_support, exchanged

__all__ = ["SURFACE_LAWS"]

_DISTANCES = ("hausdorff_distance", "average_surface_distance")
_MEASURED = (*_DISTANCES, "surface_dice")
_MIRROR = {"pred_to_target": "target_to_pred", "target_to_pred": "pred_to_target"}


def _plain(case: Case, names: tuple[str, ...]) -> bool:
    """One pair of masks of one of these metrics, with nothing left out."""
    return case.name in names and not case.keywords.keys() & {"class_axis", "axis", "weight", "ignore_index"}


def _option(case: Case, name: str) -> Any:
    return case.keywords.get(name, registry.metrics[case.name].parameters[name].default)


def _moved(case: Case) -> Case | None:
    """A row of background before everything: beyond the image lies background anyway."""
    if not _plain(case, (*_MEASURED, "boundary_iou")) or case.keywords.get("border") == "ignore":
        return None
    pads = [(1, 0)] + [(0, 1)] * (case.pred.ndim - 1)
    return changed(case, pred=np.pad(case.pred, pads), target=np.pad(case.target, pads))


def _turned(case: Case) -> Case | None:
    """Axes in reverse order, and the spacing with them."""
    if not _plain(case, (*_MEASURED, "boundary_iou")) or case.pred.ndim < 2:
        return None
    spacing = case.keywords.get("spacing")
    return changed(
        case, pred=case.pred.T.copy(), target=case.target.T.copy(), spacing=None if spacing is None else spacing[::-1]
    )


def _enlarged(case: Case) -> Case | None:
    """Pixels of twice the size, and lengths with them."""
    if case.name not in (*_MEASURED, "boundary_iou") or (
        "width" in case.keywords and "definition" not in case.keywords
    ):
        return None
    lengths = {name: 2 * case.keywords[name] for name in ("tolerance", "width") if name in case.keywords}
    spacing = case.keywords.get("spacing") or (1.0,) * len(axes_of(case)[1])
    if case.keywords.get("undefined") or case.keywords.keys() & {*EMPTY}:
        return None  # what is said of nothing does not grow
    return changed(case, spacing=tuple(2 * size for size in spacing), **lengths)


def _unenlarged(case: Case, value: Any) -> Any:
    return value / 2 if case.name in _DISTANCES else value


def _swapped(case: Case) -> Case | None:
    """The masks change places, and directions with them."""
    names = (*_MEASURED, "boundary_iou", "centerline_dice")
    if case.name not in names or case.keywords.keys() & {"class_axis", "ignore_index"} or by_support(case):
        return None
    combine: Any = case.keywords.get("combine")
    return changed(case, pred=case.target, target=case.pred, combine=_MIRROR.get(combine, combine), **exchanged(case))


def _further(case: Case) -> Case | None:
    """The greatest distance is at least any percentile, and more lies within twice the tolerance."""
    if case.name == "hausdorff_distance":
        return changed(case, percentile=100.0)
    return changed(case, tolerance=2 * case.keywords["tolerance"]) if case.name == "surface_dice" else None


def _hausdorff_of(case: Case) -> Case | None:
    """The Hausdorff distance whose being within the tolerance makes a surface Dice of 1."""
    combine = _option(case, "combine") if case.name == "surface_dice" else "max"
    if case.name != "surface_dice" or combine == "max" or case.keywords.get("reduction", "none") != "none":
        return None
    if case.keywords.keys() & {"undefined", *EMPTY}:
        return None
    return changed(case, "hausdorff_distance", tolerance=None, combine=combine if combine in _MIRROR else "max")


def _flag(condition: Any, value: Any) -> Any:
    return np.where(np.isnan(value), np.nan, condition)


def _detour(case: Case) -> Case | None:
    """(pred, third) and (third, target) as a batch; the third mask is the prediction mirrored, and often itself."""
    ordinary = _option(case, "percentile") == 100 if case.name == "hausdorff_distance" else False
    if not ordinary or not _plain(case, _DISTANCES) or _option(case, "combine") != "max":
        return None
    if (
        not case.pred.any()
        or not case.target.any()
        or (_option(case, "border") == "ignore" and "undefined" in case.keywords)
    ):
        return None  # what is said of nothing is no distance
    third = np.flip(case.pred, -1).astype(float)
    kept: dict[str, Any] = {"reduction": "none", "axis": tuple(range(1, case.pred.ndim + 1))}
    pred, target = case.pred.astype(float), case.target.astype(float)
    return changed(case, pred=np.stack([pred, third]), target=np.stack([third, target]), **kept)


def _two_points(case: Case) -> Case | None:
    """All distances between two single pixels are one, whichever is asked for."""
    if not _plain(case, _DISTANCES) or case.keywords.get("surface") == "surfel" or "border" in case.keywords:
        return None
    if (case.pred > 0.5).sum() != 1 or (case.target > 0.5).sum() != 1:
        return None
    percentile = 50.0 if case.name == "hausdorff_distance" else None
    return changed(case, percentile=percentile, combine="mean")


def _between_points(case: Case, value: Any) -> Any:
    (a,), (b,) = np.argwhere(case.pred > 0.5), np.argwhere(case.target > 0.5)
    spacing = np.array(case.keywords.get("spacing") or (1.0,) * case.pred.ndim)
    return np.linalg.norm((a - b) * spacing)


SURFACE_LAWS = [
    Law("moving both masks changes nothing", _moved),
    Law("turning both masks with their spacing changes nothing", _turned),
    Law("distances grow with the spacing", _enlarged, _unenlarged),
    Law("masks and directions may change places", _swapped),
    Law("no percentile is above the greatest distance, and no share falls with the tolerance", _further, at_most=True),
    Law(
        "surface Dice is 1 exactly where the Hausdorff distance is within the tolerance",
        _hausdorff_of,
        lambda case, value: _flag(value <= case.keywords["tolerance"], value),
        lambda case, value: _flag(value == 1, value),
    ),
    Law("no way by a third mask is shorter", _detour, lambda case, value: np.sum(value), at_most=True),
    Law("two pixels lie a hypotenuse apart", _two_points, _between_points),
]
