"""PyTorch, on any of its devices: native logarithms, and the closed-form gradients behind `.backward()`.

One `autograd.Function` serves all losses. Its forward pass forms the finished gradient where one is wanted and keeps that
alone, in the dtype of the computation; its backward pass scales it and then rounds it to that of `pred`, so that loss scaling
does in half precision what it is for. On the host it hands that very array over, without a copy, and a second backward pass
of the same graph forms it once more. Where a derivative of the gradient is wanted too, or the gradient cannot be scaled, the
backward pass forms it anew from the caller's arguments, in operations that autograd can follow.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import array_api_compat.torch
import numpy as np
import torch
from torch._subclasses import FakeTensor
from torch.nn import functional

from segloss_ref._backend import Array, Backend, Constants, Differentiable, Pull
from segloss_ref._distance import squared_distance as portable_squared_distance

from .. import _host

__all__ = ["backend"]

BLOCK = 2**17
"""Elements that one thread works on at a time: few enough for its cache, enough to make the calls cheap."""

_UNORDERED = (torch.uint16, torch.uint32, torch.uint64)
_IN_NUMPY = (torch.float64, torch.float32, torch.float16)
_ORDERED = (*_IN_NUMPY, torch.bfloat16)
_WITHOUT_FLOAT64 = ("mps",)
"""Devices that have no float64, Apple's among them."""


