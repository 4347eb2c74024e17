"""The interactive figure: a slider over precomputed fits, in a real browser; and without it."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pypdf
import pytest

import wellposed_studies.rendering as rendering
from wellposed_studies.catalogue.bias_variance import study
from wellposed_studies.catalogue.bias_variance.setup import EPOCHS
from wellposed_studies.loading.data import Selection
from wellposed_studies.runner import run
from wellposed_studies.study import Grid

BROWSER = Path(__file__).with_name("test_browser.py")
REPORTS = Path(__file__).parents[2] / "reports"
HEAD = '---\ntitle: "T"\ntoc: false\n---\n'
X = [0.0, 0.5, 1.0]
DATA = {
    "parameter": "strength of L2",
    "x_label": "x",
    "y_label": "y",
    "curve_label": "squared error",
    "x": X,
    "truth": [0.0, 1.0, 0.0],
    "steps": [
        {"label": label, "lines": [[0, height, 0], [0, -height, 0]], "mean": [0, height / 2, 0]}
        for label, height in (("off", 1.0), ("0.1", 0.5), ("1</script>", 0.25))
    ],
    "curves": {"error": [0.9, 0.5, 0.7], "bias²": [0.1, 0.2, 0.6]},
}
MOVES = """
  const input = page.querySelector('.interactive input');
  const state = () => ({
    text: page.querySelector('.interactive output').textContent,
    aria: input.getAttribute('aria-valuetext'),
    fit: page.querySelector('.interactive .fit').getAttribute('d'),
    marker: page.querySelector('.interactive .marker').getAttribute('x1'),
  });
  found.before = state();
  input.value = 1;
  input.dispatchEvent(new view.Event('input'));
  found.after = state();
  input.value = 2;
  input.dispatchEvent(new view.Event('input'));
  found.last = state();
  found.kind = [input.type, input.min, input.max, input.step];
  found.label = page.querySelector(`label[for="${input.id}"]`).textContent;
  found.fits = all('.interactive .fit').length;
  found.image = page.querySelector('.interactive img').getClientRects().length;
  found.numbers = !/NaN|undefined/.test(page.querySelector('.interactive svg').outerHTML);
  found.title = page.querySelector('.interactive svg title').textContent;
  found.svg = [...all('.figure-more a')].map(a => a.download);
"""


@pytest.fixture(scope="module")
def browser():
    spec = importlib.util.spec_from_file_location("browser_probe", BROWSER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(rendered):
    """A page with the interactive figure, as HTML and as PDF."""
    cell = f"""
