"""The data sets of a run: which ones, loaded with seeds of their own, and their digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..discovery import find
from ..errors import DataError, StudyError
from ..escaping import visible
from ..study import Data, Profile, Source, Study, stream
from .digest import digest
from .own_table import OwnTable, load_table
from .thinning import thin


@dataclass(frozen=True)
class Selection:
    """What a run was asked for; small, hashable, and enough to load its data anywhere.

    Attributes
    ----------
    spec : str
        The study: a built-in name or the path of a file.
    profile : {"quick", "full"}
    seed : int
        All randomness of the run is derived from it.
    own : OwnTable or None
        A user's table that stands in for the study's real data sets.
    """

    spec: str
    profile: Profile
    seed: int
    own: OwnTable | None = None


@dataclass(frozen=True)
class DataSet:
    """A data set of a run, before it is loaded.

    Attributes
    ----------
    name : str
    declared : Data or None
        The study's declaration; None for a user's table.
    answers_to : tuple of str
        The declared names that it is used for: its own, or those it stands in for.
    """

    name: str
    declared: Data | None
    answers_to: tuple[str, ...]


def data_sets(study: Study, own: OwnTable | None) -> dict[str, DataSet]:
    """The data sets of a run by name, a user's table in the place of the real ones of its task.

    Raises
    ------
    DataError
        If the study has no real data set that the table could stand in for.
    """
    declared = study.data_sets
    if own is None:
        return {name: DataSet(name, data, (name,)) for name, data in declared.items()}
    replaced = tuple(n for n, d in declared.items() if not d.synthetic and d.task == own.task)
    if not replaced:
        tasks = sorted({d.task for d in declared.values() if not d.synthetic})
        raise DataError(
            f"{visible(own.name)} is a {own.task} table (target {own.target!r}), and the study's "
            f"real data are {' and '.join(tasks) or 'none: all are drawn from a known truth'}. "
            "If the target was taken for the wrong kind, say --task regression or "
            "--task classification."
        )
    kept = {n: DataSet(n, d, (n,)) for n, d in declared.items() if d.synthetic}
    name = visible(own.name)
    name = f"{name}-own" if name in kept else name
    return {name: DataSet(name, None, replaced)} | kept


@lru_cache(maxsize=8)
def load_data(selection: Selection, name: str, expected: str) -> Any:
    """A data set of a run, loaded and prepared, as a Bunch; kept for the next call.

    Its arrays are read-only: a cell that changed them would change its neighbours' results.

    Parameters
    ----------
    selection : Selection
    name : str
    expected : str
        The digest that it had when the run was planned.

    Raises
    ------
    StudyError
        If the digest is another now.
    """
    bunch, found = load_anew(selection, name)
    if found != expected:
        raise StudyError(
            f"data set {name!r} is not what it was when the run was planned: its digest is "
            f"{found[:12]}, expected {expected[:12]}. Either the file, a library's "
            "version or the study's code has changed, or the loader draws from a random stream "
            "other than the `rng` it is given. Run the study again."
        )
    return bunch


def load_anew(selection: Selection, name: str) -> tuple[Any, str]:
    """A data set of a run, loaded and prepared, and its digest."""
    from sklearn.utils import Bunch

    study = find(selection.spec).study
    chosen = data_sets(study, selection.own)[name]
    entropy = digest(["data", selection.seed, name])
    if chosen.declared is not None:
        loaded = chosen.declared.load(stream(entropy, "load"), selection.profile)
    else:
        assert selection.own is not None
        loaded = load_table(selection.own)
        if study.max_rows is not None:
            loaded = thin(loaded, stream(entropy, "rows"), study.max_rows)
    prepared: Mapping[str, Any] = Bunch(**loaded)
    if chosen.declared is None or not chosen.declared.synthetic:
        prepared = study.prepared(prepared, stream(entropy, "prepare"), selection.profile)
    if not isinstance(prepared, Mapping):
        raise StudyError(
            f"`prepare` returned {type(prepared).__name__} for {name!r}; expected a mapping."
        )
    try:
        found = digest(dict(prepared))
    except TypeError as error:
        raise StudyError(f"data set {name!r} has no digest: {error}") from error
    for value in prepared.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return Bunch(**prepared), found


def selection_from(source: Source, manifest: Mapping[str, Any]) -> Selection:
    """The selection that a finished run's manifest records."""
    own = manifest["own_table"]
    return Selection(
        source.spec,
        manifest["profile"],
        manifest["seed"],
        None if own is None else OwnTable(own["path"], own["target"], own["task"]),
    )
