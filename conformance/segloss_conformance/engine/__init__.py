"""Judging: grades, checks, verdicts, and the matrix of all of them."""
