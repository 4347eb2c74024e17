"""The study and its data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...loading.datasets import scikit_learn
from ...loading.wide import widen
from ...study import Data, Profile, Study, by_profile

#: Data of linear problems: drawn ones, and a real table made wide.
DRAWN = "gaussian"
LINEAR = [DRAWN, "diabetes"]


def two_weights(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    """One equation, ``w1 + 2 w2 = 2``, given twice, as an estimator wants two rows."""
    return {"X": np.array([[1.0, 2.0]] * 2), "target": np.array([2.0, 2.0])}


def gaussian(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    return {"n": 20, "p": 60}


def separable(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    return {"n": 30, "p": 60}


def wave(x: np.ndarray) -> np.ndarray:
    """The true function of one input."""
    return np.sin(np.pi * x / 2)


def noisy_wave(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    """Twelve noisy points with a gap in the middle, and as many elsewhere to stop by."""
    x = np.concatenate([np.linspace(-3, -0.8, 6), np.linspace(0.8, 3, 6)])
    x, x_val = x + rng.uniform(-0.1, 0.1, 12), rng.uniform(-3, 3, 12)
    grid = np.linspace(-3, 3, 201)
    return {
        "X_train": x[:, np.newaxis],
        "y_train": wave(x) + 0.2 * rng.normal(size=12),
        "X_val": x_val[:, np.newaxis],
        "y_val": wave(x_val) + 0.2 * rng.normal(size=12),
        "X_test": grid[:, np.newaxis],
        "y_test": wave(grid),
    }


def threes_and_eights(rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    """Images of the digits 3 and 8, which have more pixels that vary than training rows here."""
    digits = scikit_learn("digits").load(rng, profile)
    rows = np.isin(digits["y"], [3, 8])
    return {"X": digits["X"][rows], "y": (digits["y"][rows] == 8).astype("int64")}


study = Study(
    title="Which solution, when there are infinitely many?",
    summary=(
        "Problems with fewer rows than weights: the null space, the solutions of least 2-norm and "
        "1-norm, separable classes, what L1 and L2 select, and a network whose seeds disagree. On "
        "drawn problems, on diabetes with all squares and products, and on threes and eights."
    ),
    version=4,
    minutes={"quick": 3.0, "full": 70.0},
    data={
        "two-weights": Data(
            two_weights,
            task="regression",
            synthetic=True,
            source="one equation in two unknowns, given twice: an estimator wants two rows",
        ),
        "gaussian": Data(
            gaussian,
            task="regression",
            synthetic=True,
            source="20 rows of 60 independent standard normal inputs",
        ),
        "separable": Data(
            separable,
            task="classification",
            synthetic=True,
            source="30 rows of 60 standard normal inputs, labels by a linear rule",
        ),
        "wave": Data(
            noisy_wave,
            task="regression",
            synthetic=True,
            source="12 noisy points of sin(pi x / 2)",
        ),
        "diabetes": scikit_learn("diabetes"),
        "digits": Data(
            threes_and_eights,
            task="classification",
            source="scikit-learn's digits, threes and eights; Alpaydin and Kaynak 1998",
        ),
    },
    repetitions=by_profile(quick=12, full=100),
    side_by_side=True,
    max_rows=10_000,
)


@study.prepare
def prepare(data: Any, rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
    """A real table with more columns than a training set has rows."""
    return widen(data, rng)
