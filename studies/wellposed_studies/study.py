"""What a study declares: its data, factors, repetitions, what one cell measures, claims, figures.

How to write a study
--------------------
A study is one file with one subclass of `Study`. A file in ``wellposed_studies/catalogue/`` is
found by its name (``my_study.py`` is ``wellposed run my-study``); any other file is run by its
path (``wellposed run ./my_study.py``). Nothing else has to be registered or edited. One that is
too long for a file is a folder in the catalogue, with the `Study` in its ``__init__.py``.

A study holds no loop over cells, no file and no seed. It says what one cell computes, and the
runner does the rest: it multiplies data sets, factor values and repetitions out into cells,
derives their seeds, runs what is missing, stores it, and tests the claims on the finished tables.

Three rules make this work:

- Import numpy at the top of the file, and everything heavier (pandas, scikit-learn, wellposed)
  inside the functions that use it, so that ``wellposed list`` stays quick.
- ``measure`` uses the data, the parameters and the random streams of its cell and nothing else.
  It does not know the profile: a size that depends on it is a factor or belongs to the data.
- Raise ``version`` when what ``measure``, ``prepare`` or a loader computes has changed. Cells of
  other versions are ignored, and ``wellposed clean`` deletes them.

A complete small study, which asks whether shrinking the mean of five numbers pays:

>>> import numpy as np
>>> from wellposed_studies.claims import Claim, at_most, choose_then_test, jackknife
>>> from wellposed_studies.study import Data, Grid, Study, by_profile
>>>
>>> def normal(rng, profile):
...     return {"mean": 0.5, "n_samples": 5}
>>>
>>> def risk_ratio(results):
...     # One row a factor, one column a repetition; the same samples for every factor.
...     errors = results.matrix("squared_error", rows="factor")
...     chosen, tested = choose_then_test(errors.to_numpy())
...     plain = errors.index.get_loc(1.0)
...     return jackknife(
...         lambda i: tested[chosen, i].mean() / tested[plain, i].mean(), tested.shape[1]
...     )
>>>
>>> def curve(results):
...     from matplotlib.figure import Figure
...     figure = Figure()
...     risk = results.table().groupby("factor")["squared_error"].mean()
...     figure.subplots().plot(risk.index, risk)
...     return figure
>>>
>>> class Shrinkage(Study):
...     title = "Does shrinking a mean pay?"
...     summary = "The mean of five numbers, multiplied by a factor below one."
...     version = 1
...     minutes = {"quick": 0.1, "full": 1.0}
...     data = {"normal": Data(normal, task="regression", synthetic=True)}
...     factors = [Grid({"factor": by_profile(quick=[0.5, 1.0], full=np.linspace(0, 1, 21))})]
...     repetitions = by_profile(quick=200, full=5000)
...     claims = [
...         Claim(
...             name="shrinking-pays",
...             statement="The best factor has a smaller squared error than the mean itself.",
...             measured="risk at the chosen factor / risk at factor 1, on other repetitions",
...             threshold=at_most(1.0),
...             oracle="the mean that was drawn from",
...             source="James and Stein 1961",
...             test=risk_ratio,
...         )
...     ]
...     figures = {"curve": curve}
...
...     def measure(self, cell):
...         sample = cell.rng("sample").normal(cell.data.mean, 1.0, cell.data.n_samples)
...         estimate = cell.params["factor"] * sample.mean()
...         return {"squared_error": (estimate - cell.data.mean) ** 2}

What ``measure`` may return
---------------------------
A mapping from names to

- numbers, strings or booleans: columns of ``results.table()``, which has one row a cell;
- numpy arrays, say the predictions at the test points, ``(n_test,)`` or ``(n_test, n_classes)``:
  ``results.stacked("prediction")`` has one row a setting, and its arrays have the repetitions as
  their first axis, which is what bias and variance are computed from;
- DataFrames, say a learning curve: ``results.table("curve")``, the cell's columns put before the
  frame's.

A bare DataFrame is short for ``{"cells": frame}``: ``results.table()`` then has its rows.

What is computed once from all cells (bias and variance from the stored predictions) is declared
in ``derived`` as a function from results to a DataFrame, and read as ``results.table(name)``.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from .claims import Claim
    from .storing.results import Results

Profile = Literal["quick", "full"]
Task = Literal["regression", "classification"]
PROFILES: tuple[Profile, ...] = ("quick", "full")

#: Names that a factor cannot have, because the tables have a column of that name already.
RESERVED = frozenset({"data", "repetition", "seed", "key", "seconds"})


@dataclass(frozen=True)
class ByProfile:
    """A value for the ``quick`` and one for the ``full`` profile; see `by_profile`."""

    quick: Any
    full: Any

    def of(self, profile: Profile) -> Any:
        """The value for `profile`."""
        return getattr(self, profile)


def by_profile(*, quick: Any, full: Any) -> ByProfile:
    """A value that depends on the profile: a size, never a meaning.

    Parameters
    ----------
    quick, full : Any
        The value under ``--profile quick`` and under ``--profile full``.

    Examples
    --------
    >>> by_profile(quick=10, full=200).of("full")
    200
    """
    return ByProfile(quick, full)


def resolve(value: Any, profile: Profile) -> Any:
    """`value`, or its part for `profile` if it is a `ByProfile`."""
    return value.of(profile) if isinstance(value, ByProfile) else value


@dataclass(frozen=True)
class Data:
    """A named data set of a study.

    Parameters
    ----------
    load : callable ``(rng, profile) -> mapping``
        Returns the data as a mapping from names to arrays, DataFrames, numbers or strings; cells
        see it as attributes, ``cell.data.X``. `rng` is a numpy Generator that belongs to this
        data set. A real set returns ``X`` and ``y`` and nothing else that `Study.measure`
        depends on, so that a user's table can stand in for it.
    task : {"regression", "classification"}
        What kind of target it has. A user's table stands in for the real sets of its kind.
    synthetic : bool
        Whether it is drawn from a known truth, which no user's table can stand in for.
    source : str
        Where the data come from, for the reports.
    """

    load: Callable[[np.random.Generator, Profile], Mapping[str, Any]]
    task: Task
    synthetic: bool = False
    source: str = ""


@dataclass(frozen=True)
class Grid:
    """All combinations of some factors' values, on some of the study's data sets.

    Parameters
    ----------
    factors : mapping of str to values
        A list, range or array holds several values; anything else (a number, a string, a tuple,
        None) is the one value. Either may be given `by_profile`. Values are plain: None, bool,
        int, float, str, or a tuple of these.
    data : sequence of str or None
        Names of the data sets to run on; all of the study's by default.

    Examples
    --------
    Two regularizers, each over strengths of its own, are two grids:

    >>> grids = [
    ...     Grid({"regularizer": "l2", "strength": [0.1, 1.0]}),
    ...     Grid({"regularizer": "dropout", "strength": [0.25, 0.5]}, data=["digits"]),
    ... ]
    >>> list(grids[0].settings("quick"))
    [{'regularizer': 'l2', 'strength': 0.1}, {'regularizer': 'l2', 'strength': 1.0}]
    """

    factors: Mapping[str, Any]
    data: Sequence[str] | None = None

    def __post_init__(self) -> None:
        taken = RESERVED.intersection(self.factors)
        if taken:
            raise ValueError(
                f"a factor cannot be named {sorted(taken)[0]!r}: the tables have a column of that "
                f"name. Choose another name (taken are {', '.join(sorted(RESERVED))})."
            )
        if isinstance(self.data, str):
            raise TypeError(
                f"data={self.data!r} is one name, expected a list of them: [{self.data!r}]."
            )

    def settings(self, profile: Profile) -> Iterator[dict[str, Any]]:
        """The combinations under `profile`, the last factor varying fastest."""
        values = [_values(name, resolve(v, profile)) for name, v in self.factors.items()]
        for combination in itertools.product(*values):
            yield dict(zip(self.factors, combination))


def _values(name: str, value: Any) -> list[Any]:
    """The list of plain values that a factor's declaration stands for."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    values = list(value) if isinstance(value, list | range) else [value]
    return [_plain(name, v) for v in values]


