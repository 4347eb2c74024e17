"""The skorch side: net_, its history and callbacks, and training through it."""

import pickle
import signal

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, make_regression
from sklearn.metrics import accuracy_score, log_loss
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    LRScheduler,
    TensorBoard,
)

from wellposed import NetClassifier, NetRegressor

SETTINGS = {
    "hidden_layer_sizes": (16,),
    "batch_size": 64,
    "max_epochs": 6,
    "learning_rate": 0.01,
    "dropout": 0.2,
    "l2": 1e-3,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:500] / 16, y[:500]


class Recorder(Callback):
    """Counts what it is told."""

    def on_train_begin(self, net, **kwargs):
        self.begun = True
        self.batches = 0

    def on_batch_end(self, net, batch, training, **kwargs):
        self.batches += 1
        self.shapes = [tuple(part.shape) for part in batch]


class Stop(Callback):
    """Ends training as skorch's callbacks do."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 3:
            raise KeyboardInterrupt


def test_callbacks_change_nothing_by_being_there(digits):
    plain = NetClassifier(**SETTINGS).fit(*digits)
    recorder = Recorder()
    told = NetClassifier(**SETTINGS, callbacks=[recorder]).fit(*digits)
    for a, b in zip(plain.coefs_ + plain.intercepts_, told.coefs_ + told.intercepts_):
        np.testing.assert_array_equal(a, b)
    assert plain.loss_curve_ == told.loss_curve_ == told.net_.history[:, "train_loss"]
    assert plain.t_ == told.t_ == told.net_.optimizer_.state_dict()["n_updates"] == 6 * 8
    told.set_params(callbacks=None).partial_fit(*digits)
    for a, b in zip(plain.partial_fit(*digits).coefs_, told.coefs_):
        np.testing.assert_array_equal(a, b)
    assert recorder.batches == 6 * 8  # six epochs of ceil(500 / 64) batches
    assert recorder.shapes == [(52, 64), (52,)]  # of the last batch


def test_net_is_an_ordinary_module_with_the_same_outputs(digits):
    X, y = digits
    model = NetClassifier(**SETTINGS).fit(X, y)
    module = model.net_.module_
    assert [type(part) for part in module] == [torch.nn.Linear, torch.nn.ReLU, torch.nn.Linear]
    with torch.no_grad():
        z = module(torch.as_tensor(X))
        J = float(model.net_.criterion_(z, torch.as_tensor(y)))
    p = torch.softmax(z, 1).numpy()
    np.testing.assert_allclose(p, model.predict_proba(X), atol=1e-12)
    np.testing.assert_array_equal(model.net_.predict(X), model.predict(X))
    assert pytest.approx(log_loss(y, p), rel=1e-10) == J


def test_epoch_scoring_scores_the_network_of_each_epoch(digits):
    X, y = digits
    scoring = EpochScoring("accuracy", on_train=True, lower_is_better=False, name="accuracy")
    model = NetClassifier(**SETTINGS, callbacks=[scoring]).fit(X, y)
    assert model.net_.history[-1, "accuracy"] == accuracy_score(y, model.predict(X))
    assert len(model.net_.history[:, "accuracy"]) == 6


def test_validation_loss_is_in_the_history(digits):
    X, y = digits
    model = NetClassifier(**SETTINGS, callbacks=[Recorder()])
    model.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    expected = log_loss(y[400:], model.predict_proba(X[400:]))
    assert model.net_.history[-1, "valid_loss"] == pytest.approx(expected, rel=1e-10)


def test_early_stopping_callback_ends_training_normally(digits):
    callback = EarlyStopping("train_loss", patience=2, threshold=0.9, sink=lambda text: None)
    model = NetClassifier(**SETTINGS, callbacks=[callback]).fit(*digits)
    assert model.n_iter_ == 3
    short = NetClassifier(**{**SETTINGS, "max_epochs": 3}).fit(*digits)
    np.testing.assert_array_equal(model.coefs_[0], short.coefs_[0])


def test_a_callback_that_watches_what_is_not_there(digits):
    sentence = r"\(EarlyStopping\) watches 'valid_loss', and there are no validation rows"
    with pytest.raises(ValueError, match=sentence):
        NetClassifier(**SETTINGS, callbacks=[EarlyStopping()]).fit(*digits)


def test_keyboard_interrupt_of_a_callback_is_a_stop(digits):
    model = NetClassifier(**SETTINGS, callbacks=[Stop()]).fit(*digits)
    assert model.n_iter_ == 3


@pytest.mark.parametrize("callbacks", [None, [Recorder()]])
def test_ctrl_c_is_an_interrupt_and_no_model(digits, callbacks, ctrl_c):
    model = NetClassifier(**{**SETTINGS, "max_epochs": 10**6}, callbacks=callbacks)
    handler = signal.getsignal(signal.SIGINT)
    ctrl_c(0.5)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*digits)
    assert not hasattr(model, "n_iter_")
    assert signal.getsignal(signal.SIGINT) is handler


def test_learning_rate_scheduler_sets_the_steps(digits):
    scheduler = LRScheduler("StepLR", step_size=2, gamma=0.0)
    model = NetClassifier(**SETTINGS, callbacks=[scheduler]).fit(*digits)
    short = NetClassifier(**{**SETTINGS, "max_epochs": 2}).fit(*digits)
    assert model.net_.history[:, "event_lr"] == [0.01, 0.01, 0, 0, 0, 0]
    np.testing.assert_array_equal(model.coefs_[0], short.coefs_[0])


def test_freezer_holds_a_layer(digits):
    free = NetClassifier(**SETTINGS).fit(*digits)
    frozen = NetClassifier(**SETTINGS, callbacks=[Freezer("0.*")]).fit(*digits)
    start = NetClassifier(**{**SETTINGS, "learning_rate": 1e-300}).fit(*digits)
    np.testing.assert_array_equal(frozen.coefs_[0], start.coefs_[0])
    assert not np.array_equal(frozen.coefs_[1], start.coefs_[1])
    assert not np.array_equal(frozen.coefs_[0], free.coefs_[0])


def test_checkpoint_brings_the_best_epoch_back(digits, tmp_path):
    best = Checkpoint(
        monitor=lambda net: len(net.history) == 3,
        dirname=str(tmp_path),
        load_best=True,
        sink=lambda text: None,
    )
    model = NetClassifier(**SETTINGS, callbacks=[best]).fit(*digits)
    short = NetClassifier(**{**SETTINGS, "max_epochs": 3}).fit(*digits)
    np.testing.assert_array_equal(model.coefs_[0], short.coefs_[0])
    assert {"params.pt", "optimizer.pt", "history.json"} <= {f.name for f in tmp_path.iterdir()}


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_checkpoint_has_all_that_it_takes_to_go_on(digits, tmp_path, solver):
    """Running averages and the number of updates: the next pass is that after epoch 3."""
    best = Checkpoint(
        monitor=lambda net: len(net.history) == 3,
        dirname=str(tmp_path),
        load_best=True,
        sink=lambda text: None,
    )
    settings = {**SETTINGS, "solver": solver}
    model = NetClassifier(**settings, callbacks=[best]).fit(*digits)
    short = NetClassifier(**{**settings, "max_epochs": 3}).fit(*digits)
    assert model.t_ == short.t_ == 3 * 8
    model.set_params(callbacks=None).partial_fit(*digits)
    short.partial_fit(*digits)
    for a, b in zip(model.coefs_ + model.intercepts_, short.coefs_ + short.intercepts_):
        np.testing.assert_array_equal(a, b)


def test_tensorboard_gets_each_epoch(digits):
    class Writer:
        def __init__(self):
            self.scalars = []

        def add_scalar(self, tag, scalar_value, global_step):
            self.scalars.append((tag, scalar_value))

        def close(self):
            pass

    writer = Writer()
    model = NetClassifier(**SETTINGS, callbacks=[TensorBoard(writer)]).fit(*digits)
    losses = [value for tag, value in writer.scalars if tag == "Loss/train_loss"]
    assert losses == model.loss_curve_


def test_what_cannot_work_is_refused(digits):
    with pytest.raises(ValueError, match=r"GradientNormClipping.*before the step"):
        NetClassifier(**SETTINGS, callbacks=[GradientNormClipping(1.0)]).fit(*digits)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_net_partial_fit_makes_the_same_regularized_steps(solver):
    X, y = make_regression(60, 5, random_state=0)
    settings = {
        "hidden_layer_sizes": (),
        "solver": solver,
        "l1": 20.0,
        "max_epochs": 5,
        "learning_rate": 0.1,
        "batch_size": None,
    }
    twice = NetRegressor(**settings).fit(X, y)
    twice.net_.partial_fit(X, y)
    once = NetRegressor(**{**settings, "max_epochs": 10}).fit(X, y)
    np.testing.assert_array_equal(twice.coef_, once.coef_)
    assert len(twice.net_.history) == 10


def test_net_fit_starts_afresh(digits):
    X, y = digits
    model = NetClassifier(**SETTINGS).fit(X, y)
    coefs = model.coefs_[0]
    model.net_.fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], coefs)


def test_net_of_lbfgs_does_not_pretend_to_train(digits):
    model = NetClassifier((), solver="lbfgs", l2=0.1).fit(*digits)
    with pytest.raises(RuntimeError, match="lbfgs"):
        model.net_.partial_fit(*digits)
    with pytest.raises(RuntimeError, match="makes no step by itself"):
        model.net_.optimizer_.step()


def test_pickled_with_callbacks(digits):
    model = NetClassifier(**SETTINGS, callbacks=[Recorder()]).fit(*digits)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(digits[0]), model.predict_proba(digits[0]))
    assert again.net_.history[:, "train_loss"] == model.loss_curve_
    model.set_params(callbacks=[EpochScoring("accuracy", on_train=True, name="hits")]).fit(*digits)
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(model))))
    assert again.net_.history[:, "hits"] == model.net_.history[:, "hits"]
    model.net_.history.record("cannot be pickled", lambda: None)
    assert "hits" in pickle.loads(pickle.dumps(model)).net_.history[-1]
    assert "hits" not in clone(again).set_params(callbacks=None).fit(*digits).net_.history[-1]


class StopAtOnce(Callback):
    def on_train_begin(self, net, **kwargs):
        raise KeyboardInterrupt


def test_a_stop_before_the_first_epoch_leaves_no_model(digits):
    model = NetClassifier(**SETTINGS, callbacks=[StopAtOnce()])
    with pytest.raises(KeyboardInterrupt, match="before its first epoch had ended"):
        model.fit(*digits)
    assert vars(model) == vars(clone(model)) | {"callbacks": model.callbacks}


def test_verbose_prints_a_table(digits, capsys):
    NetClassifier(**SETTINGS, verbose=1).fit(*digits)
    printed = capsys.readouterr().out
    assert "train_loss" in printed
    assert len(printed.splitlines()) == 2 + 6


def test_global_generators_are_left_alone(digits):
    before = torch.get_rng_state()
    model = NetClassifier(**SETTINGS, callbacks=[EpochScoring("accuracy", on_train=True)])
    model.fit(*digits).net_.predict(digits[0])
    assert torch.equal(before, torch.get_rng_state())
