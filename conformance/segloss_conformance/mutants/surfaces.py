"""Wrong surface metrics, and right ones by erosion and all pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import cdist

import segloss_ref as ref

from ..cases.case import Case
from .kit import MUTANTS, RIGHT, Mutant, mutant, right, score

_DISTANCES = ("hausdorff_distance", "average_surface_distance")
_MEASURED = (*_DISTANCES, "surface_dice")
Masks = tuple[Any, Any]


def _option(case: Case, name: str) -> Any:
    return case.keywords.get(name, ref.registry.metrics[case.name].parameters[name].default)


def _swap(name: str, of: str, why: str, keyword: str, given: Any, taken: Any) -> None:
    """The metric with `taken` wherever `given` is asked for."""

    def wrong(case: Case) -> Any:
        return score(case, **{keyword: taken}) if _option(case, keyword) == given else score(case)

    MUTANTS.append(Mutant(name, of, why, wrong))


_swap("hausdorff_one_way", "hausdorff_distance", "only from prediction to target", "combine", "max", "pred_to_target")
_swap("hausdorff_mean_of_two", "hausdorff_distance", "the mean of both ways for the maximum", "combine", "max", "mean")
_swap("hausdorff_pooled", "hausdorff_distance", "the percentile of both sets together", "combine", "max", "pooled")
_swap("hausdorff_larger_of_pooled", "hausdorff_distance", "pooled means the maximum", "combine", "pooled", "max")
_swap("hausdorff_full", "hausdorff_distance", "diagonal neighbours count", "surface", "voxel", "voxel_full")
_swap("hausdorff_face", "hausdorff_distance", "connectivity is not looked at", "surface", "voxel_full", "voxel")
_swap("hausdorff_edge", "hausdorff_distance", "the image's edge makes no surface", "border", "background", "ignore")
_swap("hausdorff_no_edge", "hausdorff_distance", "the border is not looked at", "border", "ignore", "background")
_swap(
    "hausdorff_rank", "hausdorff_distance", "the nearest rank, not interpolated", "interpolation", "linear", "attained"
)
_swap("hausdorff_lerp", "hausdorff_distance", "interpolated, not attained", "interpolation", "attained", "linear")
_swap("hausdorff_zero_percent", "hausdorff_distance", "0 is taken for no percentile", "percentile", 0.0, 100.0)
_swap("average_of_averages", "average_surface_distance", "the mean of two means", "combine", "pooled", "mean")
_swap("average_worse", "average_surface_distance", "the worse of two means", "combine", "pooled", "max")
_swap("average_one_way", "average_surface_distance", "one way alone", "combine", "pooled", "target_to_pred")
_swap("average_surfel", "average_surface_distance", "surfels are pixels", "surface", "surfel", "voxel")
_swap("surface_dice_mean", "surface_dice", "the mean of two shares", "combine", "pooled", "mean")
_swap("surface_dice_edge", "surface_dice", "the image's edge makes no surface", "border", "background", "ignore")


def _spacing(name: str, of: str, why: str, change: Callable[[Any], Any]) -> None:
    def wrong(case: Case) -> Any:
        given = case.keywords.get("spacing")
        return score(case) if given is None else score(case, spacing=change(given))

    MUTANTS.append(Mutant(name, of, why, wrong))


for _name in (*_MEASURED, "boundary_iou"):
    _spacing(f"{_name}_without_spacing", _name, "the spacing is not used", lambda spacing: None)
for _name in _DISTANCES:
    _spacing(f"{_name}_reversed", _name, "the spacing is read as x, y, z", lambda spacing: tuple(reversed(spacing)))
_spacing("average_isotropic", "average_surface_distance", "one mean spacing", lambda s: (float(np.mean(s)),) * len(s))


@mutant("surface_dice", "the tolerance counts pixels")
def surface_dice_in_pixels(case: Case) -> Any:
    spacing = case.keywords.get("spacing")
    return score(case) if spacing is None else score(case, tolerance=case.keywords["tolerance"] * min(spacing))


@mutant("hausdorff_distance", "the percentile is taken for a fraction")
def hausdorff_fraction(case: Case) -> Any:
    return score(case, percentile=_option(case, "percentile") / 100)


@mutant("hausdorff_distance", "distances are kept in float32")
def hausdorff_float32(case: Case) -> Any:
    return np.float64(np.float32(score(case)))


@mutant("hausdorff_distance", "ignored pixels are background, whose edges count")
def hausdorff_false_edges(case: Case) -> Any:
    return _without_leaving_out(case)


@mutant("average_surface_distance", "pixels of weight 0 are background, whose edges count")
def average_false_edges(case: Case) -> Any:
    return _without_leaving_out(case)


def _without_leaving_out(case: Case) -> Any:
    ignored, weight = case.keywords.get("ignore_index"), case.keywords.get("weight")
    if "class_axis" in case.keywords or (ignored is None and weight is None):
        return score(case)
    kept = case.target != ignored if weight is None else np.broadcast_to(weight, case.target.shape) > 0
    pred, target = ((mask > 0.5) & kept for mask in (case.pred, case.target))
    return score(Case(case.name, pred, target, case.keywords | {"ignore_index": None, "weight": None}, is_loss=False))


def _undefined(name: str, of: str, why: str, value: float) -> None:
    MUTANTS.append(Mutant(name, of, why, lambda case: score(case, undefined=case.keywords.get("undefined", value))))


_undefined("hausdorff_both_empty", "hausdorff_distance", "0 where both are empty", 0.0)
_undefined("surface_dice_both_empty", "surface_dice", "1 where both are empty", 1.0)
_undefined("boundary_iou_both_empty", "boundary_iou", "0 where both are empty", 0.0)


@mutant("hausdorff_distance", "0 where one mask is empty")
def hausdorff_one_empty(case: Case) -> Any:
    return np.where(np.isinf(score(case)), 0.0, score(case))


@mutant("surface_dice", "nan where one mask is empty")
def surface_dice_one_empty(case: Case) -> Any:
    if not _plain(case) or case.pred.any() == case.target.any():
        return score(case)
    return np.nan


# By hand, on one pair of masks with nothing left out. -----------------------------------------------------------------


def _plain(case: Case) -> bool:
    return not case.keywords.keys() & {"class_axis", "axis", "weight", "ignore_index"}


def _inner(case: Case, mask: Any) -> Any:
    """The surface: the mask less its erosion."""
    reach = 1 if _option(case, "surface") == "voxel" else mask.ndim
    around = ndimage.generate_binary_structure(mask.ndim, reach)
    inside: Any = ndimage.binary_erosion(mask, around, border_value=_option(case, "border") == "ignore")
    return mask & ~inside


def _by_hand(
    case: Case,
    surface: Callable[[Case, Any], Any] = _inner,
    onto: Callable[[Case, Any], Any] | None = None,
    measure: str = "euclidean",
    power: float = 1.0,
    strict: bool = False,
) -> Any:
    """The metric by distances of all pairs; the library's answer where there is more than that to it.

    `surface` says which pixels are asked for their distance, and `onto` (the same) to which pixels.
    """
    masks = case.pred > 0.5, case.target > 0.5
    if not _plain(case) or _option(case, "surface") == "surfel" or not all(mask.any() for mask in masks):
        return score(case)
    points, others = ([way(case, mask) for mask in masks] for way in (surface, onto or surface))
    if not all(one.any() for one in (*points, *others)):
        return score(case)
    spacing = np.array(case.keywords.get("spacing") or (1.0,) * case.pred.ndim)
    sets = []
    between: Any = cdist
    for mine, other in ((points[0], others[1]), (points[1], others[0])):
        places = [np.argwhere(one) * spacing for one in (mine, other)]
        sets.append(between(*places, measure).min(axis=1) ** power)

    def statistic(distances: Any) -> Any:
        if case.name == "hausdorff_distance":
            rule: Any = "linear" if _option(case, "interpolation") == "linear" else "inverted_cdf"
            return np.percentile(distances, _option(case, "percentile"), method=rule)
        if case.name == "average_surface_distance":
            return distances.mean()
        tolerance = case.keywords["tolerance"]
        return (distances < tolerance if strict else distances <= tolerance).mean()

    combine = _option(case, "combine")
    if combine == "pooled":
        value = statistic(np.concatenate(sets))
    elif combine in ("max", "mean"):
        value = getattr(np, combine)([statistic(one) for one in sets])
    else:
        value = statistic(sets[combine == "target_to_pred"])
    return value ** (1 / power) if case.name == "average_surface_distance" else value


for _name in _MEASURED:
    RIGHT.append(Mutant(f"{_name}_of_all_pairs", _name, "by erosion and all pairs", _by_hand))


def _outer(case: Case, mask: Any) -> Any:
    return ndimage.binary_dilation(mask) & ~mask


def _solid(case: Case, mask: Any) -> Any:
    return mask


def _hand_made(name: str, of: str, why: str, **changes: Any) -> None:
    MUTANTS.append(Mutant(name, of, why, lambda case: _by_hand(case, **changes)))


_hand_made("hausdorff_outer", "hausdorff_distance", "the surface lies outside the mask", surface=_outer)
_hand_made(
    "average_to_solid", "average_surface_distance", "to the nearest pixel of the mask, not its surface", onto=_solid
)
_hand_made("hausdorff_of_solids", "hausdorff_distance", "between all pixels", surface=_solid)
_hand_made("hausdorff_taxicab", "hausdorff_distance", "city-block distances", measure="cityblock")
_hand_made("hausdorff_chessboard", "hausdorff_distance", "chessboard distances", measure="chebyshev")
_hand_made("hausdorff_squared", "hausdorff_distance", "no root is taken", power=2.0)
_hand_made("average_root_mean_square", "average_surface_distance", "the root of the mean square", power=2.0)
_hand_made("average_over_solids", "average_surface_distance", "the mean over all pixels", surface=_solid)
_hand_made("surface_dice_strictly_less", "surface_dice", "less than the tolerance", strict=True)
_hand_made("surface_dice_to_solid", "surface_dice", "within the tolerance of the mask, not its surface", onto=_solid)


def _unweighted(name: str, of: str) -> None:
    """Every surfel counts alike."""

    def wrong(case: Case) -> Any:
        if not _plain(case) or _option(case, "surface") != "surfel":
            return score(case)
        chosen = {key: case.keywords[key] for key in ("spacing", "surface", "border") if key in case.keywords}
        record = ref.surface_distances(case.pred, case.target, **chosen)
        alike = ref.SurfaceDistances(
            **{
                **vars(record),
                "pred_sizes": np.ones_like(record.pred_sizes),
                "target_sizes": np.ones_like(record.target_sizes),
            }
        )
        rest = {key: value for key, value in case.keywords.items() if key not in ("spacing", "surface", "border")}
        return ref.registry.metrics[case.name].function(alike, **rest)

    MUTANTS.append(Mutant(name, of, "surfels are not weighted by their size", wrong))


_unweighted("hausdorff_unweighted", "hausdorff_distance")
_unweighted("average_unweighted", "average_surface_distance")
_unweighted("surface_dice_unweighted", "surface_dice")


# Empty masks, and the mean by support. --------------------------------------------------------------------------------


def _empties_swapped(case: Case) -> Any:
    return score(case, pred_empty=case.keywords.get("target_empty"), target_empty=case.keywords.get("pred_empty"))


for _name in (*_MEASURED, "boundary_iou", "centerline_dice"):
    _label = f"{_name}_empties_swapped"
    MUTANTS.append(Mutant(_label, _name, "pred_empty and target_empty change places", _empties_swapped))


@mutant("hausdorff_distance", "pred_empty holds where both masks are empty too")
def hausdorff_pred_empty_of_both(case: Case) -> Any:
    said = case.keywords.get("pred_empty")
    return score(case) if said is None else score(case, undefined=said)


@mutant("surface_dice", "pred_empty and target_empty are not looked at")
def surface_dice_empties_ignored(case: Case) -> Any:
    return score(case, pred_empty=None, target_empty=None)


@mutant("surface_dice", "classes are weighted alike")
def surface_dice_unweighted_mean(case: Case) -> Any:
    return score(case, reduction="nanmean") if case.keywords.get("reduction") == "weighted" else score(case)


# Bands and centre lines. ----------------------------------------------------------------------------------------------


@mutant("boundary_iou", "the band is one pixel wider")
def boundary_iou_wider(case: Case) -> Any:
    return score(case, width=case.keywords["width"] + 1)


@mutant("boundary_iou", "the distance form takes squares")
def boundary_iou_squares(case: Case) -> Any:
    if _option(case, "definition") == "erosion":
        return score(case)
    return score(case, definition="erosion", spacing=None, width=max(1, int(case.keywords["width"])))


def _bands(case: Case, band: Callable[[Any, int], Any]) -> Any:
    if not _plain(case) or _option(case, "definition") != "erosion":
        return score(case)
    masks = case.pred > 0.5, case.target > 0.5
    if not all(mask.any() for mask in masks):
        return score(case)
    a, b = (band(mask, case.keywords["width"]) for mask in masks)
    union = (a | b).sum()
    return (a & b).sum() / union if union else score(case)


def _eroded(mask: Any, width: int, reach: int | None = None, edge: bool = False) -> Any:
    around = ndimage.generate_binary_structure(mask.ndim, mask.ndim if reach is None else reach)
    return ndimage.binary_erosion(mask, around, iterations=width, border_value=edge)


@right("boundary_iou", "by repeated erosion")
def boundary_iou_by_erosion(case: Case) -> Any:
    return _bands(case, lambda mask, width: mask & ~_eroded(mask, width))


@mutant("boundary_iou", "erosion by a cross")
def boundary_iou_cross(case: Case) -> Any:
    return _bands(case, lambda mask, width: mask & ~_eroded(mask, width, reach=1))


@mutant("boundary_iou", "the image's edge makes no band")
def boundary_iou_edge(case: Case) -> Any:
    return _bands(case, lambda mask, width: mask & ~_eroded(mask, width, edge=True))


@mutant("boundary_iou", "the band lies on both sides")
def boundary_iou_both_sides(case: Case) -> Any:
    around = ndimage.generate_binary_structure(case.pred.ndim, case.pred.ndim)
    return _bands(
        case, lambda mask, width: ndimage.binary_dilation(mask, around, iterations=width) & ~_eroded(mask, width)
    )


@mutant("centerline_dice", "the other skeleton")
def centerline_other(case: Case) -> Any:
    axes = case.keywords.get("axis", range(case.pred.ndim - ("class_axis" in case.keywords and case.pred.ndim > 2)))
    if len(axes) != 2 or "class_axis" in case.keywords:
        return score(case)
    return score(case, method="lee" if _option(case, "method") == "zhang" else "zhang")


def _lines(case: Case, mean: Callable[[float, float], float], of_lines: bool = False) -> Any:
    from skimage.morphology import skeletonize

    p, t = case.pred > 0.5, case.target > 0.5
    if not _plain(case) or not p.any() or not t.any():
        return score(case)
    thin: Any = skeletonize  # it has no types
    lines = [thin(mask, method=_option(case, "method")) != 0 for mask in (p, t)]
    if not all(line.any() for line in lines):
        return score(case)
    inside = lines if of_lines else [p, t]
    precision = float((lines[0] & inside[1]).sum() / lines[0].sum())
    sensitivity = float((lines[1] & inside[0]).sum() / lines[1].sum())
    return mean(precision, sensitivity) if precision + sensitivity else 0.0


@right("centerline_dice", "by hand")
def centerline_by_hand(case: Case) -> Any:
    return _lines(case, lambda a, b: 2 * a * b / (a + b))


@mutant("centerline_dice", "the arithmetic mean of the two shares")
def centerline_arithmetic(case: Case) -> Any:
    return _lines(case, lambda a, b: (a + b) / 2)


@mutant("centerline_dice", "skeletons are compared with each other")
def centerline_of_lines(case: Case) -> Any:
    return _lines(case, lambda a, b: 2 * a * b / (a + b) if a + b else 0.0, of_lines=True)


@mutant("centerline_dice", "one share alone")
def centerline_one_share(case: Case) -> Any:
    return _lines(case, lambda a, b: a)
