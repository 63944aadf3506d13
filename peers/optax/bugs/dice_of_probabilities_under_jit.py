"""optax.losses.dice_loss(apply_softmax=False): cannot be traced, so that it is of no use under jax.jit."""

import jax
import jax.numpy as jnp
from optax import losses

# The check that the probabilities sum to 1 asks a traced array for its truth value.
p = jnp.array([[[0.9, 0.1], [0.4, 0.6]]])
y = jnp.array([[[1.0, 0.0], [0.0, 1.0]]])


def loss(p):
    """Of probabilities, the mean over images."""
    return losses.dice_loss(p, y, apply_softmax=False).mean()


print("expected under jit what comes without:", loss(p))
try:
    print("got", jax.jit(loss)(p))
except jax.errors.TracerBoolConversionError as problem:
    print("got TracerBoolConversionError:", str(problem).splitlines()[0])
    raise SystemExit(0) from None
raise SystemExit(1)
