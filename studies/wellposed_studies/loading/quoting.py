"""Words that were written without quotes among words in quotes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from .sheet import some

if TYPE_CHECKING:
    import pandas as pd

#: Words of a column, besides NA, up to which its quotes are looked at.
_MOST_WORDS = 1000


def mark_holes_of_r(
    text: str, separator: str, frame: pd.DataFrame, names: list[str], notes: list[str]
) -> pd.DataFrame:
    """Make NA a hole where it stands without quotes and all other words of its column in quotes.

    R's ``write.csv`` writes text in quotes and a missing value as NA without; "NA" in quotes, or
    among other words without quotes, is a word.
    """
    suspects = []
    if '"' in text:
        holes = [i for i in range(frame.shape[1]) if (frame[i] == "NA").any()]
        suspects = [i for i in holes if _quotes_all_but_na(text, separator, frame, i)]
    for i in suspects:
        frame[i] = frame[i].where(frame[i] != "NA", "")
    if suspects:
        notes.append(
            "NA without quotes among words in quotes was taken for a missing value, in: "
            + some(names[i] for i in suspects)
        )
    return frame


def _quotes_all_but_na(text: str, separator: str, frame: pd.DataFrame, i: int) -> bool:
    """Whether exactly the NAs of column `i` are written without quotes."""
    from pyarrow import ArrowInvalid, csv

    words = [str(word) for word in frame[i].unique() if word]
    if len(words) > _MOST_WORDS or len(words) < 2:
        return False
    names = [str(j) for j in range(frame.shape[1])]
    try:
        column = csv.read_csv(
            io.BytesIO(text.encode()),
            csv.ReadOptions(column_names=names, skip_rows=1, use_threads=False),
            csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            csv.ConvertOptions(
                include_columns=[str(i)],
                column_types={str(i): "string"},
                null_values=words,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        ).column(0)
    except (ArrowInvalid, ValueError):
        return False
    unquoted = column.null_count
    return unquoted == int((frame[i] == "NA").sum()) and "NA" not in set(column.to_pylist())
