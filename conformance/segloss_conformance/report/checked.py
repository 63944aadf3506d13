"""The report of `check` as plain data; docs/checking.md says what each key means."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..adapters.binding import Binding
from ..adapters.bound_case import BoundCase
from ..adapters.ledger import Deviation, Pinned
from ..engine.matrix import PROFILES
from ..engine.verdicts import Column, Finding, SpecReport, Verdict
from .files import shown, versions

__all__ = ["FORMAT", "checked", "declaration", "summary"]

FORMAT = "segloss-conformance-check/1"
"""A reader of a format understands every later report of it: keys may come, none goes or changes its meaning."""


def summary(reports: Iterable[SpecReport], unmatched: Iterable[str] = ()) -> str:
    """The verdict on all functions together: the worst of theirs, and ``no verdict`` where one of them has none."""
    found = {report.status for report in reports}
    if "fails" in found:
        return "fails"
    if "stale" in found or any(True for _ in unmatched):
        return "stale"
    if not found or not found <= {"conforms", "deviates"}:
        return "no verdict"
    return "deviates" if "deviates" in found else "conforms"


def declaration(finding: Finding, dtype: str) -> str:
    """The ``[[deviation]]`` table that would declare a failure as a known bug; the reason is the implementer's to give."""
    case = finding.case if isinstance(finding.case, BoundCase) else None
    lines = [
        "[[deviation]]",
        f'spec = "{case.binding.spec if case else ""}"',
        'kind = "bug"',
        f'group = "{finding.group}"',
    ]
    lines.append('reason = ""')
    if case is not None:
        lines.append(f"pinned = {Pinned.of(case, dtype).toml()}")
    return "\n".join(lines)


def _finding(one: Finding | None, dtype: str) -> dict[str, Any] | None:
    if one is None:
        return None
    found: dict[str, Any] = {
        "message": one.message,
        "hint": one.hint,
        "declared": None if one.deviation is None else one.deviation.label,
    }
    if isinstance(one.case, BoundCase):
        case = Pinned.of(one.case, dtype)
        found["case"] = {"pred": case.pred, "target": case.target, "weight": case.weight, "dtype": dtype,
                         "parameters": dict(case.parameters)}  # fmt: skip
        found["snippet"] = shown(one, dtype)
        found["declaration"] = declaration(one, dtype)
    return found


def _group(verdict: Verdict, dtype: str) -> dict[str, Any]:
    return {
        "group": verdict.group,
        "verdict": verdict.status,
        "grade": verdict.grade,
        "examples": verdict.examples,
        "worst_error_of_grade_A": verdict.worst if verdict.worst < 1e300 else None,
        "note": verdict.note,
        "unjudged": dict(verdict.unjudged),
        "finding": _finding(verdict.finding, dtype),
    }


def _column(column: Column) -> dict[str, Any]:
    size = re.search(r"up to ([\d,]+) pixels", column.verdicts["sizes"].note) if "sizes" in column.verdicts else None
    return {
        "dtype": column.dtype,
        "device": column.device,
        "verdict": column.status,
        "grade": column.grade,
        "right_bits": None if column.bits is None else round(column.bits, 1),
        "examples": sum(verdict.examples for verdict in column.verdicts.values()),
        "largest_pixels": None if size is None else int(size[1].replace(",", "")),
        "groups": [_group(verdict, column.dtype) for verdict in column.verdicts.values()],
    }


def _called(binding: Binding) -> dict[str, Any]:
    """How the function is called, in the words of a ``conformance.toml``."""
    keys = ("layout", "pool", "target", "target_dtype", "takes", "returns", "dtypes", "devices", "modes", "timeout")
    return {
        "args": list(binding.args),
        "keywords": dict(binding.keywords),
        "construct": None if binding.construct is None else dict(binding.construct),
        **{key: getattr(binding, key) for key in keys},
        "grad": binding.grad if isinstance(binding.grad, str) else getattr(binding.grad, "__qualname__", "a function"),
        "domain": sorted(binding.domain),
        "refuses": sorted(binding.refuses),
    }


def _entry(one: Deviation) -> dict[str, Any]:
    return {"kind": one.kind, "group": list(one.groups), "when": dict(one.when), "convention": dict(one.convention),
            "reason": one.reason, "link": one.link}  # fmt: skip


def _spec(report: SpecReport) -> dict[str, Any]:
    binding = report.binding
    return {
        "spec": binding.spec,
        "kind": "loss" if binding.is_loss else "metric",
        "call": binding.label,
        "framework": binding.framework,
        "called": _called(binding),
        "convention": dict(binding.convention),
        "verdict": report.status,
        "grade": max((column.grade for column in report.columns), default=""),
        "seed": report.seed,
        "seconds": round(report.seconds, 2),
        "deviations": [_entry(one) for one in report.deviations],
        "stale": report.stale,
        "columns": [_column(column) for column in report.columns],
    }


def checked(
    reports: Sequence[SpecReport], profile: str, unmatched: Iterable[str] = (), **header: Any
) -> Mapping[str, Any]:
    """Everything, in plain types."""
    budget = PROFILES[profile]
    seconds = None if budget.seconds == float("inf") else budget.seconds
    return {
        "format": FORMAT,
        **header,
        "verdict": summary(reports, unmatched),
        "profile": profile,
        "budget": {"examples": budget.drawn, "seconds": seconds},
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "unmatched": list(unmatched),
        "specs": [_spec(report) for report in reports],
    }
