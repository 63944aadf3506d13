"""What a library supplies beyond the array standard, and how the one that owns an array is found.

`Backend` is complete as it stands: each method has a form in standard array operations, so an unknown array library
works at once. A module that knows a library better subclasses it and names an instance in the entry-point group
``segloss_ref.backends``, under the top-level package that defines the library's array type.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import entry_points
from typing import Any, NamedTuple, Protocol

import array_api_compat
import numpy as np

from ._describe import describe
from ._distance import squared_distance
from ._probe import outdated, widest, wrong_answer
from ._roles import Array, Namespace, PerClass, PerPixel

__all__ = ["Array", "Backend", "Constants", "Differentiable", "Pull", "backend_of", "backends"]


class Pull(Protocol):
    """A vector-Jacobian product at one point: from a cotangent, of the shape and dtype of the value, to the gradient."""

    def __call__(
        self, cotangent: Array | None = None, *, retain_graph: bool = False, create_graph: bool = False
    ) -> Array:
        """The gradient of the value times `cotangent` (None: ones).

        `retain_graph` says that another call follows, `create_graph` that the gradient is itself to be differentiable. Both
        are torch's words, which a library without a graph that is freed does not look at.
        """
        ...


class Constants(NamedTuple):
    """The arrays that a loss takes beside `pred`, which get no gradient; None where there is none."""

    target: Array
    weight: PerPixel = None
    class_weight: PerClass = None
    pixel_map: PerPixel = None
    """An own parameter with a number for every pixel."""


class Differentiable(Protocol):
    """What `Backend.apply` makes differentiable: a function of `pred` and constants that brings its own gradient."""

    @property
    def couples(self) -> bool:
        """A pixel of `pred` reaches several returned values, so that a gradient of their sum cannot be rescaled."""
        ...

    @property
    def from_logits(self) -> bool:
        """No slope is infinite."""
        ...

    def __call__(
        self, pred: Array, constants: Constants, gradient: bool, cotangent: Array = None
    ) -> tuple[Array, Array | None]:
        """(value, gradient by `pred` of the sum of the values times `cotangent`); no gradient (None) unless asked."""
        ...

    def spread(self, xp: Namespace, cotangent: Array, shape: tuple[int, ...]) -> Array:
        """A number for every returned value, reshaped so that it broadcasts to the pixels it stands for."""
        ...

    def scaled(self, xp: Namespace, gradient: Array, scale: Array) -> Array:
        """gradient * scale, where a scale of 0 wins over the infinite slope that a probability of 0 or 1 may have."""
        ...


class Backend:
    """The portable backend: standard array operations only."""

    name = "portable"
    reads_values = False
    """Every call checks all array values, nan and infinite ones as well: the ground truth does."""

    def namespace(self, array: Array) -> Namespace:
        """The array-API namespace of `array`."""
        return array_api_compat.array_namespace(array)

    def device(self, array: Array) -> Any:
        """The device that holds `array`; None where that is not known yet, as for an array that is being traced."""
        return array_api_compat.device(array)

    def readable(self, array: Array) -> Any:
        """`array` as a NumPy array where a look at its values waits for no device and disturbs nothing, else None.

        It lies in the host's memory, and nothing compiles, traces or transforms the computation. Every call refuses what it
        would compute a wrong number from in arrays that are readable.
        """
        return None

    def refusal(self, array: Array) -> str | None:
        """What to pass instead of array types that give wrong results; None where `array` will do."""
        return None

    def holds_values(self, array: Array) -> bool:
        """`array` has values to look at: it is no stand-in for an array, as one that is being traced."""
        return True

    def integers(self, labels: Array) -> Array:
        """`labels` in an integer dtype that the library computes with; those beyond int64 may have wrapped to negative ones."""
        return labels

    def floats(self, array: Array) -> Array:
        """A floating array in a dtype that the library computes with."""
        return array

    def guard(self) -> AbstractContextManager[Any]:
        """Entered around every computation: infinities that docs/contract.md asks for must not warn."""
        return nullcontext()

    def apply(self, run: Differentiable, pred: Array, constants: Constants) -> Array:
        """The value of ``run(pred, constants, gradient=False)``, made differentiable in the library's own way."""
        with self.guard():
            return run(pred, constants, gradient=False)[0]

    def detach(self, array: Array) -> Array:
        """`array` without any tie to an autograd graph."""
        return array

    def wide(self, array: Array) -> tuple[Any, Any]:
        """The dtypes of exact counts, the widest that the device of `array` has: (floating, integer)."""
        return widest(self.namespace(array), self.device(array))

    def sigmoid(self, x: Array) -> Array:
        """1/(1 + e^-x), relatively exact for x of either sign."""
        xp = self.namespace(x)
        e = xp.exp(-xp.abs(x))
        return xp.where(x >= 0, 1.0, e) / (1.0 + e)

    def sum(self, x: Array, axes: tuple[int, ...]) -> Array:
        """The sum over `axes`, which stay with size 1, in the dtype of `x`; float32 to a few roundoffs, however many terms.

        Libraries may add up one by one where other axes lie between the summed ones in memory, and a running sum in float32
        has lost digits by 2^20 terms and stands still at 2^24.
        """
        xp = self.namespace(x)
        dtype = self.wide(x)[0] if x.dtype == xp.float32 else x.dtype
        return xp.astype(xp.sum(x, axis=axes, keepdims=True, dtype=dtype), x.dtype, copy=False)

    def ranking(self, x: Array) -> Array:
        """Where the elements of each row (the last axis), all of them >= 0, stand from the largest to the smallest.

        Equal ones keep their order.
        """
        return self.namespace(x).argsort(x, axis=-1, descending=True, stable=True)

    def argmax(self, x: Array, axis: int) -> Array:
        """The place of the largest element along `axis`, the first of equal ones."""
        return self.namespace(x).argmax(x, axis=axis)

    def gather(self, x: Array, places: Array) -> Array:
        """The elements of each row of `x` at its `places`."""
        xp = self.namespace(x)
        length = x.shape[-1]
        rows = xp.reshape(places, (-1, length))
        starts = xp.arange(rows.shape[0], dtype=places.dtype, device=self.device(places)) * length
        found = xp.take(xp.reshape(x, (-1,)), xp.reshape(rows + starts[:, None], (-1,)), axis=0)
        return xp.reshape(found, places.shape)

    def scatter(self, x: Array, places: Array) -> Array:
        """The array that has `x` at `places`, a permutation of each row: what `gather` undoes."""
        return self.gather(x, self.namespace(places).argsort(places, axis=-1))

    def log_softmax(self, x: Array, axis: int) -> Array:
        """x - logsumexp(x) along `axis`."""
        xp = self.namespace(x)
        shifted = x - xp.max(x, axis=axis, keepdims=True)
        return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))

    def from_host(self, array: Any, like: Array) -> Array:
        """A NumPy array as an array of the library of `like`, on its device, of the dtype that `wide` names at most."""
        xp, (floating, integer) = self.namespace(like), self.wide(like)
        # A device without 64 bits does not even take them to narrow them.
        if array.dtype == np.float64 and xp.finfo(floating).bits < 64:
            with np.errstate(over="ignore"):
                array = array.astype(np.float32)
        if array.dtype == np.int64 and xp.iinfo(integer).bits < 64:
            array = array.astype(np.int32)
        return xp.asarray(array, device=self.device(like))

    def one_hot(self, labels: Array, classes: int, axis: int, dtype: Any) -> Array:
        """`labels`, of size 1 along `axis`, spread along it: 1 at the label's class. No class holds a label out of range."""
        xp = self.namespace(labels)
        integer = self.wide(labels)[1]
        row = xp.arange(classes, dtype=integer, device=self.device(labels))
        row = xp.reshape(row, tuple(-1 if one == axis else 1 for one in range(labels.ndim)))
        return xp.astype(xp.astype(labels, integer) == row, dtype, copy=False)

    def count(self, mask: Array, axes: tuple[int, ...]) -> Array:
        """How many of a bool array are True along `axes`."""
        xp = self.namespace(mask)
        return xp.sum(xp.astype(mask, self.wide(mask)[1]), axis=axes)

    scatters = False
    """`tally` is one pass, however many places there are."""

    def tally(self, places: Array, size: int, weight: Array) -> Array:
        """How often each of 0, ..., size - 1 stands in every row of `places`, integers of shape (rows, n); with a `weight` of
        that shape the sum of its weights. What is out of range is counted nowhere, and no value is read."""
        xp = self.namespace(places)

        def total(place: int) -> Array:
            here = places == place
            return self.count(here, (1,)) if weight is None else xp.sum(xp.where(here, weight, 0.0), axis=1)

        return xp.stack([total(place) for place in range(size)], axis=1)

    def blend(self, start: Array, end: Array, share: Array) -> Array:
        """start (1 - share) + end share: `start` and `end` themselves where the share is 0 and 1."""
        return start * (1 - share) + end * share

    def times_complement(self, factor: Array, x: Array) -> Array:
        """factor (1 - sigmoid(x)), relatively exact for x of either sign."""
        return factor * self.sigmoid(-x)

    def through_sigmoid(self, p: Array, x: Array, slope: Array) -> Array:
        """p (1 - p) slope, a derivative by p = sigmoid(x) carried back to x; `slope` may be overwritten."""
        return p * self.times_complement(slope, x)

    def block(self, array: Array) -> int | None:
        """How many elements of an array like this one to work on at a time; None: all of them at once.

        Temporary arrays of a few hundred kilobytes are used again, where large ones are mapped and paged in anew, which
        costs more than the arithmetic on them. Given only where arrays can be written to and `store` works.
        """
        return None

    def writable(self, array: Array) -> bool:
        """Arrays like this one can be written to: they may change, and nothing records what is computed."""
        return False

    def store(self, out: Array, place: Any, array: Array, factor: Array) -> None:
        """out[place] = array * factor."""
        out[place] = array * factor

    def squared_distance(self, sites: Array, axes: tuple[int, ...], spacing: tuple[float, ...]) -> Array:
        """The squared distance of every position to the nearest True one of `sites` along `axes`; inf where there is none.

        In the floating dtype of exact counts, and constant for every gradient.
        """
        xp = self.namespace(sites)
        return squared_distance(xp, sites, axes, spacing, self.wide(sites)[0], self.device(sites))

    def squared_boundary_distance(self, mask: Array, axes: tuple[int, ...], spacing: tuple[float, ...]) -> Array:
        """The same to the nearest pixel of the other class of `mask`; inf where the mask is empty or full."""
        xp = self.namespace(mask)
        d2 = [self.squared_distance(sites, axes, spacing) for sites in (mask, ~mask)]
        return xp.where(mask, d2[1], d2[0])

    # What the conformance suite asks of a backend. -----------------------------------------------------------------

    def devices(self) -> tuple[str, ...]:
        """Names of the devices that can be used here; empty where the library cannot hold an array."""
        return ("cpu",)

    def dtypes(self) -> tuple[str, ...]:
        """Names of the real floating dtypes that the losses take."""
        return ("float64", "float32")

    def from_numpy(self, array: Any, dtype: str, device: str) -> Array:
        """A NumPy array as this library's array of the named dtype on the named device."""
        raise NotImplementedError(f"the {self.name} backend makes no arrays")

    def to_numpy(self, array: Array) -> Any:
        """This library's array as a NumPy array of the nearest dtype that NumPy has."""
        return np.asarray(array)

    def vjp(self, function: Callable[..., Array], pred: Array) -> tuple[Array, Pull] | None:
        """`function` at `pred` and its vector-Jacobian product by the library's own autograd; None where it has none."""
        return None


