"""The records that counting metrics take in place of their masks, checked however they were made."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np

from ._arguments import describe, is_integer, is_real, normal_class_axis
from ._backend import Array, backend_of

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


def dictionary_fields(owner: str, given: object, expected: tuple[str, ...]) -> Mapping[str, Any]:
    """`given`, a mapping with exactly the expected keys."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{owner}: from_dict needs a mapping, as to_dict gives it, got {type(given).__name__}")
    if set(given) != set(expected):
        raise ValueError(f"{owner}: from_dict needs the keys {', '.join(expected)}, got {sorted(map(str, given))}")
    return given


def check_magnitudes(owner: str, name: str, array: Array, finite: bool) -> None:
    """Numbers must not be negative nor nan, and perhaps `finite`; looked at where that costs no synchronisation."""
    seen = backend_of(array).readable(array)
    if seen is None or seen.size == 0:
        return
    low, high = seen.min(), seen.max()
    if not low >= 0 or (finite and high == np.inf):  # a nan is the least of all
        expected = "finite and not negative" if finite else "neither negative nor nan"
        raise ValueError(f"{owner}: {name} must be {expected}, got {high if low >= 0 else low}")


@dataclass(frozen=True)
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
        for name in names:
            array = getattr(self, name)
            if check_array(owner, name, array) is not xp:
                raise TypeError(f"{owner}: {name} must be of the library of {names[0]} ({describe(first)}), got "
                                f"{describe(array)}")  # fmt: skip
            if tuple(array.shape) != tuple(first.shape):
                raise ValueError(f"{owner}: {name} must have the shape of {names[0]} {tuple(first.shape)}, got "
                                 f"{tuple(array.shape)}")  # fmt: skip
            check_magnitudes(owner, name, array, finite=True)

    @classmethod
    def _trusted(cls, **given: Any) -> Self:
        """A record that needs no check: it was counted, or added up from such."""
        record = object.__new__(cls)
        record.__dict__.update(given)
        return record

    def __add__(self, other: object) -> Self:
        if not isinstance(other, type(self)):
            return NotImplemented
        first, second = (getattr(one, self._names[0]).shape for one in (self, other))
        if tuple(first) != tuple(second):
            raise ValueError(f"{type(self).__name__}: records to be added must have one shape, got {tuple(first)} and "
                             f"{tuple(second)}; {self._advice}")  # fmt: skip
        sums = {name: getattr(self, name) + getattr(other, name) for name in self._names}
        return self._trusted(**{**vars(self), **sums})

    def __radd__(self, other: object) -> Self:
        if isinstance(other, int) and other == 0:  # the start of sum()
            return self
        return NotImplemented

    def to_dict(self) -> dict[str, Any]:
        """The record in lists and numbers, which JSON takes: one entry a field, nested as its array is, and "dtype"."""
        arrays = {name: backend_of(getattr(self, name)).to_numpy(getattr(self, name)) for name in self._names}
        found = {name: array.tolist() for name, array in arrays.items()}
        return {**vars(self), **found, "dtype": str(np.result_type(*arrays.values()))}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """The record, of NumPy arrays, that `to_dict` wrote. ValueError or TypeError for anything else."""
        owner = cls.__name__
        found = dict(dictionary_fields(owner, given, (*(field.name for field in fields(cls)), "dtype")))
        dtype = found.pop("dtype")
        return cls(**{**found, **{name: host_array(owner, name, found[name], dtype) for name in cls._names}})


@dataclass(frozen=True)
class Confusion(_Counts):
    """Counts of true and false positives and negatives, one each a region (and class).

    Four arrays of one shape: int64 counts, or float64 sums of weights; plain numbers become NumPy arrays. Records add up:
    ``confusion(a, b) + confusion(c, d)`` counts both pairs, so that batches, files and machines can be pooled; every counting
    metric takes the record in place of the two masks. `to_dict` and `from_dict` carry it through JSON.

    Raises
    ------
    TypeError, ValueError
        For fields that are no numbers or of several shapes or libraries; for counts that are negative or not finite, on any
        CPU array outside of tracing and transforms.

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


@dataclass(frozen=True)
class ClassConfusion(_Counts):
    """How many pixels of each class were given to each class: ``counts[..., target, pred]``, one table a region.

    int64 counts, or float64 sums of weights. Records add up as `Confusion` does, every counting metric takes the record in
    place of the masks, each class against the rest, and `to_dict` and `from_dict` carry it through JSON.

    Raises
    ------
    TypeError, ValueError
        For anything but an array of real numbers whose last two axes have one size; for counts that are negative or not
        finite, on any CPU array outside of tracing and transforms.
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
