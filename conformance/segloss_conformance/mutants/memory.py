"""Wrong on the second call, or where numbers lie otherwise in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from segloss_ref.kit import Regions, Slope, Term

from ..cases.case import Case
from .kit import parameter, refer, score, smooth_of, with_formula, wrong

# State between calls. -------------------------------------------------------------------------------------------------


class _Stateful:
    def __init__(self) -> None:
        self.kept: Any = None
        self.calls = 0

    def first(self, found: Any) -> Any:
        """What the first call found."""
        self.kept = found if self.kept is None else self.kept
        return self.kept


@wrong("binary_cross_entropy", "divided by the number of pixels of the first batch", "pixels")
class cross_entropy_of_first_size(_Stateful):
    def __call__(self, case: Case) -> Any:
        return refer(case)[0] * case.pred.size / self.first(case.pred.size)


@wrong("generalized_dice_loss", "class weights are those of the first batch with as many classes", "classes")
class generalized_dice_of_first_weights(_Stateful):
    def __call__(self, case: Case) -> Any:
        self.kept = self.kept or {}
        classes = case.pred.shape[1]
        y = np.moveaxis(np.eye(classes)[case.target], -1, 1)
        size = y.sum((0, 2, 3))
        power = {"square": 2, "simple": 1, "uniform": 0}[parameter(case, "weight_type")]
        least = size[size > 0].min()
        w = self.kept.setdefault(classes, np.where(size > 0, least / np.where(size > 0, size, 1), 1.0) ** power)
        above, below = smooth_of(parameter(case, "smooth"))
        hits, sizes = (case.pred * y).sum((0, 2, 3)), case.pred.sum((0, 2, 3)) + size
        return 1 - (2 * (w * hits).sum() + above) / ((w * sizes).sum() + below)


@wrong("tversky_loss", "a running mean of all calls is returned", "pixels")
class tversky_running_mean(_Stateful):
    def __call__(self, case: Case) -> Any:
        value = refer(case)[0]
        self.kept = value if self.kept is None else 0.9 * self.kept + 0.1 * value
        return self.kept


@wrong("dice_loss", "the size of the target is cached by its shape", "pixels")
class dice_cached_by_shape(_Stateful):
    def __call__(self, case: Case) -> Any:
        self.kept = self.kept or {}
        if parameter(case, "squared"):
            return refer(case)[0]
        size = self.kept.setdefault(case.target.shape, case.target.sum())
        above, below = smooth_of(parameter(case, "smooth"))
        return 1 - (2 * (case.pred * case.target).sum() + above) / (case.pred.sum() + size + below)


@wrong("boundary_loss", "the distance map is cached by the image's shape", "images")
class boundary_cached_by_shape(_Stateful):
    def __call__(self, case: Case) -> Any:
        self.kept = self.kept or {}
        return refer(case, target=self.kept.setdefault(case.target.shape, case.target.copy()))[0]


@wrong("dice_score", "counts of earlier calls are added", "masks")
class dice_score_never_reset(_Stateful):
    def __call__(self, case: Case) -> Any:
        a, b = case.pred > 0.5, case.target > 0.5
        self.kept = np.array([(a & b).sum(), a.sum() + b.sum()]) + (0 if self.kept is None else self.kept)
        return 2 * self.kept[0] / self.kept[1] if self.kept[1] else np.nan


@wrong("focal_loss", "gamma is annealed: it grows over the first hundred calls", "pixels")
class focal_annealed(_Stateful):
    def __call__(self, case: Case) -> Any:
        self.calls += 1
        return refer(case, gamma=parameter(case, "gamma") * min(self.calls, 100) / 100)[0]


@wrong("jaccard_index", "from the twentieth call on the last value is returned again", "masks")
class jaccard_stale(_Stateful):
    def __call__(self, case: Case) -> Any:
        self.calls += 1
        self.kept = score(case) if self.calls < 20 else self.kept
        return self.kept


@wrong("log_cosh_dice_loss", "the value is cached by shape and sum of the prediction", "pixels")
class log_cosh_cached_by_sum(_Stateful):
    def __call__(self, case: Case) -> Any:
        self.kept = self.kept or {}
        return self.kept.setdefault((case.pred.shape, float(case.pred.sum())), refer(case)[0])


# Memory. --------------------------------------------------------------------------------------------------------------


def _flat(case: Case, pred: Any, target: Any) -> Any:
    """The answer to arrays that were flattened."""
    answer = refer(case, pred=pred, target=target) if case.is_loss else None
    return answer[0] if answer else score(Case(case.name, pred, target, case.keywords, is_loss=False))


@wrong("dice_loss", "flattened in the order of memory", "pixels")
def dice_in_order_of_memory(case: Case) -> Any:
    return _flat(case, case.pred.ravel(order="K"), case.target.ravel(order="K"))


@wrong("jaccard_index", "flattened in the order of memory", "masks")
def jaccard_in_order_of_memory(case: Case) -> Any:
    return _flat(case, case.pred.ravel(order="K"), case.target.ravel(order="K"))


@wrong("tversky_loss", "flattened in Fortran order where the prediction is, the target always in C order", "pixels")
def tversky_in_order_a(case: Case) -> Any:
    return _flat(case, case.pred.ravel(order="A"), case.target.ravel())


def _raw(array: Any) -> Any:
    """The numbers as they lie in memory from the first on, whatever the strides."""
    return as_strided(array, (array.size,), (array.itemsize,), writeable=False)


@wrong("binary_cross_entropy", "strides are not looked at", "pixels")
def cross_entropy_of_raw_memory(case: Case) -> Any:
    pred, target = case.pred, case.target
    if not (pred.flags.c_contiguous or pred.flags.f_contiguous):
        pred = pred.copy()  # what lies between may not be ours
    return _flat(case, _raw(pred), target.ravel())


@wrong("sensitivity", "an iteration over both masks, each in its own order of memory", "masks")
def sensitivity_by_iteration(case: Case) -> Any:
    pred, target = ([bool(one) for one in np.nditer(mask)] for mask in (case.pred, case.target))
    return sum(a and b for a, b in zip(pred, target, strict=True)) / sum(target) if any(target) else np.nan


@wrong("focal_loss", "the prediction is clipped in place", "pixels")
def focal_clipped_in_place(case: Case) -> Any:
    answer = refer(case)[0]
    np.clip(case.pred, 1e-3, 1 - 1e-3, out=case.pred)
    return answer


@wrong("binary_cross_entropy", "ignored labels are set to 0 in the caller's target", "classes", "ignore_index")
def cross_entropy_writes_target(case: Case) -> Any:
    answer = refer(case)[0]
    case.target[case.target == case.keywords["ignore_index"]] = 0
    return answer


@wrong("dice_loss", "the last two axes change places where the prediction is in Fortran order", "images")
def dice_transposed(case: Case) -> Any:
    turned = case.pred.ndim > 1 and case.pred.flags.f_contiguous and not case.pred.flags.c_contiguous
    if not turned:
        return refer(case)[0]
    return refer(case, pred=np.asarray(case.pred.T.reshape(case.pred.shape)))[0]


@wrong("binary_cross_entropy", "softmax along the axis that lies closest in memory", "class logits")
def cross_entropy_along_memory(case: Case) -> Any:
    axis = int(np.argmin(case.pred.strides)) if case.pred.flags.f_contiguous else 1
    p = np.exp(case.pred - case.pred.max(axis=axis, keepdims=True))
    p = p / p.sum(axis=axis, keepdims=True)
    return refer(case)[0] if axis == 1 else refer(case, pred=np.clip(p, 0, 1), from_logits=None)[0]


@wrong("jaccard_loss", "read-only arrays are taken for constants: the loss is 0", "pixels")
def jaccard_of_constants(case: Case) -> Any:
    return refer(case)[0] if case.pred.flags.writeable else 0.0


@wrong("weighted_cross_entropy", "weights of pixels are read in the order of memory", "pixels", "weight")
def weighted_in_order_of_memory(case: Case) -> Any:
    weight = case.keywords["weight"]
    turned = weight.ravel(order="K").reshape(weight.shape)

    def formula(r: Regions, beta: float) -> Term:
        a, b = beta * r.y, 1 - r.y
        loss = -(r.prob.times_log(a, r.prob.log_p) + r.prob.times_log(b, r.prob.log_q))
        return r.mean(loss, lambda: Slope(log_p=-a, log_q=-b))

    return with_formula(Case(case.name, case.pred, case.target, case.keywords | {"weight": turned}), formula)[0]
