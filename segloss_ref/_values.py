"""Checks of array values, on the host: what a call would compute a wrong number from is refused.

A look at values must not wait for a device, so it is taken only at arrays that `Backend.readable` shows, or at any array for
`validate`. One pass without a temporary array settles the usual case; only where it finds something is it asked which pixels
count and which value is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from ._backend import Array

__all__ = ["LARGEST_WEIGHT", "Look"]

LARGEST_WEIGHT = 1e30
"""Weights up to it leave room for sums over any image in float32."""


@dataclass
class Look:
    """A look at the values of one call's arrays. Pixels of weight 0 and ignored ones may hold anything."""

    owner: str
    show: Callable[[Array], Any]
    """An array as a NumPy array, or None where its values are not to be looked at."""
    strict: bool
    """nan and infinite predictions are refused too, which elsewhere show in the value."""
    pixels: tuple[int, ...]
    class_axis: int | None = None
    _counted: list[Callable[[], Any]] = field(default_factory=list)
    """For each reason to leave pixels out, True at the others; broadcast to the pixels."""
    _hidden: bool = False
    """Which pixels count cannot be seen."""

    def weight(self, name: str, weight: Array) -> None:
        """Weights, broadcast to the pixels, must lie in [0, 1e30]; from here on, pixels of weight 0 count no more."""
        self.class_weight(name, weight)
        self.set_aside(weight)

    def set_aside(self, weight: Array) -> None:
        """From here on, pixels of weight 0 count no more."""
        values = self.show(weight)
        self._hidden |= values is None
        self._counted.append(lambda: values != 0)

    def ignored(self, labels: Array, ignore: int) -> None:
        """From here on, pixels of the label `ignore` count no more."""
        values = self.show(labels)
        self._hidden |= values is None
        self._counted.append(lambda: values != ignore)

    def class_weight(self, name: str, weight: Array) -> None:
        """Weights must lie in [0, 1e30]."""
        values = self.show(weight)
        if values is not None and values.dtype.kind != "b" and not _within(values, LARGEST_WEIGHT):
            self._refuse(name, values, (values >= 0) & (values <= LARGEST_WEIGHT), "in [0, 1e30]")

    def labels(self, name: str, labels: Array, classes: int) -> None:
        """Labels, one a pixel, must lie in [0, classes)."""
        values = self.show(labels)
        if values is not None and not _within(values, classes - 1):
            good = (values >= 0) & (values < classes)
            self._refuse_counted(name, values, good, None, f"a label in [0, {classes})")

    def unit(self, name: str, array: Array, hard: bool = False, strict: bool = False) -> None:
        """Values must lie in [0, 1], or be 0 or 1 (`hard`); nan passes unless `strict` or the look is."""
        values = self.show(array)
        if values is None or values.dtype.kind == "b":
            return
        whole = values.dtype.kind in "iu"
        if _within(values, 1) and (whole or not hard):
            return
        good = (values == 0) | (values == 1) if hard or whole else (values >= 0) & (values <= 1)
        if not (strict or self.strict or whole):
            good |= np.isnan(values)
        self._refuse_counted(name, values, good, self.class_axis, "0 or 1" if hard or whole else "in [0, 1]")

    def finite(self, name: str, array: Array) -> None:
        """Values must be finite."""
        values = self.show(array)
        if values is not None and values.dtype.kind == "f":
            self._refuse_counted(name, values, np.isfinite(values), self.class_axis, "finite")

    def class_logits(self, pred: Array, target: Array, is_map: bool) -> None:
        """Logits of classes, of which -inf leaves a class out: p is exactly 0 there.

        Every pixel needs a class that is left, and its target one that is: the cross-entropy of no other is finite.
        """
        values, axis = self.show(pred), self.class_axis
        if values is None or axis is None or values.dtype.kind != "f":
            return
        lowest = values.min()
        if self.strict and not (np.isfinite(lowest) and np.isfinite(values.max())):
            good = (values < np.inf) & ~np.isnan(values)
            self._refuse_counted("pred", values, good, axis, "finite, or -inf for a class that is left out")
        if lowest != -np.inf:
            return
        without = values == -np.inf
        self._refuse_counted("pred", lowest, ~without.all(axis=axis), None, "finite for at least one class of a pixel")
        truth = self.show(target)
        if truth is None:
            return
        if is_map:
            places = np.expand_dims(np.clip(truth, 0, values.shape[axis] - 1).astype(np.intp), axis)
            left = ~np.take_along_axis(without, places, axis).squeeze(axis)
            self._refuse_counted("target", truth, left, None, "a class whose logit is not -inf")
        else:
            self._refuse_counted("target", truth, ~without | (truth == 0), axis, "0 for a class whose logit is -inf")

    def no_nan(self, name: str, array: Array) -> None:
        """No value may be nan."""
        values = self.show(array)
        if values is not None and values.dtype.kind == "f":
            self._refuse_counted(name, values, ~np.isnan(values), self.class_axis, "no nan")

    def _refuse_counted(self, name: str, values: Any, good: Any, class_axis: int | None, expected: str) -> None:
        """The same save at pixels that do not count; those of `values` with a class axis lie around it."""
        if good.all() or self._hidden:
            return
        for counted in self._counted:
            pixels = np.broadcast_to(counted(), self.pixels)
            good = good | ~(pixels if class_axis is None else np.expand_dims(pixels, class_axis))
        self._refuse(name, values, good, expected)

    def _refuse(self, name: str, values: Any, good: Any, expected: str) -> None:
        if good.all():
            return
        found = np.broadcast_to(values, good.shape).reshape(-1)[int(np.argmin(good.reshape(-1)))]
        raise ValueError(f"{self.owner}: {name} must be {expected}, got {found.item()!r}")


def _within(values: Any, highest: float) -> bool:
    """Every value lies in [0, highest], and none is nan, in one pass; False may also mean that only a slow look tells.

    As unsigned integers of the same bits, negative numbers are the largest of all, and floats >= 0 keep their order.
    """
    unsigned, limit = _as_unsigned(values.dtype, highest)
    return unsigned is not None and (values.size == 0 or bool(values.view(unsigned).max() <= limit))


@lru_cache(maxsize=256)
def _as_unsigned(dtype: Any, highest: float) -> tuple[Any, Any]:
    """(the unsigned dtype of the same size, the bits of `highest` as a number of it); None where there is no such dtype."""
    if dtype.kind not in "iuf" or dtype.itemsize > 8 or not dtype.isnative:
        return None, None
    largest = float(np.finfo(dtype).max) if dtype.kind == "f" else int(np.iinfo(dtype).max)
    unsigned = np.dtype(f"u{dtype.itemsize}")
    return unsigned, np.asarray(min(highest, largest), dtype=dtype).view(unsigned)[()]
