"""Callbacks are shown what skorch shows: real rows and columns, class numbers, validation rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import BatchScoring, Callback, EpochScoring
from skorch.dataset import Dataset
from skorch.helper import predefined_split

from wellposed import NetClassifier, NetRegressor

X, y = load_iris(return_X_y=True)
TRAIN, HELD = np.arange(150) % 4 > 0, np.arange(150) % 4 == 0
NUMBERS = make_regression(70, 5, n_targets=1, random_state=0)
SEVERAL = make_multilabel_classification(70, 5, n_classes=3, random_state=0)


class Recorder(Callback):
    """Writes down every batch, and what the module makes of it."""

    def on_train_begin(self, net, **kwargs):
        self.seen = []

    def on_batch_begin(self, net, batch, training, **kwargs):
        self.begun = tuple(part.shape for part in batch), training

    def on_batch_end(self, net, batch, training, y_pred=None, loss=None, **kwargs):
        X, y = batch
        assert self.begun == ((X.shape, y.shape), training)
        assert net.infer(X).shape == y_pred.shape
        assert torch.isfinite(torch.as_tensor(loss))
        self.seen.append((training, tuple(X.shape), tuple(y.shape), tuple(y_pred.shape), y.dtype))
        self.last = X, y, y_pred


@pytest.mark.parametrize(
    ("net", "data", "y_shape", "y_dtype", "n_outputs"),
    [
        (NetClassifier(), (X, y), (), torch.int64, 3),
        (NetClassifier((), batch_size=32), (X, y == 1), (), torch.int64, 1),
        (NetClassifier((4,), batch_size=150), (X, y), (), torch.int64, 3),
        (NetClassifier((4,), batch_size=30), SEVERAL, (3,), torch.int64, 3),
        (NetRegressor((4,), batch_size=32), NUMBERS, (), torch.float64, 1),
        (NetRegressor((), batch_size=32), (NUMBERS[0], NUMBERS[0][:, :2]), (2,), torch.float64, 2),
    ],
)
@pytest.mark.parametrize("validate", [False, True])
def test_batches_are_real(net, data, y_shape, y_dtype, n_outputs, validate):
    recorder = Recorder()
    net.set_params(max_epochs=2, callbacks=[recorder], random_state=0)
    rows, targets = data
    held_out = {"X_val": rows[:41], "y_val": targets[:41]} if validate else {}
    net.fit(rows, targets, **held_out)
    size = 200 if net.batch_size == "auto" else net.batch_size
    n, m = len(rows), rows.shape[1]

    def of(n, training):
        sizes = [size] * (n // size) + [n % size] * (n % size > 0)
        shapes = (((k, m), (k, *y_shape), (k, n_outputs)) for k in sizes)
        return [(training, *shape, y_dtype) for shape in shapes]

    assert recorder.seen == 2 * (of(n, True) + (of(41, False) if validate else []))
    if validate:
        X_seen, y_seen, z = recorder.last
        np.testing.assert_array_equal(X_seen, rows[:41][-len(X_seen) :])
        np.testing.assert_array_equal(y_seen.numpy(), np.asarray(targets)[:41][-len(X_seen) :])
        np.testing.assert_allclose(net.net_.forward(X_seen), z)


def test_targets_and_rows_belong_together():
    """Shuffled, noisy and dropped as they are in training."""
    seen = {}

    class Look(Callback):
        def on_batch_end(self, net, batch, training, **kwargs):
            for row, label in zip(*batch):
                seen[tuple(row.tolist())] = int(label)

    NetClassifier(
        (4,), batch_size=32, max_epochs=1, input_noise=1.0, input_dropout=0.5, callbacks=[Look()]
    ).fit(X, np.array(["c", "a", "b"])[y])
    assert seen == {tuple(row.tolist()): [2, 0, 1][k] for row, k in zip(X, y)}


@pytest.mark.parametrize("on_train", [True, False])
@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", None])
def test_batch_scoring(on_train, scoring):
    callback = BatchScoring(scoring, name="own", on_train=on_train, lower_is_better=False)
    net = NetClassifier((8,), batch_size=40, max_epochs=3, callbacks=[callback], random_state=0)
    net.fit(X[TRAIN], y[TRAIN], X_val=X[HELD], y_val=y[HELD])
    history = net.net_.history
    if on_train:
        assert len(history[-1, "batches", :, "own"]) == 3
        return
    expected = {
        "accuracy": accuracy_score(y[HELD], net.predict(X[HELD])),
        "neg_log_loss": -log_loss(y[HELD], net.predict_proba(X[HELD])),
        None: accuracy_score(y[HELD], net.predict(X[HELD])),
    }
    assert history[-1, "own"] == pytest.approx(expected[scoring])
    assert history[-1, "valid_batch_count"] == 1
    assert history[-1, "valid_loss"] == pytest.approx(log_loss(y[HELD], net.predict_proba(X[HELD])))


def test_a_plain_skorch_net_tells_a_callback_the_same():
    """The shapes, the order of events and what is recorded are skorch's own."""

    class Events(Callback):
        def on_train_begin(self, net, **kwargs):
            self.events = []

        def on_epoch_begin(self, net, dataset_train, dataset_valid, **kwargs):
            self.events.append(("epoch", len(dataset_train), len(dataset_valid)))

        def on_batch_begin(self, net, batch, training, **kwargs):
            self.events.append(("begin", training, *(tuple(part.shape) for part in batch)))

        def on_batch_end(self, net, batch, training, y_pred, **kwargs):
            self.events.append(("end", training, batch[1].dtype, tuple(y_pred.shape)))

        def on_epoch_end(self, net, **kwargs):
            self.events.append("end of epoch")

    ours, theirs = Events(), Events()
    NetClassifier((), batch_size=40, max_epochs=2, callbacks=[ours], dtype="float32").fit(
        X[TRAIN], y[TRAIN], X_val=X[HELD], y_val=y[HELD]
    )
    rows = X.astype(np.float32)
    skorch = NeuralNetClassifier(
        torch.nn.Linear(4, 3),
        criterion=torch.nn.CrossEntropyLoss,
        train_split=predefined_split(Dataset(rows[HELD], y[HELD])),
        batch_size=40,
        max_epochs=2,
        verbose=0,
        callbacks=[theirs],
    ).fit(rows[TRAIN], y[TRAIN])
    assert ours.events == theirs.events
    net = NetClassifier((), batch_size=40, max_epochs=1, callbacks=[Events()]).fit(
        X[TRAIN], y[TRAIN], X_val=X[HELD], y_val=y[HELD]
    )
    recorded = set(net.net_.history[-1]) | set(net.net_.history[-1]["batches"][0])
    assert recorded >= (set(skorch.history[-1]) | set(skorch.history[-1]["batches"][0])) - {
        "valid_acc",
        "valid_acc_best",
    }


