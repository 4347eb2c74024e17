"""Running: only what is missing, the same tables however they came about, nothing false stored."""

from __future__ import annotations

import dataclasses
import json
import logging

import numpy as np
import pytest

from wellposed_studies import runner
from wellposed_studies.errors import StudyError
from wellposed_studies.loading.data import Selection
from wellposed_studies.runner import CellsFailed, Interrupted, Progress, run
from wellposed_studies.running import executors
from wellposed_studies.running.plan import make_plan
from wellposed_studies.storing.layout import cells_folder
from wellposed_studies.storing.store import Store


class Backwards:
    """An executor of one's own: the last cell first, in batches of thirty."""

    def run(self, measure, cells):
        turned = list(cells)[::-1]
        for i in range(0, len(turned), 30):
            yield [measure(cell) for cell in turned[i : i + 30]]


class Counting:
    """Counts the cells that are computed, and is interrupted after some."""

    def __init__(self, stop_after=None):
        self.computed = 0
        self.stop_after = stop_after

    def run(self, measure, cells):
        cells = list(cells)
        for i in range(0, len(cells), 10):
            if self.computed == self.stop_after:
                raise KeyboardInterrupt
            self.computed += len(cells[i : i + 10])
            yield [measure(cell) for cell in cells[i : i + 10]]


def test_tables_do_not_depend_on_the_executor(quick, tmp_path, contents):
    one = contents(run(quick, tmp_path / "serial"))
    assert len(one) >= 4
    assert contents(run(quick, tmp_path / "two", n_jobs=2)) == one
    assert contents(run(quick, tmp_path / "back", executor=Backwards())) == one


def test_batches_do_not_change_tables(quick, tmp_path, contents, monkeypatch):
    one = contents(run(quick, tmp_path / "a"))
    monkeypatch.setattr(executors, "SECONDS_A_BATCH", 1e-9)
    assert contents(run(quick, tmp_path / "b")) == one


def test_a_second_run_computes_nothing(quick, tmp_path, contents):
    first, second = Counting(), Counting()
    before = contents(run(quick, tmp_path, executor=first))
    assert first.computed == len(make_plan(quick).cells) == 3 * 40 + 2 * 40
    assert contents(run(quick, tmp_path, executor=second)) == before
    assert second.computed == 0


def test_an_interrupted_run_goes_on(quick, tmp_path, contents):
    with pytest.raises(Interrupted, match="70 of 200 missing cells"):
        run(quick, tmp_path / "a", executor=Counting(stop_after=70))
    rest = Counting()
    interrupted = run(quick, tmp_path / "a", executor=rest)
    assert rest.computed == 130
    assert contents(interrupted) == contents(run(quick, tmp_path / "b"))
    assert sorted(interrupted.manifest["computed_by"].values()) == [70, 130]


def test_the_full_profile_uses_the_quick_ones_cells(quick, tmp_path):
    run(quick, tmp_path)
    full = dataclasses.replace(quick, profile="full")
    counting = Counting()
    run(full, tmp_path, executor=counting)
    assert counting.computed == len(make_plan(full).cells) - 200


def test_another_seed_gives_other_numbers(quick, tmp_path, contents):
    one = run(quick, tmp_path)["real"].table()["error"]
    other = run(dataclasses.replace(quick, seed=1), tmp_path)["real"].table()["error"]
    assert not np.isclose(one, other).any()


def test_settings_share_the_randomness_of_a_repetition(quick):
    cells = [c for c in make_plan(quick).cells if c.data_name == "line"]
    by_repetition = {}
    for cell in cells:
        by_repetition.setdefault(cell.repetition, set()).add(cell.entropy)
    assert all(len(entropies) == 1 for entropies in by_repetition.values())
    assert len(set.union(*by_repetition.values())) == 40


def test_keys_are_different(quick):
    keys = [cell.key for cell in make_plan(quick).cells]
    assert len(set(keys)) == len(keys)


def test_failed_cells_are_not_stored_and_tried_again(quick, tmp_path, contents, monkeypatch):
    monkeypatch.setenv("TOY_FAILS", "line-7")
    with pytest.raises(CellsFailed, match=r"3 of 200 cells failed.*ZeroDivisionError: asked"):
        run(quick, tmp_path / "a")
    monkeypatch.delenv("TOY_FAILS")
    counting = Counting()
    mended = run(quick, tmp_path / "a", executor=counting)
    assert counting.computed == 3
    assert contents(mended) == contents(run(quick, tmp_path / "b"))


def test_a_broken_study_is_stopped_early(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "MAX_FAILURES", 2)
    monkeypatch.setenv("TOY_FAILS", "line-0")
    with pytest.raises(CellsFailed, match="stopped early"):
        run(quick, tmp_path, executor=Counting())


