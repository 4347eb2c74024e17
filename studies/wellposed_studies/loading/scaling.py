"""Columns on one scale, whatever scale they come in."""

from __future__ import annotations

import numpy as np

#: A column whose deviation is below this share of its largest number is constant but for rounding.
CONSTANT = 1e-14


def standardised(columns: np.ndarray, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Columns (n, p) with mean 0 and deviation 1 over `rows`, of any scale.

    What is constant there, but for rounding, is 0 everywhere: nothing can be learned from it.

    Examples
    --------
    >>> x = np.array([[1e300, 5.0], [3e300, 5.0], [5e300, 6.0]])
    >>> standardised(x, np.array([0, 1])).round(9).tolist()
    [[-1.0, 0.0], [1.0, 0.0], [3.0, 0.0]]
    """
    largest = np.abs(columns).max(axis=0)
    scaled = columns / np.where(largest > 0, largest, 1.0)
    size = np.abs(scaled[rows]).max(axis=0)
    scaled = scaled - scaled[rows][0]
    mean, deviation = scaled[rows].mean(axis=0), scaled[rows].std(axis=0)
    varies = deviation > CONSTANT * size
    return np.where(varies, (scaled - mean) / np.where(varies, deviation, 1.0), 0.0)
