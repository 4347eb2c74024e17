"""Stochastic weight averaging: the mean of the parameters at the ends of epochs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from torch.optim.swa_utils import AveragedModel

from wellposed import NetClassifier, NetRegressor
from wellposed.regularizers import SWA
from wellposed.schedules import WarmRestarts

X, y = load_iris(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
NET = NetClassifier((6,), batch_size=40, learning_rate=0.02, dropout=0.1, random_state=0)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize(
    ("given", "averaged"),
    [
        (0.4, [7, 8, 9, 10]),
        (0.35, [7, 8, 9, 10]),
        (1.0, range(1, 11)),
        (0.01, [10]),
        (SWA(0.45, every=2), [6, 8, 10]),
        (SWA(0.5, every=3), [6, 9]),
    ],
    ids=str,
)
def test_by_fits_of_every_length(solver, given, averaged):
    """A fit of t epochs is what a longer one is after t: by public parameters alone."""
    net = clone(NET).set_params(solver=solver)
    fits = {t: clone(net).set_params(max_epochs=t).fit(X, y) for t in set(averaged)}
    found = clone(net).set_params(max_epochs=10, swa=given).fit(X, y)
    for layer in (0, 1):
        for name in ("coefs_", "intercepts_"):
            mean = np.mean([getattr(fits[t], name)[layer] for t in averaged], axis=0)
            np.testing.assert_allclose(getattr(found, name)[layer], mean, rtol=0, atol=1e-14)


def test_ends_of_cycles_by_the_modules_of_torch():
    """With warm restarts, ends of cycles are averaged by torch's own AveragedModel."""
    net = clone(NET).set_params(max_epochs=9, learning_rate_schedule=WarmRestarts(epochs=3))
    ends = [clone(net).set_params(max_epochs=t).fit(X, y) for t in (3, 6, 9)]
    model = AveragedModel(ends[0].net_.module_)
    for end in ends:
        model.update_parameters(end.net_.module_)
    found = clone(net).set_params(swa=SWA(1.0, every=3)).fit(X, y)
    for ours, theirs in zip(found.net_.module_.parameters(), model.module.parameters()):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), atol=1e-14)


def test_what_is_validated_is_the_mean():
    net = clone(NET).set_params(swa=0.8, max_epochs=20, early_stopping=True, n_iter_no_change=20)
    again = clone(net).set_params(early_stopping=False)
    rows, held = slice(0, 100), slice(100, 150)
    order = np.random.default_rng(0).permutation(150)
    A, b = X[order], y[order]
    net = clone(net).fit(A[rows], b[rows], X_val=A[held], y_val=b[held])
    again.fit(A[rows], b[rows], X_val=A[held], y_val=b[held])
    np.testing.assert_array_equal(net.validation_loss_curve_, again.validation_loss_curve_)
    p = again.predict_proba(A[held])[np.arange(50), b[held]]
    assert again.validation_loss_curve_[-1] == pytest.approx(-np.log(p).mean(), rel=1e-9)


def test_l1_keeps_the_last_support(regression):
    X, y = regression(30, 12)
    net = NetRegressor((), solver="sgd", learning_rate=0.02, l1=0.2, batch_size=8, random_state=0)
    last = clone(net).set_params(max_epochs=40).fit(X, y).coef_
    mean = net.set_params(max_epochs=40, swa=0.5).fit(X, y).coef_
    np.testing.assert_array_equal(mean != 0, last != 0)
    assert 0 < (mean != 0).sum() < 12


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"swa": 0.5, "ema": 0.9}, r"swa=0\.5 cannot be combined with ema=0\.9"),
        ({"swa": 0.5, "averaging": 0.5}, r"swa=0\.5 cannot be combined with averaging"),
        ({"swa": 1.5}, "'swa' parameter"),
        (
            {"swa": SWA(0.5, every=10), "max_epochs": 9},
            "after every 10 epochs, and none of these is among the last 5 of max_epochs=9",
        ),
        ({"swa": SWA(0.25, every=5), "max_epochs": 9}, "is among the last 3 of max_epochs=9"),
        ({"swa": SWA(0.5, every=0)}, "'every' parameter of SWA must be"),
        ({"swa": 0.5, "solver": "lbfgs"}, r"swa=0\.5 averages the steps of sgd or adam"),
    ],
)
def test_what_makes_no_sense_is_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        clone(NET).set_params(dropout=0, batch_size="auto").set_params(**given).fit(X, y)
