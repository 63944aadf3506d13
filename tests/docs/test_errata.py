"""The numbers in docs/errata.md about soft targets are those of the library."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segloss_ref as ref

PAGE = (Path(__file__).parents[2] / "docs" / "errata.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| `\w+_loss", line)
]
OVERLAP = {
    "dice",
    "jaccard",
    "tversky",
    "focal_tversky",
    "log_cosh_dice",
    "generalized_dice",
    "sensitivity_specificity",
}


def numbers(text: str) -> Any:
    found = [[float(one) for one in row.split(",")] for row in text.split(";")]
    return np.array(found[0] if len(found) == 1 else found)


def loss_of(cell: str) -> Any:
    name, squared, power = re.fullmatch(r"`(\w+?)(\(squared=True\))?(\(power=2\))?`", cell).groups()  # type: ignore[union-attr]
    keywords: dict[str, Any] = {"squared": True} if squared else {"power": 2} if power else {}
    keywords |= {} if name.startswith("sensitivity") else {"smooth": 0}
    keywords |= {"class_axis": 0} if name.startswith("generalized") else {}
    return lambda p, y: float(getattr(ref, name)(p, y, **keywords))


def test_every_overlap_loss_is_in_the_table() -> None:
    assert {re.match(r"`(\w+)_loss", row[0]).group(1) for row in ROWS} == OVERLAP  # type: ignore[union-attr]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_soft_targets(row: list[str]) -> None:
    loss, y = loss_of(row[0]), numbers(row[1])
    at_y = loss(y, y)
    assert at_y == pytest.approx(float(row[2]), abs=5e-7)
    if row[5] == "no":
        assert loss(numbers(row[3]), y) == pytest.approx(float(row[4]), abs=5e-7)
        assert float(row[4]) < float(row[2])
    else:
        assert row[5] == "yes"
        rng = np.random.default_rng(0)
        assert all(loss(p, y) > at_y for p in rng.random((200, *y.shape)))


def test_a_smaller_number_above_moves_the_squared_minimum() -> None:
    half, full = np.array([0.5]), np.ones(1)
    values = [float(ref.dice_loss(p, half, squared=True, smooth=(0, 1))) for p in (half, full)]
    assert values == pytest.approx([2 / 3, 5 / 9], rel=1e-15)
    assert "0.666667 at p = 0.5 and 0.555556 at p = 1" in PAGE


def test_a_class_of_weight_0_counts_in_the_mean() -> None:
    p, y = np.full((3, 1), 0.5), np.array([[0.0], [1.0], [0.0]])
    # 1, 1 - 1/1.5 and 1
    assert float(ref.dice_loss(p, y, class_axis=0, class_weight=(0, 1, 1), smooth=0)) == pytest.approx(4 / 3 / 3)


def test_one_against_rest() -> None:
    """Of 3 classes and 4 pixels, one wrong: kappa of all labels at once is (3/4 - 3/8)/(1 - 3/8)."""
    pred, target = np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1])
    kappa = ref.cohen_kappa(pred, target, class_axis=0, num_classes=3)
    # Class 0 right; class 1 TP 1, FN 1, TN 2; class 2 FP 1, TN 3.
    np.testing.assert_allclose(kappa, [1, 2 * 2 / (1 * 2 + 2 * 3), 0], rtol=1e-15)
    assert not np.isclose(kappa, 3 / 5).any()
    correlation = ref.matthews_correlation(pred, target, class_axis=0, num_classes=3)
    np.testing.assert_allclose(correlation, [1, 2 / np.sqrt(1 * 2 * 2 * 3), np.nan], rtol=1e-15)
