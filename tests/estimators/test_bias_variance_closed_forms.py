"""`bias_variance` on scikit-learn's estimators against closed forms."""

import numpy as np
import pytest
from sklearn.datasets import make_friedman1
from sklearn.ensemble import BaggingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from wellposed.bias_variance import KnownTruth, bias_variance

NOISE = 0.5  # of `fixed_design`


@pytest.mark.parametrize("alpha", [1e-3, 10.0, 1e3])
def test_ridge_has_its_closed_form_bias_and_variance(design, fixed_design, alpha):
    X, f, X_test, f_test = design
    A = X_test @ np.linalg.solve(X.T @ X + alpha * np.eye(12), X.T)  # predictions are A y
    bias = A @ f - f_test
    n, R = len(f_test), 300
    result = bias_variance(
        Ridge(alpha=alpha, fit_intercept=False), fixed_design, n_repetitions=R, random_state=1
    )
    # Standard errors of the U-statistics of Gaussian predictions N(A f, NOISE A A').
    frobenius = 2 * np.square(NOISE * A @ A.T).sum() / n**2
    linear = 4 * NOISE * np.square(A.T @ bias).sum() / n**2
    bias2_error = np.sqrt(linear / R + frobenius / (R * (R - 1)))
    variance_error = np.sqrt(frobenius / (R - 1))
    assert abs(result.bias2 - np.mean(bias**2)) < 4 * bias2_error
    assert abs(result.variance - NOISE * np.square(A).sum() / n) < 4 * variance_error
    assert result.noise == NOISE
    assert result.bias2 + result.variance + result.noise == pytest.approx(result.error, abs=1e-10)
    low, high = result.intervals["variance"]
    assert (high - low) / 2 == pytest.approx(1.97 * variance_error, rel=0.25)


def test_two_fits_of_ridge_are_unbiased_on_average(design, fixed_design):
    X, f, X_test, f_test = design
    A = X_test @ np.linalg.solve(X.T @ X + 10 * np.eye(12), X.T)
    ridge = Ridge(alpha=10.0, fit_intercept=False)
    pairs = [
        bias_variance(ridge, fixed_design, n_repetitions=2, random_state=seed)
        for seed in range(250)
    ]
    truths = {"bias2": np.mean((A @ f - f_test) ** 2), "variance": NOISE * np.square(A).sum() / 15}
    for name, truth in truths.items():
        values = np.array([getattr(pair, name) for pair in pairs])
        assert abs(values.mean() - truth) < 4 * values.std(ddof=1) / np.sqrt(len(values))


@pytest.mark.parametrize("k", [1, 2, 10])
def test_k_neighbours_have_variance_noise_over_k(design, k):
    X, f, _, _ = design
    truth = KnownTruth(lambda rng: (X, f + rng.normal(size=40)), X, f, noise=1.0)
    nearest = KNeighborsRegressor(k).fit(X, f)
    result = bias_variance(KNeighborsRegressor(k), truth, n_repetitions=200, random_state=0)
    W = nearest.kneighbors_graph(X).toarray() / k
    variance_error = np.sqrt(2 * np.square(W @ W.T).sum() / 40**2 / 199)
    assert abs(result.variance - 1 / k) < 4 * variance_error
    low, high = result.intervals["bias2"]
    assert low - (high - low) <= np.mean((nearest.predict(X) - f) ** 2) <= high + (high - low)
    if k == 1:
        assert abs(result.bias2) < 0.02


def test_bagging_lowers_the_variance_of_a_tree_and_one_bag_does_not():
    X_test, f_test = make_friedman1(50, noise=0, random_state=1)
    truth = KnownTruth(
        lambda rng: make_friedman1(80, noise=1.0, random_state=rng), X_test, f_test, noise=1.0
    )
    tree = DecisionTreeRegressor(random_state=0)
    results = [
        bias_variance(BaggingRegressor(tree, k), truth, n_repetitions=30, random_state=0)
        for k in (1, 10)
    ]
    paired = results[0].pseudo_values["variance"] - results[1].pseudo_values["variance"]
    assert paired.mean() > 4 * paired.std(ddof=1) / np.sqrt(30)
    alone = bias_variance(tree, truth, n_repetitions=30, random_state=0)
    assert results[0].variance > 0.9 * alone.variance


def test_logistic_truth_has_its_noise_and_adds_up():
    rng = np.random.default_rng(3)
    X_test = rng.normal(size=(30, 3))

    def probabilities(X):
        scores = np.exp(X @ np.array([[1.0, -1.0, 0.0], [0.0, 2.0, -1.0], [0.0, 0.0, 1.0]]))
        return scores / scores.sum(axis=1, keepdims=True)

    def sample(rng):
        X = rng.normal(size=(60, 3))
        cumulative = probabilities(X).cumsum(axis=1)
        codes = (rng.uniform(size=(60, 1)) > cumulative).sum(axis=1)
        return X, np.array(["no", "yes", "perhaps"])[codes]

    q = probabilities(X_test)
    truth = KnownTruth(sample, X_test, q, classes=["no", "yes", "perhaps"])
    model = make_pipeline(StandardScaler(), LogisticRegression())
    zero_one = bias_variance(model, truth, n_repetitions=20, random_state=0)
    log = bias_variance(model, truth, loss="log", n_repetitions=20, random_state=0)
    labels, P = zero_one.predictions, log.predictions
    np.testing.assert_array_equal(np.array(["no", "yes", "perhaps"])[P.argmax(axis=2)], labels)
    assert zero_one.noise == pytest.approx(np.mean(1 - q.max(axis=1)), abs=1e-12)
    assert log.noise == pytest.approx(np.mean(-(q * np.log(q)).sum(axis=1)), abs=1e-12)
    wrong = np.mean(
        [1 - q[i, list(truth.classes).index(l)] for row in labels for i, l in enumerate(row)]
    )
    assert zero_one.error == pytest.approx(wrong, abs=1e-12)
    assert log.error == pytest.approx(np.mean(-(q * np.log(P)).sum(axis=2)), abs=1e-12)
    for result in (zero_one, log):
        terms = sum(getattr(result, name) for name in result.terms)
        assert terms == pytest.approx(result.error, abs=1e-12)
        assert result.noise_separated
