"""What all metrics have in common: their record, the keywords that read masks, and that part of their docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import array_api_compat.numpy
import numpy as np

from .. import registry
from .._arguments import library_of
from ._counting import Counting, Finish, Outcome, check_own, finish, mask_keywords, read_finish

__all__ = ["Metric", "mask_section"]

_Public = TypeVar("_Public", bound=Callable[..., Any])


@dataclass(eq=False, kw_only=True, repr=False)
class Metric(registry.MetricRecord):
    """A metric: its record; a subclass adds its formula and how it reads its masks."""

    shared: ClassVar[str]
    """What stands for ``{shared}`` in the docstring of a public function, or at its end."""

    def public(self, function: _Public) -> _Public:
        """Make `function` the public face of this metric; used as its decorator.

        What its docstring says under Parameters joins what is said of the parameters of all metrics.
        """
        text, heading, own = inspect.cleandoc(function.__doc__ or "").partition("\n\nParameters\n----------\n")
        entries, blank, rest = own.partition("\n\n")
        function.__doc__ = text + blank + rest
        if "{shared}" not in function.__doc__:
            function.__doc__ += "\n\nSource: {citation}.\n\n{shared}"
        function.__doc__ = function.__doc__.replace("{shared}", self.shared)
        function.__doc__ = function.__doc__.replace("{own}", f"{entries}\n" if heading else "")
        return self.completed_by(function, "")

    def check(self, pred: Any, target: Any, keywords: Mapping[str, Any]) -> None:
        """Everything that a call would refuse, array values included."""
        own = check_own(self, keywords)
        masks = mask_keywords(self, keywords)
        with library_of(self.name, pred).guard():
            self.check_masks(pred, target, own, masks)

    def check_masks(self, pred: Any, target: Any, own: Mapping[str, Any], masks: Mapping[str, Any]) -> None:
        """Read the masks as a call would, with a look at all values, and measure nothing."""
        raise NotImplementedError

    def split(self, counting: Counting) -> tuple[dict[str, Any], Finish]:
        """(keywords that say how masks are read, what becomes of the values)."""
        keywords = {name: value for name, value in counting.items() if name not in Finish.__annotations__}
        return keywords, read_finish(self.name, counting)

    def finish_on_host(self, like: Any, found: Outcome, how: Finish) -> Any:
        """`finish` of NumPy arrays; the result is an array of the library of `like`, on its device."""
        backend = library_of(self.name, like)
        with np.errstate(all="ignore"):  # infinities may meet in a mean
            value = finish(array_api_compat.numpy, found, how)
        with backend.guard():
            here = backend.from_host(np.asarray(value), like)
            xp = backend.namespace(here)
            return xp.astype(here, backend.wide(here)[0], copy=False)


def mask_section(
    *,
    record: str | None,
    measured: str = "",
    axis: str,
    weight: str,
    ignored: str,
    undefined: str,
    empty: str,
    support: str,
    result: str,
    values: str,
) -> str:
    """The arguments, results and errors that all metrics of a family share; `record` takes the place of the masks."""
    instead = "" if record is None else f" Or a `{record}` record as `pred` alone."
    return f"""Parameters
----------
pred, target
    Two masks of one shape, library and device: bool, integer 0/1, or floating probabilities, which are foreground
    where > `threshold`. With `class_axis`, a floating `pred` of any size is decided by argmax along it, a mask
    without that axis is an integer label map, and two label maps need `num_classes`.{instead}
{{own}}{measured}from_logits : bool, default False
    `pred` holds floating scores of any size: decided by argmax along `class_axis`, or foreground where > 0.
threshold : float, default 0.5
    In [0, 1]; not with `from_logits`. With `class_axis` argmax decides a floating `pred`, and `threshold` concerns a
    floating `target` alone.
axis : int, tuple of int or None, default None
    {axis}; None: all save `class_axis`.
class_axis : int or None, default None
    The axis of the classes, each of which is taken against the rest.
num_classes : int or None, default None
    The number of classes when both masks are label maps, in [1, 65536].
weight : array or None, default None
    {weight}
ignore_index : int or None, default None
    {ignored}
reduction : "none", "mean", "nanmean", "weighted" or "sum", default "none"
    Over regions and classes. "mean" propagates nan; "nanmean" skips it, and is nan where nothing is left. "weighted":
    in each region the mean over the classes, each weighted by its support in the target ({support});
    a class without support is left out, whatever its value, and where none is left the region's value is
    `undefined`; then the mean over the regions, which propagates nan. Without `class_axis` a region is one class.
undefined : float, default nan
    {undefined}
pred_empty, target_empty : float or None, default None
    The value where the prediction alone, or the target alone, is empty: {empty}.
    It takes the place of the formula's value and of `undefined`. None: the value is what it is without. Where both are
    empty neither is used. These, and `undefined`, may be nan and inf.

Returns
-------
array of float64, one value a region (and class), or a 0-d array when reduced{result}

Raises
------
TypeError, ValueError
    For arguments outside what is said above{values}"""
