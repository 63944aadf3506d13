"""The parts of `check`: expressions, forms, dtypes, seeds, masks, cotangents."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from segloss_conformance.adapters.adapt import adapt, rounded
from segloss_conformance.adapters.binding import Binding, bind
from segloss_conformance.adapters.expression import ConfigurationError, Expression
from segloss_conformance.adapters.ledger import Pinned
from segloss_conformance.cases.case import Case
from segloss_conformance.cases.draw import draw
from segloss_conformance.cases.fixed import plain_cases
from segloss_conformance.check.checking import check
from segloss_conformance.truth.closed_forms import CLOSED_FORMS
from segloss_conformance.truth.textbook import loss, metric
from segloss_ref import registry
from tests.conformance.check_functions import WRONG, dice_pairwise, failing, silent, told

RECORDS = {**registry.losses, **registry.metrics}


# The parts. -----------------------------------------------------------------------------------------------------------


def test_expressions() -> None:
    values = {"gamma": 4.0, "smooth": 0.5}
    assert Expression("1/$gamma").value(values) == 0.25
    assert Expression((0.0, "2*$smooth")).value(values) == (0.0, 1.0)
    assert Expression("mean").value(values) == "mean"
    assert Expression("-$gamma + 1").names == {"gamma"}
    for bad in ("$gamma.real", "__import__('os')$", "$f($gamma)"):
        with pytest.raises(ConfigurationError):
            Expression(bad).value(values)


def test_closed_forms_agree_with_the_textbook() -> None:
    assert {one.spec for one in CLOSED_FORMS} <= set(RECORDS)
    for one in CLOSED_FORMS:
        is_loss = one.spec in registry.losses
        pred = np.array(one.pred, dtype=float) if is_loss else np.array(one.pred) > 0
        truth = (loss if is_loss else metric)(one.spec, pred, np.array(one.target), **one.parameters)
        assert float(truth.value[0].v) == pytest.approx(one.value, rel=1e-14, abs=1e-15), one.why


# What has no default, and the layouts that a definition is for.
NEEDED: dict[str, dict[str, Any]] = {"surface_dice": {"tolerance": 1.0}, "boundary_iou": {"width": 1}}
LAYOUTS = ("any", "NHW", "NHWC", "NCHW", "NDHWC", "flat")
PLANAR = {"centerline_dice": ("any", "NHW", "NHWC", "NCHW")}


def forms_of(name: str) -> list[Binding]:
    def nothing(pred: Any, target: Any) -> Any:
        return 0.0

    found = []
    for layout in PLANAR.get(name, LAYOUTS):
        for target in ("binary", "multilabel", "onehot", "index"):
            for takes in ("probability", "logit", "log-probability", "mask", "label"):
                try:
                    found.append(
                        bind(
                            name, nothing, layout=layout, target=target, takes=takes, framework="numpy",
                            convention=NEEDED.get(name, {}),
                        )
                    )  # fmt: skip
                except ConfigurationError:
                    continue
    return found


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_specification_has_cases_in_every_form(name: str) -> None:
    forms = forms_of(name)
    assert forms
    cases = [*plain_cases(RECORDS[name]), *draw(RECORDS[name], 8, seed=4)]
    for binding in forms:
        fitted = [case for case in (adapt(binding, one, "float32") for one in cases) if case is not None]
        assert len(fitted) >= 3, binding
        assert fitted[-1].answer.shape == ()
        for case in fitted:
            if binding.layout != "any" and binding.takes != "label":
                assert case.pred.ndim == len(binding.layout)
            if case.is_loss:
                np.testing.assert_array_equal(rounded(case.pred, "float32"), case.pred)
            assert np.isfinite(case.pred.astype(float)).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_rounding_to_a_dtype(dtype: str) -> None:
    numbers = np.array([1 / 3, -2.7, 1e-3, 0.0, 1.0])
    once = rounded(numbers, dtype)
    np.testing.assert_array_equal(rounded(once, dtype), once)
    unit = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24}[dtype]
    assert (np.abs(once - numbers) <= unit * np.abs(numbers)).all()


def test_the_same_seed_gives_the_same_report() -> None:
    function: Callable[..., Any] = WRONG[2][2]
    first, second = (check(bind("tversky_loss", function), "quick", seed=5, examples=10) for _ in range(2))
    assert [column.status for column in first.columns] == [column.status for column in second.columns] == ["fails"] * 2


def test_masks_that_are_counted_in_float32_are_held_to_its_roundoff_in_laws_too() -> None:
    def off_by_a_bit(p: Any, t: Any) -> Any:
        value = np.float32(2 * (p & t).sum()) / np.float32(p.sum() + t.sum())
        return np.nextafter(value, np.float32(2)) if p.flat[0] else value

    report = check(bind("dice_score", off_by_a_bit), "quick")
    assert report.status == "conforms", told(report)


@pytest.mark.parametrize(
    ("pred", "target", "how", "tags"),
    [
        ([[1, 0], [0, 0]], [[1, 1], [1, 0]], {"layout": "NW", "pool": "image"}, {"empty-prediction"}),
        ([[1, 0], [0, 0]], [[1, 1], [1, 0]], {"layout": "HW"}, set()),
        ([[1, 0, 1], [0, 0, 1]], [[0, 0, 0], [0, 0, 0]], {"layout": "HW"}, {"empty-target", "non-square"}),
        ([[0, 1, 2]], [[0, 1, 0]], {"layout": "NCW", "target": "index", "takes": "label"}, {"absent-class"}),
        ([[0, 1, 1]], [[0, 1, 2]], {"layout": "NCW", "target": "index", "takes": "label"}, {"empty-prediction"}),
        ([[1, 0], [0, 1]], [[1, 1], [1, 0]], {"layout": "NW"}, set()),
    ],
)
def test_metrics_know_regions_without_foreground(pred: Any, target: Any, how: dict[str, Any], tags: set[str]) -> None:
    binding = bind("dice_score", silent, args=["$pred", "$target"], framework="numpy", **how)
    labels = {"class_axis": 1, "num_classes": 3} if binding.takes == "label" else {}
    case = adapt(binding, Case("dice_score", np.array(pred), np.array(target), labels, is_loss=False), "int64")
    assert case is not None
    assert case.tags & {"empty-target", "empty-prediction", "absent-class", "non-square"} == tags


def test_scores_that_only_take_masks_can_be_held_against_a_loss() -> None:
    def decided(p: Any, y: Any) -> Any:
        return dice_pairwise((p > 0.5).astype(p.dtype), y, 1e-5, False)

    how: dict[str, Any] = {"convention": {"smooth": 1e-5}, "refuses": []}
    assert check(bind("dice_loss", decided, **how), "quick").status != "conforms"
    report = check(bind("dice_loss", decided, domain=["hard-prediction"], **how), "quick")
    assert report.status == "conforms", told(report)


def test_scores_do_not_change_places_with_the_target() -> None:
    def of_scores(p: Any, t: Any) -> Any:
        p = p > 0.5
        return 2 * (p & (t > 0)).sum() / (p.sum() + t.sum()) if p.any() or t.any() else math.nan

    report = check(bind("dice_score", of_scores, takes="probability"), "quick")
    assert report.status == "conforms", told(report)


def test_weights_of_masks_keep_their_fractions() -> None:
    def weighted(p: Any, t: Any, weight: Any) -> Any:
        return np.average(p == t, weights=weight) if weight.any() else math.nan

    report = check(bind("accuracy", weighted, args=["$pred", "$target", "$weight"]), "quick")
    assert report.status == "conforms", told(report)


def test_the_ignored_label_of_a_pinned_case_is_no_class() -> None:
    binding = bind("dice_score", lambda p, t, n, i: 0.0, args=["$pred", "$target", "$num_classes", "$ignore_index"],
                   framework="numpy", layout="CW", target="index", takes="label")  # fmt: skip
    case = Pinned([0, 1], [0, 200], {"ignore_index": 200}).case(binding)
    assert case is not None
    assert case.given["num_classes"] == 2


# Gradients under a cotangent. -----------------------------------------------------------------------------------------


def torch_function(backward: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Cross-entropy from logits in float32 whose `backward(slope, cotangent)` is given the float32 slope at 1."""
    torch = pytest.importorskip("torch")

    class Function(torch.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(ctx: Any, z: Any, y: Any) -> Any:
            wide, y = z.to(torch.promote_types(z.dtype, torch.float32)), y.to(z.dtype)
            ctx.save_for_backward(z, (1 - y) * torch.sigmoid(wide) - y * torch.sigmoid(-wide))
            return torch.nn.functional.binary_cross_entropy_with_logits(wide, y.to(wide.dtype))

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            z, slope = ctx.saved_tensors
            return backward(slope / z.numel(), cotangent).to(z.dtype), None

    return lambda z, y: Function.apply(z, y)


def halved(backward: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """The same with both rounded to float16 first."""
    return torch_function(lambda slope, cotangent: backward(slope.half(), cotangent.half()))


TORCH_HALF: dict[str, Any] = {"framework": "torch", "takes": "logit", "dtypes": ["float16", "bfloat16", "float32"]}


def test_a_gradient_that_is_multiplied_in_float32_conforms() -> None:
    report = check(bind("binary_cross_entropy", torch_function(lambda slope, c: slope * c), **TORCH_HALF), "quick")
    assert report.status == "conforms", told(report)
    assert report.columns[0].verdicts["gradient"].grade == "A"


@pytest.mark.parametrize(
    ("words", "function"),
    [
        ("512 x 512", lambda: halved(lambda slope, c: slope * c)),
        ("512 x 512", lambda: torch_function(lambda slope, c: slope.half() * c)),
        ("", lambda: torch_function(lambda slope, c: slope)),
        ("", lambda: torch_function(lambda slope, c: slope * c * c)),
        ("", lambda: torch_function(lambda slope, c: slope * c.clamp(max=1))),
    ],
    ids=["both rounded", "slope rounded", "ignored", "squared", "clamped"],
)
def test_a_gradient_that_goes_wrong_under_a_cotangent_fails(words: str, function: Any) -> None:
    report = check(bind("binary_cross_entropy", function(), **TORCH_HALF), "quick")
    assert failing(report) == {"gradient"}, told(report)
    assert "under the cotangent" in told(report)
    assert words in told(report)


def test_every_value_has_a_cotangent_of_its_own() -> None:
    torch = pytest.importorskip("torch")

    class Summed(torch.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(ctx: Any, losses: Any) -> Any:
            return losses.clone()

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            return torch.ones_like(cotangent)

    def losses(z: Any, y: Any) -> Any:
        from torch.nn import functional

        return functional.binary_cross_entropy_with_logits(z, y.to(z.dtype), reduction="none").flatten(1).mean(1)

    how: dict[str, Any] = {**TORCH_HALF, "layout": "NCHW", "returns": "per-image", "pool": "image"}
    report = check(bind("binary_cross_entropy", losses, **how), "quick")
    assert report.status == "conforms", told(report)
    report = check(bind("binary_cross_entropy", lambda z, y: Summed.apply(losses(z, y)), **how), "quick")
    assert failing(report) == {"gradient"}, told(report)


def test_jax_functions_are_asked_under_cotangents_too() -> None:
    jax = pytest.importorskip("jax")

    def function(used: bool) -> Any:
        @jax.custom_vjp
        def loss(z: Any, y: Any) -> Any:
            return (jax.numpy.logaddexp(0, z) - y * z).mean()

        def backward(saved: Any, cotangent: Any) -> Any:
            z, y = saved
            slope = ((1 - y) * jax.nn.sigmoid(z) - y * jax.nn.sigmoid(-z)) / z.size
            return slope * cotangent if used else slope, None

        loss.defvjp(lambda z, y: (loss(z, y), (z, y)), backward)
        return lambda z, y: loss(z, y.astype(z.dtype))

    how: dict[str, Any] = {"framework": "jax", "takes": "logit", "dtypes": ["float32"], "domain": ["not saturated"]}
    report = check(bind("binary_cross_entropy", function(True), **how), "quick")
    assert report.status == "conforms", told(report)
    report = check(bind("binary_cross_entropy", function(False), **how), "quick")
    assert failing(report) == {"gradient"}, told(report)
