"""`check`: wrong functions fail in the group that is theirs, broken adapters are told apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from segloss_conformance.adapters.binding import bind
from segloss_conformance.adapters.expression import ConfigurationError
from segloss_conformance.check.checking import check
from tests.conformance.check_functions import (
    F1,
    WRONG,
    brats_hausdorff,
    cross_entropy_of_probabilities,
    dice_pairwise,
    f1_by_support,
    failing,
    jax_tversky,
    mean_iou,
    precision_that_rewards_silence,
    told,
)


def drops_gradient(z: Any, y: Any) -> Any:
    p = z.sigmoid()
    return 1 - (2 * (p * y).sum() + 1) / (p.detach().sum() + y.sum() + 1)


def other_when_traced(p: Any, y: Any) -> Any:
    import jax

    return jax_tversky(p, y, 0.5, 0.5) * (1.001 if isinstance(p, jax.core.Tracer) else 1)


@pytest.mark.parametrize(("group", "spec", "function", "how"), WRONG)
def test_wrong_functions_fail_in_their_group(group: str, spec: str, function: Any, how: dict[str, Any]) -> None:
    report = check(bind(spec, function, framework="numpy", **how), "quick", seed=3)
    assert report.status == "fails"
    assert group in failing(report), told(report)


@pytest.mark.parametrize(
    ("spec", "function", "how"),
    [
        ("hausdorff_distance", brats_hausdorff, {"undefined": 0.0}),
        ("hausdorff_distance", brats_hausdorff, {"undefined": 0.0, "pred_empty": 373.1287, "target_empty": 0.0}),
        (
            "hausdorff_distance",
            brats_hausdorff,
            {"undefined": 373.1287, "pred_empty": 373.1287, "target_empty": 373.1287},
        ),
        ("precision", precision_that_rewards_silence, {"undefined": 0.5}),
        ("precision", precision_that_rewards_silence, {"undefined": 0.5, "target_empty": 1.0}),
        ("precision", precision_that_rewards_silence, {"undefined": 0.5, "pred_empty": math.inf}),
    ],
)
def test_another_convention_of_empty_masks_fails(spec: str, function: Any, how: dict[str, Any]) -> None:
    report = check(bind(spec, function, dtypes=["bool"], convention=how), "quick")
    assert report.status == "fails"
    assert failing(report) <= {"special cases", "value"}


def in_memory_order(p: Any, y: Any) -> Any:
    return dice_pairwise(np.ravel(p, order="K"), np.ravel(y, order="K"), 1.0, False)


class KeepsTheFirstBatch:
    """Divides by the size of the first batch that it met."""

    def __init__(self, smooth: float) -> None:
        self.smooth, self.size = smooth, None

    def __call__(self, p: Any, y: Any) -> Any:
        self.size = p.size if self.size is None else self.size
        return dice_pairwise(p, y, self.smooth, False) * p.size / self.size


class CountsItsCalls(KeepsTheFirstBatch):
    """A right class that has state: none of it reaches the value."""

    def __call__(self, p: Any, y: Any) -> Any:
        self.size = (self.size or 0) + 1
        return dice_pairwise(p, y, self.smooth, False)


def test_memory_order_counts_for_nothing() -> None:
    report = check(bind("dice_loss", in_memory_order, dtypes=["float64"], convention={"smooth": 1.0}), "quick")
    assert failing(report) == {"purity"}, told(report)
    assert "Fortran" in report.columns[0].verdicts["purity"].findings[0].message


def test_state_between_calls_fails() -> None:
    how: dict[str, Any] = {"dtypes": ["float64"], "construct": {"smooth": 1.0}, "convention": {"smooth": 1.0}}
    assert check(bind("dice_loss", KeepsTheFirstBatch, **how), "quick").status == "fails"
    assert check(bind("dice_loss", CountsItsCalls, **how), "quick").status == "conforms"


def first_pixel_counts_more(p: Any, y: Any) -> Any:
    w = np.ones(p.size)
    w[0] = 1.5
    return dice_pairwise(p.ravel() * w, y.ravel(), 1.0, False)


def test_a_broken_law_is_made_small_where_values_are_wrong_too() -> None:
    report = check(bind("dice_loss", first_pixel_counts_more, dtypes=["float64"], convention={"smooth": 1.0}), "quick")
    assert {"value", "law"} <= failing(report), told(report)
    case = report.columns[0].verdicts["law"].findings[0].case
    assert case is not None
    assert case.pred.size <= 4


def test_another_mean_over_the_classes_fails() -> None:
    assert check(bind("dice_score", f1_by_support, **F1), "quick").status == "fails"
    assert check(bind("dice_score", mean_iou, **F1, convention={"reduction": "weighted"}), "quick").status == "fails"


def test_wrong_gradients_fail() -> None:
    pytest.importorskip("torch")
    report = check(
        bind("dice_loss", drops_gradient, framework="torch", takes="logit", convention={"smooth": 1.0}), "quick"
    )
    assert failing(report) == {"gradient"}, told(report)


def test_gradients_may_be_functions() -> None:
    def gradient(p: Any, y: Any, smooth: float) -> Any:
        above, below = 2 * (p * y).sum() + smooth, p.sum() + y.sum() + smooth
        return (above / below - 2 * y) / below

    def dice(p: Any, y: Any, smooth: float) -> Any:
        return dice_pairwise(p, y, smooth, False)

    report = check(bind("dice_loss", dice, grad=gradient), "quick")
    assert report.status == "conforms", told(report)
    assert report.columns[0].verdicts["gradient"].examples > 10
    wrong = check(bind("dice_loss", dice, grad=lambda p, y, smooth: -gradient(p, y, smooth)), "quick")
    assert failing(wrong) == {"gradient"}


def test_compiled_functions_that_differ_fail() -> None:
    pytest.importorskip("jax")
    binding = bind("tversky_loss", other_when_traced, framework="jax", modes=["compile"], grad="none",
                   convention={"smooth": 1.0})  # fmt: skip
    assert failing(check(binding, "quick", examples=3)) == {"modes"}


def test_sums_that_overflow_in_16_bits_are_told_and_fail_where_promised() -> None:
    def dice(p: Any, y: Any) -> Any:
        return dice_pairwise(p, y, 1.0, False)

    how = {"dtypes": ["float16"], "convention": {"smooth": 1.0}}
    report = check(bind("dice_loss", dice, **how), "quick")
    assert report.status == "conforms", told(report)
    assert "512" in report.columns[0].verdicts["dtype"].note
    assert failing(check(bind("dice_loss", dice, domain=["large-image"], **how), "quick")) == {"dtype"}


# Broken adapters. -----------------------------------------------------------------------------------------------------


def raises(p: Any, y: Any) -> Any:
    raise RuntimeError("no such kernel")


def hangs(p: Any, y: Any) -> Any:
    while True:
        pass


def needs_channels_last(p: Any, y: Any) -> Any:
    both, sizes = (p * y).sum((0, 1, 2)), (p + y).sum((0, 1, 2))
    return (1 - (2 * both + 1e-5) / (sizes + 1e-5)).mean()


BROKEN: list[tuple[str, Any, dict[str, Any]]] = [
    ("raises RuntimeError: no such kernel", raises, {}),
    ("raises TypeError", lambda p: 0.0, {}),
    ("longer than 0.3 s", hangs, {"timeout": 0.3}),
    ("returns nan for an ordinary input", lambda p, y: math.nan, {}),
    ("returns shape (2, 2, 3), expected ()", lambda p, y: p * y, {}),
    ("returns shape (2,), expected () for returns = 'loss'; this is the shape for returns = 'per-image'",
     lambda p, y: p.sum((1, 2)), {"layout": "NHW"}),
    ("returns str", lambda p, y: "0.5", {}),
    ("returns None", lambda p, y: None, {}),
    ("for every input", lambda p, y: 0.25, {}),
    ("with layout = 'NHWC' they are right", needs_channels_last, {"target": "onehot", "layout": "NCHW"}),
]  # fmt: skip


@pytest.mark.parametrize(("words", "function", "how"), BROKEN, ids=[words for words, _, _ in BROKEN])
def test_broken_adapters_are_told_from_wrong_functions(words: str, function: Any, how: dict[str, Any]) -> None:
    report = check(bind("dice_loss", function, framework="numpy", **how), "quick")
    assert report.status == "broken adapter"
    verdicts = report.columns[0].verdicts
    assert set(verdicts) == {"smoke"}
    finding = verdicts["smoke"].finding
    assert finding is not None
    assert words in finding.message


def test_swapped_arguments_are_a_broken_adapter() -> None:
    def entropy(y: Any, p: Any) -> Any:
        return cross_entropy_of_probabilities(p, y)

    finding = check(bind("binary_cross_entropy", entropy), "quick").columns[0].verdicts["smoke"].finding
    assert finding is not None
    assert "with pred and target swapped in args they are right" in finding.message


@pytest.mark.parametrize(
    ("words", "spec", "call", "how"),
    [
        ("spec must be one of", "dise_loss", np.sum, {}),
        ("unknown key 'layuot'", "dice_loss", np.sum, {"layuot": "NCHW"}),
        ("layout must be", "dice_loss", np.sum, {"layout": "NCWX"}),
        ("takes must be one of", "dice_loss", np.sum, {"takes": "sigmoid"}),
        ("is a loss", "dice_loss", np.sum, {"takes": "mask"}),
        ("needs classes", "generalized_dice_loss", np.sum, {"target": "binary"}),
        ("takes logits alone", "lovasz_hinge_loss", np.sum, {"takes": "probability"}),
        ("$alpha is no placeholder", "dice_loss", np.sum, {"args": ["$pred", "$target", "$alpha"]}),
        ("both $pred and $target", "dice_loss", np.sum, {"args": ["$pred"]}),
        ("has no parameter 'gamma'", "dice_loss", np.sum, {"convention": {"gamma": 2.0}}),
        ("smooth must be", "dice_loss", np.sum, {"convention": {"smooth": -1.0}}),
        ("domain must be one of", "dice_loss", np.sum, {"domain": ["soft"]}),
        ("dtypes must be one of", "dice_loss", np.sum, {"dtypes": ["float128"]}),
        ("no bfloat16", "dice_loss", np.sum, {"dtypes": ["bfloat16"], "framework": "numpy"}),
        ("not of the form module:name", "dice_loss", "mylib", {}),
        ("cannot import no_such_module", "dice_loss", "no_such_module:dice", {}),
        ("has no 'nothing'", "dice_loss", "numpy:nothing", {}),
        ("must be callable", "dice_loss", "numpy:pi", {}),
        ("needs pool = 'image'", "dice_loss", np.sum, {"returns": "per-image", "layout": "NCHW"}),
        ("arithmetic on placeholders", "dice_loss", np.sum, {"args": ["$pred", "$target", "$smooth.real"]}),
        ("timeout must be", "dice_loss", np.sum, {"timeout": 0}),
    ],
)
def test_bindings_that_make_no_sense_are_refused(words: str, spec: str, call: Any, how: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        bind(spec, call, **how)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
