"""Rows that are mixed with other rows of the batch, and their targets with them (section 7.4)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from scipy.special import betaincinv
from torch import Tensor
from torch.nn import functional as F

from ..networks import Network
from . import images
from .base import Regularizer
from .numerics import uniform

if TYPE_CHECKING:
    from ..training.model import Batch, Model
    from ..training.setting import Setting

_QUANTILES = 4096  # equally likely values that stand for a beta distribution


@lru_cache(maxsize=256)
def beta_quantiles(a: float) -> Tensor:
    """Quantiles of Beta(a, a) at equal steps of probability, in float64."""
    lower = (torch.arange(_QUANTILES // 2, dtype=torch.float64) + 0.5) / _QUANTILES
    half = torch.from_numpy(betaincinv(a, a, lower.numpy()))
    return torch.cat([half, 1.0 - half.flip(0)])


class _Mixing(Regularizer):
    """Mixes every row with a partner: each row of the batch is the partner of one."""

    acts_on = "inputs"
    random = True
    fixed = "is the parameter of one distribution"

    def begin(self, setting: Setting) -> None:
        self._keys = self.stream(setting.width, part="partner")
        self._lambda = self.stream(setting.width, part="share", dtype=torch.int16)

    def prepare(self) -> None:
        quantiles = [beta_quantiles(a) for a in self.strength.tolist()]
        self._quantiles = torch.stack(quantiles).to(self.strength)

    def _partner(self, batch: Batch) -> Tensor:
        """Index [K, 1, B] of each row's partner; padding is its own."""
        keys = self._keys.draw().masked_fill(batch.weight[:, 0] == 0, math.inf)
        return keys.argsort(dim=1, stable=True)[:, None]

    def _share(self) -> Tensor:
        """Share [K, 1, B] that a row keeps, drawn from Beta(strength, strength)."""
        step = (self._lambda.draw().long() + 2**15) * _QUANTILES // 2**16
        step = step.expand(len(self.strength), -1)
        return self._quantiles.gather(1, step)[:, None]


class Mixup(_Mixing):
    """Parameter a of Beta(a, a), by which pairs of rows are mixed: x and y alike.

    At every step each row of the batch becomes ``s x + (1 - s) x'``, x' being another row of it and
    s drawn from Beta(a, a), row by row, and its target ``s y + (1 - s) y'`` (section 7.4). Large a
    mixes all rows half and half, small a hardly any. What a mixed row weighs is mixed as well; its
    loss is ``s w l(y) + (1 - s) w' l(y')`` up to a constant.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((16,), mixup=0.2, learning_rate=0.01, random_state=0)
    >>> bool(net.fit(X, y).score(X, y) > 0.9)
    True
    """

    name, symbol, section = "mixup", "alpha", "7.4"
    typical = (0.05, 1.0)
    paper = "Zhang et al. 2018"

    def batch(self, batch: Batch, model: Model) -> Batch:
        partner, share = self._partner(batch), self._share()
        other = batch.x.gather(2, partner.expand_as(batch.x))
        return mixed(batch, share * batch.x + (1.0 - share) * other, partner, share)


