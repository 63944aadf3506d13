"""The command ``segloss-conformance``; its subcommands are the modules of `commands`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .commands import UsageError, check, identify, mutants, new_loss, run, vectors
from .commands import list as list_

__all__ = ["main"]

COMMANDS = {"run": run, "check": check, "identify": identify, "mutants": mutants,
            "vectors": vectors, "list": list_, "new-loss": new_loss}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0 where all conform, 1 where something fails, 2 for wrong usage."""
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    parser = argparse.ArgumentParser(
        prog="segloss-conformance", description="Hold losses and metrics of segmentation against the reference."
    )
    subparsers = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS.values():
        command.add(subparsers)
    try:
        options = parser.parse_args(arguments)
        code: int = COMMANDS[options.command].execute(options)
        return code
    except UsageError as problem:
        print(f"{parser.prog}: {problem}", file=sys.stderr)
        return 2
    except SystemExit as stop:
        return int(stop.code or 0)


if __name__ == "__main__":
    sys.exit(main())
