"""The display: arrays, frame, labels and scales; never pixels."""

import matplotlib
import numpy as np
import pytest
from sklearn.datasets import load_wine, make_regression
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from wellposed._axes import set_value_axis
from wellposed.bias_variance import (
    BiasVarianceDisplay,
    KnownTruth,
    bias_variance,
    decompose_squared,
    decompose_zero_one,
)

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 8))
    f = X @ rng.normal(size=8)
    return KnownTruth(lambda rng: (X, f + rng.normal(size=30)), X, f, noise=1.0)


@pytest.fixture(scope="module")
def ridge_display(truth):
    return BiasVarianceDisplay.from_estimator(
        Ridge(fit_intercept=False),
        truth,
        param_name="alpha",
        param_range=[0.01, 1.0, 100.0],
        n_repetitions=30,
        random_state=0,
    )


def labels_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_arrays_are_those_of_bias_variance_at_each_value(truth, ridge_display):
    for i, alpha in enumerate([0.01, 1.0, 100.0]):
        alone = bias_variance(
            Ridge(alpha=alpha, fit_intercept=False), truth, n_repetitions=30, random_state=0
        )
        for name in (*alone.terms, "error"):
            assert ridge_display.components[name][i] == getattr(alone, name)
            assert tuple(ridge_display.intervals[name][i]) == alone.intervals[name]
    assert np.all(np.diff(ridge_display.components["bias2"]) > 0)
    assert np.all(np.diff(ridge_display.components["variance"]) < 0)


def test_every_value_sees_the_same_training_sets_without_a_random_state(truth):
    display = BiasVarianceDisplay.from_estimator(
        Ridge(), truth, param_name="alpha", param_range=[1.0, 1.0], n_repetitions=3
    )
    np.testing.assert_array_equal(*[result.predictions for result in display.results])


def test_frame_is_tidy(ridge_display):
    frame = ridge_display.frame()
    assert list(frame.columns) == [
        "param_name",
        "param_value",
        "component",
        "estimate",
        "low",
        "high",
        "level",
        "term",
        "loss",
        "sampling",
        "n_repetitions",
        "n_test",
    ]
    assert len(frame) == 3 * 4
    sums = frame[frame.term].groupby("param_value").estimate.sum()
    errors = frame[frame.component == "error"].set_index("param_value").estimate
    np.testing.assert_allclose(sums, errors, rtol=0, atol=1e-10)
    assert ((frame.low <= frame.estimate) & (frame.estimate <= frame.high)).all()


def test_lines_labels_and_log_axis(ridge_display):
    _, ax = plt.subplots()
    assert ridge_display.plot(ax) is ridge_display
    assert ridge_display.ax_ is ax
    assert ridge_display.figure_ is ax.figure
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "alpha"
    assert ax.get_ylabel() == "Expected squared error"
    assert labels_of(ax) == ["error", "bias²", "variance", "noise"]
    assert ax.get_legend().get_title().get_text() == "30 independent training sets"
    for name, line in zip(["error", "bias2", "variance", "noise"], ax.lines):
        np.testing.assert_array_equal(line.get_ydata(), ridge_display.components[name])
    styles = {(line.get_color(), line.get_linestyle()) for line in ax.lines}
    assert len({color for color, _ in styles}) == len({style for _, style in styles}) == 4


def test_stacked_areas_end_at_the_error(ridge_display):
    ridge_display.plot(kind="stacked")
    ax = ridge_display.ax_
    assert labels_of(ax) == ["error", "variance", "bias²", "noise"]
    top = ax.collections[2].get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(ridge_display.components["error"].max(), abs=1e-10)


def test_line_keywords_reach_matplotlib(ridge_display):
    ridge_display.plot(line_kw={"linewidth": 7}, fill_between_kw={"alpha": 0.5})
    assert {line.get_linewidth() for line in ridge_display.ax_.lines} == {7}
    assert {band.get_alpha() for band in ridge_display.ax_.collections} == {0.5}