class CutMix(_Mixing):
    """Parameter a of Beta(a, a), by which rows take over a part of other rows.

    A box of an image's pixels, or some columns of another row, are replaced by those of a partner
    in the batch; s from Beta(a, a) is the share that is kept, but for boxes that reach beyond the
    border. Targets, and what rows weigh, are mixed in proportion to what is kept (section 7.4). A
    row is an image under ``network="cnn"`` or with `image_shape`.

    Parameters
    ----------
    strength : float >= 0
        a; Yun et al. take 1.
    image_shape : tuple of int, optional
        (channels, height, width), or (height, width), of a row.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from wellposed import NetClassifier
    >>> from wellposed.regularizers import CutMix
    >>> X, y = load_digits(return_X_y=True)
    >>> cut = CutMix(0.3, image_shape=(8, 8))
    >>> net = NetClassifier((64,), cutmix=cut, learning_rate=0.01, max_epochs=20, random_state=0)
    >>> bool(net.fit(X[:1000] / 16, y[:1000]).score(X[1000:] / 16, y[1000:]) > 0.9)
    True
    """

    name, symbol, section = "cutmix", "alpha", "7.4"
    typical = (0.05, 1.0)
    paper = "Yun et al. 2019"
    excludes: ClassVar = {"mixup": "both mix the rows of a batch"}
    _parameter_constraints: ClassVar[dict[str, Any]] = {"image_shape": ["array-like", None]}

    def __init__(
        self, strength: float | None = 0.0, *, image_shape: tuple[int, ...] | None = None
    ) -> None:
        super().__init__(strength)
        self.image_shape = image_shape

    def why_not(self, network: Network, loss: str) -> str:
        if self.image_shape is None:
            return ""
        return images.why_no_images(self.image_shape, network, "CutMix(...) ")

    def begin(self, setting: Setting) -> None:
        super().begin(setting)
        self._shape = images.shape_of(self.image_shape, setting.network)
        shape = (2,) if self._shape else (setting.network.n_inputs_padded,)
        self._place = self.stream(*shape, setting.width, part="place", dtype=torch.int16)

    def batch(self, batch: Batch, model: Model) -> Batch:
        partner, share = self._partner(batch), self._share()
        n = self.setting.network.n_inputs
        kept = self._outside_of_box(share) if self._shape else self._some_columns(share, n)
        share = kept.to(batch.x.dtype).mean(1, keepdim=True)
        other = batch.x.gather(2, partner.expand_as(batch.x))
        kept = F.pad(kept, (0, 0, 0, batch.x.shape[1] - n), value=True)
        return mixed(batch, torch.where(kept, batch.x, other), partner, share)

    def _some_columns(self, share: Tensor, n: int) -> Tensor:
        """Which inputs are kept, [K, n, B]: each with probability `share`."""
        return uniform(self._place.draw()[:, :n], share.dtype) < share

    def _outside_of_box(self, share: Tensor) -> Tensor:
        """Which pixels are kept, [K, n, B]: those outside of a box around a random pixel."""
        assert self._shape is not None
        channels, height, width = self._shape
        sides = torch.tensor([height, width], device=share.device)[:, None]
        size = (sides * (1.0 - share).sqrt() + 0.5).long()
        centre = (uniform(self._place.draw(), torch.float64) * sides).long()
        corner = centre - size // 2
        kept = images.outside_of_box(height, width, corner[:, 0], corner[:, 1], size)
        return kept[:, None].expand(-1, channels, -1, -1, -1).flatten(1, 3)


def mixed(batch: Batch, x: Tensor, partner: Tensor, share: Tensor) -> Batch:
    """Rows x with the targets and weights of the rows and their partners, mixed by share."""

    def of_partners(value: Tensor) -> Tensor:
        return value.gather(2, partner.expand_as(value))

    def both(target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        own, other = share * weight, (1.0 - share) * of_partners(weight)
        part = own / (own + other).clamp_min(tiny)
        return part * target + (1.0 - part) * of_partners(target), own + other

    tiny = torch.finfo(x.dtype).tiny
    weight = share * batch.weight + (1.0 - share) * of_partners(batch.weight)
    target, of_targets = both(batch.target, batch.loss_weight)
    found = batch._replace(x=x, target=target, weight=weight)
    if batch.shares is not None:
        found = found._replace(shares=of_targets / weight.clamp_min(tiny))
    if batch.tasks is not None:
        target, share_of_task = batch.tasks.chunk(2, 1)
        target, of_tasks = both(target, batch.weight * share_of_task)
        tasks = torch.cat([target, of_tasks / weight.clamp_min(tiny)], 1)
        found = found._replace(tasks=tasks)
    return found
