"""keras.losses.BinaryCrossentropy of probabilities: a pixel that is wrong beyond 1e-7 has a gradient of exactly 0."""

import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch

# The loss of a foreground pixel is -log p: 18.4 with slope -1e8 at p = 1e-8. The probability is clipped to 1e-7 first.
p = torch.tensor([[1e-8]], requires_grad=True)
loss = keras.losses.BinaryCrossentropy()(torch.ones(1, 1), p)
loss.backward()
print(f"expected 18.42 with gradient -1e8, got {loss.item():.2f} with gradient {p.grad.item()}")
raise SystemExit(0 if p.grad.item() == 0 else 1)
