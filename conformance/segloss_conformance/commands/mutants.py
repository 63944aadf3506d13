"""``mutants``: show that wrong implementations are rejected."""

from __future__ import annotations

import argparse

from . import Subparsers, UsageError

__all__ = ["add", "execute"]


def add(subparsers: Subparsers) -> None:
    """Declare the options."""
    parser = subparsers.add_parser("mutants", help="show that wrong implementations are rejected")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from --seed on")
    parser.add_argument("--examples", type=int, default=300)


def execute(options: argparse.Namespace) -> int:
    """Print the survey; 1 where a mutant survives or a right implementation falls."""
    for name in ("seeds", "examples"):
        if getattr(options, name) < 1:
            raise UsageError(f"--{name} must be at least 1, got {getattr(options, name)}")
    from ..mutants import survey

    return survey(options.examples, range(options.seed, options.seed + options.seeds))
