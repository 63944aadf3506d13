"""Checks and normal forms of the arguments that all losses and metrics share.

Shapes, dtypes, axes and scalars are checked at every call on every library. What needs a look at array values is in
`_values`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, Literal

from ._backend import Array, Backend, backend_of
from ._describe import describe, describe_kind, looks_like_array
from .domains import Choice, Flag, Integer, LabelWeights

__all__ = [
    "Reduction",
    "broadcasts",
    "check_array",
    "check_class_weight",
    "check_same_place",
    "check_values_at_hand",
    "describe",
    "describe_kind",
    "in_dtype",
    "is_integer",
    "is_not",
    "is_real",
    "library_of",
    "looks_like_array",
    "normal_axes",
    "normal_class_axis",
    "normal_class_weight",
    "normal_common",
    "normal_ignore_index",
    "plain_axes",
    "plain_class_axis",
    "plain_ignore_index",
    "region_axes",
    "shape_of_pixels",
    "size_of",
    "unknown_keyword",
    "wide_weight",
    "without_weight",
]

Reduction = Literal["mean", "sum", "none"]

_REDUCTION = Choice(("mean", "sum", "none"))
_LABEL = Integer(-(2**63), 2**64 - 1, optional=True)
_CLASS_WEIGHT = LabelWeights("class")


def unknown_keyword(owner: str, name: str, known: Iterable[str]) -> TypeError:
    """What to raise for a keyword that nobody knows."""
    return TypeError(f"{owner}: unknown keyword {describe(name)}, expected one of {', '.join(known)}")


def library_of(owner: str, pred: Array) -> Backend:
    """The backend of `pred`, which must be an array."""
    backend = backend_of(pred)
    _check_kind(owner, "pred", backend, pred)
    return backend


def _check_kind(owner: str, name: str, backend: Backend, array: Array) -> None:
    instead = backend.refusal(array)
    if instead is not None:
        raise TypeError(f"{owner}: {name} must be {instead}, got {describe_kind(array)}")


def check_array(owner: str, name: str, value: object) -> None:
    """`value`, if it is not None, must be an array, of whichever library."""
    if value is not None:
        _check_kind(owner, name, backend_of(value), value)


def check_same_place(owner: str, backend: Backend, pred: Array, **others: Array) -> None:
    """Every array must be of `pred`'s library and on its device."""
    for name, other in others.items():
        if other is None:
            continue
        its = backend_of(other)
        _check_kind(owner, name, its, other)
        if its is not backend or its.namespace(other) is not backend.namespace(pred):
            raise TypeError(
                f"{owner}: {name} must be of the library of pred ({describe_kind(pred)}), got {describe_kind(other)}"
            )
        here, there = backend.device(pred), backend.device(other)
        if None not in (here, there) and here != there:
            raise ValueError(f"{owner}: {name} must be on the device of pred ({here}), got {there}")


def check_values_at_hand(owner: str, backend: Backend, **arrays: Array) -> None:
    """The values of the arrays can be looked at, which those of abstract arrays cannot."""
    for name, array in arrays.items():
        if array is not None and not backend.holds_values(array):
            raise TypeError(
                f"{owner}: {name} must hold values, which are looked at here, got an abstract {describe(array)} "
                "(a meta or fake tensor, or an array that is being traced or transformed)"
            )


def is_real(xp: Any, array: Array) -> bool:
    """`array` has a real floating dtype."""
    return _is_of_kind(xp, array, "real floating")


def is_integer(xp: Any, array: Array) -> bool:
    """`array` has an integer dtype; bool is none."""
    return _is_of_kind(xp, array, "integral")


def _is_of_kind(xp: Any, array: Array, kind: str) -> bool:
    try:
        return bool(xp.isdtype(array.dtype, kind))
    except TypeError:  # of dtypes that are no numbers, as records and JAX's random keys
        return False


def _one_axis(owner: str, name: str, axis: object) -> int:
    if not isinstance(axis, Integral) or isinstance(axis, bool):
        several = "" if name == "class_axis" else ", a tuple of integers"
        raise TypeError(f"{owner}: {name} must be an integer{several} or None, got {describe(axis)}")
    return int(axis)


