"""Row 21: the encoder is scikit-learn's orthogonal matching pursuit, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import DictionaryLearning, SparseCoder
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, OrthogonalMatchingPursuit
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from wellposed import NetClassifier, OMPEncoder

X, y = (part[:200] for part in load_digits(return_X_y=True))
X = X / 16
ATOMS = np.random.default_rng(0).normal(size=(30, 64))


@parametrize_with_checks([OMPEncoder(n_nonzero=2, n_atoms=3, random_state=0)])
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("k", [1, 4, 12])
def test_codes_are_those_of_omp(k):
    codes = OMPEncoder(ATOMS, k).fit_transform(X)
    atoms = ATOMS / np.linalg.norm(ATOMS, axis=1, keepdims=True)
    np.testing.assert_allclose(
        codes,
        SparseCoder(atoms, transform_algorithm="omp", transform_n_nonzero_coefs=k).transform(X),
        rtol=0, atol=1e-12,
    )  # fmt: skip
    omp = OrthogonalMatchingPursuit(n_nonzero_coefs=k, fit_intercept=False, precompute=False)
    expected = np.array([omp.fit(atoms.T, x).coef_ for x in X])
    np.testing.assert_allclose(codes, expected, rtol=0, atol=1e-9)
    assert (codes != 0).sum(1).max() == k


def test_atoms_of_a_network():
    net = NetClassifier((20,), max_epochs=3, random_state=0)
    encoder = OMPEncoder(net, 3).fit(X, y)
    net.fit(X, y)
    frozen = clone(OMPEncoder(FrozenEstimator(net), 3)).fit(X)
    np.testing.assert_array_equal(frozen.components_, encoder.components_)
    w = net.coefs_[0].T
    np.testing.assert_allclose(encoder.components_, w / np.linalg.norm(w, axis=1, keepdims=True))
    residual = X - encoder.inverse_transform(encoder.transform(X))
    less = X - encoder.set_params(n_nonzero=6).inverse_transform(encoder.transform(X))
    assert (np.linalg.norm(less, axis=1) <= np.linalg.norm(residual, axis=1) + 1e-12).all()


def test_a_learned_dictionary_in_a_search():
    learner = DictionaryLearning(8, max_iter=3, random_state=0)
    pipe = make_pipeline(OMPEncoder(learner, n_nonzero=2), LogisticRegression())
    search = GridSearchCV(pipe, {"ompencoder__n_nonzero": [1, 6]}, cv=2).fit(X, y)
    assert search.best_params_ == {"ompencoder__n_nonzero": 6}
    names = pipe.fit(X, y)[0].get_feature_names_out()
    assert list(names) == [f"ompencoder{i}" for i in range(8)]


def test_refused():
    with pytest.raises(ValueError, match="have 64 features and X has 3"):
        OMPEncoder(ATOMS).fit(X[:, :3])
    with pytest.raises(ValueError, match="has neither components_ nor the weights of one network"):
        OMPEncoder(LogisticRegression()).fit(X, np.arange(len(X)) % 2)
    with pytest.raises(ValueError, match="All atoms of dictionary are zero"):
        OMPEncoder(np.zeros((4, 64))).fit(X)
    with pytest.raises(ValueError, match="requires y to be passed"):
        OMPEncoder(NetClassifier()).fit(X)
    with pytest.raises(ValueError, match="'n_nonzero' parameter of OMPEncoder must be"):
        OMPEncoder(ATOMS, 0).fit(X)
