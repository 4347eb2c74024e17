"""A figure of a study: a question, and the function that draws the answer."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..fonts import fallback

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..storing.results import Results

#: Width of a full-width figure in inches; sub-figures side by side are drawn at half of it.
WIDTH = 6.5


@dataclass(frozen=True)
class DeclaredFigure:
    """What `Study.figure` declares.

    Attributes
    ----------
    name : str
    question : str
        That the figure answers.
    alt : str
        What is to be seen, in words.
    function : callable ``(results, ax)`` or ``(results, figure)``
        Draws into the axes, or makes axes of its own in the figure.
    height : float
        In inches.
    data : str or None
        The declared data set that it is about. It is drawn of what stands in for that, and says
        so if neither was run.
    key : bool
        Whether the report opens with it.
    """

    name: str
    question: str
    alt: str
    function: Callable[..., Any]
    height: float
    data: str | None
    key: bool = False

    def __post_init__(self) -> None:
        if self._canvas() not in ("ax", "figure"):
            raise TypeError(
                f"the figure {self.name!r} is drawn by a function of "
                f"({', '.join(inspect.signature(self.function).parameters)}); expected "
                "(results, ax), or (results, figure) for several panels."
            )

    def _canvas(self) -> str:
        names = list(inspect.signature(self.function).parameters)
        return names[1] if len(names) == 2 else ""

    def draw(self, results: Results) -> Figure:
        """Draw it from finished results, with fonts that have the data's names."""
        import matplotlib

        own = fallback("".join(results.data_names)).families
        family = matplotlib.rcParams["font.family"]
        with matplotlib.rc_context({"font.family": [*family, *own]} if own else {}):
            if self.data is not None:
                name = results.stand_in(self.data)
                if name is None:
                    return self._absent(results)
                results = results.restricted_to(name)
            figure = _blank(self.height)
            canvas = figure if self._canvas() == "figure" else figure.subplots()
            self.function(results, canvas)
        return figure

    def _absent(self, results: Results) -> Figure:
        """Says that the run had no data of this kind, so that a report is complete."""
        figure = _blank(0.9)
        ax = figure.subplots()
        ax.set_axis_off()
        task = results.source.study.data_sets[str(self.data)].task
        text = (
            "Not part of this run: a table of the user's own took the place of the real data, and "
            f"it is no {task} table."
        )
        shown = textwrap.fill(text, 70)
        ax.text(0.5, 0.5, shown, ha="center", va="center", transform=ax.transAxes)
        return figure


def _blank(height: float) -> Figure:
    """A figure of the reports' width, outside pyplot's list."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(wspace=0.06))
