"""A report is the same whatever is set on the machine that renders it, and where it can be."""

from __future__ import annotations

import re
import stat
import tempfile
from pathlib import Path

import pypdf
import pytest

import wellposed_studies.rendering as rendering
from wellposed_studies import fonts
from wellposed_studies.rendering import surroundings
from wellposed_studies.reporting import plotting

PAGE = """---
title: "T"
toc: false
---

```{python}
#| label: fig-one
#| fig-cap: "One?"
#| fig-alt: "A line."
import matplotlib
from matplotlib.figure import Figure
matplotlib.rcParams["svg.hashsalt"] = "the same names inside"
figure = Figure()
figure.subplots().plot([0.5, 1.5], label="a_1 and $b$")
figure
```

```{python}
#| output: asis
from wellposed_studies.escaping import markdown
import sys
print("mine" in globals(), sys.flags.optimize, markdown("数 ≥ é"))
```
"""


@pytest.fixture
def page(project, tmp_path):
    """Render a page with a figure in a folder, and return its HTML."""
    project(one=PAGE)

    def render(folder: str) -> str:
        return rendering.render(
            ["one"], ["html"], "embedded", tmp_path / "results", tmp_path / folder
        )[0].read_text(encoding="utf-8")

    return render


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """The settings of a user who has set everything that can be set."""
    home = tmp_path / "home"
    startup = home / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("mine = 1\nprint('hello')\n")
    (home / "mine.py").write_text("mine = 1\nprint('hello')\n")
    templates = home / ".local" / "share" / "pandoc" / "templates"
    templates.mkdir(parents=True)
    (templates / "default.html5").write_text("mine: $body$")
    matplotlibrc = home / ".config" / "matplotlib" / "matplotlibrc"
    matplotlibrc.parent.mkdir(parents=True)
    matplotlibrc.write_text(
        "text.usetex: True\naxes.formatter.use_locale: True\nfigure.facecolor: black\n"
        "lines.linewidth: 9\nbackend: Qt5Agg\nsvg.fonttype: none\nfont.family: serif\n"
    )
    for name, value in {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "IPYTHONDIR": str(home / ".ipython"),
        "MATPLOTLIBRC": str(matplotlibrc),
        "MPLBACKEND": "no-such-backend",
        "PYTHONSTARTUP": str(home / "mine.py"),
        "PYTHONOPTIMIZE": "2",
        "PYTHONWARNINGS": "error",
        "PYTHONIOENCODING": "ascii",
        "JUPYTER_CONFIG_DIR": str(home / "nowhere"),
        "LC_ALL": "C",
        "LC_NUMERIC": "de_DE.UTF-8",
    }.items():
        monkeypatch.setenv(name, value)


def test_a_users_settings_change_nothing(page, hostile):
    with pytest.MonkeyPatch.context() as plain:
        for name in surroundings._DROPPED:
            plain.delenv(name, raising=False)
        plain.setenv("HOME", "/nonexistent")
        expected = page("expected")
    assert "False 0" in expected
    assert page("hostile") == expected


@pytest.mark.parametrize("short", [True, False])
def test_the_folder_for_temporary_files_may_have_a_long_name(page, tmp_path, monkeypatch, short):
    folder = tmp_path / ("long name é " + "x" * 90)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    if not short:  # nor is there another folder: then over this machine's own address
        monkeypatch.setattr(surroundings, "LONGEST_SOCKET", 0)
    with surroundings.sockets_folder(folder) as sockets:
        assert sockets != folder
        assert (sockets is None) != short
    assert "False 0" in page("out")
    assert not list(folder.iterdir()), "nothing is left behind"


def test_it_renders_in_a_folder_with_any_name(page, tmp_path, monkeypatch):
    here = tmp_path / "mes rapports é 数 'a' $b"
    here.mkdir()
    monkeypatch.chdir(here)
    assert "False 0" in page("out put 数")


