"""Distances between surfaces, by the choices in which implementations differ; every member by all pairs on tiny masks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .probes import RAISES, Answer, Precision, Probe, Setting, same
from .search import Candidate, Constants, Family, Told
from .solving import nice, roots

__all__ = ["SURFACES", "Surface", "SurfaceFamily"]


@dataclass(frozen=True, slots=True)
class Surface:
    """One way to measure how far two surfaces are apart, up to a percentile and what is said of empty masks."""

    surface: str
    border: str
    spacing: str
    metric: str
    to: str
    statistic: str
    combine: str


_WORDS: dict[str, dict[str, str]] = {
    "surface": {
        "voxel": "surface voxels that have a face neighbour outside",
        "voxel_full": "surface voxels that have any neighbour outside (voxel_full)",
        "surfel": "surface elements between voxels, weighted by their area (surfel)",
        "surfel unweighted": "surface elements between voxels, all alike",
        "filled": "all voxels of the masks in place of their surfaces",
        "outer": "the voxels just outside the masks in place of those inside",
    },
    "border": {
        "background": "beyond the image is background",
        "ignore": "the image's edge is no surface (border ignored)",
    },
    "spacing": {"used": "spacing is used", "ignored": "spacing is ignored", "reversed": "spacing is taken in reversed order"},
    "metric": {
        "euclidean": "Euclidean distances",
        "taxicab": "taxicab distances",
        "chessboard": "chessboard distances",
        "squared": "squared distances: no root is taken",
    },
    "to": {"surface": "distances to the other surface", "mask": "distances to the other mask, 0 inside it"},
    "statistic": {
        "linear": "percentiles interpolated",
        "attained": "percentiles are attained distances",
        "lower": "percentiles rounded to the next lower distance",
        "higher": "percentiles rounded to the next higher distance",
        "nearest": "percentiles rounded to the nearest distance",
        "midpoint": "percentiles halfway between two distances",
        "mean": "the mean distance",
        "rms": "the root of the mean squared distance",
        "median": "the median distance",
        "<=": "distances up to and with the tolerance",
        "<": "distances below the tolerance, without it",
    },
    "combine": {
        "max": "the larger of the two directions",
        "pooled": "both directions pooled",
        "mean": "the mean of the two directions",
        "pred_to_target": "from the prediction to the target alone",
        "target_to_pred": "from the target to the prediction alone",
    },
}  # fmt: skip
_COMBINE = ("max", "pooled", "mean", "pred_to_target", "target_to_pred")
_EMPTY = ("both", "no_pred", "no_target")
_USUAL = (100.0, 95.0, 99.0, 98.0, 90.0, 75.0, 50.0, 0.95, 1.0)

_Sets = tuple[Any, Any, Any, Any]
"""Distances from prediction to target, their weights, and the same the other way round."""


def _neighbours(mask: Any, full: bool, beyond: bool) -> Any:
    """Whether each pixel has a neighbour outside the mask; `beyond`: whether what lies beyond the image is outside."""
    padded = np.pad(mask, 1, constant_values=not beyond)
    found = np.zeros(mask.shape, dtype=bool)
    rows, columns = mask.shape
    for i, j in itertools.product((-1, 0, 1), repeat=2):
        if (i or j) and (full or not (i and j)):
            found |= ~padded[1 + i : 1 + i + rows, 1 + j : 1 + j + columns]
    return found


def _elements(mask: Any, m: Surface, spacing: tuple[float, float]) -> tuple[Any, Any]:
    """(positions in physical units, weights) of a mask's surface elements."""
    if m.surface.startswith("surfel"):
        inside = np.pad(mask, 1)
        corners = [inside[:-1, :-1], inside[:-1, 1:], inside[1:, :-1], inside[1:, 1:]]
        count = sum(corner.astype(int) for corner in corners)
        a, b = spacing
        diagonal = math.hypot(a, b) / 2
        across = (
            corners[0] & corners[3] & ~corners[1] & ~corners[2] | corners[1] & corners[2] & ~corners[0] & ~corners[3]
        )
        beside = (
            corners[0] & corners[2] & ~corners[1] & ~corners[3] | corners[1] & corners[3] & ~corners[0] & ~corners[2]
        )
        length = np.where(
            (count == 1) | (count == 3),
            diagonal,
            np.where(count == 2, np.where(across, 2 * diagonal, np.where(beside, a, b)), 0),
        )
        if m.border == "ignore":
            length[[0, -1], :] = 0
            length[:, [0, -1]] = 0
        places = np.argwhere(length > 0) - 0.5
        weights = length[length > 0]
        weights = np.ones_like(weights) if m.surface == "surfel unweighted" else weights
    else:
        beyond = m.border == "background"
        if m.surface == "filled":
            chosen = mask
        elif m.surface == "outer":
            chosen = ~mask & _neighbours(~mask, False, False)
        else:
            chosen = mask & _neighbours(mask, m.surface == "voxel_full", beyond)
        places = np.argwhere(chosen).astype(float)
        weights = np.ones(len(places))
    return places * np.array(spacing), weights


