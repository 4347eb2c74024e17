"""The 0-1 loss (Domingos 2000)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .checks import (
    check_repetitions,
    class_probabilities,
    encode_labels,
    one_of,
)
from .intervals import (
    Points,
    no_intervals,
    student_intervals,
    unseen_share,
)
from .result import Array, BiasVarianceResult, Intervals
from .votes import corrected_votes


def decompose_zero_one(
    predictions: ArrayLike,
    probabilities: ArrayLike | None = None,
    *,
    y: ArrayLike | None = None,
    classes: ArrayLike | None = None,
    bias_correction: bool = True,
    sampling: str = "given",
    confidence_level: float = 0.95,
) -> BiasVarianceResult:
    """Split the expected 0-1 loss into bias + net variance + net noise (Domingos 2000).

    At a point with class probabilities ``q`` let ``y*`` be the optimal prediction, ``ym`` the main
    prediction (the one made most often) and ``p`` the shares of the predictions. A tie goes to
    the class that comes first in `classes`. Then

    - ``bias`` is 1 if ``ym != y*`` and else 0, ``variance`` is ``P(prediction != ym)`` and
      ``noise`` is ``P(target != y*)``;
    - ``net_variance = c2 variance``, where c2 is 1 if ``ym = y*`` and else
      ``-P(prediction = y* | prediction != ym)``: on biased points variance helps;
    - ``net_noise = c1 noise`` with ``c1 = P(prediction = y*) - P(prediction != y*)
      P(prediction = target | target != y*)``, for K classes.

    The vote of R repetitions is not that of all training sets: where shares of votes are nearly
    tied it is often another, and the raw variance is too small. Votes of parts of the repetitions
    show by how much. Bias and variances are extrapolated from them to infinitely many repetitions,
    as ``2 b(3/4) - b(3/8)``, where ``b(s)`` is the mean over all parts of about ``s R``
    repetitions. At a single test point such a bias may lie outside of 0 and 1.

    Parameters
    ----------
    predictions : array-like of shape (n_repetitions, n_test)
        Predicted labels, at least two repetitions.
    probabilities : array-like of shape (n_test, n_classes), optional
        True class probabilities. Give `probabilities` or `y`.
    y : array-like of shape (n_test,), optional
        Labels observed at the test points, where probabilities are unknown. They stand in for the
        optimal predictions, so the first term is ``bias_plus_noise``.
    classes : array-like of shape (n_classes,), optional
        The classes, in the order of the columns of `probabilities`. By default
        ``0, ..., n_classes - 1`` with `probabilities`, and with `y` the sorted labels that occur.
    bias_correction : bool, default=True
        Extrapolate, given three or more repetitions. False gives Domingos's components of exactly
        these R predictions.
    sampling : {"given", "independent", "bootstrap", "splits", "subsample"}, default="given"
        How the training sets were drawn, for the result's description.
    confidence_level : float in (0, 1), default=0.95
        Level of the result's intervals.

    Returns
    -------
    BiasVarianceResult
        Its terms add up to the expected 0-1 loss of the R predictions at every test point. The
        intervals are for infinitely many repetitions, whatever `bias_correction` is. They assume
        that the shares of votes are spread over the test points: where most points are as nearly
        tied as one another, R repetitions cannot tell which way the vote goes, and the intervals
        of bias and net variance are too short.

    Raises
    ------
    ValueError
        If there are fewer than two repetitions, shapes disagree, probabilities do not sum to
        one, or a label is not among the classes.

    References
    ----------
    P. Domingos (2000). A unified bias-variance decomposition and its applications. ICML, 231-238,
    theorems 2 and 3.

    Examples
    --------
    >>> from wellposed.bias_variance import decompose_zero_one
    >>> result = decompose_zero_one([["a"], ["a"], ["b"]], y=["b"], bias_correction=False)
    >>> result.bias_plus_noise, round(result.net_variance, 3), round(result.error, 3)
    (1.0, -0.333, 0.667)
    """
    caller = "decompose_zero_one"
    labels = check_repetitions(predictions, caller, ndim=(2,))
    target, known = one_of(probabilities, y, "probabilities", caller)
    q, classes = class_probabilities(target, known, classes, labels.shape[1], labels)
    codes = encode_labels(labels, classes, "predictions")
    R, K = len(codes), len(classes)
    one_hot = (codes[:, :, np.newaxis] == np.arange(K)).astype(np.float64)
    optimal = q.argmax(axis=1)
    noise = 1 - q.max(axis=1)
    bias = "bias" if known else "bias_plus_noise"

    def points(p: Array) -> Points:
        """Components at each test point, of shares of predictions [..., n_test, K]."""
        biased = p.argmax(axis=-1) != optimal
        variance = 1 - p.max(axis=-1)
        p_optimal = p[..., np.arange(len(q)), optimal]
        agreement = (p * q).sum(axis=-1)
        named = {
            bias: biased.astype(np.float64),
            "net_variance": np.where(biased, -p_optimal, variance),
            "variance": variance,
        }
        if known:
            agreement_off_optimal = agreement - p_optimal * (1 - noise)
            named["net_noise"] = p_optimal * noise - agreement_off_optimal
            named["noise"] = np.broadcast_to(noise, variance.shape)
        return {**named, "error": 1 - agreement}

    per_point = points(one_hot.mean(axis=0))
    pseudo_values, intervals = no_intervals(per_point, R)
    remainders: dict[str, float] = {}
    if R > 2:
        votes, left_out, beyond = corrected_votes(codes, K, optimal)
        each = {name: values.mean(axis=-1) for name, values in points(one_hot).items()}
        spread = {
            name: votes[name].mean() + (R - 1) * (values.mean() - values)
            for name, values in left_out.items()
        }
        pseudo_values = each | {
            bias: spread["biased"],
            "net_variance": each["error"] - each.get("net_noise", 0.0) - spread["biased"],
            "variance": spread["variance"],
        }
        remainders = {bias: beyond["biased"], "net_variance": -beyond["biased"]}
        remainders["variance"] = beyond["variance"]
        intervals = student_intervals(pseudo_values, confidence_level, remainders)
        intervals |= _without_spread(pseudo_values, bias, confidence_level)
        if bias_correction:
            per_point["net_variance"] = (
                per_point["net_variance"] + per_point[bias] - votes["biased"]
            )
            per_point |= {bias: votes["biased"], "variance": votes["variance"]}
    return BiasVarianceResult(
        loss="zero_one",
        terms=(bias, "net_variance", "net_noise") if known else (bias, "net_variance"),
        per_point=per_point,
        pseudo_values=pseudo_values,
        intervals=intervals,
        remainders=remainders,
        predictions=labels,
        bias_correction=bias_correction and R > 2,
        sampling=sampling,
        confidence_level=confidence_level,
    )


def _without_spread(pseudo_values: Points, bias: str, level: float) -> Intervals:
    """Intervals where all repetitions agree: others may differ, if they are rare enough.

    A vote that all agree on stays what it is unless those others are the half.
    """
    intervals = {}
    for name, values in pseudo_values.items():
        rare = unseen_share(len(values), level)
        if name == "noise" or np.ptp(values) > 0 or (name == bias and rare < 0.5):
            continue
        floor = -1.0 if name.startswith("net") else 0.0
        value = float(values[0])
        intervals[name] = (value - rare * (value - floor), value + rare * (1.0 - value))
    return intervals
