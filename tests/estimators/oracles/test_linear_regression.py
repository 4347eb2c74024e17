"""A network without hidden layers is Ridge, Lasso and ElasticNet (section 0 of the catalogue)."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge

from wellposed import NetRegressor

pytestmark = pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")

SHAPES = [(60, 12), (20, 45)]
EXACT = {"solver": "lbfgs", "tol": 1e-10, "max_epochs": 100_000}


def assert_equal_models(model, reference, support=False):
    """Relative 2-norm of the difference <= 1e-6, for weights and intercepts; same support."""
    for name in ("coef_", "intercept_"):
        ours, theirs = np.asarray(getattr(model, name)), np.asarray(getattr(reference, name))
        assert ours.shape == theirs.shape, name
        assert np.linalg.norm(ours - theirs) <= 1e-6 * np.linalg.norm(theirs), name
    if support:
        np.testing.assert_array_equal(model.coef_ != 0, reference.coef_ != 0)


def weights(n, weighted):
    """Whole numbers with some zeros, or no weights."""
    return np.random.default_rng(1).integers(0, 4, n).astype(float) if weighted else None


@pytest.fixture(params=SHAPES, ids=["n>p", "n<p"])
def shape(request):
    return request.param


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("n_outputs", [1, 3])
class TestEqualsScikitLearn:
    @pytest.mark.parametrize("a", [0.01, 1.0])
    def test_l2_is_ridge_of_n_times_l2(self, regression, shape, n_outputs, weighted, a):
        X, y = regression(*shape, n_outputs)
        w = weights(len(X), weighted)
        n = len(X) if w is None else w.sum()
        model = NetRegressor((), l2=a, **EXACT).fit(X, y, sample_weight=w)
        assert_equal_models(model, Ridge(alpha=n * a).fit(X, y, sample_weight=w))

    @pytest.mark.parametrize("a", [0.02, 0.2])
    def test_l1_is_lasso(self, regression, shape, n_outputs, weighted, a):
        X, y = regression(*shape, n_outputs)
        w = weights(len(X), weighted)
        model = NetRegressor((), l1=a, **EXACT).fit(X, y, sample_weight=w)
        reference = Lasso(a, tol=1e-14, max_iter=1_000_000).fit(X, y, sample_weight=w)
        assert_equal_models(model, reference, support=True)
        assert (model.coef_ == 0).any()

    @pytest.mark.parametrize("r", [0.2, 0.8])
    def test_l1_and_l2_are_elastic_net(self, regression, shape, n_outputs, weighted, r):
        X, y = regression(*shape, n_outputs)
        w = weights(len(X), weighted)
        a = 0.3
        model = NetRegressor((), l1=a * r, l2=a * (1 - r), **EXACT).fit(X, y, sample_weight=w)
        reference = ElasticNet(alpha=a, l1_ratio=r, tol=1e-14, max_iter=1_000_000)
        assert_equal_models(model, reference.fit(X, y, sample_weight=w), support=True)


def test_without_penalty_it_is_least_squares(regression):
    X, y = regression(60, 12, 2)
    assert_equal_models(NetRegressor((), **EXACT).fit(X, y), LinearRegression().fit(X, y))


def test_without_intercept(regression):
    X, y = regression(60, 12)
    model = NetRegressor((), l1=0.1, l2=0.2, fit_intercept=False, **EXACT).fit(X, y)
    reference = ElasticNet(0.3, l1_ratio=1 / 3, fit_intercept=False, tol=1e-14, max_iter=100_000)
    reference.fit(X, y)
    assert np.linalg.norm(model.coef_ - reference.coef_) <= 1e-6 * np.linalg.norm(reference.coef_)
    assert model.intercept_ == 0


@pytest.mark.parametrize("penalty", [{"l2": 0.3}, {"l1": 0.05}])
def test_strength_does_not_depend_on_the_number_of_rows(regression, penalty):
    """Every row twice, or every weight doubled, is the same mean and so the same model."""
    X, y = regression(60, 12)
    once = NetRegressor((), **penalty, **EXACT).fit(X, y)
    twice = NetRegressor((), **penalty, **EXACT).fit(np.vstack([X, X]), np.hstack([y, y]))
    doubled = NetRegressor((), **penalty, **EXACT).fit(X, y, sample_weight=np.full(60, 2.0))
    assert_equal_models(twice, once)
    assert_equal_models(doubled, once)


SOLVERS = {
    "sgd": {"solver": "sgd", "momentum": 0.0, "learning_rate": 0.05},
    "sgd with momentum": {"solver": "sgd", "momentum": 0.9, "learning_rate": 0.02},
    "adam": {"solver": "adam", "learning_rate": 0.01},
    "lbfgs": {"solver": "lbfgs", "tol": 1e-10},
}


@pytest.mark.parametrize("r", [1.0, 0.6], ids=["lasso", "elastic net"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_reaches_the_support_in_full_batch(solver, r):
    """The proximal threshold is l1 times the effective gain of the step, whatever the solver."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(80, 20))
    y = X[:, :6] @ np.array([2.0, -1.5, 1.0, -0.7, 0.5, 0.3]) + rng.normal(size=80) + 1
    a = 0.15
    model = NetRegressor(
        (), l1=a * r, l2=a * (1 - r), batch_size=None, max_epochs=8000, **SOLVERS[solver]
    )
    if solver == "lbfgs":
        model.set_params(batch_size="auto")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(X, y)
    reference = ElasticNet(a, l1_ratio=r, tol=1e-14, max_iter=1_000_000).fit(X, y)
    assert_equal_models(model, reference, support=True)
    assert 0 < (model.coef_ == 0).sum() < 20


@pytest.mark.parametrize("solver", ["sgd", "sgd with momentum", "adam"])
def test_mini_batches_give_exact_zeros(solver):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(80, 20))
    y = X[:, :2] @ np.array([2.0, -1.5]) + 0.1 * rng.normal(size=80)
    model = NetRegressor((), l1=0.3, batch_size=20, max_epochs=300, **SOLVERS[solver]).fit(X, y)
    assert (model.coef_[:2] != 0).all()
    assert (model.coef_[2:] == 0).sum() >= 9
