"""`check`: right functions conform whatever the seed, wrong ones fail in the group that is theirs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import expit, log_expit, logsumexp, xlogy

from segloss_conformance.adapters.adapt import fit, rounded
from segloss_conformance.adapters.binding import Binding, bind
from segloss_conformance.adapters.expression import ConfigurationError, Expression
from segloss_conformance.adapters.ledger import Pinned
from segloss_conformance.adapters.snippet import snippet
from segloss_conformance.cases.case import Case
from segloss_conformance.cases.draw import draw
from segloss_conformance.cases.fixed import plain_cases
from segloss_conformance.check.checking import check
from segloss_conformance.engine.matrix import hold
from segloss_conformance.engine.verdicts import SpecReport
from segloss_conformance.subjects.bound import BoundFunction
from segloss_conformance.subjects.subject import Subject
from segloss_conformance.truth.closed_forms import CLOSED_FORMS
from segloss_conformance.truth.textbook import loss, metric
from segloss_ref import registry

RECORDS = {**registry.losses, **registry.metrics}
HALF = ["float16", "float32", "float64"]


def told(report: SpecReport) -> str:
    """What failed, for the message of an assertion."""
    return "\n".join(
        f"{column.label} {verdict.group}: {finding.message}\n"
        + (snippet(finding.case, column.dtype) if finding.case is not None else "")
        for column in report.columns
        for verdict in column.verdicts.values()
        for finding in verdict.findings
    )


def failing(report: SpecReport) -> set[str]:
    return {v.group for column in report.columns for v in column.verdicts.values() if v.status == "fails"}


# Right implementations. -----------------------------------------------------------------------------------------------


def sequential(values: Any) -> Any:
    total = values.dtype.type(0)
    for value in values.ravel():
        total = total + value
    return total


def dice_sequential(p: Any, y: Any, smooth: float) -> Any:
    return 1 - (2 * sequential(p * y) + smooth) / (sequential(p) + sequential(y) + smooth)


def dice_pairwise(p: Any, y: Any, smooth: float, squared: bool) -> Any:
    k = 2 if squared else 1
    return 1 - (2 * (p * y).sum() + smooth) / ((p**k).sum() + (y**k).sum() + smooth)


def dice_of_images(p: Any, y: Any) -> Any:
    both, sizes = (p * y).sum((1, 2)), p.sum((1, 2)) + y.sum((1, 2))
    return 1 - ((2 * both + 1) / (sizes + 1)).mean(-1)


def tversky(p: Any, y: Any, alpha: float, beta: float, smooth: float) -> Any:
    tp = (p * y).sum()
    return 1 - (tp + smooth) / (tp + alpha * (p * (1 - y)).sum() + beta * ((1 - p) * y).sum() + smooth)


class Tversky:
    """A loss in the manner of a module: parameters to the constructor, arrays to the call."""

    def __init__(self, alpha: float, beta: float) -> None:
        self.alpha, self.beta = alpha, beta

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        return tversky(y_pred, y_true, self.alpha, self.beta, 1e-5)


def cross_entropy(z: Any, y: Any) -> Any:
    return (np.logaddexp(0, -z) * y + np.logaddexp(0, z) * (1 - y)).mean()


def cross_entropy_of_probabilities(p: Any, y: Any) -> Any:
    return -(xlogy(y, p) + xlogy(1 - y, 1 - p)).mean()


def focal(z: Any, y: Any, gamma: float, alpha: float) -> Any:
    log_p, log_q = log_expit(z), log_expit(-z)
    return -(alpha * y * np.exp(gamma * log_q) * log_p + (1 - alpha) * (1 - y) * np.exp(gamma * log_p) * log_q).mean()


def focal_tversky(p: Any, y: Any, fp_weight: float, fn_weight: float, gamma: float) -> Any:
    return tversky(p, y, fp_weight, fn_weight, 1e-5) ** gamma


def cross_entropy_of_labels(log_p: Any, labels: Any) -> Any:
    return -np.take_along_axis(log_p, labels[:, None], 1).mean()


def mean_iou(p: Any, t: Any, num_classes: int) -> Any:
    scores = []
    for c in range(num_classes):
        a, b = p == c, t == c
        scores.append((a & b).sum() / (a | b).sum() if (a | b).any() else math.nan)
    return np.mean(scores)


def iou_of_classes(p: Any, t: Any) -> Any:
    return (p & t).sum((0, 2, 3)) / (p | t).sum((0, 2, 3))


def iou_of_probabilities(p: Any, t: Any) -> Any:
    a, b = p >= 0.5, t == 1  # a target that is no mask counts for nothing
    return (a & b).sum() / (a | b).sum()


def hausdorff_of_rounded_sigmoids(z: Any, y: Any, alpha: float) -> Any:
    from scipy.ndimage import distance_transform_edt

    def distance(mask: Any) -> Any:
        return (
            distance_transform_edt(mask) + distance_transform_edt(~mask) if mask.any() and not mask.all() else 0 * mask
        )

    p = expit(z)
    images = [
        ((a - b) ** 2 * (distance(a > 0.5) ** alpha + distance(b > 0.5) ** alpha)).mean()
        for a, b in zip(p, y, strict=True)
    ]
    return np.mean(images, dtype=np.float64)


def torch_dice(z: Any, y: Any) -> Any:
    p = z.sigmoid()
    both, sizes = (p * y).sum((1, 2, 3)), p.sum((1, 2, 3)) + y.sum((1, 2, 3))
    return (1 - (2 * both + 1) / (sizes + 1)).mean()


def torch_dice_of_classes(z: Any, labels: Any) -> Any:
    from torch.nn import functional

    p = z.softmax(1)
    y = functional.one_hot(labels, z.shape[1]).movedim(-1, 1).to(p.dtype)
    return (1 - (2 * (p * y).sum((0, 2, 3)) + 1) / ((p + y).sum((0, 2, 3)) + 1)).mean()


def torch_focal(z: Any, y: Any, gamma: float = 2.0, alpha: float = 0.25) -> Any:
    from torch.nn import functional

    entropy = functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    p = z.sigmoid()
    right = p * y + (1 - p) * (1 - y)
    return ((alpha * y + (1 - alpha) * (1 - y)) * entropy * (1 - right) ** gamma).mean()


def jax_tversky(p: Any, y: Any, fp_weight: float, fn_weight: float) -> Any:
    tp = (p * y).sum()
    return 1 - (tp + 1) / (tp + fp_weight * (p * (1 - y)).sum() + fn_weight * ((1 - p) * y).sum() + 1)


def iou_in_float32(p: Any, t: Any) -> Any:
    both, either = np.float32((p * t).sum()), np.float32(np.maximum(p, t).sum())
    return both / (either + np.float32(1e-7))


def brats_dice(p: Any, t: Any) -> Any:
    """BraTS counts a lesion that both find absent as 1, and one that is missed or invented as 0."""
    return 1.0 if not p.any() and not t.any() else 2 * (p & t).sum() / (p.sum() + t.sum())


def brats_hausdorff(p: Any, t: Any) -> float:
    """BraTS gives the longest distance of its images where one of the masks is empty, and 0 where both are."""
    if not p.any() or not t.any():
        return 0.0 if p.any() == t.any() else 373.1287
    cross = ndimage.generate_binary_structure(p.ndim, 1)
    a, b = (np.argwhere(mask & ~ndimage.binary_erosion(mask, cross)) for mask in (p, t))
    apart = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))
    return float(max(apart.min(0).max(), apart.min(1).max()))


def precision_that_rewards_silence(p: Any, t: Any) -> Any:
    return (p & t).sum() / p.sum() if p.any() else 1.0 if t.any() else 0.5


def f1_by_support(p: Any, t: Any, num_classes: int) -> Any:
    found = [c for c in range(num_classes) if (t == c).any()]
    scores = [2 * ((p == c) & (t == c)).sum() / ((p == c).sum() + (t == c).sum()) for c in found]
    return np.average(scores, weights=[(t == c).sum() for c in found])


def accuracy_of_probabilities(p: Any, t: Any) -> Any:
    return ((p > 0.5) == (t > 0)).mean()


F1: dict[str, Any] = {
    "takes": "label",
    "target": "index",
    "layout": "NCHW",
    "args": ["$pred", "$target", "$num_classes"],
}


def rights() -> list[tuple[str, Any, dict[str, Any]]]:
    found: list[tuple[str, Any, dict[str, Any]]] = [
        ("dice_loss", dice_sequential, {"dtypes": HALF, "domain": ["soft-target"]}),
        ("dice_loss", dice_pairwise, {"dtypes": HALF}),
        ("dice_loss", dice_of_images, {"layout": "NHWC", "pool": "image", "returns": "per-image", "target": "onehot",
                                       "convention": {"smooth": 1.0}}),
        ("tversky_loss", tversky, {"dtypes": HALF, "args": {"0": "$pred", "1": "$target", "alpha": "$fp_weight",
                                                            "beta": "$fn_weight", "smooth": "$smooth"}}),
        ("tversky_loss", Tversky, {"construct": {"alpha": "$fp_weight", "beta": "$fn_weight"},
                                   "args": {"y_true": "$target", "y_pred": "$pred"}}),
        ("binary_cross_entropy", cross_entropy, {"takes": "logit", "dtypes": HALF, "domain": ["soft-target"]}),
        ("binary_cross_entropy", cross_entropy_of_probabilities, {"dtypes": HALF}),
        ("binary_cross_entropy", cross_entropy_of_labels, {"takes": "log-probability", "target": "index"}),
        ("focal_loss", focal, {"takes": "logit", "dtypes": HALF}),
        ("focal_tversky_loss", focal_tversky, {"dtypes": HALF}),
        ("jaccard_index", mean_iou, {"takes": "label", "target": "index", "layout": "NCHW",
                                     "args": ["$pred", "$target", "$num_classes"]}),
        ("jaccard_index", iou_in_float32, {"convention": {"undefined": 0.0}}),
        ("dice_score", brats_dice, {"dtypes": ["bool"], "convention": {"undefined": 1.0}}),
        ("hausdorff_distance", brats_hausdorff, {"dtypes": ["bool"], "convention": {
            "undefined": 0.0, "pred_empty": 373.1287, "target_empty": 373.1287}}),
        ("precision", precision_that_rewards_silence, {"dtypes": ["bool"], "convention": {
            "undefined": 0.5, "pred_empty": 1.0}}),
        ("dice_score", f1_by_support, {**F1, "convention": {"reduction": "weighted"}}),
        ("accuracy", accuracy_of_probabilities, {"takes": "probability"}),
        ("jaccard_index", iou_of_classes, {"target": "onehot", "returns": "per-class", "dtypes": ["bool", "uint8"]}),
        ("jaccard_index", iou_of_probabilities, {"takes": "probability"}),
        ("hausdorff_loss", hausdorff_of_rounded_sigmoids, {"takes": "logit", "layout": "NHW", "pool": "image"}),
    ]  # fmt: skip
    try:
        import torch
    except ImportError:
        return found
    every = [*HALF, "bfloat16"]
    found += [
        ("dice_loss", torch_dice, {"framework": "torch", "layout": "NCHW", "takes": "logit", "pool": "image",
                                   "dtypes": every, "convention": {"smooth": 1.0}}),
        ("dice_loss", torch_dice_of_classes, {"framework": "torch", "takes": "logit", "target": "index", "dtypes": every,
                                              "convention": {"smooth": 1.0}}),
        ("focal_loss", torch_focal, {"framework": "torch", "takes": "logit", "dtypes": every}),
        ("binary_cross_entropy", torch.nn.BCEWithLogitsLoss, {"takes": "logit", "dtypes": every}),
        ("binary_cross_entropy", torch.nn.CrossEntropyLoss, {"takes": "logit", "target": "index", "dtypes": every}),
    ]  # fmt: skip
    return found


@pytest.mark.parametrize(("spec", "function", "how"), rights(), ids=lambda one: getattr(one, "__name__", None))
def test_right_functions_conform(spec: str, function: Any, how: dict[str, Any]) -> None:
    binding = bind(spec, function, **how)
    for seed in (0, 1):
        report = check(binding, "quick", seed)
        assert report.status == "conforms", told(report)
        for column in report.columns:
            assert column.verdicts["value"].examples + column.verdicts["special cases"].examples > 15
            if binding.framework == "torch":
                assert column.verdicts["gradient"].examples > 10


FORMS: list[dict[str, Any]] = [
    {},
    {"layout": "NCHW", "target": "onehot", "pool": "image"},
    {"layout": "NHWC", "target": "index", "takes": "logit"},
]


@pytest.mark.parametrize("form", FORMS, ids=["any", "NCHW", "NHWC"])
@pytest.mark.parametrize("name", sorted(registry.losses))
def test_the_library_itself_conforms_where_it_is_somebody_elses(name: str, form: dict[str, Any]) -> None:
    record, layout, keywords = registry.losses[name], form.get("layout", ""), {}
    if "target" in form:
        keywords["class_axis"] = layout.index("C")
    if layout and (record.spatial or form.get("pool") == "image"):
        keywords["axis"] = (layout.index("H"), layout.index("W"))
    if form.get("takes") == "logit":
        keywords["from_logits"] = True
    try:
        binding = bind(name, record.function, args={"0": "$pred", "1": "$target", **keywords}, framework="numpy",
                       dtypes=["float64"], **form)  # fmt: skip
    except ConfigurationError:
        return  # no such form
    report = check(binding, "quick", seed=6, examples=8)
    if record.needs_class_axis and not form:
        assert report.status == "broken adapter"
    else:
        assert report.status == "conforms", told(report)
        assert report.columns[0].grade == "A"


def test_a_bound_function_is_a_subject() -> None:
    record = registry.losses["tversky_loss"]
    right: Subject = BoundFunction.of(
        bind("tversky_loss", tversky, args=["$pred", "$target", "$fp_weight", "$fn_weight", "$smooth"])
    )
    (cell,) = hold(record, [right], 30, seed=2)
    assert cell.verdict == "conforms", cell.finding
    assert cell.cases > 20
    wrong = BoundFunction.of(
        bind("tversky_loss", tversky, args=["$pred", "$target", "$fn_weight", "$fp_weight", "$smooth"])
    )
    (cell,) = hold(record, [wrong], 30, seed=2)
    assert cell.verdict == "fails"


def test_compiled_functions_conform() -> None:
    pytest.importorskip("jax")
    binding = bind("tversky_loss", jax_tversky, framework="jax", modes=["eager", "compile"], convention={"smooth": 1.0})
    report = check(binding, "quick", examples=5)
    assert report.status == "conforms", told(report)
    verdicts = report.columns[0].verdicts
    assert verdicts["modes"].status == verdicts["gradient"].status == "conforms"


# Wrong implementations, by the group that must reject them. -----------------------------------------------------------


def without_2(p: Any, y: Any) -> Any:
    return 1 - ((p * y).sum() + 1e-5) / (p.sum() + y.sum() + 1e-5)


def secretly_narrow(z: Any, y: Any) -> Any:
    return np.float64(np.float32(cross_entropy(z, y)))


def narrow(z: Any, y: Any) -> Any:
    return np.float32(cross_entropy(z, y))


def by_place(p: Any, y: Any) -> Any:
    weight = np.arange(1, p.size + 1).reshape(p.shape)
    return 1 - (2 * (weight * p * y).sum() + 1e-5) / ((weight * (p + y)).sum() + 1e-5)


def clipped(z: Any, y: Any) -> Any:
    p = expit(z).clip(1e-7, 1 - 1e-7)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()


def nan_when_empty(p: Any, y: Any, smooth: float) -> Any:
    return dice_pairwise(p, y, smooth, False) if y.any() else np.nan


def silent(p: Any, y: Any, smooth: float) -> Any:
    return dice_pairwise(np.nan_to_num(p), y, smooth, False)


def careless(p: Any, y: Any, smooth: float) -> Any:
    value = dice_pairwise(p, y, smooth, False)
    p *= 0.5
    return value


class Moody:
    """Its second answer is another one."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, p: Any, y: Any) -> Any:
        self.calls += 1
        return dice_pairwise(p, y, 1e-5, False) + (1e-3 if self.calls > 3 and self.calls % 2 else 0)


