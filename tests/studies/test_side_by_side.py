"""Cells whose networks are trained side by side measure what they measure alone."""

from __future__ import annotations

import random
import time

import pytest

from wellposed.together import trainers
from wellposed_studies.loading.data import Selection
from wellposed_studies.runner import CellsFailed, run
from wellposed_studies.running.measuring import Measure
from wellposed_studies.running.plan import make_plan
from wellposed_studies.running.side_by_side import measure_all

STUDY = """
import random
import numpy as np
from wellposed_studies import Study, scikit_learn

study = Study(
    title="Networks", data={"diabetes": scikit_learn("diabetes")}, repetitions=4, side_by_side=True
)

@study.experiment(l2=[0.0, 0.01, 0.1], width=[2, 9])
def networks(cell, l2, width):
    import torch
    from wellposed import NetRegressor
    rows = cell.rng("rows").permutation(len(cell.data.X))[:60]
    net = NetRegressor(
        (width,), l2=l2, max_epochs=5, dropout=0.1, random_state=SEED,
    ).fit(cell.data.X[rows], cell.data.y[rows])
    if l2 == FAILING and cell.repetition == 1:
        raise ValueError("this one")
    return {"prediction": net.predict(cell.data.X[:5]), "loss": net.loss_}
"""


@pytest.fixture
def study(tmp_path):
    """Makes a study file of networks with this `random_state`."""

    def make(seed="cell.seed", failing="None"):
        file = tmp_path / "networks.py"
        file.write_text(STUDY.replace("SEED", seed).replace("FAILING", failing))
        return Selection(str(file), "quick", 0)

    return make


@pytest.fixture
def sizes(monkeypatch):
    """Sizes of the stacks in which blocks train, in threads or in processes."""
    found = []
    real = trainers.Trainers.train

    def train(self, requests, abandoned):
        found.append(len(requests))
        return real(self, requests, abandoned)

    monkeypatch.setattr(trainers.Trainers, "train", train)
    return found


class OneByOne:
    def run(self, measure, cells):
        yield [measure(cell) for cell in cells]


class AllAtOnce:
    def run(self, measure, cells):
        yield measure_all(measure, cells)


def test_tables_are_those_of_cells_alone(study, sizes, tmp_path, contents):
    selection = study()
    alone = contents(run(selection, tmp_path / "a", executor=OneByOne()))
    assert not sizes
    assert contents(run(selection, tmp_path / "b", executor=AllAtOnce())) == alone
    assert sum(sizes) == 24
    assert len(sizes) < 24
    assert contents(run(selection, tmp_path / "c", n_jobs=2)) == alone


def test_one_process_fits_together(study, sizes, tmp_path):
    run(study(), tmp_path)
    assert max(sizes) > 1


@pytest.mark.parametrize(
    "seed",
    [
        "np.random.randint(9)",
        "random.randrange(9)",
        "int(torch.randint(9, ()))",
        "[np.random.seed(0), np.random.randint(9)][1]",
    ],
)
def test_what_draws_from_common_streams_is_computed_alone(seed, study, sizes, tmp_path, contents):
    """Else a cell would depend on which thread came first."""
    selection = study(seed)
    alone = contents(run(selection, tmp_path / "a", executor=OneByOne()))
    assert contents(run(selection, tmp_path / "b", executor=AllAtOnce())) == alone
    assert sum(sizes) == 24
    sizes.clear()
    assert contents(run(selection, tmp_path / "c", executor=AllAtOnce())) == alone
    assert not sizes, "tried in threads a second time"


def test_another_thread_may_draw_from_common_streams(study, sizes, tmp_path, contents):
    """As dask's worker does when it starts: the cells are tried in threads again."""
    selection = study()
    alone = contents(run(selection, tmp_path / "a", executor=OneByOne()))
    drawn = iter([True])

    class Disturbed(AllAtOnce):
        def run(self, measure, cells):
            def measured(cell, alone=True):
                if not alone and next(drawn, False):
                    random.random()
                return measure(cell, alone)

            measured.selection = measure.selection
            for half in (cells[:12], cells[12:]):
                yield measure_all(measured, half)

    assert contents(run(selection, tmp_path / "b", executor=Disturbed())) == alone
    assert sum(sizes) == 24


def test_a_failing_cell_fails_alone(study, tmp_path):
    with pytest.raises(CellsFailed, match=r"2 of 24 cells failed.*this one\. 22 new cells"):
        run(study(failing="0.01"), tmp_path, executor=AllAtOnce())


def test_time_is_shared_out(study):
    """A cell's own time, in threads, would be that of all of them."""
    selection = study()
    cells = make_plan(selection).cells
    started = time.perf_counter()
    outcomes = measure_all(Measure(selection), cells)
    total = time.perf_counter() - started
    assert 0 < sum(outcome.seconds for outcome in outcomes) <= total


def test_only_studies_that_allow_it(study, sizes, tmp_path):
    """Threads share warning filters and the like, which a cell may change."""
    selection = study()
    file = tmp_path / "networks.py"
    file.write_text(file.read_text().replace(", side_by_side=True", ""))
    run(selection, tmp_path, executor=AllAtOnce())
    assert not sizes
