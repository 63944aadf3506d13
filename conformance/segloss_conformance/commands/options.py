"""The options that say how somebody's function is called, which several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from . import UsageError

__all__ = ["add_form", "form_of", "table"]


def add_form(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
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


def _value(text: str) -> Any:
    """A Python literal where it is one, else the word itself."""
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def table(name: str, pairs: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE pairs of an option as a table."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"--{name} must be NAME=VALUE, got {pair!r}")
        found[key] = _value(value)
    return found


def form_of(options: argparse.Namespace) -> dict[str, Any]:
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
            how[name] = table(name, getattr(options, name))
    if options.arg is not None:
        places = [one for one in options.arg if "=" not in one]
        named = table("arg", [one for one in options.arg if "=" in one])
        how["args"] = {**{str(place): _value(one) for place, one in enumerate(places)}, **named} if named else [
            _value(one) for one in places]  # fmt: skip
    return how
