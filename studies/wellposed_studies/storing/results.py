"""Finished results of a study, for claims, figures and reports; reading them trains nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import Damaged
from ..escaping import shell, visible
from ..fonts import fallback
from .reading import AGAIN, read_manifest, read_table, read_verdicts

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

    from ..study import Source

#: Environment variable with the results folder that `load` reads when it is given none.
RESULTS_VARIABLE = "WELLPOSED_RESULTS"
DEFAULT_RESULTS = "results"


class Results:
    """The finished tables of one run of a study; `load` returns it, and tests of claims get it.

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
    table_names, array_names : list of str
        What `table` and `stacked` can read.
    verdicts : DataFrame
        One row a claim: ``claim, statement, measured, threshold, oracle, source, data, verdict,
        value, low, high, level, p_value, n, method, reason``; ``verdict`` is "held", "failed" or
        "not run".
    timings : DataFrame
        Seconds of every cell.
    """

    def __init__(self, folder: Path, source: Source, only: str | None = None) -> None:
        self.folder = folder
        self.source = source
        self.only = only

    def __repr__(self) -> str:
        return (
            f"<Results of {self.name}: {self.profile} profile, data {', '.join(self.data_names)}, "
            f"{self.manifest['cells']} cells>"
        )

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
    def factors(self) -> list[str]:
        """Names of the study's factors, which are columns of every table."""
        return list(self.manifest["factors"])

    @property
    def table_names(self) -> list[str]:
        return sorted(path.stem for path in (self.folder / "tables").glob("*.parquet"))

    @property
    def array_names(self) -> list[str]:
        return sorted(path.stem for path in (self.folder / "arrays").glob("*.parquet"))

    @property
    def verdicts(self) -> pd.DataFrame:
        return read_verdicts(self.folder)[0]

    @property
    def timings(self) -> pd.DataFrame:
        return self._file("timings.parquet").to_pandas()

    def stand_in(self, declared: str) -> str | None:
        """What was run as the data set that the study declares under this name.

        Its own name, that of the user's table in its place, or None if neither was run.
        """
        for name, record in self.manifest["data"].items():
            if declared in record["answers_to"]:
                return str(name)
        return None

    def restricted_to(self, data: str) -> Results:
        """The same results, showing only the data set of this name."""
        return Results(self.folder, self.source, data)

    def table(self, name: str = "cells", **where: Any) -> pd.DataFrame:
        """A table as a DataFrame, in the order in which the study declares its cells.

        Parameters
        ----------
        name : str
            "cells" for the numbers that `Study.measure` returned, or the name of a DataFrame
            that it returned or that the study derives.
        **where : Any
            Keep the rows that have these values: ``table(data="digits", regularizer="l2")``.

        Returns
        -------
        DataFrame
            Columns ``data``, one a factor, ``repetition``, and what was measured. A factor that a
            setting does not have is missing; tuples are written out as strings.
        """
        frame = self._read("tables", name, self.table_names).to_pandas()
        return self._select(frame, where)

    def stacked(self, name: str, **where: Any) -> pd.DataFrame:
        """Arrays that `Study.measure` returned, those of all repetitions of a setting stacked.

        Parameters
        ----------
        name : str
            The array's name in what `Study.measure` returned.
        **where : Any
            Keep the settings that have these values.

        Returns
        -------
        DataFrame
            One row a setting: ``data``, one column a factor, and a column `name` that holds one
            array a row, of shape (n_repetitions, ...) in the order of the repetitions.
        """
        table = self._read("arrays", name, self.array_names)
        values, shapes = table.column(name), table.column("shape")
        frame = table.drop_columns([name, "shape"]).to_pandas()
        frame = self._select(frame.assign(_position=np.arange(len(frame))), where)
        keys = ["data", *self.factors]
        rows = []
        for setting, group in frame.groupby(keys, dropna=False, sort=False):
            group = group.sort_values("repetition")
            cells = group["_position"].tolist()
            different = {tuple(shapes[i].as_py()) for i in cells}
            if len(different) > 1:
                raise ValueError(
                    f"{name!r} has different shapes in different repetitions of {setting}: "
                    f"{sorted(different)}. Arrays can be stacked where `measure` returns one shape "
                    "for a setting; return a DataFrame otherwise."
                )
            arrays = [values[i].values.to_numpy(zero_copy_only=False) for i in cells]
            rows.append((*setting, np.stack(arrays).reshape(len(cells), *different.pop())))
        return pd.DataFrame(rows, columns=[*keys, name])

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
            Keep the rows that have these values.

        Returns
        -------
        DataFrame
            Indexed by `rows`, one column a repetition.
        """
        frame = self.table(table, **where)
        by = [rows] if isinstance(rows, str) else list(rows)
        twice = frame.duplicated([*by, "repetition"])
        if twice.any():
            others = [c for c in ("data", *self.factors) if c not in by and frame[c].nunique() > 1]
            raise ValueError(
                f"{', '.join(by)} and repetition do not tell the rows of {table!r} apart. Add to "
                f"`rows`, or fix by keyword, one of: {', '.join(others) or 'its other columns'}."
            )
        return frame.pivot(index=rows, columns="repetition", values=value).sort_index()

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
        import matplotlib

        own = fallback("".join(self.data_names)).families
        family = matplotlib.rcParams["font.family"]
        with matplotlib.rc_context({"font.family": [*family, *own]} if own else {}):
            return figures[name](self)

    def check(self) -> None:
        """Read everything there is, so that what is damaged is known before a report begins.

        Raises
        ------
        Damaged
            With a sentence that names the file.
        """
        always = {"verdicts.parquet", "timings.parquet"}
        for name in sorted(always.union(self.manifest.get("files", []))):
            if name.endswith(".parquet"):
                self._file(name)
        read_verdicts(self.folder)

    def _file(self, name: str, columns: Sequence[str] = ()) -> pa.Table:
        path = self.folder / name
        try:
            return read_table(path, columns)
        except FileNotFoundError:
            raise Damaged(f"{visible(path)} is missing. {AGAIN}") from None

    def _read(self, kind: str, name: str, known: list[str]) -> Any:
        file = f"{kind}/{name}.parquet"
        if name not in known and file not in self.manifest.get("files", []):
            raise KeyError(
                f"{self.name} has nothing named {name!r} in its {kind}; it has "
                f"{', '.join(known) or 'none'}."
            )
        return self._file(file, ["data"] if kind == "arrays" else [])

    def _select(self, frame: pd.DataFrame, where: dict[str, Any]) -> pd.DataFrame:
        if self.only is not None and "data" in frame:
            frame = frame[frame["data"] == self.only]
        for column, value in where.items():
            if column not in frame:
                raise KeyError(f"no column {column!r}; there are {', '.join(frame.columns)}.")
            if value is None:
                frame = frame[frame[column].isna()]
            else:
                as_text = not pd.api.types.is_numeric_dtype(frame[column])
                frame = frame[frame[column] == (str(value) if as_text else value)]
        return frame.reset_index(drop=True)


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
    from .layout import latest_run

    source = find(name)
    root = Path(results or os.environ.get(RESULTS_VARIABLE) or DEFAULT_RESULTS)
    folder = latest_run(root, source.name)
    if folder is None:
        command = shell(["wellposed", "run", name, "--results", root])
        raise FileNotFoundError(
            f"{visible(root)} holds no finished run of {visible(source.name)}. Make one with: "
            f"{command}"
        )
    return Results(folder, source)
