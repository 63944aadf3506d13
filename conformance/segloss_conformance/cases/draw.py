"""Draw cases once, the same for the same seed."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed

from segloss_ref.registry import Record

from .case import Case
from .strategies import cases

__all__ = ["ALL_HEALTH_CHECKS", "draw"]


ALL_HEALTH_CHECKS = tuple(getattr(HealthCheck, name) for name in ("too_slow", "data_too_large", "filter_too_much"))


def draw(record: Record, examples: int, seed: int) -> list[Case]:
    """Distinct cases, the same for the same seed."""
    found: dict[str, Case] = {}

    @hypothesis_seed(seed)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=ALL_HEALTH_CHECKS,
    )  # fmt: skip
    @given(cases(record))
    def collect(case: Case) -> None:
        found[case.key] = case

    collect()
    return list(found.values())
