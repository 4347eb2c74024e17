"""The figures on linear problems; each answers one question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...escaping import mathtext
from ...reporting.plotting import PALETTE
from .._drawing import new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...storing.results import Results

GREY = "#7b8794"


def band(ax: Axes, x: Any, runs: np.ndarray, color: str, **options: Any) -> None:
    """The median over repetitions and the range from their first to their ninth tenth.

    Parameters
    ----------
    runs : array of shape (n_points, n_repetitions)
    """
    low, middle, high = np.quantile(runs, [0.1, 0.5, 0.9], axis=1)
    ax.plot(x, middle, color=color, **options)
    ax.fill_between(x, low, high, color=color, alpha=0.18, lw=0)


def sets_of(results: Results, frame: Any) -> list[str]:
    """The data sets in a table, drawn ones first."""
    synthetic = {name: record["synthetic"] for name, record in results.manifest["data"].items()}
    present = [name for name in results.data_names if (frame["data"] == name).any()]
    return sorted(present, key=lambda name: not synthetic[name])


def geometry(results: Results) -> Figure:
    """One equation in two unknowns, and where each method ends on the line of solutions."""
    table = results.table("ways")
    table = table[table["repetition"] == 0]
    figure, ax = new(height=4.4)
    ends = np.array([-1.1, 2.4])
    w1, w2 = np.meshgrid(np.linspace(-1.1, 2.4, 60), np.linspace(-0.7, 1.5, 60))
    error = (w1 + 2 * w2 - 2) ** 2
    ax.contour(
        w1, w2, error, levels=[0.2, 0.8, 1.8, 3.2, 5.0, 7.2, 9.8], colors="#cbd2d9", linewidths=0.8
    )
    ax.plot(ends, (2 - ends) / 2, color=PALETTE[6], lw=2, label="training error zero")
    turn = np.linspace(0, 2 * np.pi, 200)
    radius = 2 / np.sqrt(5)
    ax.plot(radius * np.cos(turn), radius * np.sin(turn), color=PALETTE[0], lw=0.8, ls=":")
    ax.plot([0, 1, 0, -1, 0], [1, 0, -1, 0, 1], color=PALETTE[1], lw=0.8, ls=":")
    look = {
        "gradient descent": (PALETTE[0], "-", "o"),
        "L2 path": (PALETTE[4], "--", "s"),
        "L1 path": (PALETTE[1], "-.", "D"),
        "adam": (PALETTE[2], "-", "^"),
    }
    for way, (color, line, marker) in look.items():
        rows = table[table["way"] == way]
        label = way.capitalize() if way == "adam" else way
        ax.plot(rows["w1"], rows["w2"], color=color, ls=line, lw=1.2, label=label)
        ax.plot(rows["w1"], rows["w2"], color=color, ls="", marker=marker, ms=2.5)
        last = rows.iloc[-1]
        size = 12 if way == "gradient descent" else 8
        ax.plot(last["w1"], last["w2"], color=color, marker=marker, ms=size, mec="white")
    ax.text(0.72, -0.62, "ball of the\nleast 2-norm", color=PALETTE[0], fontsize=8)
    ax.text(-1.05, -0.62, "ball of the\nleast 1-norm", color=PALETTE[1], fontsize=8)
    ax.set(xlim=(-1.1, 2.4), ylim=(-0.7, 1.5), xlabel="first weight", ylabel="second weight")
    ax.set_aspect("equal")
    ax.legend(loc="upper right")
    return figure


def valley(results: Results) -> Figure:
    """Training and test error along the null space, and along the row space for comparison."""
    walk = results.table("walk")
    figure, axes = new(1, 2, 3.0)
    for k, name in enumerate(sets_of(results, walk)):
        part = walk[walk["data"] == name]
        color, line = PALETTE[k], ["-", "--"][k % 2]
        wide = {
            column: part.pivot(index="move", columns="repetition", values=column)
            for column in ("train", "train_row_space", "test")
        }
        moves = wide["train"].index.to_numpy()
        options: dict[str, Any] = {"ls": line, "label": f"{mathtext(name)}, null space"}
        band(axes[0], moves, wide["train"].to_numpy(), color, **options)
        options = {"ls": line, "lw": 0.8, "label": f"{mathtext(name)}, row space"}
        band(axes[0], moves, wide["train_row_space"].to_numpy(), color, **options)
        test = wide["test"].to_numpy()
        start = test[np.abs(moves).argmin()]
        band(axes[1], moves, test / start, color, ls=line, label=mathtext(name))
    axes[0].set_ylim(-0.15, 4)
    axes[0].set_title("training error")
    axes[0].set_ylabel("share of the targets' mean square")
    axes[1].set_title("test error")
    axes[1].set_ylabel("multiple of that at the solution")
    for ax in axes:
        ax.set_xlabel("move, in norms of the solution")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return figure


def minimum_norm(results: Results) -> Figure:
    """How far each method ends from the minimum-norm solution."""
    table = results.table(question="minimum norm")
    path = results.table("l2_path")
    figure, axes = new(1, 2, 3.0, sharey=True)
    solvers = ["gradient descent", "momentum", "adam", "random start"]
    names = sets_of(results, table)
    for k, name in enumerate(names):
        part = table[table["data"] == name]
        for x, solver in enumerate(solvers):
            y = part.loc[part["solver"] == solver, "distance"].to_numpy()
            places = x + (k - 0.5) * 0.3 + np.linspace(-0.08, 0.08, len(y))
            marker = "os"[k % 2]
            axes[0].plot(places, np.maximum(y, 1e-17), marker, color=PALETTE[k], ms=3.5, alpha=0.7)
        wide = path[path["data"] == name].pivot(
            index="relative_strength", columns="repetition", values="distance"
        )
        options = {"marker": "os"[k % 2], "ls": ["-", "--"][k % 2], "label": mathtext(name)}
        band(axes[1], wide.index, wide.to_numpy(), PALETTE[k], **options)
    labels = ["descent", "momentum", "Adam", "random\nstart"]
    axes[0].set_xticks(range(len(solvers)), labels)
    axes[0].set_yscale("log")
    axes[0].set_ylabel("distance from pinv(X) y,\nshare of its norm")
    axes[0].set_title("descent from zero, and not")
    axes[1].set(xscale="log", xlabel="L2 strength, share of the largest eigenvalue")
    axes[1].invert_xaxis()
    axes[1].set_title("L2 → 0")
    axes[1].legend()
    return figure


def minimum_l1(results: Results) -> Figure:
    """How near the L1 path comes to basis pursuit, and with how many weights."""
    path = results.table("l1_path")
    path["problem"] = [
        mathtext(name) if k != k else f"{mathtext(name)}, {int(k)} true weights"
        for name, k in zip(path["data"], path["k"])
    ]
    figure, axes = new(1, 2, 3.0)
    for i, problem in enumerate(path["problem"].unique()):
        part = path[path["problem"] == problem]
        options = {"marker": "osD"[i % 3], "ls": ["-", "--", "-."][i % 3], "label": problem}
        for ax, column in zip(axes, ("excess_norm", "n_nonzero")):
            wide = part.pivot(index="relative_strength", columns="repetition", values=column)
            values = np.abs(wide.to_numpy())
            band(ax, wide.index, values, PALETTE[i], **options)
    axes[0].axhline(1e-6, color=GREY, lw=0.8)
    axes[0].set_yscale("log")
    axes[0].set_ylim(top=3)
    axes[0].set_ylabel("difference of the 1-norm from\nthe least one, a share")
    axes[1].set_ylabel("weights that are not zero")
    axes[1].set_ylim(bottom=0)
    for ax in axes:
        ax.set(xscale="log", xlabel="L1 strength, share of the all-zero one")
        ax.invert_xaxis()
    axes[0].legend(loc="lower left")
    return figure


def growth(results: Results) -> Figure:
    """Norm, angle and margin of gradient descent on separable classes, step by step."""
    table = results.table("growth")
    figure, axes = new(1, 3, 3.0)
    for k, name in enumerate(sets_of(results, table)):
        for l2, line in {0.0: "-", 0.03: ":"}.items():
            part = table[(table["data"] == name) & (table["l2"] == l2)]
            for ax, column in zip(axes, ("norm", "angle", "margin")):
                wide = part.pivot(index="step", columns="repetition", values=column)
                label = f"{mathtext(name)}, {'no penalty' if l2 == 0 else f'L2 {l2:g}'}"
                band(ax, wide.index, wide.to_numpy(), PALETTE[k], ls=line, label=label)
    axes[0].set_ylabel("norm of the weights")
    axes[1].set_ylabel("angle to the maximum-margin\ndirection (degrees)")
    axes[2].set_ylabel("margin / largest margin")
    axes[2].set_ylim(top=1)
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(bottom=0)
    for ax in axes:
        ax.set(xscale="log", xlabel="steps t")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return figure
