"""Surface metrics from the definition: all pairs of elements, squared distances as fractions, one pixel after the other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..numbers import mp
from .counts import Found, class_place, decisions, reduced, sorted_out
from .regions import Answer

__all__ = ["METRICS", "Scene", "surface_metric"]

Place = tuple[int, ...]
Spacing = tuple[Fraction, ...]


class Scene(NamedTuple):
    """One region: the places of its extent, those of the two masks, and those that are left out of both."""

    extent: tuple[int, ...]
    pred: set[Place]
    target: set[Place]
    ignored: set[Place]

    def holds(self, place: Place) -> bool:
        """Whether the image has such a pixel."""
        return all(0 <= i < size for i, size in zip(place, self.extent, strict=True))


class Element(NamedTuple):
    """A surface element: where its middle is, in half pixels, and its size."""

    at: Place
    size: Any


def _scenes(pred: Any, target: Any, masks: dict[str, Any]) -> tuple[tuple[int, ...], list[Scene]]:
    shape, axes, found = decisions(pred, target, **masks)
    kept = [one for one in range(len(shape)) if one not in axes]
    extent = tuple(shape[one] for one in axes)
    keys = list(itertools.product(*(range(shape[one]) for one in kept)))
    scenes = {key: Scene(extent, set(), set(), set()) for key in keys}
    for index, a, b, weight, ignored in found:
        scene = scenes[tuple(index[one] for one in kept)]
        place = tuple(index[one] for one in axes)
        if ignored or weight == 0:
            scene.ignored.add(place)
            continue
        if a:
            scene.pred.add(place)
        if b:
            scene.target.add(place)
    return tuple(shape[one] for one in kept), list(scenes.values())


def _neighbours(place: Place, diagonal: bool) -> Iterator[Place]:
    for step in itertools.product((-1, 0, 1), repeat=len(place)):
        if any(step) and (diagonal or sum(map(abs, step)) == 1):
            yield tuple(i + d for i, d in zip(place, step, strict=True))


def _pixels(scene: Scene, mask: set[Place], diagonal: bool, border: str) -> list[Element]:
    """Pixels of the mask with a neighbour outside it, unless a neighbour is ignored."""
    found = []
    for place in sorted(mask):
        around = list(_neighbours(place, diagonal))
        if any(one in scene.ignored for one in around):
            continue
        if any(one not in mask and (border == "background" or scene.holds(one)) for one in around):
            found.append(Element(tuple(2 * i for i in place), mp.mpf(1)))
    return found


def _surfels(scene: Scene, mask: set[Place], border: str, spacing: Spacing) -> list[Element]:
    """The cells between pixels whose corners are partly in the mask; beyond the image lies nothing."""
    found = []
    for low in itertools.product(*(range(-1, size) for size in scene.extent)):
        corners = [tuple(i + d for i, d in zip(low, step, strict=True)) for step in _unit(len(low))]
        if any(one in scene.ignored or (border == "ignore" and not scene.holds(one)) for one in corners):
            continue
        inside = frozenset(step for step, one in zip(_unit(len(low)), corners, strict=True) if one in mask)
        if 0 < len(inside) < len(corners):
            at = tuple(2 * i + 1 for i in low)
            found.append(Element(at, surfel_size(inside, spacing)))
    return found


def _unit(axes: int) -> list[Place]:
    return list(itertools.product((0, 1), repeat=axes))


def _root(square: Fraction) -> Any:
    return mp.sqrt(mp.mpf(square.numerator) / square.denominator)


def _half_diagonal(a: Fraction, b: Fraction) -> Any:
    return _root(a * a + b * b) / 2


def surfel_size(inside: frozenset[Place], spacing: Spacing) -> Any:
    """Length or area of the marching-squares or -cubes elements of a cell with these corners inside, by cases.

    The smaller side (of four corners of eight, the inside) falls into pieces that edges connect. A piece is cut off by
    midpoints of edges; its case is the number of its corners and how they hang together.
    """
    axes = len(spacing)
    smaller = inside if len(inside) <= 2 ** (axes - 1) else frozenset(_unit(axes)) - inside
    if axes == 2:
        if len(smaller) == 2:
            (a, b) = sorted(smaller)
            if a[0] == b[0]:  # a row of two: the line runs along it
                return mp.mpf(1) * spacing[1].numerator / spacing[1].denominator
            if a[1] == b[1]:
                return mp.mpf(1) * spacing[0].numerator / spacing[0].denominator
        return len(smaller) * _half_diagonal(*spacing)  # every corner by itself
    left, whole = set(smaller), mp.mpf(0)
    while left:
        piece = {min(left)}
        while True:
            more = {c for c in left - piece if any(_apart(c, one) == 1 for one in piece)}
            if not more:
                break
            piece |= more
        left -= piece
        whole += _piece(piece, spacing)
    return whole


def _apart(a: Place, b: Place) -> int:
    return sum(i != j for i, j in zip(a, b, strict=True))


def _piece(piece: set[Place], s: Spacing) -> Any:
    """The area that cuts one connected piece of at most four corners off a cube."""
    # Eight times the triangle that cuts off one corner.
    cut = _root((s[0] * s[1]) ** 2 + (s[1] * s[2]) ** 2 + (s[0] * s[2]) ** 2)
    # Edges by corner, and the axes along which the piece extends.
    ends = {c: [axis for axis in range(3) for d in piece if _apart(c, d) == 1 and c[axis] != d[axis]] for c in piece}
    face = {axis: s[(axis + 1) % 3] * s[(axis + 2) % 3] for axis in range(3)}

    def real(value: Fraction) -> Any:
        return mp.mpf(value.numerator) / value.denominator

    def strip(axis: int) -> Any:  # a rectangle along a whole edge, through the middles of its neighbours
        return real(s[axis]) * _half_diagonal(s[(axis + 1) % 3], s[(axis + 2) % 3])

    flat = [axis for axis in range(3) if len({c[axis] for c in piece}) == 1]
    if len(piece) == 1:
        return cut / 8
    if len(piece) == 2:
        (axis,) = next(iter(ends.values()))
        return strip(axis)
    if len(piece) == 3:  # a corner of a face: half the face, and a slope of three corner triangles
        return real(face[flat[0]]) / 2 + cut * 3 / 8
    if flat:  # a whole face
        return real(face[flat[0]])
    if max(len(axes) for axes in ends.values()) == 3:  # a corner and its three neighbours: a flat hexagon
        return cut * 3 / 4
    # A path along the three axes: half a strip beside each of its end edges, and a slope of four corner triangles.
    return sum(strip(axes[0]) / 2 for axes in ends.values() if len(axes) == 1) + cut / 2


def _squares(mine: Sequence[Place], others: Sequence[Place], spacing: Spacing) -> list[Fraction]:
    """The squared distance from each place, in half pixels, to the nearest of the others."""
    # Over a common denominator all is whole numbers.
    below = math.lcm(*(s.denominator for s in spacing))
    steps = [int(s * below) for s in spacing]
    scaled = [[i * s for i, s in zip(place, steps, strict=True)] for place in others]
    found = []
    for place in mine:
        here = [i * s for i, s in zip(place, steps, strict=True)]
        least = min(sum((i - j) ** 2 for i, j in zip(here, there, strict=True)) for there in scaled)
        found.append(Fraction(least, 4 * below**2))
    return found


class Side(NamedTuple):
    """(squared distance to the other surface, size) of every element."""

    elements: list[tuple[Fraction, Any]]


def _sides(scene: Scene, spacing: Spacing, surface: str, border: str) -> tuple[Side, Side] | str:
    """Both directed sets; "undefined" or "one empty" where there is nothing to measure."""
    if not scene.pred and not scene.target:
        return "undefined"
    if surface == "surfel":
        surfaces = [_surfels(scene, mask, border, spacing) for mask in (scene.pred, scene.target)]
    else:
        full = surface == "voxel_full"
        surfaces = [_pixels(scene, mask, full, border) for mask in (scene.pred, scene.target)]
    for mask, elements in zip((scene.pred, scene.target), surfaces, strict=True):
        if mask and not elements:
            return "undefined"
    if not scene.pred or not scene.target:
        return "one empty"
    a, b = ([element.at for element in elements] for elements in surfaces)
    there, back = (
        Side(list(zip(squares, [element.size for element in elements], strict=True)))
        for squares, elements in zip((_squares(a, b, spacing), _squares(b, a, spacing)), surfaces, strict=True)
    )
    return there, back


Statistic = Callable[[Side], tuple[Any, Any]]
"""(value, bound of its rounding error)."""


def _combine(sides: tuple[Side, Side], combine: str, statistic: Statistic) -> tuple[Any, Any]:
    there, back = sides
    if combine == "pooled":
        return statistic(Side(there.elements + back.elements))
    if combine == "pred_to_target":
        return statistic(there)
    if combine == "target_to_pred":
        return statistic(back)
    (a, a_bound), (b, b_bound) = statistic(there), statistic(back)
    if combine == "max":
        return max(a, b), max(a_bound, b_bound)
    return (a + b) / 2, (a_bound + b_bound) / 2 + abs(a + b)


def _dyadic(spacing: Spacing) -> bool:
    """Squares of a few steps, and their sums, are exact in float32 and wider."""
    return all(s.numerator < 64 and s.denominator < 64 for s in spacing)


def _error(square: Fraction, scene: Scene, spacing: Spacing) -> Any:
    """How far a distance may be off in roundoffs: that of the root or, where coordinates are rounded, theirs too."""
    if _dyadic(spacing):
        return _root(square)
    reach = sum((size * s for size, s in zip(scene.extent, spacing, strict=True)), Fraction(0))
    return 4 * _root(square) + 2 * mp.mpf(reach.numerator) / reach.denominator


def _percentile(side: Side, scene: Scene, spacing: Spacing, percentile: float, interpolation: str) -> tuple[Any, Any]:
    ordered = sorted(side.elements)
    roots = [_root(square) for square, _ in ordered]
    errors = [_error(square, scene, spacing) for square, _ in ordered]
    share = Fraction(percentile) / 100
    if interpolation == "linear":
        rank = share * (len(ordered) - 1)
        low = math.floor(rank)
        high = min(low + 1, len(ordered) - 1)
        part = mp.mpf((rank - low).numerator) / (rank - low).denominator
        value = roots[low] + (roots[high] - roots[low]) * part
        if percentile in (0, 100):
            return value, errors[low]
        # The rank is rounded, and what it weighs.
        return value, max(errors[low], errors[high]) + (roots[high] - roots[low]) * (2 * len(ordered)) + 4 * value
    whole = mp.fsum(size for _, size in ordered)
    reached = mp.mpf(0)
    for (_, size), root, error in zip(ordered, roots, errors, strict=True):
        reached += size
        if reached >= whole * share.numerator / share.denominator - mp.mpf(10) ** -40:  # sizes are roots of 60 digits
            return root, error
    raise AssertionError("the whole is at least any share of it")


def _mean(side: Side, scene: Scene, spacing: Spacing) -> tuple[Any, Any]:
    whole = mp.fsum(size for _, size in side.elements)
    above = mp.fsum(_root(square) * size for square, size in side.elements)
    errors = mp.fsum(_error(square, scene, spacing) * size for square, size in side.elements)
    # Two sums in any order, sizes good to a few roundoffs, and a quotient.
    return above / whole, (errors + (2 * len(side.elements) + 8) * above) / whole


def _within(side: Side, tolerance: float) -> tuple[Any, Any]:
    """An element is within where its distance, as the nearest float64, is."""
    limit = Fraction(tolerance)
    whole = mp.fsum(size for _, size in side.elements)
    near = mp.fsum(size for square, size in side.elements if square <= limit**2 or float(_root(square)) <= tolerance)
    return near / whole, (2 * len(side.elements) + 8) * near / whole


def _surface_value(
    name: str, scene: Scene, *, spacing: Any = None, surface: str = "voxel", border: str = "background", **own: Any
) -> tuple[Any, Any]:
    steps = tuple(Fraction(float(s)) for s in (spacing or (1.0,) * len(scene.extent)))
    sides = _sides(scene, steps, surface, border)
    if sides == "undefined":
        return mp.nan, 0
    if isinstance(sides, str):
        return (mp.mpf(0) if name == "surface_dice" else mp.inf), 0
    combine = own.get("combine", "max" if name == "hausdorff_distance" else "pooled")
    if name == "hausdorff_distance":
        percentile, interpolation = own.get("percentile", 100.0), own.get("interpolation", "linear")
        return _combine(sides, combine, lambda side: _percentile(side, scene, steps, percentile, interpolation))
    if name == "average_surface_distance":
        return _combine(sides, combine, lambda side: _mean(side, scene, steps))
    return _combine(sides, combine, lambda side: _within(side, own["tolerance"]))


# Bands and centre lines. ----------------------------------------------------------------------------------------------


def _ratio(above: int, below: int) -> tuple[Any, Any]:
    return (mp.nan, 0) if below == 0 else (mp.mpf(above) / below, 4 * mp.mpf(above) / below)


def _boundary_iou(scene: Scene, *, width: float, definition: str = "erosion", spacing: Any = None) -> tuple[Any, Any]:
    steps = tuple(Fraction(float(s)) for s in (spacing or (1.0,) * len(scene.extent)))
    # One row of pixels beyond the image is the nearest that lies there.
    everywhere = list(itertools.product(*(range(-1, size + 1) for size in scene.extent)))

    def band(mask: set[Place]) -> set[Place]:
        outside = [place for place in everywhere if place not in mask and place not in scene.ignored]
        if definition == "erosion":
            return {
                x for x in mask if any(max(abs(i - j) for i, j in zip(x, y, strict=True)) <= width for y in outside)
            }
        if not mask:
            return set()
        inside = sorted(mask)
        here, there = ([tuple(2 * i for i in place) for place in places] for places in (inside, outside))
        squares = _squares(here, there, steps)
        return {place for place, square in zip(inside, squares, strict=True) if square <= Fraction(width) ** 2}

    a, b = band(scene.pred), band(scene.target)
    return _ratio(len(a & b), len(a | b))


def _skeleton(scene: Scene, mask: set[Place], method: str) -> set[Place]:
    """docs/contract.md names scikit-image's own, whose "zhang" deletes by a table that is not quite the printed rule."""
    from skimage.morphology import skeletonize  # needed for this metric alone

    thin: Any = skeletonize  # it has no types

    image = np.zeros(scene.extent, dtype=bool)
    for place in mask:
        image[place] = True
    # A mask that thinning leaves nothing of stands for its own skeleton.
    return {tuple(int(i) for i in place) for place in np.argwhere(thin(image, method=method))} or mask


