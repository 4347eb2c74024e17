"""Alone or together, the same model: neighbours do not change a bit of a network's weights.

Requests of one structure are drawn at random (shapes, activation, loss, solver, dtype,
regularizers) and differ in everything that may differ inside a stack: rows, numbers of batches and
epochs, seeds, learning rates, momentum, every strength, patience.
"""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from wellposed.networks import MLP
from wellposed.networks.activations import ACTIVATIONS
from wellposed.networks.losses import LOSSES
from wellposed.networks.residual import ResidualMLP
from wellposed.regularizers import REGULARIZERS
from wellposed.training import train
from wellposed.training.request import Request, Rows

SIZES = [1, 2, 3, 16, 33, 64]


def jittered(x, rng):
    return x + rng.normal(size=x.shape)


def own_directions(x):
    return np.stack([x, x**2], 1)


#: What a stack has in common, besides strengths.
OPTIONS = {
    "pseudo_label": [{}, {"threshold": 0.6}],
    "vat": [{}, {"steps": 3}],
    "augment": [{}, {"noise": 0.2}, {"swap": 0.5}, {"function": jittered}],
    "adversarial": [
        {},
        {"steps": 3},
        {"norm": 2, "clean": 0.0},
        {"norm": 2, "steps": 2, "clean": 0.3},
    ],
    "group_l1": [{}, {"groups": [[0]]}],
    "sam": [{}, {"adaptive": True}],
    "stochastic_depth": [{}, {"linear": False}],
    "activity_kl": [{}, {"target": 0.3}],
    "tangent_prop": [{}, {"n_neighbors": 2}, {"directions": own_directions}],
    "jacobian": [{}, {"n_projections": 2}],
    "swa": [{}, {"every": 2}],
}
structures = st.fixed_dictionaries(
    {
        "n_inputs": st.integers(1, 37),
        "n_outputs": st.integers(1, 5),
        "hidden": st.lists(st.integers(1, 35), max_size=2).map(tuple),
        "normalization": st.sampled_from([None, "batch", "layer"]),
        "skip": st.booleans(),
        "activation": st.sampled_from(sorted(ACTIVATIONS)),
        "fit_intercept": st.booleans(),
        "loss": st.sampled_from(sorted(LOSSES)),
        "solver": st.sampled_from(["adam", "sgd"]),
        "dtype": st.sampled_from([torch.float32, torch.float64]),
        "regularizers": st.sets(st.sampled_from(sorted(REGULARIZERS))),
        "batch_size": st.integers(1, 40) | st.none(),
        "last_batch_of_one": st.booleans(),
        "momentum": st.booleans(),
        "options": st.fixed_dictionaries({k: st.sampled_from(v) for k, v in OPTIONS.items()}),
        "early_stopping": st.booleans(),
        "unlabeled": st.booleans(),
        "missing": st.booleans(),
    }
)


#: Losses and output units of further tasks.
TASKS = (("squared_error", 1), ("logistic", 1), ("cross_entropy", 3))


def has_tasks(s):
    return bool(s["hidden"]) and any(REGULARIZERS[name].uses_tasks for name in s["regularizers"])


def draw_requests(structure, K, seed):
    """K requests of one structure that differ in everything else."""
    rng = np.random.default_rng(seed)
    s = structure
    n_outputs = s["n_outputs"] + (sum(units for _, units in TASKS) if has_tasks(s) else 0)
    shape = s["n_inputs"], n_outputs, s["hidden"], s["activation"], s["fit_intercept"]
    network = MLP(*shape)
    skip = s["skip"] and len(set(s["hidden"])) < len(s["hidden"])
    if s["hidden"] and (s["normalization"] or skip):
        network = ResidualMLP(*shape, s["normalization"], skip)
    has = {**s, "skip": skip}
    names = [
        name
        for name, r in REGULARIZERS.items()
        if name in s["regularizers"] and (s["hidden"] or not r.needs_hidden)
        if all(has[other] == value for other, (value, _) in r.needs.items())
        if not r(0.1, **s["options"].get(name, {})).why_not(network, s["loss"])
    ]
    sources = [draw_rows(s, rng) for _ in range(3)]
    unlabeled = [draw_unlabeled(s, rng) for _ in range(2)] if s["unlabeled"] else [None]
    held_out = [draw_rows(s, rng) for _ in range(2)]
    return [
        Request(
            network=network,
            loss=s["loss"],
            rows=sources[rng.integers(3)],
            unlabeled=unlabeled[rng.integers(len(unlabeled))],
            unlabeled_batch_size=20,
            seed=int(rng.integers(4)),
            solver=s["solver"],
            learning_rate=float(rng.choice([0.003, 0.01, 0.03])),
            momentum=float(rng.uniform(0.5, 0.95)) if s["momentum"] else 0.0,
            batch_size=s["batch_size"] or 1000,
            max_epochs=int(rng.integers(1, 7)),
            max_updates=int(rng.integers(2, 12)) if rng.random() < 0.3 else None,
            init="auto" if s["hidden"] else "glorot",
            regularizers={
                name: REGULARIZERS[name](
                    float(rng.uniform(*sorted(REGULARIZERS[name].typical))),
                    **s["options"].get(name, {}),
                )
                for name in names
            },
            validation=held_out[rng.integers(2)] if s["early_stopping"] else None,
            patience=int(rng.integers(1, 4)) if s["early_stopping"] else None,
        )
        for _ in range(K)
    ]


