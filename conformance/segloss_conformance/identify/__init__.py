"""`identify`: which convention does an unknown callable follow?

A family is the product of the choices that implementations make, with constants that are solved for. A handful of probes,
each chosen to split what is left best, settles which member the callable is; generated cases confirm it. The evaluators here
are written for speed and for every convention in use; only their reference members are held against the textbook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from segloss_ref.registry import Record

from ..adapters.binding import Binding
from ..adapters.callers import caller
from ..cases.case import Case
from .callables import binding_setting, of_binding, of_cases, of_function, telling_values
from .overlap import OVERLAPS
from .pixelwise import PIXELWISE
from .probes import Refused, Setting
from .search import Family, Finding, search
from .surfaces import SURFACES
from .words import as_json, sentence, text

__all__ = ["ALIASES", "FAMILIES", "Finding", "Refused", "Setting", "as_json", "hint", "identify", "sentence", "text"]

FAMILIES: Mapping[str, Family] = {**OVERLAPS, **PIXELWISE, **SURFACES}
"""The families, by the name of the loss or metric that each is measured against."""
ALIASES: Mapping[str, str] = {
    "dice": "dice_loss", "jaccard": "jaccard_loss", "iou": "jaccard_loss", "tversky": "tversky_loss",
    "focal_tversky": "focal_tversky_loss", "log_cosh_dice": "log_cosh_dice_loss", "focal": "focal_loss",
    "cross_entropy": "binary_cross_entropy", "hausdorff": "hausdorff_distance", "assd": "average_surface_distance",
    "nsd": "surface_dice",
}  # fmt: skip
"""Short names of families."""


def _family(name: str) -> Family:
    name = ALIASES.get(name, name)
    if name not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join([*ALIASES, *FAMILIES])}, got {name!r}")
    return FAMILIES[name]


def identify(
    target: Binding | Callable[..., Any],
    family: str,
    *,
    takes: Any = "probability",
    classes: int = 3,
    declared: Mapping[str, Any] | None = None,
    pool: Any = None,
    soft: bool = False,
    spacing: bool = True,
    seed: int = 0,
    confirm: int = 100,
) -> Finding:
    """Find the convention that a callable follows.

    Parameters
    ----------
    target
        A function of two NumPy arrays of shape (images, classes, rows, columns), or of two integer masks (rows, columns)
        with the keyword `spacing` (and `tolerance`, for the surface Dice); or a `Binding`, for any other form.
    family
        The loss or metric that it is measured against, such as ``"dice_loss"`` or ``"dice"``; see `FAMILIES`, `ALIASES`.
    takes
        ``"probability"`` or ``"logit"``; a binding says so itself.
    classes
        How many classes the arrays have; 1 is a yes/no question. A binding of a binary form has 1.
    declared
        Parameters, by the reference's names, that the callable was given. What is found is told as a difference from them.
    pool
        What a region of the reference holds: ``"image"`` (and class), ``"batch"`` (a class of it), or ``"all"``.
    soft
        Ask about targets between 0 and 1 as well; without, conventions that differ there alone are one.
    spacing
        Whether a function of masks takes `spacing`.
    seed
        Of the pool of probes and of the confirming cases.
    confirm
        How many cases must agree in the end.

    Raises
    ------
    ValueError
        Where the family is not known, or (`Refused`) where the callable raises on ordinary input.
    """
    chosen = _family(family)
    if isinstance(target, Binding):
        setting = binding_setting(target, declared or {}, classes=classes, soft=soft, pool=pool)
        call = caller(target, target.devices[0], "eager")
        try:
            return search(
                chosen, of_binding(target, call, setting, declared or {}), setting, seed=seed, confirm=confirm
            )
        finally:
            call.close()
    setting = Setting(
        chosen.name, takes, classes, declared or {}, soft=soft, spacing=spacing, pool="image" if pool is None else pool
    )
    return search(chosen, of_function(target), setting, seed=seed, confirm=confirm)


def hint(implementation: Any, record: Record, case: Case | None) -> str | None:
    """One sentence that names the convention behind a failing check; None where there is none to be named.

    Parameters
    ----------
    implementation
        A `Binding`, or whatever has a `function` or a method `run` of a `Case`.
    record
        What it claims to be.
    case
        The case on which it failed; it says whether there are classes and logits.
    """
    family = FAMILIES.get(record.name)
    if family is None or case is None:
        return None
    try:
        if isinstance(implementation, Binding):
            finding = identify(implementation, record.name, confirm=20)
        else:
            finding = _of_cases(implementation, record, case, family)
    except Exception:  # a hint is extra: the check's own message stands by itself
        return None
    found = finding.differences
    if not found:
        return None
    return f"your {record.name} is ours, except: {'; '.join(found)}"


def _of_cases(implementation: Any, record: Record, case: Case, family: Family) -> Finding:
    declared = {name: value for name, value in telling_values(record.name).items() if name in record.parameters}
    classes = 3 if case.keywords.get("class_axis") is not None else 1
    refused: frozenset[str] = record.class_axis_refuses if classes > 1 else frozenset()
    declared = {name: value for name, value in declared.items() if name not in refused}
    setting = Setting(
        record.name, "logit" if case.is_loss and case.keywords.get("from_logits") else "probability", classes, declared
    )
    function = getattr(implementation, "function", None) or (lambda one: implementation.run(one).value)
    return search(family, of_cases(function, setting, is_loss=case.is_loss), setting, confirm=20)
