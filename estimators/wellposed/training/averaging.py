"""Polyak averaging: the mean of the last iterates (Polyak and Juditsky 1992; section 8.7.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .request import Request


class Averaging:
    """The running mean of a share of each network's iterates, those of its last updates.

    Averaging would undo exact zeros: with `l1` the mean takes the last iterate's support.
    """

    def __init__(self, requests: Sequence[Request], theta: Tensor) -> None:
        self.starts = [r.n_updates - max(1, math.ceil(r.averaging * r.n_updates)) for r in requests]
        self.sparse = "l1" in requests[0].strengths
        self.mean = torch.zeros_like(theta)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these networks of the stack."""
        self.starts = [self.starts[k] for k in rows]
        self.mean = self.mean[rows]

    def update(self, theta: Tensor, n_updates: int) -> None:
        """Take in the iterates after update number `n_updates`."""
        shares = [1.0 / (n_updates - start) if n_updates > start else 0.0 for start in self.starts]
        if any(shares):
            self.mean.lerp_(theta, theta.new_tensor(shares).unsqueeze(1))

    def has_begun(self, k: int, n_updates: int) -> bool:
        """Whether network k's mean holds anything after so many updates."""
        return n_updates > self.starts[k]

    def result(self, k: int, last: Tensor) -> Tensor:
        """Return the mean of network k."""
        return self.mean[k] * (last != 0) if self.sparse else self.mean[k]
