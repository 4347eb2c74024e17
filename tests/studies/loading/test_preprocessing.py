"""Text and holes become numbers by what training rows have, and by nothing else."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from wellposed_studies.catalogue.underconstrained.data import linear_problem
from wellposed_studies.errors import DataError
from wellposed_studies.loading.data import Selection, load_anew
from wellposed_studies.loading.own_table import load_table, open_table
from wellposed_studies.loading.preprocessing import as_numbers, input_encoder
from wellposed_studies.loading.training_sets import split
from wellposed_studies.loading.wide import rows_to_test, widen
from wellposed_studies.runner import run
from wellposed_studies.study import Cell


@pytest.fixture
def mixed():
    """90 rows: a number with holes, a text with holes, a target that both explain."""
    rng = np.random.default_rng(0)
    a, city = rng.normal(size=90), rng.integers(3, size=90)
    frame = pd.DataFrame({"a": a, "city": np.array(["Rome", "Oslo", "Bonn"])[city], "b": a**2})
    frame["y"] = (a + city + 0.1 * rng.normal(size=90)).round(3)
    frame.loc[::7, "a"] = np.nan
    frame.loc[::9, "city"] = None
    return frame


@pytest.fixture
def path(mixed, tmp_path):
    mixed.to_csv(tmp_path / "mixed.csv", index=False)
    return str(tmp_path / "mixed.csv")


def test_numbers_are_those_of_hand_made_rules(mixed):
    inputs = mixed.drop(columns="y").astype({"city": object})
    inputs["city"] = inputs["city"].where(inputs["city"].notna(), None)
    train = np.arange(0, 90, 2)
    X = as_numbers({"inputs": inputs}, train)
    median = np.nanmedian(mixed["a"].to_numpy()[train])
    np.testing.assert_array_equal(X[:, 0], mixed["a"].fillna(median))
    np.testing.assert_array_equal(X[:, 1], mixed["b"])
    np.testing.assert_array_equal(X[:, 2], mixed["a"].isna())
    for j, city in enumerate(["Bonn", "Oslo", "Rome"]):
        np.testing.assert_array_equal(X[:, 3 + j], mixed["city"] == city)
    np.testing.assert_array_equal(X[:, 6], mixed["city"].isna())
    assert X.shape == (90, 7)


def test_other_rows_do_not_change_what_is_fitted(mixed):
    inputs = mixed[["a", "city"]].astype({"city": object})
    train = np.arange(45)
    other = inputs.copy()
    other.loc[45:, "a"] = 1e6
    other.loc[45:, "city"] = "Atlantis"
    before, after = (as_numbers({"inputs": i}, train) for i in (inputs, other))
    np.testing.assert_array_equal(before[:45], after[:45])
    assert not after[45:, 2:].any()


def test_many_categories_share_a_column():
    words = [f"w{i}" for i in range(40) for _ in range(2 if i < 19 else 1)]
    inputs = pd.DataFrame({"a": pd.Series(words, dtype=object)})
    X = input_encoder(inputs).fit_transform(inputs)
    assert X.shape == (59, 20)
    assert X[:, -1].sum() == 21
    assert (X.sum(axis=1) == 1).all()


def test_a_table_of_numbers_stays_as_it_is():
    X = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(as_numbers({"X": X}, np.array([0])), X)


def test_the_pool_of_bias_and_variance_does_not_see_test_rows(path, mixed):
    data = Bunch(**load_table(open_table(path, "y")))
    first = split(data, np.random.default_rng(0))
    test = np.random.default_rng(0).permutation(90)[:30]
    changed = data.inputs.copy()
    changed.iloc[test] = [1e30, "Atlantis", -1e30]
    second = split(Bunch(inputs=changed, y=data.y), np.random.default_rng(0))
    np.testing.assert_allclose(first["X_pool"], second["X_pool"], atol=1e-12)
    assert not np.array_equal(first["X_test"], second["X_test"])
    assert np.isfinite(first["X_pool"]).all()


def test_training_sets_of_wide_problems_do_not_see_test_rows(path):
    data = Bunch(**load_table(open_table(path, "y")))
    prepared = Bunch(**widen(data, np.random.default_rng(0)))
    test = rows_to_test(prepared, prepared.pool[:10])
    assert len(test) == 30
    assert not np.isin(test, prepared.pool).any()
    changed = data.inputs.copy()
    changed.iloc[test] = [1e30, "Atlantis", -1e30]
    again = widen(Bunch(inputs=changed, y=data.y), np.random.default_rng(0))
    np.testing.assert_allclose(prepared.X[prepared.pool], again["X"][prepared.pool], atol=1e-9)
    numbers = Bunch(**widen(Bunch(X=data.X, y=data.y), np.random.default_rng(0)))
    assert "pool" not in numbers
    assert len(rows_to_test(numbers, np.arange(10))) == 80


def test_training_rows_with_categories_have_a_solution(path):
    data = Bunch(**load_table(open_table(path, "y")))
    twice = np.repeat(np.arange(45), 2)
    data = Bunch(inputs=data.inputs.iloc[twice], y=data.y[twice])
    prepared = Bunch(**widen(data, np.random.default_rng(0)))
    for seed in range(20):
        cell = Cell(prepared, "mixed", {}, 0, f"{seed:032x}")
        problem = linear_problem(cell)
        w = np.linalg.lstsq(problem["X"], problem["y"])[0]
        np.testing.assert_allclose(problem["X"] @ w, problem["y"], atol=1e-8)


WORDS = {"two": ["u", "v"], "five": list("uvwxy")}


def table(n: int = 60, **columns: object) -> Bunch:
    """A table with text, and a target that is a quantity if none is given."""
    target = columns.pop("target", np.random.default_rng(1).normal(size=n))
    inputs = pd.DataFrame(columns)
    return Bunch(X=as_numbers({"inputs": inputs}, np.arange(n)), y=target, inputs=inputs)


def words(of: str, n: int = 60) -> pd.Series:
    return pd.Series(np.random.default_rng(0).choice(WORDS[of], n), dtype=object)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (table(a=words("two")), r"inputs \(1\), their squares and products make only 1 columns"),
        (table(a=words("five"), target=np.eye(60)[0]), "the same in nearly all"),
        (table(a=words("five"), target=np.arange(60) // 58), "second largest class has 2 rows"),
        (table(a=words("five"), b=words("five"), target=np.arange(60) % 30), "class has 2 rows"),
    ],
)
def test_tables_with_text_are_refused_by_what_they_are_as_numbers(data, sentence):
    with pytest.raises(DataError, match=sentence):
        widen(data, np.random.default_rng(0))


@pytest.mark.parametrize("smaller", [3, 5, 25])
def test_the_pool_has_the_classes_in_their_shares(smaller):
    target = np.repeat([4, 7], [60 - smaller, smaller])
    data = Bunch(
        **widen(table(a=words("five"), b=words("two"), target=target), np.random.default_rng(0))
    )
    pooled = np.isin(np.arange(60), data.pool)
    assert (data.target[pooled] > 0).sum() == 2 * smaller // 3
    np.testing.assert_array_equal(np.unique(data.y_test), [-1, 1])
    assert len(data.y_test) == 60 - pooled.sum(), "training rows are not tested on"
    cell = Cell(data, "mixed", {}, 0, "0" * 32)
    problem = linear_problem(cell)
    assert np.linalg.matrix_rank(problem["X"]) == data.n_train == len(problem["X"])
    assert len(problem["X_test"]) == 60 - pooled.sum()


def test_how_a_table_was_read_stands_in_manifest_and_digest(toy, path, mixed, tmp_path, caplog):
    own = open_table(path, "y")
    results = run(Selection(toy, "quick", 0, own), tmp_path / "results")
    manifest = json.loads((results.folder / "manifest.json").read_text())
    assert manifest["own_table"]["meaning"].startswith("a quantity (regression: ")
    notes = " ".join(manifest["own_table"]["notes"])
    assert "categories: city (3); a column of zeros and ones" in notes
    assert "missing values: a (13), city (10); numbers are filled with the training rows'" in notes
    assert "in `X` categories are encoded and missing values filled by what all rows" in caplog.text
    mixed.loc[3, "city"] = "Lima"
    mixed.to_csv(path, index=False)
    changed = load_anew(Selection(toy, "quick", 0, open_table(path, "y")), "mixed")[1]
    assert changed != manifest["data"]["mixed"]["digest"]


def test_classes_with_text_and_holes(mixed, tmp_path):
    mixed.assign(y=np.where(mixed["y"] > 1, "big", "small")).to_csv(tmp_path / "c.csv", index=False)
    own = open_table(str(tmp_path / "c.csv"), "y")
    for study in ("bias-variance", "underconstrained"):
        data, _ = load_anew(Selection(study, "quick", 0, own), "c")
        for name, value in data.items():
            if name.startswith("X"):
                assert np.isfinite(value).all(), name
