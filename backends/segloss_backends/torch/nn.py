"""The losses as torch modules: the function's name in CamelCase, its keywords as constructor arguments.

>>> import torch
>>> from segloss_backends.torch.nn import DiceLoss
>>> criterion = DiceLoss(from_logits=True, axis=(2, 3), smooth=1.0)
>>> criterion
DiceLoss(from_logits=True, axis=(2, 3), smooth=1.0)
>>> logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
>>> loss = criterion(logits, torch.tensor([[[[1, 0], [0, 0]]]]))
>>> loss.backward()
>>> round(loss.item(), 6)
0.5
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch

import segloss_ref
from segloss_ref import registry
from segloss_ref.engine.loss import loss_of

__all__ = [
    "BalancedCrossEntropy",
    "BinaryCrossEntropy",
    "BoundaryLoss",
    "ComboLoss",
    "DiceLoss",
    "DistanceMapLoss",
    "ExponentialLogarithmicLoss",
    "FocalLoss",
    "FocalTverskyLoss",
    "GeneralizedDiceLoss",
    "HausdorffLoss",
    "JaccardLoss",
    "LogCoshDiceLoss",
    "LossModule",
    "LovaszHingeLoss",
    "LovaszSoftmaxLoss",
    "SensitivitySpecificityLoss",
    "ShapeAwareLoss",
    "StructuralSimilarityLoss",
    "TverskyLoss",
    "WeightedCrossEntropy",
]


class LossModule(torch.nn.Module):
    """A loss with its keywords fixed. Tensors among them become buffers, so that they move with the module.

    Keywords given to a call win over those of the constructor: pixel weights mostly change with every batch.
    """

    loss: ClassVar[Callable[..., Any]]

    def __init__(self, *extra: Any, **keywords: Any) -> None:
        super().__init__()
        loss = loss_of(type(self).loss)
        if extra:
            known = ", ".join([*loss.parameters, *sorted(loss.keywords)])
            raise TypeError(f"{loss.name}: a module takes keywords alone, of {known}; got {len(extra)} without a name")
        loss.checked(*loss.split(keywords))  # a wrong keyword is an error here, not in the first batch
        self._plain: dict[str, Any] = {}
        self._tensors: list[str] = []
        for name, value in keywords.items():
            if isinstance(value, torch.Tensor):
                self.register_buffer(name, value, persistent=False)
                self._tensors.append(name)
            else:
                self._plain[name] = value

    def forward(self, pred: torch.Tensor, target: torch.Tensor, **keywords: Any) -> torch.Tensor:
        """The loss of `pred` against `target`."""
        fixed = {**self._plain, **{name: getattr(self, name) for name in self._tensors}}
        value: torch.Tensor = type(self).loss(pred, target, **{**fixed, **keywords})
        return value

    def extra_repr(self) -> str:
        """The keywords as given."""
        tensors = [f"{name}={tuple(getattr(self, name).shape)}" for name in self._tensors]
        return ", ".join([f"{name}={value!r}" for name, value in self._plain.items()] + tensors)


def _module(loss: Callable[..., Any]) -> type[LossModule]:
    name = "".join(part.capitalize() for part in registry.losses[loss.__name__].name.split("_"))
    return type(name, (LossModule,), {"loss": staticmethod(loss), "__doc__": loss.__doc__, "__module__": __name__})


BalancedCrossEntropy = _module(segloss_ref.balanced_cross_entropy)
BinaryCrossEntropy = _module(segloss_ref.binary_cross_entropy)
BoundaryLoss = _module(segloss_ref.boundary_loss)
ComboLoss = _module(segloss_ref.combo_loss)
DiceLoss = _module(segloss_ref.dice_loss)
DistanceMapLoss = _module(segloss_ref.distance_map_loss)
ExponentialLogarithmicLoss = _module(segloss_ref.exponential_logarithmic_loss)
FocalLoss = _module(segloss_ref.focal_loss)
FocalTverskyLoss = _module(segloss_ref.focal_tversky_loss)
GeneralizedDiceLoss = _module(segloss_ref.generalized_dice_loss)
HausdorffLoss = _module(segloss_ref.hausdorff_loss)
JaccardLoss = _module(segloss_ref.jaccard_loss)
LogCoshDiceLoss = _module(segloss_ref.log_cosh_dice_loss)
LovaszHingeLoss = _module(segloss_ref.lovasz_hinge_loss)
LovaszSoftmaxLoss = _module(segloss_ref.lovasz_softmax_loss)
SensitivitySpecificityLoss = _module(segloss_ref.sensitivity_specificity_loss)
ShapeAwareLoss = _module(segloss_ref.shape_aware_loss)
StructuralSimilarityLoss = _module(segloss_ref.structural_similarity_loss)
TverskyLoss = _module(segloss_ref.tversky_loss)
WeightedCrossEntropy = _module(segloss_ref.weighted_cross_entropy)
