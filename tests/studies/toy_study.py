"""A study that takes seconds and returns everything that a study can return."""

# ruff: noqa: RUF012

import os
import time

import numpy as np
import pandas as pd

from wellposed_studies.claims import Claim, at_least, at_most, exact, mean_difference, proportion
from wellposed_studies.loading.datasets import scikit_learn
from wellposed_studies.study import Data, Grid, Study, by_profile


def truth(rng, profile):
    """Eight points of a line, whose slope is drawn."""
    x = np.linspace(-1.0, 1.0, 8)
    return {"x": x, "f": rng.normal() * x}


def shrinkage(results):
    """Bias and variance at every point, from the stored predictions."""
    f = results.data("line").f
    rows = []
    for row in results.stacked("prediction", data="line").to_dict("records"):
        prediction = row["prediction"]
        bias = ((prediction.mean(0) - f) ** 2).mean()
        variance = prediction.var(0, ddof=1).mean()
        rows.append({"factor": row["factor"], "bias2": bias, "variance": variance})
    return pd.DataFrame(rows)


def variance_saved(results):
    errors = results.matrix("error", rows="factor", data="line")
    return mean_difference(errors.loc[1.0], errors.loc[0.5])


def rows_of_diabetes(results):
    return exact(len(results.data().y))


def share(results):
    return proportion(int((results.table()["error"] >= 0).sum()), len(results.table()))


class Toy(Study):
    title = "A toy"
    summary = "Noise shrunk by a factor."
    minutes = {"quick": 0.1, "full": 0.2}
    data = {
        "line": Data(truth, task="regression", synthetic=True),
        "diabetes": scikit_learn("diabetes"),
    }
    factors = [
        Grid({"factor": by_profile(quick=[0.0, 0.5, 1.0], full=[0.0, 0.25, 0.5, 1.0])}, ["line"]),
        Grid({"factor": 0.5, "size": [(4,), (4, 2)]}, ["diabetes"]),
    ]
    repetitions = by_profile(quick=40, full=60)
    claims = [
        Claim("saves", "Shrinking saves.", "difference", at_least(-9.0), "f", "s", variance_saved),
        Claim("rows", "Rows.", "rows", at_most(442), "count", "s", rows_of_diabetes, "diabetes"),
        Claim("share", "All.", "share", at_least(1.01), "count", "s", share),
        Claim("broken", "Broken.", "nothing", at_least(0), "-", "s", lambda results: 1 / 0),
    ]
    derived = {"decomposition": shrinkage}

    def prepare(self, data, rng, profile):
        if "X" in data:
            data["rows"] = rng.permutation(len(data.y))[:20]
        return data

    def measure(self, cell):
        if "TOY_SECONDS" in os.environ:
            time.sleep(float(os.environ["TOY_SECONDS"]))
        if os.environ.get("TOY_FAILS") == f"{cell.data_name}-{cell.repetition}":
            raise ZeroDivisionError("asked to fail")
        noise = cell.rng("noise").normal(size=8)
        if cell.data_name != "line":
            return {"error": float(cell.data.y[cell.data.rows].mean() * noise[0])}
        prediction = cell.params["factor"] * (cell.data.f + noise)
        curve = pd.DataFrame({"epoch": np.arange(3), "loss": np.cumsum(noise[:3])})
        return {
            "error": float(((prediction - cell.data.f) ** 2).mean()),
            "shrunk": cell.params["factor"] < 1,
            "prediction": prediction,
            "curve": curve,
        }
