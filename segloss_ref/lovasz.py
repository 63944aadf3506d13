"""Lovász losses: the convex extension of the Jaccard loss from sets of wrong pixels to vectors of errors."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar, Unpack

from ._engine import Common, Kernel, Pixels
from ._probability import Slope
from ._region import Region, Term
from .domains import Choice

__all__ = ["lovasz_hinge_loss", "lovasz_softmax_loss"]

A = TypeVar("A")


def _extension(r: Region, errors: Any) -> tuple[Any, Any]:
    """(the Lovász extension of J(mistakes) = 1 - (G - fn)/(G + fp) at `errors`, its derivative by them).

    Going down the sorted errors, the weight of the i-th is J of the first i mistakes less J of the first i - 1 (Berman,
    Rannen Triki, Blaschko 2018, eq. 8 and 9). That difference is w/(G + fp) for a missed pixel and
    w (G - fn)/((G + fp)(G + fp - w)) for a false alarm, which never cancels.
    """
    xp = r.xp
    shape = errors.shape
    kept = tuple(axis for axis in range(len(shape)) if axis not in r.axes)
    order = (*kept, *r.axes)

    def rows(x: Any) -> Any:
        full = xp.permute_dims(xp.broadcast_to(x, shape), order)
        return xp.reshape(full, (*(shape[axis] for axis in kept), -1))

    def back(x: Any) -> Any:
        full = xp.reshape(x, tuple(shape[axis] for axis in order))
        return xp.permute_dims(full, tuple(order.index(axis) for axis in range(len(shape))))

    ranking = xp.argsort(rows(errors), axis=-1, descending=True, stable=True)
    y = xp.take_along_axis(rows(r.y), ranking, axis=-1)
    w = xp.ones_like(y) if r.weight is None else xp.take_along_axis(rows(r.weight), ranking, axis=-1)
    missed, false = w * y, w * (1 - y)
    fn, fp = xp.cumulative_sum(missed, axis=-1), xp.cumulative_sum(false, axis=-1, include_initial=True)
    ground = fn[..., -1:]
    union, before = ground + fp[..., 1:], ground + fp[..., :-1]
    # Without ground truth the first false alarm alone takes J from 0 to 1, and `before` is 0 there.
    first = (ground == 0) & (before == 0) & (false > 0)
    share = r.ratio(ground - fn, before)
    steps = r.ratio(missed + false * share, union)
    steps = xp.where(first, 1.0, steps)
    value = xp.sum(steps * xp.take_along_axis(rows(errors), ranking, axis=-1), axis=-1)
    derivative = xp.take_along_axis(steps, xp.argsort(ranking, axis=-1, stable=True), axis=-1)
    return xp.reshape(value, tuple(1 if axis in r.axes else shape[axis] for axis in range(len(shape)))), back(
        derivative
    )


def _lovasz_softmax_loss(r: Region, *, classes: Literal["present", "all"]) -> Term:
    up, down = 1 - r.y, r.y
    value, derivative = _extension(r, r.prob.p * up + r.prob.q * down)
    present = None
    if r.class_axis is not None and classes == "present":
        present = r.present(r.sum(r.y))
        value, derivative = value * present, derivative * present
    return Term(value, lambda factor: Slope(p=(up - down) * derivative * factor), weighted=True, present=present)


def _lovasz_hinge_loss(r: Region) -> Term:
    sign = 2 * r.y - 1
    margin = 1 - sign * r.prob.pred
    inside = r.present(margin)
    value, derivative = _extension(r, margin * inside)
    return Term(value, lambda factor: Slope(pred=-sign * inside * derivative * factor), weighted=True)


_softmax = Kernel(
    "lovasz_softmax_loss",
    "region",
    "Berman, Rannen Triki, Blaschko: The Lovász-softmax loss, CVPR 2018, eq. 8 to 12",
    _lovasz_softmax_loss,
    per_class=True,
    hard_target=True,
    smooth=False,
)
_hinge = Kernel(
    "lovasz_hinge_loss",
    "region",
    "Yu, Blaschko: The Lovász hinge, ICML 2015; Berman, Rannen Triki, Blaschko 2018, eq. 7",
    _lovasz_hinge_loss,
    keywords=Pixels,
    logits_only=True,
    hard_target=True,
    smooth=False,
)


@_softmax.public
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

    Source: Berman, Rannen Triki, Blaschko 2018, eq. 8 to 12.

    Parameters
    ----------
    classes : "present" or "all", default "present"
        With `class_axis`: the mean runs over the pairs of region and class that occur in the target (none gives 0), or
        over all of them. A pair left out is 0 under "none".

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import lovasz_softmax_loss
    >>> round(float(lovasz_softmax_loss(np.array([0.75, 0.5, 0.25]), np.array([1, 0, 0]))), 6)
    0.375
    """
    return _softmax(pred, target, common, classes=classes)


@_hinge.public
def lovasz_hinge_loss(pred: A, target: Any, **common: Unpack[Pixels]) -> A:
    """Lovász extension of the Jaccard loss at the hinge errors.

    The extension of the Jaccard loss, as in `lovasz_softmax_loss`, at max(0, 1 - (2y-1) z). `pred` is always logits z;
    there are neither classes nor `from_logits`. Hard targets only. The slope at a hinge of exactly 0 is 0; errors that
    tie keep their order in memory.

    Source: Yu, Blaschko 2015; Berman, Rannen Triki, Blaschko 2018, eq. 7.

    Examples
    --------
    >>> import numpy as np
    >>> from segloss_ref import lovasz_hinge_loss
    >>> float(lovasz_hinge_loss(np.array([2.0, -0.5]), np.array([1, 0])))
    0.25
    """
    return _hinge(pred, target, common)
