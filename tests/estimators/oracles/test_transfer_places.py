"""What a start holds has a place in the network, and is what a warm start is pulled to."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from torch import nn

from wellposed import NetClassifier, NetRegressor

X, y = load_digits(return_X_y=True)
X, y = X[:150] / 16, y[:150] % 5
NET = NetClassifier((9, 6), batch_size=40, max_epochs=3, learning_rate=0.02, random_state=0)


def own_module(n_inputs, n_outputs):
    return nn.Sequential(
        nn.Linear(n_inputs, 9), nn.BatchNorm1d(9), nn.Tanh(), nn.Linear(9, n_outputs)
    )


def source(**params):
    return clone(NET).set_params(random_state=5, **params).fit(X, y)


def tiny(**params):
    """One step of nearly nothing."""
    return clone(NET).set_params(max_epochs=1, batch_size=None, learning_rate=1e-300, **params)


@pytest.mark.parametrize(
    ("given", "here", "sentence"),
    [
        ({"normalization": "batch"}, {"normalization": "layer"}, "has 1.running_mean"),
        ({}, {"fit_intercept": False}, "has 0.bias"),
        ({"hidden_layer_sizes": (9,)}, {"hidden_layer_sizes": ()}, "has shape|has 0.weight"),
    ],
)
def test_what_has_no_place_is_refused(given, here, sentence):
    with pytest.raises(ValueError, match=f"start= {sentence}"):
        tiny(start=source(**given), **here).fit(X, y)


def test_weights_that_differ_are_not_tied():
    net = NetRegressor((9,), max_epochs=1, random_state=0)
    untied, tied = clone(net).fit(X, X), clone(net).set_params(tied=True).fit(X, X)
    with pytest.raises(ValueError, match=r"numbers of its own for 0.weight, which is tied"):
        clone(net).set_params(tied=True, start=untied).fit(X, X)
    for here in (True, False):
        again = clone(net).set_params(tied=here, start=tied, learning_rate=1e-300).fit(X, X)
        np.testing.assert_array_equal(again.coefs_[0], tied.coefs_[0])


@pytest.mark.parametrize("network", ["mlp", own_module])
def test_a_warm_start_pulls_to_the_start(network):
    """Without a rate to speak of, l2_sp is its value at the last fit: the distance from `start`."""
    given = source(network=network)
    net = clone(NET).set_params(network=network, start=given, warm_start=True).fit(X, y)
    weights = [n for n, p in net.net_.module_.named_parameters() if p.ndim == 2]
    before, fitted = given.net_.module_.state_dict(), net.net_.module_.state_dict()
    distance = sum((fitted[n] - before[n]).square().sum().item() for n in weights)
    net.set_params(l2_sp=0.5, learning_rate=1e-12, max_epochs=1).fit(X, y)
    assert net.objective_parts_["l2_sp"][-1] == pytest.approx(0.25 * distance, rel=1e-6)
    net.set_params(early_stopping=True, retrain="continue").fit(X, y)
    assert net.objective_parts_["l2_sp"][-1] == pytest.approx(0.25 * distance, rel=1e-6)
