"""What the built-in studies' figures share: blank axes, and those of data not run."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from ..reporting.plotting import WIDTH

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..storing.results import Results


def new(rows: int = 1, columns: int = 1, height: float = 3.0, **options: Any) -> Any:
    """A figure of the reports' width, outside pyplot's list, and its axes.

    Parameters
    ----------
    rows, columns : int
        Number of panels.
    height : float
        In inches.
    **options
        Passed to ``Figure.subplots``.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(wspace=0.06))
    return figure, figure.subplots(rows, columns, **options)


def absent(results: Results, data: str) -> Figure:
    """A figure that says that the run had no data of this kind, so that a report is complete."""
    figure, ax = new(height=0.9)
    ax.set_axis_off()
    task = results.source.study.data[data].task
    text = (
        "Not part of this run: a table of the user's own took the place of the real data, and it "
        f"is no {task} table."
    )
    ax.text(0.5, 0.5, textwrap.fill(text, 70), ha="center", va="center", transform=ax.transAxes)
    return figure
