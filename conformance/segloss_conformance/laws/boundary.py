"""Laws of the losses that see where pixels lie: what turning, scaling and inverting must do to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from segloss_ref import registry

from ..cases.case import Case
from .law import Law, axes_of, changed

__all__ = ["BOUNDARY_LAWS"]

_SPATIAL = {name for name, record in registry.losses.items() if record.spatial}


def _reordered(case: Case) -> Case | None:
    """The spatial axes named in reverse order, and the spacing with them."""
    _, axes, _ = axes_of(case)
    if case.name not in _SPATIAL or len(axes) < 2:
        return None
    spacing = case.keywords.get("spacing")
    return changed(
        case, axis=tuple(reversed(axes)), spacing=tuple(reversed(spacing)) if isinstance(spacing, tuple) else spacing
    )


def _measured(case: Case) -> bool:
    """A loss that is made of distances alone, not of neighbourhoods."""
    by_distance = case.name == "hausdorff_loss" and case.keywords.get("method", "distance") == "distance"
    return by_distance or case.name in ("boundary_loss", "distance_map_loss")


def _enlarged(case: Case) -> Case | None:
    """Pixels of twice the size."""
    if not _measured(case) or case.keywords.get("phi") is not None:
        return None
    spacing = case.keywords.get("spacing")
    if spacing is None:
        spacing = 1.0
    return changed(case, spacing=tuple(2 * size for size in spacing) if isinstance(spacing, tuple) else 2 * spacing)


def _shrunk(case: Case, value: Any) -> Any:
    """Distances double, and their powers; a ratio of distances stays."""
    growth = {"boundary_loss": 2.0, "hausdorff_loss": 2.0 ** case.keywords.get("alpha", 2.0)}
    return value / growth.get(case.name, 1.0)


def _inverted(case: Case) -> Case | None:
    """The target's foreground and background change places."""
    hard = case.target.dtype == bool or bool(((case.target == 0) | (case.target == 1)).all())
    if case.name != "boundary_loss" or not hard or case.keywords.keys() & {"class_axis", "ignore_index"}:
        return None
    return changed(case, target=~case.target if case.target.dtype == bool else 1 - case.target)


BOUNDARY_LAWS = [
    Law("spatial axes may be named in any order", _reordered),
    Law("the size of a pixel is a unit", _enlarged, _shrunk),
    Law("the inverted target turns the signed distance round", _inverted, lambda case, value: -np.asarray(value)),
]
