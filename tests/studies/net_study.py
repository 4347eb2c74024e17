"""A small study of networks that are trained side by side."""

# ruff: noqa: RUF012

from __future__ import annotations

from wellposed_studies.claims import Claim, at_least, jackknife
from wellposed_studies.loading.datasets import scikit_learn
from wellposed_studies.study import Grid, Study


def saved(results):
    errors = results.matrix("error", rows=["l2", "dropout"], solver="adam")
    ratio = errors.loc[(0.1, 0.0)].to_numpy() / errors.loc[(0.0, 0.0)].to_numpy()
    return jackknife(lambda i: float(1 - ratio[i].mean()), len(ratio))


class Nets(Study):
    title = "Networks"
    summary = "A network on a few rows of diabetes."
    data = {"diabetes": scikit_learn("diabetes")}
    factors = [Grid({"l2": [0.0, 0.1], "dropout": [0.0, 0.5], "solver": ["adam", "sgd"]})]
    repetitions = 12
    side_by_side = True
    claims = [Claim("saves", "L2 saves.", "share", at_least(-9.0), "off", "7.1", saved)]

    def measure(self, cell):
        from wellposed import NetRegressor

        y = (cell.data.y - 152) / 77
        rows = cell.rng("rows").permutation(len(y))
        train, test = rows[:60], rows[60:]
        net = NetRegressor(
            (16,), max_epochs=400, learning_rate=0.01, random_state=cell.seed, **cell.params
        )
        prediction = net.fit(cell.data.X[train], y[train]).predict(cell.data.X[test])
        return {"error": float(((prediction - y[test]) ** 2).mean()), "prediction": prediction}