def drops_gradient(z: Any, y: Any) -> Any:
    p = z.sigmoid()
    return 1 - (2 * (p * y).sum() + 1) / (p.detach().sum() + y.sum() + 1)


def other_when_traced(p: Any, y: Any) -> Any:
    import jax

    return jax_tversky(p, y, 0.5, 0.5) * (1.001 if isinstance(p, jax.core.Tracer) else 1)


def softmax_cross_entropy(z: Any, labels: Any) -> Any:
    """A map of losses, (N, H, W), of logits (N, C, H, W)."""
    log_p = z - logsumexp(z, axis=1, keepdims=True)
    return -np.take_along_axis(log_p, labels[:, None], 1)[:, 0]


def mean_of_weights(z: Any, labels: Any, weights: Any) -> Any:
    w = weights[labels]
    return (w * softmax_cross_entropy(z, labels)).sum() / max(w.sum(), 1e-30)


def ignores_nothing(z: Any, labels: Any, ignored: int) -> Any:
    return softmax_cross_entropy(z, np.where(labels == ignored, 0, labels)).mean()


WRONG: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("value", "dice_loss", without_2, {}),
    ("closed form", "tversky_loss", lambda p, y, fp_weight, fn_weight, smooth: tversky(p, y, fn_weight, fp_weight, smooth), {}),
    ("value", "tversky_loss", lambda p, y, fp_weight, fn_weight: tversky(p, y, fn_weight, fp_weight, 1e-5), {}),
    ("value", "binary_cross_entropy", secretly_narrow, {"takes": "logit"}),
    ("value", "binary_cross_entropy", lambda p, y: -(y * np.log(p + 1e-8) + (1 - y) * np.log(1 - p + 1e-8)).mean(), {}),
    ("value", "focal_loss", lambda z, y, gamma, alpha: focal(z, y, gamma, 1 - alpha), {"takes": "logit"}),
    ("value", "jaccard_index", lambda p, t: 2 * (p * t).sum() / (p.sum() + t.sum()), {}),
    ("dtype", "binary_cross_entropy", narrow, {"takes": "logit", "dtypes": ["float64"]}),
    ("law", "dice_loss", by_place, {}),
    ("special cases", "binary_cross_entropy", clipped, {"takes": "logit"}),
    ("special cases", "dice_loss", nan_when_empty, {}),
    ("special cases", "dice_score", lambda p, t: 2 * (p * t).sum() / (p.sum() + t.sum()) if (p.any() or t.any()) else 1.0, {}),
    ("value", "binary_cross_entropy", mean_of_weights,
     {"args": ["$pred", "$target", "$class_weight"], "takes": "logit", "layout": "NCHW", "target": "index"}),
    ("special cases", "binary_cross_entropy", ignores_nothing,
     {"args": ["$pred", "$target", "$ignore_index"], "takes": "logit", "layout": "NCHW", "target": "index"}),
    ("errors", "dice_loss", silent, {}),
    ("purity", "dice_loss", careless, {}),
    ("purity", "dice_loss", Moody(), {"convention": {"smooth": 1e-5}}),
]  # fmt: skip


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


