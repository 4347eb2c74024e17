"""What a fitted network has: its attributes and its outputs."""

from __future__ import annotations

import os
from numbers import Integral
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ._ensemble import members_of, pooled
from ._parameters import Parameters
from ._targets import Targets
from ._threads import in_one_thread
from .networks import Network
from .regularizers import Regularizer
from .training.evaluation import outputs
from .training.monte_carlo import drawn, sub_model_outputs
from .training.request import Request, State


class FittedNet(Parameters):
    """Attributes and outputs of a fitted network.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        Weights (n_in, n_out) and biases (n_out,) of each layer, as in scikit-learn's MLP.
    coef_, intercept_ : ndarray
        Those of the linear model.
    feature_importances_ : ndarray of shape (n_features,)
        2-norm of the weights that leave each input, which `SelectFromModel` asks for.
    net_ : skorch.NeuralNet
        The fitted network.
    regularizers_ : dict of str to Regularizer
        Those that were on, with their strengths and options.
    n_iter_ : int
        Epochs, or lbfgs iterations, made.
    t_ : int
        Updates made.
    loss_curve_ : list of float
        Objective after each epoch: mean loss of its steps plus the penalties. With `retrain` those
        of the second training, on all rows.
    loss_ : float
        The last of them.
    objective_parts_ : dict of str to list of float
        What each penalty and term of the regularizers has added to them, by name; of lbfgs at its
        end alone.
    validation_loss_curve_, validation_scores_ : list of float
        Loss, and accuracy or R^2, on the validation rows after each epoch.
    best_epoch_ : int
        1-based epoch of the smallest validation loss.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
    n_outputs_, n_layers_ : int
    members_ : list of NetClassifier or NetRegressor
        The networks of an ensemble. Of the ensemble itself, `n_iter_` and `t_` are the largest of
        theirs, losses and `objective_parts_` the mean of those that were still trained.
    oob_score_ : float
        With `bootstrap`, accuracy or R^2 of predictions of each row by the members that were not
        shown it: of `oob_decision_function_` (n, n_classes) or `oob_prediction_`, NaN where each
        was.
    """

    _targets: Targets
    _state: State
    _network: Network
    _made_by: Request  # without rows

    @property
    @in_one_thread
    def net_(self) -> Any:
        """The fitted network as a skorch net, which shares its parameters."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError("net_ is there once the model is fitted. Call fit first.")
        self._check_one("net_")
        if "_net" not in vars(self):
            from .skorch_net import history_of, make_net

            validation = getattr(self, "validation_loss_curve_", [])
            history = history_of(self.loss_curve_, validation, getattr(self, "_history", None))
            self._net = make_net(self._made_by, self._state, self.callbacks, self.verbose, history)
        return self._net

    @property
    def regularizers_(self) -> dict[str, Regularizer]:
        """Copies of the regularizers that were on, by name, in the order in which they act."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError("regularizers_ is there once the model is fitted. Call fit first.")
        return {name: clone(r) for name, r in self._made_by.regularizers.items()}

    @property
    def coefs_(self) -> list[np.ndarray]:
        """Weights (n_in, n_out) of each layer."""
        return [weight.numpy(force=True).T.copy() for weight in self._parameters()[0]]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Biases (n_out,) of each layer."""
        return [bias.numpy(force=True).copy() for bias in self._parameters()[1]]

    def _parameters(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        if not self.__sklearn_is_fitted__():
            raise AttributeError("A network has weights once it is fitted. Call fit first.")
        self._check_one("weights and biases")
        return self._network.coefs(self._state.theta)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the skorch net out but for its history: it is made again when it is asked for."""
        state = dict(super().__getstate__())
        net = state.pop("_net", None)
        if net is None:
            return state
        from .skorch_net import plain_history

        return {**state, "_history": plain_history(net.history)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted network to a file without code; see `wellposed.save`."""
        from .saving import save

        save(self, path)

    def _sk_visual_block_(self) -> Any:
        from ._html import visual_block

        return visual_block(self)

    # ------------------------------------------------------------------ outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_state")

    @property
    def _has_members(self) -> bool:
        return "_members" in vars(self)

    @property
    def members_(self) -> list[Any]:
        """The networks of an ensemble as estimators of their own."""
        if not self._has_members:
            raise AttributeError(
                "members_ are those of a fitted ensemble. Set n_members > 1 and call fit."
            )
        return members_of(self)

    def _check_one(self, what: str) -> None:
        """Refuse to tell of one network where there are several."""
        if self._has_members:
            raise AttributeError(
                f"An ensemble of {len(self._members)} networks has no {what} of its own. See those "
                "of its members_."
            )

    @in_one_thread
    def _outputs(self, X: Any) -> np.ndarray:
        """Outputs [n, outputs] before the link function, in float64 if X or the network is.

        Of an ensemble they are those whose prediction is the mean of its members'.
        """
        if not self._has_members:
            return self._outputs_of_members(X)[0]
        return pooled(self._made_by.loss, self._outputs_of_members(X))

    @in_one_thread
    def _outputs_of_members(
        self, X: Any, n_draws: int | None = None, random_state: Any = None
    ) -> np.ndarray:
        """Outputs [members * draws, n, outputs]: of each network, or of draws of its masks."""
        check_is_fitted(self)
        dtypes = [np.float64, np.float32]
        X = validate_data(self, X, reset=False, dtype=dtypes, accept_sparse="csr")
        draws = None if n_draws is None else self._draws(n_draws, random_state)
        found = []
        for member in self._members if self._has_members else [vars(self)]:
            network, theta = member["_network"], member["_state"].theta
            if X.dtype == np.float64:
                theta = theta.double()
            rows = X
            if not issparse(X):
                rows = torch.from_numpy(np.require(X, requirements=["C", "W"])).to(theta)
            if draws is None:
                found.append(outputs(network, theta, rows)[None])
            else:
                found.append(sub_model_outputs(network, theta, rows, *draws))
        z = found[0] if len(found) == 1 else torch.cat(found)
        return z[..., : self.n_outputs_].numpy(force=True)

    def _draws(self, n_draws: int, random_state: Any) -> tuple[dict[str, Regularizer], list[int]]:
        """What draws sub-models, and a seed for each."""
        if not isinstance(n_draws, Integral) or isinstance(n_draws, bool) or n_draws < 1:
            raise ValueError(f"n_draws must be a positive integer, got {n_draws!r}.")
        regularizers = drawn(self._made_by.regularizers)
        if callable(self.network):
            raise ValueError(
                f"n_draws={n_draws} draws the masks of this library's networks, and network="
                "callable built a module of your own. Draw with net_.module_.train()."
            )
        if not regularizers:
            raise ValueError(
                f"n_draws={n_draws} draws the masks that a network was trained with, and no "
                "regularizer that was on draws any. Fit with one that drops units, or leave "
                "n_draws out."
            )
        seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=n_draws)
        return regularizers, seeds.tolist()

    def predict_members(
        self, X: Any, n_draws: int | None = None, random_state: Any = None
    ) -> np.ndarray:
        """Return the predictions of each member of an ensemble, or of draws of the masks.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        n_draws : int, optional
            Monte-Carlo prediction: draw so many sub-models of each network by the masks that it was
            trained with (`dropout`, `input_dropout` and the like), at the strength of the end of
            the training. `predict` uses none: it scales the weights (section 7.12).
        random_state : int, RandomState instance or None, default=None
            Seeds these draws.

        Returns
        -------
        ndarray of shape (n_members * n_draws, n_samples, ...)
            Numbers as `predict` has them, or probabilities as `predict_proba`.

        Raises
        ------
        ValueError
            If nothing was on that draws masks.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from wellposed import NetClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> net = NetClassifier((16,), dropout=0.2, n_members=3, max_epochs=20, random_state=0)
        >>> net.fit(X, y).predict_members(X[:5]).shape
        (3, 5, 3)
        >>> net.predict_members(X[:5], n_draws=50, random_state=0).shape
        (150, 5, 3)
        """
        return self._after_link(self._outputs_of_members(X, n_draws, random_state))

    def predict_std(self, X: Any, n_draws: int | None = None, random_state: Any = None) -> Any:
        """Return the standard deviation of `predict_members`, over members and draws.

        Of numbers (n,) or (n, n_outputs), of probabilities (n, n_classes).
        """
        if n_draws is None and not (self._has_members and len(self._members) > 1):
            check_is_fitted(self)
            raise ValueError(
                "One network has no spread. Set n_members > 1, or give n_draws, the number of "
                "sub-models to draw by the masks of the training."
            )
        return self.predict_members(X, n_draws, random_state).std(0)

    def _after_link(self, z: np.ndarray) -> np.ndarray:
        """Predictions of outputs [..., n, outputs]."""
        raise NotImplementedError

    @property
    def coef_(self) -> np.ndarray:
        """Weights (n_outputs, n_features) of the linear model, or (n_features,) for one target."""
        self._check_linear("coef_")
        return self._targets.squeeze(self.coefs_[0].T)

    @property
    def intercept_(self) -> np.ndarray | float:
        """Intercept (n_outputs,) of the linear model, or a number for one target."""
        self._check_linear("intercept_")
        if not self.intercepts_:
            return self._targets.squeeze(np.zeros(self.n_outputs_))
        return self._targets.squeeze(self.intercepts_[0])

    @property
    def feature_importances_(self) -> np.ndarray:
        """2-norm (n_features,) of the weights of the first layer that leave each input."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError(
                "feature_importances_ is there once the model is fitted. Call fit."
            )
        if self._has_members:
            return np.mean([net.feature_importances_ for net in self.members_], axis=0)
        network = self._network
        if not network.inputs_have_columns:
            raise AttributeError(
                "feature_importances_ are norms of the weights that leave each input, and the "
                "first layer of this network does not have weights of its own for each."
            )
        first = network.weights(self._state.theta[None, : network.n_weights])[0][0]
        return first[:, : network.n_inputs].norm(dim=0).numpy(force=True)

    def _check_linear(self, name: str) -> None:
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"{name} is there once the model is fitted. Call fit first.")
        if len(self.coefs_) != 1:
            raise AttributeError(
                f"{name} belongs to the linear model, hidden_layer_sizes=(). This network has "
                f"{len(self.coefs_) - 1} hidden layers: see coefs_ and intercepts_."
            )
