"""Ranges of parameters."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval


class Range(Interval):
    """scikit-learn's interval, for numbers that the machine computes with.

    Fractions, and integers that fit into no float or 64 bits, are outside.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from numbers import Real
    >>> share = Range(Real, 0, 1, closed="both")
    >>> [share.is_satisfied_by(value) for value in (0.5, 1, Fraction(1, 2), 10**400)]
    [True, True, False, False]
    """

    def is_satisfied_by(self, val: Any) -> bool:
        if not isinstance(val, self.type) or not isinstance(val, int | float | np.number):
            return False
        if self.type is Integral:
            return abs(int(val)) < 2**63 and super().is_satisfied_by(val)
        try:
            return super().is_satisfied_by(float(val))
        except OverflowError:
            return False


class Each(Range):
    """A list, tuple or array of numbers of a range, one a layer; None is 0.

    Examples
    --------
    >>> from numbers import Real
    >>> each = Each(Range(Real, 0, None, closed="left"))
    >>> [each.is_satisfied_by(value) for value in ([0.1, None], (1, 2), [-1.0], [], 0.1, "ab")]
    [True, True, False, False, False, False]
    """

    def __init__(self, of: Range) -> None:
        super().__init__(of.type, of.left, of.right, closed=of.closed)
        self.of = of

    def is_satisfied_by(self, val: Any) -> bool:
        if isinstance(val, np.ndarray) and val.ndim == 1:
            val = val.tolist()
        if not isinstance(val, list | tuple) or not val:
            return False
        return all(item is None or self.of.is_satisfied_by(item) for item in val)

    def __str__(self) -> str:
        return "a list of such, one number a layer"
