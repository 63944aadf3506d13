"""keras.losses.tversky: alpha weighs the false negatives and beta the false positives, not as documented."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
import numpy as np

# Documented: "alpha: coefficient controlling incidence of false positives"; "beta: ... of false negatives".
# One hit and one false alarm: TP = 1, FP = 1, FN = 0. With alpha = 1, beta = 0 the loss is 1 - 1/(1 + 1) = 0.5.
target, pred = np.array([1.0, 0.0], "float32"), np.array([1.0, 1.0], "float32")
got = float(keras.losses.tversky(target, pred, alpha=1.0, beta=0.0))
print(f"expected 0.5, got {got:.4f}")
raise SystemExit(0 if abs(got - 0.5) > 1e-3 else 1)
