"""One way to compute an overlap loss, and what it answers.

A region's score is r = (u TP + n)/(v TP + a FP + b FN + d). What is summed, over which pixels, how regions are averaged
and what is returned are choices by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .predictions import prepared
from .probes import Answer, Probe
from .search import Candidate, Constants

__all__ = ["FORMS", "WORDS", "Overlap", "multiple_of", "overlap_value", "score_of", "sums_of"]


@dataclass(frozen=True, slots=True)
class Overlap:
    """One way to compute an overlap loss, up to its constants."""

    prepare: str
    background: str
    power: str
    form: str
    region: str
    absent: str
    average: str
    scale: str
    output: str
    undefined: str


WORDS: dict[str, dict[str, str]] = {
    "prepare": {
        "as given": "takes the prediction as given, as probabilities",
        "sigmoid": "sigmoid of the prediction",
        "softmax": "softmax of the prediction over the classes",
        "sigmoid twice": "sigmoid twice",
        "softmax twice": "softmax twice",
        "thresholded": "thresholded inside: no gradient can pass",
        "argmax": "argmax inside: no gradient can pass",
    },
    "background": {
        "kept": "the background class counts",
        "dropped": "class 0 (background) is dropped",
        "zeroed": "class 0 (background) counts as 0 in the mean",
    },
    "power": {
        "plain": "plain sums in the denominator",
        "squared": "squares in the denominator: sum p^2 + sum y^2",
        "prediction squared": "the prediction alone squared in the denominator: sum p^2 + sum y",
        "elementwise": "TP, FP and FN squared pixel by pixel before they are summed",
        "semimetric": "TP by the L1 semimetric, (sum p + sum y - sum |p - y|)/2",
    },
    "form": {
        "dice": "the Dice form",
        "halved": "the factor 2 is missing: I/(P + T)",
        "jaccard": "the Jaccard form: intersection over union",
        "weights": "weights on FP and FN",
        "sizes": "weights on P and T in place of FP and FN: TP/(TP + a P + b T)",
    },
    "region": {
        "image and class": "one region an image and class",
        "image": "pooled over classes: one region an image",
        "class": "pooled over the batch: one region a class",
        "all": "pooled over batch and classes",
        "batch": "pooled over the batch",
    },
    "absent": {
        "kept": "absent classes count as they are",
        "as 0": "a class absent from the target counts as 0",
        "as 1": "a class absent from the target counts as 1",
        "skipped": "classes absent from the target are skipped",
        "skipped by image": "classes absent from the target are skipped, image by image, and images then averaged",
    },
    "average": {
        "mean": "averaged",
        "sum of classes": "summed over classes, averaged over images",
        "sum of images": "summed over images, averaged over classes",
        "sum": "summed over regions, not averaged",
    },
    "scale": {"sums": "sums over pixels", "means": "means over pixels in place of sums, with the same smooth"},
    "output": {
        "loss": "one less the score",
        "score": "the score is returned, not one less it",
        "negative": "the negative score is returned",
        "log": "-log of the score",
        "log of mean": "-log of the mean score",
        "log cosh": "log cosh of the loss",
        "power": "a power of the loss, region by region",
        "power of mean": "the power is taken after the mean",
    },
    "undefined": {"perfect": "0/0 is a perfect match", "zero": "0/0 is score 0", "nan": "0/0 is nan"},
}  # fmt: skip

_Sums = tuple[float, float, float, float, bool]
"""TP, FP, FN, pixels, and whether the target has any pixel."""


def sums_of(found: Probe, takes: str, m: Overlap) -> tuple[int, list[_Sums]]:
    """(classes a row, the sums of every region), images before classes."""
    key = ("sums", takes, m.prepare, m.background, m.power, m.region)
    if key not in found.cache:
        p, y = prepared(found, takes, m.prepare), found.target.astype(float)
        if m.background == "dropped":
            p, y = p[:, 1:], y[:, 1:]
        axes = {"image and class": (2, 3), "image": (1, 2, 3), "class": (0, 2, 3), "all": None, "batch": None}[m.region]

        def sum_(array: Any) -> Any:
            return np.atleast_1d(array.sum(axis=axes))

        if m.power == "elementwise":
            tp, fp, fn = sum_((p * y) ** 2), sum_((p * (1 - y)) ** 2), sum_(((1 - p) * y) ** 2)
        else:
            tp = sum_(p * y)
            if m.power == "semimetric":
                tp = (sum_(p) + sum_(y) - sum_(np.abs(p - y))) / 2
            fp = sum_(p**2 if m.power in ("squared", "prediction squared") else p) - tp
            fn = sum_(y**2 if m.power == "squared" else y) - tp
        pixels = sum_(np.ones_like(p))
        rows = [
            (float(a), float(b), float(c), float(k), bool(t > 0))
            for a, b, c, k, t in zip(tp.ravel(), fp.ravel(), fn.ravel(), pixels.ravel(), sum_(y).ravel(), strict=True)
        ]
        found.cache[key] = (p.shape[1] if m.region == "image and class" else 1, rows)
    answer: tuple[int, list[_Sums]] = found.cache[key]
    return answer


FORMS = {"dice": (2.0, 2.0, 1.0, 1.0), "halved": (1.0, 2.0, 1.0, 1.0), "jaccard": (1.0, 1.0, 1.0, 1.0)}


def factors_of(form: str, k: Constants) -> tuple[float, float, float, float]:
    """(u, v, a, b) of r = (u TP + n)/(v TP + a FP + b FN + d)."""
    if form in FORMS:
        return FORMS[form]
    a, b = k["fp_weight"], k["fn_weight"]
    return 1.0, (1 + a + b if form == "sizes" else 1.0), a, b


def returned(output: str, r: float, gamma: float) -> float:
    """What becomes of a region's score."""
    if output in ("loss", "power of mean"):
        return 1 - r
    if output in ("score", "log of mean"):
        return r
    if output == "negative":
        return -r
    if output == "log":
        return -math.log(r) if r > 0 else math.nan if r != r else math.inf
    if output == "log cosh":
        if not math.isfinite(r):
            return abs(1 - r)
        return float(np.logaddexp(1 - r, r - 1)) - math.log(2)
    return float(max(1 - r, 0.0) ** gamma)  # a power; round-off below 0 has no root


