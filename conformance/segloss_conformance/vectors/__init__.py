"""Test vectors for every language: inputs, true values and gradients, tolerances, and the bugs that each of them shows.

The inputs and their flags are data (``cases.jsonl`` beside this file, made by `choose`); everything else is worked out from
them by the textbook in 60-digit arithmetic, so that `write` gives the same bytes on every machine. ``docs/vectors.md`` says how
to read the files.
"""

from __future__ import annotations

from ..cases.pinned import Vector, read
from .expected import accepts, entry
from .files import FILES, differences, write

__all__ = ["FILES", "Vector", "accepts", "differences", "entry", "read", "write"]
