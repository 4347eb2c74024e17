"""Several methods on several data sets: mean ranks, and how far apart they have to be.

After Demšar (2006): methods are ranked on each data set, Friedman's test asks whether any differ,
and two of them differ where their mean ranks are farther apart than Nemenyi's critical difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .estimates import Estimate

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class Ranks:
    """Mean ranks of methods over data sets, 1 for the lowest loss.

    Attributes
    ----------
    mean : Series
        Mean rank of every method, best first.
    n_data_sets : int
    p_value : float
        Of Friedman's test that all methods are alike.
    """

    mean: pd.Series
    n_data_sets: int
    p_value: float

    def critical_difference(self, level: float = 0.95) -> float:
        """How far apart two mean ranks of all are, at most, where no method is better.

        Nemenyi's, which holds for all pairs at once with a probability of about `level`.
        """
        from scipy.stats import studentized_range

        k = len(self.mean)
        quantile = float(studentized_range.ppf(level, k, float("inf"))) / 2**0.5
        return float(quantile * (k * (k + 1) / (6 * self.n_data_sets)) ** 0.5)

    def ahead(self, method: str, other: str) -> Estimate:
        """By how many ranks a method is ahead of another, with Nemenyi's interval for all pairs."""
        value = float(self.mean[other] - self.mean[method])

        def interval(level: float) -> tuple[float, float]:
            reach = self.critical_difference(level)
            return value - reach, value + reach

        return Estimate(value, interval, self.n_data_sets, "Nemenyi, of mean ranks")


def ranks(losses: pd.DataFrame) -> Ranks:
    """Rank methods on every data set by their loss; equal ones share the mean of their ranks.

    Parameters
    ----------
    losses : DataFrame of shape (n_data_sets, n_methods)
        One row a data set, at least 3 columns.

    Examples
    --------
    >>> import pandas as pd
    >>> losses = pd.DataFrame({"plain": [3, 2, 4], "l2": [1, 1, 2], "l1": [2, 3, 3]})
    >>> ranks(losses).mean.round(2).to_dict()
    {'l2': 1.0, 'l1': 2.33, 'plain': 2.67}
    >>> round(ranks(losses).critical_difference(), 2)
    1.91
    """
    from scipy.stats import friedmanchisquare

    n, k = losses.shape
    if n < 2 or k < 3:
        raise ValueError(
            f"losses has shape {losses.shape}; expected at least 2 data sets and 3 methods. "
            "Compare two methods by `share_saved`."
        )
    by_method: list[np.ndarray] = [losses[name].to_numpy() for name in losses]
    mean = losses.rank(axis=1).mean().sort_values(kind="stable")
    return Ranks(mean, n, float(friedmanchisquare(*by_method).pvalue))
