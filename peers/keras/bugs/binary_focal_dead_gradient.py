"""keras.losses.BinaryFocalCrossentropy(from_logits=True): the worst pixels have no gradient."""

import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch

# Documented: (1 - p)^gamma times the cross-entropy. At z = -20, y = 1 that is 20 with slope -1: 1 - p is 1, -log p is -z.
# The sigmoid is clipped to 1e-7 before the logarithm, so that the loss stays at 16.1.
z = torch.tensor([[-20.0]], requires_grad=True)
loss = keras.losses.BinaryFocalCrossentropy(gamma=2.0, from_logits=True)(torch.ones(1, 1), z)
loss.backward()
print(f"expected 20 with gradient -1, got {loss.item():.3f} with gradient {z.grad.item():.2g}")
raise SystemExit(0 if abs(z.grad.item() + 1) > 0.5 else 1)
