"""The command ``segloss-conformance``; its subcommands are the modules of `commands`."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from . import watcher
from .commands import NoVerdict, UsageError, check, identify, mutants, new_loss, run, vectors
from .commands import list as list_

__all__ = ["main", "supervised"]

COMMANDS = {"run": run, "check": check, "identify": identify, "mutants": mutants,
            "vectors": vectors, "list": list_, "new-loss": new_loss}  # fmt: skip
PROGRAM = "segloss-conformance"
OF_THE_EXTRA = {"hypothesis", "mpmath", "rich", "array_api_strict", "sklearn", "skimage"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 where all conform, 1 where something fails, 2 for wrong usage, 130 where interrupted."""
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Hold losses and metrics of segmentation against the reference."
    )
    subparsers = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS.values():
        command.add(subparsers)
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:  # --help, or an option that there is not
        return int(stop.code or 0)
    try:
        code: int = COMMANDS[options.command].execute(options)
        sys.stdout.flush()
        return code
    except UsageError as problem:
        return _refused(str(problem))
    except SystemExit:
        return _refused("no verdict: the function ends the process", 1)
    except NoVerdict as problem:
        return _refused(f"no verdict: {problem}", 1)
    except MemoryError:
        return _refused("no verdict: there is not enough memory", 1)
    except RecursionError:
        return _refused("no verdict: something is nested too deeply", 1)
    except KeyboardInterrupt:
        return _refused("interrupted", 130)
    except ModuleNotFoundError as problem:
        package = (problem.name or "").partition(".")[0]
        if package not in OF_THE_EXTRA:
            raise
        return _refused(f"{package} is not installed: pip install 'segloss-ref[conformance]'")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its end
        return _refused("nobody reads the output")
    except OSError as problem:
        return _refused(str(problem))


def _refused(sentence: str, code: int = 2) -> int:
    with contextlib.suppress(OSError):
        sys.stdout.flush()  # what was found so far stands before it
    print(f"{PROGRAM}: {sentence}", file=sys.stderr)
    return code


def supervised(arguments: Sequence[str] | None = None) -> int:
    """`main`; where it calls somebody's function, in a process of its own.

    A function that ends the process, crashes it, or does not return and cannot be interrupted then gives exit code 1 and a
    sentence, never 0. A thread that it leaves behind ends with the command. Where processes cannot fork, `main` runs as it is.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal of ASCII shows Lovász all the same
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    if not hasattr(os, "fork") or words[:1] not in (["check"], ["identify"]):
        return main(words)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(words, writing)
    os.close(writing)
    return _Watch(child, reading).code()


def _work(words: Sequence[str], writing: int) -> NoReturn:
    """All that the child does; the parent believes nothing but the line ``done CODE`` at its end."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, _interrupt)
    watcher.listen(writing)
    code = 2
    try:
        code = main(words)
        sys.stdout.flush()
    except BaseException as problem:
        sys.excepthook(type(problem), problem, problem.__traceback__)  # a fault of ours
        code = 2
    finally:
        with contextlib.suppress(OSError):  # the function has closed the pipe: its parent sees the end without a code
            watcher.tell(f"done {code}")
        os._exit(code)


def _interrupt(*_: object) -> None:
    """Once: a terminal tells the child what its parent tells it too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


class _Watch:
    """What the parent does: it reads the lines ``call SECONDS``, ``back`` and ``done CODE`` of the child."""

    def __init__(self, child: int, reading: int) -> None:
        self.child, self.reading = child, reading
        self.deadline, self.limit, self.stopped = float("inf"), "", 0

    def _stop(self, number: int, _: object) -> None:
        """Pass an interruption on, and wait five seconds for what it interrupts."""
        self.stopped = self.stopped or number
        self.deadline = time.monotonic() + 5
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.kill(self.child, signal.SIGINT)

    def code(self) -> int:
        """The exit code that the child tells, or 1 where it ends, or has to be ended, without one."""
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            found = self._listen()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self.reading)
        return 128 + self.stopped if self.stopped else found

    def _listen(self) -> int:
        text = b""
        while True:
            if time.monotonic() > self.deadline:
                return self._kill()
            if not select.select([self.reading], [], [], 0.5)[0]:
                continue
            news = os.read(self.reading, 65536)
            if not news:
                return self._ended()
            *lines, text = (text + news).split(b"\n")
            for line in map(bytes.decode, lines):
                word, _, number = line.partition(" ")
                if word == "done":
                    os.waitpid(self.child, 0)
                    return int(number)
                if not self.stopped:
                    # What can be interrupted has been, long before.
                    self.limit = number
                    self.deadline = time.monotonic() + 2 * float(number) + 2 if word == "call" else float("inf")

    def _kill(self) -> int:
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        why = (
            "interrupted"
            if self.stopped
            else f"no verdict: a call takes longer than {self.limit} s and cannot be interrupted"
        )
        print(f"{PROGRAM}: {why}", file=sys.stderr)
        return 1

    def _ended(self) -> int:
        status = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        how = (
            f"ends the process with exit code {status}"
            if status >= 0
            else f"is ended by {signal.Signals(-status).name}"
        )
        print(f"{PROGRAM}: no verdict: the function {how}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(supervised())
