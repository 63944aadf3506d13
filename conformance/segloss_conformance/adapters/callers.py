"""Call a function in its own framework and return NumPy arrays; failed calls raise `CallProblem`, declined ones `Unsupported`.

A `Caller` makes one call at a time: arrays out, value and gradient back, nothing printed, no longer than the timeout.
"""

from __future__ import annotations

from .binding import Binding
from .call import Called, Caller, CallProblem, Unsupported, limited
from .process import ProcessCaller
from .python import PythonCaller

__all__ = ["CallProblem", "Called", "Caller", "Unsupported", "caller", "limited"]


def caller(binding: Binding, device: str, mode: str) -> Caller:
    """The caller of a binding."""
    if binding.framework == "process":
        return ProcessCaller(binding)
    return PythonCaller(binding, device, mode)
