"""Quantities of a table: the worst cell of what was run, and slopes along a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .estimates import Estimate, extreme

if TYPE_CHECKING:
    import numpy as np

    from ..storing.results import ExperimentResults


def worst(cells: ExperimentResults, column: str, **where: Any) -> Estimate:
    """The largest value of a column over all cells of an experiment, which is the worst violation.

    Cells of one repetition share what was drawn, and count as one.

    Parameters
    ----------
    cells : ExperimentResults
        ``results["name"]``.
    column : str
        A number that the experiment returns.
    **where : Any
        Keep the cells that have these values, or one of those in a list.
    """
    return extreme(cells.table(**where).groupby("repetition")[column].max().to_numpy())


def least(cells: ExperimentResults, column: str, **where: Any) -> Estimate:
    """The smallest value of a column over all cells of an experiment; as `worst` otherwise."""
    values = cells.table(**where).groupby("repetition")[column].min()
    return extreme(values.to_numpy(), least=True)


def slope(values: np.ndarray, at: np.ndarray | None = None) -> np.ndarray:
    """Least-squares slope of `values` (n_points,) or (n_points, n), one a column.

    Parameters
    ----------
    values : array of shape (n_points,) or (n_points, n)
    at : array of shape (n_points,), optional
        Where the values were taken; at 0, 1, 2, ... by default, the steps of a strength.

    Examples
    --------
    >>> import numpy as np
    >>> slope(np.array([[0.0, 5.0], [1.0, 4.0], [2.0, 3.0]]))
    array([ 1., -1.])
    """
    import numpy as np

    if at is None:
        at = np.arange(len(values))
    x = at - np.mean(at)
    return x @ values / (x @ x)
