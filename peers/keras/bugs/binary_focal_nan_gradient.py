"""keras.losses.BinaryFocalCrossentropy(from_logits=True): nan for a sure and right pixel where gamma is below 1."""

import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch

# (1 - p)^gamma (-log p) has the slope -1.4e-13 at z = 20, gamma = 1/2; in float32 1 - p is 0 there, where a root has none.
z = torch.tensor([[20.0]], requires_grad=True)
keras.losses.BinaryFocalCrossentropy(gamma=0.5, from_logits=True)(torch.ones(1, 1), z).backward()
print(f"expected a gradient of about 0, got {z.grad.item()}")
raise SystemExit(0 if z.grad.isnan().any() else 1)
