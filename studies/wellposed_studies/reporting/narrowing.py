"""Figures for narrow screens: panels one below the other, at a width that needs no shrinking."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

#: Inches; on a telephone's 350 points text is then as large as on the page.
WIDTH = 3.7


def narrow(figure: Figure) -> Figure | None:
    """Rearrange a figure's panels in one column; the figure is changed.

    Returns
    -------
    Figure or None
        None for a figure whose panels are not laid out on one grid.
    """
    from matplotlib.gridspec import GridSpec

    panels = figure.axes
    specs = [ax.get_subplotspec() for ax in panels]
    if not panels or any(spec is None for spec in specs):
        return None
    if len({id(spec.get_gridspec()) for spec in specs if spec is not None}) != 1:
        return None
    height = figure.get_figheight()
    rows = max(spec.rowspan.stop for spec in specs if spec is not None)
    columns = max(spec.colspan.stop for spec in specs if spec is not None)
    if columns == 1 and rows == 1:
        each = min(height, 2.9)
    else:
        each = max(2.1, min(2.7, height / rows))
    grid = GridSpec(len(panels), 1, figure=figure)
    shared = panels[0].get_ylabel()
    for i, ax in enumerate(panels):
        ax.set_subplotspec(grid[i])
        ax.tick_params(labelleft=True, labelbottom=True)
        ax.yaxis.get_label().set_visible(True)
        ax.xaxis.get_label().set_visible(True)
        if not ax.get_ylabel() and _shares_y(ax, panels):
            ax.set_ylabel(shared)
    extra = sum(_stack_legend(figure, legend) for legend in list(figure.legends))
    for ax in panels:
        legend = ax.get_legend()
        if legend is not None:
            texts = [text.get_text() for text in legend.get_texts()]
            ax.legend(_handles(legend), texts, title=legend.get_title().get_text() or None)
    figure.set_size_inches(WIDTH, each * len(panels) + extra)
    return figure


def _stack_legend(figure: Figure, legend: Legend) -> float:
    """Lay out a figure's legend in few columns; returns the inches that it needs."""
    texts = [text.get_text() for text in legend.get_texts()]
    handles = _handles(legend)
    columns = max(1, min(len(texts), 44 // (max(map(len, texts), default=1) + 6)))
    legend.remove()
    figure.legend(handles, texts, loc="outside upper center", ncols=columns, columnspacing=1.2)
    return 0.18 * -(-len(texts) // columns)


def _handles(legend: Legend) -> list[Artist]:
    return [handle for handle in legend.legend_handles if handle is not None]


def _shares_y(ax: Axes, panels: list[Axes]) -> bool:
    return any(ax.get_shared_y_axes().joined(ax, other) for other in panels if other is not ax)
