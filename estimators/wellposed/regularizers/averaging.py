"""Averages of the iterates (section 8.7.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from ..ranges import Range
from .base import Regularizer

if TYPE_CHECKING:
    from ..networks import Network
    from ..training.request import Request
    from ..training.setting import Setting


class _Mean(Regularizer):
    """Keeps a mean of the parameters, which is the result.

    A mean would undo exact zeros: beside a regularizer with proximal steps it takes the last
    iterate's support.
    """

    section, acts_on = "8.7.3", "steps"
    needs_all_updates = True
    not_for_lbfgs = "averages the steps of sgd or adam"

    def begin(self, setting: Setting) -> None:
        shape = len(self.strength), setting.network.size
        self._mean = torch.zeros(shape, dtype=setting.dtype, device=setting.device)

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        self._mean = self._mean[rows]

    def _take(self, shares: Sequence[float], theta: Tensor) -> None:
        """Move each network's mean by a share of the way to theta [K, P]."""
        if any(shares):
            self._mean.lerp_(theta, theta.new_tensor(list(shares)).unsqueeze(1))

    def _supported(self, mean: Tensor, theta: Tensor) -> Tensor:
        return mean * (theta != 0) if self.setting.has_prox else mean


class Averaging(_Mean):
    """Share of the updates, the last ones, whose parameters are averaged into the result.

    Of those of `max_epochs` epochs (Polyak averaging). With `early_stopping` the average is what is
    validated and kept, once it has begun. Averaging would undo exact zeros: beside a regularizer
    with proximal steps the mean takes the last iterate's support.
    """

    name, symbol = "averaging", "share"
    typical = (0.1, 0.9)
    paper = "Polyak and Juditsky 1992"
    interval = Range(Real, 0, 1, closed="both")
    fixed = "says which updates are averaged"

    def begin(self, setting: Setting) -> None:
        super().begin(setting)
        self._starts = [
            n_updates - max(1, math.ceil(share * n_updates))
            for share, n_updates in zip(setting.strengths, setting.n_updates)
        ]

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        self._starts = [self._starts[k] for k in rows]

    def follow(self, theta: Tensor, n_updates: int) -> None:
        self._take([1.0 / (n_updates - s) if n_updates > s else 0.0 for s in self._starts], theta)

    def result(self, k: int, theta: Tensor, n_updates: int) -> Tensor:
        if n_updates <= self._starts[k]:
            return theta
        return self._supported(self._mean[k], theta)


class EMA(_Mean):
    """Decay d of an exponential moving average of the parameters, which is the result.

    ``m <- d m + (1 - d) theta`` after every update from m = 0, and after t of them
    ``m / (1 - d^t)`` is what is validated and kept (section 8.7.3).
    """

    name, symbol = "ema", "d"
    typical = (0.5, 0.999)
    interval = Range(Real, 0, 1, closed="left")
    fixed = "is the decay of one average"
    excludes: ClassVar = {"averaging": "both say which average of the steps is kept"}

    def begin(self, setting: Setting) -> None:
        super().begin(setting)
        self._decays = list(setting.strengths)

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        self._decays = [self._decays[k] for k in rows]

    def follow(self, theta: Tensor, n_updates: int) -> None:
        self._mean.lerp_(theta, 1.0 - self.strength[:, None])

    def result(self, k: int, theta: Tensor, n_updates: int) -> Tensor:
        if not n_updates:
            return theta
        return self._supported(self._mean[k] / (1.0 - self._decays[k] ** n_updates), theta)


