"""cocktail(): one search over which regularizers are on and how strong."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from itertools import combinations
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.utils import check_random_state

from ._base import BaseNet
from ._checks import check_combination
from ._strengths import settled
from .regularizers import REGULARIZERS, Regularizer

if TYPE_CHECKING:
    import optuna

_WIDTHS = ((), (64,), (128,), (256,), (128, 128), (256, 256))
_CHANNELS = ((8,), (16,), (8, 16), (16, 32))
_RATES = (1e-3, 3e-2)
_SIZES = "hidden_layer_sizes"


def cocktail(estimator: Any, *, expected: float = 4.0, architecture: bool = True) -> Cocktail:
    """Return a search space over which regularizers are on and how strong each is.

    Every draw is valid: a regularizer that the estimator's other parameters refuse is not in it,
    and of two that exclude each other at most one is on. Early stopping needs enough
    rows of each class to hold some out.

    Parameters
    ----------
    estimator : NetClassifier, NetRegressor, or a pipeline or wrapper with one of them inside
        What is searched. A regularizer that is on already stays as it is.
    expected : float, default=4
        How many regularizers are on in a draw, on average, early stopping aside, which is on in
        every other one.
    architecture : bool, default=True
        Search over ``learning_rate`` and, but for a network of your own and the linear model,
        ``hidden_layer_sizes`` as well, among them the linear model: on small tables it is often
        the best.

    Returns
    -------
    Cocktail
        A dict of parameters to distributions for `RandomizedSearchCV` and
        `HalvingRandomSearchCV` (resource ``max_epochs``), with `suggest` for Optuna.

    Raises
    ------
    ValueError
        If there is not exactly one of our estimators in what is given.

    References
    ----------
    Kadra, Lindauer, Hutter and Grabocka, *Well-tuned Simple Nets Excel on Tabular Datasets*,
    NeurIPS 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import RandomizedSearchCV
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from wellposed import NetClassifier, cocktail, fit_together
    >>> X, y = load_iris(return_X_y=True)
    >>> pipe = make_pipeline(StandardScaler(), NetClassifier(max_epochs=20, random_state=0))
    >>> search = RandomizedSearchCV(pipe, cocktail(pipe), n_iter=8, cv=3, random_state=0)
    >>> with fit_together():
    ...     search = search.fit(X, y)
    >>> bool(search.best_score_ > 0.9)
    True

    With Optuna, ``study.optimize(objective, n_trials=40)`` of:

    >>> def objective(trial):
    ...     candidate = clone(pipe).set_params(**cocktail(pipe).suggest(trial))
    ...     return cross_val_score(candidate, X, y).mean()
    """
    if not isinstance(expected, Real) or not expected >= 0:
        raise ValueError(
            f"expected={expected!r} must be a number >= 0: how many regularizers are on in a draw, "
            "on average. Leave it out for 4."
        )
    prefix, net = _find(estimator)
    trains = _Trial(net)
    candidates = {
        name: cls
        for name, cls in REGULARIZERS.items()
        if cls.in_cocktail and hasattr(net, name) and not _is_on(net, name)
        if trains(**{name: cls.typical[0]})
    }
    excluded = [
        {a, b}
        for a, b in combinations(candidates, 2)
        if not _accepts(net, {a: candidates[a].typical[0], b: candidates[b].typical[0]})
    ]
    others: dict[str, Any] = {}
    sizes: tuple[tuple[int, ...], ...] = ()
    stops = {"early_stopping": True}
    if not net.early_stopping and all(
        _accepts(net, {name: cls.typical[0], **stops}) for name, cls in candidates.items()
    ):
        others["early_stopping"] = (False, True)
    if architecture:
        if net.solver != "lbfgs":
            others["learning_rate"] = loguniform(*_RATES)
        if not callable(net.network) and net.hidden_layer_sizes != ():
            known = _CHANNELS if net.network == "cnn" else _WIDTHS
            sizes = tuple(each for each in known if trains(hidden_layer_sizes=each))
            sizes = sizes if len(sizes) > 1 else ()  # lists and the like are for other layers
    unsuited = {
        name
        for name, cls in candidates.items()
        if () in sizes and not trains(hidden_layer_sizes=(), **{name: cls.typical[0]})
    }
    share = min(1.0, expected / max(1, len(candidates)))
    off = {name: getattr(type(net), name) for name in candidates}
    return Cocktail(prefix, candidates, off, excluded, share, others, sizes, unsuited)


class Cocktail(dict):
    """A search space whose parameters are drawn jointly; `cocktail` makes it.

    Items are parameters and their distributions. Strengths are drawn log-uniformly from weak to
    strong (each class's ``typical``), and are off otherwise.
    """

    def __init__(
        self,
        prefix: str,
        candidates: dict[str, type[Regularizer]],
        off: dict[str, Any],
        excluded: list[set[str]],
        share: float,
        others: dict[str, Any],
        sizes: tuple[tuple[int, ...], ...],
        unsuited: set[str],  # to the linear model
    ) -> None:
        self.prefix, self.share, self.excluded = prefix, share, excluded
        self._sizes, self._unsuited = sizes, unsuited
        self.regularizers, self._off, self._others = candidates, off, others
        self._undrawn: dict[str, Any] = {}  # of the running draw
        self._generator: Any = None  # that the running draw is from
        joint = [*candidates, *([_SIZES] if sizes else [])]
        super().__init__({f"{prefix}{name}": _Marginal(self, name) for name in joint})
        self.update({f"{prefix}{name}": values for name, values in others.items()})

    def draw(self, random_state: Any = None) -> dict[str, Any]:
        """Draw layers, which regularizers are on and how strong, for ``set_params``."""
        rng = check_random_state(random_state)
        drawn: dict[str, Any] = {}
        if self._sizes:
            drawn[self.prefix + _SIZES] = self._sizes[rng.randint(len(self._sizes))]
        on: set[str] = set()
        for name in rng.permutation(list(self.regularizers)):
            if rng.uniform() < self.share and not self._conflicts(name, on, drawn):
                on.add(str(name))
        for name, cls in self.regularizers.items():
            strength = _strength(cls, rng.uniform()) if name in on else self._off[name]
            drawn[self.prefix + name] = strength
        return drawn

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Let Optuna suggest all parameters, those of `architecture` too, for ``set_params``.

        Parameters
        ----------
        trial : optuna.Trial
            Its parameters are named ``<regularizer> on`` and as those of the estimator.
        """
        suggested = {self.prefix + name: value for name, value in self._suggested_others(trial)}
        if self._sizes:
            suggested[self.prefix + _SIZES] = self._suggested_of(trial, _SIZES, self._sizes)
        on: set[str] = set()
        for name, cls in self.regularizers.items():
            key = self.prefix + name
            suggested[key] = self._off[name]
            if self._conflicts(name, on, suggested):
                continue
            if trial.suggest_categorical(f"{key} on", [False, True]):
                on.add(name)
                low, high = sorted(cls.typical)
                suggested[key] = low
                if low < high:
                    suggested[key] = trial.suggest_float(key, low, high, log=True)
        return suggested

    def _suggested_others(self, trial: optuna.Trial) -> Iterator[tuple[str, Any]]:
        for name, values in self._others.items():
            if isinstance(values, tuple):
                yield name, self._suggested_of(trial, name, values)
            else:
                yield name, trial.suggest_float(self.prefix + name, *values.support(), log=True)

    def _suggested_of(self, trial: optuna.Trial, name: str, values: tuple[Any, ...]) -> Any:
        texts = {repr(value): value for value in values}
        return texts[trial.suggest_categorical(self.prefix + name, list(texts))]

    def _conflicts(self, name: str, on: set[str], drawn: dict[str, Any]) -> bool:
        if name in self._unsuited and drawn.get(self.prefix + _SIZES) == ():
            return True
        return any({name, other} in self.excluded for other in on)

    def _next(self, key: str, rng: Any) -> Any:
        """One parameter of the running draw; asked for one a second time, the next draw."""
        if key not in self._undrawn or rng is not self._generator:
            self._undrawn, self._generator = self.draw(rng), rng
        return self._undrawn.pop(key)


class _Marginal:
    """One parameter of a joint draw, as scikit-learn asks for it."""

    def __init__(self, space: Cocktail, name: str) -> None:
        self._space, self._name = space, name

    def rvs(self, random_state: Any = None) -> Any:
        """Draw a value; with those of the other parameters it makes a valid combination."""
        return self._space._next(self._space.prefix + self._name, check_random_state(random_state))

    def __repr__(self) -> str:
        if self._name == _SIZES:
            return f"<one of {self._space._sizes}>"
        weak, strong = self._space.regularizers[self._name].typical
        return f"<off, or log-uniform from {weak:g} to {strong:g}>"


def _strength(cls: type[Regularizer], share: float) -> float:
    """From weak to strong, in equal ratios."""
    weak, strong = map(math.log, cls.typical)
    return math.exp(weak + share * (strong - weak))


def _is_on(net: BaseNet, name: str) -> bool:
    value = getattr(net, name)
    return value.is_on if isinstance(value, Regularizer) else bool(settled(value))


def _accepts(net: BaseNet, params: dict[str, Any]) -> bool:
    try:
        check_combination(clone(net).set_params(**params))
    except (TypeError, ValueError):
        return False
    return True


class _Trial:
    """Whether the network trains with other parameters, tried on a dozen rows.

    What depends on the sizes of layers is refused by a fit alone. A network that does not train on
    these rows as it is, since it is made for others, is judged by its parameters.
    """

    def __init__(self, net: BaseNet) -> None:
        plain = {"early_stopping": False, "retrain": None, "callbacks": None, "verbose": 0}
        plain |= {"max_epochs": 1, "n_members": 1, "bootstrap": False, "warm_start": False}
        plain |= {"class_weight": None} if hasattr(net, "class_weight") else {}
        self._net = clone(net).set_params(**plain)
        n_features = getattr(net.start, "n_features_in_", 64)
        self._X = np.abs(np.random.default_rng(0).normal(size=(12, n_features)))
        y = np.arange(12) % 3
        self._y = self._X if net.tied else y if hasattr(net, "class_weight") else y.astype(float)
        self._fits = self._fit({})

    def __call__(self, **params: Any) -> bool:
        return self._fit(params) if self._fits else _accepts(self._net, params)

    def _fit(self, params: dict[str, Any]) -> bool:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                clone(self._net).set_params(**params).fit(self._X, self._y)
        except Exception:  # a module of the user's own may raise anything
            return False
        return True


def _find(estimator: Any) -> tuple[str, BaseNet]:
    """Return the estimator of ours, and the prefix of its parameters."""
    if isinstance(estimator, BaseNet):
        return "", estimator
    params = estimator.get_params() if hasattr(estimator, "get_params") else {}
    found = {f"{name}__": value for name, value in params.items() if isinstance(value, BaseNet)}
    if len(found) != 1:
        inside = ", ".join(name.removesuffix("__") for name in found) or "none"
        raise ValueError(
            "cocktail() needs a NetClassifier or NetRegressor, or a pipeline or wrapper with one "
            f"of them inside; {type(estimator).__name__} has {inside}. Call it with the network "
            "itself, and put the step's name and '__' before the names it returns."
        )
    return next(iter(found.items()))
