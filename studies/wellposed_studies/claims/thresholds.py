"""Where a measured quantity has to lie for a claim to hold."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Threshold:
    """A closed range; made by `at_least`, `at_most` and `within`."""

    low: float
    high: float

    def contains(self, low: float, high: float) -> bool:
        """Whether the whole interval ``[low, high]`` lies inside (NaN does not)."""
        return bool(self.low <= low and high <= self.high)

    def __str__(self) -> str:
        if self.high == inf:
            return f"≥ {self.low:g}"
        if self.low == -inf:
            return f"≤ {self.high:g}"
        return f"in [{self.low:g}, {self.high:g}]"


def at_least(low: float) -> Threshold:
    """The measured quantity is at least `low`.

    Examples
    --------
    >>> print(at_least(0.5)), at_least(0.5).contains(0.6, 0.7)
    ≥ 0.5
    (None, True)
    """
    return Threshold(float(low), inf)


def at_most(high: float) -> Threshold:
    """The measured quantity is at most `high`."""
    return Threshold(-inf, float(high))


def within(low: float, high: float) -> Threshold:
    """The measured quantity lies in ``[low, high]``."""
    if not low <= high:
        raise ValueError(f"within({low:g}, {high:g}) is empty; expected low <= high.")
    return Threshold(float(low), float(high))