def test_copies_of_a_read_only_installation_can_be_written_to(tmp_path):
    source = tmp_path / "reports"
    (source / "theme").mkdir(parents=True)
    for unwanted in ("_output", ".quarto"):
        (source / unwanted).mkdir()
    (source / "theme" / "a.css").write_text("a")
    (source / "theme" / "a.css").chmod(0o444)
    for folder in (source / "theme", source):
        folder.chmod(0o555)
    surroundings.copy_sources(source, tmp_path / "copy")
    found = sorted(
        p.relative_to(tmp_path / "copy").as_posix() for p in (tmp_path / "copy").rglob("*")
    )
    assert found == ["theme", "theme/a.css"]
    for path in [tmp_path / "copy", *(tmp_path / "copy").rglob("*")]:
        assert path.stat().st_mode & stat.S_IWUSR, path
    for folder in (source, source / "theme"):
        folder.chmod(0o755)


def test_the_theme_forgets_what_was_set_before():
    import matplotlib

    with matplotlib.rc_context({"text.usetex": True, "axes.formatter.use_locale": True}):
        plotting.apply_theme()
        assert not matplotlib.rcParams["text.usetex"]
        assert not matplotlib.rcParams["axes.formatter.use_locale"]


def test_what_no_font_has_is_named():
    found = fonts.fallback("a é ≥ \U0010fffd")
    assert found.missing == "\U0010fffd"
    assert "\U0010fffd of it" in next(fonts.warn_of(found.missing, "it"))
    assert not list(fonts.warn_of(fonts.fallback("Größe ≥ 5 Ж").missing, "it"))


def test_a_font_that_has_it_is_used(monkeypatch):
    """An installed font is taken for what the reports' own lacks, and found by matplotlib."""
    from matplotlib.font_manager import FontProperties, findfont

    have = {
        fonts.own_file(): set(map(ord, "ab")),
        "one.ttf": {ord("数")},
        "two.ttf": set(map(ord, "数据")),
    }
    monkeypatch.setattr(fonts, "_installed", lambda: [("One", "one.ttf"), ("Two", "two.ttf")])
    monkeypatch.setattr(fonts, "_characters", lambda file: frozenset(have[file]))
    fonts.fallback.cache_clear()
    try:
        found = fonts.fallback("a数据木")
        assert found == fonts.Fallback(("Two",), (fonts.own_file(), "two.ttf"), "木")
    finally:
        monkeypatch.undo()
        fonts.fallback.cache_clear()
    assert Path(findfont(FontProperties(family=fonts.FONT))).name == Path(fonts.own_file()).name


def test_a_page_links_only_to_reports_that_lie_beside_it(studies, project):
    results, _ = studies
    bare = '---\ntitle: "T"\ntoc: false\n---\n'
    call = "from wellposed_studies.reporting.neighbours import neighbours\nneighbours('one')"
    project(one=f"{bare}```{{python}}\n{call}\n```\n", index=bare)

    def page(name: str) -> str:
        written = rendering.render([name], ["html"], engine="embedded", results_dir=results)
        return written[0].read_text(encoding="utf-8")

    assert "index.html" not in page("one")
    assert "index.html" not in page("index")
    assert 'href="index.html">All reports</a>' in page("one")


def test_a_hostile_name_is_rendered_literally(project, tmp_path):
    name = '[l](javascript:x) $a_1$ @k *f* <img src=x> `c` {{< v >}} ::: {.w} a|b --- "q" #x'
    cell = (
        "```{python}\n#| label: tbl-a\n#| tbl-cap: Names\n"
        "from wellposed_studies.escaping import code, markdown\n"
        "from wellposed_studies.reporting.markdown import table\n"
        f"table([{{'name': markdown({name!r}), 'code': code({name!r})}}])\n```\n"
        f"```{{python}}\n#| output: asis\nprint('- **' + markdown({name!r}) + '**: text')\n```\n"
    )
    project(one='---\ntitle: "T"\ntoc: false\n---\n' + cell)
    html, pdf = rendering.render(["one"], engine="embedded", results_dir=tmp_path)
    text = re.sub(r"<[^>]+>", "", html.read_text(encoding="utf-8"))
    shown = name.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    assert text.replace('"', "&quot;").count(shown) == 3
    read = "".join(page.extract_text() for page in pypdf.PdfReader(pdf).pages)
    squeezed = re.sub(r"\s+", "", read)
    assert squeezed.count(re.sub(r"\s+", "", name)) == 3
