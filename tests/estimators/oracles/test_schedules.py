"""Schedules of the learning rate against torch.optim.lr_scheduler."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from torch.optim import lr_scheduler as theirs

from wellposed import NetClassifier, NetRegressor, fit_together
from wellposed.regularizers import Regularizer
from wellposed.schedules import Cosine, OneCycle, Schedule, Step, WarmRestarts
from wellposed.training import train

X, y = load_iris(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
NET = NetClassifier((7,), batch_size=40, max_epochs=5, learning_rate=0.05, random_state=0)
N_BATCHES, EPOCHS = 4, 12
N = N_BATCHES * EPOCHS


def warmed(optimizer):
    rise = theirs.LinearLR(optimizer, start_factor=1 / 12, total_iters=11)
    fall = theirs.CosineAnnealingLR(optimizer, N - 12, eta_min=0.1 * 0.02)
    return theirs.SequentialLR(optimizer, [rise, fall], [12])


def per_epoch(scheduler):
    """Take a scheduler's step at the end of each epoch."""

    def advance(update):
        if (update + 1) % N_BATCHES == 0:
            scheduler.step()

    return advance


#: Ours, and what is called after each update of torch's optimizer, whose rate is 0.02.
PAIRS = {
    "cosine": ("cosine", lambda o: step(theirs.CosineAnnealingLR(o, N))),
    "floor": (
        Cosine(final=0.3),
        lambda o: step(theirs.CosineAnnealingLR(o, N, eta_min=0.3 * 0.02)),
    ),
    "warmup": (Cosine(warmup=0.25, final=0.1), lambda o: step(warmed(o))),
    "step": (Step(every=3, factor=0.4), lambda o: per_epoch(theirs.StepLR(o, 3, gamma=0.4))),
    "restarts": (
        WarmRestarts(epochs=5, final=0.05),
        lambda o: fraction(theirs.CosineAnnealingWarmRestarts(o, 5, eta_min=0.05 * 0.02)),
    ),
    "growing": (
        WarmRestarts(epochs=2, growth=2),
        lambda o: fraction(theirs.CosineAnnealingWarmRestarts(o, 2, T_mult=2)),
    ),
    "one-cycle": ("one_cycle", lambda o: step(one_cycle(o))),
    "early": (
        OneCycle(peak=0.1, start=0.2, final=0.01),
        lambda o: step(one_cycle(o, pct_start=0.1, div_factor=5, final_div_factor=20)),
    ),
}


def step(scheduler):
    return lambda update: scheduler.step()


def fraction(scheduler):
    return lambda update: scheduler.step((update + 1) / N_BATCHES)


def one_cycle(optimizer, **options):
    return theirs.OneCycleLR(optimizer, 0.02, total_steps=N, cycle_momentum=False, **options)


def by_torch(solver, make):
    """Train the same linear network, on batches in the same order, in torch's own loop."""
    seen = Batches.seen
    layer = torch.nn.Linear(4, 1, dtype=torch.float64)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    how = {"lr": 0.02, "momentum": 0.9} if solver == "sgd" else {"lr": 0.02}
    optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[solver](
        layer.parameters(), **how
    )
    advance, rates = make(optimizer), []
    for update, (x, target) in enumerate(seen):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        (0.5 * (layer(x) - target).square().mean()).backward()
        optimizer.step()
        if update + 1 < len(seen):
            advance(update)
    return rates, layer.weight.detach().numpy()[0]


class Batches(Regularizer):
    """Takes down what the network is shown and, by a decay of nothing, the rates."""

    seen: list = []  # noqa: RUF012
    rates: list = []  # noqa: RUF012

    def batch(self, batch, model):
        there = batch.weight[0, 0] > 0
        self.seen.append((batch.x[0, :4, there].T.clone(), batch.target[0][:, there].T.clone()))
        return batch

    def decay(self, weights, rates):
        self.rates.append(float(rates[0, 0]))


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("name", PAIRS)
def test_rates_and_weights_are_those_of_torch(solver, name):
    schedule, make = PAIRS[name]
    Batches.seen, Batches.rates = [], []
    net = NetRegressor((), solver=solver, learning_rate=0.02, learning_rate_schedule=schedule)
    net.set_params(batch_size=40, max_epochs=EPOCHS, regularizers=[("shown", Batches(1.0))])
    net.set_params(random_state=0).fit(X, X @ [1.0, 2.0, 0.0, -1.0] + 0.1 * y)
    rates, weights = by_torch(solver, make)
    assert len(rates) == N
    np.testing.assert_allclose(Batches.rates, rates, rtol=1e-12)
    np.testing.assert_allclose(net.coef_, weights, rtol=1e-12)


def test_constant_is_the_default_and_the_plain_bits():
    plain = clone(NET).set_params(max_epochs=2).fit(X, y)
    flat = clone(plain).set_params(learning_rate_schedule=Step(every=10)).fit(X, y)
    assert NET.learning_rate_schedule == "constant"
    assert torch.equal(plain._state.theta, flat._state.theta)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_each_network_follows_its_own_alone_or_together(make_request, solver):
    rng = np.random.default_rng(0)
    requests = []
    for k, schedule in enumerate(
        [Cosine(), Cosine(warmup=0.3), Step(every=1), WarmRestarts(epochs=1), OneCycle(), Cosine()]
    ):
        n = 61 + 20 * (k % 3)
        request = make_request(
            rng.normal(size=(n, 3)), rng.normal(size=n), (5,), batch_size=20, max_epochs=2 + k % 4,
            learning_rate=0.02, solver=solver, seed=k, momentum=0.8 if solver == "sgd" else 0.0,
            strengths={"weight_decay": 0.1, "l1": 1e-3},
        )  # fmt: skip
        request.schedule = schedule
        requests.append(request)
    assert len({request.structure for request in requests}) == 1
    for order in (range(6), [3, 1, 5, 0, 2, 4]):
        for k, outcome in zip(order, train([requests[k] for k in order])):
            alone = train([requests[k]])[0]
            assert torch.equal(outcome.state.theta, alone.state.theta)
            assert outcome.loss_curve == alone.loss_curve


