"""What the figures of studies share: axes of strength, bands over repetitions, intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..claims import Axis, Ranks, mean
from .strength_axis import place_ticks, positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..storing.results import ExperimentResults

#: Okabe and Ito (2008), told apart with every common colour vision; the yellow is left out
#: because lines in it are hard to see on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
GREY = "#7b8794"


def legend(figure: Figure, ax: Axes, columns: int) -> None:
    """One legend for all panels, above them, with what one panel shows."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns)


def one_large(figure: Figure) -> list[Axes]:
    """Six panels that share their height: a large one, and five around it."""
    grid = figure.add_gridspec(3, 3)
    first = figure.add_subplot(grid[:2, :2])
    others = [grid[0, 2], grid[1, 2], *(grid[2, column] for column in range(3))]
    axes = [first, *(figure.add_subplot(cell, sharey=first) for cell in others)]
    for ax in axes[4:]:
        ax.tick_params(labelleft=False)
    return axes


def rows_of_panels(figure: Figure, counts: Sequence[int]) -> list[Axes]:
    """Rows of so many panels each: a row shares its horizontal axis, all share the vertical one."""
    grid = figure.add_gridspec(len(counts), max(counts))
    axes: list[Axes] = []
    for i, n in enumerate(counts):
        first = None
        for j in range(n):
            ax = figure.add_subplot(grid[i, j], sharex=first, sharey=axes[0] if axes else None)
            ax.tick_params(labelleft=j == 0)
            first = first or ax
            axes.append(ax)
    return axes


def label_ends(ax: Axes, x: float, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write the names of lines beside their right ends, moved apart where they would overlap.

    Call it when the limits of the axes are set.

    Parameters
    ----------
    x : float
        Where the lines end.
    ends : sequence of (y, text, colour)
        Their heights there; one outside of the axes is written at the border.
    """
    low, high = ax.get_ylim()
    gap = (high - low) * 0.17 / (ax.bbox.height / ax.figure.dpi)  # inches from text to text
    ordered = sorted(ends)
    places = np.array([y for y, *_ in ordered], dtype=float)
    places = np.minimum(places, high - gap / 2 - gap * np.arange(len(places))[::-1])
    for i in range(len(places)):
        places[i] = max(places[i], places[i - 1] + gap if i else low + gap / 2)
    for y, (_, text, color) in zip(places, ordered):
        ax.annotate(
            text, (x, y), (7, 0), textcoords="offset points", color=color, va="center", fontsize=8.5
        )


def mark_best(ax: Axes, x: float, text: str = "") -> None:
    """A vertical line at the strength with the smallest error, and what it says."""
    ax.axvline(x, color="#5a6570", lw=1.2, zorder=1.2)  # above the grid
    if text:
        ax.annotate(
            text,
            (x, 1),
            (4, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            color="#52606d",
            va="top",
            fontsize=8,
        )


def letters(axes: Iterable[Axes]) -> None:
    """Put a, b, ... before the titles of panels, so that a text may refer to one."""
    for letter, ax in zip("abcdefghijklmnopqrstuvwxyz", axes):
        ax.set_title(f"{letter}  {ax.get_title('left')}", loc="left")


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


def ranges(ax: Axes, x: Any, runs: np.ndarray, **options: Any) -> None:
    """As `band`, where `x` are no points of a line: medians with bars for the ranges."""
    low, middle, high = np.quantile(runs, [0.1, 0.5, 0.9], axis=1)
    ax.errorbar(x, middle, [middle - low, high - middle], capsize=3, **options)


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
    x = positions(axis)
    means(ax, x, runs, color, bounds, marker="o", label=label or axis.word)
    mark_best(ax, x[int(runs.mean(axis=1).argmin())])
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
    return sorted(cells.data_names, key=lambda name: not cells.results.is_synthetic(name))
