"""Surface metrics: distances between the surfaces of two masks, under the names of the choices that define them.

`surface_distances` measures once; `hausdorff_distance`, `average_surface_distance` and `surface_dice` take its record in
place of the two masks.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeVar, Unpack, cast

import numpy as np

from .. import registry
from .._arguments import library_of
from ..domains import LARGEST_DISTANCE, Choice, Interval, Spacing, SpacingValue, steps
from ._counting import Counting, Outcome, check_own, class_axis_of_record
from ._measuring import Host, Pair, Side, check_surface, measure, read_on_host
from ._metric import Metric, mask_section
from ._reading import Masks
from ._surface_records import SurfaceDistances, pairs_of, record_of

__all__ = ["SurfaceDistances", "average_surface_distance", "hausdorff_distance", "surface_dice", "surface_distances"]

_Public = TypeVar("_Public", bound=Callable[..., Any])
Surface = Annotated[Literal["voxel", "voxel_full", "surfel"], Choice(("voxel", "voxel_full", "surfel"))]
Border = Annotated[Literal["background", "ignore"], Choice(("background", "ignore"))]
Combine = Annotated[
    Literal["max", "pooled", "mean", "pred_to_target", "target_to_pred"],
    Choice(("max", "pooled", "mean", "pred_to_target", "target_to_pred")),
]
Interpolation = Annotated[Literal["linear", "attained"], Choice(("linear", "attained"))]


def surface_distances(
    pred: Any,
    target: Any,
    *,
    spacing: Annotated[SpacingValue, Spacing()] = None,
    surface: Surface = "voxel",
    border: Border = "background",
    **masks: Unpack[Masks],
) -> SurfaceDistances:
    """Measure between the surfaces of two masks, both ways, once for all surface metrics.

    The masks are read as `hausdorff_distance` reads them, and `spacing`, `surface` and `border` mean the same.

    Returns
    -------
    SurfaceDistances, a record of `pred_to_target`, `target_to_pred`, `pred_sizes` and `target_sizes`, and of what else the
    metrics need to know of the masks.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import hausdorff_distance, surface_dice, surface_distances
    >>> record = surface_distances(np.array([[1, 1, 0, 0]]), np.array([[1, 0, 0, 0]]), spacing=(1, 2))
    >>> record.pred_to_target.tolist(), record.target_to_pred.tolist()
    ([0.0, 2.0], [0.0])
    >>> float(hausdorff_distance(record)), round(float(surface_dice(record, tolerance=1)), 6)
    (2.0, 0.666667)
    """
    name = "surface_distances"
    given = {"spacing": spacing, "surface": surface, "border": border}
    parameters = registry.parameters_of(surface_distances).values()
    own = {one.name: one.domain.normal(name, one.name, given[one.name]) for one in parameters}
    with library_of(name, pred).guard():
        host, pairs = _measured(name, pred, target, own, masks)
        return record_of(host, own["surface"], own["border"], pairs)


def _measured(
    name: str, pred: Any, target: Any, own: Mapping[str, Any], masks: Mapping[str, Any], only_check: bool = False
) -> tuple[Host, list[Pair]]:
    host = read_on_host(name, pred, target, masks)
    spacing = steps(name, own["spacing"], host.axes)
    check_surface(name, own["surface"], len(host.axes))
    return host, [] if only_check else measure(host, spacing, own["surface"], own["border"])


_SHARED = mask_section(
    record="SurfaceDistances",
    measured="""spacing : {spacing}
    The size of a pixel, in the order of `axis`; None: 1 each. One number alone stands for all axes.
surface : {surface}
    What the elements of a surface are. "voxel": pixels of the mask with a face neighbour outside it; "voxel_full": with
    any of the 3^n - 1 neighbours outside; both of size 1. "surfel" (2 and 3 spatial axes): the marching-squares or
    -cubes elements between pixel centres, each at the middle of its 2x2(x2) pixels, with its length or area.
border : {border}
    Whether what lies beyond the image is outside the mask. "ignore": the image's edge makes no surface. With a record,
    `surface` and `border` need not be given; where they are, they must be those that it was measured with. `spacing`
    is refused then.
