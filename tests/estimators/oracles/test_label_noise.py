"""Noisy labels: how often each class is told in the place of each other one."""

import numpy as np
import pytest
import torch

from wellposed.training.model import Batch, Model
from wellposed.training.stack import Stack

N = 4000


def told(make_request, target, loss, rate):
    request = make_request(
        np.zeros((32, 2)), target, loss=loss, strengths={"label_noise": rate}, max_epochs=N
    )
    stack = Stack([request])
    (r,) = stack.regularizers
    batch: Batch = stack.batches.next()
    model: Model = stack.model
    with torch.no_grad():
        return torch.cat([r.batch(batch, model).target for _ in range(N)]).numpy()


@pytest.mark.parametrize("rate", [0.1, 0.6])
@pytest.mark.parametrize("n_classes", [3, 5])
def test_confusion_of_classes(make_request, n_classes, rate):
    y = np.arange(32) % n_classes
    drawn = told(make_request, np.eye(n_classes)[y], "cross_entropy", rate)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert (drawn.sum(1) == 1).all()
    confusion = np.array([drawn[:, :, y == c].mean((0, 2)) for c in range(n_classes)])
    expected = np.full((n_classes, n_classes), rate / (n_classes - 1))
    np.fill_diagonal(expected, 1 - rate)
    error = np.sqrt(expected * (1 - expected) / (N * (32 // n_classes)))
    assert (np.abs(confusion - expected) <= 5 * error + 2**-15).all()


@pytest.mark.parametrize("n_labels", [1, 3])
def test_flips_of_labels(make_request, n_labels):
    target = np.random.default_rng(0).integers(0, 2, (32, n_labels)).astype(float)
    drawn = told(make_request, target, "logistic", 0.2)
    flipped = drawn != target.T
    error = np.sqrt(0.2 * 0.8 / N)
    assert (np.abs(flipped.mean(0) - 0.2) <= 5 * error).all()
    if n_labels > 1:  # each by itself
        correlation = np.corrcoef(flipped[:, :, 0].T)
        assert np.abs(correlation[0, 1:]).max() <= 5 / np.sqrt(N)