def _pairwise(a: Any, b: Any, metric: str) -> Any:
    gap = np.abs(a[:, None, :] - b[None, :, :])
    if metric in ("euclidean", "squared"):
        square = (gap**2).sum(axis=-1)
        return square if metric == "squared" else np.sqrt(square)
    return gap.sum(axis=-1) if metric == "taxicab" else gap.max(axis=-1)


def _sets(found: Probe, m: Surface) -> _Sets | None:
    """Both directed sets of distances, kept with the probe; None where a surface is empty."""
    key = (m.surface, m.border, m.spacing, m.metric, m.to)
    if key not in found.cache:
        spacing = tuple(found.keywords.get("spacing", (1.0, 1.0)))
        spacing = {"used": spacing, "ignored": (1.0, 1.0), "reversed": spacing[::-1]}[m.spacing]
        pred, target = found.pred.astype(bool), found.target.astype(bool)
        (a, wa), (b, wb) = _elements(pred, m, spacing), _elements(target, m, spacing)
        if len(a) == 0 or len(b) == 0:
            found.cache[key] = None
        else:
            far = [b, a]
            if m.to == "mask":
                far = [np.argwhere(mask) * np.array(spacing) for mask in (target, pred)]
            found.cache[key] = (
                _pairwise(a, far[0], m.metric).min(axis=1), wa, _pairwise(b, far[1], m.metric).min(axis=1), wb,
            )  # fmt: skip
    sets: _Sets | None = found.cache[key]
    return sets


def _percentile(d: Any, w: Any, q: float, how: str) -> float:
    order = np.argsort(d, kind="stable")
    d, w = d[order], w[order]
    if how == "attained":
        share = np.cumsum(w) / w.sum()
        return float(d[min(int(np.searchsorted(share, q / 100 - 1e-12)), len(d) - 1)])
    place = (len(d) - 1) * min(max(q, 0.0), 100.0) / 100
    low, high = d[math.floor(place + 1e-12)], d[math.ceil(place - 1e-12)]
    if how == "lower":
        return float(low)
    if how == "higher":
        return float(high)
    if how == "midpoint":
        return float((low + high) / 2)
    if how == "nearest":
        return float(d[round(place)])
    return float(low + (high - low) * (place - math.floor(place + 1e-12)))


