"""What the tests of arguments share."""

from __future__ import annotations

from typing import Any

import array_api_strict
import jax.numpy as jnp
import numpy as np
import torch

LIBRARIES: dict[str, Any] = {
    "numpy": np.asarray, "torch": torch.tensor, "jax": jnp.asarray, "strict": array_api_strict.asarray
}  # fmt: skip
P = np.array([[0.25, 0.75, 0.5], [0.875, 0.125, 0.625]], dtype=np.float32)
Y = np.array([[0, 1, 0], [1, 0, 1]], dtype=np.int32)


def keywords_of(record: Any) -> dict[str, Any]:
    classes = {"class_axis": 0} if getattr(record, "needs_class_axis", False) else {}
    return {**classes, **{one.name: 1 for one in record.parameters.values() if one.required}}
