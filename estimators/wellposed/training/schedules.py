"""Schedules of the learning rate: a factor for each update."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from ..ranges import Range

if TYPE_CHECKING:
    from .request import Request

_SHARE = Range(Real, 0, 1, closed="both")
_EPOCHS = Range(Integral, 1, None, closed="left")


class Schedule(BaseEstimator):
    """A schedule of the learning rate.

    A subclass implements `factors`. Its parameters can be searched,
    ``learning_rate_schedule__warmup``.

    Examples
    --------
    >>> Step(every=2, factor=0.1).factors(n_updates=6, n_batches=1).round(3).tolist()
    [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {}

    def factors(self, n_updates: int, n_batches: int) -> np.ndarray:
        """Return what `learning_rate` is multiplied by at each update, (n_updates,).

        Parameters
        ----------
        n_updates : int
            Of the whole training, unless something stops it.
        n_batches : int
            Updates of an epoch.
        """
        raise NotImplementedError

    def cycle_ends(self, n_updates: int, n_batches: int) -> list[int] | None:
        """Return after how many updates whole cycles of the rate end; None if it has no cycles."""
        return None


class Cosine(Schedule):
    """Half a cosine from `learning_rate` to `final` times it (Loshchilov and Hutter 2017).

    Parameters
    ----------
    warmup : float in [0, 1), default=0
        Share of the updates in which the rate first rises in equal steps.
    final : float in [0, 1], default=0
        What the rate falls to, as a share of `learning_rate`, one update after the last.

    Examples
    --------
    >>> Cosine(warmup=0.4).factors(n_updates=10, n_batches=2).round(2).tolist()
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.93, 0.75, 0.5, 0.25, 0.07]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "warmup": [Range(Real, 0, 1, closed="left")],
        "final": [_SHARE],
    }

    def __init__(self, *, warmup: float = 0.0, final: float = 0.0) -> None:
        self.warmup = warmup
        self.final = final

    def factors(self, n_updates: int, n_batches: int) -> np.ndarray:
        n_warm = round(self.warmup * n_updates)
        rising = np.arange(1, n_warm + 1) / max(n_warm, 1)
        n_left = n_updates - n_warm
        return np.concatenate([rising, _fall(np.arange(n_left) / max(n_left, 1), self.final)])


class Step(Schedule):
    """Multiplies the rate by `factor` after every so many epochs.

    Parameters
    ----------
    every : int, default=50
        Epochs.
    factor : float in (0, 1], default=0.1
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "every": [_EPOCHS],
        "factor": [Range(Real, 0, 1, closed="right")],
    }

    def __init__(self, *, every: int = 50, factor: float = 0.1) -> None:
        self.every = every
        self.factor = factor

    def factors(self, n_updates: int, n_batches: int) -> np.ndarray:
        return self.factor ** (np.arange(n_updates) // n_batches // self.every).astype(float)


class WarmRestarts(Schedule):
    """Falls along half a cosine, again and again (Loshchilov and Hutter 2017).

    Parameters
    ----------
    epochs : int, default=20
        Of the first cycle.
    growth : int, default=1
        How many times longer each cycle is than the one before.
    final : float in [0, 1], default=0
        What the rate falls to, as a share of `learning_rate`.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "epochs": [_EPOCHS],
        "growth": [_EPOCHS],
        "final": [_SHARE],
    }

    def __init__(self, *, epochs: int = 20, growth: int = 1, final: float = 0.0) -> None:
        self.epochs = epochs
        self.growth = growth
        self.final = final

    def factors(self, n_updates: int, n_batches: int) -> np.ndarray:
        ends = [0, *self._ends(n_updates, n_batches)]
        cycles = [np.arange(end - start) / (end - start) for start, end in pairwise(ends)]
        return _fall(np.concatenate(cycles)[:n_updates], self.final)

    def cycle_ends(self, n_updates: int, n_batches: int) -> list[int]:
        return [end for end in self._ends(n_updates, n_batches) if end <= n_updates]

    def _ends(self, n_updates: int, n_batches: int) -> list[int]:
        """Ends of the cycles up to the one in which the training ends."""
        length, ends = self.epochs * n_batches, [self.epochs * n_batches]
        while ends[-1] < n_updates:
            length *= self.growth
            ends.append(ends[-1] + length)
        return ends


class OneCycle(Schedule):
    """Rises from a small rate to `learning_rate`, and falls to nearly nothing (Smith 2018).

    Both along half a cosine. Momentum stays as it is.

    Parameters
    ----------
    peak : float in (0, 1), default=0.3
        Share of the updates after which the rate is at its largest.
    start : float in (0, 1], default=0.04
        What the rate starts from, as a share of `learning_rate`.
    final : float in [0, 1], default=4e-6
        What it ends at, at the last update.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "peak": [Range(Real, 0, 1, closed="neither")],
        "start": [Range(Real, 0, 1, closed="right")],
        "final": [_SHARE],
    }

    def __init__(self, *, peak: float = 0.3, start: float = 0.04, final: float = 4e-6) -> None:
        self.peak = peak
        self.start = start
        self.final = final

    def factors(self, n_updates: int, n_batches: int) -> np.ndarray:
        t, top = np.arange(n_updates), self.peak * n_updates - 1
        rising = 1 - _fall(t / top, 0.0) * (1 - self.start) if top > 0 else np.ones(n_updates)
        falling = _fall((t - max(top, 0.0)) / max(n_updates - 1 - max(top, 0.0), 1.0), self.final)
        return np.where(t <= top, rising, falling)


