"""Studies are found by name or file, declared wrongly they are refused, and the HOWTO works."""

from __future__ import annotations

import doctest
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import wellposed_studies.study
from wellposed_studies import catalogue
from wellposed_studies.cli import main
from wellposed_studies.discovery import find, names
from wellposed_studies.errors import StudyError, UnknownStudy, WrongForm
from wellposed_studies.loading.data import Selection
from wellposed_studies.runner import run
from wellposed_studies.study import Cell, Grid, by_profile

HEAD = """
from wellposed_studies.study import *
from wellposed_studies.claims import *
d = Data(lambda rng, profile: {}, task="regression")
about = {"measured": "m", "oracle": "o", "source": "s"}
"""


#: A study that is complete.
ONE = "s = Study(title='t', data={'dig': d})\n@s.experiment()\ndef e(cell): pass\n"


def study(folder, body, name="my_study.py"):
    path = folder / name
    path.write_text(HEAD + body)
    return str(path)


def test_the_howto_is_a_complete_study(tmp_path):
    """The example at the top of study.py, copied into a file, runs and finds what it claims."""
    examples = doctest.DocTestParser().get_examples(wellposed_studies.study.__doc__)
    path = tmp_path / "shrinkage.py"
    path.write_text("".join(example.source for example in examples))
    results = run(Selection(str(path), "quick", 0), tmp_path / "results")
    assert results.verdicts["verdict"].tolist() == ["held"]
    risk = results["shrinkage"].table().groupby("factor")["squared_error"].mean()
    assert risk[1.0] == pytest.approx(0.2, rel=0.3)
    assert results.figure("curve").axes


def test_every_built_in_study_can_be_found_and_planned():
    """Declarations only: nothing is run."""
    assert names() == catalogue.names()
    for name in names():
        found = find(name).study
        assert found.title
        assert found.summary
        assert {"quick", "full"} <= set(found.minutes)
        for profile in ("quick", "full"):
            for experiment in found.experiments.values():
                assert sum(len(list(grid.settings(profile))) for grid in experiment.grids) > 0


def test_finding_studies_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from wellposed_studies.discovery import find, names\n"
        "[find(name) for name in names()]\n"
        "print([m for m in ('torch', 'sklearn', 'pandas', 'matplotlib') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_studies_are_answered_with_near_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "names", lambda: ["bias-variance", "underconstrained"])
    with pytest.raises(UnknownStudy, match="Did you mean 'bias-variance'"):
        find("bias-varience")
    study(tmp_path, "")
    with pytest.raises(UnknownStudy, match=r"Did you mean 'my_study.py'"):
        find(str(tmp_path / "my_studi.py"))


def test_a_file_may_not_hide_a_built_in_study(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "names", lambda: ["my-study"])
    with pytest.raises(StudyError, match="Rename the file"):
        find(study(tmp_path, ""))