def test_one_data_set_is_named_on_the_figure_and_values_may_be_categories():
    X, y = load_wine(return_X_y=True)
    display = BiasVarianceDisplay.from_estimator(
        DecisionTreeClassifier(),
        X,
        y,
        param_name="max_depth",
        param_range=[1, 3, None],
        n_repetitions=5,
        random_state=0,
    )
    ax = display.ax_
    assert ax.get_legend().get_title().get_text() == "5 bootstraps of one data set"
    assert labels_of(ax) == ["error", "bias + noise", "net variance"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "3", "None"]
    assert ax.get_ylabel() == "Expected 0-1 loss"
    assert "5 bootstraps of ONE data set" in repr(display)
    assert display.frame().param_value.tolist()[-1] is None


def test_a_parameter_within_a_pipeline_and_the_log_loss():
    X, y = load_wine(return_X_y=True)
    display = BiasVarianceDisplay.from_estimator(
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        X,
        y,
        param_name="kneighborsclassifier__n_neighbors",
        param_range=[1, 4, 16],
        loss="log",
        clip=1e-3,
        n_repetitions=4,
        random_state=0,
    )
    assert display.ax_.get_ylabel() == "Expected log loss (nats)"
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["1", "4", "16"]


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1, 2, 3, 4], "linear"),
        ([0.1, 1.0, 10.0], "log"),
        ([100.0, 1.0, 0.01], "log"),
        ([0.0, 0.01, 0.1, 1.0], "symlog"),
        ([0.0, 0.25, 0.5], "linear"),
        ([0.0, 0.1, 0.25, 0.5, 0.9], "linear"),
        ([1, 2, 4, 8], "log"),
        ([-1.0, 1.0, 10.0, 100.0], "linear"),
        ([5], "linear"),
        (["a", "b"], "linear"),
        ([True, False], "linear"),
        ([(8,), (8, 8)], "linear"),
    ],
)
def test_axis_scale_follows_the_values(values, scale):
    _, ax = plt.subplots()
    positions = set_value_axis(ax, values)
    assert ax.get_xscale() == scale
    assert len(positions) == len(values)


def test_refusals(ridge_display, truth):
    results = ridge_display.results
    with pytest.raises(ValueError, match="same length, at least 1; got 3 and 1"):
        BiasVarianceDisplay(results, param_name="alpha", param_range=[1.0])
    other = decompose_squared([[1.0], [2.0]], y=[1.0])
    with pytest.raises(ValueError, match="one loss, one sampling"):
        BiasVarianceDisplay([results[0], other], param_name="alpha", param_range=[1.0, 2.0])
    with pytest.raises(ValueError, match="'line' or 'stacked'; got 'bars'"):
        ridge_display.plot(kind="bars")
    with pytest.raises(ValueError, match="Invalid parameter 'alfa'"):
        BiasVarianceDisplay.from_estimator(Ridge(), truth, param_name="alfa", param_range=[1.0])
    for name, values in (("alpha", []), ("alpha", 0.1), (None, [1.0])):
        with pytest.raises(ValueError, match=r"expected the name of a parameter and a sequence"):
            BiasVarianceDisplay.from_estimator(Ridge(), truth, param_name=name, param_range=values)
    # A biased point, where variance lowers the 0-1 loss.
    labels = np.ones((30, 200), dtype=int)
    labels[:5] = 0
    helpful = decompose_zero_one(labels, y=np.zeros(200, dtype=int))
    display = BiasVarianceDisplay([helpful], param_name="depth", param_range=[1])
    with pytest.raises(ValueError, match="net variance is below zero at depth=1"):
        display.plot(kind="stacked")


@pytest.mark.parametrize("values", [[1, 3, None], [None, 0.5], ["sqrt", None], [None]])
def test_frame_keeps_none(values):
    name = "max_depth" if 3 in values else "max_features"
    display = BiasVarianceDisplay.from_estimator(
        DecisionTreeRegressor(random_state=0),
        *make_regression(60, 4, random_state=0),
        param_name=name,
        param_range=values,
        sampling="subsample",
        n_repetitions=3,
        random_state=0,
    )
    found = display.frame()["param_value"]
    assert [value for value in values for _ in range(3)] == found.tolist()
    assert found.notna().sum() == 3 * sum(value is not None for value in values)
