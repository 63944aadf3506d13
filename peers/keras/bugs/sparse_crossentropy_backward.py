"""keras.losses.SparseCategoricalCrossentropy on torch: no backward pass for probabilities of images (N, H, W, C)."""

import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch

# Keras moves the classes to the second axis, and torch's nll_loss does not differentiate such an array (pytorch issue 175084).
# The mean of -log(p/sum of p) over two pixels has the slopes -1/2 for the true class and 1/2 for the other.
p = torch.full((1, 1, 2, 2), 0.5, requires_grad=True)
loss = keras.losses.SparseCategoricalCrossentropy()(torch.tensor([[[0, 1]]]), p)
try:
    loss.backward()
except RuntimeError as problem:
    print(f"expected -0.5 and 0.5 at each pixel, got RuntimeError: {problem}")
    raise SystemExit(0) from None
print(f"got {p.grad}")
raise SystemExit(1)
