"""segloss_ref: what every loss and metric of semantic segmentation is.

Losses with closed-form gradients and counting metrics, on NumPy, torch, CuPy and any other array-API library. The
library is told by the arguments; float64 on NumPy is the ground truth. `registry` lists everything.
"""

from . import domains, kit, presets, registry
from ._backend import Backend, backends
from .gradient import grad, validate, value_and_grad
from .losses.boundary import boundary_loss, hausdorff_loss, shape_aware_loss
from .losses.compound import combo_loss, exponential_logarithmic_loss, structural_similarity_loss
from .losses.distribution import (
    balanced_cross_entropy,
    binary_cross_entropy,
    distance_map_loss,
    focal_loss,
    weighted_cross_entropy,
)
from .losses.lovasz import lovasz_hinge_loss, lovasz_softmax_loss
from .losses.region import (
    dice_loss,
    focal_tversky_loss,
    generalized_dice_loss,
    jaccard_loss,
    log_cosh_dice_loss,
    sensitivity_specificity_loss,
    tversky_loss,
)
from .metrics.counts import (
    ClassConfusion,
    Confusion,
    accuracy,
    balanced_accuracy,
    class_confusion,
    cohen_kappa,
    confusion,
    dice_score,
    f_score,
    jaccard_index,
    matthews_correlation,
    negative_predictive_value,
    precision,
    sensitivity,
    specificity,
    tversky_index,
    volumetric_similarity,
)
from .metrics.outlines import boundary_iou, centerline_dice
from .metrics.surfaces import (
    SurfaceDistances,
    average_surface_distance,
    hausdorff_distance,
    surface_dice,
    surface_distances,
)

__version__ = "0.1.0"

__all__ = [
    "Backend",
    "ClassConfusion",
    "Confusion",
    "SurfaceDistances",
    "accuracy",
    "average_surface_distance",
    "backends",
    "balanced_accuracy",
    "balanced_cross_entropy",
    "binary_cross_entropy",
    "boundary_iou",
    "boundary_loss",
    "centerline_dice",
    "class_confusion",
    "cohen_kappa",
    "combo_loss",
    "confusion",
    "dice_loss",
    "dice_score",
    "distance_map_loss",
    "domains",
    "exponential_logarithmic_loss",
    "f_score",
    "focal_loss",
    "focal_tversky_loss",
    "generalized_dice_loss",
    "grad",
    "hausdorff_distance",
    "hausdorff_loss",
    "jaccard_index",
    "jaccard_loss",
    "kit",
    "log_cosh_dice_loss",
    "lovasz_hinge_loss",
    "lovasz_softmax_loss",
    "matthews_correlation",
    "negative_predictive_value",
    "precision",
    "presets",
    "registry",
    "sensitivity",
    "sensitivity_specificity_loss",
    "shape_aware_loss",
    "specificity",
    "structural_similarity_loss",
    "surface_dice",
    "surface_distances",
    "tversky_index",
    "tversky_loss",
    "validate",
    "value_and_grad",
    "volumetric_similarity",
    "weighted_cross_entropy",
]
