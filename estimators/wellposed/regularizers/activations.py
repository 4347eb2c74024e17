"""Penalties on what hidden units put out: sparse representations (section 7.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

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
