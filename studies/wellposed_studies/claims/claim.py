"""A claim: a statement, and all that is needed to say afterwards whether it held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .estimates import Estimate
from .thresholds import Threshold

if TYPE_CHECKING:
    from ..storing.results import Results

#: A statement that may turn out false, or one that is true by construction and checked to rounding.
Kind = Literal["claim", "identity"]


@dataclass(frozen=True)
class Claim:
    """A statement with everything that is needed to say afterwards whether it held.

    Parameters
    ----------
    name : str
        Short and unique within the study: ``"trade-pays-l2"``.
    statement : str
        The sentence.
    measured : str
        The measured quantity, in words.
    threshold : Threshold
        Where the quantity has to lie: ``at_least(0)``, ``at_most(1e-6)``, ``within(0.9, 1.1)``.
    oracle : str
        The independent thing it is measured against.
    source : str
        Section, equation, paper.
    test : callable ``(results) -> Estimate``
        Reads tables, trains nothing.
    data : str or None
        The data set the claim is about. The test then sees only its rows, or those of the user's
        table that stands in for it, and the claim is "not run" where neither was run.
    row : int or None
        The number of the statement in the list of the chapter's, if it is one of these.
    kind : {"claim", "identity"}
        An identity holds by construction, but for rounding; it is checked, shown apart, and not
        counted among the claims.
    """

    name: str
    statement: str
    measured: str
    threshold: Threshold
    oracle: str
    source: str
    test: Callable[[Results], Estimate]
    data: str | None = None
    row: int | None = None
    kind: Kind = "claim"

    def __post_init__(self) -> None:
        if not isinstance(self.threshold, Threshold):
            raise TypeError(
                f"claim {self.name!r} has threshold={self.threshold!r}; expected at_least(0), "
                "at_most(1e-6) or within(0.9, 1.1), say."
            )
        if not callable(self.test):
            raise TypeError(
                f"claim {self.name!r} has test={self.test!r}; expected a function from results to "
                "an Estimate."
            )
