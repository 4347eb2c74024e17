"""Claims: intervals that cover, Holm's method against its definition, verdicts that say why."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from math import inf

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wellposed_studies.claims import (
    Claim,
    Estimate,
    Threshold,
    at_least,
    at_most,
    choose_then_test,
    exact,
    extreme,
    jackknife,
    mean,
    mean_difference,
    proportion,
    within,
)
from wellposed_studies.judging.verdicts import _why_not, holm, judge, not_run, p_value
from wellposed_studies.reporting.claims_shown import verdict_table
from wellposed_studies.reporting.standing import tally
from wellposed_studies.reporting.verdict_text import report
from wellposed_studies.runner import run
from wellposed_studies.storing.results import Results

finite = st.floats(-1e6, 1e6)


@given(finite, finite, finite)
def test_thresholds_contain_what_their_text_says(bound, low, high):
    low, high = sorted((low, high))
    assert at_least(bound).contains(low, high) == (low >= bound)
    assert at_most(bound).contains(low, high) == (high <= bound)
    assert within(-inf, bound).contains(low, high) == (high <= bound)
    assert not at_least(bound).contains(np.nan, np.nan)


def test_an_empty_range_is_refused():
    with pytest.raises(ValueError, match="is empty"):
        within(1, 0)


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=5))
def test_holm_is_the_closure_of_bonferroni(p_values):
    """A hypothesis is rejected iff Bonferroni rejects every set of hypotheses it belongs to."""
    alpha, n = 0.05, len(p_values)
    sets = [s for k in range(1, n + 1) for s in itertools.combinations(range(n), k)]
    rejected = {s: min(p_values[i] for i in s) <= alpha / len(s) for s in sets}
    closure = [all(rejected[s] for s in sets if i in s) for i in range(n)]
    assert [held for held, _ in holm(p_values, alpha)] == closure


def test_holm_is_the_closure_between_its_levels_too():
    """0.05 over 4, 3, 2 and 1, from both sides: drawn numbers seldom fall between these."""
    sets = [s for k in range(1, 5) for s in itertools.combinations(range(4), k)]
    for p_values in itertools.product([0.012, 0.013, 0.016, 0.017, 0.024, 0.026, 0.06], repeat=4):
        rejected = {s: min(p_values[i] for i in s) <= 0.05 / len(s) for s in sets}
        closure = [all(rejected[s] for s in sets if i in s) for i in range(4)]
        assert [held for held, _ in holm(p_values)] == closure, p_values


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=8))
def test_a_verdict_agrees_with_the_interval_at_its_level(p_values):
    """An interval at level L lies inside the threshold exactly where p <= 1 - L."""
    for p, (held, level) in zip(p_values, holm(p_values)):
        assert held == (p <= 1 - level + 1e-12)


@given(st.integers(1, 40), st.data(), st.floats(0.01, 0.99))
@settings(deadline=None)
def test_p_value_of_a_proportion_is_the_binomial_tests(n, data, bound):
    """One-sided exact tests, doubled because the interval is two-sided."""
    k = data.draw(st.integers(0, n))
    tail = stats.binom.sf(k - 1, n, bound)
    expected = min(1.0, max(2 * tail, 1e-6)) if k / n >= bound else 1.0
    assert p_value(proportion(k, n), at_least(bound)) == pytest.approx(expected, rel=3e-3)


def test_p_value_of_a_normal_mean_is_the_z_tests():
    def interval(level):
        half = stats.norm.ppf((1 + level) / 2)
        return 1.5 - half, 1.5 + half

    expected = 2 * stats.norm.sf(1.5)
    assert p_value(Estimate(1.5, interval), at_least(0)) == pytest.approx(expected, rel=2e-3)
    assert p_value(Estimate(1.5, interval), at_least(2)) == 1.0


@pytest.mark.parametrize("level", [0.5, 0.95, 0.995])
def test_the_interval_of_a_mean_is_students(level):
    x = np.random.default_rng(1).normal(size=7)
    ours = mean(x).at(level)
    expected = stats.ttest_1samp(x, 0.0).confidence_interval(level)
    np.testing.assert_allclose(ours, (expected.low, expected.high), rtol=1e-12)


def test_of_many_repetitions_the_interval_of_a_ratio_is_the_bootstraps():
    a, b = np.random.default_rng(1).uniform(1, 2, (2, 1000))

    def ratio(a, b, axis=-1):
        return a.mean(axis) / b.mean(axis)

    theirs = stats.bootstrap((a, b), ratio, paired=True, rng=np.random.default_rng(3))
    theirs = theirs.confidence_interval
    low, high = jackknife(lambda i: ratio(a[i], b[i]), 1000).at(0.95)
    np.testing.assert_allclose((low, high), theirs, atol=0.05 * (high - low))


@pytest.mark.parametrize("n", [6, 20])
@pytest.mark.parametrize("statistic", ["ratio", "least"])
def test_intervals_cover_the_truth_as_often_as_they_say(n, statistic):
    """Also of the six repetitions that quick runs have: a bootstrap's cover 85 % there."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(1000):
        shared = 0.5 * rng.normal(size=n)
        x = np.array([[2.0], [3.0], [4.0]]) + shared + 0.3 * rng.normal(size=(3, n))
        if statistic == "ratio":
            low, high = jackknife(lambda i, x=x: x[0, i].mean() / x[1, i].mean(), n).at(0.95)
            covered += low <= 2 / 3 <= high
        else:
            low, high = jackknife(lambda i, x=x: x[:, i].mean(axis=1).min(), n).at(0.95)
            covered += low <= 2.0 <= high
    assert 0.93 <= covered / 1000 <= 0.97


