"""`check` rejects mutants in the form that each has, and no right function; what still gets by is listed."""

from __future__ import annotations

import pytest

from segloss_conformance.check import check
from segloss_conformance.mutants import MUTANTS, RIGHT, Mutant

GETS_BY = {
    "simplex_clipped": "probabilities that sum to 1, and 0 or below 1e-7 for the truth",
    "focal_simplex_clipped": "probabilities that sum to 1, and 0 or below 1e-4 for the truth",
    "dice_saturates": "logits of -33 and -40 at every pixel beside an empty target, with the default smooth",
    "dice_score_at_threshold": "p of exactly 0.5",
    "sensitivity_rounds_up": "p of exactly 0.5",
    "precision_just_below": "p just below 0.5",
    "jaccard_in_float16": "p just above 0.5, which float16 does not hold",
    "specificity_of_bytes": "p between 0.5 and 128/255",
    "balanced_accuracy_last_of_ties": "two classes of the same largest score",
    "jaccard_thresholds_classes": "a winner below 0.5, and two classes above it",
    "dice_score_argmax_of_halves": "two scores that float16 does not tell apart",
    "boundary_iou_less_than_width": "in quick: definition distance with a width that is attained",
    "boundary_iou_truncates": "in quick: definition distance with a fractional width between attained distances",
    "surface_dice_slack": "a tolerance just below a distance that occurs",
    "centerline_of_filled": "in quick: a mask with a hole",
    "average_by_faces": "in quick: voxel_full and a concave corner",
    "weighted_in_order_of_memory": "pixel weights that differ, in Fortran order (purity asks with weights that are all 1)",
    "specificity_in_a_running_sum": "more than 2^24 pixels",
    "tversky_in_a_running_sum": "in quick: sizes with probabilities that are no multiples of 1/16, so that float32 sums round",
    "average_of_near_ones": "near and far elements in one mask: all are far where masks lie 300 apart",
    "surface_dice_of_some": "in quick: surfaces of more than 64 elements at several distances",
}
"""Mutants that the quick profile does not reject, each with the question that would show it."""

FORMED = [one for one in MUTANTS if one.form]


def test_what_gets_by_exists() -> None:
    assert set(GETS_BY) <= {one.name for one in FORMED}


@pytest.mark.slow
@pytest.mark.parametrize("mutant", [one for one in FORMED if one.name not in GETS_BY], ids=lambda one: one.name)
def test_it_is_rejected(mutant: Mutant) -> None:
    assert check(mutant.binding, "quick").status in ("fails", "broken adapter"), mutant.why


@pytest.mark.parametrize("right", [one for one in RIGHT if one.form], ids=lambda one: one.name)
def test_no_right_function_is_rejected(right: Mutant) -> None:
    assert check(right.binding, "quick").status == "conforms"
