"""The command ``segloss-conformance``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="segloss-conformance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run", help="hold every backend that is present against the textbook, and print the matrix"
    )
    run.add_argument("--backend", action="append", help="this backend only; an absent one is an error (repeatable)")
    run.add_argument("--device", action="append", help="this device only (repeatable)")
    run.add_argument("--dtype", action="append", help="this dtype only (repeatable)")
    run.add_argument("--only", action="append", help="this loss or metric only (repeatable)")
    run.add_argument("--profile", choices=["quick", "standard", "deep"], default="standard")
    run.add_argument("--examples", type=int, help="cases a loss or metric, in place of the profile's number")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--json", type=Path, help="write the report as JSON")
    run.add_argument("--html", type=Path, help="write the report as one HTML page")
    run.add_argument("--no-third-parties", action="store_true", help="leave out other packages' functions")
    mutants = commands.add_parser("mutants", help="show that wrong implementations are rejected")
    mutants.add_argument("--seed", type=int, default=0)
    mutants.add_argument("--examples", type=int, default=300)
    commands.add_parser("list", help="list losses, metrics, backends and devices")
    return parser


def _fail(message: str) -> int:
    print(f"segloss-conformance: {message}", file=sys.stderr)
    return 2


def _run(options: argparse.Namespace) -> int:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    import segloss_ref
    from segloss_ref import registry

    from . import report as reports
    from .implementations import Absent, Implementation, Library, libraries
    from .run import PROFILES, run_record
    from .third_party import third_parties

    records: dict[str, registry.LossRecord | registry.MetricRecord] = {**registry.losses, **registry.metrics}
    for name in options.only or []:
        if name not in records:
            return _fail(f"--only must be one of {', '.join(records)}, got {name!r}")
    for name in options.backend or []:
        if name not in segloss_ref.backends():
            return _fail(f"--backend must be one of {', '.join(sorted(segloss_ref.backends()))}, got {name!r}")
    if options.examples is not None and options.examples < 1:
        return _fail(f"--examples must be at least 1, got {options.examples}")
    found = libraries(options.backend, options.device, options.dtype)
    columns = [one for one in found if isinstance(one, Library)]
    absent = [one for one in found if isinstance(one, Absent)]
    if (options.backend or options.device) and absent:
        return _fail(f"asked for but not to be had: {absent[0].label}: {absent[0].reason}")
    if not columns:
        return _fail(f"no column has dtype {', '.join(options.dtype or [])}")

    examples = options.examples or PROFILES[options.profile]
    report = reports.Report(options.profile, examples, options.seed, absent=absent)
    chosen = {name: record for name, record in records.items() if not options.only or name in options.only}
    others = [] if options.no_third_parties or options.backend else third_parties()
    report.notes = {one.label: one.note for one in others}
    console = reports.console()
    start = time.perf_counter()
    with Progress(
        TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task("", total=len(chosen))
        for name, record in chosen.items():
            progress.update(task, description=name)
            mine = [one for one in others if one.name == name]
            everyone: list[Implementation] = [*columns, *mine]
            cells = run_record(record, everyone, examples, options.seed)
            report.cells += cells[: len(columns)]
            report.others += cells[len(columns) :]
            progress.advance(task)
            if not console.is_terminal:
                wrong = sum(cell.minimal is not None for cell in cells)
                print(
                    f"{name}: {'ok' if not wrong else f'{wrong} fail'} ({time.perf_counter() - start:.0f} s)",
                    flush=True,
                )
    report.seconds = time.perf_counter() - start
    reports.print_matrix(report, console)
    if options.json:
        reports.write_json(report, options.json)
    if options.html:
        reports.write_html(report, options.html)
        console.print(f"report: {options.html}")
    return 1 if report.failures else 0


def _mutants(options: argparse.Namespace) -> int:
    from .mutants import survey

    return survey(options.examples, options.seed)


def _list() -> int:
    from segloss_ref import registry

    from .implementations import Absent, libraries

    records: list[registry.LossRecord | registry.MetricRecord] = [*registry.losses.values(), *registry.metrics.values()]
    for record in records:
        print(f"{record.family:13} {record.name:30} {record.citation}")
    for column in libraries():
        print(f"{'backend':13} {column.label}" + (f": {column.reason}" if isinstance(column, Absent) else ""))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0 where all conform, 1 where something fails, 2 for wrong usage."""
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    if options.command == "run":
        return _run(options)
    return _mutants(options) if options.command == "mutants" else _list()


if __name__ == "__main__":
    sys.exit(main())
