"""The record of the distances between surfaces."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .._arguments import describe, is_real, library_of, normal_class_axis
from ..domains import Choice
from ._measuring import Host, Pair, Side
from ._records import check_array, check_magnitudes, dictionary_fields, host_array

__all__ = ["SurfaceDistances", "pairs_of", "record_of"]


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """Both directed sets of distances between two surfaces, which every surface metric takes in place of the masks.

    Arrays of the masks' library, float64 where it has that. With several regions or classes the elements of one follow
    those of the one before, in C order of `shape`; `pred_counts` and `target_counts` say how many each has. `to_dict` and
    `from_dict` carry the record through JSON.

    Raises
    ------
    TypeError, ValueError
        For fields of other kinds than said below, or that do not fit together; for distances and sizes that are negative or
        nan and sizes that are infinite, on any CPU array outside of tracing and transforms.
    """

    pred_to_target: Any
    """The distance from each surface element of the prediction to the nearest of the target; inf where that is empty."""
    target_to_pred: Any
    pred_sizes: Any
    """The size of each element: 1, or the length or area of a surfel."""
    target_sizes: Any
    surface: str
    """What the elements are: "voxel", "voxel_full" or "surfel"."""
    shape: tuple[int, ...]
    """The shape of the regions (and classes): () for one."""
    pred_counts: Any
    """The number of the prediction's elements in each region, a NumPy array of `shape`."""
    target_counts: Any
    pred_pixels: Any
    """The number of pixels of the prediction in each region, a NumPy array of `shape`. A mask with pixels may be without a
    surface."""
    target_pixels: Any
    class_axis: int | None = None
    """The axis of `shape` that runs over the classes; None: there is none."""
    border: str = "background"
    """What lies beyond the image: "background" or "ignore"."""

    @property
    def pred_empty(self) -> Any:
        """Where the prediction holds no pixel at all, a NumPy array of `shape`."""
        return self.pred_pixels == 0

    @property
    def target_empty(self) -> Any:
        """Where the target holds no pixel at all, a NumPy array of `shape`."""
        return self.target_pixels == 0

    def __post_init__(self) -> None:
        owner = "SurfaceDistances"
        Choice(("voxel", "voxel_full", "surfel")).normal(owner, "surface", self.surface)
        Choice(("background", "ignore")).normal(owner, "border", self.border)
        if not isinstance(self.shape, tuple) or not all(type(size) is int and size >= 0 for size in self.shape):
            raise TypeError(f"{owner}: shape must be a tuple of integers >= 0, got {type(self.shape).__name__}")
        kinds = {name: check_array(owner, name, getattr(self, name)) for name in _SETS}
        for name, xp in kinds.items():
            array = getattr(self, name)
            if xp is not kinds["pred_to_target"] or array.ndim != 1 or not is_real(xp, array):
                raise TypeError(f"{owner}: {name} must be floating with one axis and of the library of pred_to_target, got "
                                f"{describe(array)}")  # fmt: skip
            check_magnitudes(owner, name, array, finite=name.endswith("sizes"))
        for side, distances in (("pred", self.pred_to_target), ("target", self.target_to_pred)):
            counts, pixels = (getattr(self, f"{side}_{what}") for what in ("counts", "pixels"))
            for name, array in ((f"{side}_counts", counts), (f"{side}_pixels", pixels)):
                if not isinstance(array, np.ndarray | np.generic) or array.dtype.kind not in "iu":
                    raise TypeError(f"{owner}: {name} must be a NumPy array of integers, got {type(array).__name__}")
                if array.shape != self.shape:
                    raise ValueError(f"{owner}: {name} must have shape {self.shape}, got {array.shape}")
                if array.min(initial=0) < 0:
                    raise ValueError(f"{owner}: {name} must not be negative, got {array.min()}")
            length, sizes = distances.shape[0], getattr(self, f"{side}_sizes").shape[0]
            if sizes != length:
                raise ValueError(
                    f"{owner}: {side}_sizes must have one number for each of the {length} distances, got {sizes}"
                )
            if counts.sum() != length or ((pixels == 0) & (counts > 0)).any():
                raise ValueError(f"{owner}: {side}_counts must be 0 where {side}_pixels is, and {length} in all, as there are "
                                 f"distances, got a sum of {counts.sum()}")  # fmt: skip
            if self.surface != "surfel" and (counts > pixels).any():
                raise ValueError(f"{owner}: {side}_counts must be at most {side}_pixels with surface {self.surface!r}, whose "
                                 "elements are pixels, got more")  # fmt: skip
        object.__setattr__(self, "class_axis", normal_class_axis(owner, self.class_axis, len(self.shape)))

    @classmethod
    def _trusted(cls, *values: Any) -> SurfaceDistances:
        """A record that needs no check, since it was measured."""
        record = object.__new__(cls)
        record.__dict__.update(zip((field.name for field in fields(cls)), values, strict=True))
        return record

    def to_dict(self) -> dict[str, Any]:
        """The record in lists, numbers and strings, which JSON takes: one entry a field; an infinite distance is "inf"."""
        home = library_of("SurfaceDistances", self.pred_to_target).to_numpy
        found: dict[str, Any] = {"surface": self.surface, "border": self.border, "shape": list(self.shape)}
        found["class_axis"] = self.class_axis
        for name in _SETS:
            found[name] = ["inf" if number == math.inf else number for number in home(getattr(self, name)).tolist()]
        return found | {name: getattr(self, name).tolist() for name in _TABLES}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> SurfaceDistances:
        """The record, of NumPy arrays, that `to_dict` wrote; "border" may lack. ValueError or TypeError for anything else."""
        owner = "SurfaceDistances"
        names = tuple(field.name for field in fields(cls))
        found = dictionary_fields(owner, given, names, {"border": "background"})
        for name in ("shape", *_SETS):
            if not isinstance(found[name], list | tuple):
                raise TypeError(f"{owner}: {name} must be a list, got {type(found[name]).__name__}")
        found["shape"] = tuple(found["shape"])
        for name in _SETS:
            numbers = [math.inf if isinstance(one, str) and one == "inf" else one for one in found[name]]
            found[name] = host_array(owner, name, numbers, "float64")
        for name in _TABLES:
            found[name] = host_array(owner, name, found[name], "int64")
        return cls(**found)


