"""Real third-party functions, held against the textbook on the same cases as the library itself.

Each has a domain, the cases on which its own documentation promises the same thing, and a note on what lies outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cases.case import Case
from .foreign import Foreign

__all__ = ["ThirdParty", "third_parties"]


@dataclass(frozen=True)
class ThirdParty(Foreign):
    """A function of another package, as what it is taken, and what is to be known of it."""

    name: str = ""
    note: str = ""


def _kept(case: Case, *names: str, pred: Any = None, target: Any = None, **added: Any) -> Case:
    """The case with these keywords alone, reduced by the mean."""
    keywords = {name: value for name, value in case.keywords.items() if name in names} | added
    return Case(
        case.name,
        case.pred if pred is None else pred,
        case.target if target is None else target,
        keywords,
        "float64",
        case.is_loss,
    )


def _without_ignored(case: Case) -> Any:
    """The target with ignored pixels turned into background."""
    return np.where(case.target == case.keywords.get("ignore_index"), 0, case.target)


def _binary_logits(case: Case) -> Case | None:
    """Logits of at most 1: beyond, torch's (1-y) z - log sigmoid(z) cancels, and small losses keep few digits."""
    if "class_axis" in case.keywords:
        return None
    return _kept(case, "beta", pred=np.clip(case.pred, -1, 1), target=_without_ignored(case), from_logits=True)


def _binary_probabilities(case: Case) -> Case | None:
    """Probabilities off 0 and 1, where torch clamps logarithms at -100 and scikit-learn clips probabilities."""
    if "class_axis" in case.keywords or "from_logits" in case.keywords:
        return None
    return _kept(case, pred=np.clip(case.pred, 2.0**-10, 1 - 2.0**-10), target=_without_ignored(case))


def _hard_probabilities(case: Case) -> Case | None:
    """The same with hard targets."""
    found = _binary_probabilities(case)
    return None if found is None else _kept(found, target=(found.target > 0.5).astype(np.int64))


def _classes(case: Case) -> Case | None:
    """Logits of at most 1, whose classes can be axis 1; torch gives nan where all pixels are ignored.

    With larger logits torch's gradient, softmax less target, cancels, and from a margin of 37 on it is exactly 0.
    """
    ignored = case.keywords.get("ignore_index")
    if case.keywords.get("class_axis") is None or case.pred.ndim < 2:
        return None
    if ignored is not None and (case.target == ignored).all():
        return None
    return _kept(case, "class_axis", "ignore_index", pred=np.clip(case.pred, -1, 1), from_logits=True)


def _weighted_classes(case: Case) -> Case | None:
    """Label maps with class weights."""
    found = _classes(case)
    if found is None or _has_axis(case):
        return None
    classes = case.pred.shape[case.keywords["class_axis"]]
    weights = case.keywords.get("class_weight", tuple(0.5 + c for c in range(classes)))
    return _kept(found, "class_axis", target=_without_ignored(case), from_logits=True, class_weight=weights)


def _scored(case: Case) -> Case | None:
    """Two masks, where the score is no 0/0, for which scikit-learn has numbers of its own."""
    if "class_axis" in case.keywords:
        return None
    found = _kept(case, "beta", target=_without_ignored(case))
    return found if np.isfinite(float(found.answer.value[0].v)) and found.answer.shape == () else None


def _by_support(case: Case) -> Case | None:
    """Two label maps, whose classes are weighted by their support; without any, scikit-learn has numbers of its own."""
    if "num_classes" not in case.keywords:
        return None
    weight = case.keywords.get("weight")
    if weight is not None and not np.broadcast_to(weight, case.target.shape).any():
        return None
    said = {"reduction": "weighted", "undefined": 0.0}
    return _kept(case, "class_axis", "num_classes", "weight", target=_without_ignored(case), **said)


def _gradient(value: Any, pred: Any, case: Case) -> Any:
    """By torch's autograd, at the case's cotangent."""
    import torch

    return torch.autograd.grad(value, pred, torch.from_numpy(case.cotangent))[0].numpy()


def _torch_binary(name: str, weight: bool = False) -> Callable[[Case], Any]:
    def call(case: Case) -> Any:
        import torch
        from torch.nn import functional

        pred = torch.tensor(case.pred, requires_grad=True)
        target = torch.tensor(case.target.astype(np.float64))
        more = (
            {"pos_weight": torch.tensor(float(case.keywords.get("beta", 1.0)), dtype=torch.float64)} if weight else {}
        )
        value = getattr(functional, name)(pred, target, **more)
        return value.item(), _gradient(value, pred, case)

    return call


def _torch_cross_entropy(case: Case) -> Any:
    import torch
    from torch.nn import functional

    axis = case.keywords["class_axis"] % case.pred.ndim
    pred = torch.tensor(case.pred, requires_grad=True)
    moved = torch.movedim(pred, axis, 1) if pred.ndim > 1 else pred
    target = torch.tensor(case.target.astype(np.float64 if _has_axis(case) else np.int64))
    if _has_axis(case) and target.ndim > 1:
        target = torch.movedim(target, axis, 1)
    value = functional.cross_entropy(moved, target, ignore_index=case.keywords.get("ignore_index", -100))
    return value.item(), _gradient(value, pred, case)


