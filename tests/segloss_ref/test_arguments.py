"""What arguments mean: scalars of any kind, ends of their ranges, weights and labels in every form that has one meaning."""

from __future__ import annotations

import inspect
import itertools
import math
import types
from fractions import Fraction
from typing import Any

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import segloss_ref as ref
from segloss_backends.torch import nn
from segloss_ref import _backend, domains, registry
from segloss_ref._describe import describe, describe_kind
from segloss_ref._probe import wrong_answer

LIBRARIES: dict[str, Any] = {
    "numpy": np.asarray, "torch": torch.tensor, "jax": jnp.asarray, "strict": array_api_strict.asarray
}  # fmt: skip
P = np.array([[0.25, 0.75, 0.5], [0.875, 0.125, 0.625]], dtype=np.float32)
Y = np.array([[0, 1, 0], [1, 0, 1]], dtype=np.int32)
LABELS = np.array([0, 1, 1])


def keywords_of(record: Any) -> dict[str, Any]:
    classes = {"class_axis": 0} if getattr(record, "needs_class_axis", False) else {}
    return {**classes, **{one.name: 1 for one in record.parameters.values() if one.required}}


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


# Weights and labels. --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("class_axis", [1, -3])
def test_a_pixel_weight_may_have_the_class_axis(library: str, class_axis: int) -> None:
    """(N, 1, H, W) beside (N, C, H, W) is (N, H, W); it may broadcast along the other axes as well."""
    convert = LIBRARIES[library]
    rng = np.random.default_rng(1)
    pred, labels = rng.random((2, 3, 4, 5), dtype=np.float32), rng.integers(0, 3, (2, 4, 5))
    weight = rng.integers(0, 3, (2, 1, 4, 5)).astype(np.float32)
    for shown in (weight, weight[:1], weight[:, :, :1]):
        plain = convert(shown[:, 0])
        for name, record in registry.losses.items():
            if "class_axis" not in record.keywords or not record.categorical or record.spatial:
                continue
            value = record.function(convert(pred), convert(labels), class_axis=class_axis, weight=convert(shown))
            expected = record.function(convert(pred), convert(labels), class_axis=class_axis, weight=plain)
            assert float(value) == float(expected), name
        for masks in ((pred, labels, {}), (labels, labels, {"num_classes": 3})):
            given, target, more = convert(masks[0]), convert(masks[1]), masks[2]
            value = ref.dice_score(given, target, class_axis=class_axis, weight=convert(shown), **more)
            expected = ref.dice_score(given, target, class_axis=class_axis, weight=plain, **more)
            assert np.asarray(value).tolist() == np.asarray(expected).tolist()
    for shape in ((2, 3, 4, 5), (2, 2, 4, 5), (1, 2, 1, 4, 5)):
        with pytest.raises(ValueError, match=r"dice_loss: weight must broadcast to the pixels \(2, 4, 5\), got shape"):
            ref.dice_loss(convert(pred), convert(labels), class_axis=class_axis, weight=convert(np.ones(shape)))


UNSIGNED = [
    *[("numpy", kind) for kind in (np.uint8, np.uint16, np.uint32, np.uint64)],
    *[("torch", kind) for kind in (torch.uint8, torch.uint16, torch.uint32, torch.uint64)],
    *[("jax", kind) for kind in (jnp.uint8, jnp.uint16, jnp.uint32)],
    *[("strict", getattr(array_api_strict, f"uint{bits}")) for bits in (8, 16, 32, 64)],
]