@dataclass(frozen=True)
class SurfaceFamily(Family):
    """Members, calibration and words of one surface metric."""

    name: str
    statistics: tuple[str, ...]
    combine: tuple[str, ...]
    raising = True

    @property
    def ranked(self) -> bool:
        """Whether there is a percentile to be found."""
        return self.name == "hausdorff_distance"

    def members(self, setting: Setting) -> Iterator[Surface]:
        """The product of the choices that make sense together."""
        for surface, border, spacing, metric, to, statistic, combine in itertools.product(
            ("voxel", "voxel_full", "surfel", "surfel unweighted", "filled", "outer"), ("background", "ignore"),
            ("used", "ignored", "reversed"), ("euclidean", "taxicab", "chessboard", "squared"), ("surface", "mask"),
            self.statistics, self.combine,
        ):  # fmt: skip
            if surface in ("filled", "outer") and border == "ignore":
                continue
            if (metric != "euclidean" or to == "mask") and surface not in ("voxel", "filled"):
                continue
            if surface == "filled" and to == "mask":
                continue  # the same
            if metric == "squared" and (surface == "filled" or to == "mask" or self.name == "surface_dice"):
                continue
            if surface == "surfel" and statistic not in ("attained", "mean", "rms", "<=", "<"):
                continue  # by area nothing can be interpolated
            yield Surface(surface, border, spacing, metric, to, statistic, combine)

    def reference(self, setting: Setting) -> Candidate[Surface]:
        """What `segloss_ref` does, with the choices that were declared."""
        own = {
            "surface": "voxel", "border": "background", "combine": "max" if self.ranked else "pooled",
            "interpolation": self.statistics[0], "percentile": 100.0, **setting.declared,
        }  # fmt: skip
        member = Surface(
            own["surface"], own["border"], "used", "euclidean", "surface", own["interpolation"] if self.ranked else
            self.statistics[0], own["combine"],
        )  # fmt: skip
        one = 0.0 if self.name == "surface_dice" else math.inf
        undefined = setting.declared.get("undefined", math.nan)
        constants = {"both": undefined, "no_pred": one, "no_target": one}
        return Candidate(member, constants | ({"percentile": float(own["percentile"])} if self.ranked else {}))

    def value(self, candidate: Candidate[Surface], found: Probe, takes: str) -> Answer | str:
        """What a member answers."""
        m, k = candidate.member, candidate.constants
        pred, target = found.pred.any(), found.target.any()
        if not (pred and target):
            answer: Any = k["both" if not (pred or target) else "no_pred" if target else "no_target"]
            return RAISES if answer is RAISES else float(answer)
        sets = _sets(found, m)
        if sets is None:  # a mask without a surface: the largest one, where the image's edge is none
            return math.nan
        a, wa, b, wb = sets
        if m.combine == "pooled":
            return self._one(np.concatenate([a, b]), np.concatenate([wa, wb]), m, k, found)
        there = self._one(a, wa, m, k, found) if m.combine != "target_to_pred" else 0.0
        back = self._one(b, wb, m, k, found) if m.combine != "pred_to_target" else 0.0
        return {"max": max(there, back), "mean": (there + back) / 2}.get(m.combine, there + back)

    def _one(self, d: Any, w: Any, m: Surface, k: Constants, found: Probe) -> float:
        if self.ranked:
            return _percentile(d, w, k["percentile"], m.statistic)
        if m.statistic in ("<=", "<"):
            tolerance = found.keywords["tolerance"]
            near = d <= tolerance + 1e-9 if m.statistic == "<=" else d < tolerance - 1e-9
            return float((w * near).sum() / w.sum())
        if m.statistic == "median":
            return float(np.median(d))
        mean = float((w * (d**2 if m.statistic == "rms" else d)).sum() / w.sum())
        return math.sqrt(mean) if m.statistic == "rms" else mean

    # Constants

    def calibrations(self, setting: Setting) -> list[Probe]:
        """Both masks empty, either one, and then two shapes that have many distances."""
        empty, some = np.zeros((5, 6), dtype=np.int64), np.zeros((5, 6), dtype=np.int64)
        some[1:3, 1:4] = 1
        # Two bars that meet in a corner: every distance once, whatever the metric, so that a percentile can be read off.
        first, second = np.zeros((16, 24), dtype=np.int64), np.zeros((16, 24), dtype=np.int64)
        first[1, 1:23] = second[1:15, 1] = 1
        last = self._probe(first, second, setting, (1.3, 0.9))
        return [*(self._probe(a, b, setting) for a, b in ((empty, empty), (empty, some), (some, empty))), last]

    def _probe(
        self, pred: Any, target: Any, setting: Setting, spacing: tuple[float, float] = (1.5, 1.0), tolerance: int = 0
    ) -> Probe:
        keywords: dict[str, Any] = {"spacing": spacing} if setting.spacing else {}
        if self.name == "surface_dice":
            keywords["tolerance"] = setting.declared.get("tolerance", 1.5)
            if setting.tolerances and tolerance:
                keywords["tolerance"] = _TOLERANCES[tolerance % len(_TOLERANCES)]
        return Probe(pred, target, keywords)

    def fit(self, member: Surface, told: Told) -> list[Candidate[Surface]]:
        """The member with what was said of empty masks, and with the percentiles that give the last answer."""
        if not told.setting.spacing and member.spacing != "used":
            return []
        constants: dict[str, Any] = dict(zip(_EMPTY, told.answers, strict=False))
        if not self.ranked:
            return [Candidate(member, constants)]
        wanted = told.answers[-1]
        if isinstance(wanted, str):
            return []

        def answer(q: float) -> float:
            value = self.value(Candidate(member, constants | {"percentile": q}), told.probes[-1], told.setting.takes)
            return math.nan if isinstance(value, str) else value

        usual = [*dict.fromkeys([self.reference(told.setting).constants["percentile"], *_USUAL])]
        found = [q for q in usual if same(answer(q), wanted, told.precision)]
        if not found and member.statistic == "linear":
            found = [nice(q, 1e-4) for q in roots(lambda q: answer(q) - wanted, np.linspace(0.0, 100.0, 26))]
        elif not found:
            found = [q for q in np.arange(0.0, 100.0, 2.5).tolist() if same(answer(q), wanted, told.precision)][:1]
        if 100.0 in found and member.statistic != "linear":
            found = [q for q in found if not 95 < q < 100]  # on small masks these are rounded to the largest distance
        # The largest distance is attained, and the larger of two maxima is that of both sets together.
        twin = member.combine == "pooled" or member.statistic != (
            "attained" if member.surface == "surfel" else self.statistics[0]
        )
        return [Candidate(member, constants | {"percentile": q}) for q in found if not (q == 100 and twin)]

    # Words

    def differences(self, candidate: Candidate[Surface], setting: Setting) -> list[str]:
        """How it differs from the reference, a phrase each."""
        m, k, reference = candidate.member, candidate.constants, self.reference(setting)
        phrases = []
        if self.ranked and k["percentile"] != reference.constants["percentile"]:
            phrases.append(f"percentile {k['percentile']:g}")
        for name in _WORDS:
            option = getattr(m, name)
            if option == getattr(reference.member, name):
                continue
            if name == "statistic" and k.get("percentile") == 100:
                continue  # the largest distance is the same by every rule
            phrases.append(_WORDS[name][option])
        said = {"both": "both masks empty", "no_pred": "an empty prediction", "no_target": "an empty target"}
        values = {name: k[name] for name in _EMPTY}
        if same(values["no_pred"], values["no_target"], _EXACT):
            del values["no_target"]
            said["no_pred"] = "one mask empty"
        for name, value in values.items():
            wanted = reference.constants[name]
            if value is RAISES or not same(value, wanted, _EXACT):
                phrases.append(f"{said[name]} raises" if value is RAISES else f"{said[name]} gives {value:g}")
        return phrases

    def words(self, axis: str, option: str) -> str:
        """An option of an axis, in words."""
        return _WORDS[axis][option]

    def call(self, candidate: Candidate[Surface], setting: Setting) -> str | None:
        """The call of `segloss_ref` that is the same, where there is one."""
        m, k = candidate.member, candidate.constants
        if (
            m.spacing != "used"
            or m.metric != "euclidean"
            or m.to != "surface"
            or m.statistic not in ("linear", "attained", "mean", "<=")
        ):
            return None
        if m.surface not in ("voxel", "voxel_full", "surfel") or any(
            not same(k[name], self.reference(setting).constants[name], _EXACT) for name in _EMPTY[1:]
        ):
            return None
        keywords = ["spacing=spacing"] if setting.spacing else []
        keywords += [f'surface="{m.surface}"'] if m.surface != "voxel" else []
        keywords += ['border="ignore"'] if m.border == "ignore" else []
        if self.ranked:
            keywords.append(f"percentile={k['percentile']:g}")
            keywords += ['interpolation="attained"'] if m.statistic == "attained" else []
        keywords += ["tolerance=tolerance"] if self.name == "surface_dice" else []
        keywords.append(f'combine="{m.combine}"')
        both: Any = k["both"]
        if both is RAISES:
            return None
        keywords += [f"undefined={both:g}"] if not math.isnan(both) else []
        return f"segloss_ref.{self.name}(pred, target, {', '.join(keywords)})"

    # Cases

    def pool(self, setting: Setting, seed: int, count: int) -> list[Probe]:
        """Rectangles with holes and bumps, and edited or shifted copies, inside the image and at its edge."""
        generator = np.random.default_rng(seed)
        hollow = [self._probe(*masks, setting, spacing, i) for i, (masks, spacing) in enumerate(_hollow())]
        found: list[Probe] = []
        while len(found) < count:
            shape = [(5, 7), (7, 5), (8, 11), (12, 9)][generator.integers(4)]
            pred, target = _shape(generator, shape), _shape(generator, shape)
            kind = generator.random()
            if kind < 0.4:
                pred = target ^ (generator.random(shape) < 0.1)
            elif kind < 0.6:
                pred = np.roll(target, 1, axis=int(generator.integers(2)))
            spacing = [(1.0, 1.0), (1.5, 1.0), (2.1, 0.7), (0.9, 2.3)][generator.integers(4)]
            if pred.any() and target.any() and not pred.all() and not target.all():
                found.append(self._probe(pred.astype(np.int64), target.astype(np.int64), setting, spacing, len(found)))
        return found + hollow


