"""optax returns maps of losses; what follows averages them, and brings images into the axes that its Dice losses expect."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from optax import losses


def sigmoid_binary_cross_entropy(logits: Array, target: Array) -> Array:
    """The mean of its map."""
    return losses.sigmoid_binary_cross_entropy(logits, target).mean()


def sigmoid_binary_cross_entropy_of_images(logits: Array, target: Array) -> Array:
    """The mean of each image."""
    return losses.sigmoid_binary_cross_entropy(logits, target).mean((1, 2))


def sigmoid_focal_loss(logits: Array, target: Array, alpha: float, gamma: float) -> Array:
    """The mean of its map."""
    return losses.sigmoid_focal_loss(logits, target, alpha=alpha, gamma=gamma).mean()


def sigmoid_focal_loss_without_alpha(logits: Array, target: Array, gamma: float) -> Array:
    """The mean of its map, without weights for the two sides."""
    return losses.sigmoid_focal_loss(logits, target, gamma=gamma).mean()


def softmax_cross_entropy(logits: Array, target: Array) -> Array:
    """The mean of its map; classes last."""
    return losses.softmax_cross_entropy(logits, target).mean()


def softmax_cross_entropy_along_1(logits: Array, target: Array) -> Array:
    """The mean of its map; classes second."""
    return losses.softmax_cross_entropy(logits, target, axis=1).mean()


def safe_softmax_cross_entropy(logits: Array, target: Array) -> Array:
    """The mean of its map."""
    return losses.safe_softmax_cross_entropy(logits, target).mean()


def integer_labels(logits: Array, target: Array) -> Array:
    """The mean of its map; classes last."""
    return losses.softmax_cross_entropy_with_integer_labels(logits, target).mean()


def integer_labels_along_1(logits: Array, target: Array) -> Array:
    """The mean of its map; classes second."""
    return losses.softmax_cross_entropy_with_integer_labels(logits, target, axis=1).mean()


def integer_labels_where(logits: Array, target: Array, ignored: int) -> Array:
    """The mean of its map over the pixels that are not ignored."""
    where = target != ignored
    kept = jnp.where(where, target, 0)
    return losses.softmax_cross_entropy_with_integer_labels(logits, kept, where=where).sum() / where.sum()


def poly_loss_without_epsilon(logits: Array, target: Array) -> Array:
    """The mean of its map with epsilon = 0, where it is documented to be the cross-entropy."""
    return losses.poly_loss_cross_entropy(logits, target, epsilon=0.0).mean()


def dice_with_class_weights(
    logits: Array, target: Array, weights: Array, alpha: float, beta: float, smooth: float
) -> Array:
    """The mean over images of the mean over classes of weighted losses."""
    return losses.dice_loss(logits, target, class_weights=weights, alpha=alpha, beta=beta, smooth=smooth).mean()


def dice_of_probabilities(probabilities: Array, target: Array, smooth: float) -> Array:
    """The mean over images."""
    return losses.dice_loss(probabilities, target, smooth=smooth, apply_softmax=False).mean()


def dice_over_batch(logits: Array, target: Array, smooth: float) -> Array:
    """Pooled over the images too."""
    return losses.dice_loss(logits, target, smooth=smooth, axis=(0, 1, 2))


def dice_without_background(logits: Array, target: Array) -> Array:
    """The mean over images; the first class is left out."""
    return losses.dice_loss(logits, target, ignore_background=True).mean()


def dice_of_flat_images(logits: Array, target: Array) -> Array:
    """Binary images without a channel axis, which its documentation allows."""
    return losses.dice_loss(logits, target)


def binary_dice_of_probabilities(probabilities: Array, target: Array) -> Array:
    """One value an image."""
    return losses.binary_dice_loss(jnp.asarray(probabilities), target, apply_sigmoid=False)


def generalized_dice_of_one_image(logits: Array, target: Array, smooth: float) -> Array:
    """A batch of one image, so that its sums over the batch are those of the image."""
    return losses.multiclass_generalized_dice_loss(logits[None], target[None], smooth=smooth)
