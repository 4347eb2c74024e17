"""What a column is: numbers however they are written, categories, dates, words for unknown."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellposed_studies.errors import DataError
from wellposed_studies.loading.numbers import decimal_mark, dissect, to_numbers

WHOLE = [1234 + 3777 * i for i in range(60)]


def number_words(words, mark=None):
    written = dissect(pd.Series(words, dtype="str"))
    return to_numbers(written, decimal_mark([written], mark))


def grouped(value: float, group: str, mark: str, digits: int) -> str:
    text = f"{value:,.{digits}f}"
    return text.translate(str.maketrans({",": group, ".": mark}))


@given(
    st.lists(st.integers(-(10**11), 10**11).map(lambda i: i / 100), min_size=1),
    st.sampled_from(
        [("", "."), (",", "."), ("", ","), (".", ","), (" ", ","), ("\u00a0", "."), ("'", ".")]
    ),
    st.sampled_from(["{}", "{} €", "${}", "EUR {}", "{}%", "{} kg"]),
)
def test_numbers_with_separators_and_units_are_read_to_the_last_bit(values, marks, form):
    words = [form.format(grouped(v, *marks, digits=2)) for v in values]
    np.testing.assert_array_equal(number_words(words), values)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_plain_numbers_are_read_to_the_last_bit(values):
    np.testing.assert_array_equal(number_words([repr(v) for v in values]), values)


def test_a_mark_that_says_nothing_is_that_of_the_file():
    words = ["1,234", "567", "12,345"]
    np.testing.assert_array_equal(number_words(words, "."), [1234, 567, 12345])
    np.testing.assert_array_equal(number_words(words, ","), [1.234, 567, 12.345])
    assert number_words(words) is None
    assert number_words([w.replace(",", ".") for w in words]).tolist() == [1.234, 567, 12.345]
    assert number_words(["1,5", "1.5"]) is None


def test_decimal_commas_elsewhere_make_points_group_thousands(read, lines, columns):
    commas = [str(v).replace(".", ",") for v in columns["a"]]
    points = [f"{w:,}".replace(",", ".") for w in WHOLE]
    text = lines({"a": commas, "b": points, "y": commas}, ";")
    np.testing.assert_array_equal(read(text).X[:, 1], WHOLE)
    with pytest.raises(DataError, match=r"'b'.* numbers such as 1\.234, whose mark may group"):
        read(lines({"a": commas, "b": points, "y": columns["y"]}, ";"))


@pytest.mark.parametrize("where", ["input", "target"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([f'"{w:,}"' for w in WHOLE], "thousands separators"),
        ([f"${w}" for w in WHOLE], "in $"),
        ([f"{w} €" for w in WHOLE], "in €"),
        ([f"{w}%" for w in WHOLE], "in %"),
        ([f"{w} kg" for w in WHOLE], "in kg"),
        ([f"{w:,}".replace(",", "'") for w in WHOLE], "thousands separators"),
        ([str(w) for w in WHOLE], ""),
    ],
)
def test_numbers_written_as_text_are_numbers(read, lines, columns, words, said, where):
    name = "a" if where == "input" else "y"
    table = read(lines({**columns, name: words}))
    assert table.own.task == "regression"
    np.testing.assert_array_equal(table.X[:, 0] if where == "input" else table.y, WHOLE)
    if where == "input" and said:
        assert f"numbers written as text: a ({said})" in table.said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([f"{w}{'KM'[i % 2]}" for i, w in enumerate(WHOLE)], r"several units \(K, M\)"),
        ([f"{'$€'[i % 2]}{w}" for i, w in enumerate(WHOLE)], r"several units \(\$, €\)"),
        ([f"{w}%" if i % 2 else f"{w}" for i, w in enumerate(WHOLE)], r"units \(%, or none\)"),
        (["<5" if i % 9 == 0 else str(w) for i, w in enumerate(WHOLE)], "numbers, but for: '<5'"),
    ],
)
@pytest.mark.parametrize(
    ("name", "task"),
    [("a", None), ("a", "regression"), ("y", None), ("y", "regression"), ("y", "classification")],
)
def test_numbers_that_something_spoils_are_refused_whatever_the_task(
    read, lines, columns, words, sentence, name, task
):
    with pytest.raises(DataError, match=sentence) as error:
        read(lines({**columns, name: words}), task=task)
    assert "--task" not in str(error.value)


@pytest.mark.parametrize("word", ["?", "NA", "n/a", "NaN", "null", "None", "-", ".", "#N/A", ""])
def test_words_for_unknown_among_numbers_are_holes(read, lines, columns, word):
    a = [word if i % 10 == 0 else v for i, v in enumerate(columns["a"])]
    table = read(lines({**columns, "a": a}))
    assert np.isnan(table.inputs["a"][::10]).all()
    np.testing.assert_array_equal(
        np.delete(table.inputs["a"], np.s_[::10]), columns["a"][np.arange(60) % 10 > 0]
    )
    assert "missing values: a (6" in table.said
    assert repr(word) in table.said or not word
    y = [word if i % 10 == 0 else v for i, v in enumerate(columns["y"])]
    for task in (None, "regression", "classification"):
        with pytest.raises(DataError, match="has 6 missing values") as error:
            read(lines({**columns, "y": y}), task=task)
        assert repr(word) in str(error.value) or not word


@pytest.mark.parametrize("word", ["None", "NA", "null", "nan", "n/a", "?"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_words_for_unknown_among_words_are_words(read, lines, columns, word, quote):
    words = [f"{quote}{[word, 'Mild', 'Severe'][i % 3]}{quote}" for i in range(60)]
    table = read(lines({**columns, "y": words}))
    assert len(set(table.y)) == 3
    assert f"{word} is a class, too" in table.said
    table = read(lines({**columns, "a": words}))
    assert table.inputs["a"].tolist() == [w.strip('"') for w in words]


@pytest.mark.parametrize("separator", [",", ";", " "])
def test_na_without_quotes_among_words_in_quotes_is_a_hole_as_r_writes_it(
    read, lines, columns, separator
):
    words = ["NA" if i % 3 == 0 else '"yes"' if i % 2 else '"no"' for i in range(60)]
    table = read(lines({"a": words, "b": columns["b"], "y": columns["y"]}, separator))
    assert table.inputs["a"].isna().sum() == 20
    assert (
        "NA without quotes among words in quotes was taken for a missing value, in: a" in table.said
    )
    with pytest.raises(DataError, match="20 missing values"):
        read(lines({**columns, "y": words}, separator))


@pytest.mark.parametrize(
    "words", [["NA", "no", "yes"], ['"NA"', "no", '"yes"'], ["NA", '"NA"', '"no"']]
)
def test_na_is_a_word_where_quotes_do_not_tell_it_from_others(read, lines, columns, words):
    text = lines({"a": words * 20, "b": columns["b"], "y": columns["y"]}, header=['"a"', "b", "y"])
    assert set(read(text).inputs["a"]) == {word.strip('"') for word in words}


def test_an_empty_field_is_missing_everywhere(read, lines, columns):
    words = ["" if i % 3 == 0 else "yes" for i in range(60)]
    assert read(lines({**columns, "a": words})).inputs["a"].isna().sum() == 20
    with pytest.raises(DataError, match="20 missing values"):
        read(lines({**columns, "y": words}))


def test_truth_values(read, lines, columns):
    truth = [["TRUE", "FALSE", "NA"][i % 3] for i in range(60)]
    table = read(lines({**columns, "a": truth}))
    np.testing.assert_array_equal(table.inputs["a"][:3], [1.0, 0.0, np.nan])
    with pytest.raises(DataError, match=r"20 missing values.*'NA'"):
        read(lines({**columns, "y": truth}))


@pytest.mark.parametrize(
    "words",
    [
        [f"2024-01-{i % 28 + 1:02d}" for i in range(60)],
        [f"{i % 28 + 1:02d}.03.2021 10:00" for i in range(60)],
        [f"{i % 24}:30" for i in range(60)],
        [f"{i % 28 + 1} Mar 2021" for i in range(60)],
    ],
)
def test_dates_are_refused_with_what_to_do(read, lines, columns, words):
    with pytest.raises(DataError, match=r"dates or times in: a\. Write .* as numbers"):
        read(lines({**columns, "a": words}))
    with pytest.raises(DataError, match="dates or times, the first"):
        read(lines({**columns, "y": words}))


def test_text_that_differs_in_every_row_is_no_input(read, lines, columns):
    table = read(lines({**columns, "name": [f"person {i}" for i in range(60)]}))
    assert table.X.shape == (60, 2)
    assert "text that differs in every row was left out: name" in table.said
    with pytest.raises(DataError, match="60 different words in 60 rows"):
        read(lines({**columns, "y": [f"person {i}" for i in range(60)]}))


TYPES = {
    "decimal": lambda v: [Decimal(f"{x:.2f}") for x in v],
    "nullable": lambda v: pd.array(v.round(2), dtype="Float64"),
    "text": lambda v: [f"{x:.2f}" for x in v],
    "float": lambda v: v.round(2),
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", ["a", "y"])
def test_types_of_parquet_are_numbers_as_in_csv(read, columns, kind, name):
    frame = pd.DataFrame({**columns, name: TYPES[kind](columns[name])})
    stored = read(frame.to_parquet, name="t.parquet")
    text = read(lambda file: frame.to_csv(file, index=False))
    np.testing.assert_array_equal(stored.X, text.X)
    np.testing.assert_array_equal(stored.y, text.y)
    assert stored.own.task == text.own.task == "regression"


def test_categories_of_parquet_are_classes_also_if_they_are_numbers(read, columns):
    frame = pd.DataFrame(columns)
    codes = np.arange(60) % 12
    table = read(frame.assign(y=pd.Categorical(codes)).to_parquet, name="t.parquet")
    np.testing.assert_array_equal(table.y, codes)
    assert "12 classes (0, 1, 2, 3" in table.said
    table = read(frame.assign(y=pd.Categorical(codes)).to_parquet, "y", "regression", "t.parquet")
    np.testing.assert_array_equal(table.y, codes.astype(float))
    table = read(frame.assign(a=pd.Categorical(codes)).to_parquet, name="t.parquet")
    assert table.X.shape == (60, 13)


@pytest.mark.parametrize(
    ("target", "task", "meaning"),
    [
        (["lo", "hi"] * 30, None, "2 classes (hi, lo: text)"),
        ([1, 2] * 30, None, "2 classes (1, 2: whole numbers; --task regression for a quantity)"),
        ([1, 2] * 30, "regression", "a quantity (regression: as --task says)"),
        (WHOLE, None, "a quantity (regression: 60 different whole numbers, more than 20)"),
        (np.arange(60) / 4, None, "a quantity (regression: 60 different numbers, not all whole)"),
        (["no", "TRUE"] * 30, None, "2 classes (TRUE, no: text)"),
    ],
)
def test_what_the_target_was_taken_for_is_said_with_the_reason(
    read, lines, columns, target, task, meaning
):
    table = read(lines({**columns, "y": target}), task=task)
    assert f"the target 'y' taken for {meaning}" in table.said
    assert table.own.meaning == meaning
