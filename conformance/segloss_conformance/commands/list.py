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

    from ..subjects.present import Absent, present

    records: list[registry.Record] = [*registry.records.values()]
    for record in records:
        print(f"{record.family:13} {record.name:30} {record.citation}")
    for one in present():
        words = f"{one.label}: {one.reason}" if isinstance(one, Absent) else f"{one[0].name} {one[1]} {one[2]}"
        print(f"{'backend':13} {words}")
    return 0
