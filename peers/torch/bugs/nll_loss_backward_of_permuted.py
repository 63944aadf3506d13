"""torch.nn.functional.nll_loss: no backward pass for a permuted (N, C, H, W) array."""

import torch

# The gradient is -1/(N H W) at the true class, whatever the strides. Arrays of other ranks are differentiated.
x = torch.zeros(1, 2, 2, 3, requires_grad=True)  # (N, H, W, C)
loss = torch.nn.functional.nll_loss(x.movedim(-1, 1), torch.zeros(1, 2, 2, dtype=torch.int64))
try:
    loss.backward()
except RuntimeError as problem:
    print(f"expected a gradient of -0.25 at class 0, got RuntimeError: {problem}")
    raise SystemExit(0) from None
print(f"got {x.grad[0, 0, 0].tolist()}")
raise SystemExit(1)
