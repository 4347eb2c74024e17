"""A data set that a study names, before it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .profiles import Profile, Task

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Data:
    """A named data set of a study.

    Parameters
    ----------
    load : callable ``(rng, profile) -> mapping``
        Returns the data as a mapping from names to arrays, DataFrames, numbers or strings; cells
        see it as attributes, ``cell.data.X``. `rng` is a numpy Generator that belongs to this
        data set. A real set returns ``X`` and ``y`` and nothing else that experiments depend on,
        so that a user's table can stand in for it.
    task : {"regression", "classification"}
        What kind of target it has. A user's table stands in for the real sets of its kind.
    synthetic : bool
        Whether it is drawn from a known truth, which no user's table can stand in for.
    source : str
        Where the data come from, for the reports.
    """

    load: Callable[[np.random.Generator, Profile], Mapping[str, Any]]
    task: Task
    synthetic: bool = False
    source: str = ""
