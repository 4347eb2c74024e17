"""Orthogonal matching pursuit as an encoder: representations of few numbers (section 7.10)."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from .ranges import Range


class OMPEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Encode each row by at most `n_nonzero` atoms of a dictionary (OMP-k, section 7.10).

    ``argmin ||x - D h||^2`` with ``||h||_0 <= n_nonzero`` (eq. 7.49) is approximated by orthogonal
    matching pursuit, scikit-learn's `orthogonal_mp`, on atoms of norm one.

    Parameters
    ----------
    dictionary : array-like of shape (n_atoms, n_features), estimator or None, default=None
        Atoms as rows. An estimator is cloned and fitted to X and y: a `NetClassifier` or
        `NetRegressor` gives the incoming weights of each unit of its first layer, another one its
        ``components_``. One that is fitted already is kept inside of a ``FrozenEstimator``. None is
        ``MiniBatchDictionaryLearning``.
    n_nonzero : int, default=5
        Largest number of atoms in a row's code.
    n_atoms : int, optional
        How many None learns, by default as many as features.
    random_state : int, RandomState instance or None, default=None
        Seeds what None learns.

    Attributes
    ----------
    components_ : ndarray of shape (n_atoms, n_features)
        Atoms of norm one. Those that were zero are left out.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    References
    ----------
    Pati, Rezaiifar and Krishnaprasad 1993; Coates and Ng 2011, *The importance of encoding versus
    training with sparse coding and vector quantization*.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from wellposed import NetClassifier, OMPEncoder
    >>> X, y = load_digits(return_X_y=True)
    >>> X, y = X[:500] / 16, y[:500]
    >>> net = NetClassifier((100,), max_epochs=5, random_state=0)
    >>> codes = OMPEncoder(net, n_nonzero=4).fit_transform(X, y)
    >>> codes.shape, int((codes != 0).sum(1).max())
    ((500, 100), 4)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "dictionary": ["array-like", BaseEstimator, None],
        "n_nonzero": [Range(Integral, 1, None, closed="left")],
        "n_atoms": [Range(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        dictionary: Any = None,
        n_nonzero: int = 5,
        *,
        n_atoms: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.dictionary = dictionary
        self.n_nonzero = n_nonzero
        self.n_atoms = n_atoms
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> OMPEncoder:
        """Take or learn the dictionary.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), optional
            What an estimator given as `dictionary` is fitted to.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the atoms have another number of features than X, or all are zero.
        """
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        atoms = check_array(self._atoms(X, y), dtype=X.dtype, input_name="dictionary")
        if atoms.shape[1] != X.shape[1]:
            raise ValueError(
                f"The atoms of dictionary have {atoms.shape[1]} features and X has {X.shape[1]}. "
                "Give a dictionary of shape (n_atoms, n_features), or one learned on such X."
            )
        norms = np.linalg.norm(atoms, axis=1, keepdims=True)
        atoms = (atoms / np.where(norms > 0, norms, 1))[norms[:, 0] > 0]
        if not len(atoms):
            raise ValueError(
                "All atoms of dictionary are zero, so that nothing can be encoded. Give others, or "
                "leave dictionary=None to learn them from X."
            )
        self.components_ = atoms
        return self

    def _atoms(self, X: np.ndarray, y: Any) -> Any:
        given = self.dictionary
        if isinstance(given, BaseEstimator):
            fitted = clone(given).fit(X, y)
            if not hasattr(fitted, "coefs_"):
                if not hasattr(fitted, "components_"):
                    raise ValueError(
                        f"dictionary={given!r} has neither components_ nor the weights of one "
                        "network once it is fitted, so that there are no atoms. Give a network "
                        "with n_members=1, a decomposition such as PCA, or an array."
                    )
                return fitted.components_
            first = fitted.coefs_[0].T
            return first.reshape(len(first), -1)
        if given is not None:
            return given
        learned = MiniBatchDictionaryLearning(
            self.n_atoms or X.shape[1], batch_size=256, random_state=self.random_state
        )
        return learned.fit(X).components_

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes of the rows, (n_samples, n_atoms), with at most `n_nonzero` numbers."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        k = min(self.n_nonzero, *self.components_.shape)
        return sparse_encode(X, self.components_, algorithm="omp", n_nonzero_coefs=k)

    def inverse_transform(self, codes: Any) -> np.ndarray:
        """Return the rows (n_samples, n_features) that codes stand for."""
        check_is_fitted(self)
        return check_array(codes) @ self.components_
