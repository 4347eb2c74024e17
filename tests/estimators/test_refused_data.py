"""Data that make no sense: the sentence, and an estimator that is as it was before."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from wellposed import NetClassifier, NetRegressor

X, y = load_iris(return_X_y=True)
X, y = X[::5], y[::5]
ONES = np.ones(30)
CLASSES = NetClassifier((3,), max_epochs=2, random_state=0)
NUMBERS = NetRegressor((3,), max_epochs=2, random_state=0)
EARLY = clone(CLASSES).set_params(early_stopping=True)


def put(array, value, at=(3,)):
    array = np.array(array, dtype=float)
    array[at] = value
    return array


REFUSED = {
    "NaN in X": (CLASSES, (put(X, np.nan), y), {}, "Input X contains NaN"),
    "NA in X": (CLASSES, (pd.DataFrame(X).mask(X > 6), y), {}, "Input X contains NaN"),
    "inf in X": (NUMBERS, (put(X, np.inf), ONES), {}, "Input X contains infinity"),
    "X too large for float32": (
        NetRegressor(dtype="float32"),
        (1e200 * X, ONES),
        {},
        "infinity or a value too large for dtype('float32')",
    ),
    "NaN in y": (NUMBERS, (X, put(ONES, np.nan)), {}, "Input y contains NaN"),
    "NaN in labels": (CLASSES, (X, put(y, np.nan)), {}, "Input y contains NaN"),
    "inf in y": (NUMBERS, (X, put(ONES, -np.inf)), {}, "Input y contains infinity"),
    "y too large for float32": (
        NetRegressor(dtype="float32"),
        (X, 1e200 * ONES),
        {},
        "y holds values too large for float32. Scale y, or set dtype='float64'",
    ),
    "y of other length": (CLASSES, (X, y[:-1]), {}, "inconsistent numbers of samples: [30, 29]"),
    "one dimension": (CLASSES, (X[:, 0], y), {}, "Expected 2D array, got 1D array instead"),
    "three dimensions": (CLASSES, (X[None], y), {}, "Found array with dim 3"),
    "no rows": (CLASSES, (X[:0], y[:0]), {}, "Found array with 0 sample(s)"),
    "no columns": (CLASSES, (X[:, :0], y), {}, "Found array with 0 feature(s)"),
    "no y": (CLASSES, (X, None), {}, "requires y to be passed, but the target y is None"),
    "text in X": (CLASSES, (np.full((30, 2), "a"), y), {}, "X holds text: make it numbers"),
    "text for numbers": (NUMBERS, (X, ["a"] * 30), {}, "y holds text: NetRegressor wants"),
    "one class": (
        CLASSES,
        (X[:10], ["b"] * 10),
        {},
        "y holds one class, 'b'; a classifier needs at least 2 classes. Give rows of another",
    ),
    "classes of several types": (
        CLASSES,
        (X, np.array([1, "a", 2.5] * 10, dtype=object)),
        {},
        "y holds labels of types that cannot be sorted together: float, int and text. Make them",
    ),
    "missing labels": (
        CLASSES,
        (X, np.array(["a", "b", None] * 10, dtype=object)),
        {},
        "y has 10 missing values (NaN, None or NA). Leave these rows out. Only rows to train on",
    ),
    "NA in text": (
        CLASSES,
        (X, pd.Series(["a", "b", pd.NA] * 10, dtype="string")),
        {},
        "y has 10 missing values (NaN, None or NA). Leave these rows out.",
    ),
    "NA in categories": (
        CLASSES,
        (X, pd.Series(["a", "b", pd.NA] * 10, dtype="category")),
        {},
        "y has 10 missing values (NaN, None or NA). Leave these rows out.",
    ),
    "None in validation labels": (
        EARLY,
        (X, ["a", "b"] * 15),
        {"X_val": X, "y_val": np.array(["a", "b", None] * 10, dtype=object)},
        "X_val and y_val must look like X and y, and do not: y has 10 missing values",
    ),
    "three columns as an image": (
        clone(CLASSES).set_params(network="cnn"),
        (X[:, :3], y),
        {},
        "X has 3 features, which are not the pixels of a square image of one or three channels",
    ),
    "numbers as classes": (CLASSES, (X, ONES + X[:, 0]), {}, "Unknown label type: continuous"),
    "columns of classes": (
        CLASSES,
        (X, np.c_[y, y]),
        {},
        "y of shape (30, 2) holds several labels a row, and they are not all 0 or 1",
    ),
    "all weights zero": (CLASSES, (X, y, 0 * ONES), {}, "at least one non-zero number"),
    "the weighted class weighs nothing": (
        clone(CLASSES).set_params(class_weight={0: 0}),
        (X, y, put(0 * ONES, 1.0)),
        {},
        "Every row has weight zero, so there is nothing to learn from. Give at least one row",
    ),
    "negative weight": (NUMBERS, (X, ONES, put(ONES, -1)), {}, "Negative values in data passed to"),
    "NaN weight": (NUMBERS, (X, ONES, put(ONES, np.nan)), {}, "Input sample_weight contains NaN"),
    "weights of other length": (NUMBERS, (X, ONES, ONES[1:]), {}, "sample_weight.shape == (29,)"),
    "negative class weight": (
        clone(CLASSES).set_params(class_weight={0: -1}),
        (X, y),
        {},
        "class_weight={0: -1} holds a weight that is not a finite number >= 0",
    ),
    "weight of no class": (
        clone(CLASSES).set_params(class_weight={7: 1}),
        (X, y),
        {},
        "are not in class_weight",
    ),
    "class weights for several labels": (
        clone(CLASSES).set_params(class_weight="balanced"),
        (X, np.eye(3, dtype=int)[y]),
        {},
        "class_weight needs one label a row, and y has several",
    ),
    "X_val without y_val": (EARLY, (X, y), {"X_val": X}, "X_val was given without y_val. Give"),
    "y_val without X_val": (EARLY, (X, y), {"y_val": y}, "y_val was given without X_val. Give"),
    "X_val with other features": (
        EARLY,
        (X, y),
        {"X_val": X[:, :3], "y_val": y},
        "X_val and y_val must look like X and y, and do not: X has 3 features, but NetClassifier",
    ),
    "NaN in X_val": (
        EARLY,
        (X, y),
        {"X_val": put(X, np.nan), "y_val": y},
        "X_val and y_val must look like X and y, and do not: Input X contains NaN",
    ),
    "labels in y_val that are not in y": (
        EARLY,
        (X, y),
        {"X_val": X, "y_val": y + 1},
        "X_val and y_val must look like X and y, and do not: y holds labels [3] that are not",
    ),
    "y_val with other columns": (
        NUMBERS,
        (X, np.c_[ONES, ONES]),
        {"X_val": X, "y_val": ONES},
        "y has 2 columns and y_val has 1. Give y_val the columns of y",
    ),
    "y_val with several labels": (
        EARLY,
        (X, y),
        {"X_val": X, "y_val": np.eye(3, dtype=int)[y]},
        "The model was fitted to one label a row, and y now holds several",
    ),
    "too few rows to hold some out": (
        clone(NUMBERS).set_params(early_stopping=True),
        (X[:1], ONES[:1]),
        {},
        "validation_fraction=0.1 of 1 rows cannot be held out: ",
    ),
    "fewer held-out rows than classes": (
        EARLY,
        (X, np.arange(30) % 10),
        {},
        "validation_fraction=0.1 of 30 rows cannot be held out: The test_size = 3 should be "
        "greater or equal to the number of classes = 10. Give more rows, another",
    ),
    "a class with one row": (
        EARLY,
        (X, put(0 * ONES, 1)),
        {},
        "validation_fraction=0.1 of 30 rows cannot be held out: The least populated class",
    ),
}


@pytest.mark.filterwarnings("error", "ignore:overflow encountered in cast")
@pytest.mark.parametrize("case", REFUSED)
def test_nonsense_is_refused_and_leaves_nothing_half_fitted(case):
    estimator, data, more, sentence = REFUSED[case]
    fresh = clone(estimator)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        fresh.fit(*data, **more)
    assert vars(fresh) == vars(clone(estimator))
    with pytest.raises(NotFittedError):
        fresh.predict(X)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("case", REFUSED)
def test_nonsense_leaves_a_fitted_model_as_it_was(case):
    estimator, data, more, sentence = REFUSED[case]
    model = clone(NUMBERS if isinstance(estimator, NetRegressor) else CLASSES).fit(X, y)
    model.set_params(**estimator.get_params())
    before, predicted = dict(vars(model)), model.predict(X)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        model.fit(*data, **more)
    assert vars(model) == before
    np.testing.assert_array_equal(model.predict(X), predicted)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({}, "The first call of partial_fit needs classes="),
        ({"classes": [0, 1]}, "y holds labels [2] that are not among the classes [0, 1]"),
        ({"classes": [0]}, "y holds one class, 0"),
    ],
)
def test_a_first_partial_fit_that_fails_leaves_nothing_behind(more, sentence):
    net = clone(CLASSES)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        net.partial_fit(X, y, **more)
    assert vars(net) == vars(clone(CLASSES))


def test_a_later_partial_fit_that_fails_leaves_the_model():
    net = clone(CLASSES).partial_fit(X, y, classes=[0, 1, 2])
    before = dict(vars(net))
    with pytest.raises(ValueError, match=r"classes=\[0, 1\] are not those of the first call"):
        net.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"y holds labels \[3\]"):
        net.partial_fit(X, y + 1)
    assert vars(net) == before


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_prediction_checks_what_it_is_given(method):
    net = clone(CLASSES)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(net, method)(X)
    predict = getattr(net.fit(X, y), method)
    with pytest.raises(ValueError, match="X has 2 features, but NetClassifier is expecting 4"):
        predict(X[:, :2])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        predict(put(X, np.nan))


@pytest.mark.parametrize("name", ["coef_", "intercept_", "coefs_", "intercepts_", "net_"])
def test_fitted_attributes_are_not_there_before(name):
    with pytest.raises(AttributeError, match="once"):
        getattr(NetRegressor(()), name)
