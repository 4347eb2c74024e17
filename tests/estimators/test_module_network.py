"""network=callable: a user's own module gets the same regularizers."""

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import Lasso
from sklearn.metrics import log_loss
from torch import nn

from wellposed import DivergenceError, NetClassifier, NetRegressor
from wellposed.networks.module import ModuleNetwork


def linear(n_inputs, n_outputs):
    module = nn.Linear(n_inputs, n_outputs)
    nn.init.zeros_(module.weight)
    nn.init.zeros_(module.bias)
    return module


def perceptron(n_inputs, n_outputs):
    return nn.Sequential(nn.Linear(n_inputs, 16), nn.Tanh(), nn.Linear(16, n_outputs))


def normalised(n_inputs, n_outputs):
    return nn.Sequential(
        nn.Linear(n_inputs, 16),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(16, n_outputs),
    )


def convolutional(n_inputs, n_outputs):
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(144, n_outputs),
    )


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300] / 16, y[:300]


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_linear_module_with_l1_is_the_lasso(solver, diabetes):
    X, y = diabetes
    model = NetRegressor(
        network=linear,
        solver=solver,
        l1=2.0,
        learning_rate=1.0 if solver == "adam" else 0.05,
        batch_size=None,
        max_epochs=3000,
        tol=1e-9,
    ).fit(X, y)
    lasso = Lasso(2.0, tol=1e-14).fit(X, y)
    coef = model.net_.module_.weight.detach().numpy()[0]
    np.testing.assert_array_equal(coef != 0, lasso.coef_ != 0)
    np.testing.assert_allclose(coef, lasso.coef_, rtol=1e-6)


@pytest.fixture(scope="module")
def diabetes():
    from sklearn.datasets import load_diabetes
    from sklearn.preprocessing import scale

    X, y = load_diabetes(return_X_y=True)
    return scale(X), y


def test_same_steps_as_the_built_in_network(digits):
    """A module that starts where the built-in network starts takes the same steps."""
    X, y = digits
    settings = {
        "hidden_layer_sizes": (16,),
        "activation": "tanh",
        "batch_size": 32,
        "max_epochs": 3,
        "learning_rate": 0.01,
        "random_state": 0,
        "dropout": 0.25,
        "l1": 1e-4,
        "l2": 1e-3,
        "max_norm": 1.0,
        "input_noise": 0.1,
    }
    still = {"learning_rate": 1e-300, "l1": 0, "max_norm": None}
    start = NetClassifier(**{**settings, **still}).fit(X, y)

    def same_start(n_inputs, n_outputs):
        module = perceptron(n_inputs, n_outputs)
        for layer, coef, bias in zip((module[0], module[2]), start.coefs_, start.intercepts_):
            layer.weight.data = torch.as_tensor(coef.T.copy())
            layer.bias.data = torch.as_tensor(bias)
        return module

    built_in = NetClassifier(**settings).fit(X, y)
    module = NetClassifier(network=same_start, **settings).fit(X, y)
    np.testing.assert_allclose(module.predict_proba(X), built_in.predict_proba(X), atol=1e-9)


@pytest.mark.parametrize("factory", [normalised, convolutional])
def test_random_layers_and_batch_statistics(factory, digits):
    X, y = digits
    model = NetClassifier(network=factory, batch_size=64, max_epochs=5, dropout=0.1, random_state=3)
    before = torch.get_rng_state()
    p = clone(model).fit(X, y).predict_proba(X)
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(p, clone(model).fit(X, y).predict_proba(X))


def test_batch_statistics_are_those_of_real_rows(digits):
    """Padding rows must not count: one full batch leaves the mean of its rows."""
    X, y = digits

    def norm_first(n_inputs, n_outputs):
        norm = nn.BatchNorm1d(n_inputs, momentum=1.0)
        return nn.Sequential(norm, nn.Linear(n_inputs, n_outputs))

    model = NetClassifier(network=norm_first, batch_size=None, max_epochs=1).fit(X[:39], y[:39])
    np.testing.assert_allclose(
        model.net_.module_[0].running_mean.numpy(), X[:39].mean(0), atol=1e-12
    )


