"""What must hold without a textbook: relations between an implementation's own answers."""

from __future__ import annotations

from .boundary import BOUNDARY_LAWS
from .law import Law, compare, nearly_exact
from .overlaps import LAWS
from .surfaces import SURFACE_LAWS

__all__ = ["ALL", "Law", "compare", "nearly_exact"]

ALL: tuple[Law, ...] = (*LAWS, *BOUNDARY_LAWS, *SURFACE_LAWS)
"""Every law."""
