"""Finished results of a study, for claims, figures and reports; reading them trains nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import Damaged, suggest
from ..escaping import shell, visible
from . import layout
from .reading import AGAIN, read_manifest, read_table, read_verdicts
from .tables import as_matrix, select, stack

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

    from ..study import Source

#: What `Results.table` reads, for its errors.
DERIVED = "derived tables (an experiment's are in results['its name'])"


class Results:
    """The finished run of a study; `load` returns it, and tests of claims get it.

    ``results["name"]`` are the tables of an experiment, and ``"name" in results`` says whether
    it was run; `table` reads what the study derives.

    Parameters
    ----------
    folder : Path
        Folder of the run, with its manifest, tables and verdicts.
    source : Source
        The study.
    only : str or None
        Restrict all tables to this data set.

    Attributes
    ----------
    name : str
        Name of the study.
    manifest : dict
        Versions, threads, CPU, commit, data digests, seeds, command and profile of the run.
    profile : {"quick", "full"}
        The profile that was run.
    data_names : list of str
        The data sets that were run.
    n_cells : int
        How many cells were computed.
    own_table : dict or None
        The record of the user's table that took the place of the real data sets, if one did.
    table_names : list of str
        The derived tables, which `table` can read.
    verdicts : DataFrame
        One row a claim: ``claim, statement, measured, threshold, oracle, source, row, data,
        verdict, value, low, high, level, p_value, n, method, reason, kind``; ``verdict`` is
        "held", "failed" or "not run".
    timings : DataFrame
        Seconds of every cell: ``experiment, data, repetition, params, seconds``; ``params`` are
        its levels of the factors as JSON.
    """

    def __init__(self, folder: Path, source: Source, only: str | None = None) -> None:
        self.folder = folder
        self.source = source
        self.only = only

    def __repr__(self) -> str:
        return (
            f"<Results of {self.name}: {self.profile} profile, data {', '.join(self.data_names)}, "
            f"{self.n_cells} cells>"
        )

    def __getitem__(self, experiment: str) -> ExperimentResults:
        """What an experiment measured."""
        known = {**self.source.study.experiments, **self.manifest["experiments"]}
        if experiment not in known:
            raise KeyError(
                f"{self.name} has no experiment {experiment!r}. {suggest(experiment, known)}"
            )
        return ExperimentResults(self, experiment)

    def __contains__(self, experiment: str) -> bool:
        return experiment in self.manifest["experiments"]

    @property
    def name(self) -> str:
        return self.source.name

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return read_manifest(self.folder)

    @property
    def profile(self) -> str:
        return self.manifest["profile"]

    @property
    def data_names(self) -> list[str]:
        return list(self.manifest["data"]) if self.only is None else [self.only]

    @property
    def n_cells(self) -> int:
        return int(self.manifest["cells"])

    @property
    def own_table(self) -> dict[str, Any] | None:
        return self.manifest["own_table"]

    def is_synthetic(self, data: str) -> bool:
        """Whether a data set that was run is drawn from a known truth."""
        return bool(self.manifest["data"][data]["synthetic"])

    @property
    def table_names(self) -> list[str]:
        return layout.table_names(self.folder, layout.TABLES)

    @property
    def verdicts(self) -> pd.DataFrame:
        return read_verdicts(self.folder)[0]

    @property
    def timings(self) -> pd.DataFrame:
        return self._file(layout.TIMINGS).to_pandas(use_threads=False)

    def stand_in(self, declared: str) -> str | None:
        """What was run as the data set that the study declares under this name.

        Its own name, that of the user's table in its place, or None if neither was run.
        """
        for name, record in self.manifest["data"].items():
            if declared in record["answers_to"]:
                return str(name)
        return None

    def left_out(self, declared: str) -> bool:
        """Whether a user's table took the place of this real data set and is no table like it."""
        return (
            self.own_table is not None
            and not self.source.study.data_sets[declared].synthetic
            and self.stand_in(declared) is None
        )

    def restricted_to(self, data: str) -> Results:
        """The same results, showing only the data set of this name."""
        return Results(self.folder, self.source, data)

    def table(self, name: str, **where: Any) -> pd.DataFrame:
        """A derived table as a DataFrame.

        Parameters
        ----------
        name : str
            As the study's function is called.
        **where : Any
            Keep the rows that have these values, or one of those in a list:
            ``table("slopes", data="digits", regularizer=["l1", "l2"])``.
        """
        file = layout.table_file(layout.TABLES, name)
        return self._select(self._read(file, DERIVED, self.table_names), where)

    def data(self, name: str | None = None) -> Any:
        """A data set as the cells saw it: loaded and prepared again, and its digest checked.

        Parameters
        ----------
        name : str or None
            Name of the data set; may be left out where there is only one.
        """
        from ..loading.data import load_data, selection_from

        if name is None:
            if len(self.data_names) != 1:
                raise ValueError(
                    f"{self.name} has the data sets {', '.join(self.data_names)}; name one."
                )
            name = self.data_names[0]
        record = self.manifest["data"].get(name)
        if record is None:
            raise KeyError(f"{name!r} was not run; there are {', '.join(self.data_names)}.")
        return load_data(selection_from(self.source, self.manifest), name, record["digest"])

    def figure(self, name: str) -> Figure:
        """Draw one of the study's figures from the tables."""
        figures = self.source.study.figures
        if name not in figures:
            raise KeyError(
                f"{self.name} declares no figure {name!r}; it has {', '.join(figures) or 'none'}."
            )
        return figures[name].draw(self)

    def check(self) -> None:
        """Read everything there is, so that what is damaged is known before a report begins.

        Raises
        ------
        Damaged
            With a sentence that names the file.
        """
        always = {layout.VERDICTS, layout.TIMINGS}
        for name in sorted(always.union(self.manifest.get("files", []))):
            if layout.is_table(name):
                self._file(name)
        read_verdicts(self.folder)

    def _file(self, name: str, columns: Sequence[str] = ()) -> pa.Table:
        path = self.folder / name
        try:
            return read_table(path, columns)
        except FileNotFoundError:
            raise Damaged(f"{visible(path)} is missing. {AGAIN}") from None

    def _read(
        self, file: str, what: str, known: list[str], columns: Sequence[str] = ()
    ) -> pa.Table:
        name = Path(file).stem
        if name not in known and file not in self.manifest.get("files", []):
            raise KeyError(
                f"{self.name} has nothing named {name!r} in its {what}; it has "
                f"{', '.join(known) or 'none'}."
            )
        return self._file(file, columns)

    def _select(self, table: pa.Table, where: dict[str, Any]) -> pd.DataFrame:
        frame = table.to_pandas(use_threads=False)
        return select(frame, self._where(table.column_names, where))

    def _where(self, columns: Sequence[str], where: dict[str, Any]) -> dict[str, Any]:
        """The conditions, with that on the one data set if there is only one to be seen."""
        if self.only is None or "data" not in columns:
            return where
        if where.get("data", self.only) != self.only:
            raise KeyError(f"only {self.only!r} is seen here, not {where['data']!r}.")
        return {"data": self.only, **where}


