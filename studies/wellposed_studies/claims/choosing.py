"""Choosing a setting by some repetitions and judging it by others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def choose_then_test(losses: np.ndarray) -> tuple[int, np.ndarray]:
    """Choose the row of lowest mean loss on the first half of the columns; return the second.

    A strength that is chosen and judged by the same repetitions looks better than it is.

    Parameters
    ----------
    losses : array of shape (n_settings, n_repetitions)
        Loss of every setting in every repetition, at least 2 repetitions.

    Returns
    -------
    chosen : int
        Row with the lowest mean over the first half; the first one on ties.
    tested : array of shape (n_settings, n_repetitions - n_repetitions // 2)
        The other half of the columns.

    Examples
    --------
    >>> import numpy as np
    >>> chosen, tested = choose_then_test(np.array([[3.0, 3, 1, 1], [2.0, 2, 5, 5]]))
    >>> chosen, tested[chosen].mean()
    (1, np.float64(5.0))
    """
    import numpy as np

    losses = np.asarray(losses, dtype=float)
    if losses.ndim != 2 or losses.shape[1] < 2:
        raise ValueError(
            f"losses has shape {losses.shape}; expected (n_settings, n_repetitions) with at least "
            "2 repetitions, one half to choose by and one to test on."
        )
    half = losses.shape[1] // 2
    return int(losses[:, :half].mean(axis=1).argmin()), losses[:, half:]
