"""The constants of an overlap loss: smoothing, weights and exponent, solved for from a handful of answers.

On the calibrating probes all regions have the same sums whatever they are pooled over, so that every answer is one equation,
linear in smoothing and weights once the exponent is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .overlap_members import FORMS, Overlap, multiple_of, overlap_value, score_of, sums_of
from .probes import Precision, Probe, Setting
from .search import Candidate, Constants
from .solving import nice, roots

__all__ = ["Calibration", "tidied"]

_Row = tuple[float, float, float, float, float]
"""r, TP, FP, FN, and how far r may be off."""
_Doubted = tuple[Constants, Constants]
"""Constants, and how far they may be off."""


@dataclass(frozen=True)
class Calibration:
    """The answers to the calibrating probes, read as those of one member."""

    member: Overlap
    probes: Sequence[Probe]
    answers: Sequence[float]
    precision: Precision
    setting: Setting
    reference: Constants
    other: tuple[Probe, float] | None = None
    """A prediction that does not sum to 1, and the answer."""

    def rows(self, gamma: float, unit: float = 0.0) -> list[_Row]:
        """One equation a probe; with two weights, the last probe favours one class and is none."""
        m = self.member
        count = len(self.probes) if m.form in FORMS else len(self.probes) - 1
        found = []
        for probe, answer in zip(self.probes[:count], self.answers[:count], strict=True):
            classes, regions = sums_of(probe, self.setting.takes, m)
            tp, fp, fn, pixels, _ = regions[0]
            size = pixels if m.scale == "means" else 1.0
            multiple = multiple_of(m.average, classes, len(regions))
            if m.background == "zeroed":
                multiple *= 1 - 1 / self.setting.classes

            def score(value: float, multiple: float = multiple) -> float:
                if m.output == "power of mean":
                    return 1 - value ** (1 / gamma) / multiple if value >= 0 else math.nan
                return score_of(m.output, value / multiple, gamma)

            r = score(answer)
            noise = unit * max(1.0, abs(answer)) if math.isfinite(answer) else 0.0
            least = max(answer - noise, 0.0) if answer >= 0 else answer - noise
            doubt = max(abs(score(answer + noise) - r), abs(score(least) - r))
            found.append((r, tp / size, fp / size, fn / size, doubt))
        return found

    def exponents(self) -> list[float]:
        """Exponents in use, and those with which the answers do not contradict each other; 1 where there is none."""
        m = self.member
        if not m.output.startswith("power"):
            return [1.0]
        declared = self.reference["gamma"]
        sums = tuple(row[1:4] for row in self.rows(declared))
        key = ("exponents", m.output, m.form, m.average, m.background, m.region, sums, *self.answers)
        known: dict[Any, list[float]] = self.probes[0].cache
        if key not in known:
            doubt = 1e-6 if self.precision.name == "float64" else 2e-3
            found = roots(lambda x: self._contradiction(math.exp(x)), np.linspace(math.log(0.2), math.log(5.0), 33))
            known[key] = [*dict.fromkeys([declared, 1 / declared, 1.0, *(nice(math.exp(x), doubt) for x in found)])]
        return known[key]

    def _contradiction(self, gamma: float) -> float:
        """By how much the answer that is not needed for smoothing and weights differs from what follows from them."""
        m, rows = self.member, self.rows(gamma)
        # Where FP and FN are alike, and in means of balanced masks, the fourth equation is the one that is not needed.
        alike = m.scale == "means" or _alike_everywhere(rows)
        solution = _weights_of(rows[:3] if alike else rows, m.form, 0.5 if alike else None)
        if solution is None:
            return math.nan
        n, d, *weights = solution[0]
        a, b = (weights[0] / 2, weights[0] / 2) if alike else weights
        if not alike:
            return self._favoured({"n": n, "d": d, "fp_weight": a, "fn_weight": b, "gamma": gamma})
        r, tp, fp, fn, _ = rows[3]
        return float(n + tp - r * ((1 + a + b if m.form == "sizes" else 1) * tp + a * fp + b * fn + d))

    def _favoured(self, constants: Constants, asked: tuple[Probe, float] | None = None) -> float:
        """By how much the answer to the last probe, or to another, differs from the member's with these constants."""
        probe, answer = asked or (self.probes[-1], self.answers[-1])
        return float(overlap_value(Candidate(self.member, constants), probe, self.setting.takes)) - answer

    def constants(self, gamma: float) -> Iterator[_Doubted]:
        """The constants, given the exponent."""
        rows = self.rows(gamma, self.precision.unit)
        if not all(math.isfinite(row[0]) for row in rows):
            return
        if self.member.form in FORMS:
            yield from self._smoothing(rows)
            return
        for share in self._shares(rows, gamma):
            found = self._weighted(rows, gamma, share)
            if found is not None:
                yield found

    def _smoothing(self, rows: Sequence[_Row]) -> Iterator[_Doubted]:
        """n and d from two equations n - r d = r (v TP + a FP + b FN) - u TP."""
        u, v, a, b = FORMS[self.member.form]
        (r0, *s0, e0), (r1, *s1, e1) = rows
        below = [v * tp + a * fp + b * fn for tp, fp, fn in (s0, s1)]
        if abs(r1 - r0) < 1e-4:
            return
        d = ((r0 * below[0] - u * s0[0]) - (r1 * below[1] - u * s1[0])) / (r1 - r0)
        doubt = (e0 * abs(below[0] + d) + e1 * abs(below[1] + d)) / abs(r1 - r0)
        n = r0 * (below[0] + d) - u * s0[0]
        yield {"n": n, "d": d}, {"n": e0 * abs(below[0] + d) + abs(r0) * doubt, "d": doubt}

    def _weighted(self, rows: Sequence[_Row], gamma: float, share: float | None) -> _Doubted | None:
        """Smoothing and weights; false positives have `share` of the weights' sum, or a weight of their own where None."""
        solution = _weights_of(rows if share is None else rows[:3], self.member.form, share)
        if solution is None:
            return None
        (n, d, *weights), inverse = solution
        a, b = weights if share is None else (share * weights[0], (1 - share) * weights[0])
        noise = [e * abs(tp + a * (fp + tp) + b * (fn + tp) + d) for _, tp, fp, fn, e in rows[: len(inverse)]]
        doubts = (np.abs(inverse) @ np.array(noise)).tolist()
        found = {"n": n, "d": d, "fp_weight": a, "fn_weight": b, "gamma": gamma}
        return found, dict(zip(found, (doubts[0], doubts[1], doubts[2], doubts[-1], 0.0), strict=True))

    def _shares(self, rows: Sequence[_Row], gamma: float) -> list[float] | list[None]:
        """The shares that false positives may have; None where the weights follow from four equations."""
        alike = _alike_everywhere(rows)
        if not alike and len(rows) > 3 and self.member.scale == "sums":
            return [None]
        once = self._weighted(rows, gamma, 0.5) if alike else None  # then the share does not matter to the equations
        if alike and once is None:
            return []

        def residual(share: float, asked: tuple[Probe, float] | None = None) -> float:
            found = once or self._weighted(rows, gamma, share)
            if found is None:
                return math.nan
            both = found[0]["fp_weight"] + found[0]["fn_weight"]
            return self._favoured(found[0] | {"fp_weight": share * both, "fn_weight": (1 - share) * both}, asked)

        grid = np.linspace(0.0, 1.0, 9).tolist()
        if all(abs(residual(share)) < 1e-12 for share in grid[::2]):
            # Pooled over classes that exclude each other there are as many false positives as false negatives.
            # Only predictions that do not sum to 1 tell the share, where they are taken.
            a, b = self.reference["fp_weight"], self.reference["fn_weight"]
            usual = [a / (a + b) if a + b else 0.5]
            return usual + (roots(lambda share: residual(share, other), grid) if (other := self.other) else [])
        return roots(residual, grid)


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


def tidied(raw: Constants, doubt: Constants, reference: Constants) -> Constants | None:
    """Constants as somebody would have written them; None where nobody would."""
    if any(not math.isfinite(raw[name]) for name in raw):
        return None
    tidy = {}
    for name, value in raw.items():
        tidy[name] = (
            reference[name] if abs(value - reference.get(name, math.inf)) <= doubt[name] else nice(value, doubt[name])
        )
    if abs(raw["n"] - raw["d"]) <= doubt["n"] + doubt["d"]:
        tidy["d"] = tidy["n"]
    if any(value < 0 for value in tidy.values()):
        return None
    return tidy
