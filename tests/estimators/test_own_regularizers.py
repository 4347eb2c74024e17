"""Regularizers of one's own: what is refused and how, and what may not go wrong without a word."""

import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from torch import nn

from wellposed import DivergenceError, NetClassifier, NetRegressor, fit_together
from wellposed._streams import Stream
from wellposed.regularizers import L2, Adversarial, Regularizer

X, y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NET = NetClassifier((6,), learning_rate=0.01, max_epochs=4, batch_size=40, random_state=0)


def own(regularizer, **parameters):
    return clone(NET).set_params(regularizers=[("mine", regularizer)], **parameters)


def with_methods(**methods):
    """A regularizer of strength 0.1 with these methods."""
    return type("Mine", (Regularizer,), methods)(0.1)


def squares(self, weights):
    return self.strength * weights.flat.square().sum(1) / 2


# ---------------------------------------------------------------------- refused


class NoStrength(Regularizer):
    def __init__(self, rate=0.1):
        super().__init__(rate)

    value = squares


class NothingKept(Regularizer):
    def __init__(self, strength=0.1):
        pass

    value = squares


class OptionNotKept(Regularizer):
    def __init__(self, strength=0.1, power=2):
        super().__init__(strength)

    value = squares


class Hides(Regularizer):
    def __init__(self, strength=0.1, *, term=3):
        super().__init__(strength)
        self.term = term

    value = squares


