"""Make a failure small: the same failure on the smallest case that Hypothesis finds, then with rounder numbers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from hypothesis import Phase, find, settings
from hypothesis.errors import Flaky, NoSuchExample

from segloss_ref.registry import Record

from ..adapters.bound_case import BoundCase, in_domain, replaced
from ..cases.case import Case
from ..cases.draw import ALL_HEALTH_CHECKS
from ..cases.strategies import cases
from .verdicts import Finding

__all__ = ["Shrinker"]


class _TimeIsUp(BaseException):
    """Ends a search; no `Exception`, which Hypothesis would take for a failing example."""


@dataclass
class Shrinker:
    """A search for a smaller case: at most `calls` cases, and no longer than `seconds` of `clock`."""

    record: Record
    adapt: Callable[[Case], Case | None]
    again: Callable[[Case], Finding | None]
    """The failure of a case, if it is the same one."""
    clock: Callable[[], float]
    seconds: float
    calls: int

    def smallest(self, finding: Finding) -> Finding:
        """The same failure on the smallest case found; the first one where none is smaller."""
        return self._rounder(self._smaller(finding))

    def _smaller(self, finding: Finding) -> Finding:
        best, end = finding, self.clock() + self.seconds

        def fails(drawn: Case) -> bool:
            nonlocal best
            if self.clock() > end:
                raise _TimeIsUp
            case = self.adapt(drawn)
            found = None if case is None else self.again(case)
            if case is None or found is None:
                return False
            if best.case is None or _size(case) <= _size(best.case):
                best = found
            return True

        limits = settings(max_examples=self.calls, database=None, deadline=None, derandomize=True,
                          suppress_health_check=ALL_HEALTH_CHECKS, phases=[Phase.generate, Phase.shrink])  # fmt: skip
        with suppress(NoSuchExample, Flaky, _TimeIsUp):
            find(cases(self.record), fails, settings=limits)
        return best

    def _rounder(self, finding: Finding) -> Finding:
        """The same failure with rounder numbers, for a bound function: its cases are drawn for the reference."""
        best, end = finding, self.clock() + self.seconds
        case = finding.case
        if not isinstance(case, BoundCase) or not case.is_loss or case.pred.size > 16:
            return finding
        round_numbers = (0.0, 1.0, -1.0, 2.0, -2.0) if case.binding.takes == "logit" else (0.0, 1.0, 0.5, 0.25, 0.75)
        for place in np.ndindex(case.pred.shape):
            for number in round_numbers:
                current = best.case
                if not isinstance(current, BoundCase) or current.pred[place] == number or self.clock() > end:
                    break
                pred = current.pred.copy()
                pred[place] = number
                other = replaced(current, pred=pred)
                found = self.again(other) if in_domain(other) else None
                if found is not None:
                    best = found
                    break
        return best


def _size(case: Case) -> tuple[int, int]:
    """What makes a case small: few pixels, then few digits."""
    return case.pred.size, len(repr(case.pred.tolist())) + len(repr(case.target.tolist())) + len(repr(case.keywords))
