"""Wrong Lovász losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cases.case import Case
from .kit import Answer, mutant, refer


def _sorted_jaccard(errors: Any, y: Any, ascending: bool = False, differences: bool = True) -> float:
    order = np.argsort(errors if ascending else -errors, kind="stable")
    y = y[order]
    fn, fp = np.cumsum(y), np.cumsum(1 - y)
    jaccard = 1 - (y.sum() - fn) / (y.sum() + fp)
    steps = np.diff(jaccard, prepend=0) if differences else jaccard
    return float((steps * errors[order]).sum())


def _hinges(case: Case, relu: bool = True) -> tuple[Any, Any]:
    y = case.target.astype(float).ravel()
    margin = 1 - (2 * y - 1) * case.pred.ravel()
    return (np.maximum(margin, 0) if relu else margin), y


@mutant("lovasz_hinge_loss", "sorted ascending")
def lovasz_ascending(case: Case) -> Any:
    return refer(case)[0] if case.keywords else _sorted_jaccard(*_hinges(case), ascending=True)


@mutant("lovasz_hinge_loss", "Jaccard values in place of their differences")
def lovasz_without_differences(case: Case) -> Any:
    return refer(case)[0] if case.keywords else _sorted_jaccard(*_hinges(case), differences=False)


@mutant("lovasz_hinge_loss", "negative margins are not cut off")
def lovasz_without_relu(case: Case) -> Any:
    return refer(case)[0] if case.keywords else _sorted_jaccard(*_hinges(case, relu=False))


@mutant("lovasz_hinge_loss", "elu + 1 in place of relu")
def lovasz_elu(case: Case) -> Any:
    if case.keywords:
        return refer(case)[0]
    margin, y = _hinges(case, relu=False)
    return _sorted_jaccard(np.where(margin > 0, margin, np.expm1(np.minimum(margin, 0))) + 1, y)


@mutant("lovasz_hinge_loss", "all images are sorted together")
def lovasz_pooled(case: Case) -> Answer:
    value, gradient = refer(case, axis=None)
    return np.broadcast_to(value, case.answer.shape), gradient


@mutant("lovasz_softmax_loss", "absent classes are averaged in")
def lovasz_absent(case: Case) -> Answer:
    return refer(case, classes="all")


@mutant("lovasz_softmax_loss", "pixel weights multiply errors, not sets")
def lovasz_weighted_errors(case: Case) -> Any:
    weight = case.keywords.get("weight")
    if weight is None or case.keywords.get("class_axis") is not None or case.keywords.get("from_logits"):
        return refer(case)
    y = case.target.astype(float)
    return refer(case, pred=np.clip(y + (case.pred - y) * np.minimum(weight, 1), 0, 1), weight=None)[0]


@mutant("lovasz_softmax_loss", "pixel weights are counted in integers")
def lovasz_counted_weights(case: Case) -> Answer:
    weight = case.keywords.get("weight")
    return refer(case) if weight is None else refer(case, weight=np.floor(weight))


@mutant("lovasz_hinge_loss", "without ground truth the first false alarm counts nothing")
def lovasz_empty_truth(case: Case) -> Any:
    if case.keywords or case.target.any():
        return refer(case)
    return 0.0
