"""Keras on torch, so that gradients can be asked for; metrics are updated once and read."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import torch
from torch import Tensor

version = keras.__version__


def dice_of_images_and_classes(target: Tensor, pred: Tensor) -> Tensor:
    """One value an image and class, (N, C), of arrays (N, H, W, C)."""
    return keras.losses.dice(target, pred, axis=(1, 2))


def weighted_binary_crossentropy(target: Tensor, logits: Tensor, weight: Tensor) -> Tensor:
    """A last axis of 1, since the mean over the last axis comes before the weights."""
    loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    return loss(target[..., None], logits[..., None], sample_weight=weight)


def weighted_binary_crossentropy_by_default(target: Tensor, logits: Tensor, weight: Tensor) -> Tensor:
    """The same with the reduction that a model uses."""
    return keras.losses.BinaryCrossentropy(from_logits=True)(target[..., None], logits[..., None], sample_weight=weight)


def measured(metric: keras.Metric, target: Tensor, pred: Tensor, weight: Tensor | None = None) -> Tensor:
    """What a metric says after one batch."""
    metric.update_state(target, pred, sample_weight=weight)
    return metric.result()


def mean_iou(target: Tensor, pred: Tensor, classes: int) -> Tensor:
    """Of label maps."""
    return measured(keras.metrics.MeanIoU(classes), target, pred)


def mean_iou_ignoring(target: Tensor, pred: Tensor, classes: int, ignored: int) -> Tensor:
    """Of label maps, one label left out."""
    return measured(keras.metrics.MeanIoU(classes, ignore_class=ignored), target, pred)


def mean_iou_of_scores(target: Tensor, pred: Tensor, classes: int) -> Tensor:
    """Of labels and scores, (N, H, W, C)."""
    return measured(keras.metrics.MeanIoU(classes, sparse_y_pred=False), target, pred)


def iou_of_each_class(target: Tensor, pred: Tensor, classes: int) -> Tensor:
    """One value a class, each from a metric of its own."""
    return torch.stack([measured(keras.metrics.IoU(classes, [c]), target, pred) for c in range(classes)])


def one_hot_mean_iou(target: Tensor, pred: Tensor, classes: int) -> Tensor:
    """Of one-hot masks."""
    return measured(keras.metrics.OneHotMeanIoU(classes), target, pred)


def one_hot_iou_of_each_class(target: Tensor, pred: Tensor, classes: int) -> Tensor:
    """One value a class, each from a metric of its own."""
    return torch.stack([measured(keras.metrics.OneHotIoU(classes, [c]), target, pred) for c in range(classes)])


def binary_iou(target: Tensor, pred: Tensor) -> Tensor:
    """Of the foreground."""
    return measured(keras.metrics.BinaryIoU(target_class_ids=[1]), target, pred)


def binary_iou_weighted(target: Tensor, pred: Tensor, weight: Tensor) -> Tensor:
    """Of the foreground."""
    return measured(keras.metrics.BinaryIoU(target_class_ids=[1]), target, pred, weight)


def binary_iou_weighted_in_float32(target: Tensor, pred: Tensor, weight: Tensor) -> Tensor:
    """Of the foreground, counted in float32."""
    return measured(keras.metrics.BinaryIoU(target_class_ids=[1], dtype="float32"), target, pred, weight)


def precision(target: Tensor, pred: Tensor, weight: Tensor) -> Tensor:
    """Of the foreground."""
    return measured(keras.metrics.Precision(), target, pred, weight)


def recall(target: Tensor, pred: Tensor, weight: Tensor) -> Tensor:
    """Of the foreground."""
    return measured(keras.metrics.Recall(), target, pred, weight)


def precision_of_each_class(target: Tensor, pred: Tensor) -> Tensor:
    """One value a class, each from a metric of its own."""
    return torch.stack([measured(keras.metrics.Precision(class_id=c), target, pred) for c in range(pred.shape[-1])])


def recall_of_each_class(target: Tensor, pred: Tensor) -> Tensor:
    """One value a class, each from a metric of its own."""
    return torch.stack([measured(keras.metrics.Recall(class_id=c), target, pred) for c in range(pred.shape[-1])])


def binary_accuracy(target: Tensor, pred: Tensor, weight: Tensor) -> Tensor:
    """A last axis of 1, since the mean over the last axis comes before the weights."""
    return measured(keras.metrics.BinaryAccuracy(), target[..., None], pred[..., None], weight)


def categorical_accuracy(target: Tensor, pred: Tensor) -> Tensor:
    """The share of right pixels."""
    return measured(keras.metrics.CategoricalAccuracy(), target, pred)


def f_beta(target: Tensor, pred: Tensor, average: str | None, beta: float, threshold: float | None) -> Tensor:
    """It wants (pixels, classes)."""
    metric = keras.metrics.FBetaScore(average=average, beta=float(beta), threshold=threshold)
    return measured(metric, target.flatten(0, -2), pred.flatten(0, -2))


def f_beta_of_each_class(target: Tensor, pred: Tensor, beta: float) -> Tensor:
    """One value a class."""
    return f_beta(target, pred, None, beta, 0.5)


def f_beta_micro(target: Tensor, pred: Tensor, beta: float) -> Tensor:
    """Of all classes together."""
    return f_beta(target, pred, "micro", beta, 0.5)


def f_beta_macro_of_argmax(target: Tensor, pred: Tensor, beta: float) -> Tensor:
    """The mean over classes; the largest score is the class."""
    return f_beta(target, pred, "macro", beta, None)


def f1_macro(target: Tensor, pred: Tensor) -> Tensor:
    """It wants (pixels, classes)."""
    return measured(keras.metrics.F1Score(average="macro", threshold=0.5), target.flatten(0, -2), pred.flatten(0, -2))
