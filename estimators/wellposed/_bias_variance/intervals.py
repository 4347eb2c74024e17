"""Intervals over repetitions: the jackknife for smooth components, the bootstrap for others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import stats

from wellposed._bias_variance.result import Array, Intervals

Points = dict[str, Array]

N_RESAMPLES = 2000


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


def bootstrap_replicates(per_repetition: Array, means: Callable[[Array], Points]) -> Points:
    """Resample repetitions, the same ones for every estimator, and return components, [B].

    `per_repetition`, [R, n_test, n_classes], is summed over each resample's repetitions, and
    `means` takes such sums, [b, n_test, n_classes].
    """
    R = len(per_repetition)
    draws = np.random.default_rng(0).multinomial(R, np.full(R, 1 / R), size=N_RESAMPLES)
    chunk = max(1, 2**22 // per_repetition[0].size)
    parts = [
        means(np.tensordot(draws[start : start + chunk].astype(np.float64), per_repetition, 1))
        for start in range(0, N_RESAMPLES, chunk)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
