"""How an array finds its backend, and the branches of libraries that have no device here."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types
from typing import Any

import array_api_strict
import numpy as np
import pytest
import scipy.ndimage
import scipy.special

import segloss_ref as ref
from segloss_ref import Backend, _backend, registry

P = np.array([[0.2, 0.7, 0.4], [0.9, 0.1, 0.5]])
Y = np.array([[0, 1, 0], [1, 0, 1]])


def test_registered_backends() -> None:
    assert {"numpy", "array_api_strict", "torch", "cupy", "jax"} <= set(ref.backends())
    assert ref.backends()["numpy"]().name == "numpy"
    assert _backend.backend_of(P).name == "numpy"
    assert _backend.backend_of(np.float64(1)).name == "numpy"
    assert _backend.backend_of(array_api_strict.asarray(P)).name == "array_api_strict"


def test_an_unknown_library_gets_the_portable_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The strict namespace without its backend is as good as any library that nobody registered."""
    monkeypatch.setattr(_backend, "_by_type", {})
    monkeypatch.setattr(_backend, "entry_points", lambda group: [])
    pred = array_api_strict.asarray(P)
    assert _backend.backend_of(pred).name == "portable"
    value, gradient = ref.value_and_grad(ref.focal_loss)(pred, array_api_strict.asarray(Y))
    expected, wanted = ref.value_and_grad(ref.focal_loss)(P, Y)
    assert float(value) == pytest.approx(float(expected), rel=1e-14)
    assert isinstance(gradient, array_api_strict._array_object.Array)
    np.testing.assert_allclose(np.from_dlpack(gradient), wanted, rtol=1e-14)


def test_a_third_party_can_add_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mine(np.ndarray):
        pass

    class MyBackend(Backend):
        name = "mine"
        calls = 0

        def sigmoid(self, x: Any) -> Any:
            type(self).calls += 1
            return scipy.special.expit(x)

    Mine.__module__ = "mylibrary.arrays"
    entry = types.SimpleNamespace(name="mylibrary", load=MyBackend)
    monkeypatch.setattr(_backend, "_by_type", {})
    monkeypatch.setattr(_backend, "entry_points", lambda group: [entry])
    loss = ref.dice_loss(P.view(Mine), Y.view(Mine), from_logits=True)
    assert float(loss) == pytest.approx(float(ref.dice_loss(P.view(Mine), Y.view(Mine), from_logits=True)))
    assert MyBackend.calls > 0
    monkeypatch.setattr(_backend, "_by_type", {})
    entry.load = lambda: "not a backend"
    with pytest.raises(TypeError, match="entry point 'mylibrary' must name a segloss_ref Backend"):
        ref.dice_loss(P.view(Mine), Y.view(Mine))


@pytest.mark.parametrize("name", sorted(registry.losses))
def test_everything_stays_on_a_foreign_device(name: str) -> None:
    record = registry.losses[name]
    device = array_api_strict.Device("device1")
    pred, weight = (array_api_strict.asarray(array, device=device) for array in (P, P[0]))
    keywords: dict[str, Any] = {"class_axis": 0, "reduction": "none", "axis": 1}
    target = array_api_strict.asarray(Y[0], device=device)
    if "class_axis" not in record.keywords or not record.categorical:
        keywords, weight = {"axis": 1}, pred
        target = array_api_strict.asarray(Y, device=device)
    if "class_weight" in record.keywords and "class_axis" in keywords:
        keywords["class_weight"] = [1.0, 2.0]
    if "label_weights" in record.parameters:
        keywords["label_weights"] = [1.0, 2.0]
    value, gradient = ref.value_and_grad(record.function)(pred, target, weight=weight, **keywords)
    assert value.device == device
    assert gradient.device == device
    with pytest.raises(ValueError, match="target must be on the device of pred"):
        record.function(pred, array_api_strict.asarray(Y), **{**keywords, "weight": None})


@pytest.mark.parametrize("name", sorted(name for name, record in registry.metrics.items() if record.family == "counts"))
def test_metrics_on_a_foreign_device(name: str) -> None:
    device = array_api_strict.Device("device1")
    pred, target, weight = (array_api_strict.asarray(array, device=device) for array in (P, Y[0], P[0]))
    for keywords in ({}, {"weight": weight}, {"ignore_index": 0}):
        value = registry.metrics[name].function(pred, target, class_axis=0, reduction="nanmean", **keywords)
        assert value.device == device


class FakeCuPy(np.ndarray):
    """An array that says it is CuPy's and lives on a device, and is NumPy's inside."""

    def __new__(cls, array: Any, device: int = 0) -> FakeCuPy:
        made = np.asarray(array).view(cls)
        made.home = device
        return made

    def __array_finalize__(self, parent: Any) -> None:
        self.home = getattr(parent, "home", 0)

    @property
    def device(self) -> Any:  # type: ignore[override]
        return f"<CUDA Device {self.home}>"


