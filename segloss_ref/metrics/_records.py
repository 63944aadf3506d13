"""The records that counting metrics take in place of their masks, checked however they were made."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np

from .._arguments import describe, describe_kind, is_integer, is_real, normal_class_axis
from .._backend import Array, backend_of

__all__ = ["ClassConfusion", "Confusion", "check_array", "check_magnitudes", "dictionary_fields", "host_array"]


def check_array(owner: str, name: str, array: Any) -> Any:
    """The namespace of an array of real numbers; what is anything else is refused."""
    if not hasattr(array, "shape") or not hasattr(array, "dtype"):
        raise TypeError(f"{owner}: {name} must be an array or a number, got {type(array).__name__}")
    backend = backend_of(array)
    instead = backend.refusal(array)
    if instead is not None:
        raise TypeError(f"{owner}: {name} must be {instead}, got {describe(array)}")
    xp = backend.namespace(array)
    if not (is_integer(xp, array) or is_real(xp, array)):
        raise TypeError(f"{owner}: {name} must be integer or real floating, got {describe(array)}")
    return xp


def host_array(owner: str, name: str, values: Any, dtype: object) -> Any:
    """A NumPy array of the (nested) list that a dictionary holds."""
    try:
        kind = np.dtype(dtype)  # type: ignore[call-overload]
        array = np.asarray(values)
    except (TypeError, ValueError) as problem:
        raise ValueError(f"{owner}: {name} must be nested lists of one shape, and dtype the name of one") from problem
    if array.size and array.dtype.kind not in ("iufb" if kind.kind == "f" else "b" if kind.kind == "b" else "iu"):
        raise TypeError(f"{owner}: {name} must hold numbers of dtype {kind}, got {array.dtype}")
    converted = array.astype(kind)
    if kind.kind in "iu" and not np.array_equal(converted, array):
        raise ValueError(f"{owner}: {name} must hold numbers that {kind} holds, got others")
    return converted


def dictionary_fields(
    owner: str, given: object, expected: tuple[str, ...], optional: Mapping[str, Any]
) -> dict[str, Any]:
    """The items of `given`, a mapping with exactly the expected keys; those of `optional` may lack and have that value."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{owner}: from_dict needs a mapping, as to_dict gives it, got {type(given).__name__}")
    found = {**optional, **given}
    if set(found) != set(expected):
        raise ValueError(f"{owner}: from_dict needs the keys {', '.join(expected)}, got {sorted(map(str, given))}")
    return found


def check_magnitudes(owner: str, name: str, array: Array, finite: bool) -> None:
    """Numbers must not be negative nor nan, and perhaps `finite`; looked at where that costs no synchronisation."""
    seen = backend_of(array).readable(array)
    if seen is None or seen.size == 0:
        return
    low, high = seen.min(), seen.max()
    if not low >= 0 or (finite and high == np.inf):  # a nan is the least of all
        expected = "finite and not negative" if finite else "neither negative nor nan"
        raise ValueError(f"{owner}: {name} must be {expected}, got {high if low >= 0 else low}")


def _widened(owner: str, name: str, array: Array, floating: bool) -> Array:
    """`array` in the widest integer dtype of its device, or the widest floating one; what that cannot hold is refused."""
    backend = backend_of(array)
    xp, (real, integer) = backend.namespace(array), backend.wide(array)
    dtype = real if floating else integer
    if array.dtype == dtype:
        return array
    if not floating:
        seen, largest = backend.readable(array), int(xp.iinfo(dtype).max)
        if seen is not None and seen.size and int(seen.max()) > largest:
            raise ValueError(f"{owner}: {name} must be at most {largest}, got {seen.max()}{_advice_of_32_bits(array)}")
        array = backend.integers(array)
    with np.errstate(over="ignore"):  # what becomes infinite is refused next
        return xp.astype(array, dtype, copy=False)


def _advice_of_32_bits(array: Array) -> str:
    """What to do where the widest dtypes are too narrow."""
    backend = backend_of(array)
    if backend.namespace(array).iinfo(backend.wide(array)[1]).bits == 64:
        return ""
    return "; counts have 32 bits here: on JAX enable jax_enable_x64, or make the records of NumPy arrays"


