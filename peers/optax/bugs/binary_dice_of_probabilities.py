"""optax.losses.binary_dice_loss(apply_sigmoid=False): raises for every prediction but p = 1."""

import jax.numpy as jnp
from optax import losses

# Documented: "apply_sigmoid: Whether to apply sigmoid to predictions". Without it dice_loss asks for a distribution over
# the classes, of which there is one, so that every p would have to be 1.
p = jnp.array([[[0.9, 0.2], [0.4, 0.1]]])
y = jnp.array([[[1.0, 0.0], [1.0, 0.0]]])
smooth = 1.0
expected = 1 - ((p * y).sum() + smooth) / ((p + y).sum() / 2 + smooth)
try:
    got = str(losses.binary_dice_loss(p, y, smooth=smooth, apply_sigmoid=False))
except ValueError as problem:
    print(f"expected {expected:.4f}, got ValueError: {problem}")
    raise SystemExit(0) from None
print(f"expected {expected:.4f}, got {got}")
raise SystemExit(1)
