"""Measured quantities with their intervals, from one number or several of each repetition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Student's interval of a bounded mean wants so many values that differ from the commonest one.
ENOUGH_TO_DIFFER = 5

#: From a confidence level in (0, 1) to the two-sided interval at that level.
Interval = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Estimate:
    """A measured quantity with its uncertainty; returned by a claim's test.

    Attributes
    ----------
    value : float
        The point estimate.
    interval : callable or None
        From a confidence level to the two-sided interval; None for a quantity without
        sampling error, or for the largest of those that were run, which says so (`extreme`). It is
        its own interval and takes no part in Holm's method.
    n : int
        Number of independent repetitions behind it.
    method : str
        How the interval was made, for the claims table.
    note : str
        What the reader of the value wants to know, say which of several it comes from.
    of : int
        Of how many quantities it is the least or the largest.
    """

    value: float
    interval: Interval | None = None
    n: int = 1
    method: str = "exact"
    note: str = ""
    of: int = 1

    def __neg__(self) -> Estimate:
        """The estimate of minus the quantity.

        Examples
        --------
        >>> (-mean([1.0, 2.0, 3.0])).value
        -2.0
        """
        return replace(self, value=-self.value, interval=self.interval and self._turned)

    def _turned(self, level: float) -> tuple[float, float]:
        low, high = self.at(level)
        return -high, -low

    def at(self, level: float) -> tuple[float, float]:
        """The two-sided interval at confidence `level`, in (0, 1)."""
        if self.interval is None:
            return self.value, self.value
        return self.interval(level)


def exact(value: float) -> Estimate:
    """A quantity without sampling error, such as the largest violation of an identity.

    Examples
    --------
    >>> exact(3e-16).at(0.95)
    (3e-16, 3e-16)
    """
    return Estimate(float(value))


def extreme(values: np.ndarray, *, least: bool = False) -> Estimate:
    """The largest (or least) of a quantity in all repetitions that were run.

    It has no interval: another repetition may go beyond it. The note says how many of all
    repetitions do so at most, with a confidence of 95 % (Wilks 1941).

    Examples
    --------
    >>> extreme([1e-9, 3e-9, 2e-9] * 10).note
    'the largest of 30, which at most 9.5 % of all would exceed (95 % confidence)'
    """
    import numpy as np

    values = np.ravel(np.asarray(values, dtype=float))
    n = len(values)
    if n == 0:
        raise ValueError("values is empty; expected one number or more.")
    word, beyond = ("least", "fall below") if least else ("largest", "exceed")
    note = (
        f"the {word} of {n}, which at most {100 * (1 - 0.05 ** (1 / n)):.2g} % of all would "
        f"{beyond} (95 % confidence)"
    )
    value = float(values.min() if least else values.max())
    return Estimate(value, n=n, method=f"{word} of {n}", note=note)


def jackknife(statistic: Callable[[np.ndarray], float], n: int, *, of: int = 1) -> Estimate:
    """A statistic of repetitions, paired in everything they share, with its jackknife interval.

    The standard error is the jackknife's and the quantiles are Student's with n - 1 degrees of
    freedom (Tukey 1958), which holds its level from six repetitions on, where a BCa bootstrap's
    interval is too short. For a mean it is the usual t interval. Where all repetitions agree, they
    do not show how much others would differ: the interval is then the whole line, and a claim on
    it undecided. Where the quantity has bounds, `mean` can say more.

    Parameters
    ----------
    statistic : callable ``(indices) -> float``
        Computes the quantity from the repetitions with these indices, an integer array. All that
        shares a training set is indexed by the same indices, which keeps the pairs together.
        It is to be smooth in the repetitions, a mean or a ratio of means, no median.
    of : int
        Of how many such quantities it is the least or the largest. Where several are equal, their
        least is below all of them in every sample; the interval is on the safe side for a claim
        that it is large, and a claim is called contradicted at a level corrected for `of`.
    n : int
        Number of repetitions, at least 2.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(1.0, 1.0, 50)
    >>> low, high = jackknife(lambda i: x[i].mean(), 50).at(0.95)
    >>> bool(low < x.mean() < high)
    True
    """
    import numpy as np
    from scipy.stats import t

    if n < 2:
        raise ValueError(f"n={n} repetitions have no spread, expected at least 2.")
    every = np.arange(n)
    value = float(statistic(every))
    without = np.array([float(statistic(np.delete(every, i))) for i in every])
    error = float((n - 1) ** 0.5 * without.std())
    if np.ptp(without) <= 1e-12 * abs(value):
        return Estimate(value, lambda level: (-inf, inf), n, "no spread, no interval", of=of)

    def interval(level: float) -> tuple[float, float]:
        reach = float(t.ppf((1 + level) / 2, n - 1)) * error
        return value - reach, value + reach

    return Estimate(value, interval, n, "jackknife, Student's t", of=of)


def mean(values: np.ndarray, bounds: tuple[float, float] | None = None) -> Estimate:
    """The mean of one number a repetition, with Student's interval.

    Parameters
    ----------
    values : array of shape (n,)
    bounds : (low, high), optional
        Between which every such number lies, (0, 1) for a share. Where nearly all repetitions
        agree, Student's interval is far too short: with bounds, the interval is then the exact
        binomial one of Clopper and Pearson (1934), for the sum of the shares of the way from
        `low` to `high`.

    Examples
    --------
    >>> mean([1.0, 2.0, 3.0, 2.0]).value
    2.0
    >>> low, high = mean([1.0] * 12, bounds=(0, 1)).at(0.95)
    >>> round(low, 3), high
    (0.735, 1.0)
    """
    import numpy as np

    values = np.asarray(values, dtype=float)
    if bounds is not None and _nearly_all_agree(values):
        return _between(values, *bounds)
    return jackknife(lambda i: float(values[i].mean()), len(values))


def _nearly_all_agree(values: np.ndarray) -> bool:
    import numpy as np

    _, counts = np.unique(values, return_counts=True)
    return bool(len(values) - counts.max() < ENOUGH_TO_DIFFER)


def _between(values: np.ndarray, floor: float, ceiling: float) -> Estimate:
    """The mean of bounded numbers as a proportion, whose successes need not be whole.

    Among bounded variables of one mean, those that are only ever at a bound vary most.
    """
    from scipy.stats import beta

    n, value = len(values), float(values.mean())
    successes = float(((values - floor) / (ceiling - floor)).clip(0.0, 1.0).sum())

    def interval(level: float) -> tuple[float, float]:
        tail = (1 - level) / 2
        low = beta.ppf(tail, successes, n - successes + 1) if successes > 0 else 0.0
        high = beta.ppf(1 - tail, successes + 1, n - successes) if successes < n else 1.0
        low, high = (floor + (ceiling - floor) * float(end) for end in (low, high))
        return low, high

    return Estimate(value, interval, n, "binomial, of bounded values")


def mean_difference(a: np.ndarray, b: np.ndarray) -> Estimate:
    """The mean of ``a - b``, paired: entry r of both comes from repetition r.

    Examples
    --------
    >>> mean_difference([3.0, 4.0, 6.0], [1.0, 2.0, 3.0]).value
    2.3333333333333335
    """
    import numpy as np

    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        raise ValueError(
            f"paired samples have one entry a repetition each, got shapes {a.shape} and {b.shape}."
        )
    return mean(a - b)


def standard_errors_off(values: np.ndarray, truth: float) -> float:
    """How many of its standard errors a mean is off what is known: Student's t without its sign.

    Examples
    --------
    >>> round(standard_errors_off([1.0, 2.0, 3.0], 1.0), 3)
    1.732
    """
    import numpy as np

    values = np.asarray(values, dtype=float)
    error = values.std(ddof=1) / len(values) ** 0.5
    return float(abs(values.mean() - truth) / error)


def level_for_all(n: int, error: float = 0.05) -> float:
    """The level of each of `n` intervals at which, but for `error`, all hold at once.

    Bonferroni's, which needs no independence; one may then pick among the intervals.

    Examples
    --------
    >>> level_for_all(1), level_for_all(10)
    (0.95, 0.995)
    """
    return 1 - error / n


def proportion(successes: int, n: int) -> Estimate:
    """A share of independent trials, with the exact interval of Clopper and Pearson (1934).

    Examples
    --------
    >>> low, high = proportion(10, 10).at(0.95)
    >>> round(low, 3), high
    (0.692, 1.0)
    """
    from scipy.stats import binomtest

    result = binomtest(int(successes), int(n))

    def interval(level: float) -> tuple[float, float]:
        bounds = result.proportion_ci(level, method="exact")
        return float(bounds.low), float(bounds.high)

    return Estimate(successes / n, interval, int(n), "exact binomial")
