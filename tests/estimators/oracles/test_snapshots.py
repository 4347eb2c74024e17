"""Networks at the ends of cycles of one training as an ensemble (Huang et al. 2017)."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from torch import nn

from wellposed import NetClassifier, NetRegressor, fit_together, load
from wellposed.schedules import WarmRestarts

X, y = load_iris(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
CYCLES = WarmRestarts(epochs=3)
NET = NetClassifier(
    (6,), batch_size=40, learning_rate=0.05, dropout=0.1, random_state=0, max_epochs=9,
    learning_rate_schedule=CYCLES,
)  # fmt: skip


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize(
    ("k", "schedule", "ends"),
    [
        (3, CYCLES, [3, 6, 9]),
        (2, CYCLES, [6, 9]),
        (2, WarmRestarts(epochs=2, growth=2), [2, 6]),
        (3, "constant", [3, 6, 9]),
    ],
    ids=str,
)
def test_members_are_fits_that_end_there(solver, k, schedule, ends):
    """A cycle does not know how long the training is: fits of t epochs end at its ends."""
    net = clone(NET).set_params(solver=solver, learning_rate_schedule=schedule)
    fits = [clone(net).set_params(max_epochs=t).fit(X, y) for t in ends]
    net.set_params(snapshots=k).fit(X, y)
    assert len(net.members_) == len(ends)
    for member, fit in zip(net.members_, fits):
        for found, expected in zip(member.coefs_, fit.coefs_):
            np.testing.assert_array_equal(found, expected)
    each = [fit.predict_proba(X) for fit in fits]
    np.testing.assert_allclose(net.predict_members(X), each, rtol=0, atol=1e-15)
    np.testing.assert_allclose(net.predict_proba(X), np.mean(each, 0), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(net.predict(X), np.mean(each, 0).argmax(1))
    np.testing.assert_allclose(net.predict_std(X), np.std(each, 0), atol=1e-12)


@pytest.mark.parametrize("how", [{"network": "cnn"}, {"normalization": "batch"}])
def test_of_networks_of_other_kinds(how):
    images = np.random.default_rng(0).normal(size=(60, 16))
    t = images @ np.linspace(-1, 1, 16)
    net = NetRegressor((5,), max_epochs=6, batch_size=20, random_state=0, **how)
    half = clone(net).set_params(max_epochs=3).fit(images, t)
    whole = clone(net).fit(images, t)
    net.set_params(snapshots=2).fit(images, t)
    expected = (half.predict(images) + whole.predict(images)) / 2
    np.testing.assert_allclose(net.predict(images), expected, rtol=1e-12)


def test_in_searches_files_and_again(tmp_path):
    grid = {"snapshots": [0, 2, 3], "l2": [0, 0.01]}
    alone = GridSearchCV(NET, grid, cv=2, scoring="neg_log_loss").fit(X, y)
    with fit_together():
        together = GridSearchCV(NET, grid, cv=2, scoring="neg_log_loss").fit(X, y)
    scores = alone.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, together.cv_results_["mean_test_score"])
    assert len(set(scores)) == 6
    net = clone(NET).set_params(snapshots=3, warm_start=True).fit(X, y)
    net.save(tmp_path / "net.safetensors")
    again = load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    before = net.loss_
    assert net.fit(X, y).loss_ < before
    assert len(net.members_) == 3
    plain = net.set_params(snapshots=0, warm_start=False).fit(X, y)
    assert not hasattr(plain, "members_")


def test_training_that_goes_on_is_of_the_last_network_alone():
    net = clone(NET).set_params(learning_rate_schedule="constant")
    kept = clone(net).set_params(snapshots=2).fit(X, y).set_params(snapshots=0)
    net.fit(X, y)
    for _ in range(2):
        net.partial_fit(X, y)
        kept.partial_fit(X, y)
    np.testing.assert_array_equal(kept.predict_proba(X), net.predict_proba(X))
    assert not hasattr(kept, "members_")
    kept = clone(NET).set_params(snapshots=2, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="goes on with the 1 fitted network, and n_members is 2"):
        kept.set_params(n_members=2, snapshots=0).fit(X, y)


def test_one_is_the_network_itself():
    one, none = (clone(NET).set_params(snapshots=k).fit(X, y) for k in (1, 0))
    np.testing.assert_array_equal(one.coefs_[0], none.coefs_[0])


def normalised(n_inputs, n_outputs):
    return nn.Sequential(
        nn.Linear(n_inputs, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, n_outputs)
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"snapshots": 2, "swa": 0.5}, r"snapshots=2 cannot be combined with swa=0\.5"),
        ({"snapshots": 2, "n_members": 2}, "snapshots keeps several networks of one training"),
        ({"snapshots": 4}, "max_epochs=9 has 3. Raise max_epochs, make .* or set snapshots=3"),
        ({"snapshots": 2, "max_epochs": 5}, "max_epochs=5 has 1. .* or set snapshots=0"),
        ({"snapshots": 2, "max_epochs": 2}, "max_epochs=2 has 0. .* or set snapshots=0"),
        (
            {"snapshots": 5, "learning_rate_schedule": "constant", "max_epochs": 2},
            "snapshots=5 keeps so many networks of one training, which makes 2 updates",
        ),
        ({"snapshots": 2, "early_stopping": True}, "Set early_stopping=False, or snapshots=0"),
        ({"snapshots": 2, "early_stopping": True, "retrain": "passes"}, "Set early_stopping=False"),
        ({"snapshots": 2.5}, "'snapshots' parameter"),
        ({"snapshots": -1}, "'snapshots' parameter"),
        ({"snapshots": 2, "network": normalised}, "keeps parameters, and this module has buffers"),
        (
            {"snapshots": 2, "solver": "lbfgs", "learning_rate_schedule": "constant"},
            "snapshots=2 keeps networks of several steps",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        clone(NET).set_params(dropout=0, batch_size="auto").set_params(**given).fit(X, y)
