"""Cross-entropies and focal losses, by the choices in which implementations differ.

A pixel costs w1 y (1-p)^g (-log p) + w0 (1-y) p^g (-log(1-p)), or the true class's term alone. The weights, the exponent and
the epsilon of a clipped logarithm are solved for; which terms there are, what is divided by and what is done to the
prediction first are choices by name.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segloss_ref import registry

from .inputs import drawn_pixels, single_pixel
from .pixelwise_members import WORDS, Pixelwise
from .predictions import prepared
from .probes import Answer, Precision, Probe, Setting, probe, same
from .search import Candidate, Constants, Family, Told
from .solving import nice, roots

__all__ = ["PIXELWISE", "Pixelwise", "PixelwiseFamily"]


_USUAL = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)


def _power(x: Any, exponent: float) -> Any:
    if exponent <= 0:  # below 0 on the way to a root alone
        return np.maximum(x, 1e-6) ** exponent
    return np.maximum(x, 0) ** exponent


@dataclass(frozen=True)
class PixelwiseFamily(Family):
    """Members, calibration and words of one pixel-wise loss."""

    name: str

    @property
    def focal(self) -> bool:
        """Whether there is an exponent to be found."""
        return self.name == "focal_loss"

    @staticmethod
    def _expected(setting: Setting) -> str:
        """What the reference does to the prediction first."""
        return "as given" if setting.takes == "probability" else "softmax" if setting.competing else "sigmoid"

    def members(self, setting: Setting) -> Iterator[Pixelwise]:
        """The product of all choices that differ in a setting."""
        many = setting.classes > 1
        expected = self._expected(setting)
        preparing = ["as given"] if setting.takes == "probability" else ["softmax twice"] if many else []
        preparing += [
            "sigmoid",
            *(["softmax"] if many else []),
            *(["sigmoid twice"] if setting.takes == "logit" else []),
        ]
        divisors = ["elements", *(["pixels"] if many else []), "images", "nothing", "positives"]
        for one in itertools.product(
            preparing, ("kept", "dropped") if many else ("kept",), ("both", "true class") if many else ("both",),
            ("missed", "hit", "mean") if self.focal else ("missed",), ("exact", "naive", "clipped", "added"),
            ("constant",) if self.focal else ("constant", "image", "batch", "image inverted", "batch inverted"),
            [*divisors, "weights"],
            ("loss", "negative"),
        ):  # fmt: skip
            m = Pixelwise(*one)
            if m.logarithm != "exact" and (m.prepare != expected or m.modulator != "missed"):
                continue  # what is squashed twice, or multiplied by a power of p, shows nothing of an epsilon
            if m.logarithm == "naive" and (setting.takes == "probability" or m.terms == "true class"):
                continue  # a softmax underflows far beyond what is asked here
            if m.balance != "constant" and (m.divisor == "weights" or m.background == "dropped"):
                continue
            if m.divisor == "weights" and (m.background == "dropped" or (many and m.terms == "both")):
                continue
            if m.modulator == "mean" and m.divisor in ("images", "positives", "weights"):
                continue
            yield m

    def reference(self, setting: Setting) -> Candidate[Pixelwise]:
        """What `segloss_ref` does, with the parameters that were declared."""
        many = setting.competing
        balance, w1, w0, gamma = "constant", 1.0, 1.0, 0.0
        own = {
            name: setting.declared.get(name, found.default)
            for name, found in registry.losses[self.name].parameters.items()
        }
        if self.name == "balanced_cross_entropy":
            beta = own["beta"]
            balance = "constant" if beta is not None else "image" if setting.pool == "image" else "batch"
            w1, w0 = (1.0, 1.0) if beta is None else (beta, 1 - beta)
        elif self.name == "weighted_cross_entropy":
            w1 = float(own["beta"])
        elif self.focal:
            gamma = float(own["gamma"])
            w1, w0 = (1.0, 1.0) if own["alpha"] is None else (own["alpha"], 1 - own["alpha"])
        member = Pixelwise(
            self._expected(setting), "kept", "true class" if many else "both", "missed", "exact", balance,
            "pixels" if many else "elements", "loss",
        )  # fmt: skip
        return Candidate(member, {"w1": w1, "w0": w0, "gamma": gamma, "epsilon": 0.0})

    def _terms(
        self, m: Pixelwise, found: Probe, takes: str, gamma: float, epsilon: float, dtype: str
    ) -> tuple[Any, Any]:
        """(terms of weight w1, terms of weight w0), an array each, before weights and division."""
        key = (
            "terms",
            takes,
            m.prepare,
            m.background,
            m.terms,
            m.modulator,
            m.logarithm,
            m.balance,
            gamma,
            epsilon,
            dtype,
        )
        if key in found.cache:
            kept: tuple[Any, Any] = found.cache[key]
            return kept
        top = _top(epsilon, dtype)
        with np.errstate(all="ignore"):
            p, y = prepared(found, takes, m.prepare), found.target.astype(float)
            q = 1 - p
            log_p, log_q = np.log(p), np.log(q)
            if m.logarithm == "exact" and takes == "logit" and m.prepare in ("sigmoid", "softmax"):
                z = found.pred
                if m.prepare == "sigmoid":
                    log_p, log_q = -np.logaddexp(0, -z), -np.logaddexp(0, z)
                else:
                    log_p = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
                    others = [np.delete(z, c, axis=1) for c in range(z.shape[1])]
                    log_q = np.stack([np.logaddexp.reduce(o, axis=1) for o in others], axis=1)
                    log_q = log_q - np.logaddexp.reduce(z, axis=1, keepdims=True)
                q = np.exp(log_q)
            elif m.logarithm == "clipped":
                p = np.clip(p, epsilon, 1 - top)
                q = 1 - p
                log_p, log_q = np.log(p), np.log(q)
            elif m.logarithm == "added":
                log_p, log_q = np.log(p + epsilon), np.log(q + epsilon)
            up, down = (q, p) if m.modulator == "missed" else (p, q)
            factors = y * _power(up, gamma), (1 - y) * _power(down, gamma)  # 0 times infinity is 0
            hit, miss = (
                np.where(factor == 0, 0.0, -factor * log) for factor, log in zip(factors, (log_p, log_q), strict=True)
            )
            if m.balance != "constant":
                axes: tuple[int, ...] | None = (1, 2, 3) if m.balance.startswith("image") else None
                if m.terms == "true class" and y.shape[1] > 1:
                    axes = (2, 3) if m.balance.startswith("image") else (0, 2, 3)
                share = y.mean(axis=axes, keepdims=True)
                share = 1 - share if m.balance.endswith("inverted") else share
                hit, miss = hit * (1 - share), miss * share
        if m.background == "dropped":
            hit, miss = hit[:, 1:], miss[:, 1:]
        if m.terms == "true class":
            # With classes the two weights are those of the background and of every other class.
            miss = np.zeros_like(hit)
            if hit.shape[1] > 1 and m.background == "kept":
                miss[:, :1] = hit[:, :1]
                hit = np.concatenate([np.zeros_like(hit[:, :1]), hit[:, 1:]], axis=1)
        found.cache[key] = hit, miss
        return hit, miss

    def _sums(self, m: Pixelwise, found: Probe, takes: str, k: Constants) -> tuple[float, float, float]:
        """(S1, S0, divisor) of the value (w1 S1 + w0 S0)/divisor."""
        gamma = 0.0 if m.modulator == "mean" else k["gamma"]
        hit, miss = self._terms(m, found, takes, gamma, k["epsilon"], k.get("dtype", "float64"))
        images, _, *spatial = found.target.shape
        pixels = images * math.prod(spatial)
        y = found.target[:, 1:] if found.target.shape[1] > 1 else found.target
        divisor = {
            "elements": float(hit.size), "pixels": float(pixels), "images": float(images), "nothing": 1.0,
            "positives": max(float(y.sum()), 1.0), "weights": 1.0,
        }[m.divisor]  # fmt: skip
        return float(hit.sum()), float(miss.sum()), divisor

    def value(self, candidate: Candidate[Pixelwise], found: Probe, takes: str) -> Answer:
        """What a member with its constants answers."""
        m, k = candidate.member, candidate.constants
        s1, s0, divisor = self._sums(m, found, takes, k)
        if m.modulator == "mean":  # (1 - e^-M)^gamma M of the mean cross-entropy M
            mean = (s1 + s0) / divisor
            whole = k["w1"] * float(_power(-math.expm1(-mean), k["gamma"])) * mean if mean > 0 else 0.0
            return whole if m.sign == "loss" else -whole
        whole = (k["w1"] * s1 if k["w1"] else 0.0) + (k["w0"] * s0 if k["w0"] else 0.0)
        if m.divisor == "weights":
            divisor = self._weight(m, found, k)
        whole = whole / divisor if divisor else math.nan
        return whole if m.sign == "loss" else -whole

    def _weight(self, m: Pixelwise, found: Probe, k: Constants) -> float:
        """The sum of the weights of all terms that count."""
        y = found.target.astype(float)
        first = y[:, :1]
        if m.background == "dropped":
            y = y[:, 1:]
        if m.terms == "both":
            return float(k["w1"] * y.sum() + k["w0"] * (1 - y).sum())
        if y.shape[1] == 1 or m.background == "dropped":
            return float(k["w1"] * y.sum())
        return float(k["w1"] * (y.sum() - first.sum()) + k["w0"] * first.sum())

    # Constants

    def calibrations(self, setting: Setting) -> list[Probe]:
        """One pixel, foreground at two probabilities and background at one; then a foreground pixel at probability 0.

        Where weights are frequencies, a region of one pixel has none: so every pixel is asked beside a certain one of the
        other kind, which costs nothing.
        """
        levels = [(1, 0.5), (1, 0.3), (0, 0.7), (1, 0.0)] if self.focal else [(1, 0.3), (0, 0.7), (1, 0.0)]
        return [probe(*single_pixel(setting.classes, y, p), setting) for y, p in levels]

    def fit(self, member: Pixelwise, told: Told) -> list[Candidate[Pixelwise]]:
        """The member with the weights, exponents and epsilons that give these answers."""
        numbers = [float(answer) for answer in told.answers]  # the last may be inf, or 0 times inf
        if not all(math.isfinite(number) for number in numbers[:-1]):
            return []
        sign = 1.0 if member.sign == "loss" else -1.0
        wanted = [sign * number for number in numbers]
        found: list[Candidate[Pixelwise]] = []
        for gamma in self._gammas(member, told, wanted, 0.0):
            for rough in self._epsilons(member, told, wanted, gamma):
                for epsilon in dict.fromkeys([nice(rough, 1e-4 * rough), rough]):
                    candidate = self._candidate(member, told, wanted, gamma, epsilon)
                    if candidate is None:
                        continue
                    answer = self.value(candidate, told.probes[-1], told.setting.takes)
                    if epsilon == 0 or same(answer, numbers[-1], told.precision):
                        if all(candidate.constants != one.constants for one in found):
                            found.append(candidate)
                        break
        return found

    def _candidate(
        self, m: Pixelwise, told: Told, wanted: Sequence[float], gamma: float, epsilon: float
    ) -> Candidate[Pixelwise] | None:
        """The member with this epsilon, an exponent near `gamma`, and the weights that follow; None where they cannot be."""
        reference = self.reference(told.setting).constants
        near = [one for one in self._gammas(m, told, wanted, epsilon) if abs(one - gamma) < 1e-2]
        exponent = nice(near[0] if near else gamma, 1e-7 if told.precision.name == "float64" else 2e-3)
        weights = self._weights(m, told, wanted, exponent, epsilon)
        if weights is None or min(weights) < -1e-6 or max(weights) > 1e3 or sum(weights) < 1e-6 or exponent < 0:
            return None
        if m.divisor == "weights" and abs(weights[0] - weights[1]) < 1e-6:
            return None  # then they are pixels
        w1, w0 = (_tidy(w, name, reference, told.precision) for w, name in zip(weights, ("w1", "w0"), strict=True))
        # With a fixed number of classes a mean over them is a sum over them at other weights: keep the plainer one.
        times = {"elements": 1 / told.setting.classes, "pixels": float(told.setting.classes)}.get(m.divisor, 0.0)
        plain = math.isclose(w1 * times, reference["w1"]) and math.isclose(w0 * times, reference["w0"])
        if told.setting.classes > 1 and (plain or (w0 == 0 and m.terms == "both")):
            return None
        k = {"w1": w1, "w0": w0, "gamma": exponent, "epsilon": epsilon}
        return Candidate(m, k | ({} if told.precision.name == "float64" else {"dtype": told.precision.name}))

    def _epsilons(self, m: Pixelwise, told: Told, wanted: Sequence[float], gamma: float) -> list[float]:
        """The epsilon that the answer at probability 0 tells; so small a number does not move the other answers."""
        if m.logarithm in ("exact", "naive"):
            return [0.0]
        weights = self._weights(m, told, wanted, gamma, 0.0)
        if weights is None or not math.isfinite(wanted[-1]):
            return []
        k = {"w1": weights[0], "w0": weights[1], "gamma": gamma, "dtype": told.precision.name}

        def residual(log_epsilon: float) -> float:
            answer = self.value(
                Candidate(m, k | {"epsilon": math.exp(log_epsilon)}), told.probes[-1], told.setting.takes
            )
            return (answer if m.sign == "loss" else -answer) - wanted[-1]

        grid = np.linspace(math.log(1e-45), math.log(1e-2), 3)
        if abs(residual(float(grid[0]))) <= 1e-6 * abs(wanted[-1]):
            return []  # nothing is cut off
        return [math.exp(x) for x in roots(residual, grid)]

    def _gammas(self, m: Pixelwise, told: Told, wanted: Sequence[float], epsilon: float) -> list[float]:
        """Exponents with which the answers at three probabilities agree."""
        if not self.focal:
            return [0.0]
        key = ("gammas", m.prepare, m.background, m.terms, m.modulator, m.logarithm, m.divisor, epsilon, *wanted)
        known: dict[Any, list[float]] = told.probes[0].cache

        def residual(gamma: float) -> float:
            weights = self._weights(m, told, wanted, gamma, epsilon)
            if weights is None:
                return math.nan
            k = {"w1": weights[0], "w0": weights[1], "gamma": gamma, "epsilon": epsilon, "dtype": told.precision.name}
            answer = self.value(Candidate(m, k), told.probes[1], told.setting.takes)
            return (answer if m.sign == "loss" else -answer) - wanted[1]

        if key not in known:
            found = roots(residual, np.linspace(-0.05, 6.0, 25))
            # Two roots may lie side by side, where no sign changes.
            known[key] = [*found, *(one for one in _USUAL if abs(residual(one)) < 1e-6)]
        return known[key]

    def _weights(
        self, m: Pixelwise, told: Told, wanted: Sequence[float], gamma: float, epsilon: float
    ) -> tuple[float, float] | None:
        """The two weights that give the answers to the first foreground pixel and to the background pixel."""
        if m.balance != "constant":
            return 1.0, 1.0
        k = {"gamma": gamma, "epsilon": epsilon, "dtype": told.precision.name, "w1": 1.0, "w0": 1.0}
        takes = told.setting.takes
        if m.modulator == "mean":
            whole = abs(self.value(Candidate(m, k), told.probes[0], takes))
            return (wanted[0] / whole, wanted[0] / whole) if whole else None
        one, other = 0, len(told.probes) - 2
        (a, b, da), (c, d, dc) = (self._sums(m, told.probes[i], takes, k) for i in (one, other))
        r, s = wanted[one] * da, wanted[other] * dc
        if m.divisor == "weights":  # w1 (S1 - r Y) + w0 (S0 - r N) = 0 of both probes: the ratio alone can be known
            rows = []
            for i, s1, s0, answer in ((one, a, b, r), (other, c, d, s)):
                ends = [self._weight(m, told.probes[i], {"w1": w, "w0": 1 - w}) for w in (1.0, 0.0)]
                rows.append([s1 - answer * ends[0], s0 - answer * ends[1]])
            if not np.isfinite(rows).all():
                return None
            w1, w0 = np.linalg.svd(np.array(rows))[2][-1].tolist()
            return (1.0, w0 / w1) if w1 * w0 > 0 else None
        determinant = a * d - b * c
        if not math.isfinite(determinant):
            return None
        if abs(determinant) > 1e-9:
            return (r * d - s * b) / determinant, (a * s - c * r) / determinant
        if abs(r * c - s * a) > 1e-9 * max(1.0, abs(r), abs(s)) or a <= 0:
            return None
        # With two classes that exclude each other, or without background terms, the first answer settles what can be.
        w1, w0 = (self.reference(told.setting).constants[name] for name in ("w1", "w0")) if b > 0 else (1.0, 0.0)
        scale = r / (w1 * a + w0 * b)
        return scale * w1, scale * w0

    # Words

    def differences(self, candidate: Candidate[Pixelwise], setting: Setting) -> list[str]:
        """How it differs from the reference, a phrase each."""
        m, k, reference = candidate.member, candidate.constants, self.reference(setting)
        phrases = [
            WORDS[name][getattr(m, name)] for name in WORDS if getattr(m, name) != getattr(reference.member, name)
        ]
        if k["epsilon"]:
            if abs(math.log(k["epsilon"]) + 100) < 1e-3:
                phrases.remove(WORDS["logarithm"][m.logarithm])
                phrases.append("logarithms cut off at -100")
            else:
                phrases.append(f"epsilon {k['epsilon']:g}")
        r = reference.constants
        if not math.isclose(k["gamma"], r["gamma"], rel_tol=1e-9, abs_tol=1e-12):
            inverse = r["gamma"] and math.isclose(k["gamma"], 1 / r["gamma"], rel_tol=1e-9)
            phrases.append("exponent 1/gamma" if inverse else f"exponent gamma {k['gamma']:g}")
        return phrases + self._weights_in_words(m, k, r, setting)

    def _weights_in_words(self, m: Pixelwise, k: Constants, r: Constants, setting: Setting) -> list[str]:
        pair, wanted = (k["w1"], k["w0"]), (r["w1"], r["w0"])
        if all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(pair, wanted, strict=True)):
            pair = wanted
        if pair == wanted or m.balance != "constant":
            return []
        if pair[1] == 0 and wanted[1] != 0 and setting.classes == 1:
            return ["the background's term is missing", *([f"weight {pair[0]:g}"] if pair[0] != wanted[0] else [])]
        if m.background == "dropped" and m.terms == "true class" and pair[0] == wanted[0]:
            return []
        names = (
            ("foreground", "background")
            if setting.classes == 1 or m.terms == "true class"
            else ("true class", "others")
        )
        if self.focal:
            if pair == (1.0, 1.0):
                return ["no alpha"]
            if pair[0] == pair[1]:
                return [f"alpha {pair[0]:g} on both sides" if pair[0] <= 1 else f"multiplied by {pair[0]:g}"]
            if math.isclose(sum(pair), 1.0, rel_tol=1e-9):
                if setting.declared.get("alpha") is not None and math.isclose(pair[0], wanted[1]):
                    return [f"alpha on the negatives: {pair[0]:g} on the {names[0]}, {pair[1]:g} on the {names[1]}"]
                return [f"alpha {pair[0]:g} on the {names[0]}, {pair[1]:g} on the {names[1]}"]
        if all(math.isclose(a, b) for a, b in zip(pair, reversed(wanted), strict=True)):
            return [f"the two weights swapped: {pair[0]:g} on the {names[0]}, {pair[1]:g} on the {names[1]}"]
        return [f"weight {pair[0]:g} on the {names[0]} and {pair[1]:g} on the {names[1]}"]

    def words(self, axis: str, option: str) -> str:
        """An option of an axis, in words."""
        return WORDS[axis][option]

    def solved(self, candidate: Candidate[Pixelwise]) -> Mapping[str, str]:
        """The constants that the answers should fix, in words."""
        names = {} if candidate.member.balance != "constant" else {"w1": "weight on the foreground"}
        if candidate.member.modulator != "mean" and names:
            names["w0"] = "weight on the background"
        if candidate.member.divisor == "weights":
            del names["w1"]  # their ratio is all that matters
        return names | ({"gamma": "exponent"} if self.focal else {}) | {"epsilon": "epsilon"}

    # Cases

    def pool(self, setting: Setting, seed: int, count: int) -> list[Probe]:
        """Random pixels of several images; some at probability 0 or 1, and some images of one class only."""
        generator = np.random.default_rng(seed)
        return [probe(*drawn_pixels(generator, setting), setting) for _ in range(count)]


def _tidy(w: float, name: str, reference: Constants, precision: Precision) -> float:
    doubt = 16 * precision.unit * max(1.0, abs(w))
    return reference[name] if abs(w - reference[name]) <= doubt else nice(w, doubt)


def _top(epsilon: float, dtype: str) -> float:
    """What is left of epsilon in 1 - epsilon, in a dtype: 1.19e-7 of 1e-7 in float32, 0 in float16."""
    if dtype not in ("float32", "float16"):
        return epsilon
    kind = np.dtype(dtype).type
    return 1.0 - float(kind(1) - kind(epsilon))


PIXELWISE: Mapping[str, PixelwiseFamily] = {
    name: PixelwiseFamily(name)
    for name in ("binary_cross_entropy", "weighted_cross_entropy", "balanced_cross_entropy", "focal_loss")
}
"""The families of pixel-wise losses, by the name of their reference."""
