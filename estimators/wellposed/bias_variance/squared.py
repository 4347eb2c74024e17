"""The squared loss: bias², variance and noise, each estimated without bias."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .checks import (
    check_repetitions,
    match_shape,
    one_of,
)
from .intervals import Points, jackknife, no_intervals, student_intervals
from .result import Array, BiasVarianceResult


def decompose_squared(
    predictions: ArrayLike,
    f: ArrayLike | None = None,
    *,
    y: ArrayLike | None = None,
    noise: ArrayLike = 0.0,
    sampling: str = "given",
    confidence_level: float = 0.95,
) -> BiasVarianceResult:
    """Split the mean squared error into bias² + variance + noise, each estimated without bias.

    With the mean ``m`` and the variance ``s^2`` (divisor R - 1) of the R predictions at a point,
    bias² is ``(m - f)^2 - s^2 / R``: the square of the observed bias less what the R predictions'
    own scatter puts into it. It can be negative, as any unbiased estimate of a small square can.
    Several outputs are summed.

    Parameters
    ----------
    predictions : array-like of shape (n_repetitions, n_test) or (n_repetitions, n_test, n_outputs)
        Predictions of each repetition's estimator, at least two repetitions.
    f : array-like of shape (n_test,) or (n_test, n_outputs), optional
        The true function at the test points. Give `f` or `y`.
    y : array-like of the same shape, optional
        Targets observed at the test points, where `f` is unknown. The first term is then
        ``bias2_plus_noise``.
    noise : float or array-like of the shape of `f`, default=0.0
        Variance of the targets around `f`, per output; only with `f`.
    sampling : {"given", "independent", "bootstrap", "splits", "subsample"}, default="given"
        How the training sets were drawn, for the result's description.
    confidence_level : float in (0, 1), default=0.95
        Level of the result's intervals.

    Returns
    -------
    BiasVarianceResult
        Its terms add up to the mean over repetitions of ``(prediction - f)^2 + noise``, or of
        ``(prediction - y)^2``, at every test point.

    Raises
    ------
    ValueError
        If there are fewer than two repetitions, shapes disagree, or numbers are not finite.

    References
    ----------
    I. Goodfellow, Y. Bengio and A. Courville (2016). Deep Learning, section 5.4.4. MIT Press.

    Examples
    --------
    >>> import numpy as np
    >>> from wellposed.bias_variance import decompose_squared
    >>> result = decompose_squared([[0.0, 1.0], [2.0, 1.0]], f=[1.0, 3.0], noise=0.5)
    >>> result.per_point["bias2"]
    array([-1.,  4.])
    >>> result.bias2 + result.variance + result.noise == result.error
    True
    """
    P = check_repetitions(predictions, "decompose_squared", ndim=(2, 3)).astype(np.float64)
    target, known = one_of(f, y, "f", "decompose_squared")
    target = match_shape(np.asarray(target, dtype=np.float64), P.shape[1:], "f" if known else "y")
    variances = np.asarray(noise, dtype=np.float64)
    if not (np.isfinite(P).all() and np.isfinite(target).all()):
        raise ValueError("Predictions and targets must be finite: remove or repair NaN and inf.")
    if np.any(~(variances >= 0)) or not np.isfinite(variances).all():
        raise ValueError(f"noise is a variance, finite and at least 0; got {noise!r}.")
    if not known and np.any(variances):
        raise ValueError("noise= is known only where f is: with y, leave it out.")
    if variances.ndim == 0:
        variances = np.full(target.shape, variances)
    sigma2 = match_shape(variances, target.shape, "noise")

    R = len(P)
    mean = P.mean(axis=0)
    deviation = P - mean
    sum_of_squares = np.square(deviation).sum(axis=0)
    bias2 = "bias2" if known else "bias2_plus_noise"

    def points(mean: Array, s2: Array, R: int, loss: Array) -> Points:
        named = {bias2: np.square(mean - target) - s2 / R, "variance": s2}
        if known:
            named["noise"] = sigma2
        named["error"] = loss + sigma2
        return {name: _sum_outputs(values) for name, values in named.items()}

    losses = np.square(P - target)
    total = losses.sum(axis=0)
    per_point = points(mean, sum_of_squares / (R - 1), R, total / R)

    def without(r: int) -> Points:
        d = deviation[r]
        s2 = (sum_of_squares - np.square(d) * R / (R - 1)) / (R - 2)
        return points(mean - d / (R - 1), s2, R - 1, (total - losses[r]) / (R - 1))

    if R > 2:
        pseudo_values, _ = jackknife(per_point, without, R)
        gram = np.tensordot(deviation, deviation, axes=(range(1, P.ndim),) * 2) / P.shape[1]
        np.fill_diagonal(gram, 0.0)
        second_order = float(np.sqrt(2 * np.square(gram).sum()) / (R * (R - 1)))
        intervals = student_intervals(pseudo_values, confidence_level, {bias2: second_order})
    else:
        pseudo_values, intervals = no_intervals(per_point, R)
    return BiasVarianceResult(
        loss="squared",
        terms=(bias2, "variance", "noise") if known else (bias2, "variance"),
        per_point=per_point,
        pseudo_values=pseudo_values,
        intervals=intervals,
        predictions=P,
        sampling=sampling,
        confidence_level=confidence_level,
    )


def _sum_outputs(values: Array) -> Array:
    return values if values.ndim == 1 else values.sum(axis=1)
