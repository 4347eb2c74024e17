"""Intervals over repetitions, by the jackknife."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import stats

from .result import Array, Intervals

Points = dict[str, Array]


def jackknife(per_point: Points, without: Callable[[int], Points], R: int) -> tuple[Points, Points]:
    """Leave each repetition out.

    Returns the pseudo-values ``R t - (R - 1) t_without_r`` of each component's mean over test
    points, [R], and each component corrected for bias at every test point: its pseudo-values'
    mean, ``R t - (R - 1) mean_r t_without_r``.
    """
    left_out = {name: np.empty(R) for name in per_point}
    sums = {name: np.zeros_like(values) for name, values in per_point.items()}
    for r in range(R):
        for name, values in without(r).items():
            left_out[name][r] = values.mean()
            sums[name] += values
    pseudo_values = {
        name: R * values.mean() - (R - 1) * left_out[name] for name, values in per_point.items()
    }
    corrected = {
        name: R * values - (R - 1) * (sums[name] / R) for name, values in per_point.items()
    }
    return pseudo_values, corrected


def no_intervals(per_point: Points, R: int) -> tuple[Points, Intervals]:
    """Return NaN for what takes three repetitions: leaving one of two out leaves no variance."""
    return {name: np.full(R, np.nan) for name in per_point}, dict.fromkeys(per_point, (np.nan,) * 2)


def student_intervals(
    pseudo_values: Mapping[str, Array], level: float, errors: Mapping[str, float] | None = None
) -> Intervals:
    """Return mean and Student margin of pseudo-values, with any further standard errors added."""
    intervals = {}
    for name, values in pseudo_values.items():
        R = len(values)
        error = np.hypot(values.std(ddof=1) / np.sqrt(R), (errors or {}).get(name, 0.0))
        margin = float(stats.t.ppf((1 + level) / 2, R - 1) * error)
        intervals[name] = (float(values.mean()) - margin, float(values.mean()) + margin)
    return intervals


def unseen_share(R: int, level: float) -> float:
    """Return the share of all repetitions, at most, that may be unlike R that agree.

    Examples
    --------
    >>> round(unseen_share(30, 0.95), 3)
    0.116
    """
    return float(1.0 - ((1.0 - level) / 2) ** (1.0 / R))
