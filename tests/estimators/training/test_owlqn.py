"""OWL-QN against scikit-learn, scipy and its own optimality conditions."""

import math
from itertools import pairwise

import numpy as np
import pytest
import scipy.optimize
import torch
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from torch.nn.functional import cross_entropy, softplus

from wellposed.training.owlqn import minimize, pseudo_gradient

STRENGTHS = [1e-3, 1e-2, 1e-1]  # as a share of the strength at which every coefficient is zero


@pytest.fixture(autouse=True)
def _one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def pad16(n):
    return -(-n // 16) * 16


def make_regression(n, p, correlation=0.0, seed=0):
    """Sparse linear model; neighbouring columns are correlated."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1 - correlation**2) * X[:, j]
    w = np.zeros(p)
    w[rng.choice(p, 8, replace=False)] = 3 * rng.standard_normal(8)
    return X, X @ w + 2.0 + rng.standard_normal(n)


def full_strength(X, y):
    return np.abs(X.T @ (y - y.mean())).max() / len(y)


class LeastSquares:
    """``|X_k w + b - y_k|^2 / 2n + l2_k |w|^2 / 2``, one matrix-vector product a row."""

    def __init__(self, Xs, ys, l2, dtype=torch.float64):
        n, p = Xs[0].shape
        self.p = p
        self.X = torch.zeros(len(Xs), n, pad16(p + 1), dtype=dtype)
        self.X[:, :, :p] = torch.as_tensor(np.stack(Xs))
        self.X[:, :, p] = 1.0
        self.y = torch.as_tensor(np.stack(ys), dtype=dtype)
        self.l2 = self.penalty(l2)
        self.start = torch.zeros_like(self.l2)

    def penalty(self, strengths):
        weights = self.X.new_zeros(len(self.X), self.X.shape[2])
        weights[:, : self.p] = torch.as_tensor(strengths, dtype=weights.dtype).unsqueeze(1)
        return weights

    def __call__(self, theta, active):
        values, gradients = [], []
        for w, X, y, l2 in zip(theta, self.X[active], self.y[active], self.l2[active]):
            residual = torch.mv(X, w) - y
            values.append(residual.dot(residual) / (2 * len(y)) + (l2 * w * w).sum() / 2)
            gradients.append(torch.mv(X.T, residual) / len(y) + l2 * w)
        return torch.stack(values), torch.stack(gradients)

    def subset(self, rows):
        part = object.__new__(LeastSquares)
        part.p = self.p
        for name in ("X", "y", "l2", "start"):
            setattr(part, name, getattr(self, name)[rows])
        return part


def assert_same_model(coef, reference):
    assert np.array_equal(coef != 0, reference != 0)
    assert np.linalg.norm(coef - reference) <= 1e-6 * np.linalg.norm(reference)


@pytest.mark.parametrize("l1_ratio", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("correlation", [0.0, 0.9, 0.99])
@pytest.mark.parametrize(("n", "p"), [(40, 120), (150, 40), (60, 60)])
def test_elastic_net_and_lasso(n, p, correlation, l1_ratio):
    X, y = make_regression(n, p, correlation)
    alphas = np.array(STRENGTHS) * full_strength(X, y) / l1_ratio
    problem = LeastSquares([X] * 3, [y] * 3, alphas * (1 - l1_ratio))
    result = minimize(
        problem,
        problem.start,
        l1_weight=problem.penalty(alphas * l1_ratio),
        tol=1e-10,
        max_iter=10_000,
    )
    assert result.converged.all()
    for theta, alpha in zip(result.theta.numpy(), alphas):
        reference = (
            Lasso(alpha, tol=1e-14, max_iter=10**6)
            if l1_ratio == 1.0
            else ElasticNet(alpha=alpha, l1_ratio=l1_ratio, tol=1e-14, max_iter=10**6)
        ).fit(X, y)
        assert np.count_nonzero(reference.coef_) > 0
        assert_same_model(theta[:p], reference.coef_)
        assert theta[p] == pytest.approx(reference.intercept_, rel=1e-6)
        assert not theta[p + 1 :].any()


@pytest.mark.parametrize(("n", "p"), [(30, 90), (90, 30)])
def test_ridge(n, p):
    X, y = make_regression(n, p, 0.9)
    alphas = np.array([1e-3, 1e-1, 10.0])
    problem = LeastSquares([X] * 3, [y] * 3, alphas)
    result = minimize(problem, problem.start, l1_weight=None, tol=1e-10, max_iter=5000)
    assert result.converged.all()
    for theta, alpha in zip(result.theta.numpy(), alphas):
        reference = Ridge(n * alpha, solver="svd").fit(X, y)
        assert_same_model(theta[:p], reference.coef_)


def make_labels(X, n_classes, seed=1):
    rng = np.random.default_rng(seed)
    return (X @ rng.standard_normal((X.shape[1], n_classes)) + rng.gumbel(size=n_classes)).argmax(1)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_binary_logistic_regression(l1_ratio):
    X, _ = make_regression(80, 30, 0.5)
    y = make_labels(X, 2)
    alpha = 0.02
    A = torch.as_tensor(np.c_[X, np.ones(80), np.zeros((80, 1))])
    sign = torch.as_tensor(1.0 - 2.0 * y)
    penalised = torch.arange(32) < 30

    def objective(theta, active):
        theta = theta.requires_grad_()
        margin = (theta @ A.T) * sign
        J = softplus(margin).mean(1) + alpha * (1 - l1_ratio) / 2 * (theta**2 * penalised).sum(1)
        return J, torch.autograd.grad(J.sum(), theta)[0]

    l1 = alpha * l1_ratio * penalised.double()[None]
    start = torch.zeros(1, 32, dtype=torch.float64)
    result = minimize(
        objective, start, l1_weight=l1 if l1_ratio else None, tol=1e-10, max_iter=5000
    )
    assert result.converged.all()
    reference = LogisticRegression(
        C=1 / (80 * alpha),
        l1_ratio=l1_ratio,
        solver="saga" if l1_ratio else "newton-cholesky",
        tol=1e-14,
        max_iter=10**6,
    ).fit(X, y)
    assert_same_model(result.theta[0, :30].numpy(), reference.coef_[0])
    assert result.theta[0, 30].item() == pytest.approx(reference.intercept_[0], rel=1e-6)


def test_multinomial_logistic_regression():
    X, _ = make_regression(90, 15)
    y = make_labels(X, 3)
    A = torch.as_tensor(np.c_[X, np.ones(90)])
    target = torch.as_tensor(y)

    def objective(theta, active):
        theta = theta.requires_grad_()
        W = theta.unflatten(1, (3, 16))
        z = (W @ A.T).mT
        J = cross_entropy(z[0], target)[None] + 0.05 / 2 * (W[..., :15] ** 2).sum((1, 2))
        return J, torch.autograd.grad(J.sum(), theta)[0]

    start = torch.zeros(1, 48, dtype=torch.float64)
    result = minimize(objective, start, l1_weight=None, tol=1e-10, max_iter=5000)
    assert result.converged.all()
    W = result.theta[0].unflatten(0, (3, 16)).numpy()
    reference = LogisticRegression(C=1 / (90 * 0.05), solver="newton-cg", tol=1e-14, max_iter=10**4)
    reference.fit(X, y)
    assert_same_model(W[:, :15], reference.coef_)
    centred = W[:, 15] - W[:, 15].mean()
    assert_same_model(centred, reference.intercept_ - reference.intercept_.mean())


def rosenbrock(theta, active):
    """Extended Rosenbrock function in the first 8 of 16 coordinates; its minimum is at ones."""
    x = theta[:, :8].detach().requires_grad_()
    f = (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)
    (g,) = torch.autograd.grad(f.sum(), x)
    return f, torch.cat([g, torch.zeros_like(g)], 1)


def test_nonconvex_function_against_scipy():
    rng = np.random.default_rng(3)
    starts = np.zeros((12, 16))
    starts[:, :8] = rng.uniform(-1.5, 2, (12, 8))
    result = minimize(rosenbrock, torch.as_tensor(starts), l1_weight=None, tol=1e-8, max_iter=2000)
    assert result.converged.all()
    n_scipy = []
    for start, theta in zip(starts, result.theta.numpy()):
        reference = scipy.optimize.minimize(
            scipy.optimize.rosen,
            theta[:8],
            jac=scipy.optimize.rosen_der,
            method="L-BFGS-B",
            options={"gtol": 1e-10, "ftol": 0},
        )
        np.testing.assert_allclose(theta[:8], reference.x, atol=1e-6)
        from_start = scipy.optimize.minimize(
            scipy.optimize.rosen, start[:8], jac=scipy.optimize.rosen_der, method="L-BFGS-B"
        )
        n_scipy.append(from_start.nit)
    assert result.n_iter.double().mean() <= 1.5 * np.mean(n_scipy)


def test_pseudo_gradient_is_the_smallest_subgradient():
    rng = np.random.default_rng(0)
    theta = torch.as_tensor(rng.choice([-1.0, 0.0, 2.0], (4, 16)))
    gradient = torch.as_tensor(rng.standard_normal((4, 16)))
    l1 = torch.as_tensor(rng.choice([0.0, 0.7], (4, 16)))
    signs = torch.linspace(-1, 1, 2001, dtype=torch.float64)[:, None, None]
    allowed = (theta == 0) | (signs == torch.sign(theta))
    candidates = torch.where(allowed, gradient + l1 * signs, torch.inf)
    smallest = candidates.gather(0, candidates.abs().argmin(0, keepdim=True))[0]
    assert torch.allclose(pseudo_gradient(theta, gradient, l1), smallest, atol=1e-3)


def test_stops_at_subgradient_optimality():
    X, y = make_regression(50, 100, 0.7)
    l1 = 0.05 * full_strength(X, y)
    problem = LeastSquares([X], [y], [0.0])
    result = minimize(
        problem, problem.start, l1_weight=problem.penalty([l1]), tol=1e-10, max_iter=5000
    )
    w = result.theta[0, :100].numpy()
    residual = X @ w + result.theta[0, 100].item() - y
    slope = X.T @ residual / 50
    zero = w == 0
    assert np.abs(slope[~zero] + l1 * np.sign(w[~zero])).max() <= 1.1e-10
    assert np.abs(slope[zero]).max() <= l1 + 1e-10
    value = residual @ residual / 100 + l1 * np.abs(w).sum()
    assert result.value.item() == pytest.approx(value, rel=1e-12)
    assert result.optimality.item() <= 1e-10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", [20, 400])  # both ways of multiplying rows
@pytest.mark.parametrize("with_l1", [False, True])
def test_a_problem_alone_and_in_any_stack_is_the_same_to_the_bit(dtype, p, with_l1):
    rng = np.random.default_rng(4)
    data = [make_regression(25, p, 0.8, seed=k % 7) for k in range(64)]
    Xs, ys = zip(*data)
    problem = LeastSquares(Xs, ys, rng.uniform(1e-3, 1, 64), dtype)
    l1 = problem.penalty(10 ** rng.uniform(-3, 0.5, 64)) if with_l1 else None

    def run(rows):
        part = problem.subset(rows)
        return minimize(
            part, part.start, l1_weight=None if l1 is None else l1[rows], tol=1e-4, max_iter=60
        )

    together = run(torch.arange(64))
    assert len(together.n_iter.unique()) > 5  # they do leave one after the other
    shuffled = torch.as_tensor(rng.permutation(64))
    groups = [[0], [63], *shuffled[:10].unsqueeze(1).tolist()]
    groups += [shuffled[:size].tolist() for size in (2, 3, 16, 33)]
    for group in groups:
        alone = run(torch.tensor(group))
        for part, whole in zip(alone, together):
            assert torch.equal(part, whole[group])


def test_objective_is_called_for_the_unfinished_only():
    X, y = make_regression(60, 20)
    problem = LeastSquares([X] * 3, [y] * 3, [10.0, 1e-4, 0.1])
    seen = []

    def objective(theta, active):
        assert len(theta) == len(active)
        seen.append(active)
        return problem(theta, active)

    result = minimize(objective, problem.start, l1_weight=None, tol=1e-9, max_iter=500)
    assert result.converged.all()
    assert sum(len(active) for active in seen) < 3 * len(seen)
    assert len({id(active) for active in seen}) <= 3
    for before, after in pairwise(seen):
        assert set(after.tolist()) <= set(before.tolist())


def test_a_start_that_is_optimal_takes_no_step():
    X, y = make_regression(60, 20)
    problem = LeastSquares([X], [y], [0.1])
    first = minimize(problem, problem.start, l1_weight=None, tol=1e-9, max_iter=500)
    again = minimize(problem, first.theta, l1_weight=None, tol=1e-9, max_iter=500)
    assert again.converged.all()
    assert again.n_iter.item() == 0
    assert torch.equal(again.theta, first.theta)


def test_overwhelming_l1_leaves_the_intercept():
    X, y = make_regression(60, 20)
    problem = LeastSquares([X], [y], [0.0])
    l1 = problem.penalty([1.001 * full_strength(X, y)])
    start = torch.full_like(problem.start, 0.5)
    start[:, 21:] = 0.0
    result = minimize(problem, start, l1_weight=l1, tol=1e-10, max_iter=500)
    assert result.converged.all()
    assert not result.theta[0, :20].any()
    assert result.theta[0, 20].item() == pytest.approx(y.mean(), rel=1e-9)


@pytest.mark.parametrize("with_l1", [False, True])
def test_a_tolerance_below_round_off_ends_unconverged_and_right(with_l1):
    X, y = make_regression(60, 20)
    problem = LeastSquares([X], [y], [0.01], torch.float32)
    l1 = problem.penalty([0.1]) if with_l1 else None
    result = minimize(problem, problem.start, l1_weight=l1, tol=1e-30, max_iter=10**6)
    assert not result.converged.any()
    assert not result.failed.any()
    assert result.n_iter.item() < 500
    exact = LeastSquares([X], [y], [0.01])
    l1 = exact.penalty([0.1]) if with_l1 else None
    reference = minimize(exact, exact.start, l1_weight=l1, tol=1e-10, max_iter=500)
    torch.testing.assert_close(result.theta.double(), reference.theta, rtol=1e-4, atol=1e-5)


def test_values_that_are_not_finite():
    def barrier(theta, active):
        x = theta[:, 0]
        f = -torch.log(x) + x
        g = torch.zeros_like(theta)
        g[:, 0] = 1 - 1 / x
        return f, g

    start = torch.zeros(3, 16, dtype=torch.float64)
    start[:, 0] = torch.tensor([-1.0, 1e-3, 50.0])  # -log is NaN; long steps leave the domain
    result = minimize(barrier, start, l1_weight=None, tol=1e-10, max_iter=200)
    assert result.failed.tolist() == [True, False, False]
    assert result.converged.tolist() == [False, True, True]
    assert result.theta[0, 0].item() == -1.0
    torch.testing.assert_close(result.theta[1:, 0], torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize("value", [-math.inf, -1e9], ids=["value", "gradient only"])
def test_a_fall_to_what_is_not_finite_is_no_step(value):
    """Beyond a wall the objective is minus infinite, or its gradient is no number.

    The first step has length one, 0.25 along every axis.
    """

    def walled(x, active):
        beyond = (x > 0.2).any(1)
        fallen = torch.where(beyond, value, 0.5 * (x - 0.15).square().sum(1))
        return fallen, torch.where(beyond[:, None], math.nan, x - 0.15)

    result = minimize(walled, torch.zeros(2, 16), l1_weight=None, tol=1e-6, max_iter=100)
    assert result.converged.all()
    torch.testing.assert_close(result.theta, torch.full((2, 16), 0.15), rtol=0, atol=1e-6)


def test_limits_and_callback_are_per_problem():
    X, y = make_regression(60, 20, 0.9)
    problem = LeastSquares([X] * 3, [y] * 3, [1e-3] * 3)
    curves = {0: [], 1: [], 2: []}

    def callback(iteration):
        for k, n_iter, value in zip(*(part.tolist() for part in iteration[:3])):
            curves[k].append(value)
            assert n_iter == len(curves[k])

    result = minimize(
        problem,
        problem.start,
        l1_weight=None,
        tol=torch.tensor([1e-10, 1e-2, 1e-10]),
        max_iter=torch.tensor([500, 500, 4]),
        callback=callback,
    )
    assert result.converged.tolist() == [True, True, False]
    assert result.n_iter.tolist() == [len(curves[k]) for k in range(3)]
    assert result.n_iter[2] == 4
    assert result.n_iter[1] < result.n_iter[0]
    assert curves[2] == curves[0][:4]
    assert [curves[k][-1] for k in range(3)] == result.value.tolist()
    scale = abs(curves[0][0])
    assert all(b <= a + 1e-10 * scale for a, b in pairwise(curves[0]))
