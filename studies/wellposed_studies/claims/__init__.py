"""Claims: what a study states before it runs, and how its statements are tested.

A claim's test reads the finished tables and returns an `Estimate`: a value with an interval at
any confidence. The claim holds if the interval lies inside its threshold, at a confidence that
Holm's method sets for all claims of the study together (see `wellposed_studies.judging.verdicts`).
A claim that does not hold is printed as failed; it is a result, not an exception.

What most tests need:

=================================================  ==============================================
of one number a repetition                         `mean`, `mean_difference`, `proportion`
of a statistic of all repetitions                  `jackknife`
of what should hold in every run                   `worst`, `least`, `extreme`, `exact`
of a mean whose truth is known                     `standard_errors_off`
of two settings, paired by repetition              `share_saved`, `relative_change`
of the least of several means                      `least_mean`, `least_share`
of a strength chosen on one half                   `choose_then_test`, `Axis.saved_by_chosen`,
                                                   `saved_by_best`, `too_much_hurts`, `halves`,
                                                   `peak_inside`
of how far repetitions are apart                   `spread`, `largest_spread_left`
of how a quantity moves with strength              `slope`, `relative_slope`
of how it goes on with the steps of a training     `change_of_log_slope`, `decade_changes`,
                                                   `range_in_last_decade`
of many, among which one picks afterwards          `level_for_all`
of several methods on several data sets            `ranks`
=================================================  ==============================================
"""

from .axes import Axis, allowing_for, relative_slope, saved_by_best, too_much_hurts, word
from .choosing import choose_then_test, halves, peak_inside
from .claim import Claim, Kind
from .estimates import (
    Estimate,
    Interval,
    exact,
    extreme,
    jackknife,
    level_for_all,
    mean,
    mean_difference,
    proportion,
    standard_errors_off,
)
from .paired import (
    largest_spread_left,
    least_mean,
    least_share,
    relative_change,
    share,
    share_saved,
    spread,
)
from .ranks import Ranks, ranks
from .steps import change_of_log_slope, decade_changes, range_in_last_decade
from .tables import least, slope, worst
from .thresholds import Threshold, at_least, at_most, within

__all__ = [
    "Axis",
    "Claim",
    "Estimate",
    "Interval",
    "Kind",
    "Ranks",
    "Threshold",
    "allowing_for",
    "at_least",
    "at_most",
    "change_of_log_slope",
    "choose_then_test",
    "decade_changes",
    "exact",
    "extreme",
    "halves",
    "jackknife",
    "largest_spread_left",
    "least",
    "least_mean",
    "least_share",
    "level_for_all",
    "mean",
    "mean_difference",
    "peak_inside",
    "proportion",
    "range_in_last_decade",
    "ranks",
    "relative_change",
    "relative_slope",
    "saved_by_best",
    "share",
    "share_saved",
    "slope",
    "spread",
    "standard_errors_off",
    "too_much_hurts",
    "within",
    "word",
    "worst",
]
