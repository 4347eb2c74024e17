"""Changed copies of the rows (section 7.4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .._streams import generator
from ..ranges import Range
from . import images
from .base import Regularizer
from .numerics import uniform

if TYPE_CHECKING:
    from .._streams import Stream
    from ..networks import Network
    from ..training.model import Batch, Model
    from ..training.request import Rows
    from ..training.setting import Setting

Function = Callable[[np.ndarray, np.random.Generator], Any]

#: What a plain number does.
MILD_FOR_IMAGES = {"shift": 1.0, "rotate": 10.0, "scale": 0.1}
MILD_FOR_TABLES = {"noise": 0.1, "swap": 0.1}
_CHUNK = 4096  # rows made dense at once
_OF_IMAGES = ("shift", "rotate", "scale", "flip", "elastic", "cutout")


class Augment(Regularizer):
    """Share of the rows that are shown changed at each step, with their own targets (section 7.4).

    Without options, images are moved, turned and resized a little (``shift=1, rotate=10,
    scale=0.1``), and other rows get ``noise=0.1, swap=0.1``. A row is an image under
    ``network="cnn"`` or with `image_shape`.

    Parameters
    ----------
    strength : float in [0, 1]
        Share, drawn row by row and step by step.
    shift : float >= 0, default=0
        Images move by up to so many pixels down or up and to a side. What moves in is zero.
    rotate : float >= 0, default=0
        Images turn about their centre by up to so many degrees.
    scale : float in [0, 1), default=0
        Images grow or shrink by up to this share.
    flip : bool, default=False
        Half of the changed images are mirrored, left to right.
    elastic : float >= 0, default=0
        Standard deviation, in pixels, by which each pixel moves: noise smoothed by a Gaussian whose
        width is a seventh of the image's (Simard et al. 2003).
    cutout : int >= 0, default=0
        A square of so many pixels a side around a random pixel becomes zero (DeVries and Taylor
        2017).
    noise : float >= 0, default=0
        Standard deviation of Gaussian noise, in units of each column's.
    swap : float in [0, 1], default=0
        Share of a row's values that are replaced by those of other rows in the batch (Bahri et
        al. 2022).
    function : callable, optional
        ``f(x, rng) -> x`` of your own, which is called last at every step: x is an ndarray (rows of
        the batch, n_features), rng a `numpy.random.Generator` of this network. Changed rows take
        what it returns.
    image_shape : tuple of int, optional
        (channels, height, width), or (height, width), of a row.

    Notes
    -----
    Everything here keeps labels, and it is yours to know whether the truth does: mirror images of
    2 and 5 or of b and d are others, and so are 6 and 9 that are turned by half a circle.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from wellposed import NetClassifier
    >>> from wellposed.regularizers import Augment
    >>> X, y = load_digits(return_X_y=True)
    >>> moved = Augment(0.5, shift=1, rotate=15, image_shape=(8, 8))
    >>> net = NetClassifier((64,), augment=moved, learning_rate=0.01, max_epochs=20, random_state=0)
    >>> bool(net.fit(X[:1000] / 16, y[:1000]).score(X[1000:] / 16, y[1000:]) > 0.9)
    True
    """

    name, symbol, section, acts_on = "augment", "p", "7.4", "inputs"
    typical = (0.1, 0.9)
    paper = "Simard et al. 2003; DeVries and Taylor 2017; Bahri et al. 2022"
    interval = Range(Real, 0, 1, closed="both")
    random = True
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "shift": [Range(Real, 0, None, closed="left")],
        "rotate": [Range(Real, 0, None, closed="left")],
        "scale": [Range(Real, 0, 1, closed="left")],
        "flip": ["boolean"],
        "elastic": [Range(Real, 0, None, closed="left")],
        "cutout": [Range(Integral, 0, None, closed="left")],
        "noise": [Range(Real, 0, None, closed="left")],
        "swap": [Range(Real, 0, 1, closed="both")],
        "function": [callable, None],
        "image_shape": ["array-like", None],
    }

    def __init__(
        self,
        strength: float | None = 0.0,
        *,
        shift: float = 0.0,
        rotate: float = 0.0,
        scale: float = 0.0,
        flip: bool = False,
        elastic: float = 0.0,
        cutout: int = 0,
        noise: float = 0.0,
        swap: float = 0.0,
        function: Function | None = None,
        image_shape: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__(strength)
        self.shift = shift
        self.rotate = rotate
        self.scale = scale
        self.flip = flip
        self.elastic = elastic
        self.cutout = cutout
        self.noise = noise
        self.swap = swap
        self.function = function
        self.image_shape = image_shape

    def why_not(self, network: Network, loss: str) -> str:
        if self.image_shape is not None or any(getattr(self, name) for name in _OF_IMAGES):
            return images.why_no_images(self.image_shape, network, "Augment(...) ")
        return ""

    def begin(self, setting: Setting) -> None:
        policy = self._policy(setting.network)
        shape = images.shape_of(self.image_shape, setting.network)
        self._chosen = self.stream(setting.width, part="chosen", dtype=torch.int16)
        self._changes: list[Any] = []
        if shape is not None and any(policy[name] for name in _OF_IMAGES[:5]):
            self._changes.append(_Warp(self, policy, shape))
        if shape is not None and policy["cutout"]:
            self._changes.append(_Cutout(self, policy["cutout"], shape))
        if policy["noise"]:
            self._changes.append(_Noise(self, policy["noise"]))
        if policy["swap"]:
            self._changes.append(_Swap(self, policy["swap"]))
        if policy["function"] is not None:
            self._changes.append(_Function(self, policy["function"]))

    def _policy(self, network: Network) -> dict[str, Any]:
        """The options, or mild ones where none is given."""
        options = {k: v for k, v in self.options.items() if k != "image_shape"}
        if any(value not in (0, None) for value in options.values()):
            return options
        of_images = images.shape_of(self.image_shape, network) is not None
        return options | (MILD_FOR_IMAGES if of_images else MILD_FOR_TABLES)

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        for change in self._changes:
            change.keep(rows)

    def batch(self, batch: Batch, model: Model) -> Batch:
        real = batch.x[:, : self.setting.network.n_inputs]
        changed = real
        for change in self._changes:
            changed = change(changed, batch)
        chosen = uniform(self._chosen.draw(), real.dtype)[:, None] < self.strength[:, None, None]
        changed = torch.where(chosen & (batch.weight > 0), changed, real)
        return batch._replace(x=F.pad(changed, (0, 0, 0, batch.x.shape[1] - real.shape[1])))


class _Change:
    """Changes x [K, n_inputs, B] of all rows, those that are not chosen included."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these networks of the stack."""

    def __call__(self, x: Tensor, batch: Batch) -> Tensor:
        raise NotImplementedError


