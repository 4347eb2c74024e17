"""network="cnn": the convolutional stack behind the estimators."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from wellposed import NetClassifier

SETTINGS = {
    "hidden_layer_sizes": (4, 8),
    "network": "cnn",
    "batch_size": 64,
    "max_epochs": 4,
    "learning_rate": 0.01,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:600] / 16, y[:600]


def test_module_computes_what_the_estimator_computes(digits):
    X, y = digits
    model = NetClassifier(**SETTINGS).fit(X, y)
    with torch.no_grad():
        z = model.net_.module_(torch.as_tensor(X))
    np.testing.assert_allclose(torch.softmax(z, 1), model.predict_proba(X), atol=1e-12)


def test_learns_with_every_regularizer_on(digits):
    X, y = digits
    regularizers = {
        "l1": 1e-5,
        "l2": 1e-5,
        "dropout": 0.1,
        "input_noise": 0.05,
        "weight_noise": 0.01,
        "max_norm": 2.0,
        "label_smoothing": 0.05,
    }
    model = NetClassifier(**{**SETTINGS, "max_epochs": 30}, **regularizers).fit(X, y)
    assert model.score(X, y) > 5 * max(np.bincount(y)) / len(y)
    filters = model.coefs_[1].reshape(-1, model.coefs_[1].shape[-1])
    assert np.linalg.norm(filters, axis=0).max() <= 2.0 * (1 + 1e-12)


def test_images_must_be_square(digits):
    X, y = digits
    with pytest.raises(ValueError, match="not the pixels of a square image"):
        NetClassifier(**SETTINGS).fit(X[:, :50], y)
