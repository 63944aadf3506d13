"""Wrong where a number decides on a side: thresholds, tolerances, ties; and wrong shapes of what is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

from ..cases.case import Case
from .directed import combined, components, distances, masked
from .kit import MUTANTS, Mutant, parameter, refer, score, wrong

# Thresholds and ties. -------------------------------------------------------------------------------------------------


def _decided(of: str, name: str, why: str, decide: Callable[[Any], Any]) -> None:
    def function(case: Case) -> Any:
        return score(Case(case.name, decide(case.pred), case.target, case.keywords, is_loss=False))

    MUTANTS.append(Mutant(name, of, why, function, form="scores"))


_decided("dice_score", "dice_score_at_threshold", "foreground where p >= 0.5", lambda p: p >= 0.5)
_decided("sensitivity", "sensitivity_rounds_up", "halves are rounded up", lambda p: np.floor(p + 0.5) > 0)
_decided("precision", "precision_just_below", "foreground where p > 0.5 - 1e-3", lambda p: p > 0.499)
_decided("jaccard_index", "jaccard_in_float16", "p is rounded to float16 first", lambda p: p.astype(np.float16) > 0.5)
_decided("specificity", "specificity_of_bytes", "p is scaled to 0..255 first", lambda p: np.uint8(p * 255) > 127)
_decided("f_score", "f_score_relative_to_largest", "above half the largest p", lambda p: p > 0.5 * p.max())
_decided("accuracy", "accuracy_of_nonzero", "foreground where p is not 0", lambda p: p > 0)
_decided("cohen_kappa", "kappa_of_certain", "foreground where p > 0.9", lambda p: p > 0.9)


@wrong("balanced_accuracy", "of equal classes the last wins", "class scores")
def balanced_accuracy_last_of_ties(case: Case) -> Any:
    classes = case.pred.shape[1]
    last = classes - 1 - np.flip(case.pred, 1).argmax(1)
    return score(Case(case.name, last, case.target, case.keywords | {"num_classes": classes}, is_loss=False))


@wrong("jaccard_index", "each class is thresholded at 0.5 in place of argmax", "class scores")
def jaccard_thresholds_classes(case: Case) -> Any:
    return score(Case(case.name, case.pred > 0.5, case.target, case.keywords, is_loss=False))


@wrong("dice_score", "argmax of float16 scores", "class scores")
def dice_score_argmax_of_halves(case: Case) -> Any:
    half = case.pred.astype(np.float16).astype(float)
    return score(Case(case.name, half, case.target, case.keywords, is_loss=False))


def _nudged(of: str, name: str, why: str, form: str, edge: float) -> None:
    def function(case: Case) -> Any:
        return refer(case, pred=np.where(case.pred == edge, np.nextafter(edge, 2), case.pred))[0]

    MUTANTS.append(Mutant(name, of, why, function, form=form))


_nudged("hausdorff_loss", "hausdorff_mask_at_half", "the mask is p >= 0.5", "images", 0.5)
_nudged("shape_aware_loss", "shape_mask_at_half", "the mask is p >= 0.5", "images", 0.5)
_nudged("shape_aware_loss", "shape_mask_at_zero", "the mask is z >= 0", "logits", 0.0)


@wrong("boundary_iou", "the band is narrower than width, not up to it", "masks")
def boundary_iou_less_than_width(case: Case) -> Any:
    definition, width = parameter(case, "definition"), case.keywords["width"]
    return score(case) if definition == "erosion" else score(case, width=np.nextafter(width, 0))


@wrong("boundary_iou", "a band of fractional width is truncated to whole pixels", "masks")
def boundary_iou_truncates(case: Case) -> Any:
    return score(case, width=max(float(np.floor(case.keywords["width"])), 0.5))


@wrong("surface_dice", "less than the tolerance", "masks")
def surface_dice_below(case: Case) -> Any:
    return score(case, tolerance=np.nextafter(case.keywords["tolerance"], 0))


@wrong("surface_dice", "distances are rounded to whole pixels", "masks")
def surface_dice_rounded(case: Case) -> Any:
    return combined(case, np.rint) if parameter(case, "combine") == "pooled" else score(case)


@wrong("surface_dice", "the tolerance has a slack of 1e-3", "masks")
def surface_dice_slack(case: Case) -> Any:
    return score(case, tolerance=case.keywords["tolerance"] + 1e-3)


# Shapes. --------------------------------------------------------------------------------------------------------------


def _filled(mask: Any) -> Any:
    return ndimage.binary_fill_holes(mask)


def _largest(mask: Any) -> Any:
    labels, number = components(mask)
    sizes = np.bincount(labels.ravel(), minlength=number + 1)[1:]
    return labels == 1 + int(sizes.argmax()) if number > 1 else mask


def _box(mask: Any) -> Any:
    found = np.zeros_like(mask)
    if mask.any():
        found[tuple(slice(one.min(), one.max() + 1) for one in np.nonzero(mask))] = True
    return found


def _hull(mask: Any) -> Any:
    """Filled along each row from the first pixel to the last, then along each column."""
    for axis in range(mask.ndim):
        before = np.logical_or.accumulate(mask, axis)
        after = np.flip(np.logical_or.accumulate(np.flip(mask, axis), axis), axis)
        mask = before & after
    return mask


def _opened(mask: Any) -> Any:
    opened = ndimage.binary_opening(mask)
    return opened if opened.any() else mask


def _even(mask: Any) -> Any:
    return mask[tuple(slice(0, max(size // 2 * 2, 1)) for size in mask.shape)]


def _reshaped(of: str, name: str, why: str, change: Callable[[Any], Any]) -> None:
    MUTANTS.append(Mutant(name, of, why, lambda case: masked(case, change), form="masks"))


_reshaped("hausdorff_distance", "hausdorff_of_filled", "holes are filled first", _filled)
_reshaped("average_surface_distance", "average_of_outer_contours", "contours of holes are not found", _filled)
_reshaped("hausdorff_distance", "hausdorff_of_largest", "the largest component alone", _largest)
_reshaped("surface_dice", "surface_dice_of_boxes", "bounding boxes are compared", _box)
_reshaped("average_surface_distance", "average_of_hulls", "concave corners are filled", _hull)
_reshaped("surface_dice", "surface_dice_of_opened", "single pixels are taken for noise", _opened)
_reshaped("hausdorff_distance", "hausdorff_of_even", "the last row is lost where their number is odd", _even)
_reshaped("centerline_dice", "centerline_of_filled", "holes are filled before the skeleton", _filled)
_reshaped("boundary_iou", "boundary_iou_of_filled", "holes have no band", _filled)
_reshaped("volumetric_similarity", "volumetric_of_filled", "holes are filled", _filled)


@wrong("hausdorff_distance", "both masks are cropped to the target's bounding box", "masks")
def hausdorff_cropped_to_target(case: Case) -> Any:
    box = _box(case.target > 0.5)
    if not box.any():
        return score(case)
    place = tuple(slice(one.min(), one.max() + 1) for one in np.nonzero(box))
    return score(Case(case.name, case.pred[place], case.target[place], case.keywords, is_loss=False))


@wrong("average_surface_distance", "volumes are measured slice by slice", "masks")
def average_by_slices(case: Case) -> Any:
    if case.pred.ndim < 3:
        return score(case)
    spacing = case.keywords.get("spacing")
    kept = case.keywords | {"spacing": spacing[1:] if isinstance(spacing, tuple) else spacing}
    pairs = zip(case.pred, case.target, strict=True)
    return np.nanmean([score(Case(case.name, p, t, kept, is_loss=False)) for p, t in pairs])


@wrong("average_surface_distance", "pixels at the image's edge are no surface for that alone", "masks")
def average_without_edge(case: Case) -> Any:
    return score(case, border="ignore") if distances(case) else score(case)


@wrong("surface_dice", "eight neighbours in place of four", "masks")
def surface_dice_by_corners(case: Case) -> Any:
    return score(case, surface="voxel_full") if parameter(case, "surface") == "voxel" else score(case)


@wrong("average_surface_distance", "a diagonal neighbour outside makes no surface, whatever was asked", "masks")
def average_by_faces(case: Case) -> Any:
    return score(case, surface="voxel") if parameter(case, "surface") == "voxel_full" else score(case)
