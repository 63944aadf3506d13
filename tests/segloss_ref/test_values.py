"""Array values that would silently give a wrong number are refused wherever the host can look at them, by the same sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import segloss_ref as ref
from segloss_backends.torch.nn import DiceLoss
from segloss_ref import registry

LIBRARIES: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "strict": array_api_strict.asarray,
    "torch": torch.from_numpy,
    "jax": jnp.asarray,
}
RANDOM = np.random.default_rng(0)
Z = RANDOM.normal(size=(2, 3, 4, 5)).astype(np.float32)
P = RANDOM.random(size=(2, 3, 4, 5)).astype(np.float32)
Y = RANDOM.integers(0, 2, Z.shape)
LABELS = RANDOM.integers(0, 3, (2, 4, 5))
WEIGHT = RANDOM.random((2, 4, 5)).astype(np.float32)


def spoilt(array: Any, value: Any, place: int = -1) -> Any:
    array = array.copy()
    array.reshape(-1)[place] = value
    return array


# (what, loss, pred, target, keywords, message)
WRONG: list[tuple[str, str, Any, Any, dict[str, Any], str]] = [
    ("0/255 mask", "dice_loss", Z, Y * 255, {"from_logits": True}, "target must be 0 or 1, got 255"),
    ("0/255 uint8", "tversky_loss", Z, (Y * 255).astype(np.uint8), {"from_logits": True}, "target must be 0 or 1, got 255"),
    ("0/255 floats", "focal_loss", Z, Y * np.float32(255), {"from_logits": True}, "target must be in [0, 1], got 255.0"),
    ("half floats", "focal_loss", Z, Y * np.float16(2), {"from_logits": True}, "target must be in [0, 1], got 2.0"),
    ("-1/1 mask", "jaccard_loss", P, 2 * Y - 1, {}, "target must be 0 or 1, got -1"),
    ("nan target", "boundary_loss", P, spoilt(Y * 1.0, np.nan), {}, "target must be in [0, 1], got nan"),
    ("label -1", "binary_cross_entropy", Z, spoilt(LABELS, -1), {"from_logits": True, "class_axis": 1},
     "target must be a label in [0, 3), got -1"),
    ("label 255", "dice_loss", Z, spoilt(LABELS, 255), {"from_logits": True, "class_axis": 1},
     "target must be a label in [0, 3), got 255"),
    ("label C", "generalized_dice_loss", Z, spoilt(LABELS, 3), {"from_logits": True, "class_axis": 1},
     "target must be a label in [0, 3), got 3"),
    ("another label than the ignored one", "dice_loss", Z, spoilt(spoilt(LABELS, 255), 254, 0),
     {"from_logits": True, "class_axis": 1, "ignore_index": 255}, "target must be a label in [0, 3), got 254"),
    ("logits for probabilities", "dice_loss", spoilt(P, 1.5), Y, {}, "pred must be in [0, 1], got 1.5"),
    ("percent", "log_cosh_dice_loss", spoilt(P, -0.5), Y, {}, "pred must be in [0, 1], got -0.5"),
    ("soft for hard", "lovasz_softmax_loss", P, spoilt(Y * 1.0, 0.5), {}, "target must be 0 or 1, got 0.5"),
    ("negative weight", "dice_loss", P, Y, {"weight": spoilt(P, -1.0)}, "weight must be in [0, 1e30], got -1.0"),
    ("huge weight", "dice_loss", P, Y, {"weight": spoilt(P, 1e31)}, "weight must be in [0, 1e30], got"),
    ("nan weight", "combo_loss", P, Y, {"weight": spoilt(P, np.nan)}, "weight must be in [0, 1e30], got nan"),
    ("class weight", "dice_loss", P, LABELS, {"class_axis": 1, "class_weight": np.asarray([1.0, -1.0, 1.0])},
     "class_weight must be in [0, 1e30], got -1.0"),
]  # fmt: skip


def call(name: str, convert: Callable[[Any], Any], pred: Any, target: Any, keywords: dict[str, Any]) -> Any:
    arrays = {key: convert(value) if isinstance(value, np.ndarray) else value for key, value in keywords.items()}
    return registry.losses[name].function(convert(pred), convert(target), **arrays)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("name", "pred", "target", "keywords", "message"), [case[1:] for case in WRONG], ids=[c[0] for c in WRONG]
)
def test_refused_on_every_library(
    library: str, name: str, pred: Any, target: Any, keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call(name, LIBRARIES[library], pred, target, keywords)
    assert str(caught.value).startswith(f"{name}: {message}")


@pytest.mark.parametrize("library", LIBRARIES)
def test_pixels_that_do_not_count_may_hold_anything(library: str) -> None:
    place, plain = LIBRARIES[library], {"from_logits": True, "class_axis": 1}
    ignored = call("dice_loss", place, Z, spoilt(LABELS, 255), {**plain, "ignore_index": 255})
    weightless = call("dice_loss", place, Z, spoilt(LABELS, 255), {**plain, "weight": spoilt(np.ones_like(WEIGHT), 0)})
    p, y = np.exp(Z) / np.exp(Z).sum(1, keepdims=True), np.eye(3)[LABELS].transpose(0, 3, 1, 2)
    kept = spoilt(np.ones(LABELS.shape), 0)[:, None]
    dice = 1 - (2 * (kept * p * y).sum((0, 2, 3)) + 1e-5) / ((kept * (p + y)).sum((0, 2, 3)) + 1e-5)
    assert float(ignored) == pytest.approx(dice.mean(), rel=1e-6)
    assert float(weightless) == pytest.approx(dice.mean(), rel=1e-6)
    values = call("dice_loss", place, spoilt(P, np.nan), spoilt(Y * 1.0, 7.0), {"weight": spoilt(np.ones_like(P), 0)})
    assert math.isfinite(float(values))


def test_nan_predictions_show_in_the_value_where_they_are_not_refused() -> None:
    """A training loop that overflowed in half precision must see nan, and not an exception, to skip the step."""
    for pred, keywords in ((Z, {"from_logits": True}), (P, {})):
        assert torch.isnan(call("dice_loss", torch.from_numpy, spoilt(pred, np.nan), Y, keywords))
        with pytest.raises(ValueError, match="pred must be"):
            call("dice_loss", np.asarray, spoilt(pred, np.nan), Y, keywords)


def test_where_nothing_is_looked_at() -> None:
    """Compiled, traced and transformed calls have no values to look at, and subclasses may have none."""
    z, y = torch.from_numpy(Z), torch.from_numpy(Y * 255)

    def loss(z: Any, y: Any) -> Any:
        return ref.dice_loss(z, y, from_logits=True)

    expected = float(call("dice_loss", np.asarray, Z, Y * 1.0, {"from_logits": True}))
    with pytest.raises(ValueError, match="target must be"):
        loss(z, y)
    for run in (torch.compile(loss, backend="eager"), torch.vmap(loss)):
        assert not torch.isnan(run(z, y)).any()
    assert not np.isnan(jax.jit(loss)(jnp.asarray(Z), jnp.asarray(Y * 255)))
    assert loss(z.to("meta"), y.to("meta")).is_meta
    assert float(jax.jit(loss)(jnp.asarray(Z), jnp.asarray(Y))) == pytest.approx(expected, rel=1e-6)


def test_what_jax_still_holds_as_values_is_looked_at() -> None:
    target = jnp.asarray(Y * 255)
    with pytest.raises(ValueError, match="target must be 0 or 1, got 255"):
        jax.grad(lambda z: ref.dice_loss(z, target, from_logits=True))(jnp.asarray(Z))


def test_bfloat16_and_modules() -> None:
    with pytest.raises(ValueError, match=r"target must be in \[0, 1\], got 255.0"):
        DiceLoss(from_logits=True)(torch.from_numpy(Z).bfloat16(), torch.from_numpy(Y * 255).bfloat16())
    with pytest.raises(ValueError, match=r"target must be in \[0, 1\], got 255.0"):
        ref.dice_loss(jnp.asarray(Z, dtype=jnp.bfloat16), jnp.asarray(Y * 255, dtype=jnp.bfloat16), from_logits=True)


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.int8, np.uint8, np.int32, np.uint32, np.int64]
)
@pytest.mark.parametrize("order", ["=", "S"])
def test_ends_of_the_range_in_every_dtype(dtype: Any, order: str) -> None:
    """0, -0.0 and 1 pass, and the next number on either side does not."""
    kind = np.dtype(dtype)
    good = np.asarray([0, 1, 0, 1], dtype=kind.newbyteorder(order))
    wrong = [2]
    if kind.kind == "f":
        good[2] = -0.0
        wrong = [np.nextafter(kind.type(1), kind.type(2)), -np.finfo(kind).smallest_subnormal, np.inf, -np.inf, np.nan]
    elif kind.kind == "i":
        wrong = [2, -1, np.iinfo(kind).min, np.iinfo(kind).max]
    assert float(ref.dice_loss(np.asarray([0.0, 1.0, 0.0, 1.0]), good)) == 0
    for value in wrong:
        with pytest.raises(ValueError, match="target must be"):
            ref.dice_loss(np.asarray([0.0, 1.0, 0.0, 1.0]), spoilt(good, value, 0))


@pytest.mark.parametrize("weight", [5e-324, 1e-310, 1e-200, 1e-45, 1e-30, 1e20, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(registry.losses))
def test_weights_of_any_size(name: str, dtype: Any, weight: float) -> None:
    """A mean does not change with the unit of its weights; smoothing is scaled to match. Neither value nor slope is nan."""
    record = registry.losses[name]
    keywords: dict[str, Any] = {"axis": (2, 3)} if record.spatial else {}
    if record.needs_class_axis:
        keywords["class_axis"] = 1
    if "from_logits" in record.keywords:
        keywords["from_logits"] = True
    smooth = {"smooth": 0.0} if "smooth" in record.parameters else {}
    pixels = (2, 4, 5) if record.needs_class_axis else Z.shape
    value, gradient = ref.value_and_grad(record.function)(
        Z.astype(dtype), Y * 1.0, weight=np.full(pixels, weight), **keywords, **smooth
    )
    plain, slope = ref.value_and_grad(record.function)(Z.astype(dtype), Y * 1.0, **keywords, **smooth)
    close = 1e-5 if dtype is np.float32 else 1e-12
    assert float(value) == pytest.approx(float(plain), rel=close)
    np.testing.assert_allclose(gradient, slope, rtol=close, atol=close * np.abs(slope).max())
    if smooth:
        value, gradient = ref.value_and_grad(record.function)(
            Z.astype(dtype), Y * 1.0, weight=np.full(pixels, weight), **keywords
        )
        assert math.isfinite(float(value))
        assert np.isfinite(gradient).all()


def test_regions_with_weights_of_different_size() -> None:
    weight = np.ones(Z.shape)
    weight[0], weight[1] = 1e30, 1e-30
    for convert in LIBRARIES.values():
        value = call("focal_loss", convert, Z, Y, {"weight": weight, "from_logits": True, "axis": (1, 2, 3)})
        plain = call("focal_loss", convert, Z, Y, {"from_logits": True, "axis": (1, 2, 3)})
        assert float(value) == pytest.approx(float(plain), rel=1e-5)


def test_smoothing_counts_in_the_unit_of_the_weights() -> None:
    """2^-50 a pixel and a smoothing of 2^-50 are 1 and 1."""
    p, y = np.asarray([0.5, 0.25]), np.asarray([1.0, 0.0])
    small = ref.dice_loss(p, y, weight=np.full(2, 2.0**-50), smooth=2.0**-50)
    assert float(small) == pytest.approx(1 - (2 * 0.5 + 1) / (0.75 + 1 + 1), rel=1e-15)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "name", [name for name, one in sorted(registry.losses.items()) if one.categorical and not one.logits_only]
)
def test_a_logit_of_minus_infinity_leaves_a_class_out(library: str, name: str) -> None:
    """The value is that of the other classes' softmax with p = 0 there, and the slope there is 0."""
    record, place = registry.losses[name], LIBRARIES[library]
    keywords: dict[str, Any] = {"class_axis": 1, **({"axis": (2, 3)} if record.spatial else {})}
    others = np.where(LABELS == 2, 1, LABELS)
    z = Z.astype(np.float64)
    z[:, 2] = -np.inf
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    both = ref.value_and_grad(record.function)
    value, gradient = both(place(z), place(others), from_logits=True, **keywords)
    assert float(value) == pytest.approx(float(record.function(p, others, **keywords)), rel=1e-6)
    assert not np.asarray(gradient)[:, 2].any()
    if name != "structural_similarity_loss":  # a window of the ignored pixel reaches others
        z[0, :, 0, 0] = -np.inf
        ignored = np.asarray(others)
        ignored[0, 0, 0] = 255
        assert np.isfinite(
            float(record.function(place(z), place(ignored), from_logits=True, ignore_index=255, **keywords))
        )


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_minus_infinity_cannot_mean(library: str) -> None:
    place, plain = LIBRARIES[library], {"from_logits": True, "class_axis": 1}
    onehot = np.eye(3)[LABELS].transpose(0, 3, 1, 2)
    without = Z.copy()
    without[:, 2] = -np.inf
    for target, message in (
        (LABELS, "target must be a class whose logit is not -inf, got 2"),
        (onehot, "target must be 0 for a class whose logit is -inf, got 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            call("focal_loss", place, without, target, plain)
    without[0, :, 0, 0] = -np.inf
    with pytest.raises(ValueError, match="pred must be finite for at least one class of a pixel, got -inf"):
        call("focal_loss", place, without, np.zeros_like(LABELS), plain)


def test_infinite_logits_are_refused_on_numpy_and_show_elsewhere() -> None:
    for value in (np.inf, np.nan):
        for keywords, target in (({}, Y * 1.0), ({"class_axis": 1}, LABELS)):
            with pytest.raises(ValueError, match=r"pred must be finite"):
                call("focal_loss", np.asarray, spoilt(Z, value), target, {"from_logits": True, **keywords})
            found = call("focal_loss", torch.from_numpy, spoilt(Z, value), target, {"from_logits": True, **keywords})
            assert torch.isnan(found)
