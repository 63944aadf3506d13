"""Wrong counting metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import segloss_ref as ref
from segloss_ref import Confusion, registry

from ..cases.case import Case
from .kit import MUTANTS, Mutant, mutant, parameter, score


def _as(of: str, why: str, name: str, **changes: Any) -> None:
    """A metric that is really another one, or the same with another keyword."""
    label = f"{of}_is_{name}" + "".join(f"_{key}" for key in changes)
    MUTANTS.append(Mutant(label, of, why, lambda case: score(case, name, **changes)))


_as("dice_score", "intersection over union is returned", "jaccard_index")
_as("jaccard_index", "Dice is returned", "dice_score")
_as("sensitivity", "precision is returned", "precision")
_as("precision", "sensitivity is returned", "sensitivity")
_as("specificity", "negative predictive value is returned", "negative_predictive_value")
_as("negative_predictive_value", "specificity is returned", "specificity")
_as("balanced_accuracy", "plain accuracy is returned", "accuracy")
_as("cohen_kappa", "Matthews correlation is returned", "matthews_correlation")
_as("dice_score", "0/0 is silently 0", "dice_score", undefined=0.0)
_as("jaccard_index", "0/0 is silently 1", "jaccard_index", undefined=1.0)
_as("jaccard_index", "weights are not used", "jaccard_index", weight=None)
_as("accuracy", "the mean over regions is pooled", "accuracy", axis=None)


@mutant("sensitivity", "ignored pixels count as predictions of the background")
def sensitivity_with_ignored(case: Case) -> Any:
    ignored = case.keywords.get("ignore_index")
    if ignored is None:
        return score(case)
    target = np.where(case.target == ignored, 0, case.target)
    kept = Case(case.name, case.pred, target, case.keywords | {"ignore_index": None}, case.grid, False)
    return score(kept)


_FINISH = ("reduction", "undefined", "pred_empty", "target_empty")


def _of_cells(case: Case, change: Callable[[Confusion], Confusion]) -> Any:
    """The metric of counts that were changed before the formula."""
    own = registry.metrics[case.name].parameters
    finish = {key: value for key, value in case.keywords.items() if key in (*_FINISH, *own)}
    masks = {key: value for key, value in case.keywords.items() if key not in finish}
    return registry.metrics[case.name].function(change(ref.confusion(case.pred, case.target, **masks)), **finish)


@mutant("specificity", "ignored pixels count as true negatives")
def specificity_with_ignored(case: Case) -> Any:
    ignored = case.keywords.get("ignore_index")
    if ignored is None:
        return score(case)
    masks = {key: case.keywords[key] for key in ("axis", "class_axis", "weight") if key in case.keywords}
    left_out = case.target == ignored
    if "class_axis" in masks:
        classes = case.keywords.get("num_classes") or case.pred.shape[masks["class_axis"]]
        left_out = np.stack([left_out] * classes, axis=masks["class_axis"])
    more = ref.confusion(left_out, left_out, **masks).tp
    return _of_cells(case, lambda cells: replace(cells, tn=cells.tn + more))


@mutant("accuracy", "true negatives are N - P - T, without the overlap that is subtracted twice")
def accuracy_without_overlap(case: Case) -> Any:
    return _of_cells(case, lambda cells: replace(cells, tn=np.maximum(cells.tn - cells.tp, 0)))


@mutant("negative_predictive_value", "weights are cut to integers, as a table of integers does")
def negative_predictive_value_of_whole_weights(case: Case) -> Any:
    weight = case.keywords.get("weight")
    return score(case) if weight is None else score(case, weight=np.floor(weight))


@mutant("f_score", "beta is not squared")
def f_score_beta(case: Case) -> Any:
    return score(case, beta=float(np.sqrt(parameter(case, "beta"))))


@mutant("tversky_index", "weights swapped")
def tversky_index_swapped(case: Case) -> Any:
    return score(case, fp_weight=parameter(case, "fn_weight"), fn_weight=parameter(case, "fp_weight"))


@mutant("volumetric_similarity", "the difference is not subtracted from 1")
def volumetric_difference(case: Case) -> Any:
    return score(case, kind="signed" if parameter(case, "kind") == "unsigned" else parameter(case, "kind"))


@mutant("volumetric_similarity", "prediction and target change places")
def volumetric_swapped(case: Case) -> Any:
    value = score(case)
    return -value if parameter(case, "kind") in ("signed", "relative") else value


@mutant("matthews_correlation", "the square root is missing")
def matthews_without_root(case: Case) -> Any:
    value = score(case)
    return value * np.abs(value)


@mutant("cohen_kappa", "chance agreement is left out")
def kappa_without_chance(case: Case) -> Any:
    return 2 * score(case, "accuracy") - 1


@mutant("accuracy", "the index y C + p is formed in uint8 and wraps")
def accuracy_wraps(case: Case) -> Any:
    if case.keywords.get("num_classes", 0) < 17 or case.target.dtype != np.uint8:
        return score(case)
    wrapped = (case.target * np.uint8(case.keywords["num_classes"]) + case.pred) // case.keywords["num_classes"]
    return score(Case(case.name, case.pred, wrapped.astype(np.uint8), case.keywords, case.grid, False))


@mutant("dice_score", "nan is skipped by a plain mean")
def dice_score_nanmean(case: Case) -> Any:
    return score(case, reduction="nanmean" if case.keywords["reduction"] == "mean" else case.keywords["reduction"])


# What is said of empty masks, and the mean by support. ----------------------------------------------------------------

_MASKS = ("threshold", "axis", "class_axis", "num_classes", "weight", "ignore_index")


def _record(case: Case) -> ref.Confusion:
    return ref.confusion(
        case.pred, case.target, **{name: case.keywords[name] for name in _MASKS if name in case.keywords}
    )


def _weighted(of: str, name: str, why: str, weigh: Callable[[Any], Any], pooled: bool = False) -> None:
    """The weighted mean with other weights, which `weigh` makes of the record; over everything at once where `pooled`."""

    def wrong(case: Case) -> Any:
        record = _record(case)
        if case.keywords.get("reduction") != "weighted" or record.class_axis is None:
            return score(case)
        values, weights = score(case, reduction="none"), weigh(record)
        place = None if pooled else record.class_axis
        whole = weights.sum(place)
        means = (values * weights).sum(place) / np.where(whole > 0, whole, 1)
        return np.where(whole > 0, means, case.keywords.get("undefined", np.nan)).mean()

    MUTANTS.append(Mutant(name, of, why, wrong))


_weighted("dice_score", "dice_score_by_prediction", "classes are weighted by the prediction", lambda r: r.tp + r.fp)
_weighted(
    "jaccard_index", "jaccard_index_of_absent", "a class without support enters with weight 0, and nan times 0 is nan",
    lambda r: r.tp + r.fn,
)  # fmt: skip
_weighted(
    "precision",
    "precision_of_absent",
    "a class without support counts as one pixel",
    lambda r: np.maximum(r.tp + r.fn, 1),
)
_weighted(
    "sensitivity", "sensitivity_pooled", "regions are weighted by their support too", lambda r: r.tp + r.fn, pooled=True
)


@mutant("f_score", "pred_empty and target_empty change places")
def f_score_empties_swapped(case: Case) -> Any:
    return score(case, pred_empty=case.keywords.get("target_empty"), target_empty=case.keywords.get("pred_empty"))


@mutant("dice_score", "pred_empty holds where both masks are empty too")
def dice_score_pred_empty_of_both(case: Case) -> Any:
    said = case.keywords.get("pred_empty")
    return score(case) if said is None else score(case, undefined=said)


@mutant("jaccard_index", "target_empty holds where both masks are empty too")
def jaccard_index_target_empty_of_both(case: Case) -> Any:
    said = case.keywords.get("target_empty")
    return score(case) if said is None else score(case, undefined=said)


@mutant("sensitivity", "undefined goes before target_empty where the formula is 0/0")
def sensitivity_undefined_first(case: Case) -> Any:
    return score(case, target_empty=None)


@mutant("accuracy", "pred_empty is heeded only where the formula is 0/0")
def accuracy_pred_empty_ignored(case: Case) -> Any:
    return score(case, pred_empty=None)
