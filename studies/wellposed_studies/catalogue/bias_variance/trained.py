"""What is measured of a network in every setting, with training sets drawn in three ways."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...loading.training_sets import bootstrap as bootstrap_of_one
from ...loading.training_sets import draw as drawn_from_pool
from ...study import Cell, sweep
from .setup import N_TRAIN, STRENGTHS, draw, network, study

REAL = ["diabetes", "digits"]


@study.experiment(data="synthetic", settings=sweep(**STRENGTHS))
def independent(cell: Cell, regularizer: str, strength: float) -> dict[str, Any]:
    """Training sets that are drawn anew from the truth."""
    return trained(cell, regularizer, strength, *draw(cell.rng("training set"), N_TRAIN))


@study.experiment(data=REAL, settings=sweep(**STRENGTHS))
def subsample(cell: Cell, regularizer: str, strength: float) -> dict[str, Any]:
    """Training sets that are subsamples of a real table."""
    rows = drawn_from_pool(cell.data, cell.rng("training set"))
    return trained(cell, regularizer, strength, *rows)


@study.experiment(data=["synthetic", *REAL], settings=sweep(l2=STRENGTHS["l2"]))
def bootstrap(cell: Cell, regularizer: str, strength: float) -> dict[str, Any]:
    """Bootstraps of one training set."""
    rows = bootstrap_of_one(cell.data, cell.rng("training set"))
    return trained(cell, regularizer, strength, *rows)


def trained(
    cell: Cell, regularizer: str, strength: float, X: np.ndarray, y: np.ndarray
) -> dict[str, Any]:
    """A network's predictions at the test points, and its errors where the truth is known."""
    data = cell.data
    net = network(data.task, regularizer, strength, cell.seed).fit(X, y)
    if data.task == "classification":
        probability = np.zeros((len(data.X_test), data.n_classes))
        probability[:, net.classes_] = net.predict_proba(data.X_test)
        return {"probability": probability, "train_loss": net.loss_}
    prediction = net.predict(data.X_test)
    measured = {
        "prediction": prediction,
        "train_loss": float(np.mean((net.predict(X) - y) ** 2)),
    }
    if "f_test" in data:
        fresh = cell.rng("test noise").normal(size=len(prediction)) * data.noise**0.5
        measured["fresh_error"] = float(np.mean((prediction - data.f_test - fresh) ** 2))
        measured["line"] = net.predict(data.X_line)
    return measured
