"""The log loss (Heskes 1998)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from .checks import (
    check_repetitions,
    class_probabilities,
    normalised,
    one_of,
)
from .intervals import (
    Points,
    jackknife,
    no_intervals,
    student_intervals,
)
from .result import Array, BiasVarianceResult


def decompose_log(
    predictions: ArrayLike,
    probabilities: ArrayLike | None = None,
    *,
    y: ArrayLike | None = None,
    classes: ArrayLike | None = None,
    clip: float | None = None,
    bias_correction: bool = True,
    sampling: str = "given",
    confidence_level: float = 0.95,
) -> BiasVarianceResult:
    """Split the expected log loss into bias + variance + noise (Heskes 1998).

    With true class probabilities ``q``, predicted ones ``p_r`` and their normalised geometric
    mean ``g``, proportional to ``exp(mean_r log p_r)``: bias is ``KL(q || g)``, variance
    ``mean_r KL(g || p_r)`` and noise the entropy of ``q``. All in nats.

    As ``g`` is the mean of R predictions and not of all, such a variance is too small by a share
    of order 1/R on average and such a bias too large by as much. The jackknife takes that away,
    up to order 1/R^2, and leaves their sum as it is.

    Parameters
    ----------
    predictions : array-like of shape (n_repetitions, n_test, n_classes)
        Predicted class probabilities, at least two repetitions. Rows sum to one within 1e-4 and
        are normalised in float64.
    probabilities : array-like of shape (n_test, n_classes), optional
        True class probabilities. Give `probabilities` or `y`.
    y : array-like of shape (n_test,), optional
        Labels observed at the test points, where probabilities are unknown. The first term is
        then ``bias_plus_noise``, ``-log g(y)``.
    classes : array-like of shape (n_classes,), optional
        The classes in the order of the columns; ``0, ..., n_classes - 1`` by default.
    clip : float in (0, 1 / n_classes), optional
        Raise smaller predicted probabilities to `clip` and normalise. Without it a probability of
        zero for a class that occurs is an error, as its log loss is infinite.
    bias_correction : bool, default=True
        Correct bias and variance by the jackknife, given three or more repetitions; bias can then
        be slightly negative. False gives Heskes's components of exactly these R predictions.
    sampling : {"given", "independent", "bootstrap", "splits", "subsample"}, default="given"
        How the training sets were drawn, for the result's description.
    confidence_level : float in (0, 1), default=0.95
        Level of the result's intervals.

    Returns
    -------
    BiasVarianceResult
        Its terms add up to the mean log loss of the R predictions at every test point. Its
        intervals are of training sets like the R that were seen: where a few in a hundred lack a
        class, and `clip` decides what that costs, R repetitions may show none of them, and the
        intervals of variance and error are then too short.

    Raises
    ------
    ValueError
        If the log loss is infinite and `clip` is not given, there are fewer than two repetitions,
        shapes disagree, or rows are not probabilities.

    References
    ----------
    T. Heskes (1998). Bias/variance decompositions for likelihood-based estimators. Neural
    Computation 10, 1425-1433, equations 4-7.

    Examples
    --------
    >>> from wellposed.bias_variance import decompose_log
    >>> predictions = [[[0.5, 0.5]], [[0.9, 0.1]]]  # g is (3/4, 1/4)
    >>> result = decompose_log(predictions, [[0.75, 0.25]], bias_correction=False)
    >>> round(abs(result.bias), 12), round(result.variance, 4)
    (0.0, 0.1116)
    """
    P = check_repetitions(predictions, "decompose_log", ndim=(3,)).astype(np.float64)
    K = P.shape[2]
    target, known = one_of(probabilities, y, "probabilities", "decompose_log")
    q, _ = class_probabilities(
        target, known, np.arange(K) if classes is None else classes, len(P[0])
    )
    if q.shape[1] != K:
        raise ValueError(f"predictions have {K} columns, but there are {q.shape[1]} classes.")
    P = normalised(P, "predictions")
    if clip is not None:
        if not 0 < clip < 1 / K:
            raise ValueError(f"clip must be above 0 and below 1 / {K} classes; got {clip!r}.")
        P = np.maximum(P, clip)
        P /= P.sum(axis=2, keepdims=True)
    impossible = (P == 0) & (q > 0)
    if impossible.any():
        r, point, k = (int(i) for i in np.argwhere(impossible)[0])
        raise ValueError(
            f"The log loss is infinite: repetition {r} gives probability 0 to class {k} "
            f"at test point {point}, where that class occurs ({impossible.sum()} such cases). "
            "Pass clip=, for example clip=1e-6, or use an estimator whose probabilities are "
            "never 0."
        )
    R = len(P)
    zero = P == 0
    logs = np.log(np.where(zero, 1.0, P))
    n_zeros, sum_of_logs = zero.sum(axis=0), logs.sum(axis=0)
    noise = -_expectation(q, np.log(np.where(q > 0, q, 1.0)))
    bias = "bias" if known else "bias_plus_noise"

    def points(sum_of_logs: Array, n_zeros: Array, R: int) -> Points:
        mean_log = np.where(n_zeros > 0, -np.inf, sum_of_logs / R)
        normaliser = logsumexp(mean_log, axis=1)
        log_g = mean_log - normaliser[:, np.newaxis]
        named = {bias: -_expectation(q, log_g) - noise, "variance": -normaliser}
        if known:
            named["noise"] = noise
        return {**named, "error": -_expectation(q, mean_log)}

    def without(r: int) -> Points:
        return points(sum_of_logs - logs[r], n_zeros - zero[r], R - 1)

    per_point = points(sum_of_logs, n_zeros, R)
    if R > 2:
        pseudo_values, corrected = jackknife(per_point, without, R)
        intervals = student_intervals(pseudo_values, confidence_level)
        if bias_correction:
            per_point |= {name: corrected[name] for name in (bias, "variance")}
    else:
        pseudo_values, intervals = no_intervals(per_point, R)
    return BiasVarianceResult(
        loss="log",
        terms=(bias, "variance", "noise") if known else (bias, "variance"),
        per_point=per_point,
        pseudo_values=pseudo_values,
        intervals=intervals,
        predictions=P,
        bias_correction=bias_correction and R > 2,
        sampling=sampling,
        confidence_level=confidence_level,
    )


def _expectation(q: Array, values: Array) -> Array:
    """Mean of `values` under q, with ``0 * inf = 0``."""
    return np.where(q > 0, q * np.where(q > 0, values, 0.0), 0.0).sum(axis=1)
