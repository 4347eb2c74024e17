"""What a run tells whoever watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Progress:
    """What a run tells whoever watches it; the base class watches nothing.

    Attributes
    ----------
    waiting : callable ``()``
        Called once if another run holds the lock.
    started : callable ``(n_cells, n_stored)``
    advanced : callable ``(n_new)``
    """

    waiting: Callable[[], None] = field(default=lambda: None)
    started: Callable[[int, int], None] = field(default=lambda n_cells, n_stored: None)
    advanced: Callable[[int], None] = field(default=lambda n_new: None)
