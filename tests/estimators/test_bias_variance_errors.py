"""What `bias_variance` refuses, and the sentence it says."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_wine
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from wellposed.bias_variance import KnownTruth, bias_variance


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


@pytest.fixture(scope="module")
def known():
    return KnownTruth(lambda rng: (np.eye(4), rng.normal(size=4)), np.eye(4), np.zeros(4), noise=1)


@pytest.mark.parametrize(
    ("estimator", "options", "sentence"),
    [
        (
            DecisionTreeClassifier(),
            {"loss": "squared"},
            "takes a regressor; DecisionTreeClassifier",
        ),
        (Ridge(), {"loss": "log"}, "takes a classifier; Ridge is a regressor"),
        (LinearSVC(), {"loss": "log"}, "needs predict_proba, which LinearSVC"),
        (Ridge(), {"loss": "cubic"}, "'loss' parameter of bias_variance must be a str among"),
        (Ridge(), {"n_repetitions": 1}, "'n_repetitions' parameter"),
        (Ridge(), {"train_size": 0.0}, "'train_size' parameter"),
        (Ridge(), {"confidence_level": 95}, "'confidence_level' parameter"),
        (Ridge(), {"sampling": "independent"}, "takes a known truth: pass a KnownTruth"),
        (Ridge(), {"sampling": "splits", "n_repetitions": 100}, "training sets of 1 of the 133"),
        (Ridge(), {"sampling": "subsample", "train_size": 150}, "at most 133 can be had"),
        (Ridge(), {"X_test": np.zeros((2, 13))}, "X_test and y_test go together"),
        (Ridge(), {"X_test": np.zeros((2, 13)), "y_test": [0]}, "inconsistent numbers"),
        (StandardScaler(), {}, "'estimator' parameter"),
    ],
)
def test_refuses(wine, estimator, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        bias_variance(estimator, *wine, **options)


def test_refuses_data_beside_a_truth(known):
    with pytest.raises(ValueError, match=r"y, train_size cannot be given with it"):
        bias_variance(Ridge(), known, np.zeros(4), train_size=3)
    with pytest.raises(ValueError, match="sampling='splits' has no meaning"):
        bias_variance(Ridge(), known, sampling="splits")
    with pytest.raises(ValueError, match="y is needed with a data set"):
        bias_variance(Ridge(), np.zeros((5, 2)))
    truth = KnownTruth(lambda rng: np.zeros((5, 2)), np.zeros((2, 2)), [0.0, 0.0])
    with pytest.raises(TypeError, match=r"must return \(X, y\) or \(X, y, fit_params\)"):
        bias_variance(Ridge(), truth)


def test_refuses_a_truth_whose_classes_are_not_those_predicted():
    X = np.arange(8.0)[:, np.newaxis]
    truth = KnownTruth(lambda rng: (X, np.array(["a", "b"] * 4)), X[:1], [[0.5, 0.5]])
    with pytest.raises(ValueError, match=r"Set KnownTruth\.classes to the labels"):
        bias_variance(KNeighborsClassifier(1), truth, loss="log")
    with pytest.raises(ValueError, match="Pass classes="):
        bias_variance(KNeighborsClassifier(1), truth)
    labels = KnownTruth(lambda rng: (X, [0, 1] * 4), X[:1], [1])
    with pytest.raises(ValueError, match=r"f_test of shape \(n_test, n_classes\)"):
        bias_variance(KNeighborsClassifier(1), labels)
    with pytest.raises(ValueError, match="X_test has 8 rows, but f_test 1"):
        KnownTruth(lambda rng: (X, [0, 1] * 4), X, [0.0])
    noisy = KnownTruth(lambda rng: (X, [0, 1] * 4), X[:1], [[0.5, 0.5]], noise=0.1)
    with pytest.raises(ValueError, match="class probabilities, which are the noise"):
        bias_variance(KNeighborsClassifier(1), noisy)


def test_refuses_several_outputs_of_labels(wine):
    X, y = wine
    with pytest.raises(ValueError, match="Call bias_variance once for each output"):
        bias_variance(DecisionTreeClassifier(), X, np.column_stack([y, y]))


def test_an_error_in_fit_names_the_repetition(wine):
    class Fails(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            raise RuntimeError("no luck")

        def predict(self, X):
            raise AssertionError

    with pytest.raises(RuntimeError, match="no luck") as caught:
        bias_variance(Fails(), *wine, train_size=10)
    assert caught.value.__notes__ == [
        "bias_variance was fitting repetition 0, a training set of 10 rows."
    ]


def test_outputs_that_change_in_number_are_refused():
    shapes = iter([(6,), (6, 2)])
    X = np.ones((6, 1))
    truth = KnownTruth(lambda rng: (X, np.ones(next(shapes))), X, np.ones(6))
    with pytest.raises(ValueError, match="differ in shape between repetitions"):
        bias_variance(LinearRegression(), truth, n_repetitions=2)
