"""Fitted estimators are saved as plain arrays, the same for equal fits."""

from __future__ import annotations

import copy
import io
import pickle
import pickletools

import joblib
import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import NetClassifier, NetRegressor

X, y = load_iris(return_X_y=True)
IMAGES = np.tile(X, 4)


class Own(torch.nn.Module):
    """Batch statistics, a frozen layer and dropout of its own."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.first = torch.nn.Linear(n_inputs, 6)
        self.first.weight.requires_grad_(False)
        self.rest = torch.nn.Sequential(
            torch.nn.BatchNorm1d(6), torch.nn.Dropout(0.2), torch.nn.Linear(6, n_outputs)
        )

    def forward(self, x):
        return self.rest(self.first(x))


SETTINGS = {"max_epochs": 4, "batch_size": 50, "random_state": 0}
FITS = {
    "classifier": lambda: NetClassifier((8,), dropout=0.1, **SETTINGS).fit(X, y),
    "text labels": lambda: NetClassifier((8,), **SETTINGS).fit(X, np.array(["a", "b", "c"])[y]),
    "regressor": lambda: NetRegressor((8,), solver="sgd", **SETTINGS).fit(X, X[:, :2]),
    "lbfgs": lambda: NetRegressor((), solver="lbfgs", l1=0.1, random_state=0).fit(X, y),
    "cnn": lambda: NetClassifier((4,), network="cnn", **SETTINGS).fit(IMAGES, y),
    "own module": lambda: NetClassifier(network=Own, **SETTINGS).fit(X, y),
    "early stopping": lambda: NetClassifier(
        (8,), early_stopping=True, averaging=0.5, **SETTINGS
    ).fit(X, y),
    "partial_fit": lambda: NetRegressor((8,), random_state=0).partial_fit(X, y),
    "float32": lambda: NetRegressor((8,), dtype="float32", **SETTINGS).fit(X, y),
    "pipeline": lambda: make_pipeline(StandardScaler(), NetClassifier((8,), **SETTINGS)).fit(X, y),
}
ROWS = {"cnn": IMAGES}


@pytest.fixture(params=FITS)
def fitted(request):
    return FITS[request.param](), ROWS.get(request.param, X), FITS[request.param]


def same(model, other, rows):
    np.testing.assert_array_equal(model.predict(rows), other.predict(rows))
    for name in ("loss_curve_", "classes_", "n_iter_"):
        assert str(getattr(model, name, None)) == str(getattr(other, name, None))


def test_no_tensor_is_in_a_pickle(fitted):
    model, rows, _ = fitted
    data = pickle.dumps(model)
    words = [str(argument) for _, argument, _ in pickletools.genops(data) if argument is not None]
    assert not [word for word in words if word.startswith("torch")]
    same(pickle.loads(data), model, rows)


def test_equal_fits_have_equal_hashes(fitted):
    model, rows, again = fitted
    before = joblib.hash(model)
    model.predict(rows)
    assert joblib.hash(model) == before
    assert joblib.hash(again()) == before
    assert joblib.hash(pickle.loads(pickle.dumps(model))) == before
    assert joblib.hash(copy.deepcopy(model)) == before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_unequal_fits_have_unequal_hashes():
    one, two = (NetClassifier((8,), max_epochs=2, random_state=s).fit(X, y) for s in (0, 1))
    assert joblib.hash(one) != joblib.hash(two)


def test_skops(fitted):
    model, rows, _ = fitted
    data = skops.io.dumps(model)
    trusted = skops.io.get_untrusted_types(data=data)
    assert not [name for name in trusted if name.startswith("torch")]
    same(skops.io.loads(data, trusted=trusted), model, rows)


def test_a_copy_goes_on_as_the_original_does(fitted):
    model, rows, _ = fitted
    net = getattr(model, "steps", [(0, model)])[-1][1]
    if net.solver == "lbfgs" or net.early_stopping:
        return
    target = y if not isinstance(net, NetRegressor) or net.n_outputs_ == 1 else X[:, :2]
    if hasattr(net, "classes_"):
        target = net.classes_[y]
    file = io.BytesIO()
    joblib.dump(net, file)
    file.seek(0)
    loaded = joblib.load(file)
    rows = rows if net is model else StandardScaler().fit_transform(rows)
    copies, before = (loaded, copy.deepcopy(net)), net.t_
    expected = net.partial_fit(rows, target).predict(rows)  # with all that copies may have lost
    for other in copies:
        np.testing.assert_array_equal(other.partial_fit(rows, target).predict(rows), expected)
    assert loaded.t_ == net.t_ > before


def test_a_copy_of_an_own_module_is_its_own():
    model = NetClassifier(network=Own, **SETTINGS).fit(X, y)
    other = copy.deepcopy(model)
    expected = model.predict_proba(X)
    other.partial_fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert not np.array_equal(other.predict_proba(X), expected)
    assert clone(model).get_params() == model.get_params()
