"""Which of infinitely many solutions does one get? Problems with more weights than rows.

What is measured is in `linear`, `penalties`, `separable` and `network`; data, claims and figures
are in the files of these names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ...study import Cell, Grid, Profile, Study, by_profile
from .claims import CLAIMS
from .data import DATA, widen
from .linear import geometry, l1_to_zero, l2_to_zero, minimum_norm, null_space
from .more_figures import FIGURES
from .network import TREATMENTS, seeds
from .penalties import penalty_path, shrinkage, soft_thresholds, sparsity
from .separable import growth

_MEASURES: dict[str, Callable[[Cell], dict[str, Any]]] = {
    "geometry": geometry,
    "null space": null_space,
    "minimum norm": minimum_norm,
    "l2 to zero": l2_to_zero,
    "minimum l1": l1_to_zero,
    "shrinkage": shrinkage,
    "soft thresholds": soft_thresholds,
    "sparsity": sparsity,
    "penalty path": penalty_path,
    "separable": growth,
    "seeds": seeds,
}
_LINEAR = ["gaussian", "diabetes"]


class Underconstrained(Study):
    """Rows 7 to 10 of the chapter's statements, with 2, 3 and 4."""

    title = "Which solution, when there are infinitely many?"
    summary = (
        "Problems with fewer rows than weights: the null space, the solutions of least 2-norm and "
        "1-norm, separable classes, what L1 and L2 select, and a network whose seeds disagree. On "
        "drawn problems, on diabetes with all squares and products, and on threes and eights."
    )
    version = 3
    minutes: ClassVar = {"quick": 3.0, "full": 70.0}
    data = DATA
    side_by_side = True
    max_rows = 10_000
    factors = (
        Grid({"question": "geometry"}, ["two-weights"]),
        Grid({"question": "null space"}, _LINEAR),
        Grid(
            {
                "question": "minimum norm",
                "solver": ["gradient descent", "momentum", "adam", "random start"],
            },
            _LINEAR,
        ),
        Grid({"question": "l2 to zero"}, _LINEAR),
        Grid({"question": "minimum l1", "k": [3, 60]}, ["gaussian"]),
        Grid({"question": "minimum l1"}, ["diabetes"]),
        Grid({"question": "shrinkage"}, _LINEAR),
        Grid({"question": "soft thresholds"}, ["diabetes"]),
        Grid(
            {
                "question": "sparsity",
                "k": by_profile(
                    quick=[2, 5, 15, 40, 100], full=[1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100]
                ),
                "penalty": ["l1", "l2"],
            },
            ["gaussian"],
        ),
        Grid({"question": "penalty path"}, ["diabetes", "digits"]),
        Grid(
            {
                "question": "separable",
                "l2": [0.0, 0.03],
                "steps": by_profile(quick=10_000, full=100_000),
            },
            ["separable", "digits"],
        ),
        Grid(
            {"question": "seeds", "treatment": list(TREATMENTS)},
            ["wave", "diabetes"],
        ),
    )
    repetitions = by_profile(quick=12, full=100)
    claims = CLAIMS
    figures = FIGURES

    def prepare(self, data: Any, rng: np.random.Generator, profile: Profile) -> Any:
        return widen(data, rng) if "y" in data else data

    def measure(self, cell: Cell) -> dict[str, Any]:
        return _MEASURES[cell.params["question"]](cell)
