"""What the study found, in words, and the fits that its report lets a reader step through."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import TYPE_CHECKING, Any

from ...claims import word
from ...escaping import markdown
from ...reporting.markdown import number, percent
from ...reporting.standing import standing
from .setup import REGULARIZERS, study
from .tables import Place, axis_at, estimates

if TYPE_CHECKING:
    import pandas as pd

    from ...storing.results import Results

#: Fits to draw at each strength, and digits of their coordinates.
N_LINES, DIGITS = 30, 3


@study.findings
def findings(results: Results) -> list[str]:
    """Whether the trade paid on the known truth and on real tables, and what else moved."""
    rule = _rule(results.table("slopes"), results.table("against_the_rule"))
    claims = {row["claim"]: row for row in results.verdicts.to_dict("records")}
    on_tables = _on_tables(results.table("best_trades"), claims)
    return [_on_the_truth(results.table("trades")), *on_tables, rule]


def _on_the_truth(trades: pd.DataFrame) -> str:
    rows = trades[trades["data"] == "synthetic"]
    pays = rows[rows["low"] > 0]
    gain = rows["gain"].agg(["min", "max"])
    return (
        f"Where the truth is known, {_how_many(len(pays), len(REGULARIZERS))} regularizers save "
        "more variance than they pay in bias: at strengths chosen on other training sets the "
        f"error is {percent(gain['min'])} to {percent(gain['max'])} smaller."
    )


def _on_tables(best: pd.DataFrame, claims: Mapping[str, Any]) -> list[str]:
    """What was saved on each real table, with the interval that its claim is judged by."""
    parts = []
    rows: list[Any] = [*best[best["data"] != "synthetic"].itertuples()]
    for row in rows:
        claim = claims[f"trade-pays-{row.data}-{row.loss.replace('_', '-')}"]
        found = standing(claim)
        judged = "" if found == "held" else f", {found}"
        level = f"{100 * claim['level']:.4g}\u00a0%"
        interval = f"{percent(claim['low'])} to {percent(claim['high'])} at {level}"
        gain = f"{percent(claim['value'])} ({interval}, {word(row.regularizer)}{judged})"
        if row.chosen_is_off or isnan(claim["value"]):
            gain = "nothing" if row.chosen_is_off else "an untested share"
        parts.append(f"{gain} of the {word(row.loss)} on {markdown(row.data)}")
    if not parts:
        return []
    return [f"On real tables the regularizer that was chosen beforehand saves {_listed(parts)}."]


def _rule(slopes: pd.DataFrame, wrong: pd.DataFrame) -> str:
    """How often "more regularization, more bias, less variance" is contradicted."""
    n_real = int((slopes["data"] != "synthetic").sum())
    n_wrong = int((wrong["data"] != "synthetic").sum())
    known = len(wrong) - n_wrong
    where = f"wrong {known} times" if known else "right for every regularizer"
    opening = (
        f"That more regularization raises bias and lowers variance is {where} on the known truth"
    )
    if not n_real:
        return f"{opening}."
    return (
        f"{opening}; on real tables {n_wrong} of {n_real} slopes of bias and variance go the other "
        "way, with intervals that hold for all of them together."
    )


def _how_many(n: int, of: int) -> str:
    return f"all {of}" if n == of else f"{n} of {of}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


@study.slider("fits")
def slider(results: Results) -> dict[str, Any]:
    """Fits on the synthetic data along the first input, from L2 off to its strongest."""
    data = results.data("synthetic")
    place = Place("synthetic", "squared", "independent")
    axis = axis_at(results, place, "l2")
    steps = []
    for name, strength in axis.settings:
        setting = {"data": "synthetic", "regularizer": name, "strength": strength}
        lines = results["independent"].stacked("line", **setting)["line"].iloc[0]
        steps.append(
            {
                "label": "off" if name == "none" else number(strength, 2),
                "lines": [line.round(DIGITS).tolist() for line in lines[:N_LINES]],
                "mean": lines.mean(axis=0).round(DIGITS).tolist(),
            }
        )
    components = {"error": "error", "bias²": "bias", "variance": "variance", "noise": "noise"}
    return {
        "parameter": "strength of L2",
        "x_label": "first input, others at 0",
        "y_label": "prediction",
        "curve_label": "squared error",
        "x": data.X_line[:, 0].round(DIGITS).tolist(),
        "truth": data.f_line.round(DIGITS).tolist(),
        "steps": steps,
        "curves": {
            shown: estimates(results, place, axis, name)["estimate"].round(5).tolist()
            for shown, name in components.items()
        },
    }