@pytest.mark.parametrize(("regularizer", "sentence"), [
    (Hides(), "Hides.__init__ has an option 'term', which hides Regularizer.term. Give the op"),
    (NoStrength(), "NoStrength.__init__ has no argument `strength`; the constructor of a regul"),
    (NothingKept(), "'NothingKept' object has no attribute 'strength'; the constructor of a"),
    (OptionNotKept(), "'OptionNotKept' object has no attribute 'power'; the constructor of a"),
    (with_methods(), "Mine takes part in no moment of a step, so that it would change nothing"),
    (with_methods(penalty=squares), "Write at least one of the methods mask, batch, perturb, ter"),
    (with_methods(gradient=squares), "Mine takes part in no moment of a step"),
    (L2("0.1"), "The 'strength' parameter of L2 must be a float in the range [0.0, inf), a li"),
    (L2(""), "The 'strength' parameter of L2 must be"),
    (L2([]), "The 'strength' parameter of L2 must be"),
    (L2(np.array([[0.1, 0.2]])), "The 'strength' parameter of L2 must be"),
    (Adversarial([0.1, 0.2]), "The 'strength' parameter of Adversarial must be a float in the"),
    (L2(torch.tensor([0.1, 0.2])), "The 'strength' parameter of L2 must be"),
    (Adversarial(0.0, steps=0), "The 'steps' parameter of Adversarial must be an int"),
])  # fmt: skip
def test_objects_that_make_no_sense(regularizer, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        own(regularizer).fit(X, y)


@pytest.mark.parametrize("name", ["batches", "module", "validation split", "dropout.0"])
def test_no_regularizer_shares_the_random_stream_of_something_else(name):
    net = clone(NET).set_params(dropout=0.1, regularizers=[(name, L2(0.1))])
    with pytest.raises(ValueError, match=re.escape(f"regularizers names {name!r}; names must")):
        net.fit(X, y)


NUMBERS = [
    ((), lambda s: s.sum()),
    ((1, 1), lambda s: s[:, None]),
    ((3,), lambda s: s.repeat(3)),
    (0.5, lambda s: 0.5),
    (None, lambda s: None),
]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("moment", ["term", "value"])
@pytest.mark.parametrize(("got", "of"), NUMBERS, ids=[str(got) for got, _ in NUMBERS])
def test_a_number_for_each_network_is_asked_for(solver, moment, got, of):
    mine = with_methods(**{moment: lambda self, *args: of(self.strength)})
    got = f"shape {got}" if isinstance(got, tuple) else repr(got)
    sentence = (
        f"Mine.{moment} of 'mine' must return one number a network, shape (1,), and returned {got}."
        " Sum over all dimensions but the first"
    )
    with pytest.raises(ValueError, match=re.escape(sentence)):
        own(mine, solver=solver, batch_size="auto").fit(X, y)


IN_PLACE = {
    "batch": lambda self, batch, model: batch._replace(x=batch.x.mul_(0.5)),
    "term": lambda self, model, batch: model(batch.x).sum((1, 2)) * batch.target.zero_()[:, 0, 0],
    "perturb": lambda self, theta, gradient: theta.mul_(0.5),
    "value": lambda self, weights: weights.flat.abs_().sum(1),
    "result": lambda self, k, theta, n_updates: theta.mul_(0.5),
}


@pytest.mark.parametrize("moment", IN_PLACE)
def test_what_others_are_given_as_well_is_not_changed(moment):
    """A full batch is gathered once: what is added to it in place would add up."""
    sentence = f"Mine.{moment} of 'mine' has changed what it was given in place"
    with pytest.raises(ValueError, match=sentence):
        own(with_methods(**{moment: IN_PLACE[moment]}), batch_size=None).fit(X, y)


def test_a_batch_of_another_precision_and_a_mask_of_another_shape_are_refused():
    single = with_methods(batch=lambda self, batch, model: batch._replace(x=batch.x.float()))
    with pytest.raises(ValueError, match=r"return torch.float64, and returned torch.float32"):
        own(single).fit(X, y)
    with pytest.raises(ValueError, match=r"Mine.mask of 'mine' must return a tensor of shape \(1"):
        own(with_methods(mask=lambda self, layer: torch.ones(3)), hidden_layer_sizes=(4,)).fit(X, y)


SHAPES = {
    "gradient": {"value": squares, "gradient": lambda self, weights: weights.flat.sum(1)},
    "batch": {"batch": lambda self, batch, model: batch.x},
    "batch(...).x": {"batch": lambda self, batch, model: batch._replace(x=batch.x[..., :-1])},
    "perturb": {"perturb": lambda self, theta, gradient: theta[0]},
    "result": {"result": lambda self, k, theta, n_updates: theta[None]},
}


@pytest.mark.parametrize("moment", SHAPES)
def test_other_shapes_are_refused(moment):
    with pytest.raises(ValueError, match=re.escape(f"Mine.{moment} of 'mine' must return a")):
        own(with_methods(**SHAPES[moment])).fit(X, y)


@pytest.mark.parametrize("moment", ["correct", "decay", "prox", "project", "follow"])
def test_what_is_returned_in_place_of_a_change_is_refused(moment):
    def act(self, first, *others):
        return 0.5 * (first if isinstance(first, torch.Tensor) else first.flat)

    act.__name__ = moment
    with pytest.raises(ValueError, match=rf"Mine.{moment} of .* nothing, and .* in pl"):
        own(with_methods(**{moment: act})).fit(X, y)


def test_a_value_is_looked_at_before_the_first_step():
    steps = []

    def gradient(self, weights):
        steps.append(1)
        return torch.zeros_like(weights.flat)

    with pytest.raises(ValueError, match=re.escape("Mine.value of 'mine' must return")):
        own(with_methods(value=lambda self, weights: 1.0, gradient=gradient)).fit(X, y)
    assert steps == []


@pytest.mark.parametrize("moment", ["mask", "result"])
def test_lbfgs_refuses_what_it_would_leave_out(moment):
    mine = with_methods(**{moment: lambda self, *args: args[-1]})
    with pytest.raises(ValueError, match=re.escape("solver='lbfgs' minimises one fixed objective")):
        own(mine, solver="lbfgs", batch_size="auto").fit(X, y)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_one_that_is_not_finite_is_named(solver):
    mine = with_methods(value=lambda self, weights: self.strength * torch.nan)
    with pytest.raises(DivergenceError, match="or mine of your own is not finite"):
        own(mine, solver=solver, batch_size="auto").fit(X, y)


@pytest.mark.parametrize("l2", ["0.1", [[0.1]], np.eye(2), L2("0.1"), L2(-1.0)], ids=str)
def test_partial_fit_says_itself_what_is_wrong(l2):
    net = NetRegressor(l2=l2)
    assert hasattr(net, "partial_fit")
    with pytest.raises(ValueError, match=r"parameter of (NetRegressor|L2) must be a float"):
        net.partial_fit(X, y)


# ---------------------------------------------------------------------- stacks


def power_of(p):
    class Power(Regularizer):
        def value(self, weights):
            return self.strength * weights.flat.abs().pow(p).sum(1)

    return Power(0.1)


class Of(Regularizer):
    def __init__(self, strength=0.0, *, function=None, scale=1.0):
        super().__init__(strength)
        self.function = function
        self.scale = scale

    def value(self, weights):
        return self.strength * (self.function(weights.flat) * self.scale).sum(1)


@pytest.mark.parametrize(("candidates", "stacks"), [
    ([power_of(1), power_of(2), power_of(3)], [3, 3, 3]),
    ([Of(0.1, function=torch.abs), Of(0.1, function=lambda w: w.square())], [3, 3]),
    ([Of(0.1, function=lambda w: w.abs()), Of(0.1, function=lambda w: w.square())], [3, 3]),
    ([Of(s, function=torch.abs, scale=torch.tensor(2.0)) for s in (0.1, 0.2)], [6]),
], ids=["classes of one name", "a lambda", "lambdas", "equal tensors"])  # fmt: skip
def test_only_what_is_equal_is_trained_side_by_side(candidates, stacks):
    """Two classes may have one name, and functions none."""
    grid = {"regularizers__mine": candidates}
    net = own(power_of(1), batch_size=None)
    search = {"cv": 3, "scoring": "neg_log_loss", "refit": False, "error_score": "raise"}
    alone = GridSearchCV(net, grid, **search).fit(X, y).cv_results_
    with fit_together() as scheduler:
        together = GridSearchCV(net, grid, **search).fit(X, y).cv_results_
    np.testing.assert_array_equal(alone["mean_test_score"], together["mean_test_score"])
    assert alone["mean_test_score"][0] != alone["mean_test_score"][-1]
    assert scheduler.stack_sizes == stacks


# ---------------------------------------------------------------------- padding


def outputs_of_real_parameters(net):
    h = X
    for i, (weight, bias) in enumerate(zip(net.coefs_, net.intercepts_)):
        h = h @ weight + bias
        h = h if i == len(net.coefs_) - 1 else np.maximum(h, 0)
    return h


def distance_from_one(self, weights):
    return self.strength * (weights.flat - 1).square().sum(1)


def group_lasso(self, weights):
    return self.strength * sum(w.square().sum(2).sqrt().sum(1) for w in weights.layers)


@pytest.mark.filterwarnings("ignore:lbfgs stopped")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("value", [distance_from_one, group_lasso])
def test_gradients_of_autograd_leave_padding_at_zero(solver, value):
    net = own(with_methods(value=value), solver=solver, batch_size="auto").fit(X, y)
    np.testing.assert_allclose(net.decision_function(X), outputs_of_real_parameters(net), rtol=1e-9)


def along(direction):
    def term(self, model, batch):
        change = model.derivative(batch.x, direction(batch.x))
        return self.strength * (change.square() * batch.weight).sum((1, 2))

    return with_methods(term=term)


def real_inputs_only(x):
    return torch.cat([torch.ones_like(x[:, :4]), torch.zeros_like(x[:, 4:])], 1)


def test_a_direction_may_have_numbers_for_padded_inputs():
    everywhere = own(along(torch.ones_like)).fit(X, y).decision_function(X)
    real = own(along(real_inputs_only)).fit(X, y).decision_function(X)
    np.testing.assert_array_equal(everywhere, real)
    assert np.abs(everywhere - clone(NET).fit(X, y).decision_function(X)).max() > 1e-4


@pytest.mark.parametrize("methods", [
    {"correct": lambda self, gradient: gradient.add_(0.1)},
    {"decay": lambda self, weights, rates: weights.flat.add_(0.1)},
    {"value": squares, "gradient": lambda self, weights: weights.flat + 1},
    {"batch": lambda self, batch, model: batch._replace(x=batch.x + 1)},
], ids=lambda methods: next(iter(methods)))  # fmt: skip
def test_what_writes_into_padding_is_refused_after_a_step(methods):
    with pytest.raises(ValueError, match=re.escape("regularizers 'mine' has written into it")):
        own(with_methods(**methods), max_epochs=1).fit(X, y)


# ---------------------------------------------------------------------- random terms


class Noisy(Regularizer):
    random = True

    def begin(self, setting):
        self._stream = self.stream(setting.network.n_inputs_padded, setting.width)

    def term(self, model, batch):
        change = model(batch.x + 0.3 * self._stream.draw()) - model(batch.x)
        return self.strength * (change.square() * batch.weight).sum((1, 2))


def test_a_term_draws_the_same_numbers_in_all_passes_of_a_step():
    """Under SAM's radius of nothing, a second pass changes nothing, random terms included."""
    alone = own(Noisy(1.0)).fit(X, y).decision_function(X)
    beside = own(Noisy(1.0), sam=1e-12).fit(X, y).decision_function(X)
    np.testing.assert_allclose(beside, alone, rtol=1e-7)


def test_numbers_drawn_ahead_are_drawn_once_more():
    def make():
        return Stream("s", [(0, 0), (1, 0), (1, 0)], (16,), torch.float64, torch.device("cpu"))

    plain, stream = make(), make()
    expected = [plain.draw() for _ in range(6)]
    with stream.ahead():
        drawn = [stream.draw() for _ in range(3)]
    with stream.ahead():
        drawn += [stream.draw() for _ in range(2)]
    torch.testing.assert_close(drawn, [expected[i] for i in (0, 1, 2, 0, 1)], rtol=0, atol=0)
    stream.keep([2])
    torch.testing.assert_close(
        [stream.draw()[0] for _ in range(6)], [numbers[2] for numbers in expected], rtol=0, atol=0
    )


# ---------------------------------------------------------------------- order of the moments


def test_the_corrected_gradient_holds_the_penalties():
    """Where all of it is set to zero, no weight moves."""
    net = own(with_methods(correct=lambda self, gradient: gradient.zero_()), l2=1.0)
    still = clone(net).fit(X, y)
    start = clone(net).set_params(max_epochs=1, learning_rate=1e-300).fit(X, y)
    for weight, before in zip(still.coefs_, start.coefs_):
        np.testing.assert_array_equal(weight, before)


def test_batch_and_term_are_told_of_the_same_networks():
    """Those of the step, with its masks of dropout."""
    seen = []

    def batch(self, batch, model):
        seen.append(model(batch.x))
        return batch

    def term(self, model, batch):
        seen.append(model(batch.x).detach())
        return 0 * self.strength

    own(with_methods(batch=batch, term=term), dropout=0.5, max_epochs=1).fit(X, y)
    assert len(seen) == 8
    for before, after in zip(seen[::2], seen[1::2]):
        torch.testing.assert_close(before, after, rtol=1e-12, atol=0)


# ---------------------------------------------------------------------- modules


class UsedOnce(nn.Module):
    """Its second layer takes part in the first step alone."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.always = nn.Linear(n_inputs, n_outputs)
        self.once = nn.Linear(n_inputs, n_outputs)
        self.steps = 0

    def forward(self, x):
        self.steps += self.training
        return self.always(x) + self.once(x) if self.steps == 1 else self.always(x)


@pytest.mark.parametrize(
    "on", [{}, {"term": lambda self, model, batch: 0 * self.strength}], ids=["plain", "term"]
)
def test_a_layer_that_takes_no_part_in_a_step_has_no_gradient(on):
    net = NetClassifier(
        network=UsedOnce, solver="sgd", momentum=0.0, batch_size=None, random_state=0,
        regularizers=[("mine", with_methods(**on))] if on else None,
    )  # fmt: skip
    first, third = (clone(net).set_params(max_epochs=n).fit(X, y).net_.module_ for n in (1, 3))
    torch.testing.assert_close(third.once.weight, first.once.weight, rtol=0, atol=0)
    assert not torch.equal(third.always.weight, first.always.weight)
