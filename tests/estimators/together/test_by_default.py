"""`bias_variance` fits networks of ours together where nobody has said how tasks are to run."""

from __future__ import annotations

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.ensemble import BaggingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wellposed import BiasVarianceDisplay, KnownTruth, NetRegressor, bias_variance
from wellposed.together.backend import TogetherBackend

NET = NetRegressor((8,), batch_size=None, max_epochs=5, dropout=0.2, random_state=0)


@pytest.fixture
def truth():
    x = np.linspace(-1, 1, 20)[:, np.newaxis]
    f = np.sin(3 * x[:, 0])
    return KnownTruth(lambda rng: (x, f + 0.1 * rng.normal(size=20)), x, f, noise=0.01)


@pytest.fixture
def blocks(monkeypatch):
    """Stack sizes of every block that is opened."""
    found = []
    real = TogetherBackend.__init__

    def init(self, *args, **kwargs):
        real(self, *args, **kwargs)
        found.append(self.scheduler.stack_sizes)

    monkeypatch.setattr(TogetherBackend, "__init__", init)
    return found


@pytest.mark.parametrize(
    ("estimator", "n_networks"),
    [
        (NET, 12),
        (make_pipeline(StandardScaler(), NET), 12),
        (BaggingRegressor(NET, n_estimators=2), 24),
    ],
)
def test_the_same_result_from_stacks(estimator, n_networks, truth, blocks):
    expected = bias_variance(estimator, truth, n_repetitions=12, random_state=0, n_jobs=1)
    assert not blocks
    result = bias_variance(estimator, truth, n_repetitions=12, random_state=0)
    np.testing.assert_array_equal(result.predictions, expected.predictions)
    assert sum(blocks[0]) == n_networks
    assert max(blocks[0]) > 1


def test_all_strengths_of_a_display_are_fitted_together(truth, blocks):
    BiasVarianceDisplay.from_estimator(
        NET, truth, param_name="l2", param_range=[1e-3, 1e-2], n_repetitions=6, random_state=0
    )
    assert sum(blocks[0]) == 12


def test_others_and_those_who_say_how_are_left_alone(truth, blocks):
    bias_variance(Ridge(), truth, n_repetitions=3)
    for n_jobs in (1, 2):
        bias_variance(NET, truth, n_repetitions=3, n_jobs=n_jobs)
    with parallel_config(n_jobs=2):
        bias_variance(NET, truth, n_repetitions=3)
    with parallel_config(backend="threading"):
        bias_variance(NET, truth, n_repetitions=3)
    assert not blocks
