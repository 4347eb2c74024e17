"""Inputs as numbers: holes filled, categories encoded, by rules fitted on training rows only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

#: Categories of a column that get a column each; rarer ones share the last.
MAX_CATEGORIES = 20


def input_encoder(inputs: pd.DataFrame) -> Any:
    """An unfitted `sklearn.compose.ColumnTransformer` for inputs of numbers and text.

    Holes in numbers are filled with the training rows' median, and marked in a further column;
    categories become columns of zeros and ones, the 20 most frequent of the training rows one
    each. A category that training rows do not have counts as a rare one, or is zero everywhere.

    Parameters
    ----------
    inputs : DataFrame
        Columns of numbers, NaN where unknown, and of text, None where missing (as
        ``data.inputs`` of a user's table).

    Examples
    --------
    >>> import pandas as pd
    >>> inputs = pd.DataFrame({"age": [30.0, None, 50.0], "city": ["Rome", "Oslo", "Rome"]})
    >>> encoder = input_encoder(inputs).fit(inputs.iloc[:2])
    >>> encoder.transform(inputs)
    array([[30.,  0.,  0.,  1.],
           [30.,  1.,  1.,  0.],
           [50.,  0.,  0.,  1.]])
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    numbers = [i for i, dtype in enumerate(inputs.dtypes) if dtype.kind == "f"]
    others = [i for i in range(inputs.shape[1]) if i not in numbers]
    filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    encoded = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES, sparse_output=False
    )
    return ColumnTransformer([("numbers", filled, numbers), ("categories", encoded, others)])


def as_numbers(data: Mapping[str, Any], train: np.ndarray) -> np.ndarray:
    """The inputs of a data set as float64, whatever has to be fitted being fitted on some rows.

    A study calls it in ``prepare``, or in an experiment for training rows of a cell's own, in place
    of ``data.X``. For inputs that are all numbers it is ``X``.

    Parameters
    ----------
    data : mapping
        With ``X``, or with ``inputs``, the columns of a table with text or holes.
    train : array of int or bool
        The training rows.

    Returns
    -------
    ndarray of shape (n_samples, n_columns)
        All rows.
    """
    if "inputs" not in data:
        return np.asarray(data["X"], dtype=np.float64)
    inputs = data["inputs"]
    encoder = input_encoder(inputs).fit(inputs.iloc[np.asarray(train)])
    return np.asarray(encoder.transform(inputs), dtype=np.float64)
