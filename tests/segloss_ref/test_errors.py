"""Bad input is refused by a message that names the argument, what was given and what was expected."""

from __future__ import annotations

import re
from typing import Any

import array_api_strict
import numpy as np
import pytest

import segloss_ref as ref
from segloss_ref import registry

P = np.array([[0.2, 0.7, 0.4], [0.9, 0.1, 0.5]])
Y = np.array([[0, 1, 0], [1, 0, 1]])
LABELS = np.array([0, 1, 1])  # of P's pixels, its classes along axis 0

LOSSES = sorted(registry.losses)
METRICS = sorted(registry.metrics)


def call(name: str, pred: Any, target: Any, **keywords: Any) -> Any:
    record = registry.losses[name]
    if record.needs_class_axis:
        keywords.setdefault("class_axis", 0)
    return record.function(pred, target, **keywords)


def nan_at(array: Any) -> Any:
    broken = array.copy()
    broken[0, 0] = np.nan
    return broken


EVERYWHERE = [
    ("target of another shape", dict(target=Y[:, :2]), ValueError, r"target must have pred's shape \(2, 3\).*\(2, 2\)"),
    ("list", dict(pred=[0.5]), TypeError, r"pred must be an array .* got list"),
    ("no target", dict(target=None), TypeError, r"target must be an array .* None"),
    ("target of lists", dict(target=[[0, 1, 0]]), TypeError, r"target must be an array .* got list"),
    ("integer prediction", dict(pred=Y), TypeError, r"pred must have a real floating dtype, got int64 array"),
    ("boolean prediction", dict(pred=Y > 0), TypeError, r"pred must have a real floating dtype, got bool array"),
    ("complex target", dict(target=P + 0j), TypeError, r"target must be bool, integer or real, got complex"),
    ("empty array", dict(pred=P[:0], target=Y[:0]), ValueError, r"pred must hold at least one pixel, got shape \(0, 3\)"),
    ("axis out of range", dict(axis=2), ValueError, r"axis must lie in \[-2, 2\).* got 2"),
    ("repeated axis", dict(axis=(1, -1)), ValueError, r"axis must not repeat an axis, got \(1, -1\)"),
    ("fractional axis", dict(axis=0.5), TypeError, r"axis must be an integer, a tuple of integers or None, got 0.5"),
    ("unknown reduction", dict(reduction="avg"), ValueError, r"reduction must be .*, got 'avg'"),
    ("unknown keyword", dict(smoothing=1), TypeError, r"unknown keyword 'smoothing', expected one of .*reduction"),
    ("weight of another shape", dict(weight=np.ones(2)), ValueError, r"weight must broadcast to the pixels .*\(2,\)"),
    ("weight of text", dict(weight=np.array(["a"])), TypeError, r"weight must be real"),
    ("ignore_index of a float target", dict(target=P, ignore_index=3), ValueError, r"ignore_index needs an integer target"),
    ("fractional ignore_index", dict(ignore_index=0.5), TypeError, r"ignore_index must be an integer .* 0.5"),
    ("another library", dict(target=array_api_strict.asarray(Y)), TypeError, r"target must be of the library of pred"),
    ("masked array", dict(pred=np.ma.array(P, mask=Y)), TypeError, r"pred must be a plain array, with weight 0 where"),
    ("masked target", dict(target=np.ma.array(Y, mask=Y)), TypeError, r"target must be a plain array, with weight 0"),
    # Array values: looked at on every call to NumPy.
    ("nan", dict(pred=nan_at(P)), ValueError, r"pred must be (in \[0, 1\]|finite), got nan"),
    ("target of 2", dict(target=Y + 1), ValueError, r"target must be 0 or 1, got 2"),
    ("soft target of 1.5", dict(target=Y * 1.5), ValueError, r"target must be (in \[0, 1\]|0 or 1), got 1.5"),
    ("nan target", dict(target=nan_at(P)), ValueError, r"target must be (in \[0, 1\]|0 or 1), got nan"),
    ("negative weight", dict(weight=-P[0]), ValueError, r"weight must be in \[0, 1e30\], got -0.2"),
    ("infinite weight", dict(weight=P[0] + np.inf), ValueError, r"weight must be in \[0, 1e30\], got inf"),
]  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    ("arguments", "error", "message"), [case[1:] for case in EVERYWHERE], ids=[case[0] for case in EVERYWHERE]
)
def test_every_loss_refuses(name: str, arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    given: dict[str, Any] = {"pred": P, "target": Y, **arguments}
    with pytest.raises(error, match=message) as caught:
        call(name, given.pop("pred"), given.pop("target"), **given)
    assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize("name", [name for name in LOSSES if "from_logits" in registry.losses[name].keywords])
def test_probabilities_and_logits(name: str) -> None:
    with pytest.raises(ValueError, match=r"pred must be in \[0, 1\], got 1.2"):
        call(name, P + 0.3 * (P == 0.9), Y)
    with pytest.raises(ValueError, match=r"pred must be finite.*, got inf"):
        call(name, np.full((2, 3), np.inf), Y, from_logits=True)
    with pytest.raises(TypeError, match=r"from_logits must be True or False, got 1"):
        call(name, P, Y, from_logits=1)


CLASSES = [
    name for name in LOSSES if "class_axis" in registry.losses[name].keywords and registry.losses[name].categorical
]


@pytest.mark.parametrize("name", CLASSES)
def test_classes(name: str) -> None:
    loss = registry.losses[name].function
    with pytest.raises(ValueError, match=r"target must be a label in \[0, 2\), got 2"):
        loss(P, LABELS * 2, class_axis=0)
    with pytest.raises(ValueError, match=r"target must be a label in \[0, 2\), got -1"):
        loss(P, LABELS - 1, class_axis=0)
    with pytest.raises(TypeError, match=r"target without class_axis must be an integer label map"):
        loss(P, LABELS * 1.0, class_axis=0)
    with pytest.raises(ValueError, match=r"class_axis must lie in \[-2, 2\).*got 5"):
        loss(P, LABELS, class_axis=5)
    with pytest.raises(ValueError, match=r"axis must not contain class_axis"):
        loss(P, LABELS, class_axis=0, axis=(0, 1))
    with pytest.raises(ValueError, match=r"target must have pred's shape \(2, 3\), or \(3,\) for a label map"):
        loss(P, LABELS[:2], class_axis=0)


@pytest.mark.parametrize("name", [name for name in CLASSES if "class_weight" in registry.losses[name].keywords])
def test_class_weight(name: str) -> None:
    loss = registry.losses[name].function
    for bad, error, message in [
        ([1.0], ValueError, "must hold 2 numbers, got 1"),
        ([1.0, -1.0], ValueError, r"must be None, or one number in \[0, 1e30\] a class, got \[1.0, -1.0\]"),
        (np.array([1.0, -1.0]), ValueError, r"must be in \[0, 1e30\], got -1.0"),
        (np.ones(3), ValueError, r"must have shape \(2,\)"),
        (np.array([1, 1j]), TypeError, "must be real, got complex"),
        (np.array(["a", "b"]), TypeError, "must be real, got"),
        ("ab", TypeError, "must be None, or one number .* a class, got 'ab'"),
        ([1.0, "b"], TypeError, r"must be None, or one number .* a class, got \[1.0, 'b'\]"),
    ]:
        with pytest.raises(error, match=f"class_weight {message}"):
            loss(P, LABELS, class_axis=0, class_weight=bad)
    with pytest.raises(ValueError, match="class_weight needs class_axis"):
        loss(P, Y, class_weight=[1.0, 1.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ref.weighted_cross_entropy(P, LABELS, class_axis=0), ValueError, "class_axis must be None"),
        (lambda: ref.focal_loss(P, LABELS, class_axis=0, alpha=0.5), ValueError, "alpha must be None with class_axis"),
        (lambda: ref.combo_loss(P, LABELS, class_axis=0, beta=0.5), ValueError, "beta must be None with class_axis"),
        (lambda: ref.balanced_cross_entropy(P, LABELS, class_axis=0, beta=0.5), ValueError, "beta must be None with"),
        (lambda: ref.generalized_dice_loss(P, Y), ValueError, "class_axis must be given"),
        (lambda: ref.generalized_dice_loss(P, Y, class_axis=0, class_weight=[1, 1]), TypeError, "'class_weight'"),
        (lambda: ref.lovasz_hinge_loss(P, Y, from_logits=True), TypeError, "unknown keyword 'from_logits'"),
        (lambda: ref.lovasz_hinge_loss(P, Y, class_axis=0), TypeError, "unknown keyword 'class_axis'"),
        (lambda: ref.lovasz_hinge_loss(P, P), ValueError, "target must be 0 or 1, got 0.2"),
        (lambda: ref.lovasz_softmax_loss(P, P), ValueError, "target must be 0 or 1, got 0.2"),
        (lambda: ref.dice_loss(P, Y, smooth=(2, 1)), ValueError, r"smooth must be .*numerator <= denominator, got \(2, 1\)"),
        (lambda: ref.dice_loss(P, Y, smooth=-1), ValueError, "smooth must be .*got -1"),
        (lambda: ref.dice_loss(P, Y, smooth=10**400), ValueError, "smooth must be .*got an integer of 1329 bits"),
        (lambda: ref.f_score(P, Y, beta=10**400), ValueError, r"beta must lie in \(0, 1e30\], got an integer of 1329 bits"),
        (lambda: ref.dice_loss(P, Y, smooth="1"), TypeError, "smooth must be .*got '1'"),
        (lambda: ref.dice_loss(P, Y, squared=1), TypeError, "squared must be True or False, got 1"),
        (lambda: ref.weighted_cross_entropy(P, Y, beta=0), ValueError, r"beta must lie in \(0, 1e30\], got 0"),
        (lambda: ref.weighted_cross_entropy(P, Y, beta=True), TypeError, "beta must be a real number"),
        (lambda: ref.balanced_cross_entropy(P, Y, beta=1.5), ValueError, r"beta must lie in \[0, 1\] or None, got 1.5"),
        (lambda: ref.focal_loss(P, Y, alpha=-0.1), ValueError, r"alpha must lie in \[0, 1\] or None, got -0.1"),
        (lambda: ref.focal_loss(P, Y, gamma=np.nan), ValueError, "gamma must lie in"),
        (lambda: ref.focal_loss(P, Y, gamma=np.inf), ValueError, "gamma must lie in"),
        (lambda: ref.tversky_loss(P, Y, fp_weight=-1), ValueError, "fp_weight must lie in"),
        (lambda: ref.focal_tversky_loss(P, Y, gamma=0), ValueError, r"gamma must lie in \(0, .*\], got 0"),
        (lambda: ref.sensitivity_specificity_loss(P, Y, power=3), ValueError, "power must be one of 1, 2, got 3"),
        (lambda: ref.sensitivity_specificity_loss(P, Y, sensitivity_weight=2), ValueError, "sensitivity_weight must lie"),
        (lambda: ref.combo_loss(P, Y, alpha=1.5), ValueError, r"alpha must lie in \[0, 1\], got 1.5"),
        (lambda: ref.combo_loss(P, Y, beta=-1), ValueError, "beta must lie in"),
        (lambda: ref.generalized_dice_loss(P, Y, class_axis=0, weight_type="cubic"), ValueError, "weight_type must be one"),
        (lambda: ref.lovasz_softmax_loss(P, Y, classes="some"), ValueError, "classes must be one of .*got 'some'"),
        (lambda: ref.exponential_logarithmic_loss(P, Y, label_weights=(1, 2, 3)), ValueError, "must hold 2 numbers, got 3"),
        (lambda: ref.exponential_logarithmic_loss(P, Y, label_weights=(1, -2)), ValueError, "label_weights must be"),
        (lambda: ref.exponential_logarithmic_loss(P, Y, label_weights=3), TypeError, "label_weights must be"),
        (lambda: ref.value_and_grad(np.sum), TypeError, "loss must be one of segloss_ref's losses"),
        (lambda: ref.validate(np.sum, P, Y), TypeError, "validate: function must be one of segloss_ref's losses and metrics"),
    ],
)  # fmt: skip
def test_own_parameters(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


METRIC_CASES = [
    ("shape", dict(target=Y[:, :2]), ValueError, r"target must have shape \(2, 3\), got \(2, 2\)"),
    ("integer of 2", dict(target=Y + 1), ValueError, "target must be 0 or 1, got 2"),
    ("probability", dict(pred=P * 3), ValueError, r"pred must be in \[0, 1\], got 2"),
    ("nan", dict(pred=nan_at(P)), ValueError, r"pred must be in \[0, 1\], got nan"),
    ("threshold", dict(threshold=1.5), ValueError, r"threshold must lie in \[0, 1\], got 1.5"),
    ("threshold of text", dict(threshold="x"), TypeError, "threshold must be a real number"),
    ("reduction", dict(reduction="avg"), ValueError, "reduction must be .*'weighted'.* got .*'avg'"),
    ("reduction in an array", dict(reduction=np.array(["mean", "sum"])), TypeError, "reduction must be one of"),
    ("undefined", dict(undefined="0"), TypeError, "undefined must be a real number"),
    ("undefined None", dict(undefined=None), TypeError, "undefined must be a real number, nan or inf, got"),
    ("pred_empty of text", dict(pred_empty="x"), TypeError, "pred_empty must be a real number, nan or inf, got .*'x'"),
    ("pred_empty of bool", dict(pred_empty=True), TypeError, "pred_empty must be a real number"),
    ("pred_empty in a list", dict(pred_empty=[0.0]), TypeError, "pred_empty must be a real number"),
    ("target_empty complex", dict(target_empty=1j), TypeError, "target_empty must be a real number"),
    ("target_empty in an array", dict(target_empty=np.zeros((512, 512))), TypeError,
     r"target_empty must be a real number, nan or inf, got .*\(512, 512\)"),
    ("target_empty beyond float64", dict(target_empty=10**400), ValueError, "target_empty must be a real number, .* in the range of float64"),
    ("keyword", dict(smooth=1), TypeError, "unknown keyword 'smooth'"),
    ("num_classes", dict(num_classes=2), ValueError, "num_classes needs class_axis"),
    ("labels", dict(pred=Y, target=Y + 1, num_classes=2, class_axis=0), ValueError, r"target must be a label in \[0, 2\)"),
    ("floating label map", dict(pred=P, target=P[0], class_axis=0), TypeError, "must be an integer label map"),
    ("complex", dict(pred=P + 0j), TypeError, "pred must be bool, integer or real floating"),
    ("empty", dict(pred=P[:0], target=Y[:0]), ValueError, "at least one pixel"),
    ("weight", dict(weight=-P), ValueError, r"weight must be in \[0, 1e30\]"),
    ("axis", dict(axis=3), ValueError, "axis must lie in"),
    ("masked array", dict(pred=np.ma.array(P, mask=Y)), TypeError, "pred must be a plain array, with weight 0 where"),
    ("library", dict(target=array_api_strict.asarray(Y)), TypeError, "library of pred"),
]  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [case[1:] for case in METRIC_CASES],
    ids=[case[0] for case in METRIC_CASES],
)
def test_every_metric_refuses(name: str, arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    required = {own.name: 1 for own in registry.metrics[name].parameters.values() if own.required}
    given: dict[str, Any] = {"pred": P, "target": Y, **required, **arguments}
    with pytest.raises(error, match=message) as caught:
        registry.metrics[name].function(given.pop("pred"), given.pop("target"), **given)
    assert str(caught.value).startswith(f"{name}: ")


def test_a_record_stands_for_the_masks() -> None:
    record = ref.confusion(P, Y)
    with pytest.raises(TypeError, match="takes the place of the masks and of target, axis"):
        ref.dice_score(record, Y, axis=0)
    with pytest.raises(TypeError, match="target must be an array"):
        ref.dice_score(P)
    with pytest.raises(ValueError, match=r"must have one shape, got \(\) and \(2,\)"):
        record + ref.confusion(P, Y, axis=1)


@pytest.mark.parametrize(
    ("function", "pred", "target", "keywords", "message"),
    [
        (ref.dice_loss, P * 2, Y, {}, r"pred must be in \[0, 1\]"),
        (ref.dice_loss, P, Y * 2, {}, "target must be 0 or 1"),
        (ref.dice_loss, P, Y, {"weight": -P}, r"weight must be in \[0, 1e30\]"),
        (ref.dice_loss, P + np.inf, Y, {"from_logits": True}, "pred must be finite"),
        (ref.dice_loss, P, LABELS + 7, {"class_axis": 0}, "target must be a label"),
        (
            ref.dice_loss,
            P,
            LABELS,
            {"class_axis": 0, "class_weight": -P[:, 0]},
            "class_weight must be in",
        ),
        (ref.lovasz_hinge_loss, P, P, {}, "target must be 0 or 1"),
        (ref.dice_score, P * 2, Y, {}, r"pred must be in \[0, 1\]"),
        (ref.tversky_index, P, Y, {"fp_weight": -1}, "fp_weight must lie in"),
        (ref.dice_score, P, Y, {"reduction": "average"}, "reduction must be .*got .*'average'"),
    ],
)
def test_validate_looks_at_all_values(
    function: Any, pred: Any, target: Any, keywords: dict[str, Any], message: str
) -> None:
    convert = array_api_strict.asarray
    moved = {name: convert(value) if hasattr(value, "shape") else value for name, value in keywords.items()}
    with pytest.raises(ValueError, match=message):
        ref.validate(function, convert(pred), convert(target), **moved)


def test_validate_accepts_what_is_right() -> None:
    convert = array_api_strict.asarray
    ref.validate(ref.dice_loss, convert(P), convert(Y), axis=1, weight=convert(P))
    ref.validate(ref.dice_score, convert(P), convert(Y), axis=1, reduction="mean")
    with pytest.raises(TypeError, match=re.escape("unknown keyword 'sooth'")):
        ref.validate(ref.dice_loss, convert(P), convert(Y), sooth=1)
