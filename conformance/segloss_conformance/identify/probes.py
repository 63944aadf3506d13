"""Probes: the tiny inputs that an unknown callable is asked about, and how its answers are compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

__all__ = [
    "RAISES", "Answer", "Ask", "Precision", "Probe", "Refused", "Setting", "Takes", "probe", "same",
]  # fmt: skip

Takes = Literal["probability", "logit"]
Pool = Literal["image", "batch", "all"]
Answer = float
RAISES = "raises"
"""What stands for an exception where that is one of the answers that a convention may give (empty masks)."""
_SATURATED = 40.0  # beyond this logit a float64 probability is 0 or 1 to all purposes


class Refused(ValueError):
    """The callable cannot be asked: it raises, or returns what is no number, on every input of the kind described."""


@dataclass(frozen=True)
class Setting:
    """How the callable is asked: what it takes, how many classes there are, and the parameters that it was given."""

    name: str
    takes: Takes = "probability"
    classes: int = 1
    """How many classes the arrays have, or, without `exclusive`, yes/no questions."""
    declared: Mapping[str, Any] = field(default_factory=dict)
    soft: bool = False
    """Whether targets between 0 and 1 may be asked about."""
    pool: Pool = "image"
    """What a region of the reference holds: one image and class, one class of the batch, or everything."""
    images: bool = True
    """Whether the callable can be given several images."""
    spacing: bool = True
    """Whether a metric of distances can be told the spacing."""
    exclusive: bool = True
    """Whether several classes compete for a pixel; else each is a question of its own."""
    tolerances: bool = True
    """Whether a metric of surfaces can be told the tolerance anew with every question."""
    dtype: str = "float64"
    """In which type the predictions are handed over: no answer is more exact."""
    weighted: bool = False
    """Whether the callable is handed weights of pixels or classes, which are all 1 here."""

    @property
    def competing(self) -> bool:
        """Whether the reference has a softmax over classes, and the true class's term alone."""
        return self.exclusive and self.classes > 1

    def __post_init__(self) -> None:
        if self.classes < 1:
            raise ValueError(f"classes must be at least 1, got {self.classes}")
        if self.takes not in ("probability", "logit"):
            raise ValueError(f"takes must be probability or logit, got {self.takes!r}")
        if self.pool not in ("image", "batch", "all"):
            raise ValueError(f"pool must be image, batch or all, got {self.pool!r}")


@dataclass(frozen=True, eq=False)
class Probe:
    """`pred` and `target` of shape (images, classes, rows, columns): probabilities or logits, and a hard 0/1 target."""

    pred: Any
    target: Any
    keywords: Mapping[str, Any] = field(default_factory=dict)
    cache: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What evaluators keep of it, so that thousands of members share one pass over the pixels."""

    @cached_property
    def size(self) -> int:
        """How many numbers `pred` holds."""
        return int(np.size(self.pred))


Ask = Callable[[Probe], Any]


def probe(p: Any, target: Any, setting: Setting, **keywords: Any) -> Probe:
    """A probe of probabilities (classes along axis 1), handed over as logits where the callable takes those."""
    p, target = np.asarray(p, dtype=np.float64), np.asarray(target)
    target = target if target.dtype.kind == "f" and (target != np.round(target)).any() else target.astype(np.int64)
    if setting.takes == "logit":
        with np.errstate(divide="ignore"):
            # Classes are as likely as not at 0, so that a threshold there means something.
            scores = np.log(p * setting.classes) if setting.classes > 1 else np.log(p) - np.log1p(-p)
        p = np.clip(scores, -_SATURATED, _SATURATED)
    return Probe(p, target, keywords)


@dataclass(frozen=True)
class Precision:
    """How exactly answers can be compared, and how exactly constants can be solved for."""

    name: str
    relative: float
    absolute: float
    unit: float

    @staticmethod
    def of(answers: Sequence[Answer | str], dtypes: Iterable[str] = ()) -> Precision:
        """That of the narrowest dtype that came back or was handed over; of Python's numbers, which have none, a guess.

        Those are taken for float32 where every one of them is: what is computed in float64 does not give only those.
        """
        named = [_PRECISIONS[name] for name in dtypes if name in _PRECISIONS]
        if named:
            return max(named, key=lambda one: one.unit)
        finite = [a for a in answers if not isinstance(a, str) and math.isfinite(a)]
        telling = [a for a in finite if a * 4096 != round(a * 4096)]  # short fractions are numbers of every dtype
        with np.errstate(over="ignore"):
            narrow = bool(telling) and all(float(np.float32(a)) == a for a in telling)
        return _FLOAT32 if narrow else _FLOAT64


_FLOAT64 = Precision("float64", 1e-9, 1e-11, 2.0**-46)
_FLOAT32 = Precision("float32", 2e-5, 4e-6, 2.0**-21)
_FLOAT16 = Precision("float16", 8e-3, 3e-3, 2.0**-9)
_PRECISIONS = {
    "float64": _FLOAT64, "float32": _FLOAT32, "float16": _FLOAT16, "bfloat16": Precision("bfloat16", 6e-2, 2e-2, 2.0**-6),
}  # fmt: skip


def same(a: Answer | str, b: Answer | str, precision: Precision) -> bool:
    """Whether two answers are one."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    if not (math.isfinite(a) and math.isfinite(b)):
        return a == b or (math.isnan(a) and math.isnan(b))
    return abs(a - b) <= precision.absolute + precision.relative * max(abs(a), abs(b))
