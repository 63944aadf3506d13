"""The overlap losses: Dice, Jaccard, Tversky and what is made of them, by the choices in which implementations differ."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from segloss_ref import registry
from segloss_ref.domains import smooth_pair

from .inputs import alike_classes, drawn_regions, favoured_class, unnormalised
from .overlap_constants import Calibration, tidied
from .overlap_members import WORDS, Overlap, overlap_value
from .probes import Answer, Probe, Setting, probe
from .search import Candidate, Constants, Family, Told

__all__ = ["OVERLAPS", "Overlap", "OverlapFamily"]

_SOFT = ("prediction squared", "semimetric")
"""What differs from another option on soft targets alone."""


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
            sums = {
                "image and class": ["sum of classes", "sum of images", "sum"] if many else ["sum"],
                "image": ["sum"],
            }
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
            if output == "power of mean" and region in ("all", "batch"):
                continue  # the mean of one region
            if background == "zeroed" and (
                region not in ("image and class", "class") or absent_ != "kept" or average != "mean"
            ):
                continue
            if form == "sizes" and scale == "means":
                continue  # on balanced masks P and T are constants, as the smoothing is
            if "weights" in self.forms and (form, scale) != ("weights", "sums") and prepare != preparing[0]:
                continue  # of two faults at once the weights could not be told
            yield Overlap(prepare, background, power, form, region, absent_, average, scale, output, "perfect")

    def reference(self, setting: Setting) -> Candidate[Overlap]:
        """What `segloss_ref` does, with the parameters that were declared."""
        prepare = "as given" if setting.takes == "probability" else "softmax" if setting.competing else "sigmoid"
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
        return overlap_value(candidate, found, takes)

    # Constants

    def calibrations(self, setting: Setting) -> list[Probe]:
        """All classes alike, all wrong and some wrong; then, where there are two weights, one class favoured.

        None is a perfect match, at which some outputs lose half of their digits.
        """
        solved = [(0, 1), (2, 1)]
        if "weights" in self.forms:
            solved += [(1, 3), *([(3, 2)] if "power" in self.outputs else [])]
        found = [probe(*alike_classes(setting.classes, right, wrong), setting) for right, wrong in solved]
        return [*found, probe(*favoured_class(setting.classes), setting)] if "weights" in self.forms else found

    def fit(self, member: Overlap, told: Told) -> list[Candidate[Overlap]]:
        """The member with the constants that give these answers, once for each meaning of 0/0 where it can occur."""
        numbers = [answer for answer in told.answers if not isinstance(answer, str) and not math.isnan(answer)]
        if len(numbers) < len(told.answers):
            return []
        reference = self.reference(told.setting).constants
        other = next(((probe, answer) for probe, answer in told.others if not isinstance(answer, str)), None)
        calibration = Calibration(member, told.probes, numbers, told.precision, told.setting, reference, other)
        found = []
        for gamma in calibration.exponents():
            for raw, doubt in calibration.constants(gamma):
                written = [tidied(raw, doubt, reference)]
                if told.precision.name != "float64":  # a small constant of the reference may be 0 as well
                    written += [one for one in [tidied(raw, doubt, {})] if one != written[0]]
                for tidy in written:
                    if tidy is None or (member.scale == "means" and tidy["n"] == tidy["d"] == 0):
                        continue
                    if "gamma" in reference:
                        tidy["gamma"] = gamma
                    else:
                        tidy.pop("gamma", None)
                    meanings = WORDS["undefined"] if tidy["n"] == tidy["d"] == 0 else ("perfect",)
                    found += [Candidate(replace(member, undefined=meaning), tidy) for meaning in meanings]
        return found

    # Words

    def differences(self, candidate: Candidate[Overlap], setting: Setting) -> list[str]:
        """How it differs from the reference, a phrase each."""
        m, reference = candidate.member, self.reference(setting)
        names = [*WORDS]
        if candidate.constants["n"] or candidate.constants["d"]:
            names.remove("undefined")
        phrases = [
            WORDS[name][getattr(m, name)] for name in names if getattr(m, name) != getattr(reference.member, name)
        ]  # fmt: skip
        return phrases + _constants_in_words(candidate.constants, reference.constants, setting)

    def words(self, axis: str, option: str) -> str:
        """An option of an axis, in words."""
        return WORDS[axis][option]

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

    def solved(self, candidate: Candidate[Overlap]) -> Mapping[str, str]:
        """The constants, in words."""
        return {name: _NAMES[name] for name in candidate.constants}

    # Cases

    def others(self, setting: Setting, seed: int) -> list[Probe]:
        """Predictions that do not sum to 1: on those that do there are as many false positives as false negatives."""
        return unnormalised(setting, seed)

    def pool(self, setting: Setting, seed: int, count: int) -> list[Probe]:
        """Random masks and predictions of several images, with absent classes, empty masks and confident pixels."""
        generator = np.random.default_rng(seed)
        return [probe(*drawn_regions(generator, setting), setting) for _ in range(count)]


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


_NAMES = {
    "n": "smooth in the numerator", "d": "smooth in the denominator", "fp_weight": "weight on false positives",
    "fn_weight": "weight on false negatives", "gamma": "exponent",
}  # fmt: skip
_POWERS = ("plain", "squared", "prediction squared", "elementwise", "semimetric")
_OUTPUTS = ("loss", "score", "negative", "log", "log of mean", "log cosh")
OVERLAPS: Mapping[str, OverlapFamily] = {
    "dice_loss": OverlapFamily("dice_loss", ("dice", "halved", "jaccard"), _POWERS, _OUTPUTS),
    "log_cosh_dice_loss": OverlapFamily(
        "log_cosh_dice_loss", ("dice", "halved", "jaccard"), _POWERS, ("log cosh", *_OUTPUTS[:-1])
    ),
    "jaccard_loss": OverlapFamily("jaccard_loss", ("jaccard", "dice", "halved"), _POWERS, _OUTPUTS),
    "tversky_loss": OverlapFamily("tversky_loss", ("weights", "sizes"), ("plain", "semimetric"), _OUTPUTS),
    "focal_tversky_loss": OverlapFamily(
        "focal_tversky_loss", ("weights", "sizes"), ("plain", "semimetric"), ("power", "power of mean")
    ),
}  # fmt: skip
"""The families of overlap losses, by the name of their reference."""