def test_the_best_weights_come_with_their_batch_statistics(digits):
    """They are those of the epoch whose validation loss was the smallest."""
    X, y = digits
    rng = np.random.default_rng(0)
    X_val, y_val = X[:60] + rng.normal(size=(60, X.shape[1])), y[:60]
    model = NetClassifier(
        network=normalised, early_stopping=True, n_iter_no_change=8, learning_rate=0.05,
        batch_size=16, max_epochs=60, dtype="float64", random_state=0,
    ).fit(X[60:200], y[60:200], X_val=X_val, y_val=y_val)  # fmt: skip
    assert model.best_epoch_ < model.n_iter_
    loss = log_loss(y_val, model.predict_proba(X_val), labels=model.classes_)
    assert loss == pytest.approx(min(model.validation_loss_curve_), rel=1e-9)


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_a_failed_warm_fit_leaves_batch_statistics(how, digits):
    X, y = digits
    model = NetClassifier(
        network=normalised, solver="sgd", max_epochs=3, warm_start=True, dtype="float32"
    ).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(learning_rate=1e30, l2=1.0)
    with pytest.raises(DivergenceError):
        getattr(model, how)(1e3 * X + 7, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_weights_are_penalised_and_norms_are_not(digits):
    X, y = digits
    model = NetClassifier(network=normalised, l1=1e3, max_epochs=3).fit(X, y)
    module = model.net_.module_
    assert (module[0].weight == 0).all()
    assert (module[4].weight == 0).all()
    assert (module[1].weight != 0).all()


def test_max_norm_sees_a_channels_whole_filter(digits):
    model = NetClassifier(network=convolutional, max_norm=0.3, max_epochs=3).fit(*digits)
    filters = model.net_.module_[1].weight.detach().flatten(1)
    assert filters.norm(dim=1).max() <= 0.3 * (1 + 1e-12)


def test_warm_start_goes_on_with_the_same_module(digits):
    X, y = digits
    model = NetClassifier(network=perceptron, warm_start=True, max_epochs=3, random_state=0)
    first = model.fit(X, y).loss_
    assert model.fit(X, y).loss_ < first
    with pytest.raises(ValueError, match="another one"):
        model.set_params(network=normalised).fit(X, y)


@pytest.mark.parametrize(
    ("factory", "error", "match"),
    [
        (lambda i, o: nn.Linear(i, o + 1), ValueError, "must map"),
        (lambda i, o: "network", TypeError, "must return a torch.nn.Module"),
        (lambda i, o: nn.Identity(), ValueError, "without parameters"),
    ],
)
def test_modules_that_make_no_sense(factory, error, match, digits):
    with pytest.raises(error, match=match):
        NetClassifier(network=factory).fit(*digits)
    with pytest.raises(ValueError, match="init='he'"):
        NetClassifier(network=linear, init="he").fit(*digits)


def test_frozen_parameters_stay_and_the_others_are_trained(digits):
    X, y = digits

    settings = {"network": frozen_first, "random_state": 0, "learning_rate": 0.01}
    short, long = (
        NetClassifier(**settings, max_epochs=n, l1=1e-4).fit(X, y).net_.module_ for n in (1, 30)
    )
    assert torch.equal(short[0].weight, long[0].weight)
    assert torch.equal(short[0].bias, long[0].bias)
    assert not torch.equal(short[2].weight, long[2].weight)
    model = NetClassifier(**settings, max_epochs=30).fit(X, y)
    module = model.net_.module_
    with torch.no_grad():
        z = module[2](torch.tanh(module[0](torch.from_numpy(X))))
    np.testing.assert_allclose(model.predict_proba(X), torch.softmax(z, 1).numpy(), rtol=1e-10)

    def frozen(n_inputs, n_outputs):
        return perceptron(n_inputs, n_outputs).requires_grad_(False)

    with pytest.raises(ValueError, match="without parameters to train"):
        NetClassifier(network=frozen).fit(X, y)


def test_tied_weights_are_one(digits):
    X, y = digits

    class Tied(nn.Module):
        def __init__(self, n_inputs, n_outputs):
            super().__init__()
            self.encode = nn.Linear(n_inputs, 16, bias=False)
            self.again = nn.Linear(n_inputs, 16, bias=False)
            self.again.weight = self.encode.weight
            self.out = nn.Linear(16, n_outputs)

        def forward(self, x):
            return self.out(torch.tanh(self.encode(x)) + self.again(x))

    model = NetClassifier(network=Tied, max_epochs=5, l2=1e-3, random_state=0).fit(X, y)
    module = model.net_.module_
    assert module.again.weight is module.encode.weight
    assert not torch.equal(module.encode.weight, torch.zeros_like(module.encode.weight))
    with torch.no_grad():
        z = module(torch.from_numpy(X))
    np.testing.assert_allclose(model.predict_proba(X), torch.softmax(z, 1).numpy(), rtol=1e-10)


class Sequence(nn.Module):
    """The 64 pixels as a sequence of 8 steps."""

    def __init__(self, n_inputs, n_outputs, flat=False):
        super().__init__()
        self.flat, self.embed = flat, nn.Linear(8, 6)
        self.mix, self.out = nn.Linear(6, 6), nn.Linear(6, n_outputs)

    def forward(self, x):
        h = torch.relu(self.embed(x.reshape(-1, 8, 8))) + 1.0
        if self.flat:
            h = h.flatten(0, 1)
        return self.out(self.mix(h).reshape(len(x), 8, 6).mean(1))


def test_dropout_drops_a_unit_at_all_steps_of_a_sequence(digits):
    X, y = digits
    seen = []

    def watched(n_inputs, n_outputs):
        module = Sequence(n_inputs, n_outputs)
        module.mix.register_forward_hook(lambda layer, args, out: seen.append(args[0].detach()))
        return module

    NetClassifier(network=watched, max_epochs=1, dropout=0.5, random_state=0).fit(X, y)
    h = next(h for h in seen if len(h) == 200)
    dropped = h == 0
    assert 0.4 < dropped.double().mean() < 0.6
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    flat = partial(Sequence, flat=True)
    with pytest.raises(ValueError, match=r"a row, and Linear.* is fed 1600 rows for 200 samples"):
        NetClassifier(network=flat, max_epochs=1, dropout=0.5, random_state=0).fit(X, y)


def test_a_factory_that_cannot_be_called_or_dropped_out_is_told_so(digits):
    with pytest.raises(
        TypeError, match=r"two arguments.*Write `def network\(n_inputs, n_outputs\)`"
    ):
        NetClassifier(network=lambda n_inputs: nn.Linear(n_inputs, 10)).fit(*digits)
    with pytest.raises(ValueError, match=r"dropout=0.5 acts on what each nn.Linear but the first"):
        NetClassifier(network=linear, dropout=0.5).fit(*digits)
    with pytest.raises(ValueError, match=r"max_norm=1 acts on hidden units, and the module"):
        NetClassifier(network=linear, max_norm=1.0).fit(*digits)


def frozen_first(n_inputs, n_outputs):
    module = perceptron(n_inputs, n_outputs)
    module[0].requires_grad_(False)
    return module


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_frozen_parameters_follow_the_precision(digits, dtype):
    X, y = digits
    settings = {"network": frozen_first, "max_epochs": 2, "random_state": 0, "warm_start": True}
    model = NetClassifier(**settings, dtype=dtype).fit(X, y)
    p = model.predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X.astype("float32")), p, atol=1e-5)
    other = "float64" if dtype == "float32" else "float32"
    assert model.set_params(dtype=other).fit(X, y).score(X, y) > 0.05