@pytest.fixture
def cupy_backend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`segloss_backends.cupy` upon a stand-in for CuPy with NumPy's functions, whose device count can be set."""
    import array_api_compat.numpy as namespace

    class CUDARuntimeError(RuntimeError):
        pass

    state = types.SimpleNamespace(count=1)

    def count() -> int:
        if state.count < 0:
            raise CUDARuntimeError("cudaErrorInsufficientDriver")
        return state.count

    cupy = types.ModuleType("cupy")
    cupy.cuda = types.SimpleNamespace(  # type: ignore[attr-defined]
        runtime=types.SimpleNamespace(getDeviceCount=count, CUDARuntimeError=CUDARuntimeError)
    )
    cupy.asarray = lambda array, dtype=None: FakeCuPy(np.array(array, dtype=dtype))  # type: ignore[attr-defined]
    cupy.asnumpy = np.asarray  # type: ignore[attr-defined]
    on_device = types.ModuleType("array_api_compat.cupy")
    vars(on_device).update({name: value for name, value in vars(namespace).items() if not name.startswith("__")})
    on_device.asarray = lambda array, dtype=None, device=None: FakeCuPy(np.asarray(array, dtype=dtype))  # type: ignore[attr-defined]
    on_device.arange = lambda *args, dtype=None, device=None: FakeCuPy(np.arange(*args, dtype=dtype))  # type: ignore[attr-defined]
    for name in ("transpose", "empty", "empty_like", "zeros", "float64", "inf", "where", "arange", "take_along_axis"):
        setattr(cupy, name, getattr(np, name))
    ndimage = types.ModuleType("cupyx.scipy.ndimage")
    ndimage.distance_transform_edt = scipy.ndimage.distance_transform_edt  # type: ignore[attr-defined]
    special = types.ModuleType("cupyx.scipy.special")
    special.expit = scipy.special.expit  # type: ignore[attr-defined]
    import array_api_compat

    monkeypatch.setattr(array_api_compat, "cupy", on_device, raising=False)
    for name, module in {
        "cupy": cupy,
        "cupyx": types.ModuleType("cupyx"),
        "cupyx.scipy": types.ModuleType("cupyx.scipy"),
        "cupyx.scipy.ndimage": ndimage,
        "cupyx.scipy.special": special,
        "array_api_compat.cupy": on_device,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "segloss_backends.cupy", raising=False)
    monkeypatch.setattr(_backend, "_by_type", {})
    monkeypatch.setattr(FakeCuPy, "__module__", "cupy")
    module = importlib.import_module("segloss_backends.cupy")
    module.backend.state = state
    yield module.backend
    sys.modules.pop("segloss_backends.cupy", None)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", sorted(registry.losses))
def test_cupy_dispatch_dtype_and_device(cupy_backend: Any, name: str) -> None:
    record = registry.losses[name]
    keywords: dict[str, Any] = {"class_axis": 0} if record.needs_class_axis else {}
    if "from_logits" in record.keywords:
        keywords["from_logits"] = True
    for dtype in cupy_backend.dtypes():
        pred = cupy_backend.from_numpy(P, dtype, "cuda")
        assert _backend.backend_of(pred) is cupy_backend
        value, gradient = ref.value_and_grad(record.function)(pred, FakeCuPy(Y), **keywords)
        expected, wanted = ref.value_and_grad(record.function)(P.astype(dtype), Y, **keywords)
        assert gradient.dtype == pred.dtype
        assert value.dtype == np.result_type(dtype, np.float32)
        assert float(value) == pytest.approx(float(expected), rel=1e-6)
        np.testing.assert_allclose(cupy_backend.to_numpy(gradient), wanted, rtol=1e-3, atol=1e-6)


def test_cupy_distances(cupy_backend: Any) -> None:
    """Each image by itself, in place of its axes; inf where there is nothing to measure to; other dimensions portably."""
    sites = np.zeros((2, 3, 2), dtype=bool)  # axes 2 and 0 are space, 1 counts images
    sites[0, 0, 0] = sites[1, 2, 1] = True
    found = cupy_backend.squared_distance(sites, (2, 0), (2.0, 3.0))
    np.testing.assert_array_equal(found[:, 0], [[0, 4], [9, 13]])
    np.testing.assert_array_equal(found[:, 1], np.inf)
    np.testing.assert_array_equal(found[:, 2], [[13, 9], [4, 0]])
    line = cupy_backend.squared_distance(FakeCuPy(sites), (1,), (0.5,))
    np.testing.assert_array_equal(line[0, :, 0], [0, 0.25, 1])


def test_cupy_devices_are_kept_apart(cupy_backend: Any) -> None:
    with pytest.raises(
        ValueError, match=r"target must be on the device of pred \(<CUDA Device 0>\), got <CUDA Device 1>"
    ):
        ref.dice_loss(FakeCuPy(P), FakeCuPy(Y, device=1))
    with pytest.raises(TypeError, match="target must be of the library of pred"):
        ref.dice_loss(FakeCuPy(P), Y)


def test_cupy_values_are_not_read_in_a_call(cupy_backend: Any) -> None:
    """A look at values would wait for the device; `validate` does look."""
    assert np.isfinite(ref.dice_loss(FakeCuPy(P * 2), FakeCuPy(Y)))
    with pytest.raises(ValueError, match=r"pred must be in \[0, 1\]"):
        ref.validate(ref.dice_loss, FakeCuPy(P * 2), FakeCuPy(Y))


def test_cupy_without_a_driver_has_no_devices(cupy_backend: Any) -> None:
    assert cupy_backend.devices() == ("cuda",)
    cupy_backend.state.count = 0
    assert cupy_backend.devices() == ()
    cupy_backend.state.count = -1
    assert cupy_backend.devices() == ()


def test_import_costs_no_other_library() -> None:
    code = (
        "import sys, segloss_ref, segloss_backends\n"
        "bad = {'torch', 'jax', 'cupy', 'hypothesis', 'array_api_strict', 'mpmath'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
