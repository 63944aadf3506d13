"""The usual unit test: five random inputs, parameters at their defaults, values alone, allclose.

What it lets pass is what the suite is for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segloss_ref.registry import LossRecord, Record

from ..cases.case import Case
from .kit import Mutant

__all__ = ["usual_test_notices"]

NEEDED: dict[str, Any] = {"tolerance": 1.0, "width": 1}
"""Values of the parameters that have no default."""


def usual_test_notices(mutant: Mutant, record: Record) -> bool:
    """Whether it would tell the mutant from the library."""
    return any(_differs(mutant, record, seed) for seed in range(5))


def _differs(mutant: Mutant, record: Record, seed: int) -> bool:
    rng = np.random.default_rng(seed)
    keywords = {name: NEEDED[name] for name, parameter in record.parameters.items() if parameter.required}
    target = rng.random((4, 8, 8)) > 0.5
    if isinstance(record, LossRecord):
        pred: Any = rng.normal(size=target.shape) if record.logits_only else rng.random(target.shape)
        if record.needs_class_axis:
            keywords["class_axis"] = 0
    else:
        pred = rng.random(target.shape) > 0.5
    if record.spatial or record.family == "surface":
        keywords["axis"] = (1, 2)
        keywords["reduction"] = "mean"
    elif not isinstance(record, LossRecord):
        keywords["reduction"] = "mean"
    want = record.function(pred, target, **keywords)
    try:
        answer = mutant.function(Case(record.name, pred, target, keywords, "float64", isinstance(record, LossRecord)))
    except Exception:  # a mutant may raise, which any test notices
        return True
    got = np.asarray(answer[0] if isinstance(answer, tuple) else answer, dtype=float)
    return got.shape != np.shape(want) or not np.allclose(got, np.asarray(want), rtol=1e-5, atol=1e-8, equal_nan=True)