def strength(name, rng):
    return float(rng.uniform(*sorted(REGULARIZERS[name].typical)))


def draw_rows(s, rng):
    """Rows that share a padded batch width, as a stack needs: n > batch size, or all of n <= 16."""
    if s["batch_size"] is None:
        n = int(rng.integers(1, 17))
    else:
        size, joins = s["batch_size"], s["normalization"] == "batch"
        n = size * int(rng.integers(1 + joins, 4)) + 1
        if not s["last_batch_of_one"]:
            n += int(rng.integers(size))
            n += joins and n % size == 1  # a last row alone would widen the batch before it
    X = rng.normal(size=(n, s["n_inputs"]))
    target = rng.normal(size=(n, s["n_outputs"]))
    if s["loss"] != "squared_error":
        target = np.eye(s["n_outputs"])[rng.integers(0, s["n_outputs"], n)]
    weight = rng.random(n) + 0.1 if rng.random() < 0.5 else None
    shares = None
    if s["missing"] and s["loss"] != "cross_entropy":
        shares = rng.random(target.shape) * (rng.random(target.shape) < 0.8)
    tasks = None
    if has_tasks(s):
        units = sum(units for _, units in TASKS)
        tasks = TASKS, np.hstack([rng.integers(0, 2, (n, units)), rng.random((n, units))])
    return Rows.from_arrays(X, target, weight, s["dtype"], torch.device("cpu"), shares, tasks)


def draw_unlabeled(s, rng):
    """Rows without labels: more than a batch."""
    n = int(rng.integers(22, 40))  # no last batch of one row, which some networks join
    X, nothing = rng.normal(size=(n, s["n_inputs"])), np.zeros((n, 0))
    return Rows.from_arrays(X, nothing, None, s["dtype"], torch.device("cpu"))


def assert_same(outcome, alone):
    """Equal to the bit; a network that diverged holds NaN in the same places."""
    ours, theirs = outcome.state, alone.state
    exactly = {"rtol": 0, "atol": 0, "equal_nan": True}
    torch.testing.assert_close(ours.theta, theirs.theta, **exactly)
    torch.testing.assert_close(ours.slots, theirs.slots, **exactly)
    assert ours.n_updates == theirs.n_updates
    for name in ("loss_curve", "validation_curve", "validation_scores"):
        np.testing.assert_array_equal(getattr(outcome, name), getattr(alone, name))
    assert (outcome.best_epoch, outcome.n_epochs) == (alone.best_epoch, alone.n_epochs)
    assert repr(outcome.error) == repr(alone.error)


EVERYTHING = {
    "n_inputs": 5,
    "n_outputs": 1,
    "hidden": (7, 3),
    "normalization": None,
    "skip": False,
    "activation": "logistic",
    "fit_intercept": True,
    "loss": "logistic",
    "solver": "adam",
    "dtype": torch.float32,
    "regularizers": set(REGULARIZERS),
    "batch_size": 9,
    "last_batch_of_one": True,
    "momentum": False,
    "options": {"tangent_prop": {"n_neighbors": 1}},  # the default takes five times as long
    "early_stopping": True,
    "unlabeled": True,
    "missing": True,
}


RESIDUAL = {"hidden": (7, 7), "skip": True}


@pytest.mark.slow
@given(structure=structures, K=st.sampled_from(SIZES), seed=st.integers(0, 2**16))
@example(structure=EVERYTHING, K=33, seed=0)
@example(structure={**EVERYTHING, "solver": "sgd", "momentum": True}, K=16, seed=1)
@example(structure={**EVERYTHING, "n_inputs": 1, "hidden": (50,)}, K=64, seed=2)
@example(structure={**EVERYTHING, "n_inputs": 1, "hidden": ()}, K=3, seed=3)
@example(structure={**EVERYTHING, **RESIDUAL, "normalization": "batch"}, K=16, seed=4)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking a failure takes minutes
)
def test_a_network_is_the_same_alone_and_in_any_company(structure, K, seed):
    requests = draw_requests(structure, K, seed)
    assert len({request.structure for request in requests}) == 1
    alone = [train([request])[0] for request in requests]
    for order in (np.arange(K), np.random.default_rng(seed).permutation(K)):
        outcomes = train([requests[k] for k in order])
        assert len(outcomes) == K
        for k, outcome in zip(order, outcomes):
            assert_same(outcome, alone[k])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_with_every_regularizer(activation, dtype):
    structure = {**EVERYTHING, "activation": activation, "dtype": dtype}
    for solver, loss, n_outputs in (("adam", "squared_error", 1), ("sgd", "cross_entropy", 3)):
        structure |= {"solver": solver, "loss": loss, "n_outputs": n_outputs}
        requests = draw_requests(structure, 17, seed=2)
        few, many = train(requests[:3]), train(requests)
        for k in (0, 1, 2, 7, 8, 15, 16):  # first and last lanes of a vector of 4, 8 and 16
            (alone,) = train([requests[k]])
            assert_same(many[k], alone)
            if k < 3:
                assert_same(few[k], alone)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_lbfgs(activation, dtype):
    """Its line searches take each network its own way through a stack."""
    fixed = {"regularizers": {"l1", "l2"}, "batch_size": None, "early_stopping": False}
    structure = EVERYTHING | fixed | {"activation": activation, "dtype": dtype}
    requests = [
        replace(r, solver="lbfgs", max_epochs=15, max_updates=None)
        for r in draw_requests(structure, 64, seed=0)
    ]
    alone = [train([request])[0] for request in requests]
    for K in SIZES[1:]:
        order = np.random.default_rng(K).permutation(64)[:K]
        for k, outcome in zip(order, train([requests[k] for k in order])):
            assert_same(outcome, alone[k])


