"""The order of the moments: in a step, in the list, and in the docstring that shows the loop."""

import re

import torch
from sklearn.datasets import load_iris

from wellposed import NetClassifier
from wellposed.regularizers import Regularizer
from wellposed.regularizers.base import MOMENTS

X, y = load_iris(return_X_y=True)
calls: list[str] = []


def recorded(moment, returns):
    def method(self, *args):
        calls.append(moment)
        return returns(self, *args)

    return method


class All(Regularizer):
    """Takes part in every moment and changes nothing."""

    batch = recorded("batch", lambda self, batch, model: batch)
    mask = recorded("mask", lambda self, layer: torch.ones(len(self.strength), 16, 1))
    perturb = recorded("perturb", lambda self, theta, gradient: theta.clone())
    term = recorded("term", lambda self, model, batch: 0 * model.J(batch))
    value = recorded("asked for the value", lambda self, weights: 0 * self.strength)
    gradient = recorded("value", lambda self, weights: torch.zeros_like(weights.flat))
    correct = recorded("correct", lambda self, gradient: None)
    decay = recorded("decay", lambda self, weights, rates: None)
    project = recorded("project", lambda self, weights: None)
    follow = recorded("follow", lambda self, theta, n_updates: None)
    result = recorded("result", lambda self, k, theta, n_updates: theta)


class Prox(Regularizer):
    prox = recorded("prox", lambda self, weights, gain: None)


def test_a_step_calls_the_moments_in_their_order():
    calls.clear()
    NetClassifier(
        (4,),
        batch_size=None,
        max_epochs=1,
        regularizers=[("prox", Prox(1.0)), ("all", All(1.0))],
        random_state=0,
    ).fit(X, y)
    found = [moment for moment in dict.fromkeys(calls) if moment in MOMENTS]
    assert found == list(MOMENTS)


def test_the_docstring_shows_the_moments_in_their_order():
    loop = Regularizer.__doc__[Regularizer.__doc__.index("One step of the training reads") :]
    shown = re.findall(rf"\b({'|'.join(MOMENTS)})\(", loop.partition("A subclass implements")[0])
    assert list(dict.fromkeys(shown)) == list(MOMENTS)
    assert "members(k, n_updates)" in loop
    assert "l1_weight()" in loop
