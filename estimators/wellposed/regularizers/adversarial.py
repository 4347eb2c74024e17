"""Training on adversarial examples (section 7.13)."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

from sklearn.utils._param_validation import Options
from torch import Tensor

from ..ranges import Range
from .ascent import climb
from .base import Regularizer

if TYPE_CHECKING:
    from ..training.model import Batch, Model


class Adversarial(Regularizer):
    """Radius of the ball around each row in which the loss is made large (section 7.13).

    The objective is ``clean * J(x) + (1 - clean) * J(x')``, where x' is the end of `steps` steps of
    gradient ascent from x, kept within the ball; its gradient takes x' for a constant. One step is
    the fast gradient (sign) method of Goodfellow et al. 2015, several are the projected gradient
    ascent of Madry et al. 2018. On a linear logistic model and ``norm=inf``, x' takes
    ``strength * ||w||_1`` from every margin.

    Parameters
    ----------
    strength : float >= 0
        Radius, in units of X.
    steps : int, default=1
    norm : {inf, 2}, default=inf
        Norm of the ball.
    clean : float in [0, 1), default=0.5
        Share of the loss at x itself.

    References
    ----------
    Goodfellow, Shlens and Szegedy 2015, *Explaining and harnessing adversarial examples*;
    Madry et al. 2018, *Towards deep learning models resistant to adversarial attacks*.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier
    >>> from wellposed.regularizers import Adversarial
    >>> X, y = load_iris(return_X_y=True)
    >>> radius = Adversarial(0.2, steps=5, norm=2)
    >>> net = NetClassifier((16,), adversarial=radius, learning_rate=0.01, random_state=0)
    >>> bool(net.fit(X, y).score(X, y) > 0.9)
    True
    """

    name, symbol, section, acts_on = "adversarial", "epsilon", "7.13", "inputs"
    typical = (0.01, 0.3)
    paper = "Goodfellow et al. 2015; Madry et al. 2018"
    not_for_lbfgs = "shows other rows at every step"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "steps": [Range(Integral, 1, None, closed="left")],
        "norm": [Options(Real, {2, math.inf})],
        "clean": [Range(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        strength: float | None = 0.0,
        *,
        steps: int = 1,
        norm: float = math.inf,
        clean: float = 0.5,
    ) -> None:
        super().__init__(strength)
        self.steps = steps
        self.norm = norm
        self.clean = clean

    def acts(self, moment: str) -> bool:
        return super().acts(moment) and (moment != "term" or self.clean > 0)

    def batch(self, batch: Batch, model: Model) -> Batch:
        self._clean_batch = batch
        x = climb(
            batch.x,
            lambda x: model.input_gradient(batch._replace(x=x)),
            self.strength[:, None, None],
            self.steps,
            self.norm,
        )
        return batch._replace(x=x)

    def term(self, model: Model, batch: Batch) -> Tensor:
        return self.clean * (model.J(self._clean_batch) - model.J(batch))
