"""keras.metrics.BinaryIoU (and MeanIoU, OneHotIoU): the documented example gives 0, since weights are cut to integers."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras

# Documented: BinaryIoU(target_class_ids=[0, 1], threshold=0.3) with this call has the result 0.17361112.
metric = keras.metrics.BinaryIoU(target_class_ids=[0, 1], threshold=0.3)
metric.update_state([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7], sample_weight=[0.2, 0.3, 0.4, 0.1])
print(f"expected 0.1736, got {float(metric.result()):.4f}")
raise SystemExit(0 if abs(float(metric.result()) - 0.17361112) > 1e-4 else 1)
