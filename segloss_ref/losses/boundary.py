"""Boundary-based losses: how far apart two masks are, not only how much of them overlaps.

Masks are p > 1/2 and y > 1/2, one class against the rest. What is computed from a mask (contours, distances) is constant for
the gradient, and is that of the whole image: pixel weights enter the mean over the pixels alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar, Unpack

from .._roles import PerRegion
from ..domains import Choice, Integer, Interval, OnlyWith, Radii, Spacing, SpacingValue, steps
from ..engine.loss import Common, loss
from ..engine.probability import Slope, times
from ..engine.regions import Regions, Term
from ._filters import cross_mean, disc_mean, disc_mean_transposed
from ._geometry import (
    boundary_distance,
    check_power,
    contour,
    contour_distance,
    diagonal,
    predicted_mask,
    squared_boundary_distance,
    target_mask,
    unit_of,
)

__all__ = ["boundary_loss", "hausdorff_loss", "shape_aware_loss"]

A = TypeVar("A")


@loss(
    "boundary",
    "@hayder2016shape, as the survey takes it up",
    per_class=True,
    spatial=True,
    latex=r"\frac{1}{N} \sum_i (1 + E_i) CE_i",
    derivative=r"\frac{1 + E_i}{N} \frac{p_i - y_i}{p_i q_i}",
    symbols={
        "E_i": "how far the predicted contour strays from the target's, see scope",
        "CE_i": "the binary cross-entropy of a pixel",
    },
)
def _shape_aware(r: Regions, *, scope: Literal["region", "pixel"], spacing: SpacingValue) -> Term:
    p, y = predicted_mask(r), target_mask(r)
    step = steps("shape_aware_loss", spacing, r.axes)
    unit = unit_of(step)
    check_power("shape_aware_loss", "spacing", r, max(1.0, diagonal(r, step)), 1.0)  # 1 + E: tiny ones do no harm
    apart = times(unit, contour_distance(r, y, step, unit))
    if scope == "region":
        points = r.xp.astype(contour(r, p), apart.dtype)
        count = r.prob.backend.sum(points, r.axes)
        e = r.ratio(r.prob.backend.sum(points * apart, r.axes), count)
    else:
        e = r.xp.where(p != y, apart, 0.0)
    cross, slope = r.prob.binary_cross_entropy(r.y)
    return r.class_wise_mean((1 + e) * cross, lambda: slope().scaled(1 + e))


@_shape_aware.public
def shape_aware_loss(
    pred: A,
    target: Any,
    *,
    scope: Annotated[Literal["region", "pixel"], Choice(("region", "pixel"))] = "region",
    spacing: Annotated[SpacingValue, Spacing()] = None,
    **common: Unpack[Common],
) -> A:
    """Cross-entropy that weighs more as the predicted contour strays from the true one.

    (1/N) sum of (1 + E) CE, CE the binary cross-entropy of a pixel, of each class against the rest. A contour is the set of a
    mask's pixels with a face neighbour outside it, and beyond the image's edge all is outside. No public library has this
    loss, and the survey leaves E open: it prints minus signs before positive terms and a "distance between curves". Fixed
    here: E is measured from the predicted contour to the target's, point by point, in physical units.

    Source: {source}; see ``docs/errata.md``.

    Parameters
    ----------
    scope : {scope}
        "region": one E for all pixels, the mean over the points of the predicted contour of the distance to the nearest point
        of the target's contour (the directed average surface distance, not weighted); 0 when either contour is empty.
        "pixel": where the two masks differ, E is that pixel's distance to the nearest point of the target's contour; elsewhere,
        and without a contour, 0.
    spacing : {spacing}
        Distance between neighbours, in the order of `axis`.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import shape_aware_loss
    >>> p, y = np.array([0.75, 0.25, 0.75, 0.25]), np.array([1, 0, 0, 0])
    >>> round(float(shape_aware_loss(p, y)), 6)  # contour points 0 and 2 away: E = 1
    1.12467
    """
    return _shape_aware(pred, target, common, scope=scope, spacing=spacing)


@loss(
    "boundary",
    "@karimi2020reducing",
    per_class=True,
    spatial=True,
    smooth=False,
    latex=r"\frac{1}{N} \sum_i (p_i - y_i)^2 (d_{p,i}^\alpha + d_{y,i}^\alpha)",
    derivative=r"\frac{2}{N} (p_i - y_i) (d_{p,i}^\alpha + d_{y,i}^\alpha)",
    symbols={
        r"\alpha": "alpha",
        "d_{p,i}, d_{y,i}": "the distance to the nearest pixel of the other class in the predicted and in the true mask",
    },
)
def _hausdorff(r: Regions, *, method: str, **own: Any) -> Term:
    return _HAUSDORFF[method](r, **{name: own[name] for name in _HAUSDORFF_PARAMETERS[method]})


@_hausdorff.public
def hausdorff_loss(
    pred: A,
    target: Any,
    *,
    method: Annotated[
        Literal["distance", "erosion", "convolution"], Choice(("distance", "erosion", "convolution"))
    ] = "distance",
    alpha: Annotated[float, Interval(0, low_open=True)] = 2.0,
    spacing: Annotated[SpacingValue, Spacing(), OnlyWith("method", ("distance",))] = None,
    erosions: Annotated[int, Integer(1, 1000), OnlyWith("method", ("erosion",))] = 10,
    rescale: Annotated[
        Literal["unit", "none", "minmax"], Choice(("unit", "none", "minmax")), OnlyWith("method", ("erosion",))
    ] = "unit",
    radii: Annotated[Sequence[float], Radii(), OnlyWith("method", ("convolution",))] = (3, 6, 9, 12, 15, 18),
    **common: Unpack[Common],
) -> A:
    """Squared errors that weigh more the deeper they reach: three estimates of the Hausdorff distance.

    "distance": (1/N) sum of (p-y)^2 (d_p^alpha + d_y^alpha), d_p and d_y the distances of the pixel to the nearest pixel of the
    other class in the predicted and in the true mask, 0 for an empty or full mask.

    "erosion": (1/N) sum over k = 1..K of k^alpha e_k, e_0 = (p-y)^2, e_k = 2 max(0, B * e_(k-1) - 1/2), B the mean over a
    pixel and its face neighbours, 0 outside the image. The paper's erosion lacks the factor 2, and every e_k with k >= 2
    is then 0 whatever the masks; see ``docs/errata.md``.

    "convolution": (1/N) sum over the radii r of r^alpha [f(B_r * (1-y)) a + f(B_r * y) b + f(B_r * (1-p)) b +
    f(B_r * p) a], a = (p-y)^2 p, b = (p-y)^2 y, f(x) = max(0, x - 1/2), B_r the mean over all pixels at a distance <= r, the
    image continued by its edge pixels. No public library has this one; the paper convolves binary masks, and here p and y
    themselves, so that all of it is differentiable.

    "distance" takes the distances for constants, the other two are differentiated throughout, with slope 0 at the kink
    of max(0, x). Under "erosion" and "convolution" pixels of weight 0 are still neighbours of others.

    Source: {source}.

    Parameters
    ----------
    method : {method}
        The estimate; a parameter that belongs to another one must stay at its default.
    alpha : {alpha}
        How fast the weight grows with distance. The largest distance to this power must lie within the dtype.
    spacing : {spacing}
        Distance between neighbours, in the order of `axis` ("distance").
    erosions : {erosions}
        K ("erosion").
    rescale : {rescale}
        "unit" has the factor 2, which restores the range [0, 1]; "none" is the paper's formula; "minmax" stretches each e_k
        of a region to [0, 1] in place of the 2, as public codes do, and leaves a constant one as it is ("erosion").
    radii : {radii}
        In pixels ("convolution").

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import hausdorff_loss
    >>> p, y = np.array([0.0, 0.0, 0.0, 1.0]), np.array([1, 0, 0, 0])
    >>> float(hausdorff_loss(p, y))  # both wrong pixels are 1 and 3 away from the other class: (1 + 9 + 9 + 1)/4
    5.0
    >>> round(float(hausdorff_loss(np.ones(5), np.zeros(5), method="erosion", erosions=1)), 6)  # 1/3 at both ends, else 1
    0.733333
    """
    return _hausdorff(
        pred,
        target,
        common,
        method=method,
        alpha=alpha,
        spacing=spacing,
        erosions=erosions,
        rescale=rescale,
        radii=radii,
    )


def _by_distance(r: Regions, *, alpha: float, spacing: SpacingValue) -> Term:
    step = steps("hausdorff_loss", spacing, r.axes)
    unit = unit_of(step)
    check_power("hausdorff_loss", "spacing", r, diagonal(r, step), alpha)

    def powered(mask: Any) -> Any:
        d2 = squared_boundary_distance(r, mask, step, unit)
        if alpha == 2:
            return times(unit * unit, d2)
        return d2 ** (alpha / 2) if unit == 1 else (unit * r.xp.sqrt(d2)) ** alpha

    far = r.xp.astype(powered(predicted_mask(r)) + powered(target_mask(r)), r.y.dtype, copy=False)
    error = r.prob.backend.blend(r.prob.p, -r.prob.q, r.y)
    return r.class_wise_mean(error * error * far, lambda: Slope(p=2 * error * far))


def _by_erosion(r: Regions, *, alpha: float, erosions: int, rescale: Literal["unit", "none", "minmax"]) -> Term:
    """Forward: e_k = f(B * e_(k-1)), f one of the three rescalings. Backward: the same steps transposed, in reverse."""
    xp = r.xp
    check_power("hausdorff_loss", "alpha", r, erosions, alpha)
    error = r.prob.backend.blend(r.images.prob.p, -r.images.prob.q, r.images.y)
    e, total, pullbacks = error * error, xp.zeros_like(error), []
    for k in range(1, erosions + 1):
        e, pullback = _eroded(r, e, rescale)
        pullbacks.append(pullback)
        total = total + k**alpha * e

    def slope(factor: PerRegion) -> Slope:
        share = r.per_pixel(factor) * (xp.ones_like(error) if r.weight is None else r.weight)
        back = xp.zeros_like(error)
        for k in range(erosions, 0, -1):
            back = pullbacks[k - 1](back + k**alpha * share)
        return Slope(pred=r.images.prob.pull(Slope(p=2 * error * back)))

    return Term(r.per_pixel(r.sum(total)), slope)


def _eroded(r: Regions, e: Any, rescale: str) -> tuple[Any, Any]:
    """One soft erosion and its transpose; at a kink the slope is 0, and tied extremes share it."""
    xp, axes = r.xp, r.axes
    mean = cross_mean(r.prob.backend, e, axes)
    alive = r.present(mean - 0.5)
    soft = alive * (mean - 0.5)
    if rescale != "minmax":
        scale = 2.0 if rescale == "unit" else 1.0
        return scale * soft, lambda back: cross_mean(r.prob.backend, scale * alive * back, axes)

    counted = soft if r.weight is None else xp.where(r.weight == 0, xp.inf, soft)
    low = xp.min(counted, axis=axes, keepdims=True)
    high = r.largest(soft)
    flat = ~(high > low)
    low, span = xp.where(flat, 0.0, low), xp.where(flat, 1.0, high - low)
    unit = (soft - low) / span

    def extremes(where: Any) -> Any:
        chosen = xp.astype(where if r.weight is None else where & (r.weight > 0), soft.dtype)
        return r.ratio(chosen, r.prob.backend.sum(chosen, axes))

    def pullback(back: Any) -> Any:
        by_high = xp.where(flat, 0.0, -r.prob.backend.sum(back * unit, axes) / span)
        by_low = xp.where(flat, 0.0, r.prob.backend.sum(back * (unit - 1), axes) / span)
        by_soft = back / span + by_high * extremes(soft == high) + by_low * extremes(soft == low)
        return cross_mean(r.prob.backend, alive * by_soft, axes)

    return unit, pullback


_MOST_ROWS = 2**17
"""Of the ball of a convolution, each of which is added by itself: radius 128 in three dimensions has half as many."""


def _by_convolution(r: Regions, *, alpha: float, radii: Sequence[float]) -> Term:
    """Each radius r adds r^alpha [a (f(1 - Y) + f(P)) + b (f(Y) + f(1 - P))], Y = B_r * y, P = B_r * p."""
    xp, p, y = r.xp, r.images.prob.p, r.images.y
    rows = (2 * math.floor(max(radii)) + 1) ** (len(r.axes) - 1)
    if rows > _MOST_ROWS:
        raise ValueError(
            f"hausdorff_loss: radii must make balls of at most {_MOST_ROWS} rows of pixels, got one of up to {rows} rows "
            f"with radius {max(radii):g} along {len(r.axes)} spatial axes; axis names the spatial ones"
        )
    check_power("hausdorff_loss", "alpha", r, max(1.0, *radii), alpha)
    error = r.prob.backend.blend(p, -r.images.prob.q, y)
    a, b = error * error * p, error * error * y
    by_a, by_b, reached = xp.zeros_like(p), xp.zeros_like(p), []
    for radius in radii:
        in_y, in_p = (disc_mean(r.prob.backend, x, r.axes, radius) - 0.5 for x in (y, p))
        more, less = r.present(in_p), r.present(-in_p)
        by_a = by_a + radius**alpha * (r.present(-in_y) * -in_y + more * in_p)
        by_b = by_b + radius**alpha * (r.present(in_y) * in_y - less * in_p)
        reached.append((radius, more, less))

    def slope(factor: PerRegion) -> Slope:
        share = r.per_pixel(factor) * (xp.ones_like(error) if r.weight is None else r.weight)
        by_p = share * (2 * error * (p * by_a + y * by_b) + error * error * by_a)
        for radius, more, less in reached:
            by_p = by_p + disc_mean_transposed(
                r.prob.backend, radius**alpha * share * (a * more - b * less), r.axes, radius
            )
        return Slope(pred=r.images.prob.pull(Slope(p=by_p)))

    return Term(r.per_pixel(r.sum(a * by_a + b * by_b)), slope)


_HAUSDORFF: dict[str, Callable[..., Term]] = {
    "distance": _by_distance,
    "erosion": _by_erosion,
    "convolution": _by_convolution,
}
_HAUSDORFF_PARAMETERS = {
    "distance": ("alpha", "spacing"),
    "erosion": ("alpha", "erosions", "rescale"),
    "convolution": ("alpha", "radii"),
}


@loss(
    "boundary",
    "@kervadec2019boundary",
    per_class=True,
    spatial=True,
    latex=r"\frac{1}{N} \sum_i p_i D_i",
    derivative=r"\frac{D_i}{N}",
    symbols={"D_i": "the signed distance to the target's boundary, negative inside"},
)
def _boundary(r: Regions, *, spacing: SpacingValue) -> Term:
    y = target_mask(r)
    step = steps("boundary_loss", spacing, r.axes)
    unit = unit_of(step)
    check_power("boundary_loss", "spacing", r, diagonal(r, step), 1.0)
    d = times(unit, boundary_distance(r, y, step, unit))
    signed = r.xp.where(y, -d, d)
    return r.class_wise_mean(r.prob.p * signed, lambda: Slope(p=signed))


@_boundary.public
def boundary_loss(
    pred: A, target: Any, *, spacing: Annotated[SpacingValue, Spacing()] = None, **common: Unpack[Common]
) -> A:
    """The mean of the predicted probability times the signed distance to the target's boundary.

    (1/N) sum of p D: D is the distance to the nearest foreground pixel outside the target, and minus that to the nearest
    background pixel inside; 0 for an empty or full target. It is linear in p, and negative where the prediction is good.
    Kept in floating point and symmetric: public codes add 1 inside, in pixels whatever the spacing, or truncate D to integers.

    Source: {source}.

    Parameters
    ----------
    spacing : {spacing}
        Distance between neighbours, in the order of `axis`.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import boundary_loss
    >>> float(boundary_loss(np.array([0.5, 1.0, 0.5, 0.25]), np.array([1, 1, 0, 0])))  # D = -2, -1, 1, 2
    -0.25
    """
    return _boundary(pred, target, common, spacing=spacing)