def test_pairing_removes_what_is_shared():
    rng = np.random.default_rng(2)
    shared = rng.normal(scale=100.0, size=50)
    low, high = mean_difference(shared + 0.3, shared + rng.normal(scale=0.1, size=50)).at(0.95)
    assert 0.2 < low < high < 0.4


def test_repetitions_that_agree_are_no_certainty(quick, tmp_path):
    """A claim on them is undecided, wherever their value lies."""
    results = run(quick, tmp_path)
    for threshold in (at_least(1.0), at_least(3.0)):
        claim = Claim("c", "s", "m", threshold, "o", "s", lambda results: mean([2.0] * 12))
        study = type("S", (), {"claims": [claim]})()
        row = judge(Results(results.folder, replace(results.source, study=study))).iloc[0]
        assert row["verdict"] == "failed"
        assert row["reason"].startswith("undecided")
    assert not at_least(1.0).contains(*jackknife(lambda i: 0.1 * len(i) / len(i), 12).at(0.95))


@pytest.mark.parametrize("n", [12, 40])
@pytest.mark.parametrize("p", [0.9, 0.97, 0.995])
def test_the_interval_of_a_mean_share_covers_also_near_one(n, p):
    """Each repetition finds 0, 1 or 2 of two things; Student's interval covers half, at times."""
    rng, n_studies = np.random.default_rng(0), 1000
    ends = np.array(
        [mean(x, bounds=(0, 1)).at(0.95) for x in rng.binomial(2, p, (n_studies, n)) / 2]
    )
    covered = ((ends[:, 0] <= p) & (p <= ends[:, 1])).sum()
    assert covered >= stats.binom.ppf(0.001, n_studies, 0.93)
    all_or_nothing = [proportion(k, n).at(0.95) for k in rng.binomial(n, p, n_studies)]
    assert np.diff(ends, axis=1).mean() <= 1.02 * np.diff(all_or_nothing, axis=1).mean()


def test_of_values_that_are_all_at_a_bound_the_mean_is_a_proportion():
    for n, k in ((12, 12), (30, 28), (30, 0)):
        values = np.repeat([10.0, 20.0], [n - k, k])
        low, high = mean(values, bounds=(10, 20)).at(0.95)
        expected = 10 + 10 * np.array(proportion(k, n).at(0.95))
        np.testing.assert_allclose((low, high), expected, atol=1e-12)


def test_what_all_fell_short_of_others_may_exceed():
    """The share of all that go beyond the largest of 30 is below what is said, 95 % of the time."""
    x = np.random.default_rng(5).uniform(size=(2000, 30))
    assert extreme(x[0]).value == x[0].max()
    assert extreme(x[0], least=True).value == x[0].min()
    said = float(re.search(r"most ([\d.]+) %", extreme(x[0]).note).group(1)) / 100
    held = (1 - x.max(axis=1) <= said).sum()
    assert stats.binom.ppf(0.001, 2000, 0.95) <= held <= stats.binom.ppf(0.999, 2000, 0.96)


def test_identities_stand_apart_and_do_not_count():
    verdicts = pd.DataFrame(
        {
            "claim": ["sums", "pays"],
            "kind": ["identity", "claim"],
            "verdict": ["held", "held"],
            "statement": ["It adds up.", "It pays."],
            **dict.fromkeys(("measured", "threshold", "data", "reason", "source"), ""),
            **dict.fromkeys(("value", "low", "high", "level"), 1.0),
            "n": 1,
            "method": "exact",
        }
    )
    assert str(tally(verdicts)) == "1 held, 0 contradicted, 0 undecided, 1 of 1 identity checked"
    lines = [text for text, _ in report(verdicts, 100)]
    where = {
        word: i
        for i, line in enumerate(lines)
        for word in ("pays", "hold by", "sums")
        if word in line
    }
    assert where["pays"] < where["hold by"] < where["sums"]
    assert "| identity, checked | [sums]{.given-code} It adds up. |" in verdict_table(verdicts)


