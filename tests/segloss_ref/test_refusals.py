"""Every bad value is refused in one sentence, the same on every library."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

import segloss_ref as ref
from segloss_ref import registry
from segloss_ref.presets import presets
from tests.segloss_ref.refusals import (
    ELSEWHERE,
    LABELS,
    LIBRARIES,
    NO_COTANGENTS,
    NO_INTEGERS,
    NO_LABELS,
    NO_PREDICTIONS,
    NO_REGIONS,
    NO_TARGETS,
    NO_WEIGHTS,
    P,
    Row,
    Y,
    arguments_of_loss,
    arguments_of_metric,
    complaints,
    of_library,
    rows_of,
)


def validating(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda pred, target, **keywords: ref.validate(function, pred, target, **keywords)


@cache
def table() -> tuple[Row, ...]:
    rows: list[Row] = []
    for name, record in registry.losses.items():
        loss = record.function
        faces = {
            "": loss, "value_and_grad": ref.value_and_grad(loss), "grad": ref.grad(loss), "validate": validating(loss),
        }  # fmt: skip
        for how, function in faces.items():
            for base, bad in arguments_of_loss(record):
                rows += rows_of(how, function, name, bad, base)
        base = {"pred": P, "target": Y, **({"class_axis": 0} if record.needs_class_axis else {})}
        rows += rows_of("value_and_grad", faces["value_and_grad"], name, {"cotangent": NO_COTANGENTS}, base)
    for name, metric in registry.metrics.items():
        for how, function in {"": metric.function, "validate": validating(metric.function)}.items():
            for base, bad in arguments_of_metric(metric.parameters, reduced=True):
                rows += rows_of(how, function, name, bad, base)
    for function in (ref.confusion, ref.surface_distances):
        for base, bad in arguments_of_metric(registry.parameters_of(function), reduced=False):
            rows += rows_of("", function, function.__name__, bad, base)
    pairs = {
        "pred": {**NO_PREDICTIONS, "floating": of_library(lambda: P[0]), "bools": of_library(lambda: LABELS > 0)},
        "target": {
            **NO_TARGETS,
            **ELSEWHERE,
            "floating": of_library(lambda: P[0]),
            "bools": of_library(lambda: LABELS > 0),
        },
        "num_classes": {**NO_INTEGERS, "None": None, "zero": 0, "negative": -1, "beyond": 2**40, "huge": 10**400},
        "axis": NO_REGIONS,
        "weight": {**NO_WEIGHTS, **ELSEWHERE},
        "ignore_index": NO_LABELS,
    }
    base = {"pred": LABELS, "target": LABELS, "num_classes": 2}
    rows += rows_of("", ref.class_confusion, "class_confusion", pairs, base)
    for preset in presets.values():
        fixed = preset.keywords
        parameters = {n: one for n, one in registry.metrics[preset.metric].parameters.items() if n not in fixed}
        for base, bad in arguments_of_metric(parameters, reduced=True):
            rows += rows_of("preset", preset, preset.metric, bad, base)
    return tuple(rows)


OWNERS = sorted({row.owner for row in table()})


@pytest.mark.parametrize("owner", OWNERS)
def test_every_bad_value_is_refused_in_one_sentence(owner: str) -> None:
    found = complaints([row for row in table() if row.owner == owner], LIBRARIES)
    assert not found, f"{len(found)}: " + "\n".join(found[:10])


def test_the_table_is_as_large_as_promised() -> None:
    assert len({(row.owner, row.how, row.argument, row.kind) for row in table()}) >= 5000
