"""How a claim stands: held, contradicted, undecided or not run; and what is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Standing = Literal["held", "contradicted", "undecided", "not run"]
STANDINGS: tuple[Standing, ...] = ("held", "contradicted", "undecided", "not run")

#: Told apart by sign as well as by colour.
SIGNS: dict[Standing, str] = {"held": "●", "contradicted": "✕", "undecided": "○", "not run": "–"}


def standing(row: Mapping[Any, Any]) -> Standing:
    """How the claim in a row of a verdicts table stands.

    Examples
    --------
    >>> standing({"verdict": "failed", "value": 1.0, "reason": "undecided: the interval ..."})
    'undecided'
    """
    if row["verdict"] != "failed":
        return "held" if row["verdict"] == "held" else "not run"
    open_still = row["reason"].startswith("undecided") or row["value"] != row["value"]
    return "undecided" if open_still else "contradicted"


def too_few(row: Mapping[Any, Any]) -> str:
    """Why a claim is undecided although what was measured is the best there can be; else "".

    A value with a bound, such as a share, is at the end of its interval only where it is at the
    bound: then no outcome of so many repetitions would have made the claim hold.

    Examples
    --------
    >>> row = {"verdict": "failed", "reason": "undecided: across", "threshold": "≥ 0.9", "n": 12}
    >>> too_few({**row, "value": 1.0, "low": 0.64, "high": 1.0})
    '12 repetitions cannot decide it: not even a perfect outcome, as this one is, makes it hold'
    >>> too_few({**row, "value": 0.95, "low": 0.64, "high": 1.0})
    ''
    """
    best = row["high"] if row["threshold"].startswith("≥") else row["low"]
    if standing(row) != "undecided" or row["value"] != best or row["low"] == row["high"]:
        return ""
    return (
        f"{row['n']} repetitions cannot decide it: not even a perfect outcome, as this one is, "
        "makes it hold"
    )


@dataclass(frozen=True)
class Tally:
    """How many claims stand how; identities, which hold by construction, are counted apart."""

    counts: dict[Standing, int]
    identities: int
    checked: int

    @property
    def claims(self) -> int:
        return sum(self.counts.values())

    def __str__(self) -> str:
        """
        >>> print(Tally({"held": 2, "contradicted": 1, "undecided": 0, "not run": 0}, 1, 1))
        2 held, 1 contradicted, 0 undecided, 1 of 1 identity checked
        """
        shown = [f"{self.counts[s]} {s}" for s in STANDINGS if s != "not run" or self.counts[s]]
        if self.identities:
            word = "identity" if self.identities == 1 else "identities"
            shown.append(f"{self.checked} of {self.identities} {word} checked")
        return ", ".join(shown)

    def __add__(self, other: Tally) -> Tally:
        counts = {s: self.counts[s] + other.counts[s] for s in STANDINGS}
        return Tally(counts, self.identities + other.identities, self.checked + other.checked)


NOTHING = Tally(dict.fromkeys(STANDINGS, 0), 0, 0)


def tally(verdicts: pd.DataFrame) -> Tally:
    """Count a study's claims.

    Parameters
    ----------
    verdicts : DataFrame
        `Results.verdicts`.
    """
    return tally_of(verdicts.to_dict("records"))


def tally_of(rows: Sequence[Mapping[Any, Any]]) -> Tally:
    """Count the rows of a verdicts table."""
    identities = [row for row in rows if row.get("kind") == "identity"]
    found = [standing(row) for row in rows if row.get("kind") != "identity"]
    checked = sum(row["verdict"] == "held" for row in identities)
    return Tally({s: found.count(s) for s in STANDINGS}, len(identities), checked)
