"""What the study found, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...escaping import markdown
from ...reporting.markdown import number, percent
from .setup import study

if TYPE_CHECKING:
    from ...storing.results import Results


@study.findings
def findings(results: Results) -> list[str]:
    """Which solution the algorithms pick, whether penalties pay, and what makes seeds agree."""
    return [_which(results), _whether(results), _seeds(results)]


def _which(results: Results) -> str:
    cells = results["minimum_norm"].table()
    drawn = cells[cells["data"] == results.stand_in("gaussian")]
    worst = drawn.groupby("solver")["distance"].max()
    least = drawn.groupby("solver")["distance"].min()
    descent = max(worst["gradient descent"], worst["momentum"])
    return (
        "Of all weights that fit the rows exactly, gradient descent from zero finds those of least "
        f"norm (within {number(descent, 1)} of it on drawn rows), and Adam does not (at least "
        f"{percent(least['adam'])} of that norm away): which "
        "of them one gets depends on the algorithm."
    )


def _whether(results: Results) -> str:
    claims = results.verdicts.set_index("claim")
    rows = claims[claims.index.str.match(r"l[12]-pays-")]
    better: list[Any] = [row for row in rows.itertuples() if row.verdict == "held"]
    if rows.empty:
        return "No real table was run, on which a penalty could be compared with none."
    parts = [
        f"{str(row.Index).split('-')[0].upper()} on {markdown(row.data)} saves {percent(row.value)}"
        for row in better
    ]
    shown = f" ({'; '.join(parts)} of the test error)" if parts else ""
    return (
        f"On real tables a penalty beats descent without one in {len(better)} of {len(rows)} "
        f"comparisons{shown}: where the solution of least norm suits the data, there is little to "
        "gain."
    )


def _seeds(results: Results) -> str:
    l2, stopping = [], []
    for name, part in results.table("seed_spreads").groupby("data", sort=False):
        spreads = part.set_index("treatment")["spread"]
        on = f" on {markdown(name)}"
        l2.append(_left(spreads["l2"], spreads["none"]) + on)
        stopping.append(_left(spreads["early stopping"], spreads["adam"]) + on)
    return (
        "Of the disagreement between seeds in a network with more weights than rows, L2 "
        f"leaves {' and '.join(l2)}; early stopping leaves {' and '.join(stopping)}."
    )


def _left(treated: float, untreated: float) -> str:
    ratio = treated / max(untreated, 1e-12)
    return percent(ratio) + (", more than there was," if ratio > 1 else "")
