"""torchvision.ops.sigmoid_focal_loss: the gradient is nan where a pixel is right beyond doubt and gamma is below 1."""

import torch
import torchvision

# The formula is (1 - p)^gamma (-log p) for a foreground pixel, 1 - p = sigmoid(-z). Its derivative at z = 20 is -1.4e-13.
z = torch.tensor([20.0], requires_grad=True)
torchvision.ops.sigmoid_focal_loss(z, torch.ones(1), alpha=-1, gamma=0.5, reduction="mean").backward()
exact = torch.tensor([20.0], dtype=torch.float64, requires_grad=True)
(torch.sigmoid(-exact).sqrt() * -torch.nn.functional.logsigmoid(exact)).backward()
print(f"expected a gradient of {exact.grad.item():.3g}, got {z.grad.item()}")
raise SystemExit(0 if z.grad.isnan().any() else 1)
