"""Call a Python function on the arrays of its library, and return NumPy arrays; failed calls raise `CallProblem`."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

import segloss_ref

from .binding import Binding
from .bound_case import BoundCase
from .call import Called, CallProblem, limited
from .expression import ConfigurationError, Expression

__all__ = ["PythonCaller"]


class _Framework(Protocol):
    """What is asked of an array library. The backends of `segloss_ref` offer it, except `compile`."""

    def from_numpy(self, array: Any, dtype: str, device: str) -> Any: ...
    def to_numpy(self, array: Any) -> Any: ...
    def devices(self) -> tuple[str, ...]: ...
    def vjp(self, function: Callable[..., Any], pred: Any) -> tuple[Any, Callable[..., Any]] | None: ...


class _TensorFlow:
    """TensorFlow, and Keras on it."""

    def from_numpy(self, array: Any, dtype: str, device: str) -> Any:
        import tensorflow as tf  # pyright: ignore[reportMissingImports]

        with tf.device(device):
            return tf.cast(tf.constant(array), dtype)

    def to_numpy(self, array: Any) -> Any:
        found = array.numpy()
        return found if found.dtype.kind in "biuf" and found.dtype.name != "bfloat16" else found.astype(np.float32)

    def devices(self) -> tuple[str, ...]:
        import tensorflow as tf  # pyright: ignore[reportMissingImports]

        return ("cpu", "gpu") if tf.config.list_physical_devices("GPU") else ("cpu",)

    def vjp(self, function: Callable[..., Any], pred: Any) -> tuple[Any, Callable[..., Any]] | None:
        import tensorflow as tf  # pyright: ignore[reportMissingImports]

        with tf.GradientTape() as tape:
            tape.watch(pred)
            value = function(pred)

        def pull(cotangent: Any = None) -> Any:
            return tape.gradient(value, pred, output_gradients=cotangent)

        return value, pull


def _framework(name: str) -> _Framework:
    try:
        if name == "tensorflow":
            import tensorflow  # noqa: F401  # pyright: ignore[reportMissingImports]

            return _TensorFlow()
        found: _Framework = segloss_ref.backends()[name]()
    except (ImportError, KeyError) as problem:
        raise ConfigurationError(f"framework = {name!r} is not installed ({problem})") from None
    return found


def _compiled(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    if name == "torch":
        import torch

        return torch.compile(function)
    if name == "jax":
        import jax

        return jax.jit(function)
    if name == "tensorflow":
        import tensorflow as tf  # pyright: ignore[reportMissingImports]

        return tf.function(function)  # type: ignore[no-any-return]
    raise ConfigurationError(f"modes = 'compile' is not known for framework = {name!r}")


def _line(problem: BaseException) -> str:
    try:
        text = " ".join(str(problem).split())
    except BaseException as another:  # its own __str__ may raise anything, or end the process
        if isinstance(another, KeyboardInterrupt):
            raise
        text = "(an exception that cannot be printed)"
    return f"{type(problem).__name__}: {text}" if len(text) < 200 else f"{type(problem).__name__}: {text[:200]}..."


def _dtype_name(value: Any) -> str:
    dtype = getattr(value, "dtype", type(value).__name__)
    return str(getattr(dtype, "name", dtype)).rpartition(".")[2]


class PythonCaller:
    """A function, or a class that is constructed once for each set of parameters."""

    def __init__(self, binding: Binding, device: str, mode: str) -> None:
        self.binding, self.device, self.mode = binding, device, mode
        self.framework = _framework(binding.framework)
        if device not in self.framework.devices():
            raise ConfigurationError(f"devices: {binding.framework} has no device {device!r} here")
        self._ready: dict[str, Callable[..., Any]] = {}
        self.heard = ""
        """The first line that the function has printed."""

    def close(self) -> None:
        """Nothing is held."""

    def _function(self, values: dict[str, Any]) -> Callable[..., Any]:
        """The callable for these parameters."""
        binding = self.binding
        if self.mode == "eager" and binding.construct is None:
            return binding.call  # type: ignore[no-any-return]
        options = {k: Expression(v).value(values) for k, v in (binding.construct or {}).items()}
        key = repr(sorted(options.items()))
        if key in self._ready:
            return self._ready[key]
        function: Any = binding.call if binding.construct is None else binding.call(**options)
        if hasattr(function, "to") and binding.framework == "torch":
            function = function.to(self.device)
        self._ready[key] = function = _compiled(binding.framework, function) if self.mode == "compile" else function
        return function  # type: ignore[no-any-return]

    def _array(self, array: Any, dtype: str, style: str) -> Any:
        if self.binding.framework == "numpy":
            made = np.array(array, dtype=dtype)
            if style == "strided" and made.ndim:
                made = np.repeat(made, 2, axis=-1)[..., ::-1][..., ::2][..., ::-1]
            if style == "read-only":
                made.setflags(write=False)
            return np.asfortranarray(made) if style == "fortran" else made
        made = self.framework.from_numpy(array, dtype, self.device)
        if style == "strided" and self.binding.framework == "torch" and made.ndim > 1:
            made = made.transpose(0, -1).contiguous().transpose(0, -1)
        if style == "fortran" and self.binding.framework == "torch" and made.ndim > 1:
            backwards = tuple(reversed(range(made.ndim)))
            made = made.permute(backwards).contiguous().permute(backwards)
        return made

    def __call__(
        self, case: BoundCase, dtype: str, *, gradient: bool = False, style: str = "plain", cotangent: Any = None
    ) -> Called:
        """See `Caller`."""
        binding, home = self.binding, self._home
        order = "fortran" if style == "mixed" else style
        pred = self._array(case.passed, dtype if binding.takes != "label" else "int64", order)
        kind = binding.target_dtype or (dtype if case.target.dtype.kind == "f" else case.target.dtype.name)
        if not case.is_loss and binding.target != "index":
            kind = binding.target_dtype or (dtype if binding.takes == "mask" else "int64")
        target = self._array(case.target, kind, "plain" if style == "mixed" else style)
        values = {**case.given, "target": target}
        weighing = dtype if "float" in dtype else "float64"  # masks of integers have weights with fractions
        if "weight" in case.keywords:
            values["weight"] = self._array(case.keywords["weight"], weighing, "plain" if style == "mixed" else style)
        if "class_weight" in binding.placeholders:
            values["class_weight"] = self._array(np.array(case.given["class_weight"]), weighing, "plain")
        heard = io.StringIO()
        try:
            with limited(binding.timeout * (20 if self.mode == "compile" else 1)), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with np.errstate(all="ignore"), contextlib.redirect_stdout(heard):
                    value, slope, asked_at = self._evaluate(pred, values, gradient, cotangent)
                    numbers, returned = self._numbers(value), _dtype_name(value)
                    gradients = {} if slope is None else {"its own": home(slope)}
        except (CallProblem, KeyboardInterrupt):
            raise
        except BaseException as problem:  # whatever it raises is its failure, GeneratorExit and SystemExit included
            raise CallProblem(f"raises {_line(problem)}") from problem
        self.heard = self.heard or (heard.getvalue().strip().splitlines() or [""])[0][:60]
        return Called(numbers, gradients, returned, (home(pred), home(target)), asked_at)

    def _home(self, array: Any) -> Any:
        return np.asarray(self.framework.to_numpy(array))

    def _numbers(self, value: Any) -> Any:
        plain = bool | int | float | np.generic
        if isinstance(value, np.ndarray | plain) or (
            isinstance(value, tuple | list) and all(isinstance(one, plain) for one in value)
        ):
            numbers = np.asarray(value)
        else:
            try:
                numbers = self._home(value)
            except Exception:
                raise CallProblem(f"returns {type(value).__name__}, not a number or an array") from None
        if numbers.dtype.kind not in "biuf":
            raise CallProblem(f"returns {type(value).__name__} of dtype {numbers.dtype}, not numbers")
        return numbers.astype(np.float64)

    def _evaluate(
        self, pred: Any, values: dict[str, Any], gradient: bool, cotangent: Any
    ) -> tuple[Any, Any, Any | None]:
        """(value, gradient or None, the cotangent that it was asked at or None for 1)."""
        binding = self.binding
        function = self._function(values)

        def call(chosen: Any, function: Callable[..., Any] = function) -> Any:
            named = {**values, "pred": chosen}
            args = [Expression(one).value(named) for one in binding.args]
            return function(*args, **{k: Expression(v).value(named) for k, v in binding.keywords.items()})

        if not gradient or binding.grad == "none":
            return call(pred), None, None
        if callable(binding.grad):
            return call(pred), call(pred, binding.grad), None
        found = self.framework.vjp(call, pred)
        if found is None:
            return call(pred), None, None
        value, pull = found
        if cotangent is not None and tuple(getattr(value, "shape", ())) != cotangent.shape:
            cotangent = None  # a value of the wrong shape is told as such
        given = () if cotangent is None else (self.framework.from_numpy(cotangent, _dtype_name(value), self.device),)
        slope = pull(*given)
        if slope is None:
            raise RuntimeError("no gradient flows from the value back to pred")
        return value, slope, cotangent
