"""Trainings that break off: divergence and Ctrl-C leave no half-fitted model."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import log_loss, mean_squared_error

from wellposed import DivergenceError, NetClassifier, NetRegressor
from wellposed.training.evaluation import constant_losses
from wellposed.training.request import Rows

X, y = load_diabetes(return_X_y=True)

DIVERGE = [
    (
        {"solver": "sgd", "learning_rate": 0.5, "l2": 10.0, "momentum": 0.0},
        r"the loss is (inf|nan) in epoch \d+\. Likely cause: learning_rate \* l2 = 5 > 2, so that "
        r"every step overshoots\. Lower learning_rate",
    ),
    (
        {"solver": "sgd", "learning_rate": 1e4},
        r"the loss is (inf|nan) in epoch \d+\. Likely cause: learning_rate=10000 is too large",
    ),
    ({"solver": "adam", "learning_rate": 1e300}, r"the loss is (inf|nan) in epoch \d+\. Likely"),
]


@pytest.mark.parametrize(("settings", "sentence"), DIVERGE)
@pytest.mark.parametrize("sizes", [(), (5,)])
def test_a_diverging_fit_says_where_and_why(settings, sentence, sizes):
    net = NetRegressor(sizes, max_epochs=2000, **settings)
    with pytest.raises(DivergenceError, match=sentence):
        net.fit(X, y)
    assert vars(net) == vars(NetRegressor(sizes, max_epochs=2000, **settings))
    with pytest.raises(NotFittedError):
        net.predict(X)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, r"Raise max_epochs.*y, which has mean 152 and standard deviation 77 \(Transformed"),
        ({"learning_rate": 1e6}, r"Lower learning_rate=1e\+06, or raise max_epochs"),
        ({"early_stopping": True}, r"Change learning_rate, or raise n_iter_no_change, and scale"),
        ({"averaging": 0.5}, r"Raise max_epochs or learning_rate"),
        (
            {"weight_decay": 1.5e3},
            r"learning_rate \* weight_decay = 1.5 > 1, so that .*: lower one of them",
        ),
    ],
)
def test_a_fit_that_has_learned_nothing_says_so(settings, sentence):
    # From first weights that do not know how large y is, which init="auto" does.
    net = NetRegressor(init="glorot", random_state=0, **{"max_epochs": 20, **settings})
    with pytest.warns(ConvergenceWarning, match=sentence) as caught:
        net.fit(X, y)
    assert caught[0].filename == __file__
    assert net.score(X, y) < 0


def test_several_outputs_and_a_rising_loss_are_told_of():
    with pytest.warns(ConvergenceWarning, match=r"scale X \(StandardScaler\) and y \(Transformed"):
        NetRegressor(max_epochs=2, random_state=0).fit(X, np.c_[y + 1000, y - 1000])
    net = NetRegressor((), fit_intercept=False, solver="sgd", learning_rate=0.9, momentum=0.0)
    net.set_params(max_epochs=30, batch_size=None, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"It has risen: lower learning_rate=0.9"):
        net.fit(np.r_[-2.0, 1.5, 1.0][:, None], [1.0, -1.0, 0.5])


RARE = np.random.default_rng(0).normal(size=(2000, 5))


@pytest.mark.parametrize(
    ("net", "data", "least"),
    [
        (NetClassifier(label_smoothing=0.1, learning_rate=0.01), (RARE, RARE[:, 0] > 1.9), 0.99),
        (NetClassifier(l2=0.01), (RARE[:400], RARE[:400, 0] > 2.3), 0.99),
        (NetClassifier(class_weight="balanced", max_epochs=20), (RARE, RARE[:, 0] > 1.9), 0.8),
        (NetRegressor((300, 300), l2=0.02, max_epochs=10), (RARE, RARE @ np.ones(5)), 0.8),
        (NetRegressor(max_epochs=1, batch_size=2, learning_rate=0.02), (RARE, RARE[:, 0] + 30), 0),
        (NetRegressor(max_epochs=20), (RARE, np.ones(2000)), None),
        (NetRegressor(max_epochs=20), (RARE, np.zeros(2000)), None),
        (NetClassifier(), (RARE, np.c_[RARE[:, 0] > 0, np.zeros(2000)].astype(int)), 0.9),
    ],
)
def test_nothing_is_said_of_what_has_learned(net, data, least):
    """Whatever penalties, smoothing and the start of the last epoch make of the objective."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The training loss is", ConvergenceWarning)
        net = clone(net).set_params(random_state=0).fit(*data)
    assert least is None or net.score(*data) > least


def test_a_class_without_weight_does_not_hide_a_failure():
    labels = np.digitize(RARE[:, 0], [0.0, 2.0])
    weight = (labels < 2).astype(float)
    net = NetClassifier(learning_rate=1e3, max_epochs=3, random_state=0)
    with pytest.warns(ConvergenceWarning, match="The training loss is"):
        net.fit(RARE, labels, sample_weight=weight)


