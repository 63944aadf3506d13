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
    parser.add_argument(
        "--profile",
        choices=("quick", "standard", "deep"),
        help="ask `check` instead, of those that have a form of call",
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="with --profile: of these alone")


def execute(options: argparse.Namespace) -> int:
    """Print the survey; 1 where a mutant survives or a right implementation falls."""
    for name in ("seeds", "examples"):
        if getattr(options, name) < 1:
            raise UsageError(f"--{name} must be at least 1, got {getattr(options, name)}")
    from ..mutants import survey

    if options.profile:
        return _checked(options)
    return survey(options.examples, range(options.seed, options.seed + options.seeds))


def _checked(options: argparse.Namespace) -> int:
    """Hold mutants and right implementations that have a form of call against `check`; 1 where one is judged wrongly."""
    from ..check import check
    from ..mutants import MUTANTS, RIGHT

    formed = [one for one in (*MUTANTS, *RIGHT) if one.form and (not options.only or one.name in options.only)]
    if not formed:
        raise UsageError("--only: no such mutant has a form of call")
    wrong = 0
    for one in formed:
        report = check(one.binding, options.profile, options.seed)
        findings = [verdict for column in report.columns for verdict in column.verdicts.values() if verdict.findings]
        groups = ", ".join(dict.fromkeys(verdict.group for verdict in findings)) or "-"
        right = one in RIGHT
        judged = {"fails": "rejected", "broken adapter": "broken  "}.get(report.status, report.status)
        wrong += (report.status == "conforms") != right
        print(
            f"{judged:9} {'right' if right else 'wrong'}  {one.name:40} {one.of:28} {groups:36} {one.why}", flush=True
        )
    print(f"\n{len(formed)} functions by check, profile {options.profile}: {wrong} judged wrongly")
    return 1 if wrong else 0
