"""`identify` finds the convention of a function, or says that it is none it knows."""

from __future__ import annotations

import contextlib
import io
import math
from typing import Any

import numpy as np
import pytest

from segloss_conformance.adapters.binding import bind
from segloss_conformance.adapters.expression import ConfigurationError
from segloss_conformance.identify import FAMILIES, Refused, Setting, identify, sentence, text
from segloss_conformance.identify.probes import Precision, Probe, same
from segloss_conformance.identify.survey import settings_of, survey
from segloss_conformance.truth.textbook import loss as true_loss
from segloss_conformance.truth.textbook import metric as true_metric
from segloss_ref import registry

SETTINGS = [(name, setting) for name, family in FAMILIES.items() for setting in settings_of(family)]
CLOSE = Precision("close", 1e-9, 1e-12, 0.0)


def label(value: Any) -> str | None:
    return f"{value.takes}-{value.classes}" if isinstance(value, Setting) else None


# The evaluators


@pytest.mark.parametrize(("name", "setting"), SETTINGS, ids=label)
def test_the_reference_member_is_what_the_textbook_says(name: str, setting: Setting) -> None:
    family = FAMILIES[name]
    refused = registry.losses[name].class_axis_refuses if name in registry.losses and setting.classes > 1 else set()
    declared: dict[str, Any] = {
        "smooth": 0.5,
        "fp_weight": 0.3,
        "fn_weight": 0.6,
        "gamma": 1.5,
        "alpha": 0.2,
        "beta": 0.7,
    }
    declared |= {"percentile": 90.0}
    record: Any = registry.losses.get(name) or registry.metrics[name]
    declared = {key: value for key, value in declared.items() if key in record.parameters and key not in refused}
    given = Setting(name, setting.takes, setting.classes, declared)
    reference = family.reference(given)
    for probe in family.pool(given, 3, 8) + family.calibrations(given):
        keywords: dict[str, Any] = {**declared, **probe.keywords}
        if name in registry.losses:
            keywords |= {"class_axis": 1} if setting.classes > 1 else {}
            keywords |= {"from_logits": True} if setting.takes == "logit" else {}
            keywords |= {"axis": (2, 3)} if registry.losses[name].family == "region" else {}
            if name == "balanced_cross_entropy":
                keywords.pop("beta", None)
                reference = family.reference(Setting(name, setting.takes, setting.classes))
                keywords["axis"] = (2, 3)
            truth = float(true_loss(name, probe.pred, probe.target, **keywords).value[0].v)
        else:
            truth = float(true_metric(name, probe.pred, probe.target, **keywords).value[0].v)
        assert same(family.value(reference, probe, setting.takes), truth, CLOSE)  # type: ignore[arg-type]


def two_points(spacing: tuple[float, float]) -> Probe:
    a, b = np.zeros((4, 5), dtype=int), np.zeros((4, 5), dtype=int)
    a[0, 0] = b[2, 3] = 1
    return Probe(a, b, {"spacing": spacing, "tolerance": 3.0})


@pytest.mark.parametrize(
    ("change", "distance"),
    [
        ({}, math.hypot(2 * 1.5, 3)),
        ({"spacing": "ignored"}, math.hypot(2, 3)),
        ({"spacing": "reversed"}, math.hypot(2, 3 * 1.5)),
        ({"metric": "taxicab"}, 2 * 1.5 + 3),
        ({"metric": "chessboard"}, 3.0),
    ],
)
def test_the_distance_of_two_pixels(change: dict[str, str], distance: float) -> None:
    from dataclasses import replace

    from segloss_conformance.identify.search import Candidate

    family = FAMILIES["hausdorff_distance"]
    reference = family.reference(Setting("hausdorff_distance"))
    changed = Candidate(replace(reference.member, **change), reference.constants)
    assert family.value(changed, two_points((1.5, 1.0)), "probability") == pytest.approx(distance, rel=1e-12)


# Every member is found


@pytest.mark.parametrize(("name", "setting"), SETTINGS, ids=label)
def test_members_are_found_within_ten_probes(name: str, setting: Setting) -> None:
    for one in survey(FAMILIES[name], setting, 2 if setting.classes > 1 else 4, seed=11):
        assert one.found, one.candidate
        assert one.probes <= 10, one.candidate


