"""Choosing a setting by some repetitions and judging it by others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .paired import least_mean

if TYPE_CHECKING:
    import numpy as np

    from .estimates import Estimate


def halves(n: int) -> tuple[slice, slice]:
    """The repetitions, of `n`, to choose by and those to test on.

    Examples
    --------
    >>> halves(5)
    (slice(None, 2, None), slice(2, None, None))
    """
    return slice(None, n // 2), slice(n // 2, None)


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
    first, second = halves(losses.shape[1])
    return int(losses[:, first].mean(axis=1).argmin()), losses[:, second]


def peak_inside(first: np.ndarray, second: np.ndarray) -> Estimate:
    """By how much the mean is higher at a setting between the ends than at the higher end.

    The setting is the one where the first half of the repetitions has its highest mean; what is
    measured is the second half.

    Parameters
    ----------
    first, second : array of shape (n_settings, n_repetitions)
        Of `halves`; at least three settings.

    Examples
    --------
    >>> import numpy as np
    >>> first = np.array([[1.0, 2.0], [4.0, 5.0], [2.0, 3.0]])
    >>> peak_inside(first, first[:, ::-1] + 1).value
    2.0
    """
    import numpy as np

    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if len(first) < 3:
        raise ValueError(f"{len(first)} settings have none between the ends; expected at least 3.")
    peak = 1 + int(first.mean(axis=1)[1:-1].argmax())
    return least_mean(second[peak] - second[[0, -1]])
