"""The words that bindings, configuration files and the ledger speak in."""

from __future__ import annotations

__all__ = ["CHOICES", "DTYPES", "GROUPS", "OPT_IN", "OWN_GROUPS", "TAGS"]


CHOICES: dict[str, tuple[str, ...]] = {
    "pool": ("batch", "image", "all"),
    "target": ("binary", "multilabel", "onehot", "index"),
    "takes": ("probability", "logit", "log-probability", "mask", "label"),
    "returns": ("loss", "score", "per-image", "per-class", "per-image-and-class"),
    "framework": ("numpy", "torch", "jax", "cupy", "tensorflow", "process"),
    "modes": ("eager", "compile"),
    "refuses": ("nan", "shape", "range", "label", "parameter"),
}
"""What the keys with named values may hold."""


TAGS = (
    "hard-target", "soft-target", "binary", "multiclass", "simplex", "empty-target", "full-target", "absent-class",
    "empty-prediction", "hard-prediction", "non-square", "one-image", "saturated", "certain", "ignored", "weighted",
    "zero-weight", "zero-over-zero", "infinite-slope", "large-image",
)  # fmt: skip
"""Words for kinds of cases, which `domain` and the ledger's `when` speak in."""


OPT_IN = frozenset({"soft-target", "zero-weight", "zero-over-zero", "infinite-slope", "large-image"})
"""Kinds of cases that are used only when `domain` lists them."""


DTYPES = ("float64", "float32", "float16", "bfloat16", "bool", "uint8", "int64")

GROUPS = (
    "smoke",
    "closed form",
    "value",
    "dtype",
    "gradient",
    "law",
    "special cases",
    "sizes",
    "errors",
    "purity",
    "modes",
)
"""The groups of checks, in the order in which they run."""

OWN_GROUPS = ("runs", "facts", "value", "gradient", "law")
"""The groups of the library's own backends and of mutants, which are held to grade A on every case."""
