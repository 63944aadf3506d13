"""Devices and arrays that the tests of what comes from outside share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_strict
import jax.numpy as jnp
import numpy as np
import torch

LIBRARIES: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray, "torch": torch.tensor, "jax": jnp.asarray, "strict": array_api_strict.asarray
}  # fmt: skip
