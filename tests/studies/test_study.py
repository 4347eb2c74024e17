"""What a study declares: experiments apart from each other, families of claims, figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wellposed_studies import Data, Grid, Study, scikit_learn, sweep
from wellposed_studies.claims import Estimate, at_least, exact
from wellposed_studies.errors import WrongForm
from wellposed_studies.loading.data import Selection
from wellposed_studies.loading.own_table import open_table
from wellposed_studies.runner import run
from wellposed_studies.running.plan import make_plan
from wellposed_studies.study import Cell

STUDY = """
import numpy as np
from wellposed_studies import Data, Grid, Study, scikit_learn, sweep
from wellposed_studies.claims import at_least, exact

def drawn(rng, profile):
    return {"x": rng.normal()}

study = Study(
    title="Several",
    data={
        "drawn": Data(drawn, task="regression", synthetic=True),
        "diabetes": scikit_learn("diabetes"),
        "iris": scikit_learn("iris"),
    },
    repetitions=3,
)

@study.prepare
def prepare(data, rng, profile):
    assert "x" not in data, "drawn data are not prepared"
    return {"y": data["y"], "n": len(data["y"])}

@study.experiment(data="drawn", a=[1, 2])
def whole(cell, a):
    return {"v": a, "w": np.arange(a)}

@study.experiment(data=["drawn", "iris"], settings=[Grid({"a": 0.5}), Grid({"b": "x"}, ["iris"])])
def other(cell, a=None, b=None):
    return {"v": 0.25, "w": "text"}

@study.experiment(data="diabetes", repetitions=5, seeded_by=("experiment", "repetition"))
def apart(cell):
    return {"v": cell.rng("v").normal()}

@study.experiment(data="drawn", repetitions=5, seeded_by=("repetition",))
def shared(cell):
    return {"v": cell.rng("v").normal()}

@study.claim("The {kind} data have {n} rows.", at_least(0), measured="rows", oracle="count",
             source="{kind}", name="rows_of {data}", data="{data}", row=3, each=[
    {"data": "diabetes", "kind": "old", "n": 442}, {"data": "iris", "kind": "older", "n": 150}])
def rows(results, n):
    return exact(results.data().n - n)

@study.figure("How many?", alt="A point.", data="diabetes", height=2.0)
def rows_of_it(results, ax):
    ax.plot([0], [results.data().n])
    ax.set_xlabel(results.data_names[0])

@study.figure("How many, twice?", alt="Two points.")
def twice(results, figure):
    for ax in figure.subplots(1, 2):
        ax.plot([0], [results["whole"].repetitions])
