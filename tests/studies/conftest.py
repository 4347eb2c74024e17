"""What the tests of the studies share."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from wellposed_studies.loading.data import Selection
from wellposed_studies.rendering.document import Cell, read_document
from wellposed_studies.reporting import exhibit
from wellposed_studies.storing import layout
from wellposed_studies.storing.results import Results

TOY = Path(__file__).parent / "toy_study.py"
REPORTS = Path(__file__).parents[2] / "reports"


@pytest.fixture
def toy() -> str:
    """Path of the toy study."""
    return str(TOY)


@pytest.fixture
def quick(toy: str) -> Selection:
    """The toy study's quick profile."""
    return Selection(toy, "quick", 0)


@pytest.fixture
def contents() -> Callable[[Results], dict[str, bytes]]:
    """The bytes of all tables, arrays and verdicts of a run; not its timings and manifest."""

    def read(results: Results) -> dict[str, bytes]:
        files = [*results.folder.rglob("*/*.parquet"), results.folder / "verdicts.parquet"]
        return {str(f.relative_to(results.folder)): f.read_bytes() for f in files}

    return read


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start ``wellposed`` in a process of its own, in an empty folder."""

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "wellposed_studies", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Results, Callable[[str, Figure], None]], str]:
    """Run the cells of a study's report on results, without rendering it: what they show.

    The other argument is called with the name of each figure that is shown, and the figure.
    """

    def run(results: Results, look: Callable[[str, Figure], None]) -> str:
        def save(figure: Figure, path: Path, **options: object) -> None:
            if path.suffix == ".svg":
                figure.draw_without_rendering()
            if path.suffix == ".png":
                look(path.stem.removeprefix(f"{results.name}-"), figure)

        monkeypatch.setattr(exhibit, "save", save)
        monkeypatch.setenv(layout.VARIABLE, str(layout.root_of(results.folder)))
        monkeypatch.chdir(tmp_path)
        names: dict[str, object] = {}
        said: list[str] = []
        names["print"] = said.append
        for part in read_document(REPORTS / f"{results.name}.qmd").parts:
            if isinstance(part, Cell):
                body = ast.parse(part.source).body
                last = body.pop() if isinstance(body[-1], ast.Expr) else None
                exec(compile(ast.Module(body, []), "cell", "exec"), names)
                if last is not None:
                    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
                    said += [] if value is None else [value]
        return "\n".join(said)

    return run
