"""A horizontal axis of strengths: logarithmic where these are spaced so, with a tick for off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..claims import Axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Characters that fit below a small panel, and those that are left free between two labels.
ROOM, GAP = 24, 0.7
#: How far left of the weakest strength zero stands on a logarithmic axis, a share of its length.
BEFORE = 0.2
RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"


def logarithmic(axis: Axis) -> bool:
    """Whether strengths span a decade and are spaced more evenly in logarithms.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"regularizer": "l2", "strength": [0.01, 0.1, 1.0]})
    >>> logarithmic(Axis.of(frame, "l2"))
    True
    """
    strengths = np.sort([s for s in axis.strengths if s > 0])
    if len(strengths) < 2 or strengths[-1] < 10 * strengths[0]:
        return False
    return _unevenness(np.log(strengths)) <= _unevenness(strengths) + 1e-9


def _unevenness(places: np.ndarray) -> float:
    gaps = np.diff(places)
    return float(gaps.std() / gaps.mean())


def positions(axis: Axis) -> np.ndarray:
    """Where strengths stand: at their values, and zero left of the others if these are
    logarithmic."""
    places = np.array(axis.strengths, dtype=float)
    if logarithmic(axis):
        some = places[places > 0]
        places[places == 0] = some.min() * (some.min() / some.max()) ** BEFORE
    return places


def strength_labels(axis: Axis) -> list[str]:
    """How an axis's strengths are written; below the plain network's stands that it is off.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"regularizer": ["none", "l2", "l2"], "strength": [0, 0.125, 20.0]})
    >>> strength_labels(Axis.of(frame, "l2"))
    ['off', '0.12', '20']
    """
    labels = [f"{s:.0f}" if s >= 10 else f"{s:.2g}" for s in axis.strengths]
    powers = _powers_of_ten(axis)
    if len(powers) > 1:
        for i in powers:
            power = round(float(np.log10(axis.strengths[i])))
            labels[i] = f"10{str(power).translate(str.maketrans('0123456789-', RAISED))}"
    labels[axis.off] = f"{labels[axis.off]}\n(off)" if axis.strengths[axis.off] else "off"
    return labels


def place_ticks(ax: Axes, axis: Axis, *, beyond: float = 0.0, room: int = ROOM) -> None:
    """Set scale, limits and ticks for an axis's strengths, weak at the left.

    Off has a label, and so have powers of ten where there are several, otherwise all strengths
    whose labels do not overlap. A logarithmic axis has a break between off and the weakest one.

    Parameters
    ----------
    beyond : float
        What is left free at the right, a share of the length of the axis.
    room : int
        How many characters fit below the axis.
    """
    from matplotlib.ticker import NullFormatter

    x, labels = positions(axis), strength_labels(axis)
    scaled = np.log(x) if logarithmic(axis) else x
    ends = scaled[0], scaled[-1]
    length = (ends[1] - ends[0]) or 1.0
    limits = ends[0] - 0.05 * length, ends[1] + (0.05 + beyond) * length
    if logarithmic(axis):
        ax.set_xscale("log")
        ax.set_xlim(*np.exp(limits))
        _break(ax, axis, x)
    else:
        ax.set_xlim(*limits)
    shown = _readable(room * (scaled - ends[0]) / length, labels, _order(axis))
    ax.set_xticks(x[shown], [labels[i] for i in shown])
    ax.set_xticks(np.delete(x, shown), minor=True)
    ax.xaxis.set_minor_formatter(NullFormatter())


def _powers_of_ten(axis: Axis) -> list[int]:
    """Positions of strengths that are powers of ten, where off is none of the strengths."""
    if axis.strengths[axis.off] or not logarithmic(axis):
        return []
    logs = {i: float(np.log10(s)) for i, s in enumerate(axis.strengths) if s > 0}
    return [i for i, log in logs.items() if abs(log - round(log)) < 1e-6]


def _order(axis: Axis) -> list[int]:
    """Positions of strengths that may have a label, the most important first."""
    powers, last = _powers_of_ten(axis), len(axis.strengths) - 1
    others = powers if len(powers) > 1 else [last, *range(last)]
    return list(dict.fromkeys([axis.off, *others]))


def _readable(places: np.ndarray, labels: list[str], order: list[int]) -> list[int]:
    """Which labels are shown, so that none overlap; `places` are counted in characters."""
    widths = [max(map(_width, label.split("\n"))) for label in labels]
    shown: list[int] = []
    for i in order:
        if all(abs(places[i] - places[j]) >= (widths[i] + widths[j]) / 2 + GAP for j in shown):
            shown.append(i)
    return sorted(shown)


def _width(text: str) -> float:
    """Of a label, in characters; superscripts are small."""
    small = sum(character in RAISED for character in text)
    return len(text) - 0.3 * small


def _break(ax: Axes, axis: Axis, x: np.ndarray) -> None:
    """Mark on the axis that zero does not stand where it is drawn."""
    if axis.strengths[axis.off]:
        return
    place = x[axis.off] ** 0.55 * x[axis.off + 1] ** 0.45
    look: dict[str, Any] = {
        "ls": "",
        "ms": 6,
        "mec": "#52606d",
        "mew": 0.8,
        "clip_on": False,
        "zorder": 5,
    }
    for shift in (0.97, 1.03):
        at = x[axis.off] * (place / x[axis.off]) ** shift
        slash = [(-0.5, -1.0), (0.5, 1.0)]
        ax.plot([at], [0], marker=slash, transform=ax.get_xaxis_transform(), **look)