_ARRAYS = "an array of NumPy, PyTorch, JAX, CuPy or another library of the array API standard"
_CONVERSIONS = {
    "cupyx": ".toarray()",
    "h5py": "[...]",
    "pandas": ".to_numpy()",
    "polars": ".to_numpy()",
    "scipy": ".toarray()",
    "sparse": ".todense()",
    "tensorflow": ".numpy()",
    "xarray": ".to_numpy()",
    "zarr": "[...]",
}
"""Packages whose objects hold an array and are none, or none that the standard's operations compute rightly: how to get it."""


class _Unregistered(Backend):
    """Whatever has no backend of its own: a library of the array standard, once it has answered a few questions rightly."""

    def refusal(self, array: Array) -> str | None:
        package = next((one for one in _packages(type(array)) if one in _CONVERSIONS), None)
        if package is not None:
            return f"{_ARRAYS}, as {_CONVERSIONS[package]} makes of it"
        try:
            xp = self.namespace(array)
        except TypeError:
            return f"{_ARRAYS}, as numpy.asarray makes of most things"
        older = outdated(xp)
        if older is not None:
            return older
        wrong = wrong_answer(xp)
        if wrong is None:
            return None
        return f"an array of a library that computes as the array API standard says, which {wrong} of this one does not"


_by_type: dict[type, Backend] = {}
_portable = _Unregistered()


