"""What an experiment is given: one cell, with its data and its random streams."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Cell:
    """One cell of an experiment: a data set, a value for every factor, a repetition.

    Attributes
    ----------
    data : Bunch
        What the data set's loader (and the study's `prepare`) returned, as attributes.
    data_name : str
        The name of the data set.
    params : dict
        The value of every factor.
    repetition : int
        0, 1, ... up to the experiment's number of repetitions, excluded.
    entropy : str
        The hexadecimal number that all randomness of the cell comes from. Cells that agree in
        the parts named by ``seeded_by`` share it.
    """

    data: Any
    data_name: str
    params: dict[str, Any]
    repetition: int
    entropy: str

    @property
    def seed(self) -> int:
        """An integer in ``[0, 2**32)`` for a ``random_state=``."""
        return int(self.entropy[:8], 16)

    def rng(self, purpose: str) -> np.random.Generator:
        """A fresh numpy Generator for one purpose, named so that purposes do not disturb
        each other: ``cell.rng("training set")``, ``cell.rng("noise")``.

        The same purpose gives the same stream in every call and in every cell that shares the
        seed, which is how all strengths of a regularizer see the same training sets.
        """
        return stream(self.entropy, purpose)


def stream(entropy: str, purpose: str) -> np.random.Generator:
    """A numpy Generator made of hexadecimal `entropy` and a purpose."""
    import numpy as np

    digest = hashlib.sha256(f"{entropy}/{purpose}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
