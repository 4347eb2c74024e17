"""The regularizers that parameters switch on, with their strengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.utils._param_validation import validate_parameter_constraints

from ._streams import PURPOSES
from .regularizers import REGULARIZERS, Ramp, Regularizer
from .regularizers.base import MOMENTS

if TYPE_CHECKING:
    from ._parameters import Parameters


def regularizers_on(estimator: Parameters) -> dict[str, Regularizer]:
    """Return the regularizers that are on by name, in the order in which they act.

    Raises
    ------
    ValueError
        For strengths and options outside their range, naming what was given.
    """
    given = {name: getattr(estimator, name, None) for name in REGULARIZERS}
    given |= dict(_of_your_own(estimator))
    on = {}
    for name, value in given.items():
        if isinstance(value, Regularizer):
            value = _validated(value)
        else:
            value = REGULARIZERS[name](settled(value))
        if value.is_on:
            on[name] = value
    return on


def settled(strength: Any) -> Any:
    """A strength as a float, a tuple of floats or a `Ramp`; as 0 if it never is another."""
    if isinstance(strength, list | tuple | np.ndarray):
        each = tuple(float(number or 0.0) for number in strength)
        return each if any(each) else 0.0
    if isinstance(strength, Ramp):
        strength.validate()
        return clone(strength) if strength.start or strength.end else 0.0
    return float(strength or 0.0)


def _of_your_own(estimator: Parameters) -> list[tuple[str, Regularizer]]:
    pairs = list(estimator.regularizers or ())
    if not pairs:
        return []
    names = []
    for pair in pairs:
        if not (
            isinstance(pair, tuple)
            and len(pair) == 2
            and isinstance(pair[0], str)
            and isinstance(pair[1], Regularizer)
        ):
            hint = " Make an object of it." if isinstance(pair, type) else ""
            raise ValueError(
                f"regularizers holds {pair!r}; expected pairs of a name and an object of a "
                f"subclass of wellposed.regularizers.Regularizer, ('mine', Mine(0.1)).{hint}"
            )
        names.append(pair[0])
    taken = {*estimator.get_params(deep=False), *PURPOSES}
    for name in names:
        if name in taken or names.count(name) > 1 or "__" in name or "." in name or not name:
            raise ValueError(
                f"regularizers names {name!r}; names must differ from each other, from the "
                f"estimator's parameters and from its random streams {', '.join(PURPOSES)}, and "
                "hold no '__' and no '.'. Rename it."
            )
    return pairs


def _validated(regularizer: Regularizer) -> Regularizer:
    """A copy that is the fit's own."""
    cls = type(regularizer)
    _check_class(cls)
    try:
        params = regularizer.get_params(deep=False)
    except AttributeError as error:
        raise ValueError(f"{error}; {_CONSTRUCTOR}") from error
    constraints = {"strength": cls.strength_constraint(), **cls._parameter_constraints}
    validate_parameter_constraints(constraints, params, caller_name=cls.__name__)
    return cls(**{**params, "strength": settled(params["strength"])})


_CONSTRUCTOR = (
    "the constructor of a regularizer takes `strength` and its options, stores each under its own "
    "name and calls super().__init__(strength)."
)


def _check_class(cls: type[Regularizer]) -> None:
    if "strength" not in cls._get_param_names():
        raise ValueError(f"{cls.__name__}.__init__ has no argument `strength`; {_CONSTRUCTOR}")
    hidden = [name for name in cls._get_param_names() if hasattr(Regularizer, name)]
    if hidden:
        raise ValueError(
            f"{cls.__name__}.__init__ has an option {hidden[0]!r}, which hides Regularizer."
            f"{hidden[0]}. Give the option another name."
        )
    if not any(getattr(cls, moment) is not getattr(Regularizer, moment) for moment in MOMENTS):
        raise ValueError(
            f"{cls.__name__} takes part in no moment of a step, so that it would change nothing. "
            f"Write at least one of the methods {', '.join(MOMENTS)}."
        )
