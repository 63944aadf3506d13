"""What is under test: something that takes cases and gives values and, for losses, gradients."""

from __future__ import annotations

from typing import Any, Protocol

from ..adapters.call import Called
from ..cases.case import Case
from ..laws import Law

__all__ = ["Subject"]


class Subject(Protocol):
    """A callable under test in one dtype on one device."""

    @property
    def label(self) -> str:
        """The name of its column."""
        ...

    @property
    def dtype(self) -> str:
        """The dtype of the arrays that it is given."""
        ...

    @property
    def strict(self) -> bool:
        """It has to be as accurate as the formula can be (grade A), everywhere; its first failure ends its column."""
        ...

    @property
    def scales(self) -> bool:
        """Its gradients can be asked at a cotangent."""
        ...

    def adapt(self, case: Case) -> Case | None:
        """The case, or its counterpart in the subject's own form and domain; None where there is none."""
        ...

    def partner(self, law: Law, case: Case) -> Case | None:
        """The law's other case; None where the law does not speak, or the subject cannot be asked about it."""
        ...

    def ask(self, case: Case, *, gradient: bool = True, style: str = "plain", cotangent: Any = None) -> Called:
        """Its answer. Raises `CallProblem` where the call fails, `Unsupported` where the subject itself declines."""
        ...

    def counted_in(self, called: Called) -> str:
        """The dtype in which a value is graded."""
        ...
