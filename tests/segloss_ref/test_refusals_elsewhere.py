"""Refusals that the table does not reach: kinds of arrays, devices, modules, keywords."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.experimental.sparse
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
import torch

import segloss_ref as ref
from segloss_backends.torch import nn
from segloss_ref import domains, registry
from segloss_ref.presets import presets
from tests.segloss_ref.refusals import (
    BIG,
    LIBRARIES,
    NO_ARRAYS,
    NO_FLAGS,
    NO_LABELS,
    NO_REGIONS,
    NO_SEQUENCES,
    P,
    Y,
    bad_choices,
    bad_for,
    complaints,
    rows_of,
)

# What the rows above do not reach. ------------------------------------------------------------------------------------


def quantized() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch is going to drop them
        return torch.quantize_per_tensor(torch.tensor(P), 0.1, 0, torch.quint8)


def nested() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a prototype
        return torch.nested.nested_tensor([torch.ones(3), torch.ones(2)])


OWN_KINDS: dict[str, tuple[str, Callable[[], Any]]] = {
    "matrix": ("numpy", lambda: np.asmatrix(P)),
    "dense matrix of SciPy": ("numpy", lambda: scipy.sparse.csr_matrix(P).todense()),
    "masked": ("numpy", lambda: np.ma.array(P, mask=Y)),
    "objects": ("numpy", lambda: P.astype(object)),
    "text": ("numpy", lambda: P.astype(str)),
    "dates": ("numpy", lambda: Y.astype("M8[s]")),
    "random keys": ("jax", lambda: jax.random.split(jax.random.key(0), (2, 3))),
    "record array": ("numpy", lambda: np.rec.array(np.zeros((2, 3), dtype=[("red", "f4")]))),
    "records": ("numpy", lambda: np.zeros((2, 3), dtype=[("red", "f4"), ("green", "f4")])),
    "sparse": ("torch", lambda: torch.tensor(P).to_sparse()),
    "compressed rows": ("torch", lambda: torch.tensor(P).to_sparse_csr()),
    "mkldnn": ("torch", lambda: torch.tensor(P).to_mkldnn()),
    "quantized": ("torch", quantized),
    "nested": ("torch", nested),
    "sparse of JAX": ("jax", lambda: jax.experimental.sparse.BCOO.fromdense(jnp.asarray(P))),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support:UserWarning", "ignore:the matrix subclass")
@pytest.mark.parametrize("kind", OWN_KINDS)
def test_kinds_of_array_that_compute_otherwise(kind: str) -> None:
    library, make = OWN_KINDS[kind]
    array, convert = make(), LIBRARIES[library]
    rows = []
    for name, record in {**registry.losses, **registry.metrics}.items():
        classes = {"class_axis": 0} if getattr(record, "needs_class_axis", False) else {}
        required = {one.name: 1 for one in record.parameters.values() if one.required}
        base = {"pred": P, "target": Y, **classes, **required}
        bad = {argument: {kind: array} for argument in ("pred", "target", "weight")}
        rows += list(rows_of("", record.function, name, bad, base))
    found = complaints(rows, {library: convert})
    assert not found, "\n".join(found[:10])


def test_another_device() -> None:
    for name, record in {**registry.losses, **registry.metrics}.items():
        classes = {"class_axis": 0} if getattr(record, "needs_class_axis", False) else {}
        required = {one.name: 1 for one in record.parameters.values() if one.required}
        pred, target = torch.tensor(P), torch.tensor(Y)
        for argument, elsewhere in (("target", target.to("meta")), ("weight", pred.to("meta"))):
            given = {"target": target, **classes, **required, argument: elsewhere}
            with pytest.raises(
                ValueError, match=rf"^{name}: {argument} must be on the device of pred \(cpu\), got meta"
            ):
                record.function(pred, given.pop("target"), **given)


MODULES = {
    module.loss.__name__: module for module in vars(nn).values() if isinstance(module, type) and "loss" in vars(module)
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_refuse_when_they_are_made(name: str) -> None:
    record = registry.losses[name]
    arguments: dict[str, Mapping[str, Any]] = {
        "axis": {kind: bad for kind, bad in NO_REGIONS.items() if not re.search("beyond|before|twice|huge", kind)},
        "ignore_index": NO_LABELS,
        "reduction": bad_choices(("mean", "sum", "none")),
        "weight": NO_ARRAYS,
    }
    if "class_weight" in record.keywords:
        known = {k: bad for k, bad in NO_SEQUENCES.items() if k not in ("long and wrong",)}
        arguments["class_weight"] = known
    if "from_logits" in record.keywords:
        arguments["from_logits"] = NO_FLAGS
    for parameter, one in record.parameters.items():
        if one.only_with is None and not isinstance(one.domain, domains.LabelWeights):
            kinds = ("other shape", "complex", "too many", "too few")
            arguments[parameter] = {kind: bad for kind, bad in bad_for(one.domain).items() if kind not in kinds}
    classes = {"class_axis": 0} if record.needs_class_axis else {}

    def make(pred: Any, target: Any, **keywords: Any) -> Any:
        return MODULES[name](**{**classes, **keywords})

    rows = list(rows_of("module", make, name, arguments, {"pred": P, "target": Y}))
    found = complaints(rows, {"torch": LIBRARIES["torch"]})
    assert not found, "\n".join(found[:10])
    with pytest.raises(TypeError, match=rf"^{name}: unknown keyword 'fp', expected one of .*reduction"):
        MODULES[name](fp=1)
    with pytest.raises(TypeError, match=rf"^{name}: a module takes keywords alone, of .*; got 1 without a name"):
        MODULES[name](1.0)


def everything() -> Iterator[tuple[str, Callable[..., Any]]]:
    yield from ((record.name, record.function) for record in (*registry.losses.values(), *registry.metrics.values()))
    yield from (("confusion", ref.confusion), ("surface_distances", ref.surface_distances))


@pytest.mark.parametrize(("name", "function"), list(everything()))
def test_keywords_and_positions(name: str, function: Callable[..., Any]) -> None:
    metric = registry.metrics.get(name)
    required = {one.name: 1 for one in metric.parameters.values() if one.required} if metric else {}
    for long in ("smoothing", "x" * 10**6):
        with pytest.raises(TypeError, match=rf"^{name}: unknown keyword '.*, expected one of .*axis") as caught:
            function(P, Y, **required, **{long: 1})
        assert len(str(caught.value)) < 500
    with pytest.raises(TypeError, match=rf"^{name}\(\) takes .* positional arguments but"):
        function(P, Y, 1.0, **required)
    with pytest.raises(
        TypeError, match=rf"^{name}(\(\) missing|: target must be an array).*target|target must be an array"
    ):
        function(P, **required)
    for own in required:
        with pytest.raises(TypeError, match=rf"^{name}\(\) missing .* '{own}'"):
            function(P, Y)
        if metric:
            with pytest.raises(TypeError, match=f"^{name}: {own} must be given"):
                ref.validate(function, P, Y)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ref.value_and_grad(np.sum), "value_and_grad: loss must be one of segloss_ref's losses, got "),
        (lambda: ref.grad(ref.dice_score), "grad: loss must be one of segloss_ref's losses, got "),
        (lambda: ref.grad("dice_loss"), "grad: loss must be one of segloss_ref's losses, got 'dice_loss'"),
        (lambda: ref.validate(ref.confusion, P, Y), "validate: function must be one of segloss_ref's losses and metrics"),
        (lambda: ref.validate(BIG, P, Y), "validate: function must be one of .*, got list of 512"),
        (lambda: presets["monai_hd95"](P > 0.5, Y, percentile=BIG), "monai_hd95: percentile is 95.0 by definition, got list"),
    ],
)  # fmt: skip
def test_functions_of_functions(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=f"^{message}"):
        call()


def named(message: str, error: type[Exception] = ValueError) -> Callable[..., Any]:
    def function(pred: Any, target: Any, **keywords: Any) -> Any:
        raise error(message)

    return function


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (lambda pred, target, **keywords: 0.5, "returned float"),
        (named("f: smooth must be a number, got " + repr(BIG)), "characters"),
        (named("smooth must be a number, got 'x'"), "does not begin with"),
        (named("f: it must be a number, got 'x'"), "does not name the argument"),
        (named("f: smooth is wrong, got 'x'"), "what was expected"),
        (named("f: smooth must be a number"), "what was given"),
        (named("f: smooth must be a number, got 'x'", RuntimeError), "RuntimeError"),
        (np.add, "does not begin with"),
        (lambda pred, target, smooth: named(f"f: smooth must be so, got {type(pred).__name__}")(pred, target), "libraries say"),
    ],
)  # fmt: skip
def test_what_the_table_rejects(function: Callable[..., Any], complaint: str) -> None:
    rows = list(rows_of("", function, "f", {"smooth": {"text": "x"}}, {"pred": P, "target": Y}))
    found = complaints(rows, {name: LIBRARIES[name] for name in ("numpy", "torch")})
    assert found
    assert any(complaint in one for one in found), found
    good = named("f: smooth must be a number, got 'x'")
    assert not complaints(list(rows_of("", good, "f", {"smooth": {"text": "x"}}, {"pred": P, "target": Y})), LIBRARIES)
