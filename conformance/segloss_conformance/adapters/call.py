"""One call of somebody's function: what it gave, or why it gave no numbers."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..watcher import tell
from .bound_case import BoundCase

__all__ = ["STYLES", "CallProblem", "Called", "Caller", "Unsupported", "limited"]

STYLES = {
    "plain": "the same call again",
    "read-only": "arrays that may not be written to",
    "strided": "arrays that are not contiguous",
    "fortran": "arrays in Fortran order",
    "mixed": "pred in Fortran order beside a contiguous target",
}
"""How the same numbers may lie in memory."""


class CallProblem(Exception):
    """A call that gave no numbers: it raised, printed, hung, or returned what is no array."""


class Unsupported(Exception):
    """A call that the implementation itself declines."""


@dataclass
class Called:
    """What a call gave: NumPy arrays, the name of the dtype that came back, and what is wrong besides the numbers."""

    value: Any
    gradients: dict[str, Any]
    """By name, since a library may offer more than one way to them; empty where none was asked for or is to be had."""
    dtype: str = ""
    inputs: tuple[Any, Any] | None = None
    """(pred, target) after the call; None where the implementation cannot have touched them."""
    cotangent: Any = None
    """What the gradients were asked at; None for 1."""
    faults: list[str] = field(default_factory=list)
    """Wrong library, device or dtype of the result, and changed arguments, in words."""
    changed: list[str] = field(default_factory=list)
    """The arguments that the call has changed."""

    @property
    def gradient(self) -> Any:
        """The gradient, where there is one."""
        return next(iter(self.gradients.values()), None)


class Caller(Protocol):
    """Calls the implementation on one device, in one mode."""

    def __call__(
        self, case: BoundCase, dtype: str, *, gradient: bool = False, style: str = "plain", cotangent: Any = None
    ) -> Called:
        """The implementation's answer; `style` is one of `STYLES`.

        A gradient by autograd is asked at `cotangent`, which must be exact in the dtype of the value (None: 1).
        """
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `CallProblem` where the block takes longer; only in the main thread of a system with alarms.

    The alarm rings again every tenth of the time, since a function may swallow an exception.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: Any) -> None:
        raise CallProblem(f"a call takes longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    tell(f"call {seconds:g}")
    signal.setitimer(signal.ITIMER_REAL, seconds, max(seconds / 10, 0.1))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        tell("back")
