"""What a callable makes of its predictions before anything else: nothing, a sigmoid, a softmax once too often, a threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

from .probes import Probe

__all__ = ["prepared"]


def _softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _sigmoid(z: Any) -> Any:
    return np.exp(-np.logaddexp(0, -z))


def _argmax(z: Any) -> Any:
    return (np.arange(z.shape[1])[None, :, None, None] == z.argmax(axis=1)[:, None]).astype(float)


def prepared(found: Probe, takes: str, how: str) -> Any:
    """The probabilities that a member makes of the prediction; kept with the probe."""
    key = ("prepared", takes, how)
    if key not in found.cache:
        x = found.pred
        found.cache[key] = {
            "as given": lambda: x,
            "sigmoid": lambda: _sigmoid(x),
            "softmax": lambda: _softmax(x),
            "sigmoid twice": lambda: _sigmoid(_sigmoid(x)),
            "softmax twice": lambda: _softmax(_softmax(x)),
            "thresholded": lambda: (x > (0.5 if takes == "probability" else 0.0)).astype(float),
            "argmax": lambda: _argmax(x),
        }[how]()
    return found.cache[key]
