"""Every two regularizers on both estimators, as MLP and CNN, by adam and sgd.

They train together, or a sentence names one of them and says why not.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.base import clone

from wellposed import NetClassifier, NetRegressor
from wellposed._checks import check_combination
from wellposed.regularizers import REGULARIZERS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 64))
Y = {"NetClassifier": np.arange(12) % 3, "NetRegressor": X[:, :2] @ [1.0, -1.0]}
SETTINGS = {"batch_size": 6, "max_epochs": 1, "random_state": 0}
RATES = {"adam": 1e-3, "sgd": 1e-5}  # weak enough for the strongest of all
NETS = {
    f"{cls.__name__}-{network}-{solver}": cls(
        (8, 8) if network == "mlp" else (4, 4),
        network=network,
        solver=solver,
        learning_rate=RATES[solver],
        **SETTINGS,
    )
    for cls in (NetClassifier, NetRegressor)
    for network in ("mlp", "cnn")
    for solver in ("adam", "sgd")
}
CLOSELY = "NetClassifier-mlp-adam"  # where it is also seen that both of a pair act
NETS[CLOSELY].set_params(max_epochs=2)


def with_regularizers(net, names):
    """The network with these on, rather strong, and what each class says it needs."""
    needs = {k: value for n in names for k, (value, _) in REGULARIZERS[n].needs.items()}
    strengths = {name: REGULARIZERS[name].typical[1] for name in names}
    return clone(net).set_params(**needs, **strengths)


def fit(net, names):
    """Fit it, with tasks beside the main one where a regularizer is about them."""
    tasks = {"auxiliary": X[:, 0]} if any(REGULARIZERS[n].uses_tasks for n in names) else {}
    return net.fit(X, Y[type(net).__name__], **tasks)


def refusal(net, names):
    """Fit it, and return the sentence that refuses it, or "" if it trains."""
    try:
        check_combination(net)
        fit(net, names)
    except ValueError as error:
        sentence = str(error)
    else:
        assert np.isfinite(net.predict(X).astype(float)).all()
        return ""
    assert any(name in sentence for name in names), sentence
    assert sentence.endswith("."), "it ends with what to do"
    return sentence


@cache
def refusals(kind):
    """Of each regularizer alone."""
    net = NETS[kind]
    names = [name for name in REGULARIZERS if hasattr(net, name)]
    return {name: refusal(with_regularizers(net, [name]), [name]) for name in names}


def both_act(net, names):
    """Leaving one out gives another model, unless it may not bind."""
    proba = net.predict_proba(X)
    for name in names:
        cls = REGULARIZERS[name]
        loose = cls(0.1).acts("project") or name == "clip_norm"
        left = [other for other in names if other != name]
        other = fit(clone(net).set_params(**{name: None}), left)
        assert loose or not np.array_equal(other.predict_proba(X), proba), name


@pytest.mark.slow
@pytest.mark.parametrize("first", REGULARIZERS)
@pytest.mark.parametrize("kind", NETS)
def test_any_two_train_or_are_refused_by_name(kind, first):
    net = NETS[kind]
    names = [name for name in REGULARIZERS if hasattr(net, name)]
    alone = refusals(kind)
    for second in names[names.index(first) + 1 :] if first in names else ():
        both = with_regularizers(net, [first, second])
        refused = refusal(both, [first, second])
        excluded = second in REGULARIZERS[first].excludes or first in REGULARIZERS[second].excludes
        # A pair is refused where one alone is, or where its classes exclude each other.
        assert bool(refused) == bool(excluded or alone[first] or alone[second]), (second, refused)
        if not refused and kind == CLOSELY:
            both_act(both, [first, second])