def _plain(name: str, value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, tuple):
        return tuple(_plain(name, v) for v in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"factor {name!r} has the value {value!r} of type {type(value).__name__}; expected None, "
        "a bool, an int, a float, a str or a tuple of these. Build objects inside `measure` from "
        "plain values."
    )


@dataclass(frozen=True)
class Cell:
    """One cell of a study: a data set, a value for every factor, a repetition.

    Attributes
    ----------
    data : Bunch
        What the data set's loader (and `Study.prepare`) returned, as attributes.
    data_name : str
        The name of the data set.
    params : dict
        The value of every factor.
    repetition : int
        0, 1, ... up to the study's number of repetitions, excluded.
    entropy : str
        The hexadecimal number that all randomness of the cell comes from. Cells that agree in
        the parts named by `Study.seeded_by` share it.
    """

    data: Any
    data_name: str
    params: dict[str, Any]
    repetition: int
    entropy: str

    @property
    def seed(self) -> int:
        """An integer in ``[0, 2**32)`` for a ``random_state=``."""
        return int(self.entropy[:8], 16)

    def rng(self, purpose: str) -> np.random.Generator:
        """A fresh numpy Generator for one purpose, named so that purposes do not disturb
        each other: ``cell.rng("training set")``, ``cell.rng("noise")``.

        The same purpose gives the same stream in every call and in every cell that shares the
        seed, which is how all strengths of a regularizer see the same training sets.
        """
        return stream(self.entropy, purpose)


