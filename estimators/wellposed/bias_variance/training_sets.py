"""Where the training sets of a bias-variance study come from."""

from __future__ import annotations

import numbers
import secrets
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import _num_samples

FitParams = dict[str, Any]

_SAMPLES, _ESTIMATORS, _HOLD_OUT = range(3)


@dataclass(frozen=True)
class KnownTruth:
    """A world in which the truth is known, so that bias, variance and noise can be told apart.

    Parameters
    ----------
    sample : callable
        ``sample(rng) -> (X, y)`` or ``(X, y, fit_params)`` draws one training set, independent of
        the others, with the :class:`numpy.random.RandomState` it is given (which scikit-learn's
        ``make_*`` functions take as ``random_state``).
    X_test : array-like or DataFrame of shape (n_test, n_features)
        Where the expected error is split.
    f_test : array-like of shape (n_test,), (n_test, n_outputs) or (n_test, n_classes)
        The truth at `X_test`: the noise-free values of the function for the squared loss, the
        class probabilities for the 0-1 and log losses.
    noise : float or array-like of the shape of `f_test`, default=0.0
        Variance of the targets around `f_test`, squared loss only: class probabilities hold theirs.
    classes : array-like of shape (n_classes,), optional
        The classes in the order of the columns of `f_test`; ``0, ..., n_classes - 1`` by default.

    Examples
    --------
    >>> import numpy as np
    >>> from wellposed.bias_variance import KnownTruth
    >>> x = np.linspace(0, 1, 30)[:, np.newaxis]
    >>> f = np.sin(2 * np.pi * x[:, 0])
    >>> truth = KnownTruth(lambda rng: (x, f + rng.normal(0, 0.3, 30)), x, f, noise=0.3**2)
    """

    sample: Callable[[np.random.RandomState], tuple[Any, ...]]
    X_test: Any
    f_test: ArrayLike
    noise: ArrayLike = 0.0
    classes: ArrayLike | None = None

    def __post_init__(self) -> None:
        n_test, n_true = _num_samples(self.X_test), len(np.atleast_1d(np.asarray(self.f_test)))
        if n_test != n_true:
            raise ValueError(
                f"X_test has {n_test} rows, but f_test {n_true}: give the truth at each test point."
            )


class TrainingSet(NamedTuple):
    X: Any
    y: Any
    fit_params: FitParams


@dataclass(frozen=True)
class Resamples:
    """Training sets taken from the rows of one data set, by the name of a sampling."""

    X: Any
    y: Any
    fit_params: FitParams
    sampling: str
    train_size: int
    root: int

    def __call__(self, repetition: int) -> TrainingSet:
        n = _num_samples(self.X)
        if self.sampling == "splits":
            start = repetition * self.train_size
            rows = random_stream(self.root, 0).permutation(n)[start : start + self.train_size]
        elif self.sampling == "bootstrap":
            rows = random_stream(self.root, repetition).randint(n, size=self.train_size)
        else:
            rows = random_stream(self.root, repetition).permutation(n)[: self.train_size]
        fit_params = {
            name: _safe_indexing(value, rows) if _has_rows(value, n) else value
            for name, value in self.fit_params.items()
        }
        return TrainingSet(_safe_indexing(self.X, rows), _safe_indexing(self.y, rows), fit_params)


@dataclass(frozen=True)
class Draws:
    """Independent training sets from a known truth."""

    sample: Callable[[np.random.RandomState], tuple[Any, ...]]
    fit_params: FitParams
    root: int

    def __call__(self, repetition: int) -> TrainingSet:
        drawn = self.sample(random_stream(self.root, repetition))
        if not isinstance(drawn, tuple) or len(drawn) not in (2, 3):
            raise TypeError(
                "KnownTruth.sample must return (X, y) or (X, y, fit_params); "
                f"got {type(drawn).__name__}."
            )
        X, y, *rest = drawn
        return TrainingSet(X, y, {**self.fit_params, **(rest[0] if rest else {})})


def resamples(
    X: Any,
    y: Any,
    fit_params: FitParams,
    sampling: str,
    train_size: float | None,
    n_repetitions: int,
    root: int,
) -> Resamples:
    """Return the `n_repetitions` training sets of a sampling, after checking that they exist."""
    n = _num_samples(X)
    parts = n_repetitions if sampling == "splits" else 1
    if train_size is None:
        size = {"bootstrap": n, "subsample": n // 2, "splits": n // parts}[sampling]
    elif isinstance(train_size, numbers.Integral):
        size = int(train_size)
    else:
        size = int(train_size * n)
    most = n // parts if sampling != "bootstrap" else size
    if not 2 <= size <= most:
        raise ValueError(
            f"sampling={sampling!r} with n_repetitions={n_repetitions} and "
            f"train_size={train_size!r} asks for training sets of {size} of the {n} training "
            f"rows; {'at least 2 are needed' if size < 2 else f'at most {most} can be had'}. "
            "Lower n_repetitions, change train_size, or use sampling='bootstrap'."
        )
    return Resamples(X, y, fit_params, sampling, size, root)


def hold_out(
    X: Any, y: Any, fit_params: FitParams, test_size: float | int, root: int
) -> tuple[Any, Any, FitParams, Any, Any]:
    """Set test rows aside; return X, y and fit_params of the other rows, then X and y of these."""
    X, y = indexable(X, y)
    n = _num_samples(X)
    train, test = train_test_split(
        np.arange(n), test_size=test_size, random_state=random_stream(root, 0, _HOLD_OUT)
    )
    fit_params = {
        name: _safe_indexing(value, train) if _has_rows(value, n) else value
        for name, value in fit_params.items()
    }
    X_train, y_train, X_test, y_test = (
        _safe_indexing(data, rows) for rows in (train, test) for data in (X, y)
    )
    return X_train, y_train, fit_params, X_test, y_test


def root_seed(random_state: int | np.random.RandomState | None) -> int:
    """Return the number from which every stream of a study derives."""
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int32).max))
    return secrets.randbits(128) if random_state is None else int(random_state)


def random_stream(root: int, repetition: int, purpose: int = _SAMPLES) -> np.random.RandomState:
    """Return the stream of one repetition, whatever the other repetitions and estimators are."""
    seeds = np.random.SeedSequence(root, spawn_key=(purpose, repetition))
    return np.random.RandomState(np.random.MT19937(seeds))


def seed_estimator(estimator: BaseEstimator, root: int, repetition: int) -> None:
    """Set every ``random_state`` of `estimator` and its parts, each by the parameter's name."""
    for name in _random_state_names(estimator):
        key = (_ESTIMATORS, repetition, zlib.crc32(name.encode()))
        seed = np.random.SeedSequence(root, spawn_key=key).generate_state(1)[0] >> 1
        estimator.set_params(**{name: int(seed)})


def _random_state_names(estimator: BaseEstimator) -> Iterator[str]:
    for name in sorted(estimator.get_params(deep=True)):
        if name == "random_state" or name.endswith("__random_state"):
            yield name


def _has_rows(value: Any, n: int) -> bool:
    """Whether a fit parameter has a value for each row (scikit-learn's rule)."""
    return hasattr(value, "__len__") and not isinstance(value, (str, dict)) and len(value) == n
