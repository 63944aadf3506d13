"""Show a failing case: a few lines to paste that need the implementer's function and their array library alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .bound_case import BoundCase
from .expression import Expression

__all__ = ["snippet"]

_ARRAYS = {
    "torch": ("import torch", "torch.tensor({values}, dtype=torch.{dtype})"),
    "jax": ("import jax\nimport jax.numpy as jnp\njax.config.update(\"jax_enable_x64\", True)",
            "jnp.array({values}, dtype=\"{dtype}\")"),
    "cupy": ("import cupy", "cupy.array({values}, dtype=\"{dtype}\")"),
    "tensorflow": ("import tensorflow as tf", "tf.constant({values}, dtype=\"{dtype}\")"),
}  # fmt: skip


def _target_dtype(case: BoundCase, dtype: str) -> str:
    binding = case.binding
    if binding.target_dtype is not None:
        return binding.target_dtype
    if not case.is_loss and binding.target != "index":
        return dtype if binding.takes == "mask" else "int64"
    return dtype if case.target.dtype.kind == "f" else str(case.target.dtype.name)


def _values(array: Any, dtype: str) -> str:
    """Nested lists; decimals that a reader of `dtype` turns into the same bits."""
    if dtype in ("int64", "uint8", "bool"):
        kind = bool if dtype == "bool" else np.int64
        return repr(np.asarray(array).astype(kind).tolist())
    if dtype in ("float16", "float32"):
        array = np.asarray(array).astype(dtype)
        nested: Any = np.vectorize(lambda x: str(x), otypes=[object])(array).tolist() if array.size else array.tolist()
        return json.dumps(nested).replace('"', "")
    return repr(np.asarray(array, dtype=float).tolist())


def snippet(case: BoundCase, dtype: str) -> str:
    """The call as code. What is wanted and got stands in the sentence beside it."""
    binding = case.binding
    pred_dtype = "int64" if binding.takes == "label" else dtype
    arrays = {"pred": (case.passed, pred_dtype), "target": (case.target, _target_dtype(case, dtype))}
    if "weight" in case.keywords:
        arrays["weight"] = (case.keywords["weight"], dtype)
    if "class_weight" in binding.placeholders:
        arrays["class_weight"] = (np.array(case.given["class_weight"]), dtype)
    header, maker = _ARRAYS.get(binding.framework, ("", 'np.array({values}, dtype="{dtype}")'))
    lines = ["import numpy as np"] if not header else header.splitlines()
    if any(not np.isfinite(np.asarray(array, dtype=float)).all() for array, _ in arrays.values()):
        lines.append("from math import inf, nan")
    name = binding.call.__name__ if hasattr(binding.call, "__name__") else "function"
    if binding.framework == "process":
        lines.append(f"# {binding.label}, asked for {binding.spec} with {_parameters(case)}")
    elif binding.source and not binding.source.rpartition(":")[0].endswith(".py"):
        module, _, path = binding.source.rpartition(":")
        lines.append(f"from {module} import {path.partition('.')[0]}")
        name = path
    else:
        lines.append(
            f"# {name} is your function" + (f", of {binding.source.rpartition(':')[0]}" if binding.source else "")
        )
    lines += [
        f"{key} = {maker.format(values=_values(array, kind), dtype=kind)}" for key, (array, kind) in arrays.items()
    ]
    if binding.framework == "process":
        return "\n".join(lines)
    names = {key: _Name(key) for key in arrays}
    values = {**case.given, **names}
    call = name
    if binding.construct is not None:
        call = f"{name}({_keywords(binding.construct, values)})"
    positional = [repr(Expression(one).value(values)) for one in binding.args]
    lines.append(f"print({call}({', '.join([*positional, *filter(None, [_keywords(binding.keywords, values)])])}))")
    return "\n".join(lines)


class _Name(str):
    """A string that prints without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _keywords(sources: Any, values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={Expression(source).value(values)!r}" for name, source in sources.items())


def _parameters(case: BoundCase) -> str:
    own = {name: case.given[name] for name in sorted(case.binding.parameters)}
    return ", ".join(f"{name} = {value!r}" for name, value in own.items()) or "no parameters"
