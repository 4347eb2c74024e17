"""`bias_variance` on scikit-learn's estimators: training sets, kinds of data, what is said."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import BaggingRegressor, VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from wellposed.bias_variance import KnownTruth, bias_variance
from wellposed.bias_variance.training_sets import seed_estimator


class Recorder(RegressorMixin, BaseEstimator):
    """Predicts what it was fitted with, so that a test can see it."""

    def __init__(self, strength=0.0, random_state=None):
        self.strength = strength
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        self.seen_ = np.concatenate(
            [[self.random_state or 0, len(y), np.ptp(weight - np.asarray(y))], np.sort(y)]
        )
        return self

    def predict(self, X):
        seen = np.zeros(len(X))
        seen[: len(self.seen_)] = self.seen_[: len(X)]
        return seen


@pytest.fixture(scope="module")
def diabetes():
    return load_diabetes(return_X_y=True)


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


# --- training sets --------------------------------------------------------------------------------


def rows_seen(result):
    """Sorted training targets of each repetition of a Recorder whose targets are row numbers."""
    sizes = result.predictions[:, 1].astype(int)
    return [set(seen[3 : 3 + n].astype(int)) for seen, n in zip(result.predictions, sizes)], sizes


def record(sampling, **options):
    X, y = np.zeros((100, 1)), np.arange(100)
    X_test, y_test = np.zeros((150, 1)), np.zeros(150)
    return bias_variance(
        Recorder(), X, y, X_test=X_test, y_test=y_test, sampling=sampling, random_state=0, **options
    )


def test_bootstraps_draw_rows_with_replacement():
    rows, sizes = rows_seen(record("bootstrap", n_repetitions=50))
    assert set(sizes) == {100}
    assert np.mean([len(r) for r in rows]) == pytest.approx(100 * (1 - 1 / np.e), rel=0.03)
    assert len({frozenset(r) for r in rows}) == 50


def test_splits_are_disjoint():
    rows, sizes = rows_seen(record("splits", n_repetitions=7))
    assert set(sizes) == {14}
    assert sum(len(r) for r in rows) == len(set().union(*rows)) == 98
    rows, sizes = rows_seen(record("splits", n_repetitions=7, train_size=5))
    assert len(set().union(*rows)) == 35


@pytest.mark.parametrize(("train_size", "expected"), [(None, 50), (20, 20), (0.3, 30), (1.0, 100)])
def test_subsamples_draw_rows_without_replacement(train_size, expected):
    rows, _ = rows_seen(record("subsample", n_repetitions=9, train_size=train_size))
    assert {len(r) for r in rows} == {expected}


@pytest.mark.parametrize("sampling", ["bootstrap", "splits", "subsample"])
def test_held_out_rows_are_not_trained_on(sampling):
    y = np.arange(200.0)

    class Spy(Recorder):
        def predict(self, X):
            return np.isin(X[:, 0], self.seen_[3:]).astype(float)

    result = bias_variance(
        Spy(), y[:, np.newaxis], y, sampling=sampling, n_repetitions=5, random_state=0, test_size=40
    )
    assert result.predictions.shape == (5, 40)
    assert not result.predictions.any()


def test_estimators_share_training_sets_and_seeds_and_a_repetition_stands_alone(diabetes):
    for arguments in (
        diabetes,
        [KnownTruth(lambda rng: (np.zeros((9, 1)), rng.normal(size=9)), np.zeros((9, 1)), [0] * 9)],
    ):
        few = bias_variance(Recorder(1.0), *arguments, n_repetitions=4, random_state=5)
        many = bias_variance(Recorder(9.0), *arguments, n_repetitions=8, random_state=5)
        np.testing.assert_array_equal(few.predictions, many.predictions[:4])
        other = bias_variance(Recorder(), *arguments, n_repetitions=4, random_state=6)
        assert not np.array_equal(few.predictions, other.predictions)
        assert len(set(many.predictions[:, 0])) == 8  # each repetition its own random_state


def test_rows_seeds_and_held_out_rows_have_streams_of_their_own(monkeypatch, diabetes):
    keys, real = set(), np.random.SeedSequence

    def spy(entropy=None, *, spawn_key=()):
        keys.add(spawn_key)
        return real(entropy, spawn_key=spawn_key)

    monkeypatch.setattr(np.random, "SeedSequence", spy)
    tree = DecisionTreeRegressor(max_features=0.5)
    bias_variance(tree, *diabetes, n_repetitions=4, random_state=0)
    keys.discard(())
    assert len({(*key[:2],) for key in keys}) == len(keys) == 1 + 4 + 4


def test_random_states_inside_a_pipeline_are_set_by_name(wine):
    trees = [
        bias_variance(
            make_pipeline(StandardScaler(), DecisionTreeClassifier(max_features=1, random_state=s)),
            *wine,
            n_repetitions=3,
            random_state=0,
        ).predictions
        for s in (None, 7)
    ]
    np.testing.assert_array_equal(*trees)


def test_parts_have_seeds_of_their_own_that_do_not_depend_on_the_other_parts():
    tree = DecisionTreeRegressor(max_features=1)
    both = VotingRegressor([("a", clone(tree)), ("b", clone(tree))])
    one = VotingRegressor([("b", clone(tree))])
    for estimator in (both, one):
        seed_estimator(estimator, root=3, repetition=2)
    a, b = (part.random_state for _, part in both.estimators)
    assert a != b == one.estimators[0][1].random_state


def test_the_callers_estimator_and_its_parts_are_left_as_they_are(diabetes):
    bag = BaggingRegressor(DecisionTreeRegressor(max_depth=2), n_estimators=2, random_state=7)
    before, parts = dict(vars(bag)), dict(vars(bag.estimator))
    bias_variance(bag, *diabetes, n_repetitions=2, random_state=0)
    assert vars(bag) == before
    assert vars(bag.estimator) == parts


def test_random_state_none_differs_and_a_generator_moves_on_and_global_state_is_left(diabetes):
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    rng = np.random.RandomState(0)
    for state in (None, rng):
        a, b = (
            bias_variance(Recorder(), *diabetes, n_repetitions=3, random_state=state)
            for _ in range(2)
        )
        assert not np.array_equal(a.predictions, b.predictions)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_workers(diabetes, fixed_design):
    tree = DecisionTreeRegressor(max_features=2)
    for arguments in (diabetes, [fixed_design]):
        one, two = (
            bias_variance(tree, *arguments, n_repetitions=6, random_state=0, n_jobs=n_jobs)
            for n_jobs in (1, 2)
        )
        np.testing.assert_array_equal(one.predictions, two.predictions)
        assert one.intervals == two.intervals


def test_fit_parameters_with_a_value_for_each_row_go_with_the_rows():
    y = np.arange(60.0)
    result = bias_variance(
        Recorder(), y[:, np.newaxis], y, fit_params={"sample_weight": y + 3}, n_repetitions=5
    )
    assert not result.predictions[:, 2].any()  # weight - y is constant
    weighted = KnownTruth(
        lambda rng: (y[:, np.newaxis], y, {"sample_weight": y**2}), y[:5, np.newaxis], y[:5]
    )
    assert bias_variance(Recorder(), weighted, n_repetitions=2).predictions[0, 2] > 0


# --- kinds of data --------------------------------------------------------------------------------


def test_dataframes_and_series_give_what_arrays_give(diabetes):
    X, y = diabetes
    frame = pd.DataFrame(X).add_prefix("x")
    frame.index = frame.index[::-1]
    arrays = bias_variance(Ridge(), X, y, n_repetitions=4, random_state=0)
    frames = bias_variance(
        Ridge(), frame, pd.Series(y, index=frame.index), n_repetitions=4, random_state=0
    )
    np.testing.assert_allclose(arrays.predictions, frames.predictions, rtol=1e-12)
    sparse_ = bias_variance(Ridge(), sparse.csr_array(X), y, n_repetitions=4, random_state=0)
    np.testing.assert_allclose(arrays.predictions, sparse_.predictions, rtol=1e-3)


def test_several_outputs_are_summed(diabetes):
    X, y = diabetes
    single = bias_variance(Ridge(), X, y, n_repetitions=5, random_state=0)
    both = bias_variance(Ridge(), X, np.column_stack([y, 2 * y]), n_repetitions=5, random_state=0)
    assert both.predictions.shape == (*single.predictions.shape, 2)
    for name in ("bias2_plus_noise", "variance", "error"):
        assert getattr(both, name) == pytest.approx(5 * getattr(single, name), rel=1e-9)


def test_a_class_missing_from_a_training_set_has_probability_zero(wine):
    X, y = wine
    names = np.array(["barbera", "barolo", "grignolino"])[y]
    options = {"loss": "log", "train_size": 4, "n_repetitions": 20, "random_state": 0}
    with pytest.raises(ValueError, match="log loss is infinite"):
        bias_variance(KNeighborsClassifier(1), X, names, **options)
    result = bias_variance(KNeighborsClassifier(1), X, names, clip=0.01, **options)
    assert result.predictions.shape[2] == 3
    assert np.isfinite(result.error)


@pytest.mark.parametrize("loss", ["zero_one", "log"])
def test_a_class_of_the_test_rows_only_is_always_missed(wine, loss):
    X, y = wine
    known = y < 2
    X_test, y_test = X[::20], y[::20]
    options = {"loss": loss, "n_repetitions": 4, "random_state": 0}
    options["clip"] = 1e-3 if loss == "log" else None
    result = bias_variance(
        KNeighborsClassifier(3), X[known], y[known], X_test=X_test, y_test=y_test, **options
    )
    expected = -np.log(1e-3 / 1.001) if loss == "log" else 1.0
    np.testing.assert_allclose(result.per_point["error"][y_test == 2], expected, rtol=2e-3)
    assert (result.per_point["error"][y_test < 2] < expected).any()


def test_string_labels_give_what_numbers_give(wine):
    X, y = wine
    names = np.array(["a", "b", "c"], dtype=object)[y]
    tree = DecisionTreeClassifier(max_depth=2)
    numbers = bias_variance(tree, X, y, n_repetitions=8, random_state=0)
    strings = bias_variance(tree, X, pd.Series(names), n_repetitions=8, random_state=0)
    np.testing.assert_array_equal(
        np.array(["a", "b", "c"])[numbers.predictions], strings.predictions
    )
    assert numbers.frame().equals(strings.frame())


# --- what the result says -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampling", "sentence"),
    [
        ("bootstrap", "4 bootstraps of ONE data set"),
        ("subsample", "4 overlapping subsamples of ONE data set"),
        ("splits", "4 disjoint parts of one data set"),
    ],
)
def test_one_data_set_is_named_as_such(diabetes, sampling, sentence):
    result = bias_variance(Ridge(), *diabetes, sampling=sampling, n_repetitions=4)
    assert result.sampling == sampling
    assert sentence in repr(result)
    assert "Observed targets do not tell noise from bias" in repr(result)
    assert not hasattr(result, "bias2")
    assert not hasattr(result, "noise")
    assert set(result.frame().component) == {"bias2_plus_noise", "variance", "error"}


def test_a_known_truth_is_named_as_such(fixed_design):
    result = bias_variance(Ridge(), fixed_design, n_repetitions=3, random_state=0)
    assert result.sampling == "independent"
    text = repr(result)
    assert "3 independent draws from a known truth" in text
    assert "do not tell noise from bias" not in text
    for label in ("bias²", "variance", "noise", "error"):
        assert label in text
    points = result.frame(per_point=True)
    assert list(points.columns) == ["point", "bias2", "variance", "noise", "error"]
    assert len(points) == result.n_test == 15
    assert result.n_repetitions == 3


def test_a_lower_level_gives_a_shorter_interval(fixed_design):
    wide, narrow = (
        bias_variance(
            Ridge(), fixed_design, n_repetitions=9, random_state=0, confidence_level=level
        ).intervals["error"]
        for level in (0.99, 0.5)
    )
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
