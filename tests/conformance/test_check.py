"""`check`: right functions conform, and what is said of a failure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from segloss_conformance.adapters.binding import bind
from segloss_conformance.adapters.expression import ConfigurationError
from segloss_conformance.adapters.ledger import Pinned
from segloss_conformance.adapters.snippet import snippet
from segloss_conformance.check.checking import check
from segloss_conformance.engine.matrix import hold
from segloss_conformance.subjects.bound import BoundFunction
from segloss_conformance.subjects.subject import Subject
from segloss_conformance.truth.textbook import loss
from segloss_ref import registry
from tests.conformance.check_functions import (
    F1,
    WRONG,
    brats_hausdorff,
    cross_entropy,
    cross_entropy_of_probabilities,
    dice_pairwise,
    f1_by_support,
    focal,
    jax_tversky,
    mean_iou,
    precision_that_rewards_silence,
    secretly_narrow,
    told,
    tversky,
)

HALF = ["float16", "float32", "float64"]


# Right implementations. -----------------------------------------------------------------------------------------------


def sequential(values: Any) -> Any:
    total = values.dtype.type(0)
    for value in values.ravel():
        total = total + value
    return total


def dice_sequential(p: Any, y: Any, smooth: float) -> Any:
    return 1 - (2 * sequential(p * y) + smooth) / (sequential(p) + sequential(y) + smooth)


def dice_of_images(p: Any, y: Any) -> Any:
    both, sizes = (p * y).sum((1, 2)), p.sum((1, 2)) + y.sum((1, 2))
    return 1 - ((2 * both + 1) / (sizes + 1)).mean(-1)


class Tversky:
    """A loss in the manner of a module: parameters to the constructor, arrays to the call."""

    def __init__(self, alpha: float, beta: float) -> None:
        self.alpha, self.beta = alpha, beta

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        return tversky(y_pred, y_true, self.alpha, self.beta, 1e-5)


def focal_tversky(p: Any, y: Any, fp_weight: float, fn_weight: float, gamma: float) -> Any:
    return tversky(p, y, fp_weight, fn_weight, 1e-5) ** gamma


def cross_entropy_of_labels(log_p: Any, labels: Any) -> Any:
    return -np.take_along_axis(log_p, labels[:, None], 1).mean()


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


def iou_in_float32(p: Any, t: Any) -> Any:
    both, either = np.float32((p * t).sum()), np.float32(np.maximum(p, t).sum())
    return both / (either + np.float32(1e-7))


def brats_dice(p: Any, t: Any) -> Any:
    """BraTS counts a lesion that both find absent as 1, and one that is missed or invented as 0."""
    return 1.0 if not p.any() and not t.any() else 2 * (p & t).sum() / (p.sum() + t.sum())


def accuracy_of_probabilities(p: Any, t: Any) -> Any:
    return ((p > 0.5) == (t > 0)).mean()


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
