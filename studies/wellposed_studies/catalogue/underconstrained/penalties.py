"""When each penalty predicts better: statement 4, and penalties on real tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims import Estimate, at_least, choose_then_test, mean, relative_change
from ...escaping import mathtext
from ...reporting.drawing import PALETTE, legend, letters, means, sets_of
from ...study import Cell, by_profile
from .data import linear_problem
from .linear import classifier, curvature, mse, regressor
from .setup import DRAWN, study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...storing.results import Results

#: Strengths of the paths on real tables, relative to the strongest.
RELATIVE = tuple(np.logspace(0, -3, 9).round(6))

#: The grid of true sparsity: rows, columns, standard deviation of the noise.
N_ROWS, N_COLUMNS, NOISE = 50, 100, 0.3

#: Colour, marker and line of each penalty.
PENALTIES = {"l1": (PALETTE[1], "D", "-."), "l2": (PALETTE[0], "s", "-")}


@study.experiment(
    data=DRAWN,
    k=by_profile(quick=[2, 5, 15, 40, 100], full=[1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100]),
    penalty=["l1", "l2"],
)
def sparsity(cell: Cell, k: int, penalty: str) -> dict[str, Any]:
    """Row 4: L1 or L2 at its best strength, on a truth of which `k` weights are not zero.

    The strength is chosen on 300 rows of their own. The truth has norm 1 and the inputs unit
    covariance, so the excess error is the squared distance of the weights from the truth.
    """
    rng = cell.rng("training set")
    truth = np.zeros(N_COLUMNS)
    truth[rng.permutation(N_COLUMNS)[:k]] = rng.choice([-1.0, 1.0], k) / np.sqrt(k)
    X, X_val = rng.normal(size=(N_ROWS, N_COLUMNS)), rng.normal(size=(300, N_COLUMNS))
    y = X @ truth + NOISE * rng.normal(size=len(X))
    y_val = X_val @ truth + NOISE * rng.normal(size=len(X_val))
    net = regressor(solver="lbfgs", tol=1e-6, max_epochs=2000, warm_start=True)
    weights = [
        net.set_params(**{penalty: strength}).fit(X, y).coef_.copy()
        for strength in strengths(penalty, X, y)
    ]
    w = min(weights, key=lambda w: mse(X_val, w, y_val))
    true = truth != 0
    return {
        "excess_error": float(((w - truth) ** 2).sum()),
        "recall": float((w != 0)[true].mean()),
        "precision": float(true[w != 0].mean()) if w.any() else 1.0,
        "n_nonzero": int((w != 0).sum()),
    }


def strengths(penalty: str, X: np.ndarray, y: np.ndarray, n: int = 9) -> np.ndarray:
    """Strengths from strong to weak: to a thousandth of what makes all weights zero (l1), or of
    ten times the largest eigenvalue (l2)."""
    top = np.abs(X.T @ y).max() / len(X) if penalty == "l1" else 10 * curvature(X)
    return top * np.logspace(0, -3, n)


@study.claim(
    "Where the truth is sparse, L1 predicts better than L2.",
    at_least(0.01),
    measured="excess error saved at the sparsest truth, a share",
    oracle="the true weights",
    source="7.1.2; Tibshirani 1996",
    row=4,
    data=DRAWN,
)
def sparse_truth(results: Results) -> Estimate:
    errors, k = _excess_errors(results)
    return -relative_change(errors.loc[(k.min(), "l1")], errors.loc[(k.min(), "l2")])


@study.claim(
    "Where the truth is dense, L2 predicts better than L1.",
    at_least(0.01),
    measured="excess error saved at the densest truth, a share",
    oracle="the true weights",
    source="7.1; Tibshirani 1996",
    row=4,
    data=DRAWN,
)
def dense_truth(results: Results) -> Estimate:
    errors, k = _excess_errors(results)
    return -relative_change(errors.loc[(k.max(), "l2")], errors.loc[(k.max(), "l1")])


def _excess_errors(results: Results) -> Any:
    """Excess errors by sparsity and penalty, and the sparsities."""
    errors = results["sparsity"].matrix("excess_error", rows=["k", "penalty"])
    return errors, errors.index.get_level_values("k")


@study.claim(
    "L1 at the strength that predicts best keeps the weights that matter.",
    at_least(0.9),
    measured="share of the true non-zeros that it finds, at the sparsest truth",
    oracle="the true weights",
    source="7.1.2; Tibshirani 1996",
    row=4,
    data=DRAWN,
)
def support_found(results: Results) -> Estimate:
    """Mean share of the true non-zeros that L1 finds, at the sparsest truth."""
    recall = results["sparsity"].matrix("recall", rows="k", penalty="l1")
    return mean(recall.iloc[0].to_numpy(), bounds=(0, 1))


@study.figure(
    "When is L1 the better choice?",
    alt="In a, the error of L1 is small where few weights matter and rises with their number; "
    "that of L2 does not depend on it much, and the lines cross. In b, the share of true weights "
    "that L1 finds falls with their number, the share of its weights that are true rises.",
    name="sparsity",
)
def which_when(results: Results, figure: Figure) -> None:
    """Excess error of L1 and L2 over the number of true weights, and what L1 selects."""
    axes, cells = figure.subplots(1, 2), results["sparsity"]
    for penalty, (color, marker, line) in PENALTIES.items():
        wide = cells.matrix("excess_error", rows="k", penalty=penalty)
        look: dict[str, Any] = {"marker": marker, "ls": line, "label": penalty.upper()}
        means(axes[0], wide.index, wide.to_numpy(), color, **look)
    for column, (color, marker) in {
        "recall": (PALETTE[2], "o"),
        "precision": (PALETTE[3], "^"),
    }.items():
        wide = cells.matrix(column, rows="k", penalty="l1")
        words = {"recall": "true weights found", "precision": "found weights that are true"}
        look = {"marker": marker, "label": words[column]}
        means(axes[1], wide.index, wide.to_numpy(), color, (0, 1), **look)
    axes[0].set_ylabel("squared distance from the true weights")
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylabel("share, with L1")
    axes[1].set_ylim(0, 1.05)
    axes[0].set_title("error at the best strength")
    axes[1].set_title("selection by L1")
    letters(axes)
    for ax in axes:
        ax.set(xscale="log", xlabel=f"true weights that are not zero, of {N_COLUMNS}")
        ax.legend()


@study.experiment(data=["diabetes", "digits"])
def penalty_path(cell: Cell) -> dict[str, Any]:
    """Test error on a real table along the strengths of both penalties, and with neither.

    Regression: mean squared error. Classification: share of wrong labels. Neither is what
    gradient descent from zero has reached after 4000 steps.
    """
    import pandas as pd

    problem = linear_problem(cell)
    X, y = problem["X"], problem["y"]
    error = _test_error(problem, _unpenalised(cell.data.task, X))
    rows = [{"path": "none", "strength": 0.0, "test": error}]
    for penalty in ("l1", "l2"):
        net = _penalised(cell.data.task)
        for relative_strength, strength in zip(RELATIVE, strengths(penalty, X, y, len(RELATIVE))):
            error = _test_error(problem, net.set_params(**{penalty: strength}))
            rows.append({"path": penalty, "strength": relative_strength, "test": error})
    return {"penalty_path": pd.DataFrame(rows)}


def _unpenalised(task: str, X: np.ndarray) -> Any:
    """Heavy ball from zero for regression, plain gradient descent for classes."""
    make, smoothness = (regressor, 1.0) if task == "regression" else (classifier, 0.25)
    step = 1 / (smoothness * curvature(X))
    return make(solver="sgd", learning_rate=step, max_epochs=4000)


def _penalised(task: str) -> Any:
    make = regressor if task == "regression" else classifier
    return make(solver="lbfgs", tol=1e-5, max_epochs=5000, warm_start=True)


def _test_error(problem: dict[str, np.ndarray], net: Any) -> float:
    net.fit(problem["X"], problem["y"])
    prediction, y = net.predict(problem["X_test"]), problem["y_test"]
    if hasattr(net, "classes_"):
        return float(np.mean(prediction != y))
    return float(np.mean((prediction - y) ** 2))


@study.claim(
    "On {title}, {word} predicts better than no penalty: for rows drawn from this table, on its "
    "other rows.",
    at_least(0.01),
    name="{penalty}-pays-{data}",
    measured="share of the test error saved, at a strength chosen on other repetitions",
    oracle="gradient descent from zero on the same rows",
    source="7.3",
    data="{data}",
    each=[
        {"data": data, "title": title, "penalty": penalty, "word": penalty.upper()}
        for data, title in (
            ("diabetes", "a real table of numbers"),
            ("digits", "a real table of classes"),
        )
        for penalty in PENALTIES
    ],
)
def penalty_pays(results: Results, penalty: str) -> Estimate:
    """Test error that a penalty saves over none, a share, at the strength that the first half of
    the repetitions chose."""
    table = results["penalty_path"].matrix("test", rows=["path", "strength"], table="penalty_path")
    chosen, tested = choose_then_test(table.loc[[penalty]].to_numpy())
    none = table.loc[["none"]].to_numpy()[0, -tested.shape[1] :]
    return -relative_change(tested[chosen], none)


@study.figure(
    "And on real tables, where nobody knows how sparse the truth is?",
    alt="A panel for each real table: test error against the strength of L1 and of L2, with a "
    "dotted line for no penalty. For a regression one more panel goes down to strengths of a "
    "billionth: L2 rises to the error of the solution of least 2-norm, L1 to that of least 1-norm.",
)
def penalty_paths(results: Results, figure: Figure) -> None:
    """Test error along the paths of both penalties on real tables, and where they end."""
    cells = results["penalty_path"]
    names = sets_of(cells)
    regressions = [name for name in names if results.data(name).task == "regression"]
    axes = figure.subplots(1, len(names) + len(regressions), squeeze=False)[0]
    for ax, name in zip(axes, names):
        where = {"table": "penalty_path", "data": name}
        wide = cells.matrix("test", rows=["path", "strength"], **where)
        none = float(wide.loc["none"].to_numpy().mean())
        regression = name in regressions
        bounds = None if regression else (0.0, 1.0)
        for penalty, (color, marker, line) in PENALTIES.items():
            part = wide.xs(penalty, level="path")
            look = {"marker": marker, "ls": line, "label": penalty.upper()}
            means(ax, part.index, part.to_numpy(), color, bounds, **look)
        ax.axhline(none, color=PALETTE[6], ls=":", label="no penalty")
        ax.set_title(mathtext(name, 24))
        ax.set_ylabel("mean squared error" if regression else "share of wrong labels")
        ax.set(xscale="log", xlabel="strength, share of the strongest")
        ax.set_ylim(0, 1.25 * none if regression else None)
    for ax, name in zip(axes[len(names) :], regressions):
        _to_zero(ax, results, name)
    letters(axes)
    legend(figure, axes[0], 3)


def _to_zero(ax: Axes, results: Results, name: str) -> None:
    """Both penalties down to the least strengths, and the solutions that they approach."""
    ends = results.table("weak_ends", data=name).set_index("penalty")["test_error"].to_dict()
    for penalty, experiment in {"l1": "minimum_l1", "l2": "l2_to_zero"}.items():
        color, marker, line = PENALTIES[penalty]
        table = results[experiment].table(f"{penalty}_path", data=name)
        means_of = table.groupby("relative_strength")[["test"]].mean()
        ax.plot(means_of.index, means_of["test"], color=color, ls=line, marker=marker, ms=3.5)
        ax.axhline(ends[penalty], color=color, lw=0.8, zorder=1)
        above = ends[penalty] == max(ends.values())
        ax.annotate(
            f"least {penalty[1]}-norm", (0, ends[penalty]), (3, 4 if above else -4),
            xycoords=("axes fraction", "data"), textcoords="offset points", color=color,
            va="bottom" if above else "top",
        )  # fmt: skip
    ax.set(xscale="log", ylim=(0, 1.25 * max(ends.values())))
    ax.set(xlabel="strength, relative", ylabel="mean squared error")
    ax.set_title(f"{mathtext(name, 12)}, to zero")


@study.derived
def weak_ends(results: Results) -> pd.DataFrame:
    """Mean test errors of the solutions of least 1-norm and least 2-norm on the real table: where
    L1 and L2 end as their strengths go to zero, on the training sets of `penalty_path`."""
    import pandas as pd

    name = results.stand_in("diabetes")
    if name is None:
        return pd.DataFrame(columns=["data", "penalty", "test_error"])
    l1 = results["minimum_l1"].table(data=name)["test_minimum_l1"]
    l2 = results["minimum_norm"].table(data=name, solver="momentum")["test_error"]
    errors = [float(l1.mean()), float(l2.mean())]
    return pd.DataFrame({"data": name, "penalty": list(PENALTIES), "test_error": errors})


@study.derived
def noisy_problems(results: Results) -> pd.DataFrame:
    """The size of the problems of `sparsity`, and the standard deviation of their noise."""
    import pandas as pd

    return pd.DataFrame([{"n_rows": N_ROWS, "n_columns": N_COLUMNS, "noise": NOISE}])
