"""The pytest plugin: ``pytest --conformance conformance.toml`` collects one item for each specification, check and dtype."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["ConformanceFile", "ConformanceItem"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the suite's options."""
    group = parser.getgroup("conformance", "segloss conformance")
    group.addoption("--conformance", type=Path, metavar="FILE", help="collect the bindings of this conformance.toml")
    group.addoption("--conformance-profile", choices=["quick", "standard", "deep"], default="quick")
    group.addoption("--conformance-seed", type=int, default=0)


def pytest_configure(config: pytest.Config) -> None:
    """Have the file collected along with what is named on the command line."""
    path = config.getoption("conformance")
    if path is None:
        return
    if not path.is_file():
        raise pytest.UsageError(f"--conformance: there is no file {path}")
    named = config.args_source == pytest.Config.ArgsSource.ARGS
    config.args = [*(config.args if named else []), str(path.resolve())]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take the configuration file."""
    path = parent.config.getoption("conformance")
    if path is None or file_path.resolve() != path.resolve():
        return None
    return ConformanceFile.from_parent(parent, path=file_path)


class ConformanceFile(pytest.File):
    """A ``conformance.toml``."""

    def collect(self) -> Iterator[ConformanceItem]:
        from .adapters.configuration import read
        from .adapters.expression import ConfigurationError
        from .check.items import items

        try:
            found = read(self.path)
        except ConfigurationError as problem:
            raise self.CollectError(str(problem)) from None
        profile: str = self.config.option.conformance_profile
        seed: int = self.config.option.conformance_seed
        for sentence in found.unmatched:
            yield ConformanceItem.from_parent(self, name=f"ledger::{sentence}", check=_stale(sentence))
        for one in items(found.bindings, profile, seed, found.deviations):
            yield ConformanceItem.from_parent(self, name=one.label, check=one)


def _stale(sentence: str) -> Any:
    def check() -> None:
        from .check.items import Nonconformance

        raise Nonconformance(f"stale: {sentence}")

    return check


class ConformanceItem(pytest.Item):
    """One group of checks."""

    def __init__(self, *, check: Any, **options: Any) -> None:
        super().__init__(**options)
        self.check = check

    def runtest(self) -> None:
        self.check()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from .adapters.expression import ConfigurationError
        from .check.items import Nonconformance

        if isinstance(excinfo.value, Nonconformance | ConfigurationError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name
