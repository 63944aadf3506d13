"""Cases that every check begins with: plain ones for the smoke test, those on paper, and the edges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from segloss_ref.registry import LossRecord, Record

from ..truth.closed_forms import CLOSED_FORMS
from .case import Case

__all__ = ["closed_cases", "edge_cases", "plain_cases"]

# Two images of 2 x 3 pixels and three classes, small because the textbook is slow, and with no symmetry in the numbers.
_LABELS = (np.arange(12).reshape(2, 2, 3) * 7 // 3) % 3


def _spread(shift: int) -> Any:
    """Predictions for three classes between 1/16 and 13/16, in no order."""
    place = np.arange(36).reshape(3, 2, 2, 3) + shift
    shares = (place * place * 7 + place * 3) % 11 + 1.0
    shares = np.floor(shares / shares.sum(0) * 12) + 1
    shares[0] += 16 - shares.sum(0)
    return shares / 16


def plain_cases(record: Record) -> list[Case]:
    """Three cases far from every edge."""
    found = []
    for shift in (0, 5, 9):
        pred = _spread(shift)
        if isinstance(record, LossRecord):
            if record.logits_only:
                found.append(Case(record.name, pred[1] * 4 - 1.375, (_LABELS == 1).astype(np.int64)))
            elif record.categorical and "class_axis" in record.keywords:
                found.append(Case(record.name, pred, np.roll(_LABELS, shift), {"class_axis": 0}))
            else:
                found.append(Case(record.name, pred[1], (np.roll(_LABELS, shift) == 1).astype(np.int64)))
        else:
            chosen = pred.argmax(0)
            found.append(Case(record.name, chosen == 1, np.roll(_LABELS, shift) == 1, is_loss=False))
    return found


def closed_cases(record: Record) -> Iterator[tuple[Case, str]]:
    """(case, derivation) of what can be worked out on paper."""
    is_loss = isinstance(record, LossRecord)
    for one in CLOSED_FORMS:
        if one.spec == record.name:
            pred = np.array(one.pred, dtype=float) if is_loss else np.array(one.pred) > 0
            yield Case(one.spec, pred, np.array(one.target), dict(one.parameters), is_loss=is_loss), one.why


def _edge_arrays(is_loss: bool) -> Iterator[tuple[Any, Any]]:
    """(pred, target) of the edges: empty, full, perfect and inverse masks, one pixel, one empty image of two."""
    empty, full, some = np.zeros((2, 2)), np.ones((2, 2)), np.array([[1.0, 0.0], [0.0, 0.0]])
    yield empty, empty
    yield full, full
    yield some, some
    yield 1 - some, some
    yield some, empty
    yield empty, some
    yield np.ones((1, 1)), np.ones((1, 1))
    yield np.stack([some, empty]), np.stack([some, empty])
    yield np.stack([some, some]), np.stack([some, empty])
    if is_loss:
        yield np.full((2, 2), 0.25), empty
        yield np.full((2, 2), 0.25), full
        yield np.array([[0.75, 0.25], [0.5, 0.125]]), np.array([[0.5, 0.25], [1.0, 0.0]])


def edge_cases(record: Record) -> Iterator[Case]:
    """Cases at the edges of the domain; what a binding does not support it drops."""
    is_loss = isinstance(record, LossRecord)
    logits_only = record.logits_only
    for pred, target in _edge_arrays(is_loss):
        given = np.where(pred > 0.5, 4.0, -4.0) * np.maximum(np.abs(pred - 0.5) * 2, 0.25) if logits_only else pred
        kind = target if is_loss and not record.hard_target else (target > 0.5).astype(np.int64)
        yield Case(record.name, given if is_loss else pred > 0.5, kind, is_loss=is_loss)
    if not is_loss:
        return
    assert isinstance(record, LossRecord)
    mask = np.array([[1, 0], [0, 1]])
    logits = {"from_logits": True} if "from_logits" in record.keywords else {}
    if logits or logits_only:
        for size in (20.0, 40.0, 640.0, 9984.0):
            right = np.where(mask == 1, size, -size)
            yield Case(record.name, right, mask, dict(logits))
            yield Case(record.name, -right, mask, dict(logits))
            yield Case(record.name, np.array([[size, -size], [0.5, -0.5]]), mask, dict(logits))
    if record.categorical and "class_axis" in record.keywords:
        pred = _spread(0)[:, 0, :, :2]
        absent = np.array([[0, 1], [1, 0]])
        yield Case(record.name, pred, absent, {"class_axis": 0})
        yield Case(record.name, pred, np.zeros((2, 2), np.int64), {"class_axis": 0})
        if not logits_only:
            yield Case(record.name, np.moveaxis(np.eye(3)[absent], -1, 0), absent, {"class_axis": 0})
    yield Case(record.name, np.where(mask == 1, 0.75, 0.25), np.array([[1, 255], [0, 255]]), {"ignore_index": 255})
    yield Case(record.name, np.where(mask == 1, 0.75, 0.25), np.full((2, 2), 255), {"ignore_index": 255})
