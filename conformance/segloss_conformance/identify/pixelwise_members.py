"""The choices in which cross-entropies and focal losses differ, and their words."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WORDS", "Pixelwise"]


@dataclass(frozen=True, slots=True)
class Pixelwise:
    """One way to compute a cross-entropy or focal loss, up to its constants."""

    prepare: str
    background: str
    terms: str
    modulator: str
    logarithm: str
    balance: str
    divisor: str
    sign: str


WORDS: dict[str, dict[str, str]] = {
    "prepare": {
        "as given": "takes the prediction as given, as probabilities",
        "sigmoid": "sigmoid of the prediction",
        "softmax": "softmax of the prediction over the classes",
        "sigmoid twice": "sigmoid twice",
        "softmax twice": "softmax twice",
    },
    "background": {"kept": "the background class counts", "dropped": "class 0 (background) is dropped"},
    "terms": {
        "both": "every class against the rest: -y log p - (1-y) log(1-p)",
        "true class": "the true class's term alone: -y log p",
    },
    "modulator": {
        "missed": "(1-p)^gamma on the true class",
        "mean": "the factor of the mean cross-entropy M, (1 - exp(-M))^gamma M, not of every pixel",
        "hit": "p^gamma where (1-p)^gamma belongs: hard pixels fade",
    },
    "logarithm": {
        "exact": "exact logarithms",
        "naive": "log(sigmoid(z)) in two steps: infinite for saturated logits",
        "clipped": "probabilities clipped to [epsilon, 1 - epsilon]",
        "added": "log(p + epsilon)",
    },
    "balance": {
        "constant": "constant weights",
        "image": "weights by the frequency of the classes in each image",
        "batch": "weights by the frequency of the classes in the batch",
        "image inverted": "each class weighs its own frequency in the image, not that of the others",
        "batch inverted": "each class weighs its own frequency in the batch, not that of the others",
    },
    "divisor": {
        "elements": "averaged over pixels and classes",
        "pixels": "summed over classes, averaged over pixels",
        "images": "summed over pixels, averaged over images",
        "nothing": "summed, not averaged",
        "positives": "divided by the number of foreground pixels",
        "weights": "divided by the sum of the weights",
    },
    "sign": {"loss": "positive", "negative": "the sign is inverted"},
}
"""The options of every axis, in words."""
