"""The table of refusals: every argument with every kind of value that it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import array_api_strict
import jax.numpy as jnp
import numpy as np
import scipy.sparse
import torch

from segloss_ref import domains, registry

LIBRARIES: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "torch": lambda array: torch.tensor(array),
    "jax": jnp.asarray,
    "strict": array_api_strict.asarray,
}
P = np.array([[0.25, 0.75, 0.5], [0.875, 0.125, 0.5]], dtype=np.float32)
Y = np.array([[0, 1, 0], [1, 0, 1]], dtype=np.int32)
LABELS = np.array([0, 1, 1], dtype=np.int32)
BIG = [[0.5] * 512] * 512


def standing_for(module: str, name: str, **attributes: Any) -> Any:
    """An object of a type of that name, as a package that is not installed here would make it."""
    return type(name, (), {"__module__": module, **attributes})()


FOREIGN: dict[str, Any] = {
    "pandas frame": standing_for("pandas.core.frame", "DataFrame", shape=(2, 3)),
    "pandas series": standing_for("pandas.core.series", "Series", shape=(3,), dtype=np.dtype("float64")),
    "xarray": standing_for("xarray.core.dataarray", "DataArray", shape=(2, 3), dtype=np.dtype("float64")),
    "zarr": standing_for("zarr.core", "Array", shape=(2, 3), dtype=np.dtype("float64")),
    "h5py": standing_for("h5py._hl.dataset", "Dataset", shape=(2, 3), dtype=np.dtype("float64")),
    "nibabel": standing_for("nibabel.arrayproxy", "ArrayProxy", shape=(2, 3), dtype=np.dtype("int16")),
    "pydata sparse": standing_for("sparse.numba_backend._coo.core", "COO", shape=(2, 3), dtype=np.dtype("float64")),
    "tensorflow": standing_for("tensorflow.python.framework.ops", "EagerTensor", shape=(2, 3), dtype="float32"),
    "scipy sparse": scipy.sparse.csr_array(P),
    "scipy sparse matrix": scipy.sparse.coo_matrix(P),
}
NO_ARRAYS: dict[str, Any] = {
    "list": [[0.5, 0.5, 0.5]] * 2,
    "big list": BIG,
    "text": "mask.png",
    "long text": "x" * 10**6,
    "number": 0.5,
    "dict": {"mask": BIG},
    "set": {1},
    "object": object(),
    "type": np.ndarray,
    **FOREIGN,
}


def of_library(make: Callable[[], Any]) -> Callable[[Callable[[Any], Any]], Any]:
    """A bad value that is an array of the library in question."""
    return lambda convert: convert(make())


ARRAYS_FOR_SCALARS = {
    "array": of_library(lambda: np.array([0.5, 0.5], dtype=np.float32)),
    "array of nothing": of_library(lambda: np.zeros((0,), dtype=np.float32)),
    "array without axes": of_library(lambda: np.array(0.5, dtype=np.float32)),
}
NO_NUMBERS: dict[str, Any] = {
    "text": "0.5",
    "bytes": b"0.5",
    "bool": True,
    "numpy bool": np.True_,
    "complex": 1j,
    "decimal": Decimal("0.5"),
    "list": [0.5],
    "big list": BIG,
    "dict": {0.5: BIG},
    "set": {0.5},
    "object": object(),
    "type": float,
    "function": len,
    **ARRAYS_FOR_SCALARS,
}
NO_FINITE_NUMBERS: dict[str, Any] = {
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
    "huge": 10**400,
    "-huge": -(10**400),
    "too long to print": 10**5000,
    "huge fraction": Fraction(10**400, 3),
}
NO_INTEGERS: dict[str, Any] = {**NO_NUMBERS, "fraction": 0.5, "whole float": 1.0, "nan": float("nan")}
NO_FLAGS: dict[str, Any] = {
    "0": 0, "1": 1, "text": "yes", "None": None, "list": [True], "dict": {}, "float": 1.0, **ARRAYS_FOR_SCALARS
}  # fmt: skip
NO_SEQUENCES: dict[str, Any] = {
    "text": "ab",
    "dict": {0: 1.0, 1: 2.0},
    "set": {1.0, 2.0},
    "generator": (one for one in (1.0, 2.0)),
    "texts": ["a", "b"],
    "nested": [[1.0], [2.0]],
    "big list": BIG,
    "bools": [True, False],
    "None inside": [1.0, None],
    "nan": [1.0, float("nan")],
    "inf": [1.0, float("inf")],
    "negative": [1.0, -1.0],
    "huge": [1.0, 10**400],
    "object": object(),
    "long and wrong": [1.0] * 1000 + ["x"],
}
NO_AXES: dict[str, Any] = {
    "fraction": 0.5, "text": "0", "bool": True, "set": {0}, "dict": {0: 0}, "beyond": 7, "before": -7,
    "huge": 10**400, "object": object(), **ARRAYS_FOR_SCALARS,
}  # fmt: skip
NO_REGIONS: dict[str, Any] = {
    **NO_AXES, "twice": (1, 1), "twice from behind": (1, -1), "fraction inside": (0, 0.5), "None inside": (0, None),
    "beyond inside": [0, 5], "big list": BIG, "range": range(2),
}  # fmt: skip
NO_LABELS: dict[str, Any] = {**NO_INTEGERS, "beyond uint64": 2**64, "before int64": -(2**63) - 1, "huge": 10**400}
NO_ONE_FACTOR_A_CLASS: dict[str, Any] = {
    **NO_SEQUENCES,
    "number": 1.0,
    "too few": [1.0],
    "too many": [1.0] * 3,
    "far too many": [1.0] * 10**4,
    "array of another shape": of_library(lambda: np.ones(3, dtype=np.float32)),
    "table": of_library(lambda: np.ones((2, 1), dtype=np.float32)),
    "complex": of_library(lambda: np.ones(2, dtype=np.complex64)),
    **FOREIGN,
}
NO_WEIGHTS: dict[str, Any] = {
    **NO_ARRAYS,
    "other shape": of_library(lambda: np.ones(2, dtype=np.float32)),
    "more axes": of_library(lambda: np.ones((1, 2, 3), dtype=np.float32)),
    "complex": of_library(lambda: P + np.complex64(0)),
}
NO_COTANGENTS: dict[str, Any] = {
    **{kind: bad for kind, bad in NO_ARRAYS.items() if kind != "number"},
    "bool": True,
    "huge": 10**400,
    "complex number": 1j,
    "other shape": of_library(lambda: np.ones((5, 5), dtype=np.float32)),
    "complex": of_library(lambda: np.array(1, dtype=np.complex64)),
}
NO_TARGETS: dict[str, Any] = {
    **NO_ARRAYS,
    "None": None,
    "other shape": of_library(lambda: Y[:, :2]),
    "fewer axes": of_library(lambda: LABELS[:2]),
    "more axes": of_library(lambda: Y[None, None]),
    "complex": of_library(lambda: P + np.complex64(0)),
}
NO_PREDICTIONS: dict[str, Any] = {**NO_ARRAYS, "None": None, "complex": of_library(lambda: P + np.complex64(0))}


def bad_choices(values: tuple[Any, ...]) -> dict[str, Any]:
    """What is none of these names."""
    return {
        "other text": "no such thing", "empty": "", "long text": "x" * 10**6, "None": None, "bool": True, "float": 1.5,
        "list": list(values), "tuple": values, "set": set(values), "dict": dict.fromkeys(values), "bytes": b"mean",
        "huge": 10**400, "upper case": str(values[0]).upper() + "!", "object": object(), "big list": BIG,
        **ARRAYS_FOR_SCALARS,
    }  # fmt: skip


def bad_for(domain: Any) -> dict[str, Any]:
    """Values outside a domain, by kind."""
    match domain:
        case domains.Interval():
            bad = {**NO_NUMBERS, **NO_FINITE_NUMBERS, "below": domain.low - 1, "above": domain.high * 1.5}
            bad |= {} if domain.optional else {"None": None}
            return bad | ({"at the open end": domain.low} if domain.low_open else {})
        case domains.Integer():
            return {**NO_INTEGERS, "None": None, "below": domain.low - 1, "above": domain.high + 1, "huge": 10**400}
        case domains.OddInteger():
            return {**NO_INTEGERS, "None": None, "even": 4, "negative": -3, "zero": 0, "beyond": 10**9 + 1}
        case domains.Choice():
            return bad_choices(domain.values)
        case domains.Flag():
            return NO_FLAGS
        case domains.Smooth():
            more = {"three": (0, 0, 1), "falling": (2, 1), "beyond": 1e31, "below": -1e-9, "text inside": (0, "1")}
            return {**NO_NUMBERS, **NO_FINITE_NUMBERS, "None": None, **more}
        case domains.LabelWeights():
            return {**NO_SEQUENCES, "number": 1.0, "too few": [1.0], "too many": [1.0] * 3}
        case domains.Spacing():
            sizes = {"zero": 0, "negative": -1.0, "tiny": 1e-61, "beyond": 1e61, "nan": float("nan"), "huge": 10**400}
            return {**NO_SEQUENCES, **sizes, "too many": (1.0,) * 5, "bool": True, "table": np.ones((2, 2))}
        case domains.Radii():
            return {**NO_SEQUENCES, "empty": (), "number": 3.0, "zero": (0,), "far": (1e9,), "None": None}
        case domains.PixelMap():
            return {
                **NO_ARRAYS,
                "other shape": of_library(lambda: np.ones((3, 2), dtype=np.float32)),
                "complex": of_library(lambda: P + np.complex64(0)),
            }
    raise TypeError(f"no bad values for {domain!r}")


@dataclass(frozen=True)
class Row:
    """One call that must be refused."""

    owner: str
    """What the message begins with."""
    how: str
    argument: str
    kind: str
    call: Callable[[Callable[[Any], Any]], Any]
    """``call(convert)`` makes the call with arrays of the library of `convert`."""


def rows_of(
    how: str,
    function: Callable[..., Any],
    owner: str,
    arguments: Mapping[str, Mapping[str, Any]],
    base: Mapping[str, Any],
) -> Iterator[Row]:
    """One row for every bad value of every argument; the others are as `base` has them."""
    for argument, kinds in arguments.items():
        for kind, bad in kinds.items():
            yield Row(owner, how, argument, kind, _caller(function, argument, bad, base))


_on: dict[tuple[Any, int], tuple[Any, Any]] = {}


def on(convert: Callable[[Any], Any], array: Any) -> Any:
    """`array` on a library, converted once."""
    key = convert, id(array)
    if key not in _on:
        _on[key] = array, convert(array)
    return _on[key][1]


def _caller(function: Callable[..., Any], argument: str, bad: Any, base: Mapping[str, Any]) -> Callable[..., Any]:
    def call(convert: Callable[[Any], Any]) -> Any:
        given = {name: on(convert, value) if isinstance(value, np.ndarray) else value for name, value in base.items()}
        given[argument] = bad(convert) if getattr(bad, "__qualname__", "").startswith("of_library") else bad
        return function(given.pop("pred"), given.pop("target"), **given)

    return call


def another_library(convert: Callable[[Any], Any]) -> Any:
    return (np.asarray if isinstance(convert(P), array_api_strict._array_object.Array) else array_api_strict.asarray)(P)


another_library.__qualname__ = "of_library.another"
ELSEWHERE = {"another library": another_library}


def arguments_of_loss(record: registry.LossRecord) -> Iterator[tuple[Mapping[str, Any], dict[str, Mapping[str, Any]]]]:
    """(the right arguments, bad values of some of them)."""
    classes = {"class_axis": 0} if record.needs_class_axis else {}
    base: dict[str, Any] = {"pred": P, "target": Y, **classes}
    hard: dict[str, Mapping[str, Any]] = {
        "pred": {
            **NO_PREDICTIONS,
            "integers": of_library(lambda: Y),
            "bools": of_library(lambda: Y > 0),
            "empty": of_library(lambda: P[:0]),
        },
        "target": {**NO_TARGETS, **ELSEWHERE},
        "weight": {**NO_WEIGHTS, **ELSEWHERE},
        "axis": NO_REGIONS,
        "ignore_index": NO_LABELS,
        "reduction": bad_choices(("mean", "sum", "none")),
    }
    if "from_logits" in record.keywords:
        hard["from_logits"] = NO_FLAGS
    if record.needs_class_axis:
        hard["class_axis"] = {"None": None}
    yield base, hard
    if "class_axis" in record.keywords and record.categorical:
        known: dict[str, Mapping[str, Any]] = {"class_axis": {**NO_AXES, "tuple": (0,), "list": [0]}}
        known["target"] = {"floating label map": of_library(lambda: LABELS.astype(np.float32))}
        if "class_weight" in record.keywords:
            known["class_weight"] = {**NO_ONE_FACTOR_A_CLASS, **ELSEWHERE}
        yield {**base, "target": LABELS, "class_axis": 0}, known
        one = {"one class": of_library(lambda: P[:1])}
        yield {"pred": P, "target": Y[:1], "class_axis": 0, "from_logits": True}, {"pred": one}
    if "class_weight" in record.keywords and not record.needs_class_axis:
        yield base, {"class_weight": {"without classes": [1.0, 1.0]}}
    for name, parameter in record.parameters.items():
        with_it = parameter.only_with
        more = {} if with_it is None else {with_it.parameter: with_it.values[0]}
        yield {**base, **more}, {name: bad_for(parameter.domain)}


MASK_ARGUMENTS: dict[str, Mapping[str, Any]] = {
    "pred": NO_PREDICTIONS,
    "target": {**NO_TARGETS, **ELSEWHERE},
    "weight": {**NO_WEIGHTS, **ELSEWHERE},
    "axis": NO_REGIONS,
    "ignore_index": NO_LABELS,
    "from_logits": NO_FLAGS,
    "threshold": {**bad_for(domains.Interval(0, 1))},
    "num_classes": {**NO_INTEGERS, "zero": 0, "negative": -1, "beyond": 2**40, "huge": 10**400, "without classes": 2},
    "class_axis": {**NO_AXES, "tuple": (0,), "list": [0]},
}


def arguments_of_metric(parameters: Mapping[str, registry.Parameter], reduced: bool) -> Iterator[Any]:
    """The same for a metric, `confusion` or `surface_distances`."""
    required = {name: 1 for name, parameter in parameters.items() if parameter.required}
    base = {"pred": P, "target": Y, **required}
    own = {name: bad_for(parameter.domain) for name, parameter in parameters.items()}
    if "spacing" in own and "definition" in parameters:
        yield {**base, "definition": "distance"}, {"spacing": own.pop("spacing")}
    no_value = {**NO_NUMBERS, "huge": 10**400, "too long to print": 10**5000}
    finish = {
        "reduction": bad_choices(("none", "mean", "nanmean", "sum", "weighted")),
        "undefined": {**no_value, "None": None},
        "pred_empty": no_value,
        "target_empty": no_value,
    }
    yield base, {**MASK_ARGUMENTS, **own, **(finish if reduced else {})}
    yield (
        {**base, "class_axis": 0, "num_classes": 2, "pred": LABELS, "target": LABELS},
        {"target": {"floating label map": of_library(lambda: LABELS.astype(np.float32))}},
    )
    one_class = {"one class": of_library(lambda: P[:1])}
    yield {**base, "class_axis": 0, "target": Y[:1]}, {"pred": one_class}
    yield {**base, "class_axis": 0, "target": LABELS}, {"pred": {"one class beside a map": one_class["one class"]}}
    yield {**base, "target": Y[:0]}, {"pred": {"empty": of_library(lambda: P[:0])}}


def refusal_of(row: Row, convert: Callable[[Any], Any]) -> str:
    """The message of a refusal as it must be."""
    try:
        value = row.call(convert)
    except (TypeError, ValueError) as refused:
        message = str(refused)
    else:
        raise AssertionError(f"returned {type(value).__name__}")
    assert message.startswith(f"{row.owner}: "), f"does not begin with the function's name: {message[:200]}"
    assert re.search(rf"\b{row.argument}\b", message), f"does not name the argument: {message[:200]}"
    assert re.search(r"\b(must|needs|takes)\b", message), f"does not say what was expected: {message[:200]}"
    assert re.search(r"\b(got|without)\b", message), f"does not say what was given: {message[:200]}"
    assert len(message) < 500, f"{len(message)} characters: {message[:200]}"
    return message


def without_names_of_libraries(message: str) -> str:
    kinds = r"\b(numpy ndarray|torch Tensor|jaxlib ArrayImpl|array_api_strict Array)\b"
    return re.sub(kinds, "ARRAY", message)


def complaints(rows: list[Row], libraries: Mapping[str, Callable[[Any], Any]]) -> list[str]:
    """What is wrong with the refusals of `rows`, the first library's messages being those that the others must give."""
    found = []
    for row in rows:
        said: dict[str, str] = {}
        for library, convert in libraries.items():
            label = f"{row.how} {row.owner}, {row.argument}: {row.kind}, {library}"
            try:
                said[library] = without_names_of_libraries(refusal_of(row, convert))
            except AssertionError as problem:
                found.append(f"{label}: {problem}")
            except Exception as problem:
                found.append(f"{label}: {type(problem).__name__}: {str(problem)[:200]}")
        if len(set(said.values())) > 1:
            found.append(f"{row.how} {row.owner}, {row.argument}: {row.kind}: libraries say {said}")
    return found
