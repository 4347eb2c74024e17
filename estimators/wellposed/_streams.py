"""One random stream per purpose, named after what it is for.

Every random number a network uses comes from a stream whose seed is derived from the network's own
seed and the purpose's name ("init", "batches", "dropout.0", ...). Switching a regularizer on
therefore leaves every other draw bit-identical (common random numbers), and a network draws the
same numbers alone and in a stack.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

# Draws are made for several steps at once: for one, then two, four ... as long as those of all
# networks fit into this many numbers. Blocks do not change the numbers: every step draws a multiple
# of 16 of them.
_BLOCK = 1 << 18


#: What training itself draws numbers for.
PURPOSES = ("init", "batches", "unlabeled batches", "module", "validation split")


def generator(seed: int, name: str, generation: int = 0) -> torch.Generator:
    """Return the generator of the purpose `name` for a network's `seed`.

    Parameters
    ----------
    seed : int
        The network's seed, in [0, 2**32).
    name : str
        What the numbers are for.
    generation : int, default=0
        Number of updates made before this fit (warm starts go on with fresh numbers).
    """
    entropy = np.random.SeedSequence([seed, zlib.crc32(name.encode()), generation])
    return torch.Generator().manual_seed(int(entropy.generate_state(1, np.uint64)[0] >> 1))


class Stream:
    """The random numbers of one purpose for a stack of K networks.

    Networks with equal seeds share their draws: numbers are drawn once for each distinct seed.

    Parameters
    ----------
    name : str
    seeds : sequence of (seed, generation), length K
    shape : tuple of int
        Shape of one network's draw at one step; its size is a multiple of 16.
    dtype : torch.dtype
        ``torch.int16`` draws uniform 16-bit integers, a floating type standard normals.
    device : torch.device
        Where the numbers go. They are always drawn on the CPU.
    """

    def __init__(
        self,
        name: str,
        seeds: Sequence[tuple[int, int]],
        shape: tuple[int, ...],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.shape, self.dtype, self.device = shape, dtype, device
        self._names = list(dict.fromkeys(seeds))
        self._n_steps = 1  # of the next block
        self._most_steps = max(1, _BLOCK // (len(self._names) * int(np.prod(shape))))
        self._generators = [generator(seed, name, gen) for seed, gen in self._names]
        self._block: Tensor | None = None
        self._next = 0
        self._again: list[Tensor] = []  # steps drawn ahead, to be drawn once more
        self._drawn: list[Tensor] | None = None  # those of a block that draws ahead
        self._assign(seeds)

    def _assign(self, seeds: Sequence[tuple[int, int]]) -> None:
        self._seeds = list(seeds)
        index = [self._names.index(seed) for seed in seeds]
        shared = len(self._names) == 1
        identity = index == list(range(len(self._names)))
        self._index = None if shared or identity else torch.tensor(index, device=self.device)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these networks of the stack."""
        seeds = [self._seeds[k] for k in rows]
        kept = [i for i, name in enumerate(self._names) if name in set(seeds)]
        self._names = [self._names[i] for i in kept]
        self._generators = [self._generators[i] for i in kept]
        if self._block is not None:
            self._block = self._block[:, kept]
        self._again = [step[kept] for step in self._again]
        self._assign(seeds)

    def draw(self) -> Tensor:
        """Return the next step's numbers, [K, *shape], or [1, *shape] if all share them."""
        step = self._again.pop(0) if self._again else self._draw_step()
        if self._drawn is not None:
            self._drawn.append(step)
        return step if self._index is None else step.index_select(0, self._index)

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Draw numbers that the next draws outside of the block will be once more."""
        self._drawn = []
        try:
            yield
        finally:
            self._again, self._drawn = self._drawn + self._again, None

    def _draw_step(self) -> Tensor:
        if self._block is None or self._next == len(self._block):
            self._block, self._next = self._draw_block(), 0
        self._next += 1
        return self._block[self._next - 1]

    def _draw_block(self) -> Tensor:
        size = self._n_steps * int(np.prod(self.shape))
        block = torch.empty(len(self._names), size, dtype=self.dtype)
        for row, rng in zip(block, self._generators):
            if self.dtype == torch.int16:
                row.view(torch.int64).random_(-(2**63), None, generator=rng)
            else:
                row.normal_(generator=rng)
        block = block.view(len(self._names), self._n_steps, *self.shape)
        self._n_steps = min(2 * self._n_steps, self._most_steps)
        return block.transpose(0, 1).to(self.device)