class _Warp(_Change):
    """Moves, turns, resizes, mirrors and bends images, all in one interpolation."""

    def __init__(self, r: Augment, policy: dict[str, Any], shape: tuple[int, int, int]) -> None:
        self.shape, self.setting = shape, r.setting
        self._most = {k: float(policy[k]) for k in _OF_IMAGES[:5] if policy[k]}
        width = r.setting.width
        self._streams: dict[str, Stream] = {}
        for name in self._most:
            if name == "elastic":
                self._streams[name] = r.stream(2, *shape[1:], width, part=name)
            else:
                n = 2 if name == "shift" else 1
                self._streams[name] = r.stream(n, width, part=name, dtype=torch.int16)

    def _draw(self, name: str) -> Tensor | None:
        """Uniform numbers within plus and minus the largest."""
        if name not in self._most:
            return None
        u = uniform(self._streams[name].draw(), self.setting.dtype)
        return (2.0 * u - 1.0) * self._most[name]

    def draw(self) -> dict[str, Tensor]:
        """The parameters of each row, as `images.coordinates` takes them."""
        drawn: dict[str, Tensor | None] = {"shift": self._draw("shift")}
        if (angle := self._draw("rotate")) is not None:
            drawn["angle"] = angle[:, 0] * (math.pi / 180)
        if (size := self._draw("scale")) is not None:
            drawn["size"] = 1.0 + size[:, 0]
        if (side := self._draw("flip")) is not None:
            drawn["mirror"] = side[:, 0].sign()
        return {name: value for name, value in drawn.items() if value is not None}

    def bend(self) -> Tensor:
        """How far each pixel moves, [K, 2, height, width, B]."""
        noise = self._streams["elastic"].draw()
        down, right = (images.smoothing(n, n / 7, noise) for n in self.shape[1:])
        return images.smooth(noise, down, right) * self._most["elastic"]

    def __call__(self, x: Tensor, batch: Batch) -> Tensor:
        _, height, width = self.shape
        drawn = self.draw() or {"shift": x.new_zeros(1, 2, x.shape[2])}
        down, right = images.coordinates(height, width, **drawn)
        if "elastic" in self._most:
            bent = self.bend()
            down, right = down + bent[:, 0], right + bent[:, 1]
        image = x.unflatten(1, self.shape)
        return images.resample(image, down, right).flatten(1, 3)