# Functions as people write them, in none of the terms of the evaluators


def keras_dice(p: Any, y: Any) -> float:
    return float(1 - 2 * np.sum(p * y) / (np.sum(p) + np.sum(y) + 1e-7))


def double_smooth(p: Any, y: Any) -> Any:
    hits = np.sum(p * y, axis=(2, 3))
    misses = np.sum(np.maximum(p - y, 0), axis=(2, 3)) / 2 + np.sum(np.maximum(y - p, 0), axis=(2, 3)) / 2
    return np.mean(1 - (hits + 1.0) / (hits + misses + 1.0))


def nnunet(p: Any, y: Any) -> float:
    scores = [
        (2 * float(np.vdot(p[i, c], y[i, c])) + 1) / max(float(p[i, c].sum() + y[i, c].sum()) + 1, 1e-8)
        for i in range(len(p))
        for c in range(1, p.shape[1])
    ]
    return -sum(scores) / len(scores)


def v_net(p: Any, y: Any) -> float:
    return float(np.mean([1 - 2 * (a * b).sum() / ((a**2).sum() + (b**2).sum()) for a, b in zip(p, y, strict=True)]))


def skips_absent(p: Any, y: Any) -> float:
    losses = []
    for c in range(p.shape[1]):
        if y[:, c].any():
            losses.append(1 - (2 * (p[:, c] * y[:, c]).sum() + 1e-5) / (p[:, c].sum() + y[:, c].sum() + 1e-5))
    return float(np.mean(losses))


def twice_softmaxed(p: Any, y: Any) -> float:
    e = np.exp(p)
    q = e / e.sum(1, keepdims=True)
    scores = (2 * (q * y).sum((2, 3)) + 1e-5) / (q.sum((2, 3)) + y.sum((2, 3)) + 1e-5)
    return float(1 - scores.mean())


def keras_tversky(p: Any, y: Any) -> float:
    hits = (p * y).sum()
    return float(1 - hits / (hits + 0.3 * ((1 - p) * y).sum() + 0.6 * (p * (1 - y)).sum() + 1e-7))


def abraham(p: Any, y: Any) -> float:
    hits, fp, fn = ((a * b).sum((2, 3)) for a, b in ((p, y), (p, 1 - y), (1 - p, y)))
    return float(((1 - (hits + 1) / (hits + 0.7 * fn + 0.3 * fp + 1)) ** (1 / 0.75)).mean())


def retina(z: Any, y: Any) -> float:
    p = 1 / (1 + np.exp(-z))
    right = np.where(y == 1, p, 1 - p)
    weight = np.where(y == 1, 0.25, 0.75)
    loss = weight * (1 - right) ** 2 * np.logaddexp(0, np.where(y == 1, -z, z))
    return float(loss.sum() / max(y.sum(), 1))


def clipped(p: Any, y: Any) -> float:
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


REAL = [
    (keras_dice, "dice", {}, {"pooled over batch and classes", "smooth 1e-07 in the denominator alone"}),
    (double_smooth, "dice", {"declared": {"smooth": 1.0}}, {"smooth counts double"}),
    (nnunet, "dice", {"declared": {"smooth": 1.0}},
     {"class 0 (background) is dropped", "the negative score is returned"}),
    (v_net, "dice", {"declared": {"smooth": 0.0}},
     {"squares in the denominator: sum p^2 + sum y^2", "pooled over classes: one region an image"}),
    (skips_absent, "dice", {},
     {"pooled over the batch: one region a class", "classes absent from the target are skipped"}),
    (twice_softmaxed, "dice", {}, {"softmax of the prediction over the classes"}),
    (keras_tversky, "tversky", {"classes": 1, "pool": "batch", "declared": {"fp_weight": 0.3, "fn_weight": 0.6}},
     {"smooth 1e-07 in the denominator alone",
      "the two weights swapped: 0.6 on false positives, 0.3 on false negatives"}),
    (abraham, "focal_tversky", {"declared": {"smooth": 1.0}}, {"exponent 1/gamma"}),
    (retina, "focal", {"classes": 1, "takes": "logit", "declared": {"alpha": 0.25}},
     {"divided by the number of foreground pixels"}),
    (clipped, "cross_entropy", {"classes": 1}, {"probabilities clipped to [epsilon, 1 - epsilon]", "epsilon 1e-07"}),
]  # fmt: skip


