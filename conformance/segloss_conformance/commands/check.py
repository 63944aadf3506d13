"""``check``: hold a function of one's own against the reference."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import Subparsers, UsageError

__all__ = ["add", "execute"]

_DESCRIPTION = """\
TARGET is module:name (a function, or a class to construct), file.py:name, or, with --framework process, the command of a
harness; or a conformance.toml with [[bind]] tables. Exit code 0: all that was asked conforms, or deviates as declared;
1: something fails, or a declared deviation no longer holds; 2: the adapter or the configuration is wrong."""


def add(subparsers: Subparsers) -> None:
    """Declare the options."""
    parser = subparsers.add_parser(
        "check", help="hold a function of your own against the reference", description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("target", nargs="?", default="conformance.toml", help="see above (default: conformance.toml)")
    parser.add_argument("--as", dest="spec", help="the loss or metric that it claims to be, such as dice_loss")
    form = parser.add_argument_group("how it is called (see docs/checking.md)")
    form.add_argument("--arg", action="append", metavar="[NAME=]VALUE",
                      help="an argument of the call, such as y_true=$target or $pred (repeatable)")  # fmt: skip
    form.add_argument("--construct", action="append", metavar="NAME=VALUE",
                      help="a keyword to construct the class with, such as alpha=$fp_weight (repeatable)")  # fmt: skip
    form.add_argument("--layout", help="any, flat, or axis letters such as NCHW, NHWC, NHW")
    form.add_argument("--pool", help="what one region holds: batch, image or all")
    form.add_argument("--target", dest="target_form", metavar="FORM", help="binary, multilabel, onehot or index")
    form.add_argument("--target-dtype", help="dtype of the target, where it is not that of the prediction")
    form.add_argument("--takes", help="probability, logit, log-probability, mask or label")
    form.add_argument("--returns", help="loss, score, per-image, per-class or per-image-and-class")
    form.add_argument("--framework", help="numpy, torch, jax, cupy, tensorflow or process (default: found out)")
    form.add_argument("--dtype", action="append", dest="dtypes", help="a dtype of the prediction (repeatable)")
    form.add_argument("--device", action="append", dest="devices", help="a device (repeatable)")
    form.add_argument("--mode", action="append", dest="modes", help="eager, compile (repeatable)")
    form.add_argument("--grad", help="auto, none, or module:name of a function that returns the gradient")
    form.add_argument("--domain", action="append", help="a kind of case that is supported, or 'not KIND' (repeatable)")
    form.add_argument("--convention", action="append", metavar="NAME=VALUE",
                      help="what our parameter NAME is in the function, such as smooth=1e-7 (repeatable)")  # fmt: skip
    form.add_argument(
        "--refuses", action="append", help="bad input that is refused: nan, shape, range, label, parameter"
    )
    form.add_argument("--timeout", type=float, help="seconds that one call may take (default: 10)")
    parser.add_argument("--only", action="append", help="of a conformance.toml, this specification only (repeatable)")
    parser.add_argument("--profile", choices=["quick", "standard", "deep"], default="standard")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the report as JSON")
    parser.add_argument("--ledger", action="store_true", help="print failures as [[deviation]] tables too")


def _value(text: str) -> Any:
    """A Python literal where it is one, else the word itself."""
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _table(name: str, pairs: Sequence[str]) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"--{name} must be NAME=VALUE, got {pair!r}")
        found[key] = _value(value)
    return found


def _form(options: argparse.Namespace) -> dict[str, Any]:
    """The keywords of `bind` that the options name."""
    how: dict[str, Any] = {}
    for name in ("layout", "pool", "takes", "returns", "framework", "dtypes", "devices", "modes", "grad", "domain",
                 "refuses", "timeout", "target_dtype"):  # fmt: skip
        value = getattr(options, name)
        if value is not None:
            how[name] = value
    if options.target_form is not None:
        how["target"] = options.target_form
    for name in ("construct", "convention"):
        if getattr(options, name) is not None:
            how[name] = _table(name, getattr(options, name))
    if options.arg is not None:
        places = [one for one in options.arg if "=" not in one]
        named = _table("arg", [one for one in options.arg if "=" in one])
        how["args"] = {**{str(place): _value(one) for place, one in enumerate(places)}, **named} if named else [
            _value(one) for one in places]  # fmt: skip
    return how


def execute(options: argparse.Namespace) -> int:
    """Check, print and write; 1 where something fails, 2 where an adapter is broken."""
    import os

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # arrays of a few pixels: threads would only wait for each other
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from ..binding import ConfigurationError, bind
    from ..checking import check
    from ..configuration import Configuration, read
    from ..report import console
    from ..verdict_report import print_reports, write_json

    try:
        form = _form(options)
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
        chosen = [one for one in found.bindings if not options.only or one.spec in options.only]
        for name in options.only or []:
            if name not in {one.spec for one in found.bindings}:
                raise UsageError(f"--only must be among {', '.join(one.spec for one in found.bindings)}, got {name!r}")
        reports = [check(one, options.profile, options.seed, found.deviations) for one in chosen]
    except ConfigurationError as problem:
        raise UsageError(str(problem)) from None
    screen = console()
    broken = [one for one in reports if one.status == "broken adapter"]
    print_reports([one for one in reports if one.status != "broken adapter"], screen, options.ledger)
    for sentence in found.unmatched:
        screen.print(f"[bold red]stale[/]: {sentence}", highlight=False)
    if options.json:
        write_json(reports, options.json, name=found.name, version=found.version, source=found.source,
                   profile=options.profile, unmatched=list(found.unmatched))  # fmt: skip
    if broken:
        for one in broken:
            column = next(column for column in one.columns if column.status == "broken adapter")
            finding = column.verdicts["smoke"].finding
            words = "" if finding is None else finding.message
            raise UsageError(
                f"{one.binding.spec}: the adapter is broken, not yet the library: {one.binding.label} {words}"
            )
    return 0 if all(one.status in ("conforms", "deviates") for one in reports) and not found.unmatched else 1
