"""Draw the rooms of the house from the imports of the code: ``python docs/house.py`` writes docs/house.svg anew.

A room is a package, or a module that stands by itself; it stands above all rooms that it imports. An arrow A -> B says that A
imports B, and is left out where a chain of other arrows says so already. `tests/test_layout.py` reads the same imports.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOUSES = {
    "segloss_conformance": ROOT / "conformance",
    "segloss_backends": ROOT / "backends",
    "segloss_ref": ROOT,
}
"""Where each package lies, from the top down: a package may import those that follow it."""

Graph = dict[str, set[str]]


def modules(house: str) -> dict[str, Path]:
    """The modules of a package, by dotted name."""
    base = HOUSES[house]
    return {
        ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted((base / house).rglob("*.py"))
    }


def imported(path: Path, package: tuple[str, ...], known: Mapping[str, object]) -> set[str]:
    """The known modules that a file imports, inside functions too; `package` is where relative imports begin."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            found |= {name if (name := f"{module}.{alias.name}") in known else module for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(known)


def imports(house: str) -> Graph:
    """Which modules each module of a package imports of it."""
    known = modules(house)
    return {
        name: imported(path, path.relative_to(HOUSES[house]).parent.parts, known) - {name}
        for name, path in known.items()
    }


def room(module: str) -> str:
    """The room of a module: the part of its name below the package, or the package's own name for its ``__init__``."""
    return [*module.split("."), module][1]


def rooms(links: Graph) -> Graph:
    """Which rooms each room imports."""
    found: Graph = {room(module): set() for module in links}
    for module, others in links.items():
        found[room(module)] |= {room(other) for other in others} - {room(module)}
    for name in set(HOUSES) & set(found):
        if not found[name]:
            del found[name]  # the package's own __init__ where it hands nothing on
    return found


def floors(graph: Graph) -> dict[str, int]:
    """The floor of each room: 0 where it imports nothing, else above all that it imports. RecursionError in a circle."""

    def floor(name: str) -> int:
        return 1 + max((floor(other) for other in graph[name]), default=-1)

    return {name: floor(name) for name in graph}


def direct(graph: Graph) -> Graph:
    """The arrows that no chain of other arrows implies."""

    def reached(name: str) -> set[str]:
        return graph[name].union(*(reached(other) for other in graph[name]))

    return {name: others - set().union(*(reached(other) for other in others)) for name, others in graph.items()}


# The drawing: each house as rows of boxes. An arrow over several floors bends around the boxes at points of its own.