def _centerline_dice(scene: Scene, *, method: str = "zhang") -> tuple[Any, Any]:
    if not scene.pred and not scene.target:
        return mp.nan, 0
    if not scene.pred or not scene.target:  # a complete miss
        return mp.mpf(0), 0
    shares = []
    for mine, other in ((scene.pred, scene.target), (scene.target, scene.pred)):
        line = _skeleton(scene, mine, method)
        shares.append(mp.mpf(len(line & other)) / len(line))
    if not all(shares):
        return mp.mpf(0), 0
    value = 2 / (1 / shares[0] + 1 / shares[1])
    return value, 8 * value


METRICS: dict[str, Callable[..., tuple[Any, Any]]] = {
    "hausdorff_distance": lambda scene, **own: _surface_value("hausdorff_distance", scene, **own),
    "average_surface_distance": lambda scene, **own: _surface_value("average_surface_distance", scene, **own),
    "surface_dice": lambda scene, **own: _surface_value("surface_dice", scene, **own),
    "boundary_iou": _boundary_iou,
    "centerline_dice": _centerline_dice,
}


def surface_metric(name: str, pred: Any, target: Any, **keywords: Any) -> Answer:
    """The true value of a surface metric."""
    masks, own, finishing = sorted_out(keywords)
    shape, scenes = _scenes(pred, target, masks)
    found = [Found(*METRICS[name](scene, **own), len(scene.pred), len(scene.target)) for scene in scenes]
    return reduced(shape, found, class_place(pred, target, **masks), 0, **finishing)
