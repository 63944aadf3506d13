"""``identify``: find the convention that a function follows."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import Subparsers, UsageError, limit_memory
from .options import add_form, form_of, table

__all__ = ["add", "execute"]

_DESCRIPTION = """\
TARGET is module:name (a function, or a class to construct), file.py:name, or, with --framework process, the command of a
harness. What is found is told as a difference from the reference with the parameters that were declared, or with telling
values of those that the function itself takes. Without further words the function is taken to want arrays (images, classes,
rows, columns), or two masks. Exit code 0: the convention was found; 1: it is none that is known, and the nearest one and the
first case of disagreement are printed; 2: the function cannot be asked."""


def add(subparsers: Subparsers) -> None:
    """Declare the options."""
    parser = subparsers.add_parser(
        "identify", help="find the convention that a function follows", description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("target", help="see above")
    parser.add_argument("--family", required=True, help="the loss or metric that it may be, such as dice or dice_loss")
    parser.add_argument("--classes", type=int, default=3, help="how many classes it is asked about (default: 3)")
    parser.add_argument("--declared", action="append", metavar="NAME=VALUE", default=[],
                        help="a parameter, by our name, that it was given, such as fp_weight=0.3 (repeatable)")  # fmt: skip
    parser.add_argument("--soft", action="store_true", help="ask about targets between 0 and 1 too")
    add_form(parser)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write what was found as JSON; its folder is made")
    parser.add_argument(
        "--memory", type=float, metavar="GIB", help="memory that the function may hold (default: no limit)"
    )


def execute(options: argparse.Namespace) -> int:
    """Identify, print and write; 1 where it is no convention that is known."""
    from segloss_ref import registry

    from ..adapters.binding import bind
    from ..adapters.callers import CallProblem
    from ..adapters.expression import ConfigurationError
    from ..identify import ALIASES, FAMILIES, as_json, identify, text
    from ..report.files import try_writing, write_text

    spec = ALIASES.get(options.family, options.family)
    if spec not in FAMILIES:
        raise UsageError(f"--family must be one of {', '.join([*ALIASES, *FAMILIES])}, got {options.family!r}")
    if options.classes < 1:
        raise UsageError(f"--classes must be at least 1, got {options.classes}")
    declared = table("declared", options.declared)
    known = [*registry.records[spec].parameters, *registry.records[spec].keywords]
    for name in declared:
        if name not in known:
            raise UsageError(f"--declared: {spec} has no parameter {name!r}, only {', '.join(known)}")
    try_writing(options.json)
    limit_memory(options.memory)
    form = form_of(options)
    is_loss = "takes" in form or spec.endswith(("_loss", "cross_entropy"))
    many = options.classes > 1 and (spec not in registry.losses or registry.losses[spec].categorical)
    if is_loss:
        form.setdefault("layout", "NCHW")
        form.setdefault("target", "onehot" if many and "C" in form["layout"] else "binary")
        if "N" in form["layout"]:
            form.setdefault("pool", "image")
    form.setdefault("grad", "none")
    try:
        binding = bind(spec, options.target, root=Path(), **form)
        if "dtypes" not in form and is_loss and binding.framework == "jax":
            binding = binding.changed(dtypes=("float64",))
        finding = identify(
            binding, spec, classes=options.classes, declared=declared, soft=options.soft, seed=options.seed
        )
    except (ConfigurationError, CallProblem) as problem:
        raise UsageError(str(problem)) from None
    except ValueError as problem:
        raise UsageError(f"{options.target} cannot be asked: {problem}") from None
    print(text(finding))
    if options.json:
        write_text(as_json(finding) + "\n", options.json)
    return 0 if finding.candidates else 1
