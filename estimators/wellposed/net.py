"""NetClassifier and NetRegressor: labels, link functions and losses of a network."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from ._base import BaseNet, all_or_nothing, can_fit_partially
from ._docs import document
from ._labels import Labels
from ._parameters import CONSTRAINTS, FOR_CLASSES, FOR_NUMBERS


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

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS | FOR_CLASSES
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
            if named is None and type_of_target(y) != "multilabel-indicator":
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

    def _encode(self, y: np.ndarray, dtype: Any, reset: bool) -> np.ndarray:
        if reset:
            self._labels = Labels.learn(y, self.__dict__.pop("_named_classes", None))
            self.classes_ = self._labels.classes
        return self._labels.encode(y, dtype)

    def _weigh(self, y: np.ndarray, weight: np.ndarray | None) -> np.ndarray | None:
        if self.class_weight is None:
            return weight
        return self._labels.weigh(y, self.class_weight, weight)

    def _loss(self, n_outputs: int) -> str:
        softmax = not self._labels.several and n_outputs > 1
        return "cross_entropy" if softmax else "logistic"

    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        if self._labels.several:
            return None
        return self.classes_[target[:, 0].astype(int) if target.shape[1] == 1 else target.argmax(1)]

    def _squeeze(self, value: np.ndarray) -> np.ndarray:
        return value

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
        z = self._outputs(X).astype(np.float64)  # float32 rounds what is near 1 to 1
        if self._labels.several:
            return expit(z)
        if z.shape[1] == 1:
            return np.hstack([expit(-z), expit(z)])
        return softmax(z, axis=1)

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


@document
class NetRegressor(MultiOutputMixin, RegressorMixin, BaseNet):
    """Predict numbers with a regularized network.

    The data term is half the mean squared error, summed over outputs, so that regularization
    strengths do not depend on the number of samples: on a linear network ``l2=a`` is
    ``Ridge(alpha=n*a)`` and ``l1=a`` is ``Lasso(a)``. For counts it is half the mean Poisson
    deviance, and ``l2=a`` is ``PoissonRegressor(alpha=a)``.

    Parameters
    ----------
    {parameters}
    loss : {"squared_error", "poisson"}, default="squared_error"
        ``"poisson"`` is for counts and rates, y >= 0: the network's output is the logarithm of the
        prediction.

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

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS | FOR_NUMBERS
    _y_numeric = True

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        *,
        network: Any = "mlp",
        activation: str = "relu",
        init: str = "auto",
        loss: str = "squared_error",
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
        self.loss = loss
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

    def _encode(self, y: np.ndarray, dtype: Any, reset: bool) -> np.ndarray:
        if reset:
            self._one_target = y.ndim == 1
        with np.errstate(over="ignore"):
            target = np.asarray(y, dtype=dtype).reshape(len(y), -1)
        if not np.isfinite(target).all():
            raise ValueError(
                f"y holds values too large for {np.dtype(dtype)}. Scale y, or set dtype='float64'."
            )
        if target.dtype == np.float32 and (np.ptp(target, axis=0) < _spread(y) / 2).any():
            raise ValueError(
                "y varies by less than float32 can tell from its size. Subtract its mean "
                "(TransformedTargetRegressor), or set dtype='float64'."
            )
        if self.loss == "poisson" and target.min() < 0:
            raise ValueError(
                f"loss='poisson' is for counts and rates, and y holds {target.min():g}. Give "
                "values >= 0, or set loss='squared_error'."
            )
        return target

    def _weigh(self, y: np.ndarray, weight: np.ndarray | None) -> np.ndarray | None:
        return weight

    def _loss(self, n_outputs: int) -> str:
        return self.loss

    def _strata(self, target: np.ndarray) -> None:
        return None

    def _squeeze(self, value: np.ndarray) -> Any:
        return value[0] if self._one_target else value

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions, (n,) or (n, n_outputs)."""
        z = self._outputs(X)
        if self._made_by.loss == "poisson":
            z = np.exp(z)
        return z[:, 0] if self._one_target else z


def _spread(y: np.ndarray) -> np.ndarray:
    return np.ptp(np.asarray(y, dtype=float).reshape(len(y), -1), axis=0)
