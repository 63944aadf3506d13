"""``run``: hold every backend that is present against the textbook."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from . import Subparsers, UsageError

if TYPE_CHECKING:
    from ..engine.verdicts import Column

__all__ = ["add", "execute"]

_Answer = TypeVar("_Answer")


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
    parser.add_argument(
        "--jobs", type=int, help="processes that share the losses and metrics (default: one a core, one with --only)"
    )
    parser.add_argument("--no-third-parties", action="store_true", help="leave out other packages' functions")


@dataclass(frozen=True)
class _Asked:
    """What a process is to run, but for the name of the loss or metric."""

    backend: list[str] | None
    device: list[str] | None
    dtype: list[str] | None
    examples: int
    seed: int
    third_parties: bool

    def columns(self, name: str) -> tuple[list[Column], list[Column]]:
        """The columns of one loss or metric: of the library's own backends, and of third parties."""
        from segloss_ref import registry

        from ..engine.matrix import hold
        from ..subjects.library import Library, libraries
        from ..subjects.third_party import third_parties

        own = [found for found in libraries(self.backend, self.device, self.dtype) if isinstance(found, Library)]
        others = [party for party in third_parties() if party.name == name] if self.third_parties else []
        columns = hold(registry.records[name], [*own, *others], self.examples, self.seed)
        return columns[: len(own)], columns[len(own) :]


def _one_thread() -> None:
    """In a process of several: threads of their own would only wait for each other."""
    import os

    os.environ["OMP_NUM_THREADS"] = "1"


@contextmanager
def _shared(answer: Callable[[str], _Answer], names: Sequence[str], jobs: int) -> Iterator[Iterable[_Answer]]:
    """The answers, in order, of processes that end at once where this one is interrupted."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _one_thread) as pool:
        ours = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which they inherit: a terminal interrupts them all
        try:
            answers = pool.map(answer, names)
        finally:
            signal.signal(signal.SIGINT, ours)
        try:
            yield answers
        except BaseException:
            threading.excepthook = lambda _: None  # the pool's thread complains of what it cannot finish
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def execute(options: argparse.Namespace) -> int:
    """Run, print and write; 1 where something fails."""
    import os

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    import segloss_ref
    from segloss_ref import registry

    from ..engine.matrix import PROFILES
    from ..report.files import Report, try_writing, write_json
    from ..report.page import write_html
    from ..report.terminal import console as terminal
    from ..report.terminal import print_matrix
    from ..subjects.library import Library, libraries
    from ..subjects.present import Absent
    from ..subjects.third_party import third_parties

    for name in options.only or []:
        if name not in registry.records:
            raise UsageError(f"--only must be one of {', '.join(registry.records)}, got {name!r}")
    for name in options.backend or []:
        if name not in segloss_ref.backends():
            raise UsageError(f"--backend must be one of {', '.join(sorted(segloss_ref.backends()))}, got {name!r}")
    if options.examples is not None and options.examples < 1:
        raise UsageError(f"--examples must be at least 1, got {options.examples}")
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"--jobs must be at least 1, got {options.jobs}")
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

    try_writing(options.json, options.html)
    examples = options.examples or PROFILES[options.profile].own
    report = Report(options.profile, examples, options.seed, absent=absent)
    chosen = [name for name in registry.records if not options.only or name in options.only]
    with_others = not (options.no_third_parties or options.backend)
    report.notes = {party.label: party.note for party in third_parties()} if with_others else {}
    asked = _Asked(options.backend, options.device, options.dtype, examples, options.seed, with_others)
    jobs = options.jobs or (1 if options.only else os.cpu_count() or 1)
    console = terminal()
    start = time.perf_counter()
    with ExitStack() as stack:
        stack.callback(lambda: print_matrix(report, console))  # what was found so far, where it is interrupted
        progress = stack.enter_context(Progress(
            TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, disable=not console.is_terminal,
        ))  # fmt: skip
        task = progress.add_task("", total=len(chosen))
        answers: Iterable[tuple[list[Column], list[Column]]] = map(asked.columns, chosen)
        if jobs > 1:
            answers = stack.enter_context(_shared(asked.columns, chosen, min(jobs, len(chosen))))
        for name, (own, others) in zip(chosen, answers, strict=True):
            report.seconds = time.perf_counter() - start
            report.columns += own
            report.others += others
            progress.update(task, description=name, advance=1)
            if not console.is_terminal:
                wrong = sum(column.finding is not None for column in (*own, *others))
                print(
                    f"{name}: {'ok' if not wrong else f'{wrong} fail'} ({time.perf_counter() - start:.0f} s)",
                    flush=True,
                )
    if options.json:
        write_json(report.as_dict(), options.json)
    if options.html:
        write_html(report, options.html)
        console.print(f"report: {options.html}")
    return 1 if report.failures else 0