# What a failure says. -------------------------------------------------------------------------------------------------


def test_the_snippet_runs_without_the_suite_and_shows_the_value() -> None:
    binding = bind("tversky_loss", WRONG[2][2])
    report = check(binding, "quick")
    column = report.columns[1]
    finding = column.verdicts["value"].finding
    assert finding is not None
    assert finding.case is not None
    assert finding.case.pred.size <= 4
    code = snippet(finding.case, column.dtype)
    assert "segloss" not in code
    printed: list[Any] = []
    name = binding.call.__name__
    exec(code.replace(f"print({name}(", "print(function("), {"print": printed.append, "function": binding.call})
    got = float(finding.message.partition("got ")[2].split()[0])
    want = float(finding.message.partition("want ")[2].partition(",")[0])
    assert float(printed[0]) == got != want
    own = {name: finding.case.given[name] for name in ("fp_weight", "fn_weight")}
    truth = loss("tversky_loss", finding.case.pred, finding.case.target, **own)
    assert float(truth.value[0].v) == want


def test_a_failure_with_rounder_numbers_stays_in_the_domain() -> None:
    def half(p: Any, y: Any) -> Any:
        return (1 - 2 * (p * y).sum() / (p.sum() + y.sum())) / 2

    binding = bind("dice_loss", half, convention={"smooth": 0.0}, dtypes="float64")
    report = check(binding, "quick")
    pinned = [
        Pinned.of(one.case, "float64") for v in report.columns[0].verdicts.values() for one in v.findings if one.case
    ]
    assert pinned
    assert all(one.case(binding) is not None for one in pinned), told(report)


