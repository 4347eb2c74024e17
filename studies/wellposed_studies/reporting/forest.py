"""All claims of a study in one figure: intervals against thresholds, in groups.

What the claims of a family share, the measured quantity, is a heading above them. Each has a line
of its own below it, since each is judged by itself: on a single line their intervals would lie on
top of one another, and there would be no place for the name and the numbers of one that failed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite, isnan
from typing import TYPE_CHECKING, Any

from ..escaping import mathtext
from ..study import WIDTH
from .markdown import evidence, powers
from .standing import STANDINGS, Standing, standing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: Standing: colour, marker, whether it is filled.
LOOK: dict[Standing, tuple[str, str, bool]] = {
    "held": ("#0072B2", "o", True),
    "contradicted": ("#D55E00", "X", True),
    "undecided": ("#52606d", "o", False),
    "not run": ("#8a97a3", "_", True),
}
NARROW = 3.7
#: Where headings begin and numbers stand, shares of the figure's width.
_EDGE, _MEASURED, _CLAIMED = 0.008, 0.563, 0.848
_ROW, _MARGIN = 0.185, 0.75
#: Lines left free between a family and a single claim below it.
_GAP = 0.5


@dataclass(frozen=True)
class Group:
    """Claims on one measured quantity with one threshold, which share a scale."""

    measured: str
    threshold: str
    rows: tuple[Mapping[Any, Any], ...]


def groups(verdicts: pd.DataFrame) -> list[Group]:
    """The claims in groups, identities left out, in the order in which they are declared."""
    found: dict[tuple[str, str], list[Mapping[Any, Any]]] = {}
    for row in verdicts.to_dict("records"):
        if row.get("kind") != "identity":
            measured = row["measured"].split(": ")[0]
            found.setdefault((measured, row["threshold"]), []).append(row)
    return [Group(*key, tuple(rows)) for key, rows in found.items()]


def bounds(threshold: str) -> tuple[float, float]:
    """The ends of a threshold, from how it is written in a verdicts table.

    Examples
    --------
    >>> bounds("≤ 1e-06"), bounds("in [0.9, 1.1]")
    ((-inf, 1e-06), (0.9, 1.1))
    """
    numbers = [float(n) for n in re.findall(r"-?\d+\.?\d*(?:e[+-]?\d+)?|-?inf", threshold)]
    if threshold.startswith("≥"):
        return numbers[0], inf
    if threshold.startswith("≤"):
        return -inf, numbers[0]
    return numbers[0], numbers[1]


def margins(group: Group) -> list[tuple[float, float, float]]:
    """Value, low and high of each claim as margins: right of 0 is what was claimed, and 1 is the
    group's widest reach."""
    low, high = bounds(group.threshold)

    def margin(x: float) -> float:
        return high - x if low == -inf else x - low

    ends = [tuple(margin(row[part]) for part in ("value", "low", "high")) for row in group.rows]
    if low != -inf and high != inf:
        ends.append((high - low,) * 3)
    reach = max((abs(x) for row in ends for x in row if isfinite(x)), default=0.0) or 1.0
    scaled = [(v / reach, min(a, b) / reach, max(a, b) / reach) for v, a, b in ends]
    return scaled[: len(group.rows)]


def upper_end(group: Group) -> float | None:
    """Where the upper end of a two-sided threshold lies on the group's scale."""
    low, high = bounds(group.threshold)
    if low == -inf or high == inf:
        return None
    values = [row[part] for row in group.rows for part in ("value", "low", "high")]
    return (high - low) / max(abs(x - low) for x in [*values, high] if isfinite(x))


def labels(group: Group) -> list[str]:
    """What tells the claims of a group apart: their names without the words they share."""
    words = [row["claim"].split("-") for row in group.rows]
    shared = 0
    if len(words) > 1:
        while len({tuple(w[: shared + 1]) for w in words}) == 1 and shared < min(map(len, words)):
            shared += 1
        shared = min(shared, min(map(len, words)) - 1)
    return [" ".join(w[shared:]) for w in words]


