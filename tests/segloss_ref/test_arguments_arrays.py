"""Arguments that are arrays: weights, labels, arrays without values, libraries that answer wrongly; words for arguments."""

from __future__ import annotations

import inspect
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
from segloss_ref import _backend, registry
from segloss_ref._describe import describe, describe_kind
from segloss_ref._probe import wrong_answer
from tests.segloss_ref.argument_libraries import LIBRARIES, P, Y, keywords_of

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
