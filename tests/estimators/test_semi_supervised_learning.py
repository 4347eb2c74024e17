"""Learning from rows without labels: with every network, and whether it helps (section 7.6)."""

import re

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_moons
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from torch import nn

from wellposed import NetClassifier, NetRegressor, fit_together
from wellposed.regularizers import VAT, Consistency, Entropy, MeanTeacher, PseudoLabel, Ramp


def own(n_inputs, n_outputs):
    first = nn.Linear(n_inputs, 8)
    return nn.Sequential(first, nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, n_outputs))


ON = {"entropy": 0.3, "pseudo_label": 0.3, "consistency": 1.0, "mean_teacher": 1.0, "vat": 0.5}


@pytest.mark.parametrize("network", ["mlp", "cnn", own])
@pytest.mark.parametrize("name", ON)
def test_every_network_takes_part(name, network):
    X, y = load_digits(return_X_y=True)
    X, y = X[:90] / 16, y[:90]
    for cls in (NetClassifier, NetRegressor):
        if not hasattr(cls(), name):
            continue
        for solver in ("adam", "sgd"):
            how = {"network": network, "solver": solver, "max_epochs": 3, "random_state": 0}
            net = cls((4,), dropout=0.2, **how).set_params(**{name: ON[name]})
            if network is own:
                net.set_params(dropout=0.0)
            weight = 1.0 + y[:40]
            found = [
                net.fit(X[:40], y[:40], sample_weight=weight, X_unlabeled=U).predict(X)
                for U in (None, X[40:], X[60:])
            ]
            assert np.isfinite(found).all()
            losses = {net.loss_, net.set_params(**{name: 0}).fit(X[:40], y[:40], weight).loss_}
            assert len(losses) == 2


def two_moons(seed):
    X, y = make_moons(300, noise=0.12, random_state=seed)
    return StandardScaler().fit_transform(X), y


def two_clusters(seed):
    rng = np.random.default_rng(seed)
    y = np.arange(300) % 2
    return rng.normal(size=(300, 8)) + 4 / np.sqrt(8) * (y[:, None] - 0.5), y


CURVED = NetClassifier((32, 32), learning_rate=0.01, max_epochs=400)
STRAIGHT = NetClassifier((), learning_rate=0.05, max_epochs=200)
LEARN = {
    "vat": (VAT(1.0, radius=0.3), CURVED, two_moons),
    "consistency": (Consistency(8.0, noise=0.15), CURVED, two_moons),
    "mean_teacher": (MeanTeacher(8.0, teacher_decay=0.95, noise=0.15), CURVED, two_moons),
    "entropy": (Entropy(0.3), STRAIGHT, two_clusters),
    "pseudo_label": (PseudoLabel(Ramp(0.0, 1.0, until=0.5)), STRAIGHT, two_clusters),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", LEARN)
def test_rows_without_labels_help(name):
    """Over seeds, against the same network on the six rows with labels (row 15).

    And they help as much as scikit-learn's self-training of that network, or within .02 of it.
    """
    strength, net, draw = LEARN[name]
    scores = []

    def fit(seed):
        X, y = draw(seed)
        few = np.concatenate([np.flatnonzero(y == c)[:3] for c in (0, 1)])
        rest = np.setdiff1d(np.arange(300), few)
        marked = np.full(300, -1)
        marked[few] = y[few]
        plain = clone(net).set_params(random_state=seed)
        ours = clone(plain).set_params(**{name: strength}).fit(X, marked)
        peer = SelfTrainingClassifier(plain).fit(X, marked)
        fitted = (plain.fit(X[few], y[few]), ours, peer)
        return [model.score(X[rest], y[rest]) for model in fitted]

    with fit_together():
        scores = np.array(Parallel(n_jobs=2)(delayed(fit)(seed) for seed in range(8)))
    plain, ours, peer = scores.T
    for gain in (ours - plain, ours - peer + 0.02):
        assert gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(8)


def test_scikit_learns_graph_finds_the_moons_as_well():
    """The curved problem is one that a peer solves from six labels, too."""
    scores = []
    for seed in range(10):
        X, y = two_moons(seed)
        few = np.concatenate([np.flatnonzero(y == c)[:3] for c in (0, 1)])
        marked = np.full(300, -1)
        marked[few] = y[few]
        scores.append(LabelSpreading(gamma=20).fit(X, marked).score(X, y))
    assert np.mean(scores) > 0.85


@pytest.mark.parametrize(("parameters", "sentence"), [
    ({"pseudo_label": 0.1, "solver": "lbfgs"}, "pseudo_label=0.1 takes its targets from"),
    ({"vat": 0.1, "solver": "lbfgs"}, "vat=0.1 draws random numbers at every step"),
    ({"mean_teacher": 0.1, "solver": "lbfgs"}, "mean_teacher=0.1 draws random numbers"),
    ({"entropy": 0.1, "solver": "lbfgs", "unlabeled_batch_size": 5}, "unlabeled_batch_size=5"),
    ({"vat": VAT(0.1, radius=0)}, "The 'radius' parameter of VAT must be a float in the range (0"),
    ({"pseudo_label": PseudoLabel(0.1, threshold=1.0)}, "The 'threshold' parameter of PseudoLabel"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(parameters, sentence):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        NetClassifier((4,), **parameters).fit(X, y)


def test_terms_of_probabilities_are_refused_for_numbers():
    X, y = load_iris(return_X_y=True)
    net = NetRegressor((4,), regularizers=[("sharp", Entropy(0.1))])
    with pytest.raises(ValueError, match="is of probabilities, and loss='squared_error' has none"):
        net.fit(X, y)


@pytest.mark.parametrize(
    "on", [{"mean_teacher": 0.1}, {"pseudo_label": PseudoLabel(Ramp(0.0, 1.0))}]
)
def test_what_needs_a_whole_training_has_no_partial_fit(on):
    with pytest.raises(AttributeError) as error:
        NetClassifier(**on).partial_fit([[0.0]], [0])
    assert "a whole training" in str(error.value.__cause__)
