"""Torch: the closed form behind autograd, its derivatives, transforms, compilation, memory, precision and modules."""

from __future__ import annotations

import copy
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import segloss_ref as ref
from segloss_ref import registry

torch = pytest.importorskip("torch")

from segloss_backends.torch import backend  # noqa: E402 - it imports torch

# One entry a loss and form: with classes along axis 1, and without.
FORMS = [
    (name, classes)
    for name, record in sorted(registry.losses.items())
    for classes in (False, True)
    if (not classes or ("class_axis" in record.keywords and record.categorical))
    and (classes or not record.needs_class_axis)
]
WHOLE = [form for form in FORMS if not registry.losses[form[0]].partial]
SMOOTH = [form for form in WHOLE if registry.losses[form[0]].smooth]
whole_forms = pytest.mark.parametrize(("name", "classes"), WHOLE)
forms = pytest.mark.parametrize(("name", "classes"), FORMS)
smooth_forms = pytest.mark.parametrize(("name", "classes"), SMOOTH)


compiler = pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="no C++ compiler")
# Warnings of torch about torch: its tracer instantiates a Function class, and its transforms import its old compiler.
torch_s_own = pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated", "ignore:Dynamo detected a call", "ignore:.torch.jit.script"
)


def case(name: str, classes: bool, dtype: Any = None) -> tuple[Callable[..., Any], Any, Any, dict[str, Any]]:
    """(loss, logits, target, keywords), drawn anew from a fixed seed."""
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    record = registry.losses[name]
    logits = torch.randn(2, 3, 4, dtype=torch.float64, generator=generator).to(dtype or torch.float64)
    labels = torch.randint(0, 3, (2, 4), generator=generator)
    keywords: dict[str, Any] = {"from_logits": True} if "from_logits" in record.keywords else {}
    if classes:
        keywords["class_axis"] = 1
    return (
        record.function,
        logits,
        labels if classes else (labels[:, None, :] == torch.arange(3)[:, None]),
        keywords,
    )


def weights(classes: bool) -> Any:
    generator = torch.Generator().manual_seed(5)
    return (
        torch.rand(2, 4, dtype=torch.float64, generator=generator)
        if classes
        else torch.rand(2, 3, 4, dtype=torch.float64, generator=generator)
    )


@forms
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_backward_runs_the_closed_form(name: str, classes: bool, reduction: str) -> None:
    loss, logits, target, keywords = case(name, classes)
    keywords |= {"reduction": reduction, "axis": (2,), "weight": weights(classes)}
    plain = {key: value.numpy() if torch.is_tensor(value) else value for key, value in keywords.items()}
    expected, gradient = ref.value_and_grad(loss)(logits.numpy(), target.numpy(), **plain)
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, target, **keywords)
    value.sum().backward()
    np.testing.assert_allclose(value.detach().numpy(), expected, rtol=1e-13)
    np.testing.assert_allclose(leaf.grad.numpy(), gradient, rtol=1e-11, atol=1e-16)


@torch_s_own
@whole_forms
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_gradcheck(name: str, classes: bool, reduction: str) -> None:
    loss, logits, target, keywords = case(name, classes)
    leaf = logits.requires_grad_()
    keywords |= {"reduction": reduction, "axis": (2,), "weight": weights(classes)}
    assert torch.autograd.gradcheck(lambda z: loss(z, target, **keywords), (leaf,), check_forward_ad=True)


@smooth_forms
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_gradgradcheck(name: str, classes: bool, reduction: str) -> None:
    loss, logits, target, keywords = case(name, classes)
    leaf = logits.requires_grad_()
    assert torch.autograd.gradgradcheck(lambda z: loss(z, target, reduction=reduction, axis=(2,), **keywords), (leaf,))


@whole_forms
def test_probabilities_pass_gradcheck_too(name: str, classes: bool) -> None:
    loss, logits, target, keywords = case(name, classes)
    keywords.pop("from_logits", None)
    leaf = torch.sigmoid(logits).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: loss(p, target, axis=(2,), **keywords), (leaf,))


@forms
def test_function_transforms(name: str, classes: bool) -> None:
    loss, logits, target, keywords = case(name, classes)

    def value(z: Any, y: Any) -> Any:
        return loss(z, y, **keywords)

    leaf = logits.clone().requires_grad_()
    (expected,) = torch.autograd.grad(value(leaf, target), leaf)
    torch.testing.assert_close(torch.func.grad(value)(logits, target), expected, rtol=1e-12, atol=1e-16)
    stack = torch.stack([logits, 2 * logits, logits - 1])
    targets = torch.stack([target] * 3)
    found = torch.func.vmap(value)(stack, targets)
    torch.testing.assert_close(found, torch.stack([value(z, target) for z in stack]), rtol=1e-13, atol=0)
    found = torch.func.vmap(torch.func.grad(value))(stack, targets)
    wanted = torch.stack([torch.func.grad(value)(z, target) for z in stack])
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-16)