def stream(entropy: str, purpose: str) -> np.random.Generator:
    """A numpy Generator made of hexadecimal `entropy` and a purpose."""
    import numpy as np

    digest = hashlib.sha256(f"{entropy}/{purpose}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


class Study:
    """A declared study; subclass it in a file of its own (see the top of this module).

    Attributes
    ----------
    title, summary : str
        One line, and a paragraph; ``wellposed list`` and the reports print them.
    version : int
        Number of the study's code. Raise it when what the cells compute has changed.
    minutes : mapping from profile to float
        About how long a run takes on two cores.
    data : mapping of str to Data
        The data sets by name.
    factors : sequence of Grid
        Which hyperparameters over which values.
    repetitions : int or ByProfile
        How often every setting is repeated.
    seeded_by : tuple of str
        What a cell's seed is derived from, besides ``--seed``: ``"data"``, ``"repetition"`` or a
        factor's name. By default all settings share their seeds, so that a repetition shows
        the same training set to every one of them and comparisons are paired.
    side_by_side : bool
        Whether cells may run in threads of one process, so that their networks are trained side
        by side. True asks that cells leave alone what threads share: warning filters (a
        `warnings.catch_warnings` in one thread takes those of another), global options, signals.
        Cells that draw from global random streams are noticed and run alone.
    max_rows : int or None
        Rows of a user's table that the study works on; of a longer one as many are drawn at
        random. None takes all.
    claims : sequence of Claim
        What the study states before it runs.
    derived : mapping of str to callable ``(results) -> DataFrame``
        Tables computed once from all cells.
    figures : mapping of str to callable ``(results) -> Figure``
        What the reports draw, by name; ``results.figure(name)`` calls them.
    """

    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    version: ClassVar[int] = 1
    minutes: ClassVar[Mapping[str, float]] = {}
    data: ClassVar[Mapping[str, Data]] = {}
    factors: ClassVar[Sequence[Grid]] = ()
    repetitions: ClassVar[int | ByProfile] = 1
    seeded_by: ClassVar[tuple[str, ...]] = ("data", "repetition")
    side_by_side: ClassVar[bool] = False
    max_rows: ClassVar[int | None] = None
    claims: ClassVar[Sequence[Claim]] = ()
    derived: ClassVar[Mapping[str, Callable[[Results], pd.DataFrame]]] = {}
    figures: ClassVar[Mapping[str, Callable[[Results], Figure]]] = {}

    def prepare(self, data: Any, rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
        """What all cells on one data set share: a fixed test set, a scaling, a subsample.

        Called once after loading, for the study's own sets and for a user's table alike;
        `results.data(name)` returns what it returned. By default the data are left as they are.

        A user's table with text or holes has these columns in ``data.inputs``. A study that
        holds rows back takes its inputs from ``wellposed_studies.as_numbers(data, train)``, which
        encodes and fills them by the rows ``train``; ``data.X`` is numbers, too, but by all rows.

        Parameters
        ----------
        data : Bunch
            What the loader returned.
        rng : Generator
            A stream of the data set's own, the same for every cell.
        profile : {"quick", "full"}
            For sizes that depend on it.
        """
        return data

    def measure(self, cell: Cell) -> Mapping[str, Any] | pd.DataFrame:
        """Compute one cell; the top of this module says what may be returned."""
        raise NotImplementedError(f"{type(self).__name__} does not define `measure`")


@dataclass(frozen=True)
class Source:
    """A study and where it was found.

    Attributes
    ----------
    name : str
        Its name, which its results are stored under.
    spec : str
        What `wellposed_studies.discovery.find` finds it by: the name or the path of its file.
    path : str
        Its file.
    code : str
        SHA-256 of the file.
    study : Study
        The study itself.
    """

    name: str
    spec: str
    path: str
    code: str
    study: Study = field(repr=False, compare=False)