class SWA(_Mean):
    """Share of the epochs, the last ones, at whose ends the parameters are averaged.

    The mean is the result (stochastic weight averaging), of a `learning_rate` that stays large, or
    goes in cycles: ``learning_rate_schedule=WarmRestarts(epochs=5)`` and ``SWA(0.25, every=5)``.
    With `early_stopping` the mean is what is validated and kept, once it has begun. Running
    statistics of a module of your own are those of the last epoch.

    Parameters
    ----------
    strength : float in [0, 1]
        Share of the `max_epochs` epochs.
    every : int, default=1
        Only the parameters after every so many epochs are averaged, counted from the first.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((16,), swa=0.25, learning_rate=0.03, batch_size=30, random_state=0)
    >>> bool(net.fit(X, y).score(X, y) > 0.9)
    True
    """

    name, symbol = "swa", "share"
    typical = (0.1, 0.75)
    paper = "Izmailov et al. 2018"
    interval = Range(Real, 0, 1, closed="both")
    fixed = "says which epochs are averaged"
    excludes: ClassVar = {
        "averaging": "both say which average of the steps is kept",
        "ema": "both say which average of the steps is kept",
    }
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "every": [Range(Integral, 1, None, closed="left")]
    }

    def __init__(self, strength: float | None = 0.0, *, every: int = 1) -> None:
        super().__init__(strength)
        self.every = every

    def why_not_training(self, request: Request) -> str:
        n_epochs = request.max_epochs
        n_last = max(1, math.ceil(self.strength * n_epochs))
        if n_epochs // self.every > (n_epochs - n_last) // self.every:
            return ""
        return (
            f"averages the parameters after every {self.every} epochs, and none of these is among "
            f"the last {n_last} of max_epochs={n_epochs}, so that it would change nothing. Make "
            "every smaller, or the share or max_epochs larger."
        )

    def begin(self, setting: Setting) -> None:
        super().begin(setting)
        self._lengths = list(setting.epoch_lengths)
        self._counts = [0] * len(self._lengths)
        self._starts = []
        for share, n, length in zip(setting.strengths, setting.n_updates, self._lengths):
            n_epochs = -(-n // length)
            self._starts.append((n_epochs - max(1, math.ceil(share * n_epochs))) * length)

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        for name in ("_lengths", "_counts", "_starts"):
            setattr(self, name, [getattr(self, name)[k] for k in rows])

    def follow(self, theta: Tensor, n_updates: int) -> None:
        shares = []
        for k, (length, start) in enumerate(zip(self._lengths, self._starts)):
            taken = n_updates > start and n_updates % (self.every * length) == 0
            self._counts[k] += taken
            shares.append(1.0 / self._counts[k] if taken else 0.0)
        self._take(shares, theta)

    def result(self, k: int, theta: Tensor, n_updates: int) -> Tensor:
        return self._supported(self._mean[k], theta) if self._counts[k] else theta


class Snapshots(Regularizer):
    """How many networks of one training are kept, whose mean prediction is the model's.

    They are those at the ends of the last cycles of `learning_rate_schedule`, such as
    ``WarmRestarts(epochs=20)`` (Huang et al. 2017), or, where it has none, of so many equal parts
    of the training. There must be as many whole cycles, and no `early_stopping`, which would keep
    fewer. The members are in `members_`, their predictions in `predict_members`; `coefs_` and
    `net_` are theirs. A warm start goes on from the last parameters.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier
    >>> from wellposed.schedules import WarmRestarts
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((16,), snapshots=3, learning_rate=0.03, max_epochs=60, random_state=0)
    >>> net = net.set_params(learning_rate_schedule=WarmRestarts(epochs=15)).fit(X, y)
    >>> len(net.members_), net.predict_members(X).shape
    (3, (3, 150, 3))
    """

    name, symbol, section, acts_on = "snapshots", "k", "7.11", "steps"
    typical = (2, 5)
    paper = "Huang et al. 2017"
    interval = Range(Integral, 0, None, closed="left")
    kind = "int >= 0"
    in_cocktail = False  # the search's members would be ensembles
    needs_all_updates = True
    fixed = "is a number of networks"
    not_for_lbfgs = "keeps networks of several steps of sgd or adam"
    excludes: ClassVar = dict.fromkeys(
        ("averaging", "ema", "swa"), "both say what the model is made of"
    )

    def why_not(self, network: Network, loss: str) -> str:
        if not network.buffers():
            return ""
        return (
            "keeps parameters, and this module has buffers besides, such as running statistics. "
            "Set snapshots=0, or use n_members."
        )

    def why_not_training(self, request: Request) -> str:
        k, ends = int(self.strength), request.cycle_ends
        if k > 1 and request.patience is not None:
            return (
                "keeps networks of a whole training, and early_stopping=True keeps the best epoch. "
                "Set early_stopping=False, or snapshots=0 and n_members > 1."
            )
        n = request.n_updates if ends is None else len(ends)
        if k <= 1 or n >= k:
            return ""
        if ends is None:
            return (
                f"keeps so many networks of one training, which makes {n} "
                f"update{'s' * (n != 1)}. Raise max_epochs, or lower snapshots."
            )
        return (
            "keeps networks at the ends of whole cycles of learning_rate_schedule, of which "
            f"max_epochs={request.max_epochs} has {n}. Raise max_epochs, "
            f"make the cycles shorter, or set snapshots={n if n > 1 else 0}."
        )

    def begin(self, setting: Setting) -> None:
        parts = zip(setting.strengths, setting.cycle_ends, setting.n_updates)
        self._ends = [
            set(_equal_parts(n, int(k)) if ends is None else ends) for k, ends, n in parts
        ]
        self._most = [int(k) for k in setting.strengths]
        self._taken: list[list[tuple[int, Tensor]]] = [[] for _ in self._ends]

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        for name in ("_ends", "_most", "_taken"):
            setattr(self, name, [getattr(self, name)[k] for k in rows])

    def follow(self, theta: Tensor, n_updates: int) -> None:
        for k, ends in enumerate(self._ends):
            if n_updates in ends:
                self._taken[k] = [*self._taken[k], (n_updates, theta[k].clone())][-self._most[k] :]

    def members(self, k: int, n_updates: int) -> list[Tensor]:
        taken = [theta for n, theta in self._taken[k] if n <= n_updates]
        return taken if len(taken) > 1 else []


def _equal_parts(n_updates: int, k: int) -> list[int]:
    return [round(n_updates * i / k) for i in range(1, k + 1)]
