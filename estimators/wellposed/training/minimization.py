"""What minimisers of a stack of independent problems are given, tell on the way and return."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

#: ``objective(x, active)``: values [k] and gradients [k, P] of the problems ``active`` at x [k, P].
Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Result(NamedTuple):
    """Where each of the K problems ended.

    Attributes
    ----------
    theta : Tensor of shape (K, P)
        Last iterates.
    n_iter : Tensor of shape (K,)
        Steps taken.
    converged : Tensor of shape (K,), bool
        Whether ``optimality <= tol``. If neither this nor `failed` holds, the problem ran into
        ``max_iter`` or no step made progress at the precision of the dtype.
    value : Tensor of shape (K,)
        Objective F, with its L1 term.
    optimality : Tensor of shape (K,)
        Largest absolute entry of the minimum-norm subgradient.
    failed : Tensor of shape (K,), bool
        Whether F or its gradient was not finite at the start; `theta` is then the start.
    """

    theta: Tensor
    n_iter: Tensor
    converged: Tensor
    value: Tensor
    optimality: Tensor
    failed: Tensor


class Iteration(NamedTuple):
    """What a callback is told after a round: which problems took a step in it, and where they are.

    Attributes
    ----------
    active : Tensor of shape (k,), int64
        Their places in the stack.
    n_iter, value, optimality : Tensor of shape (k,)
    theta : Tensor of shape (k, P)
    """

    active: Tensor
    n_iter: Tensor
    value: Tensor
    optimality: Tensor
    theta: Tensor
