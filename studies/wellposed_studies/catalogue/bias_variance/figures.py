"""The figures: functions of finished results; each answers one question."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...escaping import mathtext
from ...reporting.plotting import PALETTE
from .._drawing import absent, new
from .claims import ridge_closed_form
from .data import REGULARIZERS, word
from .tables import Axis

if TYPE_CHECKING:
    import pandas as pd
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
    "linear": "L2 strength",
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


def _place(axis: Axis) -> tuple[np.ndarray, list[str]]:
    """Positions 0, 1, ... of the strengths, weak to strong, and how they are written."""
    labels = [f"{s:.0f}" if s >= 10 else f"{s:.2g}" for s in axis.strengths]
    labels[axis.off] = f"off ({labels[axis.off]})" if axis.strengths[axis.off] else "off"
    return np.arange(len(labels), dtype=float), labels


def _curve(ax: Axes, x: np.ndarray, table: Any, part: str, label: str | None = None) -> None:
    color, line, marker, name = LOOK[part]
    ax.plot(x, table["estimate"], color=color, ls=line, marker=marker, label=label or name)
    ax.fill_between(x, table["low"], table["high"], color=color, alpha=0.18, lw=0)


def _reach(values: pd.Series, low: pd.Series, high: pd.Series) -> np.ndarray:
    """How far error bars reach below and above; nothing where there is no interval."""
    ends = np.array([values - low, high - values], dtype=float)
    return np.where(np.isfinite(ends), ends, 0.0)


def _legend(figure: Figure, ax: Axes, columns: int = 4) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns)


def _names(loss: str, known: bool) -> dict[str, str]:
    """The table's components that are drawn as error, bias and variance."""
    if known:
        return {"error": "error", "bias": "bias2", "variance": "variance", "noise": "noise"}
    if loss == "squared":
        return {"error": "error", "bias": "bias2_plus_noise", "variance": "variance"}
    variance = "net_variance" if loss == "zero_one" else "variance"
    return {"error": "error", "bias": "bias_plus_noise", "variance": variance}


def axes_of_strength(results: Results, data: str, loss: str, sampling: str) -> Figure:
    """Six panels, one a regularizer: the components from off to strong, with 95 % intervals."""
    known = sampling == "independent"
    name = results.stand_in(data)
    if name is None:
        return absent(results, data)
    data = name
    figure, axes = new(2, 3, 4.6, sharey=True)
    names = _names(loss, known)
    texts = {"bias": "bias²" if loss == "squared" else "bias", "variance": "variance"}
    if not known:
        texts["bias"] += " + noise"
    if loss == "zero_one":
        texts["variance"] = "net variance"
    for ax, regularizer in zip(axes.flat, REGULARIZERS):
        axis = Axis(results, data, loss, regularizer, sampling)
        x, labels = _place(axis)
        for part, component in names.items():
            _curve(ax, x, axis.estimates(component), part, texts.get(part))
        best = int(axis.estimates("error")["estimate"].to_numpy().argmin())
        ax.axvline(best, color="#5a6570", lw=1.2, zorder=1.2)  # above the grid
        _ticks(ax, x, labels, axis.off)
        ax.set_xlabel(f"{LABELS[regularizer]} →")
    axes[0, 0].set_ylim(bottom=min(0.0, axes[0, 0].get_ylim()[0]))
    _cap(axes[0, 0], results, data, loss, sampling)
    for ax in axes[:, 0]:
        ax.set_ylabel(f"{mathtext(data, 24)}\n{UNITS[loss]}")
    _legend(figure, axes[0, 0])
    return figure


