"""init="auto": outputs that are numbers begin with the mean and spread of y."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import NetClassifier, NetRegressor, fit_together

X, y = load_diabetes(return_X_y=True)
X = StandardScaler().fit_transform(X)
#: One update so small that the first weights are seen.
FIRST = {"batch_size": None, "max_epochs": 1, "learning_rate": 1e-12, "random_state": 0}


def outputs(init, y, weight=None, **params):
    net = NetRegressor((8,), init=init, **{**FIRST, **params})
    return net.fit(X, y, sample_weight=weight).predict(X)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_first_outputs_have_the_scale_of_y(scale, weighted):
    weight = np.arange(len(y)) % 4.0 if weighted else None
    target = scale * y
    mean = np.average(target, weights=weight)
    spread = np.sqrt(np.average((target - mean) ** 2, weights=weight))
    plain = outputs("glorot", target, weight)
    np.testing.assert_allclose(
        outputs("auto", target, weight), mean + spread * plain, rtol=1e-6, atol=1e-9 * scale
    )


def test_every_output_has_its_own():
    Y = np.stack([y, 1e-3 * y**2, np.full(len(y), 7.0)], 1)
    found, plain = outputs("auto", Y), outputs("glorot", Y)
    spread = Y.std(0)
    spread[2] = 1.0  # a constant has none
    np.testing.assert_allclose(found, Y.mean(0) + spread * plain, rtol=1e-6)


def test_missing_targets_do_not_count():
    Y = np.stack([y, 1e-3 * y**2], 1)
    Y[::3, 0] = Y[1::2, 1] = np.nan
    mean, spread = np.nanmean(Y, 0), np.nanstd(Y, 0)
    found, plain = outputs("auto", Y), outputs("glorot", Y)
    np.testing.assert_allclose(found, mean + spread * plain, rtol=1e-6)


def test_counts_begin_at_the_logarithm_of_their_mean():
    counts = np.floor(y)
    found = outputs("auto", counts, loss="poisson")
    plain = outputs("glorot", counts, loss="poisson")
    np.testing.assert_allclose(found, counts.mean() * plain, rtol=1e-6)
    nothing = outputs("auto", 0 * counts, loss="poisson")
    np.testing.assert_allclose(nothing, outputs("glorot", 0 * counts, loss="poisson"), rtol=1e-6)


@pytest.mark.parametrize("params", [
    {"hidden_layer_sizes": ()},
    {"network": lambda n_in, n_out: torch.nn.Linear(n_in, n_out)},
], ids=["linear", "module"])  # fmt: skip
def test_others_begin_as_they_are(params):
    """The linear model begins at zero (least norms rest on it); a module as it likes."""
    net = NetRegressor(**{**FIRST, **params}).fit(X, y)
    assert abs(net.predict(X)).max() < 10 < y.min()


def test_classes_begin_as_before():
    kinds = (y > 140).astype(int)
    nets = [NetClassifier((8,), init=init, **FIRST).fit(X, kinds) for init in ("auto", "glorot")]
    np.testing.assert_array_equal(*(net.decision_function(X) for net in nets))


def test_without_intercepts_only_the_spread_is_taken():
    found = outputs("auto", y, fit_intercept=False)
    np.testing.assert_allclose(
        found, y.std() * outputs("glorot", y, fit_intercept=False), rtol=1e-6
    )


def test_tied_weights_are_left_alone():
    """They are the encoder's as well, whose inputs have their own scale."""
    table = 100 * X + 7
    nets = {
        init: NetRegressor((4,), tied=True, init=init, **FIRST).fit(table, table)
        for init in ("auto", "glorot")
    }
    np.testing.assert_allclose(nets["auto"].coefs_[0], nets["glorot"].coefs_[0], atol=1e-9)
    np.testing.assert_allclose(nets["auto"].intercepts_[1], table.mean(0), rtol=1e-6)


def test_together_each_has_its_own():
    from joblib import Parallel, delayed

    net = NetRegressor((8,), max_epochs=3, random_state=0)
    targets = [y, 100 * y, y - 500]
    with fit_together() as scheduler:
        fitted = Parallel()(delayed(clone(net).fit)(X, target) for target in targets)
    assert scheduler.stack_sizes == [3]
    for target, one in zip(targets, fitted):
        np.testing.assert_array_equal(one.predict(X), clone(net).fit(X, target).predict(X))


def test_a_target_in_the_hundreds_is_learned_without_scaling():
    """scikit-learn's network, which begins at zero, has not left it after its 200 epochs."""
    pipe = make_pipeline(StandardScaler(), NetRegressor(random_state=0))
    ours = cross_val_score(pipe, X, y, cv=3).mean()
    theirs = cross_val_score(MLPRegressor(random_state=0, max_iter=200), X, y, cv=3).mean()
    assert ours > 0.35
    assert theirs < 0
