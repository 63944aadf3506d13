"""The subcommands of ``segloss-conformance``, one module each.

A module offers ``add(subparsers)``, which declares its options, and ``execute(options)``, which returns the exit code. What is
slow to import is imported in `execute`, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

__all__ = ["Subparsers", "UsageError"]

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = object


class UsageError(Exception):
    """What was asked makes no sense; the message is one line, and the exit code 2."""
