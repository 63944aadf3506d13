"""Masks that the tests of surfaces share."""

from __future__ import annotations

import math

import numpy as np

R2 = math.sqrt(2)
BLOCK = np.zeros((5, 5), dtype=bool)
BLOCK[1:4, 1:4] = True  # its surface is the ring of 8 around DOT
DOT = np.zeros((5, 5), dtype=bool)
DOT[2, 2] = True