def _has_axis(case: Case) -> bool:
    return bool(case.target.ndim == case.pred.ndim)


def _weighted_cross_entropy(case: Case) -> Any:
    """Torch divides by the summed weight of the true classes, and docs/contract.md by the number of pixels."""
    import torch
    from torch.nn import functional

    axis = case.keywords["class_axis"] % case.pred.ndim
    pred = torch.tensor(case.pred, requires_grad=True)
    weight = torch.tensor(case.keywords["class_weight"], dtype=torch.float64)
    target = torch.tensor(case.target.astype(np.int64))
    value = (
        functional.cross_entropy(torch.movedim(pred, axis, 1), target, weight=weight, reduction="sum") / target.numel()
    )
    return value.item(), _gradient(value, pred, case)


def _sklearn_loss(case: Case) -> Any:
    from sklearn.metrics import log_loss

    return log_loss(case.target.astype(int).ravel(), case.pred.ravel(), labels=[0, 1])


def _sklearn_score(name: str) -> Callable[[Case], Any]:
    def call(case: Case) -> Any:
        from sklearn import metrics

        keywords = (
            {"beta": case.keywords["beta"]}
            if "beta" in case.keywords
            else {"beta": 1.0}
            if name == "fbeta_score"
            else {}
        )
        masks = ((case.target > 0.5).astype(int).ravel(), (case.pred > 0.5).astype(int).ravel())
        return getattr(metrics, name)(*masks, **keywords)

    return call


def _sklearn_by_support(name: str) -> Callable[[Case], Any]:
    def call(case: Case) -> Any:
        from sklearn import metrics

        weight = np.broadcast_to(case.keywords.get("weight", 1.0), case.target.shape)
        return getattr(metrics, name)(
            case.target.ravel(), case.pred.ravel(), labels=range(case.keywords["num_classes"]), average="weighted",
            sample_weight=weight.ravel(), zero_division=0.0,
        )  # fmt: skip

    return call


def third_parties() -> list[ThirdParty]:
    """Those whose packages are installed."""
    found: list[ThirdParty] = []
    try:
        import torch  # noqa: F401
    except ImportError:
        pass
    else:
        found += [
            ThirdParty(
                "torch binary_cross_entropy_with_logits",
                _torch_binary("binary_cross_entropy_with_logits"),
                _binary_logits,
                scales=True,
                name="binary_cross_entropy",
                note="logits up to 1: beyond, (1-y) z - log sigmoid(z) cancels and a small loss keeps few digits",
            ),
            ThirdParty(
                "torch binary_cross_entropy_with_logits(pos_weight)",
                _torch_binary("binary_cross_entropy_with_logits", weight=True),
                _binary_logits,
                scales=True,
                name="weighted_cross_entropy",
                note="logits up to 1, as above; pos_weight is beta",
            ),
            ThirdParty(
                "torch binary_cross_entropy",
                _torch_binary("binary_cross_entropy"),
                _binary_probabilities,
                scales=True,
                name="binary_cross_entropy",
                note="probabilities off 0 and 1, where torch clamps the logarithm at -100",
            ),
            ThirdParty(
                "torch cross_entropy",
                _torch_cross_entropy,
                _classes,
                scales=True,
                name="binary_cross_entropy",
                note="logits up to 1: beyond, softmax less target cancels and a confident pixel's gradient is 0; nan where all "
                "pixels are ignored",
            ),
            ThirdParty(
                "torch cross_entropy(weight), its sum over the number of pixels",
                _weighted_cross_entropy,
                _weighted_classes,
                scales=True,
                name="binary_cross_entropy",
                note="its own mean divides by the summed weight of the true classes",
            ),
        ]
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return found
    found.append(
        ThirdParty(
            "sklearn log_loss",
            _sklearn_loss,
            _hard_probabilities,
            name="binary_cross_entropy",
            note="hard targets and probabilities off 0 and 1, which it clips",
        )
    )
    for ours, theirs in {
        "jaccard_index": "jaccard_score",
        "dice_score": "f1_score",
        "f_score": "fbeta_score",
        "precision": "precision_score",
        "sensitivity": "recall_score",
        "accuracy": "accuracy_score",
        "balanced_accuracy": "balanced_accuracy_score",
        "matthews_correlation": "matthews_corrcoef",
        "cohen_kappa": "cohen_kappa_score",
    }.items():
        found.append(
            ThirdParty(f"sklearn {theirs}", _sklearn_score(theirs), _scored, name=ours, note="0/0 is 0 or 1 there")
        )
    for ours, theirs in {
        "jaccard_index": "jaccard_score",
        "dice_score": "f1_score",
        "precision": "precision_score",
        "sensitivity": "recall_score",
    }.items():
        label = f"sklearn {theirs}(average='weighted')"
        found.append(
            ThirdParty(label, _sklearn_by_support(theirs), _by_support, name=ours, note="some class must have support")
        )
    return found