@pytest.mark.parametrize(("function", "family", "how", "wanted"), REAL, ids=lambda one: getattr(one, "__name__", ""))
def test_functions_as_people_write_them(function: Any, family: str, how: dict[str, Any], wanted: set[str]) -> None:
    finding = identify(function, family, **how)
    assert set(finding.differences) == wanted, text(finding)
    assert finding.probes <= 10
    assert finding.confirmed >= 100


def test_the_call_of_the_reference_that_is_the_same_is_the_same() -> None:
    import segloss_ref

    finding = identify(keras_dice, "dice")
    assert finding.call is not None
    p = np.random.default_rng(0).dirichlet(np.ones(3), (2, 4, 4)).transpose(0, 3, 1, 2)
    y = (p == p.max(axis=1, keepdims=True)).astype(float)
    ours = eval(finding.call, {"segloss_ref": segloss_ref, "pred": p, "target": y})
    assert float(ours) == pytest.approx(keras_dice(p, y), rel=1e-12)


def pooled_hd95(a: Any, b: Any, spacing: Any) -> float:
    from scipy.ndimage import binary_erosion, distance_transform_edt

    a, b = a.astype(bool), b.astype(bool)
    if not (a.any() and b.any()):
        raise RuntimeError("an empty mask has no surface")
    edges = [m & ~binary_erosion(m) for m in (a, b)]
    far = [distance_transform_edt(~e, sampling=spacing) for e in edges]
    return float(np.percentile(np.hstack([far[1][edges[0]], far[0][edges[1]]]), 95))


def test_percentile_combination_and_empty_masks_of_a_hausdorff_distance() -> None:
    finding = identify(pooled_hd95, "hausdorff")
    wanted = {"percentile 95", "both directions pooled", "both masks empty raises", "one mask empty raises"}
    assert set(finding.differences) == wanted
    assert finding.probes <= 10
    assert not finding.ambiguous


def test_torch_functions() -> None:
    torch = pytest.importorskip("torch")
    from torch.nn import functional

    def weighted(z: Any, y: Any) -> Any:
        return functional.cross_entropy(
            torch.tensor(z), torch.tensor(y.argmax(1)), weight=torch.tensor([0.5, 2.0, 2.0]).double()
        )

    found = identify(weighted, "cross_entropy", takes="logit")
    assert set(found.differences) == {
        "divided by the sum of the weights", "weight 1 on the foreground and 0.25 on the background"
    }  # fmt: skip
    plain = identify(lambda z, y: functional.cross_entropy(torch.tensor(z), torch.tensor(y.argmax(1))),
                     "cross_entropy", takes="logit")  # fmt: skip
    assert plain.differences == []
    cut = identify(lambda p, y: functional.binary_cross_entropy(torch.tensor(p), torch.tensor(y).double()),
                   "cross_entropy", classes=1)  # fmt: skip
    assert cut.differences == ["logarithms cut off at -100"]


def test_one_function_in_three_forms_is_one_convention() -> None:
    pytest.importorskip("torch")

    def last(p: Any, y: Any) -> float:
        return keras_dice(np.moveaxis(p, -1, 1), np.moveaxis(y, -1, 1))

    def labels(y: Any, p: Any) -> float:
        return keras_dice(p, np.moveaxis(np.eye(p.shape[1])[y.astype(int)], -1, 1))

    ways = [
        bind("dice_loss", keras_dice, layout="NCHW", target="onehot", pool="image", dtypes=["float64"]),
        bind("dice_loss", last, layout="NHWC", target="onehot", pool="image", dtypes=["float64"]),
        bind(
            "dice_loss",
            labels,
            args=["$target", "$pred"],
            layout="NCHW",
            target="index",
            pool="image",
            dtypes=["float64"],
        ),
    ]
    assert len({sentence(identify(one, "dice")) for one in ways}) == 1


