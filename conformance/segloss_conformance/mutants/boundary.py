"""Wrong boundary losses."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from segloss_ref import distance_map_loss, domains, hausdorff_loss, kit
from segloss_ref.kit import Regions, Slope, Term

from ..cases.case import Case
from .kit import Answer, mutant, parameter, refer, with_formula

HAUSDORFF = kit.loss_of(hausdorff_loss).formula


def _steps(r: Regions, spacing: Any) -> tuple[float, ...]:
    return domains.steps("a mutant", spacing, r.axes)


def _every_image(r: Regions, mask: Any, spacing: Any, field: Any) -> Any:
    """`field(image, steps)` of every image of a mask."""
    kept = [axis for axis in range(mask.ndim) if axis not in r.axes]
    order = (*kept, *r.axes)
    images = np.transpose(mask, order)
    result = np.zeros(images.shape)
    for place in np.ndindex(*images.shape[: len(kept)]):
        if r.axes:
            result[place] = field(images[place], _steps(r, spacing))
    return np.transpose(result, np.argsort(order))


def _phantom(image: Any, steps: tuple[float, ...]) -> Any:
    """The distance to the background as SciPy gives it, to a phantom point where there is none."""
    return ndimage.distance_transform_edt(image, sampling=steps)


# Boundary loss. -------------------------------------------------------------------------------------------------------


def _signed(case: Case, change: Any) -> Answer:
    """The boundary loss with D altered."""

    def formula(r: Regions, *, spacing: Any) -> Term:
        y = kit.target_mask(r)
        d = kit.boundary_distance(r, y, _steps(r, spacing))
        signed = change(r, y, d, spacing)
        return r.class_wise_mean(r.prob.p * signed, lambda: Slope(p=signed))

    return with_formula(case, formula)


@mutant("boundary_loss", "the distance is taken inside the target alone")
def boundary_inside_only(case: Case) -> Answer:
    return _signed(case, lambda r, y, d, spacing: np.where(y, -d, 0.0))


@mutant("boundary_loss", "the distance is taken outside the target alone")
def boundary_outside_only(case: Case) -> Answer:
    return _signed(case, lambda r, y, d, spacing: np.where(y, 0.0, d))


@mutant("boundary_loss", "the sign is inverted")
def boundary_inverted(case: Case) -> Answer:
    return _signed(case, lambda r, y, d, spacing: np.where(y, d, -d))


@mutant("boundary_loss", "1 is subtracted inside, in pixels whatever the spacing, as the authors' code does")
def boundary_shifted(case: Case) -> Answer:
    return _signed(case, lambda r, y, d, spacing: np.where(y & (d > 0), 1 - d, np.where(y, 0.0, d)))


@mutant("boundary_loss", "distances are truncated to whole numbers")
def boundary_truncated(case: Case) -> Answer:
    return _signed(case, lambda r, y, d, spacing: np.where(y, -np.floor(d), np.floor(d)))


@mutant("boundary_loss", "a full target is measured to a phantom point outside the image")
def boundary_phantom(case: Case) -> Answer:
    return _signed(
        case,
        lambda r, y, d, spacing: (
            _every_image(r, ~y, spacing, _phantom) * (d > 0) - _every_image(r, y, spacing, _phantom)
        ),
    )


@mutant("boundary_loss", "taxicab distances")
def boundary_taxicab(case: Case) -> Answer:
    def taxicab(image: Any, steps: tuple[float, ...]) -> Any:
        found: Any = ndimage.distance_transform_cdt(image, "taxicab")
        return found * steps[0]

    return _signed(
        case,
        lambda r, y, d, spacing: np.where(
            d == 0, 0.0, _every_image(r, ~y, spacing, taxicab) - _every_image(r, y, spacing, taxicab)
        ),
    )


@mutant("boundary_loss", "the spacing is ignored")
def boundary_without_spacing(case: Case) -> Answer:
    return refer(case, spacing=None)


@mutant("boundary_loss", "the spacing is read in reverse order, x y z for z y x")
def boundary_spacing_reversed(case: Case) -> Answer:
    spacing = parameter(case, "spacing")
    return refer(case, spacing=tuple(reversed(spacing)) if isinstance(spacing, tuple) else spacing)


@mutant("boundary_loss", "the distances are those of the prediction's mask")
def boundary_of_prediction(case: Case) -> Answer:
    def formula(r: Regions, *, spacing: Any) -> Term:
        mask = kit.predicted_mask(r)
        d = kit.boundary_distance(r, mask, _steps(r, spacing))
        signed = np.where(mask, -d, d)
        return r.class_wise_mean(r.prob.p * signed, lambda: Slope(p=signed))

    return with_formula(case, formula)


# Hausdorff losses. ----------------------------------------------------------------------------------------------------


def _far(case: Case, change: Any, power: int = 2) -> Answer:
    """The Hausdorff loss by distances with their sum, or the power of the error, altered; other methods as they are."""
    if parameter(case, "method") != "distance":
        return refer(case)

    def formula(r: Regions, *, alpha: float, spacing: Any, **own: Any) -> Term:
        steps = _steps(r, spacing)
        p, y = kit.predicted_mask(r), kit.target_mask(r)
        d_p, d_y = (kit.boundary_distance(r, mask, steps) for mask in (p, y))
        far = change(p, y, d_p**alpha, d_y**alpha)
        error = r.prob.p * (1 - r.y) - r.prob.q * r.y
        if power == 1:
            return r.class_wise_mean(abs(error) * far, lambda: Slope(p=np.sign(error) * far))
        return r.class_wise_mean(error * error * far, lambda: Slope(p=2 * error * far))

    return with_formula(case, formula)


@mutant("hausdorff_loss", "distances are taken inside the masks alone")
def hausdorff_inside_only(case: Case) -> Answer:
    return _far(case, lambda p, y, a, b: a * p + b * y)


@mutant("hausdorff_loss", "one-sided: the target's distances alone")
def hausdorff_one_sided(case: Case) -> Answer:
    return _far(case, lambda p, y, a, b: b)


@mutant("hausdorff_loss", "the larger of the two distances in place of their sum")
def hausdorff_larger(case: Case) -> Answer:
    return _far(case, lambda p, y, a, b: np.maximum(a, b))


@mutant("hausdorff_loss", "the error is not squared")
def hausdorff_of_errors(case: Case) -> Answer:
    return _far(case, lambda p, y, a, b: a + b, power=1)


@mutant("hausdorff_loss", "alpha is ignored")
def hausdorff_without_alpha(case: Case) -> Answer:
    return refer(case, alpha=2.0)


@mutant("hausdorff_loss", "the spacing is ignored")
def hausdorff_without_spacing(case: Case) -> Answer:
    return refer(case, spacing=None)


def _method(case: Case, method: str, formula: Any) -> Answer:
    """One method with another formula."""
    return with_formula(case, formula) if parameter(case, "method") == method else refer(case)


@mutant("hausdorff_loss", "erosion without the factor 2, as the paper prints it")
def erosion_as_printed(case: Case) -> Answer:
    return refer(case, rescale="none") if parameter(case, "rescale") == "unit" and parameter(
        case, "method") == "erosion" else refer(case)  # fmt: skip


@mutant("hausdorff_loss", "every erosion is stretched to [0, 1], as public codes do")
def erosion_stretched(case: Case) -> Answer:
    return refer(case, rescale="minmax") if parameter(case, "rescale") == "unit" and parameter(
        case, "method") == "erosion" else refer(case)  # fmt: skip


@mutant("hausdorff_loss", "one erosion too few")
def erosion_one_less(case: Case) -> Answer:
    if parameter(case, "method") != "erosion":
        return refer(case)
    less = parameter(case, "erosions") - 1
    if less:
        return refer(case, erosions=less)
    value, gradient = refer(case)
    return 0 * value, 0 * gradient


@mutant("hausdorff_loss", "the k-th erosion counts (k - 1)^alpha")
def erosion_counted_from_0(case: Case) -> Answer:
    def formula(r: Regions, *, alpha: float, erosions: int, rescale: Any, **own: Any) -> Term:
        term = HAUSDORFF(r, method="erosion", alpha=alpha, erosions=erosions, rescale=rescale)
        whole = HAUSDORFF(r, method="erosion", alpha=1e-9, erosions=erosions, rescale=rescale)
        return Term(term.value - whole.value, lambda f: term.slope(f) + whole.slope(-f))

    return _method(case, "erosion", formula)


@mutant("hausdorff_loss", "the erosions are constants for the gradient: the value is right")
def erosion_detached(case: Case) -> Answer:
    value, gradient = refer(case)
    return value, 0 * gradient if parameter(case, "method") == "erosion" else gradient


@mutant("hausdorff_loss", "discs half as wide again")
def convolution_wider(case: Case) -> Answer:
    if parameter(case, "method") != "convolution":
        return refer(case)
    return refer(case, radii=tuple(1.5 * radius for radius in parameter(case, "radii")))


@mutant("hausdorff_loss", "the radii do not weigh the discs")
def convolution_unweighted(case: Case) -> Answer:
    return refer(case, alpha=1e-9) if parameter(case, "method") == "convolution" else refer(case)


@mutant("hausdorff_loss", "the gradient of the convolutions is left out: the value is right")
def convolution_detached(case: Case) -> Answer:
    def formula(r: Regions, *, alpha: float, radii: Any, **own: Any) -> Term:
        term = HAUSDORFF(r, method="convolution", alpha=alpha, radii=radii)
        p, y = r.images.prob.p, r.images.y
        error = p - y
        share = 1.0 if r.weight is None else r.weight

        def slope(factor: Any) -> Slope:
            by_p = share * r.per_pixel(factor) * 2 * error * (p + y)
            return Slope(pred=r.images.prob.pull(Slope(p=by_p)))

        return Term(term.value, slope)

    return _method(case, "convolution", formula)


# Distance map. --------------------------------------------------------------------------------------------------------


def _mapped(case: Case, change: Any) -> Answer:
    """The distance-map loss with its weight made of d and d_max."""
    if parameter(case, "phi") is not None:
        return refer(case)

    def formula(r: Regions, *, phi: Any, spacing: Any) -> Term:
        d = kit.boundary_distance(r, kit.target_mask(r), _steps(r, spacing))
        return kit.loss_of(distance_map_loss).formula(r, phi=change(r, d), spacing=spacing)

    return with_formula(case, formula)


@mutant("distance_map_loss", "the weight is formed and never used, as in the one public code")
def distance_map_unused(case: Case) -> Answer:
    return _mapped(case, lambda r, d: 0 * d)


@mutant("distance_map_loss", "weighs most far from the boundary")
def distance_map_far(case: Case) -> Answer:
    return _mapped(case, lambda r, d: r.ratio(d, r.largest(d)))


@mutant("distance_map_loss", "the 1 is missing: the farthest pixels count nothing")
def distance_map_without_1(case: Case) -> Answer:
    return _mapped(case, lambda r, d: -r.xp.where(r.largest(d) == 0, 1.0, r.ratio(d, r.largest(d))))


@mutant("distance_map_loss", "d_max is that of the whole batch")
def distance_map_batch_maximum(case: Case) -> Answer:
    return _mapped(case, lambda r, d: np.where(r.largest(d) == 0, 0.0, 1 - d / max(d.max(), 1e-300)))


@mutant("distance_map_loss", "pixels of weight 0 count in d_max")
def distance_map_maximum_of_all(case: Case) -> Answer:
    return _mapped(
        case,
        lambda r, d: np.where(
            d.max(axis=r.axes, keepdims=True) == 0, 0.0, 1 - r.ratio(d, d.max(axis=r.axes, keepdims=True))
        ),
    )


@mutant("distance_map_loss", "an empty or full target weighs 2 everywhere")
def distance_map_of_nothing(case: Case) -> Answer:
    return _mapped(case, lambda r, d: 1 - r.ratio(d, r.largest(d)))


# Shape. ---------------------------------------------------------------------------------------------------------------


def _strayed(case: Case, scope: str, change: Any) -> Answer:
    """The shape-aware loss with E altered in one of its scopes."""
    if parameter(case, "scope") != scope:
        return refer(case)

    def formula(r: Regions, *, scope: str, spacing: Any) -> Term:
        p, y = kit.predicted_mask(r), kit.target_mask(r)
        e = change(r, p, y, _steps(r, spacing))
        cross, slope = r.prob.binary_cross_entropy(r.y)
        return r.class_wise_mean((1 + e) * cross, lambda: slope().scaled(1 + e))

    return with_formula(case, formula)


def _directed(r: Regions, mine: Any, other: Any, steps: Any, how: str = "mean") -> Any:
    apart = kit.contour_distance(r, other, steps)
    points = kit.contour(r, mine)
    if how == "max":
        return np.max(np.where(points, apart, 0.0), axis=r.axes, keepdims=True)
    total = np.sum(np.where(points, apart, 0.0), axis=r.axes, keepdims=True)
    return total if how == "sum" else r.ratio(total, np.sum(points, axis=r.axes, keepdims=True, dtype=float))


@mutant("shape_aware_loss", "measured from the target's contour to the predicted one")
def shape_other_direction(case: Case) -> Answer:
    return _strayed(case, "region", lambda r, p, y, steps: _directed(r, y, p, steps))


@mutant("shape_aware_loss", "the mean of both directions")
def shape_both_directions(case: Case) -> Answer:
    return _strayed(case, "region", lambda r, p, y, steps: (_directed(r, p, y, steps) + _directed(r, y, p, steps)) / 2)


@mutant("shape_aware_loss", "the largest distance in place of the mean")
def shape_largest(case: Case) -> Answer:
    return _strayed(case, "region", lambda r, p, y, steps: _directed(r, p, y, steps, "max"))


@mutant("shape_aware_loss", "the sum of the distances in place of the mean")
def shape_sum(case: Case) -> Answer:
    return _strayed(case, "region", lambda r, p, y, steps: _directed(r, p, y, steps, "sum"))


@mutant("shape_aware_loss", "the distance to the target itself in place of its contour")
def shape_to_mask(case: Case) -> Answer:
    def e(r: Regions, p: Any, y: Any, steps: Any) -> Any:
        apart = np.sqrt(r.prob.backend.squared_distance(y, r.axes, steps))
        apart = np.where(np.isinf(apart), 0.0, apart)
        points = kit.contour(r, p)
        total = np.sum(np.where(points, apart, 0.0), axis=r.axes, keepdims=True)
        return r.ratio(total, np.sum(points, axis=r.axes, keepdims=True, dtype=float))

    return _strayed(case, "region", e)


@mutant("shape_aware_loss", "all pixels weigh by their distance, right ones too")
def shape_everywhere(case: Case) -> Answer:
    return _strayed(case, "pixel", lambda r, p, y, steps: kit.contour_distance(r, y, steps))


@mutant("shape_aware_loss", "the spacing is ignored")
def shape_without_spacing(case: Case) -> Answer:
    return refer(case, spacing=None)


@mutant("shape_aware_loss", "minus signs before positive terms, as the survey prints it")
def shape_as_printed(case: Case) -> Answer:
    value, gradient = refer(case)
    return -value, -gradient


@mutant("shape_aware_loss", "the weight is E without the 1")
def shape_without_1(case: Case) -> Answer:
    value, gradient = refer(case)
    if "class_axis" in case.keywords or case.keywords.get("reduction", "mean") == "none":
        return value, gradient
    names = {"scope": None, "spacing": None}
    plain, slope = refer(case, "binary_cross_entropy", **names)
    return value - plain, gradient - slope
