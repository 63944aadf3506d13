"""``check``: hold a function of one's own against the reference."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import NoVerdict, Subparsers, UsageError, limit_memory
from .options import add_form, form_of

__all__ = ["add", "execute"]

_DESCRIPTION = """\
TARGET is module:name (a function, or a class to construct), file.py:name, or, with --framework process, the command of a
harness; or a conformance.toml with [[bind]] tables. Exit code 0: all that was asked conforms, or deviates as declared;
1: something fails, a declared deviation no longer holds, or the function ends the process; 2: the adapter or the configuration
is wrong; 130: interrupted."""


def add(subparsers: Subparsers) -> None:
    """Declare the options."""
    parser = subparsers.add_parser(
        "check", help="hold a function of your own against the reference", description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("target", nargs="?", default="conformance.toml", help="see above (default: conformance.toml)")
    parser.add_argument("--as", dest="spec", help="the loss or metric that it claims to be, such as dice_loss")
    add_form(parser)
    parser.add_argument(
        "--only", action="append", help="of a conformance.toml, this specification or name only (repeatable)"
    )
    parser.add_argument("--profile", choices=["quick", "standard", "deep"], default="standard")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the report as JSON; its folder is made")
    parser.add_argument("--badge", type=Path, help="write the verdict as an endpoint of shields.io; its folder is made")
    parser.add_argument(
        "--memory", type=float, metavar="GIB", help="memory that the function may hold (default: no limit)"
    )
    parser.add_argument("--ledger", action="store_true", help="print failures as [[deviation]] tables too")


def execute(options: argparse.Namespace) -> int:
    """Check, print and write; 1 where something fails, 2 where an adapter is broken."""
    import os

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # arrays of a few pixels: threads would only wait for each other
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from ..adapters.binding import bind
    from ..adapters.configuration import Configuration, read
    from ..adapters.expression import ConfigurationError
    from ..check.checking import check
    from ..engine.verdicts import SpecReport
    from ..report.badge import NO_VERDICT, badge
    from ..report.checked import checked
    from ..report.files import try_writing, write_json
    from ..report.terminal import console, print_reports

    try_writing(options.json, options.badge)
    for path, before in ((options.json, checked([], options.profile)), (options.badge, NO_VERDICT)):
        if path and (path.is_file() or not path.exists()):  # a run that does not end leaves no older verdict behind
            write_json(before, path)
    limit_memory(options.memory)
    reports: list[SpecReport] = []
    screen = console()
    try:
        form = form_of(options)
        if options.target.endswith(".toml") and options.spec is None:
            if form:
                raise UsageError(
                    f"with a conformance.toml its [[bind]] tables say how: {', '.join(form)} is not for the command line"
                )
            found = read(Path(options.target))
        else:
            if options.spec is None:
                raise UsageError("--as must be given: the loss or metric that the function claims to be")
            binding = bind(options.spec, options.target, root=Path(), **form)
            found = Configuration(binding.label, "", "", (binding,))
        chosen = [one for one in found.bindings if not options.only or {one.spec, one.name} & set(options.only)]
        known = dict.fromkeys(name for one in found.bindings for name in (one.spec, one.name) if name)
        for name in options.only or []:
            if name not in known:
                raise UsageError(f"--only must be among {', '.join(known)}, got {name!r}")
    except (ConfigurationError, RecursionError, ValueError) as problem:
        raise UsageError(str(problem)) from None
    try:
        for bound in chosen:
            reports.append(check(bound, options.profile, options.seed, found.deviations))
    except ConfigurationError as problem:
        raise UsageError(str(problem)) from None
    except KeyboardInterrupt:
        print_reports(reports, screen, options.ledger)
        raise
    broken = [one for one in reports if one.status == "broken adapter"]
    print_reports([one for one in reports if one.status != "broken adapter"], screen, options.ledger)
    for sentence in found.unmatched:
        screen.print(f"[bold red]stale[/]: {sentence}", highlight=False)
    if options.json:
        header = {"name": found.name, "version": found.version, "source": found.source, "seed": options.seed}
        write_json(checked(reports, options.profile, found.unmatched, **header), options.json)
    if options.badge:
        write_json(badge(reports, found.unmatched), options.badge)
    if broken:
        for one in broken:
            column = next(column for column in one.columns if column.status == "broken adapter")
            finding = column.verdicts["smoke"].finding
            words = "" if finding is None else finding.message
            if "MemoryError" in words or "allocate memory" in words:
                raise NoVerdict(f"{one.binding.spec}: {one.binding.label} {words}")
            raise UsageError(
                f"{one.binding.spec}: the adapter is broken, not yet the library: {one.binding.label} {words}"
            )
    return 0 if all(one.status in ("conforms", "deviates") for one in reports) and not found.unmatched else 1
