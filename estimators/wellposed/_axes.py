"""What the displays share: colours, axes, scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito (2008): told apart under every common colour blindness, and in grey.
PALETTE: Mapping[str, str] = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#999999",
}


def axes_or_new(ax: Axes | None, display: object) -> Axes:
    """Return `ax`, or the axes of a new figure; matplotlib is imported here and not before."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__}.plot needs matplotlib. "
            "Install it with: pip install 'wellposed[studies]'"
        ) from error
    return plt.subplots(layout="constrained")[1]


def is_numeric(values: Sequence[Any]) -> bool:
    """Whether values can stand on a numeric axis: finite numbers, and no booleans."""
    return all(
        isinstance(v, Real) and not isinstance(v, (bool, np.bool_)) and np.isfinite(float(v))
        for v in values
    )


def set_value_axis(ax: Axes, values: Sequence[Any]) -> np.ndarray:
    """Scale and label the x axis for a hyperparameter's values; return their positions.

    Numbers that are spaced more evenly by ratio than by difference, over a wide enough range, are
    shown on a logarithmic axis, with 0 at a linear beginning of it. Values that are not numbers
    are equally spaced categories.
    """
    if not is_numeric(values):
        positions = np.arange(len(values), dtype=np.float64)
        ax.set_xticks(positions, [str(value) for value in values])
        return positions
    positions = np.asarray(values, dtype=np.float64)
    if _is_geometric(positions):
        if positions.min() > 0:
            ax.set_xscale("log")
        else:
            ax.set_xscale("symlog", linthresh=positions[positions > 0].min(), linscale=0.5)
        if len(positions) <= 8 and np.array_equal(positions, positions.round()):
            ax.set_xticks(positions, [f"{position:g}" for position in positions])
            ax.set_xticks([], minor=True)
    return positions


def _is_geometric(positions: np.ndarray) -> bool:
    ordered = np.unique(positions)
    positive = ordered[ordered > 0]
    if ordered[0] < 0 or len(positive) < 3:
        return False
    wide = positive[-1] / positive[0] >= (8 if ordered[0] > 0 else 50)
    return bool(wide and _unevenness(np.log(positive)) < _unevenness(ordered))


def _unevenness(ordered: np.ndarray) -> float:
    gaps = np.diff(ordered)
    return float(gaps.std() / gaps.mean())
