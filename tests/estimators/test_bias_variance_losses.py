"""The decompositions against closed forms, enumeration and brute force."""

import copy
import pickle

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, softmax

from wellposed.bias_variance import decompose_log, decompose_squared, decompose_zero_one


def total(result):
    return sum(result.per_point[name] for name in result.terms)


# --- squared loss ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 7), (5, 7), (30, 7, 3)])
def test_squared_terms_add_up_to_the_enumerated_error(shape):
    rng = np.random.default_rng(0)
    P, f = rng.normal(size=shape), rng.normal(size=shape[1:])
    noise = rng.uniform(size=shape[1:])
    result = decompose_squared(P, f, noise=noise)
    errors = [np.square(p - f) + noise for p in P]
    expected = np.mean(errors, axis=0).reshape(shape[1], -1).sum(axis=1)
    np.testing.assert_allclose(total(result), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.per_point["error"], expected, rtol=0, atol=1e-12)
    assert result.bias2 + result.variance + result.noise == pytest.approx(result.error, abs=1e-12)


def test_squared_components_of_two_repetitions_are_unbiased():
    # Predictions N(f + 0.3, 0.5^2): over many pairs the mean bias² is 0.09, the variance 0.25.
    rng = np.random.default_rng(1)
    f = np.array([1.0, -2.0, 0.0, 5.0])
    pairs = [decompose_squared(f + 0.3 + 0.5 * rng.normal(size=(2, 4)), f) for _ in range(4000)]
    for name, truth in (("bias2", 0.09), ("variance", 0.25)):
        values = np.array([getattr(pair, name) for pair in pairs])
        assert abs(values.mean() - truth) < 4 * values.std() / np.sqrt(len(values))
    plug_in = np.mean([pair.bias2 + pair.variance / 2 for pair in pairs])
    assert plug_in > 0.09 + 0.1  # what the correction is for


def test_squared_against_observed_targets_has_one_term_for_bias_and_noise():
    rng = np.random.default_rng(2)
    P, y = rng.normal(size=(6, 9)), rng.normal(size=9)
    result = decompose_squared(P, y=y)
    assert result.terms == ("bias2_plus_noise", "variance")
    np.testing.assert_allclose(total(result), np.square(P - y).mean(axis=0), atol=1e-12)
    with pytest.raises(AttributeError, match=r"has no 'bias2'.*pass a KnownTruth"):
        _ = result.bias2
    assert not hasattr(result, "noise")
    assert not result.noise_separated


@pytest.mark.parametrize("k", [1, 2, 10])
def test_ensemble_variance_is_v_over_k_plus_the_covariance(k):
    # Deep Learning, eq. 7.50, for members that share a training set: [R, k, n_test].
    rng = np.random.default_rng(3)
    R, n = 40, 6
    members = rng.normal(size=(R, 1, n)) + rng.normal(size=(R, k, n))
    covariances = [np.cov(members[:, :, i], rowvar=False).reshape(k, k) for i in range(n)]
    v = np.array([np.trace(C) / k for C in covariances])
    c = np.array([(C.sum() - np.trace(C)) / max(k * (k - 1), 1) for C in covariances])
    result = decompose_squared(members.mean(axis=1), np.zeros(n))
    np.testing.assert_allclose(result.per_point["variance"], v / k + (k - 1) / k * c, atol=1e-12)


