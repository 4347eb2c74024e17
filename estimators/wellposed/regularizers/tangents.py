"""Penalties on derivatives with respect to the inputs (section 7.14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..networks import Network, pad16
from ..ranges import Range
from . import directions as known
from . import images
from .base import Regularizer

if TYPE_CHECKING:
    from ..training.model import Batch, Model
    from ..training.setting import Setting

_NATURAL = Range(Integral, 1, None, closed="left")


class _OfInputs(Regularizer):
    """Differentiates with respect to each row."""

    def why_not(self, network: Network, loss: str) -> str:
        if network.compares_rows:
            return (
                "differentiates by each row alone, and batch normalization lets the rows of a "
                f"batch depend on each other. Set normalization='layer' or None, or {self.name}=0."
            )
        return ""


class TangentProp(_OfInputs):
    """Adds ``tangent_prop E sum_v (J(x) v)^2``: outputs do not change along directions v.

    J(x) is the Jacobian of the outputs before any link, and the directions at x are those along
    which x stays what it is (section 7.14, eq. 7.67). The mean is over the rows as they weigh.

    Parameters
    ----------
    strength : float >= 0
    directions : "auto", "neighbours", list of str, array-like or callable, default="auto"
        Of images, moves among ``["shift", "rotation", "scale"]``: for each pixel of shift down and
        to the right, radian about the centre, and factor of e. ``"neighbours"``: from a row to
        the `n_neighbors` nearest of its training rows, over the root of their number, after the
        manifold tangent classifier; each step compares the batch with all training rows. ``"auto"``
        is all three moves for images, and otherwise the neighbours. An array
        (n_directions, n_features) has those of every row, and a function of rows
        (n, n_features) returns theirs (n, n_directions, n_features).
    n_neighbors : int, default=5
    image_shape : tuple of int, optional
        (height, width) or (channels, height, width) of a row; ``network="cnn"`` knows it.

    References
    ----------
    Simard, Victorri, Le Cun and Denker 1992, *Tangent prop: a formalism for specifying selected
    invariances in an adaptive network*; Rifai et al. 2011, *The manifold tangent classifier*.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from wellposed import NetClassifier, TangentProp
    >>> X, y = load_digits(return_X_y=True)
    >>> flat = TangentProp(0.1, directions=["shift", "rotation"], image_shape=(8, 8))
    >>> net = NetClassifier((64,), tangent_prop=flat, learning_rate=0.01, max_epochs=20)
    >>> net = net.set_params(random_state=0).fit(X[:500] / 16, y[:500])
    >>> bool(net.score(X[500:] / 16, y[500:]) > 0.85)
    True
    """

    name, symbol, section, acts_on = "tangent_prop", "alpha", "7.14", "inputs"
    typical = (1e-4, 0.1)
    in_cocktail = False  # directions belong to the data
    paper = "Simard et al. 1992"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "directions": [str, "array-like", callable],
        "n_neighbors": [_NATURAL],
        "image_shape": ["array-like", None],
    }

    def __init__(
        self,
        strength: Any = 0.0,
        *,
        directions: Any = "auto",
        n_neighbors: int = 5,
        image_shape: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(strength)
        self.directions = directions
        self.n_neighbors = n_neighbors
        self.image_shape = image_shape

    def why_not(self, network: Network, loss: str) -> str:
        why = super().why_not(network, loss)
        given, n = self.directions, network.n_inputs
        if why or callable(given) or _is(given, "auto") or _is(given, "neighbours"):
            return why
        of_names = np.ndim(_array(given)) and any(isinstance(each, str) for each in given)
        if isinstance(given, str) or of_names:
            names = [given] if isinstance(given, str) else list(given)
            if any(name not in known.OF_IMAGES for name in names):
                return (
                    f"has directions={given!r}; they may be 'auto', 'neighbours', a list of "
                    f"{', '.join(map(repr, known.OF_IMAGES))}, an array or a function."
                )
            return images.why_no_images(self.image_shape, network, "TangentProp(...) ")
        array = _array(given)
        shape, numbers = array.shape, array.dtype.kind in "biuf"
        if shape[1:] != (n,) or not len(array) or not numbers or not np.isfinite(array).all():
            return (
                f"has directions of shape {shape}; expected (n_directions, {n}) finite numbers, "
                "one for each feature. Give one row a direction."
            )
        return ""

    def begin(self, setting: Setting) -> None:
        self._pools: list[Tensor] = []  # training rows of each network, where they are needed
        self._directions = self._choose(setting)

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        if self._pools:
            self._pools = [self._pools[k] for k in rows]

    def _choose(self, setting: Setting) -> Callable[[Tensor], list[Tensor]]:
        given, network = self.directions, setting.network
        shape = images.shape_of(self.image_shape, network)
        if _is(given, "neighbours") or (_is(given, "auto") and shape is None):
            self._pools = [rows.X() for rows in setting.rows]
            return self._to_neighbours
        if callable(given):
            return self._of_function
        if not isinstance(given, str) and not any(isinstance(each, str) for each in given):
            array = torch.as_tensor(np.asarray(given), dtype=setting.dtype, device=setting.device)
            padded = array.new_zeros(len(array), network.n_inputs_padded)
            padded[:, : array.shape[1]] = array
            return lambda x: [row[:, None].expand_as(x) for row in padded]
        names = list(known.OF_IMAGES) if _is(given, "auto") else given
        names = [names] if isinstance(names, str) else names
        assert shape is not None
        n = network.n_inputs

        def of_images(x: Tensor) -> list[Tensor]:
            found = known.of_images(x[:, :n].unflatten(1, shape), names)
            return [_padded(v.flatten(1, 3), x) for v in found]

        return of_images

    def _to_neighbours(self, x: Tensor) -> list[Tensor]:
        n = self.setting.network.n_inputs
        each = [
            known.to_neighbours(x[k, :n], pool, self.n_neighbors)
            for k, pool in enumerate(self._pools)
        ]
        most = max(map(len, each))
        nothing = x.new_zeros(n, x.shape[2])
        each = [found + [nothing] * (most - len(found)) for found in each]
        return [_padded(torch.stack(parts), x) for parts in zip(*each)]

    def _of_function(self, x: Tensor) -> list[Tensor]:
        n, (K, _, B) = self.setting.network.n_inputs, x.shape
        rows = x[:, :n].mT.reshape(K * B, n).numpy(force=True)
        found = np.asarray(self.directions(rows))
        if found.ndim != 3 or (found.shape[0], found.shape[2]) != rows.shape:
            raise ValueError(
                f"directions of tangent_prop was called with rows {rows.shape} and returned shape "
                f"{found.shape}; expected ({len(rows)}, n_directions, {n}). Return an array that "
                "has the directions of each row."
            )
        if not np.isfinite(found).all():
            raise ValueError(
                "directions of tangent_prop returned numbers that are not finite (NaN, inf). "
                "Return zeros where there is no direction; rows of zeros pad the last batch."
            )
        stacked = torch.as_tensor(found).to(x).view(K, B, -1, n)
        return [_padded(v, x) for v in stacked.permute(2, 0, 3, 1)]

    def term(self, model: Model, batch: Batch) -> Tensor:
        x = batch.x.detach()
        found = model.derivatives(x, self._directions(x))
        return self.strength * sum((dz.square() * batch.weight).sum((1, 2)) for dz in found)


class JacobianNorm(_OfInputs):
    """Adds ``jacobian / 2 E ||J(x)||^2``: outputs change little with any input (section 7.14).

    J(x) is the Jacobian of the outputs before any link, and its norm that of Frobenius. On a linear
    model it is `l2`. The mean is over the rows as they weigh.

    Parameters
    ----------
    strength : float >= 0
    n_projections : int, optional
        Estimate the norm by so many random combinations of the outputs, drawn at each step. None
        goes through all outputs and is exact; the cost is a pass back for each.

    References
    ----------
    Sokolic, Giryes, Sapiro and Rodrigues 2017, *Robust large margin deep neural networks*; Hoffman,
    Roberts and Yaida 2019, *Robust learning with Jacobian regularization*.
    """

    name, symbol, section, acts_on = "jacobian", "alpha", "7.14", "inputs"
    typical = (1e-4, 0.1)
    in_cocktail = False  # as many passes as there are outputs
    paper = "Sokolic et al. 2017; Hoffman et al. 2019"
    _parameter_constraints: ClassVar[dict[str, Any]] = {"n_projections": [_NATURAL, None]}

    def __init__(self, strength: Any = 0.0, *, n_projections: int | None = None) -> None:
        super().__init__(strength)
        self.n_projections = n_projections

    def why_not_lbfgs(self) -> str:
        if self.n_projections is not None:
            return "draws random numbers at every step"
        return super().why_not_lbfgs()

    def begin(self, setting: Setting) -> None:
        units = pad16(setting.network.n_outputs)
        self._streams = [
            self.stream(units, setting.width, part=str(i)) for i in range(self.n_projections or 0)
        ]

    def term(self, model: Model, batch: Batch) -> Tensor:
        x = batch.x.detach().requires_grad_()
        z = model(x)
        if self.n_projections is None:
            along = [torch.zeros_like(z) for _ in range(z.shape[1])]
            for i, u in enumerate(along):
                u[:, i] = 1.0
        else:
            along = [s.draw()[:, : z.shape[1]].expand_as(z) for s in self._streams]
        norms: Any = 0.0
        for u in along:
            (g,) = torch.autograd.grad(z, x, u, create_graph=True)
            norms = norms + g.square()
        share = 1.0 if self.n_projections is None else 1.0 / self.n_projections
        return self.strength * (0.5 * share) * (norms * batch.weight).sum((1, 2))


class DoubleBackprop(_OfInputs):
    """Adds ``double_backprop / 2 E ||dl/dx||^2``: the loss l of a row changes little with x.

    The mean is over the rows as they weigh (Drucker and Le Cun 1992).
    """

    name, symbol, section, acts_on = "double_backprop", "alpha", "7.14", "inputs"
    typical = (1e-3, 1.0)
    paper = "Drucker and Le Cun 1992"

    def term(self, model: Model, batch: Batch) -> Tensor:
        alike = batch._replace(weight=(batch.weight > 0).to(batch.weight))
        g = model.input_gradient(alike, create_graph=True)
        return 0.5 * self.strength * (g.square() * batch.weight).sum((1, 2))


def _is(given: Any, name: str) -> bool:
    return isinstance(given, str) and given == name


def _array(given: Any) -> np.ndarray:
    """What is given as an array; nothing, if its rows differ in length."""
    try:
        return np.asarray(given)
    except ValueError:
        return np.empty(0)


def _padded(v: Tensor, x: Tensor) -> Tensor:
    """Directions [K, inputs, B] with the padding of x."""
    return torch.nn.functional.pad(v, (0, 0, 0, x.shape[1] - v.shape[1]))