def test_lbfgs_ends_each_by_its_own_tolerance_and_limit(make_request):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), rng.normal(size=40)
    limits = [(1e-2, 100), (1e-9, 100), (1e-9, 3), (1e-5, 100), (1e-9, 7)]
    requests = [
        make_request(X, y + k, (4,), activation="tanh", solver="lbfgs", tol=tol, max_epochs=most,
                     seed=k, strengths={"l2": 0.01 * (k + 1)})
        for k, (tol, most) in enumerate(limits)
    ]  # fmt: skip
    for order in (range(5), reversed(range(5))):
        some = [requests[k] for k in order]
        for request, outcome in zip(some, train(some)):
            assert_same(outcome, train([request])[0])
            assert outcome.reached == (outcome.optimality <= request.tol)
            assert outcome.reached or outcome.n_epochs == request.max_epochs
    assert len({outcome.n_epochs for outcome in train(requests)}) == 5


def test_batches_of_other_sizes_and_one_width(make_request):
    """Equal seeds and equal numbers of rows: padded to one width, batches are still their own."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(70, 3)), rng.normal(size=70)
    requests = [
        make_request(X, y, (5,), batch_size=size, max_epochs=3, learning_rate=0.02, seed=1)
        for size in (20, 17, 32, 20, 31)
    ]
    assert len({request.structure for request in requests}) == 1
    for request, outcome in zip(requests, train(requests)):
        assert_same(outcome, train([request])[0])


@pytest.mark.parametrize(
    "name",
    [  # of those that are on or off or a count, strengths do not change how a network is trained
        name
        for name, cls in REGULARIZERS.items()
        if len(set(cls.typical)) > 1 and cls.interval.type is not Integral
    ],
)
def test_strength_varies_inside_a_stack(name):
    """Different strengths side by side: each network is its own, also after others have left."""
    structure = {**EVERYTHING, "regularizers": {name}, "early_stopping": False}
    if "skip" in REGULARIZERS[name].needs:
        structure |= RESIDUAL
    (first,) = draw_requests(structure, 1, seed=4)
    low, high = REGULARIZERS[name].typical
    requests = [
        replace(first, max_epochs=n, max_updates=None, regularizers={name: REGULARIZERS[name](s)})
        for n, s in zip((5, 2, 4, 1, 5), np.linspace(low, high, 5))
    ]
    outcomes = train(requests)
    for request, outcome in zip(requests, outcomes):
        assert_same(outcome, train([request])[0])
    weakest, strongest = (
        torch.stack([state.theta for state in outcome.members or [outcome.state]])
        for outcome in (outcomes[0], outcomes[-1])
    )
    assert not torch.equal(weakest, strongest)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_network_that_stops_early_leaves_the_others_alone(dtype):
    """Different patience: the stack shrinks while it trains, and all random streams go on."""
    structure = {**EVERYTHING, "dtype": dtype, "batch_size": 20}
    requests = [
        replace(request, max_epochs=20, max_updates=None, learning_rate=0.03)
        for request in draw_requests(structure, 16, seed=3)
    ]
    outcomes = train(requests)
    for request, outcome in zip(requests, outcomes):
        assert_same(outcome, train([request])[0])
    assert len({outcome.n_epochs for outcome in outcomes}) > 1


def test_a_network_that_diverges_leaves_the_others_alone(make_request):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    requests = [
        make_request(X, y, (8,), solver="sgd", learning_rate=rate, max_epochs=30, batch_size=7)
        for rate in (0.01, 1e6, 0.02)
    ]
    outcomes = train(requests)
    assert "learning_rate=1e+06 is too large" in str(outcomes[1].error)
    for k in (0, 2):
        assert_same(outcomes[k], train([requests[k]])[0])
