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
from ..study import Experiment, Grid, Source, resolve

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlannedCell:
    """A cell before its data are at hand.

    Attributes
    ----------
    key : str
        Digest of everything the result depends on: the study and its version, the experiment,
        the data's digest, the parameters, the repetition and the seed.
    experiment : str
    data_name, data_digest : str
    params : dict
    repetition : int
    entropy : str
        See `wellposed_studies.study.Cell`.
    """

    key: str
    experiment: str
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
    experiments : dict
        One record an experiment that is run: data, factors, repetitions, seeded_by, cells.
    cells : list of PlannedCell
    """

    source: Source
    selection: Selection
    data: dict[str, dict[str, Any]]
    experiments: dict[str, dict[str, Any]]
    cells: list[PlannedCell]

    @property
    def digest(self) -> str:
        """What the plan asks for; the same for every run that asks for the same cells."""
        return digest([cell.key for cell in self.cells])


def make_plan(selection: Selection) -> Plan:
    """Multiply out experiments, data sets, settings and repetitions.

    Cells come experiment by experiment, data set by data set, settings in the order of the grids
    and repetitions innermost; a setting that two grids share is there once.

    Raises
    ------
    StudyError
        If nothing is left to run.
    """
    source = find(selection.spec)
    sets = data_sets(source.study, selection.own)
    cells: dict[str, list[PlannedCell]] = {}
    records: dict[str, dict[str, Any]] = {}
    for experiment in source.study.experiments.values():
        for name, chosen in sets.items():
            grids = experiment.grids_on(chosen.answers_to)
            if grids and name not in records:
                records[name] = _record(selection, chosen)
            found = _cells_on(source, selection, experiment, name, records.get(name, {}), grids)
            cells.setdefault(experiment.name, []).extend(found)
    cells = {name: found for name, found in cells.items() if found}
    if not cells:
        raise StudyError(
            f"{source.name} has nothing to run in the {selection.profile} profile on "
            f"{', '.join(sets)}: no experiment names these data, or a factor or `repetitions` is "
            "empty."
        )
    data = {name: records[name] for name in sets if name in records}
    experiments = {
        name: _experiment(source.study.experiments[name], selection, found)
        for name, found in cells.items()
    }
    return Plan(
        source, selection, data, experiments, [c for found in cells.values() for c in found]
    )


def _cells_on(
    source: Source,
    selection: Selection,
    experiment: Experiment,
    data_name: str,
    record: dict[str, Any],
    grids: list[Grid],
) -> list[PlannedCell]:
    """The cells of an experiment on a data set, each once."""
    repetitions = int(resolve(experiment.repetitions, selection.profile))
    cells: dict[str, PlannedCell] = {}
    for grid in grids:
        for params in grid.settings(selection.profile):
            for repetition in range(repetitions):
                cell = _cell(source, selection, experiment, record, data_name, params, repetition)
                cells.setdefault(cell.key, cell)
    return list(cells.values())


def _experiment(
    experiment: Experiment, selection: Selection, cells: list[PlannedCell]
) -> dict[str, Any]:
    """What the manifest says about an experiment."""
    return {
        "data": list(dict.fromkeys(cell.data_name for cell in cells)),
        "factors": experiment.factors,
        "repetitions": int(resolve(experiment.repetitions, selection.profile)),
        "seeded_by": list(experiment.seeded_by),
        "cells": len(cells),
    }


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
    experiment: Experiment,
    record: dict[str, Any],
    data_name: str,
    params: dict[str, Any],
    repetition: int,
) -> PlannedCell:
    parts = {"experiment": experiment.name, "data": data_name, "repetition": repetition, **params}
    shared = {part: parts[part] for part in experiment.seeded_by if part in parts}
    entropy = digest([source.name, selection.seed, shared])[:32]
    key = digest(
        [
            source.name,
            source.study.version,
            experiment.name,
            record["digest"],
            params,
            repetition,
            entropy,
        ]
    )
    return PlannedCell(
        key, experiment.name, data_name, record["digest"], params, repetition, entropy
    )
