"""Fitted estimators as JSON and named arrays, and back; nothing of it runs code."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator

from .. import _targets, networks, regularizers, training
from ..regularizers import Ramp, Regularizer
from ..training.schedules import Schedule

_NUMERIC = "biuf"  # kinds of dtypes that are saved as they are
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


class NotSaved(TypeError):
    """A value that has no place in a file."""


class Encoder:
    """Turns values into what JSON can say, arrays aside.

    Parameters
    ----------
    networks : sequence of callable
        Functions that make a network of the user's own.

    Attributes
    ----------
    arrays : dict of str to ndarray
        What JSON refers to by name.
    """

    def __init__(self, networks: Sequence[Any] = ()) -> None:
        self._networks = networks
        self.arrays: dict[str, np.ndarray] = {}

    def __call__(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, np.bool_):
            return bool(value)
        if isinstance(value, (int, np.integer)) and not isinstance(value, np.timedelta64):
            return int(value)
        if isinstance(value, (float, np.floating)):
            return float(value) if math.isfinite(value) else {"float": str(float(value))}
        if isinstance(value, list):
            return [self(item) for item in value]
        if isinstance(value, tuple):
            return {"tuple": [self(item) for item in value]}
        if isinstance(value, dict):
            return {"dict": [[self(key), self(item)] for key, item in value.items()]}
        return self._of_numbers(value) or self._of_a_class(value)

    def _of_numbers(self, value: Any) -> dict[str, Any] | None:
        if isinstance(value, torch.dtype):
            return {"dtype": str(value).removeprefix("torch.")}
        if isinstance(value, torch.Tensor):
            return {"tensor": self._named(value.numpy(force=True))}
        if not isinstance(value, np.ndarray):
            return None
        if value.dtype.kind in _NUMERIC:
            return {"array": self._named(value)}
        if value.dtype.kind in "OU":
            return {"labels": self(value.tolist()), "dtype": value.dtype.str}
        raise NotSaved(f"an array of dtype {value.dtype}")

    def _of_a_class(self, value: Any) -> dict[str, Any]:
        cls = type(value)
        if classes().get(cls.__name__) is cls:
            return {"object": cls.__name__, "state": self(_state(value))}
        if isinstance(value, Regularizer | Ramp | Schedule):
            return {"own": cls.__name__, "state": self(_state(value))}
        if callable(value):
            name = getattr(value, "__name__", "")
            if any(value is network for network in self._networks):
                return {"network": name or cls.__name__}
            if name.isidentifier():
                return {"own": name}
            raise NotSaved("a function without a name (write it with def)")
        raise NotSaved(f"an object of {cls.__module__}.{cls.__qualname__}")

    def _named(self, value: np.ndarray) -> str:
        name = f"array_{len(self.arrays)}"
        self.arrays[name] = np.require(value, requirements="C")
        return name


class Decoder:
    """Makes values of what `Encoder` wrote.

    Parameters
    ----------
    arrays : dict of str to ndarray
    network : callable, optional
        What stands where a callable was.
    own : dict of str to class or function
        The user's own, by name.
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        network: Callable[..., Any] | None = None,
        own: Mapping[str, Any] | None = None,
    ) -> None:
        self._arrays, self._network, self._own = arrays, network, own or {}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self(item) for item in value]
        if not isinstance(value, dict):
            return value
        kind = next(iter(value))
        content = value[kind]
        if kind == "float":
            return float(content)
        if kind == "tuple":
            return tuple(self(item) for item in content)
        if kind == "dict":
            return {self(key): self(item) for key, item in content}
        if kind == "dtype":
            return _DTYPES[content]
        if kind == "tensor":
            return torch.from_numpy(self._arrays[content])
        if kind == "array":
            return self._arrays[content]
        if kind == "labels":
            return np.array(self(content), dtype=np.dtype(value["dtype"]))
        if kind == "network":
            return self._given_network(content)
        if kind == "object":
            return _restored(classes()[content], self(value["state"]))
        if kind == "own":
            given = self._given(content)
            return _restored(given, self(value["state"])) if "state" in value else given
        raise KeyError(kind)

    def _given_network(self, name: str) -> Callable[..., Any]:
        if self._network is None:
            raise MissingCode(
                f"It was made with the function {name}, and a file holds no code. Give it: "
                f"load(path, network={name})."
            )
        return self._network

    def _given(self, name: str) -> Any:
        if name not in self._own:
            raise MissingCode(
                f"It was trained with {name}, which is not the library's, and a file holds no "
                f"code. Give it: load(path, own=[{name}])."
            )
        return self._own[name]


class MissingCode(ValueError):
    """What was saved needs a function or a class that the user has."""


@cache
def classes() -> dict[str, type]:
    """The library's classes that a fitted estimator consists of, by name."""
    return {
        cls.__name__: cls
        for module in _modules()
        for cls in vars(module).values()
        if isinstance(cls, type) and cls.__module__ == module.__name__ and _has_state(cls)
    }


def _modules() -> Iterator[ModuleType]:
    yield _targets
    for package in (networks, regularizers, training):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def _has_state(cls: type) -> bool:
    return is_dataclass(cls) or issubclass(cls, BaseEstimator) or hasattr(cls, "__setstate__")


def _state(value: Any) -> dict[str, Any]:
    if isinstance(value, BaseEstimator):
        return value.get_params(deep=False)
    if hasattr(value, "__setstate__"):
        return value.__getstate__()
    return {f.name: getattr(value, f.name) for f in fields(value) if f.init}


def _restored(cls: Any, state: dict[str, Any]) -> Any:
    if hasattr(cls, "__setstate__") and not issubclass(cls, BaseEstimator):
        made = cls.__new__(cls)
        made.__setstate__(state)
        return made
    return cls(**state)