def _sum(owner: str, name: str, first: Array, second: Array) -> Array:
    """The sum of two fields of records; what the dtype does not hold is refused, where values can be looked at."""
    backend = backend_of(first)
    xp = backend.namespace(first)
    if first.dtype != second.dtype:  # counts and sums of weights
        first, second = (xp.astype(one, backend.wide(one)[0], copy=False) for one in (first, second))
    with np.errstate(over="ignore"):  # what becomes infinite is refused below
        total = first + second
    a, b = backend.readable(first), backend.readable(second)
    if a is None or b is None:
        return total
    largest = np.iinfo(a.dtype).max if is_integer(xp, total) else float(np.finfo(a.dtype).max)
    if (a > largest - b).any():
        raise ValueError(f"{owner}: the sum of {name} must be at most {largest}, got more{_advice_of_32_bits(first)}")
    return total


def _check_total(owner: str, counts: Array) -> None:
    """Each table has a sum that its dtype holds; looked at where that costs no synchronisation."""
    backend = backend_of(counts)
    seen = backend.readable(counts)
    if seen is None or seen.size == 0:
        return
    places = seen.shape[-1] * seen.shape[-2]
    largest: Any
    if seen.dtype.kind == "i":
        largest = np.iinfo(seen.dtype).max
        if int(seen.max()) <= largest // places:
            return
        # Exact in two halves, none of whose sums can leave int64.
        wide, low_bits = seen.astype(np.int64, copy=False), 2**32 - 1
        high, low = (part.sum(axis=(-2, -1)) for part in (wide >> 32, wide & low_bits))
        high, low = high + (low >> 32), low & low_bits
        beyond = (high > largest >> 32) | ((high == largest >> 32) & (low > (largest & low_bits)))
    else:
        largest = float(np.finfo(seen.dtype).max)
        with np.errstate(over="ignore"):
            beyond = seen.sum(axis=(-2, -1), dtype=np.float64) > largest
    if beyond.any():
        raise ValueError(
            f"{owner}: the sum of all counts of a table must be at most {largest}, got more{_advice_of_32_bits(counts)}"
        )


