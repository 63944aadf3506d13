"""A case in a binding's form, and what it is like in the words of `domain` and of the ledger's `when`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from segloss_ref.domains import Interval, smooth_pair

from ..cases.bits import rounded
from ..cases.case import Case
from ..truth.numbers import exact, mp, total
from ..truth.textbook import Answer
from .binding import Binding

__all__ = ["BoundCase", "in_domain", "letters_of", "nearly_empty", "one_hot", "replaced", "tags_of"]


@dataclass(eq=False)
class BoundCase(Case):
    """A case in a binding's form; `pred`, `target` and `keywords` are the reference's equivalent arguments."""

    binding: Binding = field(kw_only=True)
    given: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """Values of the placeholders other than pred, target and weight."""
    averaged: tuple[int, ...] = field(default=(), kw_only=True)
    """Axes of the reference's values over which the implementation has averaged."""

    @cached_property
    def answer(self) -> Answer:
        """What the textbook says, in the shape that the implementation returns."""
        whole = super().answer
        if not self.averaged:
            return whole
        places = np.arange(len(whole.value)).reshape(whole.shape)
        size = math.prod(whole.shape[axis] for axis in self.averaged)
        rows = np.moveaxis(places, self.averaged, range(-len(self.averaged), 0)).reshape(-1, size)
        values = [total(whole.value[i] for i in row) / exact(size) for row in rows]
        shape = tuple(n for axis, n in enumerate(whole.shape) if axis not in self.averaged)
        gradient = whole.gradient
        if gradient is not None:
            gradient = [(value / size, (bound + abs(value)) / size) for value, bound in gradient]
        return Answer(shape, values, gradient, whole.kink, whole.jump)

    @cached_property
    def cotangent(self) -> Any:
        """What the gradient is asked at, in numbers that any dtype holds which has their range."""
        return rounded(super().cotangent, "bfloat16")

    @property
    def passed(self) -> Any:
        """The array that is handed over as ``$pred``, in float64 where it is floating."""
        if self.binding.takes == "log-probability":
            return np.log(self.pred)
        if self.binding.takes == "logit" and not self.is_loss:
            return (self.pred - 0.5) * 8
        return self.pred

    @cached_property
    def key(self) -> str:
        """A digest of everything that the call depends on."""
        parts = [self.name, repr(sorted(self.given.items(), key=str)), repr(self.averaged)]
        told = {name: value for name, value in self.keywords.items() if not isinstance(value, np.ndarray)}
        parts.append(repr(sorted(told.items(), key=str)))
        for array in (self.pred, self.target, self.keywords.get("weight")):
            if array is not None:
                parts.append(f"{array.shape}{array.dtype}{array.tobytes().hex()}")
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]

    @cached_property
    def tags(self) -> frozenset[str]:
        """What kind of case this is, in the words of `binding.TAGS`."""
        return frozenset(tags_of(self))


def one_hot(labels: Any, classes: int) -> Any:
    """A mask of each class, in front."""
    return np.stack([labels == c for c in range(classes)]).astype(float)


def nearly_empty(pred: Any, target: Any, keywords: Mapping[str, Any]) -> bool:
    """Whether the overlap of some region may be nothing, so that without smoothing the quotient may be 0/0."""
    class_axis = keywords.get("class_axis")
    y = target
    if y.ndim < pred.ndim and class_axis is not None:
        y = np.moveaxis(one_hot(np.where(y < pred.shape[class_axis], y, 0), pred.shape[class_axis]), 0, class_axis)
    p = pred
    if keywords.get("from_logits"):
        shifted = pred - (pred.max(class_axis, keepdims=True) if class_axis is not None else np.maximum(pred, 0))
        e = np.exp(shifted)
        p = (
            e / e.sum(class_axis, keepdims=True)
            if class_axis is not None
            else 1 / (1 + np.exp(-np.clip(pred, -60, 60)))
        )
    axes = keywords.get("axis", tuple(i for i in range(pred.ndim) if i != class_axis))
    return bool(((p * y).sum(axes) < 1e-3).any())


