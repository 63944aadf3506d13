"""Presets against the packages that they name: on random masks where a package is installed, and on frozen values always.

python tests/segloss_ref/test_presets.py      writes presets.json anew, from the packages that are installed
"""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segloss_ref import registry, surface_distances
from segloss_ref.presets import Preset, presets

Call = Callable[[Any, Any, tuple[float, ...], float], float]


class Skip(Exception):
    """The package has no number for these masks."""


def random_masks(rng: Any) -> tuple[Any, Any, tuple[float, ...], float]:
    """(pred, target, spacing, tolerance): boxes and specks, border-touching, thin and tiny ones among them; neither empty."""
    axes = int(rng.integers(2, 4))
    shape = tuple(int(size) for size in rng.integers(1 if axes == 3 else 4, 14, size=axes))

    def blob() -> Any:
        mask = np.zeros(shape, dtype=bool)
        for _ in range(int(rng.integers(1, 4))):
            ends = [np.sort(rng.integers(0, size, size=2)) for size in shape]
            mask[tuple(slice(low, high + 1) for low, high in ends)] ^= True
        if rng.random() < 0.3:
            mask ^= rng.random(shape) < 0.1
        if not mask.any():
            mask[tuple(int(rng.integers(size)) for size in shape)] = True
        return mask

    target = blob()
    pred = np.roll(target, 1, axis=0) if rng.random() < 0.3 else blob()
    spacing = tuple(float(size) for size in rng.choice([0.5, 1.0, 1.25, 2.0, 3.0], size=axes))
    return pred, target, spacing, float(rng.choice([0.8, 1.3, 2.7]))  # no sum of squares of these steps is theirs


@cache
def peers() -> dict[str, Call]:
    """One call a preset, of the packages that are installed."""
    found: dict[str, Call] = {}
    for module, make in (
        ("monai.metrics", _monai),
        ("medpy.metric.binary", _medpy),
        ("surface_distance", _deepmind),
        ("SimpleITK", _itk),
        ("panoptica.metrics._surface_distances", _panoptica),
        ("torchmetrics.functional.segmentation", _torchmetrics),
    ):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found |= make(importlib.import_module(module))
        except Exception:  # absent, or not importable here
            continue
    return found


def _monai(metrics: Any) -> dict[str, Call]:
    import torch

    def call(name: str, **keywords: Any) -> Call:
        def run(p: Any, t: Any, spacing: tuple[float, ...], tolerance: float) -> float:
            pred, target = (torch.from_numpy(mask.astype(np.float32))[None, None] for mask in (p, t))
            more = {"class_thresholds": [tolerance]} if "dice" in name else {}
            function = getattr(metrics, name)
            if keywords.get("use_subvoxels") and min(p.shape) < 2:
                raise Skip
            return float(function(pred, target, include_background=True, spacing=list(spacing), **more, **keywords))

        return run

    return {
        "monai_hd": call("compute_hausdorff_distance"),
        "monai_hd95": call("compute_hausdorff_distance", percentile=95),
        "monai_asd": call("compute_average_surface_distance"),
        "monai_assd": call("compute_average_surface_distance", symmetric=True),
        "monai_nsd": call("compute_surface_dice"),
        "monai_nsd_subvoxel": call("compute_surface_dice", use_subvoxels=True),
    }


def _medpy(binary: Any) -> dict[str, Call]:
    def call(name: str) -> Call:
        return lambda p, t, spacing, tolerance: float(getattr(binary, name)(p, t, voxelspacing=spacing))

    return {f"medpy_{name}": call(name) for name in ("hd", "hd95", "asd", "assd")} | {
        "medpy_ravd": lambda p, t, spacing, tolerance: float(binary.ravd(p, t))
    }


def _deepmind(package: Any) -> dict[str, Call]:
    def call(statistic: Callable[[Any, float], float]) -> Call:
        def run(p: Any, t: Any, spacing: tuple[float, ...], tolerance: float) -> float:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return float(statistic(package.compute_surface_distances(t, p, spacing), tolerance))

        return run

    return {
        "surface_distance_hd": call(lambda d, _: package.compute_robust_hausdorff(d, 100)),
        "surface_distance_hd95": call(lambda d, _: package.compute_robust_hausdorff(d, 95)),
        "surface_distance_average_gt_to_pred": call(lambda d, _: package.compute_average_surface_distance(d)[0]),
        "surface_distance_average_pred_to_gt": call(lambda d, _: package.compute_average_surface_distance(d)[1]),
        "surface_distance_nsd": call(package.compute_surface_dice_at_tolerance),
    }


def _itk(sitk: Any) -> dict[str, Call]:
    def sets(p: Any, t: Any, spacing: tuple[float, ...]) -> Any:
        if p.all() or t.all() or min(p.shape) < 2:
            raise Skip  # a huge constant stands for infinity there; and a filter of one slice is another filter
        images = []
        for mask in (p, t):
            image = sitk.GetImageFromArray(mask.astype(np.uint8))
            image.SetSpacing(tuple(reversed(spacing)))
            images.append(image)
        contours = [sitk.GetArrayFromImage(sitk.LabelContour(image, fullyConnected=True)) > 0 for image in images]
        if not all(contour.any() for contour in contours):
            raise Skip
        maps = [
            np.abs(
                sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True))
            )
            for image in images
        ]
        return np.concatenate([maps[1][contours[0]], maps[0][contours[1]]])

    def similarity(p: Any, t: Any, spacing: tuple[float, ...], tolerance: float) -> float:
        measures = sitk.LabelOverlapMeasuresImageFilter()
        measures.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (p, t)))
        return float(measures.GetVolumeSimilarity())

    return {
        "simpleitk_contour_hd": lambda p, t, spacing, tolerance: float(sets(p, t, spacing).max()),
        "simpleitk_contour_hd95": lambda p, t, spacing, tolerance: float(np.percentile(sets(p, t, spacing), 95)),
        "simpleitk_contour_assd": lambda p, t, spacing, tolerance: float(sets(p, t, spacing).mean()),
        "simpleitk_volume_similarity": similarity,
    }


