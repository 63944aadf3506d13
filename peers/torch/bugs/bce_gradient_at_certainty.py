"""torch.nn.functional.binary_cross_entropy: close to certainty, backward gives a gradient that is not the loss's."""

import torch

bce = torch.nn.functional.binary_cross_entropy
# Documented: -[y log x + (1 - y) log(1 - x)], each logarithm at least -100. At y = 0 its slope is 1/(1 - x): 1 near 0.
x, y, h = 1e-13, torch.tensor([0.0], dtype=torch.float64), 1e-15
slope = (bce(torch.tensor([x + h], dtype=torch.float64), y) - bce(torch.tensor([x], dtype=torch.float64), y)) / h
pred = torch.tensor([x], dtype=torch.float64, requires_grad=True)
bce(pred, y).backward()
print(f"expected a gradient of 1 (the difference quotient is {slope.item():.3f}), got {pred.grad.item():.3f}")
raise SystemExit(0 if abs(pred.grad.item() - 1) > 0.5 else 1)
