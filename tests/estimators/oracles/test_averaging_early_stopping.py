"""averaging with early_stopping: the average is validated, and the best average is kept."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_regression
from skorch.callbacks import Callback

from wellposed import NetClassifier, NetRegressor

X, y = make_regression(90, 6, noise=20.0, random_state=0)
y = (y - y.mean()) / y.std()
SETTINGS = {"learning_rate": 0.02, "batch_size": 30, "max_epochs": 12, "random_state": 0}


class Iterates(Callback):
    """Keeps a copy of the weights after every update."""

    def on_train_begin(self, net, **kwargs):
        self.found = []

    def on_batch_end(self, net, batch, training, **kwargs):
        if training:
            self.found.append([p.detach().clone().numpy() for p in net.module_.parameters()])


def predict(weights, rows):
    (W1, b1, W2, b2) = weights
    return (np.maximum(rows @ W1.T + b1, 0) @ W2.T + b2)[:, 0]


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("patience", [2, 100])
def test_against_a_recursion_by_numpy(share, patience):
    iterates = Iterates()
    plain = NetRegressor((8,), **SETTINGS, callbacks=[iterates]).fit(X[30:], y[30:])
    assert plain.n_iter_ == 12
    updates, epoch = iterates.found, 2  # batches of 30 in 60 rows
    start = 24 - int(np.ceil(share * 24))
    judged = []
    for t in range(epoch, 25, epoch):
        chosen = updates[start:t] if t > start else updates[t - 1 : t]
        judged.append([np.mean([u[i] for u in chosen], 0) for i in range(4)])
    losses = [0.5 * np.mean((predict(w, X[:30]) - y[:30]) ** 2) for w in judged]
    best, stop = 0, 12
    for i, loss in enumerate(losses):
        if loss < losses[best]:
            best = i
        if i - best >= patience:
            stop = i + 1
            break

    net = NetRegressor((8,), **SETTINGS, averaging=share, early_stopping=True)
    net.set_params(n_iter_no_change=patience).fit(X[30:], y[30:], X_val=X[:30], y_val=y[:30])
    np.testing.assert_allclose(net.validation_loss_curve_, losses[:stop], rtol=1e-9)
    assert net.best_epoch_ == best + 1
    np.testing.assert_allclose(net.predict(X), predict(judged[best], X), atol=1e-9)


def test_a_stop_before_the_average_has_begun_hands_back_the_network():
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    net = NetRegressor((8,), **SETTINGS, averaging=0.5, callbacks=[Stop()]).fit(X, y)
    expected = NetRegressor((8,), **{**SETTINGS, "max_epochs": 1}).fit(X, y)
    np.testing.assert_array_equal(net.predict(X), expected.predict(X))


@pytest.mark.parametrize("retrain", ["updates", "passes", "continue"])
@pytest.mark.filterwarnings("ignore:retrain='continue' stopped")
def test_it_can_be_retrained(retrain):
    net = NetRegressor((8,), **SETTINGS, averaging=0.5, early_stopping=True, retrain=retrain)
    assert net.fit(X, y).score(X, y) > 0


@pytest.mark.parametrize("seed", range(3))
def test_scores_of_several_labels_are_what_score_says(seed):
    rng = np.random.default_rng(seed)
    labels = (X[:, :3] + rng.normal(size=(90, 3)) > 0).astype(int)
    net = NetClassifier((8,), **SETTINGS).fit(X, labels, X_val=X[:40], y_val=labels[:40])
    assert net.validation_scores_[-1] == pytest.approx(net.score(X[:40], labels[:40]))
