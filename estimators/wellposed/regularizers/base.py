"""Base class of regularizers."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import joblib
import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from ..ranges import Each, Range
from .ramps import Ramp, Ramped

if TYPE_CHECKING:
    from typing import Self

    from .._streams import Stream
    from ..networks import Network
    from ..training.model import Batch, Model, Weights
    from ..training.request import Request
    from ..training.setting import Setting

#: The moments of a step, in their order.
MOMENTS = (
    "mask",
    "batch",
    "perturb",
    "term",
    "value",
    "correct",
    "decay",
    "prox",
    "project",
    "follow",
    "result",
)

#: Layers that a list of strengths has a number for, and how many a network has.
PER_LAYER: dict[str, tuple[str, Callable[[Network], int]]] = {
    "weights": ("layer of weights", lambda network: _n_matrices(network)),
    "hidden weights": ("hidden layer", lambda network: _n_matrices(network) - 1),
    "hidden units": ("hidden layer", lambda network: len(network.hidden_units)),
}


def _n_matrices(network: Network) -> int:
    return len(network.weights(network.real[None, : network.n_weights]))


_NOT_FOR_LBFGS = {
    "mask": "multiplies hidden activations at each step",
    "perturb": "takes the gradient elsewhere at every step",
    "correct": "corrects the gradient of each step",
    "decay": "acts after each step of sgd or adam",
    "project": "acts after each step of sgd or adam",
    "follow": "follows the steps of sgd or adam",
    "result": "makes the result of the steps of sgd or adam",
}


class Regularizer(BaseEstimator):
    """A regularizer: its strength, its options, and the moments of a step it takes part in.

    The same class is what a user passes, ``NetClassifier(sam=SAM(0.05, adaptive=True))``, with the
    habits of scikit-learn (`get_params`, `set_params`, `clone`), and what a stack of K networks
    runs: there ``strength`` is a tensor [K], never a branch, so that networks with different
    strengths are trained side by side. All other arguments of the constructor are options: networks
    of one stack have them in common.

    One step of the training reads, for the regularizers that are on, in their order::

        masks  <- mask(layer)                      what hidden activations are multiplied by
        batch  <- batch(batch, model)              what the networks are shown
        theta' <- perturb(theta, gradient)         where the gradient is taken
        g      <- d/dtheta' [ J(theta'; batch) + term(model, batch) ]
        g      <- g + gradient(weights)            of the penalty value(weights)
        correct(g)
        decay(weights, rates)
        theta  <- optimizer(theta, g)
        prox(weights, gain)
        project(weights)
        follow(theta, n_updates)

    and what is validated and kept is ``result(k, theta, n_updates)``, or the mean prediction of the
    networks ``members(k, n_updates)`` that were put aside on the way. A subclass implements the
    moments it takes part in, and no other is called. The gradient of J alone is computed by hand;
    where there is a term, autograd differentiates J and the terms through the same forward pass.
    A penalty that has ``prox`` has no ``gradient`` besides; lbfgs takes it by ``prox`` as well, or
    orthant by orthant if ``l1_weight()`` says that it is a weighted L1 norm.

    Networks are padded with zeros to multiples of 16. What a subclass adds to padding is refused;
    gradients of autograd leave it out.

    Parameters
    ----------
    strength : float, list of float or Ramp
        0 or None is off. A `Ramp` changes while training. A list has one number a layer, of a
        class whose `per_layer` says which layers these are. A subclass with options has a
        constructor that stores each under its own name, ``def __init__(self, strength=0.0, *,
        power=2): super().__init__(strength); self.power = power``.

    Attributes
    ----------
    setting : Setting
        In a stack: its network, batch width, dtype and device, and random streams.

    Examples
    --------
    A penalty on the largest weight of each network, the gradient being autograd's:

    >>> from wellposed import NetRegressor
    >>> class MaxWeight(Regularizer):
    ...     "Adds ``strength * max_i |w_i|`` to the objective."
    ...
    ...     def value(self, weights):
    ...         return self.strength * weights.flat.abs().amax(1)
    >>> net = NetRegressor((), regularizers=[("max_weight", MaxWeight(0.1))])
    >>> net.get_params()["regularizers__max_weight__strength"]
    0.1
    """

    name: ClassVar[str] = ""  # the estimators' parameter, of those that have one
    symbol: ClassVar[str] = ""  # how the documentation writes the strength
    section: ClassVar[str] = ""  # of Goodfellow, Bengio and Courville 2016
    paper: ClassVar[str] = ""
    interval: ClassVar[Range] = Range(Real, 0, None, closed="left")
    kind: ClassVar[str] = ""  # how documentation writes its type, where the interval does not tell
    typical: ClassVar[tuple[float, float]] = (1e-4, 0.1)  # strengths to search, from weak to strong
    in_cocktail: ClassVar[bool] = True  # False: needs to know the data, or costs ten steps
    acts_on: ClassVar[str] = "weights"  # or "inputs", "targets", "hidden units", "steps"
    per_layer: ClassVar[str] = ""  # what a list of strengths has numbers for: see PER_LAYER
    fixed: ClassVar[str] = ""  # why its strength cannot change while training
    is_bound: ClassVar[bool] = False  # a bound on something, which 0 is not: it is none
    random: ClassVar[bool] = False  # draws numbers at every step: there is no fixed objective
    draws_sub_models: ClassVar[bool] = False  # as masks do: part of Monte-Carlo prediction
    needs_hidden: ClassVar[bool] = False  # says nothing about a network without hidden layers
    uses_unlabeled: ClassVar[bool] = False  # sees the rows without labels, where there are some
    uses_tasks: ClassVar[bool] = False  # weighs further tasks
    uses_origin: ClassVar[bool] = False  # pulls toward the parameters that networks start from
    needs_all_updates: ClassVar[bool] = False  # must know how many there will be
    not_for_lbfgs: ClassVar[str] = ""  # why not, where the moments do not tell
    instead: ClassVar[dict[str, str]] = {}  # what to do under "lbfgs" or in a "module"
    needs: ClassVar[dict[str, tuple[Any, str]]] = {}  # values of other parameters, and why
    excludes: ClassVar[dict[str, str]] = {}  # names it cannot be combined with, and why

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}  # of the options

    strength: Any
    setting: Setting
    ramps: Sequence[Ramp] = ()  # of strengths that change

    def __init__(self, strength: Any = 0.0) -> None:
        self.strength = strength

    # ------------------------------------------------------------------ as it is passed

    @classmethod
    def strength_constraint(cls) -> list[Any]:
        """What scikit-learn's validation accepts as a strength."""
        numbers: list[Any] = [cls.interval]
        if cls.per_layer:
            numbers.append(Each(cls.interval))
        if not cls.fixed:
            numbers.append(Ramped(cls.interval))
        return [*numbers, None]

    @property
    def is_on(self) -> bool:
        return bool(self.strength)

    @property
    def strongest(self) -> float:
        """The largest number that the strength holds."""
        if isinstance(self.strength, Ramp):
            return self.strength.strongest
        return float(max(self.strength) if isinstance(self.strength, tuple) else self.strength)

    @property
    def options(self) -> dict[str, Any]:
        """All parameters but the strength."""
        return {k: v for k, v in self.get_params(deep=False).items() if k != "strength"}

    @property
    def structure(self) -> tuple[Any, ...]:
        """What regularizers of one stack have in common."""
        kind = type(self.strength) if isinstance(self.strength, tuple | Ramp) else float
        options = ((name, _fingerprint(value)) for name, value in self.options.items())
        return type(self), kind, *options

    def acts(self, moment: str) -> bool:
        """Whether this regularizer takes part in a moment."""
        return getattr(type(self), moment) is not getattr(Regularizer, moment)

    def why_not_lbfgs(self) -> str:
        """Why the objective of lbfgs cannot have it, or "" if it can."""
        if self.not_for_lbfgs:
            return self.not_for_lbfgs
        if isinstance(self.strength, Ramp):
            return "changes from step to step"
        if self.random:
            return "draws random numbers at every step"
        for moment, why in _NOT_FOR_LBFGS.items():
            if self.acts(moment):
                return why
        return ""

    def why_not(self, network: Network, loss: str) -> str:
        """Why it has no meaning for this network and this loss, with what to do, or ""."""
        return ""

    def why_not_training(self, request: Request) -> str:
        """Why it has no meaning for a training of this length, with what to do, or ""."""
        return ""

    @property
    def has_members(self) -> bool:
        return type(self).members is not Regularizer.members

    @property
    def has_l1_weight(self) -> bool:
        return type(self).l1_weight is not Regularizer.l1_weight

    def overshoots(self, learning_rate: float, solver: str) -> str:
        """Why steps of this size with this strength lead away from zero, or ""."""
        return ""

    # ------------------------------------------------------------------ in a stack

    def in_stack(self, strengths: Sequence[Any], setting: Setting) -> Self:
        """Return the regularizer of a stack of K networks with these strengths."""
        regularizer = copy(self)
        regularizer.setting = setting
        regularizer.ramps = [s for s in strengths if isinstance(s, Ramp)]
        if regularizer.ramps:
            regularizer.go_to([0.0] * len(strengths))
        else:
            regularizer._set([*strengths])
        regularizer.begin(setting)
        return regularizer

    def go_to(self, shares: Sequence[float]) -> None:
        """Set each network's strength to what it is at a share of its training."""
        self._set([ramp.at(share) for ramp, share in zip(self.ramps, shares)])

    def _set(self, strengths: list[Any]) -> None:
        setting = self.setting
        self.strength = torch.tensor(strengths, dtype=setting.dtype, device=setting.device)
        self.prepare()

    def begin(self, setting: Setting) -> None:
        """Open random streams and the like, before the first step of a stack."""

    def prepare(self) -> None:
        """Compute what follows from the strength, whenever it is another."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these networks of the stack."""
        self.strength = self.strength[rows]
        self.ramps = [self.ramps[k] for k in rows] if self.ramps else []
        self.setting.keep(rows)
        self.prepare()

    def of_layer(self, i: int) -> Tensor:
        """Strength in layer i, [K, 1, 1]."""
        strength = self.strength if self.strength.ndim == 1 else self.strength[:, i]
        return strength[:, None, None]

    def of_weights(self) -> Tensor:
        """Strength of each weight, [K, 1], or [K, W] where each layer has its own."""
        if self.strength.ndim == 1:
            return self.strength[:, None]
        network = self.setting.network
        flat = self.strength.new_zeros(len(self.strength), network.n_weights)
        for layer, strength in zip(network.weights(flat), self.strength.unbind(1)):
            layer.copy_(strength[:, None, None].expand_as(layer))
        return flat

    def sum_over_weights(self, x: Tensor) -> Tensor:
        """Sum [K] over x [K, W], times the strength."""
        if self.strength.ndim == 1:
            return self.strength * x.sum(1)
        return (self.of_weights() * x).sum(1)

    def sum_over_layers(self, parts: Iterable[Tensor]) -> Tensor:
        """Sum [K] over a part [K] of each layer, times the strength."""
        if self.strength.ndim == 1:
            return self.strength * sum(parts)
        return (self.strength * torch.stack(list(parts), 1)).sum(1)

    def stream(self, *shape: int, part: str = "", dtype: torch.dtype | None = None) -> Stream:
        """Open a random stream of this regularizer, `part` telling several apart."""
        return self.setting.stream(*shape, part=part, dtype=dtype)

    # ------------------------------------------------------------------ moments

    def batch(self, batch: Batch, model: Model) -> Batch:
        """What the networks are shown: x [K, inputs, B], target [K, outputs, B]."""
        raise NotImplementedError

    def mask(self, layer: int) -> Tensor:
        """What the activations of a hidden layer are multiplied by, [K, units, B]."""
        raise NotImplementedError

    def perturb(self, theta: Tensor, gradient: Callable[[Tensor], Tensor]) -> Tensor:
        """Where the gradient is taken: theta [K, P] -> a new theta.

        ``gradient(theta)`` [K, P] is that of J and the terms on the step's batch. What it returns
        is overwritten by the next call.
        """
        raise NotImplementedError

    def term(self, model: Model, batch: Batch) -> Tensor:
        """Part of the objective that depends on the model or the batch, [K]."""
        raise NotImplementedError

    def value(self, weights: Weights) -> Tensor:
        """Penalty of the weights, [K]."""
        raise NotImplementedError

    def gradient(self, weights: Weights) -> Tensor:
        """Gradient [K, W] of `value`; autograd's, but 0 for padding, unless a subclass has it."""
        flat = weights.flat.detach().requires_grad_()
        with torch.enable_grad():
            value = self.value(weights.at(flat)).sum()
        if not value.requires_grad:  # a constant
            return torch.zeros_like(flat)
        padding = self.setting.padding[: flat.shape[1]]
        return torch.autograd.grad(value, flat)[0].masked_fill_(padding, 0.0)

    def correct(self, gradient: Tensor) -> None:
        """Correct the gradient [K, P] in place."""
        raise NotImplementedError

    def decay(self, weights: Weights, rates: Tensor) -> None:
        """Shrink the weights in place before the step; rates [K, 1]."""
        raise NotImplementedError

    def prox(self, weights: Weights, gain: Tensor) -> None:
        """Make a proximal step in place; gain [K, 1] or [K, W] is the step's effective size."""
        raise NotImplementedError

    def l1_weight(self) -> Tensor:
        """Return a, [K] or [K, W], where `prox` is that of ``||a w||_1``: what lbfgs needs."""
        raise NotImplementedError

    def project(self, weights: Weights) -> None:
        """Project the weights in place."""
        raise NotImplementedError

    def follow(self, theta: Tensor, n_updates: int) -> None:
        """Take note of the parameters [K, P] after an update."""
        raise NotImplementedError

    def members(self, k: int, n_updates: int) -> list[Tensor]:
        """Parameters [P], of up to so many updates, whose mean prediction is that of network k."""
        return []

    def result(self, k: int, theta: Tensor, n_updates: int) -> Tensor:
        """Parameters [P] of network k that are validated and kept, given the last ones."""
        raise NotImplementedError


def _fingerprint(option: Any) -> Any:
    """Equal for equal options; a lambda is equal to itself alone."""
    if isinstance(option, Tensor):
        option = option.numpy(force=True)
    try:
        return joblib.hash(option)
    except (pickle.PicklingError, AttributeError, TypeError):
        return id(option)