def test_one_column_is_one_output():
    rng = np.random.default_rng(4)
    P, f = rng.normal(size=(5, 4)), rng.normal(size=4)
    flat = decompose_squared(P, f, noise=0.1)
    column = decompose_squared(P[:, :, np.newaxis], f, noise=0.1)
    assert column.bias2 == pytest.approx(flat.bias2, abs=1e-14)
    assert column.error == pytest.approx(flat.error, abs=1e-14)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"predictions": [[1.0, 2.0]], "f": [1.0, 2.0]}, "at least 2 repetitions"),
        ({"predictions": [1.0, 2.0], "f": [1.0]}, r"\(n_repetitions, n_test\) or"),
        ({"predictions": np.ones((3, 2)), "f": [1.0]}, r"f has shape \(1,\)"),
        ({"predictions": np.ones((3, 2)), "f": np.ones((1, 2))}, r"f has shape \(1, 2\)"),
        ({"predictions": np.ones((3, 2))}, "either f= .* or y= .* got neither"),
        ({"predictions": np.ones((3, 2)), "f": [1, 2], "y": [1, 2]}, "got both"),
        ({"predictions": np.ones((3, 2)), "f": [1, np.nan]}, "must be finite"),
        ({"predictions": np.ones((3, 2)), "f": [1, 2], "noise": -1.0}, "noise is a variance"),
        (
            {"predictions": np.ones((3, 2)), "f": [1, 2], "noise": [1.0] * 3},
            r"noise has shape \(3,\)",
        ),
        ({"predictions": np.ones((3, 2)), "y": [1, 2], "noise": 1.0}, "with y, leave it out"),
    ],
)
def test_squared_refuses(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        decompose_squared(**arguments)


# --- 0-1 loss -------------------------------------------------------------------------------------


def domingos_by_enumeration(labels, q, classes):
    """Theorem 3 of Domingos (2000) at one point, from its conditional probabilities."""
    optimal = next(c for c, p in zip(classes, q) if p == max(q))
    shares = [np.mean([label == c for label in labels]) for c in classes]
    main = next(c for c, share in zip(classes, shares) if share == max(shares))
    joint = [
        (label, target, p / len(labels)) for label in labels for target, p in zip(classes, q) if p
    ]

    def probability(event, given=lambda label, target: True):
        mass = sum(p for label, target, p in joint if given(label, target))
        if mass == 0:
            return 0.0
        return sum(p for l, t, p in joint if given(l, t) and event(l, t)) / mass

    bias = float(main != optimal)
    variance = probability(lambda l, t: l != main)
    noise = probability(lambda l, t: t != optimal)
    c2 = -probability(lambda l, t: l == optimal, lambda l, t: l != main) if bias else 1.0
    c1 = probability(lambda l, t: l == optimal) - probability(lambda l, t: l != optimal) * (
        probability(lambda l, t: l == t, lambda l, t: t != optimal and l != optimal)
    )
    return {
        "bias": bias,
        "variance": variance,
        "noise": noise,
        "net_variance": c2 * variance,
        "net_noise": c1 * noise,
        "error": probability(lambda l, t: l != t),
    }


@pytest.mark.parametrize("K", [2, 3, 5])
def test_zero_one_is_domingos_theorem_by_enumeration(K):
    rng = np.random.default_rng(K)
    classes = np.array(list("edcba"))[:K]  # not in sorted order
    R, n = 6, 60  # with six repetitions ties abound
    labels = rng.choice(classes, size=(R, n))
    q = rng.dirichlet(np.full(K, 0.5), size=n)
    q[:10] = np.eye(K)[rng.integers(K, size=10)]  # no noise
    q[10:20] = 1 / K  # the optimal prediction is a tie
    result = decompose_zero_one(labels, q, classes=classes, bias_correction=False)
    counts = np.sort([(labels == c).sum(axis=0) for c in classes], axis=0)
    assert np.any(counts[-1] == counts[-2])
    for i in range(n):
        for name, value in domingos_by_enumeration(labels[:, i], q[i], classes).items():
            assert result.per_point[name][i] == pytest.approx(value, abs=1e-12), (i, name)
    for each in (result, decompose_zero_one(labels, q, classes=classes)):
        np.testing.assert_allclose(total(each), result.per_point["error"], rtol=0, atol=1e-12)


def test_zero_one_with_two_classes_has_domingos_factors():
    # Theorem 2: c1 = 2 P(prediction optimal) - 1, c2 = 1 or -1.
    labels = np.array([[0, 1, 0], [0, 1, 1], [1, 1, 1]])
    result = decompose_zero_one(labels, [[0.9, 0.1]] * 3, bias_correction=False)
    np.testing.assert_allclose(result.per_point["net_noise"], [0.1 / 3, -0.1, -0.1 / 3])
    np.testing.assert_allclose(result.per_point["net_variance"], [1 / 3, 0, -1 / 3])
    np.testing.assert_array_equal(result.per_point["bias"], [0, 1, 1])


def test_a_tie_goes_to_the_class_that_comes_first():
    labels = [["b"], ["a"]]
    q = [[0.2, 0.8]]
    assert decompose_zero_one(labels, q, classes=["a", "b"]).bias == 1  # main a, optimal b
    assert decompose_zero_one(labels, [[0.8, 0.2]], classes=["b", "a"]).bias == 0
    assert decompose_zero_one(labels[::-1], y=["a"]).bias_plus_noise == 0


def test_zero_one_against_observed_labels():
    labels = np.array([["x", "y", "z"], ["x", "z", "z"], ["y", "y", "x"]], dtype=object)
    result = decompose_zero_one(labels, y=np.array(["x", "x", "z"], dtype=object))
    assert result.terms == ("bias_plus_noise", "net_variance")
    np.testing.assert_allclose(result.per_point["error"], [1 / 3, 1, 1 / 3])
    np.testing.assert_allclose(total(result), [1 / 3, 1, 1 / 3], atol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"predictions": np.zeros((3, 2, 2)), "y": [0, 1]}, r"shape \(n_repetitions, n_test\)"),
        ({"predictions": np.zeros((3, 2)), "y": [0]}, r"y must have shape \(2,\)"),
        ({"predictions": np.zeros((3, 2)), "probabilities": [[0.5, 0.4]] * 2}, "row's sum 1"),
        ({"predictions": [["a"], ["b"]], "probabilities": [[0.5, 0.5]]}, "Pass classes="),
        ({"predictions": [[0], [1]], "probabilities": [[1]], "classes": [0, 1]}, "1 columns"),
        ({"predictions": [[0], [1]], "y": ["a"], "classes": ["a", "b"]}, "Pass classes="),
        ({"predictions": [[0], [1]], "y": ["a"]}, "one kind"),
    ],
)
def test_zero_one_refuses(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        decompose_zero_one(**arguments)


# --- log loss -------------------------------------------------------------------------------------


def test_log_components_are_those_of_heskes():
    rng = np.random.default_rng(5)
    R, n, K = 7, 20, 4
    P, q = rng.dirichlet(np.ones(K), size=(R, n)), rng.dirichlet(np.ones(K), size=n)
    result = decompose_log(P, q, bias_correction=False)
    g = stats.gmean(P, axis=0)
    g /= g.sum(axis=1, keepdims=True)
    expected = {
        "bias": stats.entropy(q, g, axis=1),
        "variance": np.mean([stats.entropy(g, p, axis=1) for p in P], axis=0),
        "noise": stats.entropy(q, axis=1),
        "error": np.mean([-(q * np.log(p)).sum(axis=1) for p in P], axis=0),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(result.per_point[name], values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(total(result), expected["error"], rtol=0, atol=1e-12)


def test_the_geometric_mean_of_logistic_predictions_averages_their_logits():
    logits = np.random.default_rng(6).normal(size=(50, 3))
    P = np.stack([expit(-logits), expit(logits)], axis=2)
    result = decompose_log(P, y=[1, 1, 0], bias_correction=False)
    signs = np.array([1, 1, -1])
    expected = -np.log(expit(signs * logits.mean(axis=0)))
    np.testing.assert_allclose(result.per_point["bias_plus_noise"], expected, atol=1e-12)
    np.testing.assert_allclose(
        total(result), -np.log(expit(signs * logits)).mean(axis=0), atol=1e-12
    )


@pytest.mark.parametrize("R", [3, 8])
def test_corrected_log_components_are_unbiased_and_still_add_up(R):
    # Logits N(0.5, 1): g is expit(0.5), and the log loss's mean is a Gaussian integral.
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    mean_log = np.array([weights @ np.log(expit(s * (nodes + 0.5))) for s in (-1, 1)])
    variance = -np.log(np.exp(mean_log).sum())
    q = np.array([0.3, 0.7])
    bias = stats.entropy(q, [expit(-0.5), expit(0.5)])
    logits = np.random.default_rng(8).normal(0.5, 1, size=(R, 20_000))
    P = np.stack([expit(-logits), expit(logits)], axis=2)
    corrected = decompose_log(P, np.tile(q, (20_000, 1)))
    plug_in = decompose_log(P, np.tile(q, (20_000, 1)), bias_correction=False)
    for name, truth in (("bias", bias), ("variance", variance)):
        assert getattr(corrected, name) == pytest.approx(truth, abs=0.006)
        assert abs(getattr(plug_in, name) - truth) > 0.01  # what the correction is for
    np.testing.assert_allclose(total(corrected), plug_in.per_point["error"], rtol=0, atol=1e-12)


def test_an_infinite_log_loss_is_an_error_and_clip_makes_it_finite():
    P = np.array([[[1.0, 0.0]], [[0.5, 0.5]], [[0.4, 0.6]]])
    with pytest.raises(ValueError, match=r"infinite: repetition 0 .* class 1 .* Pass clip="):
        decompose_log(P, [[0.5, 0.5]])
    result = decompose_log(P, [[0.5, 0.5]], clip=1e-3)
    clipped = np.array([1, 1e-3]) / 1.001
    expected = -0.5 * np.log([clipped, [0.5, 0.5], [0.4, 0.6]]).sum(axis=1).mean()
    assert result.error == pytest.approx(expected, abs=1e-12)
    assert sum(getattr(result, name) for name in result.terms) == pytest.approx(expected, abs=1e-12)
    assert all(np.isfinite(low) and np.isfinite(high) for low, high in result.intervals.values())


def test_a_zero_where_the_class_cannot_occur_is_no_error():
    P = np.array([[[0.6, 0.4, 0.0]], [[0.5, 0.3, 0.2]], [[0.5, 0.5, 0.0]]])
    result = decompose_log(P, [[0.5, 0.5, 0.0]], bias_correction=False)
    g = np.sqrt(np.prod([p[0, :2] for p in P], axis=0) ** (2 / 3))
    g /= g.sum()
    assert result.bias == pytest.approx(stats.entropy([0.5, 0.5], g), abs=1e-12)
    assert np.isfinite(result.pseudo_values["variance"]).all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"predictions": np.full((3, 2), 0.5), "y": [0, 1]}, "n_classes"),
        ({"predictions": np.full((3, 2, 2), 0.4), "y": [0, 1]}, "row's sum 1"),
        ({"predictions": np.full((3, 2, 2), 0.5), "y": [0, 1], "clip": 0.5}, "clip must be"),
        ({"predictions": np.full((3, 2, 2), 0.5), "y": [0, 2]}, "label 2"),
        ({"predictions": np.full((3, 2, 2), 0.5), "y": [0, 1], "classes": [0, 1, 2]}, "3 classes"),
    ],
)
def test_log_refuses(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        decompose_log(**arguments)


# --- the jackknife --------------------------------------------------------------------------------


def three_losses(R, n=5, K=3, seed=0):
    rng = np.random.default_rng(seed)
    q = rng.dirichlet(np.ones(K), size=n)
    P = rng.dirichlet(np.ones(K), size=(R, n))
    P[0, 0], q[0] = [0.0, 0.5, 0.5], [0.0, 0.3, 0.7]
    f, values = rng.normal(size=n), rng.normal(size=(R, n))
    yield values, lambda predictions: decompose_squared(predictions, f, noise=0.2)
    yield P.argmax(axis=2), lambda predictions: decompose_zero_one(predictions, q)
    yield P, lambda predictions: decompose_log(predictions, q, bias_correction=False)


@pytest.mark.parametrize("index", range(3), ids=["squared", "zero_one", "log"])
def test_pseudo_values_are_those_of_leaving_each_repetition_out(index):
    R = 8
    predictions, decompose = list(three_losses(R))[index]
    result = decompose(predictions)
    without = [decompose(np.delete(predictions, r, axis=0)) for r in range(R)]
    assert set(result.pseudo_values) == set(result.per_point)
    for name, pseudo_values in result.pseudo_values.items():
        expected = np.array(
            [R * getattr(result, name) - (R - 1) * getattr(w, name) for w in without]
        )
        if result.loss == "zero_one":  # whose extrapolation has corrected already
            expected += getattr(result, name) - expected.mean()
        np.testing.assert_allclose(pseudo_values, expected, rtol=0, atol=1e-10)
    if result.loss == "squared":  # of U-statistics the jackknife corrects nothing
        for name, pseudo_values in result.pseudo_values.items():
            assert pseudo_values.mean() == pytest.approx(getattr(result, name), abs=1e-10)


def test_error_interval_is_students():
    for predictions, decompose in three_losses(10):
        result = decompose(predictions)
        losses = [decompose(np.stack([p, p])).error for p in predictions]
        expected = stats.ttest_1samp(losses, 0).confidence_interval(0.95)
        np.testing.assert_allclose(result.intervals["error"], expected, atol=1e-10)


def coverage(n_test, correlation, bias, R=40, n_studies=300):
    rng = np.random.default_rng(7)
    hits = dict.fromkeys(("bias2", "variance"), 0)
    for _ in range(n_studies):
        shared, own = rng.normal(size=(R, 1)), rng.normal(size=(R, n_test))
        P = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
        intervals = decompose_squared(P, np.full(n_test, bias)).intervals
        for name, truth in (("bias2", bias**2), ("variance", 1.0)):
            low, high = intervals[name]
            hits[name] += low <= truth <= high
    return {name: count / n_studies for name, count in hits.items()}


@pytest.mark.parametrize("bias", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(("n_test", "correlation"), [(1, 0.0), (50, 0.0), (50, 0.9)])
def test_intervals_cover_also_where_bias_is_zero(n_test, correlation, bias):
    covered = coverage(n_test, correlation, bias)
    assert covered["bias2"] >= 0.90
    assert covered["variance"] >= 0.88


@pytest.mark.slow
def test_zero_one_and_log_intervals_cover_the_components_of_all_training_sets():
    rng = np.random.default_rng(9)
    n, K, R, n_studies = 50, 3, 40, 150
    centre, q = rng.normal(size=(n, K)), rng.dirichlet(np.ones(K), size=n)

    def draw(R):
        scores = centre + rng.normal(size=(R, 1, K)) / 2 + rng.normal(size=(R, n, K))
        return scores.argmax(axis=2), softmax(scores, axis=2)

    everything = draw(20_000)
    truths = [decompose_zero_one(everything[0], q), decompose_log(everything[1], q)]
    hits = [dict.fromkeys((*truth.terms, "variance", "error"), 0) for truth in truths]
    for _ in range(n_studies):
        labels, P = draw(R)
        for result, truth, hit in zip(
            (decompose_zero_one(labels, q), decompose_log(P, q)), truths, hits
        ):
            for name in hit:
                low, high = result.intervals[name]
                hit[name] += low - 1e-9 <= getattr(truth, name) <= high + 1e-9
    for hit in hits:
        assert min(hit.values()) >= 0.87 * n_studies, hits


def test_two_repetitions_have_no_interval():
    result = decompose_squared([[1.0], [2.0]], f=[0.0])
    assert np.isnan(result.intervals["variance"]).all()
    assert "nan" in repr(result)


def test_a_result_survives_pickling_and_copying():
    result = decompose_squared(np.random.default_rng(0).normal(size=(5, 3)), np.zeros(3))
    for twin in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert twin.variance == result.variance
        assert twin.frame().equals(result.frame())
    with pytest.raises(AttributeError, match="no attribute 'varience'"):
        _ = result.varience
