"""Reading finished results: the right rows and arrays, clear refusals, and no training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from wellposed_studies import load
from wellposed_studies.runner import run
from wellposed_studies.running.plan import make_plan


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    from pathlib import Path

    from wellposed_studies.loading.data import Selection

    toy = str(Path(__file__).parent / "toy_study.py")
    return run(Selection(toy, "quick", 0), tmp_path_factory.mktemp("results"))


def test_the_cells_table_has_one_row_a_cell_in_the_order_of_the_plan(finished, quick):
    plan = make_plan(quick)
    columns = {"shrunk": ["factor", "repetition", "error", "shrunk"]}
    columns["real"] = ["factor", "size", "repetition", "error"]
    for name, expected in columns.items():
        table = finished[name].table()
        cells = [cell for cell in plan.cells if cell.experiment == name]
        assert table.columns.tolist() == ["data", *expected]
        assert table["data"].tolist() == [cell.data_name for cell in cells]
        assert table["factor"].tolist() == [cell.params["factor"] for cell in cells]
        assert table["repetition"].tolist() == [cell.repetition for cell in cells]
        assert finished[name].factors == columns[name][: columns[name].index("repetition")]
        assert finished[name].repetitions == 40


def test_where_selects(finished):
    assert len(finished["shrunk"].table(data="line", factor=0.5)) == 40
    assert len(finished["shrunk"].table(factor=[0.5, 1.0])) == 80
    assert len(finished["real"].table(size=(4, 2))) == 40
    assert len(finished["real"].table(size=[(4, 2), (4,)])) == 80
    assert finished["real"].table(size=None).empty
    with pytest.raises(KeyError, match="no column 'colour'; there are"):
        finished["real"].table(colour=1)


def test_stacked_arrays_have_repetitions_first_and_agree_with_the_numbers(finished):
    stacked = finished["shrunk"].stacked("prediction")
    assert stacked["factor"].tolist() == [0.0, 0.5, 1.0]
    f = finished.data("line").f
    for row in stacked.to_dict("records"):
        assert row["prediction"].shape == (40, 8)
        errors = ((row["prediction"] - f) ** 2).mean(axis=1)
        np.testing.assert_array_equal(errors, finished["shrunk"].table(factor=row["factor"]).error)


def test_the_same_noise_is_behind_all_factors(finished):
    zero, half, one = finished["shrunk"].stacked("prediction")["prediction"]
    np.testing.assert_allclose(half, one / 2)
    assert not zero.any()
    assert len(np.unique(one)) == one.size


def test_a_matrix_is_settings_by_repetitions(finished):
    matrix = finished["shrunk"].matrix("error", rows="factor")
    assert matrix.shape == (3, 40)
    assert matrix.index.tolist() == [0.0, 0.5, 1.0]
    assert matrix.loc[0.5, 3] == finished["shrunk"].table(factor=0.5)["error"][3]
    with pytest.raises(ValueError, match=r"rows apart\. Add to `rows`, .* one of: size"):
        finished["real"].matrix("error", rows="factor")


def test_frames_and_derived_tables_are_tables(finished):
    assert finished["shrunk"].table_names == ["cells", "curve"]
    assert finished.table_names == ["decomposition"]
    curve = finished["shrunk"].table("curve", factor=0.5)
    assert curve["epoch"].tolist() == [0, 1, 2] * 40
    table = finished.table("decomposition").set_index("factor")
    assert table["variance"].is_monotonic_increasing
    assert table.loc[0.0, "variance"] == 0.0


def test_unknown_names_are_answered_with_known_ones(finished):
    with pytest.raises(KeyError, match="it has cells, curve"):
        finished["shrunk"].table("curves")
    with pytest.raises(KeyError, match="it has decomposition"):
        finished.table("cells")
    with pytest.raises(KeyError, match="it has prediction"):
        finished["shrunk"].stacked("predictions")
    with pytest.raises(KeyError, match=r"no experiment 'shrank'\. Did you mean 'shrunk'"):
        finished["shrank"]
    with pytest.raises(KeyError, match="declares no figure"):
        finished.figure("none")
    with pytest.raises(KeyError, match="there are line, diabetes"):
        finished.data("digits")
    with pytest.raises(ValueError, match="name one"):
        finished.data()


def test_load_reads_the_last_run_and_computes_nothing(finished, monkeypatch):
    from wellposed_studies.running.measuring import Measure

    root = finished.folder.parents[2]
    monkeypatch.setattr(Measure, "__call__", None)
    results = load(finished.source.spec, root)
    assert results.folder == finished.folder
    assert results.profile == "quick"
    pd.testing.assert_frame_equal(results["real"].table(), finished["real"].table())
    monkeypatch.setenv("WELLPOSED_RESULTS", str(root))
    assert load(finished.source.spec).folder == finished.folder


def test_load_says_what_makes_results(toy, tmp_path):
    with pytest.raises(FileNotFoundError, match="Make one with: wellposed run"):
        load(toy, tmp_path)


def test_the_last_run_is_the_one_that_is_read(quick, tmp_path):
    run(quick, tmp_path)
    run(dataclasses.replace(quick, seed=3), tmp_path)
    assert load(quick.spec, tmp_path).manifest["seed"] == 3
    run(quick, tmp_path)
    assert load(quick.spec, tmp_path).manifest["seed"] == 0
    assert len(list((tmp_path / "toy-study" / "runs").iterdir())) == 2


def test_repr_says_what_it_is(finished):
    assert repr(finished) == "<Results of toy-study: quick profile, data line, diabetes, 200 cells>"


def test_restricted_results_show_one_data_set_only(finished):
    for name, n in (("line", 120), ("diabetes", 0)):
        one = finished.restricted_to(name)
        assert one.data_names == [name]
        cells = one["shrunk"].table()
        pd.testing.assert_frame_equal(cells, finished["shrunk"].table(data=name))
        assert len(cells) == n
        assert one["shrunk"].data_names == ([name] if n else [])
    assert len(finished.restricted_to("line")["shrunk"].stacked("prediction")) == 3
    assert finished.restricted_to("diabetes")["shrunk"].stacked("prediction").empty
    assert finished.restricted_to("line")["shrunk"].matrix("error", rows="factor").shape == (3, 40)
    with pytest.raises(KeyError, match="only 'line' is seen here, not 'diabetes'"):
        finished.restricted_to("line")["shrunk"].table(data="diabetes")