def _packages(kind: type) -> list[str]:
    """The top-level packages of a type and its bases."""
    return [base.__module__.partition(".")[0] for base in kind.__mro__]


def backends() -> dict[str, Callable[[], Backend]]:
    """Every registered backend by name, as a function that loads it (and so imports its library)."""
    return {entry.name: entry.load for entry in entry_points(group="segloss_ref.backends")}


def _learn(kind: type) -> bool:
    """Look up the backend of an array type that has not been met before: that of its nearest base with one."""
    if kind not in _by_type:
        known = {entry.name: entry for entry in entry_points(group="segloss_ref.backends")}
        name = next((package for package in _packages(kind) if package in known), None)
        found: object = _portable if name is None else known[name].load()
        if not isinstance(found, Backend):
            raise TypeError(f"entry point {name!r} must name a segloss_ref Backend, got {describe(found)}")
        _by_type[kind] = found
    return True


# torch.compile calls a function so marked while it traces, where it could not trace into the import machinery; thus the
# very first call of a process may be a compiled one.
_learn._dynamo_marked_constant = True  # type: ignore[attr-defined]


def backend_of(array: Array) -> Backend:
    """The backend of the library that `array`'s type belongs to."""
    kind = type(array)
    _learn(kind)
    return _by_type[kind]