def _ticks(ax: Axes, x: np.ndarray, labels: list[str], off: int) -> None:
    """At most eight labels, that of the plain network among them."""
    every = -(-len(x) // 8)
    shown = slice(off % every, None, every)
    ax.set_xticks(x[shown], labels[shown], rotation=45, ha="right", rotation_mode="anchor")


def _cap(ax: Axes, results: Results, data: str, loss: str, sampling: str) -> None:
    """Leave out what a hopeless strength does to the scale: show up to twice the plain error."""
    off = Axis(results, data, loss, "l2", sampling).estimates("error")["estimate"].iloc[0]
    top = ax.get_ylim()[1]
    ax.set_ylim(top=min(top, 1.9 * float(off)))


def fits(results: Results) -> Figure:
    """Fits to independent training sets along the first input, at three strengths of L2."""
    data = results.data("synthetic")
    axis = Axis(results, "synthetic", "squared", "l2", "independent")
    best = int(axis.estimates("error")["estimate"].to_numpy().argmin())
    shown = {"off": 0, "best": max(best, 1), "strongest": len(axis.strengths) - 1}
    figure, axes = new(1, 3, 2.7, sharex=True, sharey=True)
    stacked = results.stacked("line", sampling="independent")
    x = data.X_line[:, 0]
    for ax, (title, position) in zip(axes, shown.items()):
        name, strength = axis.settings[position]
        row = stacked[(stacked["regularizer"] == name) & (stacked["strength"] == strength)]
        lines = row["line"].iloc[0]
        ax.plot(x, lines[:30].T, color=PALETTE[1], lw=0.6, alpha=0.45)
        ax.plot([], [], color=PALETTE[1], lw=0.9, label="one training set each")
        ax.plot(x, lines.mean(axis=0), color=PALETTE[0], lw=2, ls="--", label="their mean")
        ax.plot(x, data.f_line, color=PALETTE[6], lw=1.6, label="the truth")
        ax.set_title("L2 off" if title == "off" else f"L2 {title}: {strength:.2g}")
        ax.set_xlabel("first input, others at 0")
    axes[0].set_ylabel("prediction")
    _legend(figure, axes[0], 3)
    return figure


def ridge(results: Results) -> Figure:
    """Bias² and variance of the linear network, measured, on the curves of Ridge's closed form."""
    data = results.data("fixed-design")
    table = results.table("components", data="fixed-design")
    figure, ax = new(height=3.2)
    grid = np.geomspace(table["strength"].min(), table["strength"].max(), 100)
    exact = [ridge_closed_form(data, alpha) for alpha in grid]
    for part, component in {"bias": "bias2", "variance": "variance"}.items():
        color, line, marker, name = LOOK[part]
        ax.plot(grid, [e[component] for e in exact], color=color, ls=line, label=f"{name}, Ridge")
        rows = table[table["component"] == component]
        ends = np.array([rows["estimate"] - rows["low"], rows["high"] - rows["estimate"]])
        ax.errorbar(
            rows["strength"],
            rows["estimate"],
            ends,
            fmt=marker,
            color=color,
            capsize=3,
            label=f"{name}, network",
        )
    total = [e["bias2"] + e["variance"] for e in exact]
    ax.plot(grid, total, color=LOOK["error"][0], lw=1, label="their sum, Ridge")
    ax.set(xscale="log", xlabel="L2 strength α", ylabel="squared error, without noise")
    ax.set_ylim(bottom=0)
    ax.legend(ncols=2)
    return figure


def trades(results: Results) -> Figure:
    """Variance saved, bias paid and what is left, for every regularizer, set and loss."""
    table = results.table("trades")
    sets = list(dict.fromkeys(zip(table["data"], table["loss"])))
    figure, axes = new(1, len(sets), 3.0, sharey=True, squeeze=False)
    y = np.arange(len(REGULARIZERS), dtype=float)
    for ax, (data, loss) in zip(axes[0], sets):
        rows = table[(table["data"] == data) & (table["loss"] == loss)]
        rows = rows.set_index("regularizer").loc[list(REGULARIZERS)]
        ax.barh(y - 0.2, rows["saved"], 0.36, color=LOOK["variance"][0], alpha=0.55)
        ax.barh(y + 0.2, -rows["paid"], 0.36, color=LOOK["bias"][0], alpha=0.55)
        ends = _reach(rows["gain"], rows["low"], rows["high"])
        ax.errorbar(rows["gain"], y, xerr=ends, fmt="D", color=LOOK["error"][0], capsize=3)
        ax.axvline(0, color="#52606d", lw=0.8)
        ax.set_title(f"{mathtext(data, 24)}\n{UNITS[loss].replace(' (nats)', '')}")
        ax.grid(axis="y", visible=False)
    axes[0, 0].set_yticks(y, [word(name) for name in REGULARIZERS])
    axes[0, 0].invert_yaxis()
    figure.supxlabel("share of the error without regularization", fontsize=8.5)
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(color=LOOK["variance"][0], alpha=0.55, label="variance saved"),
        Patch(color=LOOK["bias"][0], alpha=0.55, label="bias saved (left of 0: paid)"),
        Line2D([], [], color=LOOK["error"][0], marker="D", label="error saved, 95 % interval"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


def slopes(results: Results) -> Figure:
    """Which way bias and variance move with each regularizer, in every set and loss."""
    table = results.table("slopes")
    sets = list(dict.fromkeys(zip(table["data"], table["loss"])))
    figure, axes = new(1, len(sets), 2.9, sharey=True, squeeze=False)
    y = np.arange(len(REGULARIZERS), dtype=float)
    for ax, (data, loss) in zip(axes[0], sets):
        for shift, part in {-0.13: "bias", 0.13: "variance"}.items():
            rows = table[
                (table["data"] == data) & (table["loss"] == loss) & (table["component"] == part)
            ].set_index("regularizer")
            rows = rows.loc[list(REGULARIZERS)]
            color, _, marker, _ = LOOK[part]
            ends = _reach(rows["slope"], rows["low"], rows["high"])
            ax.errorbar(
                rows["slope"],
                y + shift,
                xerr=ends,
                fmt=marker,
                color=color,
                capsize=2.5,
                label=part,
            )
        ax.axvline(0, color="#52606d", lw=0.8)
        ax.set_title(f"{mathtext(data, 24)}\n{UNITS[loss].replace(' (nats)', '')}")
        ax.grid(axis="y", visible=False)
    axes[0, 0].set_yticks(y, [word(name) for name in REGULARIZERS])
    axes[0, 0].invert_yaxis()
    figure.supxlabel(
        "change per step of strength, share of the error without regularization", fontsize=8.5
    )
    _legend(figure, axes[0, 0], 2)
    return figure


def bootstraps(results: Results) -> Figure:
    """Bias and variance along L2 from new training sets and from bootstraps of one."""
    sets = [
        ("synthetic", "squared", "independent"),
        ("diabetes", "squared", "subsample"),
        ("digits", "log", "subsample"),
    ]
    named = [(results.stand_in(data), loss, sampling) for data, loss, sampling in sets]
    present = [(name, loss, sampling) for name, loss, sampling in named if name is not None]
    figure, axes = new(1, len(present), 3.0, squeeze=False)
    for ax, (name, loss, sampling) in zip(axes[0], present):
        names = _names(loss, sampling == "independent")
        for kind, alpha in {sampling: 1.0, "bootstrap": 0.5}.items():
            axis = Axis(results, name, loss, "l2", kind)
            x, labels = _place(axis)
            for part in ("bias", "variance"):
                color, _, marker, _ = LOOK[part]
                table = axis.estimates(names[part])
                ends = [table["estimate"] - table["low"], table["high"] - table["estimate"]]
                fresh = kind == sampling
                ax.errorbar(
                    x,
                    table["estimate"],
                    np.array(ends),
                    color=color,
                    alpha=alpha,
                    ls="-" if fresh else ":",
                    marker=marker,
                    mfc=color if fresh else "white",
                    label=f"{part}, {'new training sets' if fresh else 'bootstraps of one'}",
                )
        ax.set_title(mathtext(name, 24))
        ax.set_ylabel(UNITS[loss])
        _ticks(ax, x, labels, axis.off)
        ax.set_xlabel("L2 strength →")
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    _legend(figure, axes[0, 0], 2)
    return figure


FIGURES: dict[str, Callable[[Results], Figure]] = {
    "fits": fits,
    "synthetic": partial(
        axes_of_strength, data="synthetic", loss="squared", sampling="independent"
    ),
    "trades": trades,
    "slopes": slopes,
    "regression": partial(axes_of_strength, data="diabetes", loss="squared", sampling="subsample"),
    "classes-log": partial(axes_of_strength, data="digits", loss="log", sampling="subsample"),
    "classes-zero-one": partial(
        axes_of_strength, data="digits", loss="zero_one", sampling="subsample"
    ),
    "ridge": ridge,
    "bootstraps": bootstraps,
}
