"""Which engine is chosen, and what Quarto is asked to do (a stand-in records it)."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
import yaml

import wellposed_studies.rendering as rendering
from wellposed_studies.rendering import RenderError, find_quarto, render

HEAD = '---\ntitle: "T"\n---\n'
FAKE = """#!{python}
import json, os, sys
from pathlib import Path
record = {{key: os.environ.get(key) for key in ("QUARTO_PYTHON", "WELLPOSED_RESULTS")}}
record |= {{"arguments": sys.argv[1:], "folder": os.getcwd(), "files": sorted(os.listdir())}}
with open({log!r}, "a") as handle:
    handle.write(json.dumps(record) + "\\n")
{body}
"""
WRITES = """
name = Path(sys.argv[2]).stem + (".html" if sys.argv[4] == "html" else ".pdf")
Path("_output").mkdir(exist_ok=True)
Path("_output", name).write_text("<html>from quarto</html>")
"""


@pytest.fixture
def fake(tmp_path):
    """Make a stand-in for quarto; returns its path and a reader of its record."""
    log = tmp_path / "log.jsonl"

    def make(body: str = WRITES, folder: str = "bin") -> Path:
        path = tmp_path / folder / "quarto"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FAKE.format(python=sys.executable, log=str(log), body=body))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    make.calls = lambda: [json.loads(line) for line in log.read_text().splitlines()]
    return make


def test_quarto_path_wins_over_path(fake, monkeypatch):
    first, second = fake(folder="one"), fake(folder="two")
    monkeypatch.setenv("PATH", str(second.parent))
    monkeypatch.setenv("QUARTO_PATH", str(first))
    assert find_quarto() == first
    monkeypatch.delenv("QUARTO_PATH")
    assert find_quarto() == second


@pytest.mark.parametrize("where", ["folder", "folder/bin"])
def test_quarto_path_may_be_a_folder(where, fake, monkeypatch, tmp_path):
    program = fake(folder=where)
    monkeypatch.setenv("QUARTO_PATH", str(tmp_path / "folder"))
    assert find_quarto() == program


def test_a_wrong_quarto_path_is_an_error(monkeypatch):
    monkeypatch.setenv("QUARTO_PATH", "/nowhere/quarto")
    with pytest.raises(RenderError, match="QUARTO_PATH"):
        find_quarto()


def test_quarto_beside_this_python_is_found(fake, monkeypatch, tmp_path):
    program = fake(folder="scripts")
    monkeypatch.delenv("QUARTO_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(program.parent))
    assert find_quarto() == program


def test_what_quarto_is_asked(fake, project, monkeypatch, tmp_path):
    folder = project(doc=HEAD, other=HEAD)
    monkeypatch.setenv("QUARTO_PATH", str(fake()))
    told = []
    written = render(
        ["doc"], results_dir=tmp_path / "results", starting=lambda *about: told.append(about)
    )
    assert told == [("doc", 1, 1)]
    assert written == [folder / "_output" / "doc.html", folder / "_output" / "doc.pdf"]
    assert all(path.read_text() == "<html>from quarto</html>" for path in written)
    calls = fake.calls()
    assert [call["arguments"] for call in calls] == [
        ["render", "doc.qmd", "--to", "html"],
        ["render", "doc.qmd", "--to", "typst"],
    ]
    for call in calls:
        assert call["QUARTO_PYTHON"] == sys.executable
        assert call["WELLPOSED_RESULTS"] == str(tmp_path / "results")
        assert {"_quarto.yml", "doc.qmd", "references.bib", "theme"} <= set(call["files"])
        assert Path(call["folder"]) != folder, "the sources' folder is not written to"
        assert not Path(call["folder"]).exists(), "the scratch copy is removed"


def test_reports_of_other_results_lie_beside_them(fake, project, monkeypatch, tmp_path):
    project(doc=HEAD)
    monkeypatch.setenv("QUARTO_PATH", str(fake()))
    elsewhere = tmp_path / "others"
    assert render(["doc"], ["html"], results_dir=elsewhere) == [elsewhere / "reports" / "doc.html"]


def test_auto_falls_back_to_the_embedded_engine(project, monkeypatch):
    project(doc=HEAD + "text\n")
    monkeypatch.setattr(rendering, "find_quarto", lambda: None)
    (page,) = render(["doc"], ["html"])
    assert "embedded engine" in page.read_text()


def test_embedded_is_used_even_where_quarto_is(fake, project, monkeypatch):
    project(doc=HEAD + "text\n")
    monkeypatch.setenv("QUARTO_PATH", str(fake()))
    (page,) = render(["doc"], ["html"], engine="embedded")
    assert "embedded engine" in page.read_text()


def test_quarto_asked_for_but_absent(project, monkeypatch):
    project(doc=HEAD)
    monkeypatch.setattr(rendering, "find_quarto", lambda: None)
    with pytest.raises(RenderError, match="pip install"):
        render(["doc"], engine="quarto")


def test_neither_engine(project, monkeypatch):
    project(doc=HEAD)
    monkeypatch.setattr(rendering, "find_quarto", lambda: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "typst" else name)
    with pytest.raises(RenderError, match=r"typst.*wellposed\[reports\]"):
        render(["doc"])


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("print('ERROR: no jupyter'); sys.exit(1)", "no jupyter"),
        ("print('all fine')", "no file"),
        (WRITES + "Path('_output', name).write_text('<img src=\"https://x.org/a.png\">')", "fetch"),
    ],
)
def test_a_failing_quarto_writes_nothing(body, why, fake, project, monkeypatch):
    folder = project(doc=HEAD)
    monkeypatch.setenv("QUARTO_PATH", str(fake(body)))
    with pytest.raises(RenderError, match=why):
        render(["doc"])
    assert not (folder / "_output").exists()


def test_unknown_names_formats_engines(project):
    project(**{"bias-variance": HEAD})
    with pytest.raises(RenderError, match="Did you mean 'bias-variance'"):
        render(["bias-varience"])
    with pytest.raises(RenderError, match="docx"):
        render(["bias-variance"], ["docx"])
    with pytest.raises(RenderError, match="latex"):
        render(["bias-variance"], engine="latex")


def test_both_engines_read_one_project_file():
    """What the embedded engine takes from _quarto.yml exists, and Quarto is told the same."""
    folder = rendering.reports_folder()
    config = yaml.safe_load((folder / "_quarto.yml").read_text())
    html, typst = config["format"]["html"], config["format"]["typst"]
    paths = [html["css"], html["include-before-body"], html["include-after-body"]]
    paths += [*typst["template-partials"], config["bibliography"], config["filters"][0]["path"]]
    assert [path for path in paths if not (folder / path).is_file()] == []
    assert html["embed-resources"] is True
    assert html["html-math-method"] == "mathml"
    assert config["project"]["output-dir"] == "_output"
    assert config["project"]["execute-dir"] == "project"


def test_sources_missing_says_where_they_were_looked_for(monkeypatch, tmp_path):
    from wellposed_studies.rendering import sources

    monkeypatch.setattr(sources, "_PACKAGE", tmp_path / "studies" / "wellposed_studies")
    with pytest.raises(RenderError, match="Reinstall wellposed"):
        sources.reports_folder()
    installed = tmp_path / "studies" / "wellposed_studies" / "_reports"
    installed.mkdir(parents=True)
    (installed / "_quarto.yml").touch()
    assert sources.reports_folder() == installed


def test_an_installed_package_writes_below_the_results(project, monkeypatch, tmp_path):
    folder = project(doc=HEAD + "text\n")
    installed = folder.rename(folder.with_name("_reports"))
    monkeypatch.setattr(rendering, "reports_folder", lambda: installed)
    monkeypatch.chdir(tmp_path)
    (page,) = render(["doc"], ["html"], engine="embedded")
    assert page.resolve() == tmp_path / "results" / "reports" / "doc.html"


def test_a_folder_that_cannot_be_written(project, tmp_path):
    project(doc=HEAD + "text\n")
    (tmp_path / "file").touch()
    with pytest.raises(RenderError, match="file"):
        render(["doc"], ["html"], engine="embedded", output_dir=tmp_path / "file" / "below")


@pytest.mark.parametrize("version", ["{1, 6, 42}", "pandoc.types.Version '1.6.42'"])
def test_under_quarto_the_footer_names_quarto(version, tmp_path):
    """The last filter, given the `quarto` table that Quarto defines, in either of its forms."""
    import subprocess

    import pypandoc

    theme = rendering.reports_folder() / "theme" / "theme.lua"
    stub = tmp_path / "stub.lua"
    stub.write_text(f"quarto = {{version = {version}}}\nreturn dofile({str(theme)!r})\n")
    for writer, start in (("html", '<p class="colophon">'), ("typst", "#colophon[")):
        command = [pypandoc.get_pandoc_path(), "--from=markdown", f"--to={writer}"]
        done = subprocess.run(
            [*command, f"--lua-filter={stub}"],
            input="| a |\n|---|\n| [b](c.html) |\n",
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"{start}Rendered by Quarto 1.6.42 with Pandoc" in done.stdout
        assert ('scope="col"' in done.stdout) == (writer == "html")
        assert ("c.pdf" in done.stdout) == (writer == "typst")


def themed(text: str, stub: Path, *options: str) -> str:
    """HTML of a text after the theme's last filter, run as Quarto runs it."""
    import subprocess

    import pypandoc

    theme = rendering.reports_folder() / "theme" / "theme.lua"
    stub.write_text(f"quarto = {{version = {{1, 7, 0}}}}\nreturn dofile({str(theme)!r})\n")
    command = [pypandoc.get_pandoc_path(), "--to=html", "--wrap=none", f"--lua-filter={stub}"]
    command += options
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def test_what_quarto_numbers_looks_as_the_embedded_engine_s(tmp_path):
    """Quarto writes numbers into captions as text, and those of equations into the formula."""
    stub = tmp_path / "stub.lua"
    caption = '[{"t":"Str","c":"Figure\u00a01:"},{"t":"Space"},{"t":"Str","c":"Why?"}]'
    blocks = f'[{{"t":"Plain","c":{caption}}}]'
    document = f'{{"pandoc-api-version":[1,23,1],"meta":{{}},"blocks":{blocks}}}'
    page = themed(document, stub, "--from=json")
    assert '<span class="label">Figure\u00a01:</span> Why?' in page.replace("&nbsp;", "\u00a0")
    other = themed(document.replace("Figure\u00a01:", "Figures"), stub, "--from=json")
    assert "label" not in other
    equation = themed("[$$x = 1 \\qquad(3)$$]{#eq-a}", stub, "--mathml")
    assert '<span id="eq-a" class="equation">' in equation
    assert '<span class="equation-number">(3)</span>' in equation
    assert "qquad" not in equation
    plain = themed("[$$x = 1$$]{#eq-a}", stub, "--mathml")
    assert "equation-number" not in plain


def test_quarto_finds_what_it_would_leave_behind_ignored_already(tmp_path):
    """`quarto render` writes these lines into a .gitignore, unless they are there."""
    lines = (rendering.reports_folder() / ".gitignore").read_text().splitlines()
    assert {"/.quarto/", "**/*.quarto_ipynb"} <= set(lines)


def test_callouts_of_quarto_have_the_theme_s_look(tmp_path):
    import typst

    source = tmp_path / "a.typ"
    template = (rendering.reports_folder() / "theme" / "typst-template.typ").read_text()
    call = (
        '#callout(body: [Text.], title: [Note], background_color: rgb("#dae6fb"), '
        'icon_color: rgb("#0758E5"), icon: none, body_background_color: white)'
    )
    source.write_text(template + call)
    page = typst.compile(source, format="svg").decode()
    assert "#dae6fb" not in page
    assert "#17506f" in page