class _Cutout(_Change):
    def __init__(self, r: Augment, side: int, shape: tuple[int, int, int]) -> None:
        self.shape, self.side = shape, side
        self._centre = r.stream(2, r.setting.width, part="cutout", dtype=torch.int16)

    def __call__(self, x: Tensor, batch: Batch) -> Tensor:
        _, height, width = self.shape
        u = uniform(self._centre.draw(), torch.float64)
        top, left = ((u[:, i] * n).long() - self.side // 2 for i, n in enumerate((height, width)))
        side = torch.full_like(u, self.side).long()
        kept = images.outside_of_box(height, width, top, left, side)
        return (x.unflatten(1, self.shape) * kept[:, None]).flatten(1, 3)


class _Noise(_Change):
    def __init__(self, r: Augment, scale: float) -> None:
        network = r.setting.network
        self._n, self._scale = network.n_inputs, scale
        self._stream = r.stream(network.n_inputs_padded, r.setting.width, part="noise")
        known = {id(rows): rows for rows in r.setting.rows}
        spreads = {key: spread(rows) for key, rows in known.items()}
        self._spread = torch.stack([spreads[id(rows)] for rows in r.setting.rows])[..., None]

    def keep(self, rows: Sequence[int]) -> None:
        self._spread = self._spread[rows]

    def __call__(self, x: Tensor, batch: Batch) -> Tensor:
        return x + self._scale * self._spread * self._stream.draw()[:, : self._n]


class _Swap(_Change):
    def __init__(self, r: Augment, share: float) -> None:
        network, self._share = r.setting.network, share
        self._n = network.n_inputs
        shape = network.n_inputs_padded, r.setting.width
        self._which = r.stream(*shape, part="swap", dtype=torch.int16)
        self._other = r.stream(*shape, part="other row", dtype=torch.int16)

    def __call__(self, x: Tensor, batch: Batch) -> Tensor:
        swapped = uniform(self._which.draw()[:, : self._n], x.dtype) < self._share
        n_rows = (batch.weight > 0).sum(2, keepdim=True)
        other = (uniform(self._other.draw()[:, : self._n], torch.float64) * n_rows).long()
        return torch.where(swapped, x.gather(2, other), x)


class _Function(_Change):
    def __init__(self, r: Augment, function: Function) -> None:
        self._function, name = function, f"{r.setting.name}.function"
        seeds = [generator(seed, name, gen).initial_seed() for seed, gen in r.setting.seeds]
        self._rngs = [np.random.default_rng(seed) for seed in seeds]

    def keep(self, rows: Sequence[int]) -> None:
        self._rngs = [self._rngs[k] for k in rows]

    def __call__(self, x: Tensor, batch: Batch) -> Tensor:
        result = x.clone()
        n_rows = (batch.weight > 0).sum((1, 2)).tolist()
        for row, n, rng in zip(result, n_rows, self._rngs):
            shown = row[:, :n].T.numpy(force=True).copy()
            changed = np.ascontiguousarray(self._function(shown, rng))
            if not _is_finite(changed, (n, len(row))):
                raise ValueError(
                    f"Augment(function={self._function!r}) was given rows of shape "
                    f"{(n, len(row))} and returned {_described(changed)}. Return an array of that "
                    "shape, of finite numbers."
                )
            row[:, :n] = torch.as_tensor(changed).to(row).T
        return result


def _is_finite(found: np.ndarray, shape: tuple[int, int]) -> bool:
    """Whether it is an array of that shape, of finite numbers."""
    right = found.shape == shape and found.dtype.kind in "biuf"
    return right and bool(np.isfinite(found).all())


def _described(found: np.ndarray) -> str:
    return f"an array of shape {found.shape} and type {found.dtype}"


def spread(rows: Rows) -> Tensor:
    """Standard deviation of each column, as the rows weigh."""
    weight = rows.table[:-1, rows.weight, None] / rows.n

    def mean(function: Callable[[Tensor], Tensor]) -> Tensor:
        parts = [slice(start, start + _CHUNK) for start in range(0, rows.n, _CHUNK)]
        sums = [(function(rows.X(p.start, p.stop)) * weight[p]).sum(0) for p in parts]
        return torch.stack(sums).sum(0)

    centre = mean(lambda X: X)
    return mean(lambda X: (X - centre).square()).sqrt()
