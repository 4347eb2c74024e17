"""An experiment of a study: a function of one cell, with the cells that it is run on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .cells import Cell
from .factors import Grid
from .profiles import ByProfile

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Experiment:
    """What `Study.experiment` declares.

    Attributes
    ----------
    name : str
    function : callable ``(cell, **factors) -> mapping or DataFrame``
    grids : tuple of Grid
        Its settings.
    data : tuple of str or None
        Names of the data sets that it is run on; None for all of the study's.
    repetitions : int or ByProfile
    seeded_by : tuple of str
    """

    name: str
    function: Callable[..., Mapping[str, Any] | pd.DataFrame]
    grids: tuple[Grid, ...]
    data: tuple[str, ...] | None
    repetitions: int | ByProfile
    seeded_by: tuple[str, ...]

    def __post_init__(self) -> None:
        for grid in self.grids:
            try:
                inspect.signature(self.function).bind(None, **dict.fromkeys(grid.factors))
            except TypeError as error:
                raise TypeError(
                    f"experiment {self.name!r} is called with the cell and its factors "
                    f"({', '.join(grid.factors) or 'none'}): {error}. Give the function one "
                    "argument a factor."
                ) from None

    @property
    def factors(self) -> list[str]:
        """Names of all factors, in the order of their first appearance."""
        return list(dict.fromkeys(name for grid in self.grids for name in grid.factors))

    def grids_on(self, answers_to: Sequence[str]) -> list[Grid]:
        """The grids that are run on a data set which is used for these declared ones."""
        if self.data is not None and not set(self.data).intersection(answers_to):
            return []
        return [
            grid
            for grid in self.grids
            if grid.data is None or set(grid.data).intersection(answers_to)
        ]

    def measure(self, cell: Cell) -> Mapping[str, Any] | pd.DataFrame:
        """Compute one cell."""
        return self.function(cell, **cell.params)
