"""TrainingCurveDisplay, and what every regularizer adds to the objective."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import NetClassifier, NetRegressor, TrainingCurveDisplay

matplotlib.use("Agg")
X, y = load_iris(return_X_y=True)
SETTINGS = {"max_epochs": 6, "batch_size": 50, "random_state": 0}


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def J(net, X, y):
    p = net.predict_proba(X)
    return -np.log(p[np.arange(len(y)), y]).mean()


def test_the_last_part_of_a_penalty_is_its_formula():
    net = NetClassifier((8,), l2=0.1, l1=0.01, **SETTINGS).fit(X, y)
    weights = np.concatenate([w.ravel() for w in net.coefs_])
    parts = net.objective_parts_
    assert list(parts) == ["l2", "l1"]
    assert [len(part) for part in parts.values()] == [6, 6]
    assert parts["l2"][-1] == pytest.approx(0.05 * (weights**2).sum(), rel=1e-12)
    assert parts["l1"][-1] == pytest.approx(0.01 * abs(weights).sum(), rel=1e-12)


def test_parts_and_mean_loss_add_up():
    """With one full batch an epoch, J is that of the parameters before the epoch."""
    options = {"l2": 0.1, "activity_l1": 0.01, "batch_size": None, "random_state": 0}
    net = NetClassifier((8,), max_epochs=5, **options).fit(X, y)
    before = NetClassifier((8,), max_epochs=4, **options).fit(X, y)
    display = TrainingCurveDisplay.from_estimator(net)
    assert display.loss[-1] == pytest.approx(J(before, X, y), rel=1e-10)
    hidden = np.maximum(X @ before.coefs_[0] + before.intercepts_[0], 0)
    expected = 0.01 * hidden.sum(1).mean()
    assert net.objective_parts_["activity_l1"][-1] == pytest.approx(expected, rel=1e-10)
    total = display.loss + sum(display.parts.values())
    np.testing.assert_allclose(total, net.loss_curve_, rtol=1e-12)


def test_parts_are_means_over_the_steps_of_an_epoch():
    net = NetClassifier((8,), activity_l1=0.01, learning_rate=1e-12, **SETTINGS).fit(X, y)
    hidden = np.maximum(X @ net.coefs_[0] + net.intercepts_[0], 0)
    np.testing.assert_allclose(
        net.objective_parts_["activity_l1"], 0.01 * hidden.sum(1).mean(), rtol=1e-6
    )


def test_lbfgs_knows_them_at_its_end():
    table, target = load_diabetes(return_X_y=True)
    net = NetRegressor((), solver="lbfgs", l2=0.01).fit(table, target)
    ridge = Ridge(alpha=0.01 * len(target)).fit(table, target)
    expected = 0.005 * (ridge.coef_**2).sum()
    assert net.objective_parts_ == {"l2": [pytest.approx(expected, rel=1e-4)]}
    assert len(TrainingCurveDisplay.from_estimator(net).loss) == net.n_iter_


def test_off_nothing_is_recorded_and_partial_fit_goes_on():
    assert NetClassifier(**SETTINGS).fit(X, y).objective_parts_ == {}
    net = NetRegressor(l2=0.1, random_state=0)
    for _ in range(3):
        net.partial_fit(X, y)
    assert len(net.objective_parts_["l2"]) == len(net.loss_curve_) == 3


def test_curves_of_early_stopping():
    net = NetClassifier((8,), learning_rate=0.05, early_stopping=True, **SETTINGS).fit(X, y)
    display = TrainingCurveDisplay.from_estimator(make_pipeline(StandardScaler(), net).fit(X, y))
    fitted = TrainingCurveDisplay.from_estimator(net)
    np.testing.assert_array_equal(fitted.validation, net.validation_loss_curve_)
    assert fitted.best_epoch == net.best_epoch_
    labels = [text.get_text() for text in fitted.ax_.get_legend().get_texts()]
    assert f"best epoch, {net.best_epoch_}" in labels
    assert len(display.objective) == 6
    frame = fitted.frame()
    assert list(frame) == ["epoch", "objective", "loss", "validation_loss", "validation_score"]
    assert frame.validation_loss.idxmin() + 1 == net.best_epoch_
    assert "best epoch" in repr(fitted)


def test_any_estimator_with_a_loss_curve():
    mlp = MLPClassifier((8,), max_iter=5, early_stopping=True)
    display = TrainingCurveDisplay.from_estimator(mlp, X, y)
    assert not hasattr(mlp, "loss_curve_")  # it is left as it is
    assert len(display.objective) == len(display.validation_scores) == 5
    with pytest.raises(ValueError, match="Ridge has no loss_curve_"):
        TrainingCurveDisplay.from_estimator(Ridge(), X, y)
    with pytest.raises(NotFittedError):
        TrainingCurveDisplay.from_estimator(NetClassifier())


def test_wrappers_have_it_inside():
    X, y = load_diabetes(return_X_y=True)
    net = NetRegressor((3,), max_epochs=2, random_state=0)
    scaled = TransformedTargetRegressor(make_pipeline(StandardScaler(), net), transformer=None)
    search = GridSearchCV(scaled, {"regressor__netregressor__l2": [0.1]}, cv=2).fit(X, y)
    display = TrainingCurveDisplay.from_estimator(search)
    assert display.objective.tolist() == search.best_estimator_.regressor_[-1].loss_curve_


def test_misuse_is_said():
    with pytest.raises(ValueError, match="one number an epoch"):
        TrainingCurveDisplay([])
    with pytest.raises(ValueError, match=r"parts\['l2'\] holds 2 numbers for 3 epochs"):
        TrainingCurveDisplay([3, 2, 1], parts={"l2": [1, 2]})


def test_the_axis_is_logarithmic_where_curves_span_much():
    assert TrainingCurveDisplay([100, 10, 1]).plot().ax_.get_yscale() == "log"
    assert TrainingCurveDisplay([3, 2, 1]).plot().ax_.get_yscale() == "linear"
    assert TrainingCurveDisplay([100, 10, -1]).plot().ax_.get_yscale() == "linear"
