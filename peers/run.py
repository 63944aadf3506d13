"""Hold released packages against the reference: ``make peers``.

Every folder beside this file holds a package's ``conformance.toml``, the adapters it needs, and a program for each bug that it
is said to have. Each package is held in a process of its own; what comes out is written to ``docs/peers.md`` and, for browsers,
to ``report/peers.html``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import operators
import render

HERE = Path(__file__).parent
ROOT = HERE.parent
EXPLAINABLE = {"closed form", "value", "special cases", "sizes", "gradient", "law"}
"""Groups that fail where a convention is another one; a failure of any other group is not explained by that."""
POOLS = {
    "image": "a region is one image",
    "batch": "a region is the whole batch",
    "all": "a region is all images and classes",
}


# One package. ---------------------------------------------------------------------------------------------------------


def hold(package: str, profile: str, only: list[str]) -> dict[str, Any]:
    """The rows of a package, in plain types."""
    from segloss_conformance.adapters.configuration import read
    from segloss_conformance.check.checking import check

    operators.declare()
    found = read(HERE / package / "conformance.toml")
    rows = []
    for binding in found.bindings:
        if not only or binding.label in only:
            rows.append(row_of(check(binding, profile, 0, found.deviations), package))
            print(f"{package}: {binding.label}: {rows[-1]['verdict']} ({rows[-1]['seconds']:.0f} s)", file=sys.stderr)
    return {
        "folder": package, "package": found.name, "version": found.version, "source": found.source, "rows": rows,
        "stale": list(found.unmatched),
    }  # fmt: skip


def row_of(report: Any, package: str) -> dict[str, Any]:
    """What the table says of one function."""
    binding = report.binding
    row: dict[str, Any] = {
        "name": binding.label, "spec": binding.spec, "verdict": report.status, "convention": words_of(binding),
        "grade": max((column.grade for column in report.columns), default=""), "notes": [], "cases": [],
        "seconds": report.seconds,
    }  # fmt: skip
    for one in report.deviations:
        shown = example(one, binding)
        if one.kind == "convention":
            row["convention"].append(one.reason)
        else:
            snippet = f"peers/{package}/{one.snippet}" if one.snippet else ""
            row["notes"].append({"text": one.reason, "link": one.link, "snippet": snippet, "groups": list(one.groups)})
        row["cases"] += [shown] if shown else []
    if report.status == "deviates":
        bugs = [one for one in report.deviations if one.kind == "bug"]
        row["verdict"] = "bug" if any(one.snippet for one in bugs) else "differs" if bugs else "convention"
    elif report.status in ("fails", "broken adapter", "stale"):
        explain(row, report)
    return row


def words_of(binding: Any) -> list[str]:
    """How the function differs from the reference's defaults, as far as the binding itself says so."""
    words = []
    if binding.layout != "any" and binding.record.family in ("region", "compound", "counts"):
        words.append(POOLS[binding.pool])
    words += [f"{name} = {value}" for name, value in binding.convention.items()]
    return words


def example(deviation: Any, binding: Any) -> dict[str, str] | None:
    """The pinned case of an entry of the ledger: what is wanted, what comes, and the code."""
    from segloss_conformance.adapters.callers import caller
    from segloss_conformance.adapters.snippet import snippet
    from segloss_conformance.adapters.words import GROUPS
    from segloss_conformance.engine.judge import judge
    from segloss_conformance.engine.verdicts import Verdict
    from segloss_conformance.subjects.bound import BoundFunction

    case = None if deviation.pinned is None else deviation.pinned.case(binding)
    if case is None:
        return None
    call = caller(binding, binding.devices[0], "eager")
    try:
        subject = BoundFunction(binding, deviation.pinned.dtype, binding.devices[0], call)
        finding, _ = judge(subject, case, {name: Verdict(name) for name in GROUPS})
    finally:
        call.close()
    return None if finding is None else {"message": finding.message, "code": snippet(case, deviation.pinned.dtype)}


