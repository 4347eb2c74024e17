"""What a regularizer is told of the stack it works in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from .._streams import Stream
from ..networks import Network

if TYPE_CHECKING:
    from .request import Rows


@dataclass
class Setting:
    """The stack that one regularizer works in.

    Attributes
    ----------
    name : str
        The regularizer's; its random streams are named after it.
    network : Network
    width : int
        Padded rows of a batch.
    strengths : list, length K
        As they were given, not rounded to `dtype`: numbers, or a tuple of them each.
    n_updates : list of int, length K
        Updates that each network makes unless something stops it.
    has_prox : bool
        Whether a regularizer of the stack makes proximal steps.
    seeds : sequence of (seed, generation), length K
    rows : list of Rows, length K
        What each network is trained on.
    epoch_lengths : list of int, length K
        Updates of an epoch.
    cycle_ends : list of list of int or None, length K
        After how many updates whole cycles of the learning rate end; None if it has none.
    origin : callable
        Returns the parameters [K, P] that the networks start from.
    unlabeled_width : int
        Padded rows of a batch without labels; `width` where there are none.
    """

    name: str
    network: Network
    width: int
    strengths: list[Any]
    n_updates: list[int]
    has_prox: bool
    seeds: Sequence[tuple[int, int]]
    dtype: torch.dtype
    device: torch.device
    rows: list[Rows] = field(default_factory=list)
    epoch_lengths: list[int] = field(default_factory=list)
    cycle_ends: list[list[int] | None] = field(default_factory=list)
    origin: Callable[[], torch.Tensor] = torch.Tensor
    unlabeled_width: int = 0
    _streams: list[Stream] = field(default_factory=list)

    @cached_property
    def padding(self) -> torch.Tensor:
        """Which parameters are padding, [P]: they are zero and must stay so."""
        return ~self.network.real.to(self.device)

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Draw numbers that the next draws outside will be once more."""
        with ExitStack() as stack:
            for stream in self._streams:
                stack.enter_context(stream.ahead())
            yield

    def stream(self, *shape: int, part: str = "", dtype: torch.dtype | None = None) -> Stream:
        """Open a random stream; the product of `shape` is a multiple of 16."""
        name = f"{self.name}.{part}" if part else self.name
        stream = Stream(name, self.seeds, shape, dtype or self.dtype, self.device)
        self._streams.append(stream)
        return stream

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these networks of the stack."""
        self.rows = [self.rows[k] for k in rows] if self.rows else []
        for stream in self._streams:
            stream.keep(rows)
