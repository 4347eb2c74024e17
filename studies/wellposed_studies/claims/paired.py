"""Paired comparisons: entry r of every sample comes from repetition r."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .estimates import Estimate, exact, jackknife

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np


def share(part: float, whole: float) -> float:
    """A quotient that is NaN where there is no whole.

    Examples
    --------
    >>> share(1.0, 4.0), share(0.0, 0.0)
    (0.25, nan)
    """
    return float(part) / float(whole) if whole else float("nan")


def share_saved(off: np.ndarray, chosen: np.ndarray) -> Estimate:
    """The share of the mean error `off` that a setting saves, from paired errors (n,) each.

    A setting saves nothing over itself, and that is certain.

    Examples
    --------
    >>> import numpy as np
    >>> share_saved(np.array([2.0, 4.0, 3.0]), np.array([1.0, 2.0, 1.5])).value
    0.5
    """
    import numpy as np

    off, chosen = _paired(off, chosen)
    if np.array_equal(off, chosen):
        return exact(0.0)
    saved = off - chosen
    return jackknife(lambda i: share(saved[i].mean(), off[i].mean()), len(off))


def relative_change(after: np.ndarray, before: np.ndarray) -> Estimate:
    """The mean of `after` over that of `before`, less one, from paired samples (n,) each.

    With a minus it is the share by which `after` is smaller.

    Examples
    --------
    >>> import numpy as np
    >>> relative_change(np.array([3.0, 3.0, 6.0]), np.array([2.0, 2.0, 4.0])).value
    0.5
    """
    after, before = _paired(after, before)
    return jackknife(lambda i: share(after[i].mean(), before[i].mean()) - 1, len(before))


def least_mean(samples: np.ndarray, names: Sequence[str] = ()) -> Estimate:
    """The least of the means of several paired samples (m, n), for a claim on all of them.

    Parameters
    ----------
    samples : array of shape (m, n)
        One row a quantity, one column a repetition.
    names : sequence of str, optional
        What the rows are called; the estimate's note is that of the least.

    Examples
    --------
    >>> import numpy as np
    >>> estimate = least_mean(np.array([[3.0, 4.0, 5.0], [1.0, 2.0, 3.0]]), ["a", "b"])
    >>> estimate.value, estimate.note, estimate.of
    (2.0, 'b', 2)
    """
    import numpy as np

    samples = np.asarray(samples, dtype=float)
    estimate = jackknife(
        lambda i: float(samples[:, i].mean(axis=1).min()), samples.shape[1], of=len(samples)
    )
    return _noted(estimate, samples.mean(axis=1), names)


def least_share(parts: np.ndarray, wholes: np.ndarray, names: Sequence[str] = ()) -> Estimate:
    """The least of the mean `parts` as shares of the mean `wholes`, paired, (m, n) each.

    Parameters
    ----------
    parts : array of shape (m, n)
    wholes : array of shape (m, n)
        Whose mean is not zero.
    names : sequence of str, optional
        What the rows are called; the estimate's note is that of the least.

    Examples
    --------
    >>> import numpy as np
    >>> parts, wholes = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 5.0]]), np.full((2, 3), 4.0)
    >>> estimate = least_share(parts, wholes, ["a", "b"])
    >>> estimate.value, estimate.note
    (0.5, 'a')
    """
    import numpy as np

    parts, wholes = np.asarray(parts, dtype=float), np.asarray(wholes, dtype=float)
    estimate = jackknife(
        lambda i: float((parts[:, i].mean(axis=1) / wholes[:, i].mean(axis=1)).min()),
        parts.shape[1],
        of=len(parts),
    )
    shares = [part.mean() / whole.mean() for part, whole in zip(parts, wholes)]
    return _noted(estimate, np.array(shares), names)


def spread(samples: np.ndarray) -> float:
    """Root mean square over points of the standard deviation over repetitions.

    Parameters
    ----------
    samples : array of shape (n_repetitions, n_points)

    Examples
    --------
    >>> import numpy as np
    >>> round(spread(np.array([[0.0, 1.0], [2.0, 1.0]])), 3)
    1.0
    """
    import numpy as np

    return float(np.sqrt(samples.var(axis=0, ddof=1).mean()))


def largest_spread_left(pairs: Mapping[Any, tuple[np.ndarray, np.ndarray]]) -> Estimate:
    """The largest, over several pairs of samples, of the `spread` of one as a share of the other's.

    Parameters
    ----------
    pairs : mapping of name to (with, without)
        Arrays of shape (n_repetitions, n_points), paired by repetition. A spread below 1e-12
        counts as this much. The estimate's note is the name of the largest.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(9, 5))
    >>> estimate = largest_spread_left({"a": (0.2 * x, x), "b": (0.5 * x, x)})
    >>> round(estimate.value, 3), estimate.note, estimate.of
    (0.5, 'b', 2)
    """

    def left(name: Any, i: np.ndarray | slice) -> float:
        on, off = pairs[name]
        return spread(on[i]) / max(spread(off[i]), 1e-12)

    n = min(len(on) for on, _ in pairs.values())
    estimate = jackknife(lambda i: max(left(name, i) for name in pairs), n, of=len(pairs))
    return replace(estimate, note=str(max(pairs, key=lambda name: left(name, slice(None)))))


def _paired(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        raise ValueError(
            f"paired samples have one entry a repetition each, got shapes {a.shape} and {b.shape}."
        )
    return a, b


def _noted(estimate: Estimate, values: np.ndarray, names: Sequence[str]) -> Estimate:
    """The estimate with the name of the least value as its note, where there are names."""
    return replace(estimate, note=names[int(values.argmin())]) if len(names) else estimate
