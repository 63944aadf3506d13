"""``run``: hold every backend that is present against the textbook."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from . import Subparsers, UsageError

__all__ = ["add", "execute"]


def add(subparsers: Subparsers) -> None:
    """Declare the options."""
    parser = subparsers.add_parser(
        "run", help="hold every backend that is present against the textbook, and print the matrix"
    )
    parser.add_argument("--backend", action="append", help="this backend only; an absent one is an error (repeatable)")
    parser.add_argument("--device", action="append", help="this device only (repeatable)")
    parser.add_argument("--dtype", action="append", help="this dtype only (repeatable)")
    parser.add_argument("--only", action="append", help="this loss or metric only (repeatable)")
    parser.add_argument("--profile", choices=["quick", "standard", "deep"], default="standard")
    parser.add_argument("--examples", type=int, help="cases a loss or metric, in place of the profile's number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the report as JSON")
    parser.add_argument("--html", type=Path, help="write the report as one HTML page")
    parser.add_argument("--no-third-parties", action="store_true", help="leave out other packages' functions")


def execute(options: argparse.Namespace) -> int:
    """Run, print and write; 1 where something fails."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    import segloss_ref
    from segloss_ref import registry

    from ..engine.matrix import PROFILES, hold
    from ..report.files import Report, write_json
    from ..report.page import write_html
    from ..report.terminal import console as terminal
    from ..report.terminal import print_matrix
    from ..subjects.library import Library, libraries
    from ..subjects.subject import Absent, Subject
    from ..subjects.third_party import third_parties

    records: dict[str, registry.Record] = dict(registry.records)
    for name in options.only or []:
        if name not in records:
            raise UsageError(f"--only must be one of {', '.join(records)}, got {name!r}")
    for name in options.backend or []:
        if name not in segloss_ref.backends():
            raise UsageError(f"--backend must be one of {', '.join(sorted(segloss_ref.backends()))}, got {name!r}")
    if options.examples is not None and options.examples < 1:
        raise UsageError(f"--examples must be at least 1, got {options.examples}")
    found = libraries(options.backend, options.device, options.dtype)
    columns = [one for one in found if isinstance(one, Library)]
    absent = [one for one in found if isinstance(one, Absent)]
    broken = [column for column in absent if column.broken]
    if broken:
        raise UsageError(f"{broken[0].label}: {broken[0].reason}")
    refused = [one for one in absent if options.device or one.label in (options.backend or [])]
    if refused:
        raise UsageError(f"asked for but not to be had: {refused[0].label}: {refused[0].reason}")
    if not columns:
        raise UsageError(f"no column has dtype {', '.join(options.dtype or [])}")

    examples = options.examples or PROFILES[options.profile].own
    report = Report(options.profile, examples, options.seed, absent=absent)
    chosen = {name: record for name, record in records.items() if not options.only or name in options.only}
    others = [] if options.no_third_parties or options.backend else third_parties()
    report.notes = {one.label: one.note for one in others}
    console = terminal()
    start = time.perf_counter()
    with Progress(
        TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task("", total=len(chosen))
        for name, record in chosen.items():
            progress.update(task, description=name)
            mine = [one for one in others if one.name == name]
            everyone: list[Subject] = [*columns, *mine]
            found_columns = hold(record, everyone, examples, options.seed)
            report.columns += found_columns[: len(columns)]
            report.others += found_columns[len(columns) :]
            progress.advance(task)
            if not console.is_terminal:
                wrong = sum(column.finding is not None for column in found_columns)
                print(
                    f"{name}: {'ok' if not wrong else f'{wrong} fail'} ({time.perf_counter() - start:.0f} s)",
                    flush=True,
                )
    report.seconds = time.perf_counter() - start
    print_matrix(report, console)
    if options.json:
        write_json(report.as_dict(), options.json)
    if options.html:
        write_html(report, options.html)
        console.print(f"report: {options.html}")
    return 1 if report.failures else 0