@torch_s_own
@smooth_forms
def test_hessian(name: str, classes: bool) -> None:
    loss, logits, target, keywords = case(name, classes)

    def value(z: Any) -> Any:
        return loss(z, target, **keywords)

    forward_over_reverse = torch.func.hessian(value)(logits)
    twice_backward = torch.autograd.functional.hessian(value, logits)
    torch.testing.assert_close(forward_over_reverse, twice_backward, rtol=1e-9, atol=1e-13)
    assert forward_over_reverse.abs().max() > 1e-6


@torch_s_own
def test_second_derivatives_at_a_logit_of_0() -> None:
    """The sides of max(z, 0) and min(p, q) meet there, and each must get its half: pq/N = 1/8 on the diagonal."""
    z, y = torch.zeros(2, dtype=torch.float64), torch.tensor([1.0, 0.0], dtype=torch.float64)

    def value(x: Any) -> Any:
        return ref.binary_cross_entropy(x, y, from_logits=True)

    assert torch.equal(torch.func.hessian(value)(z), torch.eye(2, dtype=torch.float64) / 8)
    _, tangent = torch.func.jvp(value, (z,), (torch.tensor([1.0, 0.5], dtype=torch.float64),))
    assert tangent == -1 / 4 + 0.5 / 4


@compiler
@torch_s_own
@forms
def test_compile(name: str, classes: bool) -> None:
    loss, logits, target, keywords = case(name, classes)
    torch._dynamo.reset()
    compiled = torch.compile(lambda z, y: loss(z, y, axis=(2,), **keywords), fullgraph=True)
    leaf = logits.clone().requires_grad_()
    value = compiled(leaf, target)
    (gradient,) = torch.autograd.grad(value, leaf)
    expected, wanted = ref.value_and_grad(loss)(logits, target, axis=(2,), **keywords)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(gradient, wanted, rtol=1e-11, atol=1e-15)


@compiler
def test_the_first_call_of_a_process_may_be_compiled() -> None:
    code = (
        "import segloss_ref, torch\n"
        "f = torch.compile(lambda z, y: segloss_ref.dice_loss(z, y, from_logits=True), fullgraph=True)\n"
        "z = torch.zeros(2, requires_grad=True)\n"
        "f(z, torch.tensor([1., 0.])).backward()\n"
        "assert z.grad is not None and z.grad[0] < 0 < z.grad[1]\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=300)


def saved_bytes(run: Callable[[], Any]) -> tuple[int, Any]:
    """Bytes of distinct storages that are kept for the backward pass, by hooks and on the context alike."""
    storages: dict[int, int] = {}

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = run()
    node = value.grad_fn
    passed_over = {"saved_tensors", "saved_variables"}  # seen by the hooks already
    hanging = [getattr(node, name, None) for name in set(dir(node)) - passed_over if not name.startswith("__")]
    for tensor in hanging:
        if torch.is_tensor(tensor):
            pack(tensor)
    return sum(storages.values()), value


@forms
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_at_most_one_array_is_kept(name: str, classes: bool, dtype: str, reduction: str) -> None:
    record = registry.losses[name]
    keywords: dict[str, Any] = {"from_logits": True} if "from_logits" in record.keywords else {}
    shape = (2, 3, 64, 64)
    leaf = torch.randn(shape, dtype=getattr(torch, dtype), requires_grad=True)
    target = torch.randint(0, 3, (2, 64, 64)) if classes else torch.randint(0, 2, shape)
    weight = torch.rand((2, 64, 64) if classes else shape)
    if classes:
        keywords["class_axis"] = 1
    own = sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in (leaf, target, weight)}.values())
    kept, value = saved_bytes(
        lambda: record.function(leaf, target, weight=weight, reduction=reduction, axis=(2, 3), **keywords)
    )
    size = leaf.numel() * 4  # in the dtype of the computation, so that loss scaling comes before the rounding
    assert kept <= own + size + 1024
    value.sum().backward()
    assert leaf.grad.dtype == leaf.dtype
    assert torch.isfinite(leaf.grad).all()


def test_the_memory_check_can_fail() -> None:
    leaf = torch.randn(1000, requires_grad=True)
    kept, _ = saved_bytes(lambda: (torch.sigmoid(leaf).exp() * torch.sigmoid(leaf + 1)).sum())
    assert kept > 2 * leaf.untyped_storage().nbytes()