@dataclass(frozen=True, eq=False)
class _Counts:
    """What the two records of counts have in common: checks, sums, and a form that JSON takes."""

    _names: ClassVar[tuple[str, ...]]
    """The fields that hold arrays."""
    _advice: ClassVar[str]

    def __post_init__(self) -> None:
        owner, names = type(self).__name__, self._names
        for name in names:
            value = getattr(self, name)
            if isinstance(value, Real) and not isinstance(value, bool) and not hasattr(value, "dtype"):
                try:
                    array = np.asarray(value, dtype=np.int64 if isinstance(value, Integral) else np.float64)
                except OverflowError as problem:
                    raise ValueError(f"{owner}: {name} must be a number that 64 bits hold") from problem
                object.__setattr__(self, name, array)
        first = getattr(self, names[0])
        xp = check_array(owner, names[0], first)
        floating = False
        for name in names:
            array = getattr(self, name)
            if check_array(owner, name, array) is not xp:
                raise TypeError(f"{owner}: {name} must be of the library of {names[0]} ({describe(first)}), got "
                                f"{describe(array)}")  # fmt: skip
            if tuple(array.shape) != tuple(first.shape):
                raise ValueError(f"{owner}: {name} must have the shape of {names[0]} {tuple(first.shape)}, got "
                                 f"{tuple(array.shape)}")  # fmt: skip
            _check_device(owner, f"{name} must be on the device of {names[0]}", first, array)
            floating = floating or is_real(xp, array)
        for name in names:
            array = _widened(owner, name, getattr(self, name), floating)
            check_magnitudes(owner, name, array, finite=True)
            object.__setattr__(self, name, array)

    @classmethod
    def _trusted(cls, **given: Any) -> Self:
        """A record that needs no check: it was counted, or added up from such."""
        record = object.__new__(cls)
        record.__dict__.update(given)
        return record

    def __add__(self, other: object) -> Self:
        if not isinstance(other, type(self)):
            return NotImplemented
        owner = type(self).__name__
        first, second = (getattr(one, self._names[0]) for one in (self, other))
        if backend_of(first).namespace(first) is not backend_of(second).namespace(second):
            raise TypeError(f"{owner}: records to be added must be of one library, got {describe_kind(first)} and "
                            f"{describe_kind(second)}")  # fmt: skip
        _check_device(owner, "records to be added must be on one device", first, second)
        if tuple(first.shape) != tuple(second.shape):
            raise ValueError(f"{owner}: records to be added must have one shape, got {tuple(first.shape)} and "
                             f"{tuple(second.shape)}; {self._advice}")  # fmt: skip
        sums = {name: _sum(owner, name, getattr(self, name), getattr(other, name)) for name in self._names}
        return self._trusted(**{**vars(self), **sums})

    def __radd__(self, other: object) -> Self:
        if isinstance(other, int) and other == 0:  # the start of sum()
            return self
        return NotImplemented

    def to_dict(self) -> dict[str, Any]:
        """The record in lists and numbers, which JSON takes: one entry a field, nested as its array is, "shape" and "dtype"."""
        arrays = {name: backend_of(getattr(self, name)).to_numpy(getattr(self, name)) for name in self._names}
        found = {name: array.tolist() for name, array in arrays.items()}
        shape = list(arrays[self._names[0]].shape)
        return {**vars(self), **found, "shape": shape, "dtype": str(np.result_type(*arrays.values()))}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """The record, of NumPy arrays, that `to_dict` wrote; "shape" may lack. ValueError or TypeError for anything else."""
        owner = cls.__name__
        keys = (*(field.name for field in fields(cls)), "shape", "dtype")
        found = dictionary_fields(owner, given, keys, {"shape": None})
        dtype, shape = found.pop("dtype"), found.pop("shape")
        for name in cls._names:
            found[name] = _of_shape(owner, name, host_array(owner, name, found[name], dtype), shape)
        return cls(**found)


def _check_device(owner: str, rule: str, first: Array, second: Array) -> None:
    here, there = (backend_of(array).device(array) for array in (first, second))
    if None not in (here, there) and here != there:
        raise ValueError(f"{owner}: {rule}, got {here} and {there}")


def _of_shape(owner: str, name: str, array: Any, shape: object) -> Any:
    """A NumPy array of the shape that a dictionary names, which nested lists do not show where they hold no number."""
    if shape is None:
        return array
    if not isinstance(shape, list | tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise TypeError(f"{owner}: shape must be a list of integers >= 0, got {describe(shape)}")
    if array.size == 0 and 0 in shape:
        return array.reshape(shape)
    if array.shape != tuple(shape):
        raise ValueError(f"{owner}: {name} must have shape {tuple(shape)}, got {array.shape}")
    return array


@dataclass(frozen=True, eq=False)
class Confusion(_Counts):
    """Counts of true and false positives and negatives, one each a region (and class).

    Four arrays of one shape: int64 counts, or float64 sums of weights, to which narrower dtypes are widened; plain numbers
    become NumPy arrays. Records add up:
    ``confusion(a, b) + confusion(c, d)`` counts both pairs, so that batches, files and machines can be pooled; every counting
    metric takes the record in place of the two masks. `to_dict` and `from_dict` carry it through JSON. Two records are equal
    only if they are one.

    Without jax_enable_x64 JAX has 32 bits: int32 counts and float32 sums. A sum of records beyond them is refused, save
    under `jax.jit` and other transforms, where no value can be looked at and int32 wraps at 2^31.

    Raises
    ------
    TypeError, ValueError
        For fields that are no numbers or of several shapes, libraries or devices, and for sums of such records; on any CPU
        array outside of tracing and transforms for counts that are negative, not finite or beyond the dtype, sums of records
        among them.

    Examples
    --------
    >>> from segloss_ref import Confusion, dice_score
    >>> float(dice_score(Confusion(tp=2, fp=1, fn=1, tn=6) + Confusion.from_dict(Confusion(1, 0, 0, 9).to_dict())))
    0.75
    """

    tp: Any
    fp: Any
    fn: Any
    tn: Any
    class_axis: int | None = None
    """The axis of the counts that runs over the classes; None: there is none."""

    _names = ("tp", "fp", "fn", "tn")
    _advice = "count with the same axis and class_axis, over all batch axes"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "class_axis", normal_class_axis("Confusion", self.class_axis, self.tp.ndim))

    def __add__(self, other: object) -> Self:
        total = super().__add__(other)
        if isinstance(other, Confusion) and self.class_axis != other.class_axis:
            raise ValueError(f"Confusion: records to be added must have one class_axis, got {self.class_axis!r} and "
                             f"{other.class_axis!r}")  # fmt: skip
        return total


