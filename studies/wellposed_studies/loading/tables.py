"""Real tables that well-kept packages ship, as numbers: for studies over many data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from ..study import Data, Profile, Task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class _Table:
    task: Task
    source: str
    load: Callable[[], tuple[pd.DataFrame, Any]]


def _scikit_learn(name: str) -> Callable[[], tuple[pd.DataFrame, Any]]:
    def load() -> tuple[pd.DataFrame, Any]:
        from sklearn import datasets

        return getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)

    return load


def _mlxtend(name: str) -> Callable[[], tuple[pd.DataFrame, Any]]:
    def load() -> tuple[pd.DataFrame, Any]:
        import pandas as pd
        from mlxtend import data

        X, y = getattr(data, f"{name}_data")()
        return pd.DataFrame(X).dropna(axis=1, how="all"), y

    return load


def _scikit_lego(name: str, target: str, *left_out: str) -> Callable[[], tuple[pd.DataFrame, Any]]:
    def load() -> tuple[pd.DataFrame, Any]:
        from sklego import datasets

        frame = getattr(datasets, f"load_{name}")(as_frame=True)
        return frame.drop(columns=[target, *left_out]), frame[target]

    return load


def _statsmodels(
    name: str, target: Callable[[pd.DataFrame], Any], *left_out: str
) -> Callable[[], tuple[pd.DataFrame, Any]]:
    def load() -> tuple[pd.DataFrame, Any]:
        from statsmodels import datasets

        frame = getattr(datasets, name).load_pandas().data
        return frame.drop(columns=list(left_out)), target(frame)

    return load


_TABLES: dict[str, _Table] = {
    "wine": _Table("classification", "scikit-learn; Forina 1991", _scikit_learn("wine")),
    "digits": _Table(
        "classification", "scikit-learn; Alpaydin and Kaynak 1998", _scikit_learn("digits")
    ),
    "breast_cancer": _Table(
        "classification",
        "scikit-learn; Wolberg, Street and Mangasarian 1995",
        _scikit_learn("breast_cancer"),
    ),
    "hearts": _Table(
        "classification",
        "scikit-lego; Detrano et al. 1989 (Cleveland)",
        _scikit_lego("hearts", "target"),
    ),
    "penguins": _Table(
        "classification",
        "scikit-lego; Gorman, Williams and Fraser 2014",
        _scikit_lego("penguins", "species"),
    ),
    "arrests": _Table(
        "classification",
        "scikit-lego; Friendly 2005 (Toronto)",
        _scikit_lego("arrests", "released"),
    ),
    "affairs": _Table(
        "classification",
        "statsmodels; Fair 1978",
        _statsmodels("fair", lambda frame: frame["affairs"] > 0, "affairs"),
    ),
    "party": _Table(
        "classification",
        "statsmodels; American National Election Study 1996",
        _statsmodels("anes96", lambda frame: frame["PID"].astype(int), "PID", "vote", "popul"),
    ),
    "mnist": _Table("classification", "mlxtend; LeCun et al. 1998", _mlxtend("mnist")),
    "diabetes": _Table(
        "regression",
        "scikit-learn; Efron, Hastie, Johnstone and Tibshirani 2004",
        _scikit_learn("diabetes"),
    ),
    "autompg": _Table("regression", "mlxtend; Quinlan 1993", _mlxtend("autompg")),
    "boston": _Table(
        "regression", "mlxtend; Harrison and Rubinfeld 1978", _mlxtend("boston_housing")
    ),
    "abalone": _Table(
        "regression", "scikit-lego; Nash et al. 1994", _scikit_lego("abalone", "rings")
    ),
    "chicken": _Table(
        "regression",
        "scikit-lego; Crowder and Hand 1990",
        _scikit_lego("chicken", "weight", "chick"),
    ),
    "doctor": _Table(
        "regression",
        "statsmodels; RAND Health Insurance Experiment 1971-1986",
        _statsmodels("randhie", lambda frame: frame["mdvis"], "mdvis"),
    ),
    "schools": _Table(
        "regression",
        "statsmodels; California education policy 1998 (Gill 2000)",
        _statsmodels(
            "star98",
            lambda frame: frame["NABOVE"] / (frame["NABOVE"] + frame["NBELOW"]),
            "NABOVE",
            "NBELOW",
        ),
    ),
}

#: Names of all tables.
TABLES = tuple(_TABLES)


def table(name: str, max_rows: int | None = None) -> Data:
    """One of sixteen real tables that come with scikit-learn, mlxtend, scikit-lego and statsmodels.

    Its loader returns ``X``, float64 of shape (n_samples, n_features), categories as one column of
    0 and 1 each and missing values as the column's median, and ``y``: float64 for regression,
    classes 0, 1, ... as int64 for classification. Nothing is fetched: the packages hold the data.

    Parameters
    ----------
    name : str
        One of ``TABLES``.
    max_rows : int, optional
        Of a larger table so many rows are drawn, the same ones in every run of one seed.

    Raises
    ------
    ValueError
        For another name.
    DataError
        When it is loaded and its package is missing.

    Examples
    --------
    >>> table("digits").task
    'classification'
    """
    if name not in _TABLES:
        raise ValueError(f"There is no table {name!r} here; there are {', '.join(_TABLES)}.")
    found = _TABLES[name]
    return Data(_Loader(name, max_rows), found.task, source=found.source)


class _Loader:
    """Loads a table when it is called, so that declaring it imports nothing."""

    def __init__(self, name: str, max_rows: int | None) -> None:
        self.name, self.max_rows = name, max_rows

    def __call__(self, rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
        import numpy as np

        found = _TABLES[self.name]
        try:
            frame, target = found.load()
        except ImportError as error:
            raise DataError(
                f"The table {self.name} comes with the package {error.name}, which is missing. "
                "Install it: pip install 'wellposed[tables]'."
            ) from error
        X, y = _numbers(frame), np.asarray(target)
        if found.task == "classification":
            y = np.unique(y.astype(str) if y.dtype == object else y, return_inverse=True)[1]
        if self.max_rows is not None and len(X) > self.max_rows:
            rows = np.sort(rng.choice(len(X), self.max_rows, replace=False))
            X, y = X[rows], y[rows]
        return {"X": X, "y": y.astype("int64" if found.task == "classification" else "float64")}


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    """Columns as numbers: categories as indicators, missing values as medians."""
    import pandas as pd

    numeric = frame.select_dtypes("number")
    others = frame.drop(columns=numeric.columns)
    numeric = numeric.astype("float64").fillna(numeric.median())
    if len(others.columns):
        numeric = pd.concat([numeric, pd.get_dummies(others, dtype="float64")], axis=1)
    return numeric.to_numpy(dtype="float64")
