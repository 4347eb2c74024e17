"""All regularizers at once: they work together, or one sentence says which two cannot."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from wellposed import NetClassifier
from wellposed.regularizers import REGULARIZERS

X, y = load_iris(return_X_y=True)
X, y = StandardScaler().fit_transform(X)[::2], y[::2]
WEAK = {name: regularizer.typical[0] for name, regularizer in REGULARIZERS.items()}
#: All but those that exclude another one or weigh further tasks.
ON = {
    name: strength
    for name, strength in WEAK.items()
    if not REGULARIZERS[name].excludes and not REGULARIZERS[name].uses_tasks
}
SETTINGS = [
    ("adam", {}),
    ("sgd", {"early_stopping": True}),
    ("sgd", {"early_stopping": True, "retrain": "updates"}),
    ("adam", {"early_stopping": True, "retrain": "passes"}),
    ("adam", {"class_weight": "balanced", "dtype": "float32"}),
]
NEEDS = {other: value for r in REGULARIZERS.values() for other, (value, _) in r.needs.items()}
NET = NetClassifier((16, 16), learning_rate=0.02, batch_size=25, max_epochs=60, random_state=0)
NET.set_params(**NEEDS)


@pytest.mark.parametrize(("solver", "further"), SETTINGS, ids=str)
def test_all_on_learn_and_keep_their_promises(solver, further):
    rate = {"adam": 0.02, "sgd": 0.05}[solver]
    enough = {"max_epochs": 100, "n_iter_no_change": 20, "learning_rate": rate}
    net = clone(NET).set_params(solver=solver, **enough, **ON, **further).fit(X, y)
    assert net.score(X, y) > 0.85
    norms = np.linalg.norm(net.coefs_[0], axis=0)
    tolerance = 1e-5 if further.get("dtype") == "float32" else 1e-9
    assert norms.max() <= ON["max_norm"] + tolerance
    assert np.sqrt(sum((w**2).sum() for w in net.coefs_)) <= ON["norm_constraint"] + tolerance


def test_all_on_go_on_in_partial_fit_and_together_with_a_warm_start():
    whole = {name: None for name in ON if REGULARIZERS[name].needs_all_updates}
    net = clone(NET).set_params(**ON | whole)
    for _ in range(60):
        net.partial_fit(X, y, classes=[0, 1, 2])
    assert net.score(X, y) > 0.85
    net.set_params(warm_start=True, max_epochs=2).fit(X, y)
    assert net.score(X, y) > 0.85
