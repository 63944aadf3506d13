"""Bring any case into the form that a binding asks for: its layout, its target, its dtype, its domain.

Cases are drawn for the reference, in every shape and with every keyword. `adapt` turns one into its like in the binding's own
form, so that a loss or metric is covered the day it enters the register. The textbook answers the adapted case, so nothing
that is rounded or dropped on the way is ever held against the implementation.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from segloss_ref import registry, validate
from segloss_ref.domains import Interval, LabelWeights, PixelMap, Smooth, Spacing, smooth_pair

from ..cases.bits import rounded
from ..cases.case import Case, Grid
from .binding import Binding
from .bound_case import BoundCase, in_domain, nearly_empty, one_hot
from .expression import Expression

__all__ = ["adapt", "assemble", "fitted_all"]

_NARROW = 64
"""float16 holds e^-8 and its powers as normal numbers, and sums of logits of 64; between them an exponential is neither."""

_FAINT = 2.0**-6
"""The sigmoid of smaller logits may round to 1/2, so that a mask of probabilities is not one of logits."""

_LEAST_SMOOTH = 2.0**-6
"""Squares of smaller numbers are no normal numbers of float16, so that they do not smooth there."""


@dataclass
class _Plain:
    """A case with its classes first and without keywords of place: (K, *pixels)."""

    pred: Any
    hot: Any
    ignored: Any
    weight: Any
    logits: bool
    """Whether `pred` holds logits (losses)."""


def _plain_loss(case: Case) -> _Plain:
    class_axis = case.keywords.get("class_axis")
    ignore = case.keywords.get("ignore_index")
    pred = case.pred[None] if class_axis is None else np.moveaxis(case.pred, class_axis, 0)
    pixels = pred.shape[1:]
    if case.target.ndim < case.pred.ndim or class_axis is None:
        ignored = np.zeros(pixels, bool) if ignore is None else case.target == ignore
        labels = np.where(ignored, 0, case.target)
        hot = labels[None].astype(float) if class_axis is None else one_hot(labels, len(pred))
    else:
        hot, ignored = np.moveaxis(case.target, class_axis, 0).astype(float), np.zeros(pixels, bool)
    weight = np.broadcast_to(case.keywords.get("weight", 1.0), pixels)
    logits = bool(case.keywords.get("from_logits", registry.losses[case.name].logits_only))
    return _Plain(pred, hot, ignored, weight, logits)


def _plain_metric(case: Case) -> _Plain:
    class_axis, classes = case.keywords.get("class_axis"), case.keywords.get("num_classes")
    ignore, threshold = case.keywords.get("ignore_index"), case.keywords.get("threshold", 0.5)
    ndim = max(case.pred.ndim, case.target.ndim) + (classes is not None)

    def spread(array: Any) -> Any:
        if class_axis is None:
            return array[None]
        count = classes if classes is not None else max(case.pred.shape, case.target.shape, key=len)[class_axis]
        return np.moveaxis(array, class_axis % ndim, 0) if array.ndim == ndim else one_hot(array, count)

    labelled = case.target.ndim < ndim or class_axis is None
    ignored = case.target == ignore if labelled and ignore is not None else None
    hot = spread(case.target if ignored is None else np.where(ignored, 0, case.target)).astype(float)
    pred = spread(case.pred)
    if ignored is None:
        ignored = np.zeros(hot.shape[1:], bool)
    if case.pred.dtype.kind == "f" and class_axis is not None and pred.shape == case.pred.shape and len(pred) > 1:
        chosen = one_hot(pred.argmax(0), len(pred)) > 0
    else:
        chosen = pred > threshold if case.pred.dtype.kind == "f" else pred != 0
    scores = pred.astype(float)
    if not np.array_equal(scores > 0.5, chosen):
        scores = np.where(chosen, 0.75, 0.25)
    weight = np.broadcast_to(case.keywords.get("weight", 1.0), hot.shape[1:])
    return _Plain(np.where(scores == 0.5, 0.25, scores), (hot > 0.5).astype(float), ignored, weight, False)


def _with_classes(plain: _Plain, classes: str, pick: int) -> _Plain:
    """One question, exclusive classes or independent questions, whichever is asked for."""
    if classes == "one" and len(plain.pred) > 1:
        c = pick % len(plain.pred)
        return _Plain(plain.pred[c : c + 1], plain.hot[c : c + 1], plain.ignored, plain.weight, plain.logits)
    if classes == "exclusive" and len(plain.pred) == 1:
        p, y = plain.pred[0], plain.hot[0]
        pred = np.stack([np.zeros_like(p) if plain.logits else 1 - p, p])
        return _Plain(pred, np.stack([1 - y, y]), plain.ignored, plain.weight, plain.logits)
    return plain


def _regrouped(array: Any, lead: int, dims: int, images: bool, split: bool) -> Any:
    """Pixels of any number of axes as `dims` axes, the first of them the images where there are any."""
    shape = array.shape[lead:]
    if len(shape) > dims:
        shape = (math.prod(shape[: len(shape) - dims + 1]), *shape[len(shape) - dims + 1 :])
    elif len(shape) < dims:
        missing = dims - len(shape)
        shape = (shape[0], *(1,) * missing, *shape[1:]) if images and split else (*(1,) * missing, *shape)
    return array.reshape(*array.shape[:lead], *shape)


def _dyadic(weights: Any) -> Any:
    """Columns of numbers >= 0 as multiples of 1/64 that sum to exactly 1, none of them 0."""
    share = weights + 2.0**-6
    parts = np.maximum(np.floor(share / share.sum(0) * 64), 1)
    top = parts.argmax(0)
    rest = 64 - parts.sum(0)
    np.put_along_axis(parts, top[None], np.take_along_axis(parts, top[None], 0) + rest, 0)
    return parts / 64


def _predictions(plain: _Plain, binding: Binding, dtype: str) -> Any:
    """`pred` as the binding takes it, in numbers of `dtype`."""
    pred, domain = plain.pred, binding.domain
    if binding.takes == "logit":
        z = pred if plain.logits else np.round((pred - 0.5) * 16 * 64) / 64
        if "not saturated" in domain:
            z = np.clip(z, -8, 8)
        if binding.record.spatial:
            z = np.where(np.abs(z) < _FAINT, 0.0, z)
        if dtype == "float16":
            z = np.where(np.abs(z) >= _NARROW, np.sign(z) * _NARROW, np.clip(z, -8, 8))
        return rounded(z, dtype)
    p = pred
    if plain.logits:
        p = np.round(128 / (1 + np.exp(-np.clip(pred, -40, 40)))) / 128  # numbers of every dtype, and short ones
    if "hard-prediction" in domain:
        return one_hot(p.argmax(0), len(p)) if binding.classes == "exclusive" else (p > 0.5).astype(float)
    if binding.classes == "exclusive" and ("simplex" in domain or binding.takes == "log-probability"):
        return _dyadic(p)
    if "not certain" in domain or binding.takes == "log-probability":
        p = np.clip(p, 2.0**-7, 1 - 2.0**-7)
    p = rounded(p, dtype)
    if dtype == "float16":  # below, products of two are no normal numbers of float16
        p = np.where((p > 0) & (p < 2.0**-7), 2.0**-7, p)
    return p


def _own(binding: Binding, drawn: Mapping[str, Any], dtype: str, axes: int) -> dict[str, Any]:
    """The values of the reference's parameters by which the callable is called; `axes` is the number of spatial axes."""
    values: dict[str, Any] = {}
    refused = binding.record.class_axis_refuses if binding.classes == "exclusive" else ()
    for name, parameter in binding.record.parameters.items():
        value = parameter.default
        if value is inspect.Parameter.empty:
            value = drawn.get(name, 1.0)
        if name in binding.parameters and name not in refused:
            value = _plain_value(parameter.domain, drawn.get(name, value), axes, value)
            if isinstance(parameter.domain, Smooth):
                if isinstance(value, tuple) and f"{name}_numerator" not in binding.placeholders:
                    value = value[1]
                if dtype == "float16" and 0 < np.min(value) < _LEAST_SMOOTH:
                    value = 1.0
        values[name] = value
    return _meant(binding, values)


