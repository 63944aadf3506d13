"""What a search found, in words."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from .probes import Answer, Probe
from .search import NEAR, Finding

__all__ = ["as_json", "sentence", "text"]


def sentence(finding: Finding) -> str:
    """One line: the convention as a difference from the reference."""
    name = finding.family.name
    if not finding.candidates:
        return f"no convention of {name} that is known here"
    found = finding.differences
    told = f"segloss_ref.{name}" + (f", except: {'; '.join(found)}" if found else ", no difference found")
    return told + (" (but some of it cannot be told apart)" if finding.ambiguous else "")


def _spoken(answer: Answer | str) -> str:
    return answer if isinstance(answer, str) else f"{answer:.10g}"


def _literal(array: Any) -> str:
    return f"np.array({np.asarray(array).tolist()!r})"


def snippet(probe: Probe, got: Answer | str, expected: Answer | str) -> str:
    """A case as code that can be pasted; it needs NumPy alone, and the callable as `function`."""
    keywords = "".join(f", {name}={value!r}" for name, value in probe.keywords.items())
    return (
        "import numpy as np\n"
        f"pred = {_literal(probe.pred)}\n"
        f"target = {_literal(probe.target)}\n"
        f"print(function(pred, target{keywords}))  # yours: {_spoken(got)}; the nearest convention: {_spoken(expected)}"
    )


def text(finding: Finding) -> str:
    """All that was found, for people."""
    lines = [sentence(finding)]
    if finding.candidates:
        if finding.call:
            lines.append(f"the same as: {finding.call}")
        for axis, options in finding.ambiguous.items():
            lines.append(f"cannot be told apart ({axis}): {' | '.join(options)}")
        if finding.precision.name != "float64":
            least = {"float32": "1e-6", "float16": "1e-2"}.get(finding.precision.name, "1e-1")
            lines.append(f"it answers in {finding.precision.name}: constants below about {least} cannot be told from 0")
        lines += finding.notes
        if finding.setting.weighted:
            lines.append("all weights were 1: what they multiply and are divided by was not asked")
        if finding.confirmed == 0:
            lines.append("NOT confirmed: no generated case was accepted")
    elif finding.nearest is not None:
        found = finding.family.differences(finding.nearest, finding.setting)
        lines.append(f"nearest: segloss_ref.{finding.family.name}" + (f", except: {'; '.join(found)}" if found else ""))
        if finding.disagreement is not None:
            one = finding.disagreement
            lines += ["first case of disagreement:", snippet(one.probe, one.got, one.expected)]
    else:
        lines.append(f"nothing near: no convention with at most {NEAR} differences gives half of its answers")
    for shape in sorted(finding.shapes)[:1]:
        lines.append(f"it returns an array, of shape {shape} for one; its mean was looked at")
    told = f"{finding.probes} probe{'s' * (finding.probes != 1)}, {finding.confirmed} cases confirm"
    lines.append(f"({told}; {finding.seconds:.1f} s)")
    return "\n".join(lines)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) or math.isfinite(value) else str(value)


def as_json(finding: Finding) -> str:
    """All that was found, for programs."""
    first = finding.candidates[0] if finding.candidates else finding.nearest
    one = finding.disagreement
    return json.dumps(
        {
            "family": finding.family.name,
            "found": bool(finding.candidates),
            "sentence": sentence(finding),
            "differences": finding.differences,
            "same_call": finding.call,
            "constants": {} if first is None else {name: _plain(value) for name, value in first.constants.items()},
            "ambiguous": finding.ambiguous,
            "unknown": finding.unknown,
            "notes": finding.notes,
            "precision": finding.precision.name,
            "probes": finding.probes,
            "confirmed": finding.confirmed,
            "nearest": None
            if finding.candidates or first is None
            else finding.family.differences(first, finding.setting),
            "disagreement": None
            if one is None
            else {
                "pred": one.probe.pred.tolist(),
                "target": one.probe.target.tolist(),
                "got": _plain(one.got),
                "expected": _plain(one.expected),
            },
        },
        indent=2,
    )
