"""Losses formed block by block mean what they mean in one piece: against the textbook, on blocks of a few pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segloss_backends.numpy import backend as numpy_backend
from segloss_conformance.adapters.words import OWN_GROUPS
from segloss_conformance.cases.draw import draw
from segloss_conformance.engine.judge import judge
from segloss_conformance.engine.verdicts import Verdict
from segloss_conformance.subjects.library import libraries
from segloss_ref import binary_cross_entropy, registry, value_and_grad
from segloss_ref.engine.probability import blocks


@pytest.mark.parametrize("whole", [None, 0, 1, 2])
@pytest.mark.parametrize("block", [1, 5, 12, 10**6])
@pytest.mark.parametrize("shape", [(7,), (4, 1, 5), (2, 3, 4), (1, 30, 2)])
def test_blocks_cover_every_pixel_once(shape: tuple[int, ...], block: int, whole: int | None) -> None:
    if whole is not None and whole >= len(shape):
        pytest.skip("no such axis")
    seen = np.zeros(shape, dtype=int)
    least = 1 if whole is None else shape[whole]
    for place in blocks(shape, block, whole):
        part = seen[place]
        assert 0 < part.size <= max(block, least)
        assert whole is None or part.shape[whole] == shape[whole]
        part += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("name", sorted(registry.losses))
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_blocks_against_the_textbook(name: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if library == "torch":
        pytest.importorskip("torch")
    (implementation,) = libraries([library], devices=["cpu"], dtypes=["float64"])
    kind: Any = type(implementation.backend)
    whole = kind.block
    # None where nothing may be written to, as in what autograd records.
    monkeypatch.setattr(kind, "block", lambda self, array: None if whole(self, array) is None else 3)
    for case in draw(registry.losses[name], 12, seed=11):
        if implementation.adapt(case) is not None:
            assert judge(implementation, case, {group: Verdict(group) for group in OWN_GROUPS})[0] is None


def test_a_block_left_out_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above can fail: a store that forgets its factor, or its place, is seen."""
    monkeypatch.setattr(type(numpy_backend), "block", lambda self, array: 3)
    z, y = np.linspace(-2, 2, 8), np.arange(8) % 2
    right = value_and_grad(binary_cross_entropy)(z, y, from_logits=True)[1]
    np.testing.assert_allclose(right, (1 / (1 + np.exp(-z)) - y) / 8, rtol=1e-14)

    def forgets(self: Any, out: Any, place: Any, array: Any, factor: Any) -> None:
        out[place] = array

    monkeypatch.setattr(type(numpy_backend), "store", forgets)
    wrong = value_and_grad(binary_cross_entropy)(z, y, from_logits=True)[1]
    np.testing.assert_allclose(wrong, 8 * right, rtol=1e-14)
