"""The HTML in a real browser: nothing fetched, nothing broken, legible, narrow enough."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on PATH (Debian: apt-get install chromium)"
)

# Runs beside the page, which lies in a frame of the given width, and writes down what it finds.
PROBE = """
const frame = document.querySelector('iframe');
frame.addEventListener('load', () => {
  const page = frame.contentDocument, view = frame.contentWindow, found = {};
  const all = selector => [...page.querySelectorAll(selector)];
  found.resources = view.performance.getEntriesByType('resource').map(e => e.name);
  found.broken = all('img').filter(i => !i.naturalWidth).map(i => i.src.slice(0, 60));
  found.images = all('img').length;
  found.silent = all('img').filter(i => !(i.alt || '').trim()).length;
  found.dangling = all('a[href^="#"]').map(a => decodeURIComponent(a.hash.slice(1)))
    .filter(id => !page.getElementById(id));
  found.anchors = all('a[href^="#"]').length;
  const ids = all('[id]').map(e => e.id);
  found.twice = ids.filter((id, i) => ids.indexOf(id) !== i);
  found.headings = all('h1,h2,h3,h4,h5,h6').map(h => +h.tagName[1]);
  found.overflow = page.documentElement.scrollWidth - view.innerWidth;
  found.lang = page.documentElement.lang;
  found.title = page.title;
  found.headers = all('thead th').map(th => th.scope);
  found.first = all('a')[0].className + all('a')[0].getAttribute('href');
  found.main = all('main').length;
  found.paper = view.getComputedStyle(page.documentElement).backgroundColor;
  const luminance = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = view.getComputedStyle(e).backgroundColor;
      if (colour !== 'rgba(0, 0, 0, 0)') return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  found.contrast = Math.min(...all('body *').filter(
    e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).map(e => {
      const [a, b] = [view.getComputedStyle(e).color, background(e)].map(luminance);
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }));
  const report = document.createElement('pre');
  report.id = 'found';
  report.textContent = JSON.stringify(found);
  document.body.append(report);
});
frame.srcdoc = PAGE;
"""


def probe(page: Path, width: int, folder: Path, *options: str, script: str = PROBE) -> dict:
    """Open a page in a frame `width` pixels wide; return what the probe found and the console."""
    source = json.dumps(page.read_text(encoding="utf-8")).replace("</", "<\\/")
    harness = folder / f"{page.stem}-{width}.html"
    harness.write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><body><iframe style="width:{width}px;height:900px;'
        f'border:0"></iframe><script>{script.replace("PAGE", source)}</script></body>',
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            "--enable-logging=stderr",
            "--v=0",
            "--virtual-time-budget=10000",
            *options,
            "--dump-dom",
            harness.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    report = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert report, done.stderr[-2000:]
    found = json.loads(html.unescape(report[1]))
    found["console"] = re.findall(r"CONSOLE.*", done.stderr)
    return found


@pytest.fixture(scope="module", params=[360, 1280])
def found(request, features, tmp_path_factory):
    return probe(features / "features.html", request.param, tmp_path_factory.mktemp("browser"))


def test_nothing_is_fetched_and_nothing_complains(found):
    assert found["resources"] == []
    assert found["console"] == []


def test_every_image_is_drawn_and_described(found):
    assert found["images"] == 3
    assert found["broken"] == []
    assert found["silent"] == 0


def test_cross_references_land(found):
    assert found["anchors"] >= 20
    assert found["dangling"] == []
    assert found["twice"] == []


def test_accessible_structure(found):
    assert found["lang"] == "en"
    assert found["title"] == "Every feature of a report"
    assert found["main"] == 1
    assert found["first"] == "skip#content"
    assert found["headings"][0] == 1
    assert found["headings"].count(1) == 1
    steps = [b - a for a, b in zip(found["headings"], found["headings"][1:])]
    assert max(steps) == 1, "a heading level is skipped"
    assert set(found["headers"]) == {"col"}


def test_contrast(found):
    assert found["contrast"] >= 4.5


def test_contrast_in_the_dark(features, tmp_path):
    found = probe(
        features / "features.html", 1280, tmp_path, "--blink-settings=preferredColorScheme=0"
    )
    assert found["paper"] == "rgb(20, 25, 31)", "the probe is in the dark"
    assert found["contrast"] >= 4.5


def test_no_horizontal_scrolling(found):
    assert found["overflow"] <= 0


def test_panels_and_tables_stack_on_a_narrow_screen(features, tmp_path):
    page = tmp_path / "stacks.html"
    text = (features / "features.html").read_text(encoding="utf-8")
    page.write_text(text, encoding="utf-8")
    narrow, wide = (probe(page, width, tmp_path, script=script_of(STACKS)) for width in (390, 1280))
    assert narrow["cells"] == "flow-root"
    assert wide["cells"] == "table-cell"
    assert narrow["label"] == '"Claim"'
    assert wide["label"] == "none"


STACKS = """
  const cell = all('.stacks td')[1];
  found.cells = view.getComputedStyle(cell).display;
  found.label = view.getComputedStyle(cell, '::before').content;
"""


def script_of(body: str) -> str:
    """The probe with other questions."""
    opening, rest = PROBE.split("  found.resources", 1)
    return opening + body + "  const report" + rest.split("  const report", 1)[1]


def test_the_probe_sees_faults(tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<html><title>b</title><body style="color:#999"><a href="#no">x</a><img src="file:///no.png">'
        '<div style="width:900px">wide</div><script>throw Error("oops")</script></body></html>'
    )
    found = probe(bad, 360, tmp_path)
    assert found["dangling"] == ["no"]
    assert found["silent"] == 1
    assert found["broken"]
    assert found["overflow"] > 500
    assert found["contrast"] < 4.5
    assert any("oops" in line for line in found["console"])