def score_of(output: str, value: float, gamma: float) -> float:
    """The score that was returned as `value`; nan where there is none."""
    try:
        if output == "loss":
            return 1 - value
        if output == "score":
            return value
        if output == "negative":
            return -value
        if output in ("log", "log of mean"):
            return math.exp(-value)
        if output == "log cosh":
            return 1 - math.acosh(math.exp(value))
        return 1 - value ** (1 / gamma) if value >= 0 else math.nan
    except (ValueError, OverflowError):
        return math.nan


def overlap_value(candidate: Candidate[Overlap], found: Probe, takes: str) -> Answer:
    """What a member with its constants answers."""
    m, k = candidate.member, candidate.constants
    classes, regions = sums_of(found, takes, m)
    u, v, a, b = factors_of(m.form, k)
    n, d, gamma = k["n"], k["d"], k.get("gamma", 1.0)
    undefined = {"perfect": 1.0, "zero": 0.0, "nan": math.nan}[m.undefined]
    values: list[float] = []
    kept: list[bool] = []
    for tp, fp, fn, pixels, occurs in regions:
        size = pixels if m.scale == "means" else 1.0
        below = (v * tp + a * fp + b * fn) / size + d
        r = (u * tp / size + n) / below if below else math.inf if n else undefined
        value = returned(m.output, r, gamma)
        if not occurs and m.absent != "kept":
            value = 1.0 if m.absent == "as 1" else 0.0
        values.append(value)
        kept.append(occurs or not m.absent.startswith("skipped"))
    if m.background == "zeroed":
        every = classes if m.region == "image and class" else len(values)
        values[::every] = [0.0] * len(values[::every])
    if m.absent == "skipped by image":
        rows = [
            [value for value, keep in zip(values[i : i + classes], kept[i : i + classes], strict=True) if keep]
            for i in range(0, len(values), classes)
        ]
        values = [math.fsum(row) / len(row) for row in rows if row]
    elif m.absent == "skipped":
        values = [value for value, keep in zip(values, kept, strict=True) if keep]
    if not values:
        return math.nan
    whole = math.fsum(values) * multiple_of(m.average, classes, len(values)) / len(values)
    if m.output == "log of mean":
        return returned("log", whole, gamma)
    return whole**gamma if m.output == "power of mean" and whole == whole and whole >= 0 else whole


def multiple_of(average: str, classes: int, count: int) -> float:
    """By what the mean over regions is multiplied."""
    return {"mean": 1.0, "sum of classes": float(classes), "sum of images": count / classes, "sum": float(count)}[
        average
    ]
