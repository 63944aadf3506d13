"""Checks and normal forms of the arguments that all losses and metrics share.

Shapes, dtypes, axes and scalars are checked at every call on every library. What needs a look at array values is in
`_values`.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal

from ._backend import Array, Backend, backend_of

__all__ = [
    "Reduction",
    "broadcasts",
    "check_class_weight",
    "check_same_place",
    "describe",
    "is_integer",
    "is_not",
    "is_real",
    "library_of",
    "normal_axes",
    "normal_class_axis",
    "normal_ignore_index",
    "region_axes",
    "shape_of_pixels",
    "wide_weight",
    "without_weight",
]

Reduction = Literal["mean", "sum", "none"]


def describe(value: object) -> str:
    """An argument as error messages show it."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or dtype is None:
        return f"{type(value).__name__} {value!r}"
    return f"{type(value).__name__} of dtype {dtype} and shape {tuple(shape)}"


def library_of(owner: str, pred: Array) -> Backend:
    """The backend of `pred`, which must be an array."""
    if not hasattr(pred, "shape") or not hasattr(pred, "dtype"):
        raise TypeError(f"{owner}: pred must be an array of an array-API library, got {describe(pred)}")
    backend = backend_of(pred)
    _check_kind(owner, "pred", backend, pred)
    return backend


def _check_kind(owner: str, name: str, backend: Backend, array: Array) -> None:
    instead = backend.refusal(array)
    if instead is not None:
        raise TypeError(f"{owner}: {name} must be {instead}, got {describe(array)}")


def check_same_place(owner: str, backend: Backend, pred: Array, **others: Array) -> None:
    """Every array must be of `pred`'s library and on its device."""
    for name, other in others.items():
        if other is None:
            continue
        if not hasattr(other, "shape") or not hasattr(other, "dtype"):
            raise TypeError(f"{owner}: {name} must be an array like pred ({describe(pred)}), got {describe(other)}")
        if backend_of(other) is not backend or backend.namespace(other) is not backend.namespace(pred):
            raise TypeError(f"{owner}: {name} must be of the library of pred ({describe(pred)}), got {describe(other)}")
        _check_kind(owner, name, backend, other)
        here, there = backend.device(pred), backend.device(other)
        if None not in (here, there) and here != there:
            raise ValueError(f"{owner}: {name} must be on the device of pred ({here}), got {there}")


def is_real(xp: Any, array: Array) -> bool:
    """`array` has a real floating dtype."""
    return bool(xp.isdtype(array.dtype, "real floating"))


def is_integer(xp: Any, array: Array) -> bool:
    """`array` has an integer dtype; bool is none."""
    return bool(xp.isdtype(array.dtype, "integral"))


def _one_axis(owner: str, name: str, axis: object, ndim: int) -> int:
    if not isinstance(axis, Integral) or isinstance(axis, bool):
        raise TypeError(f"{owner}: {name} must hold integers, got {axis!r}")
    if not -ndim <= int(axis) < ndim:
        raise ValueError(f"{owner}: {name} must lie in [{-ndim}, {ndim}) for {ndim} dimensions, got {axis!r}")
    return int(axis) % ndim


def normal_class_axis(owner: str, class_axis: object, ndim: int) -> int | None:
    """`class_axis` counted from the front."""
    return None if class_axis is None else _one_axis(owner, "class_axis", class_axis, ndim)


def normal_axes(owner: str, axis: object, ndim: int) -> tuple[int, ...]:
    """`axis` as a tuple of distinct axes counted from the front."""
    given = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    axes = tuple(_one_axis(owner, "axis", one, ndim) for one in given)
    if len(set(axes)) != len(axes):
        raise ValueError(f"{owner}: axis must not repeat an axis, got {axis!r} for {ndim} dimensions")
    return axes


