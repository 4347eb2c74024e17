"""All data sets and losses side by side: what each trade gains, and which way its parts move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import word
from ...escaping import mathtext
from ...reporting.drawing import legend, reach, rows_of_panels
from .drawing import LOOK, panels_by_regularizer
from .setup import REGULARIZERS, study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...storing.results import Results


@study.figure(
    "What does the trade gain, once the bias is paid?",
    alt="A panel for each data set and loss. In each, for six regularizers, a bar for the variance "
    "saved, a bar for the bias saved, left of zero where it was paid, and a diamond with an "
    "interval for their sum, the error saved.",
    name="trades",
)
def gains(results: Results, figure: Figure) -> None:
    """Variance saved, bias saved and their sum, for every regularizer, set and loss."""
    table = results.table("trades")
    sets = _sets(table)
    axes, y = panels_by_regularizer(figure, sets)
    for ax, (data, loss) in zip(axes, sets):
        rows = _rows(table, data, loss)
        ax.barh(y - 0.2, rows["saved"], 0.36, color=LOOK["variance"][0], alpha=0.55)
        ax.barh(y + 0.2, -rows["paid"], 0.36, color=LOOK["bias"][0], alpha=0.55)
        ends = reach(rows["gain"], rows["low"], rows["high"])
        ax.errorbar(rows["gain"], y, xerr=ends, fmt="D", color=LOOK["error"][0], capsize=3)
    _label(figure, axes, y, "share of the error without regularization")
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(color=LOOK["variance"][0], alpha=0.55, label="variance saved"),
        Patch(color=LOOK["bias"][0], alpha=0.55, label="bias saved"),
        Line2D(
            [],
            [],
            color=LOOK["error"][0],
            marker="D",
            label="error saved, their sum, with its 95 % interval",
        ),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)


@study.figure(
    "Which way do bias and variance move?",
    alt="A panel for each data set and loss. For each of six regularizers a blue square for the "
    "slope of bias and an orange triangle for that of variance, with intervals, around a line at "
    "zero. Panels of squared errors share one scale, those of classes another.",
    height=4.6,
    name="slopes",
)
def directions(results: Results, figure: Figure) -> None:
    """Which way bias and variance move with each regularizer, in every set and loss."""
    table = results.table("slopes")
    sets = _sets(table)
    rows = [[s for s in sets if (s[1] == "squared") is squared] for squared in (True, False)]
    axes = _panels(figure, [row for row in rows if row])
    for ax, (data, loss) in zip(axes, [s for row in rows for s in row]):
        for shift, part in {-0.13: "bias", 0.13: "variance"}.items():
            found = _rows(table[table["component"] == part], data, loss)
            color, _, marker, _ = LOOK[part]
            ends = reach(found["slope"], found["low"], found["high"])
            look: dict[str, Any] = {"fmt": marker, "color": color, "capsize": 2.5, "label": part}
            y = np.arange(len(REGULARIZERS)) + shift
            ax.errorbar(found["slope"], y, xerr=ends, **look)
        ax.set_title(f"{mathtext(data, 24)}, {word(loss)}")
        ax.axvline(0, color="#52606d", lw=0.8)
    figure.supxlabel(
        "change per step of strength, in percent of the error without regularization",
        fontsize=8.5,
    )
    legend(figure, axes[0], 2)


def _panels(figure: Figure, rows: list[list[tuple[str, str]]]) -> list[Axes]:
    """A row of panels for each of several lists of data sets; a row has one scale in percent."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes = rows_of_panels(figure, [len(row) for row in rows])
    for ax in axes:
        ax.xaxis.set_major_locator(MaxNLocator(7))
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        ax.grid(axis="y", visible=False)
    axes[0].set_yticks(range(len(REGULARIZERS)), [word(name) for name in REGULARIZERS])
    axes[0].set_ylim(len(REGULARIZERS) - 0.5, -0.5)
    return axes


def _sets(table: pd.DataFrame) -> list[tuple[str, str]]:
    return list(dict.fromkeys(zip(table["data"], table["loss"])))


def _rows(table: pd.DataFrame, data: str, loss: str) -> pd.DataFrame:
    """The rows of a data set and loss, one a regularizer."""
    rows = table[(table["data"] == data) & (table["loss"] == loss)]
    return rows.set_index("regularizer").loc[list(REGULARIZERS)]


def _label(figure: Figure, axes: Any, y: Any, text: str) -> None:
    axes[0].set_yticks(y, [word(name) for name in REGULARIZERS])
    axes[0].invert_yaxis()
    for ax in axes:
        ax.axvline(0, color="#52606d", lw=0.8)
    figure.supxlabel(text, fontsize=8.5)