def test_an_edited_file_is_read_again(tmp_path):
    body = "s = Study(title='{}', data={{'d': d}})\n@s.experiment()\ndef e(cell): pass"
    assert find(study(tmp_path, body.format("one"))).study.title == "one"
    assert find(study(tmp_path, body.format("two, and longer"))).study.title == "two, and longer"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("", "has to make one object of Study; it makes none"),
        ("a = Study(title='a')\nb = Study(title='b')", "it makes a, b"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("s = Study(title='')", "has no title"),
        ("s = Study(title='t')", "has no data"),
        ("s = Study(title='t', data={'d': d})", "has no experiment"),
        (f"{ONE}@s.experiment(data=['dog'])\ndef f(cell): pass", "'f' names the data set 'dog'"),
        (
            f"{ONE}@s.experiment(settings=[Grid({{}}, ['dog'])])\ndef f(cell): pass",
            "a grid of the experiment 'f' names the data set 'dog'. Did you mean 'dig'",
        ),
        (
            f"{ONE}@s.experiment(a=1, seeded_by=('data', 'b'))\ndef f(cell, a): pass",
            "seeded_by of the experiment 'f' names 'b'",
        ),
        (f"{ONE}@s.experiment(a=1)\ndef f(cell): pass", "Give the function one argument a factor"),
        (f"{ONE}@s.experiment(seed=1)\ndef f(cell, seed): pass", "cannot be named 'seed'"),
        (f"{ONE}@s.experiment(settings=[], a=1)\ndef f(cell, a): pass", "not both"),
        (f"{ONE}@s.experiment()\ndef e(cell): pass", "two experiments named 'e'"),
        (
            f"{ONE}for _ in 'ab':\n s.claim('s', at_least(0), name='c', **about)(exact)",
            "two claims named 'c'",
        ),
        (f"{ONE}s.claim('s', at_least(0), name='c', data='x', **about)(exact)", "claim 'c' names"),
        (
            f"{ONE}s.claim('{{no}}', at_least(0), name='c', each=[{{'a': 1}}], **about)(exact)",
            "the claim 'c' names {no}, and one of `each` has only a",
        ),
        (f"{ONE}s.claim('s', 1.0, name='c', **about)(exact)", "threshold=1.0; expected at_least"),
        (
            f"{ONE}@s.figure('q', alt='a')\ndef f(results): pass",
            "drawn by a function of .results.; expected .results, ax.",
        ),
        (f"{ONE}@s.figure('q', alt='a', data='x')\ndef f(results, ax): pass", "figure 'f' names"),
        ("import wellposed_studies.datasets", "It is wellposed_studies.loading.datasets now"),
        ("from wellposed_studies.store import Store", "It is wellposed_studies.storing.store now"),
    ],
)
def test_what_is_wrong_with_a_declaration_is_said(tmp_path, body, sentence):
    with pytest.raises(StudyError, match=sentence):
        find(study(tmp_path, body))


CLASS = """
from wellposed_studies.claims import Claim, at_least, choose_then_test, exact
from wellposed_studies import Data, Grid, Study, by_profile
class Shrinkage(Study):
    title = "t"
    data = {"d": d}
    factors = [Grid({"factor": by_profile(quick=[0.5, 1.0], full=[0.0])})]
    claims = [Claim("c", "s", "m", at_least(0), "o", "s", lambda results: exact(1.0))]

    def measure(self, cell):
        return {"v": 1.0}
"""


def test_a_study_that_is_a_class_is_told_how_it_is_written_now(tmp_path):
    path = study(tmp_path, CLASS)
    with pytest.raises(
        WrongForm, match=r"my_study\.py: Shrinkage is a subclass of Study.*@study\.experiment"
    ):
        find(path)
    for command in ("list", "run", "verify"):
        done = CliRunner().invoke(main, [command, path])
        assert done.exit_code == 2
        assert "@study.experiment" in done.output


def test_grids_multiply_out_in_order():
    grid = Grid({"a": np.array([1, 2]), "b": by_profile(quick="x", full=["x", None]), "c": (1, 2)})
    assert list(grid.settings("quick")) == [
        {"a": 1, "b": "x", "c": (1, 2)},
        {"a": 2, "b": "x", "c": (1, 2)},
    ]
    assert len(list(grid.settings("full"))) == 4
    assert type(next(grid.settings("quick"))["a"]) is int


def test_values_that_are_not_plain_are_refused():
    with pytest.raises(TypeError, match="Build objects inside the experiment"):
        list(Grid({"a": [object()]}).settings("quick"))
    with pytest.raises(TypeError, match="is one name, expected a list"):
        Grid({}, data="digits")


def test_streams_are_named_and_independent():
    cell = Cell({}, "d", {}, 0, "0123456789abcdef" * 2)
    again = Cell({}, "d", {"l2": 1.0}, 0, "0123456789abcdef" * 2)
    other = Cell({}, "d", {}, 1, "fedcba9876543210" * 2)
    draws = cell.rng("a").normal(size=1000)
    np.testing.assert_array_equal(draws, again.rng("a").normal(size=1000))
    for stream in (cell.rng("b"), other.rng("a")):
        assert abs(np.corrcoef(draws, stream.normal(size=1000))[0, 1]) < 0.15
    assert cell.seed == 0x01234567
