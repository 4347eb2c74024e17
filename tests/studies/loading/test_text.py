"""Text files: the same numbers are read from all dialects, or the file is refused."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from wellposed_studies.errors import DataError
from wellposed_studies.loading.own_table import load_table, open_table
from wellposed_studies.loading.row_names import goes_by_a_numbers_name


def agrees(table, columns) -> bool:
    X = np.column_stack([columns["a"], columns["b"]])
    return np.array_equal(table.X, X) and np.array_equal(table.y, columns["y"])


names = st.text("abcµßé x_-(,;", min_size=1, max_size=6).map(str.strip).filter(bool)


@st.composite
def dialects(draw):
    """A table of numbers and a way to write it down."""
    n_columns = draw(st.integers(2, 5))
    header = draw(st.lists(names, min_size=n_columns, max_size=n_columns, unique=True))
    # which name is missing in a short header would be ambiguous
    assume(not goes_by_a_numbers_name(header[0]))
    numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: round(v, 3))
    cells = st.lists(numbers, min_size=n_columns, max_size=n_columns)
    rows = draw(st.lists(cells, min_size=21, max_size=25, unique_by=tuple))
    # a target of more than 20 different numbers, one of them not whole, is a quantity
    for i, row in enumerate(rows):
        row[-1] = i + 0.5
    return {
        "header": header,
        "rows": rows,
        "separator": draw(st.sampled_from(",;\t|")),
        "comma": draw(st.booleans()),
        "row_names": draw(st.sampled_from([None, "short", "numbers", "shuffled", "text"])),
        "end": draw(st.sampled_from(["none", "rows", "header", "both"])),
        "preamble": draw(st.sampled_from(["", "\n\n", ",,;\n", "sep=\n", "# made by hand\n"])),
        "newline": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])),
    }


def written(table) -> bytes:
    separator, header, rows = table["separator"], list(table["header"]), table["rows"]
    body = [[repr(v) for v in row] for row in rows]
    if table["comma"]:
        body = [[v.replace(".", ",") for v in row] for row in body]
    kind, n = table["row_names"], len(rows)
    labels = {
        "short": [str(i + 1) for i in range(n)],
        "numbers": [str(i) for i in range(n)],
        "shuffled": [str((7 * i + 3) % 1009) for i in range(n)],
        "text": [f"row {i}" for i in range(n)],
    }.get(kind)
    if labels:
        body = [[label, *row] for label, row in zip(labels, body)]
        header = header if kind == "short" else ["", *header]
    end = table["end"] if kind != "short" else "none"
    if end in ("rows", "both"):
        body = [[*row, ""] for row in body]
    if end in ("header", "both"):
        header = [*header, ""]
    file = io.StringIO()
    preamble = table["preamble"].replace("sep=", f"sep={separator}")
    file.write(preamble.replace("\n", table["newline"]))
    writer = csv.writer(
        file, delimiter=separator, quoting=table["quoting"], lineterminator=table["newline"]
    )
    writer.writerow(header)
    writer.writerows(body)
    return file.getvalue().encode(table["encoding"])


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(dialects())
def test_a_table_in_any_dialect_reads_to_the_same_values(tmp_path, table):
    path = tmp_path / "t.csv"
    path.write_bytes(written(table))
    own = open_table(str(path), table["header"][-1])
    loaded = load_table(own)
    expected = np.array(table["rows"])
    assert own.task == "regression"
    np.testing.assert_array_equal(loaded["X"], expected[:, :-1])
    np.testing.assert_array_equal(loaded["y"], expected[:, -1])


@pytest.mark.parametrize("first", ["x", "id", "height"])
@pytest.mark.parametrize("separator", [" ", ","])
def test_a_header_one_name_short_is_right_before_quoted_row_names(tmp_path, first, separator):
    """As `write.table` of R writes a data frame whose first column is called x, say."""
    lines = [f'"{first}" "z" "y"', *(f'"{i}" {i / 8} "a b" {i}.5' for i in range(1, 31))]
    text = "\n".join(lines).replace(" ", separator).replace(f"a{separator}b", "a b")
    (tmp_path / "r.csv").write_text(text + "\n")
    own = open_table(str(tmp_path / "r.csv"), "y")
    np.testing.assert_array_equal(load_table(own)["y"], np.arange(1, 31) + 0.5)
    assert "taken for row names" in own.notes[0]
    (tmp_path / "plain.csv").write_text(text.replace('"', "").replace("a b", "ab") + "\n")
    if first != "height":
        with pytest.raises(DataError, match="Name every column"):
            open_table(str(tmp_path / "plain.csv"), "y")


@pytest.mark.parametrize(
    "index",
    [
        np.arange(1, 61),
        np.arange(60),
        np.arange(1000, 1060),
        np.random.default_rng(0).permutation(60),
        np.repeat(np.arange(30), 2),
        [f"car {i}" for i in range(60)],
        [f'"{i}"' for i in range(1, 61)],
    ],
)
@pytest.mark.parametrize("name", ["", '""', "Unnamed: 0"])
def test_a_first_column_without_a_name_is_no_input(read, lines, columns, index, name):
    table = read(lines({name: index, **columns}))
    assert agrees(table, columns)
    assert "was taken for row names: left out" in table.said


def test_a_first_column_that_only_lost_its_name_is_an_input(read, lines, columns):
    for first in (["Rome", "Oslo"] * 30, [1.5, 2.25, 3.125] * 20):
        table = read(lines({"": first, "column 1": columns["a"], **columns}))
        assert "columns without a name were called: column 1'" in table.said
        assert table.X.shape[0] == 60
        assert table.X.shape[1] > 3


@pytest.mark.parametrize("name", ["index", "rownames", "row.names", "level_0"])
def test_a_first_column_named_as_an_index_is_no_input(read, lines, columns, name):
    table = read(lines({name: [f"car {i}" for i in range(60)], **columns}))
    assert agrees(table, columns)
    assert f"the first column, {name!r}, names or numbers the rows: left out" in table.said
    assert read(lines({name: np.arange(60) % 7, **columns})).X.shape == (60, 3)


def test_a_column_that_numbers_the_rows_is_no_input_and_other_numbers_are(read, lines, columns):
    assert agrees(read(lines({"Id": np.arange(1, 61), **columns})), columns)
    assert read(lines({"Id": 2 * np.arange(60), **columns})).X.shape == (60, 3)
    assert read(lines({"age": np.arange(1, 61), **columns})).X.shape == (60, 3)


def test_an_index_of_several_levels_is_no_input(read, columns):
    frame = pd.DataFrame(columns)
    twice = frame.reset_index()
    assert agrees(read(twice.rename(columns={"index": "Unnamed: 0"}).to_csv), columns)
    levels = frame.set_index([frame.index // 2, frame.index % 2])
    assert agrees(read(levels.to_csv), columns)


@pytest.mark.parametrize("separator", [" ", "\t", ","])
@pytest.mark.parametrize("label", ['"{}"', "{}", "gene{}"])
def test_a_header_one_name_short_is_that_of_write_table(read, lines, columns, separator, label):
    labels = [label.format(i + 1) for i in range(60)]
    text = lines({"_": labels, **columns}, separator, header=list(columns))
    assert agrees(read(text), columns)


@pytest.mark.parametrize(
    "first", [np.arange(60) / 7, np.arange(60) % 5, np.arange(1947, 2007)], ids=str
)
def test_a_header_one_name_short_is_refused_where_rows_do_not_begin_with_names(
    read, lines, columns, first
):
    text = lines({"_": first, **columns}, header=list(columns))
    with pytest.raises(DataError, match=r"has 3 names and its rows have 4 fields.*Name every col"):
        read(text)


def test_a_header_one_name_short_that_names_the_numbers_is_refused(read, lines, columns):
    text = lines({"id": np.arange(60), **columns}, header=["id", "a", "y"])
    with pytest.raises(DataError, match="has 3 names and its rows have 4 fields"):
        read(text)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "read as utf-16-le"),
        ("utf-16-le", "read as utf-16-le"),
        ("utf-16-be", "read as utf-16-be"),
        ("cp1252", "read as cp1252"),
    ],
)
def test_encodings(read, lines, columns, encoding, said):
    header = ["Größe", "Länge (µm)", "Preis"]
    table = read(lines(columns, header=header).encode(encoding), "Preis")
    assert agrees(table, columns)
    assert "Größe, Länge (µm)" in table.said
    assert (said or "the target") in table.said
    assert ("not UTF-8" in table.said) == (said is not None)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("Größe,Länge,y\n1,2,3\n".encode() + b"4,5,\xff", "UTF-8 but for byte 0xff in line 3"),
        (b"PK\x03\x04" + bytes(50), "zip archive or an Excel workbook.*CSV UTF-8"),
        (b"\x1f\x8b" + bytes(50), "compressed by gzip.*Unpack"),
        (b"a,b,y\n1,\0,3\n", "zero bytes.*CSV UTF-8"),
        ("a,y\n1,2".encode("utf-16")[:-1], "cut off or damaged"),
        (b"a,b,y\n1,2,3\n1,2\n", "2 fields in line 3 and 3 in its header"),
        (b"\na,b,y\n1,2,3\n1,2,3,4\n", "4 fields in line 4 and 3 in its header"),
        (b"Results\n\na,b,y\n1,2,3\n", "3 fields in line 3 and 1 in its header.*above the header"),
        (b'a,b,y\n1,2,3\n1,"2,3\n4,5,6\n', "2 fields in line 4"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(read, content, sentence):
    with pytest.raises(DataError, match=sentence):
        read(content)


@pytest.mark.parametrize(
    "above", ["", "\n\n", ",,\n", "sep=;\n", '"SEP=;"\n', "# by hand, today\n"]
)
def test_what_stands_above_the_header(read, lines, columns, above):
    assert agrees(read(above + lines(columns, ";")), columns)


def test_the_header_of_savetxt(read, columns):
    def save(file):
        np.savetxt(file, np.column_stack(list(columns.values())), delimiter=",", header="a,b,y")

    assert agrees(read(save), columns)


def test_commas_in_names_do_not_separate_where_something_else_does(read, lines, columns):
    for header in (['"a, mm"', '"b, mm"', "y"], ["a, mm", "b, mm", "y"]):
        assert agrees(read(lines(columns, ";", header)), columns)
        assert agrees(read(lines(columns, ";", header).replace(".", ",")), columns)
        assert agrees(read(lines(columns, "\t", header)), columns)


def test_spaces_around_names_and_cells(read, lines, columns):
    assert agrees(read(lines(columns, " , ", [" a", "b ", " y "])), columns)
    aligned = pd.DataFrame(columns).to_string(index=False)
    assert agrees(read(aligned), columns)


def test_names_are_compared_in_composed_form(read, lines, columns):
    table = read(lines(columns, header=["a", "b", "Gro\u0308ße"]), "Gr\u00f6ße")
    assert agrees(table, columns)
    assert agrees(read(lines(columns, header=["a", "b", "Gr\u00f6ße"]), "Gro\u0308ße"), columns)
    with pytest.raises(DataError, match="several columns of one name: Grö"):
        read(lines(columns, header=["Gro\u0308", "Gr\u00f6", "y"]))


def test_empty_rows_and_repeated_headers_are_left_out(read, lines, columns):
    text = lines(columns)
    halves = text.splitlines()
    glued = "\n".join([*halves[:31], ",,", halves[0], *halves[31:], "", ",,"])
    table = read(glued)
    assert agrees(table, columns)
    assert "fields are all empty were left out: 2" in table.said
    assert "repeat the header were left out: 1" in table.said


def test_numbers_for_a_header_are_pointed_out(read, lines, columns):
    text = lines(columns).partition("\n")[2]
    with pytest.raises(DataError, match=r"no column 'y'.*first line holds numbers"):
        read(text)
