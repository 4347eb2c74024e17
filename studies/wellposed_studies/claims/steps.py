"""How quantities go on with the steps of a training, by decades of steps.

Each function takes `steps` (n_steps,), in ascending order, and `values` (n_steps, n), one column a
repetition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tables import slope

if TYPE_CHECKING:
    import numpy as np


def change_of_log_slope(steps: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How far the slope against log step in the last decade is from that in the one before.

    Returns
    -------
    array of shape (n,)
        A share of the slope before; infinite where values do not grow in both decades.

    Examples
    --------
    >>> import numpy as np
    >>> steps = np.array([1, 10, 100, 1000])
    >>> change_of_log_slope(steps, np.array([[0.0], [1.0], [2.0], [3.5]])).round(6)
    array([0.5])
    """
    import numpy as np

    steps, values = np.asarray(steps), np.asarray(values, dtype=float)
    last = steps[-1]

    def within(first: float, end: float) -> np.ndarray:
        part = (steps >= 0.999 * first) & (steps <= 1.001 * end)
        return slope(values[part], np.log(steps[part]))

    before, late = within(last / 100, last / 10), within(last / 10, last)
    grows = np.minimum(before, late) > 0
    change = np.full(before.shape, np.inf)
    change[grows] = abs(late[grows] / before[grows] - 1)
    return change


def range_in_last_decade(steps: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The largest of the values in the last decade over the least, less one, (n,).

    Examples
    --------
    >>> import numpy as np
    >>> range_in_last_decade(np.array([1, 10, 100]), np.array([[1.0], [4.0], [5.0]]))
    array([0.25])
    """
    import numpy as np

    late = np.asarray(values, dtype=float)[np.asarray(steps) >= steps[-1] / 10]
    return late.max(axis=0) / late.min(axis=0) - 1


def decade_changes(steps: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Changes from one decade to the next, the first ten steps left out, (n_decades, n).

    Values are taken at the steps that are nearest to 10, 100, ...

    Examples
    --------
    >>> import numpy as np
    >>> steps = np.array([1, 9, 101, 1000])
    >>> decade_changes(steps, np.array([[0.0], [1.0], [3.0], [7.0]])).ravel()
    array([2., 4.])
    """
    import numpy as np

    steps = np.asarray(steps)
    wanted = 10.0 ** np.arange(1, np.log10(steps[-1]) + 1e-9)
    nearest = np.abs(np.log(steps[:, np.newaxis] / wanted)).argmin(axis=0)
    return np.diff(np.asarray(values)[nearest], axis=0)
