"""Every member of every family, asked as if it were somebody's function: is it found, and after how many probes?

``python -m segloss_conformance.identify.survey [FAMILY ...] [--members N] [--seed N]``; without ``--members`` all of them,
which takes hours.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segloss_ref import registry

from . import FAMILIES
from .overlap_members import Overlap
from .pixelwise import Pixelwise
from .probes import RAISES, Ask, Precision, Setting, same
from .search import Candidate, Constants, Family, search

__all__ = ["Surveyed", "main", "settings_of", "survey"]

_EXACT = Precision("exact", 1e-8, 1e-10, 0.0)


@dataclass(frozen=True)
class Surveyed:
    """A member that was asked, what it took to find it, and whether what was found answers as it does."""

    candidate: Candidate[Any]
    probes: int
    seconds: float
    found: bool


def settings_of(family: Family) -> list[Setting]:
    """The settings in which a family is asked."""
    if family.raising:
        return [Setting(family.name)]
    counts = (1, 3) if registry.losses[family.name].categorical else (1,)
    return [Setting(family.name, takes, classes) for takes in ("probability", "logit") for classes in counts]


def _constants(family: Family, member: Any, setting: Setting, generator: np.random.Generator) -> Constants:
    """Constants as implementations have them."""

    def pick(*values: Any) -> Any:
        return values[int(generator.integers(len(values)))]

    k: dict[str, Any] = dict(family.reference(setting).constants)
    if isinstance(member, Overlap):
        k["d"] = pick(0.0, 1e-7, 1e-5, 1.0)
        k["n"] = pick(k["d"], k["d"], 0.0)
        for name in ("fp_weight", "fn_weight"):
            if name in k:
                k[name] = pick(0.3, 0.5, 0.7, 1.0)
        if "gamma" in k:
            k["gamma"] = pick(0.75, 4 / 3, 2.0, 1.3)
    elif isinstance(member, Pixelwise):
        k["w1"] = pick(1.0, 0.25, 0.75)
        k["w0"] = pick(1.0, 1 - k["w1"] or 1.0, k["w1"])
        if member.balance != "constant":
            k["w1"] = k["w0"] = 1.0
        if member.divisor == "weights":
            k["w1"], k["w0"] = 1.0, pick(0.25, 4.0)
        if setting.classes == 1 and member.terms == "true class":
            k["w0"] = 0.0
        if family.name == "focal_loss":
            k["gamma"] = pick(0.0, 0.5, 1.0, 2.0, 2.5)
        k["epsilon"] = pick(1e-7, 1e-8) if member.logarithm in ("clipped", "added") else 0.0
    else:
        k["both"] = pick(math.nan, 0.0, 1.0, RAISES)
        k["no_pred"] = pick(math.inf, math.nan, 0.0, RAISES, 374.0)
        k["no_target"] = pick(math.inf, k["no_pred"])
        if "percentile" in k:
            k["percentile"] = pick(100.0, 95.0, 90.0, 50.0)
    return k


def _acted(family: Family, candidate: Candidate[Any], setting: Setting) -> Ask:
    def ask(found: Any) -> Any:
        value = family.value(candidate, found, setting.takes)
        if value is RAISES:
            raise ValueError("as this convention has it")
        return value

    return ask


def survey(family: Family, setting: Setting, members: int | None, seed: int = 0) -> Iterator[Surveyed]:
    """Ask `members` members, drawn at random; all of them where None."""
    generator = np.random.default_rng(seed)
    everyone = list(family.members(setting))
    chosen = everyone
    if members is not None and members < len(everyone):
        chosen = [everyone[i] for i in generator.choice(len(everyone), members, replace=False)]
    fresh = family.pool(setting, seed + 2, 12)
    for member in chosen:
        candidate = Candidate(member, _constants(family, member, setting, generator))
        finding = search(family, _acted(family, candidate, setting), setting, seed=seed, confirm=20)
        alike = bool(finding.candidates) and all(
            same(
                family.value(finding.candidates[0], one, setting.takes),
                family.value(candidate, one, setting.takes),
                _EXACT,
            )
            for one in fresh
        )
        yield Surveyed(candidate, finding.probes, finding.seconds, alike)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line a family and setting, and every member that is not found; 1 where there is one."""
    parser = argparse.ArgumentParser(prog="python -m segloss_conformance.identify.survey", description=__doc__)
    parser.add_argument("families", nargs="*", default=[*FAMILIES], metavar="FAMILY")
    parser.add_argument("--members", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    missed = 0
    for name in options.families:
        for setting in settings_of(FAMILIES[name]):
            found = list(survey(FAMILIES[name], setting, options.members, options.seed))
            lost = [one for one in found if not one.found]
            missed += len(lost)
            probes, seconds = [one.probes for one in found], [one.seconds for one in found]
            print(
                f"{name:26} {setting.takes:11} {setting.classes} classes: {len(found)} members, "
                f"probes {np.mean(probes):.2f} mean {max(probes)} max, {max(seconds):.1f} s at most, {len(lost)} not found",
                flush=True,
            )
            for one in lost:
                print("   ", one.candidate)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
