"""optax.losses.dice_loss: binary images without a channel axis are silently taken for classes along their last axis."""

import jax.numpy as jnp
from optax import losses

# Documented: "predictions: Logits of shape [..., num_classes] for multi-class or [..., 1] or [...] for binary segmentation".
logits = jnp.array([[[3.0, -3.0], [3.0, -3.0]]])  # (N, H, W)
target = jnp.array([[[1.0, 0.0], [1.0, 1.0]]])
expected = losses.dice_loss(logits[..., None], target[..., None])
got = losses.dice_loss(logits, target)
print(f"expected {expected}, as for shape [..., 1], got {got}")
raise SystemExit(0 if abs(expected - got).max() > 1e-3 else 1)
