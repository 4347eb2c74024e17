"""The function `bias_variance`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .fitting import bias_variance_of
from .result import BiasVarianceResult


def bias_variance(
    estimator: BaseEstimator,
    X: Any,
    y: Any = None,
    *,
    loss: str = "auto",
    sampling: str = "auto",
    n_repetitions: int = 100,
    train_size: float | int | None = None,
    X_test: Any = None,
    y_test: Any = None,
    test_size: float | int = 0.25,
    clip: float | None = None,
    confidence_level: float = 0.95,
    fit_params: Mapping[str, Any] | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> BiasVarianceResult:
    """Split an estimator's expected test error into bias, variance and noise.

    The estimator is cloned and fitted to `n_repetitions` training sets, and its predictions at
    fixed test points are decomposed. With a :class:`KnownTruth` the training sets are independent
    and all components are told apart. With one data set its rows are resampled: noise and bias
    are then one component, and the result's `description` says what the variance is over.

    Parameters
    ----------
    estimator : estimator
        Any scikit-learn classifier or regressor, or a pipeline ending in one.
    X : KnownTruth, or array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        A known truth to draw from, or one data set.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
        Targets of one data set. Several outputs with the squared loss only, which sums over them.
    loss : {"auto", "squared", "zero_one", "log"}, default="auto"
        ``"auto"`` is ``"zero_one"`` for classifiers and else ``"squared"``. See
        :func:`decompose_squared`, :func:`decompose_zero_one` and :func:`decompose_log`.
    sampling : {"auto", "independent", "bootstrap", "splits", "subsample"}, default="auto"
        How training sets are drawn. A KnownTruth is ``"independent"``. Of one data set,
        ``"bootstrap"`` (the default) draws rows with replacement, ``"subsample"`` without, and
        ``"splits"`` cuts the rows into disjoint parts.
    n_repetitions : int, default=100
        Number of training sets, at least 2; intervals take 3.
    train_size : int or float in (0, 1], optional
        Rows of each training set, as a number or as a share of the rows that are not test rows.
        By default all of them for ``"bootstrap"``, half for ``"subsample"`` and
        ``1 / n_repetitions`` for ``"splits"``.
    X_test, y_test : array-like, optional
        Test points for one data set; by default rows of it are set aside.
    test_size : int or float in (0, 1), default=0.25
        How many rows are set aside.
    clip : float in (0, 1 / n_classes), optional
        Least probability under the log loss, which is otherwise an error where it is infinite.
    confidence_level : float in (0, 1), default=0.95
        Level of the intervals.
    fit_params : dict, optional
        Passed to ``fit``, for pipelines as ``step__name``. What has a value for each row of X is
        resampled with it.
    random_state : int, RandomState instance or None, default=None
        An int gives the same test rows and training sets to every estimator, so that results for
        two of them can be compared in pairs; a repetition does not depend on how many there are.
        Each repetition also sets every ``random_state`` among the estimator's parameters, so
        variance includes that of initialisation and the like.
    n_jobs : int, optional
        Number of joblib workers. Fits run with one BLAS thread each, and the result is the same
        for any number of workers. By default, networks of this library are trained side by side,
        as in :func:`fit_together`, and anything else is fitted one by one.

    Returns
    -------
    BiasVarianceResult
        Means and intervals of the components, per-point arrays, pseudo-values for paired
        comparisons, and the predictions.

    Raises
    ------
    ValueError
        If loss and estimator do not go together, the training sets asked for do not exist, both
        a KnownTruth and test data are given, or the log loss is infinite.

    See Also
    --------
    BiasVarianceDisplay : The components against a hyperparameter.
    sklearn.model_selection.validation_curve : Errors only, by cross-validation.

    References
    ----------
    S. Geman, E. Bienenstock and R. Doursat (1992). Neural networks and the bias/variance dilemma.
    Neural Computation 4, 1-58.

    I. Goodfellow, Y. Bengio and A. Courville (2016). Deep Learning, section 5.4.4. MIT Press.

    Examples
    --------
    A known truth:

    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from wellposed.bias_variance import KnownTruth, bias_variance
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 10))
    >>> f = X.sum(axis=1)
    >>> truth = KnownTruth(lambda rng: (X, f + rng.normal(size=40)), X, f, noise=1.0)
    >>> weak = bias_variance(Ridge(alpha=0.1), truth, random_state=0)
    >>> strong = bias_variance(Ridge(alpha=50.0), truth, random_state=0)
    >>> strong.bias2 > weak.bias2, strong.variance < weak.variance
    (True, True)

    One data set, where bias and noise cannot be told apart:

    >>> from sklearn.datasets import load_wine
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> result = bias_variance(DecisionTreeClassifier(), X, y, n_repetitions=20, random_state=0)
    >>> result.terms
    ('bias_plus_noise', 'net_variance')
    >>> bool(np.isclose(result.bias_plus_noise + result.net_variance, result.error))
    True
    """
    return bias_variance_of(
        [estimator],
        X,
        y,
        loss=loss,
        sampling=sampling,
        n_repetitions=n_repetitions,
        train_size=train_size,
        X_test=X_test,
        y_test=y_test,
        test_size=test_size,
        clip=clip,
        confidence_level=confidence_level,
        fit_params=fit_params,
        random_state=random_state,
        n_jobs=n_jobs,
    )[0]
