"""The part of every loss's docstring that is the same for all: arguments, results and errors."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["shared_section"]

_ARGUMENTS = """

Arguments of every loss
-----------------------
pred : array of a real floating dtype, any shape
    {prediction} The library, device and dtype are told from it.
target : array of pred's library, device and shape; bool, integer or real
    {target}
"""

_KEYWORDS = {
    "from_logits": """from_logits : bool, default False
    `pred` holds logits: sigmoid, or softmax along `class_axis` when that is given, in log space and without clipping.
    They are finite; with `class_axis`, -inf leaves a class out (p = 0) that the pixel's target does not have.
""",
    "class_axis": """class_axis : int or None, default None
    The axis along which classes compete; None: every position is a yes/no question of its own. A target without that
    axis is an integer label map.
""",
    "axis": """axis : int, tuple of int or None, default None
    The axes that make a region, over which one value is formed; None: all save `class_axis`.
""",
    "weight": """weight : array or None, default None
    Pixel weights in [0, 1e30] that broadcast to the pixels (`pred` without `class_axis`), or have as many axes as `pred`
    with size 1 along `class_axis`; 0 leaves a pixel out of everything.
""",
    "class_weight": """class_weight : one number in [0, 1e30] a class, or None, default None
    Multiplies each class's contribution; nothing is renormalised. With (0, 1, 1) a mean over three classes still divides
    by 3, and one over pixels by all of them: a class left out counts as a loss of 0.
""",
    "ignore_index": """ignore_index : int or None, default None
    The label in an integer `target` of pixels to leave out, the same as a weight of 0.
""",
    "reduction": """reduction : "mean", "sum" or "none", default "mean"
    Over the values, {values}; a region without weight counts as 0.
""",
}

_RESULT = """
Returns
-------
array of pred's library and device: 0-d, or with "none" the axes that are not reduced. float32 for narrower dtypes, whose
gradient comes back in their own.

Raises
------
TypeError, ValueError
    For every argument outside what is said here. Array values (probabilities outside [0, 1], labels out of range, weights
    outside [0, 1e30]) are looked at wherever the arrays lie in the host's memory and nothing compiles, traces or transforms
    the call; elsewhere, and for nan and infinite predictions save on NumPy, by `segloss_ref.validate`."""


def shared_section(keywords: Iterable[str], per_class: bool, logits_only: bool, hard_target: bool) -> str:
    """The text for a loss with these common keywords."""
    known = set(keywords)
    prediction = "Logits, any finite number." if logits_only else "Probabilities in [0, 1], or logits."
    target = "0 or 1." if hard_target else "0 or 1, or soft values in [0, 1]."
    values = "one a region and class" if per_class and "class_axis" in known else "one a region"
    parts = [_ARGUMENTS, *(text for name, text in _KEYWORDS.items() if name in known), _RESULT]
    return "".join(parts).replace("{prediction}", prediction).replace("{target}", target).replace("{values}", values)
