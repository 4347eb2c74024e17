"""Intervals hold what they are of, and are no wider than that takes, under all three losses."""

import itertools

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import binom
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from wellposed import NetClassifier
from wellposed.bias_variance import (
    bias_variance,
    decompose_log,
    decompose_squared,
    decompose_zero_one,
)

TERMS = ("bias_plus_noise", "net_variance", "variance", "error")


def check_intervals(results, truths):
    """Nine in ten cover at least, and they are less than twice as wide as the errors ask for."""
    n = len(results)
    for name, truth in truths.items():
        ends = np.array([result.intervals[name] for result in results])
        covered = int(((ends[:, 0] <= truth) & (truth <= ends[:, 1])).sum())
        assert covered >= binom.ppf(0.001, n, 0.90), (name, covered / n)
        errors = np.array([getattr(result, name) for result in results]) - truth
        asked_for = 2 * 1.96 * np.sqrt(np.mean(errors**2))
        assert np.diff(ends, axis=1).mean() <= 2 * asked_for, name


def votes(q, R, rng):
    """Labels (R, n_test), each class with its probability (n_test, K)."""
    return (rng.random((R, len(q), 1)) > q.cumsum(axis=1)).sum(axis=2).clip(max=q.shape[1] - 1)


SPREAD = {
    "two classes, any share": (lambda rng: rng.dirichlet([1, 1], 250), 12),
    "two classes, many near ties": (lambda rng: rng.dirichlet([5, 5], 250), 30),
    "mostly right": (lambda rng: rng.dirichlet([8, 4], 250), 30),
    "three classes": (lambda rng: rng.dirichlet([2, 2, 2], 250), 30),
    "ten classes": (lambda rng: rng.dirichlet([3] + [0.5] * 9, 250), 30),
    "ten classes, more repetitions": (lambda rng: rng.dirichlet([3] + [0.5] * 9, 250), 100),
}


@pytest.mark.parametrize("kind", SPREAD)
def test_intervals_cover_what_follows_from_known_probabilities(kind):
    draw, R = SPREAD[kind]
    rng = np.random.default_rng(1)
    p = draw(rng)
    y = np.zeros(len(p), dtype=int)
    classes = np.arange(p.shape[1])
    biased, wrong = p.argmax(axis=1) != 0, 1 - p[:, 0]
    truths = {
        "bias_plus_noise": biased.mean(),
        "net_variance": (wrong - biased).mean(),
        "variance": (1 - p.max(axis=1)).mean(),
        "error": wrong.mean(),
    }
    results = [decompose_zero_one(votes(p, R, rng), y=y, classes=classes) for _ in range(60)]
    check_intervals(results, truths)
    uncorrected = [
        decompose_zero_one(votes(p, R, rng), y=y, classes=classes, bias_correction=False)
        for _ in range(60)
    ]
    for name in ("bias_plus_noise", "variance"):
        errors = [
            np.mean([getattr(result, name) for result in each]) - truths[name]
            for each in (results, uncorrected)
        ]
        assert abs(errors[0]) <= max(abs(errors[1]), 0.02), (name, errors)


def test_intervals_cover_where_the_truth_is_known():
    rng = np.random.default_rng(2)
    p, q = rng.dirichlet([3, 1, 1], 200), rng.dirichlet([4, 1, 1], 200)
    best, main, K = q.argmax(axis=1), p.argmax(axis=1), np.arange(200)
    noise = 1 - q.max(axis=1)
    agree = (p * q).sum(axis=1)
    net_noise = p[K, best] * noise - (agree - p[K, best] * (1 - noise))
    truths = {
        "bias": np.mean(main != best),
        "net_noise": net_noise.mean(),
        "net_variance": np.mean(1 - agree - net_noise - (main != best)),
        "error": np.mean(1 - agree),
    }
    check_intervals([decompose_zero_one(votes(p, 25, rng), q) for _ in range(80)], truths)


