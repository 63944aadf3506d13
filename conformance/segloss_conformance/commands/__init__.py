"""The subcommands of ``segloss-conformance``, one module each.

A module offers ``add(subparsers)``, which declares its options, and ``execute(options)``, which returns the exit code. What is
slow to import is imported in `execute`, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

__all__ = ["NoVerdict", "Subparsers", "UsageError", "limit_memory"]

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = object


class UsageError(Exception):
    """What was asked makes no sense; the message is one line, and the exit code 2."""


class NoVerdict(Exception):
    """Nothing can be said of the function; the message is one line, and the exit code 1."""


def limit_memory(gib: float | None) -> None:
    """Let this process, and those that it starts, each hold no more data than this; None leaves it as it is."""
    if gib is None:
        return
    if not gib > 0:
        raise UsageError(f"--memory must be above 0, got {gib:g}")
    try:
        import resource
    except ImportError:
        raise UsageError("--memory: this system has no limits of that kind") from None
    wanted, (_, most) = int(min(gib, 2**20) * 2**30), resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))
