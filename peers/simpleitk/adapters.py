"""SimpleITK on arrays: images with their spacing (in its own order of axes), an execution, a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk

sitk.ProcessObject.SetGlobalWarningDisplay(False)  # a label that is nowhere is told on standard error


def _image(mask: Any, spacing: Any = None) -> Any:
    image = sitk.GetImageFromArray(np.asarray(mask).astype(np.uint8))
    if spacing is not None:
        image.SetSpacing([float(step) for step in spacing[::-1]])
    return image


def _overlap(pred: Any, target: Any) -> Any:
    measures = sitk.LabelOverlapMeasuresImageFilter()
    measures.Execute(_image(pred), _image(target))
    return measures


def overlap(pred: Any, target: Any, name: str) -> Any:
    """A measure over all labels above 0, the prediction as source."""
    return getattr(_overlap(pred, target), name)()


def overlap_of_label(pred: Any, target: Any, name: str) -> Any:
    """A measure of label 1."""
    return getattr(_overlap(pred, target), name)(1)


def overlap_of_labels(pred: Any, target: Any, num_classes: int, name: str) -> Any:
    """A measure of every class; as labels from 1, since label 0 is never scored."""
    measures = _overlap(pred + 1, target + 1)
    return np.array([getattr(measures, name)(label) for label in range(1, num_classes + 1)])


def overlap_of_all(pred: Any, target: Any, name: str) -> Any:
    """A measure over all classes of one-hot (classes, rows, columns), as labels from 1."""
    return overlap(pred.argmax(0) + 1, target.argmax(0) + 1, name)


def hausdorff(pred: Any, target: Any, spacing: Any, name: str) -> Any:
    """A value of HausdorffDistanceImageFilter."""
    measures = sitk.HausdorffDistanceImageFilter()
    measures.Execute(_image(pred, spacing), _image(target, spacing))
    return getattr(measures, name)()


def _contours(pred: Any, target: Any, spacing: Any) -> tuple[Any, Any]:
    """Distances from each contour to the other: signed Maurer maps of one, read at the other."""
    images = [sitk.LabelContour(_image(mask, spacing), fullyConnected=True) for mask in (pred, target)]
    places = [sitk.GetArrayFromImage(image) > 0 for image in images]
    maps = [
        np.abs(sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)))
        for image in images
    ]
    return maps[1][places[0]], maps[0][places[1]]


def contour_hd(pred: Any, target: Any, spacing: Any) -> Any:
    """The greatest distance."""
    return np.concatenate(_contours(pred, target, spacing)).max()


def contour_hd95(pred: Any, target: Any, spacing: Any) -> Any:
    """The 95th percentile of both sets together."""
    return np.percentile(np.concatenate(_contours(pred, target, spacing)), 95)


def contour_assd(pred: Any, target: Any, spacing: Any) -> Any:
    """The mean of both sets together."""
    return np.concatenate(_contours(pred, target, spacing)).mean()
