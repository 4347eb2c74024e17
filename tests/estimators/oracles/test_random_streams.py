"""Common random numbers: a regularizer leaves first weights, split and batches as they are."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

from wellposed import NetClassifier
from wellposed._streams import Stream, generator
from wellposed.regularizers import REGULARIZERS
from wellposed.training import train
from wellposed.training.stack import Stack

#: What a class needs besides.
NEEDS = {name: {p: v for p, (v, _) in r.needs.items()} for name, r in REGULARIZERS.items()}
#: All but those that give the network further outputs, whose first weights are others.
ON = {name: r.typical[1] for name, r in REGULARIZERS.items() if not r.uses_tasks}


def seen_by(monkeypatch, **parameters):
    """Fit, and return first weights, training rows, held-out rows and the batches in order."""
    seen = {}

    def spy(self, request):
        stack = Stack([request])
        seen["first weights"] = stack.theta.clone()
        seen["rows"], seen["held out"] = request.rows.table, request.validation.table
        seen["batches"] = torch.stack([stack.batches.next().x for _ in range(20)])
        return run(self, request)

    run = NetClassifier._run
    monkeypatch.setattr(NetClassifier, "_run", spy)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    y = (X[:, 0] > 0).astype(int)
    NetClassifier(
        (8, 8), batch_size=16, max_epochs=3, early_stopping=True, random_state=7, **parameters
    ).fit(X, y)
    monkeypatch.undo()
    return seen


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("name", [name for name in ON if name != "snapshots"])  # no early stopping
def test_a_regularizer_changes_no_other_draw(monkeypatch, name, solver):
    without = seen_by(monkeypatch, solver=solver, **NEEDS[name])
    with_it = seen_by(monkeypatch, solver=solver, **NEEDS[name], **{name: ON[name]})
    for what, value in without.items():
        assert torch.equal(value, with_it[what]), what
    assert len(without["held out"]) - 1 == 6


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("dropout", "input_noise"),
        ("dropout", "weight_noise"),
        ("input_dropout", "dropout"),
        ("input_noise", "input_dropout"),
        ("weight_noise", "input_noise"),
    ],
)
def test_random_regularizers_do_not_share_numbers(make_request, name, other):
    """What one draws is the same whether the other one draws, too."""

    def draws(*names):
        request = make_request(
            np.ones((8, 3)), np.ones(8), (5,), seed=3, strengths={n: ON[n] for n in names}
        )
        stack = Stack([request])
        (regularizer,) = [r for r in stack.regularizers if r.name == name]
        stack.step()
        return torch.cat([stream.draw().flatten() for stream in regularizer.setting._streams])

    assert torch.equal(draws(name), draws(*[n for n in REGULARIZERS if n in (name, other)]))


def own_module(n_inputs, n_outputs):
    return nn.Sequential(
        nn.Linear(n_inputs, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, n_outputs)
    )


@pytest.mark.parametrize(
    "network",
    [
        {"skip": True, "hidden_layer_sizes": (8, 8)},
        {"skip": True, "hidden_layer_sizes": (8, 8, 8)},
        {"network": "cnn", "hidden_layer_sizes": (2,)},
        {"network": own_module},
    ],
    ids=["two layers", "three layers", "cnn", "module"],
)
def test_every_purpose_has_a_stream_of_its_own(monkeypatch, network):
    """No two regularizers, layers or parts draw the same numbers, nor does training itself."""
    seeds, opened = {}, []

    def spy(seed, name, generation=0):
        rng = generator(seed, name, generation)
        seeds.setdefault(name, set()).add(rng.initial_seed())
        return rng

    def open_stream(self, name, *args):
        opened.append(name)
        return original(self, name, *args)

    original = Stream.__init__
    monkeypatch.setattr(Stream, "__init__", open_stream)
    for name, module in list(sys.modules.items()):
        if name.startswith("wellposed") and getattr(module, "generator", None) is generator:
            monkeypatch.setattr(module, "generator", spy)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 16)), rng.integers(0, 3, 60)
    random = {
        name: ON[name]
        for name, r in REGULARIZERS.items()
        if r.random and not r.excludes and set(r.needs) <= set(network)
    }
    net = NetClassifier(**network, batch_size=16, max_epochs=2, early_stopping=True, **random)
    net.set_params(random_state=7).fit(X, y)
    assert len(opened) == len(set(opened))
    own = {"module"} if "network" in network and callable(network["network"]) else set()
    assert seeds.keys() - set(opened) == {"init", "batches", "validation split"} | own
    assert {name.partition(".")[0] for name in opened} == set(random)
    seeds_of_one = set().union(*seeds.values())
    assert len(seeds_of_one) == len(seeds)
    seeds.clear()
    net.set_params(random_state=8).fit(X, y)
    assert not set().union(*seeds.values()) & seeds_of_one


def test_strength_changes_nothing_drawn(monkeypatch):
    """Neither does the share that is dropped: masks of a smaller rate contain those of a larger."""
    masks = []
    for rate in (0.2, 0.6):
        request_masks = []
        original = REGULARIZERS["dropout"].mask

        def spy(self, layer, kept=request_masks, original=original):
            mask = original(self, layer)
            kept.append(mask > 0)
            return mask

        monkeypatch.setattr(REGULARIZERS["dropout"], "mask", spy)
        NetClassifier((8,), dropout=rate, max_epochs=5, random_state=0).fit(np.eye(4), [0, 1, 0, 1])
        monkeypatch.undo()
        masks.append(torch.cat(request_masks))
    assert (masks[0] | ~masks[1]).all()
    assert masks[0].sum() > masks[1].sum()


def test_layers_and_steps_draw_afresh():
    seeds, cpu = [(1, 0), (2, 0)], torch.device("cpu")
    first, second = (
        Stream(name, seeds, (4, 16), torch.float64, cpu) for name in ("dropout.0", "dropout.1")
    )
    a, b, c = first.draw().clone(), first.draw().clone(), second.draw().clone()
    draws = [*a, *b, *c]
    for i, left in enumerate(draws):
        for right in draws[i + 1 :]:
            assert not torch.equal(left, right)
            assert abs(np.corrcoef(left.flatten(), right.flatten())[0, 1]) < 0.5


@pytest.mark.parametrize("dtype", [torch.int16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(16,), (16, 48), (3, 64, 16)])
def test_a_network_draws_the_same_numbers_in_any_company(dtype, shape):
    """How many steps are drawn at once depends on the company; the numbers do not."""
    cpu = torch.device("cpu")
    alone = Stream("dropout.0", [(5, 0)], shape, dtype, cpu)
    company = Stream("dropout.0", [(seed, 0) for seed in range(40)], shape, dtype, cpu)
    thinned = Stream("dropout.0", [(seed, 0) for seed in (1, 5, 5)], shape, dtype, cpu)
    left = Stream("dropout.0", [(seed, 0) for seed in (3, 1, 7, 5, 2, 5)], shape, dtype, cpu)
    for step in range(300):
        expected = alone.draw()[0]
        assert torch.equal(company.draw()[5], expected)
        assert torch.equal(thinned.draw()[-1], expected)
        assert torch.equal(left.draw()[-1], expected)
        if step == 37:
            thinned.keep([0, 2])
            left.keep([1, 2, 4, 5])
        if step in (41, 150):  # the first of those that are left
            left.keep([1, 3] if step == 41 else [1])


def test_a_continued_fit_goes_on_with_fresh_numbers():
    """Generation is part of a stream's name: partial_fit does not repeat the first pass's noise."""
    cpu = torch.device("cpu")
    first, later = (
        Stream("input_noise", [(1, gen)], (4, 16), torch.float64, cpu).draw() for gen in (0, 10)
    )
    assert not torch.equal(first, later)


def test_global_generators_are_not_touched():
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    NetClassifier((8,), max_epochs=3, early_stopping=True, random_state=0, dropout=0.5).fit(X, y)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])


def test_the_same_seed_gives_the_same_model_and_another_does_not(make_request):
    rng = np.random.default_rng(0)
    X, target = rng.normal(size=(40, 3)), rng.normal(size=40)
    options = {"batch_size": 16, "max_epochs": 4, "strengths": {"dropout": 0.3}}
    a, b, c = (
        train([make_request(X, target, (8,), seed=seed, **options)])[0].state.theta
        for seed in (1, 1, 2)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
