"""JAX: the closed form as the rule of one `custom_vjp`, under `jit`, `vmap` and second derivatives.

Without ``jax_enable_x64`` the library has no 64-bit dtypes, and counts and metrics come in 32 bits.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from segloss_ref._backend import Array, Backend, Constants, Differentiable, Pull

__all__ = ["backend"]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _closed_form(run: Differentiable, pred: Array, constants: Constants) -> Array:
    return run(pred, constants, gradient=False)[0]


def _forward(run: Differentiable, pred: Array, constants: Constants) -> tuple[Array, Any]:
    return run(pred, constants, gradient=False)[0], (pred, constants)


def _backward(run: Differentiable, saved: Any, cotangent: Array) -> tuple[Array, None]:
    pred, constants = saved
    by_pred: Array = run(pred, constants, gradient=True, cotangent=cotangent)[1]
    return by_pred.astype(pred.dtype), None


_closed_form.defvjp(_forward, _backward)


def _has_64_bits() -> bool:
    return bool(jax.dtypes.canonicalize_dtype("float64") == jnp.float64)


class _Jax(Backend):
    name = "jax"

    def namespace(self, array: Array) -> Any:
        return jnp

    def device(self, array: Array) -> Any:
        # Under jit an array has no device yet, and JAX itself refuses to mix committed ones.
        return None if isinstance(array, jax.core.Tracer) else array.device

    def readable(self, array: Array) -> Any:
        if isinstance(array, jax.core.Tracer) or any(one.platform != "cpu" for one in array.devices()):
            return None
        return self.to_numpy(array)

    def refusal(self, array: Array) -> str | None:
        return None if isinstance(array, jax.Array) else "a jax.Array, as .todense() makes of JAX's sparse arrays"

    def holds_values(self, array: Array) -> bool:
        return not isinstance(array, jax.core.Tracer)

    def wide(self, array: Array) -> tuple[Any, Any]:
        return (jnp.float64, jnp.int64) if _has_64_bits() else (jnp.float32, jnp.int32)

    def count(self, mask: Array, axes: tuple[int, ...]) -> Array:
        return jnp.sum(mask, axis=axes, dtype=self.wide(mask)[1])

    scatters = True

    def tally(self, places: Array, size: int, weight: Array) -> Array:
        rows = places.shape[0]
        place = jnp.where((places >= 0) & (places < size), places, size)  # the last place is cut off again
        nothing = jnp.zeros((rows, size + 1), dtype=self.wide(places)[1] if weight is None else weight.dtype)
        counted = nothing.at[jnp.arange(rows)[:, None], place].add(1 if weight is None else weight)
        return counted[:, :size]

    def apply(self, run: Differentiable, pred: Array, constants: Constants) -> Array:
        value: Array = _closed_form(run, pred, constants)
        return value

    def detach(self, array: Array) -> Array:
        return jax.lax.stop_gradient(array)

    def sigmoid(self, x: Array) -> Array:
        return jax.nn.sigmoid(x)

    def sum(self, x: Array, axes: tuple[int, ...]) -> Array:
        # XLA adds up by halves along neighbouring axes, but one by one over what lies outside of a kept axis.
        longer = [axis for axis in reversed(range(x.ndim)) if x.shape[axis] > 1]
        for summed, run in itertools.groupby(longer, lambda axis: axis in axes):
            if summed:
                x = jnp.sum(x, axis=tuple(run), keepdims=True)
        return x

    def gather(self, x: Array, places: Array) -> Array:
        return jnp.take_along_axis(x, places, axis=-1)

    def scatter(self, x: Array, places: Array) -> Array:
        return jnp.put_along_axis(x, places, x, axis=-1, inplace=False)

    def log_softmax(self, x: Array, axis: int) -> Array:
        return jax.nn.log_softmax(x, axis=axis)

    def dtypes(self) -> tuple[str, ...]:
        return ("float64", "float32", "float16", "bfloat16")[0 if _has_64_bits() else 1 :]

    def from_numpy(self, array: Any, dtype: str, device: str) -> Array:
        return jnp.asarray(array, dtype=jax.dtypes.canonicalize_dtype(dtype))

    def to_numpy(self, array: Array) -> Any:
        if array.dtype.kind == "V":  # what NumPy has not: bfloat16, and fewer than 16 bits
            if jnp.issubdtype(array.dtype, jnp.floating):
                array = array.astype(jnp.float32)
            elif jnp.issubdtype(array.dtype, jnp.integer):
                array = array.astype(jnp.int32)
        return np.asarray(array)

    def vjp(self, function: Callable[..., Array], pred: Array) -> tuple[Array, Pull]:
        value, pullback = jax.vjp(function, pred)

        def pull(cotangent: Array | None = None, *, retain_graph: bool = False, create_graph: bool = False) -> Array:
            return pullback(jnp.ones_like(value) if cotangent is None else cotangent)[0]

        return value, pull


backend = _Jax()