def test_searched_alone_and_together():
    grid = {"learning_rate_schedule": ["constant", "cosine", "one_cycle", Step(every=2)]}
    alone = GridSearchCV(NET, grid, cv=2).fit(X, y)
    with fit_together():
        together = GridSearchCV(NET, grid, cv=2).fit(X, y)
    scores = alone.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, together.cv_results_["mean_test_score"])
    options = {"learning_rate_schedule__warmup": [0.0, 0.5]}
    warm = clone(NET).set_params(learning_rate_schedule=Cosine())
    GridSearchCV(warm, options, cv=2, error_score="raise").fit(X, y)


class Rates(Batches):
    """Takes down the rates of every training."""

    def batch(self, batch, model):
        return batch


@pytest.mark.parametrize("retrain", ["updates", "passes"])
def test_a_second_training_follows_the_same_schedule_as_far(retrain):
    Rates.rates = []
    net = clone(NET).set_params(learning_rate_schedule="cosine", early_stopping=True)
    net.set_params(n_iter_no_change=2, max_epochs=60, learning_rate=0.1, solver="sgd")
    net.set_params(validation_fraction=0.3, retrain=retrain, regularizers=[("r", Rates(1.0))])
    net.fit(X, y)
    first = len(net.validation_loss_curve_) * 3  # 105 of 150 rows in batches of 40
    once, again = Rates.rates[:first], Rates.rates[first:]
    n_batches = 3 if retrain == "updates" else 4
    assert len(again) == net.best_epoch_ * n_batches
    assert 0 < net.best_epoch_ < 60
    expected = 0.1 * (1 + np.cos(np.pi * np.arange(len(again)) / (60 * n_batches))) / 2
    np.testing.assert_allclose(again, expected, rtol=1e-12)
    assert retrain == "passes" or again == once[: len(again)]


def test_warm_starts_and_callbacks_begin_anew():
    Rates.rates = []
    net = clone(NET).set_params(learning_rate_schedule="cosine", warm_start=True)
    net.set_params(regularizers=[("rates", Rates(1.0))], verbose=1).fit(X, y).fit(X, y)
    assert Rates.rates[:20] == Rates.rates[20:]
    Rates.rates = []
    plain = clone(net).set_params(verbose=0).fit(X, y)
    assert len(Rates.rates) == 20
    assert torch.equal(plain._state.theta, clone(net).fit(X, y)._state.theta)


class Nothing(Schedule):
    """Forgets its method."""


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"learning_rate_schedule": "linear"}, "'learning_rate_schedule' parameter .* must be"),
        ({"learning_rate_schedule": Cosine(warmup=1.0)}, "'warmup' parameter of Cosine must be"),
        ({"learning_rate_schedule": Step(every=0)}, "'every' parameter of Step must be"),
        ({"learning_rate_schedule": Nothing()}, "has no method `factors`. Give an object of"),
        (
            {"learning_rate_schedule": "cosine", "solver": "lbfgs"},
            "learning_rate_schedule='cosine' plans the steps of sgd or adam.* leave it 'constant'",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        clone(NET).set_params(**given).fit(X, y)


class Given(Schedule):
    """A schedule of a user's own, and where its cycles end."""

    def __init__(self, values=None, ends=None):
        self.values, self.ends = values, ends

    def factors(self, n_updates, n_batches):
        return [1.0] * n_updates if isinstance(self.values, str) else self.values

    def cycle_ends(self, n_updates, n_batches):
        return self.ends


N_STEPS = 20


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (np.ones(3), "3 of them"),
        (-np.ones(N_STEPS), "others, such as -1"),
        (np.full(N_STEPS, np.nan), "others, such as nan"),
        (np.ones((N_STEPS, 1)), "ndarray"),
        (["a"] * N_STEPS, "list"),
        (1.0, "1.0"),
        (None, "None"),
    ],
)
def test_rates_of_a_schedule_of_ones_own_that_make_no_sense(values, got):
    net = clone(NET).set_params(learning_rate_schedule=Given(values))
    sentence = (
        f"Given.factors must return a finite number >= 0 for each of {N_STEPS} updates, and retur"
    )
    with pytest.raises(ValueError, match=f"{sentence}ned {got}"):
        net.fit(X, y)


def test_cycles_of_a_schedule_of_ones_own():
    net = clone(NET).set_params(learning_rate_schedule=Given("list", [5, N_STEPS]), snapshots=2)
    assert len(net.fit(X, y).members_) == 2
    for wrong in ([5, N_STEPS + 1], 5, [0.5], "ab"):
        net.set_params(learning_rate_schedule=Given("list", wrong))
        with pytest.raises(ValueError, match=r"Given.cycle_ends must return numbers of updates"):
            net.fit(X, y)


def test_no_pass_by_itself_has_a_schedule():
    assert not hasattr(clone(NET).set_params(learning_rate_schedule="cosine"), "partial_fit")


@pytest.mark.parametrize(
    "schedule", [Cosine(), Cosine(warmup=0.9), Step(), WarmRestarts(epochs=1), OneCycle()]
)
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_short_trainings(schedule, n):
    factors = schedule.factors(n, 1)
    assert factors.shape == (n,)
    assert np.isfinite(factors).all()
    assert (factors >= 0).all()
    assert factors.max() <= 1
