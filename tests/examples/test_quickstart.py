"""The example runs on real input and says what can be recomputed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("skimage")
pytest.importorskip("matplotlib")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_quickstart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(__file__).parents[2] / "examples" / "quickstart.py"
    spec = importlib.util.spec_from_file_location("quickstart", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    numbers = module.main(["--output", str(tmp_path / "picture.png")])
    assert (tmp_path / "picture.png").stat().st_size > 20_000
    _, soft, otsu, truth = module.segment()
    both, either = np.sum(otsu & truth), np.sum(otsu | truth)
    assert numbers["jaccard_index"] == pytest.approx(both / either)
    assert numbers["dice_score"] == pytest.approx(2 * both / (otsu.sum() + truth.sum()))
    assert 0.5 < numbers["jaccard_index"] < 0.99
    assert numbers["binary_cross_entropy"] == pytest.approx(
        -np.mean(np.where(truth, np.log(soft), np.log1p(-soft))), rel=1e-12
    )
    assert f"{numbers['dice_score']:.4f}" in capsys.readouterr().out
