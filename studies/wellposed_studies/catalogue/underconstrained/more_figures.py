"""The figures on penalties and on the network, and the list of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import mean
from ...escaping import mathtext
from ...reporting.plotting import PALETTE
from .._drawing import absent, new
from . import figures
from .data import wave
from .evidence import spread
from .figures import GREY, sets_of
from .network import TREATMENTS
from .penalties import N_COLUMNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...storing.results import Results

PENALTIES = {"l1": (PALETTE[1], "D", "-."), "l2": (PALETTE[0], "s", "-")}


def filters(results: Results) -> Figure:
    """What L2 leaves of each coordinate, and what L1 leaves of each weight."""
    if "soft_thresholds" not in results.table_names:
        return absent(results, "diabetes")
    figure, axes = new(1, 2, 3.2)
    _shrinkage(axes[0], results)
    table = results.table("soft_thresholds")
    table = table[table["repetition"] == 0]
    strengths = sorted(table["relative_strength"].unique())[1:4]
    for i, strength in enumerate(strengths):
        part = table[table["relative_strength"] == strength]
        x = part["unpenalised"] / part["threshold"]
        y = part["weight"] / part["threshold"]
        axes[1].plot(x, y, "oD^"[i], color=PALETTE[i], label=f"α = {strength:g} of the largest")
    x = np.linspace(-4.3, 4.3, 161)
    soft = np.sign(x) * np.maximum(np.abs(x) - 1, 0)
    axes[1].plot(x, soft, color=GREY, lw=1, zorder=0, label="soft thresholding")
    axes[1].set(xlim=(-4.3, 4.3), ylim=(-3.4, 3.4), title="L1 on principal axes")
    axes[1].set_xlabel("unpenalised weight, in thresholds α / H")
    axes[1].set_ylabel("weight with L1, in thresholds")
    axes[1].legend(loc="upper left")
    return figure


def _shrinkage(ax: Axes, results: Results) -> None:
    table = results.table("shrinkage", data=sets_of(results, results.table("shrinkage"))[-1])
    table = table[table["repetition"] == 0]
    top = table["eigenvalue"].max()
    for i, strength in enumerate(sorted(table["relative_strength"].unique())[:4]):
        part = table[(table["relative_strength"] == strength) & (table["eigenvalue"] > 0)]
        part = part[part["unpenalised"].abs() > 1e-3 * part["unpenalised"].abs().max()]
        grid = np.geomspace(part["eigenvalue"].min(), top, 100)
        ax.plot(grid, grid / (grid + strength * top), color=PALETTE[i], lw=1)
        ratio = part["coordinate"] / part["unpenalised"]
        label = f"α = {strength:g} λ₁"
        ax.plot(part["eigenvalue"], ratio, "oD^s"[i], color=PALETTE[i], ms=3.5, label=label)
    ax.set(xscale="log", ylim=(-0.03, 1.05), title="L2 along eigenvectors")
    ax.set_xlabel("eigenvalue λ of the Hessian")
    ax.set_ylabel("coordinate, share of the unpenalised one")
    ax.legend(loc="lower right")


def sparsity(results: Results) -> Figure:
    """Excess error of L1 and L2 over the number of true weights, and what L1 selects."""
    figure, axes = new(1, 2, 3.0)
    for penalty, (color, marker, line) in PENALTIES.items():
        wide = results.matrix("excess_error", rows="k", question="sparsity", penalty=penalty)
        _with_interval(axes[0], wide.index, wide.to_numpy(), color, marker, line, penalty.upper())
    for column, (color, marker) in {
        "recall": (PALETTE[2], "o"),
        "precision": (PALETTE[3], "^"),
    }.items():
        wide = results.matrix(column, rows="k", question="sparsity", penalty="l1")
        words = {"recall": "true weights found", "precision": "found weights that are true"}
        look = (color, marker, "-", words[column])
        _with_interval(axes[1], wide.index, wide.to_numpy(), *look, bounds=(0, 1))
    axes[0].set_ylabel("squared distance from the true weights")
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylabel("share, with L1")
    axes[1].set_ylim(0, 1.05)
    for ax in axes:
        ax.set(xscale="log", xlabel=f"true weights that are not zero, of {N_COLUMNS}")
        ax.legend()
    return figure


def _with_interval(
    ax: Axes,
    x: Any,
    runs: np.ndarray,
    color: str,
    marker: str,
    line: str,
    label: str,
    bounds: tuple[float, float] | None = None,
) -> None:
    """The mean of `runs` (n_points, n_repetitions) and its 95 % interval, where there is one."""
    estimates = [mean(row, bounds) for row in runs]
    low, high = np.array([e.at(0.95) for e in estimates]).T
    low, high = (np.where(np.isfinite(end), end, np.nan) for end in (low, high))
    ax.plot(x, [e.value for e in estimates], line, color=color, marker=marker, label=label)
    ax.fill_between(x, low, high, color=color, alpha=0.18, lw=0)


def penalty_paths(results: Results) -> Figure:
    """Test error along the paths of both penalties on real tables."""
    table = results.table("penalty_path")
    names = sets_of(results, table)
    figure, axes = new(1, len(names), 3.0, squeeze=False)
    for ax, name in zip(axes[0], names):
        where = {"table": "penalty_path", "data": name}
        wide = results.matrix("test", rows=["path", "strength"], **where)
        none = float(wide.loc["none"].to_numpy().mean())
        regression = results.data(name).task == "regression"
        bounds = None if regression else (0.0, 1.0)
        ax.axhline(none, color=PALETTE[6], ls=":", label="no penalty")
        for penalty, (color, marker, line) in PENALTIES.items():
            part = wide.xs(penalty, level="path")
            look = (color, marker, line, penalty.upper())
            _with_interval(ax, part.index, part.to_numpy(), *look, bounds=bounds)
        ax.set_title(mathtext(name, 24))
        ax.set_ylabel("mean squared error" if regression else "share of wrong labels")
        ax.set(xscale="log", xlabel="strength, share of the strongest")
        ax.set_ylim(0, 1.15 * none if regression else None)
        ax.legend()
    return figure


def seeds(results: Results) -> Figure:
    """Fits of one training set from several seeds, by each treatment."""
    data = results.data("wave")
    predictions = _predictions(results, "wave")
    figure, axes = new(1, len(TREATMENTS), 2.6, sharex=True, sharey=True)
    x = data.X_test[:, 0]
    for ax, (treatment, title) in zip(axes, TREATMENTS.items()):
        ax.plot(x, predictions[treatment][:20].T, color=PALETTE[1], lw=0.7, alpha=0.6)
        ax.plot([], [], color=PALETTE[1], lw=1, label="one seed each")
        ax.plot(x, wave(x), color=PALETTE[6], lw=1.4, label="the truth")
        ax.plot(data.X_train[:, 0], data.y_train, "o", color=PALETTE[0], label="training rows")
        ax.set_title(title)
        ax.set_xlabel("input")
    axes[0].set_ylabel("output")
    axes[0].set_ylim(-2.2, 2.2)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _predictions(results: Results, name: str) -> dict[str, np.ndarray]:
    """Of every treatment the predictions (n_seeds, n_points) on a data set."""
    table = results.stacked("prediction", data=name, question="seeds")
    return dict(zip(table["treatment"], table["prediction"]))


def spreads(results: Results) -> Figure:
    """Spread between seeds and test error by treatment."""
    table = results.stacked("prediction", question="seeds")
    treatments = list(TREATMENTS)
    figure, axes = new(1, 2, 2.8)
    for k, name in enumerate(sets_of(results, table)):
        x = np.arange(len(treatments)) + (k - 0.5) * 0.16
        predictions = _predictions(results, name)
        options = {
            "color": PALETTE[k],
            "marker": "os"[k % 2],
            "ls": "",
            "ms": 6,
            "label": mathtext(name),
        }
        axes[0].plot(x, [spread(predictions[t]) for t in treatments], **options)
        errors = results.matrix("test_error", rows="treatment", question="seeds", data=name)
        low, middle, high = np.quantile(errors.loc[treatments], [0.1, 0.5, 0.9], axis=1)
        axes[1].errorbar(x, middle, [middle - low, high - middle], capsize=3, **options)
    axes[0].set_title("spread between seeds")
    axes[0].set_ylabel("standard deviation (root mean square)")
    axes[1].set_title("test error")
    axes[1].set_ylabel("mean squared error")
    for ax in axes:
        ax.set_yscale("log")
        ax.set_xticks(
            range(len(treatments)), [title.replace(" ", "\n") for title in TREATMENTS.values()]
        )
        ax.set_xlim(-0.5, len(treatments) - 0.5)
        ax.grid(axis="x", visible=False)
    axes[0].legend()
    return figure


FIGURES = {
    "geometry": figures.geometry,
    "valley": figures.valley,
    "minimum-norm": figures.minimum_norm,
    "minimum-l1": figures.minimum_l1,
    "filters": filters,
    "sparsity": sparsity,
    "penalty-paths": penalty_paths,
    "growth": figures.growth,
    "seeds": seeds,
    "spreads": spreads,
}
