"""What the study's figures share: colours, and the components along an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import Axis
from ...escaping import mathtext
from ...reporting.drawing import PALETTE, legend, place_ticks, positions
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
    "squared": "squared error",
    "log": "log loss (nats)",
    "zero_one": "0-1 loss",
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
    """Six panels, one a regularizer: the components from off to strong, with 95 % intervals."""
    axes = figure.subplots(2, 3, sharey=True)
    texts = {"bias": "bias²" if place.loss == "squared" else "bias", "variance": "variance"}
    if place.sampling != "independent":
        texts["bias"] += " + noise"
    if place.loss == "zero_one":
        texts["variance"] = "net variance"
    for ax, axis in zip(axes.flat, axes_at(results, place)):
        for part, component in names_of(place).items():
            color, line, marker, name = LOOK[part]
            table = estimates(results, place, axis, component)
            look = {"color": color, "ls": line, "marker": marker, "label": texts.get(part, name)}
            ax.plot(positions(axis), table["estimate"], **look)
            ax.fill_between(
                positions(axis), table["low"], table["high"], color=color, alpha=0.18, lw=0
            )
        best = int(estimates(results, place, axis, "error")["estimate"].to_numpy().argmin())
        ax.axvline(best, color="#5a6570", lw=1.2, zorder=1.2)  # above the grid
        place_ticks(ax, axis)
        ax.set_xlabel(f"{LABELS[axis.regularizer]} →")
    axes[0, 0].set_ylim(bottom=min(0.0, axes[0, 0].get_ylim()[0]))
    _cap(axes[0, 0], results, place)
    for ax in axes[:, 0]:
        ax.set_ylabel(f"{mathtext(place.data, 24)}\n{UNITS[place.loss]}")
    legend(figure, axes[0, 0], 4)


def _cap(ax: Axes, results: Results, place: Place) -> None:
    """Leave out what a hopeless strength does to the scale: show up to twice the plain error."""
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
        ax.set_title(f"{mathtext(data, 24)}\n{UNITS[loss].replace(' (nats)', '')}")
        ax.grid(axis="y", visible=False)
    return axes, y
