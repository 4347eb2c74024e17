"""A network with more parameters than rows is under-determined, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import Estimate, at_most, largest_spread_left, spread, worst
from ...escaping import mathtext
from ...reporting.drawing import PALETTE, legend, letters, ranges, sets_of
from ...study import Cell
from .setup import study, wave

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ...storing.results import Results

#: Units of the hidden layer and strength of L2.
HIDDEN = (64,)
L2 = 0.03
#: How a network is trained, and what a figure calls it.
TREATMENTS = {
    "none": "no penalty, L-BFGS",
    "l2": "L2, L-BFGS",
    "adam": "no penalty, Adam",
    "early stopping": "stopped early, Adam",
}
EPOCHS = 10_000


@study.experiment(data=["wave", "diabetes"], treatment=list(TREATMENTS))
def seeds(cell: Cell, treatment: str) -> dict[str, Any]:
    """One training set, another seed for the first weights in every repetition.

    With and without L2 the objective is minimised by L-BFGS until nothing is left to gain. Early
    stopping takes Adam's steps until rows of their own say stop, and is to be compared with as many
    steps of Adam as fit the rows: optimizers have preferences of their own.
    """
    from wellposed import NetRegressor

    data = cell.data
    settings: dict[str, Any] = {"solver": "lbfgs", "max_epochs": 5000}
    settings["tol"] = 1e-4 if treatment == "l2" else 1e-5
    if treatment in ("adam", "early stopping"):
        settings = {"solver": "adam", "learning_rate": 0.005, "max_epochs": EPOCHS}
        settings["batch_size"] = None
    if treatment == "early stopping":
        settings |= {"early_stopping": True, "n_iter_no_change": 100}
    net = NetRegressor(
        HIDDEN,
        activation="tanh",
        init="glorot",
        l2=L2 if treatment == "l2" else 0.0,
        random_state=cell.seed,
        **settings,
    )
    stop = {"X_val": data.X_val, "y_val": data.y_val} if treatment == "early stopping" else {}
    net.fit(data.X_train, data.y_train, **stop)
    prediction = net.predict(data.X_test)
    residual = net.predict(data.X_train) - data.y_train
    return {
        "prediction": prediction,
        "train_error": float(np.mean(residual**2) / np.var(data.y_train)),
        "test_error": float(np.mean((prediction - data.y_test) ** 2)),
        "n_parameters": sum(w.size for w in (*net.coefs_, *net.intercepts_)),
        "n_rows": len(data.y_train),
        "epochs": int(net.best_epoch_ or 0) if stop else net.n_iter_,
    }


@study.claim(
    "A network with more parameters than rows fits them from every seed that was tried.",
    at_most(1e-3),
    measured="largest training error, a share of the targets' variance",
    oracle="the rows themselves",
    source="7.3; Zhang 2017",
    row=7,
)
def network_interpolates(results: Results) -> Estimate:
    return worst(results["seeds"], "train_error", treatment="none")


@study.claim(
    "With {words} the seeds agree at least twice as well, on one training set.",
    at_most(0.5),
    name="agree-{treatment}",
    measured="spread over seeds, a share of that without: the largest over data sets",
    oracle="{oracle}",
    source="{source}",
    each=[
        {
            "treatment": "l2",
            "words": "L2",
            "without": "none",
            "oracle": "the same seeds without it, by L-BFGS as well",
            "source": "7.3; 7.1.1",
        },
        {
            "treatment": "early stopping",
            "words": "early stopping",
            "without": "adam",
            "oracle": "the same seeds after many more steps of Adam",
            "source": "7.3; 7.8",
        },
    ],
)
def agree(results: Results, treatment: str, without: str) -> Estimate:
    """Spread between seeds with a treatment over that without, root mean square over the test
    points; the larger of the data sets'."""
    table = results["seeds"].stacked("prediction")
    parts = {name: part.set_index("treatment") for name, part in table.groupby("data")}
    found = {name: part["prediction"] for name, part in parts.items()}
    return largest_spread_left({name: (P[treatment], P[without]) for name, P in found.items()})


@study.derived
def seed_spreads(results: Results) -> pd.DataFrame:
    """The `spread` of the predictions between seeds, one row a data set and treatment."""
    table = results["seeds"].stacked("prediction")
    return table.assign(spread=table["prediction"].map(spread))[["data", "treatment", "spread"]]


@study.figure(
    "Do networks that fit the same points agree in between?",
    alt="Four panels with the same twelve training points, which leave a gap in the middle, and "
    "the true wave. Without penalty and by L-BFGS the curves go through all points and differ "
    "widely between them; in the others, L2, Adam and Adam stopped early, they lie close "
    "together.",
    height=4.6,
    data="wave",
    name="seeds",
)
def fits(results: Results, figure: Figure) -> None:
    """Fits of one training set from several seeds, by each treatment."""
    data = results.data()
    predictions = _predictions(results, results.data_names[0])
    axes = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    x = data.X_test[:, 0]
    for ax, (treatment, title) in zip(axes, TREATMENTS.items()):
        ax.plot(x, predictions[treatment][:20].T, color=PALETTE[1], lw=0.7, alpha=0.6)
        ax.plot([], [], color=PALETTE[1], lw=1, label="one seed each")
        ax.plot(x, wave(x), color=PALETTE[6], lw=1.4, label="the truth")
        ax.plot(data.X_train[:, 0], data.y_train, "o", color=PALETTE[0], label="training rows")
        ax.set(title=title, xlabel="input", ylabel="output")
    for ax in axes[:2]:  # on narrow screens, where panels are one below the other, it is shown
        ax.xaxis.label.set_visible(False)
    for ax in axes[1::2]:
        ax.yaxis.label.set_visible(False)
    letters(axes)
    axes[0].set_ylim(-2.2, 2.2)
    legend(figure, axes[0], 3)


def _predictions(results: Results, name: str) -> dict[str, np.ndarray]:
    """Of every treatment the predictions (n_seeds, n_points) on a data set."""
    table = results["seeds"].stacked("prediction", data=name)
    return dict(zip(table["treatment"], table["prediction"]))


@study.figure(
    "How well-posed does a treatment make the problem, and how good?",
    alt="Points by treatment, no penalty and L2 by L-BFGS, no penalty and early stopping by Adam, "
    "for the wave and for a real table: in a the spread between seeds, in b the test error.",
    height=2.8,
)
def spreads(results: Results, figure: Figure) -> None:
    """Spread between seeds and test error by treatment."""
    cells = results["seeds"]
    treatments = list(TREATMENTS)
    axes = figure.subplots(1, 2)
    for k, name in enumerate(sets_of(cells)):
        x = np.arange(len(treatments)) + (k - 0.5) * 0.16
        between = results.table("seed_spreads", data=name).set_index("treatment")["spread"]
        options = {
            "color": PALETTE[k],
            "marker": "os"[k % 2],
            "ls": "",
            "ms": 6,
            "label": mathtext(name),
        }
        axes[0].plot(x, between.loc[treatments], **options)
        errors = cells.matrix("test_error", rows="treatment", data=name)
        ranges(axes[1], x, errors.loc[treatments].to_numpy(), **options)
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
    letters(axes)
    legend(figure, axes[0], 2)