REAL = {
    "tree": (DecisionTreeClassifier(max_depth=6), load_digits, 60),
    "5 neighbours": (KNeighborsClassifier(5), load_digits, 60),
    "stump": (DecisionTreeClassifier(max_depth=1), load_breast_cancer, 25),
    "network": (
        NetClassifier((8,), max_epochs=30, learning_rate=0.03, batch_size=None, dtype="float32"),
        load_breast_cancer,
        25,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_intervals_cover_the_components_of_very_many_training_sets(name):
    estimator, load, train_size = REAL[name]
    X, y = load(return_X_y=True)
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    pool, test = slice(None, 300), slice(300, 550)
    everything = bias_variance(
        estimator,
        X[pool],
        y[pool],
        X_test=X[test],
        y_test=y[test],
        n_repetitions=1000,
        train_size=train_size,
        random_state=0,
    )
    lots = everything.predictions.reshape(40, 25, -1)
    results = [decompose_zero_one(lot, y=y[test], classes=np.unique(y)) for lot in lots]
    check_intervals(results, {term: getattr(everything, term) for term in TERMS})


@pytest.mark.parametrize("R", [6, 30])
def test_squared_intervals_cover_what_follows_from_known_moments(R):
    """Skewed predictions that are correlated over the test points."""
    rng = np.random.default_rng(5)
    bias = rng.normal(0, 0.5, 100)
    truths = {"bias2": np.mean(bias**2), "variance": 1.0, "error": np.mean(bias**2) + 1.25}
    results = []
    for _ in range(150):
        shared, own = rng.gamma(4, 0.5, size=(2, R, 100)) - 2  # variance 1
        shared = shared[:, :1]
        P = bias + np.sqrt(0.3) * shared + np.sqrt(0.7) * own
        results.append(decompose_squared(P, np.zeros(100), noise=0.25))
    check_intervals(results, truths)


@pytest.mark.parametrize("R", [6, 30])
def test_log_intervals_cover_the_components_of_very_many_training_sets(R):
    rng = np.random.default_rng(6)
    centre, q = rng.normal(size=(60, 3)), rng.dirichlet(np.ones(3), size=60)

    def draw(R):
        return softmax(centre + rng.normal(size=(R, 1, 3)) + rng.normal(size=(R, 60, 3)), axis=2)

    everything = decompose_log(draw(3000), q)
    results = [decompose_log(draw(R), q) for _ in range(150)]
    check_intervals(
        results, {term: getattr(everything, term) for term in ("bias", "variance", "error")}
    )


def test_votes_of_parts_are_those_of_all_subsets():
    """Every subset of seven repetitions, with its probability, voting one by one."""
    from wellposed.bias_variance.votes import Votes

    rng = np.random.default_rng(3)
    R, K, keep = 7, 3, 0.375
    codes = rng.integers(K, size=(R, 5))
    optimal = rng.integers(K, size=5)
    biased, most = np.zeros(5), np.zeros(5)
    for kept in itertools.product([False, True], repeat=R):
        counts = np.array([(codes[list(kept)] == k).sum(axis=0) for k in range(K)])
        probability = keep ** sum(kept) * (1 - keep) ** (R - sum(kept))
        biased += probability * (counts.argmax(axis=0) != optimal)
        most += probability * counts.max(axis=0)
    counts = np.array([(codes == k).sum(axis=0) for k in range(K)]).T
    part = Votes(counts, optimal).of_part(keep)
    np.testing.assert_allclose(part["biased"], biased, atol=1e-12)
    np.testing.assert_allclose(part["variance"], 1 - most / (keep * R), atol=1e-12)


def test_it_is_said_what_the_intervals_are_of():
    labels, y = np.random.default_rng(7).integers(2, size=(9, 40)), np.zeros(40, dtype=int)
    sentence = "Bias and variance are of these 9 training sets, their intervals of infinitely many."
    assert sentence not in repr(decompose_zero_one(labels, y=y))
    assert sentence in repr(decompose_zero_one(labels, y=y, bias_correction=False))


def test_repetitions_that_agree_do_not_exclude_that_others_differ():
    """One training set in twenty predicts otherwise: twelve may well not show it."""
    rng = np.random.default_rng(4)
    y, covered = np.zeros(30, dtype=int), 0
    for _ in range(400):
        odd = rng.random(12) < 0.05
        labels = np.where(odd[:, np.newaxis], 1, 0) * np.ones((1, 30), dtype=int)
        low, high = decompose_zero_one(labels, y=y, classes=[0, 1]).intervals["error"]
        covered += low <= 0.05 <= high
    assert covered >= binom.ppf(0.001, 400, 0.95)
    agree = decompose_zero_one(np.zeros((12, 30), dtype=int), y=y, classes=[0, 1])
    assert agree.intervals["bias_plus_noise"] == (0.0, 0.0)  # no rare set outvotes the others
    assert agree.intervals["error"][1] == pytest.approx(1 - 0.025 ** (1 / 12))
