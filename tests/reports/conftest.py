"""A project of reports in a temporary folder: the real theme, whatever documents a test wants."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import wellposed_studies.rendering as rendering
from wellposed_studies import catalogue, discovery
from wellposed_studies.runner import run
from wellposed_studies.running.plan import Selection
from wellposed_studies.storing.results import Results

REPORTS = Path(__file__).parents[2] / "reports"
FIXTURE = Path(__file__).parent / "fixture"

HEAD = '---\ntitle: "T"\ntoc: false\n---\n'


def make_project(folder: Path, **documents: str) -> Path:
    """Copy the project without its documents, then write those given."""
    shutil.copytree(
        REPORTS,
        folder,
        ignore=shutil.ignore_patterns("_output", ".quarto", "*.qmd"),
        dirs_exist_ok=True,
    )
    for name, text in documents.items():
        (folder / f"{name}.qmd").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Make a project of documents in the current folder, an empty one, and let `render` find it."""
    monkeypatch.delenv("QUARTO_PATH", raising=False)
    monkeypatch.chdir(tmp_path)

    def make(**documents: str) -> Path:
        folder = make_project(tmp_path / "reports", **documents)
        monkeypatch.setattr(rendering, "reports_folder", lambda: folder)
        return folder

    return make


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Render a project of documents for tests that only read them; the folder they lie in."""

    def make(**documents: str) -> Path:
        folder = tmp_path_factory.mktemp("rendered")
        project = make_project(folder / "reports", **documents)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rendering, "reports_folder", lambda: project)
            rendering.render(
                documents, engine="embedded", output_dir=folder / "out", results_dir=folder
            )
        return folder / "out"

    return make


@pytest.fixture(scope="session")
def features(rendered: Callable[..., Path]) -> Path:
    """The folder with features.html, features.pdf and index.html."""
    return rendered(
        features=(FIXTURE / "features.qmd").read_text(encoding="utf-8"),
        index=HEAD + "## One\n\n[features](features.html)\n",
    )


STUDY = """
from wellposed_studies import Study
from wellposed_studies.claims import at_least, exact

study = Study(title="Small {name}", summary="Three numbers.")
about = {{"measured": "x", "oracle": "-"}}


@study.data("none", task="regression")
def none(rng, profile):
    return {{"a": 1.0}}


@study.experiment(x=[1, 2, 3])
def small(cell, x):
    return {{"y": float(x)}}


@study.claim("True_ish.", at_least(1), source="7.1; 7, introduction; Hoerl 1970", **about)
def yes(results):
    return exact(2.0)


@study.claim("False.", at_least(3), source="7.2", **about)
def no(results):
    return exact(2.0)


@study.claim("Broken.", at_least(0), source="7.3", **about)
def broken(results):
    return 1 / 0


@study.figure("What?", alt="A line.")
def line(results, ax):
    table = results["small"].table()
    ax.plot(table["x"], table["y"], label="what_y is")
"""


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Results]]:
    """Two studies, `one` run and `two` not, in place of the built-in ones, also in kernels."""
    folder = tmp_path / "studies"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text(STUDY.format(name=name))
    (tmp_path / "sitecustomize.py").write_text(
        f"import wellposed_studies.catalogue as catalogue\ncatalogue.__path__ = [{str(folder)!r}]\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(catalogue, "__path__", [str(folder)])
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results"
    yield results, run(Selection("one", "quick", 0), results)
    discovery._built_in.cache_clear()
    for name in ("one", "two"):
        sys.modules.pop(f"{catalogue.__name__}.{name}", None)
