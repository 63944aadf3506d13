"""Cases of sizes that no drawn case has.

Counts beyond 8 and 16 bits and products beyond 32, many images, many classes, surfaces far apart. They are answered by the
reference in float64, since sixty digits of a million pixels take hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..adapters.bound_case import BoundCase, letters_of, replaced
from ..adapters.callers import CallProblem, Unsupported
from ..cases.case import Case
from ..cases.fixed import plain_cases
from ..subjects.bound import BoundFunction
from .judge import near, number_text
from .verdicts import Finding, Verdict

__all__ = ["check_sizes", "grown", "sized"]

_IMAGES = 9
_CLASSES = (7, 21)
_UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}


def check_sizes(subject: BoundFunction, verdicts: dict[str, Verdict]) -> Iterator[Finding]:
    """The value of every size, but in 16 bits, which have a check of their own."""
    verdict = verdicts["sizes"]
    if subject.dtype in ("float16", "bfloat16"):
        return
    largest = 0
    for words, case in sized(subject):
        want = _reference(case)
        pixels = case.target.size
        try:
            called = subject.ask(case, gradient=False)
        except Unsupported:
            continue
        except CallProblem as problem:
            yield Finding("sizes", f"{words}: {problem}")
            continue
        got = called.value
        # As numerator and denominator may be off, each a sum of so many terms, added one after the other in this dtype.
        share = min(4 * pixels * _UNIT[subject.counted_in(called)], 0.01)
        if got.shape != want.shape:
            yield Finding("sizes", f"{words}: returns shape {got.shape}, expected {want.shape}")
            continue
        pairs = zip(got.ravel().tolist(), want.ravel().tolist(), strict=True)
        wrong = next(((a, b) for a, b in pairs if not near(a, b, share * max(1.0, abs(b)))), None)
        if wrong is not None:
            yield Finding("sizes", f"{words}: want {number_text(wrong[1])}, got {number_text(wrong[0])}")
            continue
        largest = max(largest, pixels)
        verdict.passed()
        verdict.note = f"up to {largest:,} pixels"


def _reference(case: BoundCase) -> Any:
    value = np.asarray(case.binding.record.function(case.pred, case.target, **case.keywords), dtype=float)
    return value.mean(case.averaged) if case.averaged else value


def sized(subject: BoundFunction) -> Iterator[tuple[str, BoundCase]]:
    """(what it is, case), for what the binding's form has room for."""
    record = subject.binding.record
    if record.family == "surface":
        yield from _far_apart(subject)
        return
    for plain in filter(None, map(subject.adapt, plain_cases(record)[:1])):
        sides = [(17, 19), (60, 70)] if record.spatial else [(17, 19), (200, 331)]
        for height, width in [*sides, (1024, 1024)] if not plain.is_loss else sides:
            yield f"{height} x {width} pixels", grown(plain, height, width)
            hit = _hit(plain)
            if hit is not None:
                yield f"{height} x {width} pixels, nearly all of them hits", grown(plain, height, width, beyond=hit)
        if "N" in subject.binding.layout:
            yield f"{_IMAGES} images", grown(plain, 8, 9, _IMAGES)
    if subject.binding.classes == "exclusive":
        for classes in _CLASSES:
            case = subject.adapt(_many_classes(subject, classes))
            if case is not None:
                yield f"{classes} classes", case


def grown(
    case: BoundCase, height: int, width: int, images: int = 1, beyond: dict[str, int] | None = None, own: bool = True
) -> BoundCase:
    """The pixels of a case over and over; with `beyond`, the pixel of that place instead, after the case's `own` or alone."""
    wanted = {"N": images, "H": height, "W": width}

    def grow(array: Any) -> Any:
        names, index = _names(array, case), []
        for name, size in zip(names, array.shape, strict=True):
            count = wanted.get(name, size if own or name == "C" else 1) * (
                height if name == "W" and "H" not in names else 1
            )
            places = np.arange(count)
            others = places % size if beyond is None else np.full_like(places, beyond.get(name, 0))
            index.append(np.where((places < size) & (own or name == "C"), places, others))
        return array[np.ix_(*index)]

    keywords = {**case.keywords}
    if isinstance(keywords.get("weight"), np.ndarray):
        keywords["weight"] = grow(keywords["weight"])
    return replaced(case, pred=grow(case.pred), target=grow(case.target), keywords=keywords)


def _hit(case: BoundCase) -> dict[str, int] | None:
    """The place of a pixel that is foreground and predicted so."""
    binding = case.binding
    if binding.takes == "label":
        hits = (case.pred == case.target) & (case.target > 0)
    else:
        foreground = case.pred > (0 if case.is_loss and binding.takes == "logit" else 0.5)
        target = case.target
        if target.ndim < case.pred.ndim:
            axis = binding.layout.index("C")
            target = np.stack([target == c for c in range(case.pred.shape[axis])], axis)
        hits = foreground & (target > 0.5)
    places = np.argwhere(hits)
    if not len(places):
        return None
    return dict(zip(_names(hits, case), map(int, places[0]), strict=True))


def _names(array: Any, case: BoundCase) -> tuple[str, ...]:
    """A name for each axis; of any layout the last two are height and width."""
    if case.binding.layout == "any":
        return (*map(str, range(array.ndim - 2)), "H", "W")[-array.ndim :]
    return tuple(letters_of(array, case.binding))


def _many_classes(subject: BoundFunction, classes: int) -> Case:
    """All classes on 12 x 12 pixels, most of them hit."""
    record, pixels = subject.binding.record, 144
    labels = (np.arange(pixels) * 5 % classes).reshape(12, 12)
    chosen = np.where(np.arange(pixels).reshape(12, 12) % 3 == 0, (labels + 1) % classes, labels)
    if not subject.binding.is_loss:
        keywords = {"class_axis": 0, "num_classes": classes}
        return Case(record.name, chosen, labels, keywords, is_loss=False)
    pred = np.full((classes, 12, 12), 1 / 64)
    np.put_along_axis(pred, chosen[None], 1 - (classes - 1) / 64, 0)
    return Case(record.name, pred, labels, {"class_axis": 0})


def _far_apart(subject: BoundFunction) -> Iterator[tuple[str, BoundCase]]:
    """Masks whose surfaces are farther apart than the squares of 8 and 16 bits tell."""
    for gap in (20, 190, 300):
        pred, target = np.zeros((5, gap + 6), bool), np.zeros((5, gap + 6), bool)
        pred[1:4, 1:4], target[1:4, -4:-1] = True, True
        pred[2, 2] = False
        case = subject.adapt(Case(subject.binding.spec, pred, target, is_loss=False))
        if case is not None:
            yield f"masks {gap} pixels apart", case
