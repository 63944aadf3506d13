"""optax.losses.multiclass_generalized_dice_loss: not the loss of Sudre et al. (2017), which its documentation refers to."""

import jax.numpy as jnp
from optax import losses

# Sudre: 1 - 2 (sum over c of w_c I_c)/(sum over c of w_c (P_c + Y_c)), w_c = 1/Y_c^2: one quotient of weighted sums.
# optax: the mean over c of w_c (1 - Dice_c), the weights scaled to a mean of 1. A class that is absent has w_c = 1e7 before the
# scaling, so that all others together get less than a millionth of the gradient.
p = jnp.array([[[0.7, 0.3], [0.8, 0.2], [0.1, 0.9]]])
y = jnp.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
w = 1 / y.sum((0, 1)) ** 2
expected = 1 - 2 * (w * (p * y).sum((0, 1))).sum() / (w * (p + y).sum((0, 1))).sum()
got = losses.multiclass_generalized_dice_loss(p, y, smooth=0.0, apply_softmax=False)
print(f"expected {expected:.4f}, got {got:.4f}")
raise SystemExit(0 if abs(expected - got) > 1e-3 else 1)
