"""Skorch nets of classifiers and of regressors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin, RegressorMixin

from ..networks.losses import OF_CLASSES
from ..training.request import Request, State
from .net import SkorchNet


class ClassifierNet(ClassifierMixin, SkorchNet):
    """The skorch net of a `NetClassifier`; ``score`` is the accuracy on class numbers."""

    @property
    def classes_(self) -> np.ndarray:
        """Class numbers."""
        return np.arange(max(2, self.request.n_outputs))


class RegressorNet(RegressorMixin, SkorchNet):
    """The skorch net of a `NetRegressor`; ``score`` is R^2."""


def make_net(
    request: Request, state: State, callbacks: Any = None, verbose: int = 0, history: Any = None
) -> SkorchNet:
    """Wrap a network that is in this state."""
    kind = ClassifierNet if request.loss in OF_CLASSES else RegressorNet
    net = kind(
        request=request,
        state=state,
        lr=request.learning_rate,
        max_epochs=request.max_epochs,
        batch_size=int(request.batch_size),
        callbacks=list(callbacks or []),
        verbose=verbose,
        device=str(state.theta.device),
        iterator_valid__generator=torch.Generator(),  # a DataLoader would draw from the global one
    )
    net.initialize()
    if history is not None:
        net.history_ = history
    return net
