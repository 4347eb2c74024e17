"""A project of reports in a temporary folder: the real theme, whatever documents a test wants."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import wellposed_studies.rendering as rendering

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
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with features.html, features.pdf and other.html, rendered once."""
    folder = tmp_path_factory.mktemp("features")
    make_project(
        folder / "reports",
        features=(FIXTURE / "features.qmd").read_text(encoding="utf-8"),
        index=HEAD + "## One\n\n[features](features.html)\n",
    )
    patch = pytest.MonkeyPatch()
    patch.setattr(rendering, "reports_folder", lambda: folder / "reports")
    try:
        rendering.render(engine="embedded", output_dir=folder / "out", results_dir=folder)
    finally:
        patch.undo()
    return folder / "out"
