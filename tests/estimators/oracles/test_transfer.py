"""Fine-tuning: another network's weights to start from, frozen layers, rates by layer, L2-SP."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from torch import nn

from wellposed import NetClassifier, NetRegressor, fit_together, load
from wellposed.regularizers import REGULARIZERS
from wellposed.training import train

X, y = load_digits(return_X_y=True)
X, y = X[:150] / 16, y[:150] % 5
NET = NetClassifier((9, 6), batch_size=40, max_epochs=3, learning_rate=0.02, random_state=0)
EXACT = {"solver": "lbfgs", "tol": 1e-10, "max_epochs": 100_000}


def own_module(n_inputs, n_outputs):
    return nn.Sequential(
        nn.Linear(n_inputs, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 6), nn.Tanh(),
        nn.Linear(6, n_outputs),
    )  # fmt: skip


def source(**params):
    return clone(NET).set_params(random_state=5, **params).fit(X, y)


NETWORKS = [
    {},
    {"network": "cnn", "hidden_layer_sizes": (3, 4)},
    {"network": own_module},
    {"normalization": "batch"},
    {"normalization": "layer", "skip": True, "hidden_layer_sizes": (9, 9)},
    {"fit_intercept": False},
]
IDS = ["-".join(how) or "plain" for how in NETWORKS]


def tiny(**params):
    """One step of nearly nothing."""
    return clone(NET).set_params(max_epochs=1, batch_size=None, learning_rate=1e-300, **params)


def numbers(net):
    return {name: value.clone() for name, value in net.net_.module_.state_dict().items()}


def diverged():
    state = source().net_.module_.state_dict()
    return {**state, "0.bias": torch.full_like(state["0.bias"], torch.nan)}


class TestStart:
    @pytest.mark.parametrize("how", NETWORKS, ids=IDS)
    @pytest.mark.parametrize("kind", ["estimator", "state dict", "arrays", "module"])
    def test_weights_are_those_of_the_source(self, how, kind):
        given = source(**how)
        expected = numbers(given)
        given = {
            "estimator": given,
            "state dict": expected,
            "arrays": {name: value.numpy() for name, value in expected.items()},
            "module": given.net_.module_,
        }[kind]
        found = numbers(tiny(start=given, **how).fit(X, y))
        for name, value in expected.items():
            if "running" not in name and "num_batches" not in name:  # which go on
                np.testing.assert_array_equal(found[name], value, err_msg=name)

    @pytest.mark.parametrize("how", NETWORKS, ids=IDS)
    def test_another_task_has_a_last_layer_of_its_own(self, how):
        given = source(**how)
        net = tiny(start=given, **how).fit(X, y % 3)
        fresh = tiny(**how).fit(X, y % 3)
        before, after, drawn = numbers(given), numbers(net), numbers(fresh)
        last = list(after)[-1].rpartition(".")[0]
        for name, value in after.items():
            if name.rpartition(".")[0] == last:
                assert torch.allclose(value, drawn[name], rtol=1e-15, atol=1e-200)
            elif name.endswith(("weight", "bias")):
                assert torch.equal(value, before[name])

    def test_a_fresh_last_layer_begins_as_without_a_start(self):
        """At the scale of y, where y is numbers."""
        T = np.column_stack([X[:, 20], X[:, 30]])
        given = NetRegressor((9, 6), max_epochs=3, random_state=5).fit(X, T)
        how = {"max_epochs": 1, "learning_rate": 1e-300, "batch_size": None, "random_state": 0}
        net = NetRegressor((9, 6), start=given, **how).fit(X, 100 + 10 * y)
        fresh = NetRegressor((9, 6), **how).fit(X, 100 + 10 * y)
        np.testing.assert_allclose(net.coefs_[2], fresh.coefs_[2], rtol=1e-15)
        np.testing.assert_allclose(net.intercepts_[2], fresh.intercepts_[2], rtol=1e-15)
        np.testing.assert_array_equal(net.coefs_[1], given.coefs_[1])

    def test_a_module_with_other_names_is_read_in_order(self):
        class Named(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.second = nn.Linear(64, 9), nn.Linear(9, 6)
                self.head = nn.Linear(6, 5)

        module = Named()
        coefs = tiny(start=module.state_dict()).fit(X, y).coefs_
        for found, layer in zip(coefs, (module.first, module.second, module.head)):
            np.testing.assert_array_equal(found, layer.weight.detach().double().T)

    def test_a_fit_goes_on_like_the_loop_of_torch(self):
        given = source()
        module = torch.nn.Sequential(
            nn.Linear(64, 9), nn.ReLU(), nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 5)
        ).double()
        module.load_state_dict(given.net_.module_.state_dict())
        optimizer = torch.optim.SGD(module.parameters(), 0.05, momentum=0.9)
        for _ in range(8):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(torch.tensor(X)), torch.tensor(y)).backward()
            optimizer.step()
        net = clone(NET).set_params(start=given, solver="sgd", learning_rate=0.05, max_epochs=8)
        net.set_params(batch_size=None).fit(X, y)
        for found, expected in zip(net.net_.module_.parameters(), module.parameters()):
            np.testing.assert_allclose(found.detach(), expected.detach(), atol=1e-12)

    def test_clones_searches_and_files_keep_it(self, tmp_path):
        given = source()
        net = clone(NET).set_params(start=given)
        assert clone(net).start is given
        assert not [name for name in net.get_params() if name.startswith("start__")]
        grid = {"freeze": [None, "all_but_last", [0]], "l2_sp": [0, 0.1], "start": [given, None]}
        alone = GridSearchCV(net, grid, cv=2).fit(X, y)
        with fit_together():
            together = GridSearchCV(net, grid, cv=2).fit(X, y)
        scores = alone.cv_results_["mean_test_score"]
        np.testing.assert_array_equal(scores, together.cv_results_["mean_test_score"])
        assert len(set(scores)) > 4
        net.fit(X, y)
        with pytest.warns(UserWarning, match="start is not saved"):
            net.save(tmp_path / "net.safetensors")
        again = load(tmp_path / "net.safetensors")
        np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))

    def test_partial_fit_and_warm_starts_begin_there_once(self):
        given = source()
        steps = clone(NET).set_params(start=given)
        for _ in range(3):
            steps.partial_fit(X, y, classes=range(5))
        assert steps.score(X, y) > given.score(X, y)
        warm = clone(NET).set_params(start=given, warm_start=True).fit(X, y)
        once = warm.loss_
        assert warm.fit(X, y).loss_ < once

    @pytest.mark.parametrize(
        ("start", "error", "sentence"),
        [
            (lambda: NetClassifier(), NotFittedError, "is not fitted yet"),
            (lambda: LogisticRegression().fit(X, y), TypeError, "got LogisticRegression. Give one"),
            (lambda: source(hidden_layer_sizes=(9, 7)), ValueError, r"shape \(7, 9\) for 2.weight"),
            (lambda: source(hidden_layer_sizes=(9,)), ValueError, "Give the same hidden_layer_siz"),
            (lambda: {}, ValueError, "start= has nothing for 0.weight"),
            (lambda: 3, ValueError, "'start' parameter"),
            (lambda: {"a": "b"}, ValueError, "start= has 'b' for 'a', which is no array"),
            (lambda: {"a": np.ones(3)}, ValueError, r"has a, of shape \(3,\), which has no place"),
            (
                lambda: source(hidden_layer_sizes=(9, 6, 6)),
                ValueError,
                r"has 4.weight, .* no place",
            ),
            (lambda: source(normalization="batch"), ValueError, r"has 1.weight, .* no place"),
            (lambda: diverged(), ValueError, "has parameters that are not finite"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, start, error, sentence):
        with pytest.raises(error, match=sentence):
            clone(NET).set_params(start=start()).fit(X, y)


class TestL2SP:
    def test_is_ridge_moved_to_the_start(self, regression):
        A, b = regression(60, 5)
        first = NetRegressor((), l2=0.3, **EXACT).fit(A, b + 2 * A[:, 0])
        net = NetRegressor((), start=first, l2_sp=0.7, **EXACT).fit(A, b)
        moved = Ridge(60 * 0.7, tol=1e-14).fit(A, b - A @ first.coef_)
        np.testing.assert_allclose(net.coef_, first.coef_ + moved.coef_, rtol=1e-6)
        np.testing.assert_allclose(net.intercept_, moved.intercept_, rtol=1e-6)
        steps = clone(net).set_params(solver="sgd", learning_rate=0.05, batch_size=None)
        steps.set_params(max_epochs=3000).fit(A, b)
        np.testing.assert_allclose(steps.coef_, first.coef_ + moved.coef_, rtol=1e-6)

    def test_of_each_layer_its_own(self):
        """A strong pull holds a layer, and leaves the others."""
        given = source()
        net = clone(NET).set_params(start=given, l2_sp=[40.0, 0, 0], solver="sgd", momentum=0)
        net.set_params(max_epochs=30).fit(X, y)
        moved = [np.abs(a - b).max() for a, b in zip(net.coefs_, given.coefs_)]
        assert moved[0] < 0.02 < min(moved[1:])

    def test_without_a_start_it_pulls_to_the_first_weights(self):
        first = tiny().fit(X, y)
        far, near = (clone(NET).set_params(l2_sp=s, max_epochs=20).fit(X, y) for s in (0, 1.0))
        distances = [np.linalg.norm(net.coefs_[0] - first.coefs_[0]) for net in (far, near)]
        assert distances[1] < 0.3 * distances[0]

    def test_continue_pulls_to_the_start_of_the_first_training(self, regression):
        A, b = regression(60, 5)
        first = NetRegressor((), l2=0.3, **EXACT).fit(A, b + 2 * A[:, 0])
        net = NetRegressor((), start=first, l2_sp=1e3, early_stopping=True, retrain="continue")
        net.set_params(solver="sgd", learning_rate=5e-4, batch_size=None, random_state=0).fit(A, b)
        assert np.abs(net.coef_ - first.coef_).max() < 0.05


#: On top of frozen layers: all that acts on weights, adds noise or averages.
ALL = {
    "l2": 0.1, "l1": 0.01, "weight_decay": 0.5, "max_norm": 0.5, "nonnegative": True,
    "spectral_norm": 0.5, "gradient_noise": 0.1, "weight_noise": 0.1, "dropconnect": 0.2,
    "clip_norm": 0.1, "sam": 0.1, "orthogonality": 0.1, "group_l1": 0.01, "l2_sp": 0.1,
}  # fmt: skip


class TestFreeze:
    @pytest.mark.parametrize("how", NETWORKS, ids=IDS)
    @pytest.mark.parametrize("solver", ["adam", "sgd"])
    @pytest.mark.parametrize("average", [{}, {"ema": 0.9}, {"averaging": 0.5}, {"swa": 0.5}])
    def test_stays_to_the_bit_whatever_else_is_on(self, how, solver, average):
        on = {k: v for k, v in ALL.items() if k != "group_l1" or how.get("network") != "cnn"}
        given = source(**how)
        net = clone(NET).set_params(start=given, freeze=[0], solver=solver, **how, **on, **average)
        before, after = numbers(given), numbers(net.fit(X, y))
        first = next(iter(after)).rpartition(".")[0]
        for name, value in after.items():
            if name.rpartition(".")[0] == first:
                assert torch.equal(value, before[name])
        last = list(after)[-1].rpartition(".")[0]
        assert not torch.equal(after[f"{last}.weight"], before[f"{last}.weight"])

    @pytest.mark.parametrize("how", NETWORKS, ids=IDS)
    def test_all_but_the_last(self, how):
        given = source(**how)
        net = clone(NET).set_params(start=given, freeze="all_but_last", **how).fit(X, y)
        before, after = numbers(given), numbers(net)
        last = list(after)[-1].rpartition(".")[0]
        for name in (n for n in after if n.endswith(("weight", "bias"))):
            frozen = name.rpartition(".")[0] != last
            assert torch.equal(after[name], before[name]) == frozen, name

    def test_layers_of_a_module_by_name(self):
        net = clone(NET).set_params(network=own_module, freeze=["0", "1", "3.bias"])
        given = source(network=own_module)
        net.set_params(start=given).fit(X, y)
        before, after = numbers(given), numbers(net)
        for name in ("0.weight", "0.bias", "1.weight", "1.bias", "3.bias"):
            assert torch.equal(after[name], before[name])
        assert not torch.equal(after["3.weight"], before["3.weight"])

    def test_the_last_layer_on_frozen_ones_is_logistic_regression(self):
        """Also for lbfgs: features of the frozen layers, and nothing else, are fitted."""
        given = source(activation="tanh", max_epochs=30)
        net = clone(given).set_params(start=given, freeze="all_but_last", l2=[9, 9, 0.01], **EXACT)
        net.set_params(batch_size="auto").fit(X, y)
        W, V = given.coefs_[:2]
        features = np.tanh(np.tanh(X @ W + given.intercepts_[0]) @ V + given.intercepts_[1])
        expected = LogisticRegression(C=1 / (150 * 0.01), tol=1e-10, max_iter=10_000)
        expected.fit(features, y)
        np.testing.assert_allclose(net.coefs_[2], expected.coef_.T, atol=1e-6)
        for layer in (0, 1):
            np.testing.assert_array_equal(net.coefs_[layer], given.coefs_[layer])
            np.testing.assert_array_equal(net.intercepts_[layer], given.intercepts_[layer])

    @pytest.mark.parametrize("solver", ["adam", "sgd"])
    def test_with_clipping_and_decay_like_the_loop_of_torch(self, solver):
        """The norm that is clipped is that of what is trained."""
        given = source()
        module = torch.nn.Sequential(
            nn.Linear(64, 9), nn.ReLU(), nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 5)
        ).double()
        module.load_state_dict(given.net_.module_.state_dict())
        module[0].requires_grad_(False)
        parameters = [p for p in module.parameters() if p.requires_grad]
        weights = [p for p in parameters if p.ndim == 2]
        make = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[solver]
        optimizer = make(parameters, 0.02)
        for _ in range(8):
            optimizer.zero_grad()
            J = nn.functional.cross_entropy(module(torch.tensor(X)), torch.tensor(y))
            (J + 0.05 * sum(w.square().sum() for w in weights)).backward()
            nn.utils.clip_grad_norm_(parameters, 0.3)
            optimizer.step()
        net = clone(NET).set_params(start=given, solver=solver, max_epochs=8, batch_size=None)
        net.set_params(momentum=0, freeze=0, l2=0.1, clip_norm=0.3).fit(X, y)
        for found, expected in zip(net.net_.module_.parameters(), module.parameters()):
            np.testing.assert_allclose(found.detach(), expected.detach(), atol=1e-6)

    @pytest.mark.parametrize("name", ["nonnegative", "spectral_norm", "l1", "weight_decay"])
    def test_is_left_out_of_constraints_and_penalties_at_every_step(self, name):
        """What follows is trained on the frozen layer as it is, not as it would be in between."""
        strength = REGULARIZERS[name].typical[1]
        given = source()
        net = clone(NET).set_params(start=given, freeze=[0])
        all_of_them = clone(net).set_params(**{name: strength}).fit(X, y)
        others = clone(net).set_params(**{name: [0, strength, strength]}).fit(X, y)
        for found, expected in zip(all_of_them.coefs_, others.coefs_):
            np.testing.assert_array_equal(found, expected)


class TestRates:
    @pytest.mark.parametrize("solver", ["adam", "sgd"])
    def test_like_groups_of_parameters_in_torch(self, solver):
        given = source()
        module = torch.nn.Sequential(
            nn.Linear(64, 9), nn.ReLU(), nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 5)
        ).double()
        module.load_state_dict(given.net_.module_.state_dict())
        groups = [
            {"params": list(module[i].parameters()), "lr": 0.02 * factor}
            for i, factor in ((0, 0.1), (2, 1.0), (4, 3.0))
        ]
        how = {"adam": (torch.optim.Adam, {}), "sgd": (torch.optim.SGD, {"momentum": 0.9})}[solver]
        optimizer = how[0](groups, **how[1])
        for _ in range(8):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(torch.tensor(X)), torch.tensor(y)).backward()
            optimizer.step()
        net = clone(NET).set_params(start=given, solver=solver, max_epochs=8, batch_size=None)
        net.set_params(layer_rates=[0.1, 1, 3]).fit(X, y)
        for found, expected in zip(net.net_.module_.parameters(), module.parameters()):
            np.testing.assert_allclose(found.detach(), expected.detach(), atol=1e-10)

    def test_decay_and_thresholds_follow_them(self):
        """One step of sgd without a gradient to speak of: ``w (1 - factor * rate * decay)``."""
        given = source()
        net = tiny(start=given, solver="sgd", layer_rates=[0.5, 1, 2], weight_decay=0.3)
        net.set_params(learning_rate=1e-3, momentum=0, clip_norm=1e-12).fit(X, y)
        for factor, found, before in zip((0.5, 1, 2), net.coefs_, given.coefs_):
            np.testing.assert_allclose(found, before * (1 - factor * 3e-4), atol=1e-14)
        net = tiny(start=given, solver="sgd", layer_rates=[0.5, 1, 2], l1=10.0)
        net.set_params(learning_rate=1e-3, momentum=0, clip_norm=1e-12).fit(X, y)
        for factor, found, before in zip((0.5, 1, 2), net.coefs_, given.coefs_):
            expected = np.sign(before) * np.maximum(np.abs(before) - factor * 0.01, 0)
            np.testing.assert_allclose(found, expected, atol=1e-14)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_alone_and_together(make_request, solver):
    rng = np.random.default_rng(0)
    on = {n: REGULARIZERS[n](s) for n, s in ALL.items() if n != "dropconnect"}
    requests = []
    for k, n in enumerate((2, 4, 1, 4, 3)):
        request = make_request(
            rng.normal(size=(41 + k, 3)), rng.normal(size=41 + k), (9, 5), batch_size=20,
            solver=solver, max_epochs=n, seed=k,
        )  # fmt: skip
        columns = request.network.columns(0), request.network.columns(2)
        request.paces = tuple(
            (part.start, part.stop, factor)
            for parts, factor in zip(columns, (0.0, 0.3))
            for part in parts
        )
        request.regularizers = {**on, "averaging": REGULARIZERS["averaging"](0.5)}
        requests.append(request)
    assert len({request.structure for request in requests}) == 1
    for request, outcome in zip(requests, train(requests)):
        alone = train([request])[0]
        assert torch.equal(outcome.state.theta, alone.state.theta)
        assert outcome.loss_curve == alone.loss_curve


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"freeze": [0, 1, 2]}, r"freeze=\[0, 1, 2\] leaves no layer to train"),
        ({"freeze": [3]}, r"names the layer 3, and the network has \['0', '1', '2'\]"),
        ({"freeze": ["first"]}, "names the layer 'first'"),
        ({"freeze": "first"}, "'freeze' parameter"),
        *[
            ({"freeze": wrong}, "layers are numbers from 0 to 2, or, of a module of your own")
            for wrong in (True, [0.5], [[0]], [True], [None])
        ],
        ({"layer_rates": [1, 2]}, "must be 3 numbers > 0, one a layer of weights"),
        ({"layer_rates": [1, 0, 1]}, "For layers that stay as they are use freeze"),
        ({"layer_rates": [1, 1, 0.1], "solver": "lbfgs"}, "scales the steps of sgd or adam"),
        (
            {"network": own_module, "freeze": ["5.weights"]},
            "names the layer '5.weights', and the network has",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        clone(NET).set_params(batch_size="auto").set_params(**given).fit(X, y)
