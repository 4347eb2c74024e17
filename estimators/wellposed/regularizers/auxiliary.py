"""Auxiliary tasks over the same hidden layers (section 7.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from ..networks.losses import differentiable
from .base import Regularizer

if TYPE_CHECKING:
    from ..training.model import Batch, Model


class Auxiliary(Regularizer):
    """Weight of further tasks, ``fit(X, y, auxiliary=T)``, that share the hidden layers.

    Adds ``auxiliary`` times the sum of their losses, each the mean over the rows where its target
    is there (section 7.7). T has a column a task. Columns of floats are numbers, which are scaled
    to mean 0 and variance 1, as rows weigh, and have half the squared error; all others, integers
    too, are classes, with their cross-entropy. NaN, None and NA are missing. These tasks are not
    predicted, and early stopping does not look at them. A module of your own is built with outputs
    for all tasks, those of y first.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from wellposed import NetRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, age = X[:, 1:], X[:, :1]
    >>> net = NetRegressor((16,), auxiliary=0.5, learning_rate=0.02, random_state=0)
    >>> net.fit(X, y, auxiliary=age).predict(X).shape
    (442,)
    """

    name, symbol, section, acts_on = "auxiliary", "lambda", "7.7", "targets"
    typical = (0.05, 2.0)
    paper = "Caruana 1997"
    needs_hidden = True
    uses_tasks = True
    in_cocktail = False  # there must be tasks

    def term(self, model: Model, batch: Batch) -> Tensor:
        assert batch.tasks is not None
        z = model.all_outputs(batch.x)[:, model.n_outputs :]
        target, share = batch.tasks.chunk(2, 1)
        losses, at = [], 0
        for loss, units in self.setting.rows[0].tasks:
            part = slice(at, at + units)
            weight = batch.weight * share[:, part]
            losses.append(differentiable(loss, z[:, part], target[:, part], weight))
            at += units
        return self.strength * sum(losses)
