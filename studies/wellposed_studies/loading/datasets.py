"""Real data sets that come with scikit-learn, ready to be named in a study's `data`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..study import Data, Profile, Task

if TYPE_CHECKING:
    import numpy as np

_SETS: dict[str, tuple[Task, str]] = {
    "diabetes": ("regression", "Efron, Hastie, Johnstone and Tibshirani 2004"),
    "breast_cancer": ("classification", "Wolberg, Street and Mangasarian 1995"),
    "digits": ("classification", "Alpaydin and Kaynak 1998"),
    "iris": ("classification", "Fisher 1936"),
    "wine": ("classification", "Forina 1991"),
}


def scikit_learn(name: str) -> Data:
    """One of scikit-learn's built-in data sets: ``diabetes, breast_cancer, digits, iris, wine``.

    Its loader returns ``X``, float64 of shape (n_samples, n_features), and ``y``: float64 for
    regression, classes 0, 1, ... as int64 for classification.

    Examples
    --------
    >>> scikit_learn("digits").task
    'classification'
    """
    if name not in _SETS:
        raise ValueError(f"scikit-learn has no set {name!r} here; there are {', '.join(_SETS)}.")
    task, source = _SETS[name]
    return Data(_Loader(name, task), task, source=f"scikit-learn's {name}; {source}")


class _Loader:
    """Loads a set when it is called, so that declaring it imports nothing."""

    def __init__(self, name: str, task: Task) -> None:
        self.name = name
        self.task = task

    def __call__(self, rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
        from sklearn import datasets

        X, y = getattr(datasets, f"load_{self.name}")(return_X_y=True)
        return {
            "X": X.astype("float64"),
            "y": y.astype("float64" if self.task == "regression" else "int64"),
        }
