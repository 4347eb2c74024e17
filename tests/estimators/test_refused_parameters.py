"""Parameters that make no sense, alone or together: the sentence, and nothing half-fitted."""

import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from wellposed import NetClassifier, NetRegressor
from wellposed.regularizers import REGULARIZERS

rng = np.random.default_rng(0)
X, y = rng.normal(size=(30, 4)), rng.integers(0, 2, 30)

STRENGTHS = sorted(REGULARIZERS)
RATES = [name for name in STRENGTHS if not REGULARIZERS[name].interval.is_satisfied_by(1.0)]

ALONE = [
    *[({name: -0.1}, f"The '{name}' parameter of NetClassifier must be") for name in STRENGTHS],
    *[({name: 1.0}, f"The '{name}' parameter of NetClassifier must be") for name in RATES],
    *[({name: np.nan}, f"The '{name}' parameter of NetClassifier must be") for name in STRENGTHS],
    *[({name: "0.1"}, f"The '{name}' parameter of NetClassifier must be") for name in STRENGTHS],
    ({"solver": "newton"}, "The 'solver' parameter of NetClassifier must be a str among"),
    ({"activation": "rely"}, "The 'activation' parameter of NetClassifier must be a str among"),
    ({"network": "rnn"}, "The 'network' parameter of NetClassifier must be a str among"),
    ({"init": "normal"}, "The 'init' parameter of NetClassifier must be a str among"),
    ({"dtype": "float16"}, "The 'dtype' parameter of NetClassifier must be a str among"),
    ({"retrain": "always"}, "The 'retrain' parameter of NetClassifier must be a str among"),
    ({"class_weight": "even"}, "The 'class_weight' parameter of NetClassifier must be"),
    ({"learning_rate": 0.0}, "The 'learning_rate' parameter of NetClassifier must be a float"),
    ({"momentum": 1.0}, "The 'momentum' parameter of NetClassifier must be a float in the range"),
    ({"batch_size": 0}, "The 'batch_size' parameter of NetClassifier must be a str among"),
    ({"batch_size": 2.5}, "The 'batch_size' parameter of NetClassifier must be a str among"),
    ({"max_epochs": 0}, "The 'max_epochs' parameter of NetClassifier must be an int"),
    ({"averaging": 1.5}, "The 'averaging' parameter of NetClassifier must be a float"),
    ({"validation_fraction": 1.0}, "The 'validation_fraction' parameter of NetClassifier must"),
    ({"n_iter_no_change": 0}, "The 'n_iter_no_change' parameter of NetClassifier must be an int"),
    ({"random_state": "seed"}, "The 'random_state' parameter of NetClassifier must be"),
    ({"hidden_layer_sizes": 0}, "The 'hidden_layer_sizes' parameter of NetClassifier must be"),
    ({"hidden_layer_sizes": "10"}, "The 'hidden_layer_sizes' parameter of NetClassifier must be"),
    ({"hidden_layer_sizes": None}, "The 'hidden_layer_sizes' parameter of NetClassifier must be"),
    ({"hidden_layer_sizes": 7.5}, "The 'hidden_layer_sizes' parameter of NetClassifier must be"),
    *[
        ({"hidden_layer_sizes": sizes}, "hidden_layer_sizes must be positive integers, one a")
        for sizes in ((10, 0), (-1,), (2.0,), ("a",), ((4, 4),), (None,), (True,))
    ],
    ({"device": "gpu"}, "device='gpu' is not a torch device. Give 'cpu', 'cuda' or 'cuda:0'."),
    ({"device": "meta"}, "device='meta' cannot be computed on: its tensors hold no numbers. Set"),
    ({"device": "xpu"}, "device='xpu' cannot be computed on: "),
    ({"callbacks": ["a"]}, "callbacks holds 'a'; expected skorch callbacks such as"),
    ({"callbacks": [("a", 1)]}, "callbacks holds ('a', 1); expected skorch callbacks such as"),
]

TOGETHER = [
    *[
        (
            {"solver": "lbfgs", name: 0.1},
            f"solver='lbfgs' minimises one fixed objective on all rows, and {name}=0.1 ",
        )
        for name in (
            "dropout",
            "input_dropout",
            "input_noise",
            "weight_noise",
            "weight_decay",
            "max_norm",
            "norm_constraint",
            "averaging",
        )
    ],
    ({"solver": "lbfgs", "batch_size": 10}, "and batch_size=10 asks for mini-batches. Choose"),
    ({"solver": "lbfgs", "early_stopping": True}, "and early_stopping=True stops the epochs"),
    ({"solver": "lbfgs", "weight_decay": 1.0}, "switch weight_decay off or use l2."),
    *[
        (
            {"hidden_layer_sizes": (), name: 0.1},
            f"{name}=0.1 acts on hidden units, and hidden_layer_sizes=() has none. Set {name}=0 "
            "or add a hidden layer.",
        )
        for name in ("dropout", "max_norm")
    ],
    ({"retrain": "passes"}, "early_stopping is False. Set early_stopping=True or retrain=None."),
    (
        {"retrain": "passes", "early_stopping": True, "callbacks": [("mine", object())]},
        "retrain='passes' trains twice, and callbacks follow one training",
    ),
    (
        {"network": lambda i, o: None, "init": "he"},
        "init='he' is for networks of this library",
    ),
    (
        {"network": torch.nn.Linear(4, 3)},
        "network must be a function that builds a module, so that every fit has its own; got a",
    ),
]


def name(case):
    return "-".join(map(str, case)) if isinstance(case, dict) else ""


@pytest.mark.parametrize(("parameters", "sentence"), ALONE + TOGETHER, ids=name)
def test_the_sentence_and_nothing_half_fitted(parameters, sentence):
    net = NetClassifier(**parameters)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        net.fit(X, y)
    assert vars(net) == vars(NetClassifier(**parameters))


@pytest.mark.parametrize(("parameters", "sentence"), ALONE + TOGETHER, ids=name)
def test_a_fitted_model_stays(parameters, sentence):
    net = NetClassifier((3,), max_epochs=1, random_state=0).fit(X, y)
    predicted = net.predict_proba(X)
    before = dict(vars(net.set_params(**parameters)))
    with pytest.raises(ValueError, match=re.escape(sentence)):
        net.fit(X, y)
    assert vars(net) == before
    np.testing.assert_array_equal(net.predict_proba(X), predicted)


@pytest.mark.parametrize("off", [0, None])
def test_zero_and_none_switch_a_regularizer_off(off):
    settings = {"hidden_layer_sizes": (), "solver": "lbfgs", "tol": 1e-3}
    every = clone(NetClassifier(**settings, **dict.fromkeys(STRENGTHS, off)))
    plain = NetClassifier(**settings)
    np.testing.assert_array_equal(every.fit(X, y).coef_, plain.fit(X, y).coef_)


def test_types_are_named_by_scikit_learn():
    with pytest.raises(InvalidParameterError, match="'fit_intercept' parameter of NetRegressor"):
        NetRegressor(fit_intercept="yes").fit(X, y)
    with pytest.raises(TypeError, match="unexpected keyword argument 'label_smoothing'"):
        NetRegressor(label_smoothing=0.1)
