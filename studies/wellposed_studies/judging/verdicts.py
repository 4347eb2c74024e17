"""Verdicts: the claims of a study against its tables, tested together by Holm's method."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from math import isinf, isnan, nan
from pathlib import Path
from typing import Literal

import pandas as pd

from ..claims import Claim, Estimate, Threshold
from ..errors import Damaged
from ..escaping import shell, visible
from ..storing import layout
from ..storing.reading import AGAIN, latest_run, read_verdicts
from ..storing.results import Results
from ..study import Source

logger = logging.getLogger(__name__)

#: All claims of a study that are subject to sampling error are wrong together with at most this
#: probability.
ALPHA = 0.05

Verdict = Literal["held", "failed", "not run"]

#: How the reason of a claim begins whose test is broken, and of one that may yet hold.
TEST_RAISED, UNDECIDED = "its test raised", "undecided"
COLUMNS = (
    "claim",
    "statement",
    "measured",
    "threshold",
    "oracle",
    "source",
    "row",
    "data",
    "verdict",
    "value",
    "low",
    "high",
    "level",
    "p_value",
    "n",
    "method",
    "reason",
    "kind",
)


def p_value(estimate: Estimate, threshold: Threshold) -> float:
    """The smallest alpha at which the interval at level 1 - alpha lies inside the threshold.

    It inverts the claim's own intervals, so that the verdict and the interval printed beside it
    never disagree. 1 if the value itself lies outside.

    Examples
    --------
    >>> from wellposed_studies.claims import at_least, proportion
    >>> p_value(proportion(9, 10), at_least(0.5)) < 0.05
    True
    >>> p_value(proportion(5, 10), at_least(0.5))
    1.0
    """
    if not threshold.contains(estimate.value, estimate.value):
        return 1.0
    low, high = 1e-6, 1.0 - 1e-6
    if threshold.contains(*estimate.at(1.0 - low)):
        return low
    if not threshold.contains(*estimate.at(1.0 - high)):
        return 1.0
    while high / low > 1.001:
        middle = (low * high) ** 0.5
        if threshold.contains(*estimate.at(1.0 - middle)):
            high = middle
        else:
            low = middle
    return high


def holm(p_values: Sequence[float], alpha: float = ALPHA) -> list[tuple[bool, float]]:
    """Holm's step-down method (Holm 1979).

    Parameters
    ----------
    p_values : sequence of float
        One a claim.
    alpha : float
        Probability, at most, that any of the claims that do not hold is called held.

    Returns
    -------
    list of (held, level)
        In the order of `p_values`: whether the claim is held, and the confidence level that it was
        tested at. From the first that fails on, all fail, at that one's level.

    Examples
    --------
    >>> [held for held, level in holm([0.01, 0.04, 0.03])]
    [True, False, False]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    outcome = [(False, 1.0 - alpha)] * len(p_values)
    held = True
    level = alpha / max(len(p_values), 1)
    for rank, i in enumerate(order):
        if held:
            level = alpha / (len(p_values) - rank)
            held = p_values[i] <= level
        outcome[i] = (held, 1.0 - level)
    return outcome


def not_run(claims: Sequence[Claim], reason: str) -> pd.DataFrame:
    """A verdicts table that says of every claim that it was not run, and why."""
    return _frame([_row(claim, "not run", reason=reason) for claim in claims])


def judge(results: Results) -> pd.DataFrame:
    """Test all claims of a study on its finished tables.

    A claim without sampling error holds if its value lies inside the threshold. The others are
    tested together, by Holm's method. A claim whose data were not run, or whose test cannot be
    computed, is "not run", with the reason.

    Returns
    -------
    DataFrame
        One row a claim, see `Results.verdicts`.
    """
    rows: dict[str, dict[str, object]] = {}
    uncertain: list[tuple[Claim, Results, Estimate]] = []
    skipped = not_asked(results)
    claims: list[Claim] = []
    for declared in results.source.study.claims:
        if declared in skipped:
            continue
        claim, view = _view(results, declared)
        if claim.name in rows or claim.name in {other.name for other in claims}:
            continue  # the same statement on two data sets, in whose place there is one table
        claims.append(claim)
        if view is None:
            reason = f"{claim.data} was not run, nor a table that stands in for it"
            rows[claim.name] = _row(claim, "not run", reason=reason)
            continue
        try:
            estimate = claim.test(view)
            if not isinstance(estimate, Estimate):
                raise TypeError(
                    f"the test returned {type(estimate).__name__}, expected an Estimate"
                )
            if estimate.interval is not None:
                estimate.at(1.0 - ALPHA)
        except Damaged:
            raise
        except Exception as error:
            logger.exception("the test of claim %r cannot be computed", claim.name)
            reason = f"{TEST_RAISED} {type(error).__name__}: {error}"
            rows[claim.name] = _row(claim, "not run", view, reason=reason)
            continue
        if isnan(estimate.value):
            reason = "the measured quantity is not a number (NaN)"
            rows[claim.name] = _row(claim, "failed", view, estimate, reason=reason)
        elif estimate.interval is None:
            held = claim.threshold.contains(estimate.value, estimate.value)
            rows[claim.name] = _row(claim, "held" if held else "failed", view, estimate)
        else:
            uncertain.append((claim, view, estimate))
    p_values = [p_value(estimate, claim.threshold) for claim, _, estimate in uncertain]
    for (claim, view, estimate), p, (held, level) in zip(uncertain, p_values, holm(p_values)):
        reason = ""
        if not held:
            reason = _why_not(claim.threshold, estimate, level)
            level = corrected_for_picking(estimate, level)
        verdict: Verdict = "held" if held else "failed"
        rows[claim.name] = _row(claim, verdict, view, estimate, level, p, reason)
    return _frame([rows[claim.name] for claim in claims])


