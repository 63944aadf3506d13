"""The boundary losses on NumPy: numbers worked out by hand, edges of the contract, and what is refused."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import array_api_strict
import numpy as np
import pytest

import segloss_ref as ref

P, Y = np.array([0.75, 0.25, 0.5, 0.25]), np.array([1, 1, 0, 0])
SQUARE, MASK = np.full((3, 4), 0.25), np.eye(3, 4, dtype=bool)
SPATIAL = [name for name, record in ref.registry.losses.items() if record.spatial]


def loss(name: str, pred: Any, target: Any, **keywords: Any) -> Any:
    return ref.registry.losses[name].function(pred, target, **keywords)


@pytest.mark.parametrize("mask", [np.zeros((2, 3)), np.ones((2, 3))])
def test_empty_and_full_targets_have_no_boundary(mask: Any) -> None:
    p = np.full((2, 3), 0.75)
    cross = float(ref.binary_cross_entropy(p, mask))
    assert float(ref.boundary_loss(p, mask)) == 0
    assert float(ref.distance_map_loss(p, mask)) == pytest.approx(cross, rel=1e-15)
    assert float(ref.hausdorff_loss(p, mask)) == 0  # the prediction's mask is full as well
    # A full target still has a contour, at the image's edge, and all pixels of 2 x 3 are on it: E = 0.
    assert float(ref.shape_aware_loss(p, mask)) == pytest.approx(cross, rel=1e-15)


def test_the_prediction_s_mask_is_above_one_half() -> None:
    """At p = 1/2 and z = 0 a pixel is background; the mask has no gradient."""
    y = np.array([1.0, 1.0, 0.0, 0.0])
    # masks {0, 1} and nothing: (p-y)^2 = 1/4 each; d_y^2 = 4, 1, 1, 4, d_p = 0
    assert float(ref.hausdorff_loss(np.full(4, 0.5), y)) == 0.625
    assert float(ref.hausdorff_loss(np.zeros(4), y, from_logits=True)) == 0.625


def test_weights_count_pixels_and_leave_the_geometry_alone() -> None:
    both = ref.value_and_grad(ref.boundary_loss)
    value, gradient = both(P, Y, weight=np.array([1.0, 0.0, 1.0, 2.0]))
    assert float(value) == (-2 * 0.75 + 0.5 + 2 * 2 * 0.25) / 4  # D = -2, -1, 1, 2 as without weights
    np.testing.assert_array_equal(gradient, [-0.5, 0.0, 0.25, 1.0])
    # The largest distance among the pixels that count is 1, so that phi is 0 at them.
    value = ref.distance_map_loss(np.full(4, 0.5), Y, weight=np.array([0.0, 1.0, 1.0, 0.0]))
    assert float(value) == pytest.approx(math.log(2))
    # An ignored pixel is background in the geometry: the mask is {0} and D = -1, 1, 2, 3.
    assert float(ref.boundary_loss(P, np.array([1, 255, 0, 0]), ignore_index=255)) == pytest.approx(
        (-0.75 + 1 + 0.75) / 3
    )


@pytest.mark.parametrize("name", SPATIAL)
def test_nothing_under_a_weight_of_0_makes_nan(name: str) -> None:
    p, y = P.copy(), Y.astype(float)
    p[1], y[1] = np.nan, np.nan
    value, gradient = ref.value_and_grad(ref.registry.losses[name].function)(
        p, y, weight=np.array([1.0, 0.0, 1.0, 1.0])
    )
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_each_class_is_measured_against_the_rest() -> None:
    # Classes 0, 1, 1 of three pixels: D_0 = -1, 1, 2 and D_1 = 1, -1, -2.
    p = np.array([[0.5, 0.25, 0.0], [0.5, 0.75, 1.0]])
    values = ref.boundary_loss(p, np.array([0, 1, 1]), class_axis=0, reduction="none")
    np.testing.assert_allclose(values, [(-0.5 + 0.25) / 3, (0.5 - 0.75 - 2) / 3], rtol=1e-15)
    # phi_0 = phi_1 = 1/2, 1/2, 0, and the true class's logarithm alone.
    expected = (1.5 * math.log(2) + 1.5 * -math.log(0.75)) / 3
    assert float(ref.distance_map_loss(p, np.array([0, 1, 1]), class_axis=0)) == pytest.approx(expected, rel=1e-14)


def test_a_given_map_takes_the_place_of_the_distance() -> None:
    phi = np.array([0.0, 1.0, -1.0, 0.5])
    expected = (-math.log(0.75) - 2 * math.log(0.25) + 0 - 1.5 * math.log(0.75)) / 4
    assert float(ref.distance_map_loss(P, Y, phi=phi)) == pytest.approx(expected, rel=1e-14)
    # A weight of exactly 0 wins over an infinite logarithm.
    assert math.isfinite(ref.distance_map_loss(np.array([1.0, 0.0]), np.array([1, 1]), phi=np.array([0.0, -1.0])))


def test_spacing_belongs_to_the_axes_in_the_order_given() -> None:
    y = np.array([[1, 0], [0, 0]])
    p = np.array([[0.0, 0.0], [1.0, 0.0]])  # one step along axis 0
    for spacing, axis in (
        ((3.0, 4.0), None),
        ((3.0, 4.0), (0, 1)),
        ((4.0, 3.0), (1, 0)),
        (np.array([3.0, 4.0]), (-2, -1)),
    ):
        assert float(ref.boundary_loss(p, y, spacing=spacing, axis=axis)) == 0.75, (spacing, axis)
    assert float(ref.boundary_loss(p, y, spacing=2)) == 0.5


REFUSED: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("boundary_loss", {"spacing": (1.0,)}, ValueError, r"spacing must hold one number for each of the 2 spatial axes \(0, 1\)"),
    ("shape_aware_loss", {"spacing": (1.0, 1.0, 1.0)}, ValueError, "spacing must hold one number for each of the 2"),
    ("distance_map_loss", {"spacing": (1.0, 0.0)}, ValueError, r"spacing must be None, or one number in .* got \(1.0, 0.0\)"),
    ("boundary_loss", {"spacing": -1}, ValueError, r"spacing must be None, or one number in \[1e-60, 1e60\] a spatial axis"),
    ("boundary_loss", {"spacing": (1.0, math.inf)}, ValueError, "spacing must be"),
    ("boundary_loss", {"spacing": "mm"}, TypeError, "spacing must be .* got 'mm'"),
    ("boundary_loss", {"spacing": (1.0, None)}, TypeError, "spacing must be"),
    ("shape_aware_loss", {"scope": "image"}, ValueError, "scope must be one of 'region', 'pixel', got 'image'"),
    ("hausdorff_loss", {"method": "dt"}, ValueError, "method must be one of 'distance', 'erosion', 'convolution', got 'dt'"),
    ("hausdorff_loss", {"alpha": 0.0}, ValueError, r"alpha must lie in \(0, 1e30\]"),
    ("hausdorff_loss", {"method": "erosion", "erosions": 0}, ValueError, "erosions must be an integer from 1"),
    ("hausdorff_loss", {"method": "erosion", "rescale": "max"}, ValueError, "rescale must be one of"),
    ("hausdorff_loss", {"method": "convolution", "radii": ()}, ValueError, r"radii must be one or more numbers in \(0, 128\]"),
    ("hausdorff_loss", {"method": "convolution", "radii": (3, -1)}, ValueError, r"radii must be one or more numbers in \(0, 128\]"),
    ("hausdorff_loss", {"method": "convolution", "radii": 3}, TypeError, r"radii must be one or more numbers in \(0, 128\]"),
    # What belongs to another method would be ignored without a word.
    ("hausdorff_loss", {"method": "erosion", "spacing": (1.0, 2.0)}, ValueError, "spacing must stay at its default with method 'e"),
    ("hausdorff_loss", {"erosions": 3}, ValueError, "erosions must stay at its default with method 'distance', got 3"),
    ("hausdorff_loss", {"radii": (3,)}, ValueError, "radii must stay at its default with method 'distance'"),
    ("structural_similarity_loss", {"window": 4}, ValueError, "window must be an odd integer from 1 to 1001, got 4"),
    ("structural_similarity_loss", {"window": 3.0}, TypeError, "window must be an odd integer from 1 to 1001, got 3.0"),
    ("structural_similarity_loss", {"sigma": 0}, ValueError, r"sigma must lie in \(0, 1e30\]"),
    ("structural_similarity_loss", {"beta": 1.5}, ValueError, r"beta must lie in \[0, 1\]"),
    ("distance_map_loss", {"phi": [1.0]}, TypeError, "phi must be None, or an array .* got"),
    ("distance_map_loss", {"phi": np.ones(3)}, ValueError, r"phi must broadcast to pred's shape \(3, 4\), got \(3,\)"),
    ("distance_map_loss", {"phi": np.full(4, np.nan)}, ValueError, "phi must be finite, got nan"),
    ("distance_map_loss", {"phi": MASK}, TypeError, "phi must be real"),
    ("distance_map_loss", {"phi": array_api_strict.ones(4)}, TypeError, "phi must be of the library of pred"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "keywords", "kind", "message"), REFUSED)
def test_refused(name: str, keywords: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{name}: {message}"):
        loss(name, SQUARE, MASK, **keywords)


@pytest.mark.parametrize("call", [ref.distance_map_loss, partial(ref.validate, ref.distance_map_loss)])
def test_a_map_is_looked_at_on_the_host(call: Any) -> None:
    broken, p, y = (array_api_strict.asarray(array) for array in (np.full(4, np.inf), SQUARE, MASK))
    with pytest.raises(ValueError, match="phi must be finite, got inf"):
        call(p, y, phi=broken)
