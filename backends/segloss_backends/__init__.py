"""Thin backends: what each array library does better than the portable operations of `segloss_ref`.

Nothing is imported here, so that a backend costs its library only to those who hold that library's arrays.
"""
