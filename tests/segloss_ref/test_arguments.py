"""Arguments of any kind mean what they say: scalars and the ends of their ranges."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

import segloss_ref as ref
from segloss_backends.torch import nn
from segloss_ref import domains, registry
from tests.segloss_ref.argument_libraries import LIBRARIES, P, Y, keywords_of

LABELS = np.array([0, 1, 1])


# Scalars. -------------------------------------------------------------------------------------------------------------

HALVES = [np.float64(0.5), np.float32(0.5), np.float16(0.5), Fraction(1, 2), np.longdouble(0.5)]
ONES = [np.int64(1), np.int8(1), np.uint64(1), np.float64(1.0), Fraction(1), 1]


def scalar_cases() -> list[tuple[str, str, Any, Any]]:
    found: list[tuple[str, str, Any, Any]] = []
    for record in (*registry.losses.values(), *registry.metrics.values()):
        for name, parameter in record.parameters.items():
            match parameter.domain:
                case domains.Interval() as domain if record.name != "boundary_iou":
                    found += [(record.name, name, one, 0.5) for one in HALVES if domain.low < 0.5 < domain.high]
                    found += [(record.name, name, one, 1.0) for one in ONES if domain.low < 1 <= domain.high]
                case domains.Smooth():
                    found += [(record.name, name, one, 0.5) for one in HALVES]
                    found += [(record.name, name, (one, np.int64(2)), (0.5, 2.0)) for one in HALVES]
                case domains.Integer() | domains.OddInteger():
                    found += [(record.name, name, np.int32(3), 3), (record.name, name, np.uint8(5), 5)]
                case domains.Spacing():
                    found += [(record.name, name, [one, np.int64(2)], (0.5, 2.0)) for one in HALVES]
                    found += [
                        (record.name, name, np.array([0.5, 2.0]), (0.5, 2.0)),
                        (record.name, name, Fraction(1, 2), 0.5),
                    ]
                case domains.Radii():
                    found += [
                        (record.name, name, np.array([1.0, 2.0]), (1.0, 2.0)),
                        (record.name, name, [Fraction(3, 2)], (1.5,)),
                    ]
                case domains.LabelWeights():
                    found += [(record.name, name, [np.float64(0.5), np.int64(2)], (0.5, 2.0))]
                case domains.Flag():
                    found += [(record.name, name, np.True_, True), (record.name, name, np.False_, False)]
                case domains.Choice() as domain:
                    found += [
                        (record.name, name, type("Name", (str,), {})(one), one)
                        for one in domain.values
                        if isinstance(one, str)
                    ]
                    found += [(record.name, name, np.int64(one), one) for one in domain.values if isinstance(one, int)]
    return found  # fmt: skip


@pytest.mark.parametrize("name", [*registry.losses, *registry.metrics])
def test_a_scalar_of_any_kind_is_the_number_that_it_is(name: str) -> None:
    """Value and dtype are those of the plain number, on every library."""
    if name == "centerline_dice":
        pytest.importorskip("skimage")
    record = registry.losses.get(name) or registry.metrics[name]
    for _, parameter, given, plain in (case for case in scalar_cases() if case[0] == name):
        rule = record.parameters[parameter].only_with
        base = {**keywords_of(record), **({} if rule is None else {rule.parameter: rule.values[0]})}
        if name == "boundary_iou" and parameter == "spacing":
            base["definition"] = "distance"
        if parameter == "kind" or (name, plain) == ("hausdorff_distance", "attained"):
            continue
        if parameter == "surface":
            base["percentile" if "percentile" in record.parameters else "combine"] = (
                100 if "percentile" in record.parameters else "pooled"
            )
        for library, convert in LIBRARIES.items():
            if library == "jax" and not isinstance(given, np.float64 | np.int64):
                continue  # it compiles every operation anew
            pred, target = convert(P), convert(Y)
            value = record.function(pred, target, **{**base, parameter: given})
            expected = record.function(pred, target, **{**base, parameter: plain})
            assert value.dtype == expected.dtype
            assert name in registry.metrics or "float32" in str(value.dtype), (parameter, given)
            assert float(value) == float(expected) or (math.isnan(float(value)) and math.isnan(float(expected)))


COMMON = [
    ({"class_axis": np.int64(0)}, {"class_axis": 0}),
    (
        {"class_axis": 0, "class_weight": [np.float64(0.3), Fraction(1, 3)]},
        {"class_axis": 0, "class_weight": [0.3, 1 / 3]},
    ),
    ({"class_axis": 0, "class_weight": (np.int8(2), np.float32(0.5))}, {"class_axis": 0, "class_weight": [2.0, 0.5]}),
    ({"axis": np.int32(1)}, {"axis": (1,)}),
    ({"axis": [np.int64(0), np.uint8(1)]}, {"axis": (0, 1)}),
    ({"from_logits": np.True_}, {"from_logits": True}),
    ({"ignore_index": np.int16(1)}, {"ignore_index": 1}),
    ({"reduction": np.str_("sum")}, {"reduction": "sum"}),
]


@pytest.mark.parametrize(("given", "plain"), COMMON)
@pytest.mark.parametrize("library", LIBRARIES)
def test_common_keywords_likewise(given: dict[str, Any], plain: dict[str, Any], library: str) -> None:
    convert = LIBRARIES[library]
    value, gradient = ref.value_and_grad(ref.dice_loss)(convert(P), convert(Y), **given)
    expected, wanted = ref.value_and_grad(ref.dice_loss)(convert(P), convert(Y), **plain)
    assert "float32" in str(value.dtype)
    assert "float32" in str(gradient.dtype)
    assert np.asarray(value).tolist() == np.asarray(expected).tolist()
    assert np.asarray(gradient).tolist() == np.asarray(wanted).tolist()


def test_a_double_does_not_make_a_float32_loss_a_double() -> None:
    loss = ref.tversky_loss(P, Y, fp_weight=np.float64(0.3), fn_weight=np.float64(0.7), smooth=0)
    assert loss.dtype == np.float32
    # TP 2.25, FP 0.875, FN 0.75
    assert float(loss) == pytest.approx(1 - 2.25 / (2.25 + 0.3 * 0.875 + 0.7 * 0.75), rel=1e-6)
    module = nn.TverskyLoss(fp_weight=np.float64(0.3), fn_weight=Fraction(7, 10), smooth=np.float32(0))
    assert module(torch.tensor(P), torch.tensor(Y)).dtype == torch.float32


def test_metric_keywords_likewise() -> None:
    for convert in LIBRARIES.values():
        mask = convert(Y)
        assert float(ref.dice_score(convert(P), mask, threshold=Fraction(1, 3))) == pytest.approx(6 / 7)
        assert np.asarray(ref.accuracy(mask, mask, axis=np.int64(1))).tolist() == [1, 1]
        undefined = ref.dice_score(
            convert(Y * 0), convert(Y * 0), undefined=np.float32(0.25), reduction=np.str_("mean")
        )
        assert float(undefined) == 0.25
        labels = convert(LABELS)
        counted = ref.confusion(
            labels, labels, class_axis=np.int8(0), num_classes=np.uint8(2), ignore_index=np.int64(1)
        )
        assert np.asarray(counted.tp).tolist() == [1, 0]
    assert math.isinf(float(ref.dice_score(Y * 0, Y * 0, undefined=np.longdouble("inf"))))


# Ends of the range. ---------------------------------------------------------------------------------------------------

TINY, HUGE = (5e-324, 1e-300, 1e-60, 1e-38), (1e8, 1e20, 1e30)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", registry.losses)
def test_no_number_in_range_gives_nan(name: str, dtype: str) -> None:
    """At probabilities of exactly 0 and 1, right and wrong, and logits that underflow."""
    record = registry.losses[name]
    rows: list[dict[str, Any]] = []
    for parameter, one in record.parameters.items():
        more = {} if one.only_with is None else {one.only_with.parameter: one.only_with.values[0]}
        match one.domain:
            case domains.Interval() as domain:
                values: list[Any] = [domain.low, *TINY, *HUGE, domain.high]
            case domains.Smooth():
                values = [0, *TINY, *HUGE, (0, 1e30), (0, 5e-324)]
            case domains.LabelWeights():
                values = list(itertools.product((0, 5e-324, 1.0, 1e30), repeat=2))
            case domains.Spacing():
                values = [1e-60, 1e60, 1e-20, 1e20, (1e-60, 1e60), (1e60, 1e-60), (1, 1e-60)]
            case domains.Radii():
                values = [(5e-324,), (1, 40)]
            case domains.Integer() as domain:
                values = [domain.low, domain.high]
            case domains.OddInteger() as domain:
                values = [1, domain.high]
            case _:
                continue
        rows += [{parameter: value, **more} for value in values]
    if "class_weight" in record.keywords and record.categorical:
        weights = itertools.product((0, 5e-324, 1.0, 1e30), repeat=2)
        rows += [{"class_axis": 0, "class_weight": list(pair)} for pair in weights]
    pred = np.array([[0, 1, 0, 1, 0.5], [1, 0, 1, 0, 0.5]], dtype=dtype)
    target = np.array([[1, 0, 0, 1, 0], [0, 1, 1, 0, 1]])
    z = np.array([[40, -40, 900, -900, 0.5], [-40, 40, -900, 900, 0]], dtype=dtype)
    asked = 0
    for row in rows:
        base = {**keywords_of(record), **row}
        for logits in (False, True):
            if record.logits_only or (logits and "from_logits" not in record.keywords):
                continue
            more = {"from_logits": True} if logits else {}
            # What lies outside the domain, or a power that the dtype does not hold, is refused; no number is made of it.
            try:
                value, gradient = ref.value_and_grad(record.function)(z if logits else pred, target, **base, **more)
            except ValueError:
                continue
            asked += 1
            assert not np.isnan(value).any(), (row, logits)
            assert not np.isnan(gradient).any(), (row, logits)
    assert asked or not rows


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [False, True])
def test_no_two_parameters_of_the_exponential_logarithmic_loss_give_nan(classes: bool, dtype: str) -> None:
    """Its powers of logarithms, weights and smoothing multiply; each alone stays within the dtype."""
    ends = {
        "dice_weight": (1e-30, 1e30), "cross_weight": (1e-30, 1e30), "dice_gamma": (1e-30, 100.0, 1e30),
        "cross_gamma": (1e-30, 100.0, 1e30), "smooth": (0.0, 1e-30, 1e30),
    }  # fmt: skip
    z = (np.array([[3.0, -0.5, 200.0], [-1.0, 0.25, -400.0]]) * (1 if dtype == "float32" else 1e3)).astype(dtype)
    y, keywords = (np.array([0, 1, 1]), {"class_axis": 0}) if classes else (np.array([[1, 0, 0], [0, 1, 0]]), {})
    for first, second in itertools.combinations(ends, 2):
        for a, b in itertools.product(ends[first], ends[second]):
            given: dict[str, Any] = {**keywords, first: a, second: b, "from_logits": True}
            value, gradient = ref.value_and_grad(ref.exponential_logarithmic_loss)(z, y, **given)
            assert not np.isnan(value), given
            assert not np.isnan(gradient).any(), given


@pytest.mark.parametrize("library", ["numpy", "torch", "strict"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("unit", [2.0**-190, 2.0**-60, 2.0**60, 2.0**190])
def test_distances_in_any_unit(unit: float, dtype: str, library: str) -> None:
    """A weight that is a share of distances knows no unit; a distance is proportional to it, or refused by a dtype."""
    convert = LIBRARIES[library]
    pred = convert(np.array([[0.75, 0.25, 0.625, 0.5]], dtype=dtype))
    target = convert(np.array([[1, 1, 0, 0]]))
    # phi = 0, 1/2, 1/2, 0 along the second axis, the first has one pixel
    logs = [math.log(0.75), 1.5 * math.log(0.25), 1.5 * math.log(0.375), math.log(0.5)]
    loss = ref.distance_map_loss(pred, target, spacing=(unit, 3 * unit))
    assert float(loss) == pytest.approx(-sum(logs) / 4, rel=1e-6)
    if dtype == "float32" and not 2.0**-100 < unit < 2.0**100:
        for refused in (ref.boundary_loss, ref.hausdorff_loss):
            with pytest.raises(ValueError, match="spacing must keep the largest distance to its power within"):
                refused(pred, target, spacing=unit)
        return
    # D = -2, -1, 1, 2
    expected = (-2 * 0.75 - 0.25 + 0.625 + 2 * 0.5) / 4
    assert float(ref.boundary_loss(pred, target, spacing=unit)) == pytest.approx(expected * unit, rel=1e-6)
    # p > 1/2 at pixels 0 and 2: distances 1, 1, 1, 1 there and 2, 1, 1, 2 in the target
    errors = [0.25**2 * 5, 0.75**2 * 2, 0.625**2 * 2, 0.5**2 * 5]
    if dtype == "float64" or 2.0**-40 < unit < 2.0**40:
        found = ref.hausdorff_loss(pred, target, spacing=unit)
        assert float(found) == pytest.approx(sum(errors) / 4 * unit * unit, rel=1e-6)
    root = [0.25**2 * (1 + math.sqrt(2)), 0.75**2 * 2, 0.625**2 * 2, 0.5**2 * (1 + math.sqrt(2))]
    found = ref.hausdorff_loss(pred, target, spacing=unit, alpha=0.5)
    assert float(found) == pytest.approx(sum(root) / 4 * math.sqrt(unit), rel=1e-6)


@pytest.mark.parametrize(
    "spacing", [(1e-60, 1e60), (1e60, 1e-60), (1.0, 1e-60), (1e60, 1.0), (1e-60, 1e-60), (1e60, 1e60)]
)
@pytest.mark.parametrize("library", ["numpy", "torch", "strict"])
def test_distances_of_very_unlike_axes(spacing: tuple[float, float], library: str) -> None:
    """Against every pair of pixels."""
    mask = np.random.default_rng(3).random((6, 7)) > 0.7
    convert = LIBRARIES[library]
    places = np.argwhere(np.ones_like(mask))
    signed = np.zeros(mask.shape)
    for place in places:
        apart = (places[mask[tuple(places.T)] != mask[tuple(place)]] - place) * np.array(spacing)
        signed[tuple(place)] = np.hypot(*apart.T).min() * (-1 if mask[tuple(place)] else 1)
    gradient = ref.grad(ref.boundary_loss)(convert(np.full(mask.shape, 0.5)), convert(mask), spacing=spacing)
    np.testing.assert_allclose(np.asarray(gradient) * mask.size, signed, rtol=1e-12)


@pytest.mark.parametrize("metric", [ref.hausdorff_distance, ref.average_surface_distance])
@pytest.mark.parametrize("surface", ["voxel", "voxel_full", "surfel"])
def test_surface_distances_are_proportional_to_the_spacing(metric: Any, surface: str) -> None:
    rng = np.random.default_rng(5)
    pred, target = rng.random((2, 6, 7, 8)) > 0.6
    target[:3] = False
    more = {"interpolation": "attained"} if metric is ref.hausdorff_distance else {}
    plain = float(metric(pred, target, spacing=(0.75, 1.5, 2.0), surface=surface, **more))
    for unit in (2.0**-195, 2.0**-100, 2.0**100, 2.0**195):
        spacing = (0.75 * unit, 1.5 * unit, 2.0 * unit)
        assert float(metric(pred, target, spacing=spacing, surface=surface, **more)) == plain * unit


def test_a_band_wider_than_the_image_is_all_of_the_mask() -> None:
    pred, target = np.array([[1, 1, 1, 0]] * 4), np.array([[1, 1, 1, 1]] * 4)
    for width in (4, 1e9, 1e60):
        assert float(ref.boundary_iou(pred, target, width=width)) == 0.75


def test_the_f_score_at_the_ends_of_beta() -> None:
    pred, target = np.array([1, 1, 1, 0]), np.array([1, 0, 0, 1])  # TP 1, FP 2, FN 1: sensitivity 1/2, precision 1/3
    for convert in LIBRARIES.values():
        assert float(ref.f_score(convert(pred), convert(target), beta=1e30)) == pytest.approx(1 / 2)
        assert float(ref.f_score(convert(pred), convert(target), beta=1e-300)) == pytest.approx(1 / 3)
        for beta in (1e-300, 1e30):  # nothing is found: 0, and not 0/0
            assert float(ref.f_score(convert(1 - target), convert(target), beta=beta)) == 0
            assert float(ref.f_score(convert(0 * target), convert(target), beta=beta)) == 0