def test_where_nothing_succeeds_it_is_told_at_once(quick, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("TOY_FAILS", "all")
    with pytest.raises(CellsFailed, match=r"[345] of 200 cells failed.* stopped early"):
        run(quick, tmp_path)
    (told,) = [record.message for record in caplog.records if "has failed" in record.message]
    assert "repetition 0: ZeroDivisionError: asked" in told


def test_a_damaged_cell_is_computed_again(quick, tmp_path, contents, caplog):
    before = contents(run(quick, tmp_path, executor=Backwards()))
    parts = sorted(cells_folder(tmp_path, "toy-study").iterdir())
    parts[1].write_bytes(parts[1].read_bytes()[:-9])
    counting = Counting()
    with caplog.at_level(logging.WARNING):
        after = contents(run(quick, tmp_path, executor=counting))
    assert 20 <= counting.computed <= 30
    assert after == before
    assert "is damaged" in caplog.text
    assert not parts[1].exists()


def test_progress_is_told_what_is_stored(quick, tmp_path):
    with pytest.raises(Interrupted):
        run(quick, tmp_path, executor=Counting(stop_after=50))
    started, advanced = [], []
    watcher = Progress(started=lambda *n: started.append(n), advanced=advanced.append)
    run(quick, tmp_path, progress=watcher)
    assert started == [(200, 50)]
    assert sum(advanced) == 150


def own_study(folder, returned="{'v': 1.0}", version=1, more=""):
    path = folder / "my_study.py"
    path.write_text(
        "import numpy as np\n"
        "import pandas as pd\n"
        "from wellposed_studies import Data, Study\n"
        "d = Data(lambda rng, profile: {'x': 1.0}, task='regression')\n"
        f"study = Study(title='Mine', data={{'d': d}}, version={version})\n"
        "@study.experiment(a=[1, 2])\n"
        f"def mine(cell, a): return {returned}\n{more}"
    )
    return Selection(str(path), "quick", 0)


def test_a_new_version_computes_anew_and_an_unchanged_one_warns(tmp_path, caplog):
    run(own_study(tmp_path, "{'v': 1.0}"), tmp_path)
    with caplog.at_level(logging.WARNING):
        stale = run(own_study(tmp_path, "{'v': 22.0}"), tmp_path)
    assert "raise its `version`" in caplog.text
    assert stale["mine"].table()["v"].tolist() == [1.0, 1.0]
    fresh = run(own_study(tmp_path, "{'v': 333.0}", version=2), tmp_path)
    assert fresh["mine"].table()["v"].tolist() == [333.0, 333.0]


def test_failures_in_other_processes_are_told_alike(tmp_path):
    with pytest.raises(CellsFailed, match=r"1 of 2 cells failed.*ZeroDivisionError") as failure:
        run(own_study(tmp_path, "{'v': 1.0 / (a - 1)}"), tmp_path, n_jobs=2)
    assert "in mine" in failure.value.trace


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        ("1.0", "returned float; expected a mapping"),
        ("{}", "empty mapping"),
        ("{'a': 1.0}", "factor's name"),
        ("{'f': len}", "expected numbers, text"),
        ("{'cells': pd.DataFrame({'v': [1]}), 'b': 1.0}", "same table"),
        ("{'t': pd.DataFrame({'repetition': [1]})}", "every table has"),
        ("{1: 1.0}", "expected a str"),
    ],
)
def test_what_measure_may_not_return(tmp_path, returned, sentence):
    study = own_study(tmp_path, returned)
    with pytest.raises(CellsFailed, match=sentence):
        run(study, tmp_path)


def test_a_bare_frame_is_the_cells_table(tmp_path):
    study = own_study(tmp_path, "pd.DataFrame({'epoch': [0, 1], 'loss': [a, 0.5]})")
    table = run(study, tmp_path)["mine"].table()
    assert table.columns.tolist() == ["data", "a", "repetition", "epoch", "loss"]
    assert table["loss"].tolist() == [1.0, 0.5, 2.0, 0.5]


def test_a_derived_table_that_cannot_be_computed_loses_nothing(tmp_path):
    broken = "@study.derived\ndef t(results): return 1 / 0\n"
    with pytest.raises(StudyError, match="'t' of my-study cannot be computed: ZeroDivisionError"):
        run(own_study(tmp_path, more=broken), tmp_path)
    assert len(Store(cells_folder(tmp_path, "my-study")).keys()) == 2


def test_a_loader_with_a_stream_of_its_own_is_found_out(tmp_path, monkeypatch):
    study = own_study(tmp_path)
    text = (tmp_path / "my_study.py").read_text()
    (tmp_path / "my_study.py").write_text(
        text.replace("'x': 1.0", "'x': np.random.default_rng().normal()")
    )
    with pytest.raises(CellsFailed, match="draws from a random stream other than"):
        run(study, tmp_path)


def test_a_cell_cannot_change_its_neighbours_data(tmp_path):
    zeros = "@study.prepare\ndef zeros(data, rng, profile): return {'X': np.zeros(3)}\n"
    study = own_study(tmp_path, "{'v': np.add(cell.data.X, 1, out=cell.data.X).sum()}", more=zeros)
    with pytest.raises(CellsFailed, match="read-only"):
        run(study, tmp_path)


def test_a_forgotten_random_state_depends_on_the_cell_alone(tmp_path, contents):
    study = own_study(tmp_path, "{'v': np.random.normal()}")
    forwards = contents(run(study, tmp_path / "a"))
    assert contents(run(study, tmp_path / "b", executor=Backwards())) == forwards


def test_the_manifest_says_what_the_run_was_made_with(quick, tmp_path):
    manifest = run(quick, tmp_path).manifest
    assert manifest["profile"] == "quick"
    assert manifest["seed"] == 0
    assert manifest["threads_per_cell"] == 1
    assert manifest["packages"]["numpy"] == np.__version__
    assert len(manifest["data"]["diabetes"]["digest"]) == 64
    assert manifest["cpu"]
    assert manifest["command"]
    history = [json.loads(p.read_text()) for p in (tmp_path / "toy-study/history").iterdir()]
    assert [h["finished"] for h in history] == [manifest["finished"]]


def test_timings_are_apart_from_the_tables(quick, tmp_path):
    results = run(quick, tmp_path)
    assert len(results.timings) == 200
    assert (results.timings["seconds"] >= 0).all()
    told = results.timings.query("experiment == 'shrunk'")["params"].map(json.loads)
    assert [params["factor"] for params in told] == results["shrunk"].table()["factor"].tolist()
    assert "seconds" not in results["shrunk"].table()