def test_epoch_scoring_by_the_net_itself():
    scoring = EpochScoring(None, on_train=True, lower_is_better=False, name="own")
    net = NetClassifier(max_epochs=2, callbacks=[scoring]).fit(X, y)
    assert net.net_.history[-1, "own"] == net.score(X, y) == net.net_.score(X, y)
    numbers, values = NUMBERS
    net = NetRegressor(max_epochs=2, callbacks=[scoring]).fit(numbers, values)
    assert net.net_.history[-1, "own"] == pytest.approx(net.score(numbers, values))


def test_averaged_networks_are_what_is_validated():
    """With early stopping the average is what is kept; callbacks are shown it as well."""
    recorder = Recorder()
    net = NetRegressor((4,), max_epochs=6, averaging=0.5, callbacks=[recorder], random_state=0)
    numbers, values = NUMBERS
    net.fit(numbers, values, X_val=numbers[:20], y_val=values[:20])
    J = 0.5 * mean_squared_error(values[:20], net.predict(numbers[:20]))
    assert net.validation_loss_curve_[-1] == pytest.approx(J)
    assert net.net_.history[-1, "valid_loss"] == pytest.approx(J)
    rows, _, z = recorder.last
    np.testing.assert_array_equal(rows, numbers[:20])
    np.testing.assert_allclose(z[:, 0], net.predict(numbers[:20]))


def test_batches_are_counted():
    net = NetClassifier((4,), batch_size=40, max_epochs=2, callbacks=[Recorder()], random_state=0)
    net.fit(X[TRAIN], y[TRAIN], X_val=X[:100], y_val=y[:100])
    for epoch in net.net_.history:
        assert (epoch["train_batch_count"], epoch["valid_batch_count"]) == (3, 3)
        assert [batch["train_batch_size"] for batch in epoch["batches"][:3]] == [40, 40, 32]
        sizes = [b["valid_batch_size"] for b in epoch["batches"] if "valid_batch_size" in b]
        assert sizes == [40, 40, 20]


def test_of_equal_epochs_the_first_is_the_best():
    """As skorch has it: a checkpoint is made where a loss is below all before."""
    numbers, values = NUMBERS
    net = NetRegressor((), fit_intercept=False, max_epochs=4, callbacks=[Recorder()])
    net.fit(numbers, values, X_val=np.zeros((5, 5)), y_val=np.ones(5))
    assert net.net_.history[:, "valid_loss"] == [0.5] * 4
    assert net.net_.history[:, "valid_loss_best"] == [True, False, False, False]
    theirs = NeuralNetRegressor(
        torch.nn.Linear(5, 1, bias=False),
        train_split=predefined_split(
            Dataset(np.zeros((5, 5), np.float32), np.ones((5, 1), np.float32))
        ),
        max_epochs=4,
        verbose=0,
    ).fit(numbers.astype(np.float32), values.astype(np.float32)[:, None])
    assert theirs.history[:, "valid_loss_best"] == net.net_.history[:, "valid_loss_best"]