@pytest.mark.parametrize(("library", "dtype"), UNSIGNED)
def test_unsigned_labels(library: str, dtype: Any) -> None:
    convert = LIBRARIES[library]

    def unsigned(array: Any) -> Any:
        return torch.tensor(array).to(dtype) if library == "torch" else convert(np.asarray(array), dtype=dtype)

    pred, labels = convert(P), np.array([0, 1, 200])
    for name, record in registry.losses.items():
        if "class_axis" in record.keywords and record.categorical:
            value = record.function(pred, unsigned(labels), class_axis=0, ignore_index=200)
            assert float(value) == float(record.function(pred, convert(labels), class_axis=0, ignore_index=200)), name
        if not record.needs_class_axis:
            # -1 is no label of an unsigned dtype: nothing is left out.
            value = record.function(pred, unsigned(Y), ignore_index=-1)
            assert float(value) == float(record.function(pred, convert(Y))), name
    for name, metric in registry.metrics.items():
        if metric.family == "counts":
            value = metric.function(
                unsigned([0, 1, 1]), unsigned([0, 0, 1]), class_axis=0, num_classes=2, ignore_index=-1
            )
            expected = metric.function(np.array([0, 1, 1]), np.array([0, 0, 1]), class_axis=0, num_classes=2)
            np.testing.assert_allclose(np.asarray(value), expected, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("library", ["numpy", "torch", "strict"])
@pytest.mark.parametrize("ignore_index", [-1, 0, 2**63 - 1, -(2**63)])
def test_the_largest_unsigned_label_is_not_minus_one(library: str, ignore_index: int) -> None:
    labels = np.array([0, 1, 2**64 - 1], dtype=np.uint64)
    convert = LIBRARIES[library]
    with pytest.raises(ValueError, match=r"target must be a label in \[0, 2\), got 18446744073709551615"):
        ref.dice_loss(convert(P), convert(labels), class_axis=0, ignore_index=ignore_index)
    assert float(ref.dice_loss(convert(P[:, :2]), convert(labels[:2]), class_axis=0, ignore_index=ignore_index)) == (
        pytest.approx(float(ref.dice_loss(P[:, :2], np.array([0, 1]), class_axis=0, ignore_index=ignore_index)))
    )


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", [one for one, record in registry.losses.items() if "from_logits" in record.keywords])
def test_a_softmax_over_one_class_is_refused(name: str, library: str) -> None:
    record, convert = registry.losses[name], LIBRARIES[library]
    if not record.categorical:
        return
    z = convert(np.zeros((2, 1, 3), dtype=np.float32))
    for target in (np.zeros((2, 3), dtype=np.int64), np.zeros((2, 1, 3)), np.zeros((2, 1, 3), dtype=bool)):
        for class_axis in (1, -2):
            expected = (
                r"class_axis must be an axis of at least two classes with from_logits.* \(2, 1, 3\) and class_axis"
            )
            with pytest.raises(ValueError, match=f"^{name}: {expected} {class_axis}; leave class_axis out"):
                record.function(z, convert(target), from_logits=True, class_axis=class_axis)
    one = record.function(convert(np.ones((2, 1, 3), dtype=np.float32)), convert(np.ones((2, 1, 3))), class_axis=1)
    assert abs(float(one)) < 1e-5 or name == "combo_loss"  # of probabilities one class is a question like any other


# Arrays without values, and libraries that compute wrongly. -----------------------------------------------------------


def test_losses_of_tensors_without_values() -> None:
    pred, target = torch.zeros(2, 3, 4, device="meta"), torch.zeros(2, 3, 4, device="meta")
    for name, record in registry.losses.items():
        classes = {"class_axis": 1} if "class_axis" in record.keywords and record.categorical else {}
        value, gradient = ref.value_and_grad(record.function)(pred, target, **classes)
        assert value.is_meta
        assert (value.shape, gradient.shape, gradient.dtype) == ((), pred.shape, pred.dtype), name
        with pytest.raises(
            TypeError, match=f"^{name}: pred must hold values, which are looked at here, got an abstract float32"
        ):
            ref.validate(record.function, pred, target, **classes)


@pytest.mark.parametrize("name", [one for one, record in registry.metrics.items() if record.family == "surface"])
def test_metrics_that_need_values_say_so(name: str) -> None:
    metric = registry.metrics[name]
    required = keywords_of(metric)
    with pytest.raises(TypeError, match=f"^{name}: pred must hold values"):
        metric.function(torch.zeros(3, 4, device="meta"), torch.zeros(3, 4, device="meta"), **required)
    with pytest.raises(TypeError, match=f"^{name}: pred must hold values"):
        jax.jit(lambda mask: metric.function(mask, mask, **required))(jnp.zeros((3, 4)))


def namespace_with(**functions: Any) -> types.ModuleType:
    broken = types.ModuleType("otherlibrary")
    vars(broken).update({**vars(array_api_strict), **functions})
    return broken


def take_from_the_wrong_end(x: Any, indices: Any, axis: int | None = None) -> Any:
    return array_api_strict.take(x, x.shape[axis] - 1 - indices, axis=axis)


def unstable_argsort(x: Any, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    return array_api_strict.flip(array_api_strict.argsort(x, axis=axis), axis=axis)


def sum_without_its_axis(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return array_api_strict.sum(x, axis=axis)


WRONG = [
    ("take", {"take": take_from_the_wrong_end}),
    ("argsort", {"argsort": unstable_argsort}),
    ("sum", {"sum": sum_without_its_axis}),
    ("where", {"where": lambda condition, x, y: array_api_strict.where(condition, y, x)}),
    ("concat", {"concat": lambda arrays, axis=0: array_api_strict.concat(arrays[::-1], axis=axis)}),
    ("cumulative_sum", {"cumulative_sum": lambda x, axis: x}),
]


@pytest.mark.parametrize(("operation", "functions"), WRONG)
def test_a_library_that_answers_wrongly_is_refused(
    operation: str, functions: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wrong_answer(namespace_with(**functions)) == operation
    broken = namespace_with(**functions)
    monkeypatch.setattr(_backend, "_by_type", {})
    monkeypatch.setattr(_backend, "entry_points", lambda group: [])
    monkeypatch.setattr(_backend.Backend, "namespace", lambda self, array: broken)
    pred, target = array_api_strict.asarray(P), array_api_strict.asarray(Y)
    for function in (ref.dice_loss, ref.dice_score):
        message = f"^{function.__name__}: pred must be an array of a library that computes as .* {operation} of this one does not"
        with pytest.raises(TypeError, match=message):
            function(pred, target)


def test_libraries_that_answer_rightly_and_what_they_lack() -> None:
    import array_api_compat.numpy
    import array_api_compat.torch

    for namespace in (array_api_strict, array_api_compat.numpy, array_api_compat.torch, jnp):
        assert wrong_answer(namespace) is None
    lacking = namespace_with()
    for name in ("take_along_axis", "cumulative_sum"):
        delattr(lacking, name)
    assert wrong_answer(lacking) is None


# Words. ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, "0.5"),
        (np.float64(0.5), "0.5"),
        (np.bool_(True), "True"),
        ("mean", "'mean'"),
        ("x" * 10**6, "'" + "x" * 57 + "'..."),
        (10**400, "an integer of 1329 bits"),
        (10**5000, "an integer of 16610 bits"),
        (Fraction(1, 3), "Fraction(1, 3)"),
        (Fraction(10**400, 3), "a Fraction of large integers"),
        ((1, -1), "(1, -1)"),
        ((1,), "(1,)"),
        ([0.5, None], "[0.5, None]"),
        ([], "list of 0"),
        ([[0.5]], "list of 1"),
        ([0.1] * 10**6, "list of 1000000"),
        ({"a": [0.1] * 10**6}, "dict of 1"),
        ({1, 2}, "set of 2"),
        (P, "float32 array of shape (2, 3)"),
        (P.astype(">f8"), "float64 array of shape (2, 3)"),
        (torch.tensor(P), "float32 array of shape (2, 3)"),
        (torch.zeros(0, dtype=torch.bfloat16), "bfloat16 array of shape (0,)"),
        (array_api_strict.asarray(P), "float32 array of shape (2, 3)"),
        (jnp.asarray(P), "float32 array of shape (2, 3)"),
        (np.array(1.5), "float64 array of shape ()"),
        (np.array(["a" * 10**5]), "str3200000 array of shape (1,)"),
        (np.ndarray, "the type numpy ndarray"),
        (len, "builtin_function_or_method len"),
        (None, "None"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_argument_in_words(value: Any, expected: str) -> None:
    assert describe(value) == expected


def test_no_words_hold_data() -> None:
    class Awkward:
        dtype = "a" * 10**6

        def __repr__(self) -> str:
            raise RuntimeError("asked for its data")

        @property
        def shape(self) -> Any:
            raise RuntimeError("not known yet")

    assert len(describe(Awkward())) < 130
    assert "Awkward" in describe(Awkward())
    assert describe_kind([P]) == "list of 1"
    assert describe_kind(torch.tensor(P)) == "torch Tensor of float32 and shape (2, 3)"


def test_every_domain_brings_its_values_to_plain_ones() -> None:
    for record in (*registry.losses.values(), *registry.metrics.values()):
        for name, parameter in record.parameters.items():
            if parameter.default is not inspect.Parameter.empty:
                assert parameter.domain.normal(record.name, name, parameter.default) == parameter.default