def hooked(factory, n_inputs=64, n_outputs=10):
    network = ModuleNetwork(factory, n_inputs, n_outputs, 0, torch.float64)
    return [layer.in_features for layer in network._linears]


def test_what_dropout_acts_on_is_never_the_inputs():
    def normalised_first(i, o):
        layers = nn.Unflatten(1, (8, 8)), nn.LayerNorm((8, 8)), nn.Flatten()
        return nn.Sequential(*layers, nn.Linear(i, 16), nn.ReLU(), nn.Linear(16, o))

    def tied_second(i, o):
        first, second = nn.Linear(i, i), nn.Linear(i, i)
        second.weight = first.weight
        return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(i, o))

    assert hooked(normalised_first) == [16]
    assert hooked(tied_second) == [64, 64]
    assert hooked(frozen_first) == [16]
    assert hooked(convolutional) == [144]


@pytest.mark.parametrize("name", ["l2", "weight_noise", "norm_constraint", "weight_decay"])
def test_a_module_that_trains_biases_only_has_no_weights_to_regularize(digits, name):
    def biases_only(n_inputs, n_outputs):
        module = perceptron(n_inputs, n_outputs)
        for parameter in module.parameters():
            parameter.requires_grad_(parameter.ndim == 1)
        return module

    NetClassifier(network=biases_only, max_epochs=1, dropout=0.1).fit(*digits)
    with pytest.raises(ValueError, match=f"{name}=1 acts on weights, and the module that"):
        NetClassifier(network=biases_only, max_epochs=1, **{name: 1.0}).fit(*digits)


DRAWN: list[float] = []


class Drawing(nn.Module):
    """Takes down what it draws in training."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.linear = nn.Linear(n_inputs, n_outputs)

    def forward(self, x):
        if self.training:
            DRAWN.append(torch.rand(()).item())
        return self.linear(x)


def test_random_layers_draw_afresh_at_every_step_and_go_on_after_pickling():
    X = np.random.default_rng(0).normal(size=(40, 3))
    net = NetRegressor(network=Drawing, batch_size=16, max_epochs=3, random_state=0)
    runs = []
    for _ in range(2):
        DRAWN.clear()
        copy = pickle.loads(pickle.dumps(clone(net).fit(X, X[:, 0])))
        copy.partial_fit(X, X[:, 0])
        runs.append(list(DRAWN))
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == len(runs[0]) == 9 + 3
    DRAWN.clear()
    clone(net).fit(X, X[:, 0]).partial_fit(X, X[:, 0])
    assert runs[0] == DRAWN