""",
    axis="The spatial axes of a region",
    weight="""0 or 1 a pixel, broadcast to the pixels. Pixels of weight 0 belong to neither mask, and an element beside one is
    dropped, so that leaving pixels out makes no false edges.""",
    ignored="The label in an integer `target` of pixels that are left out likewise.",
    undefined="The value where both masks are empty, or one has pixels but no surface.",
    empty="it holds no pixel, of those that are not left out",
    support="its pixels",
    result=""", in the unit of `spacing` where it is a
distance. The geometry runs on the host: arrays on another device are copied there and the values back, and under a
tracing compiler (`jax.jit`) there is no value.""",
    values=", array values included on every library.",
)


@dataclass(eq=False, kw_only=True, repr=False)
class _SurfaceMetric(Metric):
    """A formula on a `Pair`."""

    one_empty: float
    """The value where one mask is empty."""
    formula: Callable[..., float]
    refuse: Callable[..., None] = lambda surface, **own: None
    """Raises where parameters that are right by themselves do not go together."""

    shared = _SHARED

    def public(self, function: _Public) -> _Public:
        """See `Metric`. With a record, choices of what is measured that are given must be those of the record."""

        @functools.wraps(function)
        def with_checks(*arguments: Any, **keywords: Any) -> Any:
            pred = arguments[0] if arguments else keywords.get("pred")
            if isinstance(pred, SurfaceDistances):
                parameters = self.parameters
                for name in keywords.keys() & {"surface", "border"}:
                    given = parameters[name].domain.normal(self.name, name, keywords[name])
                    if given != getattr(pred, name):
                        raise ValueError(f"{self.name}: {name} must be that of the record, {getattr(pred, name)!r}, got "
                                         f"{given!r}")  # fmt: skip
            return function(*arguments, **keywords)

        return super().public(cast(_Public, with_checks))

    def __call__(self, pred: Any, target: Any, counting: Counting, **own: Any) -> Any:
        own = check_own(self, own)
        keywords, how = self.split(counting)
        formula = _without_geometry(own)
        if isinstance(pred, SurfaceDistances):
            given = ["target"] if target is not None else []
            given += ["spacing"] if own["spacing"] is not None else []
            if given or keywords:
                more = ", ".join([*given, *keywords])
                raise TypeError(f"{self.name}: a SurfaceDistances record takes the place of the masks and of {more}")
            self.refuse(pred.surface, **formula)
            class_axis = class_axis_of_record(self.name, pred.class_axis, len(pred.shape), how.reduction)
            pairs, shape, like = pairs_of(pred), pred.shape, pred.pred_to_target
            if "tolerance" in formula:
                formula["tolerance"] = _rounded_as(like, formula["tolerance"])
        else:
            self.refuse(own["surface"], **formula)
            with library_of(self.name, pred).guard():
                host, pairs = _measured(self.name, pred, target, own, keywords)
            class_axis, shape, like = host.reading.values_class_axis, host.shape, host.like
        rows = [(self._value(pair, formula), pair.undefined, pair.pred_pixels, pair.target_pixels) for pair in pairs]
        value, undefined, *sizes = (np.array(column).reshape(shape) for column in zip(*rows, strict=True))
        return self.finish_on_host(like, Outcome(value, undefined, sizes[0], sizes[1], class_axis), how)

    def _value(self, pair: Pair, own: Mapping[str, Any]) -> float:
        if pair.undefined:
            return math.nan
        return self.one_empty if pair.one_empty else self.formula(pair, **own)

    def check_masks(self, pred: Any, target: Any, own: Mapping[str, Any], masks: Mapping[str, Any]) -> None:
        self.refuse(own["surface"], **_without_geometry(own))
        _measured(self.name, pred, target, own, masks, only_check=True)


def _without_geometry(own: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a formula: those that do not say what is measured."""
    return {name: value for name, value in own.items() if name not in ("spacing", "surface", "border")}


def _rounded_as(distances: Any, tolerance: float) -> float:
    """`tolerance` rounded as the distances of a record were, so that what was within it still is."""
    dtype = library_of("surface_distances", distances).to_numpy(distances[:0]).dtype
    with np.errstate(over="ignore", under="ignore"):
        return float(np.asarray(tolerance).astype(dtype))


