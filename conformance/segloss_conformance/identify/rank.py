"""Which constants do the answers fix? What moves no answer to anything that was asked cannot be known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["undetermined"]

_STEP = 0.03


def undetermined(
    values: Callable[[dict[str, Any]], Sequence[float | str]],
    constants: dict[str, Any],
    names: Sequence[str],
    unit: float,
) -> list[str]:
    """The constants that can be changed, alone or together, without a change of any answer.

    Parameters
    ----------
    values
        The answers to everything that was asked, as a function of the constants.
    constants
        The constants that were found.
    names
        Those of them that were solved for; constants of 0 are left out.
    unit
        How far an answer may be off.

    Notes
    -----
    J has a row for every question and a column dv/d log k for every constant. A direction u of length 1 with |J u| < unit is
    one in which the constants are free; returned are those that have a part in such a direction.
    """
    names = [name for name in names if constants[name] and math.isfinite(constants[name])]
    if not names:
        return []
    columns = []
    for name in names:
        ends = [values(constants | {name: constants[name] * (1 + step)}) for step in (_STEP, -_STEP)]
        columns.append(
            [
                (a - b) / (2 * _STEP)
                if not isinstance(a, str) and not isinstance(b, str) and math.isfinite(a - b)
                else 0.0
                for a, b in zip(*ends, strict=True)
            ]
        )
    jacobian = np.array([*np.array(columns).T, *np.zeros((len(names), len(names)))])  # at least as many rows as columns
    _, sizes, directions = np.linalg.svd(jacobian, full_matrices=False)
    parts = np.abs(directions[sizes < max(4 * unit, 1e-12)]).max(axis=0, initial=0.0)
    return [name for name, part in zip(names, parts.tolist(), strict=True) if part > 0.05]