def region_axes(owner: str, axis: object, class_axis: int | None, ndim: int) -> tuple[int, ...]:
    """The axes that make a region: those given, or all save the class axis."""
    if axis is None:
        return tuple(one for one in range(ndim) if one != class_axis)
    axes = normal_axes(owner, axis, ndim)
    if class_axis in axes:
        raise ValueError(f"{owner}: axis must not contain class_axis ({class_axis}), got {axis!r}")
    return axes


def shape_of_pixels(shape: tuple[int, ...], class_axis: int | None) -> tuple[int, ...]:
    """`shape` without its class axis."""
    return tuple(size for axis, size in enumerate(shape) if axis != class_axis)


def normal_ignore_index(owner: str, ignore_index: object, labels: bool, target: Array) -> int | None:
    """`ignore_index`, which only an integer target of labels can have (`labels`)."""
    if ignore_index is None:
        return None
    if not isinstance(ignore_index, Integral) or isinstance(ignore_index, bool):
        raise TypeError(f"{owner}: ignore_index must be an integer or None, got {ignore_index!r}")
    if not labels:
        raise ValueError(
            f"{owner}: ignore_index needs an integer target of labels (with class_axis: without that axis), "
            f"got {describe(target)}"
        )
    return int(ignore_index)


def broadcasts(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """An array of shape `given` broadcasts to `shape`."""
    pairs = zip(reversed(given), reversed(shape), strict=False)
    return len(given) <= len(shape) and all(size in (1, full) for size, full in pairs)


def wide_weight(
    owner: str, xp: Any, weight: Array, shape: tuple[int, ...], class_axis: int | None, dtype: Any = None
) -> Array:
    """`weight` in `dtype`, or in its own, with as many dimensions as an array of `shape`, size 1 along `class_axis`."""
    pixels = shape_of_pixels(shape, class_axis)
    given = tuple(weight.shape)
    if not (is_real(xp, weight) or is_integer(xp, weight) or weight.dtype == xp.bool):
        raise TypeError(f"{owner}: weight must be real, got {describe(weight)}")
    if not broadcasts(given, pixels):
        raise ValueError(f"{owner}: weight must broadcast to the pixels {pixels}, got shape {given}")
    full = xp.broadcast_to(weight if dtype is None else xp.astype(weight, dtype), pixels)
    return full if class_axis is None else xp.expand_dims(full, axis=class_axis)


def is_not(backend: Backend, xp: Any, labels: Array, label: int) -> Array:
    """Where `labels` differ from `label`, which their own dtype need not hold."""
    return xp.astype(labels, backend.wide(labels)[1], copy=False) != label


def without_weight(xp: Any, array: Array, weight: Array, filler: Any) -> Array:
    """`array` with `filler` wherever the weight is 0, so that nothing that stands there can reach a sum."""
    return array if weight is None else xp.where(weight == 0, filler, array)


def check_class_weight(owner: str, class_weight: Any, classes: int | None) -> None:
    """A sequence or array of one finite factor >= 0 a class; the values of arrays are looked at elsewhere."""
    if class_weight is None:
        return
    if classes is None:
        raise ValueError(f"{owner}: class_weight needs class_axis, got class_weight {class_weight!r} without it")
    if hasattr(class_weight, "shape"):
        if tuple(class_weight.shape) != (classes,):
            raise ValueError(f"{owner}: class_weight must have shape ({classes},), got {describe(class_weight)}")
        return
    if not isinstance(class_weight, Sequence) or isinstance(class_weight, str):
        raise TypeError(f"{owner}: class_weight must be one number a class, got {class_weight!r}")
    if len(class_weight) != classes:
        raise ValueError(f"{owner}: class_weight must hold {classes} numbers, got {len(class_weight)}")
    for factor in class_weight:
        if not isinstance(factor, Real) or isinstance(factor, bool):
            raise TypeError(f"{owner}: class_weight must hold real numbers, got {factor!r}")
        if not 0 <= float(factor) <= 1e30:
            raise ValueError(f"{owner}: class_weight must be in [0, 1e30], got {factor!r}")
