"""A bound function as a subject: cases in its form, the laws that it can be asked about, answers in the reference's terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..adapters.adapt import adapt
from ..adapters.binding import Binding
from ..adapters.bound_case import BoundCase, replaced
from ..adapters.call import Called, Caller, Unsupported
from ..adapters.callers import caller
from ..cases.case import Case
from ..laws import Law

__all__ = ["BoundFunction"]


@dataclass
class BoundFunction:
    """A binding in one dtype, with what calls it."""

    binding: Binding
    dtype: str
    device: str
    call: Caller
    strict: bool = False
    declined: str | None = None
    """Why it has declined a call, where it has."""
    fit: Callable[[Case], BoundCase | None] | None = None
    """Brings a case into the form of a declared convention; None: into the binding's own."""

    @classmethod
    def of(cls, binding: Binding) -> BoundFunction:
        """In the binding's first dtype on its first device."""
        device = binding.devices[0]
        return cls(binding, binding.dtypes[0], device, caller(binding, device, "eager"))

    @property
    def label(self) -> str:
        """The binding's."""
        return self.binding.label

    @property
    def has_gradients(self) -> bool:
        """A gradient can be had, by autograd or by a function of its own."""
        binding = self.binding
        by_library = callable(binding.grad) or binding.framework not in ("numpy", "cupy")
        return binding.is_loss and binding.grad != "none" and by_library

    @property
    def scales(self) -> bool:
        """Gradients come from the framework, which takes a cotangent."""
        return self.has_gradients and not callable(self.binding.grad) and self.binding.framework != "process"

    def adapt(self, case: Case) -> BoundCase | None:
        """The case in the binding's form and domain; None where there is none."""
        return adapt(self.binding, case, self.dtype) if self.fit is None else self.fit(case)

    def counted_in(self, called: Called) -> str:
        """The dtype of floating arrays; masks of integers are counted in whatever floating dtype comes back."""
        if self.dtype.startswith(("float", "bfloat")):
            return self.dtype
        return "float32" if called.dtype == "float32" else "float64"

    def ask(self, case: Case, *, gradient: bool = True, style: str = "plain", cotangent: Any = None) -> Called:
        """The answer, with 1 - value where one is a score and the other a loss."""
        if not isinstance(case, BoundCase):
            raise TypeError(f"ask: case must be one that adapt has returned, got {type(case).__name__}")
        wanted = gradient and self.has_gradients
        try:
            called = self.call(case, self.dtype, gradient=wanted, style=style, cotangent=cotangent)
        except Unsupported as why:
            self.declined = str(why)
            raise
        if self.binding.returns == ("score" if self.binding.is_loss else "loss"):
            called.value = 1 - called.value
            called.gradients = {name: -slope for name, slope in called.gradients.items()}
        if self.binding.takes == "log-probability":
            called.gradients = {name: slope / case.pred for name, slope in called.gradients.items()}
        if called.inputs is not None:
            given = zip(("pred", "target"), called.inputs, (case.passed, case.target), strict=True)
            called.changed = [name for name, now, then in given if not _same(now, then)]
        return called

    def partner(self, law: Law, case: Case) -> BoundCase | None:
        """The law's other case, where the binding can express it and the law speaks of the reference's own values."""
        assert isinstance(case, BoundCase)
        other = None if case.averaged else law.partner(case)
        if other is None or other.name != case.name or other.pred.ndim != case.pred.ndim:
            return None
        if not case.is_loss and other.target.dtype.kind == "f":
            return None  # probabilities that have changed places with the target, which is handed over as a mask
        if ("weight" in other.keywords) != ("weight" in case.keywords):
            return None
        if "C" in self.binding.layout:
            place = self.binding.layout.index("C")
            if other.pred.shape[place] != case.pred.shape[place]:
                return None
        given = self._told(case, other)
        if given is None:
            return None
        return replaced(case, pred=other.pred, target=other.target, keywords=other.keywords, given=given)

    def _told(self, case: BoundCase, other: Case) -> dict[str, Any] | None:
        """The placeholders' values for the other case; None where the binding has no placeholder for a keyword that differs."""
        binding = self.binding
        changed = {
            name for name in other.keywords.keys() | case.keywords.keys()
            if name != "weight" and other.keywords.get(name) != case.keywords.get(name)
        }  # fmt: skip
        can_say = binding.parameters | (binding.placeholders & {"class_weight"})
        if changed and (binding.convention or not changed <= can_say):
            return None
        given = dict(case.given)
        for name in changed:
            parameter = binding.record.parameters.get(name)
            value = other.keywords.get(name, None if parameter is None else parameter.default)
            is_pair = isinstance(value, tuple) and name != "class_weight"
            if value is None or (is_pair and f"{name}_numerator" not in binding.placeholders):
                return None
            given[name] = value
            if name == "smooth":
                pair = value if isinstance(value, tuple) else (value, value)
                given["smooth_numerator"], given["smooth_denominator"] = pair
        return given

    def close(self) -> None:
        """End the process behind the calls, where there is one."""
        self.call.close()


def _same(now: Any, then: Any) -> bool:
    return bool(
        np.allclose(now.astype(float), np.asarray(then).astype(float), rtol=2.0**-7, atol=2.0**-24, equal_nan=True)
    )
