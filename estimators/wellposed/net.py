"""NetClassifier and NetRegressor: labels, link functions and losses of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from ._base import BaseNet
from ._docs import document
from ._parameters import CONSTRAINTS


@document
class NetClassifier(ClassifierMixin, BaseNet):
    """Classify with a regularized network.

        Two classes have one output unit (logistic loss), K >= 3 have K (softmax), and several binary
        labels one each. The data term is the mean cross-entropy, so that regularization strengths do
        not depend on the number of samples: ``l2=a`` on a linear network is
        ``LogisticRegression(C=1/(n*a))``.

        Parameters
        ----------
    {parameters}
        class_weight : dict, "balanced" or None, default=None
            Weights of the classes, as in scikit-learn.

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

    _parameter_constraints = {**CONSTRAINTS, "class_weight": [dict, StrOptions({"balanced"}), None]}
    _y_numeric = False

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        *,
        network: Any = "mlp",
        activation: str = "relu",
        init: str = "auto",
        fit_intercept: bool = True,
        solver: str = "adam",
        learning_rate: float = 1e-3,
        momentum: float = 0.9,
        batch_size: Any = "auto",
        max_epochs: int = 200,
        tol: float = 1e-6,
        l2: float = 0.0,
        l1: float = 0.0,
        weight_decay: float = 0.0,
        max_norm: float | None = None,
        norm_constraint: float | None = None,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        input_noise: float = 0.0,
        weight_noise: float = 0.0,
        label_smoothing: float = 0.0,
        averaging: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        retrain: str | None = None,
        warm_start: bool = False,
        class_weight: Any = None,
        dtype: str = "auto",
        device: str = "cpu",
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.network = network
        self.activation = activation
        self.init = init
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.tol = tol
        self.l2 = l2
        self.l1 = l1
        self.weight_decay = weight_decay
        self.max_norm = max_norm
        self.norm_constraint = norm_constraint
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.input_noise = input_noise
        self.weight_noise = weight_noise
        self.label_smoothing = label_smoothing
        self.averaging = averaging
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.retrain = retrain
        self.warm_start = warm_start
        self.class_weight = class_weight
        self.dtype = dtype
        self.device = device
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Make one pass over the rows, going on from where the network is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), optional
            All classes; needed in the first call.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        first = not self.__sklearn_is_fitted__()
        if first:
            if classes is None:
                raise ValueError(
                    "The first call of partial_fit needs classes=, all labels there will ever be."
                )
            self._classes_to_come = unique_labels(classes)
        elif classes is not None and not np.array_equal(unique_labels(classes), self.classes_):
            raise ValueError(
                f"classes={list(classes)!r} are not those of the first call, "
                f"{self.classes_.tolist()!r}. Leave classes out, or fit a new estimator."
            )
        try:
            return self._partial_fit(X, y, sample_weight, first)
        finally:
            vars(self).pop("_classes_to_come", None)

    def _encode(self, y: np.ndarray, dtype: np.dtype, reset: bool) -> np.ndarray:
        check_classification_targets(y)
        if type_of_target(y) == "multilabel-indicator":
            if reset:
                self.classes_ = np.arange(y.shape[1])
                self._multilabel = True
            return np.asarray(y, dtype=dtype)
        y = column_or_1d(y, warn=True)
        if reset:
            self._multilabel = False
            self.classes_ = getattr(self, "_classes_to_come", None)
            if self.classes_ is None:
                self.classes_ = np.unique(y)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y holds labels {unknown.tolist()!r} that are not among the classes "
                f"{self.classes_.tolist()!r}. Name all classes in the first fit."
            )
        if len(self.classes_) < 2:
            raise ValueError(
                f"y holds one class, {self.classes_[0]!r}; a classifier needs at least 2 classes. "
                "Give rows of another class, too."
            )
        index = np.searchsorted(self.classes_, y)
        if len(self.classes_) == 2:
            return index[:, None].astype(dtype)
        return np.eye(len(self.classes_), dtype=dtype)[index]

    def _weigh(self, X: np.ndarray, y: np.ndarray, sample_weight: Any) -> np.ndarray | None:
        weight = super()._weigh(X, y, sample_weight)
        if self.class_weight is None:
            return weight
        if self._multilabel:
            raise ValueError(
                "class_weight needs one label a row, and y has several. Set class_weight=None and "
                "give sample_weight."
            )
        y = column_or_1d(y)
        of_class = compute_class_weight(
            self.class_weight, classes=self.classes_, y=y, sample_weight=weight
        )
        by_row = of_class[np.searchsorted(self.classes_, y)].astype(X.dtype)
        return by_row if weight is None else weight * by_row

    def _loss(self, n_outputs: int) -> str:
        softmax = not self._multilabel and n_outputs > 1
        return "cross_entropy" if softmax else "logistic"

    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        if self._multilabel:
            return None
        return target[:, 0] if target.shape[1] == 1 else target.argmax(1)

    def _squeeze(self, value: np.ndarray) -> np.ndarray:
        return value

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the outputs before the link: log odds (n,), or scores (n, n_classes)."""
        z = self._outputs(X)
        return z[:, 0] if z.shape[1] == 1 else z

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, (n,), or labels (n, n_outputs)."""
        z = self._outputs(X)
        if self._multilabel:
            return (z > 0).astype(int)
        index = z.argmax(1) if z.shape[1] > 1 else (z[:, 0] > 0).astype(int)
        return self.classes_[index]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes, (n, n_classes)."""
        z = self._outputs(X)
        if self._multilabel:
            return expit(z)
        if z.shape[1] == 1:
            return np.hstack([expit(-z), expit(z)])
        return softmax(z, axis=1)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of the probabilities, (n, n_classes)."""
        z = self._outputs(X)
        if self._multilabel:
            return log_expit(z)
        if z.shape[1] == 1:
            return np.hstack([log_expit(-z), log_expit(z)])
        return log_softmax(z, axis=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


@document
class NetRegressor(MultiOutputMixin, RegressorMixin, BaseNet):
    """Predict numbers with a regularized network.

        The data term is half the mean squared error, summed over outputs, so that regularization
        strengths do not depend on the number of samples: on a linear network ``l2=a`` is
        ``Ridge(alpha=n*a)`` and ``l1=a`` is ``Lasso(a)``.

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
        2
    """

    _y_numeric = True

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        *,
        network: Any = "mlp",
        activation: str = "relu",
        init: str = "auto",
        fit_intercept: bool = True,
        solver: str = "adam",
        learning_rate: float = 1e-3,
        momentum: float = 0.9,
        batch_size: Any = "auto",
        max_epochs: int = 200,
        tol: float = 1e-6,
        l2: float = 0.0,
        l1: float = 0.0,
        weight_decay: float = 0.0,
        max_norm: float | None = None,
        norm_constraint: float | None = None,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        input_noise: float = 0.0,
        weight_noise: float = 0.0,
        averaging: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        retrain: str | None = None,
        warm_start: bool = False,
        dtype: str = "auto",
        device: str = "cpu",
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.network = network
        self.activation = activation
        self.init = init
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.tol = tol
        self.l2 = l2
        self.l1 = l1
        self.weight_decay = weight_decay
        self.max_norm = max_norm
        self.norm_constraint = norm_constraint
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.input_noise = input_noise
        self.weight_noise = weight_noise
        self.averaging = averaging
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.retrain = retrain
        self.warm_start = warm_start
        self.dtype = dtype
        self.device = device
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Make one pass over the rows, going on from where the network is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight, not self.__sklearn_is_fitted__())

    def _encode(self, y: np.ndarray, dtype: np.dtype, reset: bool) -> np.ndarray:
        if reset:
            self._one_target = y.ndim == 1
        return np.asarray(y, dtype=dtype).reshape(len(y), -1)

    def _loss(self, n_outputs: int) -> str:
        return "squared_error"

    def _strata(self, target: np.ndarray) -> None:
        return None

    def _squeeze(self, value: np.ndarray) -> Any:
        return value[0] if self._one_target else value

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions, (n,) or (n, n_outputs)."""
        z = self._outputs(X)
        return z[:, 0] if self._one_target else z
