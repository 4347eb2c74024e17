"""The quasi-Newton matrix of each problem of a stack, from the last differences of its iterates.

Products are row by row: a problem's directions do not depend, to the last bit, on its neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SMALL = 256  # columns up to which all rows are multiplied at once instead of one by one


class Pairs:
    """The last differences s of iterates and y of gradients of each problem, and their products.

    ``pairs[k, 0, i]`` is an s, ``pairs[k, 1, i]`` its y. Each problem fills its slots in turn; an
    empty slot is zero and has no curvature, like a pair that is not to be used.
    """

    def __init__(self, theta: Tensor, memory: int) -> None:
        K, P = theta.shape
        self.memory = memory
        self.pairs = theta.new_zeros(K, 2, memory, P)
        self.sy = theta.new_zeros(K, memory, memory)  # s_i . y_j over the free coordinates
        self.yy = theta.new_zeros(K, memory, memory)
        self.ss = theta.new_zeros(K, memory)  # |s_i|^2 over all
        self.free = torch.ones_like(theta)
        self.count = torch.zeros(K, dtype=torch.int64, device=theta.device)

    def keep(self, rows: Tensor) -> None:
        for name in ("pairs", "sy", "yy", "ss", "free", "count"):
            setattr(self, name, getattr(self, name)[rows])

    def _usable(self) -> Tensor:
        """Mask [K, memory] of the pairs with curvature that is positive beyond round-off."""
        sy = self.sy.diagonal(dim1=1, dim2=2)
        size = self.ss * self.yy.diagonal(dim1=1, dim2=2)
        return sy > torch.finfo(sy.dtype).eps ** 0.5 * size.sqrt()

    def any(self) -> Tensor:
        """Which problems have a pair in use, [K]."""
        return self._usable().any(1)

    def forget(self, rows: Tensor) -> None:
        """Empty these problems' slots."""
        if rows.any():
            for part in (self.pairs, self.sy, self.yy, self.ss):
                part[rows] = 0.0

    def append(self, rows: Tensor, s: Tensor, y: Tensor, free: Tensor | None) -> None:
        """Store a new pair for these problems and bring the products up to date."""
        k = rows.nonzero().squeeze(1)
        slot = self.count[k] % self.memory
        self.pairs[k, 0, slot] = s[k]
        self.pairs[k, 1, slot] = y[k]
        self.ss[k, slot] = (s * s).sum(1)[k]
        self.count = self.count + rows
        masked = y if free is None else y * free
        products = self._products(masked)[k]
        self.sy[k, :, slot] = products[:, : self.memory]
        self.yy[k, :, slot] = products[:, self.memory :]
        self.yy[k, slot, :] = products[:, self.memory :]
        if free is not None:
            for i in ((free != self.free).any(1) & rows).nonzero().flatten().tolist():
                s_i, y_i = self.pairs[i]
                y_i = y_i * free[i]
                torch.mm(s_i, y_i.T, out=self.sy[i])
                torch.mm(y_i, y_i.T, out=self.yy[i])
            self.free = torch.where(rows.unsqueeze(1), free, self.free)

    def _products(self, v: Tensor) -> Tensor:
        """Inner products [K, 2 memory] of each problem's s and y with its v [K, P]."""
        pairs = self.pairs.flatten(1, 2)
        if v.shape[1] <= _SMALL:
            return (pairs * v.unsqueeze(1)).sum(2)
        return torch.stack([torch.mv(a, b) for a, b in zip(pairs.unbind(), v.unbind())])

    def _combine(self, weights: Tensor) -> Tensor:
        """Sum [K, P] of each problem's s and y with weights [K, 2 memory]."""
        pairs = self.pairs.flatten(1, 2)
        if pairs.shape[2] <= _SMALL:
            return (pairs * weights.unsqueeze(2)).sum(1)
        return torch.stack([torch.mv(a.T, b) for a, b in zip(pairs.unbind(), weights.unbind())])

    def newton(self, gradient: Tensor, free: Tensor | None, scale: Tensor) -> Tensor:
        """Return -H g [K, P] over the free coordinates; g is zero on the others.

        Byrd, Nocedal and Schnabel (1994), eq. 3.1, with ``H_0 = gamma I``, gamma from the newest
        usable pair, or ``scale`` [K, 1] where there is none. Pairs that are not usable are taken
        out: their rows and columns become those of the identity, their products zero.
        """
        m = self.memory
        by_age = (self.count.unsqueeze(1) + torch.arange(m, device=gradient.device)) % m
        usable = self._usable().gather(1, by_age)
        both = usable.unsqueeze(2) & usable.unsqueeze(1)
        sy, yy = (torch.where(both, _permute(part, by_age), 0.0) for part in (self.sy, self.yy))
        d = sy.diagonal(dim1=1, dim2=2)
        R = sy.triu() + torch.diag_embed((~usable).to(sy))

        newest = (usable * torch.arange(1, m + 1, device=usable.device)).argmax(1, keepdim=True)
        gamma = d.gather(1, newest) / yy.diagonal(dim1=1, dim2=2).gather(1, newest)
        gamma = torch.where(usable.any(1, keepdim=True), gamma, scale)

        Sg, Yg = self._products(gradient).unflatten(1, (2, m)).unbind(1)
        Sg, Yg = (torch.where(usable, part.gather(1, by_age), 0.0) for part in (Sg, Yg))
        u = torch.linalg.solve_triangular(R, Sg.unsqueeze(2), upper=True).squeeze(2)
        v = d * u + gamma * ((yy * u.unsqueeze(1)).sum(2) - Yg)
        v = torch.linalg.solve_triangular(R.mT, v.unsqueeze(2), upper=False).squeeze(2)
        weights = torch.cat([v, -gamma * u], 1)
        order = torch.cat([by_age, by_age + m], 1)
        direction = -gamma * gradient - self._combine(
            torch.zeros_like(weights).scatter(1, order, weights)
        )
        return direction if free is None else direction * free


def _permute(matrix: Tensor, order: Tensor) -> Tensor:
    """Reorder rows and columns of [K, m, m] by ``order`` [K, m]."""
    rows = matrix.gather(1, order.unsqueeze(2).expand_as(matrix))
    return rows.gather(2, order.unsqueeze(1).expand_as(matrix))
