"""Dropout of hidden units, inputs and weights (section 7.12; Srivastava 2014)."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from ..ranges import Range
from .base import Regularizer

if TYPE_CHECKING:
    from .._streams import Stream
    from ..training.model import Batch, Model
    from ..training.setting import Setting


def inverted_mask(bits: Tensor, rate: Tensor, dtype: torch.dtype) -> Tensor:
    """Inverted dropout masks: 0 with probability `rate`, else ``1 / (1 - rate)``.

    Parameters
    ----------
    bits : int16 Tensor of shape (K or 1, units, B)
        Uniform integers; the rate is met to 2**-17.
    rate : Tensor of shape (K,)
    """
    return _scaled(bits, *_threshold_and_scale(rate[:, None, None]), dtype)


def _threshold_and_scale(rate: Tensor) -> tuple[Tensor, Tensor]:
    threshold = ((rate.double() * 65536).round() - 32768).to(torch.int16)
    return threshold, 1.0 / (1.0 - rate)


def _scaled(bits: Tensor, threshold: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    shape = torch.broadcast_shapes(bits.shape, threshold.shape)
    keep = torch.empty(shape, dtype=dtype, device=bits.device)
    return torch.ge(bits, threshold, out=keep).mul_(scale)


class _Masking(Regularizer):
    """Draws masks from its streams."""

    interval = Range(Real, 0, 1, closed="left")
    random = True

    def prepare(self) -> None:
        n = 1 if self.strength.ndim == 1 else self.strength.shape[1]
        self._how = [_threshold_and_scale(self.of_layer(i)) for i in range(n)]

    def _draw(self, stream: Stream, layer: int = 0) -> Tensor:
        how = self._how[min(layer, len(self._how) - 1)]
        return _scaled(stream.draw(), *how, self.setting.dtype)


class Dropout(_Masking):
    """Share of hidden units dropped at each step (section 7.12), inverted."""

    name, symbol, section, acts_on = "dropout", "p", "7.12", "hidden units"
    typical = (0.05, 0.7)
    paper = "Srivastava et al. 2014"
    needs_hidden = True
    per_layer = "hidden units"
    instead: ClassVar = {"module": "put nn.Dropout into the module"}

    def begin(self, setting: Setting) -> None:
        self._streams = [
            self.stream(units, setting.width, part=str(i), dtype=torch.int16)
            for i, units in enumerate(setting.network.hidden_units)
        ]

    def mask(self, layer: int) -> Tensor:
        return self._draw(self._streams[layer], layer)


class InputDropout(_Masking):
    """Share of inputs dropped at each step, inverted."""

    name, symbol, section, acts_on = "input_dropout", "p", "7.12", "inputs"
    typical = (0.02, 0.4)
    paper = "Srivastava et al. 2014"
    draws_sub_models = True

    def begin(self, setting: Setting) -> None:
        units = setting.network.n_inputs_padded
        self._stream = self.stream(units, setting.width, dtype=torch.int16)

    def batch(self, batch: Batch, model: Model) -> Batch:
        return batch._replace(x=batch.x * self._draw(self._stream))


class GaussianDropout(Regularizer):
    """Rate p of multiplicative noise on hidden units, ``1 + sqrt(p / (1 - p)) e``, e normal.

    Its mean and variance are those of `dropout` at the same rate (section 7.12).
    """

    name, symbol, section, acts_on = "gaussian_dropout", "p", "7.12", "hidden units"
    typical = (0.05, 0.7)
    paper = "Srivastava et al. 2014, section 10"
    interval = Range(Real, 0, 1, closed="left")
    random = True
    needs_hidden = True
    per_layer = "hidden units"

    def begin(self, setting: Setting) -> None:
        self._streams = [
            self.stream(units, setting.width, part=str(i))
            for i, units in enumerate(setting.network.hidden_units)
        ]

    def mask(self, layer: int) -> Tensor:
        rate = self.of_layer(layer)
        return 1.0 + (rate / (1.0 - rate)).sqrt() * self._streams[layer].draw()


class StochasticDepth(_Masking):
    """Share of rows for which the last residual layer is left out at each step, inverted.

    A layer that is left out hands its input on; ``skip=True`` makes layers residual. Each row and
    layer is drawn by itself. In prediction no layer is left out.

    Parameters
    ----------
    strength : float in [0, 1)
    linear : bool, default=True
        Whether the rate grows linearly over the residual layers, ``strength * l / L`` in the l-th
        of L; otherwise all have the same.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((16, 16, 16), skip=True, stochastic_depth=0.3, random_state=0)
    >>> net = net.set_params(learning_rate=0.01)
    >>> bool(net.fit(X, y).score(X, y) > 0.9)
    True
    """

    name, symbol, section, acts_on = "stochastic_depth", "p", "7.12", "hidden units"
    typical = (0.05, 0.5)
    paper = "Huang et al. 2016"
    needs_hidden = True
    needs: ClassVar = {"skip": (True, "leaves out residual layers")}
    _parameter_constraints: ClassVar[dict[str, Any]] = {"linear": ["boolean"]}

    def __init__(self, strength: float | None = 0.0, *, linear: bool = True) -> None:
        super().__init__(strength)
        self.linear = linear

    def prepare(self) -> None:
        n = sum(self.setting.network.skips)
        shares = [(i + 1) / n if self.linear else 1.0 for i in range(n)]
        self._how = [_threshold_and_scale(self.of_layer(0) * share) for share in shares]

    def begin(self, setting: Setting) -> None:
        skips = setting.network.skips
        self._number = [sum(skips[:i]) for i in range(len(skips))]
        self._streams = [
            self.stream(1, setting.width, part=str(i), dtype=torch.int16) for i in range(sum(skips))
        ]

    def mask(self, layer: int) -> Tensor:
        setting, network = self.setting, self.setting.network
        shape = len(self.strength), network.hidden_units[layer], setting.width
        if not network.skips[layer]:
            return self.strength.new_ones(1).expand(shape)
        i = self._number[layer]
        return self._draw(self._streams[i], i).expand(shape)


class DropConnect(_Masking):
    """Share of weights dropped at each step, inverted; the same ones for all rows of a batch."""

    name, symbol, section, acts_on = "dropconnect", "p", "7.12", "weights"
    typical = (0.02, 0.5)
    paper = "Wan et al. 2013"
    per_layer = "weights"
    draws_sub_models = True

    def prepare(self) -> None:
        self._how = [_threshold_and_scale(self.of_weights()[:, :, None])]

    def begin(self, setting: Setting) -> None:
        self._stream = self.stream(setting.network.n_weights, dtype=torch.int16)

    def perturb(self, theta: Tensor, gradient: Callable[[Tensor], Tensor]) -> Tensor:
        bits = self._stream.draw()[:, :, None]
        kept = _scaled(bits, *self._how[0], self.setting.dtype)[..., 0]
        theta = theta.clone()
        theta[:, : kept.shape[1]] *= kept
        return theta