_TOLERANCES = (1.5, 1.0, 1.2, 2.0, 2.5, 0.75, 3.0)
"""Some are distances that occur, which tells <= from <; some lie between the metrics' distances of diagonal neighbours."""
_EXACT = Precision("exact", 1e-9, 1e-12, 0.0)


def _hollow() -> Iterator[tuple[tuple[Any, Any], tuple[float, float]]]:
    """Blocks with a hole against solid ones: they differ inside alone, where most masks are alike."""
    for margin, spacing in itertools.product((0, 1), ((1.0, 1.0), (1.5, 1.0), (1.0, 1.5))):
        solid = np.zeros((11, 9 + 2 * margin), dtype=np.int64)  # never full: a full mask may have no surface at all
        solid[1:10, margin : 9 + margin] = 1
        holed, ring = solid.copy(), solid.copy()
        holed[4, margin + 3] = 0  # the deepest pixel is its neighbour by a corner
        ring[3:8, margin + 2 : margin + 7] = 0
        yield (holed, solid), spacing
        yield (solid, holed), spacing
        yield (solid, ring), spacing


def _shape(generator: np.random.Generator, shape: tuple[int, int]) -> Any:
    mask = np.zeros(shape, dtype=bool)
    for _ in range(int(generator.integers(1, 3))):
        top, left = (int(generator.integers(0, size - 1)) for size in shape)
        mask[top : top + int(generator.integers(1, 5)), left : left + int(generator.integers(1, 5))] = True
    if generator.random() < 0.5:
        mask[int(generator.integers(shape[0])), int(generator.integers(shape[1]))] ^= True
    return mask


SURFACES: Mapping[str, SurfaceFamily] = {
    "hausdorff_distance": SurfaceFamily(
        "hausdorff_distance", ("linear", "attained", "lower", "higher", "nearest", "midpoint"), _COMBINE
    ),
    "average_surface_distance": SurfaceFamily("average_surface_distance", ("mean", "rms", "median"), _COMBINE),
    "surface_dice": SurfaceFamily("surface_dice", ("<=", "<"), _COMBINE[1:]),
}
"""The families of surface metrics, by the name of their reference."""