def forest(verdicts: pd.DataFrame, width: float = WIDTH) -> Figure:
    """Draw every claim's interval against its threshold.

    Parameters
    ----------
    verdicts : DataFrame
        `Results.verdicts`.
    width : float
        Inches; below 5 without the columns of numbers.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import PlaceHolderLayoutEngine

    parts = groups(verdicts)
    gaps = _gaps(parts)
    n_lines = sum(gaps) + sum(len(group.rows) for group in parts)
    height = _ROW * n_lines + _MARGIN
    figure = Figure(figsize=(width, height), layout=PlaceHolderLayoutEngine(True, True))
    wide = width >= 5
    left, right = (0.23, 0.55) if wide else (0.40, 0.98)
    axes = figure.add_axes(
        (left, 0.36 / height, right - left, 1 - _MARGIN / height),
        xlim=(-1.12, 1.12),
        ylim=(n_lines - 0.4, -0.6),
    )
    _background(axes)
    y, names = -1.0, []
    for group, gap in zip(parts, gaps):
        y += gap
        if len(group.rows) > 1:
            _heading(figure, axes, y, group, width)
        first = y + 1
        for row, label, ends in zip(group.rows, labels(group), margins(group)):
            y += 1
            names.append(_text(axes, -0.02, y, mathtext(label, 30), ha="right"))
            _interval(axes, y, standing(row), ends)
            if wide:
                shown = "not run" if isnan(row["value"]) else _short(row)
                _beside(figure, axes, _MEASURED, y, shown)
                _beside(figure, axes, _CLAIMED, y, _required(group))
        _thresholds(axes, group, first, y)
    if wide:
        _beside(figure, axes, _MEASURED, -0.95, "measured", color="#52606d")
        _beside(figure, axes, _CLAIMED, -0.95, "claimed", color="#52606d")
    _make_room(figure, axes, names)
    _legend(figure, verdicts, width)
    return figure


def _gaps(parts: Sequence[Group]) -> list[float]:
    """Lines above the claims of each group: one for a heading, or less to set one claim apart."""
    several = [False, *(len(group.rows) > 1 for group in parts)]
    return [1.0 if this else _GAP * before for before, this in pairwise(several)]


def _background(axes: Any) -> None:
    axes.axvspan(0, 1.12, color="#eef3f7", lw=0, zorder=0)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    below = axes.get_xaxis_transform()
    for x, text, side in ((-0.06, "← against the claim", "right"), (0.06, "as claimed →", "left")):
        axes.text(x, -0.01, text, ha=side, va="top", fontsize=7.5, transform=below)


def _thresholds(axes: Any, group: Group, first: float, last: float) -> None:
    ends = [0.0, upper_end(group)]
    for end in ends:
        if end is not None:
            axes.plot([end, end], [first - 0.5, last + 0.5], color="#1f2933", lw=1, zorder=1)


def _make_room(figure: Figure, axes: Any, names: Sequence[Any]) -> None:
    """Narrow the axes from the left where a name before them is too long for the figure."""
    width = figure.bbox.width
    longest = max((text.get_window_extent().width for text in names), default=0.0) / width
    box = axes.get_position()
    left = max(box.x0, longest + _EDGE + 0.02 * box.width)
    axes.set_position((left, box.y0, box.x1 - left, box.height))


def _text(axes: Any, x: float, y: float, text: str, **options: Any) -> Any:
    """Text in a line of the figure; `x` is a share of the axes' width."""
    place = options.pop("transform", axes.get_yaxis_transform())
    return axes.text(x, y, text, va="center", fontsize=7.5, transform=place, **options)


def _beside(figure: Figure, axes: Any, x: float, y: float, text: str, **options: Any) -> None:
    """Text in a line of the figure; `x` is a share of the figure's width."""
    _text(axes, x, y, text, transform=_across(figure, axes), **options)


def _across(figure: Figure, axes: Any) -> Any:
    from matplotlib.transforms import blended_transform_factory

    return blended_transform_factory(figure.transFigure, axes.transData)


def _required(group: Group) -> str:
    return powers(group.threshold).replace("-", "−")


def _short(row: Mapping[Any, Any]) -> str:
    """A verdict's value and interval; its level and repetitions stand in the table."""
    return re.sub(r"(?: at [^)]*?)?, n = \d+\)", ")", evidence(row))


def _heading(figure: Figure, axes: Any, y: float, group: Group, width: float) -> None:
    room = int(width * 17)
    measured = group.measured
    if len(measured) > room:
        measured = measured[: room - 1].rstrip() + "…"
    place, text = _across(figure, axes), mathtext(measured, 200)
    axes.text(_EDGE, y + 0.1, text, va="center", fontsize=7, color="#52606d", transform=place)


def _interval(axes: Any, y: float, found: Standing, ends: tuple[float, float, float]) -> None:
    colour, marker, filled = LOOK[found]
    value, low, high = ends
    if isnan(value):
        axes.text(0.02, y, "not run", va="center", fontsize=7, color=colour)
        return
    low, high = max(low, -1.12), min(high, 1.12)
    axes.plot([low, high], [y, y], color=colour, lw=1.4, solid_capstyle="butt")
    axes.plot(
        [value], [y], marker=marker, ms=5.5, color=colour, mfc=colour if filled else "white", ls=""
    )


def _legend(figure: Figure, verdicts: pd.DataFrame, width: float) -> None:
    from matplotlib.lines import Line2D

    rows = [row for row in verdicts.to_dict("records") if row.get("kind") != "identity"]
    found = [standing(row) for row in rows]
    handles = []
    for name in STANDINGS:
        if name in found:
            colour, marker, filled = LOOK[name]
            face = colour if filled else "white"
            handles.append(
                Line2D(
                    [],
                    [],
                    color=colour,
                    marker=marker,
                    mfc=face,
                    ls="",
                    label=f"{name} ({found.count(name)})",
                )
            )
    figure.legend(
        handles=handles,
        loc="upper center",
        ncols=4 if width >= 5 else 2,
        columnspacing=1.4,
        handletextpad=0.3,
    )


def described(verdicts: pd.DataFrame) -> str:
    """The figure in words, for those who do not see it."""
    rows = [row for row in verdicts.to_dict("records") if row.get("kind") != "identity"]
    parts = []
    for name in STANDINGS:
        names = [row["claim"] for row in rows if standing(row) == name]
        if names:
            listed: Sequence[str] = names if name != "held" else ()
            parts.append(f"{len(names)} {name}" + (f": {', '.join(listed)}" if listed else ""))
    return (
        f"{len(rows)} claims in {len(groups(verdicts))} groups, each with its interval against the "
        f"claimed threshold; {'; '.join(parts)}."
    )
