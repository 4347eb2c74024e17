"""What the figures of studies share: axes of strength, bands over repetitions, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..claims import Axis, Ranks, mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..storing.results import ExperimentResults

#: Okabe and Ito (2008), told apart with every common colour vision; the yellow is left out
#: because lines in it are hard to see on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
GREY = "#7b8794"


def positions(axis: Axis) -> np.ndarray:
    """Places 0, 1, ... of an axis's strengths, from off (or weak) to strong."""
    return np.arange(len(axis.strengths), dtype=float)


def strength_labels(axis: Axis) -> list[str]:
    """How an axis's strengths are written, the plain network's as off.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"regularizer": ["none", "l2", "l2"], "strength": [0, 0.125, 20.0]})
    >>> strength_labels(Axis.of(frame, "l2"))
    ['off', '0.12', '20']
    """
    labels = [f"{s:.0f}" if s >= 10 else f"{s:.2g}" for s in axis.strengths]
    labels[axis.off] = f"off ({labels[axis.off]})" if axis.strengths[axis.off] else "off"
    return labels


def place_ticks(ax: Axes, axis: Axis) -> None:
    """Label an axis's strengths, at most eight of them, that of the plain network among them."""
    x, labels = positions(axis), strength_labels(axis)
    every = -(-len(x) // 8)
    shown = slice(axis.off % every, None, every)
    ax.set_xticks(x[shown], labels[shown], rotation=45, ha="right", rotation_mode="anchor")


def legend(figure: Figure, ax: Axes, columns: int) -> None:
    """One legend for all panels, above them, with what one panel shows."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns)


def reach(values: Any, low: Any, high: Any) -> np.ndarray:
    """How far error bars reach below and above; nothing where there is no interval."""
    ends = np.array([values - low, high - values], dtype=float)
    return np.where(np.isfinite(ends), ends, 0.0)


def band(ax: Axes, x: Any, runs: np.ndarray, color: str, **options: Any) -> None:
    """The median over repetitions and the range from their first to their ninth tenth.

    Parameters
    ----------
    runs : array of shape (n_points, n_repetitions)
    """
    low, middle, high = np.quantile(runs, [0.1, 0.5, 0.9], axis=1)
    ax.plot(x, middle, color=color, **options)
    ax.fill_between(x, low, high, color=color, alpha=0.18, lw=0)


def means(
    ax: Axes,
    x: Any,
    runs: np.ndarray,
    color: str,
    bounds: tuple[float, float] | None = None,
    **options: Any,
) -> None:
    """The mean over repetitions and its 95 % interval, where there is one.

    Parameters
    ----------
    runs : array of shape (n_points, n_repetitions)
    bounds : (low, high), optional
        Between which every number lies; see `wellposed_studies.claims.mean`.
    """
    estimates = [mean(row, bounds) for row in runs]
    low, high = np.array([e.at(0.95) for e in estimates]).T
    low, high = (np.where(np.isfinite(end), end, np.nan) for end in (low, high))
    ax.plot(x, [e.value for e in estimates], color=color, **options)
    ax.fill_between(x, low, high, color=color, alpha=0.18, lw=0)


def along_axis(
    ax: Axes,
    axis: Axis,
    column: str = "error",
    *,
    color: str = PALETTE[6],
    bounds: tuple[float, float] | None = None,
    label: str = "",
) -> None:
    """What was measured from off to strong: means over repetitions with 95 % intervals.

    A vertical line marks the strength with the smallest mean.
    """
    runs = axis.matrix(column)
    means(ax, positions(axis), runs, color, bounds, marker="o", label=label or axis.word)
    ax.axvline(int(runs.mean(axis=1).argmin()), color="#5a6570", lw=1.2, zorder=1.2)
    place_ticks(ax, axis)


def sweeps(
    figure: Figure, axes: Sequence[Axis], column: str = "error", *, unit: str, columns: int = 3
) -> None:
    """A panel for each regularizer: what its strength does to a loss, from off to strong.

    Parameters
    ----------
    axes : sequence of Axis
    column : str
        What is drawn.
    unit : str
        What that is called.
    columns : int
        Panels in a row, at most.
    """
    columns = min(columns, len(axes))
    rows = -(-len(axes) // columns)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for ax, axis in zip(panels.flat, axes):
        along_axis(ax, axis, column)
        ax.set_xlabel(f"{axis.word} →")
    for ax in panels.flat[len(axes) :]:
        ax.set_axis_off()
    for ax in panels[:, 0]:
        ax.set_ylabel(unit)


def critical_differences(ax: Axes, ranks: Ranks, level: float = 0.95) -> None:
    """Mean ranks of methods, best first, and bars over those that are not told apart.

    A bar joins methods whose ranks are nearer to each other than the critical difference.
    """
    places, values = np.arange(len(ranks.mean)), ranks.mean.to_numpy()
    difference = ranks.critical_difference(level)
    ax.plot(values, places, "o", color=PALETTE[0])
    last, shown = -1, 0
    for first, value in enumerate(values):
        end = int(np.flatnonzero(values <= value + difference)[-1])
        if end > max(first, last):
            x = values[-1] + (0.12 + 0.08 * shown) * max(np.ptp(values), difference)
            ax.plot([x, x], [first - 0.2, end + 0.2], color=GREY, lw=3, solid_capstyle="butt")
            last, shown = end, shown + 1
    ax.set_yticks(places, [str(name) for name in ranks.mean.index])
    ax.invert_yaxis()
    ax.set_xlabel(f"mean rank over {ranks.n_data_sets} data sets")
    ax.set_title(f"critical difference {difference:.2g}")


def sets_of(cells: ExperimentResults) -> list[str]:
    """The data sets that an experiment was run on, drawn ones first."""
    record = cells.results.manifest["data"]
    return sorted(cells.data_names, key=lambda name: not record[name]["synthetic"])