@forms
def test_second_backward_on_a_kept_graph(name: str, classes: bool) -> None:
    loss, logits, target, keywords = case(name, classes)
    leaf = logits.requires_grad_()
    value = loss(leaf, target, **keywords)
    (first,) = torch.autograd.grad(value, leaf, retain_graph=True)
    (second,) = torch.autograd.grad(value, leaf)
    assert torch.equal(first, second)


@forms
def test_autocast_does_not_narrow(name: str, classes: bool) -> None:
    loss, logits, target, keywords = case(name, classes, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(logits, target, **keywords)
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(logits, target, **keywords))


@forms
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_dtypes_are_computed_in_float32(name: str, classes: bool, dtype: str) -> None:
    loss, logits, target, keywords = case(name, classes, getattr(torch, dtype))
    value, gradient = ref.value_and_grad(loss)(logits, target, **keywords)
    expected, wide = ref.value_and_grad(loss)(logits.float(), target, **keywords)
    assert value.dtype == torch.float32
    assert torch.equal(value, expected)
    assert torch.equal(gradient, wide.to(logits.dtype))


@forms
def test_a_graph_may_be_walked_again(name: str, classes: bool) -> None:
    """The first backward pass gives away the array that it kept; the second must not depend on it."""
    loss, logits, target, keywords = case(name, classes)
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, target, **keywords)
    (first,) = torch.autograd.grad(3 * value, leaf, retain_graph=True)
    expected = first.clone()
    first.zero_()
    value.backward(retain_graph=True)
    assert leaf.grad is not None
    once = leaf.grad.clone()
    torch.testing.assert_close(3 * once, expected, rtol=1e-14, atol=0)
    value.backward()
    assert torch.equal(leaf.grad, 2 * once)


@forms
def test_batched_cotangents(name: str, classes: bool) -> None:
    """torch.autograd's own batching, which is none of the transforms of torch.func."""
    loss, logits, target, keywords = case(name, classes)
    keywords |= {"axis": (2,), "reduction": "none"}

    def values(z: Any) -> Any:
        return loss(z, target, **keywords).reshape(-1)

    row_by_row = torch.autograd.functional.jacobian(values, logits)
    at_once = torch.autograd.functional.jacobian(values, logits, vectorize=True)
    torch.testing.assert_close(at_once, row_by_row, rtol=1e-13, atol=1e-17)


@forms
def test_vmap_over_targets_alone(name: str, classes: bool) -> None:
    """Nothing that one prediction shares among the targets may be overwritten for one of them."""
    loss, logits, target, keywords = case(name, classes)
    targets = torch.stack([target, target.flip(0), target])
    gradient = torch.func.grad(lambda z, y: loss(z, y, **keywords))
    found = torch.func.vmap(gradient, in_dims=(None, 0))(logits, targets)
    wanted = torch.stack([gradient(logits, y) for y in targets])
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_native_forms_keep_their_digits(dtype: str) -> None:
    kind = getattr(torch, dtype)
    unit = torch.finfo(kind).eps
    x = torch.cat([torch.linspace(-120, 120, 4001, dtype=kind), torch.tensor([-1e4, 0.0, 1e4], dtype=kind)])
    factor = torch.linspace(-3, 3, len(x), dtype=kind)
    exact = np.clip(x.double().numpy().astype(np.longdouble), -1e3, 1e3)
    small = np.exp(-np.abs(exact))
    q = np.where(exact > 0, small, 1) / (1 + small)
    tiny = torch.finfo(kind).tiny
    with torch.no_grad():
        product = backend.times_complement(factor, x).double().numpy()
        slope = backend.through_sigmoid(torch.sigmoid(x), x, factor.clone()).double().numpy()
        share = torch.tensor([0.0, 0.25, 1.0], dtype=kind)
        for start, end in [(2.0, -3.0), (1.0, 1e-12), (1e-12, 1.0), (0.0, -1.0), (1.0, 0.0)]:
            ends = torch.tensor([[start], [end]], dtype=kind)
            found = backend.blend(ends[0], ends[1], share).double()
            wanted = ends[0].double() * (1 - share.double()) + ends[1].double() * share.double()
            torch.testing.assert_close(found, wanted, rtol=8 * unit, atol=0)
    wide = factor.double().numpy()
    np.testing.assert_allclose(product, (wide * q).astype(float), rtol=8 * unit, atol=3 * tiny)
    p = np.where(exact < 0, small, 1) / (1 + small)
    np.testing.assert_allclose(slope, (wide * q * p).astype(float), rtol=12 * unit, atol=3 * tiny)


