"""Errors of their own."""

from __future__ import annotations


class DivergenceError(ValueError):
    """The loss or the parameters stopped being finite while training."""
