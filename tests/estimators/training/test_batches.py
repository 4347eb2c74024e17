"""Which rows are shown when: each once an epoch, in fresh orders, each network its own."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
import torch
from torch import nn

from wellposed import NetRegressor
from wellposed.networks import MLP
from wellposed.training import batches, train
from wellposed.training.request import Request, Rows

SEEN: list[list[float]] = []


class Looking(nn.Module):
    """Takes down the first column of the batches that it is trained on."""

    def __init__(self, n_inputs, n_outputs, compares=False):
        super().__init__()
        norm = nn.BatchNorm1d(n_inputs) if compares else nn.Identity()
        self.layers = nn.Sequential(norm, nn.Linear(n_inputs, n_outputs))

    def forward(self, x):
        if self.training:
            SEEN.append(x[:, 0].tolist())
        return self.layers(x)


def comparing(n_inputs, n_outputs):
    return Looking(n_inputs, n_outputs, compares=True)


@pytest.mark.parametrize(
    ("network", "n", "sizes"),
    [
        (Looking, 33, [16, 16, 1]),
        (comparing, 33, [16, 17]),
        (comparing, 34, [16, 16, 2]),
        (comparing, 32, [16, 16]),
    ],
)
def test_every_epoch_shows_each_row_once_in_an_order_of_its_own(network, n, sizes):
    X = np.c_[np.arange(float(n)), np.ones(n)]
    SEEN.clear()
    net = NetRegressor(network=network, batch_size=16, max_epochs=2, random_state=0)
    net.fit(X, X[:, 1]).partial_fit(X, X[:, 1]).partial_fit(X, X[:, 1])
    assert [len(rows) for rows in SEEN] == 4 * sizes
    k = len(sizes)
    epochs = [[*chain(*SEEN[i : i + k])] for i in range(0, 4 * k, k)]
    assert all(sorted(epoch) == X[:, 0].tolist() for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def requests(**options):
    rng = np.random.default_rng(0)
    found = []
    for k, max_epochs in enumerate((4, 1, 9, 6)):
        X, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 1))
        rows = Rows.from_arrays(X, y, None, torch.float64, torch.device("cpu"))
        found.append(
            Request(MLP(3, 1, (5,)), "squared_error", rows, k, max_epochs=max_epochs, **options)
        )
    return found


@pytest.mark.parametrize("batch_size", [50, 20])
def test_networks_with_rows_of_their_own_that_leave_at_different_times(batch_size):
    for request, outcome in zip(
        requests(batch_size=batch_size), train(requests(batch_size=batch_size))
    ):
        (alone,) = train([request])
        assert torch.equal(outcome.state.theta, alone.state.theta)
        assert outcome.loss_curve == alone.loss_curve


@pytest.mark.parametrize("numbers", [1, 200, 300, 1000])
def test_how_many_steps_are_drawn_at_once_changes_nothing(monkeypatch, numbers):
    """Epochs of three batches, cut anywhere."""
    expected = train(requests(batch_size=20))
    monkeypatch.setattr(batches, "_BLOCK", numbers)
    for outcome, other in zip(train(requests(batch_size=20)), expected):
        assert torch.equal(outcome.state.theta, other.state.theta)
