"""Flat minima: sharpness-aware minimisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from .base import Regularizer
from .numerics import row_norms


class SAM(Regularizer):
    """Radius around the parameters within which the loss is made large (Foret et al. 2021).

    The gradient is that at ``theta + rho g / ||g||``, g being the gradient of J at theta over all
    weights and biases. Penalties on weights are taken at theta itself.

    Parameters
    ----------
    strength : float >= 0
        rho.
    adaptive : bool, default=False
        Measure each parameter in units of its own size, ``theta + rho theta^2 g / ||theta g||``
        (ASAM, Kwon et al. 2021), so that scaling two layers against each other changes nothing.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((16,), sam=0.05, learning_rate=0.01, random_state=0)
    >>> bool(net.fit(X, y).score(X, y) > 0.9)
    True
    """

    name, symbol, section = "sam", "rho", "7.5"
    typical = (0.01, 0.3)
    paper = "Foret et al. 2021; Kwon et al. 2021"
    _parameter_constraints: ClassVar[dict[str, Any]] = {"adaptive": ["boolean"]}

    def __init__(self, strength: float | None = 0.0, *, adaptive: bool = False) -> None:
        super().__init__(strength)
        self.adaptive = adaptive

    def perturb(self, theta: Tensor, gradient: Callable[[Tensor], Tensor]) -> Tensor:
        scale = theta.abs() if self.adaptive else torch.ones_like(theta)
        g = scale * gradient(theta)
        return theta + self.strength[:, None] * scale * g / row_norms(g)
