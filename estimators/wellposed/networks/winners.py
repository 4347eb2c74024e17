"""Layers of which only the strongest units are on: sparsity as a hard constraint (section 7.10)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def n_winners(n_units: int, k: float) -> int:
    """How many of n units are kept: k of them, or the share k, at least one.

    Examples
    --------
    >>> n_winners(50, 5), n_winners(50, 0.25), n_winners(50, 80)
    (5, 12, 50)
    """
    return min(n_units, k if isinstance(k, int) else max(1, round(k * n_units)))


def winners(a: Tensor, n_units: int, k: float) -> Tensor:
    """Mask of the k largest activations of each row.

    Parameters
    ----------
    a : Tensor of shape (K, units, B)
    n_units : int
        Real ones; the others are padding.
    k : int or float
    """
    found = a.detach()[:, :n_units].topk(n_winners(n_units, k), 1).indices
    return torch.zeros_like(a).scatter_(1, found, 1.0)


class KWinners(nn.Module):
    """Keeps the k largest activations of each row."""

    def __init__(self, k: float) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        a = x.flatten(1).T[None]
        return x * winners(a, a.shape[1], self.k)[0].T.reshape(x.shape)

    def extra_repr(self) -> str:
        return f"k={self.k}"
