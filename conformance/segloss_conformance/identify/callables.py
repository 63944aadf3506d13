"""How a callable is asked: a plain function, a `Binding`, or a function of a `Case`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from segloss_ref.domains import smooth_pair

from ..adapters.binding import Binding
from ..adapters.bound_case import BoundCase
from ..adapters.callers import Caller
from ..adapters.expression import ConfigurationError, Expression
from ..cases.case import Case
from .probes import Ask, Probe, Refused, Setting

__all__ = ["binding_setting", "of_binding", "of_cases", "of_function", "telling_values"]

TELLING: Mapping[str, Any] = {
    "smooth": 1.0, "gamma": 1.5, "fp_weight": 0.3, "fn_weight": 0.6, "alpha": 0.3, "beta": 0.7, "tolerance": 1.5,
    "percentile": 95.0,
}  # fmt: skip
"""Values of parameters that tell conventions apart, where a default, such as two equal weights, does not."""


def telling_values(spec: str) -> dict[str, Any]:
    """Values of the parameters of `spec`, by name."""
    told = dict(TELLING)
    if spec == "balanced_cross_entropy":
        del told["beta"]  # without it the frequencies of the classes are at work
    return told


def of_function(function: Callable[..., Any]) -> Ask:
    """Ask a function of two NumPy arrays, (images, classes, rows, columns), or of two masks."""

    def ask(found: Probe) -> Any:
        return function(found.pred.copy(), found.target.copy(), **found.keywords)

    return ask


def of_cases(function: Callable[[Case], Any], setting: Setting, *, is_loss: bool = True) -> Ask:
    """Ask a function of a `Case`, whose regions are one image and class each (losses of pixels have one region)."""
    one_region = setting.name in ("binary_cross_entropy", "weighted_cross_entropy", "focal_loss")

    def ask(found: Probe) -> Any:
        keywords: dict[str, Any] = {**setting.declared, **found.keywords}
        if is_loss:
            if setting.classes > 1:
                keywords["class_axis"] = 1
            if not one_region:
                keywords["axis"] = (2, 3)
            if setting.takes == "logit":
                keywords["from_logits"] = True
        answer = function(Case(setting.name, found.pred.copy(), found.target.copy(), keywords, "float64", is_loss))
        return answer[0] if isinstance(answer, tuple) else answer

    return ask


def _own(binding: Binding, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the callable's parameters are called with: telling ones, where none are given."""
    own = {}
    for name, parameter in binding.record.parameters.items():
        telling = telling_values(binding.spec).get(name)
        if name in binding.parameters:
            own[name] = given.get(name, parameter.default if telling is None else telling)
        else:
            own[name] = given.get(name, parameter.default)
    return own


def binding_setting(
    binding: Binding, given: Mapping[str, Any], *, classes: int = 3, soft: bool = False, pool: Any = None
) -> Setting:
    """The setting in which a bound callable is asked; refused where its form is none that `identify` speaks."""
    if binding.is_loss and binding.takes not in ("probability", "logit"):
        raise ConfigurationError(f"identify asks probabilities or logits, got takes = {binding.takes!r}")
    if binding.record.family == "surface" and "D" in binding.layout:  # in a volume of one slice all voxels are surface
        raise ConfigurationError(f"identify asks about surfaces of two axes, got layout = {binding.layout!r}")
    own = _own(binding, given)
    told = {name: value for name, value in own.items() if name in binding.parameters or name in given}
    for name, value in binding.convention.items():
        if Expression(value).names <= own.keys():
            told[name] = Expression(value).value(own)
    layout = binding.layout
    asked: Any = pool or ("batch" if layout == "any" else binding.pool)
    single = "C" not in layout or binding.target == "binary"
    return Setting(
        binding.spec,
        takes="logit" if binding.is_loss and binding.takes == "logit" else "probability",
        classes=1 if single else classes,
        declared=told,
        soft=soft and binding.target != "index",
        pool=asked,
        images=layout == "any" or "N" in layout,
        spacing="spacing" in binding.placeholders,
        exclusive=binding.classes == "exclusive",
        tolerances="tolerance" in binding.parameters or "tolerance" in binding.placeholders,
        dtype="float64" if not binding.is_loss or "float64" in binding.dtypes else binding.dtypes[0],
        weighted=bool({"weight", "class_weight"} & binding.placeholders),
    )


def _placed(array: Any, layout: str, classes: bool) -> Any:
    """(N, C, H, W) in the layout; without C where the array has none."""
    letters = "NCHW" if classes else "NHW"
    if not classes:
        array = array[:, 0] if array.ndim == 4 else array
    if layout == "any":
        return array
    if "H" not in layout:  # pixels in a row
        array = array.reshape(*array.shape[:-2], -1)
        letters = letters.replace("H", "")
    if "D" in layout:
        array, letters = np.expand_dims(array, -2), letters[:-1] + "D" + letters[-1]
        letters = letters.replace("HD", "DH") if "DH" in layout else letters
    if "N" not in layout:
        array, letters = array[0], letters.replace("N", "")
    return array.transpose([letters.index(letter) for letter in layout if classes or letter != "C"])


def of_binding(binding: Binding, call: Caller, setting: Setting, given: Mapping[str, Any]) -> Ask:
    """Ask a bound callable, in its own layout, framework and form of target; a score is turned into a loss as declared."""
    own = _own(binding, given)
    values: dict[str, Any] = {
        "num_classes": setting.classes,
        "ignore_index": 255,
        "class_weight": (1.0,) * setting.classes,
    }
    if "smooth" in own:
        values["smooth_numerator"], values["smooth_denominator"] = smooth_pair(own["smooth"])
    dtype = "float64" if "float64" in binding.dtypes else binding.dtypes[0]

    def ask(found: Probe) -> Any:
        pred, target = found.pred, found.target
        if not binding.is_loss:
            pred, target = (array[None] for array in (pred, target))
            pred, target = (array[:, None] if "C" in binding.layout else array for array in (pred, target))
        shaped = "C" in binding.layout
        letters = binding.layout
        if not binding.is_loss and letters == "any":
            pred, target = pred[0], target[0]
        else:
            pred = _placed(pred, letters, shaped)
            if binding.target == "index":
                target = _placed(target.argmax(axis=1), letters, False)
            else:
                target = _placed(target, letters, shaped)
        if binding.is_loss and binding.target != "index":
            target = target.astype(np.float64)
        keywords = {"weight": np.ones(pred.shape)} if "weight" in binding.placeholders else {}
        case = BoundCase(
            binding.spec, pred, target, keywords, "float64", binding.is_loss,
            binding=binding, given={**values, **own, **found.keywords},
        )  # fmt: skip
        called = call(case, dtype)
        value = np.asarray(called.value)
        if called.dtype in ("float32", "float16"):
            value = value.astype(called.dtype)
        if binding.returns == ("score" if binding.is_loss else "loss"):
            value = 1 - value
        if value.size == 0:
            raise Refused("it returns an empty array")
        return value

    return ask