def _panoptica(module: Any) -> dict[str, Call]:
    def call(name: str) -> Call:
        def run(p: Any, t: Any, spacing: tuple[float, ...], tolerance: float) -> float:
            sets = module._surface_distance_pair(t, p, spacing)
            more = {"threshold": tolerance} if name == "nsd" else {}
            return float(getattr(module, f"_{name}_from_pair")(*sets, **more))

        return run

    return {f"panoptica_{name}": call(name) for name in ("hd", "hd95", "assd", "nsd")}


def _torchmetrics(functional: Any) -> dict[str, Call]:
    import torch

    def run(p: Any, t: Any, spacing: tuple[float, ...], tolerance: float) -> float:
        if p.ndim != 2 or p.shape[0] != p.shape[1]:
            raise Skip
        pred, target = (torch.from_numpy(mask.astype(np.int64))[None, None] for mask in (p, t))
        return float(
            functional.hausdorff_distance(
                pred, target, num_classes=1, include_background=True, input_format="one-hot", spacing=list(spacing)
            )
        )

    return {"torchmetrics_hd": run}


# What is tested. ------------------------------------------------------------------------------------------------------

FROZEN = Path(__file__).parent / "presets.json"
Measured = tuple[Any, Any, tuple[float, ...], float]


def frozen() -> Iterator[tuple[Measured, dict[str, float]]]:
    """Masks, and what each package said of them."""
    for case in json.loads(FROZEN.read_text()):
        pred, target = (np.array([c == "#" for c in case[side]]).reshape(case["shape"]) for side in ("pred", "target"))
        yield (pred, target, tuple(case["spacing"]), case["tolerance"]), case["values"]


def ours(preset: Preset, case: Measured) -> float:
    pred, target, spacing, tolerance = case
    keywords: dict[str, Any] = {"spacing": spacing} if preset.metric != "volumetric_similarity" else {}
    return float(
        preset(pred, target, **keywords, **({"tolerance": tolerance} if preset.metric == "surface_dice" else {}))
    )


def allowed(name: str, want: float) -> float:
    """Some packages hold distances in float32."""
    return (1e-5 if name.startswith(("monai", "simpleitk", "torchmetrics")) else 1e-12) * max(1.0, abs(want))


def answers(measured: Measured) -> dict[str, float]:
    """What every installed package says."""
    found = {}
    for name, call in peers().items():
        try:
            found[name] = call(*measured)
        except Skip:
            continue
    return found


def test_frozen_values() -> None:
    seen = dict.fromkeys(presets, 0)
    for case, values in frozen():
        for name, want in values.items():
            seen[name] += 1
            assert abs(ours(presets[name], case) - want) <= allowed(name, want), (name, case)
    # MetricsReloaded could not be run; its formulas are those of other presets, which are frozen.
    assert {name for name, times in seen.items() if times < 2} == {
        n for n in presets if n.startswith("metrics_reloaded")
    }


def test_installed_packages() -> None:
    if not peers():
        pytest.skip("none of the packages is installed")
    for seed in range(40):
        case = random_masks(np.random.default_rng(seed))
        for name, want in answers(case).items():
            assert abs(ours(presets[name], case) - want) <= allowed(name, want), (name, seed)


def test_definitions_differ() -> None:
    """Six HD95 of one pair of masks: a preset that lost a keyword would agree with another."""
    found: dict[float, set[str]] = {}
    for case, _ in frozen():
        values = {name: ours(presets[name], case) for name in presets if name.endswith("hd95")}
        alike = {
            round(value, 9): {n for n in values if round(values[n], 9) == round(value, 9)} for value in values.values()
        }
        found = max(found, alike, key=len)
    assert len(found) >= 4
    assert {"monai_hd95", "metrics_reloaded_hd95"} in found.values()
    assert {"medpy_hd95", "panoptica_hd95"} in found.values()


def test_presets_are_well_formed() -> None:
    for name, preset in presets.items():
        assert preset.name == name
        record = registry.metrics[preset.metric]
        for keyword, value in preset.keywords.items():
            record.parameters[keyword].domain.normal(name, keyword, value)


def test_presets_take_records_and_refuse_their_own_keywords() -> None:
    pred, target, spacing, _ = next(frozen())[0]
    record = surface_distances(pred, target, spacing=spacing)
    assert float(presets["monai_hd95"](record)) == float(presets["monai_hd95"](pred, target, spacing=spacing))
    with pytest.raises(TypeError, match=r"medpy_hd95: percentile is 95\.0 by definition, got 90"):
        presets["medpy_hd95"](pred, target, percentile=90)


def _freeze() -> None:
    cases = []
    for seed in range(100, 116):
        case = random_masks(np.random.default_rng(seed))
        if seed < 102:  # torchmetrics takes squares
            square = np.zeros((7, 7), dtype=bool)
            square[2:5, 1:6] = True
            case = square, np.eye(7, k=seed - 99, dtype=bool), (1.25, 2.0), 2.7
        pred, target, spacing, tolerance = case
        written = {
            side: "".join(".#"[int(v)] for v in mask.ravel()) for side, mask in (("pred", pred), ("target", target))
        }
        cases.append(
            {"shape": pred.shape, "spacing": spacing, "tolerance": tolerance, **written, "values": answers(case)}
        )
    FROZEN.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    _freeze()
