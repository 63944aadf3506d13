"""keras.losses.CategoricalFocalCrossentropy(from_logits=True): the worst pixels have a gradient of exactly 0."""

import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch

# Documented: the focal factor times the cross-entropy. The true class 20 below the other costs 20, with slopes -1 and 1.
# The softmax is clipped to 1e-7 before the logarithm, so that the loss stays at 16.1.
z = torch.tensor([[-20.0, 0.0]], requires_grad=True)
loss = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, from_logits=True)(torch.tensor([[1.0, 0.0]]), z)
loss.backward()
print(f"expected 20 with gradient [-1, 1], got {loss.item():.3f} with gradient {z.grad[0].tolist()}")
raise SystemExit(0 if not z.grad.any() else 1)
