"""The report of a run of the library's own backends as data, and how reports are written."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..adapters.bound_case import BoundCase
from ..adapters.snippet import snippet
from ..engine.verdicts import Column, Finding
from ..subjects.present import Absent

__all__ = ["Report", "shown", "try_writing", "versions", "worst", "write_json", "write_text"]

_PACKAGES = ("segloss-ref", "numpy", "scipy", "array-api-compat", "array-api-strict", "torch", "jax", "cupy-cuda13x",
             "hypothesis", "mpmath", "scikit-learn")  # fmt: skip


def versions() -> dict[str, str]:
    """The versions of the packages that matter."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def shown(finding: Finding, dtype: str) -> str:
    """The case of a failure as code that can be pasted."""
    if isinstance(finding.case, BoundCase):
        return snippet(finding.case, dtype)
    return "" if finding.case is None else finding.case.snippet(cotangent=finding.cotangent)


def worst(column: Column, group: str) -> float:
    """The largest error of a group, as a share of what grade A allows."""
    return column.verdicts[group].worst


@dataclass
class Report:
    """The columns of one run and the circumstances."""

    profile: str
    examples: int
    seed: int
    columns: list[Column] = field(default_factory=list)
    others: list[Column] = field(default_factory=list)
    """Third parties' functions."""
    absent: list[Absent] = field(default_factory=list)
    seconds: float = 0.0
    notes: dict[str, str] = field(default_factory=dict)
    """What is to be known of a third party's function, by label."""

    @property
    def failures(self) -> list[Column]:
        """The columns that fail."""
        return [column for column in (*self.columns, *self.others) if column.finding is not None]

    def as_dict(self) -> dict[str, Any]:
        """Everything, in plain types."""

        def plain(column: Column) -> dict[str, Any]:
            facts: dict[str, Any] = {
                "name": column.name,
                "implementation": column.label,
                "verdict": column.verdict,
                "examples": column.cases,
                "outside_domain": column.outside,
                "worst_value_error_of_allowed": round(worst(column, "value"), 6),
                "worst_gradient_error_of_allowed": round(worst(column, "gradient"), 6),
                "seconds": round(column.seconds, 3),
            }
            if column.finding is not None:
                finding = column.finding
                facts |= {"check": finding.group, "message": finding.message, "after": column.failed_after}
                facts["snippet"] = shown(finding, column.dtype)
            if column.unjudged:
                facts["unjudged"] = dict(column.unjudged)
            return facts

        return {
            "format": "segloss-conformance-report/1",
            "versions": versions(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "profile": self.profile,
            "examples": self.examples,
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "not_run": [{"implementation": one.label, "reason": one.reason} for one in self.absent],
            "cells": [plain(column) for column in self.columns],
            "third_parties": [plain(column) | {"note": self.notes.get(column.label, "")} for column in self.others],
        }


def write_json(report: Mapping[str, Any], path: Path) -> None:
    """A report, as `Report.as_dict` or `checked.checked` gives it."""
    write_text(json.dumps(report, indent=1, default=str) + "\n", path)


def try_writing(*paths: Path | None) -> None:
    """Raise an `OSError` now where one of these cannot be written later."""
    for path in filter(None, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder")
        if path.exists() and not path.is_file():
            continue
        beside = _beside(path)
        beside.touch()
        beside.unlink()


def write_text(text: str, path: Path) -> None:
    """A file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():  # /dev/stdout
        path.write_text(text, encoding="utf-8")
        return
    beside = _beside(path)
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")
