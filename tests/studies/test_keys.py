"""What a cell's key and its random streams depend on: everything that its result does."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from wellposed_studies.loading.data import Selection, load_anew
from wellposed_studies.loading.own_table import open_table
from wellposed_studies.running.plan import PlannedCell, make_plan

STUDY = """
import numpy as np
from wellposed_studies import Data, Study
d = Data(lambda rng, profile: {'x': np.zeros(3, 'f8')}, task='regression')
study = Study(title='Mine', version=1, data={'d': d}, repetitions=2)
@study.experiment(a=[1, 2])
def mine(cell, **factors): return {'v': 1.0}
"""


def cells_of(folder: Path, old: str = "", new: str = "", name: str = "mine") -> list[PlannedCell]:
    """The cells of a study, part of whose text is another."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.py"
    assert old in STUDY
    path.write_text(STUDY.replace(old, new) if old else STUDY)
    return make_plan(Selection(str(path), "quick", 0)).cells


def keys(cells: list[PlannedCell]) -> set[str]:
    return {cell.key for cell in cells}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("np.zeros(3, 'f8')", "np.eye(3)[0]"),
        ("np.zeros(3, 'f8')", "np.zeros(3, 'i8')"),  # the same bytes
        ("version=1", "version=2"),
        ("a=[1, 2]", "b=[1, 2]"),
        ("a=[1, 2]", "a=[1.0, 2.0]"),
        ("def mine", "def other"),
    ],
)
def test_what_a_result_depends_on_is_in_the_key(tmp_path: Path, old: str, new: str) -> None:
    before, after = cells_of(tmp_path / "a"), cells_of(tmp_path / "b", old, new)
    assert keys(before) == keys(cells_of(tmp_path / "c"))
    assert not keys(before) & keys(after)
    assert [c.entropy for c in before] == [c.entropy for c in after]


def test_studies_of_other_names_share_neither_keys_nor_streams(tmp_path: Path) -> None:
    one, other = cells_of(tmp_path), cells_of(tmp_path, name="other")
    assert not keys(one) & keys(other)
    assert not {c.entropy for c in one} & {c.entropy for c in other}


def test_another_seed_is_another_stream_for_cells_and_for_data(quick: Selection) -> None:
    other = dataclasses.replace(quick, seed=1)
    zero, one = make_plan(quick).cells, make_plan(other).cells
    assert not {c.entropy for c in zero} & {c.entropy for c in one}
    assert not keys(zero) & keys(one)
    for name, array in (("line", "f"), ("diabetes", "rows")):  # the loader's, and `prepare`'s
        drawn = [load_anew(selection, name)[0][array] for selection in (quick, other)]
        assert (drawn[0] != drawn[1]).any()


def test_a_seed_alone_tells_keys_apart(tmp_path: Path) -> None:
    """Data that draw nothing are the same at every seed; the cells' streams are not."""
    cells_of(tmp_path)
    plans = [make_plan(Selection(str(tmp_path / "mine.py"), "quick", seed)) for seed in (0, 1)]
    assert plans[0].data == plans[1].data
    assert not keys(plans[0].cells) & keys(plans[1].cells)


def test_one_changed_number_of_a_users_table_is_another_key(toy: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    lines = ["x,y", *(f"{i * 0.61 % 1:.3f},{i * 0.37 % 1:.3f}" for i in range(60))]
    found = []
    for last in ("0.99,0.25", "0.99,0.26"):
        path.write_text("\n".join([*lines[:-1], last]) + "\n")
        plan = make_plan(Selection(toy, "quick", 0, open_table(str(path), "y", None)))
        found.append(keys([cell for cell in plan.cells if cell.data_name == "mine"]))
    assert found[0]
    assert not found[0] & found[1]
