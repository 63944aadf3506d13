"""Rankings and the gradient of the Lovász losses where rounding and ties decide."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import segloss_ref as ref
from segloss_backends import _host
from segloss_ref import Backend


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [1, 7, 1023, 1024, 5000])
def test_ranking(length: int, dtype: Any) -> None:
    rng = np.random.default_rng(length)
    tiny, huge = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    rows = np.stack(
        [
            rng.random(length),
            rng.integers(0, 3, length) / 2,  # ties
            rng.choice([0.0, -0.0, 1.0], length),
            rng.choice([0.0, tiny, 2 * tiny, 1.0, np.nextafter(dtype(1), dtype(2)), huge, np.inf], length),
        ]
    ).astype(dtype)
    found = _host.ranking(rows)
    for row, order in zip(rows.tolist(), found.tolist(), strict=True):
        assert order == sorted(range(length), key=lambda i: -row[i])  # Python's sort keeps the order of equal ones


def test_the_radix_ranking_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail, and does meet the ranking by digits."""
    row = np.linspace(0, 1, 2000)
    monkeypatch.setattr(_host, "_radix_ranking", lambda row, bits: np.arange(row.size))
    assert _host.ranking(row)[0] == 0
    assert _host.ranking(row[:100])[0] == 99


def test_portable_gather_and_scatter() -> None:
    x, places = np.array([[10.0, 20.0, 30.0], [40.0, 50.0, 60.0]]), np.array([[2, 0, 1], [0, 2, 1]])
    portable = Backend()
    assert portable.gather(x, places).tolist() == [[30, 10, 20], [40, 60, 50]]
    assert portable.scatter(x, places).tolist() == [[20, 30, 10], [40, 60, 50]]


@pytest.mark.parametrize("library", ["numpy", "torch", "jax", "array_api_strict"])
@pytest.mark.parametrize(
    ("y", "want"),
    [([1, 0, 0], [-1, 0, 0]), ([0, 0, 1], [1 / 2, 1 / 6, -1 / 3]), ([0, 0, 0], [1, 0, 0]), ([1, 1, 1], [-1 / 3] * 3)],
)
def test_ties_keep_their_order_in_memory(library: str, y: list[int], want: list[float]) -> None:
    backend = ref.backends()[library]() if library in ("numpy", "array_api_strict") else None
    if backend is None:
        pytest.importorskip(library)
        backend = ref.backends()[library]()
    pred, target = (backend.from_numpy(np.array(one), "float32", backend.devices()[0]) for one in ([0.5] * 3, y))
    _, gradient = ref.value_and_grad(ref.lovasz_softmax_loss)(pred, target)
    np.testing.assert_allclose(backend.to_numpy(gradient), want, rtol=3e-7, atol=0)


def test_ties_of_many_pixels() -> None:
    """1500 equal errors: the foreground comes first in memory, so that every miss adds 1/G and no false alarm anything."""
    y = np.arange(1500) < 1000
    _, gradient = ref.value_and_grad(ref.lovasz_softmax_loss)(np.full(1500, 0.5), y.astype(int))
    np.testing.assert_allclose(gradient, np.where(y, -1 / 1000, 0), rtol=1e-14)


@pytest.mark.parametrize("z", [8.0, 20.0, 40.0])
@pytest.mark.parametrize("pixels", [1, 70_000])
def test_a_wrong_class_of_probability_near_1_keeps_its_gradient(z: float, pixels: int) -> None:
    """The softmax gives dz_k = p_k sum over c of p_c (g_k - g_c), where nothing cancels; here for the first pixel.

    Its slopes g are 1 for the classes without ground truth, whose first false alarm takes J to 1, and -1/n for the true one.
    """
    pred = np.zeros((3, pixels), dtype=np.float32)
    pred[0] = z
    labels = np.ones(pixels, dtype=np.int64)
    _, gradient = ref.value_and_grad(ref.lovasz_softmax_loss)(
        pred, labels, class_axis=0, from_logits=True, classes="all"
    )
    p = np.array([1.0, math.exp(-z), math.exp(-z)]) / (1 + 2 * math.exp(-z))
    g = np.array([1.0, -1 / pixels, 1.0])
    want = p * ((g[:, None] - g[None, :]) * p[None, :]).sum(axis=1)
    np.testing.assert_allclose(gradient[:, 0] * 3, want, rtol=1e-5)


def test_fractional_weights_weigh_the_sets() -> None:
    """J of one miss of weight 1/4 beside a hit of weight 1/2: 1/3; then a false alarm of weight 1/4 takes it to 1 - 2/4."""
    value = ref.lovasz_softmax_loss(np.array([1.0, 0.25, 0.5]), np.array([1, 1, 0]), weight=np.array([0.5, 0.25, 0.25]))
    assert float(value) == pytest.approx(0.75 * (1 / 3) + 0.5 * (1 / 2 - 1 / 3), rel=1e-15)
