"""torchvision beside a torch that it was not built for: ``python operators.py PROGRAM`` runs a program all the same.

A wheel of torchvision whose compiled operators do not load asks for their names when it is imported. Losses and metrics call
none of them, so the names are declared, without anything behind them.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

__all__ = ["declare"]

_OPERATORS = ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")


def declare() -> None:
    """Declare the operators where torchvision is installed and cannot be imported without."""
    try:
        import torchvision  # noqa: F401
    except ImportError:
        return
    except RuntimeError:
        import torch

        for name in _OPERATORS:
            for full in (name, f"_{name}_backward"):
                torch.library.define(f"torchvision::{full}", "(Tensor unused) -> Tensor")


if __name__ == "__main__":
    if "torch" in Path(sys.argv[1]).read_text():  # or a package whose name says that it is built on torch
        declare()
    runpy.run_path(sys.argv[1], run_name="__main__")
