"""keras.losses.BinaryCrossentropy(dtype="float64") on torch: the value comes back in float32."""

import math
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch

# Documented: "dtype: The dtype of the loss's computations".
loss = keras.losses.BinaryCrossentropy(from_logits=True, dtype="float64")
got = loss(torch.ones(1, 2, dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64))
print(f"expected log 2 = {math.log(2)!r} in float64, got {got.item()!r} in {got.dtype}")
raise SystemExit(0 if abs(got.item() - math.log(2)) > 1e-12 else 1)