def _plain_value(domain: Any, value: Any, axes: int, default: Any) -> Any:
    """A drawn value as somebody else's function can take it: numbers, and no None where a number is meant."""
    if isinstance(domain, LabelWeights | PixelMap):
        return default
    if isinstance(domain, Spacing):
        numbers = (1.0,) if value is None else tuple(value) if np.ndim(value) else (value,)
        return (numbers[-1:] * axes + numbers)[-axes:]
    return 0.25 if isinstance(domain, Interval) and value is None else value


def _meant(binding: Binding, values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters without those that have no meaning beside the others."""
    found = dict(values)
    for name, parameter in binding.record.parameters.items():
        rule = parameter.only_with
        if rule is not None and found.get(rule.parameter) not in rule.values:
            found[name] = parameter.default
    return found


def _truth(binding: Binding, own: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parameters as the reference is to have them: the callable's, read in its convention."""
    truth = dict(own)
    for name, value in binding.convention.items():
        try:
            truth[name] = Expression(value).value(own)
            if name in binding.record.parameters:
                binding.record.parameters[name].domain.normal(binding.spec, name, truth[name])
        except (TypeError, ValueError, ZeroDivisionError):
            return None
    for name, parameter in binding.record.parameters.items():
        if (
            isinstance(parameter.domain, Spacing)
            and truth[name] is not None
            and set(np.atleast_1d(truth[name])) == {1.0}
        ):
            truth[name] = None  # the same by definition, and allowed where spacing has no meaning
    return _meant(binding, truth)


def adapt(binding: Binding, drawn: Case, dtype: str) -> BoundCase | None:
    """Adapt a drawn case to the binding's form and domain; None if that is impossible."""
    if isinstance(drawn, BoundCase):
        return drawn
    pick = int(drawn.key, 16)
    floating = dtype if dtype in ("float64", "float32", "float16", "bfloat16") else "float64"
    plain = _plain_loss(drawn) if binding.is_loss else _plain_metric(drawn)
    plain = _with_classes(plain, binding.classes, pick)
    if "ignore_index" in binding.placeholders and drawn.keywords.get("ignore_index") is None:
        plain.ignored = _some_ignored(plain.ignored.shape, pick)
    plain.pred = _predictions(plain, binding, floating) if binding.is_loss else rounded(plain.pred, floating)
    plain.hot = _targets(plain, binding, floating)
    placed = _placed(plain, binding, bool(pick % 2))
    common = _common(placed, binding, drawn, floating, pick)
    pred, target = _as_taken(placed, binding, common)
    spatial = sum(letter in "DHW" for letter in binding.layout) if binding.layout != "any" else 0
    own = _own(binding, drawn.keywords, floating, spatial or pred.ndim)
    case = assemble(binding, pred, target, own, common, drawn.grid, floating)
    return case if case is not None and _valid(case) and in_domain(case) else None


def _has_hard_target(binding: Binding) -> bool:
    soft = "soft-target" in binding.domain and not binding.record.hard_target
    return binding.target == "index" or not soft


def _targets(plain: _Plain, binding: Binding, floating: str) -> Any:
    """The target of each class, in front, in numbers of the dtype: hard where the binding takes no other."""
    hot = plain.hot
    if _has_hard_target(binding):
        hot = one_hot(hot.argmax(0), len(plain.pred)) if binding.classes == "exclusive" else (hot > 0.5).astype(float)
    elif binding.classes == "exclusive" and "simplex" in binding.domain and ((hot > 0) & (hot < 1)).any():
        hot = _dyadic(hot)
    return rounded(hot, floating)


def _placed(plain: _Plain, binding: Binding, split: bool) -> _Plain:
    """The arrays with their axes where the binding's layout has them; `split` the first axis into images if need be."""
    letters = binding.layout
    if letters == "any":
        contiguous = np.ascontiguousarray
        return replace(plain, pred=contiguous(plain.pred[0]), hot=contiguous(plain.hot[0]),
                       ignored=contiguous(plain.ignored), weight=contiguous(plain.weight))  # fmt: skip
    images, spatial = "N" in letters, [letter for letter in letters if letter in "DHW"]
    order = [("C" + "N" * images + "".join(spatial)).index(letter) for letter in letters.replace("C", "")]

    def regrouped(array: Any, lead: int) -> Any:
        return _regrouped(array, lead, len(spatial) + images, images, split)

    def pixels(array: Any) -> Any:
        return np.ascontiguousarray(regrouped(array, 0).transpose([axis - 1 for axis in order]))

    def classes(array: Any) -> Any:
        array = regrouped(array, 1).transpose(0, *order)
        return np.ascontiguousarray(np.moveaxis(array, 0, letters.index("C")) if "C" in letters else array[0])

    pred, hot, ignored, weight = classes(plain.pred), classes(plain.hot), pixels(plain.ignored), pixels(plain.weight)
    if "C" in letters and binding.classes != "exclusive":  # one channel
        place = letters.index("C")
        weight, ignored = (
            np.broadcast_to(np.expand_dims(array, place), pred.shape).copy() for array in (weight, ignored)
        )
    return replace(plain, pred=pred, hot=hot, ignored=ignored, weight=weight)


def _common(placed: _Plain, binding: Binding, drawn: Case, floating: str, pick: int) -> dict[str, Any]:
    """The common keywords that the binding hands over."""
    letters = binding.layout
    classes = placed.pred.shape[letters.index("C")] if "C" in letters else 1
    common: dict[str, Any] = {"num_classes": classes}
    if "ignore_index" in binding.placeholders:
        common["ignore_index"] = drawn.keywords.get("ignore_index", 255)
    if "weight" in binding.placeholders:
        common["weight"] = rounded(placed.weight, floating)
    if "class_weight" in binding.placeholders:
        weights = drawn.keywords.get("class_weight", ())
        common["class_weight"] = tuple(weights) if len(weights) == classes else _some_weights(classes, pick)
    return common


def _as_taken(placed: _Plain, binding: Binding, common: Mapping[str, Any]) -> tuple[Any, Any]:
    """(prediction, target) as the binding takes them: probabilities, masks or labels, with what is ignored in the target."""
    letters, pred, target = binding.layout, placed.pred, placed.hot
    exclusive = binding.classes == "exclusive" and "C" in letters
    ignores = "ignore_index" in common
    if exclusive and binding.target == "index":
        target = target.argmax(letters.index("C"))
        if binding.takes == "label":
            pred = pred.argmax(letters.index("C"))
    elif not binding.is_loss or (_has_hard_target(binding) and ignores):
        target = target.astype(np.int64)
    if not binding.is_loss and binding.takes == "mask":
        if exclusive:
            axis = letters.index("C")
            pred = np.moveaxis(one_hot(pred.argmax(axis), common["num_classes"]) > 0, 0, axis)
        else:
            pred = pred > 0.5
    if ignores and target.shape == placed.ignored.shape and target.dtype.kind in "iu":
        target = np.where(placed.ignored, common["ignore_index"], target)
    return pred, target


def _some_weights(classes: int, pick: int) -> tuple[float, ...]:
    """Class weights for a case that was drawn without any: a function that takes them is to be asked about them."""
    if pick % 4 == 0:
        return (1.0,) * classes
    return tuple((0.25, 0.5, 1.0, 2.0, 3.0)[pick // 5**c % 5] for c in range(classes))


def _some_ignored(shape: tuple[int, ...], pick: int) -> Any:
    """Pixels to ignore, about one in four of every second case, for the same reason."""
    if pick % 2:
        return np.zeros(shape, bool)
    return np.random.default_rng(pick).random(shape) < 0.25


def _valid(case: BoundCase) -> bool:
    """Whether the reference takes the case: parameters may exclude each other, and a drawn one may not go with a fixed one."""
    try:
        validate(case.binding.record.function, case.pred, case.target, **case.keywords)
    except (TypeError, ValueError):
        return False
    return True


def assemble(
    binding: Binding,
    pred: Any,
    target: Any,
    own: dict[str, Any],
    common: Mapping[str, Any],
    grid: Grid = "float64",
    dtype: str = "float64",
) -> BoundCase | None:
    """A case from arrays in the binding's layout, the callable's parameters and the common keywords.

    None where the reference has no such parameters in the binding's convention, or where the quotient would be 0/0.
    """
    record, letters = binding.record, binding.layout if binding.layout != "any" else ""
    keywords, averaged = _places(binding, letters)
    truth = _truth(binding, own)
    smooth = smooth_pair((truth or {}).get("smooth", 1.0))[1]
    thin = smooth == 0 or (dtype == "float16" and smooth < _LEAST_SMOOTH)
    thin = thin and "zero-over-zero" not in binding.domain
    if thin and nearly_empty(pred, target, keywords):
        if "smooth" not in binding.parameters:
            return None
        own = own | {"smooth": 1.0}
        truth = _truth(binding, own)
    if truth is None:
        return None
    classes = pred.shape[letters.index("C")] if "C" in letters and pred.ndim == len(letters) else 1
    given: dict[str, Any] = {"num_classes": int(common.get("num_classes", classes)), **own}
    if binding.takes == "label":
        keywords["num_classes"] = given["num_classes"]
    for name, value in own.items():
        if isinstance(record.parameters[name].domain, Smooth):
            given[f"{name}_numerator"], given[f"{name}_denominator"] = smooth_pair(value)
    for name in ("weight", "class_weight", "ignore_index"):
        if name in common:
            keywords[name] = common[name]
            if name != "weight":
                given[name] = common[name]
    told = {k: v for k, v in truth.items() if k not in record.parameters or v != record.parameters[k].default}
    return BoundCase(
        binding.spec, pred, target, {**keywords, **told}, grid, binding.is_loss,
        binding=binding, given=given, averaged=averaged,
    )  # fmt: skip


def _places(binding: Binding, letters: str) -> tuple[dict[str, Any], tuple[int, ...]]:
    """(keywords that name axes and the reduction, axes of the values to be averaged)."""
    record = binding.record
    family: str = record.family
    geometric = record.spatial or family == "surface"
    exclusive = binding.classes == "exclusive" and binding.pool != "all"
    keywords: dict[str, Any] = {}
    if exclusive:
        keywords["class_axis"] = letters.index("C")
    if binding.is_loss and binding.takes == "logit" and "from_logits" in record.keywords:
        keywords["from_logits"] = True
    inside = list(letters)
    if exclusive or binding.classes == "independent" or (geometric and "C" in letters):
        inside = [one for one in inside if one != "C" or binding.pool == "all"]
    if binding.pool == "image" or geometric:
        inside = [one for one in inside if one != "N"]
    everything = [one for one in letters if not (exclusive and one == "C")]
    if letters and inside != everything:
        keywords["axis"] = tuple(letters.index(one) for one in inside)
    per_class = not binding.is_loss or record.per_class or not exclusive
    kept = [one for one in letters if one not in inside and (one != "C" or per_class)]
    wanted = {"per-image": "N", "per-class": "C", "per-image-and-class": "NC"}.get(binding.returns)
    if wanted is None:
        keywords["reduction"] = "mean"
        if binding.is_loss:
            del keywords["reduction"]
        return keywords, ()
    keywords["reduction"] = "none"
    return keywords, tuple(i for i, one in enumerate(kept) if one not in wanted)


def fitted_all(binding: Binding, drawn: Iterable[Case], dtype: str) -> list[BoundCase]:
    """Those of the drawn cases that have a like in the binding's domain."""
    fitted = (adapt(binding, one, dtype) for one in drawn)
    return [case for case in fitted if case is not None and not case.answer.jump]
