"""Layers that are trained at a rate of their own, or not at all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .model import Weights
from .optimizers import Optimizer
from .request import Pace


def frozen(paces: Sequence[Pace]) -> list[slice]:
    """Return the columns of theta that are not trained."""
    return [slice(start, stop) for start, stop, factor in paces if not factor]


class Paced(Optimizer):
    """An optimizer with a rate of its own in some columns of theta, which is 0 in frozen ones.

    Frozen parameters stay to the bit whatever acts on weights: it takes part in a stack's moments
    as the first to correct the gradient and as the last to project and to make the result.

    Parameters
    ----------
    optimizer : Optimizer
    paces : sequence of Pace
    theta : Tensor of shape (K, P)
        As it is at the start.
    n_weights : int
    """

    def __init__(
        self, optimizer: Optimizer, paces: Sequence[Pace], theta: Tensor, n_weights: int
    ) -> None:
        self.optimizer, self.n_weights = optimizer, n_weights
        self._factors = torch.ones_like(theta[:1])
        for start, stop, factor in paces:
            self._factors[:, start:stop] = factor
        self._slow = [(slice(start, stop), factor) for start, stop, factor in paces if factor]
        self._frozen = frozen(paces)
        self._kept = [theta[:, part].clone() for part in self._frozen]

    @property
    def slots(self) -> list[Tensor]:  # type: ignore[override]
        return self.optimizer.slots

    @slots.setter
    def slots(self, slots: list[Tensor]) -> None:
        self.optimizer.slots = slots

    @property
    def rates(self) -> Tensor:  # type: ignore[override]
        """Rates of the weights, [K, W]."""
        return self.optimizer.rates * self._factors[:, : self.n_weights]

    def set_learning_rate(self, learning_rate: Sequence[float]) -> None:
        self.optimizer.set_learning_rate(learning_rate)

    def keep(self, rows: Sequence[int]) -> None:
        self.optimizer.keep(rows)
        self._kept = [part[rows] for part in self._kept]

    def step(self, theta: Tensor, grad: Tensor) -> None:
        before = [theta[:, part].clone() for part, _ in self._slow]
        self.optimizer.step(theta, grad)
        for (part, factor), was in zip(self._slow, before):
            theta[:, part] = was + factor * (theta[:, part] - was)
        self._restore(theta)

    def gain(self) -> Tensor:
        return self.optimizer.gain() * self._factors

    def correct(self, gradient: Tensor) -> None:
        """Leave frozen columns without a gradient, also of penalties."""
        for part in self._frozen:
            gradient[:, part] = 0.0

    def project(self, weights: Weights) -> None:
        """Restore frozen weights."""
        self._restore(weights.flat)

    def result(self, k: int, theta: Tensor, n_updates: int) -> Tensor:
        """Restore what an average of equal numbers has rounded."""
        theta = theta.clone()
        for part, kept in zip(self._frozen, self._kept):
            theta[part] = kept[k]
        return theta

    def _restore(self, theta: Tensor) -> None:
        for part, kept in zip(self._frozen, self._kept):
            if part.stop <= theta.shape[1]:  # biases are none of the weights
                theta[:, part] = kept
