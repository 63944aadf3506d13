"""What must hold without a textbook: relations between an implementation's own answers."""

from __future__ import annotations

from .boundary import BOUNDARY_LAWS
from .law import Law
from .overlaps import LAWS
from .surfaces import SURFACE_LAWS

__all__ = ["ALL", "Law"]

ALL: tuple[Law, ...] = (*LAWS, *BOUNDARY_LAWS, *SURFACE_LAWS)
"""Every law."""