def explain(row: dict[str, Any], report: Any) -> None:
    """Find the convention behind undeclared failures; what remains unexplained is for somebody to look into."""
    from segloss_conformance.adapters.snippet import snippet
    from segloss_conformance.identify import FAMILIES, identify

    failures = [
        (column, verdict.finding)
        for column in report.columns for verdict in column.verdicts.values()
        if verdict.status in ("fails", "broken adapter") and verdict.finding is not None
    ]  # fmt: skip
    groups = {finding.group for _, finding in failures}
    shown = [pair for pair in failures if pair[1].case is not None]
    if shown:
        column, finding = min(shown, key=lambda pair: len(snippet(pair[1].case, pair[0].dtype)))
        row["cases"].append({"message": finding.message, "code": snippet(finding.case, column.dtype)})
    row["notes"] += [{"text": sentence, "link": "", "snippet": "", "groups": []} for sentence in report.stale]
    if report.status == "fails" and not report.stale and groups <= EXPLAINABLE and row["spec"] in FAMILIES:
        try:
            found = identify(report.binding, row["spec"])
        except ValueError as problem:
            row["notes"].append({"text": str(problem), "link": "", "snippet": "", "groups": []})
            return
        if found.candidates and found.differences:
            row["convention"] += [
                *found.differences,
                f"found by {found.probes} probes, {found.confirmed} cases confirm",
            ]
            bugs = [one for one in report.deviations if one.snippet]
            row["verdict"] = "bug" if bugs else "convention"
            return
    for finding in {finding.message: finding for _, finding in failures}.values():
        row["notes"].append({"text": f"{finding.group}: {finding.message}", "link": "", "snippet": "", "groups": []})


# All packages. --------------------------------------------------------------------------------------------------------


def in_a_process(package: str, profile: str, only: list[str]) -> dict[str, Any]:
    """`hold` in a process of its own, since packages set up the libraries under them in their own ways."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        words = [sys.executable, str(HERE / "run.py"), "--hold", package, "--profile", profile, "--json", str(path)]
        words += [word for name in only for word in ("--only", name)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "JAX_ENABLE_X64": "1"}
        result = subprocess.run(words, env=environment, check=False)
        if result.returncode or not path.is_file():
            raise SystemExit(f"{package} could not be held (exit code {result.returncode})")
        rows: dict[str, Any] = json.loads(path.read_text())
        return rows


def complaint(program: Path) -> str:
    """That a program no longer shows its bug; empty where it does."""
    words = [sys.executable, "-W", "ignore", str(HERE / "operators.py"), program.name]
    result = subprocess.run(words, cwd=program.parent, check=False, capture_output=True, text=True)
    last = (result.stderr or result.stdout).strip().splitlines()[-1:]
    shows_none = f"{program.relative_to(ROOT)} shows no bug (exit code {result.returncode}): {' '.join(last)}"
    return shows_none if result.returncode else ""


def with_earlier(found: list[dict[str, Any]], packages: list[str], path: Path, profile: str) -> list[dict[str, Any]]:
    """The packages just held, and the others as an earlier run of the same profile left them."""
    known = json.loads(path.read_text()) if path.is_file() else {}
    earlier = known.get("packages", []) if known.get("profile") == profile else []
    by_folder = {one["folder"]: one for one in (*earlier, *found)}
    return [by_folder[name] for name in packages if name in by_folder]


def main() -> int:
    """0 where every row conforms, follows a convention that is known, or deviates as its file declares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=["quick", "standard", "deep"], default="quick")
    parser.add_argument("--package", action="append", default=[], help="hold this package anew, alone (repeatable)")
    parser.add_argument(
        "--only", action="append", default=[], help="hold the row of this name alone, and write nothing (repeatable)"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="packages held at the same time")
    parser.add_argument("--json", type=Path, default=ROOT / "report" / "peers.json")
    parser.add_argument("--markdown", type=Path, default=ROOT / "docs" / "peers.md")
    parser.add_argument("--html", type=Path, default=ROOT / "report" / "peers.html")
    parser.add_argument("--hold", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hold:
        warnings.simplefilter("ignore")
        options.json.write_text(json.dumps(hold(options.hold, options.profile, options.only), default=str))
        return 0
    packages = sorted(path.parent.name for path in HERE.glob("*/conformance.toml"))
    for name in options.package:
        if name not in packages:
            parser.error(f"--package must be among {', '.join(packages)}, got {name!r}")
    with ThreadPoolExecutor(options.jobs) as pool:
        chosen = options.package or packages
        found = list(pool.map(lambda name: in_a_process(name, options.profile, options.only), chosen))
        said = list(pool.map(complaint, sorted(path for name in chosen for path in HERE.glob(f"{name}/bugs/*.py"))))
    complaints = render.complaints(found) + [sentence for sentence in said if sentence]
    if not options.only:
        found = with_earlier(found, packages, options.json, options.profile)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"profile": options.profile, "packages": found}, indent=1) + "\n")
        options.html.write_text(render.html(found, options.profile), encoding="utf-8")
        if len(found) == len(packages):
            options.markdown.write_text(render.markdown(found, options.profile), encoding="utf-8")
    print(render.summary(found))
    for sentence in complaints:
        print(sentence, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