def _fall(share: np.ndarray, final: float) -> np.ndarray:
    """Half a cosine from 1 to `final`."""
    return final + (1 - final) * (1 + np.cos(np.pi * share)) / 2


def factors(schedule: Schedule, n_updates: int, n_batches: int) -> list[float]:
    """What a schedule, which may be a user's own, multiplies the rate by at each update.

    Raises
    ------
    ValueError
        If these are not so many finite numbers >= 0.
    """
    found = schedule.factors(n_updates, n_batches)
    try:
        values = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty((0, 0))
    if values.shape == (n_updates,) and np.isfinite(values).all() and (values >= 0).all():
        return values.tolist()
    got = type(found).__name__
    if values.shape == (n_updates,):
        got = f"others, such as {values[~(np.isfinite(values) & (values >= 0))][0]:g}"
    elif values.ndim < 2:
        got = f"{len(values)} of them" if values.ndim else f"{found!r}"
    raise ValueError(
        f"{type(schedule).__name__}.factors must return a finite number >= 0 for each of "
        f"{n_updates} updates, and returned {got}. Return an array of shape (n_updates,), as in "
        "np.linspace(1, 0, n_updates)."
    )


def cycle_ends(schedule: Schedule, n_updates: int, n_batches: int) -> list[int] | None:
    """After how many updates a schedule's whole cycles end, checked likewise."""
    ends = schedule.cycle_ends(n_updates, n_batches)
    if ends is None:
        return None
    listed = isinstance(ends, Iterable)
    if listed and all(isinstance(end, Integral) and 0 < end <= n_updates for end in ends):
        return sorted(int(end) for end in {*ends})
    raise ValueError(
        f"{type(schedule).__name__}.cycle_ends must return numbers of updates, from 1 to "
        f"{n_updates}, or None, and returned {ends!r}. Leave out cycles that do not end."
    )


#: Schedules by the names that stand for them with their default options.
SCHEDULES: dict[str, type[Schedule]] = {
    "cosine": Cosine,
    "step": Step,
    "warm_restarts": WarmRestarts,
    "one_cycle": OneCycle,
}


class Rates:
    """Learning rates of a stack of K networks, each of which follows its own schedule."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.base = [request.learning_rate for request in requests]
        self._factors: list[list[float]] = [
            factors(r.schedule, *r.planned) if r.schedule else [1.0] for r in requests
        ]
        self.change = any(request.schedule for request in requests)

    def at(self, update: int) -> list[float]:
        """The rates of this update, the first being 0."""
        return [base * f[min(update, len(f) - 1)] for base, f in zip(self.base, self._factors)]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these networks of the stack."""
        self.base = [self.base[k] for k in rows]
        self._factors = [self._factors[k] for k in rows]
