"""``list``: what there is."""

from __future__ import annotations

import argparse

from . import Subparsers

__all__ = ["add", "execute"]


def add(subparsers: Subparsers) -> None:
    """Declare the command; it has no options."""
    subparsers.add_parser("list", help="list losses, metrics, backends and devices")


def execute(options: argparse.Namespace) -> int:
    """One line each."""
    from segloss_ref import registry

    from ..subjects.library import libraries
    from ..subjects.subject import Absent

    records: list[registry.Record] = [*registry.records.values()]
    for record in records:
        print(f"{record.family:13} {record.name:30} {record.citation}")
    for column in libraries():
        print(f"{'backend':13} {column.label}" + (f": {column.reason}" if isinstance(column, Absent) else ""))
    return 0
