"""keras.losses.SparseCategoricalCrossentropy on torch: no backward pass for probabilities of images (N, H, W, C)."""

import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch

# Keras moves the classes to the second axis, and torch's nll_loss refuses to differentiate such an array (pytorch issue 175084).
# The gradient of the mean of -log p is -1/(2 p) for the true class of each of two pixels, p divided by its sum over the classes.
p = torch.full((1, 1, 2, 2), 0.5, requires_grad=True)
loss = keras.losses.SparseCategoricalCrossentropy()(torch.tensor([[[0, 1]]]), p)
try:
    loss.backward()
except RuntimeError as problem:
    print(f"expected a gradient of -0.5 and 0.5 a pixel, got RuntimeError: {problem}")
    raise SystemExit(0) from None
print(f"got {p.grad}")
raise SystemExit(1)
