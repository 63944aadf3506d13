"""The overlap losses: Dice, Jaccard, Tversky and what is made of them, by the choices in which implementations differ.

A region's score is r = (u TP + n)/(v TP + a FP + b FN + d). What is summed, over which pixels, how regions are averaged and what
is returned are choices by name; n, d and the weights are solved for. Classes look alike on the calibrating probes, so that every
region has the same sums whatever it is pooled over, and the equations are linear.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import brentq

from segloss_ref import registry
from segloss_ref.domains import smooth_pair

from .probes import Answer, Precision, Probe, Setting, nice, probe
from .search import Candidate, Constants, Family

__all__ = ["OVERLAPS", "Overlap", "OverlapFamily", "prepared", "roots"]


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


_WORDS: dict[str, dict[str, str]] = {
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

_SOFT = ("prediction squared", "semimetric")
"""What differs from another option on soft targets alone."""


def _softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _sigmoid(z: Any) -> Any:
    return np.exp(-np.logaddexp(0, -z))


def prepared(found: Probe, takes: str, how: str) -> Any:
    """The probabilities that a member makes of the prediction; kept with the probe."""
    key = ("prepared", takes, how)
    if key not in found.cache:
        x = found.pred
        if how == "thresholded":
            p = (x > (0.5 if takes == "probability" else 0.0)).astype(float)
        elif how == "argmax":
            p = (np.arange(x.shape[1])[None, :, None, None] == x.argmax(axis=1)[:, None]).astype(float)
        else:
            first, _, again = how.partition(" twice")
            step = {"as given": lambda z: z, "sigmoid": _sigmoid, "softmax": _softmax}[first]
            p = step(x)
            p = step(p) if again != how and how.endswith("twice") else p
        found.cache[key] = p
    return found.cache[key]


_Sums = tuple[float, float, float, float, bool]
"""TP, FP, FN, pixels, and whether the target has any pixel."""
_Row = tuple[float, float, float, float, float]


def _sums(found: Probe, takes: str, m: Overlap) -> tuple[int, list[_Sums]]:
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


_FORMS = {"dice": (2.0, 2.0, 1.0, 1.0), "halved": (1.0, 2.0, 1.0, 1.0), "jaccard": (1.0, 1.0, 1.0, 1.0)}


def _factors(form: str, k: Constants) -> tuple[float, float, float, float]:
    """(u, v, a, b) of r = (u TP + n)/(v TP + a FP + b FN + d)."""
    if form in _FORMS:
        return _FORMS[form]
    a, b = k["fp_weight"], k["fn_weight"]
    return 1.0, (1 + a + b if form == "sizes" else 1.0), a, b


def _returned(output: str, r: float, gamma: float) -> float:
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
    return max(1 - r, 0.0) ** gamma  # a power; round-off below 0 has no root


def _score_of(output: str, value: float, gamma: float) -> float:
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


@dataclass(frozen=True)
class OverlapFamily(Family):
    """Members, calibration and words of the overlap losses; one of them by name."""

    name: str
    forms: tuple[str, ...]
    powers: tuple[str, ...]
    outputs: tuple[str, ...]

    def members(self, setting: Setting) -> Iterator[Overlap]:
        """The product of all choices that differ in a setting; what 0/0 is, `fit` adds where there is no smoothing."""
        many = setting.classes > 1
        if setting.takes == "probability":  # what is expected comes first
            preparing = ["as given", "sigmoid", "thresholded", *(["softmax", "argmax"] if many else [])]
        else:
            preparing = ["softmax", "softmax twice", "argmax"] if many else []
            preparing += ["sigmoid", "sigmoid twice", "as given", "thresholded"]
        averaging = []
        for region in ("image and class", "image", "class", "all") if many else ("image and class", "batch"):
            sums = {"image and class": ["sum of classes", "sum of images", "sum"] if many else ["sum"], "image": ["sum"]}
            sums["class"] = ["sum"]
            averaging += [(region, "kept", average) for average in ("mean", *sums.get(region, []))]
            absent = {"image and class": ["as 0", "as 1", "skipped", *(["skipped by image"] if many else [])]}
            absent["class"] = ["as 0", "as 1", "skipped"]
            averaging += [(region, one, "mean") for one in absent.get(region, [])]
        powers = [one for one in self.powers if setting.soft or one not in _SOFT]
        for prepare, background, power, form, (region, absent_, average), scale, output in itertools.product(
            preparing, ("kept", "dropped", "zeroed") if many else ("kept",), powers, self.forms, averaging, ("sums", "means"),
            self.outputs,
        ):  # fmt: skip
            if prepare == "as given" and setting.takes == "logit" and output not in ("loss", "score", "negative"):
                continue  # the logarithm or power of what may be negative
            if output == "log of mean" and (average != "mean" or absent_.startswith("as ") or background == "zeroed"):
                continue
            if background == "zeroed" and (region not in ("image and class", "class") or absent_ != "kept" or average != "mean"):
                continue
            if form == "sizes" and scale == "means":
                continue  # on balanced masks P and T are constants, as the smoothing is
            if "weights" in self.forms and (form, scale) != ("weights", "sums") and prepare != preparing[0]:
                continue  # of two faults at once the weights could not be told
            yield Overlap(prepare, background, power, form, region, absent_, average, scale, output, "perfect")

    def reference(self, setting: Setting) -> Candidate[Overlap]:
        """What `segloss_ref` does, with the parameters that were declared."""
        prepare = "as given" if setting.takes == "probability" else "softmax" if setting.classes > 1 else "sigmoid"
        parameters = registry.losses[self.name].parameters
        own = {name: setting.declared.get(name, found.default) for name, found in parameters.items()}
        n, d = smooth_pair(own["smooth"])
        constants = {"n": n, "d": d}
        constants |= {name: float(own[name]) for name in ("fp_weight", "fn_weight", "gamma") if name in own}
        power = "squared" if own.get("squared") else "plain"
        region = {"image": "image and class", "batch": "class", "all": "all"}[setting.pool]
        if setting.classes == 1 and setting.pool != "image":
            region = "batch"
        member = Overlap(
            prepare, "kept", power, self.forms[0], region, "kept", "mean", "sums", self.outputs[0], "perfect"
        )  # fmt: skip
        return Candidate(member, constants)

    def value(self, candidate: Candidate[Overlap], found: Probe, takes: str) -> Answer:
        """What a member with its constants answers."""
        m, k = candidate.member, candidate.constants
        classes, regions = _sums(found, takes, m)
        u, v, a, b = _factors(m.form, k)
        n, d, gamma = k["n"], k["d"], k.get("gamma", 1.0)
        values: list[float] = []
        kept: list[bool] = []
        for tp, fp, fn, pixels, occurs in regions:
            size = pixels if m.scale == "means" else 1.0
            below = (v * tp + a * fp + b * fn) / size + d
            if below == 0:
                r = {"perfect": 1.0, "zero": 0.0, "nan": math.nan}[m.undefined]
            else:
                r = (u * tp / size + n) / below
            value = _returned(m.output, r, gamma)
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
        whole = math.fsum(values) * _multiple(m.average, classes, len(values)) / len(values)
        if m.output == "log of mean":
            return _returned("log", whole, gamma)
        return whole**gamma if m.output == "power of mean" and whole == whole and whole >= 0 else whole

    # Constants

    def calibrations(self, setting: Setting) -> list[Probe]:
        """All classes alike, all wrong and some wrong; then, where there are two weights, one class favoured.

        None is a perfect match, at which some outputs lose half of their digits.
        """
        solved = [(0, 1), (2, 1)]
        if "weights" in self.forms:
            solved += [(1, 3), *([(3, 2)] if "power" in self.outputs else [])]
        found = [probe(*_alike(setting.classes, right, wrong), setting) for right, wrong in solved]
        return [*found, probe(*_favoured(setting.classes), setting)] if "weights" in self.forms else found

    def fit(
        self, member: Overlap, probes: Sequence[Probe], answers: Sequence[Answer | str], precision: Precision, setting: Setting
    ) -> list[Candidate[Overlap]]:  # fmt: skip
        """The member with the constants that give these answers, once for each meaning of 0/0 where it can occur."""
        numbers = [answer for answer in answers if not isinstance(answer, str) and not math.isnan(answer)]
        if len(numbers) < len(answers):
            return []
        reference = self.reference(setting).constants
        gammas = [1.0]
        if member.output in ("power", "power of mean"):
            gammas = self._gammas(member, probes, numbers, precision, setting)
        found = []
        for gamma in gammas:
            for raw, doubt in self._solved(member, probes, numbers, gamma, precision, setting):
                tidy = _tidied(raw, doubt, reference)
                if tidy is None or (member.scale == "means" and tidy["n"] == tidy["d"] == 0):
                    continue
                if "gamma" in reference:
                    tidy["gamma"] = gamma
                else:
                    tidy.pop("gamma", None)
                meanings = _WORDS["undefined"] if tidy["d"] == 0 else ("perfect",)
                found += [Candidate(replace(member, undefined=meaning), tidy) for meaning in meanings]
        return found

    def _equations(
        self, m: Overlap, probes: Sequence[Probe], answers: Sequence[float], gamma: float, unit: float, setting: Setting
    ) -> list[_Row]:
        """(r, TP, FP, FN, doubt of r) of every probe on which all regions are alike."""
        rows = []
        for found, answer in zip(probes, answers, strict=True):
            classes, regions = _sums(found, setting.takes, m)
            tp, fp, fn, pixels, _ = regions[0]
            size = pixels if m.scale == "means" else 1.0
            multiple = _multiple(m.average, classes, len(regions))
            if m.background == "zeroed":
                multiple *= 1 - 1 / setting.classes

            def score(value: float, multiple: float = multiple) -> float:
                if m.output == "power of mean":
                    return 1 - value ** (1 / gamma) / multiple if value >= 0 else math.nan
                return _score_of(m.output, value / multiple, gamma)

            r = score(answer)
            noise = unit * max(1.0, abs(answer)) if math.isfinite(answer) else 0.0
            doubt = max(abs(score(answer + noise) - r), abs(score(max(answer - noise, 0.0) if answer >= 0 else answer - noise) - r))
            rows.append((r, tp / size, fp / size, fn / size, doubt))
        return rows

    def _gammas(
        self, m: Overlap, probes: Sequence[Probe], answers: Sequence[float], precision: Precision, setting: Setting
    ) -> list[float]:
        """Exponents in use, and those with which the answers contradict each other least."""
        declared = float(setting.declared.get("gamma", registry.losses[self.name].parameters["gamma"].default))
        rows = self._equations(m, probes[:-1], answers[:-1], declared, 0.0, setting)
        key = ("gammas", m.output, m.form, m.average, m.background, m.region, tuple(row[1:4] for row in rows), *answers)
        known: dict[Any, list[float]] = probes[0].cache
        if key not in known:
            alike = m.scale == "means" or _alike_everywhere(rows)  # means of balanced masks have one unknown less

            def residual(log_gamma: float) -> float:
                gamma = math.exp(log_gamma)
                equations = self._equations(m, probes[:-1], answers[:-1], gamma, 0.0, setting)
                solution = _weights_of(equations[:3] if alike else equations, m.form, 0.5 if alike else None)
                if solution is None:
                    return math.nan
                n, d, *weights = solution[0]
                a, b = (weights[0] / 2, weights[0] / 2) if alike else weights
                if not alike:
                    trial = {"n": n, "d": d, "fp_weight": a, "fn_weight": b, "gamma": gamma}
                    return float(self.value(Candidate(m, trial), probes[-1], setting.takes)) - answers[-1]
                r, tp, fp, fn, _ = equations[3]
                return float(n + tp - r * ((1 + a + b if m.form == "sizes" else 1) * tp + a * fp + b * fn + d))

            doubt = 1e-6 if precision.name == "float64" else 2e-3
            usual = [declared, 1 / declared, 1.0]
            found = roots(residual, np.linspace(math.log(0.2), math.log(5.0), 33))
            known[key] = [*dict.fromkeys([*usual, *(nice(math.exp(x), doubt) for x in found)])]
        return known[key]

    def _solved(
        self, m: Overlap, probes: Sequence[Probe], answers: Sequence[float], gamma: float, precision: Precision, setting: Setting
    ) -> Iterator[tuple[Constants, Constants]]:  # fmt: skip
        """(constants, how far they may be off)."""
        if m.form in _FORMS:
            u, v, a, b = _FORMS[m.form]
            (r0, *s0, e0), (r1, *s1, e1) = self._equations(m, probes, answers, gamma, precision.unit, setting)
            below = [v * tp + a * fp + b * fn for tp, fp, fn in (s0, s1)]
            if not (math.isfinite(r0) and math.isfinite(r1)) or abs(r1 - r0) < 1e-4:
                return
            d = ((r0 * below[0] - u * s0[0]) - (r1 * below[1] - u * s1[0])) / (r1 - r0)
            n = r0 * (below[0] + d) - u * s0[0]
            doubt = (e0 * abs(below[0] + d) + e1 * abs(below[1] + d)) / abs(r1 - r0)
            doubt_n = e0 * abs(below[0] + d) + abs(r0) * doubt
            yield {"n": n, "d": d}, {"n": doubt_n, "d": doubt}
            return
        rows = self._equations(m, probes[:-1], answers[:-1], gamma, precision.unit, setting)
        if not all(math.isfinite(row[0]) for row in rows):
            return

        def constants(share: float | None) -> tuple[Constants, Constants] | None:
            """With this share of the sum of the weights on false positives; with weights of their own where None."""
            solution = _weights_of(rows if share is None else rows[:3], m.form, share)
            if solution is None:
                return None
            (n, d, *weights), inverse = solution
            a, b = weights if share is None else (share * weights[0], (1 - share) * weights[0])
            noise = [e * abs(tp + a * (fp + tp) + b * (fn + tp) + d) for _, tp, fp, fn, e in rows[: len(inverse)]]
            doubts = np.abs(inverse) @ np.array(noise)
            found = {"n": n, "d": d, "fp_weight": a, "fn_weight": b, "gamma": gamma}
            return found, {"n": doubts[0], "d": doubts[1], "fp_weight": doubts[2], "fn_weight": doubts[-1], "gamma": 0.0}

        def residual(share: float) -> float:
            found = once or constants(share)
            if found is None:
                return math.nan
            if once is not None:
                w = once[0]["fp_weight"] + once[0]["fn_weight"]
                found = once[0] | {"fp_weight": share * w, "fn_weight": (1 - share) * w}, {}
            return float(self.value(Candidate(m, found[0]), probes[-1], setting.takes)) - answers[-1]

        alike = _alike_everywhere(rows)
        once = constants(0.5) if alike else None
        if alike and once is None:
            return
        reference = self.reference(setting).constants
        usual = reference["fp_weight"] / max(reference["fp_weight"] + reference["fn_weight"], 1e-300)
        shares: list[float] | list[None] = [None]
        if alike or len(rows) == 3 or m.scale == "means":
            grid = np.linspace(0.0, 1.0, 9)
            # Pooled over classes that exclude each other there are as many false positives as false negatives.
            free = all(abs(residual(float(share))) < 1e-12 for share in grid[::2])
            shares = [usual] if free else roots(residual, grid)
        for share in shares:
            found = constants(share)
            if found is not None:
                yield found

    # Words

    def differences(self, candidate: Candidate[Overlap], setting: Setting) -> list[str]:
        """How it differs from the reference, a phrase each."""
        m, reference = candidate.member, self.reference(setting)
        names = [*_WORDS]
        if candidate.constants["d"] != 0:
            names.remove("undefined")
        phrases = [
            _WORDS[name][getattr(m, name)] for name in names if getattr(m, name) != getattr(reference.member, name)
        ]  # fmt: skip
        return phrases + _constants_in_words(candidate.constants, reference.constants, setting)

    def words(self, axis: str, option: str) -> str:
        """An option of an axis, in words."""
        return _WORDS[axis][option]

    def call(self, candidate: Candidate[Overlap], setting: Setting) -> str | None:
        """The call of `segloss_ref` that is the same, where there is one."""
        m, k = candidate.member, candidate.constants
        reference = self.reference(setting).member
        axis = {"image and class": "(2, 3)", "image": "(1, 2, 3)", "class": "(0, 2, 3)", "all": "None", "batch": "None"}
        plain = replace(m, region=reference.region, average="mean", power=reference.power, undefined="perfect")
        if plain != replace(reference, undefined="perfect") or m.average not in ("mean", "sum") or k["n"] > k["d"]:
            return None
        if m.power not in ("plain", "squared") or m.background != "kept" or (m.undefined != "perfect" and k["d"] == 0):
            return None
        keywords = [f"axis={axis[m.region]}"]
        if setting.takes == "logit":
            if setting.classes > 1 and m.region in ("image", "all"):
                return None
            keywords.insert(0, "from_logits=True")
        if setting.classes > 1 and m.region in ("image and class", "class"):
            keywords.insert(0, "class_axis=1")
        keywords.append(f"smooth={k['n']:g}" if k["n"] == k["d"] else f"smooth=({k['n']:g}, {k['d']:g})")
        keywords += [f"{name}={k[name]:g}" for name in ("fp_weight", "fn_weight", "gamma") if name in k]
        keywords += ["squared=True"] if m.power == "squared" else []
        keywords += ['reduction="sum"'] if m.average == "sum" else []
        return f"segloss_ref.{self.name}(pred, target, {', '.join(keywords)})"

    # Cases

    def pool(self, setting: Setting, seed: int, count: int) -> list[Probe]:
        """Random masks and predictions of several images, with absent classes, empty masks and confident pixels."""
        generator = np.random.default_rng(seed)
        return [probe(*_drawn(generator, setting), setting) for _ in range(count)]


def _multiple(average: str, classes: int, count: int) -> float:
    """By what the mean over regions is multiplied."""
    return {"mean": 1.0, "sum of classes": float(classes), "sum of images": count / classes, "sum": float(count)}[average]


def roots(function: Any, grid: Any) -> list[float]:
    """Where a function of one number is 0: between points of the grid that differ in sign, and at the points themselves."""
    values = [function(float(x)) for x in grid]
    found = [float(x) for x, value in zip(grid, values, strict=True) if abs(value) < 1e-13]
    for left, right, low, high in zip(grid, grid[1:], values, values[1:], strict=False):
        if low * high < 0 and min(abs(low), abs(high)) >= 1e-13:
            with suppress(ValueError):  # it may be undefined in between
                found.append(float(brentq(function, left, right, xtol=1e-15, rtol=1e-14)))
    return found


def _alike_everywhere(rows: Sequence[_Row]) -> bool:
    """Whether there are as many false positives as false negatives."""
    return all(abs(fp - fn) < 1e-12 for _, _, fp, fn, _ in rows)


def _weights_of(rows: Sequence[_Row], form: str, share: float | None) -> Any:
    """((n, d, w), inverse matrix) of three equations, w the sum of the weights, of which FP has `share`.

    Without a share ((n, d, a, b), inverse matrix) of four.
    """
    left, right = [], []
    for r, tp, fp, fn, _ in rows:
        hits = tp if form == "sizes" else 0.0
        a, b = -r * (fp + hits), -r * (fn + hits)
        left.append([1.0, -r, *((a, b) if share is None else (share * a + (1 - share) * b,))])
        right.append((r - 1) * tp)
    matrix = np.array(left)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
        return None
    inverse = np.linalg.inv(matrix)
    return (inverse @ np.array(right)).tolist(), inverse


def _tidied(raw: Constants, doubt: Constants, reference: Constants) -> Constants | None:
    """Constants as somebody would have written them; None where nobody would."""
    if any(not math.isfinite(raw[name]) for name in raw):
        return None
    tidy = {}
    for name, value in raw.items():
        tidy[name] = reference[name] if abs(value - reference.get(name, math.inf)) <= doubt[name] else nice(value, doubt[name])
    if abs(raw["n"] - raw["d"]) <= doubt["n"] + doubt["d"]:
        tidy["d"] = tidy["n"]
    if any(value < 0 for value in tidy.values()) or tidy["n"] > 2 * tidy["d"] + doubt["n"] + 2 * doubt["d"]:
        return None  # a perfect match would score more than the 2 that is known of
    return tidy


def _constants_in_words(k: Constants, reference: Constants, setting: Setting) -> list[str]:
    phrases = []
    n, d = k["n"], k["d"]
    if (n, d) != (reference["n"], reference["d"]):
        declared = setting.declared.get("smooth")
        if n == d:
            doubled = declared is not None and n == 2 * smooth_pair(declared)[0] > 0
            phrases.append("smooth counts double" if doubled else f"smooth {n:g}" if n else "no smoothing")
        elif n == 0:
            phrases.append(f"smooth {d:g} in the denominator alone")
        elif d == 0:
            phrases.append(f"smooth {n:g} in the numerator alone")
        elif n == 2 * d:
            phrases.append(f"smooth {d:g} inside the factor 2, 2 (I + s)/(P + T + s)")
        else:
            phrases.append(f"smooth {n:g} in the numerator and {d:g} in the denominator")
    if "fp_weight" in k:
        pair, wanted = (k["fp_weight"], k["fn_weight"]), (reference["fp_weight"], reference["fn_weight"])
        if pair == wanted[::-1] and pair != wanted:
            phrases.append(f"the two weights swapped: {pair[0]:g} on false positives, {pair[1]:g} on false negatives")
        elif pair != wanted:
            phrases.append(f"weight {pair[0]:g} on false positives and {pair[1]:g} on false negatives")
    if "gamma" in k and not math.isclose(k["gamma"], reference["gamma"], rel_tol=1e-9):
        inverse = math.isclose(k["gamma"], 1 / reference["gamma"], rel_tol=1e-9)
        phrases.append("exponent 1/gamma" if inverse else f"exponent {k['gamma']:g}")
    return phrases


def _alike(classes: int, right: int, wrong: int) -> tuple[Any, Any]:
    """In every class as many pixels right as wrong ones: the wrong ones are taken for the next class."""
    if classes == 1:
        # A wrong pixel is one false positive and one false negative.
        y = [1] * right + [1, 0] * wrong
        p = [1] * right + [0, 1] * wrong
        return np.array([[[p] * 2]], dtype=float), np.array([[[y] * 2]])
    labels = [c for c in range(classes) for _ in range(right + wrong)]
    chosen = [(c + (i >= right)) % classes for c in range(classes) for i in range(right + wrong)]
    hot = np.eye(classes)
    return (np.repeat(hot[row].T[None, :, None, :], 2, axis=2) for row in (chosen, labels))  # type: ignore[return-value]


def _favoured(classes: int) -> tuple[Any, Any]:
    """One class is taken for another, never the other way round."""
    if classes == 1:
        return np.ones((1, 1, 2, 3)), np.array([[[[1, 0, 0], [0, 0, 1]]]])
    labels = np.array([[c for c in range(classes) for _ in range(3)], [classes - 1] * (3 * classes)])
    chosen = np.where(np.arange(labels.size).reshape(labels.shape) % 3 == 1, classes - 1, labels)
    hot = np.eye(classes)
    p = hot[chosen]
    if classes > 2:  # unsure pixels, of which a threshold makes none or two of the classes
        p[1, -2:] = 0.0
        p[1, -2:, :3] = 0.37, 0.36, 0.27
    return np.moveaxis(p, -1, 0)[None], np.moveaxis(hot[labels], -1, 0)[None]


def _drawn(generator: np.random.Generator, setting: Setting) -> tuple[Any, Any]:
    classes = setting.classes
    images = int(generator.integers(1, 4)) if setting.images else 1
    shape = [(2, 2), (2, 3)][generator.integers(2)]  # few shapes: some libraries compile for each
    if classes == 1:
        y = generator.random((images, 1, *shape)) < generator.choice([0.2, 0.5, 0.8])
        if images > 1 and generator.random() < 0.6:
            y[generator.integers(images)] = False
        if not y.any():
            y[0, 0, 0, 0] = True
        p = generator.integers(0, 17, y.shape) / 16
        kind = generator.random()
        if kind < 0.2:
            p = np.round(p)
        elif kind < 0.5:
            p[~y.any(axis=(1, 2, 3))] = 0.0  # an empty target and an empty prediction
        return p, _softened(generator, y) if setting.soft else y
    labels = generator.integers(0, classes, (images, *shape))
    if generator.random() < 0.6:
        labels[labels == generator.integers(classes)] = classes - 1
    labels[:, -1, -1] = np.where((labels == 0).all(axis=(1, 2)), classes - 1, labels[:, -1, -1])
    y = np.moveaxis(np.eye(classes)[labels], -1, 1)
    kind = generator.random()
    if kind < 0.3:
        wrong = generator.random(labels.shape) < 0.3
        chosen = np.where(wrong, classes - 1, labels)
        return np.moveaxis(np.eye(classes)[chosen], -1, 1), y
    p = generator.dirichlet(np.full(classes, 0.7), labels.shape)
    p = np.round(p * 64) / 64
    p[..., -1] = 1 - p[..., :-1].sum(axis=-1)
    p = np.clip(p, 0, 1)
    return np.moveaxis(p, -1, 1), _softened(generator, y) if setting.soft else y


def _softened(generator: np.random.Generator, y: Any) -> Any:
    """A target that is not sure of its pixels."""
    if y.shape[1] == 1:
        return np.where(generator.random(y.shape) < 0.5, 0.25 + 0.5 * y, y)
    return np.where(generator.random(y[:, :1].shape) < 0.5, 0.75 * y + 0.25 * np.roll(y, 1, axis=1), y)


_POWERS = ("plain", "squared", "prediction squared", "elementwise", "semimetric")
_OUTPUTS = ("loss", "score", "negative", "log", "log of mean", "log cosh")
OVERLAPS: Mapping[str, OverlapFamily] = {
    "dice_loss": OverlapFamily("dice_loss", ("dice", "halved", "jaccard"), _POWERS, _OUTPUTS),
    "log_cosh_dice_loss": OverlapFamily(
        "log_cosh_dice_loss", ("dice", "halved", "jaccard"), _POWERS, ("log cosh", "loss", "score", "negative", "log", "log of mean")
    ),
    "jaccard_loss": OverlapFamily("jaccard_loss", ("jaccard", "dice", "halved"), _POWERS, _OUTPUTS),
    "tversky_loss": OverlapFamily("tversky_loss", ("weights", "sizes"), ("plain", "semimetric"), _OUTPUTS),
    "focal_tversky_loss": OverlapFamily(
        "focal_tversky_loss", ("weights", "sizes"), ("plain", "semimetric"), ("power", "power of mean")
    ),
}  # fmt: skip
"""The families of overlap losses, by the name of their reference."""
