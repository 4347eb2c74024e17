"""The same small network, fitted by the estimators that are compared.

A peer is a function ``(X, y, shape) -> fit``; what it prepares outside ``fit`` is not timed. All
make the same number of Adam steps of the same size on float32 data, without validation or early
stopping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier, MLPRegressor
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import Tensor, nn

from wellposed import NetClassifier, NetRegressor


@dataclass(frozen=True)
class Shape:
    """A network, its data and its training: what a row of the table is about.

    Attributes
    ----------
    name : str
    load : callable () -> (X, y)
        float32 inputs, and int64 labels or float32 targets.
    hidden : tuple of int
    batch_size, epochs : int
    dropout : float
    regression : bool
    """

    name: str
    load: Callable[[], tuple[np.ndarray, np.ndarray]]
    hidden: tuple[int, ...]
    batch_size: int
    epochs: int
    dropout: float = 0.0
    regression: bool = False


Fit = Callable[[], Any]
Peer = Callable[[np.ndarray, np.ndarray, Shape], "Fit | None"]


def wellposed(X: np.ndarray, y: np.ndarray, shape: Shape) -> Fit:
    """This package."""
    kind = NetRegressor if shape.regression else NetClassifier
    net = kind(
        shape.hidden,
        batch_size=shape.batch_size,
        max_epochs=shape.epochs,
        dropout=shape.dropout,
        random_state=0,
    )
    return lambda: net.fit(X, y)


def module(n_inputs: int, n_outputs: int, shape: Shape) -> nn.Sequential:
    """The network as ordinary PyTorch layers."""
    sizes = [n_inputs, *shape.hidden, n_outputs]
    parts: list[nn.Module] = []
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        parts.append(nn.Linear(n_in, n_out))
        if i < len(shape.hidden):
            parts += [nn.ReLU(), *([nn.Dropout(shape.dropout)] if shape.dropout else [])]
    return nn.Sequential(*parts)


def skorch_default(X: np.ndarray, y: np.ndarray, shape: Shape, **options: Any) -> Fit:
    """skorch as it comes, without its validation split, which would make it train on fewer rows."""
    n_outputs = 1 if shape.regression else int(y.max()) + 1
    kind = NeuralNetRegressor if shape.regression else NeuralNetClassifier
    settings: dict[str, Any] = {
        "criterion": nn.MSELoss if shape.regression else nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "lr": 1e-3,
        "batch_size": shape.batch_size,
        "max_epochs": shape.epochs,
        "iterator_train__shuffle": True,
        "train_split": None,
        "verbose": 0,
    }
    net = kind(module(X.shape[1], n_outputs, shape), **settings | options)
    target = y[:, None] if shape.regression else y
    return lambda: net.fit(X, target)


class Batches:
    """An iterator over shuffled batches of tensors, in place of PyTorch's row by row one."""

    def __init__(self, dataset: Any, batch_size: int, **_: Any) -> None:
        self.X, self.y = torch.as_tensor(dataset.X), torch.as_tensor(dataset.y)
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.X))
        for rows in order.split(self.batch_size):
            yield self.X[rows], self.y[rows]

    def __len__(self) -> int:
        return -(-len(self.X) // self.batch_size)


def skorch_tuned(X: np.ndarray, y: np.ndarray, shape: Shape) -> Fit:
    """skorch with a tensor iterator, no callbacks and the fused Adam."""
    return skorch_default(
        X,
        y,
        shape,
        iterator_train=Batches,
        optimizer__fused=True,
        callbacks="disable",
    )


def torch_loop(X: np.ndarray, y: np.ndarray, shape: Shape) -> Fit:
    """The loop that one writes by hand, with the fused Adam."""
    n_outputs = 1 if shape.regression else int(y.max()) + 1
    rows, target = torch.from_numpy(X), torch.from_numpy(y[:, None] if shape.regression else y)
    loss = nn.MSELoss() if shape.regression else nn.CrossEntropyLoss()

    def fit() -> nn.Module:
        net = module(X.shape[1], n_outputs, shape)
        adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
        for _ in range(shape.epochs):
            for batch in torch.randperm(len(rows)).split(shape.batch_size):
                adam.zero_grad()
                loss(net(rows[batch]), target[batch]).backward()
                adam.step()
        return net

    return fit


def scikit_learn(X: np.ndarray, y: np.ndarray, shape: Shape) -> Fit | None:
    """scikit-learn's MLP, its L2 penalty and its stopping rule off; it has no dropout."""
    if shape.dropout:
        return None
    kind = MLPRegressor if shape.regression else MLPClassifier
    net = kind(
        hidden_layer_sizes=shape.hidden,
        alpha=0.0,
        batch_size=shape.batch_size,
        max_iter=shape.epochs,
        n_iter_no_change=shape.epochs + 1,
        random_state=0,
    )
    return lambda: net.fit(X, y)


PEERS: dict[str, Peer] = {
    "skorch": skorch_default,
    "skorch, tuned": skorch_tuned,
    "torch, by hand": torch_loop,
    "scikit-learn": scikit_learn,
}
