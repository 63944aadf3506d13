"""Lovász losses: the convex extension of the Jaccard loss from sets of wrong pixels to vectors of errors."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar, Unpack

from .._roles import PerRegion
from ..domains import Choice
from ..engine.loss import Common, Pixels, loss
from ..engine.probability import Slope
from ..engine.regions import Regions, Term

__all__ = ["lovasz_hinge_loss", "lovasz_softmax_loss"]

A = TypeVar("A")


def _extension(r: Regions, errors: Any) -> tuple[Any, Any]:
    """(the Lovász extension of J(mistakes) = 1 - (G - fn)/(G + fp) at `errors`, its derivative by them if that is wanted).

    Going down the sorted errors, the weight of the i-th is J of the first i mistakes less J of the first i - 1 (Berman,
    Rannen Triki, Blaschko 2018, eq. 8 and 9).
    """
    xp, backend, shape = r.xp, r.prob.backend, tuple(errors.shape)
    kept = tuple(axis for axis in range(len(shape)) if axis not in r.axes)
    order = (*kept, *r.axes)

    def rows(x: Any) -> Any:
        full = xp.permute_dims(xp.broadcast_to(x, shape), order)
        return xp.reshape(full, (*(shape[axis] for axis in kept), -1))

    row = rows(errors)
    ranking = backend.ranking(row)
    weight = None if r.weight is None else backend.gather(rows(r.weight), ranking)
    steps = _steps(r, backend.gather(rows(r.y > 0), ranking), weight)
    value = backend.sum(steps * backend.gather(row, ranking), (row.ndim - 1,))
    value = xp.reshape(value, tuple(1 if axis in r.axes else shape[axis] for axis in range(len(shape))))
    if not r.wanted:
        return value, None
    derivative = xp.reshape(backend.scatter(steps, ranking), tuple(shape[axis] for axis in order))
    return value, xp.permute_dims(derivative, tuple(order.index(axis) for axis in range(len(shape))))


def _steps(r: Regions, y: Any, weight: Any) -> Any:
    """What each mistake of a row, foreground where `y` is true, adds to the J of those before it.

    That is w/(G + fp) for a missed pixel and w (G - fn)/((G + fp)(G + fp - w)) for a false alarm, which never cancels:
    `union` is G + fp, `below` G + fp before this mistake, `rest` G - fn, which is G + fp less the number of all mistakes.
    Pixels are counted in integers and weights in the widest dtype: a running sum in float32 stands still at 2^24.
    """
    xp, backend, dtype = r.xp, r.prob.backend, r.y.dtype
    real, integer = backend.wide(y)
    if weight is None:
        real, length = dtype, y.shape[-1]
        integer = xp.int32 if length < 2**31 else integer
        false = xp.astype(~y, integer)
        fp = xp.cumulative_sum(false, axis=-1, dtype=integer)
        union = fp + (length - fp[..., -1:])
        rest = union - xp.arange(1, length + 1, dtype=integer, device=backend.device(y))
        below = union - false
    else:
        weight = xp.astype(weight, real)
        fn = xp.cumulative_sum(xp.where(y, weight, 0.0), axis=-1)
        fp = xp.cumulative_sum(xp.where(y, 0.0, weight), axis=-1, include_initial=True)
        ground = fn[..., -1:]
        union, rest, below = ground + fp[..., 1:], ground - fn, ground + fp[..., :-1]
    union, rest, below = (xp.astype(x, real, copy=False) for x in (union, rest, below))
    # Without ground truth the first false alarm alone takes J from 0 to 1: `below` is 0 there and `union` its weight.
    steps = xp.where(y | (below == 0), 1.0, rest / r.divisor(below))
    if weight is not None:
        steps = weight * steps
    return xp.astype(steps / r.divisor(union), dtype, copy=False)


def _class_by_class(r: Regions, errors: Any) -> tuple[Any, Any]:
    """`_extension` of every class. Where arrays can be written to, the ranking of one class at a time is held.

    The derivative takes the place of `errors` then.
    """
    if r.class_axis is None or not r.prob.backend.writable(errors):
        return _extension(r, errors)
    values = []
    for c in range(errors.shape[r.class_axis]):
        place = tuple(slice(c, c + 1) if axis == r.class_axis else slice(None) for axis in range(errors.ndim))
        value, derivative = _extension(r.at(place), errors[place])
        values.append(value)
        if derivative is not None:
            errors[place] = derivative
    return r.xp.concat(values, axis=r.class_axis), errors


def _softmax_errors(r: Regions) -> Any:
    return r.xp.where(r.y > 0, r.prob.q, r.prob.p)


def _by_pred(r: Regions, derivative: Any, factor: Any) -> Any:
    return r.prob.pull(Slope(p=(1 - 2 * r.y) * derivative * factor))


@loss(
    "region",
    "@berman2018lovasz, eq. 8 to 12",
    per_class=True,
    hard_target=True,
    smooth=False,
    latex=(
        r"\sum_k m_{(k)} \left[ J(M_k) - J(M_{k - 1}) \right], \quad m_i = |y_i - p_i|, \quad J(M) = 1 - "
        r"\frac{G - fn}{G + fp}"
    ),
    derivative=r"(1 - 2 y_i) \left[ J(M_k) - J(M_{k - 1}) \right]",
    symbols={
        "m_{(k)}": "the k-th largest error, that of pixel i in the derivative",
        "M_k": "the pixels of the k largest errors, fn and fp of them missed and false",
        "G": "the size of the target",
    },
)
def _lovasz_softmax(r: Regions, *, classes: Literal["present", "all"]) -> Term:
    value, derivative = _class_by_class(r, r.formed(_softmax_errors))
    present = None
    if r.class_axis is not None and classes == "present":
        present = r.present(r.sum(r.y))
        value = value * present

    def slope(factor: PerRegion) -> Slope:
        return Slope(pred=r.formed(_by_pred, derivative, factor if present is None else factor * present))

    return Term(value, slope, present=present)


@_lovasz_softmax.public
def lovasz_softmax_loss(
    pred: A,
    target: Any,
    *,
    classes: Annotated[Literal["present", "all"], Choice(("present", "all"))] = "present",
    **common: Unpack[Common],
) -> A:
    """Lovász extension of the Jaccard loss at the errors of the probabilities.

    The extension of J(M) = 1 - (G - fn)/(G + fp), M the set of wrong pixels, at the errors abs(y - p), of each region
    (and class). Hard targets only. Pixel weights weigh the sets. Errors that tie keep their order in memory, which fixes
    the gradient there.

    Source: {source}.

    Parameters
    ----------
    classes : {classes}
        With `class_axis`: the mean runs over the pairs of region and class that occur in the target (none gives 0), or
        over all of them. A pair left out is 0 under "none".

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import lovasz_softmax_loss
    >>> round(float(lovasz_softmax_loss(np.array([0.75, 0.5, 0.25]), np.array([1, 0, 0]))), 6)
    0.375
    """
    return _lovasz_softmax(pred, target, common, classes=classes)


@loss(
    "region",
    "@yu2015learning; @berman2018lovasz, eq. 7",
    logits_only=True,
    hard_target=True,
    smooth=False,
    latex=(
        r"\sum_k m_{(k)} \left[ J(M_k) - J(M_{k - 1}) \right], \quad m_i = \max(0, 1 - (2 y_i - 1) z_i), "
        r"\quad J(M) = 1 - \frac{G - fn}{G + fp}"
    ),
    derivative=r"(1 - 2 y_i) \left[ J(M_k) - J(M_{k - 1}) \right]",
    symbols={
        "m_{(k)}": "the k-th largest error, that of pixel i in the derivative, which is 0 where the error is",
        "M_k": "the pixels of the k largest errors, fn and fp of them missed and false",
        "G": "the size of the target",
    },
)
def _lovasz_hinge(r: Regions) -> Term:
    xp = r.xp
    margin = xp.where(r.y > 0, 1 - r.prob.pred, 1 + r.prob.pred)
    inside = margin > 0
    value, derivative = _extension(r, xp.where(inside, margin, 0.0))

    def slope(factor: PerRegion) -> Slope:
        return Slope(pred=xp.where(inside, (1 - 2 * r.y) * derivative, 0.0) * factor)

    return Term(value, slope)


@_lovasz_hinge.public
def lovasz_hinge_loss(pred: A, target: Any, **common: Unpack[Pixels]) -> A:
    """Lovász extension of the Jaccard loss at the hinge errors.

    The extension of the Jaccard loss, as in `lovasz_softmax_loss`, at max(0, 1 - (2y-1) z). `pred` is always logits z;
    there are neither classes nor `from_logits`. Hard targets only. The slope at a hinge of exactly 0 is 0; errors that
    tie keep their order in memory.

    Source: {source}.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import lovasz_hinge_loss
    >>> float(lovasz_hinge_loss(np.array([2.0, -0.5]), np.array([1, 0])))
    0.25
    """
    return _lovasz_hinge(pred, target, common)
