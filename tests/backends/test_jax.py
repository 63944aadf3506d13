"""JAX: jit, vmap, gradients and second derivatives of the closed form; 32 bits without ``jax_enable_x64``."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import segloss_ref as ref
from segloss_ref import registry

jax = pytest.importorskip("jax")


@pytest.fixture(autouse=True)
def double_precision() -> Any:
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


@pytest.mark.parametrize("name", sorted(registry.losses))
def test_transforms(name: str) -> None:
    record = registry.losses[name]
    rng = np.random.default_rng(0)
    logits, weight = rng.normal(size=(2, 3, 4)), rng.random((2, 3, 4))
    target = rng.random((2, 3, 4)) > 0.5
    keywords: dict[str, Any] = {"from_logits": True} if "from_logits" in record.keywords else {}
    if "class_axis" in record.keywords and record.categorical:
        keywords |= {"class_axis": 1}
        target, weight = rng.integers(0, 3, (2, 4)), weight[:, 0]
    expected, wanted = ref.value_and_grad(record.function)(logits, target, weight=weight, axis=2, **keywords)
    z, y, w = (jax.numpy.asarray(array) for array in (logits, target, weight))

    def loss(z: Any) -> Any:
        return record.function(z, y, weight=w, axis=2, **keywords)

    value, gradient = jax.jit(jax.value_and_grad(loss))(z)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-11, atol=1e-16)
    stacked = jax.jit(jax.vmap(jax.grad(loss)))(jax.numpy.stack([z, 2 * z]))
    np.testing.assert_allclose(stacked[1], jax.grad(loss)(2 * z), rtol=1e-11, atol=1e-16)
    if record.smooth and not record.partial:
        hessian = jax.hessian(loss)(z)
        step = 1e-6 * rng.normal(size=z.shape)
        change = jax.grad(loss)(z + step) - jax.grad(loss)(z - step)
        np.testing.assert_allclose(np.tensordot(hessian, 2 * step, 3), change, rtol=1e-5, atol=1e-13)


def test_lists_among_the_keywords() -> None:
    """A call is a static argument of JAX, so that it must have a hash."""
    p, y = jax.numpy.asarray([[0.25, 0.5], [0.75, 0.5]]), jax.numpy.asarray([[0, 1], [1, 0]])
    value = ref.dice_loss(p, y, axis=[1], class_axis=0, class_weight=[1.0, 2.0], smooth=[0.0, 1.0])
    assert float(value) == pytest.approx(
        float(ref.dice_loss(p, y, axis=1, class_axis=0, class_weight=(1, 2), smooth=(0, 1)))
    )


def test_without_64_bits() -> None:
    code = (
        "import jax.numpy as jnp, segloss_ref as ref, warnings\n"
        "warnings.simplefilter('error')\n"
        "p, y = jnp.array([[0.9, 0.2], [0.1, 0.8]]), jnp.array([0, 1])\n"
        "assert ref.dice_loss(p, y, class_axis=0).dtype == jnp.float32\n"
        "assert ref.confusion(p, y, class_axis=0).tp.dtype == jnp.int32\n"
        "assert float(ref.dice_score(p, y, class_axis=0, reduction='mean')) == 1\n"
    )
    environment = {
        name: value for name, value in os.environ.items() if name != "JAX_ENABLE_X64"
    }  # the command line sets it
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
