"""What cells warn of is told once, with how often."""

from __future__ import annotations

import logging
import threading
import warnings

import pytest

from wellposed_studies import runner
from wellposed_studies.loading.data import Selection
from wellposed_studies.running.warned import counted, tell

STUDY = """
import warnings
from wellposed_studies import Study

study = Study(title="Who warns?", repetitions=4, side_by_side=SIDE)

@study.data("nothing", task="regression")
def nothing(rng, profile):
    return {"x": 1.0}

@study.experiment(a=[1, 2, 3])
def warns(cell, a):
    warnings.warn("the same for all", UserWarning)
    if a == 2:
        warnings.warn(f"of repetition {cell.repetition}", RuntimeWarning)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn("filtered")
    return {"y": 1.0}
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("side", [False, True])
def test_a_run_tells_each_text_once(side, n_jobs, tmp_path, caplog):
    file = tmp_path / "warns.py"
    file.write_text(STUDY.replace("SIDE", str(side)))
    with caplog.at_level(logging.WARNING), warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        runner.run(Selection(str(file), "quick", 0), tmp_path / "results", n_jobs=n_jobs)
    assert not [w for w in shown if "same for all" in str(w.message)]
    told = [record.getMessage() for record in caplog.records]
    (same,) = [text for text in told if text.startswith("UserWarning: the same for all")]
    assert same.endswith("(12 such warnings)") or n_jobs > 1, "those of all cells"
    of_repetition = [text for text in told if "RuntimeWarning: of repetition" in text]
    assert 1 <= len(of_repetition) <= 4
    assert not any("filtered" in text for text in told)


def test_counts_of_all_threads_and_what_was_before():
    before = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with counted() as counts:
            threads = [
                threading.Thread(target=lambda: warnings.warn("x", stacklevel=2)) for _ in range(9)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            warnings.warn("y", DeprecationWarning, stacklevel=1)
    assert counts == {"UserWarning: x": 9, "DeprecationWarning: y": 1}
    assert warnings.showwarning is before


def test_the_most_frequent_are_told(caplog):
    tell({"W: " + "abcdefghi"[i - 1]: i for i in range(1, 10)})
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == "W: i (9 such warnings)"
    assert told[-1] == "... and 10 more, of 4 texts"
    assert len(told) == 6
    caplog.clear()
    tell({})
    tell({"W: once": 1})
    assert [record.getMessage() for record in caplog.records] == ["W: once"]


def test_texts_that_differ_in_numbers_are_one(caplog):
    tell({"W: at 1": 2, "W: at 2.5e-3": 3, "W: at 17, too": 4, "W: at 12": 1})
    assert [record.getMessage() for record in caplog.records] == [
        "W: at 2.5e-3 (6 such warnings, with other numbers too)",
        "W: at 17, too (4 such warnings)",
    ]
