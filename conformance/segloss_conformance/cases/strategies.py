"""Hypothesis strategies for cases, driven by the records of the registry: a new loss or parameter is drawn at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from hypothesis import strategies as st

from segloss_ref import domains
from segloss_ref.registry import LossRecord, MetricRecord, Record

from .case import Case, Grid
from .drawing import edited, masks, said_of_nothing, solids
from .surfaces import surface_cases

__all__ = ["cases", "loss_cases", "metric_cases", "parameter"]

Draw = Any

# Where e^-z has underflowed in a dtype but its fourth root has not, no evaluation in that dtype can be right. Differences
# of these logits therefore stay below 80, then lie between 600 and 690, then beyond 9000.
_LOGITS: dict[Grid, list[float]] = {
    "narrow": [0.0, 0.125, -0.125, 0.5, -0.5, 1.0, -1.0, 1.75, -2.5, 4.0, -4.0, 7.5, -7.5, 20.0, -20.0, 40.0, -40.0,
               640.0, -640.0, 9984.0, -9984.0],
    "float32": [0.0, 1e-3, -1e-3, 0.7, -0.7, 3.3, -3.3, 12.7, -12.7, 33.3, -33.3, 1e4, -1e4],
    "float64": [0.0, 1e-9, -1e-9, 0.7, -0.7, 3.3, -3.3, 12.7, -12.7, 39.9, -39.9, 1e4, -1e4],
}  # fmt: skip
_PROBABILITIES: dict[Grid, list[float]] = {
    "narrow": [0.0, 1.0, 0.5, 0.25, 0.75, 1 / 128, 127 / 128, 0.125, 0.375, 0.625, 0.875, 41 / 64, 2.0**-10],
    "float32": [0.0, 1.0, 0.5, 0.3, 0.7, 0.1, 0.9, 1e-5, 1 - 2.0**-20, 2.0**-20, 0.99],
    "float64": [0.0, 1.0, 0.5, 0.3, 0.7, 0.1, 0.9, 1e-12, 1 - 2.0**-40, 2.0**-40, 0.99],
}
_WEIGHTS = [0.0, 0.25, 0.5, 1.0, 1.0, 2.0, 3.0]


def _on_grid(values: Any, grid: Grid) -> Any:
    return np.asarray(values, dtype=np.float32 if grid == "float32" else np.float64).astype(np.float64)


@singledispatch
def parameter(domain: domains.Domain, name: str) -> st.SearchStrategy[Any]:
    """Values of a parameter: its edges, ordinary values, and what the field uses."""
    raise TypeError(f"no strategy for a parameter of domain {domain!r}")


@parameter.register
def _(domain: domains.Interval, name: str) -> st.SearchStrategy[Any]:
    values: list[float | None] = [0.0, 0.25, 0.3, 0.5, 0.7, 0.75, 1.0, 1.5, 2.0, 3.0]
    inside = [v for v in values if v is not None and domain.low <= v <= domain.high]
    inside = [
        v for v in inside if not (v == domain.low and domain.low_open) and not (v == domain.high and domain.high_open)
    ]
    return st.sampled_from([*inside, None] if domain.optional else inside)


@parameter.register
def _(domain: domains.Integer, name: str) -> st.SearchStrategy[Any]:
    return st.integers(domain.low, int(min(domain.high, domain.low + 5)))


@parameter.register
def _(domain: domains.Choice, name: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(domain.values)


@parameter.register
def _(domain: domains.Flag, name: str) -> st.SearchStrategy[Any]:
    return st.booleans()


@parameter.register
def _(domain: domains.Smooth, name: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([1.0, 1e-5, 0.0, (0.0, 1e-5), (0.5, 2.0), (0.0, 1.0)])


@parameter.register
def _(domain: domains.OddInteger, name: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([1, 3, 3, 5, 11])


@parameter.register
def _(domain: domains.Radii, name: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([(1,), (1, 2), (1.5,), (3, 0.5), (3, 6, 9, 12, 15, 18)])


@parameter.register
def _(domain: domains.Spacing, name: str) -> st.SearchStrategy[Any]:
    return st.none()  # how many numbers there must be is known to the cases alone, which draw them


@parameter.register
def _(domain: domains.PixelMap, name: str) -> st.SearchStrategy[Any]:
    return st.none()  # likewise


@parameter.register
def _(domain: domains.LabelWeights, name: str) -> st.SearchStrategy[Any]:
    return st.none()  # the number of labels is known to `loss_cases` alone, which draws them


@st.composite
def _shape(draw: Draw, roomy: bool) -> tuple[int, ...]:
    shapes: list[tuple[int, ...]] = [
        (4,), (1,), (2, 3), (3, 3), (4, 4), (2, 2, 2), (2, 1, 5), (1, 2, 2, 2), (2, 7)
    ]  # fmt: skip
    if roomy and draw(st.booleans()):
        shapes = [(9,), (5, 5), (4, 6), (6, 5), (4, 4, 3)]  # room for an inside, and for several erosions
    shape: tuple[int, ...] = draw(st.sampled_from(shapes))
    return shape


@st.composite
def _scores(draw: Draw, target: Any, shape: tuple[int, ...], grid: Grid, logits: bool) -> Any:
    """Predictions: of any values, constant, or an edited copy of the (hard) target, saturated or not."""
    pool = (_LOGITS if logits else _PROBABILITIES)[grid]
    size = math.prod(shape)
    kind = draw(st.sampled_from(["any", "any", "any", "copy", "constant"]))
    if kind == "constant":
        return _on_grid(np.full(shape, draw(st.sampled_from(pool))), grid)
    if kind == "copy":
        mask = draw(edited(target > 0.5))
        level = draw(st.sampled_from([4.0, 20.0, 40.0, 9984.0] if logits else [1.0, 127 / 128, 0.75]))
        return _on_grid(np.where(mask, level, -level if logits else 1 - level), grid)
    return _on_grid(np.array(draw(st.lists(st.sampled_from(pool), min_size=size, max_size=size))).reshape(shape), grid)


@st.composite
def _opposite(draw: Draw, target: Any, logits: bool) -> Any:
    """Predictions that are wrong at almost every pixel, and sure of it."""
    mask = draw(edited(target > 0.5)) if draw(st.booleans()) else target > 0.5
    level = draw(st.sampled_from([4.0, 20.0, 9984.0] if logits else [1.0, 127 / 128, 0.875]))
    return np.where(mask, -level if logits else 1 - level, level)


@st.composite
def _distinct(draw: Draw, shape: tuple[int, ...], grid: Grid, logits: bool) -> Any:
    """Predictions no two of which are equal, for losses that sort."""
    size = math.prod(shape)
    order = np.array(draw(st.permutations(range(size)))).reshape(shape)
    if logits:
        return _on_grid((order - size // 2) * 0.375 + 0.0625, grid)
    return _on_grid((order + 1) / 64, grid)


@st.composite
def _axes(draw: Draw, ndim: int, class_axis: int | None) -> Any:
    free = [one for one in range(ndim) if one != class_axis]
    chosen = draw(st.sampled_from(["none", "none", "last", "all but first", "negative", "empty", "integer"]))
    if chosen == "none" or not free:
        return None
    if chosen == "last":
        return (free[-1],)
    if chosen == "all but first":
        return tuple(free[1:])
    if chosen == "negative":
        return tuple(one - ndim for one in free)
    if chosen == "empty":
        return ()
    return free[draw(st.integers(0, len(free) - 1))]


def _dimensions(ndim: int, class_axis: int | None, axis: Any) -> int:
    """How many axes make a region."""
    if axis is None:
        return ndim - (class_axis is not None)
    return len(axis) if isinstance(axis, tuple) else 1


@st.composite
def _spacing(draw: Draw, dimensions: int) -> Any:
    """Dyadic and other steps, mostly different along each axis; one number for all of them."""
    step = st.sampled_from([1.0, 0.5, 2.0, 3.0, 0.75, 0.7, 1.3])
    if draw(st.integers(0, 4)) == 0:
        return draw(step)
    return tuple(draw(st.lists(step, min_size=dimensions, max_size=dimensions)))


@st.composite
def _field(draw: Draw, shape: tuple[int, ...]) -> Any:
    """A number for every element, or for every place along the last axis."""
    shape = shape if draw(st.booleans()) else shape[-1:]
    size = math.prod(shape)
    values = draw(st.lists(st.sampled_from([0.0, 0.25, 1.0, -1.0, 2.5]), min_size=size, max_size=size))
    return np.array(values).reshape(shape)


@st.composite
def _weight(draw: Draw, pixels: tuple[int, ...]) -> Any:
    """Pixel weights of the full shape, or of one that broadcasts; sometimes whole regions or a margin of 0."""
    kind = draw(st.sampled_from(["full", "last", "zero row", "on and off", "margin"]))
    shape = pixels[-1:] if kind == "last" else pixels
    size = math.prod(shape)
    factors = st.sampled_from([0.0, 1.0] if kind == "on and off" else _WEIGHTS)
    weight = np.array(draw(st.lists(factors, min_size=size, max_size=size)), dtype=float).reshape(shape)
    if kind == "zero row" and pixels:
        weight[0] = 0.0
    if kind == "margin" and pixels:
        weight = np.ones(pixels)
        weight[..., [0, -1][: draw(st.integers(1, 2))]] = 0.0
    return weight


@dataclass(frozen=True)
class _Frame:
    """The shape of a case of a loss, and what its numbers are."""

    record: LossRecord
    grid: Grid
    logits: bool
    shape: tuple[int, ...]
    pixels: tuple[int, ...]
    class_axis: int | None
    classes: int

    @property
    def has_classes(self) -> bool:
        return self.class_axis is not None


@st.composite
def loss_cases(draw: Draw, record: LossRecord) -> Case:
    """Cases of a loss, with every keyword that it has."""
    grid: Grid = draw(st.sampled_from(["narrow", "narrow", "narrow", "float32", "float64"]))
    keywords: dict[str, Any] = {}
    frame = _frame(draw, record, grid, keywords)
    # Else the common keywords keep their defaults, so that each bug has plain cases too.
    common = draw(st.sampled_from([False, True, True]))
    form = draw(st.sampled_from(["hard", "labels", "labels", "soft"]))
    hot, target = _target(draw, frame, form)
    pred = _prediction(draw, frame, hot)
    if common and form == "labels" and draw(st.sampled_from([False, True, True])):
        flags = np.array(draw(st.lists(st.booleans(), min_size=target.size, max_size=target.size))).reshape(
            target.shape
        )
        keywords["ignore_index"] = draw(st.sampled_from([255, -1]))
        target = np.where(flags, keywords["ignore_index"], target)
    axis = draw(_axes(len(frame.shape), frame.class_axis)) if common else None
    if axis is not None:
        keywords["axis"] = axis
    if common:
        _draw_common(draw, frame, keywords)
    _draw_own(draw, frame, keywords, axis)
    return Case(record.name, _away_from_underflow(frame, keywords, pred), target, keywords, grid)


def _frame(draw: Draw, record: LossRecord, grid: Grid, keywords: dict[str, Any]) -> _Frame:
    """A shape and the keywords that go with it: `from_logits`, and `class_axis` where there is one."""
    logits = record.logits_only
    if "from_logits" in record.keywords:
        logits = draw(st.booleans())
        if logits:
            keywords["from_logits"] = True
    shape = draw(_shape(record.spatial))
    with_classes = record.needs_class_axis or (
        "class_axis" in record.keywords and record.categorical and draw(st.booleans())
    )
    if not with_classes:
        return _Frame(record, grid, logits, shape, shape, None, 0)
    pixels = draw(st.sampled_from([(3,), (1,), (2, 2), (2, 3), (2, 1, 2)]))
    # A softmax over one class is always 1, and refused.
    classes = draw(st.sampled_from([2, 3, 3, 4] if logits else [2, 3, 3, 4, 1]))
    class_axis = draw(st.integers(0, len(pixels)))
    shape = (*pixels[:class_axis], classes, *pixels[class_axis:])
    keywords["class_axis"] = class_axis - draw(st.sampled_from([0, len(shape)]))
    return _Frame(record, grid, logits, shape, pixels, class_axis, classes)


def _target(draw: Draw, frame: _Frame, form: str) -> tuple[Any, Any]:
    """(the target of every class, the same in the form asked for)."""
    record, shape, size = frame.record, frame.shape, math.prod(frame.pixels)
    if frame.has_classes and form in ("labels", "hard"):
        drawn = draw(st.lists(st.integers(0, frame.classes - 1), min_size=size, max_size=size))
        labels = np.array(drawn).reshape(frame.pixels)
        hot = np.stack([labels == c for c in range(frame.classes)], axis=frame.class_axis or 0)
        return hot, labels if form == "labels" else hot.astype(draw(st.sampled_from([bool, np.int64, np.float64])))
    if form == "soft" and not record.hard_target:
        pool = st.sampled_from([0.0, 1.0, 0.5, 0.25, 0.75])
        hot = np.array(draw(st.lists(pool, min_size=math.prod(shape), max_size=math.prod(shape)))).reshape(shape)
        return hot, hot
    hot = draw(solids(shape) if record.spatial and draw(st.booleans()) else masks(shape))
    return hot, hot.astype(draw(st.sampled_from([bool, np.int64, np.float64])) if form != "labels" else np.int64)


def _prediction(draw: Draw, frame: _Frame, hot: Any) -> Any:
    """Scores near the target, far from it, or, of spatial losses, of the opposite and of other solid masks."""
    record, shape, logits = frame.record, frame.shape, frame.logits
    if record.hard_target and draw(st.booleans()):
        pred = draw(_distinct(shape, frame.grid, logits))
    else:
        pred = draw(_scores(hot.astype(float), shape, frame.grid, logits))
    if record.spatial:
        other = draw(st.sampled_from(["as drawn", "as drawn", "opposite", "solid"]))
        if other == "opposite":
            pred = draw(_opposite(hot.astype(float), logits))  # errors that several erosions do not wear away
        elif other == "solid":
            pred = np.where(draw(solids(shape)), 4.0, -4.0) if logits else np.where(draw(solids(shape)), 0.75, 0.25)
    return pred


def _draw_common(draw: Draw, frame: _Frame, keywords: dict[str, Any]) -> None:
    """Pixel weights, class weights and a reduction."""
    if draw(st.booleans()):
        keywords["weight"] = draw(_weight(frame.pixels))
    if frame.has_classes and "class_weight" in frame.record.keywords and draw(st.booleans()):
        number = frame.classes
        factors = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]), min_size=number, max_size=number))
        keywords["class_weight"] = tuple(factors)
    reduction = draw(st.sampled_from(["mean", "none", "sum"]))
    if reduction != "mean":
        keywords["reduction"] = reduction


def _draw_own(draw: Draw, frame: _Frame, keywords: dict[str, Any], axis: Any) -> None:
    """Own parameters, each where it has a meaning beside the others."""
    record, dimensions = frame.record, _dimensions(len(frame.shape), frame.class_axis, axis)
    for name, found in record.parameters.items():
        if frame.has_classes and name in record.class_axis_refuses:
            continue
        if not (draw(st.booleans()) or (record.spatial and draw(st.booleans()))):
            continue
        rule = found.only_with
        if rule is not None:
            governor = record.parameters[rule.parameter].default
            if keywords.get(rule.parameter, governor) not in rule.values:
                continue
        if isinstance(found.domain, domains.LabelWeights):
            number = frame.classes if frame.has_classes else 2
            weights = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=number, max_size=number))
            keywords[name] = tuple(weights)
        elif isinstance(found.domain, domains.Spacing):
            keywords[name] = draw(_spacing(dimensions))
        elif isinstance(found.domain, domains.PixelMap):
            if "spacing" not in keywords:
                keywords[name] = draw(_field(frame.shape))
        elif isinstance(found.domain, domains.Radii) and dimensions > 2:
            continue  # below
        else:
            keywords[name] = draw(parameter(found.domain, name))
    if keywords.get("method") == "convolution" and dimensions > 2:
        keywords["radii"] = draw(st.sampled_from([(1,), (2, 1.5)]))  # a ball of radius 18 has 24,000 pixels


def _away_from_underflow(frame: _Frame, keywords: dict[str, Any], pred: Any) -> Any:
    """Logits without those whose exponentials underflow in one dtype and not in another, where that decides the value."""
    if frame.logits and "smooth" in keywords and domains.smooth_pair(keywords["smooth"])[1] == 0:
        pred = np.clip(pred, -33.0, 33.0)  # tiny/tiny is 1 and 0/0 is 0
    if frame.logits and frame.has_classes and "cross_gamma" in frame.record.parameters:
        # A power of log p is steep where p nears 1: no differences of 1280, whose e^-z underflows and its fourth root not.
        pred = np.where(pred == -640.0, -40.0, pred)
    return pred


@st.composite
def metric_cases(draw: Draw, record: MetricRecord) -> Case:
    """Cases of a counting metric. Scores keep a margin from the threshold and from each other."""
    keywords: dict[str, Any] = {}
    form = draw(st.sampled_from(["masks", "scores", "label maps", "label maps", "scores and labels", "one-hot"]))
    pixels = draw(st.sampled_from([(4,), (2, 3), (3, 3), (2, 2, 2), (1,), (2, 7)]))
    size = math.prod(pixels)
    kinds = st.sampled_from([bool, np.int64, np.float64])
    pred: Any
    target: Any
    if form in ("masks", "scores"):
        shape = pixels
        class_axis = None
        mask = draw(masks(shape))
        target = mask.astype(draw(kinds))
        pred = draw(edited(mask) if draw(st.booleans()) else masks(shape)).astype(draw(kinds))
        if form == "scores":
            threshold = draw(st.sampled_from([0.5, 0.25, 0.0, 0.7]))
            if threshold != 0.5:
                keywords["threshold"] = threshold
            levels = [0.0, 0.125, 0.375, 0.625, 0.875, 1.0]
            pred = np.array(draw(st.lists(st.sampled_from(levels), min_size=size, max_size=size))).reshape(shape)
    else:
        classes = draw(st.sampled_from([2, 3, 4, 20, 20]))
        class_axis = draw(st.integers(0, len(pixels)))
        shape = (*pixels[:class_axis], classes, *pixels[class_axis:])
        keywords["class_axis"] = class_axis
        dtype = draw(st.sampled_from([np.int64, np.uint8, np.uint8]))

        def labels() -> Any:
            return np.array(
                draw(st.lists(st.sampled_from(range(classes)), min_size=size, max_size=size)), dtype=dtype
            ).reshape(pixels)

        target = labels()
        chosen = labels()
        hot = np.stack([chosen == c for c in range(classes)], axis=class_axis)
        if form == "label maps":
            pred = chosen
            keywords["num_classes"] = classes
        elif form == "one-hot":
            pred = hot.astype(draw(st.sampled_from([bool, np.int64])))
        else:
            # The winner stands out; the others hold whatever is below it.
            rest = np.array(draw(st.lists(st.sampled_from([0.0, 0.125, 0.25]), min_size=hot.size, max_size=hot.size)))
            pred = np.where(hot, draw(st.sampled_from([0.375, 0.75, 1.0])), rest.reshape(shape))
    if target.ndim == len(pixels) and target.dtype.kind in "iu" and draw(st.booleans()):
        flags = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size))).reshape(pixels)
        keywords["ignore_index"] = 200
        target = np.where(flags, target.dtype.type(200), target)
    axis = draw(_axes(len(shape), class_axis))
    if axis is not None:
        keywords["axis"] = axis
    if draw(st.booleans()):
        keywords["weight"] = draw(_weight(pixels))
    keywords["reduction"] = draw(
        st.sampled_from(["none", "none", "mean", "mean", "nanmean", "sum", "weighted", "weighted"])
    )
    keywords |= draw(said_of_nothing())
    for name, found in record.parameters.items():
        if draw(st.booleans()):
            keywords[name] = draw(parameter(found.domain, name))
    return Case(record.name, pred, target, keywords, "narrow", is_loss=False)


def cases(record: Record) -> st.SearchStrategy[Case]:
    """Cases of a loss or metric whose value does not hang on a rounding."""
    if isinstance(record, MetricRecord):
        return metric_cases(record) if record.family == "counts" else surface_cases(record)
    assert isinstance(record, LossRecord)
    drawn = loss_cases(record)
    return drawn.filter(lambda case: not case.answer.jump) if record.spatial else drawn
