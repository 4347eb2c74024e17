"""The quasi-Newton matrix of each problem of a stack, from the last differences of its iterates.

Products are row by row: a problem's directions do not depend, to the last bit, on its neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SMALL = 256  # columns up to which all rows are multiplied at once instead of one by one


class Pairs:
    """The last differences s of iterates and y of gradients of each problem, and their products.

    Each problem fills its slots in turn; an empty slot is zero and has no curvature, like a pair
    that is not to be used.

    Parameters
    ----------
    theta : Tensor of shape (K, P)
        Tells shape, dtype and device.
    memory : int
        Number m of slots.

    Attributes
    ----------
    pairs : Tensor of shape (K, 2, m, P)
        Every s, then every y.
    products : Tensor of shape (K, 2, m, m)
        ``s_i . y_j`` and ``y_i . y_j``, over the free coordinates. Of the first only those with s_i
        not younger than y_j are kept up to date.
    """

    def __init__(self, theta: Tensor, memory: int) -> None:
        K, P = theta.shape
        self.memory = memory
        self.pairs = theta.new_zeros(K, 2, memory, P)
        self.products = theta.new_zeros(K, 2, memory, memory)
        self.ss = theta.new_zeros(K, memory)  # |s_i|^2 over all coordinates
        self.free = torch.ones_like(theta)
        self.count = torch.zeros(K, dtype=torch.int64, device=theta.device)
        self._ramp = torch.arange(memory, device=theta.device)
        self._one = torch.eye(memory, dtype=theta.dtype, device=theta.device)
        self._upper = torch.ones_like(self._one, dtype=torch.bool).triu()

    def keep(self, rows: Tensor) -> None:
        """Go on with these problems only."""
        for name in ("pairs", "products", "ss", "free", "count"):
            setattr(self, name, getattr(self, name)[rows])

    def _usable(self) -> Tensor:
        """Mask [K, m] of the pairs with curvature that is positive beyond round-off."""
        sy, yy = self.products.diagonal(dim1=2, dim2=3).unbind(1)
        return sy > torch.finfo(sy.dtype).eps ** 0.5 * (self.ss * yy).sqrt()

    def any(self) -> Tensor:
        """Which problems have a pair in use, [K]."""
        return self._usable().any(1)

    def forget(self, rows: Tensor) -> None:
        """Empty these problems' slots."""
        for part in (self.pairs, self.products, self.ss):
            part[rows] = 0.0

    def append(self, rows: Tensor, s: Tensor, y: Tensor, free: Tensor | None) -> None:
        """Store a new pair for these problems and bring the products up to date.

        Parameters
        ----------
        rows : Tensor of shape (K,), bool
        s, y : Tensor of shape (K, P)
        free : Tensor of shape (K, P) or None
            1 at the coordinates that inner products are over, 0 at the others; None: all.
        """
        k = rows.nonzero().squeeze(1)
        slot = self.count[k] % self.memory
        self.pairs[k, :, slot] = torch.stack([s, y], 1)[k]
        self.ss[k, slot] = (s * s).sum(1)[k]
        self.count = self.count + rows
        column = self._dot(y if free is None else y * free)[k]
        self.products[k, :, :, slot] = column
        self.products[k, 1, slot] = column[:, 1]
        if free is not None:
            for i in ((free != self.free).any(1) & rows).nonzero().flatten().tolist():
                y_i = self.pairs[i, 1] * free[i]
                torch.mm(self.pairs[i, 0], y_i.T, out=self.products[i, 0])
                torch.mm(y_i, y_i.T, out=self.products[i, 1])
            self.free = torch.where(rows.unsqueeze(1), free, self.free)

    def _dot(self, v: Tensor) -> Tensor:
        """Inner products [K, 2, m] of each problem's s and y with its v [K, P]."""
        pairs = self.pairs.flatten(1, 2)
        if v.shape[1] <= _SMALL:
            dots = (pairs * v.unsqueeze(1)).sum(2)
        else:
            dots = torch.stack([torch.mv(a, b) for a, b in zip(pairs.unbind(), v.unbind())])
        return dots.unflatten(1, (2, self.memory))

    def _combine(self, weights: Tensor) -> Tensor:
        """Sum [K, P] of each problem's s and y with weights [K, 2, m]."""
        pairs, weights = self.pairs.flatten(1, 2), weights.flatten(1)
        if pairs.shape[2] <= _SMALL:
            return (pairs * weights.unsqueeze(2)).sum(1)
        return torch.stack([torch.mv(a.T, b) for a, b in zip(pairs.unbind(), weights.unbind())])

    def newton(self, gradient: Tensor, free: Tensor | None, scale: Tensor) -> Tensor:
        """Return -H g over the free coordinates, [K, P].

        Byrd, Nocedal and Schnabel (1994), eq. 3.1, with ``H_0 = gamma I``, gamma from the newest
        usable pair. A pair that is not usable is taken out by giving R the row and column of the
        identity there.

        Parameters
        ----------
        gradient : Tensor of shape (K, P)
            Zero on coordinates that are not free.
        free : Tensor of shape (K, P) or None
            As last appended.
        scale : Tensor of shape (K, 1)
            gamma where no pair is usable.
        """
        m = self.memory
        by_age = (self.count.unsqueeze(1) + self._ramp) % m
        usable = self._usable().gather(1, by_age)
        square = (by_age.unsqueeze(2) * m + by_age.unsqueeze(1)).flatten(1)
        pick = square.unsqueeze(1).expand(-1, 2, -1)
        sy, yy = self.products.flatten(2).gather(2, pick).unflatten(2, (m, m)).unbind(1)
        R = torch.where(usable.unsqueeze(2) & usable.unsqueeze(1) & self._upper, sy, self._one)
        d, dyy = sy.diagonal(dim1=1, dim2=2), yy.diagonal(dim1=1, dim2=2)
        newest = (usable * (self._ramp + 1)).argmax(1, keepdim=True)
        gamma = d.gather(1, newest) / dyy.gather(1, newest)
        gamma = torch.where(usable.any(1, keepdim=True), gamma, scale)

        both = by_age.unsqueeze(1).expand(-1, 2, -1)
        Sg, Yg = self._dot(gradient).gather(2, both).unbind(1)
        Sg = torch.where(usable, Sg, 0.0).unsqueeze(2)
        u = torch.linalg.solve_triangular(R, Sg, upper=True).squeeze(2)
        v = d * u + gamma * ((yy * u.unsqueeze(1)).sum(2) - Yg)
        v = torch.where(usable, v, 0.0).unsqueeze(2)
        v = torch.linalg.solve_triangular(R.mT, v, upper=False).squeeze(2)
        weights = torch.stack([v, -gamma * u], 1)
        weights = torch.empty_like(weights).scatter_(2, both, weights)
        direction = -gamma * gradient - self._combine(weights)
        return direction if free is None else direction * free
