"""Polyak averaging is the mean of the last iterates (Polyak and Juditsky 1992)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from wellposed import NetRegressor
from wellposed.training import train
from wellposed.training.stack import Stack


def iterates(request):
    """Parameters after each update, [updates, P]."""
    stack, kept = Stack([request]), []
    stack.on_batch_end = lambda stack, batch, J: kept.append(stack.theta[0].clone())
    for _ in range(request.n_updates):
        stack.step()
    return torch.stack(kept)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.55, 1.0])
@pytest.mark.parametrize("batch_size", [7, 100])
def test_result_is_the_mean_of_the_last_share_of_iterates(make_request, solver, share, batch_size):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    request = make_request(
        X, y, (6,), solver=solver, momentum=0.9 * (solver == "sgd"), learning_rate=0.02,
        max_epochs=9, batch_size=batch_size, averaging=share, strengths={"dropout": 0.2},
    )  # fmt: skip
    (outcome,) = train([request])
    n_last = max(1, math.ceil(share * request.n_updates))
    expected = iterates(request)[-n_last:].mean(0)
    torch.testing.assert_close(outcome.state.theta, expected, rtol=0, atol=1e-14)


def test_by_hand_from_fits_of_every_length():
    """A full-batch fit of t epochs is the t-th iterate: nothing but public parameters."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    options = {"solver": "sgd", "learning_rate": 0.05, "batch_size": None, "random_state": 0}
    fits = [
        NetRegressor((5,), input_noise=0.3, max_epochs=t, **options).fit(X, y) for t in range(1, 11)
    ]
    net = NetRegressor((5,), input_noise=0.3, max_epochs=10, averaging=0.4, **options).fit(X, y)
    for layer in (0, 1):
        mean = np.mean([fit.coefs_[layer] for fit in fits[-4:]], axis=0)
        np.testing.assert_allclose(net.coefs_[layer], mean, atol=1e-14)
        mean = np.mean([fit.intercepts_[layer] for fit in fits[-4:]], axis=0)
        np.testing.assert_allclose(net.intercepts_[layer], mean, atol=1e-14)


def test_with_l1_the_mean_keeps_the_last_iterates_support(make_request):
    """A mean of iterates is hardly ever zero; exact zeros are what l1 is for."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 12)), rng.normal(size=30)
    request = make_request(X, y, solver="sgd", learning_rate=0.1, max_epochs=40, averaging=0.9,
                           batch_size=8, strengths={"l1": 0.15})  # fmt: skip
    (outcome,) = train([request])
    path = iterates(request)
    mean, last = path[-math.ceil(0.9 * len(path)) :].mean(0), path[-1]
    torch.testing.assert_close(outcome.state.theta, mean * (last != 0), rtol=0, atol=1e-14)
    real = request.network.real
    assert ((mean != 0) & (last == 0))[real].any()
    assert (last != 0)[real].any()


def test_it_takes_the_noise_out_of_mini_batches():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 5))
    y = X @ rng.normal(size=5) + rng.normal(size=100)
    reference = LinearRegression().fit(X, y).coef_
    distances = [
        np.mean([
            np.linalg.norm(
                NetRegressor((), solver="sgd", learning_rate=0.05, momentum=0, batch_size=10,
                             max_epochs=100, averaging=averaging, random_state=seed).fit(X, y).coef_
                - reference
            )
            for seed in range(5)
        ])
        for averaging in (None, 0.5)
    ]  # fmt: skip
    assert distances[1] < 0.2 * distances[0]


@pytest.mark.parametrize("n_updates", [1, 5, 7])
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_its_share_is_of_the_updates_that_are_made(make_request, share, n_updates):
    """Not of those that `max_epochs` would allow, nor of those made before."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    options = {"batch_size": 16, "max_epochs": 50, "learning_rate": 0.05, "seed": 3}
    (before,) = train([make_request(X, y, (5,), max_updates=4, **options)])
    for start in (None, before.state):
        path = [
            train([make_request(X, y, (5,), max_updates=t, start=start, **options)])[0].state.theta
            for t in range(1, n_updates + 1)
        ]
        request = make_request(
            X, y, (5,), max_updates=n_updates, averaging=share, start=start, **options
        )
        (outcome,) = train([request])
        last = path[-math.ceil(share * n_updates) :]
        torch.testing.assert_close(
            outcome.state.theta, torch.stack(last).mean(0), rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_an_exponential_average_is_that_of_the_recursion(make_request, solver):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    request = make_request(X, y, (5,), solver=solver, learning_rate=0.05, batch_size=8,
                           max_epochs=6, strengths={"ema": 0.9})  # fmt: skip
    stack, mean = Stack([request]), 0.0
    with torch.no_grad():
        for t in range(1, request.n_updates + 1):
            stack.step()
            mean = 0.9 * mean + 0.1 * stack.theta[0]
            torch.testing.assert_close(stack.judged(0), mean / (1 - 0.9**t), rtol=1e-12, atol=1e-14)
    (outcome,) = train([request])
    torch.testing.assert_close(outcome.state.theta, mean / (1 - 0.9**t), rtol=1e-12, atol=1e-14)


def test_two_averages_are_refused():
    net = NetRegressor(ema=0.9, averaging=0.5)
    with pytest.raises(ValueError, match=r"ema=0\.9 cannot be combined with averaging=0\.5"):
        net.fit(np.zeros((5, 2)), np.zeros(5))
