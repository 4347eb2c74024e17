"""What the study's figures share: colours, and the components along an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import Axis, word
from ...escaping import mathtext
from ...reporting.drawing import PALETTE, label_ends, letters, mark_best, one_large
from ...reporting.strength_axis import ROOM, place_ticks, positions
from .setup import REGULARIZERS
from .tables import Place, axes_at, axis_at, estimates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...storing.results import Results

LABELS = {
    "l2": "L2 strength",
    "l1": "L1 strength",
    "dropout": "dropout rate",
    "input_noise": "input noise (st. dev.)",
    "epochs": "epochs of training",
    "width": "hidden units",
}
UNITS = {
    "squared": word("squared"),
    "log": f"{word('log')} (nats)",
    "zero_one": word("zero_one"),
}
#: Component: colour, line style, marker, name.
LOOK = {
    "error": (PALETTE[6], "-", "o", "error"),
    "bias": (PALETTE[0], "--", "s", "bias²"),
    "variance": (PALETTE[1], "-.", "^", "variance"),
    "noise": ("#7b8794", ":", "", "noise"),
}


def names_of(place: Place) -> dict[str, str]:
    """The table's components that are drawn as error, bias and variance."""
    if place.sampling == "independent":
        return {"error": "error", "bias": "bias2", "variance": "variance", "noise": "noise"}
    if place.loss == "squared":
        return {"error": "error", "bias": "bias2_plus_noise", "variance": "variance"}
    variance = "net_variance" if place.loss == "zero_one" else "variance"
    return {"error": "error", "bias": "bias_plus_noise", "variance": variance}


def along_strengths(figure: Figure, results: Results, place: Place) -> None:
    """Six panels, one a regularizer: the components from off to strong, with 95 % intervals.

    The first is large and names the lines of all.
    """
    axes = one_large(figure)
    texts = {"bias": "bias²" if place.loss == "squared" else "bias", "variance": "variance"}
    if place.sampling != "independent":
        texts["bias"] += " + noise"
    if place.loss == "zero_one":
        texts["variance"] = "net variance"
    for ax, axis in zip(axes, axes_at(results, place)):
        x, large = positions(axis), ax is axes[0]
        for part, component in names_of(place).items():
            color, line, marker, name = LOOK[part]
            table = estimates(results, place, axis, component)
            look: dict[str, Any] = {
                "color": color,
                "ls": line,
                "marker": marker,
                "label": texts.get(part, name),
            }
            ax.plot(x, table["estimate"], **look)
            ax.fill_between(x, table["low"], table["high"], color=color, alpha=0.18, lw=0)
        best = int(estimates(results, place, axis, "error")["estimate"].to_numpy().argmin())
        mark_best(ax, x[best], "smallest error" if large else "")
        if large:
            place_ticks(ax, axis, beyond=0.03 + 0.02 * max(map(len, texts.values())), room=2 * ROOM)
        else:
            place_ticks(ax, axis)
        ax.set_title(LABELS[axis.regularizer])
    letters(axes)
    axes[0].set_ylim(bottom=min(0.0, axes[0].get_ylim()[0]))
    _cap(axes[0], results, place)
    ends = [
        (float(line.get_ydata()[-1]), line.get_label(), line.get_color())
        for line in _named(axes[0])
    ]
    label_ends(axes[0], positions(axis_at(results, place, "l2"))[-1], ends)
    for ax in (axes[0], axes[3]):
        ax.set_ylabel(f"{mathtext(place.data, 24)}: {UNITS[place.loss]}")
    figure.supxlabel("from weak (left) to strong (right)", fontsize=8.5)


def _named(ax: Axes) -> list[Any]:
    """The lines that have a name."""
    return [line for line in ax.lines if not str(line.get_label()).startswith("_")]


def _cap(ax: Axes, results: Results, place: Place) -> None:
    """Let the height end at about twice the plain error, so that no strength sets the scale."""
    off = estimates(results, place, axis_at(results, place, "l2"), "error")["estimate"].iloc[0]
    ax.set_ylim(top=min(ax.get_ylim()[1], 1.9 * float(off)))


def curves_with_bars(ax: Axes, results: Results, place: Place, axis: Axis, *, fresh: bool) -> None:
    """Bias and variance along an axis: filled and solid, or open and dotted where not `fresh`."""
    drawn = "independent" if "f_test" in results.data(place.data) else place.sampling
    names = names_of(place._replace(sampling=drawn))
    for part in ("bias", "variance"):
        color, _, marker, _ = LOOK[part]
        table = estimates(results, place, axis, names[part])
        ends = [table["estimate"] - table["low"], table["high"] - table["estimate"]]
        look: dict[str, Any] = {
            "color": color,
            "alpha": 1.0 if fresh else 0.5,
            "ls": "-" if fresh else ":",
            "marker": marker,
            "mfc": color if fresh else "white",
            "label": f"{part}, {'new training sets' if fresh else 'bootstraps of one'}",
        }
        ax.errorbar(positions(axis), table["estimate"], np.array(ends), **look)


def panels_by_regularizer(figure: Figure, sets: list[tuple[str, str]]) -> tuple[Any, np.ndarray]:
    """A panel for each data set and loss, and the height of each regularizer in it."""
    axes = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    y = np.arange(len(REGULARIZERS), dtype=float)
    for ax, (data, loss) in zip(axes, sets):
        ax.set_title(f"{mathtext(data, 24)}\n{word(loss)}")
        ax.grid(axis="y", visible=False)
    return axes, y
