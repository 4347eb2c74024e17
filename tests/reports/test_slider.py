"""The interactive figure: a slider over precomputed fits, in a real browser; and without it."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import wellposed_studies.rendering as rendering
from wellposed_studies.catalogue.bias_variance import page as bias_variance

BROWSER = Path(__file__).with_name("test_browser.py")
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


@pytest.fixture
def pages(project, tmp_path):
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
    project(one=HEAD + cell)
    return rendering.render(["one"], engine="embedded", results_dir=tmp_path)


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
    pypdf = pytest.importorskip("pypdf")
    assert "What changes?" in pypdf.PdfReader(pages[1]).pages[0].extract_text()


class Finished:
    """Stored fits of a study, as `Results` gives them."""

    def __init__(self) -> None:
        self.lines = dict(zip(SETTINGS, np.arange(3 * 4 * 5, dtype=float).reshape(3, 4, 5) / 7))

    def __getitem__(self, experiment: str):
        assert experiment == "independent"
        return self

    def data(self, name: str):
        grid = np.linspace(-1, 1, 5)
        return type("Data", (), {"X_line": grid[:, None] * [1, 0], "f_line": grid**2})

    def stacked(self, name: str, data: str, regularizer: str, strength: float):
        return pd.DataFrame({name: [self.lines[regularizer, strength]]})


SETTINGS = (("none", 0.0), ("l2", 0.1), ("l2", 1.0))


def test_the_study_offers_its_stored_fits_unchanged(monkeypatch):
    axis = type("Axis", (), {"settings": SETTINGS})
    curve = pd.DataFrame({"estimate": [0.3, 0.2, 0.1]})
    monkeypatch.setattr(bias_variance, "axis_at", lambda *_: axis)
    monkeypatch.setattr(bias_variance, "estimates", lambda *_: curve)
    finished = Finished()
    offered = bias_variance.slider(finished)
    assert [step["label"] for step in offered["steps"]] == ["off", "0.1", "1"]
    for step, lines in zip(offered["steps"], finished.lines.values()):
        assert np.allclose(step["lines"], lines, atol=5e-4)
        assert np.allclose(step["mean"], lines.mean(axis=0), atol=5e-4)
    assert offered["curves"]["variance"] == [0.3, 0.2, 0.1]
    assert len(offered["x"]) == len(offered["truth"]) == len(offered["steps"][0]["mean"]) == 5
