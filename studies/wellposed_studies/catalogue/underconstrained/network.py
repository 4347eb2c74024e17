"""A network with more parameters than rows is under-determined, too."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...study import Cell

#: Units of the hidden layer and strength of L2.
HIDDEN = (64,)
L2 = 0.03
#: How a network is trained, and what a figure calls it.
TREATMENTS = {
    "none": "no penalty,\nL-BFGS",
    "l2": "L2,\nL-BFGS",
    "adam": "no penalty,\nAdam",
    "early stopping": "stopped early,\nAdam",
}
EPOCHS = 10_000


def seeds(cell: Cell) -> dict[str, Any]:
    """One training set, another seed for the first weights in every repetition.

    With and without L2 the objective is minimised by L-BFGS until nothing is left to gain. Early
    stopping takes Adam's steps until rows of their own say stop, and is to be compared with as many
    steps of Adam as fit the rows: optimizers have preferences of their own.
    """
    from wellposed import NetRegressor

    data, treatment = cell.data, cell.params["treatment"]
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
