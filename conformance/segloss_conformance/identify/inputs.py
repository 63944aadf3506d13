"""The masks and predictions that losses are asked about."""

from __future__ import annotations

from typing import Any

import numpy as np

from .probes import Probe, Setting, probe

__all__ = ["alike_classes", "drawn_pixels", "drawn_regions", "favoured_class", "single_pixel", "unnormalised"]


def alike_classes(classes: int, right: int, wrong: int) -> tuple[Any, Any]:
    """In every class as many pixels right as wrong ones: the wrong ones are taken for the next class."""
    if classes == 1:
        # A wrong pixel is one false positive and one false negative.
        y = [1] * right + [1, 0] * wrong
        p = [1] * right + [0, 1] * wrong
        return np.array([[[p] * 2]], dtype=float), np.array([[[y] * 2]])
    labels = [c for c in range(classes) for _ in range(right + wrong)]
    chosen = [(c + (i >= right)) % classes for c in range(classes) for i in range(right + wrong)]
    hot = np.eye(classes)
    return (np.repeat(hot[row].T[None, :, None, :], 2, axis=2) for row in (chosen, labels))  # type: ignore[return-value]


def favoured_class(classes: int) -> tuple[Any, Any]:
    """One class is taken for another, never the other way round."""
    if classes == 1:
        return np.ones((1, 1, 2, 3)), np.array([[[[1, 0, 0], [0, 0, 1]]]])
    labels = np.array([[c for c in range(classes) for _ in range(3)], [classes - 1] * (3 * classes)])
    chosen = np.where(np.arange(labels.size).reshape(labels.shape) % 3 == 1, classes - 1, labels)
    hot = np.eye(classes)
    p = hot[chosen]
    if classes > 2:  # unsure pixels, of which a threshold makes none or two of the classes
        p[1, -2:] = 0.0
        p[1, -2:, :3] = 0.37, 0.36, 0.27
    return np.moveaxis(p, -1, 0)[None], np.moveaxis(hot[labels], -1, 0)[None]


def drawn_regions(generator: np.random.Generator, setting: Setting) -> tuple[Any, Any]:
    """A prediction and a target of one to three images: with absent classes and empty masks, confident or not."""
    classes = setting.classes
    images = int(generator.integers(1, 4)) if setting.images else 1
    shape = [(2, 2), (2, 3)][generator.integers(2)]  # few shapes: some libraries compile for each
    if classes == 1:
        y = generator.random((images, 1, *shape)) < generator.choice([0.2, 0.5, 0.8])
        if images > 1 and generator.random() < 0.6:
            y[generator.integers(images)] = False
        if not y.any():
            y[0, 0, 0, 0] = True
        p = generator.integers(0, 17, y.shape) / 16
        kind = generator.random()
        if kind < 0.2:
            p = np.round(p)
        elif kind < 0.5:
            p[~y.any(axis=(1, 2, 3))] = 0.0  # an empty target and an empty prediction
        return p, _softened(generator, y) if setting.soft else y
    labels = generator.integers(0, classes, (images, *shape))
    if generator.random() < 0.6:
        labels[labels == generator.integers(classes)] = classes - 1
    labels[:, -1, -1] = np.where((labels == 0).all(axis=(1, 2)), classes - 1, labels[:, -1, -1])
    y = np.moveaxis(np.eye(classes)[labels], -1, 1)
    kind = generator.random()
    if kind < 0.3:
        wrong = generator.random(labels.shape) < 0.3
        chosen = np.where(wrong, classes - 1, labels)
        return np.moveaxis(np.eye(classes)[chosen], -1, 1), y
    p = generator.dirichlet(np.full(classes, 0.7), labels.shape)
    p = np.round(p * 64) / 64
    p[..., -1] = 1 - p[..., :-1].sum(axis=-1)
    p = np.clip(p, 0, 1)
    return np.moveaxis(p, -1, 1), _softened(generator, y) if setting.soft else y


def _softened(generator: np.random.Generator, y: Any) -> Any:
    """A target that is not sure of its pixels."""
    if y.shape[1] == 1:
        return np.where(generator.random(y.shape) < 0.5, 0.25 + 0.5 * y, y)
    return np.where(generator.random(y[:, :1].shape) < 0.5, 0.75 * y + 0.25 * np.roll(y, 1, axis=1), y)


def single_pixel(classes: int, y: int, p: float) -> tuple[Any, Any]:
    """A pixel of class `y` in which class 1 has probability `p`, beside a certain one of the other kind."""
    if classes == 1:
        return np.array([[[[p, 1.0 - y], [p, 1.0 - y]]]]), np.array([[[[y, 1 - y], [y, 1 - y]]]])
    spread, hot = np.zeros((2, classes)), np.zeros((2, classes), dtype=int)
    rest = 0.25 * (1 - p) if classes > 2 else 0.0  # so that the classes' terms differ, as those of two cannot
    spread[0, :2] = 1 - p - rest, p
    spread[0, 2:3] = rest
    spread[1, 1 - y] = hot[0, y] = hot[1, 1 - y] = 1
    return (np.repeat(a.T[None, :, None, :], 2, axis=2) for a in (spread, hot))  # type: ignore[return-value]


def drawn_pixels(generator: np.random.Generator, setting: Setting) -> tuple[Any, Any]:
    """A prediction and a target of one to three images; some pixels are certain, and a few of these are wrong."""
    classes = setting.classes
    images = int(generator.integers(1, 4)) if setting.images else 1
    shape = [(2, 2), (2, 3)][generator.integers(2)]  # few shapes: some libraries compile for each
    if classes == 1:
        y = generator.random((images, 1, *shape)) < generator.choice([0.2, 0.5, 0.8])
        p = generator.integers(1, 32, y.shape) / 32
    else:
        labels = generator.integers(0, classes, (images, *shape))
        y = np.moveaxis(np.eye(classes)[labels], -1, 1)
        p = np.moveaxis(generator.dirichlet(np.ones(classes), labels.shape), -1, 1)
        p = np.maximum(np.round(p * 64), 1)
        p = p / p.sum(axis=1, keepdims=True)
    if generator.random() < 0.3:
        p = np.where(generator.random(p[:, :1].shape) < 0.5, y, p)  # certain, and right
    elif generator.random() < 0.2:
        p[0, :, 0, 0] = np.roll(y[0, :, 0, 0], 1) if classes > 1 else 1 - y[0, 0, 0, 0]  # certain, and wrong
    return p, y


def unnormalised(setting: Setting, seed: int) -> list[Probe]:
    """Predictions that do not sum to 1 over the classes, where classes exclude each other and probabilities are taken."""
    if setting.takes != "probability" or not setting.competing:
        return []
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(3):
        labels = generator.integers(0, setting.classes, (1, 2, 3))
        p = generator.integers(1, 32, (1, setting.classes, 2, 3)) / 32
        found.append(probe(p, np.moveaxis(np.eye(setting.classes)[labels], -1, 1), setting))
    return found
