"""What becomes of an estimator that is cloned, copied, stored or shown."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import NetClassifier, NetRegressor

SETTINGS = {"hidden_layer_sizes": (5,), "max_epochs": 4, "random_state": 0}


@pytest.fixture(params=[NetClassifier, NetRegressor])
def cls(request):
    return request.param


def data(cls):
    X, y = load_iris(return_X_y=True) if cls is NetClassifier else load_diabetes(return_X_y=True)
    return X[::3], y[::3]


def by_pickle(estimator, folder):
    return pickle.loads(pickle.dumps(estimator))


def by_joblib(estimator, folder):
    joblib.dump(estimator, folder / "net.joblib")
    return joblib.load(folder / "net.joblib")


def by_deepcopy(estimator, folder):
    return copy.deepcopy(estimator)


@pytest.mark.parametrize("copied", [by_pickle, by_joblib, by_deepcopy])
def test_a_copy_predicts_the_same_and_goes_on_by_itself(cls, copied, tmp_path):
    X, y = data(cls)
    estimator = cls(**SETTINGS).fit(X, y)
    assert estimator.net_.initialized_  # a net that was looked at is copied, too
    before = estimator.predict(X)
    other = copied(estimator, tmp_path)
    np.testing.assert_array_equal(other.predict(X), before)
    np.testing.assert_array_equal(other.coefs_[0], estimator.coefs_[0])
    assert other.loss_curve_ == estimator.loss_curve_

    estimator.partial_fit(X, y)
    other.partial_fit(X, y)
    np.testing.assert_array_equal(other.coefs_[0], estimator.coefs_[0])
    other.partial_fit(X, y)
    assert np.abs(other.coefs_[0] - estimator.coefs_[0]).max() > 0


def test_a_clone_is_unfitted_and_fits_to_the_same_model(cls):
    X, y = data(cls)
    estimator = cls(**SETTINGS).fit(X, y)
    twin = clone(estimator)
    assert twin.get_params() == estimator.get_params()
    assert set(vars(twin)) == set(cls._get_param_names())
    np.testing.assert_array_equal(twin.fit(X, y).coefs_[0], estimator.coefs_[0])


def test_parameters_are_set_in_place_and_reach_the_fit(cls):
    X, y = data(cls)
    estimator = cls(**SETTINGS).fit(X, y)
    old = estimator.coefs_[0]
    assert estimator.set_params(l2=10.0, learning_rate=0.01) is estimator
    assert estimator.get_params()["l2"] == 10.0
    np.testing.assert_array_equal(estimator.coefs_[0], old)
    expected = cls(l2=10.0, learning_rate=0.01, **SETTINGS).fit(X, y)
    np.testing.assert_array_equal(estimator.fit(X, y).coefs_[0], expected.coefs_[0])
    with pytest.raises(ValueError, match="Invalid parameter 'l3'"):
        estimator.set_params(l3=1.0)


def test_a_pipeline_equals_its_parts_one_by_one(cls):
    X, y = data(cls)
    pipeline = make_pipeline(StandardScaler(), cls(**SETTINGS)).fit(X, y)
    scaler = StandardScaler().fit(X)
    expected = cls(**SETTINGS).fit(scaler.transform(X), y)
    np.testing.assert_array_equal(pipeline.predict(X), expected.predict(scaler.transform(X)))
    name = cls.__name__.lower()
    assert pipeline.get_params()[f"{name}__hidden_layer_sizes"] == (5,)


def test_the_notebook_diagram_says_whether_it_is_fitted(cls):
    X, y = data(cls)
    estimator = cls(**SETTINGS)
    assert "Not fitted" in estimator._repr_html_()
    html = estimator.fit(X, y)._repr_html_()
    assert cls.__name__ in html
    assert "Not fitted" not in html


def test_the_text_form_shows_what_was_changed_and_makes_the_estimator_again(cls):
    estimator = cls((3, 2), l1=0.5, solver="lbfgs")
    assert repr(estimator) == (f"{cls.__name__}(hidden_layer_sizes=(3, 2), l1=0.5, solver='lbfgs')")
    assert eval(repr(estimator)).get_params() == estimator.get_params()