def tags_of(case: BoundCase) -> set[str]:
    """The words for what a case is like."""
    binding = case.binding
    tags = {"multiclass" if binding.classes == "exclusive" else "binary"}
    ignored = case.keywords.get("ignore_index")
    kept = case.target if ignored is None else np.where(case.target == ignored, 0, case.target)
    tags.add("soft-target" if kept.dtype.kind == "f" and ((kept > 0) & (kept < 1)).any() else "hard-target")
    weight = np.asarray(case.keywords.get("weight", 1.0))
    if ignored is not None and (case.target == ignored).any():
        tags.add("ignored")
        weight = weight * (case.target != ignored)
    if (weight != 1).any():
        tags.add("weighted")
    if (weight == 0).any() and _empty_region(case, weight):
        tags.add("zero-weight")
    if binding.classes == "exclusive":
        labels = kept if case.target.ndim < case.pred.ndim or binding.takes == "label" else None
        classes = case.given["num_classes"]
        axis = binding.layout.index("C")
        present = {int(c) for c in np.unique(labels)} if labels is not None else {
            c for c in range(classes) if np.take(kept, c, axis).any()}  # fmt: skip
        tags |= {"absent-class"} if len(present) < classes else set()
        if case.is_loss and not case.keywords.get("from_logits") and (case.pred.sum(axis) == 1).all():
            tags.add("simplex")
    else:
        tags |= {"empty-target"} if not kept.any() else set()
        tags |= {"full-target"} if (kept == 1).all() else set()
    if case.is_loss:
        if binding.takes == "logit":
            tags |= {"saturated"} if np.abs(case.pred).max(initial=0) > 16 else set()
        elif ((case.pred <= 0) | (case.pred >= 1)).any():
            tags |= {"certain", "hard-prediction"} if np.isin(case.pred, (0, 1)).all() else {"certain"}
    else:
        if any(mp.isnan(number.v) for number in case.answer.value):
            tags.add("zero-over-zero")
        if _blank(case, case.pred, binding.takes == "label"):
            tags.add("empty-prediction")
    if _blank(case, case.target, binding.target == "index"):
        tags.add("absent-class" if binding.classes == "exclusive" else "empty-target")
    sizes = list(zip(letters_of(case.pred, binding), case.pred.shape, strict=True))
    tags |= {"non-square"} if len({size for letter, size in sizes if letter in "DHW"}) > 1 else set()
    tags |= {"one-image"} if ("N", 1) in sizes else set()
    return tags


def letters_of(array: Any, binding: Binding) -> str:
    """A letter for each axis of an array, in the words of a layout."""
    if binding.layout == "any":
        return "W" * int(array.ndim)
    return binding.layout if array.ndim == len(binding.layout) else binding.layout.replace("C", "")


def _blank(case: BoundCase, mask: Any, labels: bool) -> bool:
    """Whether some region of a mask, or of a map of `labels`, holds no foreground."""
    class_axis, axes = case.keywords.get("class_axis"), case.keywords.get("axis")
    kept = np.asarray(case.keywords.get("weight", 1.0)) != 0
    kept = kept & (case.target != case.keywords["ignore_index"]) if "ignore_index" in case.keywords else kept
    threshold = 0.0 if case.is_loss else case.keywords.get("threshold", 0.5)
    if class_axis is not None and (labels or (mask.dtype.kind == "f" and not case.is_loss)):
        chosen = mask if labels else mask.argmax(class_axis)
        mask = np.moveaxis(one_hot(chosen, case.given["num_classes"]), 0, class_axis)
    found = mask > threshold
    if class_axis is not None and kept.ndim:
        kept = np.expand_dims(kept, class_axis)
    if axes is None:
        axes = tuple(i for i in range(found.ndim) if i != class_axis)
    return not (found & kept).any(axes).all()


def _empty_region(case: BoundCase, weight: Any) -> bool:
    class_axis, axes = case.keywords.get("class_axis"), case.keywords.get("axis")
    if axes is None:
        return not weight.any()
    places = tuple(a - (class_axis is not None and class_axis < a) for a in axes)
    return bool((weight.sum(places) == 0).any())


def in_domain(case: BoundCase) -> bool:
    """Whether the binding supports a case."""
    domain, tags = case.binding.domain, case.tags
    if any(f"not {tag}" in domain for tag in tags):
        return False
    if "simplex" in domain and case.is_loss and case.binding.takes == "probability" and "simplex" not in tags:
        return False
    # A region without any weight is 0 by docs/contract.md, and so is a factor of 0 times an infinite logarithm.
    if case.is_loss and "zero-weight" in tags and "zero-weight" not in domain:
        return False
    if (
        "zero-over-zero" not in domain
        and smooth_pair(_smoothing(case))[1] == 0
        and nearly_empty(case.pred, case.target, case.keywords)
    ):
        return False
    return not ("certain" in tags and _has_zero_factor(case))


def _smoothing(case: BoundCase) -> Any:
    """The reference's smoothing; 1 where there is none."""
    parameter = case.binding.record.parameters.get("smooth")
    return 1.0 if parameter is None else case.keywords.get("smooth", parameter.default)


def _has_zero_factor(case: BoundCase) -> bool:
    """Whether a parameter makes a factor 0."""
    for name, parameter in case.binding.record.parameters.items():
        value, domain = case.keywords.get(name, parameter.default), parameter.domain
        if name in case.binding.parameters and isinstance(domain, Interval) and value in (0, domain.high):
            return True
    return False


def replaced(case: BoundCase, **changes: Any) -> BoundCase:
    """The case with `pred`, `target`, `keywords` or `given` replaced."""
    return BoundCase(
        case.name, changes.get("pred", case.pred), changes.get("target", case.target),
        changes.get("keywords", case.keywords), case.grid, case.is_loss,
        binding=case.binding, given=changes.get("given", case.given), averaged=case.averaged,
    )  # fmt: skip
