"""NetClassifier and NetRegressor: labels, link functions and losses of a network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, cast

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from ._base import BaseNet
from ._declare import declared, parameter, strength
from ._missing import accuracy, fill_missing, r_squared
from ._parameters import Strength
from ._partial import all_or_nothing, can_fit_partially
from ._targets import Labels, Numbers
from .regularizers import Entropy, LabelNoise, LabelSmoothing, PseudoLabel
from .unlabeled import without_label


@declared
class NetClassifier(ClassifierMixin, BaseNet):
    """Classify with a regularized network.

    Two classes have one output unit (logistic loss), K >= 3 have K (softmax), and several binary
    labels one each. The data term is the mean cross-entropy, so that regularization strengths do
    not depend on the number of samples: ``l2=a`` on a linear network is
    ``LogisticRegression(C=1/(n*a))``.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    {attributes}

    See Also
    --------
    NetRegressor : The same for numbers.

    References
    ----------
    Goodfellow, Bengio and Courville, *Deep Learning*, MIT Press 2016, chapter 7.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from wellposed import NetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((16,), l2=1e-3, dropout=0.1, random_state=0).fit(X, y)
    >>> net.predict(X[:3])
    array([0, 0, 0])
    """

    entropy: Strength = strength(Entropy, default=0.0)
    pseudo_label: Strength = strength(PseudoLabel, default=0.0)
    label_noise: Strength = strength(LabelNoise, default=0.0)
    label_smoothing: Strength = strength(LabelSmoothing, default=0.0)
    class_weight: Any = parameter(
        'dict, "balanced" or None',
        [dict, StrOptions({"balanced"}), None],
        "Weights of the classes, as in scikit-learn.",
        default=None,
    )

    y_numeric: ClassVar[bool] = False

    @available_if(can_fit_partially)
    @all_or_nothing
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Make one pass over the rows, going on from where the network is.

        Not there under ``solver="lbfgs"``, `early_stopping`, `averaging`, `callbacks` and
        ``class_weight="balanced"``, which need all rows or a whole training.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        classes : array-like of shape (n_classes,), optional
            All classes; needed in the first call, unless y has a column for each label.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        named = None if classes is None else unique_labels(classes)
        if not self.__sklearn_is_fitted__():
            if named is None and not _has_columns_of_labels(y):
                raise ValueError(
                    "The first call of partial_fit needs classes=, all labels there will ever be."
                )
            self._named_classes = named
        elif named is not None and not np.array_equal(named, self.classes_):
            raise ValueError(
                f"classes={named.tolist()!r} are not those of the first call, "
                f"{self.classes_.tolist()!r}. Leave classes out, or fit a new estimator."
            )
        return self._partial_fit(X, y, sample_weight)

    @property
    def _labels(self) -> Labels:
        return cast(Labels, self._targets)

    def _read_targets(self, y: np.ndarray, reset: bool) -> Labels:
        if not reset:
            return replace(self._labels, class_weight=self.class_weight)
        named = self.__dict__.pop("_named_classes", None)
        labels = Labels.learn(y, self.class_weight, named)
        self.classes_ = labels.classes
        return labels

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the outputs before the link: log odds (n,), or scores (n, n_classes)."""
        z = self._outputs(X)
        return z[:, 0] if z.shape[1] == 1 else z

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, (n,), or labels (n, n_outputs)."""
        z = self._outputs(X)
        if self._labels.several:
            return (z > 0).astype(int)
        index = z.argmax(1) if z.shape[1] > 1 else (z[:, 0] > 0).astype(int)
        return self.classes_[index]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes, (n, n_classes), in float64."""
        return self._after_link(self._outputs(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: of whole rows, where there are several labels a row.

        Labels that are missing (NaN) are left out of several.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
        """
        return accuracy(y, self.predict(X), sample_weight)

    def _after_link(self, z: np.ndarray) -> np.ndarray:
        z = z.astype(np.float64)  # float32 rounds what is near 1 to 1
        if self._labels.several:
            return expit(z)
        if z.shape[-1] == 1:
            return np.concatenate([expit(-z), expit(z)], axis=-1)
        return softmax(z, axis=-1)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of the probabilities, (n, n_classes), in float64."""
        z = self._outputs(X).astype(np.float64)
        if self._labels.several:
            return log_expit(z)
        if z.shape[1] == 1:
            return np.hstack([log_expit(-z), log_expit(z)])
        return log_softmax(z, axis=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _has_columns_of_labels(y: Any) -> bool:
    filled, _ = fill_missing(y)
    if without_label(filled, False).any():  # one label a row, of which some are missing
        return False
    return bool(type_of_target(filled) == "multilabel-indicator")


@declared
class NetRegressor(MultiOutputMixin, RegressorMixin, BaseNet):
    """Predict numbers with a regularized network.

    The data term is half the mean squared error, summed over outputs, so that regularization
    strengths do not depend on the number of samples: on a linear network ``l2=a`` is
    ``Ridge(alpha=n*a)`` and ``l1=a`` is ``Lasso(a)``. For counts it is half the mean Poisson
    deviance, and ``l2=a`` is ``PoissonRegressor(alpha=a)``.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    NetClassifier : The same for classes.

    References
    ----------
    Goodfellow, Bengio and Courville, *Deep Learning*, MIT Press 2016, chapter 7.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from wellposed import NetRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> lasso = NetRegressor((), solver="lbfgs", l1=1.0).fit(X, y)
    >>> int((lasso.coef_ != 0).sum())
    3
    """

    loss: str = parameter(
        '{"squared_error", "poisson"}',
        [StrOptions({"squared_error", "poisson"})],
        """
        ``"poisson"`` is for counts and rates, y >= 0: the network's output is the logarithm of the
        prediction.""",
        default="squared_error",
    )

    y_numeric: ClassVar[bool] = True

    @available_if(can_fit_partially)
    @all_or_nothing
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Make one pass over the rows, going on from where the network is.

        Not there under ``solver="lbfgs"``, `early_stopping`, `averaging` and `callbacks`, which
        need all rows or a whole training.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight)

    @property
    def _numbers(self) -> Numbers:
        return cast(Numbers, self._targets)

    def _read_targets(self, y: np.ndarray, reset: bool) -> Numbers:
        return Numbers(y.ndim == 1 if reset else self._numbers.one, self.loss)

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions, (n,) or (n, n_outputs)."""
        return self._after_link(self._outputs(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R^2, averaged over the outputs.

        Numbers that are missing (NaN) are left out of several columns: each output's R^2 is that of
        the rows where its number is there, and outputs with fewer than two are left out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
        """
        return r_squared(y, self.predict(X), sample_weight)

    def _after_link(self, z: np.ndarray) -> np.ndarray:
        if self._made_by.loss == "poisson":
            z = np.exp(z)
        return z[..., 0] if self._numbers.one else z
