"""The textbook by hand: regions, weights, ignored pixels, values at the edges, Lovász."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segloss_conformance.truth import textbook
from segloss_conformance.truth.numbers import mp
from segloss_conformance.truth.textbook.boundary import MERGED_SPATIAL, PER_CLASS_SPATIAL
from segloss_conformance.truth.textbook.losses import MERGED
from tests.conformance.worked_examples import INF, LN2, LN3, NAN, D, P, V, Y, agree, frac, slopes, values

# Pixels left out are still part of the geometry of these.
SPATIAL = {*PER_CLASS_SPATIAL, *MERGED_SPATIAL}


# Regions, weights, ignored pixels, reductions. ------------------------------------------------------------------------


def test_axis_makes_regions() -> None:
    p, y = [[0.5, 0.25], [0.75, 1.0]], [[1, 0], [1, 1]]
    # Rows: 1 - (1 + 1)/(3/4 + 1 + 1) = 3/11, 1 - (7/2 + 1)/(7/4 + 2 + 1) = 1/19
    rows = [frac(3, 11), frac(1, 19)]
    keywords: dict[str, Any] = {"smooth": 1.0}
    for axis in (1, -1, (1,), (-1,)):
        agree(values("dice_loss", p, y, axis=axis, reduction="none", **keywords), rows)
    agree(values("dice_loss", p, y, axis=1, **keywords), [sum(rows) / 2])
    agree(values("dice_loss", p, y, axis=1, reduction="sum", **keywords), [sum(rows)])
    # Columns: 1 - (5/2 + 1)/(5/4 + 2 + 1) = 3/17, 1 - (2 + 1)/(5/4 + 1 + 1) = 1/13
    agree(values("dice_loss", p, y, axis=0, reduction="none", **keywords), [frac(3, 17), frac(1, 13)])
    answer = textbook.loss("binary_cross_entropy", np.array(p), np.array(y), axis=(), reduction="none")
    assert answer.shape == (2, 2)
    agree([one.v for one in answer.value], [LN2, 2 * LN2 - LN3, 2 * LN2 - LN3, 0])


def test_class_axis_keeps_its_place_in_the_values() -> None:
    # Two images, three classes, two rows of one column: mean errors tell the places apart.
    p = np.arange(12).reshape(2, 3, 2, 1) / 16
    y = np.zeros_like(p)
    for place, axis, shape in (
        (1, 3, (2, 3, 2)),
        (1, (2, 3), (2, 3)),
        (1, (0, 3), (3, 2)),
        (2, 3, (2, 3, 2)),
        (2, 1, (2, 2, 1)),
    ):
        answer = textbook.loss(
            "sensitivity_specificity_loss", p, y, class_axis=place, axis=axis, reduction="none", sensitivity_weight=0.0
        )
        assert answer.shape == shape
        agree([one.v for one in answer.value], list(p.mean(axis=axis).ravel()))
    assert textbook.loss("binary_cross_entropy", p, y, class_axis=1, axis=3, reduction="none").shape == (2, 2)


def test_weights() -> None:
    w = np.array([2.0, 0.0, 1.0, 1.0])
    # -(2 ln 3/4 + ln 1/2 + ln 3/4)/4
    agree(values("binary_cross_entropy", P, Y, weight=w), [(7 * LN2 - 3 * LN3) / 4])
    # TP = 3/2, sum p = 3/2 + 3/4, sum y = 2: 1 - (3 + 1)/(17/4 + 1)
    agree(values("dice_loss", P, Y, weight=w, smooth=1.0), [frac(5, 21)])
    # beta = 1 - 2/4
    agree(values("balanced_cross_entropy", P, Y, weight=w), [(7 * LN2 - 3 * LN3) / 8])
    # Broadcast: the second column counts three times. (ln 2 + 3 * 2 LN2 + 2 LN2 - LN3 + 3 LN2)/8
    p, y = [[0.5, 0.25], [0.75, 0.5]], [[1, 1], [1, 1]]
    agree(values("binary_cross_entropy", p, y, weight=np.array([1.0, 3.0])), [(12 * LN2 - LN3) / 8])
    # sqrt(N/n) with N = 4, n = 2 both.
    got = values("exponential_logarithmic_loss", P, Y, weight=w, dice_weight=0.0, cross_weight=1.0, cross_gamma=1.0)
    agree(got, [mp.sqrt(2) * (7 * LN2 - 3 * LN3) / 4])


LEFT_OUT: list[dict[str, Any]] = [
    {"target": [1, 9, 0, 9], "ignore_index": 9},
    {"target": [1, 0, 0, 1], "weight": np.array([1.0, 0.0, 1.0, 0.0])},
]


@pytest.mark.parametrize("name", [name for name in textbook.LOSSES if name not in {"generalized_dice_loss", *SPATIAL}])
@pytest.mark.parametrize("how", LEFT_OUT)
def test_left_out_pixels_are_left_out_of_everything(name: str, how: dict[str, Any]) -> None:
    keywords = {key: value for key, value in how.items() if key != "target"}
    got = textbook.loss(name, np.array([0.75, NAN, 0.5, NAN]), np.array(how["target"]), **keywords)
    want = textbook.loss(name, np.array([0.75, 0.5]), np.array([1, 0]))
    assert got.gradient is not None
    assert want.gradient is not None
    agree([got.value[0].v], [want.value[0].v])
    agree([one for one, _ in got.gradient], [want.gradient[0][0], 0, want.gradient[1][0], 0])


@pytest.mark.parametrize(
    "name",
    [name for name in textbook.LOSSES if name not in {"lovasz_hinge_loss", "weighted_cross_entropy", *SPATIAL}],
)
def test_ignored_labels_are_left_out_of_everything(name: str) -> None:
    pred = np.array([[0.75, NAN, 0.25], [0.25, NAN, 0.75]])
    got = textbook.loss(name, pred, np.array([0, 255, 0]), class_axis=0, ignore_index=255)
    want = textbook.loss(name, pred[:, [0, 2]], np.array([0, 0]), class_axis=0)
    agree([got.value[0].v], [want.value[0].v])


@pytest.mark.parametrize("name", [name for name in textbook.LOSSES if name != "generalized_dice_loss"])
def test_a_region_of_no_weight_is_a_zero_in_the_mean(name: str) -> None:
    p, y = np.array([[0.75, 0.5], [0.5, 0.25]]), np.array([[1, 0], [0, 1]])
    w = np.array([[1.0, 1.0], [0.0, 0.0]])
    got = textbook.loss(name, p, y, axis=1, weight=w, reduction="none")
    agree([got.value[1].v], [0])
    assert got.gradient is not None
    agree([one for one, _ in got.gradient[2:]], [0, 0])
    agree(values(name, p, y, axis=1, weight=w), [got.value[0].v / 2])


def test_no_present_class_gives_zero() -> None:
    keywords: dict[str, Any] = {"class_axis": 0, "ignore_index": 0}
    agree(values("lovasz_softmax_loss", [[0.5], [0.5]], [0], **keywords), [0])
    # Two regions, of which the second is left out: the mean is that of the first's one present class.
    pred = [[[0.75], [0.5]], [[0.25], [0.5]]]
    got = values("lovasz_softmax_loss", pred, [[1], [0]], class_axis=0, axis=2, ignore_index=0)
    agree(got, [frac(3, 4)])


# Values at the edges. -------------------------------------------------------------------------------------------------

EDGES: list[tuple[str, list[float], list[float], dict[str, Any], Any]] = [
    ("binary_cross_entropy", [0.0, 0.5], [0, 1], {}, LN2 / 2),
    ("binary_cross_entropy", [1.0, 0.5], [1, 1], {}, LN2 / 2),
    ("binary_cross_entropy", [0.0, 0.5], [1, 1], {}, INF),
    ("binary_cross_entropy", [1.0, 0.5], [0, 1], {}, INF),
    ("binary_cross_entropy", [0.0], [0.5], {}, INF),
    ("focal_loss", [0.0], [1], {}, INF),
    ("focal_loss", [0.0], [1], {"alpha": 0.0}, 0),
    ("balanced_cross_entropy", [0.0, 0.5], [1, 0], {"beta": 0.0}, LN2 / 2),
    # All foreground: beta = 0 leaves nothing.
    ("balanced_cross_entropy", [0.0, 0.5], [1, 1], {}, 0),
    ("combo_loss", [0.0], [1], {"alpha": 0.0}, frac(-1, 2)),
    ("combo_loss", [0.0], [1], {}, INF),
    ("exponential_logarithmic_loss", [0.0], [1], {"label_weights": (1.0, 0.0), "dice_weight": 0.0}, 0),
    ("exponential_logarithmic_loss", [0.0], [1], {}, INF),
    # Nothing where nothing is.
    ("dice_loss", [0.0, 0.0], [0, 0], {}, 0),
    ("dice_loss", [0.0, 0.0], [0, 0], {"smooth": (0.5, 2.0)}, frac(3, 4)),
    ("tversky_loss", [0.0, 0.0], [0, 0], {"smooth": (0.5, 2.0)}, frac(3, 4)),
    ("jaccard_loss", [0.0, 0.0], [0, 0], {"smooth": (0.5, 2.0)}, frac(3, 4)),
    ("jaccard_loss", [0.0, 0.0], [0, 0], {"smooth": (0.0, 1e-5)}, 1),
    ("focal_tversky_loss", [0.0, 0.0], [0, 0], {"smooth": (0.0, 1.0)}, 1),
    ("dice_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0}, 0),
    ("dice_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0, "squared": True}, 0),
    ("log_cosh_dice_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0}, 0),
    ("tversky_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0}, 0),
    ("focal_tversky_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0}, 0),
    ("jaccard_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0}, 0),
    ("combo_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0, "alpha": 0.25}, frac(-3, 4)),
    ("exponential_logarithmic_loss", [0.0, 0.0], [0, 0], {"smooth": 0.0}, 0),
    # Something where nothing is, and the other way round.
    ("dice_loss", [1.0, 1.0], [0, 0], {"smooth": 1.0}, frac(2, 3)),
    ("dice_loss", [0.0, 0.0], [1, 1], {"smooth": 0.0}, 1),
    ("jaccard_loss", [1.0, 1.0], [0, 0], {"smooth": 1.0}, frac(2, 3)),
    ("tversky_loss", [1.0, 1.0], [0, 0], {"smooth": 1.0}, frac(1, 2)),
    ("tversky_loss", [1.0, 1.0], [0, 0], {"smooth": 0.0, "fp_weight": 0.0}, 0),
    ("exponential_logarithmic_loss", [1.0], [0], {"smooth": 0.0, "cross_weight": 0.0}, INF),
    # A perfect full mask.
    ("dice_loss", [1.0, 1.0], [1, 1], {}, 0),
    ("jaccard_loss", [1.0, 1.0], [1, 1], {}, 0),
    ("focal_tversky_loss", [1.0, 1.0], [1, 1], {}, 0),
    ("exponential_logarithmic_loss", [1.0, 1.0], [1, 1], {}, 0),
    ("sensitivity_specificity_loss", [1.0, 1.0], [1, 1], {}, 0),
    ("lovasz_softmax_loss", [1.0, 0.0], [1, 0], {}, 0),
    ("lovasz_hinge_loss", [1.0, -5.0], [1, 0], {}, 0),
]


@pytest.mark.parametrize(("name", "pred", "target", "keywords", "want"), EDGES)
def test_edges(name: str, pred: list[float], target: list[float], keywords: dict[str, Any], want: Any) -> None:
    agree(values(name, pred, target, **keywords), [want])


@pytest.mark.parametrize(
    "name", ["dice_loss", "log_cosh_dice_loss", "tversky_loss", "focal_tversky_loss", "jaccard_loss"]
)
def test_nothing_over_nothing_has_no_gradient(name: str) -> None:
    agree(slopes(name, [0.0, 0.0], [0, 0], smooth=0.0), [0, 0])


def close(got: Any, want: Any) -> bool:
    return bool(abs(got - want) <= mp.mpf(10) ** -50 * abs(want))


@pytest.mark.parametrize("size", [40.0, 1e4, 1e30])
def test_saturated_logits_keep_their_digits(size: float) -> None:
    z = mp.mpf(size)
    tail = mp.log1p(mp.exp(-z))
    keywords: dict[str, Any] = {"from_logits": True}
    assert close(values("binary_cross_entropy", [size], [1], **keywords)[0], tail)
    assert close(values("binary_cross_entropy", [size], [0], **keywords)[0], z + tail)
    assert close(slopes("binary_cross_entropy", [size], [1], **keywords)[0], -mp.exp(-z) / (1 + mp.exp(-z)))
    # q^2 ln p
    assert close(values("focal_loss", [size], [1], **keywords)[0], tail * (mp.exp(-z) / (1 + mp.exp(-z))) ** 2)
    # 1 - p, the missed share, from logits.
    got = values("sensitivity_specificity_loss", [size], [1], sensitivity_weight=1.0, **keywords)
    assert close(got[0], mp.exp(-z) / (1 + mp.exp(-z)))
    # With two classes as with one logit: q of the true class is the other's p.
    got = values("sensitivity_specificity_loss", [[size], [0.0]], [0], class_axis=0, reduction="none", **keywords)
    assert close(got[0], mp.exp(-z) / (1 + mp.exp(-z)) / 2)


def test_one_class_is_certain() -> None:
    for z in (0.0, -1e4, 1e30):
        keywords: dict[str, Any] = {"class_axis": 0, "from_logits": True}
        agree(values("binary_cross_entropy", [[z]], [0], **keywords), [0])
        agree(slopes("binary_cross_entropy", [[z]], [0], **keywords), [0])
        agree(slopes("dice_loss", [[z]], [0], **keywords), [0])


# Lovász: the vertices, and ties. --------------------------------------------------------------------------------------


def test_lovasz_is_the_jaccard_loss_at_the_vertices() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        p, y = rng.integers(0, 2, 6), rng.integers(0, 2, 6)
        both, either = int((p & y).sum()), int((p | y).sum())
        want = frac(either - both, either) if either else mp.mpf(0)
        agree(values("lovasz_softmax_loss", p, y), [want])
        # A hinge of 2 at every mistake and of 0 elsewhere.
        agree(values("lovasz_hinge_loss", 2 * p - 1, y), [2 * want])


def test_ties_are_reported() -> None:
    def kink(name: str, pred: list[float], target: list[int]) -> bool:
        return textbook.loss(name, np.array(pred), np.array(target)).kink

    assert not kink("lovasz_softmax_loss", D, V)
    assert kink("lovasz_softmax_loss", [0.25, 0.75], [0, 1])
    assert kink("lovasz_softmax_loss", [0.25, 0.25 + 1e-8], [0, 0])
    assert not kink("lovasz_hinge_loss", [2.0, 0.0, 0.5], [1, 1, 0])
    assert kink("lovasz_hinge_loss", [1.0, 0.0], [1, 1])
    assert kink("lovasz_hinge_loss", [0.25, -0.25], [0, 1])
    assert not kink("dice_loss", [0.25, 0.25], [0, 1])


def test_a_mean_over_pixels_may_have_a_kink(monkeypatch: pytest.MonkeyPatch) -> None:
    def kinked(region: Any, k: Any) -> Any:
        k.doubts.kinks = True
        return region[0][0].p

    assert not textbook.loss("focal_loss", np.array(P), np.array(Y)).kink
    monkeypatch.setitem(MERGED, "focal_loss", kinked)
    assert textbook.loss("focal_loss", np.array(P), np.array(Y)).kink
