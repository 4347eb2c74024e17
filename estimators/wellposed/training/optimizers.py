"""First-order optimisers over a stack's flat parameters theta [K, P].

Each one tells its *effective gain*: how far a step moves a parameter for one unit of constant
gradient. A proximal step's threshold is the penalty's strength times that gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor


class Optimizer:
    """State and step of K optimisers; ``slots`` are their running averages, each [K, P]."""

    slots: list[Tensor]

    def __init__(self, theta: Tensor, learning_rate: Sequence[float]) -> None:
        self.learning_rate = list(learning_rate)
        self._set_rates(theta)

    def _set_rates(self, like: Tensor) -> None:
        self.rates = like.new_tensor(self.learning_rate).unsqueeze(1)

    def set_learning_rate(self, learning_rate: Sequence[float]) -> None:
        """Take over new rates, one a network."""
        if list(learning_rate) != self.learning_rate:
            self.learning_rate = list(learning_rate)
            self._set_rates(self.rates)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these networks of the stack."""
        self.slots = [slot[rows] for slot in self.slots]
        self.learning_rate = [self.learning_rate[k] for k in rows]
        self.rates = self.rates[rows]

    def step(self, theta: Tensor, grad: Tensor) -> None:
        """Move theta in place."""
        raise NotImplementedError

    def gain(self) -> Tensor:
        """Effective gain of the step just made, [K, 1] or [K, P]."""
        raise NotImplementedError


class SGD(Optimizer):
    """``v <- momentum v + g;  theta <- theta - rate v`` (heavy ball, eq. 8.15-8.16)."""

    def __init__(
        self, theta: Tensor, learning_rate: Sequence[float], momentum: Sequence[float]
    ) -> None:
        super().__init__(theta, learning_rate)
        self.momentum = theta.new_tensor(list(momentum)).unsqueeze(1)
        self.slots = [torch.zeros_like(theta)] if any(momentum) else []

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        self.momentum = self.momentum[rows]

    def step(self, theta: Tensor, grad: Tensor) -> None:
        if self.slots:
            grad = self.slots[0].mul_(self.momentum).add_(grad)
        theta.addcmul_(grad, self.rates, value=-1.0)

    def gain(self) -> Tensor:
        return self.rates / (1.0 - self.momentum)


class Adam(Optimizer):
    """Adam (alg. 8.7; Kingma and Ba 2015), by torch's fused kernel."""

    beta1, beta2, eps = 0.9, 0.999, 1e-8

    def __init__(self, theta: Tensor, learning_rate: Sequence[float], n_updates: int = 0) -> None:
        super().__init__(theta, learning_rate)
        self.slots = [torch.zeros_like(theta), torch.zeros_like(theta)]
        self.n_updates = n_updates
        self._step = torch.full((), float(n_updates), device=theta.device)

    def _set_rates(self, like: Tensor) -> None:
        super()._set_rates(like)
        # The kernel takes one rate: networks with equal rates lie side by side and go together.
        self._runs = [(rate, len(list(run))) for rate, run in groupby(self.learning_rate)]

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        self._set_rates(self.rates)

    def step(self, theta: Tensor, grad: Tensor) -> None:
        self._step += 1
        lengths = [length for _, length in self._runs]
        tensors = (theta, grad, *self.slots)
        parts = [t.split(lengths) if len(lengths) > 1 else (t,) for t in tensors]
        for (rate, _), theta_k, grad_k, mean_k, square_k in zip(self._runs, *parts):
            torch._fused_adam_(
                [theta_k],
                [grad_k],
                [mean_k],
                [square_k],
                [],
                [self._step],
                lr=rate,
                beta1=self.beta1,
                beta2=self.beta2,
                weight_decay=0.0,
                eps=self.eps,
                amsgrad=False,
                maximize=False,
            )
        self.n_updates += 1

    def gain(self) -> Tensor:
        v_hat = self.slots[1] / (1.0 - self.beta2**self.n_updates)
        return self.rates / (v_hat.sqrt_() + self.eps)
