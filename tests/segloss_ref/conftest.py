"""Fixtures of the tests of the library."""

from __future__ import annotations

import pytest

from segloss_backends.jax import backend as jax_backend
from segloss_backends.strict import backend as strict_backend
from segloss_backends.torch import backend as torch_backend


@pytest.fixture
def values_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """No library's values can be looked at, as on a device."""
    for backend in (torch_backend, jax_backend, strict_backend):
        monkeypatch.setattr(type(backend), "readable", lambda self, array: None)
