"""Majority votes, corrected for the number of voters.

The vote of R repetitions is not the vote of all that there might be. Where shares of votes are
spread over the test points, what a vote of m gets wrong is, on average over the points,
``limit + c / m`` plus terms of higher order. Votes of part of the repetitions say how large c is:
each repetition is kept with probability `keep`, independently, and the mean over all such parts
is known in closed form, because the numbers of votes for the classes are then independent
binomial numbers.
"""

from __future__ import annotations

import numpy as np
from scipy.special import bdtr

from .intervals import Points
from .result import Array

#: Shares of the repetitions that vote, and the weights that leave the limit of the vote of all:
#: they sum to one, and weight / share to zero.
FIRST_ORDER = {0.75: 2.0, 0.375: -1.0}
#: The same with weight / share^2 summing to zero as well; its distance from the estimate of first
#: order says how far that may still be from the limit.
SECOND_ORDER = {0.75: 4.5, 0.5: -4.0, 0.25: 0.5}

_NUMBERS_AT_ONCE = 2**21


class Votes:
    """Votes for each class at each test point, and what follows for vote and variance.

    Parameters
    ----------
    counts : array of shape (n_test, n_classes)
        Number of repetitions that predict a class; rows sum to R.
    optimal : array of shape (n_test,)
        The class that the vote should find.
    """

    def __init__(self, counts: Array, optimal: Array) -> None:
        self.counts, self.optimal = counts, optimal
        self.R = int(counts[0].sum())

    def limits(self, weights: dict[float, float]) -> Points:
        """Extrapolate ``biased`` and ``variance`` at each point to a vote of all repetitions."""
        parts = {keep: self.of_part(keep) for keep in weights}
        return {
            name: np.sum([weight * parts[keep][name] for keep, weight in weights.items()], axis=0)
            for name in ("biased", "variance")
        }

    def of_part(self, keep: float) -> Points:
        """Probability that the vote of a part is not optimal, and the part's mean variance."""
        size = max(1, _NUMBERS_AT_ONCE // (self.R + 1))
        chunks = [
            self._of_part(keep, slice(start, start + size))
            for start in range(0, len(self.counts), size)
        ]
        wins, most = (np.concatenate(parts) for parts in zip(*chunks))
        return {"biased": 1.0 - wins, "variance": 1.0 - most / (keep * self.R)}

    def _of_part(self, keep: float, points: slice) -> tuple[Array, Array]:
        """Probability that the optimal class wins, and the winner's mean number of votes."""
        counts, optimal = self.counts[points], self.optimal[points, np.newaxis]
        numbers, rows = np.unique(counts, return_inverse=True)
        rows = rows.reshape(counts.shape)
        at_most = _binomial(numbers, self.R, keep)
        below = np.hstack([np.zeros((len(numbers), 1)), at_most[:, :-1]])
        exactly = at_most - below
        wins = np.take_along_axis(rows, optimal, axis=1)[:, 0]
        optimal_wins, all_at_most = exactly[wins], np.ones((len(counts), self.R + 1))
        for k, mine in enumerate(rows.T):
            all_at_most *= at_most[mine]
            # a tie goes to the class that comes first
            beaten = np.where(k < optimal, below[mine], at_most[mine])
            optimal_wins *= np.where(k == optimal, 1.0, beaten)
        return optimal_wins.sum(axis=1), (1.0 - all_at_most).sum(axis=1)


def _binomial(numbers: Array, R: int, keep: float) -> Array:
    """Probability that at most 0, ..., R of so many votes are kept, [len(numbers), R + 1]."""
    a, n = np.arange(R + 1), numbers[:, np.newaxis]
    return np.where(a < n, bdtr(np.minimum(a, n), n, keep), 1.0)


def corrected_votes(
    codes: Array, K: int, optimal: Array
) -> tuple[Points, Points, dict[str, float]]:
    """Extrapolate the vote of R repetitions to that of all, with its jackknife.

    Parameters
    ----------
    codes : array of shape (R, n_test)
        Predicted classes, 0 to K - 1; at least three repetitions.

    Returns
    -------
    per_point : dict of arrays of shape (n_test,)
        ``biased`` and ``variance``, corrected.
    left_out : dict of arrays of shape (R,)
        Their means over the points without each of the repetitions.
    remainders : dict of floats
        How far their means over the points are from those of the next order's extrapolation.
    """
    counts = (codes[:, :, np.newaxis] == np.arange(K)).sum(axis=0)
    votes = Votes(counts, optimal)
    per_point, further = votes.limits(FIRST_ORDER), votes.limits(SECOND_ORDER)
    remainders = {
        name: float(further[name].mean() - values.mean()) for name, values in per_point.items()
    }
    left_out = {name: np.zeros(len(codes)) for name in per_point}
    for k in range(K):
        points = np.flatnonzero(counts[:, k])  # where a voter for k can be left out
        if len(points) == 0:
            continue
        fewer = counts[points].copy()
        fewer[:, k] -= 1
        without = Votes(fewer, optimal[points]).limits(FIRST_ORDER)
        mine = (codes[:, points] == k).astype(np.float64)
        for name, values in without.items():
            left_out[name] += mine @ values / codes.shape[1]
    return per_point, left_out, remainders
