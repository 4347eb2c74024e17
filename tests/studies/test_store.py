"""The store: what goes in comes out, in whatever batches, and damage is noticed."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wellposed_studies.errors import StudyError
from wellposed_studies.runner import run
from wellposed_studies.running.measuring import Outcome, _checked
from wellposed_studies.running.plan import PlannedCell
from wellposed_studies.storing.encoding import to_tables
from wellposed_studies.storing.store import Store, parquet_bytes

numbers = st.floats(allow_nan=False, width=32).map(float)
always = {"loss": numbers | st.integers(-9, 9), "name": st.text(max_size=3) | st.none()}
sometimes = {
    "converged": st.booleans(),
    "prediction": hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int64]),
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3),
        elements=st.integers(-5, 5),
    ),
    "curve": st.lists(numbers, max_size=3).map(lambda v: pd.DataFrame({"loss": v}, dtype=float)),
}
measured = st.fixed_dictionaries(always, optional=sometimes)
or_none = {name: values | st.none() for name, values in (always | sometimes).items()}
varied = st.fixed_dictionaries({}, optional=or_none).filter(bool)


def outcomes_of(contents: list[dict]) -> list[Outcome]:
    return [
        Outcome(cell, _checked(m, {"l2"}), 0.0)
        for i, m in enumerate(contents)
        for cell in [PlannedCell(f"key{i}", "e", "d", "0", {"l2": i / 2}, i, "00")]
    ]


def batches_of(outcomes: list[Outcome], random) -> list[list[Outcome]]:
    shuffled = list(outcomes)
    random.shuffle(shuffled)
    batches = []
    while shuffled:
        size = random.randint(1, len(shuffled))
        batches.append(shuffled[:size])
        shuffled = shuffled[size:]
    return batches


def tables_after(outcomes: list[Outcome], batches: list[list[Outcome]]):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "cells")
        for batch in batches:
            store.add(batch, {"version": "1"})
        assert store.keys() == {outcome.cell.key for outcome in outcomes}
        return to_tables([o.cell for o in outcomes], ["l2"], list(store.parts()))


@settings(deadline=None, max_examples=40)
@given(st.lists(measured | varied, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_tables_do_not_depend_on_order_and_batches(contents, random):
    outcomes = outcomes_of(contents)
    one_by_one = tables_after(outcomes, [[outcome] for outcome in outcomes])
    batched = tables_after(outcomes, batches_of(outcomes, random))
    for together, alone in zip(batched[:2], one_by_one[:2]):
        assert {k: parquet_bytes(v) for k, v in together.items()} == {
            k: parquet_bytes(v) for k, v in alone.items()
        }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1.0, np.ones(2)),
        (1.0, pd.DataFrame({"a": [1.0]})),
        (np.ones(2), pd.DataFrame({"a": [1.0]})),
        (np.ones(2), np.array(["a"])),
    ],
)
@pytest.mark.parametrize("sizes", [(2,), (1, 1)])
def test_one_kind_a_name_in_whatever_batches(one, other, sizes):
    outcomes = outcomes_of([{"x": one}, {"x": other}])
    batches = [outcomes] if sizes == (2,) else [[outcome] for outcome in outcomes]
    with pytest.raises(StudyError, match=r"in some cells and|of types"):
        tables_after(outcomes, batches)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"@": 1.0}, "not '@'"),
        ({"x": np.uint64(2**63)}, "more than int64 holds"),
        ({"x": pd.DataFrame(index=[0])}, "expected at least one"),
        ({"x": pd.DataFrame([[1, 2]], columns=["a", "a"])}, "each once"),
    ],
)
def test_what_cannot_be_stored_as_it_is_is_refused(value, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        _checked(value, set())


@settings(deadline=None, max_examples=40)
@given(st.lists(measured, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_what_was_measured_comes_back(contents, random):
    outcomes = outcomes_of(contents)
    tables, arrays, _ = tables_after(outcomes, batches_of(outcomes, random))
    rows = tables["cells"].to_pylist()
    assert [row["repetition"] for row in rows] == list(range(len(contents)))
    for row, content in zip(rows, contents):
        assert row["loss"] == content["loss"]
        assert row["name"] == content["name"]
        assert row.get("converged") == content.get("converged")
    with_arrays = [c["prediction"] for c in contents if "prediction" in c]
    stored = arrays["prediction"].to_pylist() if with_arrays else []
    assert len(stored) == len(with_arrays)
    for row, array in zip(stored, with_arrays):
        np.testing.assert_array_equal(np.reshape(row["prediction"], row["shape"]), array)
    losses = [x for c in contents if "curve" in c for x in c["curve"]["loss"]]
    curves = tables["curve"].to_pylist() if "curve" in tables else []
    assert [row["loss"] for row in curves] == losses


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_any_changed_byte_is_noticed(data):
    outcomes = outcomes_of([{"loss": 1.0}, {"loss": 2.0}])
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for outcome in outcomes:
            store.add([outcome], {})
        victim = data.draw(st.sampled_from(sorted(Path(folder).iterdir())))
        content = bytearray(victim.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        else:
            del content[at:]
        victim.write_bytes(bytes(content))
        assert len(store.keys()) == 1
        store.discard_unusable()
        assert not victim.exists()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads in /proc")
def test_reading_leaves_no_thread_of_arrow_behind(quick, tmp_path):
    """One that is still ending as the interpreter exits would abort it."""
    run(quick, tmp_path)
    script = (
        "import os, pyarrow, pandas\n"
        "from wellposed_studies.storing.results import load\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        f"results = load({quick.spec!r}, {str(tmp_path)!r})\n"
        "results.verdicts, results.timings, results['shrunk'].table()\n"
        "results['shrunk'].stacked('prediction')\n"
        "print(len(os.listdir('/proc/self/task')) - before)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "0", done.stderr


def test_damage_is_reported(tmp_path, caplog):
    store = Store(tmp_path)
    store.add(outcomes_of([{"loss": 1.0}]), {})
    (damaged,) = tmp_path.iterdir()
    damaged.write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert store.keys() == set()
    assert "computed again" in caplog.text


def test_storing_the_same_cells_twice_changes_nothing(tmp_path):
    store = Store(tmp_path)
    for _ in range(2):
        store.add(outcomes_of([{"loss": 1.0}]), {})
    assert len(list(tmp_path.iterdir())) == 1


def test_clean_deletes_other_versions_and_leftovers_only(tmp_path):
    store = Store(tmp_path)
    old, new = outcomes_of([{"loss": 1.0}, {"loss": 2.0}])
    store.add([old], {"version": "1"})
    store.add([new], {"version": "2"})
    (tmp_path / ".tmp-leftover").write_bytes(b"half")
    n_cells, n_bytes = store.clean(2, dry_run=True)
    assert n_cells == 1
    assert n_bytes > 4
    assert store.keys() == {"key0", "key1"}
    assert store.clean(2, dry_run=False) == (n_cells, n_bytes)
    assert store.keys() == {"key1"}
    assert not list(tmp_path.glob(".tmp-*"))


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ({"a": 1.0}, {"a": "x"}, "one type"),
        ({"a": 1.0}, {"a": np.zeros(2)}, "one kind"),
    ],
)
def test_what_changes_its_kind_is_refused(tmp_path, first, second, sentence):
    with pytest.raises(StudyError, match=sentence):
        Store(tmp_path).add(outcomes_of([first, second]), {})


def test_what_changes_its_kind_between_batches_is_refused_too():
    outcomes = outcomes_of([{"a": 1.0}, {"a": "x"}])
    with pytest.raises(StudyError, match="different types"):
        tables_after(outcomes, [[outcome] for outcome in outcomes])