def _counted(owner: str, name: str, axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise ValueError(f"{owner}: {name} must lie in [{-ndim}, {ndim}) for {ndim} dimensions, got {describe(axis)}")
    return axis % ndim


def plain_class_axis(owner: str, class_axis: object) -> int | None:
    """`class_axis` as a Python integer, as far as it can be checked without an array."""
    return None if class_axis is None else _one_axis(owner, "class_axis", class_axis)


def plain_axes(owner: str, axis: object) -> int | tuple[int, ...] | None:
    """`axis` as Python integers, as far as it can be checked without an array."""
    if axis is None:
        return None
    if isinstance(axis, tuple | list):
        return tuple(_one_axis(owner, "axis", one) for one in axis)
    return _one_axis(owner, "axis", axis)


def plain_ignore_index(owner: str, ignore_index: object) -> int | None:
    """`ignore_index` as a Python integer that some integer dtype holds."""
    return _LABEL.normal(owner, "ignore_index", ignore_index)


def normal_class_axis(owner: str, class_axis: object, ndim: int) -> int | None:
    """`class_axis` counted from the front."""
    plain = plain_class_axis(owner, class_axis)
    return None if plain is None else _counted(owner, "class_axis", plain, ndim)


def normal_axes(owner: str, axis: object, ndim: int) -> tuple[int, ...]:
    """`axis` as a tuple of distinct axes counted from the front."""
    plain = plain_axes(owner, axis)
    given = plain if isinstance(plain, tuple) else () if plain is None else (plain,)
    axes = tuple(_counted(owner, "axis", one, ndim) for one in given)
    if len(set(axes)) != len(axes):
        raise ValueError(f"{owner}: axis must not repeat an axis, got {describe(axis)} for {ndim} dimensions")
    return axes


def region_axes(owner: str, axis: object, class_axis: int | None, ndim: int) -> tuple[int, ...]:
    """The axes that make a region: those given, or all save the class axis."""
    if axis is None:
        return tuple(one for one in range(ndim) if one != class_axis)
    axes = normal_axes(owner, axis, ndim)
    if class_axis in axes:
        raise ValueError(f"{owner}: axis must not contain class_axis ({class_axis}), got {describe(axis)}")
    return axes


def shape_of_pixels(shape: tuple[int, ...], class_axis: int | None) -> tuple[int, ...]:
    """`shape` without its class axis."""
    return tuple(size for axis, size in enumerate(shape) if axis != class_axis)


def normal_ignore_index(owner: str, ignore_index: object, labels: bool, target: Array) -> int | None:
    """`ignore_index`, which only an integer target of labels can have (`labels`)."""
    plain = plain_ignore_index(owner, ignore_index)
    if plain is not None and not labels:
        raise ValueError(
            f"{owner}: ignore_index needs an integer target of labels (with class_axis: without that axis), "
            f"got {describe(target)}"
        )
    return plain


def broadcasts(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """An array of shape `given` broadcasts to `shape`."""
    pairs = zip(reversed(given), reversed(shape), strict=False)
    return len(given) <= len(shape) and all(size in (1, full) for size, full in pairs)


def wide_weight(
    owner: str, xp: Any, weight: Array, shape: tuple[int, ...], class_axis: int | None, dtype: Any = None
) -> Array:
    """`weight` in `dtype`, or in its own, with as many dimensions as an array of `shape`, size 1 along `class_axis`.

    It broadcasts to the pixels, or it has as many dimensions as `shape` and size 1 along `class_axis`; no weight does both.
    """
    pixels = shape_of_pixels(shape, class_axis)
    given = tuple(weight.shape)
    if not (is_real(xp, weight) or is_integer(xp, weight) or weight.dtype == xp.bool):
        raise TypeError(f"{owner}: weight must be real, got {describe(weight)}")
    has_class_axis = class_axis is not None and len(given) == len(shape) and given[class_axis] == 1
    if not broadcasts(shape_of_pixels(given, class_axis) if has_class_axis else given, pixels):
        raise ValueError(f"{owner}: weight must broadcast to the pixels {pixels}, got shape {given}")
    if has_class_axis:
        weight = xp.squeeze(weight, axis=class_axis)
    full = xp.broadcast_to(weight if dtype is None else xp.astype(weight, dtype), pixels)
    return full if class_axis is None else xp.expand_dims(full, axis=class_axis)


def is_not(backend: Backend, xp: Any, labels: Array, label: int) -> Array:
    """Where `labels` differ from `label`, which their own dtype need not hold."""
    limits = xp.iinfo(labels.dtype)
    if not limits.min <= label <= limits.max:
        return xp.ones_like(labels, dtype=xp.bool)
    labels = backend.integers(labels)
    label = in_dtype(xp, label, labels.dtype)
    if abs(label) < 2**31:
        return labels != label
    # Libraries take larger Python integers for floating numbers, or do not take them.
    return labels != xp.asarray(label, dtype=labels.dtype, device=backend.device(labels))


def in_dtype(xp: Any, label: int, dtype: Any) -> int:
    """What a label of uint64 is in `dtype`, to which `Backend.integers` may have brought it."""
    return label - 2**64 if label > xp.iinfo(dtype).max else label


def without_weight(xp: Any, array: Array, weight: Array, filler: Any) -> Array:
    """`array` with `filler` wherever the weight is 0, so that nothing that stands there can reach a sum."""
    return array if weight is None else xp.where(weight == 0, filler, array)


def normal_class_weight(owner: str, class_weight: Any) -> Any:
    """A sequence as a tuple of plain numbers in [0, 1e30]; an array as it is, whose values are looked at elsewhere."""
    if looks_like_array(class_weight):
        check_array(owner, "class_weight", class_weight)
        return class_weight
    return _CLASS_WEIGHT.normal(owner, "class_weight", class_weight)


def check_class_weight(owner: str, class_weight: Any, classes: int | None) -> None:
    """One factor a class."""
    if class_weight is None:
        return
    if classes is None:
        raise ValueError(f"{owner}: class_weight needs class_axis, got {describe(class_weight)} without it")
    if hasattr(class_weight, "shape"):
        if tuple(class_weight.shape) != (classes,):
            raise ValueError(f"{owner}: class_weight must have shape ({classes},), got {describe(class_weight)}")
    elif len(class_weight) != classes:
        raise ValueError(f"{owner}: class_weight must hold {classes} numbers, got {len(class_weight)}")


def normal_common(owner: str, common: Mapping[str, Any], logits_only: bool) -> dict[str, Any]:
    """The keywords that all losses share as plain Python values, as far as they can be checked without an array."""
    check_array(owner, "weight", common.get("weight"))
    return {
        "from_logits": Flag().normal(owner, "from_logits", common.get("from_logits", logits_only)),
        "class_axis": plain_class_axis(owner, common.get("class_axis")),
        "axis": plain_axes(owner, common.get("axis")),
        "ignore_index": plain_ignore_index(owner, common.get("ignore_index")),
        "reduction": _REDUCTION.normal(owner, "reduction", common.get("reduction", "mean")),
        "class_weight": normal_class_weight(owner, common.get("class_weight")),
    }


def size_of(shape: Sequence[int]) -> int:
    """How many elements an array of `shape` has; sizes that a compiler left open may be among its own."""
    size = 1
    for length in shape:
        size *= length
    return size
