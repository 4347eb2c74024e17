"""What a bias-variance decomposition gives back: components, intervals, a frame, a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["COMPONENT_LABELS", "BiasVarianceResult"]

Array = NDArray[Any]
Intervals = dict[str, tuple[float, float]]

COMPONENT_LABELS: Mapping[str, str] = {
    "bias2": "bias²",
    "bias": "bias",
    "bias2_plus_noise": "bias² + noise",
    "bias_plus_noise": "bias + noise",
    "variance": "variance",
    "net_variance": "net variance",
    "noise": "noise",
    "net_noise": "net noise",
    "error": "error",
}

_SAMPLING_SENTENCES: Mapping[str, str] = {
    "independent": "{R} independent draws from a known truth.",
    "bootstrap": (
        "{R} bootstraps of ONE data set: variance is over resamplings of its rows, "
        "not over independent data sets."
    ),
    "subsample": (
        "{R} overlapping subsamples of ONE data set: variance is over resamplings of its rows, "
        "not over independent data sets."
    ),
    "splits": "{R} disjoint parts of one data set: independent of each other, each small.",
    "given": "{R}, not recorded here how they were drawn (the predictions were given).",
}


@dataclass(frozen=True, repr=False, eq=False)
class BiasVarianceResult:
    """The components of an expected test error, with intervals.

    Returned by :func:`~wellposed.bias_variance` and by the ``decompose_*`` functions. The mean of
    a component over the test points is an attribute named like the component: ``result.variance``,
    ``result.error``. The components named in `terms` add up to ``error``, at every test point.

    Attributes
    ----------
    loss : {"squared", "zero_one", "log"}
        The loss whose expectation is split.
    sampling : {"independent", "bootstrap", "splits", "subsample", "given"}
        How the training sets were drawn; `description` says it in a sentence.
    terms : tuple of str
        The components that add up to the error. Where the truth is known: ``("bias2", "variance",
        "noise")`` for the squared loss, ``("bias", "net_variance", "net_noise")`` for the 0-1 loss
        and ``("bias", "variance", "noise")`` for the log loss. Where only observed targets are:
        ``bias2_plus_noise`` or ``bias_plus_noise`` stands for the two that cannot be separated.
    per_point : dict of str to ndarray of shape (n_test,)
        Every component and ``"error"`` at each test point.
    intervals : dict of str to (float, float)
        Confidence interval of each component's mean over the test points; NaN for two repetitions.
    confidence_level : float
        Level of `intervals`.
    pseudo_values : dict of str to ndarray of shape (n_repetitions,)
        One number a training set, whose mean estimates the component and whose spread gives its
        interval: jackknife pseudo-values of the mean over test points. For estimators fitted to
        the same training sets, differences of pseudo-values are paired.
    remainders : dict of str to float
        Under the 0-1 loss, how far bias and variances would move if they were extrapolated by one
        order more: by about as much they may still be off. The intervals allow for it.
    bias_correction : bool
        Whether bias and variance are those of infinitely many training sets, as the intervals are.
        If false, under the 0-1 and log losses they are those of exactly these repetitions.
    predictions : ndarray of shape (n_repetitions, n_test, ...)
        What was decomposed.

    Notes
    -----
    Intervals are over the drawing of training sets, for these test points.

    Squared and log loss: the mean of the jackknife's pseudo-values, plus and minus their standard
    error times a Student t quantile. Where bias is near zero that error is near zero whenever the
    estimate is, so for bias² the variance of its second-order (degenerate) part is added. A
    percentile bootstrap would not do here: resampling puts back the ``s^2 / R`` that the unbiased
    bias² has taken away.

    0-1 loss: the main prediction is the class that most training sets vote for, which jumps where
    one more repetition decides. Bias and variances are therefore means over votes of parts of the
    repetitions, extrapolated to infinitely many, and the jackknife is applied to these; see
    :func:`decompose_zero_one`. To the squared standard error the square of the remainder is
    added. Intervals are those of infinitely many training sets. Where all repetitions agree, the
    interval allows for training sets that are too rare to have been seen.

    References
    ----------
    B. Efron and C. Stein (1981). The jackknife estimate of variance. Annals of Statistics 9,
    586-596.
    """

    loss: str
    terms: tuple[str, ...]
    per_point: dict[str, Array]
    pseudo_values: dict[str, Array]
    intervals: Intervals
    predictions: Array
    sampling: str = "given"
    confidence_level: float = 0.95
    remainders: dict[str, float] = field(default_factory=dict)
    bias_correction: bool = True
    _means: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        means = {name: float(np.mean(values)) for name, values in self.per_point.items()}
        object.__setattr__(self, "_means", means)

    def __getattr__(self, name: str) -> float:
        means = self.__dict__.get("_means", {})
        if name in means:
            return means[name]
        if name in COMPONENT_LABELS and means:
            raise AttributeError(
                f"This decomposition of the {self.loss} loss has no {name!r}; "
                f"it has {', '.join(means)}." + ("" if self.noise_separated else self._NOISE_HINT)
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    _NOISE_HINT = (
        " Noise can be told from bias only where the truth is known: pass a KnownTruth, or the "
        "true function values or class probabilities."
    )

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._means]

    @property
    def n_repetitions(self) -> int:
        """Number of training sets, R."""
        return len(self.predictions)

    @property
    def n_test(self) -> int:
        """Number of test points."""
        return len(self.per_point["error"])

    @property
    def noise_separated(self) -> bool:
        """Whether noise is a component of its own, which takes a known truth."""
        return "noise" in self.per_point

    @property
    def description(self) -> str:
        """One or two sentences on what the numbers are about."""
        sentence = "Training sets: " + _SAMPLING_SENTENCES[self.sampling].format(
            R=self.n_repetitions
        )
        if not self.noise_separated:
            sentence += " Observed targets do not tell noise from bias: they are one term."
        if not self.bias_correction:
            sentence += f" Bias and variance are of these {self.n_repetitions} training sets"
            sentence += ", their intervals of infinitely many." if self.n_repetitions > 2 else "."
        return sentence

    def frame(self, *, per_point: bool = False) -> pd.DataFrame:
        """Return the components as a table.

        Parameters
        ----------
        per_point : bool, default=False
            If true, one row a test point and one column a component.

        Returns
        -------
        DataFrame
            One row a component: ``component``, ``estimate``, ``low``, ``high``, ``level``,
            ``term`` (whether it is one of those that add up to the error), ``loss``, ``sampling``,
            ``n_repetitions``, ``n_test``.
        """
        if per_point:
            return pd.DataFrame(self.per_point).rename_axis("point").reset_index()
        intervals = self.intervals
        return pd.DataFrame(
            {
                "component": list(self._means),
                "estimate": list(self._means.values()),
                "low": [intervals[name][0] for name in self._means],
                "high": [intervals[name][1] for name in self._means],
                "level": self.confidence_level,
                "term": [name in self.terms for name in self._means],
                "loss": self.loss,
                "sampling": self.sampling,
                "n_repetitions": self.n_repetitions,
                "n_test": self.n_test,
            }
        )

    def __repr__(self) -> str:
        intervals = self.intervals
        lines = [f"BiasVarianceResult: {self.loss} loss over {self.n_test} test points"]
        for name, mean in self._means.items():
            label = COMPONENT_LABELS[name] + ("" if name in (*self.terms, "error") else " (raw)")
            low, high = intervals[name]
            lines.append(f"  {label:<15} {mean:>10.4g}  [{low:.4g}, {high:.4g}]")
        summands = " + ".join(COMPONENT_LABELS[name] for name in self.terms)
        lines.append(f"  error = {summands}; {self.confidence_level:.0%} intervals")
        lines.append(self.description)
        return "\n".join(lines)
