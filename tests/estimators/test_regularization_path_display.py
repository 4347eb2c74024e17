"""RegularizationPathDisplay: the path is that of the estimator's own fits."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, lasso_path
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import NetClassifier, NetRegressor, RegularizationPathDisplay, fit_together

matplotlib.use("Agg")
X, y = load_diabetes(return_X_y=True, as_frame=True)
X = 20 * X  # columns of about unit spread
STRENGTHS = [0.3, 1.0, 3.0, 10.0, 30.0]
LASSO = NetRegressor((), solver="lbfgs", tol=1e-10)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def path_of(estimator, param_name="l1", **options):
    return RegularizationPathDisplay.from_estimator(
        estimator, X, y, param_name=param_name, param_range=STRENGTHS, **options
    )


@pytest.mark.parametrize("warm_start", [False, True])
def test_weights_and_support_are_the_lasso_path(warm_start):
    display = path_of(LASSO, cv=None, warm_start=warm_start)
    centred = (X - X.mean()).to_numpy()
    _, coefs, _ = lasso_path(centred, y - y.mean(), alphas=STRENGTHS[::-1], tol=1e-14)
    coefs = coefs[:, ::-1].T
    np.testing.assert_allclose(display.weights, coefs, rtol=1e-6, atol=1e-7 * abs(coefs).max())
    np.testing.assert_array_equal(display.support, np.count_nonzero(coefs, axis=1))
    assert 0 < display.support[-2] < 10


def test_scores_are_those_of_cross_validate():
    folds = KFold(4, shuffle=True, random_state=0)
    display = path_of(Lasso(), "alpha", cv=folds, scoring="neg_mean_squared_error")
    for i, strength in enumerate(STRENGTHS):
        found = cross_validate(
            Lasso(alpha=strength), X, y, cv=folds, scoring="neg_mean_squared_error",
            return_train_score=True,
        )  # fmt: skip
        np.testing.assert_allclose(display.test_scores[i], found["test_score"])
        np.testing.assert_allclose(display.train_scores[i], found["train_score"])
    search = GridSearchCV(Lasso(), {"alpha": STRENGTHS}, cv=folds).fit(X, y)
    assert STRENGTHS[display.best_index_] == search.best_params_["alpha"]


def test_together_it_is_the_same():
    net = NetRegressor((4,), max_epochs=3, random_state=0)
    alone = path_of(net, cv=2)
    with fit_together() as scheduler:
        together = path_of(net, cv=2)
    assert max(scheduler.stack_sizes) >= 5
    for name in ("weights", "support", "train_scores", "test_scores"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(together, name))


def test_of_hidden_layers_and_several_outputs_norms_are_shown():
    net = NetRegressor((4,), max_epochs=2, random_state=0)
    display = path_of(net, cv=None)
    fitted = net.set_params(l1=STRENGTHS[0]).fit(X, y)
    assert not display.signed
    np.testing.assert_allclose(display.weights[0], np.linalg.norm(fitted.coefs_[0], axis=1))
    flowers, kinds = load_iris(return_X_y=True)
    display = RegularizationPathDisplay.from_estimator(
        LogisticRegression(), flowers, kinds, param_name="C", param_range=[0.1, 1.0]
    )
    coef = LogisticRegression(C=1.0).fit(flowers, kinds).coef_
    np.testing.assert_allclose(display.weights[1], np.linalg.norm(coef, axis=0))
    assert display.feature_names == ["0", "1", "2", "3"]
    assert display.axes_[2].get_ylabel() == "Accuracy"


def test_pipelines_and_their_columns():
    pipe = make_pipeline(StandardScaler(), LASSO)
    display = path_of(pipe, "netregressor__l1", warm_start=True)
    assert display.feature_names == list(X.columns)
    expected = path_of(make_pipeline(StandardScaler(), Lasso(tol=1e-12)), "lasso__alpha", cv=None)
    np.testing.assert_allclose(display.weights, expected.weights, atol=1e-4)
    texts = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert set(texts) <= set(X.columns)
    assert len(texts) == 8
    assert display.axes_[-1].get_xscale() == "log"


def test_panels_and_frame():
    display = path_of(Ridge(), "alpha")
    assert len(display.axes_) == 3
    assert len(display.plot(kind="support").axes_) == 1
    assert len(path_of(Ridge(), "alpha", cv=None).axes_) == 2
    frame = display.frame()
    assert len(frame) == 50
    row = frame[(frame.param_value == 3.0) & (frame.feature == "bmi")].iloc[0]
    assert row.weight == display.weights[2, 2]
    assert row.test_score == display.test_scores[2].mean()
    assert "best at 0.3" in repr(display)
    fig = matplotlib.figure.Figure()
    ax = fig.subplots()
    assert display.plot(ax, kind=["weights"]).axes_[0] is ax


@pytest.mark.parametrize(
    "values",
    [[[0.1, 0.0], [0.2, 0.1]], [0.0, [0.2, 0.1]], pd.Series([0.1, 0.2], index=[5, 6])],
    ids=["a list a layer", "numbers and lists", "a series"],
)
def test_strengths_of_any_kind_and_a_single_fold(values):
    net = NetRegressor((3,), max_epochs=1, random_state=0)
    display = RegularizationPathDisplay.from_estimator(
        net, X, y, param_name="l2", param_range=values, cv=ShuffleSplit(1, random_state=0)
    )
    assert display.frame().param_value.tolist()[:: X.shape[1]] == [*values]
    assert display.axes_[-1].get_legend().get_title().get_text() == "One fold"
    assert "best at" in repr(display)


def test_misuse_is_said():
    with pytest.raises(ValueError, match="several scores, and one is drawn"):
        path_of(Ridge(), "alpha", scoring=["r2", "max_error"])
    with pytest.raises(ValueError, match="neither coef_ nor coefs_"):
        RegularizationPathDisplay.from_estimator(
            KNeighborsRegressor(), X, y, param_name="n_neighbors", param_range=[3, 5]
        )
    with pytest.raises(ValueError, match="no parameter warm_start"):
        path_of(Ridge(), "alpha", warm_start=True, cv=None)
    for none in ([], {0.1, 0.2}, "l1", 3):
        with pytest.raises(ValueError, match="one strength or more"):
            RegularizationPathDisplay.from_estimator(
                Ridge(), X, y, param_name="alpha", param_range=none
            )
    with pytest.raises(ValueError, match="kind must be of"):
        path_of(Ridge(), "alpha", kind="bias")
    with pytest.raises(ValueError, match="no scores to draw"):
        path_of(Ridge(), "alpha", cv=None, kind="error")
    with pytest.raises(ValueError, match="2 panels to draw, and ax holds 1"):
        path_of(Ridge(), "alpha", cv=None, ax=matplotlib.figure.Figure().subplots())
    with pytest.raises(AttributeError, match="with test scores"):
        _ = path_of(Ridge(), "alpha", cv=None).best_index_


def test_classes_keep_their_shares_in_the_folds():
    flowers, kinds = load_iris(return_X_y=True)
    net = NetClassifier((), max_epochs=30, learning_rate=0.1, random_state=0)
    display = RegularizationPathDisplay.from_estimator(
        net, flowers, kinds, param_name="l2", param_range=[1e-3, 100.0], cv=3
    )
    assert display.test_scores[0].mean() > 0.9  # sorted classes in plain folds give 0
    assert abs(display.weights[1]).max() < 0.1 * abs(display.weights[0]).max()
