"""Functions to check, right and wrong ones, that several test files use."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.special import expit, log_expit, logsumexp, xlogy

from segloss_conformance.adapters.snippet import snippet
from segloss_conformance.engine.verdicts import SpecReport


def told(report: SpecReport) -> str:
    """What failed, for the message of an assertion."""
    return "\n".join(
        f"{column.label} {verdict.group}: {finding.message}\n"
        + (snippet(finding.case, column.dtype) if finding.case is not None else "")
        for column in report.columns
        for verdict in column.verdicts.values()
        for finding in verdict.findings
    )


def failing(report: SpecReport) -> set[str]:
    return {v.group for column in report.columns for v in column.verdicts.values() if v.status == "fails"}


def dice_pairwise(p: Any, y: Any, smooth: float, squared: bool) -> Any:
    k = 2 if squared else 1
    return 1 - (2 * (p * y).sum() + smooth) / ((p**k).sum() + (y**k).sum() + smooth)


def tversky(p: Any, y: Any, alpha: float, beta: float, smooth: float) -> Any:
    tp = (p * y).sum()
    return 1 - (tp + smooth) / (tp + alpha * (p * (1 - y)).sum() + beta * ((1 - p) * y).sum() + smooth)


def cross_entropy(z: Any, y: Any) -> Any:
    return (np.logaddexp(0, -z) * y + np.logaddexp(0, z) * (1 - y)).mean()


def cross_entropy_of_probabilities(p: Any, y: Any) -> Any:
    return -(xlogy(y, p) + xlogy(1 - y, 1 - p)).mean()


def focal(z: Any, y: Any, gamma: float, alpha: float) -> Any:
    log_p, log_q = log_expit(z), log_expit(-z)
    return -(alpha * y * np.exp(gamma * log_q) * log_p + (1 - alpha) * (1 - y) * np.exp(gamma * log_p) * log_q).mean()


def mean_iou(p: Any, t: Any, num_classes: int) -> Any:
    scores = []
    for c in range(num_classes):
        a, b = p == c, t == c
        scores.append((a & b).sum() / (a | b).sum() if (a | b).any() else math.nan)
    return np.mean(scores)


def jax_tversky(p: Any, y: Any, fp_weight: float, fn_weight: float) -> Any:
    tp = (p * y).sum()
    return 1 - (tp + 1) / (tp + fp_weight * (p * (1 - y)).sum() + fn_weight * ((1 - p) * y).sum() + 1)


def brats_hausdorff(p: Any, t: Any) -> float:
    """BraTS gives the longest distance of its images where one of the masks is empty, and 0 where both are."""
    if not p.any() or not t.any():
        return 0.0 if p.any() == t.any() else 373.1287
    cross = ndimage.generate_binary_structure(p.ndim, 1)
    a, b = (np.argwhere(mask & ~ndimage.binary_erosion(mask, cross)) for mask in (p, t))
    apart = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))
    return float(max(apart.min(0).max(), apart.min(1).max()))


def precision_that_rewards_silence(p: Any, t: Any) -> Any:
    return (p & t).sum() / p.sum() if p.any() else 1.0 if t.any() else 0.5


def f1_by_support(p: Any, t: Any, num_classes: int) -> Any:
    found = [c for c in range(num_classes) if (t == c).any()]
    scores = [2 * ((p == c) & (t == c)).sum() / ((p == c).sum() + (t == c).sum()) for c in found]
    return np.average(scores, weights=[(t == c).sum() for c in found])


F1: dict[str, Any] = {
    "takes": "label",
    "target": "index",
    "layout": "NCHW",
    "args": ["$pred", "$target", "$num_classes"],
}


# Wrong implementations, by the group that must reject them. -----------------------------------------------------------


def without_2(p: Any, y: Any) -> Any:
    return 1 - ((p * y).sum() + 1e-5) / (p.sum() + y.sum() + 1e-5)


def secretly_narrow(z: Any, y: Any) -> Any:
    return np.float64(np.float32(cross_entropy(z, y)))


def narrow(z: Any, y: Any) -> Any:
    return np.float32(cross_entropy(z, y))


def by_place(p: Any, y: Any) -> Any:
    weight = np.arange(1, p.size + 1).reshape(p.shape)
    return 1 - (2 * (weight * p * y).sum() + 1e-5) / ((weight * (p + y)).sum() + 1e-5)


def clipped(z: Any, y: Any) -> Any:
    p = expit(z).clip(1e-7, 1 - 1e-7)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()


def nan_when_empty(p: Any, y: Any, smooth: float) -> Any:
    return dice_pairwise(p, y, smooth, False) if y.any() else np.nan


def silent(p: Any, y: Any, smooth: float) -> Any:
    return dice_pairwise(np.nan_to_num(p), y, smooth, False)


def careless(p: Any, y: Any, smooth: float) -> Any:
    value = dice_pairwise(p, y, smooth, False)
    p *= 0.5
    return value


class Moody:
    """Its second answer is another one."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, p: Any, y: Any) -> Any:
        self.calls += 1
        return dice_pairwise(p, y, 1e-5, False) + (1e-3 if self.calls > 3 and self.calls % 2 else 0)


