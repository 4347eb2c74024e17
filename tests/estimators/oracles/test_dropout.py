"""Rows 23, 24 and 25: what dropout does in training and what it leaves at test time (7.12)."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from wellposed import NetClassifier, NetRegressor
from wellposed.networks import MLP
from wellposed.regularizers import Dropout, InputDropout
from wellposed.training import train
from wellposed.training.evaluation import outputs
from wellposed.training.model import Batch
from wellposed.training.setting import Setting
from wellposed.training.stack import Stack

CPU = torch.device("cpu")


def regularized(stack, x):
    return stack.regularizers[0].batch(Batch(x, None, None), None).x


def all_masks(n, rate):
    """All 2^n masks of n units [2^n, n] and their probabilities [2^n]."""
    kept = np.array(list(itertools.product([0.0, 1.0], repeat=n)))
    return kept, np.prod(np.where(kept, 1 - rate, rate), axis=1)


class TestMasks:
    """Row 23: inverted, new for each step, sample and unit; nothing at test time."""

    @pytest.fixture(params=[0.1, 0.5, 0.8])
    def rate(self, request):
        return request.param

    @staticmethod
    def hidden_masks(rate, n_steps=400):
        setting = Setting(
            "dropout", MLP(3, 1, (16, 32)), 32, [rate], [1], False, [(0, 0)], torch.float64, CPU
        )
        dropout = Dropout(rate).in_stack([rate], setting)
        return [
            torch.stack([part[0] for part in layer])
            for layer in zip(*[(dropout.mask(0), dropout.mask(1)) for _ in range(n_steps)])
        ]

    def test_values_and_moments(self, rate):
        """A mask is 0 or ``1/(1-r)``; its mean is 1 and its variance ``r/(1-r)``."""
        for mask in self.hidden_masks(rate):
            kept = mask > 0
            torch.testing.assert_close(
                mask[kept], torch.full_like(mask[kept], 1 / (1 - rate)), rtol=1e-15, atol=0
            )
            n = mask.numel()
            standard_error = np.sqrt(rate / (1 - rate) / n)
            assert abs(mask.mean() - 1) <= 4 * standard_error
            assert mask.var().item() == pytest.approx(rate / (1 - rate), rel=0.03)

    def test_units_samples_and_steps_are_independent(self, rate):
        """Correlations between neighbours along each axis vanish; so do those between layers."""
        first, second = self.hidden_masks(rate)
        for mask in (first, second):
            z = (mask - 1) * np.sqrt((1 - rate) / rate)
            for axis in range(3):
                n = mask.shape[axis] - 1
                products = z.narrow(axis, 0, n) * z.narrow(axis, 1, n)
                assert abs(products.mean()) <= 4 / np.sqrt(products.numel())
        products = (first - 1) * (second[:, :16] - 1) * (1 - rate) / rate
        assert abs(products.mean()) <= 4 / np.sqrt(products.numel())

    def test_expected_activation_is_kept(self, make_request, rate):
        """Mean over 6,000 steps of the pre-activation of the next layer, within 4 errors."""
        rng = np.random.default_rng(0)
        X = rng.normal(size=(16, 5))
        for name, hidden in (("dropout", (6,)), ("input_dropout", ())):
            request = make_request(X, np.zeros(16), hidden, solver="sgd", init="glorot",
                                   learning_rate=1e-300, strengths={name: rate})  # fmt: skip
            stack = Stack([replace(request, seed=seed) for seed in range(30)])
            network, shown = request.network, []
            theta = network.init("glorot", torch.Generator().manual_seed(0), torch.float64)
            weights, biases = network.parameters(theta.expand(30, -1))
            x = stack.batches.next().x
            for _ in range(200):
                if name == "dropout":
                    z = network.forward(weights, biases, x, stack._masks())
                else:
                    z = network.forward(weights, biases, regularized(stack, x))
                shown.append(z[:, 0])
            z = torch.cat(shown).numpy()
            expected = outputs(network, theta, torch.as_tensor(X))[:, 0].numpy()
            standard_error = z.std(0, ddof=1) / np.sqrt(len(z))
            assert (np.abs(z.mean(0) - expected) <= 4 * standard_error).all()

    def test_nothing_is_dropped_or_scaled_at_test_time(self):
        """predict is a plain forward pass with the weights as they are, twice the same."""
        X, y = load_iris(return_X_y=True)
        net = NetClassifier((12,), dropout=0.5, input_dropout=0.2, max_epochs=20, random_state=0)
        net.fit(X, y)
        z = np.maximum(X @ net.coefs_[0] + net.intercepts_[0], 0) @ net.coefs_[1]
        expected = softmax(z + net.intercepts_[1], axis=1)
        np.testing.assert_allclose(net.predict_proba(X), expected, rtol=1e-10)
        np.testing.assert_array_equal(net.predict_proba(X), net.predict_proba(X))

    def test_a_dropped_unit_learns_nothing_from_that_sample(self, make_request):
        """With one sample a batch, weights out of dropped units keep still."""
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(20, 4)), rng.normal(size=20)
        request = make_request(X, y, (10,), activation="tanh", solver="sgd", batch_size=1,
                               learning_rate=0.01, strengths={"dropout": 0.5})  # fmt: skip
        stack = Stack([request])
        masks = []
        original = stack._masks
        stack._masks = lambda: masks.append(original()) or masks[-1]
        dropped = 0
        for _ in range(20):
            stack.step()
            off = masks[-1][0][0, :10, 0] == 0
            (first, second), (bias, _) = request.network.coefs(stack.gradient.flat[0])
            assert (first[off] == 0).all()
            assert (bias[off] == 0).all()
            assert (second[0, off] == 0).all()
            assert (second[0, ~off] != 0).all()
            dropped += off.sum()
        assert 60 < dropped < 140


class TestWeightScaling:
    """Row 24: softmax regression's predictions are the renormalised geometric mean (7.59-7.66)."""

    @pytest.mark.parametrize("rate", [0.5, 0.2])
    def test_input_dropout(self, rate):
        """All 2^10 sub-models, weighted by their probability, against `predict_proba`."""
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(60, 10)), rng.integers(0, 3, 60)
        net = NetClassifier((), input_dropout=rate, learning_rate=0.05, max_epochs=30,
                            random_state=0).fit(X, y)  # fmt: skip
        masks, probability = all_masks(10, rate)
        log_p = sum(
            weight * net.predict_log_proba(X * mask / (1 - rate))
            for mask, weight in zip(masks, probability)
        )
        np.testing.assert_allclose(softmax(log_p, axis=1), net.predict_proba(X), atol=1e-12)
        assert np.abs(net.predict_proba(X) - 1 / 3).max() > 0.1

    @pytest.mark.parametrize("rate", [0.5, 0.2])
    def test_input_dropout_with_one_logistic_unit(self, rate):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(60, 8)), rng.integers(0, 2, 60)
        net = NetClassifier((), input_dropout=rate, learning_rate=0.05, max_epochs=30,
                            random_state=0).fit(X, y)  # fmt: skip
        masks, probability = all_masks(8, rate)
        log_p = sum(
            weight * net.predict_log_proba(X * mask / (1 - rate))
            for mask, weight in zip(masks, probability)
        )
        np.testing.assert_allclose(softmax(log_p, axis=1), net.predict_proba(X), atol=1e-12)

    @pytest.mark.parametrize("rate", [0.5, 0.2])
    @pytest.mark.parametrize("hidden", [(9,), (5, 9)])
    def test_dropout_on_the_last_hidden_layer(self, hidden, rate):
        """Masks go through the network's own hook; those of other layers are one."""
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
        net = NetClassifier(hidden, dropout=rate, activation="tanh", learning_rate=0.02,
                            max_epochs=30, random_state=0).fit(X, y)  # fmt: skip
        network, theta = net._network, net._state.theta
        masks, probability = all_masks(9, rate)
        K = len(masks)
        x = torch.zeros(1, 16, 32, dtype=torch.float64)
        x[0, :4, :20] = torch.as_tensor(X.T)
        hook = [torch.ones(K, units, 1, dtype=torch.float64) for units in network.hidden_units]
        hook[-1][:, :9, 0] = torch.as_tensor(masks / (1 - rate))
        weights, biases = network.parameters(theta.expand(K, -1))
        z = network.forward(weights, biases, x.expand(K, -1, -1), hook)[:, :3, :20].numpy()
        log_p = np.tensordot(probability, log_softmax(z, axis=1), 1).T
        np.testing.assert_allclose(softmax(log_p, axis=1), net.predict_proba(X), atol=1e-12)

    def test_it_is_not_the_arithmetic_mean(self):
        """Row 26's gap exists, so that row 24's equality says something."""
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(60, 8)), rng.integers(0, 3, 60)
        net = NetClassifier((), learning_rate=0.5, max_epochs=100, random_state=0).fit(X, y)
        masks, probability = all_masks(8, 0.5)
        p = sum(w * net.predict_proba(X * m / 0.5) for m, w in zip(masks, probability))
        assert np.abs(p - net.predict_proba(X)).max() > 1e-3