def test_intervals_are_the_same_in_every_call():
    x = np.random.default_rng(3).normal(size=20)
    assert mean(x).at(0.95) == mean(x).at(0.95)
    estimate = mean(x)
    before = estimate.at(0.95)
    estimate.at(0.5)
    assert estimate.at(0.95) == before


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: jackknife(lambda i: 0.0, 1), "at least 2"),
        (lambda: mean_difference([1.0, 2.0], [1.0]), "paired"),
        (lambda: choose_then_test(np.zeros((3, 1))), "one half to choose by"),
    ],
)
def test_too_little_is_refused(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [({"threshold": 1.0}, "threshold=1.0; expected at_least"), ({"test": None}, "test=None")],
)
def test_a_claim_that_cannot_be_tested_is_refused_before_anything_runs(changed, sentence):
    parts = {"threshold": at_least(0), "test": lambda results: exact(0.0)} | changed
    with pytest.raises(TypeError, match=sentence):
        Claim("name", "statement", "measured", oracle="o", source="s", **parts)


@given(st.integers(1, 6), st.integers(2, 20), st.integers(0, 2**32 - 1))
def test_choosing_and_testing_never_see_the_same_repetition(n_settings, n_repetitions, seed):
    losses = np.random.default_rng(seed).permutation(n_settings * n_repetitions)
    losses = losses.reshape(n_settings, n_repetitions).astype(float)
    chosen, tested = choose_then_test(losses)
    first = losses[:, : n_repetitions - tested.shape[1]]
    assert not set(first.ravel()) & set(tested.ravel())
    assert all(first[chosen].mean() <= row.mean() for row in first)


def test_choosing_on_the_same_half_would_be_optimistic():
    """Of many equal settings the chosen one is no better than any, on the other half."""
    losses = np.random.default_rng(4).normal(size=(500, 40))
    chosen, tested = choose_then_test(losses)
    assert losses[chosen, :20].mean() < -0.4
    assert abs(tested[chosen].mean()) < 0.7


def test_the_four_verdicts_of_the_toy(quick, tmp_path):
    verdicts = run(quick, tmp_path).verdicts.set_index("claim")
    assert verdicts["verdict"].to_dict() == {
        "saves": "held",
        "rows": "held",
        "share": "failed",
        "broken": "not run",
    }
    assert verdicts.loc["rows", "value"] == 442
    assert verdicts.loc["rows", "data"] == "diabetes"
    assert "ZeroDivisionError" in verdicts.loc["broken", "reason"]
    assert verdicts.loc["saves", "low"] < verdicts.loc["saves", "value"]
    assert verdicts.loc["saves", "level"] == pytest.approx(1 - 0.05 / 2)
    assert str(tally(verdicts.reset_index())) == "2 held, 1 contradicted, 0 undecided, 1 not run"


@pytest.mark.parametrize(
    ("low", "high", "reason"),
    [(-2.0, -1.0, "contradicted"), (-1.0, 1.0, "undecided"), (1.0, 2.0, "")],
)
def test_a_claim_that_fails_is_contradicted_or_undecided(quick, tmp_path, low, high, reason):
    results = run(quick, tmp_path)
    estimate = Estimate((low + high) / 2, lambda level: (low, high), 5, "given")
    claim = Claim("c", "s", "m", at_least(0), "o", "s", lambda results: estimate)
    study = type("S", (), {"claims": [claim]})()
    row = judge(Results(results.folder, replace(results.source, study=study))).iloc[0]
    assert row["verdict"] == ("failed" if reason else "held")
    assert row["reason"].partition(":")[0] == reason


def test_a_claim_that_failed_shows_the_interval_that_its_reason_is_about(quick, tmp_path):
    """The least of six is judged at a stricter level, and this is what is printed."""
    results = run(quick, tmp_path)
    estimate = Estimate(-2.0, lambda level: (-2.5, -1.0 if level < 0.99 else 0.5), 9, "m", of=6)
    claim = Claim("c", "s", "m", at_least(0), "o", "s", lambda results: estimate)
    study = type("S", (), {"claims": [claim]})()
    row = judge(Results(results.folder, replace(results.source, study=study))).iloc[0]
    assert row["reason"].startswith("undecided")
    assert (row["low"], row["high"]) == (-2.5, 0.5)
    assert row["level"] == pytest.approx(1 - 0.05 / 6)


@pytest.mark.parametrize("n", [6, 20])
def test_the_least_of_equals_is_seldom_called_contradicted(n):
    """It is below their common value in every sample, and was picked for being so."""
    rng, contradicted = np.random.default_rng(0), 0
    for _ in range(1000):
        x = rng.normal(size=(6, n))
        least = jackknife(lambda i, x=x: x[:, i].mean(axis=1).min(), n, of=6)
        contradicted += _why_not(at_least(0), least, 0.95).startswith("contradicted")
        assert not at_least(0).contains(*least.at(0.95))
    assert contradicted / 1000 <= 0.04


def test_without_a_run_no_claim_is_run(quick):
    from wellposed_studies.discovery import find

    table = not_run(find(quick.spec).study.claims, "nothing there")
    assert set(table["verdict"]) == {"not run"}
    assert table["value"].isna().all()


def test_a_threshold_reads_as_it_is_declared():
    texts = [str(t) for t in (at_least(0.5), at_most(1e-6), within(0, 2), Threshold(-inf, 0))]
    assert texts == ["≥ 0.5", "≤ 1e-06", "in [0, 2]", "≤ 0"]
    assert exact(1.0).at(0.5) == (1.0, 1.0)
