"""Terms on rows without labels: semi-supervised learning (section 7.6).

Where no such rows are given, all of them act on the rows of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from ..networks import Network
from ..networks.losses import OF_CLASSES
from ..ranges import Range
from .base import Regularizer
from .numerics import row_norms

if TYPE_CHECKING:
    from ..training.model import Batch, Model
    from ..training.setting import Setting


def log_probabilities(loss: str, z: Tensor) -> Tensor:
    """Logarithms of probabilities [K, labels, classes, B]: of one label, or of several binary."""
    if loss == "cross_entropy":
        return torch.log_softmax(z, 1)[:, None]
    return torch.log_softmax(torch.stack([z, torch.zeros_like(z)], 2), 2)


def predictions(loss: str, z: Tensor) -> Tensor:
    """What is predicted, [K, n, B]: probabilities of all classes, or numbers."""
    if loss in OF_CLASSES:
        return log_probabilities(loss, z).exp().flatten(1, 2)
    return z.exp() if loss == "poisson" else z


def divergence(loss: str, of: Tensor, z: Tensor) -> Tensor:
    """Kullback-Leibler divergence [K, B] of the prediction z from that of `of`.

    Of numbers that of normal distributions with variance 1, half the squared difference.
    """
    if loss in OF_CLASSES:
        log_p = log_probabilities(loss, of)
        return (log_p.exp() * (log_p - log_probabilities(loss, z))).sum((1, 2))
    if loss == "poisson":
        return (of.exp() * (of - z) - of.exp() + z.exp()).sum(1)
    return 0.5 * (z - of).square().sum(1)


class _OfUnlabeled(Regularizer):
    acts_on = "inputs"
    uses_unlabeled = True
    section = "7.6"

    def per_row(self, model: Model, x: Tensor) -> Tensor:
        """The term of each row, [K, B]; `term` is its mean times the strength."""
        raise NotImplementedError

    def term(self, model: Model, batch: Batch) -> Tensor:
        model, x, weight = model.without_labels(batch)
        return self.strength * (self.per_row(model, x) * weight[:, 0]).sum(1)

    def _noise(self, part: str) -> Any:
        network = self.setting.network
        return self.stream(network.n_inputs_padded, self.setting.unlabeled_width, part=part)


class _OfProbabilities(_OfUnlabeled):
    def why_not(self, network: Network, loss: str) -> str:
        if loss in OF_CLASSES:
            return ""
        return f"is of probabilities, and loss={loss!r} has none. Use it in NetClassifier."


class Entropy(_OfProbabilities):
    """Adds ``entropy`` times the mean entropy of the probabilities, at rows without labels.

    So that classes part where there are few rows (section 7.6). In nats.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from wellposed import NetClassifier
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> net = NetClassifier((16,), entropy=0.2, learning_rate=0.01, random_state=0)
    >>> bool(net.fit(X[:100], y[:100], X_unlabeled=X[100:]).score(X[100:], y[100:]) > 0.8)
    True
    """

    name, symbol = "entropy", "lambda"
    typical = (0.01, 1.0)
    paper = "Grandvalet and Bengio 2005"

    def per_row(self, model: Model, x: Tensor) -> Tensor:
        log_p = log_probabilities(model.loss, model(x))
        return -(log_p.exp() * log_p).sum((1, 2))


class PseudoLabel(_OfProbabilities):
    """Weight of rows without labels, which are taught the class that they are given now.

    Adds ``pseudo_label`` times the mean of ``-log p(most probable class)``, over all such rows,
    those below the threshold counting zero (section 7.6). Of several labels a row, each by itself.

    Parameters
    ----------
    strength : float >= 0 or Ramp
        Lee lets it rise from zero.
    threshold : float in [0, 1), default=0.0
        Probability of the class from which on a row is taught.

    Examples
    --------
    >>> from wellposed import NetClassifier
    >>> from wellposed.regularizers import PseudoLabel, Ramp
    >>> net = NetClassifier(pseudo_label=PseudoLabel(Ramp(0.0, 0.5, until=0.3), threshold=0.9))
    """

    name, symbol = "pseudo_label", "alpha"
    typical = (0.05, 1.0)
    paper = "Lee 2013"
    not_for_lbfgs = "takes its targets from what the network says at each step"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "threshold": [Range(Real, 0, 1, closed="left")],
    }

    def __init__(self, strength: float | None = 0.0, *, threshold: float = 0.0) -> None:
        super().__init__(strength)
        self.threshold = threshold

    def per_row(self, model: Model, x: Tensor) -> Tensor:
        most = log_probabilities(model.loss, model(x)).amax(2)
        sure = most.detach().exp() >= self.threshold
        return -(most * sure).sum(1)


class Consistency(_OfUnlabeled):
    """Adds ``consistency`` times the mean squared distance of two noisy predictions of one row.

    Of the probabilities of all classes, or of numbers, summed over them, at rows without labels
    (section 7.6, the Pi model). The two passes have noise of their own on the inputs, and masks of
    their own under `dropout`; random layers of a module of yours draw the same in both.

    Parameters
    ----------
    strength : float >= 0
    noise : float >= 0, default=0.1
        Standard deviation of the Gaussian noise, in units of X.

    Examples
    --------
    >>> from wellposed import NetRegressor
    >>> from wellposed.regularizers import Consistency
    >>> net = NetRegressor(consistency=Consistency(1.0, noise=0.2), dropout=0.2)
    """

    name, symbol = "consistency", "lambda"
    typical = (0.1, 10.0)
    paper = "Laine and Aila 2017"
    random = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "noise": [Range(Real, 0, None, closed="left")]
    }

    def __init__(self, strength: float | None = 0.0, *, noise: float = 0.1) -> None:
        super().__init__(strength)
        self.noise = noise

    def begin(self, setting: Setting) -> None:
        self._streams = [self._noise("first"), self._noise("second")]

    def _noisy(self, i: int, x: Tensor) -> Tensor:
        shift = self.noise * self._streams[i].draw()
        shift[:, self.setting.network.n_inputs :] = 0.0
        return x + shift

    def per_row(self, model: Model, x: Tensor) -> Tensor:
        first = predictions(model.loss, model(self._noisy(0, x)))
        second = predictions(model.loss, self._other(model, self._noisy(1, x)))
        return (first - second).square().sum(1)

    def _other(self, model: Model, x: Tensor) -> Tensor:
        """Outputs of the second pass."""
        return model.with_other_masks()(x)


class MeanTeacher(Consistency):
    """Adds ``mean_teacher`` times the squared distance from what an averaged network predicts.

    The teacher's parameters are ``d m + (1 - d) theta`` after each update, d being the smaller of
    `teacher_decay` and ``1 - 1 / t`` after t of them; its predictions are constants. Distance,
    noise and masks are those of `consistency` (section 7.6). What is kept is the student; `ema`
    keeps an average.

    Parameters
    ----------
    strength : float >= 0
    teacher_decay : float in [0, 1), default=0.99
    noise : float >= 0, default=0.1
        Standard deviation of the Gaussian noise on the inputs of both, in units of X.

    Examples
    --------
    >>> from wellposed import NetClassifier
    >>> from wellposed.regularizers import MeanTeacher
    >>> net = NetClassifier(mean_teacher=MeanTeacher(2.0, teacher_decay=0.95), ema=0.95)
    """

    name, symbol = "mean_teacher", "lambda"
    paper = "Tarvainen and Valpola 2017"
    needs_all_updates = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "teacher_decay": [Range(Real, 0, 1, closed="left")],
        "noise": [Range(Real, 0, None, closed="left")],
    }

    def __init__(
        self, strength: float | None = 0.0, *, teacher_decay: float = 0.99, noise: float = 0.1
    ) -> None:
        super().__init__(strength, noise=noise)
        self.teacher_decay = teacher_decay

    def begin(self, setting: Setting) -> None:
        super().begin(setting)
        self.teacher: Tensor | None = None  # [K, P]; before the first update the network itself

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        self.teacher = None if self.teacher is None else self.teacher[rows]

    def follow(self, theta: Tensor, n_updates: int) -> None:
        d = min(self.teacher_decay, 1.0 - 1.0 / n_updates)
        self.teacher = theta.clone() if self.teacher is None else d * self.teacher + (1 - d) * theta

    @torch.no_grad()
    def _other(self, model: Model, x: Tensor) -> Tensor:
        model = model if self.teacher is None else model.at(self.teacher)
        return model.with_other_masks()(x)


class VAT(_OfUnlabeled):
    """Adds ``vat`` times the divergence of predictions that a small step of X brings about.

    The step has the length `radius` and the direction, row by row, in which the Kullback-Leibler
    divergence from what is predicted now grows most: the first eigenvector of its Hessian, by power
    iteration from a random direction (section 7.6, virtual adversarial training). Only the
    prediction after the step is differentiated.

    Parameters
    ----------
    strength : float >= 0
    radius : float > 0, default=0.5
        2-norm of the step, in units of X.
    steps : int, default=1
        Steps of the power iteration.

    Examples
    --------
    >>> from wellposed import NetClassifier
    >>> from wellposed.regularizers import VAT
    >>> net = NetClassifier(vat=VAT(1.0, radius=0.3))
    """

    name, symbol = "vat", "lambda"
    typical = (0.1, 3.0)
    paper = "Miyato et al. 2018"
    random = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "radius": [Range(Real, 0, None, closed="neither")],
        "steps": [Range(Integral, 1, None, closed="left")],
    }

    def __init__(
        self, strength: float | None = 0.0, *, radius: float = 0.5, steps: int = 1
    ) -> None:
        super().__init__(strength)
        self.radius = radius
        self.steps = steps

    def begin(self, setting: Setting) -> None:
        self._start = self._noise("start")

    def per_row(self, model: Model, x: Tensor) -> Tensor:
        now = model(x).detach()
        step = self.radius * self.direction(model, x, now)
        return divergence(model.loss, now, model(x + step))

    def direction(self, model: Model, x: Tensor, now: Tensor) -> Tensor:
        """Unit vectors [K, inputs, B] along which predictions change most; `now` are those at x."""
        d = self._start.draw().expand_as(x).clone()
        d[:, self.setting.network.n_inputs :] = 0.0
        small = torch.finfo(x.dtype).eps ** 0.5
        for _ in range(self.steps):
            shift = (small * d / row_norms(d)).requires_grad_()
            change = divergence(model.loss, now, model(x.detach() + shift)).sum()
            (d,) = torch.autograd.grad(change, shift)
        return d / row_norms(d)