class _ClosedForm(torch.autograd.Function):
    """`run` with its own gradient: inputs (run, pred, constants one by one, wanted), outputs (value, gradient)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        run: Differentiable, pred: Any, target: Any, weight: Any, class_weight: Any, pixel_map: Any, wanted: bool
    ) -> Any:
        value, gradient = run(pred, Constants(target, weight, class_weight, pixel_map), gradient=wanted)
        return value, pred.new_empty(0) if gradient is None else gradient

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        run, *arrays, wanted = inputs
        _, gradient = output
        ctx.mark_non_differentiable(gradient)
        ctx.set_materialize_grads(False)
        ctx.run, ctx.ready = run, wanted
        ctx.spare = None
        if wanted and gradient.is_cpu and not _is_transformed():
            ctx.spare, gradient = gradient, None
        ctx.save_for_backward(*arrays, gradient)
        ctx.save_for_forward(*arrays)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        pred, *saved, gradient = ctx.saved_tensors
        constants, cotangent, run = Constants(*saved), cotangents[0], ctx.run
        spare, ctx.spare = ctx.spare, None
        if cotangent is None:
            return None, None, None, None, None, None, None
        # What torch.autograd batches by itself counts as no transform; that such a tensor has no memory shows it.
        batched = not torch.compiler.is_compiling() and not torch._C._has_storage(cotangent)
        if torch.is_grad_enabled():
            _, by_pred = run(pred, constants, gradient=True, cotangent=cotangent)
        elif not ctx.ready:
            # Where gradients are enabled nothing is looked at or overwritten, and here there is none to record.
            with torch.set_grad_enabled(batched):
                _, by_pred = run(pred.detach(), constants, gradient=True, cotangent=cotangent)
        else:
            handed_over = gradient is None and not batched
            if gradient is None:
                gradient = run(pred, constants, gradient=True)[1] if spare is None else spare
            factor = run.spread(torch, cotangent.to(gradient.dtype), gradient.shape)
            if not handed_over:
                by_pred = run.scaled(torch, gradient, factor)
            elif factor.numel() == 1:
                one = factor.item()
                # The usual case is 1, where the loss ends the graph; 0 wins over an infinite slope.
                by_pred = gradient if one == 1 else gradient.mul_(one) if one else gradient.zero_()
            else:
                gradient.mul_(factor)
                by_pred = gradient if run.from_logits else gradient.masked_fill_(factor == 0, 0)
        return None, by_pred.to(pred.dtype), None, None, None, None, None


# Each application binds its arguments to this signature, which torch would find out anew.
_ClosedForm.forward.__signature__ = inspect.signature(_ClosedForm.forward)  # type: ignore[attr-defined]


class _WithForwardMode(_ClosedForm):
    """Forward-mode derivatives as well, which torch.compile does not take in a function of this kind."""

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        pred, *saved = ctx.saved_tensors
        constants = Constants(*saved)

        def value(x: Any) -> Any:
            return ctx.run(x, constants, gradient=False)[0]

        return torch.func.jvp(value, (pred,), (tangents[1],))[1], None


def _widest(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type in _WITHOUT_FLOAT64 else torch.float64


@torch.library.custom_op("segloss::squared_distance", mutates_args=())
def _squared_distance(sites: torch.Tensor, axes: Sequence[int], spacing: Sequence[float], both: bool) -> torch.Tensor:
    """One step for torch.compile and torch.func. CPU tensors are read where they lie; others never leave their device."""
    if sites.device.type == "cpu":
        return torch.from_numpy(np.ascontiguousarray(_host.squared_distance(sites.numpy(), axes, spacing, both)))

    def to(those: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = portable_squared_distance(
            array_api_compat.torch, those, axes, spacing, _widest(sites.device), sites.device
        )
        return found

    return torch.where(sites, to(~sites), to(sites)) if both else to(sites)


@_squared_distance.register_fake
def _(sites: torch.Tensor, axes: Sequence[int], spacing: Sequence[float], both: bool) -> torch.Tensor:
    return torch.empty(sites.shape, dtype=_widest(sites.device), device=sites.device)


@_squared_distance.register_vmap
def _(info: Any, where: Any, sites: torch.Tensor, axes: Sequence[int], spacing: Sequence[float], both: bool) -> Any:
    return _squared_distance(sites.movedim(where[0], 0), [axis + 1 for axis in axes], spacing, both), 0


class _Torch(Backend):
    name = "torch"

    def namespace(self, array: Array) -> Any:
        return array_api_compat.torch

    def device(self, array: Array) -> Any:
        return array.device

    def readable(self, array: Array) -> Any:
        if type(array) not in (torch.Tensor, torch.nn.Parameter) or not array.is_cpu or _is_transformed():
            return None  # subclasses, fake tensors among them, may have no values to look at
        # Nor may what torch.autograd batches by itself, and modes and traces see every operation.
        if not torch._C._has_storage(array) or torch._C._len_torch_dispatch_stack() or torch._C._get_tracing_state():
            return None
        return _as_numpy(array.detach())

    def wide(self, array: Array) -> tuple[Any, Any]:
        return torch.float32 if array.device.type == "mps" else torch.float64, torch.int64

    def from_host(self, array: Array, like: Array) -> Array:
        # A device without float64 does not even take it to narrow it.
        narrow = array.dtype == np.float64 and self.wide(like)[0] == torch.float32
        return torch.as_tensor(array.astype(np.float32) if narrow else array, device=like.device)

    def count(self, mask: Array, axes: tuple[int, ...]) -> Array:
        return array_api_compat.torch.sum(mask, axis=axes, dtype=torch.int64)

    scatters = True

    def tally(self, places: Array, size: int, weight: Array) -> Array:
        rows = places.shape[0]
        place = torch.where((places >= 0) & (places < size), places, size)  # the last place is cut off again
        place = place + torch.arange(0, rows * (size + 1), size + 1, device=places.device)[:, None]
        added = torch.ones_like(place) if weight is None else weight.expand(place.shape)
        nothing = torch.zeros(rows * (size + 1), dtype=added.dtype, device=places.device)
        return nothing.scatter_add(0, place.reshape(-1), added.reshape(-1)).reshape(rows, size + 1)[:, :size]

    def refusal(self, array: Array) -> str | None:
        if array.is_nested:
            return "a dense tensor of one shape, as torch.nested.to_padded_tensor makes of it"
        if array.layout is not torch.strided:
            return "a dense tensor, as .to_dense() makes of it"
        if array.dtype is getattr(torch, "float4_e2m1fn_x2", None):  # two numbers an element; since torch 2.8
            return "a tensor of one number an element"
        return "a tensor of plain numbers, as .dequantize() makes of it" if array.is_quantized else None

    def holds_values(self, array: Array) -> bool:
        if array.is_meta or torch.compiler.is_compiling():  # what computes on the host is not compiled
            return not array.is_meta
        wrapped = torch._C._functorch.is_functorch_wrapped_tensor  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(array, FakeTensor) or wrapped(array):
            return False
        return torch._C._get_dispatch_mode(torch._C._TorchDispatchModeKey.FAKE) is None

    def integers(self, labels: Array) -> Array:
        # torch cannot order its wider unsigned integers. Beyond int64 a label wraps to a negative one, which no class has.
        return labels.to(torch.int64) if labels.dtype in _UNORDERED else labels

    def floats(self, array: Array) -> Array:
        return array if array.dtype in _ORDERED else array.float()  # those of 8 bits cannot be compared

    def guard(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def apply(self, run: Differentiable, pred: Array, constants: Constants) -> Array:
        constants = Constants(*(_constant(array) for array in constants))
        if not (torch.is_grad_enabled() and getattr(pred, "requires_grad", False)):
            with torch.no_grad():
                return run(pred, constants, gradient=False)[0]
        function = _ClosedForm if torch.compiler.is_compiling() else _WithForwardMode
        value, _ = function.apply(run, pred, *constants, not run.couples)  # type: ignore[no-untyped-call]
        return value

    def detach(self, array: Array) -> Array:
        return array.detach()

    def sigmoid(self, x: Array) -> Array:
        return torch.sigmoid(x)

    def sum(self, x: Array, axes: tuple[int, ...]) -> Array:
        if not axes:
            return x
        if x.dtype == torch.float32 and x.is_cpu and x.numel() > _host.WORTH_TWO_SUMS and not _is_transformed():
            inside = _host.innermost(x.shape, x.stride(), axes)
            if any(x.shape[axis] > 1 for axis in axes if axis not in inside):
                return x.sum(inside, keepdim=True).sum(axes, keepdim=True, dtype=torch.float64).to(x.dtype)
        return x.sum(axes, keepdim=True)

    def ranking(self, x: Array) -> Array:
        if x.is_cpu and _is_plain():
            return torch.from_numpy(_host.ranking(x.numpy()))
        return torch.argsort(x, dim=-1, descending=True, stable=True)

    def gather(self, x: Array, places: Array) -> Array:
        return torch.gather(x, -1, places)

    def scatter(self, x: Array, places: Array) -> Array:
        return torch.scatter(x, -1, places, x)

    def log_softmax(self, x: Array, axis: int) -> Array:
        return functional.log_softmax(x, dim=axis)

    def one_hot(self, labels: Array, classes: int, axis: int, dtype: Any) -> Array:
        # One write a pixel in place of a comparison a pixel and class.
        shape = tuple(classes if one == axis else n for one, n in enumerate(labels.shape))
        labels = labels.long()
        place = labels.clamp(0, classes - 1)
        nothing = torch.zeros(shape, dtype=dtype, device=labels.device)
        held = (place == labels).to(dtype)
        return nothing.scatter_(axis, place, held) if _is_plain() else nothing.scatter(axis, place, held)

    def blend(self, start: Array, end: Array, share: Array) -> Array:
        if start.numel() == end.numel() == 1 and share.is_cpu and _is_plain():
            # torch's kernel takes three times as long for two scalars. What this one gives for a share of 1 is off by a
            # roundoff of `start`, so `end` must not be much the smaller.
            first, last = start.item(), end.item()
            if abs(last) >= abs(first) / 4:
                return torch.sub(start, share, alpha=first - last)
        return torch.lerp(start, end, share)

    def times_complement(self, factor: Array, x: Array) -> Array:
        # 1 - sigmoid(x) is the derivative of the softplus of beta -1, so that the product is one pass. From its threshold
        # on the derivative is taken as 1, which at 40 it is to the last digit of float64.
        return torch.ops.aten.softplus_backward(factor, x, -1, 40)

    def through_sigmoid(self, p: Array, x: Array, slope: Array) -> Array:
        if not _is_plain() or slope.shape != x.shape:
            return p * self.times_complement(slope, x)
        torch.ops.aten.softplus_backward.grad_input(slope, x, -1, 40, grad_input=slope)
        return slope.mul_(p)

    def block(self, array: Array) -> int | None:
        return BLOCK * torch.get_num_threads() if array.is_cpu and _is_plain() else None

    def writable(self, array: Array) -> bool:
        return _is_plain()

    def store(self, out: Array, place: Any, array: Array, factor: Array) -> None:
        torch.mul(array, factor, out=out[place])

    def squared_distance(self, sites: Array, axes: tuple[int, ...], spacing: tuple[float, ...]) -> Array:
        return _squared_distance(sites, axes, spacing, False)

    def squared_boundary_distance(self, mask: Array, axes: tuple[int, ...], spacing: tuple[float, ...]) -> Array:
        return _squared_distance(mask, axes, spacing, True)

    def devices(self) -> tuple[str, ...]:
        return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)

    def dtypes(self) -> tuple[str, ...]:
        return ("float64", "float32", "float16", "bfloat16")

    def from_numpy(self, array: Any, dtype: str, device: str) -> Array:
        return torch.tensor(array.tolist(), dtype=getattr(torch, dtype), device=device).reshape(array.shape)

    def to_numpy(self, array: Array) -> Any:
        return _as_numpy(array.detach().cpu())

    def vjp(self, function: Callable[..., Array], pred: Array) -> tuple[Array, Pull]:
        leaf = pred.detach().clone().requires_grad_()
        value = function(leaf)

        def pull(cotangent: Array | None = None, *, retain_graph: bool = False, create_graph: bool = False) -> Array:
            (gradient,) = torch.autograd.grad(
                value, leaf, torch.ones_like(value) if cotangent is None else cotangent,
                retain_graph=retain_graph or create_graph, create_graph=create_graph, allow_unused=True,
            )  # fmt: skip
            return gradient

        return value.detach(), pull


def _is_transformed() -> bool:
    """What is computed now is compiled or under a transform of torch.func."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()


def _is_plain() -> bool:
    """Nothing records, transforms or compiles what is computed now: values may be looked at and arrays written to."""
    return not torch.is_grad_enabled() and not _is_transformed()


def _as_numpy(array: torch.Tensor) -> Any:
    """A tensor of the host's memory, without history: NumPy knows neither negation and conjugation that are only noted, nor
    the floating dtypes of the accelerators."""
    plain = array.resolve_conj().resolve_neg()
    return (plain.float() if plain.is_floating_point() and plain.dtype not in _IN_NUMPY else plain).numpy()


def _constant(array: Any) -> Any:
    return array.detach() if isinstance(array, torch.Tensor) else array


backend = _Torch()
