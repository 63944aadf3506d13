"""Gradients under a cotangent: loss scaling, a loss as one of several terms, and values of which each has its own.

What is wanted comes from formulas on paper or from a naive float64 computation in plain torch, multiplied and rounded once.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import segloss_ref as ref
from segloss_conformance.cases.pinned import pinned
from segloss_conformance.engine.matrix import hold
from segloss_conformance.subjects.library import Library, libraries
from segloss_ref import registry

torch = pytest.importorskip("torch")

COTANGENTS = [2.0**-20, 0.3, 2.0**15, 2.0**16, 2.0**24]
UNITS = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}
STEPS = {torch.float16: 2.0**-24, torch.bfloat16: 2.0**-133}
halves = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["float16", "bfloat16"])


def naive_dice(z: Any, y: Any, axes: tuple[int, ...]) -> Any:
    """1 - (2 sum(py) + s)/(sum(p) + sum(y) + s), s = 1e-5 as the contract has it."""
    p = torch.sigmoid(z)
    return 1 - (2 * (p * y).sum(axes) + 1e-5) / (p.sum(axes) + y.sum(axes) + 1e-5)


def naive_cross_entropy(z: Any, y: Any, axes: tuple[int, ...]) -> Any:
    return (torch.nn.functional.softplus(z) - y * z).mean(axes)


NAIVE = {"dice_loss": naive_dice, "binary_cross_entropy": naive_cross_entropy}


def image(dtype: Any, shape: tuple[int, ...] = (2, 1, 24, 40), spread: float = 3.0) -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(7)
    logits = (torch.randn(shape, generator=generator) * spread).to(dtype)
    return logits, (torch.rand(shape, generator=generator) > 0.6).float()


def expected(name: str, z: Any, y: Any, cotangent: Any, axes: tuple[int, ...]) -> Any:
    """The gradient in float64 times the cotangent, not yet rounded."""
    leaf = z.double().requires_grad_()
    value = NAIVE[name](leaf, y.double(), axes)
    (gradient,) = torch.autograd.grad(value, leaf, torch.as_tensor(cotangent, dtype=torch.float64).expand(value.shape))
    return gradient


def assert_rounded_once(got: Any, want: Any) -> None:
    """Within half a unit in the last place, and a little for float32 before it."""
    edge = torch.finfo(got.dtype).max * (1 + UNITS[got.dtype] / 2)
    inside = want.abs() < edge
    assert torch.isinf(got[want.abs() > edge * (1 + 1e-6)]).all()
    assert torch.equal(got[want.abs() > edge * (1 + 1e-6)].sign().double(), want[want.abs() > edge * (1 + 1e-6)].sign())
    off = (got[inside].double() - want[inside]).abs()
    allowed = torch.clamp(UNITS[got.dtype] * want[inside].abs(), min=STEPS[got.dtype] / 2) + 1e-5 * want[inside].abs()
    assert (off <= allowed).all(), float((off / allowed).max())


# The fault as it was found. -------------------------------------------------------------------------------------------


def test_a_scale_that_float16_does_not_hold() -> None:
    z = torch.zeros(2, 1, 512, 512).half().requires_grad_()
    loss = ref.binary_cross_entropy(z, torch.ones(2, 1, 512, 512), from_logits=True)
    scaled = loss * 65536  # (p - y)/N = -1/2 / 2^19
    plain, again = (torch.autograd.grad(scaled, z, retain_graph=True)[0] for _ in range(2))
    (differentiable,) = torch.autograd.grad(scaled, z, create_graph=True)
    for gradient in (plain, again, differentiable):
        assert gradient.dtype == torch.float16
        assert (gradient == -0.0625).all()


def test_small_slopes_of_a_large_image_are_not_lost() -> None:
    z, y = image(torch.float16, (2, 1, 96, 160, 160))
    scale = 32768.0
    want = expected("dice_loss", z, y, scale, (0, 1, 2, 3, 4))
    leaf = z.clone().requires_grad_()
    (ref.dice_loss(leaf, y, from_logits=True) * scale).backward()
    got = leaf.grad
    assert_rounded_once(got, want)
    rounded = want.to(torch.float16)
    zeros = (got == 0).double().mean().item()
    assert zeros < 1e-3
    assert abs(zeros - (rounded == 0).double().mean().item()) < 1e-6
    assert got.double().sum().item() == pytest.approx(rounded.double().sum().item(), rel=1e-4)


def test_a_weight_that_bfloat16_does_not_hold() -> None:
    z, y = image(torch.bfloat16)
    leaf = z.clone().requires_grad_()
    (ref.dice_loss(leaf, y, from_logits=True) * 0.3).backward()
    want = expected("dice_loss", z, y, 0.3, (0, 1, 2, 3))
    assert ((leaf.grad.double() - want).abs() <= 2.0**-8 * (1 + 1e-3) * want.abs()).all()


# The whole kind. ------------------------------------------------------------------------------------------------------


@halves
@pytest.mark.parametrize("name", NAIVE)
@pytest.mark.parametrize("cotangent", COTANGENTS)
def test_one_value(name: str, dtype: Any, cotangent: float) -> None:
    z, y = image(dtype)
    want = expected(name, z, y, np.float32(cotangent), (0, 1, 2, 3))
    loss: Any = registry.losses[name].function
    leaf = z.clone().requires_grad_()
    value = loss(leaf, y, from_logits=True)
    assert value.dtype == torch.float32
    factor = torch.tensor(cotangent)
    first, second = (torch.autograd.grad(value, leaf, factor, retain_graph=True)[0] for _ in range(2))
    assert_rounded_once(first, want)
    assert torch.equal(first, second)
    (differentiable,) = torch.autograd.grad(value, leaf, factor, create_graph=True)
    assert_rounded_once(differentiable.detach(), want)
    closed_value, closed = ref.value_and_grad(loss)(z, y, from_logits=True, cotangent=cotangent)
    assert torch.equal(closed_value, value.detach())
    assert closed.dtype == dtype
    assert_rounded_once(closed, want)
    assert torch.equal(ref.grad(loss)(z, y, from_logits=True, cotangent=factor), closed)


@halves
@pytest.mark.parametrize("name", NAIVE)
@pytest.mark.parametrize("size", COTANGENTS)
def test_several_values(name: str, dtype: Any, size: float) -> None:
    z, y = image(dtype, (3, 1, 24, 40))
    cotangent = torch.tensor([[-1.0], [0.0], [0.7]]) * size
    want = expected(name, z, y, cotangent, (2, 3))
    loss: Any = registry.losses[name].function
    keywords: dict[str, Any] = {"from_logits": True, "axis": (2, 3), "reduction": "none"}
    leaf = z.clone().requires_grad_()
    value = loss(leaf, y, **keywords)
    first, second = (torch.autograd.grad(value, leaf, cotangent, retain_graph=True)[0] for _ in range(2))
    assert_rounded_once(first, want)
    assert torch.equal(first, second)
    assert not first[1].any()
    assert_rounded_once(torch.autograd.grad(value, leaf, cotangent, create_graph=True)[0].detach(), want)
    assert_rounded_once(ref.grad(loss)(z, y, **keywords, cotangent=cotangent), want)


@pytest.mark.parametrize("name", NAIVE)
@pytest.mark.parametrize("cotangent", COTANGENTS)
def test_numpy(name: str, cotangent: float) -> None:
    z, y = image(torch.float16)
    want = expected(name, z, y, np.float32(cotangent), (0, 1, 2, 3))
    loss: Any = registry.losses[name].function
    value, gradient = ref.value_and_grad(loss)(z.numpy(), y.numpy(), from_logits=True, cotangent=cotangent)
    assert value.dtype == np.float32
    assert gradient.dtype == np.float16
    assert_rounded_once(torch.from_numpy(gradient), want)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", NAIVE)
def test_jax(name: str, dtype: str) -> None:
    jax = pytest.importorskip("jax")
    kind = getattr(torch, dtype)
    z, y = image(kind)
    loss: Any = registry.losses[name].function
    on_jax, target = jax.numpy.asarray(z.float().numpy(), dtype=dtype), jax.numpy.asarray(y.numpy())

    def scaled(z: Any, factor: Any) -> Any:
        return loss(z, target, from_logits=True) * factor

    gradients = {"eager": jax.grad(scaled), "jit": jax.jit(jax.grad(scaled))}
    for cotangent in COTANGENTS:
        want = expected(name, z, y, np.float32(cotangent), (0, 1, 2, 3))
        for gradient in gradients.values():
            found = gradient(on_jax, jax.numpy.float32(cotangent))
            assert found.dtype == dtype
            assert_rounded_once(torch.from_numpy(np.array(found, dtype=np.float32)).to(kind), want)
    _, pull = jax.vjp(lambda z: loss(z, target, from_logits=True), on_jax)
    for _ in range(2):
        (found,) = pull(jax.numpy.float32(2.0**16))
        want = expected(name, z, y, 2.0**16, (0, 1, 2, 3))
        assert_rounded_once(torch.from_numpy(np.array(found, dtype=np.float32)).to(kind), want)


def test_the_scale_of_mixed_precision_rises() -> None:
    """A convolution in float32 whose logits are float16, as under autocast: 200 steps, and the scale passes 2^20."""
    generator = torch.Generator().manual_seed(3)
    pictures = torch.randn(2, 1, 64, 64, generator=generator)
    target = (torch.nn.functional.avg_pool2d(pictures, 3, 1, 1) > 0).float()
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(1, 1, 3, padding=1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scaler = torch.amp.GradScaler(device="cpu", growth_interval=8)
    losses, scales = [], []
    for _ in range(200):
        optimizer.zero_grad()
        logits = layer(pictures).half()
        loss = ref.binary_cross_entropy(logits, target, from_logits=True) + ref.dice_loss(
            logits, target, from_logits=True
        )
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
        scales.append(scaler.get_scale())
    assert max(scales) > 2.0**20
    assert min(scales) >= 2.0**16
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("name", sorted(registry.losses))
def test_every_loss_conforms_in_16_bits(name: str) -> None:
    """The pinned cases of the suite, each at its own cotangent."""
    columns = [one for one in libraries(["torch"], ["cpu"], ["float16", "bfloat16"]) if isinstance(one, Library)]
    for column in hold(registry.losses[name], columns, given=pinned(name), shrinking=False):
        assert column.verdict == "conforms", column.finding