class ExperimentResults:
    """What an experiment measured; ``results["name"]``.

    Attributes
    ----------
    name : str
    factors : list of str
        Its factors, which are columns of every table.
    repetitions : int
        How often every setting was repeated.
    data_names : list of str
        The data sets that it was run on.
    table_names, array_names : list of str
        What `table` and `stacked` can read.
    """

    def __init__(self, results: Results, name: str) -> None:
        self.results = results
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name} of {self.results!r}>"

    @property
    def _record(self) -> dict[str, Any]:
        if self.name not in self.results:
            raise KeyError(
                f"the experiment {self.name!r} was not run on {', '.join(self.results.data_names)}."
            )
        return self.results.manifest["experiments"][self.name]

    @property
    def factors(self) -> list[str]:
        return list(self._record["factors"])

    @property
    def repetitions(self) -> int:
        return int(self._record["repetitions"])

    @property
    def data_names(self) -> list[str]:
        return [name for name in self._record["data"] if name in self.results.data_names]

    @property
    def table_names(self) -> list[str]:
        return self._names(layout.TABLES)

    @property
    def array_names(self) -> list[str]:
        return self._names(layout.ARRAYS)

    def _names(self, kind: str) -> list[str]:
        return layout.table_names(self.results.folder, kind, self.name)

    def _read(self, kind: str, name: str, columns: Sequence[str] = ()) -> pa.Table:
        factors = self._record["factors"]
        file = layout.table_file(kind, name, self.name)
        wanted = ["data", *factors, "repetition", *columns]
        return self.results._read(file, f"{kind} of {self.name}", self._names(kind), wanted)

    def table(self, name: str = "cells", **where: Any) -> pd.DataFrame:
        """A table as a DataFrame, in the order in which the study declares its cells.

        Parameters
        ----------
        name : str
            "cells" for the numbers that the experiment returned, or the name of a DataFrame that
            it returned.
        **where : Any
            Keep the rows that have these values, or one of those in a list:
            ``table(data="digits", regularizer="l2")``.

        Returns
        -------
        DataFrame
            Columns ``data``, one a factor, ``repetition``, and what was measured. A factor that a
            setting does not have is missing; tuples are written out as strings.
        """
        return self.results._select(self._read(layout.TABLES, name), where)

    def stacked(self, name: str, **where: Any) -> pd.DataFrame:
        """Arrays that the experiment returned, those of all repetitions of a setting stacked.

        Parameters
        ----------
        name : str
            The array's name in what the experiment returned.
        **where : Any
            Keep the settings that have these values, or one of those in a list.

        Returns
        -------
        DataFrame
            One row a setting: ``data``, one column a factor, and a column `name` that holds one
            array a row, of shape (n_repetitions, ...) in the order of the repetitions.
        """
        table = self._read(layout.ARRAYS, name, [name, "shape"])
        return stack(table, name, self.factors, self.results._where(table.column_names, where))

    def matrix(
        self, value: str, rows: str | list[str], *, table: str = "cells", **where: Any
    ) -> pd.DataFrame:
        """One column of a table laid out as settings by repetitions, for paired comparisons.

        Parameters
        ----------
        value : str
            The column.
        rows : str or list of str
            Factors that tell the rows apart, which are sorted by them.
        table : str
            The table that `value` is a column of.
        **where : Any
            Keep the rows that have these values, or one of those in a list.

        Returns
        -------
        DataFrame
            Indexed by `rows`, one column a repetition.
        """
        return as_matrix(self.table(table, **where), value, rows, ["data", *self.factors])


def load(name: str, results: str | os.PathLike[str] | None = None) -> Results:
    """The finished tables of a study's last run.

    Parameters
    ----------
    name : str
        A built-in study, or the path of a study's file.
    results : path or None
        The results folder; by default what the variable ``WELLPOSED_RESULTS`` says, or
        ``results`` in the current folder.

    Raises
    ------
    FileNotFoundError
        If there is no finished run, with the command that makes one.
    """
    from ..discovery import find
    from .reading import latest_run

    source = find(name)
    root = layout.results_folder(results)
    folder = latest_run(root, source.name)
    if folder is None:
        command = shell(["wellposed", "run", name, "--results", root])
        raise FileNotFoundError(
            f"{visible(root)} holds no finished run of {visible(source.name)}. Make one with: "
            f"{command}"
        )
    return Results(folder, source)
