"""`segloss-conformance new-loss`, as a contributor uses it: in a copy of the repository, with a loss that the library lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from segloss_conformance import cli

ROOT = Path(__file__).parents[1]
FOLDERS = ("segloss_ref", "backends", "conformance", "tests", "docs", "vectors", "peers", "examples")

# The PolyLoss of Leng et al. (2022) with one more coefficient than the cross-entropy: -log p_t + epsilon (1 - p_t).
FORMULA = """    return r.mean_of(_poly_pixels, epsilon)


def _poly_pixels(r: Regions, epsilon: float) -> PixelLoss:
    m, y = r.prob, times(r.class_weight, r.y)
    if r.class_axis is not None:
        return epsilon * y * m.q - m.times_log(y, m.log_p), lambda: Slope(p=-epsilon * y, log_p=-y)
    x = 1 - y
    value = epsilon * (y * m.q + x * m.p) - m.times_log(y, m.log_p) - m.times_log(x, m.log_q)
    return value, lambda: Slope(p=epsilon * (x - y), log_p=-y, log_q=-x)
"""
TEXTBOOK = '''def _poly_loss(region: Region, k: Problem, epsilon: float = 1.0) -> Number:
    """-(sum over c) y_c [log p_c - epsilon (1 - p_c)], averaged; without classes the same of y, p and 1 - y, q."""
    e = constant(epsilon)
    if k.classes is None:
        return mean_of(region, lambda pixel: total(
            y * (e * q - log) for y, q, log in (
                (pixel[0].y, pixel[0].q, pixel[0].log_p), (pixel[0].x, pixel[0].p, pixel[0].log_q))))
    return mean_of(region, lambda pixel: total(
        f * a.y * (e * a.q - a.log_p) for f, a in zip(k.class_weight, pixel, strict=True)))
'''
FILLED = [
    ("segloss_ref/losses/distribution.py", "def _poly(r: Regions) -> Term:\n    raise NotImplementedError\n",
     "def _poly(r: Regions, *, epsilon: float) -> Term:\n" + FORMULA),
    ("segloss_ref/losses/distribution.py", "def poly_loss(pred: A, target: Any, **common: Unpack[Common]) -> A:",
     "def poly_loss(\n    pred: A, target: Any, *, epsilon: Annotated[float, Interval(0)] = 1.0, **common: Unpack[Common]\n) -> A:"),
    ("segloss_ref/losses/distribution.py", "    Source: {source}.\n\n    Examples\n    --------\n    >>> import numpy as np\n"
     "    >>> from segloss_ref import poly_loss\n    >>> float(poly_loss(np.array([0.5]), np.array([1])))  # TODO\n",
     "    Source: {source}.\n\n    Parameters\n    ----------\n    epsilon : {epsilon}\n        The weight of 1 - p.\n\n"
     "    Examples\n    --------\n    >>> import numpy as np\n    >>> from segloss_ref import poly_loss\n"
     "    >>> round(float(poly_loss(np.array([0.5]), np.array([1]))), 6)\n    1.193147\n"),
    ("segloss_ref/losses/distribution.py", "return _poly(pred, target, common)", "return _poly(pred, target, common, epsilon=epsilon)"),
    ("segloss_ref/losses/distribution.py", 'latex=r"TODO"', 'latex=r"x"'),
    ("segloss_ref/losses/distribution.py", 'derivative=r"TODO"', 'derivative=r"x"'),
    ("conformance/segloss_conformance/truth/textbook/losses.py",
     "def _poly_loss(region: Region, k: Problem) -> Number:\n"
     '    """TODO the definition, by loops over `Number`s, without a look at the library."""\n    raise NotImplementedError\n', TEXTBOOK),
    # (7 LN2 - 2 LN3)/4 is the cross-entropy of this case; 1 - p_t is 1/4 + 3/4 + 1/2 + 1/4 = 7/4, a quarter of it 7/16.
    ("tests/conformance/test_textbook.py", "frac(0, 1)),  # TODO on paper", "(7 * LN2 - 2 * LN3) / 4 + frac(7, 16)),"),
    ("segloss_ref/losses/distribution.py", '"""TODO what it is, in a line.\n\n    TODO formula and special cases.\n', '"""Cross-entropy plus a polynomial.\n\n    -log p_t + epsilon (1 - p_t), averaged.\n'),
    ("segloss_ref/references.bib", "{TODO, Family and Others, Name}", "{Leng, Zhaoqi and others}"),
    ("segloss_ref/references.bib", "{TODO}", "{PolyLoss}"),
    ("README.md", "TODO what it serves", "a steeper start"),
    ("CHANGELOG.md", "TODO in a line", "cross-entropy and a polynomial"),
    ("docs/contract.md", "| TODO the value of a region | |", "| cross-entropy plus epsilon (1 - p_t) | `epsilon=1.0` |"),
    ("conformance/segloss_conformance/mutants/entropies.py",
     '@mutant("poly_loss", "TODO how people get it wrong")\ndef poly_loss_todo(case: Case) -> Answer:\n    raise NotImplementedError\n',
     '@mutant("poly_loss", "epsilon is left out")\ndef poly_loss_plain(case: Case) -> Answer:\n    return refer(case, epsilon=0.0)\n'),
]  # fmt: skip


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "output"))
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.cff"), ROOT / "conftest.py"]:
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(clone / name) for name in ("", "backends", "conformance"))
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, *words], cwd=clone, env=environment, capture_output=True, text=True)


def command(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from segloss_conformance.cli import main; sys.exit(main())"
    return run(clone, "-c", program, *words)


def ran_tests(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(clone, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *words)


WORDS = ["new-loss", "poly_loss", "--family", "distribution", "--source", "leng2022polyloss"]


def test_a_loss_from_the_scaffold_to_its_vectors(clone: Path) -> None:
    laid_out = command(clone, *WORDS)
    assert laid_out.returncode == 0, laid_out.stderr
    assert "segloss-conformance vectors --choose --only poly_loss" in laid_out.stdout

    steps = ran_tests(clone, "tests/test_steps.py", "-k", "poly_loss").stdout
    for step in (1, 2, 3, 4, 5, 8, 9, 10):  # laid out is not done
        assert f": step {step} of CONTRIBUTING.md" in steps
    assert "8 failed" in steps

    for path, before, after in FILLED:
        text = (clone / path).read_text()
        assert before in text, (path, before)
        (clone / path).write_text(text.replace(before, after))
    conforms = command(
        clone, "run", "--backend", "numpy", "--backend", "torch", "--only", "poly_loss", "--examples", "15"
    )
    assert conforms.returncode == 0, conforms.stdout + conforms.stderr
    assert command(clone, "vectors", "--choose", "--only", "poly_loss").returncode == 0
    assert command(clone, "vectors").returncode == 0
    everything = ran_tests(
        clone, "tests/test_steps.py", "tests/segloss_ref/test_registry.py", "tests/conformance", "tests/docs/test_contract.py",
        "segloss_ref/losses/distribution.py", "-k", "poly_loss",
    )  # fmt: skip
    assert everything.returncode == 0, everything.stdout[-3000:]


def test_what_a_step_lacks_is_named(clone: Path) -> None:
    assert command(clone, *WORDS).returncode == 0
    for path, line, step in [
        ("README.md", "| | `poly_loss` | TODO what it serves |\n", 10),
        ("conformance/segloss_conformance/truth/textbook/losses.py", '    "poly_loss": _poly_loss,\n', 3),
        ("backends/segloss_backends/torch/nn.py", "\nPolyLoss = _module(segloss_ref.poly_loss)\n", 6),
    ]:
        text = (clone / path).read_text()
        (clone / path).write_text(text.replace(line, ""))
        assert (
            f"step {step} of CONTRIBUTING.md"
            in ran_tests(clone, "tests/test_steps.py", "-k", f"poly_loss-{step}").stdout
        )
        (clone / path).write_text(text)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["new-loss", "dice_loss", "--family", "region", "--source", "a2000b"], "dice_loss is there already"),
        (["new-loss", "Poly", "--family", "region", "--source", "a2000b"], "must be lower case words"),
        (["new-loss", "poly_loss", "--family", "region", "--source", "Leng et al."], "--source must be a key"),
        (["new-loss", "poly_loss", "--family", "soup", "--source", "a2000b"], "invalid choice"),
        (["new-loss", "poly_loss", "--family", "region", "--source", "a2000b"], "is no clone"),
    ],
)
def test_wrong_usage(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(words) == 2
    assert message in capsys.readouterr().err