class Enumerated:
    """A stream that draws given bits instead of random ones."""

    def __init__(self, bits):
        self.bits = bits

    def draw(self):
        return self.bits


class TestInputDropoutIsAPenalty:
    """Row 25: it adds ``r/(1-r) 1/(2n) sum_j (sum_i x_ij^2) w_j^2`` (Srivastava 2014 sec. 9.1)."""

    @pytest.mark.parametrize("rate", [0.5, 0.2, 0.75])
    def test_mean_over_all_masks_through_the_librarys_own_hook(self, make_request, rate):
        """One row for each sample and mask, weighted by the mask's probability: loss and slope."""
        rng = np.random.default_rng(0)
        n, p = 6, 5
        X, y = rng.normal(size=(n, p)), rng.normal(size=n)
        masks, probability = all_masks(p, rate)
        request = make_request(
            np.repeat(X, len(masks), 0), np.repeat(y, len(masks)), solver="sgd", init="glorot",
            weight=np.tile(probability, n), learning_rate=1e-300,
            strengths={"input_dropout": rate},
        )  # fmt: skip
        stack = Stack([request])
        (regularizer,) = stack.regularizers
        assert isinstance(regularizer, InputDropout)
        bits = torch.full((1, 16, request.width), -(2**15), dtype=torch.int16)
        kept = np.where(np.tile(masks, (n, 1)).T, 2**15 - 1, -(2**15))
        bits[0, :p, : kept.shape[1]] = torch.as_tensor(kept, dtype=torch.int16)
        regularizer._stream = Enumerated(bits)
        losses = []
        stack.on_batch_end = lambda stack, batch, J: losses.append(J.item())
        stack.step()

        weights, _ = request.network.coefs(stack.theta[0])
        w = weights[0][0].numpy()
        residual = X @ w - y
        penalty = rate / (1 - rate) * (X**2).sum(0) / n
        assert losses[0] == pytest.approx(
            0.5 * np.mean(residual**2) + 0.5 * (penalty * w**2).sum(), abs=1e-12
        )
        slope = request.network.coefs(stack.gradient.flat[0])[0][0][0].numpy()
        np.testing.assert_allclose(slope, X.T @ residual / n + penalty * w, atol=1e-12)

    @pytest.mark.slow
    def test_fitted_with_averaged_iterates_it_is_that_ridge(self, make_request):
        """Over seeds, within 3 standard errors of the closed form."""
        rng = np.random.default_rng(0)
        n, p, rate = 40, 5, 0.4
        X = rng.normal(size=(n, p)) * np.array([0.5, 1, 1.5, 1, 0.7])
        y = X @ rng.normal(size=p) + 0.3 * rng.normal(size=n)
        request = make_request(X, y, fit_intercept=False, solver="sgd", learning_rate=0.05,
                               max_epochs=4000, averaging=0.75,
                               strengths={"input_dropout": rate})  # fmt: skip
        outcomes = train([replace(request, seed=seed) for seed in range(16)])
        coefs = np.array([request.network.coefs(o.state.theta)[0][0][0].numpy() for o in outcomes])
        second_moment = (X**2).mean(0)
        hessian = X.T @ X / n + rate / (1 - rate) * np.diag(second_moment)
        expected = np.linalg.solve(hessian, X.T @ y / n)
        standard_error = coefs.std(0, ddof=1) / np.sqrt(len(coefs))
        distance = np.linalg.norm(coefs.mean(0) - expected)
        assert distance <= 3 * np.linalg.norm(standard_error)
        assert distance <= 1e-2 * np.linalg.norm(expected)

    def test_so_does_the_estimator(self):
        """One seed, many steps: within 3 % of the closed form, far from least squares."""
        X, _ = load_iris(return_X_y=True)
        X = scale(X)
        X, y = X[:, :3], X[:, 3]
        rate, n = 0.3, len(X)
        net = NetRegressor((), input_dropout=rate, fit_intercept=False, solver="sgd", momentum=0,
                           learning_rate=0.05, batch_size=None, max_epochs=6000, averaging=0.8,
                           random_state=0).fit(X, y)  # fmt: skip
        hessian = X.T @ X / n + rate / (1 - rate) * np.diag((X**2).mean(0))
        expected = np.linalg.solve(hessian, X.T @ y / n)
        least_squares = np.linalg.lstsq(X, y)[0]
        assert np.linalg.norm(net.coef_ - expected) <= 0.03 * np.linalg.norm(expected)
        assert np.linalg.norm(least_squares - expected) > 0.3 * np.linalg.norm(expected)
