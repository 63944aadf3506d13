"""The version of the array standard that a library states: older ones are refused in one line, newer and unstated ones are not."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from segloss_ref._probe import outdated

PROGRAM = """
import warnings
warnings.simplefilter("ignore")
import array_api_strict as xp, segloss_ref as ref
for function in (ref.dice_loss, ref.dice_score):
    try:
        print(float(function(xp.asarray([1.0, 0.0]), xp.asarray([1, 0]))))
    except TypeError as error:
        print(error)
"""


@pytest.mark.parametrize("version", ["2023.12", "2024.12"])
def test_array_api_strict(version: str) -> None:
    environment = {**os.environ, "ARRAY_API_STRICT_API_VERSION": version}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    expected = "an array of a library of the array API standard 2024.12 or later, where this one says 2023.12, got "
    for name, line in zip(("dice_loss", "dice_score"), done.stdout.splitlines(), strict=True):
        if version == "2023.12":
            assert line.startswith(f"{name}: pred must be {expected}")
        else:
            float(line)


def test_stated_versions() -> None:
    assert outdated(SimpleNamespace(__array_api_version__="2022.12")) is not None
    assert outdated(SimpleNamespace(__array_api_version__="2025.12")) is None
    assert outdated(SimpleNamespace()) is None
