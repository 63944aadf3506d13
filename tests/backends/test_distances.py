"""Squared distances: every engine against all pairs of pixels, exact where the spacing is dyadic."""

from __future__ import annotations

import itertools
import math
from typing import Any

import array_api_compat.numpy
import array_api_strict
import numpy as np
import pytest

import segloss_ref as ref
from segloss_backends import _host
from segloss_ref import _distance

SHAPES = [
    ((7,), (0,)),
    ((4, 5), (0, 1)),
    ((5, 4), (1, 0)),
    ((3, 4, 2), (0, 1, 2)),
    ((2, 5, 3), (2, 1)),
    ((3, 2, 2, 3), (0, 3)),
]
SPACINGS = [(1.0, 1.0, 1.0), (0.5, 2.0, 0.75), (3.0, 3.0, 3.0), (0.7, 1.3, 1.0), (2.0**-40, 2.0**-40, 1.0)]


def all_pairs(sites: Any, axes: tuple[int, ...], spacing: tuple[float, ...]) -> Any:
    found = np.full(sites.shape, math.inf)
    for here in np.ndindex(*sites.shape):
        for there in zip(*np.nonzero(sites), strict=True):
            if all(here[k] == there[k] for k in range(sites.ndim) if k not in axes):
                squares = (((here[a] - int(there[a])) * s) ** 2 for a, s in zip(axes, spacing, strict=True))
                found[here] = min(found[here], sum(squares))
    return found


def engines() -> dict[str, Any]:
    def strict(sites: Any, axes: Any, spacing: Any) -> Any:
        backend = ref.backends()["array_api_strict"]()
        return np.from_dlpack(backend.squared_distance(array_api_strict.asarray(sites), axes, spacing))

    def portable(sites: Any, axes: Any, spacing: Any) -> Any:
        return _distance.squared_distance(array_api_compat.numpy, sites, axes, spacing, np.float64, None)

    return {"host": _host.squared_distance, "portable": portable, "strict": strict}


@pytest.mark.parametrize("engine", ["host", "host without edt", "portable", "strict"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_against_all_pairs(engine: str, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine == "host without edt":
        monkeypatch.setattr(_host, "_HAS_EDT", False)
    distance = engines()[engine.partition(" ")[0]]
    rng = np.random.default_rng(int(10 * share))
    for (shape, axes), spacing in itertools.product(SHAPES, SPACINGS):
        sites, steps = rng.random(shape) < share, spacing[: len(axes)]
        before = sites.copy()
        want = all_pairs(sites, axes, steps)
        got = distance(sites, axes, steps)
        if 0.7 in steps:
            np.testing.assert_allclose(got, want, rtol=4e-16)
        else:
            np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(sites, before)


def test_no_axis_is_every_pixel_by_itself() -> None:
    sites = np.array([[True, False]])
    for distance in engines().values():
        np.testing.assert_array_equal(distance(sites, (), ()), [[0.0, math.inf]])


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sites = np.random.default_rng(0).random((6, 11)) < 0.2
    whole = _distance.squared_distance(array_api_compat.numpy, sites, (0, 1), (1.0, 0.5), np.float64, None)
    monkeypatch.setattr(_distance, "BLOCK", 200)
    np.testing.assert_array_equal(
        _distance.squared_distance(array_api_compat.numpy, sites, (0, 1), (1.0, 0.5), np.float64, None), whole
    )


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sites = np.random.default_rng(3).random((5, 9, 11)) < 0.1
    sites[2] = False
    one = _host.squared_distance(sites, (1, 2), (1.0, 0.7))
    monkeypatch.setattr(_host, "_WORTH_A_THREAD", 1)
    np.testing.assert_array_equal(_host.squared_distance(sites, (1, 2), (1.0, 0.7)), one)


def test_what_is_installed_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """The float32 engine is asked for nothing that float32 does not hold, and is really asked for the rest."""
    pytest.importorskip("edt")
    assert _host._dyadic_units((1.0, 1.0), (256, 256)) == (1.0, [1, 1])
    assert _host._dyadic_units((0.5, 2.0), (256, 256)) == (0.25, [1, 4])
    assert _host._dyadic_units((6.0, 9.0), (100, 100)) == (9.0, [2, 3])
    assert _host._dyadic_units((0.7, 0.7), (9, 9)) is None
    assert _host._dyadic_units((1.0, 1.0), (4096, 4096)) is None  # a square of 2^25
    assert _host._dyadic_units((1.0, 1.0), (2048, 2048)) == (1.0, [1, 1])
    far = np.zeros((1, 4097), dtype=bool)
    far[0, 0] = True
    assert _host.squared_distance(far, (0, 1), (1.0, 1.0))[0, -1] == 4096**2
    rng = np.random.default_rng(1)
    sites = rng.random((2, 40, 50)) < 0.02
    for spacing in [(1.0, 1.0), (0.5, 0.75), (3.0, 5.0)]:
        with_edt = _host.squared_distance(sites, (1, 2), spacing)
        monkeypatch.setattr(_host, "_HAS_EDT", False)
        np.testing.assert_array_equal(_host.squared_distance(sites, (1, 2), spacing), with_edt)
        monkeypatch.setattr(_host, "_HAS_EDT", True)


def test_torch_keeps_to_the_device_and_compiles_as_one_step() -> None:
    torch = pytest.importorskip("torch")
    backend = ref.backends()["torch"]()
    sites = np.random.default_rng(2).random((3, 5, 4)) < 0.2
    sites[0] = False
    want = all_pairs(sites, (1, 2), (1.0, 2.0))
    tensor = torch.from_numpy(sites)
    assert np.array_equal(backend.squared_distance(tensor, (1, 2), (1.0, 2.0)).numpy(), want)
    mapped = torch.func.vmap(lambda one: backend.squared_distance(one, (0, 1), (1.0, 2.0)))(tensor)
    assert np.array_equal(mapped.numpy(), want)
    for both in (False, True):
        torch.library.opcheck(torch.ops.segloss.squared_distance.default, (tensor, [1, 2], [1.0, 2.0], both))


@pytest.mark.parametrize("name", ["numpy", "numpy without edt", "array_api_strict", "torch"])
def test_to_the_other_class(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library, _, without = name.partition(" ")
    if without:
        monkeypatch.setattr(_host, "_HAS_EDT", False)
    if library == "torch":
        pytest.importorskip("torch")
    backend = ref.backends()[library]()
    rng = np.random.default_rng(4)
    for (shape, axes), share in itertools.product(SHAPES, [0.0, 0.3, 0.8, 1.0]):
        mask, steps = rng.random(shape) < share, (0.5, 2.0, 0.75)[: len(axes)]
        want = np.where(mask, all_pairs(~mask, axes, steps), all_pairs(mask, axes, steps))
        array = backend.from_numpy(mask, "bool", backend.devices()[0])
        np.testing.assert_array_equal(backend.to_numpy(backend.squared_boundary_distance(array, axes, steps)), want)