```{{python}}
#| output: asis
import json
from pathlib import Path
from matplotlib.figure import Figure
from wellposed_studies.reporting.plotting import apply_theme
from wellposed_studies.reporting.exhibit import exhibit
apply_theme()
figure = Figure()
figure.subplots().plot([1, 2])
shown = exhibit(figure, "fits", "What changes?", "Curves.", code="x = 1", file="s-fits")
Path("figures/s.json").write_text(json.dumps({DATA!r}))
print('::: {{.interactive data="figures/s.json" script="slider"}}\\n' + shown + '\\n:::')
```
"""
    folder = rendered(one=HEAD + cell)
    return folder / "one.html", folder / "one.pdf"


@pytest.fixture
def moved(pages, browser, tmp_path, request):
    if browser.CHROMIUM is None:
        pytest.skip("no chromium on PATH (Debian: apt-get install chromium)")
    return browser.probe(pages[0], request.param, tmp_path, script=browser.script_of(MOVES))


@pytest.mark.parametrize("moved", [390, 1280], indirect=True)
def test_the_slider_shows_the_fits_of_its_strength(moved):
    assert moved["console"] == []
    assert moved["kind"] == ["range", "0", "2", "1"]
    assert moved["label"] == "strength of L2, from weak to strong"
    assert moved["fits"] == 2
    assert moved["numbers"]
    assert moved["before"]["aria"] == "strength of L2 off: error 0.9, bias² 0.1"
    assert moved["after"]["aria"] == "strength of L2 0.1: error 0.5, bias² 0.2"
    assert "error 0.7" in moved["last"]["text"]
    assert "error 0.7" in moved["title"]
    heights = [_height(moved[when]["fit"]) for when in ("before", "after", "last")]
    assert heights[0] == pytest.approx(2 * heights[1], rel=0.02)
    assert heights[1] == pytest.approx(2 * heights[2], rel=0.05)
    assert float(moved["before"]["marker"]) < float(moved["after"]["marker"])
    assert moved["image"] == 0, "the still figure makes place"
    assert moved["svg"] == ["s-fits.csv", "s-fits.png", "s-fits.svg"]


def _height(path: str) -> float:
    ys = [float(y) for y in re.findall(r",(-?[\d.]+)", path)]
    return max(ys) - min(ys)


def test_without_scripts_and_in_the_pdf_there_is_the_still_figure(pages):
    page = pages[0].read_text(encoding="utf-8")
    still = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert '<div class="interactive">' in still
    assert re.search(r'<img[^>]* alt="Curves."', still)
    assert "What changes?" in still
    assert ".static" not in re.sub(r"<style.*?</style>", "", still, flags=re.DOTALL)
    assert json.loads(re.search(r'application/json">(.*?)</script>', page, re.DOTALL)[1]) == DATA
    assert "What changes?" in pypdf.PdfReader(pages[1]).pages[0].extract_text()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The study on its drawn data: two strengths of a regularizer, few repetitions and epochs."""
    one = study.experiments["independent"]
    grids = [
        Grid({**g.factors, "strength": _two(g.factors["strength"])}, g.data) for g in one.grids
    ]
    with pytest.MonkeyPatch.context() as patch:
        few = {"independent": replace(one, grids=tuple(grids), repetitions=3)}
        patch.setattr(study, "experiments", few)
        patch.setitem(EPOCHS, "regression", 12)
        return run(Selection("bias-variance", "quick", 3), tmp_path_factory.mktemp("results"))


def _two(strength):
    values = getattr(strength, "quick", strength)
    return [values[1], values[-1]] if hasattr(values, "__len__") else values


@pytest.mark.slow
def test_the_report_steps_through_the_stored_fits_and_fetches_nothing(
    trained, project, browser, tmp_path
):
    """The opening of the report's document and its section with the slider."""
    if browser.CHROMIUM is None:
        pytest.skip("no chromium on PATH (Debian: apt-get install chromium)")
    document = (REPORTS / "bias-variance.qmd").read_text(encoding="utf-8")
    opening, _ = document.split("```{python}\npage.opening(", 1)
    section = re.search(r"^## What one sees.*?(?=^## )", document, re.DOTALL | re.MULTILINE)[0]
    project(**{"bias-variance": opening + section})
    results_dir = trained.folder.parents[2]
    (page,) = rendering.render(
        ["bias-variance"], ["html"], engine="embedded", results_dir=results_dir
    )
    fetched = "found.resources = view.performance.getEntriesByType('resource').map(e => e.name);"
    moved = browser.probe(page, 1280, tmp_path, script=browser.script_of(MOVES + fetched))
    assert moved["resources"] == []
    assert moved["console"] == []
    assert moved["kind"] == ["range", "0", "2", "1"]
    assert moved["fits"] == 3
    assert moved["numbers"]
    estimates = trained.table("components", component="error", regularizer=["none", "l2"])
    error = float(estimates.loc[estimates["strength"].idxmax(), "estimate"])
    shown = re.search(r"error (\d[\d.]*)", moved["last"]["text"])[1]
    assert float(shown) == pytest.approx(error, rel=0.005)


def test_the_study_offers_its_stored_fits_unchanged(trained):
    offered = study.sliders["fits"](trained)
    stored = trained["independent"].stacked("line", regularizer=["none", "l2"])
    stored = stored.sort_values("strength")["line"]
    assert [step["label"] for step in offered["steps"]] == ["off", "0.0032", "0.32"]
    for step, lines in zip(offered["steps"], stored, strict=True):
        assert np.allclose(step["lines"], lines, atol=5e-4)
        assert np.allclose(step["mean"], lines.mean(axis=0), atol=5e-4)
    variance = trained.table("components", component="variance", regularizer=["none", "l2"])
    assert np.allclose(offered["curves"]["variance"], variance["estimate"], atol=1e-5)
    assert len(offered["x"]) == len(offered["truth"]) == len(offered["steps"][0]["mean"])