def test_no_gradient_for_target_and_weight() -> None:
    z = torch.zeros(3, requires_grad=True)
    y, w = torch.rand(3, requires_grad=True), torch.rand(3, requires_grad=True)
    ref.dice_loss(z, y, weight=w, from_logits=True).backward()
    assert z.grad is not None
    assert y.grad is None
    assert w.grad is None
    assert not ref.dice_loss(z.detach(), y, weight=w, from_logits=True).requires_grad


def test_modules() -> None:
    from segloss_backends.torch import nn

    modules = {cls for cls in vars(nn).values() if isinstance(cls, type) and issubclass(cls, nn.LossModule)}
    assert {cls.__name__ for cls in modules if cls is not nn.LossModule} == {
        "".join(part.capitalize() for part in name.split("_")) for name in registry.losses
    }
    assert set(nn.__all__) == {cls.__name__ for cls in modules}
    for name, record in registry.losses.items():
        loss, logits, target, keywords = case(name, record.needs_class_axis)
        module = getattr(nn, "".join(part.capitalize() for part in name.split("_")))(reduction="sum", **keywords)
        assert torch.equal(module(logits, target), loss(logits, target, reduction="sum", **keywords))


def test_module_tensors_move_and_calls_win() -> None:
    from segloss_backends.torch.nn import DiceLoss

    module = DiceLoss(class_axis=1, class_weight=torch.tensor([1.0, 2.0, 3.0]), from_logits=True)
    assert list(module.state_dict()) == []
    assert module.double().class_weight.dtype == torch.float64
    assert repr(module) == "DiceLoss(class_axis=1, from_logits=True, class_weight=(3,))"
    _, logits, target, keywords = case("dice_loss", True)
    weight = weights(True)
    value = module(logits, target, weight=weight)
    assert value == ref.dice_loss(logits, target, class_weight=[1, 2, 3], weight=weight, **keywords)
    with pytest.raises(TypeError, match="unknown keyword 'smoth'"):
        DiceLoss(smoth=1)


def test_mixed_devices() -> None:
    meta = torch.ones(3, device="meta")
    with pytest.raises(ValueError, match=r"dice_loss: target must be on the device of pred \(cpu\), got meta"):
        ref.dice_loss(torch.ones(3), meta)
    with pytest.raises(ValueError, match="dice_score: target must be on the device of pred"):
        ref.dice_score(torch.ones(3), meta)
    with pytest.raises(TypeError, match="target must be of the library of pred"):
        ref.dice_loss(torch.ones(3), np.ones(3))


def test_metrics_stay_on_the_library() -> None:
    p, y = torch.tensor([[0.9, 0.1], [0.2, 0.3]]), torch.tensor([[1, 0], [1, 0]])
    record = ref.confusion(p, y, axis=1)
    assert record.tp.dtype == torch.int64
    assert ref.dice_score(record).tolist() == ref.dice_score(p.numpy(), y.numpy(), axis=1).tolist()[:1] + [0.0]


@forms
def test_modules_are_copied_pickled_and_used_under_autocast(name: str, classes: bool) -> None:
    from segloss_backends.torch import nn

    _, logits, target, keywords = case(name, classes, torch.float32)
    module = getattr(nn, "".join(part.capitalize() for part in name.split("_")))(**keywords)
    leaf = logits.requires_grad_()
    expected = module(leaf, target)
    for copied in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert torch.equal(copied(leaf, target), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = leaf.bfloat16()
        value = module(half, target)
    assert value.dtype == torch.float32
    value.backward()
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize("name", ["boundary_loss", "hausdorff_loss", "shape_aware_loss", "distance_map_loss"])
def test_no_float64_on_a_device_without_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Apple's; tensors without values stand for one such device."""
    from torch.utils._python_dispatch import TorchDispatchMode

    from segloss_backends import torch as backend

    class Seen(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.dtypes: set[torch.dtype] = set()

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = function(*args, **(kwargs or {}))
            self.dtypes |= {
                one.dtype for one in (made if isinstance(made, tuple) else (made,)) if hasattr(one, "dtype")
            }
            return made

    pred, target = torch.zeros(2, 3, 4, device="meta"), torch.zeros(2, 3, 4, device="meta", dtype=torch.uint8)
    loss = registry.losses[name].function
    with Seen() as seen:
        ref.value_and_grad(loss)(pred, target, axis=(1, 2), spacing=(0.5, 2.0))
    assert torch.float64 in seen.dtypes  # what the test would not miss
    monkeypatch.setattr(backend, "_WITHOUT_FLOAT64", ("mps", "meta"))
    with Seen() as seen:
        value, gradient = ref.value_and_grad(loss)(pred, target, axis=(1, 2), spacing=(0.5, 2.0))
    assert torch.float64 not in seen.dtypes
    assert value.dtype == gradient.dtype == torch.float32