"""


class OneByOne:
    def run(self, measure, cells):
        for cell in cells:
            yield [measure(cell)]


class AllAtOnce:
    def run(self, measure, cells):
        yield [measure(cell) for cell in cells]


@pytest.fixture
def several(tmp_path) -> Selection:
    path = tmp_path / "several.py"
    path.write_text(STUDY)
    return Selection(str(path), "quick", 0)


def test_each_experiment_has_a_table_of_its_own(several, tmp_path):
    results = run(several, tmp_path / "results")
    assert results["whole"].table().columns.tolist() == ["data", "a", "repetition", "v"]
    assert results["other"].table().columns.tolist() == ["data", "a", "b", "repetition", "v", "w"]
    assert len(results["whole"].table()) == 6
    assert len(results["other"].table()) == 9
    assert results["other"].data_names == ["drawn", "iris"]
    assert results["apart"].repetitions == 5
    assert results.manifest["cells"] == 6 + 9 + 5 + 5


def test_one_name_may_mean_different_things_in_two_experiments(several, tmp_path, contents):
    """Also where their cells are computed and stored together."""
    alone = run(several, tmp_path / "alone", executor=OneByOne())
    together = run(several, tmp_path / "together", executor=AllAtOnce())
    assert contents(alone) == contents(together)
    assert together["whole"].table()["v"].dtype == "int64"
    assert together["other"].table()["w"].unique().tolist() == ["text"]
    assert together["whole"].stacked("w")["w"][1].shape == (3, 2)


def test_experiments_share_seeds_unless_they_say_otherwise(several):
    cells = make_plan(several).cells
    entropy = {(cell.experiment, cell.data_name, cell.repetition): cell.entropy for cell in cells}
    assert entropy["whole", "drawn", 1] == entropy["other", "drawn", 1]
    assert entropy["whole", "drawn", 1] != entropy["other", "iris", 1]
    assert entropy["apart", "diabetes", 1] != entropy["shared", "drawn", 1]
    keys = {cell.key for cell in cells}
    assert len(keys) == len(cells), "the experiment is part of the key"


def test_a_family_of_claims_is_a_claim_for_each(several, tmp_path):
    verdicts = run(several, tmp_path / "results").verdicts
    assert verdicts["claim"].tolist() == ["rows-of-diabetes", "rows-of-iris"]
    assert verdicts["statement"][1] == "The older data have 150 rows."
    assert verdicts["source"].tolist() == ["old", "older"]
    assert verdicts["value"].tolist() == [0.0, 0.0]
    assert verdicts["row"].tolist() == [3, 3]


def test_a_figure_is_about_what_stands_in_for_its_data(several, tmp_path):
    results = run(several, tmp_path / "results")
    figure = results.figure("rows-of-it")
    assert figure.axes[0].get_xlabel() == "diabetes"
    assert figure.axes[0].lines[0].get_ydata().tolist() == [442]
    assert figure.get_size_inches().tolist() == [6.5, 2.0]
    assert len(results.figure("twice").axes) == 2
    table = pd.DataFrame({"a": range(40), "y": np.linspace(0, 1, 40)})
    table.to_csv(tmp_path / "mine.csv", index=False)
    table.assign(y=["no", "yes"] * 20).to_csv(tmp_path / "kinds.csv", index=False)
    for name, label in {"mine": "mine", "kinds": ""}.items():
        own = open_table(str(tmp_path / f"{name}.csv"), "y")
        figure = run(Selection(several.spec, "quick", 0, own), tmp_path / name).figure("rows-of-it")
        assert figure.axes[0].get_xlabel() == label
        said = " ".join(text.get_text() for text in figure.axes[0].texts)
        assert ("no regression table" in said.replace("\n", " ")) == (not label)


def test_an_experiment_that_was_not_run_says_so(several, tmp_path):
    pd.DataFrame({"a": range(40), "y": ["no", "yes"] * 20}).to_csv(tmp_path / "k.csv", index=False)
    own = open_table(str(tmp_path / "k.csv"), "y")
    results = run(Selection(several.spec, "quick", 0, own), tmp_path / "results")
    assert "apart" not in results
    assert "other" in results
    assert results["other"].data_names == ["k", "drawn"]
    with pytest.raises(KeyError, match="'apart' was not run on k, drawn"):
        results["apart"].table()


def test_decorators_return_the_function():
    study = Study(title="t", data={"d": scikit_learn("iris")})

    def measure(cell: Cell) -> dict:
        return {}

    def test(results: object) -> Estimate:
        return exact(0.0)

    assert study.experiment()(measure) is measure
    claimed = study.claim("s", at_least(0), measured="m", oracle="o", source="s")
    assert claimed(test) is test
    assert study.derived(test) is test
    assert study.prepare(measure) is measure
    assert repr(study) == "<Study 't'>"


def test_a_sweep_is_off_and_one_regularizer_at_a_time():
    settings = [s for grid in sweep(l2=[0.1, 1.0], dropout=0.5) for s in grid.settings("quick")]
    assert [(s["regularizer"], s["strength"]) for s in settings] == [
        ("none", 0.0),
        ("l2", 0.1),
        ("l2", 1.0),
        ("dropout", 0.5),
    ]
    assert len(sweep(off=False, l2=[0.1])) == 1


def test_no_subclass_of_study():
    with pytest.raises(WrongForm, match="Mine is a subclass of Study"):
        type("Mine", (Study,), {"data": {"d": Data(dict, task="regression")}, "f": [Grid({})]})


def test_what_a_report_opens_with_is_declared_with_the_study():
    study = Study(title="T", data={})
    assert study.key_figure is None
    assert study.found(None) == []
    study.figure("First?", alt="A.", name="first")(lambda results, ax: None)
    assert study.key_figure == "first", "the first, where none is marked"
    study.figure("Second?", alt="B.", name="second", key=True)(lambda results, ax: None)
    assert study.key_figure == "second"
    with pytest.raises(ValueError, match="two key figures, 'second' and 'third'"):
        study.figure("Third?", alt="C.", name="third", key=True)(lambda results, ax: None)
    study.findings(lambda results: (f"It is {results}.",))
    assert study.found(7) == ["It is 7."]
    with pytest.raises(ValueError, match="two functions of findings"):
        study.findings(lambda results: [])
    study.slider("first")(lambda results: {"x": [results]})
    assert study.sliders["first"](1) == {"x": [1]}
    with pytest.raises(ValueError, match="two sliders of a figure named 'first'"):
        study.slider("first")(lambda results: {})
