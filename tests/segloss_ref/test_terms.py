"""Terms of the library's own losses in compounds: the closed form against differences, with and without pixel weights."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import segloss_ref as ref
from segloss_ref import kit, registry
from segloss_ref.engine.loss import evaluate_gradient, loss_of
from segloss_ref.engine.regions import Regions, Term

NAMES = [name for name, one in registry.losses.items() if not (one.partial or one.needs_class_axis or one.spatial)]
P, Y, WEIGHT = np.array([0.91, 0.32, 0.64, 0.13]), np.array([1, 1, 0, 0]), np.array([1.0, 2.0, 3.0, 0.5])


def term_of(name: str, r: Regions) -> Term:
    record = registry.losses[name]
    own = {parameter.name: parameter.default for parameter in record.parameters.values()}
    return loss_of(record.function).formula(r, **own)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize(("first", "second"), [*itertools.combinations_with_replacement(NAMES, 2)])
def test_a_sum_of_two_losses_has_the_sum_of_their_gradients(first: str, second: str, weight: Any) -> None:
    def formula(r: Regions) -> Term:
        whole = r.part(0.25, term_of(first, r)) + r.part(0.75, term_of(second, r))
        return whole.through(r.xp.tanh(whole.value), 1 - r.xp.tanh(whole.value) ** 2)

    altered = replace(loss_of(ref.binary_cross_entropy), formula=formula, hard_target=True)
    common = {} if weight is None else {"weight": weight}
    _, gradient = evaluate_gradient(altered, P, Y, common)
    steps = 1e-6 * np.eye(P.size)
    ends = [[evaluate_gradient(altered, P + s * h, Y, common)[0] for s in (1, -1)] for h in steps]
    np.testing.assert_allclose(gradient, [(up - down) / 2e-6 for up, down in ends], rtol=1e-5, atol=1e-7)


def test_a_mean_over_the_classes_present_is_not_lost_in_a_sum() -> None:
    def formula(r: Regions) -> Term:
        present = term_of("lovasz_softmax_loss", r)
        return present + present

    altered = replace(loss_of(ref.lovasz_softmax_loss), formula=lambda r, **own: formula(r))
    with pytest.raises(ValueError, match="cannot be added"):
        evaluate_gradient(altered, np.array([[0.9, 0.2], [0.1, 0.8]]), np.array([0, 0]), {"class_axis": 0})


def test_a_loss_without_a_public_function_is_called_by_its_formula_in_messages() -> None:
    @kit.loss("region", "@dice1945measures", latex="p")
    def squared_error(r: kit.Regions) -> kit.Term:
        error = r.prob.p - r.y
        return r.mean(error * error, lambda: kit.Slope(p=2 * error))

    with pytest.raises(ValueError, match=r"^squared_error: "):
        kit.evaluate_gradient(squared_error, np.array([2.0]), np.array([1]), {})
