"""What the studies measured and how claims were judged when these numbers were written down.

Run as a script it writes them anew, which is for a change that means to change results.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wellposed_studies.claims import (
    Axis,
    Estimate,
    at_least,
    choose_then_test,
    extreme,
    jackknife,
    least_mean,
    least_share,
    mean,
    mean_difference,
    proportion,
    relative_change,
    relative_slope,
    saved_by_best,
    share_saved,
    too_much_hurts,
)
from wellposed_studies.judging.verdicts import holm, p_value
from wellposed_studies.loading.data import Selection
from wellposed_studies.running.measuring import Measure
from wellposed_studies.running.plan import PlannedCell, make_plan
from wellposed_studies.running.threads import one_thread

PINNED = Path(__file__).with_suffix(".json")


def cells_of(study: str) -> dict[str, PlannedCell]:
    """One cell of each experiment on each of its data sets, by name."""
    found: dict[str, list[PlannedCell]] = {}
    for cell in make_plan(Selection(study, "quick", 0)).cells:
        found.setdefault(f"{study} {cell.experiment} {cell.data_name}", []).append(cell)
    return {name: cells[len(cells) // 3 + 1] for name, cells in found.items()}


def numbers(study: str, cell: PlannedCell) -> dict[str, float]:
    """What a cell measures: numbers as they are, of arrays and columns the sum."""
    with one_thread():
        measured = Measure(Selection(study, "quick", 0))(cell).measured
    assert measured is not None
    sums: dict[str, float] = {}
    for name, value in measured.items():
        parts = {name: value}
        if isinstance(value, pd.DataFrame):
            parts = {f"{name}.{c}": value[c].to_numpy() for c in value if value[c].dtype != "str"}
        sums |= {part: float(np.sum(np.asarray(v, dtype=float))) for part, v in parts.items()}
    return sums


TABLE = np.array([[5.0, 4.5, 6.0, 5.5, 5.2, 4.8], [4.0, 4.2, 5.1, 4.1, 4.4, 4.0]])
TABLE = np.vstack([TABLE, [4.4, 4.1, 5.6, 4.9, 4.3, 4.7], [7.0, 6.0, 7.5, 6.8, 7.7, 6.1]])


def axis(regularizer: str, shift: float) -> Axis:
    """The table as the errors at four strengths, off first."""
    frames = [
        pd.DataFrame(
            {"repetition": range(6), "error": row + shift * k, "bias": row / (k + 1)}
        ).assign(strength=float(k), regularizer=regularizer if k else "none")
        for k, row in enumerate(TABLE)
    ]
    return Axis.of(pd.concat(frames), regularizer)


ESTIMATES: dict[str, Callable[[], Estimate]] = {
    "mean": lambda: mean(TABLE[0]),
    "mean of shares": lambda: mean([1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0], bounds=(0, 1)),
    "mean difference": lambda: mean_difference(TABLE[0], TABLE[1]),
    "proportion": lambda: proportion(11, 12),
    "extreme": lambda: extreme(TABLE[2]),
    "jackknife": lambda: jackknife(lambda i: TABLE[:, i].mean(axis=1).max(), 6, of=4),
    "share saved": lambda: share_saved(TABLE[0], TABLE[1]),
    "relative change": lambda: -relative_change(TABLE[1], TABLE[0]),
    "least mean": lambda: least_mean(TABLE[1:] - TABLE[0]),
    "least share": lambda: least_share(TABLE[2:], TABLE[:2]),
    "saved by chosen": lambda: axis("l2", 0.1).saved_by_chosen(),
    "saved by best": lambda: saved_by_best([axis("l2", 0.1), axis("dropout", -0.2)]),
    "too much hurts": lambda: too_much_hurts([axis("l2", 0.1), axis("dropout", -0.2)]),
    "relative slope": lambda: relative_slope([axis("l2", 0.1), axis("dropout", 0.0)], {"bias": -1}),
}


def judged(name: str) -> list[float]:
    """An estimate's value, its interval at two levels, and the p-value of being positive."""
    estimate = ESTIMATES[name]()
    ends = [*estimate.at(0.95), *estimate.at(0.995)]
    return [estimate.value, *ends, p_value(estimate, at_least(0)), estimate.n, estimate.of]


def pinned() -> dict[str, Any]:
    return json.loads(PINNED.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("study", ["bias-variance", "underconstrained"])
def test_cells_measure_what_they_measured(study: str) -> None:
    for name, cell in cells_of(study).items():
        assert numbers(study, cell) == pytest.approx(pinned()["cells"][name], rel=1e-9), name


@pytest.mark.parametrize("name", ESTIMATES)
def test_claims_are_judged_as_they_were(name: str) -> None:
    assert judged(name) == pytest.approx(pinned()["claims"][name], rel=1e-9)


def test_levels_are_those_that_they_were() -> None:
    levels = [level for _, level in holm([0.001, 1e-6, 0.2, 1e-6, 0.012])]
    assert levels == pytest.approx(pinned()["levels"], rel=1e-12)
    assert choose_then_test(TABLE)[0] == 1


if __name__ == "__main__":
    studies = ("bias-variance", "underconstrained")
    record = {
        "cells": {n: numbers(s, c) for s in studies for n, c in cells_of(s).items()},
        "claims": {name: judged(name) for name in ESTIMATES},
        "levels": [level for _, level in holm([0.001, 1e-6, 0.2, 1e-6, 0.012])],
    }
    PINNED.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
