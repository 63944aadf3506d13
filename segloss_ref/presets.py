"""What other packages compute, under their names: a metric of `segloss_ref` with every choice filled in.

>>> import numpy as np
>>> from segloss_ref.presets import presets
>>> pred, target = np.array([[1, 1, 1, 0]]), np.array([[1, 0, 0, 0]])
>>> [round(float(presets[name](pred, target)), 6) for name in ("monai_hd95", "medpy_hd95")]
[1.9, 1.85]
>>> presets["medpy_hd95"].metric, dict(presets["medpy_hd95"].keywords)
('hausdorff_distance', {'percentile': 95.0, 'combine': 'pooled'})

A preset agrees with its package where that package has a number to give. Empty masks, classes, dtypes and ties rounded in
float32 follow docs/contract.md, not the package's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from . import registry
from ._describe import describe
from .metrics.surfaces import SurfaceDistances

__all__ = ["Preset", "presets"]


@dataclass(frozen=True)
class Preset:
    """A metric with its keywords; a call takes the masks and further keywords, such as `spacing`.

    A record takes the place of the masks if it is of what the preset measures.
    """

    name: str
    metric: str
    keywords: Mapping[str, Any]
    source: str
    """The package, the version that the tests compared with, and the function."""

    def __call__(self, pred: Any, target: Any = None, **keywords: Any) -> Any:
        """The metric's value; the preset's own keywords cannot be given again."""
        twice = sorted(self.keywords.keys() & keywords.keys())
        if twice:
            raise TypeError(
                f"{self.name}: {twice[0]} is {self.keywords[twice[0]]!r} by definition, got {describe(keywords[twice[0]])}"
            )
        metric, measured = registry.metrics[self.metric], {}
        if isinstance(pred, SurfaceDistances):  # the metric compares what it is given with the record
            measured = {name: one.default for name, one in metric.parameters.items() if name in ("surface", "border")}
        return metric.function(pred, target, **{**measured, **self.keywords, **keywords})


_MONAI, _MEDPY, _PANOPTICA = "MONAI 1.6.1", "medpy 0.5.2", "panoptica 2.1.7"
_DEEPMIND, _ITK = "surface-distance 0.1", "SimpleITK 2.5.7"
_RELOADED, _TORCHMETRICS = "MetricsReloaded cb38dfc (its formula; not run)", "torchmetrics 1.9.0"
_CONTOURS = f"{_ITK}, SignedMaurerDistanceMap at LabelContour(fullyConnected=True), as seg-metrics 1.2.8 does"

_HD, _ASD, _NSD = "hausdorff_distance", "average_surface_distance", "surface_dice"
_P95 = {"percentile": 95.0}
_POOLED = {"combine": "pooled"}
_SURFEL = {"surface": "surfel", "interpolation": "attained"}
_NO_EDGE = {"surface": "voxel_full", "border": "ignore"}

_ALL: list[tuple[str, str, dict[str, Any], str]] = [
    ("monai_hd", _HD, {}, f"{_MONAI}, compute_hausdorff_distance"),
    ("monai_hd95", _HD, _P95, f"{_MONAI}, compute_hausdorff_distance(percentile=95)"),
    ("monai_asd", _ASD, {"combine": "pred_to_target"}, f"{_MONAI}, compute_average_surface_distance"),
    ("monai_assd", _ASD, _POOLED, f"{_MONAI}, compute_average_surface_distance(symmetric=True)"),
    ("monai_nsd", _NSD, _POOLED, f"{_MONAI}, compute_surface_dice"),
    ("monai_nsd_subvoxel", _NSD, {"surface": "surfel", **_POOLED}, f"{_MONAI}, compute_surface_dice(use_subvoxels=True)"),
    ("metrics_reloaded_hd", _HD, {}, f"{_RELOADED}, measured_hausdorff_distance"),
    ("metrics_reloaded_hd95", _HD, _P95, f"{_RELOADED}, measured_hausdorff_distance_perc"),
    ("metrics_reloaded_assd", _ASD, _POOLED, f"{_RELOADED}, measured_average_distance"),
    ("metrics_reloaded_masd", _ASD, {"combine": "mean"}, f"{_RELOADED}, measured_masd"),
    ("metrics_reloaded_nsd", _NSD, _POOLED, f"{_RELOADED}, normalised_surface_distance"),
    ("medpy_hd", _HD, {}, f"{_MEDPY}, hd"),
    ("medpy_hd95", _HD, {**_P95, **_POOLED}, f"{_MEDPY}, hd95"),
    ("medpy_asd", _ASD, {"combine": "pred_to_target"}, f"{_MEDPY}, asd"),
    ("medpy_assd", _ASD, _POOLED, f"{_MEDPY}, assd"),
    ("medpy_ravd", "volumetric_similarity", {"kind": "relative"}, f"{_MEDPY}, ravd"),
    ("surface_distance_hd", _HD, _SURFEL, f"{_DEEPMIND}, compute_robust_hausdorff(100)"),
    ("surface_distance_hd95", _HD, {**_P95, **_SURFEL}, f"{_DEEPMIND}, compute_robust_hausdorff(95)"),
    (
        "surface_distance_average_pred_to_gt", _ASD, {"surface": "surfel", "combine": "pred_to_target"},
        f"{_DEEPMIND}, compute_average_surface_distance, second value",
    ),
    (
        "surface_distance_average_gt_to_pred", _ASD, {"surface": "surfel", "combine": "target_to_pred"},
        f"{_DEEPMIND}, compute_average_surface_distance, first value",
    ),
    ("surface_distance_nsd", _NSD, {"surface": "surfel", **_POOLED}, f"{_DEEPMIND}, compute_surface_dice_at_tolerance"),
    ("simpleitk_contour_hd", _HD, _NO_EDGE, f"{_CONTOURS}: the greatest distance"),
    ("simpleitk_contour_hd95", _HD, {**_P95, **_POOLED, **_NO_EDGE}, f"{_CONTOURS}: percentile 95 of both sets"),
    ("simpleitk_contour_assd", _ASD, {**_POOLED, **_NO_EDGE}, f"{_CONTOURS}: mean of both sets"),
    ("simpleitk_volume_similarity", "volumetric_similarity", {"kind": "signed"},
     f"{_ITK}, LabelOverlapMeasuresImageFilter.GetVolumeSimilarity, prediction as source"),
    ("panoptica_hd", _HD, {}, f"{_PANOPTICA}, HD"),
    ("panoptica_hd95", _HD, {**_P95, **_POOLED}, f"{_PANOPTICA}, HD95"),
    ("panoptica_assd", _ASD, {"combine": "mean"}, f"{_PANOPTICA}, ASSD"),
    ("panoptica_nsd", _NSD, {"combine": "mean"}, f"{_PANOPTICA}, NSD"),
    ("torchmetrics_hd", _HD, {}, f"{_TORCHMETRICS}, hausdorff_distance, on square images (it is wrong on others)"),
]  # fmt: skip

presets: Mapping[str, Preset] = MappingProxyType(
    {name: Preset(name, metric, MappingProxyType(keywords), source) for name, metric, keywords, source in _ALL}
)
"""Every preset by name."""
