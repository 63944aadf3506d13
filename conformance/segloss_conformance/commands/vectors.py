"""``vectors``: write the test vectors, or see whether those of a folder are what would be written."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import Subparsers, UsageError

__all__ = ["add", "execute"]


def add(subparsers: Subparsers) -> None:
    """Declare the options."""
    parser = subparsers.add_parser("vectors", help="write test vectors for other languages")
    parser.add_argument("--out", type=Path, default=Path("vectors"), help="the folder (default: vectors)")
    parser.add_argument("--check", action="store_true", help="write nothing; say which files would change")
    parser.add_argument(
        "--choose", action="store_true", help="first add inputs for mutants that no vector shows (minutes)"
    )
    parser.add_argument("--only", action="append", help="with --choose, of this loss or metric only (repeatable)")


def execute(options: argparse.Namespace) -> int:
    """Write and print sizes; with --check 1 where a file differs."""
    from segloss_ref import registry

    from ..vectors import differences, write

    for name in options.only or []:
        if not options.choose:
            raise UsageError("--only goes with --choose: all vectors are written")
        if name not in registry.records:
            raise UsageError(f"--only must be one of {', '.join(registry.records)}, got {name!r}")
    if options.choose:
        from ..vectors.choose import choose

        choose(options.only or ())
    if options.check:
        if not options.out.is_dir():
            raise UsageError(f"--out: there is no folder {options.out}")
        found = differences(options.out)
        for sentence in found:
            print(sentence, file=sys.stderr)
        return 1 if found else 0
    for name, size in write(options.out).items():
        print(f"{options.out / name}: {size} bytes")
    return 0
