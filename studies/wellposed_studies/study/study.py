"""A declared study: an object that experiments, claims and figures are registered with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..claims import Claim, Threshold
from ..claims.claim import Kind
from ..errors import WrongForm
from .data import Data
from .experiments import Experiment
from .factors import Grid
from .families import members
from .figures import DeclaredFigure
from .profiles import ByProfile, Profile, Task

if TYPE_CHECKING:
    import numpy as np

    from ..storing.results import Results

Function = TypeVar("Function", bound=Callable[..., Any])

PORTING = (
    "A study is no class any more: it is an object, study = Study(title=..., summary=..., "
    "version=..., data={...}), and functions registered with it. `measure` becomes one function an "
    "experiment, @study.experiment(data=[...], factor=[...]) def name(cell, factor); each Claim a "
    "function under @study.claim(statement, threshold, ...), each figure one under "
    "@study.figure(question, alt=...), `derived` and `prepare` functions under @study.derived and "
    "@study.prepare. The numbers of an experiment are read from results['name']. The guide is in "
    "wellposed_studies.study."
)


class Study:
    """A study; what it consists of is registered by decorators (see `wellposed_studies.study`).

    Parameters
    ----------
    title, summary : str
        One line, and a paragraph; ``wellposed list`` and the reports print them.
    version : int
        Number of the study's code. Raise it when what the cells compute has changed.
    minutes : mapping from profile to float
        About how long a run takes on two cores.
    data : mapping of str to Data
        Data sets by name; more are registered by `data`.
    repetitions : int or ByProfile
        How often every setting is repeated, where an experiment does not say otherwise.
    seeded_by : tuple of str
        What a cell's seed is derived from, besides ``--seed``: ``"data"``, ``"repetition"``,
        ``"experiment"`` or a factor's name. By default all settings of all experiments share
        their seeds, so that a repetition shows the same training set to every one of them and
        comparisons are paired.
    side_by_side : bool
        Whether cells may run in threads of one process, so that their networks are trained side
        by side. True asks that cells leave alone what threads share: warning filters (a
        `warnings.catch_warnings` in one thread takes those of another), global options, signals.
        Cells that draw from global random streams are noticed and run alone.
    max_rows : int or None
        Rows of a user's table that the study works on; of a longer one as many are drawn at
        random. None takes all.

    Attributes
    ----------
    data_sets : dict of str to Data
    experiments : dict of str to Experiment
    claims : list of Claim
    derived_tables : dict of str to callable ``(results) -> DataFrame``
    figures : dict of str to DeclaredFigure
    sliders : dict of str to callable ``(results) -> mapping``
        By the name of the figure that each makes interactive.
    """

    def __init__(
        self,
        *,
        title: str,
        summary: str = "",
        version: int = 1,
        minutes: Mapping[str, float] | None = None,
        data: Mapping[str, Data] | None = None,
        repetitions: int | ByProfile = 1,
        seeded_by: Sequence[str] = ("data", "repetition"),
        side_by_side: bool = False,
        max_rows: int | None = None,
    ) -> None:
        self.title = title
        self.summary = summary
        self.version = version
        self.minutes = dict(minutes or {})
        self.repetitions = repetitions
        self.seeded_by = tuple(seeded_by)
        self.side_by_side = side_by_side
        self.max_rows = max_rows
        self.data_sets: dict[str, Data] = dict(data or {})
        self.experiments: dict[str, Experiment] = {}
        self.claims: list[Claim] = []
        self.derived_tables: dict[str, Callable[..., Any]] = {}
        self.figures: dict[str, DeclaredFigure] = {}
        self.sliders: dict[str, Callable[..., Mapping[str, Any]]] = {}
        self._findings: Callable[..., Sequence[str]] | None = None
        self._prepare: Callable[..., Mapping[str, Any]] | None = None

    def __init_subclass__(cls) -> None:
        raise WrongForm(f"{cls.__name__} is a subclass of Study. {PORTING}")

    def __repr__(self) -> str:
        return f"<Study {self.title!r}>"

    def data(
        self, name: str, *, task: Task, synthetic: bool = True, source: str = ""
    ) -> Callable[[Function], Function]:
        """Register a function ``(rng, profile)`` that returns a data set; see `Data`.

        By default it is one that is drawn from a known truth.
        """

        def register(load: Function) -> Function:
            _new(name, self.data_sets, "data sets")
            self.data_sets[name] = Data(load, task=task, synthetic=synthetic, source=source)
            return load

        return register

    def prepare(self, function: Function) -> Function:
        """Register what all cells on a real data set share: a test set, a scaling, a subsample.

        The function ``(data, rng, profile)`` is called once after loading, for the study's own
        real sets and for a user's table alike, and returns a mapping; `results.data(name)` has it.
        What it raises a `DataError` for is refused before anything runs.

        A user's table with text or holes has these columns in ``data.inputs``. A study that
        holds rows back takes its inputs from ``wellposed_studies.as_numbers(data, train)``, which
        encodes and fills them by the rows ``train``; ``data.X`` is numbers, too, but by all rows.
        """
        self._prepare = function
        return function

    def prepared(self, data: Any, rng: np.random.Generator, profile: Profile) -> Mapping[str, Any]:
        """A loaded real data set as cells see it."""
        return data if self._prepare is None else self._prepare(data, rng, profile)

    def experiment(
        self,
        *,
        data: str | Sequence[str] | None = None,
        settings: Sequence[Grid] | None = None,
        repetitions: int | ByProfile | None = None,
        seeded_by: Sequence[str] | None = None,
        name: str | None = None,
        **factors: Any,
    ) -> Callable[[Function], Function]:
        """Register what one cell measures.

        Parameters
        ----------
        data : str or sequence of str, optional
            Names of data sets; all of the study's by default.
        settings : sequence of Grid, optional
            In place of factors, where these are not all combined: `sweep`, or grids of one's own.
        repetitions, seeded_by : optional
            Other ones than the study's.
        name : str, optional
            By which ``results[name]`` finds what was measured; the function's by default.
        **factors : list, range, array, ByProfile, or one value
            Values of each factor; all are combined. See `Grid`.

        Returns
        -------
        callable
            Registers a function ``(cell, **factors)`` and returns it.
        """
        if settings is not None and factors:
            raise TypeError(f"give `settings` or factors ({', '.join(factors)}), not both.")

        def register(function: Function) -> Function:
            known = name or function.__name__
            _new(known, self.experiments, "experiments")
            self.experiments[known] = Experiment(
                known,
                function,
                tuple([Grid(factors)] if settings is None else settings),
                (data,) if isinstance(data, str) else None if data is None else tuple(data),
                self.repetitions if repetitions is None else repetitions,
                self.seeded_by if seeded_by is None else tuple(seeded_by),
            )
            return function

        return register

    def claim(
        self,
        statement: str,
        threshold: Threshold,
        *,
        measured: str,
        oracle: str,
        source: str,
        row: int | None = None,
        data: str | None = None,
        kind: Kind = "claim",
        name: str | None = None,
        each: Sequence[Mapping[str, Any]] | None = None,
    ) -> Callable[[Function], Function]:
        """Register a statement and the function that tests it.

        Parameters
        ----------
        statement, threshold, measured, oracle, source, row, data, kind
            See `wellposed_studies.claims.Claim`.
        name : str, optional
            By default the function's; written with dashes.
        each : sequence of mapping, optional
            One claim for each of several: the texts have names in braces, which each mapping
            replaces, and the function is given those of its values that it has arguments for. The
            name has to have one in braces, too.

        Returns
        -------
        callable
            Registers a function ``(results) -> Estimate`` and returns it.
        """

        def register(test: Function) -> Function:
            parts: dict[str, Any] = {
                "name": (name or test.__name__).replace("_", "-"),
                "statement": statement,
                "measured": measured,
                "threshold": threshold,
                "oracle": oracle,
                "source": source,
                "row": row,
                "data": data,
                "kind": kind,
            }
            new = [Claim(**parts, test=test)] if each is None else members(test, each, parts)
            for claim in new:
                _new(claim.name, [other.name for other in self.claims], "claims")
                self.claims.append(claim)
            return test

        return register

    def figure(
        self,
        question: str,
        *,
        alt: str,
        height: float = 3.0,
        data: str | None = None,
        name: str | None = None,
        key: bool = False,
    ) -> Callable[[Function], Function]:
        """Register a figure.

        Parameters
        ----------
        question : str
            That it answers.
        alt : str
            What is to be seen, in words.
        height : float
            In inches; the width is that of a page.
        data : str, optional
            The declared data set that it is about; ``results`` are then those on this set, or on
            the user's table in its place, and a run on neither says so.
        name : str, optional
            By default the function's, with dashes.
        key : bool
            Whether the report opens with it, and the study's card in the index shows it. Where
            none is, the first figure is taken.

        Returns
        -------
        callable
            Registers a function ``(results, ax)``, or ``(results, figure)`` for several panels.
        """

        def register(function: Function) -> Function:
            known = name or function.__name__.replace("_", "-")
            _new(known, self.figures, "figures")
            if key and (other := next((f.name for f in self.figures.values() if f.key), None)):
                raise ValueError(
                    f"the study has two key figures, {other!r} and {known!r}. Give one key=False."
                )
            declared = DeclaredFigure(known, question, alt, function, height, data, key)
            self.figures[known] = declared
            return function

        return register

    @property
    def key_figure(self) -> str | None:
        """Name of the figure that the report opens with; None of a study without figures."""
        marked = [figure.name for figure in self.figures.values() if figure.key]
        return next(iter([*marked, *self.figures]), None)

    def findings(self, function: Function) -> Function:
        """Register what the study found, in words.

        The function ``(results)`` returns about three sentences in Markdown, made from the
        finished tables, the most important one first. The report opens with them.
        """
        if self._findings is not None:
            raise ValueError("the study has two functions of findings. Leave one.")
        self._findings = function
        return function

    def found(self, results: Results) -> list[str]:
        """What `findings` says of a finished run; nothing where the study declares none."""
        return [] if self._findings is None else list(self._findings(results))

    def slider(self, figure: str) -> Callable[[Function], Function]:
        """Register data that make a figure interactive in a browser.

        The function ``(results)`` returns a mapping, see `wellposed_studies.reporting.slider`.
        """

        def register(function: Function) -> Function:
            _new(figure, self.sliders, "sliders of a figure")
            self.sliders[figure] = function
            return function

        return register

    def derived(self, function: Function) -> Function:
        """Register a table that is computed once from all cells.

        The function ``(results)`` returns a DataFrame, which ``results.table`` then reads by the
        function's name; tables that are registered before it may be read.
        """
        known = function.__name__
        _new(known, self.derived_tables, "derived tables")
        self.derived_tables[known] = function
        return function


def _new(name: str, known: Sequence[str] | Mapping[str, Any], what: str) -> None:
    if name in known:
        raise ValueError(f"the study has two {what} named {name!r}. Give one of them another name.")