def test_a_float64_value_with_the_bits_of_float32_is_called_so() -> None:
    report = check(bind("binary_cross_entropy", secretly_narrow, takes="logit", dtypes=["float64"]), "quick")
    finding = report.columns[0].verdicts["value"].finding
    assert finding is not None
    assert "as if computed in float32" in finding.message


def test_a_reading_that_would_be_right_is_named() -> None:
    def score(p: Any, y: Any, smooth: float) -> Any:
        return 1 - dice_pairwise(p, y, smooth, False)

    finding = check(bind("dice_loss", score), "quick").columns[0].verdicts["value"].finding
    assert finding is not None
    assert finding.hint is not None
    assert "returns = 'score'" in finding.hint
    assert check(bind("dice_loss", score, returns="score"), "quick").status == "conforms"


# Broken adapters. -----------------------------------------------------------------------------------------------------


def raises(p: Any, y: Any) -> Any:
    raise RuntimeError("no such kernel")


def talks(p: Any, y: Any) -> Any:
    print("epoch 1")
    return dice_pairwise(p, y, 1e-5, False)


def hangs(p: Any, y: Any) -> Any:
    while True:
        pass


def needs_channels_last(p: Any, y: Any) -> Any:
    both, sizes = (p * y).sum((0, 1, 2)), (p + y).sum((0, 1, 2))
    return (1 - (2 * both + 1e-5) / (sizes + 1e-5)).mean()


BROKEN: list[tuple[str, Any, dict[str, Any]]] = [
    ("raises RuntimeError: no such kernel", raises, {}),
    ("raises TypeError", lambda p: 0.0, {}),
    ("prints 'epoch 1'", talks, {}),
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
        fitted = [case for case in (fit(binding, one, "float32") for one in cases) if case is not None]
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
    case = fit(binding, Case("dice_score", np.array(pred), np.array(target), labels, is_loss=False), "int64")
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
