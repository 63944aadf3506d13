"""The files that the vectors are published as: JSON lines and tab-separated values, a schema, and a manifest."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import segloss_ref
from segloss_ref import registry

from ..cases.pinned import read
from .expected import ORACLE, entry
from .schema import SCHEMA

__all__ = ["FILES", "FORMAT", "differences", "write"]

FORMAT = "segloss-vectors/1"
FILES = ("losses.jsonl", "losses.tsv", "metrics.jsonl", "metrics.tsv", "schema.json", "manifest.json")
_COLUMNS = (
    "id", "spec", "form", "flags", "parameters", "arrays", "value", "tolerance64", "tolerance32", "gradient",
    "gradient_tolerance64", "gradient_tolerance32", "decimal",
)  # fmt: skip


def _word(name: str, value: Any, found: Mapping[str, Any]) -> str:
    """A parameter in the tables: the bits of floats, else the word or number itself."""
    bits = found["parameter_bits"].get(name)
    if bits is not None:
        return ",".join(bits) if isinstance(bits, list) else str(bits)
    if isinstance(value, list):
        return ",".join(str(one) for one in value)
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _array(message: Mapping[str, Any]) -> str:
    """dtype:shape:bits, the shape as 2x3 and that of a scalar empty."""
    return f"{message['dtype']}:{'x'.join(map(str, message['shape']))}:{message['bits']}"


def _row(found: Mapping[str, Any]) -> str:
    limits, slopes = found["value_tolerance"], found["gradient_tolerance"] or {}

    def bits(message: Mapping[str, Any] | None) -> str:
        return "-" if message is None else _array(message)

    return "\t".join(
        [
            found["id"], found["spec"], found["form"], ",".join(found["flags"]) or "-",
            ";".join(f"{name}={_word(name, value, found)}" for name, value in found["parameters"].items()) or "-",
            " ".join(f"{name}={_array(message)}" for name, message in found["arrays"].items()),
            bits(found["value"]), bits(limits.get("float64")), bits(limits.get("float32")), bits(found["gradient"]),
            bits(slopes.get("float64")), bits(slopes.get("float32")),
            json.dumps(found["decimal"]["value"], separators=(",", ":")),
        ]
    )  # fmt: skip


def _text(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("ascii")


def _contents() -> dict[str, bytes]:
    """Every file by name."""
    from ..mutants import AT_ONE

    entries = [entry(one) for one in read()]
    files: dict[str, bytes] = {}
    for kind, records in (("losses", registry.losses), ("metrics", registry.metrics)):
        mine = [one for one in entries if one["spec"] in records]
        files[f"{kind}.jsonl"] = _text([json.dumps(one, separators=(",", ":")) for one in mine])
        files[f"{kind}.tsv"] = _text(["\t".join(_COLUMNS), *(_row(one) for one in mine)])
    files["schema.json"] = _text([json.dumps(SCHEMA, indent=1)])
    shown = Counter(flag for one in entries for flag in one["flags"])
    manifest = {
        "format": FORMAT,
        "version": segloss_ref.__version__,
        "oracle": ORACLE,
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "lines": data.count(b"\n")}
            for name, data in files.items()
        },
        "vectors": dict(Counter(one["spec"] for one in entries)),
        "flags": {
            one.name: {"spec": one.of, "bug": one.why, "vectors": shown[one.name]}
            for one in AT_ONE if one.name in shown
        },
        "not_shown": {one.name: {"spec": one.of, "bug": one.why} for one in AT_ONE if one.name not in shown},
    }  # fmt: skip
    files["manifest.json"] = _text([json.dumps(manifest, indent=1)])
    return files


def write(folder: Path) -> dict[str, int]:
    """Write all files; their sizes in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    files = _contents()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {name: len(data) for name, data in files.items()}


def differences(folder: Path) -> list[str]:
    """The files that are missing or not what would be written, a sentence each."""
    found = []
    for name, data in _contents().items():
        path = folder / name
        if not path.is_file():
            found.append(f"{path} is missing")
        elif path.read_bytes() != data:
            old, new = path.read_bytes().splitlines(), data.splitlines()
            place = next((i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), len(new))
            found.append(f"{path} differs from line {place + 1} on")
    return found
