"""What the studies say they found follows their tables, whichever way these turn out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from wellposed_studies.catalogue.bias_variance import known_truth, tables
from wellposed_studies.catalogue.bias_variance import page as bias_variance
from wellposed_studies.catalogue.bias_variance.setup import REGULARIZERS
from wellposed_studies.catalogue.underconstrained import page as underconstrained
from wellposed_studies.catalogue.underconstrained import penalties


def read(sentences: list[str]) -> list[str]:
    """Sentences with ordinary spaces."""
    return [sentence.replace("\u00a0", " ") for sentence in sentences]


class Tables:
    """As much of `Results` as sentences read."""

    def __init__(self, verdicts: pd.DataFrame | None = None, **tables: pd.DataFrame) -> None:
        self.verdicts, self.tables = verdicts, tables

    def table(self, name: str) -> pd.DataFrame:
        return self.tables[name]

    def __getitem__(self, experiment: str):
        return type("Experiment", (), {"table": lambda _: self.tables[experiment]})()

    def stand_in(self, name: str) -> str:
        return name


def trades(low: list[float], data: str = "diabetes", off: bool = False) -> pd.DataFrame:
    rows = [
        {"data": "synthetic", "loss": "squared", "regularizer": name, "chosen_is_off": False,
         "first": 0.3, "gain": end + 0.1, "low": end, "high": end + 0.2}
        for name, end in zip(REGULARIZERS, low)
    ]  # fmt: skip
    rows += [
        {"data": data, "loss": "log", "regularizer": name, "chosen_is_off": off,
         "first": first, "gain": 0.5, "low": 0.4, "high": 0.6}
        for name, first in (("l2", 0.2), ("dropout", 0.9))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def slopes(bias: float, variance: float) -> pd.DataFrame:
    ends = {"bias": bias, "variance": variance}
    return pd.DataFrame(
        [
            {"data": data, "component": part, "low_all": end - 0.1, "high_all": end + 0.1}
            for data in ("synthetic", "diabetes")
            for part, end in (ends if data == "diabetes" else {"bias": 1, "variance": -1}).items()
        ]
    )


def told(trades: pd.DataFrame, slopes: pd.DataFrame, verdict: str = "held") -> list[str]:
    """The findings of these tables, and of what is derived from them."""
    name = f"trade-pays-{trades['data'].iloc[-1]}-log"
    verdicts = pd.DataFrame(
        [{"claim": name, "verdict": verdict, "value": 0.5, "low": -0.1, "high": 0.8, "level": 0.99,
          "reason": "" if verdict == "held" else "undecided: the interval reaches across"}]
    )  # fmt: skip
    given = Tables(verdicts, trades=trades, slopes=slopes)
    given.tables["best_trades"] = tables.best_trades(given)
    given.tables["against_the_rule"] = tables.against_the_rule(given)
    return read(bias_variance.findings(given))


def test_trades_are_told_as_they_came_out():
    first, second, third = told(trades([0.1] * 6), slopes(1, -1))
    assert "all 6 regularizers save more variance" in first
    assert "error is 20 % to 20 % smaller" in first
    assert "saves 50 % (−10 % to 80 % at 99 %, dropout) of the log loss on diabetes" in second
    assert "0 of 2 slopes of bias and variance go the other way" in third
    _, open_still, _ = told(trades([0.1] * 6), slopes(1, -1), "failed")
    assert "(−10 % to 80 % at 99 %, dropout, undecided) of the log loss" in open_still
    turned = trades([0.1] * 4 + [-0.2, -0.05], "a*b", off=True)
    first, second, third = told(turned, slopes(-1, -1))
    assert "4 of 6 regularizers" in first
    assert "error is −10 % to 20 % smaller" in first
    assert "saves nothing of the log loss on [a&#42;b]{.given}" in second
    assert "1 of 2 slopes" in third


def test_without_a_real_table_nothing_is_said_of_one():
    known = trades([0.1] * 6)
    known = known[known["data"] == "synthetic"]
    drawn = slopes(1, -1)
    found = told(known, drawn[drawn["data"] == "synthetic"])
    assert len(found) == 2
    assert found[1].endswith("for every regularizer on the known truth.")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("held", "1 of 1 comparisons (L1 on [a&#42;b]{.given} saves 70 %"),
        ("failed", "0 of 1 comparisons: where"),
    ],
)
def test_which_solution_whether_a_penalty_pays_and_where_seeds_agree(verdict, words):
    cells = pd.DataFrame(
        {
            "data": "gaussian",
            "solver": ["gradient descent", "momentum", "adam", "adam"],
            "distance": [1e-12, 3e-11, 0.4, 0.6],
        }
    )
    spreads = pd.DataFrame(
        {
            "data": ["wave"] * 4 + ["a*b"] * 4,
            "treatment": ["none", "l2", "adam", "early stopping"] * 2,
            "spread": [1.0, 0.01, 1.0, 0.25, 2.0, 0.04, 0.5, 1.0],
        }
    )
    verdicts = pd.DataFrame(
        {"claim": ["l1-pays-diabetes"], "data": "a*b", "verdict": verdict, "value": [0.7]}
    )
    run = Tables(verdicts, minimum_norm=cells, seed_spreads=spreads)
    found = " ".join(read(underconstrained.findings(run)))
    seeds = (
        "L2 leaves 1 % on wave and 2 % on [a&#42;b]{.given}; early stopping leaves 25 % on "
        "wave and 200 %, more than there was, on [a&#42;b]{.given}."
    )
    for part in ["within 3 × 10⁻¹¹", "at least 40 %", words, seeds]:
        assert part in found


def test_where_weak_penalties_end_is_the_mean_over_training_sets():
    class Run(dict):
        def stand_in(self, name):
            return {"diabetes": "a"}[name]

        def __getitem__(self, name):
            rows = self.get(name)
            return type("Experiment", (), {"table": lambda _, **where: select(rows, where)})()

    def select(rows, where):
        for column, value in where.items():
            rows = rows[rows[column] == value]
        return rows

    run = Run(
        minimum_l1=pd.DataFrame({"data": ["a", "a", "b"], "test_minimum_l1": [1.0, 3.0, 9.0]}),
        minimum_norm=pd.DataFrame(
            {
                "data": ["a", "a", "a", "b"],
                "solver": ["momentum", "momentum", "adam", "momentum"],
                "test_error": [2.0, 6.0, 100.0, 7.0],
            }
        ),
    )
    found = penalties.weak_ends(run).set_index(["data", "penalty"])["test_error"]
    assert found.to_dict() == {("a", "l1"): 2.0, ("a", "l2"): 4.0}


def test_the_mean_of_networks_without_l2_is_compared_with_the_truth_at_both_ends():
    x = np.linspace(-1, 1, 5)[:, np.newaxis]
    lines = np.array([[2.0, 0.5, 0.0, 0.0, -4.0], [0.0, 0.5, 0.0, 0.2, -4.0]])
    fits = pd.DataFrame({"line": [lines]})

    class Run:
        def data(self, name):
            return Bunch(X_line=x, f_line=np.zeros(5))

        def __getitem__(self, name):
            return type("Experiment", (), {"stacked": lambda *_, **__: fits})()

    found = known_truth.missed(Run()).set_index("where")["distance"].to_dict()
    assert found == pytest.approx({"ends": 2.5, "middle": 0.5})