WIDE, HIGH, GAP, RISE, MARGIN = 124, 30, 14, 70, 24

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; text-anchor: middle }
.name { font-weight: 600; font-size: 15px; text-anchor: start }
.room { fill: #f6f8fa; stroke: #6e7781; rx: 6 } .house { fill: #fff; stroke: #d1d9e0; rx: 10 }
path { fill: none; stroke: #8c959f; stroke-width: 1.3 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .room { fill: #212830; stroke: #656c76 }
  .house { fill: #0d1117; stroke: #3d444d } path { stroke: #7d8590 }
}
"""


def layered(graph: Graph) -> tuple[list[list[str]], list[list[str]]]:
    """(rows from the ground up, chains of names from row to row, one an arrow); names with ``>`` are bends of arrows."""
    floor = floors(graph)
    rows: list[list[str]] = [[] for _ in range(max(floor.values()) + 1)]
    for name in sorted(graph):
        rows[floor[name]].append(name)
    chains = []
    for name, others in sorted(direct(graph).items()):
        for other in sorted(others):
            bends = [f"{name}>{other}>{height}" for height in range(floor[other] + 1, floor[name])]
            for height, bend in enumerate(bends, floor[other] + 1):
                rows[height].append(bend)
            chains.append([other, *bends, name])
    return _untangled(rows, chains), chains


def _untangled(rows: list[list[str]], chains: list[list[str]]) -> list[list[str]]:
    """Rows ordered by the middle of what each name is tied to, up and down a few times."""
    ties: dict[str, list[str]] = {name: [] for row in rows for name in row}
    for chain in chains:
        for low, high in itertools.pairwise(chain):
            ties[low].append(high)
            ties[high].append(low)
    best, fewest = rows, _crossings(rows, chains)
    for sweep in range(24):
        rows = [list(row) for row in rows]
        for row in rows if sweep % 2 else rows[::-1]:
            place = {name: index / max(1, len(other) - 1) for other in rows for index, name in enumerate(other)}
            middle = {n: sum(place[tie] for tie in ties[n]) / len(ties[n]) if ties[n] else place[n] for n in row}
            row.sort(key=lambda name: (middle[name], name))
        if (crossings := _crossings(rows, chains)) < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: list[list[str]], chains: list[list[str]]) -> int:
    place = {name: (height, index) for height, row in enumerate(rows) for index, name in enumerate(row)}
    steps = sorted((*place[low], place[high][1]) for chain in chains for low, high in itertools.pairwise(chain))
    return sum(a[0] == b[0] and a[1] < b[1] and a[2] > b[2] for i, a in enumerate(steps) for b in steps[i + 1 :])


def drawn(house: str, top: float, width: float) -> tuple[list[str], float]:
    """(elements of one house below `top`, its lower edge)."""
    rows, chains = layered(rooms(imports(house)))
    bottom = top + 34 + RISE * len(rows)
    places: dict[str, tuple[float, float]] = {}
    for height, row in enumerate(rows):
        sizes = [20 if ">" in name else WIDE for name in row]
        x = (width - sum(sizes) - GAP * (len(row) - 1)) / 2
        for name, size in zip(row, sizes, strict=True):
            places[name] = (x + size / 2, bottom - RISE * (height + 1) + 18)
            x += size + GAP
    parts = [f'<rect class="house" x="{MARGIN}" y="{top}" width="{width - 2 * MARGIN}" height="{bottom - top}"/>']
    parts.append(f'<text class="name" x="{MARGIN + 14}" y="{top + 24}">{house}</text>')
    parts += [
        f'<path d="{_curve([places[name] for name in reversed(chain)])}" marker-end="url(#tip)"/>' for chain in chains
    ]
    for name, (x, y) in places.items():
        if ">" not in name:
            parts.append(f'<rect class="room" x="{x - WIDE / 2}" y="{y}" width="{WIDE}" height="{HIGH}"/>')
            parts.append(f'<text x="{x}" y="{y + 20}">{escape(name)}</text>')
    return parts, bottom


def _curve(points: list[tuple[float, float]]) -> str:
    """A path from the lower edge of the first box, by the bends, to the upper edge of the last."""
    (x, y), *rest = points
    y += HIGH
    text = f"M{x:.0f} {y:.0f}"
    for index, (to_x, box) in enumerate(rest):
        to_y = box - 3 if index == len(rest) - 1 else box
        half = (y + to_y) / 2
        text += f" C{x:.0f} {half:.0f} {to_x:.0f} {half:.0f} {to_x:.0f} {to_y:.0f}"
        x, y = to_x, to_y
        if index < len(rest) - 1:
            y += HIGH
            text += f" L{x:.0f} {y:.0f}"
    return text


def widest(house: str) -> float:
    """What the rows of a house need."""
    rows, _ = layered(rooms(imports(house)))
    return max(sum((20 if ">" in name else WIDE) + GAP for name in row) for row in rows)


def picture() -> str:
    """All houses, one above the other, as SVG."""
    width = max(map(widest, HOUSES)) + 2 * MARGIN + 40
    parts: list[str] = []
    top = float(MARGIN)
    for house in HOUSES:
        found, bottom = drawn(house, top, width)
        parts += found
        top = bottom + 34
        if house != [*HOUSES][-1]:
            parts.append(f'<path d="M{width / 2:.0f} {bottom:.0f} V{top - 3:.0f}" marker-end="url(#tip)"/>')
    size = f'width="{width:.0f}" height="{top:.0f}" viewBox="0 0 {width:.0f} {top:.0f}"'
    tip = (
        '<marker id="tip" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L6 3 L0 6" /></marker>'
    )
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        "<title>The rooms of segloss-ref and what each imports</title>",
        f"<style>{STYLE}</style><defs>{tip}</defs>", *parts, "</svg>\n",
    ])  # fmt: skip


def upward(links: Graph, order: list[str]) -> Iterator[str]:
    """Imports that do not run down; `order` holds the floors from the ground up, the rooms of each in one string."""
    floor = {name: height for height, names in enumerate(order) for name in names.split()}
    for module, others in links.items():
        for other in sorted(others):
            if room(module) != room(other) and floor[room(other)] >= floor[room(module)]:
                yield f"{module} imports {other}"


if __name__ == "__main__":
    Path(__file__).with_name("house.svg").write_text(picture())