# Statistics of one set of distances. ----------------------------------------------------------------------------------


def _combined(pair: Pair, combine: str, statistic: Callable[[Side], float]) -> float:
    if combine == "pooled":
        sizes = None
        if pair.pred.sizes is not None:
            sizes = np.concatenate([pair.pred.sizes, pair.target.sizes])
        return statistic(Side(np.concatenate([pair.pred.distances, pair.target.distances]), sizes))
    if combine == "pred_to_target":
        return statistic(pair.pred)
    if combine == "target_to_pred":
        return statistic(pair.target)
    there, back = statistic(pair.pred), statistic(pair.target)
    return max(there, back) if combine == "max" else (there + back) / 2


def _percentile(side: Side, percentile: float, interpolation: str) -> float:
    d, sizes = side
    if percentile in (0, 100):
        return float(d.min() if percentile == 0 else d.max())
    if interpolation == "linear":
        return float(np.percentile(d, percentile))
    if sizes is None:
        rank = max(math.ceil(Fraction(percentile) * d.size / 100), 1)
        return float(np.partition(d, rank - 1)[rank - 1])
    order = np.argsort(d, kind="stable")
    reached = np.cumsum(sizes[order])
    # A share that is reached exactly counts, whichever way the sum of the sizes was rounded.
    slack = 2 * d.size * np.finfo(np.float64).eps
    rank = int(np.searchsorted(reached, reached[-1] * (percentile / 100) * (1 - slack)))
    return float(d[order[min(rank, d.size - 1)]])


def _mean(side: Side) -> float:
    d, sizes = side
    return float(d.mean() if sizes is None else (d * sizes).sum() / sizes.sum())


def _share_within(side: Side, tolerance: float) -> float:
    d, sizes = side
    within = d <= tolerance
    if sizes is None:
        return float(np.count_nonzero(within) / d.size)
    return 1.0 if within.all() else float(sizes[within].sum() / sizes.sum())


# The metrics. ---------------------------------------------------------------------------------------------------------


def _hausdorff_formula(pair: Pair, *, percentile: float, interpolation: str, combine: str) -> float:
    return _combined(pair, combine, lambda side: _percentile(side, percentile, interpolation))


def _refuse_interpolation(surface: str, *, percentile: float, interpolation: str, combine: str) -> None:
    if surface == "surfel" and interpolation == "linear" and percentile not in (0, 100):
        raise ValueError(
            "hausdorff_distance: interpolation must be 'attained' with surface 'surfel', whose percentiles are weighted "
            f"by size, got 'linear' with percentile {percentile:g}"
        )


_hausdorff = _SurfaceMetric(
    family="surface",
    source="@huttenlocher1993comparing",
    latex=r"\max \left( \max_{a \in A} d(a, B), \max_{b \in B} d(b, A) \right)",
    symbols={
        "A, B": "the surfaces of the prediction and of the target",
        "d(a, B)": "the distance of a to the nearest element of B",
    },
    one_empty=math.inf,
    formula=_hausdorff_formula,
    refuse=_refuse_interpolation,
)


@_hausdorff.public
def hausdorff_distance(
    pred: Any,
    target: Any = None,
    *,
    percentile: Annotated[float, Interval(0, 100)] = 100.0,
    interpolation: Interpolation = "linear",
    combine: Combine = "max",
    spacing: Annotated[SpacingValue, Spacing()] = None,
    surface: Surface = "voxel",
    border: Border = "background",
    **counting: Unpack[Counting],
) -> Any:
    """Hausdorff distance between two surfaces, or a percentile of the distances in its place (HD95).

    max(max over a of d(a, B), max over b of d(b, A)), a and b the elements of the surfaces A and B, d the Euclidean
    distance to the nearest element. inf where one mask is empty.

    Parameters
    ----------
    percentile : {percentile}
        Takes the place of the inner maxima: 0 is the least distance, 100 the greatest.
    interpolation : {interpolation}
        What lies between two distances: "linear", as `numpy.percentile`, or "attained", the smallest distance that at least
        the given share of the surface lies at or below. Percentiles of surfels are weighted by size and can only be
        "attained" (0 and 100 are the same in both).
    combine : {combine}
        "max" of the two directed values, their "mean", the percentile of both sets "pooled", or one direction.

    Source: {citation}.

    {shared}

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import hausdorff_distance
    >>> pred, target = np.zeros((8, 8)), np.zeros((8, 8))
    >>> pred[2, 1] = target[5, 5] = 1
    >>> float(hausdorff_distance(pred, target)), float(hausdorff_distance(pred, target, spacing=(4, 1.25)))
    (5.0, 13.0)
    """
    return _hausdorff(
        pred, target, counting, percentile=percentile, interpolation=interpolation, combine=combine,
        spacing=spacing, surface=surface, border=border,
    )  # fmt: skip