def corrected_for_picking(estimate: Estimate, level: float) -> float:
    """The level of a claim that failed: the least of several is corrected for being picked.

    Examples
    --------
    >>> from wellposed_studies.claims import Estimate
    >>> round(corrected_for_picking(Estimate(1.0, of=5), 0.95), 4)
    0.99
    """
    return 1.0 - (1.0 - level) / estimate.of


def _why_not(threshold: Threshold, estimate: Estimate, level: float) -> str:
    """The reason of a claim that failed, by the corrected interval, which is printed beside it."""
    low, high = estimate.at(corrected_for_picking(estimate, level))
    if isinf(low) and isinf(high):
        return f"{UNDECIDED}: all {estimate.n} repetitions agree, which does not show their spread"
    if high < threshold.low or low > threshold.high:
        return "contradicted: the whole interval is outside of what was claimed"
    return f"{UNDECIDED}: the interval reaches across the threshold"


def not_asked(results: Results) -> list[Claim]:
    """Claims on real data sets that a user's table took the place of, and is no table like."""
    claims = results.source.study.claims
    return [claim for claim in claims if claim.data is not None and results.left_out(claim.data)]


def _view(results: Results, claim: Claim) -> tuple[Claim, Results | None]:
    """A claim in the words of what was run, and the results that it is about; None if its data
    were not run."""
    if claim.data is None:
        return claim, results
    name = results.stand_in(claim.data)
    if name is None:
        return claim, None
    word = re.compile(rf"(?<!\w){re.escape(claim.data)}(?!\w)")
    own = replace(
        claim,
        name=word.sub(lambda _: name, claim.name),
        statement=word.sub(lambda _: name, claim.statement),
    )
    return own, results.restricted_to(name)


def _row(
    claim: Claim,
    verdict: Verdict,
    view: Results | None = None,
    estimate: Estimate | None = None,
    level: float = nan,
    p: float = nan,
    reason: str = "",
) -> dict[str, object]:
    low, high = (nan, nan)
    if estimate is not None:
        low, high = estimate.at(1.0 - ALPHA if isnan(level) else level)
    return {
        "claim": claim.name,
        "statement": claim.statement,
        "measured": claim.measured + (f": {estimate.note}" if estimate and estimate.note else ""),
        "threshold": str(claim.threshold),
        "oracle": claim.oracle,
        "source": claim.source,
        "row": claim.row or 0,
        "data": claim.data or "" if view is None else view.only or "",
        "verdict": verdict,
        "value": nan if estimate is None else estimate.value,
        "low": low,
        "high": high,
        "level": level,
        "p_value": p,
        "n": 0 if estimate is None else estimate.n,
        "method": "" if estimate is None else estimate.method,
        "reason": reason,
        "kind": claim.kind,
    }


def _frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    numbers = dict.fromkeys(("value", "low", "high", "level", "p_value"), "float64")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        numbers | {"n": "int64", "row": "int64"}
    )


def current_verdicts(root: Path, source: Source) -> tuple[pd.DataFrame, str]:
    """The verdicts of a study's last finished run, and a line that says which run that is.

    They are read where the study's file is still what it was, and judged again from the finished
    tables where it is not. Without a finished run of this version every claim is "not run".
    """
    folder = latest_run(root, source.name)
    command = shell(["wellposed", "run", source.spec, *layout.option(root)])
    if folder is None:
        return not_run(source.study.claims, f"there is no finished run: {command}"), "not run"
    results = Results(folder, source)
    manifest = results.manifest
    version = source.study.version
    if manifest["version"] != version:
        reason = f"finished was version {manifest['version']}, the study is {version}: {command}"
        return not_run(source.study.claims, reason), "not run in this version"
    verdicts, code = _stored(folder)
    same_code = code == source.code
    if not same_code or not set(COLUMNS) <= set(verdicts.columns):
        verdicts = judge(results)
    about = (
        f"profile {results.profile}, seed {manifest['seed']}, {', '.join(results.data_names)}, "
        f"finished {manifest['finished']}"
        + ("" if same_code else "; judged anew, since the study's file has changed since then")
    )
    return verdicts, about + _left_out(results)


def _stored(folder: Path) -> tuple[pd.DataFrame, str]:
    try:
        return read_verdicts(folder)
    except FileNotFoundError:
        raise Damaged(f"{visible(folder / layout.VERDICTS)} is missing. {AGAIN}") from None


def _left_out(results: Results) -> str:
    """How many claims the run's data had no part in, for the end of a line."""
    left_out = not_asked(results)
    if not left_out:
        return ""
    tasks = sorted({results.source.study.data_sets[str(claim.data)].task for claim in left_out})
    n = len(left_out)
    return (
        f"; {n} claim{'' if n == 1 else 's'} on {' and '.join(tasks)} data "
        f"{'was' if n == 1 else 'were'} not asked for"
    )


def broken(verdicts: pd.DataFrame) -> list[str]:
    """Names of the claims whose tests raised: they are "not run", by a fault of the study."""
    raised = verdicts["reason"].str.startswith(TEST_RAISED)
    return verdicts.loc[raised, "claim"].tolist()