@pytest.mark.parametrize("weight", [None, np.linspace(0, 2, len(y))])
def test_the_constant_predictions_it_is_compared_with(weight):
    """Against scikit-learn's dummies."""
    labels = np.digitize(y, [80, 200])
    for target, loss, measure in [
        (y, "squared_error", lambda p: mean_squared_error(y, p, sample_weight=weight) / 2),
        (labels > 0, "logistic", lambda p: log_loss(labels > 0, p, sample_weight=weight)),
        (labels, "cross_entropy", lambda p: log_loss(labels, p, sample_weight=weight)),
    ]:
        dummy = DummyRegressor() if target is y else DummyClassifier(strategy="prior")
        dummy.fit(X, target, weight)
        best = measure(dummy.predict(X) if target is y else dummy.predict_proba(X))
        K = len(np.unique(target))
        zero = measure(np.zeros(len(y)) if target is y else np.full((len(y), K), 1 / K))
        columns = np.eye(3)[labels] if loss == "cross_entropy" else target[:, None].astype(float)
        rows = Rows.from_arrays(X, columns, weight, torch.float64, torch.device("cpu"))
        np.testing.assert_allclose(constant_losses(loss, rows), (zero, best), rtol=1e-12)


@pytest.mark.parametrize(
    "settings", [{"l2": 100.0}, {"l1": 100.0}, {"dropout": 0.9}, {"fit_intercept": False}]
)
def test_nothing_is_said_where_the_settings_allow_no_more_than_a_constant(settings):
    shift = 0 if "fit_intercept" in settings else 152
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        net = NetRegressor(learning_rate=0.01, max_epochs=300, random_state=0, **settings)
        net.fit(X, (y - shift) / 77)


def test_two_is_the_border_of_stable_decay():
    """sgd multiplies weights by 1 - learning_rate * l2: stable up to 2, and the error is right."""
    settings = {"solver": "sgd", "momentum": 0.0, "max_epochs": 2000, "batch_size": None}
    w0 = NetRegressor((), l2=1.0, learning_rate=1.99, **settings).fit(1e-3 * X, y)
    assert np.isfinite(w0.coef_).all()
    with pytest.raises(DivergenceError, match=r"learning_rate \* l2 = 2\.5 > 2"):
        NetRegressor((), l2=1.0, learning_rate=2.5, **settings).fit(1e-3 * X, y)


def test_divergence_leaves_the_old_model_and_partial_fit_too():
    net = NetRegressor((4,), max_epochs=2, random_state=0, solver="sgd").fit(X, y / 100)
    before, predicted = dict(vars(net)), net.predict(X)
    net.set_params(learning_rate=1e200)
    for train in (net.fit, net.partial_fit):
        with pytest.raises(DivergenceError):
            train(X, y)
        np.testing.assert_array_equal(net.predict(X), predicted)
    assert vars(net) == before | {"learning_rate": 1e200}


ENDLESS = {"max_epochs": 10_000_000, "random_state": 0}


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("verbose", [0, 1], ids=["alone", "through skorch"])
def test_an_interrupt_ends_the_fit_and_leaves_the_old_model(solver, verbose, ctrl_c, capsys):
    net = NetRegressor((4,), max_epochs=2, solver=solver, verbose=verbose, random_state=0)
    predicted = net.fit(X, y / 100).predict(X)  # torch's late imports are done, too
    net.set_params(**ENDLESS, learning_rate=1e-6)
    ctrl_c(0.5)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y / 100)
    assert net.n_iter_ == 2
    np.testing.assert_array_equal(net.predict(X), predicted)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_interrupted_first_fit_is_no_fit(solver, ctrl_c):
    rng = np.random.default_rng(0)
    net = NetRegressor((50, 50), solver=solver, tol=0, **ENDLESS)
    ctrl_c(0.5)
    with pytest.raises(KeyboardInterrupt):
        net.fit(rng.normal(size=(2000, 20)), rng.normal(size=2000))
    assert vars(net) == vars(clone(net))
    with pytest.raises(NotFittedError):
        net.predict(X)


SCRIPT = """
    import numpy as np
    from wellposed import NetRegressor
    X = np.random.default_rng(0).normal(size=(500, 20))
    net = NetRegressor((20,), max_epochs=10**9, random_state=0)
    print("fitting", flush=True)
    try:
        net.fit(X, X[:, 0])
    except KeyboardInterrupt:
        print("interrupted", net.__sklearn_is_fitted__(), flush=True)
        raise
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGINT can be sent to a process on POSIX only")
def test_ctrl_c_ends_a_process_that_fits():
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "fitting\n"
    time.sleep(1.0)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert out == "interrupted False\n"
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert process.returncode == -signal.SIGINT