@dataclass(frozen=True, eq=False)
class ClassConfusion(_Counts):
    """How many pixels of each class were given to each class: ``counts[..., target, pred]``, one table a region.

    int64 counts, or float64 sums of weights, to which narrower dtypes are widened. Records add up as `Confusion` does, every
    counting metric takes the record in place of the masks, each class against the rest, and `to_dict` and `from_dict` carry
    it through JSON. On JAX without jax_enable_x64 what `Confusion` says of 32 bits holds.

    Raises
    ------
    TypeError, ValueError
        For anything but an array of real numbers whose last two axes have one size; on any CPU array outside of tracing and
        transforms for counts that are negative, not finite or beyond the dtype, and from `confusion` and the metrics for a
        table whose sum is.
    """

    counts: Any

    _names = ("counts",)
    _advice = "count with the same axis and num_classes, over all batch axes"

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = tuple(self.counts.shape)
        if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] == 0:
            raise ValueError(f"ClassConfusion: counts must have shape (..., classes, classes), got {shape}")

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return int(self.counts.shape[-1])

    def confusion(self) -> Confusion:
        """Each class against the rest: a `Confusion` whose last axis has one entry a class.

        Exact for counts. Sums of weights are added up and never subtracted, so that small ones keep their digits.
        """
        backend = backend_of(self.counts)
        _check_total("ClassConfusion", self.counts)
        with backend.guard():
            cells = one_against_rest(backend.namespace(self.counts), self.counts, self.num_classes)
        counted = dict(zip(Confusion._names, cells, strict=True))
        return Confusion._trusted(**counted, class_axis=self.counts.ndim - 2)


def one_against_rest(xp: Any, table: Array, classes: int) -> tuple[Array, Array, Array, Array]:
    """(tp, fp, fn, tn) of each of the first `classes` classes against all others, of tables [..., target, pred].

    A row and column beyond those classes hold what is of no class.
    """
    tp = xp.linalg.diagonal(table)
    if is_integer(xp, table):
        found, truth = xp.sum(table, axis=-2, dtype=table.dtype), xp.sum(table, axis=-1, dtype=table.dtype)
        size = xp.sum(truth, axis=-1, keepdims=True, dtype=table.dtype)
        cells = tp, found - tp, truth - tp, size - found - truth + tp
    else:
        # Differences of sums would lose small weights beside large ones: what lies before and after the class is added.
        before, after = _apart(xp, table, -1)
        above, below = _apart(xp, table, -2)
        corners = *_apart(xp, before, -2), *_apart(xp, after, -2)
        fp, fn, tn = (
            functools.reduce(operator.add, [xp.linalg.diagonal(part) for part in parts])
            for parts in ((above, below), (before, after), corners)
        )
        cells = tp, fp, fn, tn
    tp, fp, fn, tn = cells if tp.shape[-1] == classes else tuple(cell[..., :classes] for cell in cells)
    return tp, fp, fn, tn


def _apart(xp: Any, table: Array, axis: int) -> tuple[Array, Array]:
    """(the sums of what comes before each place along `axis`, of what comes after it)."""

    def before(x: Array) -> Array:
        summed = xp.cumulative_sum(x, axis=axis, include_initial=True)
        return summed[..., :-1] if axis == -1 else summed[..., :-1, :]

    return before(table), xp.flip(before(xp.flip(table, axis=axis)), axis=axis)
