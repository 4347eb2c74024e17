"""On real data, under three losses: does the trade pay, and which way do bias and variance move?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...claims import Estimate, at_least, relative_slope, saved_by_best
from .drawing import along_strengths
from .setup import SMALL, study
from .tables import Place, axes_at

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...storing.results import Results


def place(results: Results, loss: str) -> Place:
    """The one data set with a loss."""
    return Place(results.data_names[0], loss, "subsample")


def claims_on(data: str, loss: str, title: str, source: str) -> None:
    """The three statements on a real data set and one loss.

    They are no families of `each`, which would stand one after the other: of claims with equal
    p-values Holm's method takes first what was declared first, and the order is to stay.
    """
    common: dict[str, Any] = {
        "oracle": "the same network without regularization, on the same training sets",
        "source": f"5.4.4; {source}",
        "row": 29 if loss == "squared" else 30,
        "data": data,
    }

    @study.claim(
        f"On {title}, the trade of bias for variance is profitable, for training sets from this "
        "table and on its test rows.",
        at_least(SMALL),
        name=f"trade-pays-{data}-{loss}",
        measured="share of the error saved by the best regularizer and strength, chosen on other "
        "repetitions",
        **common,
    )
    def trade_pays(results: Results) -> Estimate:
        return saved_by_best(axes_at(results, place(results, loss)))

    @study.claim(
        f"On {title}, every regularizer lowers variance: a straight line through its strengths "
        "falls, for training sets from this table and on its test rows.",
        at_least(0),
        name=f"variance-falls-{data}-{loss}",
        measured="slope down per step of strength, a share of the error, least of six",
        **common,
    )
    def variance_falls(results: Results) -> Estimate:
        return relative_slope(axes_at(results, place(results, loss)), {"variance": -1})

    @study.claim(
        f"On {title}, every regularizer raises bias: a straight line through its strengths rises, "
        "for training sets from this table and on its test rows.",
        at_least(0),
        name=f"bias-rises-{data}-{loss}",
        measured="slope up of bias + noise per step of strength, a share of the error, least of "
        "six",
        **common,
    )
    def bias_rises(results: Results) -> Estimate:
        return relative_slope(axes_at(results, place(results, loss)), {"bias": 1})


claims_on("diabetes", "squared", "a real table of numbers", "Geman 1992")
claims_on("digits", "log", "a real table of classes, by log loss", "Heskes 1998")
claims_on("digits", "zero_one", "a real table of classes, by 0-1 loss", "Domingos 2000")


@study.figure(
    "Is it the same on real data?",
    alt="Six panels, one a regularizer, for a real table of numbers: bias plus noise, variance and "
    "their sum, the error, against strength from off to strong.",
    height=5.4,
    data="diabetes",
)
def regression(results: Results, figure: Figure) -> None:
    along_strengths(figure, results, place(results, "squared"))


@study.figure(
    "And under the log loss?",
    alt="Six panels, one a regularizer, for real classes: bias plus noise, variance and the log "
    "loss against strength from off to strong.",
    height=5.4,
    data="digits",
)
def classes_log(results: Results, figure: Figure) -> None:
    along_strengths(figure, results, place(results, "log"))


@study.figure(
    "And for the share of errors?",
    alt="Six panels, one a regularizer, for real classes: bias plus noise, net variance and the "
    "0-1 loss against strength from off to strong.",
    height=5.4,
    data="digits",
)
def classes_zero_one(results: Results, figure: Figure) -> None:
    along_strengths(figure, results, place(results, "zero_one"))
