"""Penalties on groups of weights: whole inputs are switched off (section 7.1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from .base import Regularizer

if TYPE_CHECKING:
    from ..networks import Network
    from ..training.model import Weights
    from ..training.setting import Setting

_STEPS = 8  # of Newton's method, which then has all digits for gains that differ by 10^6


class GroupL1(Regularizer):
    """Adds ``group_l1 sum_j ||w_j||`` over the weights w_j that leave input j (section 7.1.2).

    By proximal steps: an input's weights are exactly zero together, and the input is switched off.
    On a linear model with several outputs it is ``MultiTaskLasso(alpha=group_l1)``. Under adam,
    whose steps differ in size, the proximal step is the root of an equation in ``||w_j||``;
    ``solver="lbfgs"`` makes accelerated proximal gradient steps in place of its own.

    Parameters
    ----------
    strength : float >= 0
    groups : list of list of int, default=None
        Inputs that are switched off together, such as the columns of one category; others are
        groups of their own. A group of m inputs has the strength ``sqrt(m) * group_l1``.

    Examples
    --------
    >>> import numpy as np
    >>> from wellposed import NetRegressor
    >>> X = np.random.default_rng(0).normal(size=(200, 5))
    >>> net = NetRegressor((16,), group_l1=0.1, learning_rate=0.02, random_state=0)
    >>> net.fit(X, X[:, 1] * X[:, 3]).feature_importances_ > 0
    array([False,  True, False,  True, False])
    """

    name, symbol, section = "group_l1", "alpha", "7.1.2"
    typical = (1e-4, 0.1)
    paper = "Yuan and Lin 2006; Scardapane et al. 2017"
    _parameter_constraints: ClassVar[dict[str, Any]] = {"groups": ["array-like", None]}

    def __init__(
        self, strength: float | None = 0.0, *, groups: Sequence[Sequence[int]] | None = None
    ) -> None:
        super().__init__(strength)
        self.groups = groups

    def why_not(self, network: Network, loss: str) -> str:
        if not network.inputs_have_columns:
            return (
                "switches inputs off, and the first layer of this network does not have weights of "
                "its own for each. Set group_l1=0, or network='mlp'."
            )
        why = _wrong_groups(self.groups, network.n_inputs)
        return f"{why}. Change groups, or leave them out." if why else ""

    def begin(self, setting: Setting) -> None:
        network = setting.network
        real = network.real[: network.n_weights].to(setting.device, setting.dtype)
        self._real = network.weights(real[None])[0]
        self._group = torch.arange(self._real.shape[-1], device=setting.device)
        for group in _lists(self.groups):
            self._group[group] = min(group)
        self._sizes = torch.bincount(self._group)[self._group].to(setting.dtype)

    def _norms(self, w: Tensor) -> Tensor:
        """Norm [K, 1, inputs] of each input's group of w [K, units, inputs]."""
        return self._sum(w.square()).sqrt()

    def _sum(self, x: Tensor) -> Tensor:
        columns = x.sum(1)
        if self.groups is not None:
            columns = torch.zeros_like(columns).index_add_(1, self._group, columns)[:, self._group]
        return columns[:, None]

    def value(self, weights: Weights) -> Tensor:
        norms = self._norms(weights.layers[0])[:, 0]
        return self.strength * (norms / self._sizes.sqrt()).sum(1)  # shares of each group's

    def prox(self, weights: Weights, gain: Tensor) -> None:
        w = weights.layers[0]
        strength = self.strength[:, None, None] * self._sizes.sqrt()
        if gain.shape[1] == 1:
            norms = self._norms(w).clamp_min_(torch.finfo(w.dtype).tiny)
            w.mul_((1.0 - strength * gain[:, None] / norms).clamp_(min=0.0))
        else:
            c = strength * weights.at(gain).layers[0] * self._real
            w.mul_(self._shrink(w, c.clamp_(min=1e-18)))

    def _shrink(self, w: Tensor, c: Tensor) -> Tensor:
        """What w is multiplied by, ``r / (r + c)`` with r the norm of the result.

        r is the root of ``||w / (r + c)|| = 1``, or 0 where that norm is below 1 already at 0. Its
        inverse is concave in r: from below the root, Newton's method converges without overshoot.
        """
        tiny = torch.finfo(w.dtype).tiny
        r = (self._norms(w) - c.amax((1, 2), keepdim=True)).clamp_(min=0.0)
        for _ in range(_STEPS):
            q = w / (r + c)
            norms = self._norms(q).clamp_min_(tiny)
            slope = self._sum((q / norms).square() / (r + c)).clamp_min_(tiny)
            r = (r + (norms - 1.0) / slope).clamp_(min=0.0)
        return r / (r + c)


def _lists(groups: Any) -> list[Any]:
    """Groups as lists of integers of Python; what is no group, as it is."""
    given = [] if groups is None else [groups] if getattr(groups, "shape", None) == () else groups
    return [
        np.asarray(group).tolist()
        if isinstance(group, Sequence | np.ndarray) and not isinstance(group, str)
        else group
        for group in given
    ]


def _wrong_groups(groups: Any, n_inputs: int) -> str:
    """Why these are no groups of inputs, or ""."""
    seen: set[int] = set()
    for group in _lists(groups):
        inputs = group if isinstance(group, list) else [-1]
        if not inputs or not all(isinstance(i, int) and 0 <= i < n_inputs for i in inputs):
            return (
                f"has the group {group!r}, and groups are lists of columns of X, from 0 to "
                f"{n_inputs - 1}"
            )
        if len(set(inputs)) < len(inputs) or seen & set(inputs):
            return f"has the group {group!r}, and no input may be in two places"
        seen |= set(inputs)
    return ""
