"""The parts that losses and backends are made of.

A formula sees its arguments as `Regions`: probabilities ``r.prob`` (p, q, log p, log q), the target ``r.y`` and weighted
sums over every region, ``r.sum(x)``. It returns a `Term`: one value a region, and on demand the `Slope` of that value, its
derivative by p, log p and log q. `Regions.term` multiplies a slope by the pixel weights; terms add, and pass through outer
functions. The engine does the rest: keywords, dtypes, logits, classes, reductions, every library, and gradients that do not
cancel.

>>> import numpy as np
>>> from segloss_ref.kit import Regions, Slope, Term, evaluate_gradient, loss
>>> @loss("region", "@dice1945measures", latex=r"\\frac{1}{N} \\sum_i (p_i - y_i)^2", derivative=r"\\frac{2}{N} (p_i - y_i)")
... def squared_error(r: Regions) -> Term:
...     error = r.prob.p - r.y
...     return r.mean(error * error, lambda: Slope(p=2 * error))
>>> value, gradient = evaluate_gradient(squared_error, np.array([0.5, 1.0]), np.array([1, 1]), {})
>>> float(value), gradient.tolist()
(0.125, [-0.5, 0.0])

`loss` says how such a formula becomes a public loss. A backend subclasses `Backend`; `Differentiable` is what its `apply` is
given, `Constants` the arrays beside `pred`, `Pull` what its `vjp` returns.
"""

from __future__ import annotations

from ._backend import Backend, Constants, Differentiable, Pull, backend_of
from .engine.loss import Loss, evaluate_gradient, loss, loss_of
from .engine.probability import Slope, times
from .engine.regions import PixelLoss, Regions, Term
from .losses._filters import gaussian_statistics
from .losses._geometry import boundary_distance, contour, contour_distance, predicted_mask, target_mask
from .losses._overlap import affine, overlap, raised, squared_overlap

__all__ = [
    "Backend",
    "Constants",
    "Differentiable",
    "Loss",
    "PixelLoss",
    "Pull",
    "Regions",
    "Slope",
    "Term",
    "affine",
    "backend_of",
    "boundary_distance",
    "contour",
    "contour_distance",
    "evaluate_gradient",
    "gaussian_statistics",
    "loss",
    "loss_of",
    "overlap",
    "predicted_mask",
    "raised",
    "squared_overlap",
    "target_mask",
    "times",
]