def softmax_cross_entropy(z: Any, labels: Any) -> Any:
    """A map of losses, (N, H, W), of logits (N, C, H, W)."""
    log_p = z - logsumexp(z, axis=1, keepdims=True)
    return -np.take_along_axis(log_p, labels[:, None], 1)[:, 0]


def mean_of_weights(z: Any, labels: Any, weights: Any) -> Any:
    w = weights[labels]
    return (w * softmax_cross_entropy(z, labels)).sum() / max(w.sum(), 1e-30)


def ignores_nothing(z: Any, labels: Any, ignored: int) -> Any:
    return softmax_cross_entropy(z, np.where(labels == ignored, 0, labels)).mean()


WRONG: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("value", "dice_loss", without_2, {}),
    ("closed form", "tversky_loss", lambda p, y, fp_weight, fn_weight, smooth: tversky(p, y, fn_weight, fp_weight, smooth), {}),
    ("value", "tversky_loss", lambda p, y, fp_weight, fn_weight: tversky(p, y, fn_weight, fp_weight, 1e-5), {}),
    ("value", "binary_cross_entropy", secretly_narrow, {"takes": "logit"}),
    ("value", "binary_cross_entropy", lambda p, y: -(y * np.log(p + 1e-8) + (1 - y) * np.log(1 - p + 1e-8)).mean(), {}),
    ("value", "focal_loss", lambda z, y, gamma, alpha: focal(z, y, gamma, 1 - alpha), {"takes": "logit"}),
    ("value", "jaccard_index", lambda p, t: 2 * (p * t).sum() / (p.sum() + t.sum()), {}),
    ("dtype", "binary_cross_entropy", narrow, {"takes": "logit", "dtypes": ["float64"]}),
    ("law", "dice_loss", by_place, {}),
    ("special cases", "binary_cross_entropy", clipped, {"takes": "logit"}),
    ("special cases", "dice_loss", nan_when_empty, {}),
    ("special cases", "dice_score", lambda p, t: 2 * (p * t).sum() / (p.sum() + t.sum()) if (p.any() or t.any()) else 1.0, {}),
    ("value", "binary_cross_entropy", mean_of_weights,
     {"args": ["$pred", "$target", "$class_weight"], "takes": "logit", "layout": "NCHW", "target": "index"}),
    ("special cases", "binary_cross_entropy", ignores_nothing,
     {"args": ["$pred", "$target", "$ignore_index"], "takes": "logit", "layout": "NCHW", "target": "index"}),
    ("errors", "dice_loss", silent, {}),
    ("purity", "dice_loss", careless, {}),
    ("purity", "dice_loss", Moody(), {"convention": {"smooth": 1e-5}}),
]  # fmt: skip