@pytest.mark.parametrize("spec", ["binary_cross_entropy", "dice_loss"])
def test_channels_that_are_questions_of_their_own_are_no_classes(spec: str) -> None:
    def entropy(z: Any, y: Any) -> Any:
        return np.mean(np.logaddexp(0, z) - z * y)

    def dice(z: Any, y: Any) -> Any:
        p = 1 / (1 + np.exp(-z))
        return np.mean(1 - (2 * (p * y).sum((2, 3)) + 1e-5) / ((p + y).sum((2, 3)) + 1e-5))

    function = {"binary_cross_entropy": entropy, "dice_loss": dice}[spec]
    how: dict[str, Any] = {"layout": "NCHW", "takes": "logit", "pool": "image"}
    assert identify(bind(spec, function, target="multilabel", **how), spec).differences == []
    assert "sigmoid of the prediction" in identify(bind(spec, function, target="onehot", **how), spec).differences


def test_answers_in_float32_are_not_held_to_float64() -> None:
    finding = identify(lambda p, y: np.float32(keras_dice(p.astype(np.float32), y.astype(np.float32))), "dice")
    assert finding.precision.name == "float32"
    assert "no smoothing" in finding.differences
    assert "float32" in text(finding)


# What is none of the family


def largest_error(p: Any, y: Any) -> float:
    return float(np.abs(p - y).max())


def test_what_is_like_none_of_the_family_is_near_to_nothing() -> None:
    finding = identify(largest_error, "dice")
    assert finding.candidates == []
    assert finding.nearest is None
    assert "nothing near" in text(finding)


def test_none_of_the_family_gives_the_nearest_and_a_case_that_runs() -> None:
    finding = identify(almost, "dice")
    assert finding.nearest is not None
    assert finding.disagreement is not None
    told = text(finding)
    assert "nearest:" in told
    code = told[told.index("import numpy") : told.rindex("\n(")]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {"function": almost})
    assert float(out.getvalue()) == pytest.approx(finding.disagreement.got, rel=1e-9)


def almost(p: Any, y: Any) -> float:
    """Right but for images of six pixels."""
    return keras_dice(p, y) + 0.125 * (p[0, 0].size == 6 and len(p) == 3)


def test_a_convention_that_generated_cases_refute_is_none() -> None:
    finding = identify(almost, "dice")
    assert finding.candidates == []
    assert finding.disagreement is not None
    assert finding.disagreement.got != finding.disagreement.expected


def test_surfaces_of_volumes_are_not_asked_about() -> None:
    binding = bind("hausdorff_distance", lambda p, t: 0.0, layout="DHW", framework="numpy")
    with pytest.raises(ConfigurationError, match="two axes, got layout = 'DHW'"):
        identify(binding, "hausdorff_distance")


def test_weights_that_were_not_asked_about_are_told() -> None:
    def mean(p: Any, y: Any, weights: Any = None) -> Any:
        factors = 1.0 if weights is None else np.asarray(weights)[y]
        chosen = np.take_along_axis(p, y[:, None], axis=1)[:, 0]
        return (-factors * np.log(chosen)).mean()

    how = {"target": "index", "layout": "NCHW", "framework": "numpy"}
    weighted = bind("binary_cross_entropy", mean, args=["$pred", "$target", "$class_weight"], **how)
    assert "all weights were 1" in text(identify(weighted, "cross_entropy"))
    assert "weights" not in text(identify(bind("binary_cross_entropy", mean, **how), "cross_entropy"))


def test_a_function_that_raises_is_refused_in_one_line() -> None:
    def raises(p: Any, y: Any) -> float:
        raise RuntimeError("no")

    with pytest.raises(Refused, match="RuntimeError: no"):
        identify(raises, "dice")
    with pytest.raises(ValueError, match=r"family must be one of dice, .* got 'mice'"):
        identify(keras_dice, "mice")
    with pytest.raises(ValueError, match="classes must be at least 1, got 0"):
        identify(keras_dice, "dice", classes=0)
    with pytest.raises(ValueError, match="takes must be"):
        identify(keras_dice, "dice", takes="log")
