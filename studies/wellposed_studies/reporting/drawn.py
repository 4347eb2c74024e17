"""What a figure shows, as a table: read from the drawn lines, points, bars and bands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALWAYS = ("panel", "series", "kind", "x", "y")
COLUMNS = (*ALWAYS, "curve", "x_low", "x_high", "y_low", "y_high", "x_label", "y_label")


def drawn(figure: Figure) -> pd.DataFrame:
    """The data behind a figure, in the units of its axes.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    DataFrame
        One row a point: ``panel`` (number and title of the axes), ``series`` (its name, or that
        of the legend's entry of its colour), ``kind`` (line, points, bars, band), ``x``, ``y``,
        ``curve``, which tells several of one name apart, the ends of intervals, and ``x_label`` and
        ``y_label``, the text of the tick there, or of the category beside it.
        Columns without any value are left out.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> figure = Figure()
    >>> _ = figure.subplots().plot([1, 2], [3.5, 4.5], label="error")
    >>> drawn(figure)[["series", "x", "y"]].values.tolist()
    [['error', 1.0, 3.5], ['error', 2.0, 4.5]]
    """
    import pandas as pd

    legends = [*figure.legends, *filter(None, (ax.get_legend() for ax in figure.axes))]
    found: dict[Any, set[str]] = {}
    for legend in legends:
        for handle, text in zip(legend.legend_handles, legend.get_texts()):
            found.setdefault(_colour(handle), set()).add(text.get_text())
    entries = {colour: text for colour, (text, *more) in found.items() if not more}
    entries.pop(None, None)
    rows = [row for i, ax in enumerate(figure.axes, 1) for row in _panel(ax, i, entries)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    if frame.groupby(list(ALWAYS[:3]))["curve"].nunique().max() == 1:
        frame["curve"] = None
    return frame[[c for c in COLUMNS if c in ALWAYS or frame[c].notna().any()]]


def _panel(ax: Axes, number: int, entries: dict[Any, str]) -> Iterator[dict[str, Any]]:
    title = ax.get_title("left") or ax.get_title() or ax.get_xlabel().removesuffix(" →")
    panel = f"{number}: {' '.join(title.split())}" if title else str(number)
    names = _tick_names(ax.xaxis), _tick_names(ax.yaxis)
    curves: dict[int, int] = {}
    for artist, label, row in _artists(ax):
        series = _name(label) or _name(entries.get(_colour(artist), ""))
        yield {
            "panel": panel,
            "series": series,
            "curve": curves.setdefault(id(artist), len(curves) + 1),
            **{key: value if key == "kind" else float(value) for key, value in row.items()},
            "x_label": _tick_name(names[0], row["x"]),
            "y_label": _tick_name(names[1], row["y"]),
        }


def _artists(ax: Axes) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
    """What is drawn of data: an artist, its label, and a point."""
    containers: list[Any] = list(ax.containers)
    lines: list[Any] = list(ax.lines)
    taken: set[int] = set()
    for container in containers:
        if hasattr(container, "has_yerr"):
            line, caps, bars = container.lines
            taken.update(id(part) for part in (line, *caps, *bars) if part is not None)
            yield from ((line, container.get_label(), row) for row in _errorbar(container))
        else:
            taken.update(map(id, container.patches))
            first = next(iter(container.patches), None)
            yield from ((first, container.get_label(), row) for row in _bars(container))
    for line in lines:
        if id(line) in taken or not line.get_visible():
            continue
        if line.get_transform() != ax.transData:  # a reference line across the panel
            continue
        kind = "points" if line.get_linestyle() in ("None", "", " ") else "line"
        for x, y in zip(line.get_xdata(orig=False), line.get_ydata(orig=False)):
            yield line, line.get_label(), {"kind": kind, "x": x, "y": y}
    for collection in ax.collections:
        if id(collection) not in taken:
            for row in _collection(collection):
                yield collection, collection.get_label(), row


def _colour(artist: Any) -> tuple[float, float, float] | None:
    """An artist's colour, whatever its transparency; None if it has several or none."""
    from matplotlib.colors import to_rgb

    part = next((p for p in ("get_color", "get_facecolor") if hasattr(artist, p)), None)
    if part is None:
        return None
    given = getattr(artist, part)()
    several = np.ndim(given) == 2
    found = {to_rgb(colour) for colour in (given if several else [given])}
    return found.pop() if len(found) == 1 else None


def _tick_names(axis: Any) -> dict[float, str]:
    """Texts of ticks that were set by hand."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter

    formatter = axis.get_major_formatter()
    by_hand = isinstance(axis.get_major_locator(), FixedLocator)
    if not by_hand or not isinstance(formatter, FixedFormatter | FuncFormatter):
        return {}
    places = axis.get_majorticklocs()
    return {float(x): text for x, text in zip(places, formatter.format_ticks(places)) if text}


def _tick_name(names: dict[float, str], value: float) -> str | None:
    """The name at a position, or of the category, at 0, 1, 2 and so on, that it stands beside."""
    nearest = min(names, key=lambda tick: abs(tick - value), default=None)
    if nearest is None:
        return None
    categories = sorted(names) == list(range(len(names)))
    near = abs(nearest - value) < (0.5 if categories else 1e-9 * abs(nearest))
    return " ".join(names[nearest].split()) if near or nearest == value else None


def _name(label: Any) -> str:
    text = str(label)
    return "" if text.startswith("_") else text.replace("\u200b", "").replace(r"\$", "$")


def _errorbar(container: Any) -> Iterator[dict[str, Any]]:
    line, _, bars = container.lines
    if line is None:
        return
    xs, ys = line.get_xdata(orig=False), line.get_ydata(orig=False)
    rows = [{"kind": "points", "x": x, "y": y} for x, y in zip(xs, ys)]
    for bar in bars:
        for row, segment in zip(rows, bar.get_segments()):
            if len(segment) < 2:
                continue
            (x0, y0), (x1, y1) = segment
            row.update({"y_low": y0, "y_high": y1} if x0 == x1 else {"x_low": x0, "x_high": x1})
    yield from rows


def _bars(container: Any) -> Iterator[dict[str, Any]]:
    for bar in container.patches:
        x, y, width, height = bar.get_x(), bar.get_y(), bar.get_width(), bar.get_height()
        if container.orientation == "horizontal":
            yield {"kind": "bars", "x": x + width, "y": y + height / 2}
        else:
            yield {"kind": "bars", "x": x + width / 2, "y": y + height}


def _collection(collection: Any) -> Iterator[dict[str, Any]]:
    from matplotlib.collections import LineCollection, PathCollection, PolyCollection

    if isinstance(collection, PolyCollection):
        for path in collection.get_paths():
            yield from _band(np.asarray(path.vertices))
    elif isinstance(collection, PathCollection):
        for x, y in np.ma.filled(collection.get_offsets(), np.nan):
            yield {"kind": "points", "x": x, "y": y}
    elif isinstance(collection, LineCollection):
        for segment in collection.get_segments():
            for x, y in segment:
                yield {"kind": "line", "x": x, "y": y}


def _band(vertices: np.ndarray) -> Iterator[dict[str, Any]]:
    for x in np.unique(vertices[:, 0]):
        ys = vertices[vertices[:, 0] == x, 1]
        yield {"kind": "band", "x": x, "y": np.nan, "y_low": ys.min(), "y_high": ys.max()}
