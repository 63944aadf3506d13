"""torch.nn.functional.soft_margin_loss: infinite, with a gradient of nan, for a finite logit."""

import torch

# Documented: sum over i of log(1 + exp(-y_i x_i)), over the number of elements. At x = 100, y = -1 that is
# log(1 + e^100) = 100, and its derivative is 1 - 1/(1 + e^100) = 1.
x = torch.tensor([100.0], requires_grad=True)
loss = torch.nn.functional.soft_margin_loss(x, torch.tensor([-1.0]))
loss.backward()
print(f"expected 100 with gradient 1, got {loss.item()} with gradient {x.grad.item()}")
raise SystemExit(0 if not loss.isfinite() or not x.grad.isfinite().all() else 1)
