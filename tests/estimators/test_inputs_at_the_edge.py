"""Parameters and data that no machine can use are refused in a sentence; odd but good ones work."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from numbers import Integral

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from wellposed import NetClassifier, NetRegressor, fit_together
from wellposed.regularizers import REGULARIZERS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
y, r = np.arange(40) % 2, X[:, 0]
QUICK = {"max_epochs": 2, "random_state": 0}


@pytest.mark.parametrize(
    "value", [Fraction(1, 3), Decimal("0.5"), 10**400, 1j, "0.5", ["0.5"]], ids=repr
)
@pytest.mark.parametrize(
    "name", ["l2", "l1", "dropout", "learning_rate", "momentum", "tol", "validation_fraction"]
)
def test_what_is_no_number_of_the_machines(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of NetRegressor must be"):
        NetRegressor(**{**QUICK, name: value}).fit(X, r)


@pytest.mark.parametrize("value", [Fraction(4, 1), 10**30, 2.5, 2**63], ids=repr)
@pytest.mark.parametrize("name", ["max_epochs", "n_iter_no_change", "batch_size"])
def test_what_is_no_count(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of NetRegressor must be"):
        NetRegressor(**{**QUICK, name: value}).fit(X, r)


@pytest.mark.parametrize("sizes", [np.array(3), np.int64(3), [np.array(3)], np.array([3]), (3,), 3])
def test_sizes_may_be_arrays(sizes):
    expected = NetRegressor((3,), **QUICK).fit(X, r).predict(X)
    np.testing.assert_array_equal(NetRegressor(sizes, **QUICK).fit(X, r).predict(X), expected)


@pytest.mark.parametrize(
    "sizes",
    ["100", {3, 4}, {3: 4}, np.array(3.5), np.array([[3]]), (3, True), (Fraction(3),), [None]],
)
def test_what_is_no_list_of_sizes(sizes):
    with pytest.raises(ValueError, match=r"hidden_layer_sizes"):
        NetRegressor(sizes, **QUICK).fit(X, r)


@pytest.mark.parametrize("sizes", [(10**12,), (10**30,), (10**6, 10**6), 10**15])
@pytest.mark.parametrize("settings", [{}, {"solver": "lbfgs"}, {"network": "cnn"}])
def test_networks_that_fit_into_no_memory(sizes, settings):
    with pytest.raises(ValueError, match=r"parameters; training takes about .* GB|must be"):
        NetRegressor(sizes, **QUICK, **settings).fit(np.tile(X, 3), r)


@pytest.mark.parametrize("value", [np.inf, np.nan, -1.0])
def test_class_weights(value):
    with pytest.raises(ValueError, match="holds a weight that is not a finite number >= 0"):
        NetClassifier(**QUICK, class_weight={0: value}).fit(X, y)
    with pytest.raises(ValueError, match="sample_weight times class_weight is too large"):
        NetClassifier(**QUICK, class_weight={0: 1e300}).fit(X, y, np.full(40, 1e300))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("own", [False, True])
def test_weights_that_are_zero_in_this_precision(dtype, own):
    """They are left out, and no other row is in their place."""

    def network(n_inputs, n_outputs):
        return torch.nn.Linear(n_inputs, n_outputs)

    weight = np.ones(40)
    weight[::3] = 1e-320 if dtype == "float64" else 1e-60
    net = NetRegressor((), **QUICK, dtype=dtype, batch_size=None, learning_rate=0.1)
    if own:
        net.set_params(network=network)
    kept = weight == 1
    expected = net.fit(X[kept], r[kept]).predict(X)
    np.testing.assert_allclose(net.fit(X, r, weight).predict(X), expected, rtol=1e-5)


def test_a_rare_class_is_named():
    labels = np.array(["common"] * 39 + ["rare"])
    with pytest.raises(ValueError, match=r"only 1 member.*'rare'|'rare'.*only 1 member"):
        NetClassifier(**QUICK, early_stopping=True).fit(X, labels)


def batch_norm(n_inputs, n_outputs):
    return torch.nn.Sequential(
        torch.nn.Linear(n_inputs, 6),
        torch.nn.BatchNorm1d(6),
        torch.nn.ReLU(),
        torch.nn.Linear(6, n_outputs),
    )


@pytest.mark.parametrize(("n", "size"), [(33, 32), (31, 10), (9, 4), (3, 2), (201, "auto")])
@pytest.mark.parametrize("together", [False, True])
def test_a_last_batch_of_one_row_joins_the_one_before_it(n, size, together):
    rows = RNG.normal(size=(n, 4))
    target = rows[:, 0]
    seen = []

    class Spy(torch.nn.Module):
        def __init__(self, n_inputs, n_outputs):
            super().__init__()
            self.net = batch_norm(n_inputs, n_outputs)

        def forward(self, x):
            if self.training:
                seen.append(x.detach().clone())
            return self.net(x)

    net = NetRegressor(network=Spy, batch_size=size, max_epochs=3, random_state=0)
    if together:
        with fit_together():
            Parallel()(delayed(net.fit)(rows, target) for _ in range(1))
    else:
        net.fit(rows, target)
    step = 200 if size == "auto" else size
    assert [len(x) for x in seen] == 3 * ([step] * (n // step - 1) + [step + 1])
    epoch = np.concatenate([x.numpy() for x in seen[: n // step]])
    np.testing.assert_array_equal(np.sort(epoch[:, 0]), np.sort(rows[:, 0]))


def test_batches_of_other_networks_stay_as_they_are():
    rows = RNG.normal(size=(33, 4))
    net = NetRegressor((4,), batch_size=32, max_epochs=1, random_state=0).fit(rows, rows[:, 0])
    assert net.t_ == 2


def test_no_fold_is_lost_to_batch_normalisation():
    rows = RNG.normal(size=(302, 5))
    labels = (rows[:, 0] > 0).astype(int)
    net = NetClassifier(network=batch_norm, **QUICK)
    with fit_together():
        scores = cross_val_score(net, rows, labels, cv=3, error_score="raise")
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(("n", "size"), [(20, 1), (1, "auto")])
def test_batches_of_one_row_are_told_of(n, size):
    net = NetRegressor(network=batch_norm, batch_size=size, max_epochs=1)
    with pytest.raises(ValueError, match=r"batch of one row: .* Change batch_size so that"):
        net.fit(X[:n], r[:n])


@pytest.mark.parametrize("off", [0, 0.0, None])
@pytest.mark.parametrize("name", [*REGULARIZERS, "averaging"])
def test_zero_and_none_switch_off(name, off):
    net = NetClassifier((4,), max_epochs=3, random_state=0)
    if off is not None and REGULARIZERS[name].interval.type is Integral:
        off = int(off)
    expected = clone(net).fit(X, y)
    found = clone(net).set_params(**{name: off}).fit(X, y)
    for a, b in zip(found.coefs_, expected.coefs_):
        np.testing.assert_array_equal(a, b)
