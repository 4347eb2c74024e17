"""A study that takes seconds and returns everything that an experiment can return."""

import os
import time

import numpy as np
import pandas as pd

from wellposed_studies import Data, Study, by_profile, scikit_learn
from wellposed_studies.claims import at_least, at_most, exact, mean_difference, proportion


def line(rng, profile):
    """Eight points of a line, whose slope is drawn."""
    x = np.linspace(-1.0, 1.0, 8)
    return {"x": x, "f": rng.normal() * x}


study = Study(
    title="A toy",
    summary="Noise shrunk by a factor.",
    minutes={"quick": 0.1, "full": 0.2},
    data={
        "line": Data(line, task="regression", synthetic=True),
        "diabetes": scikit_learn("diabetes"),
    },
    repetitions=by_profile(quick=40, full=60),
)


@study.prepare
def prepare(data, rng, profile):
    data["rows"] = rng.permutation(len(data.y))[:20]
    return data


@study.experiment(data="line", factor=by_profile(quick=[0.0, 0.5, 1.0], full=[0.0, 0.25, 0.5, 1.0]))
def shrunk(cell, factor):
    _as_asked(cell)
    noise = cell.rng("noise").normal(size=8)
    prediction = factor * (cell.data.f + noise)
    return {
        "error": float(((prediction - cell.data.f) ** 2).mean()),
        "shrunk": factor < 1,
        "prediction": prediction,
        "curve": pd.DataFrame({"epoch": np.arange(3), "loss": np.cumsum(noise[:3])}),
    }


@study.experiment(data=["diabetes"], factor=0.5, size=[(4,), (4, 2)])
def real(cell, factor, size):
    _as_asked(cell)
    noise = cell.rng("noise").normal(size=8)
    return {"error": float(cell.data.y[cell.data.rows].mean() * noise[0])}


def _as_asked(cell):
    """What tests want of cells: that they take long, or fail."""
    if "TOY_SECONDS" in os.environ:
        time.sleep(float(os.environ["TOY_SECONDS"]))
    if os.environ.get("TOY_FAILS") in ("all", f"{cell.data_name}-{cell.repetition}"):
        raise ZeroDivisionError("asked to fail")


@study.derived
def decomposition(results):
    """Bias and variance at every point, from the stored predictions."""
    f = results.data("line").f
    rows = []
    for row in results["shrunk"].stacked("prediction").to_dict("records"):
        prediction = row["prediction"]
        bias = ((prediction.mean(0) - f) ** 2).mean()
        variance = prediction.var(0, ddof=1).mean()
        rows.append({"factor": row["factor"], "bias2": bias, "variance": variance})
    return pd.DataFrame(rows)


@study.claim(
    "Shrinking saves.", at_least(-9.0), measured="difference", oracle="f", source="s", row=29
)
def saves(results):
    errors = results["shrunk"].matrix("error", rows="factor")
    return mean_difference(errors.loc[1.0], errors.loc[0.5])


@study.claim("Rows.", at_most(442), measured="rows", oracle="count", source="s", data="diabetes")
def rows(results):
    return exact(len(results.data().y))


@study.claim("All.", at_least(1.01), measured="share", oracle="count", source="s")
def share(results):
    errors = np.concatenate([results[name].table()["error"] for name in ("shrunk", "real")])
    return proportion(int((errors >= 0).sum()), len(errors))


@study.claim("Broken.", at_least(0), measured="nothing", oracle="-", source="s")
def broken(results):
    return 1 / 0
