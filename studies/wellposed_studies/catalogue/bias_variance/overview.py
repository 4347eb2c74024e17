"""All data sets and losses side by side: what each trade gains, and which way its parts move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...claims import word
from ...reporting.drawing import legend, reach
from .drawing import LOOK, panels_by_regularizer
from .setup import REGULARIZERS, study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ...storing.results import Results


@study.figure(
    "What does the trade gain, once the bias is paid?",
    alt="A panel for each data set and loss. In each, for six regularizers, a bar for the variance "
    "saved, a bar for the bias saved or paid, and a diamond with an interval for the error saved.",
    name="trades",
)
def gains(results: Results, figure: Figure) -> None:
    """Variance saved, bias paid and what is left, for every regularizer, set and loss."""
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
        Patch(color=LOOK["bias"][0], alpha=0.55, label="bias saved (left of 0: paid)"),
        Line2D([], [], color=LOOK["error"][0], marker="D", label="error saved, 95 % interval"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)


@study.figure(
    "Which way do bias and variance move?",
    alt="A panel for each data set and loss. For each of six regularizers a blue square for the "
    "slope of bias and an orange triangle for that of variance, with intervals, around a line at "
    "zero.",
    height=2.9,
    name="slopes",
)
def directions(results: Results, figure: Figure) -> None:
    """Which way bias and variance move with each regularizer, in every set and loss."""
    table = results.table("slopes")
    sets = _sets(table)
    axes, y = panels_by_regularizer(figure, sets)
    for ax, (data, loss) in zip(axes, sets):
        for shift, part in {-0.13: "bias", 0.13: "variance"}.items():
            rows = _rows(table[table["component"] == part], data, loss)
            color, _, marker, _ = LOOK[part]
            ends = reach(rows["slope"], rows["low"], rows["high"])
            look: dict[str, Any] = {"fmt": marker, "color": color, "capsize": 2.5, "label": part}
            ax.errorbar(rows["slope"], y + shift, xerr=ends, **look)
    _label(
        figure, axes, y, "change per step of strength, share of the error without regularization"
    )
    legend(figure, axes[0], 2)


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
