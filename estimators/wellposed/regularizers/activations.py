"""Penalties on what hidden units put out: sparse representations (section 7.10)."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from ..ranges import Range
from .base import Regularizer

if TYPE_CHECKING:
    from ..training.model import Batch, Model


class ActivityL1(Regularizer):
    """Adds ``activity_l1 E||h(x)||_1`` over all hidden layers (section 7.10, eq. 7.48).

    The mean is over the rows as they weigh. Activations are those before dropout; of a convolution,
    those after pooling; of a module of your own, what each ``nn.Linear`` but the first is fed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((32,), activity_l1=0.01, learning_rate=0.01, random_state=0)
    >>> bool(net.fit(X, y).score(X, y) > 0.9)
    True
    """

    name, symbol, section, acts_on = "activity_l1", "alpha", "7.10", "hidden units"
    typical = (1e-5, 0.1)
    paper = "Olshausen and Field 1996"
    needs_hidden = True
    per_layer = "hidden units"

    def term(self, model: Model, batch: Batch) -> Tensor:
        layers = [(h.abs() * batch.weight).sum((1, 2)) for h in model.hidden(batch.x)]
        return self.sum_over_layers(layers)


class ActivityKL(Regularizer):
    """Adds ``activity_kl sum_j KL(r || mean of h_j)`` over all hidden units j (section 7.10).

    Units are on as rarely as the target rate r says. The mean is over the rows of a batch as they
    weigh, of activations before dropout and in (0, 1), so that only ``activation="logistic"`` has
    them; of a convolution they are those after pooling.

    Parameters
    ----------
    strength : float >= 0
    target : float in (0, 1), default=0.05
        Mean activation that costs nothing.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier
    >>> from wellposed.regularizers import ActivityKL
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((32,), activation="logistic", learning_rate=0.05, random_state=0)
    >>> rare = net.set_params(activity_kl=ActivityKL(0.1, target=0.1)).fit(X, y)
    >>> bool(rare.score(X, y) > 0.9)
    True
    """

    name, symbol, section, acts_on = "activity_kl", "alpha", "7.10", "hidden units"
    typical = (1e-4, 0.1)
    paper = "Lee, Ekanadham and Ng 2008; Nair and Hinton 2009"
    needs_hidden = True
    needs: ClassVar = {"activation": ("logistic", "compares activations in (0, 1) with a rate")}
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "target": [Range(Real, 0, 1, closed="neither")]
    }

    def __init__(self, strength: float | None = 0.0, *, target: float = 0.05) -> None:
        super().__init__(strength)
        self.target = target

    def term(self, model: Model, batch: Batch) -> Tensor:
        r, eps = self.target, torch.finfo(batch.x.dtype).eps
        share = batch.weight / batch.weight.sum(2, keepdim=True)
        total = torch.zeros_like(self.strength)
        for h, n_units in zip(model.hidden(batch.x), model.network.real_hidden_units):
            mean = (h[:, :n_units] * share).sum(2).clamp(eps, 1.0 - eps)
            kl = r * (r / mean).log() + (1.0 - r) * ((1.0 - r) / (1.0 - mean)).log()
            total = total + kl.sum(1)
        return self.strength * total