_SETS = ("pred_to_target", "target_to_pred", "pred_sizes", "target_sizes")
_TABLES = ("pred_counts", "target_counts", "pred_pixels", "target_pixels")


def record_of(host: Host, surface: str, border: str, pairs: list[Pair]) -> SurfaceDistances:
    """The pairs as one record, in the masks' own library."""
    backend = host.reading.backend
    floating = backend.wide(host.like)[0]

    def join(parts: list[Any]) -> Any:
        whole = backend.from_host(np.concatenate([np.empty(0), *parts]), host.like)
        return backend.namespace(host.like).astype(whole, floating, copy=False)

    def sizes(side: Side) -> Any:
        return np.ones(side.distances.size) if side.sizes is None else side.sizes

    def over_regions(values: list[Any]) -> Any:
        return np.array(values).reshape(host.shape)

    return SurfaceDistances._trusted(
        join([pair.pred.distances for pair in pairs]),
        join([pair.target.distances for pair in pairs]),
        join([sizes(pair.pred) for pair in pairs]),
        join([sizes(pair.target) for pair in pairs]),
        surface,
        host.shape,
        over_regions([pair.pred.distances.size for pair in pairs]),
        over_regions([pair.target.distances.size for pair in pairs]),
        over_regions([pair.pred_pixels for pair in pairs]),
        over_regions([pair.target_pixels for pair in pairs]),
        host.reading.values_class_axis,
        border,
    )


def pairs_of(record: SurfaceDistances) -> list[Pair]:
    """The record's pairs, in host memory."""
    home = library_of("surface_distances", record.pred_to_target).to_numpy

    def sides(distances: Any, sizes: Any, counts: Any) -> list[Side]:
        ends = np.cumsum(counts.ravel())[:-1]
        weights = np.split(np.asarray(home(sizes), dtype=np.float64), ends)
        lengths = np.split(np.asarray(home(distances), dtype=np.float64), ends)
        return [Side(d, s if record.surface == "surfel" else None) for d, s in zip(lengths, weights, strict=True)]

    return [
        Pair(pred, target, int(pred_pixels), int(target_pixels))
        for pred, target, pred_pixels, target_pixels in zip(
            sides(record.pred_to_target, record.pred_sizes, record.pred_counts),
            sides(record.target_to_pred, record.target_sizes, record.target_counts),
            record.pred_pixels.ravel(),
            record.target_pixels.ravel(),
            strict=True,
        )
    ]
