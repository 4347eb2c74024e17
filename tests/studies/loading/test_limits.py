"""Large files: refused before they are expanded, or read within seconds."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wellposed_studies.errors import DataError
from wellposed_studies.loading import limits
from wellposed_studies.loading.data import Selection, load_anew
from wellposed_studies.loading.own_table import open_table
from wellposed_studies.loading.thinning import thin
from wellposed_studies.running.plan import make_plan


def npz(path, X: bytes):
    y = io.BytesIO()
    np.save(y, np.arange(60.0))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", X)
        archive.writestr("y.npy", y.getvalue())


def header(shape, descr="<f8") -> bytes:
    file = io.BytesIO()
    about = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue()


def peak(action) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (header((6_250_000, 20)) + bytes(50_000_000), "6,250,000 rows of 20 columns; at most 50,0"),
        (header((60, 10_000)) + bytes(10**6), "10,000 columns; at most 5,000"),
        (header((60, 4), "<U5000000"), "4.8 GB; at most 1 GB"),
        (header((60, 4)) + bytes(100), "EOF"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\x3f" + b" " * 1000, "EOF"),
        (header((-1, 4)) + bytes(2000), "shape"),
        (header((60, 4), "|O") + bytes(100), "never unpickled"),
    ],
)
def test_what_an_npz_declares_is_refused_before_it_is_expanded(tmp_path, content, sentence):
    path = tmp_path / "big.npz"
    npz(path, content)
    del content

    def read():
        with pytest.raises(DataError, match=sentence):
            open_table(str(path), None)

    assert peak(read) < 10_000_000


def test_other_arrays_of_an_npz_are_left_alone(tmp_path):
    path = tmp_path / "t.npz"
    rng = np.random.default_rng(0)
    np.savez_compressed(
        path, X=rng.normal(size=(60, 2)), y=rng.normal(size=60), big=np.zeros(10**7)
    )
    assert peak(lambda: open_table(str(path), None)) < 10_000_000


def test_a_parquet_of_many_rows_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": np.zeros(10**6), "y": np.zeros(10**6)}), path)
    monkeypatch.setattr(limits, "MAX_CELLS", 10**6)
    with pytest.raises(DataError, match="1,000,000 rows of 2 columns; at most 1,000,000 cells"):
        open_table(str(path), "y")


def test_words_that_are_short_to_store_and_long_to_write_out_are_refused(tmp_path):
    path = tmp_path / "t.parquet"
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2000, "i4")), ["x" * 10**6])
    pq.write_table(pa.table({"a": words, "y": np.arange(2000.0)}), path)
    assert path.stat().st_size < 10**6

    def read():
        with pytest.raises(DataError, match=r"text of 2\.0 GB; at most 1 GB"):
            open_table(str(path), "y")

    assert peak(read) < 10_000_000


def test_text_of_many_columns_or_bytes_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    wide = ",".join(f"x{i}" for i in range(6000))
    path.write_text(f"{wide}\n" + (",".join("1" * 6000) + "\n") * 30)
    with pytest.raises(DataError, match="6,000 columns; at most 5,000"):
        open_table(str(path), "x0")
    monkeypatch.setattr(limits, "MAX_BYTES", 10**5)
    with pytest.raises(
        DataError, match=r"at most 0\.0001 GB are read\. Write a file with fewer rows"
    ):
        open_table(str(path), "x0")


def test_the_catalogue_draws_rows_of_a_long_table_and_says_so(tmp_path, caplog):
    path = tmp_path / "long.parquet"
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(12_000, 3)), columns=["a", "b", "y"])
    frame.to_parquet(path)
    own = open_table(str(path), "y")
    for name in ("bias-variance", "underconstrained"):
        plan = make_plan(Selection(name, "quick", 0, own))
        note = "the study works on about 10,000 rows, drawn at random from 12,000"
        assert plan.data["long"]["notes"] == [note]
        assert f"long: {note}" in caplog.text
        caplog.clear()
    data, _ = load_anew(Selection("underconstrained", "quick", 0, own), "long")
    assert len(data.target) == 10_000


def test_thinning_keeps_rare_classes_and_whole_rows():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2], [5000, 30, 4]))
    data = {"X": np.column_stack([y, y]), "y": y, "inputs": pd.DataFrame({"a": y})}
    thinned = thin(data, rng, 500)
    np.testing.assert_array_equal(np.bincount(thinned["y"]), [497, 20, 4])
    np.testing.assert_array_equal(thinned["X"], np.column_stack([thinned["y"]] * 2))
    np.testing.assert_array_equal(thinned["inputs"]["a"], thinned["y"])
    same = thin(data, rng, 6000)
    assert same["y"] is y
