"""Print one call as a tree of the functions that it passes through: ``python docs/trace.py``; docs/design.md shows it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from segloss_ref import dice_loss, value_and_grad

ROOT = Path(__file__).resolve().parents[1]
HOUSES = (ROOT / "segloss_ref", ROOT / "backends" / "segloss_backends")
HIDDEN = {"<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>", "<lambda>"}


def traced(call: Any, deepest: int) -> list[str]:
    """The functions of this project that a call enters, indented by depth; a repeated line is said once."""
    lines: list[str] = []
    depth = 0

    def watch(frame: FrameType, event: str, _: Any) -> None:
        nonlocal depth
        code = frame.f_code
        path = Path(code.co_filename)
        if code.co_name in HIDDEN or not any(house in path.parents for house in HOUSES):
            return
        if event == "call":
            if depth < deepest:
                line = f"{'  ' * depth}{code.co_qualname.replace('.<locals>', '')}"
                lines.append(f"{line:52}{path.relative_to(ROOT).as_posix()}")
            depth += 1
        elif event == "return":
            depth -= 1

    sys.setprofile(watch)
    try:
        call()
    finally:
        sys.setprofile(None)
    return [line for index, line in enumerate(lines) if index == 0 or line != lines[index - 1]]


def main() -> list[str]:
    """Value and gradient of a Dice loss of two classes."""
    logits, labels = np.array([[2.0, -1.0, 0.5], [0.0, 1.0, 0.5]]), np.array([0, 1, 1])
    both = value_and_grad(dice_loss)
    both(logits, labels, from_logits=True, class_axis=0)  # what is looked up once is looked up here
    return traced(lambda: both(logits, labels, from_logits=True, class_axis=0), deepest=4)


if __name__ == "__main__":
    print("\n".join(main()))
