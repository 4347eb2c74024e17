"""Strengths that change while a network is trained."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import StrOptions, validate_parameter_constraints

from ..ranges import Range

_SHAPES = {
    "linear": lambda share: share,
    "cosine": lambda share: (1.0 - math.cos(math.pi * share)) / 2.0,
    "gaussian": lambda share: math.exp(-5.0 * (1.0 - share) ** 2),
}
_SHARE = Range(Real, 0, 1, closed="both")


class Ramp(BaseEstimator):
    """A strength that goes from one number to another over the training.

    It stands where a strength does, ``dropout=Ramp(0.5, 0.0)`` or ``L2(Ramp(0, 0.1))``, and is
    another number at every update of the `max_epochs` epochs; early stopping ends it before its
    end. Not for solver="lbfgs" and partial_fit, which know no course of a training.

    Parameters
    ----------
    start, end : float
        Strengths in the range of the regularizer.
    begin, until : float in [0, 1], default=0 and 1
        Shares of the updates at which the strength leaves `start` and reaches `end`.
    shape : {"linear", "cosine", "gaussian"}, default="linear"
        ``"gaussian"`` is the ramp-up ``exp(-5 (1 - t)^2)`` of Laine and Aila 2017.

    References
    ----------
    Rennie, Goel and Thomas 2014, *Annealed dropout training of deep networks*; Morerio et al. 2017,
    *Curriculum dropout*; Laine and Aila 2017, *Temporal ensembling for semi-supervised learning*.

    Examples
    --------
    >>> from wellposed.regularizers import Ramp
    >>> [Ramp(0.5, 0.0, until=0.5).at(share) for share in (0.0, 0.25, 0.5, 1.0)]
    [0.5, 0.25, 0.0, 0.0]
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((16,), dropout=Ramp(0.5, 0.0), learning_rate=0.01, random_state=0)
    >>> bool(net.fit(X, y).score(X, y) > 0.9)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "begin": [_SHARE],
        "until": [_SHARE],
        "shape": [StrOptions(set(_SHAPES))],
    }

    def __init__(
        self,
        start: float = 0.0,
        end: float = 0.0,
        *,
        begin: float = 0.0,
        until: float = 1.0,
        shape: str = "linear",
    ) -> None:
        self.start = start
        self.end = end
        self.begin = begin
        self.until = until
        self.shape = shape

    def at(self, share: float) -> float:
        """The strength once this share of the updates has been made, 1 being the last update."""
        if share <= self.begin or share >= self.until:
            return float(self.end if share >= self.until else self.start)
        share = (share - self.begin) / (self.until - self.begin)
        return float(self.start + (self.end - self.start) * _SHAPES[self.shape](share))

    @property
    def strongest(self) -> float:
        return float(max(self.start, self.end))

    def validate(self) -> None:
        """Refuse options that make no sense."""
        params = self.get_params()
        constraints = {name: params[name] for name in self._parameter_constraints}
        validate_parameter_constraints(self._parameter_constraints, constraints, "Ramp")
        if not self.begin < self.until:
            raise ValueError(
                f"{self!r} begins at a share of {self.begin:g} of the updates and ends at "
                f"{self.until:g}. Let begin be smaller than until."
            )


class Ramped(Range):
    """A `Ramp` from one number of a range to another."""

    def __init__(self, of: Range) -> None:
        super().__init__(of.type, of.left, of.right, closed=of.closed)
        self.of = of

    def is_satisfied_by(self, val: Any) -> bool:
        return isinstance(val, Ramp) and all(map(self.of.is_satisfied_by, (val.start, val.end)))

    def __str__(self) -> str:
        return "a Ramp between two of these"
