"""All cells of a run, in order, with the keys they are stored under."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from ..discovery import find
from ..errors import StudyError
from ..loading.data import DataSet, Selection, data_sets, load_anew
from ..loading.digest import digest
from ..loading.own_table import OwnTable
from ..study import Source, resolve

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlannedCell:
    """A cell before its data are at hand.

    Attributes
    ----------
    key : str
        Digest of everything the result depends on: the study and its version, the data's
        digest, the parameters, the repetition and the seed.
    data_name, data_digest : str
    params : dict
    repetition : int
    entropy : str
        See `wellposed_studies.study.Cell`.
    """

    key: str
    data_name: str
    data_digest: str
    params: dict[str, Any]
    repetition: int
    entropy: str


@dataclass(frozen=True)
class Plan:
    """What a run has to have at the end.

    Attributes
    ----------
    source : Source
    selection : Selection
    data : dict
        One record a data set: digest, task, synthetic, source, answers_to, notes, shapes.
    factors : list of str
        All factors, in the order of their first appearance.
    repetitions : int
    cells : list of PlannedCell
    """

    source: Source
    selection: Selection
    data: dict[str, dict[str, Any]]
    factors: list[str]
    repetitions: int
    cells: list[PlannedCell]

    @property
    def digest(self) -> str:
        """What the plan asks for; the same for every run that asks for the same cells."""
        return digest([cell.key for cell in self.cells])


def make_plan(selection: Selection) -> Plan:
    """Multiply out data sets, grids and repetitions.

    Cells come data set by data set, grid by grid, settings in the order of the grid and
    repetitions innermost; a setting that two grids share is there once.

    Raises
    ------
    StudyError
        If nothing is left to run.
    """
    source = find(selection.spec)
    study = source.study
    sets = data_sets(study, selection.own)
    repetitions = int(resolve(study.repetitions, selection.profile))
    factors = list(dict.fromkeys(name for grid in study.factors for name in grid.factors))
    records: dict[str, dict[str, Any]] = {}
    cells: dict[str, PlannedCell] = {}
    for name, chosen in sets.items():
        grids = [
            grid
            for grid in study.factors
            if grid.data is None or set(chosen.answers_to).intersection(grid.data)
        ]
        if not grids:
            continue
        records[name] = _record(selection, chosen)
        for grid in grids:
            for params in grid.settings(selection.profile):
                for repetition in range(repetitions):
                    cell = _cell(source, selection, records[name], name, params, repetition)
                    cells.setdefault(cell.key, cell)
    if not cells:
        raise StudyError(
            f"{source.name} has nothing to run in the {selection.profile} profile on "
            f"{', '.join(sets)}: no grid names these data, or a factor or `repetitions` is empty."
        )
    return Plan(source, selection, records, factors, repetitions, list(cells.values()))


def _record(selection: Selection, chosen: DataSet) -> dict[str, Any]:
    """What the manifest says about a data set; loads it."""
    data, data_digest = load_anew(selection, chosen.name)
    own = selection.own
    declared = chosen.declared
    notes = [] if own is None or declared is not None else _notes(selection, own, data)
    for note in notes:
        logger.warning("%s: %s", chosen.name, note)
    return {
        "digest": data_digest,
        "task": declared.task if declared is not None else own.task if own else None,
        "synthetic": declared is not None and declared.synthetic,
        "source": declared.source if declared is not None else own.path if own else "",
        "answers_to": list(chosen.answers_to),
        "notes": notes,
        "shapes": {k: list(v.shape) for k, v in data.items() if hasattr(v, "shape")},
    }


def _notes(selection: Selection, own: OwnTable, data: Any) -> list[str]:
    """What a study does with a user's table that its user should know."""
    notes = []
    study = find(selection.spec).study
    if study.max_rows is not None and own.n_rows > study.max_rows:
        notes.append(
            f"the study works on about {study.max_rows:,} rows, drawn at random from {own.n_rows:,}"
        )
    if "inputs" in data:
        notes.append(
            "the study does not say in `prepare` which rows are for training; in `X` categories "
            "are encoded and missing values filled by what all rows have (`as_numbers(data, "
            "train)` does it by training rows)"
        )
    return notes


def _cell(
    source: Source,
    selection: Selection,
    record: dict[str, Any],
    data_name: str,
    params: dict[str, Any],
    repetition: int,
) -> PlannedCell:
    parts = {"data": data_name, "repetition": repetition, **params}
    shared = {part: parts[part] for part in source.study.seeded_by if part in parts}
    entropy = digest([source.name, selection.seed, shared])[:32]
    key = digest([source.name, source.study.version, record["digest"], params, repetition, entropy])
    return PlannedCell(key, data_name, record["digest"], params, repetition, entropy)