def _average_formula(pair: Pair, *, combine: str) -> float:
    return _combined(pair, combine, _mean)


_average = _SurfaceMetric(
    family="surface",
    source="@heimann2009comparison",
    latex=r"\frac{\sum_{a \in A} d(a, B) + \sum_{b \in B} d(b, A)}{|A| + |B|}",
    symbols={
        "A, B": "the surfaces of the prediction and of the target",
        "d(a, B)": "the distance of a to the nearest element of B",
    },
    one_empty=math.inf,
    formula=_average_formula,
)


@_average.public
def average_surface_distance(
    pred: Any,
    target: Any = None,
    *,
    combine: Combine = "pooled",
    spacing: Annotated[SpacingValue, Spacing()] = None,
    surface: Surface = "voxel",
    border: Border = "background",
    **counting: Unpack[Counting],
) -> Any:
    """Average distance between two surfaces: the mean over elements, weighted by their sizes.

    inf where one mask is empty.

    Parameters
    ----------
    combine : {combine}
        "pooled" over the elements of both (the average symmetric surface distance, ASSD), the "mean" of the two directed
        averages (MASD), their "max", or one of them.

    Source: {citation}.

    {shared}

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import average_surface_distance
    >>> pred, target = np.array([1, 1, 1, 0]), np.array([1, 0, 0, 0])
    >>> float(average_surface_distance(pred, target)), float(average_surface_distance(pred, target, combine="mean"))
    (0.6666666666666666, 0.5)
    """
    return _average(pred, target, counting, combine=combine, spacing=spacing, surface=surface, border=border)


def _dice_formula(pair: Pair, *, tolerance: float, combine: str) -> float:
    return _combined(pair, combine, lambda side: _share_within(side, tolerance))


_dice = _SurfaceMetric(
    family="surface",
    source="@nikolov2021clinically",
    latex=r"\frac{|\{a \in A : d(a, B) \leq \tau\}| + |\{b \in B : d(b, A) \leq \tau\}|}{|A| + |B|}",
    symbols={
        "A, B": "the surfaces of the prediction and of the target",
        "d(a, B)": "the distance of a to the nearest element of B",
        r"\tau": "tolerance",
    },
    one_empty=0.0,
    formula=_dice_formula,
)


@_dice.public
def surface_dice(
    pred: Any,
    target: Any = None,
    *,
    tolerance: Annotated[float, Interval(0, LARGEST_DISTANCE)],
    combine: Combine = "pooled",
    spacing: Annotated[SpacingValue, Spacing()] = None,
    surface: Surface = "voxel",
    border: Border = "background",
    **counting: Unpack[Counting],
) -> Any:
    """Surface Dice, normalised surface distance (NSD): the share of both surfaces within `tolerance` of the other.

    0 where one mask is empty.

    Parameters
    ----------
    tolerance : {tolerance}
        In the unit of `spacing`. An element at a distance of exactly `tolerance` is within: d <= tolerance, d the float64
        nearest to the true distance where the spacing is dyadic.
    combine : {combine}
        The share of both surfaces "pooled", the "mean" or "max" of the two directed shares, or one of them.

    Source: {citation}.

    {shared}

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import surface_dice
    >>> float(surface_dice(np.array([1, 1, 1, 0]), np.array([1, 0, 0, 0]), tolerance=1))
    0.6666666666666666
    """
    return _dice(
        pred, target, counting, tolerance=tolerance, combine=combine, spacing=spacing, surface=surface, border=border
    )
