"""`check` asks sizes that no drawn case has; right functions of any size pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segloss_conformance.adapters.binding import bind
from segloss_conformance.adapters.ledger import Deviation
from segloss_conformance.check.checking import check
from tests.conformance.check_functions import failing, told

SMOOTH: dict[str, Any] = {"convention": {"smooth": 1.0}, "dtypes": ["float64"]}
IMAGES: dict[str, Any] = {**SMOOTH, "layout": "NHW", "pool": "image"}
CLASSES: dict[str, Any] = {**SMOOTH, "layout": "NCHW", "target": "onehot", "pool": "batch"}


def dice_of(p: Any, y: Any) -> Any:
    return 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)


def dice_of_images(p: Any, y: Any) -> Any:
    return np.mean([dice_of(a, b) for a, b in zip(p, y, strict=True)])


def dice_of_four_images(p: Any, y: Any) -> Any:
    return dice_of_images(p[:4], y[:4])


def dice_of_classes(p: Any, y: Any) -> Any:
    return np.mean([dice_of(p[:, c], y[:, c]) for c in range(p.shape[1])])


def dice_of_four_classes(p: Any, y: Any) -> Any:
    return dice_of_classes(p[:, :4], y[:, :4])


def dice_of_64_pixels(p: Any, y: Any) -> Any:
    return dice_of(p.ravel()[:64], y.ravel()[:64])


def intersection_in(kind: str) -> Any:
    def dice(p: Any, y: Any) -> Any:
        below = int(p.sum()) + int(y.sum())
        return 2 * int((p & y).sum(dtype=kind)) / below if below else np.nan

    return dice


def correlation_in(kind: str) -> Any:
    def correlation(p: Any, y: Any) -> Any:
        tp, fp, fn, tn = (np.asarray(one.sum()).astype(kind) for one in (p & y, p & ~y, ~p & y, ~p & ~y))
        with np.errstate(all="ignore"):
            below = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
            return float((tp * tn - fp * fn) / np.sqrt(float(below))) if below > 0 else np.nan

    return correlation


def distances_in(kind: str) -> Any:
    def hausdorff(p: Any, y: Any) -> Any:
        if not p.any() or not y.any():
            return np.inf if p.any() or y.any() else np.nan
        a, b = (np.argwhere(mask) for mask in (_surface(p), _surface(y)))
        off = (a[:, None] - b[None]).astype(kind)
        squared = (off * off).sum(-1, dtype=kind).astype(float)
        with np.errstate(invalid="ignore"):
            return np.sqrt(max(squared.min(0).max(), squared.min(1).max()))

    return hausdorff


def _surface(mask: Any) -> Any:
    padded, inside = np.pad(mask, 1), mask.copy()
    for axis in range(mask.ndim):
        for step in (-1, 1):
            inside &= np.roll(padded, step, axis)[(slice(1, -1),) * mask.ndim]
    return mask & ~inside


BOOL: dict[str, Any] = {"dtypes": ["bool"]}
RIGHT = [
    ("dice_loss", dice_of, SMOOTH),
    ("dice_loss", dice_of_images, IMAGES),
    ("dice_loss", dice_of_classes, CLASSES),
    ("dice_score", intersection_in("int64"), BOOL),
    ("matthews_correlation", correlation_in("float64"), BOOL),
    ("hausdorff_distance", distances_in("int64"), BOOL),
]
WRONG = [
    ("dice_loss", dice_of_64_pixels, SMOOTH),
    ("dice_loss", dice_of_four_images, IMAGES),
    ("dice_loss", dice_of_four_classes, CLASSES),
    ("dice_score", intersection_in("uint8"), BOOL),
    ("dice_score", intersection_in("int16"), BOOL),
    ("dice_score", intersection_in("uint16"), BOOL),
    ("matthews_correlation", correlation_in("int32"), BOOL),
    ("hausdorff_distance", distances_in("int8"), BOOL),
    ("hausdorff_distance", distances_in("int16"), BOOL),
    ("hausdorff_distance", distances_in("uint16"), BOOL),
]


@pytest.mark.parametrize(("spec", "function", "how"), RIGHT)
def test_right_functions_conform_at_every_size(spec: str, function: Any, how: dict[str, Any]) -> None:
    report = check(bind(spec, function, framework="numpy", **how), "quick")
    assert report.status == "conforms", told(report)
    sizes = report.columns[0].verdicts["sizes"]
    assert sizes.examples >= 3
    assert "pixels" in sizes.note


@pytest.mark.parametrize(("spec", "function", "how"), WRONG)
def test_what_breaks_at_a_size_fails(spec: str, function: Any, how: dict[str, Any]) -> None:
    report = check(bind(spec, function, framework="numpy", **how), "quick")
    assert "sizes" in failing(report), told(report)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("layout", ["any", "NHW", "NW", "NCHW"])
def test_pixel_weights_grow_with_the_image(layout: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")

    def weighted_dice(p: Any, y: Any, w: Any) -> Any:
        p, y, w = (torch.as_tensor(one, dtype=torch.float32) for one in (p, y, w))
        return 1 - (2 * (w * p * y).sum() + 1) / ((w * p).sum() + (w * y).sum() + 1)

    binding = bind(
        "dice_loss", weighted_dice, framework="torch", dtypes=[dtype], args=["$pred", "$target", "$weight"],
        convention={"smooth": 1.0}, pool="batch", layout=layout,
    )  # fmt: skip
    report = check(binding, "quick")
    assert report.status == "conforms", told(report)
    assert (report.columns[0].verdicts["sizes"].examples >= 4) == (dtype == "float32")


def test_a_declared_convention_holds_at_every_size() -> None:
    binding = bind("dice_loss", dice_of, framework="numpy", dtypes=["float64"], convention={"smooth": 100.0})
    smoothed = Deviation("dice_loss", "convention", "smoothed by 1", convention={"smooth": 1.0})
    assert "sizes" in failing(check(binding, "quick"))
    assert failing(check(binding, "quick", deviations=[smoothed])) == set()


def test_a_value_declared_wrong_is_declared_at_every_size() -> None:
    def never(p: Any, y: Any) -> Any:
        return dice_of(p, y) + 0.125

    binding = bind("dice_loss", never, framework="numpy", **SMOOTH)
    bug = Deviation("dice_loss", "bug", "an eighth too much", groups=("closed form", "value", "special cases", "law"))
    assert "sizes" in failing(check(binding, "quick"))
    assert "sizes" not in failing(check(binding, "quick", deviations=[bug]))
