"""All regularizers at once: they work together, or one sentence says which two cannot."""

import itertools

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from wellposed import NetClassifier
from wellposed.regularizers import MOMENTS, REGULARIZERS

X, y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
WEAK = {name: regularizer.typical[0] for name, regularizer in REGULARIZERS.items()}
#: All but those that exclude another one.
ON = {name: s for name, s in WEAK.items() if not REGULARIZERS[name].excludes}
FURTHER = [
    {},
    {"early_stopping": True},
    {"early_stopping": True, "retrain": "updates"},
    {"early_stopping": True, "retrain": "passes"},
    {"class_weight": "balanced", "dtype": "float32"},
]
NEEDS = {other: value for r in REGULARIZERS.values() for other, (value, _) in r.needs.items()}
NET = NetClassifier((16, 16), learning_rate=0.02, batch_size=30, max_epochs=60, random_state=0)
NET.set_params(**NEEDS)


@pytest.mark.parametrize("further", FURTHER, ids=str)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_all_on_learn_and_keep_their_promises(solver, further):
    net = clone(NET).set_params(solver=solver, **ON, **further).fit(X, y)
    assert net.score(X, y) > 0.85
    norms = np.linalg.norm(net.coefs_[0], axis=0)
    tolerance = 1e-5 if further.get("dtype") == "float32" else 1e-9
    assert norms.max() <= ON["max_norm"] + tolerance
    assert np.sqrt(sum((w**2).sum() for w in net.coefs_)) <= ON["norm_constraint"] + tolerance


def test_all_on_go_on_in_partial_fit_and_together_with_a_warm_start():
    net = clone(NET).set_params(**ON | {"averaging": None})  # which needs a whole training
    for _ in range(60):
        net.partial_fit(X, y, classes=[0, 1, 2])
    assert net.score(X, y) > 0.85
    net.set_params(warm_start=True, max_epochs=2).fit(X, y)
    assert net.score(X, y) > 0.85


def moments(name):
    return [moment for moment in MOMENTS if REGULARIZERS[name](0.1).acts(moment)]


@pytest.mark.parametrize("pair", list(itertools.combinations(WEAK, 2)), ids="-".join)
def test_any_two_can_be_combined_or_are_refused_by_name(pair):
    strengths = {name: REGULARIZERS[name].typical[1] for name in pair}
    net = clone(NET).set_params(max_epochs=2, **strengths)
    if any(set(pair) & set(REGULARIZERS[name].excludes) for name in pair):
        with pytest.raises(ValueError, match=f"{pair[1]}=.* cannot be combined with {pair[0]}="):
            net.fit(X, y)
        return
    net.fit(X, y)
    assert np.isfinite(net.predict_proba(X)).all()
    # Both are at work: leaving one out gives another model.
    for name in pair:
        other = clone(net).set_params(**{name: None}).fit(X, y)
        loose = "project" in moments(name) or name == "clip_norm"  # and may not bind
        assert loose or not np.array_equal(other.predict_proba(X), net.predict_proba(X))
