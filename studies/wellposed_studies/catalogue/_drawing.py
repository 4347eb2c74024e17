"""What the built-in studies' figures share: blank axes, and data sets that may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..plotting import WIDTH

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..results import Results


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


def stand_in(results: Results, data: str) -> str | None:
    """The data set of this name, or the user's table in its place; None if neither was run."""
    for name, record in results.manifest["data"].items():
        if data in record["answers_to"]:
            return str(name)
    return None


def absent(data: str) -> Figure:
    """A figure that says that a data set was not run, so that a report is complete without it."""
    figure, ax = new(height=0.9)
    ax.set_axis_off()
    text = f"{data} was not part of this run: a table of the user's own took the real data's place."
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
    return figure
