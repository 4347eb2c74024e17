"""A user's own table: read in three formats, refused in a sentence, run on as real data are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wellposed_studies.discovery import find
from wellposed_studies.errors import DataError, StudyError
from wellposed_studies.loading.data import Selection, data_sets, load_anew, load_data
from wellposed_studies.loading.own_table import OwnTable, describe, load_table, open_table
from wellposed_studies.runner import run


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    return table.assign(y=table["a"] - table["b"] + rng.normal(size=60))


def write(frame, path):
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".npz":
        np.savez(path, X=frame.drop(columns="y").to_numpy(), y=frame["y"].to_numpy())
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return str(path)


@pytest.mark.parametrize("name", ["my.csv", "my.tsv", "my.parquet", "my.npz"])
def test_formats_give_the_same_table(frame, tmp_path, name):
    table = open_table(write(frame, tmp_path / name), "y")
    assert (table.name, table.task) == ("my", "regression")
    loaded = load_table(table)
    np.testing.assert_allclose(loaded["X"], frame[["a", "b", "c"]], rtol=1e-12)
    np.testing.assert_allclose(loaded["y"], frame["y"], rtol=1e-12)
    assert loaded["X"].dtype == loaded["y"].dtype == np.float64


def test_semicolons_are_recognised(frame, tmp_path):
    frame.to_csv(tmp_path / "my.csv", sep=";", index=False)
    assert load_table(open_table(str(tmp_path / "my.csv"), "y"))["X"].shape == (60, 3)


def test_an_npz_has_its_target_in_y(frame, tmp_path):
    assert open_table(write(frame, tmp_path / "my.npz"), None).target == "y"


@pytest.mark.parametrize(
    ("target", "task", "classes"),
    [
        (["no", "yes"] * 30, "classification", [0, 1]),
        ([True, False] * 30, "classification", [0, 1]),
        ([7, 3, 5] * 20, "classification", [0, 1, 2]),
        ([2.0, 1.0] * 30, "classification", [0, 1]),
        (list(range(60)), "regression", None),
        ([0.5, 1.5] * 30, "regression", None),
    ],
)
def test_the_kind_of_target_is_told_by_its_values(frame, tmp_path, target, task, classes):
    table = open_table(write(frame.assign(y=target), tmp_path / "my.csv"), "y")
    assert table.task == task
    y = load_table(table)["y"]
    if classes is not None:
        assert np.unique(y).tolist() == classes
        labels = np.unique(target)
        assert [str(v) for v in labels[y]] == [str(v) for v in target]


def test_the_kind_of_target_can_be_said(frame, tmp_path):
    path = write(frame.assign(y=[1, 2, 3, 4] * 15), tmp_path / "my.csv")
    assert open_table(path, "y", "regression").task == "regression"


@pytest.mark.parametrize(
    ("change", "target", "sentence"),
    [
        (lambda f: f, None, r"say which column.*--target NAME.*a, b, c, y"),
        (lambda f: f.rename(columns={"y": "price"}), "prise", r"no column 'prise'.*'price'"),
        (lambda f: f.assign(day=pd.Timestamp("2024-01-01")), "y", "dates or times in: day"),
        (lambda f: f.assign(a=[[1, 2]] * 60), "y", "columns of lists or records: a"),
        (lambda f: f.assign(a="2.5")[["a", "y"]].assign(a=None), "y", "no columns besides"),
        (lambda f: f.assign(b=np.inf), "y", "infinite values in: b"),
        (lambda f: f.assign(y=f["y"].where(f["y"] > 0)), "y", r"target 'y'.*\d+ missing values"),
        (lambda f: f.assign(y=np.inf), "y", "infinite"),
        (lambda f: f.head(19), "y", "19 rows; a study needs at least 20"),
        (lambda f: f[["y"]], "y", "no columns besides the target"),
        (lambda f: f.assign(y=3.5), "y", "nothing to predict"),
        (lambda f: f.assign(y="one"), "y", "the one class 'one'"),
        (lambda f: f.assign(y=[1] * 57 + [2] * 3), "y", r"fewer than 5 rows: 2 \(3\)"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(frame, tmp_path, change, target, sentence):
    path = write(change(frame), tmp_path / "my.parquet")
    with pytest.raises(DataError, match=sentence):
        open_table(path, target)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,a,y\n1,2,3\n", "several columns of one name: a"),
        ("a;y\n" + "1,5;2\n2.5;1\n" * 15, "'a' of my.csv has numbers some of which have a dec"),
        ("a;y\n" + "1;1,5\n2;3.25\n" * 15, "'y' of my.csv has numbers some of which have a dec"),
        ("a;y\n" + "1,234;1\n2,345;2\n" * 15, "whose mark may group thousands or begin decimals"),
    ],
)
def test_what_is_wrong_with_a_csv_is_said(tmp_path, text, sentence):
    (tmp_path / "my.csv").write_text(text)
    with pytest.raises(DataError, match=sentence):
        open_table(str(tmp_path / "my.csv"), "y")


def test_a_column_that_is_left_out_may_be_the_target(frame, tmp_path):
    frame.assign(y=np.arange(60) * 7 % 61).set_index("y").to_parquet(tmp_path / "my.parquet")
    table = open_table(str(tmp_path / "my.parquet"), "y")
    np.testing.assert_array_equal(load_table(table)["y"], np.arange(60) * 7 % 61)
    assert load_table(table)["X"].shape == (60, 3)


def test_a_table_is_described(frame, tmp_path):
    table = open_table(write(frame.assign(y=["no", "yes"] * 30), tmp_path / "my.csv"), "y")
    expected = "my.csv: 60 rows, 3 inputs (a, b, c), the target 'y' taken for 2 classes"
    assert describe(table) == f"{expected} (no, yes: text)"
    holes = frame.assign(a=frame["a"].where(frame["a"] > 0), y=["no", "yes"] * 30)
    line, *notes = describe(open_table(write(holes, tmp_path / "my.csv"), "y")).splitlines()
    assert line.startswith(expected)
    assert [note[:23] for note in notes] == ["  - missing values: a ("]


def test_columns_without_a_name_are_columns(tmp_path):
    (tmp_path / "my.csv").write_text(",,y\n" + "1,2,3.5\n2,1,4.5\n" * 15)
    assert load_table(open_table(str(tmp_path / "my.csv"), "y"))["X"].shape == (30, 2)


def test_text_is_no_regression_target(frame, tmp_path):
    path = write(frame.assign(y=["no", "yes"] * 30), tmp_path / "my.csv")
    with pytest.raises(DataError, match="not made of numbers"):
        open_table(path, "y", "regression")


def test_files_that_are_not_there_or_not_tables(frame, tmp_path):
    write(frame, tmp_path / "prices.csv")
    with pytest.raises(DataError, match=r"Did you mean 'prices.csv'"):
        open_table(str(tmp_path / "price.csv"), "y")
    (tmp_path / "my.xlsx").write_bytes(b"")
    with pytest.raises(DataError, match=r"expected .csv, .parquet or .npz"):
        open_table(str(tmp_path / "my.xlsx"), "y")
    (tmp_path / "my.parquet").write_bytes(b"not parquet")
    with pytest.raises(DataError, match="cannot be read as parquet"):
        open_table(str(tmp_path / "my.parquet"), "y")
    np.savez(tmp_path / "other.npz", Z=np.zeros(3))
    with pytest.raises(DataError, match="no array 'X'"):
        open_table(str(tmp_path / "other.npz"), None)
    np.savez(tmp_path / "odd.npz", X=np.zeros((3, 2)), y=np.zeros(4))
    with pytest.raises(DataError, match=r"X of shape \(3, 2\) and y of shape \(4,\)"):
        open_table(str(tmp_path / "odd.npz"), None)
    np.savez(tmp_path / "code.npz", X=np.array([{"a": 1}], dtype=object), y=np.zeros(1))
    with pytest.raises(DataError, match="cannot be read as npz"):
        open_table(str(tmp_path / "code.npz"), None)


@pytest.mark.parametrize(
    "path", ["~no_such_user/t.csv", "x" * 5000 + ".csv", "a\0b.csv", ".", "/dev/null"]
)
def test_paths_that_are_no_files(path):
    with pytest.raises(DataError, match=r"there is no file|is no file|cannot be read"):
        open_table(path, "y")


def test_it_stands_in_for_the_real_sets_of_its_kind(toy):
    study = find(toy).study
    own = OwnTable("/somewhere/my.csv", "y", "regression")
    sets = data_sets(study, own)
    assert {name: chosen.answers_to for name, chosen in sets.items()} == {
        "my": ("diabetes",),
        "line": ("line",),
    }
    with pytest.raises(DataError, match="--task regression or --task classification"):
        data_sets(study, OwnTable("/somewhere/my.csv", "y", "classification"))


def test_its_name_does_not_hide_a_synthetic_set(toy):
    own = OwnTable("/somewhere/line.csv", "y", "regression")
    assert list(data_sets(find(toy).study, own)) == ["line-own", "line"]


def test_a_file_is_read_once_and_again_when_it_has_changed(frame, tmp_path, monkeypatch):
    from wellposed_studies.loading import own_table

    calls, read_text = [], own_table.read_text
    monkeypatch.setattr(own_table, "read_text", lambda path: calls.append(path) or read_text(path))
    table = open_table(write(frame, tmp_path / "my.csv"), "y")
    describe(table)
    load_table(table)
    assert len(calls) == 1
    write(frame + 1, tmp_path / "my.csv")
    np.testing.assert_allclose(load_table(table)["y"], frame["y"] + 1)
    assert len(calls) == 2


def test_a_study_runs_on_it(toy, frame, tmp_path):
    own = open_table(write(frame, tmp_path / "my.csv"), "y")
    selection = Selection(toy, "quick", 0, own)
    results = run(selection, tmp_path / "results")
    assert results.data_names == ["my", "line"]
    assert len(results["real"].table(data="my")) == 80
    verdicts = results.verdicts.set_index("claim")
    assert verdicts.loc["rows", "value"] == 60
    assert verdicts.loc["rows", "data"] == "my"
    assert results.manifest["own_table"]["target"] == "y"
    np.testing.assert_array_equal(results.data("my").X, load_anew(selection, "my")[0].X)


def test_a_changed_table_is_another_one(toy, frame, tmp_path):
    path = tmp_path / "my.csv"
    own = open_table(write(frame, path), "y")
    first = run(Selection(toy, "quick", 0, own), tmp_path / "results")
    load_data.cache_clear()
    write(frame + 1.0, path)
    with pytest.raises(StudyError, match="is not what it was when the run was planned"):
        first.data("my")
    load_data.cache_clear()
    second = run(Selection(toy, "quick", 0, own), tmp_path / "results")
    digests = [results.manifest["data"]["my"]["digest"] for results in (first, second)]
    assert digests[0] != digests[1]
